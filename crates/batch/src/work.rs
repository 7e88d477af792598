use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use adproof_feeds::{Limits, TrafficRow, TrafficSink};
use adproof_model::Reject;
use adproof_signal::{Device, Gather, Grain, Row, Sorted};

use crate::report::{RejectTo, Report};
use crate::runs::{Traffic, spill};
use crate::source::Source;
use crate::{BatchError, Log};

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
pub fn read(
    paths: &[PathBuf],
    grain: &Grain,
    options: &Options,
    progress: &Arc<Progress>,
    rejects: RejectTo<'_>,
) -> Result<Traffic, BatchError> {
    let shared = Shared {
        source: Mutex::new(Source::new(paths, options, progress)),
        report: Mutex::new(Report::new(paths, options.limits.rejects, rejects)),
        options,
        progress,
    };
    let parts: Vec<Result<Part, BatchError>> = thread::scope(|scope| {
        let worker = |_| scope.spawn(|| shared.work(grain));
        let workers: Vec<_> = (0..options.threads.max(1)).map(worker).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or(Err(BatchError::Thread))
        };
        workers.into_iter().map(join).collect()
    });
    let mut traffic = Traffic::default();
    for part in parts {
        let part = part?;
        traffic.sorted.push(part.sorted);
        traffic.spilled.extend(part.spilled);
    }
    let digests = shared.source.into_inner().map_err(|_| BatchError::Thread)?.digests;
    let logs = shared.report.into_inner().map_err(|_| BatchError::Thread)?.logs;
    let digests = digests.into_iter().chain(std::iter::repeat(None));
    traffic.logs =
        logs.into_iter().zip(digests).map(|(log, sha256)| Log { sha256, ..log }).collect();
    Ok(traffic)
}

struct Part {
    sorted: Sorted,
    spilled: Vec<std::fs::File>,
}

struct Shared<'a> {
    source: Mutex<Source<'a>>,
    report: Mutex<Report<'a>>,
    options: &'a Options,
    progress: &'a Progress,
}

impl Shared<'_> {
    fn work(&self, grain: &Grain) -> Result<Part, BatchError> {
        let mut sink = Sink { gather: Gather::new(grain.clone()), rejects: Vec::new() };
        let (mut buffer, mut spilled) = (Vec::new(), Vec::new());
        let own_memory = self.options.memory_bytes / self.options.threads.max(1);
        loop {
            let block = self.source.lock().map_err(|_| BatchError::Thread)?.next(&mut buffer)?;
            let Some(block) = block else { break };
            let counts = block.form.read(&buffer, &mut sink);
            self.progress.rows.fetch_add(counts.rows, Ordering::Relaxed);
            let rejects = std::mem::take(&mut sink.rejects);
            let mut report = self.report.lock().map_err(|_| BatchError::Thread)?;
            report.add(block, counts, rejects);
            drop(report);
            if sink.gather.bytes() > own_memory {
                let folder = &self.options.spill;
                let file = spill(&sink.gather.sorted(), folder)
                    .map_err(|source| BatchError::Spill { path: folder.clone(), source })?;
                spilled.push(file);
            }
        }
        Ok(Part { sorted: sink.gather.sorted(), spilled })
    }
}

struct Sink {
    gather: Gather,
    rejects: Vec<Reject>,
}

impl TrafficSink for Sink {
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
}
