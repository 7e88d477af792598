use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

#[cfg(feature = "parquet")]
use adproof_feeds::Counts;
use adproof_feeds::{Limits, TrafficRow, TrafficSink};
use adproof_model::Reject;
use adproof_signal::{self as signal, Device, Gather, Grain, Row};

use crate::kept::Kept;
#[cfg(feature = "parquet")]
use crate::parquet::Table;
use crate::report::{RejectTo, Report};
use crate::runs::{Traffic, spill, spill_merged};
use crate::source::{Rows, Source, Task};
use crate::{BatchError, Log, Piece, Span};

/// How logs are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that read.
    pub threads: usize,
    /// Bytes of a block. It should fit into a core's cache with what is read from it.
    pub block_bytes: usize,
    /// Bytes of memory that all tables may take together. What goes beyond waits on disk.
    pub memory_bytes: usize,
    /// The folder for what does not fit.
    pub spill: PathBuf,
    /// The folder in which logs that were read are kept, so that a later run takes them from
    /// there; none to keep nothing.
    pub resume: Option<PathBuf>,
    /// Whether the digest of each log is computed.
    pub digest: bool,
    /// Bounds of the reader.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: thread::available_parallelism().map_or(1, usize::from),
            block_bytes: 1 << 18,
            memory_bytes: 2 << 30,
            spill: std::env::temp_dir(),
            resume: None,
            digest: true,
            limits: Limits::default(),
        }
    }
}

/// How far a run is; it may be looked at from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) bytes: AtomicU64,
    rows: AtomicU64,
}

impl Progress {
    /// Bytes that were read, as they lie on disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Rows that were taken.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }
}

/// Reads logs of traffic. `-` is standard input.
///
/// With [`Options::resume`], each log is kept once it was read to its end, and one that is there
/// from an earlier run is not read again: the bytes of the tally, what is known of the log and the
/// rows that were not taken are the same. A log is known by its size, its time and its ends;
/// standard input is never kept.
pub fn read(
    paths: &[PathBuf],
    grain: &Grain,
    options: &Options,
    progress: &Arc<Progress>,
    rejects: RejectTo<'_>,
) -> Result<Traffic, BatchError> {
    match &options.resume {
        None => read_all(paths, grain, options, progress, rejects),
        Some(folder) => resume(folder, paths, grain, options, progress, rejects),
    }
}

/// Runs that wait to be merged at once; more are merged into one before.
const RUNS: usize = 48;

fn resume(
    folder: &Path,
    paths: &[PathBuf],
    grain: &Grain,
    options: &Options,
    progress: &Arc<Progress>,
    rejects: RejectTo<'_>,
) -> Result<Traffic, BatchError> {
    let kept = Kept::open(folder, grain, &options.limits)?;
    let mut all = Traffic::default();
    for path in paths {
        let one = std::slice::from_ref(path);
        if path == Path::new("-") {
            let mut traffic = read_all(one, grain, options, progress, rejects)?;
            all.logs.append(&mut traffic.logs);
            all.gathered.append(&mut traffic.gathered);
            all.spilled.append(&mut traffic.spilled);
            continue;
        }
        let known = kept.know(path, options.digest)?;
        if let Some(found) = kept.find(&known) {
            let rejected = found
                .retell(path, options.limits.rejects, rejects)
                .map_err(|source| BatchError::Resume { path: folder.into(), source })?;
            progress.bytes.fetch_add(known.bytes(), Ordering::Relaxed);
            progress.rows.fetch_add(found.counts.rows, Ordering::Relaxed);
            let (counts, sha256) = (found.counts, found.sha256);
            all.logs.push(Log { path: path.clone(), sha256, counts, rejected });
            all.spilled.push(found.run);
            all.resumed += 1;
        } else {
            let mut out = kept.rejects(&known)?;
            let mut tell = |path: &Path, reject: &Reject| {
                out.add(reject);
                rejects(path, reject);
            };
            let mut traffic = read_all(one, grain, options, progress, &mut tell)?;
            if let Some(log) = traffic.logs.pop() {
                all.spilled.push(kept.keep(path, &known, &mut traffic, &log, out)?);
                all.logs.push(log);
            }
        }
        if all.spilled.len() >= RUNS {
            let merged = spill_merged(&mut all, &options.spill)
                .map_err(|source| BatchError::Spill { path: options.spill.clone(), source })?;
            all.spilled.push(merged);
        }
    }
    Ok(all)
}

fn read_all(
    paths: &[PathBuf],
    grain: &Grain,
    options: &Options,
    progress: &Arc<Progress>,
    rejects: RejectTo<'_>,
) -> Result<Traffic, BatchError> {
    read_part(paths, None, grain, options, progress, rejects).map(|(traffic, _)| traffic)
}

/// Reads logs, or a piece of a single one.
pub(crate) fn read_part(
    paths: &[PathBuf],
    piece: Option<&Piece>,
    grain: &Grain,
    options: &Options,
    progress: &Arc<Progress>,
    rejects: RejectTo<'_>,
) -> Result<(Traffic, Span), BatchError> {
    let shared = Shared {
        source: Mutex::new(Source::new(paths, piece, options, progress)),
        report: Mutex::new(Report::new(paths, options.limits.rejects, rejects)),
        table: signal::Table::new(grain.clone()),
        spilled: Mutex::default(),
        options,
        progress,
    };
    let parts: Vec<Result<bool, BatchError>> = thread::scope(|scope| {
        let worker = |_| scope.spawn(|| shared.work());
        let workers: Vec<_> = (0..options.threads.max(1)).map(worker).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or(Err(BatchError::Thread))
        };
        workers.into_iter().map(join).collect()
    });
    let mut torn = false;
    for part in parts {
        torn |= part?;
    }
    let mut traffic = Traffic::default();
    traffic.gathered.push(shared.table.take());
    traffic.spilled = shared.spilled.into_inner().map_err(|_| BatchError::Thread)?;
    let source = shared.source.into_inner().map_err(|_| BatchError::Thread)?;
    let (digests, span) = (source.digests, source.span);
    let logs = shared.report.into_inner().map_err(|_| BatchError::Thread)?.logs;
    traffic.logs =
        logs.into_iter().zip(digests).map(|(log, sha256)| Log { sha256, ..log }).collect();
    Ok((traffic, Span { exact: span.exact && !torn, ..span }))
}

struct Shared<'a> {
    source: Mutex<Source<'a>>,
    report: Mutex<Report<'a>>,
    table: signal::Table,
    spilled: Mutex<Vec<File>>,
    options: &'a Options,
    progress: &'a Progress,
}

impl Shared<'_> {
    /// Reads what there is. Returns whether what was read depends on where a block ended.
    fn work(&self) -> Result<bool, BatchError> {
        let gather = self.table.gather();
        let mut sink = Sink { gather, rejects: Vec::new(), torn: false };
        let mut buffer = Vec::new();
        loop {
            let task = self.source.lock().map_err(|_| BatchError::Thread)?.next(&mut buffer)?;
            let block = match task {
                None => break,
                Some(Task::Read(block)) => block,
                #[cfg(feature = "parquet")]
                Some(Task::Hash(log, table)) => {
                    self.hash(log, &table)?;
                    continue;
                }
            };
            let counts = match &block.rows {
                Rows::Text(form) => {
                    let counts = form.read(&buffer, &mut sink);
                    self.progress.rows.fetch_add(counts.rows, Ordering::Relaxed);
                    self.relieve(&mut sink)?;
                    counts
                }
                #[cfg(feature = "parquet")]
                Rows::Group(table, group) => {
                    let mut counts = Counts::default();
                    let add = |sink: &mut Sink<'_>, row: &Row| sink.gather.add(row);
                    table.read(*group, &mut sink, add, |sink, taken, rows| {
                        counts.rows += taken;
                        counts.lines += rows;
                        self.progress.rows.fetch_add(taken, Ordering::Relaxed);
                        self.relieve(sink)
                    })?;
                    counts.rejected = counts.lines - counts.rows;
                    counts
                }
            };
            let rejects = std::mem::take(&mut sink.rejects);
            let mut report = self.report.lock().map_err(|_| BatchError::Thread)?;
            report.add(block, counts, rejects);
        }
        Ok(sink.torn)
    }

    /// Writes the table to disk when it has as much of the memory as it may have.
    fn relieve(&self, sink: &mut Sink<'_>) -> Result<(), BatchError> {
        // The others go on while one thread writes, so that there may be as much once more.
        let tables = self.options.threads.clamp(1, 2);
        let bound = self.options.memory_bytes / tables;
        if sink.gather.bytes() <= bound {
            return Ok(());
        }
        let mut spilled = self.spilled.lock().map_err(|_| BatchError::Thread)?;
        // Another thread may have done it while this one waited.
        if sink.gather.bytes() > bound {
            sink.gather.flush();
            let folder = &self.options.spill;
            let file = spill(&self.table.take(), folder)
                .map_err(|source| BatchError::Spill { path: folder.clone(), source })?;
            spilled.push(file);
        }
        Ok(())
    }

    #[cfg(feature = "parquet")]
    fn hash(&self, log: usize, table: &Table) -> Result<(), BatchError> {
        let digest = table.digest()?;
        let mut source = self.source.lock().map_err(|_| BatchError::Thread)?;
        if let Some(slot) = source.digests.get_mut(log) {
            *slot = Some(digest);
        }
        Ok(())
    }
}

struct Sink<'t> {
    gather: Gather<'t>,
    rejects: Vec<Reject>,
    torn: bool,
}

impl TrafficSink for Sink<'_> {
    #[inline]
    fn row(&mut self, row: TrafficRow<'_>) {
        self.gather.add(&Row {
            address: row.address,
            device: Device::of(row.device),
            day: row.day,
            asn: row.asn.unwrap_or(0),
            impressions: row.impressions,
            flagged: row.flagged,
            // A tally has one sum a block: revenue of several currencies must not meet in it.
            revenue_micros: if row.currency.is_none() { row.revenue_micros } else { 0 },
        });
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }

    fn torn(&mut self) {
        self.torn = true;
    }
}
