//! Logs of traffic: read on all cores, with progress, in the memory that was named.

use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use adproof_batch::{BatchError, Log, Options, Progress, Traffic};
use adproof_model::Reject;
use adproof_signal::Grain;
use adproof_wire::score::{LogV1, Prepared, RejectV1};
use clap::Args;
use indicatif::HumanCount;

use crate::out::{Failure, Out};
use crate::text;

/// How logs of traffic are read.
#[derive(Debug, Args)]
pub(crate) struct TrafficArgs {
    /// Memory for the tables of a traffic log; what goes beyond waits in --spill.
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = text::size)]
    memory: u64,

    /// The folder for what does not fit into memory, instead of the system's temporary one.
    #[arg(long, value_name = "FOLDER")]
    spill: Option<PathBuf>,

    /// Keeps each traffic log in this folder once it was read, and takes from there what an earlier
    /// run read, also one that was killed. A log is known by its size, time and ends; an object in a
    /// bucket by its name, size and ETag.
    #[arg(long, value_name = "FOLDER", conflicts_with = "cluster")]
    resume: Option<PathBuf>,

    /// Threads that read, instead of one a core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Writes every row of a traffic log that was not taken to a CSV file: path, line (in Parquet:
    /// row), column, value, reason.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Fails when more than this share of the rows of a traffic log is not taken, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = share_ppm)]
    max_reject_ratio: u32,

    /// Lets the workers of a cluster read logs of traffic: df://HOST:PORT of its coordinator. They
    /// open a log under the same path, and each reads some of the pieces that it is cut into, with
    /// --memory for the table of one.
    #[arg(long, value_name = "URL", conflicts_with_all = ["threads", "spill"])]
    cluster: Option<String>,

    /// The size of a piece of a log on a cluster, instead of 64MiB or, if that is more, what makes
    /// 256 pieces of all logs. Packed logs are not cut.
    #[arg(long, value_name = "SIZE", requires = "cluster", value_parser = piece)]
    piece: Option<NonZeroU64>,
}

fn piece(text: &str) -> Result<NonZeroU64, String> {
    NonZeroU64::new(text::bytes(text)?).ok_or_else(|| "a piece has at least one byte".to_owned())
}

/// A share from 0 to 1 in parts per million.
fn share_ppm(text: &str) -> Result<u32, String> {
    let wrong = || "a share is a number from 0 to 1, such as 0.01".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let fraction = format!("{fraction:0<6}");
    let digits = fraction.get(..6).filter(|_| fraction.len() == 6).ok_or_else(wrong)?;
    let ppm: u32 = format!("{whole}{digits}").parse().map_err(|_| wrong())?;
    (ppm <= 1_000_000).then_some(ppm).ok_or_else(wrong)
}

/// Adds logs of traffic to what was read of the feeds.
pub(super) fn add(
    paths: &[PathBuf],
    args: &TrafficArgs,
    prepared: &mut Prepared,
    out: &Out,
) -> anyhow::Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    if let Some(url) = &args.cluster {
        return clustered(url, paths, args, prepared, out);
    }
    let mut options = Options {
        memory_bytes: usize::try_from(args.memory).unwrap_or(usize::MAX),
        ..Options::default()
    };
    options.spill = args.spill.clone().unwrap_or(options.spill);
    options.resume.clone_from(&args.resume);
    options.threads = args.threads.map_or(options.threads, usize::from);
    let mut file = args.rejects.as_deref().map(RejectFile::create).transpose()?;
    let mut traffic = watched(paths, out, |progress| {
        let mut tell = |path: &Path, reject: &Reject| {
            if let Some(file) = &mut file {
                file.write(path, reject);
            }
        };
        let grain = Grain::Network(prepared.tally.listed());
        adproof_batch::read(paths, &grain, &options, progress, &mut tell)
    })?;
    if let Some(file) = file {
        file.finish()?;
    }
    for log in &traffic.logs {
        judge(log, args)?;
    }
    traffic.expose(&mut prepared.tally).map_err(|error| explain(&error))?;
    if traffic.resumed() > 0 {
        out.note(format_args!(
            "{} of {} traffic logs were read by an earlier run",
            traffic.resumed(),
            traffic.logs.len()
        ));
    }
    note(&traffic.logs, out);
    prepared.logs.extend(traffic.logs.iter().map(document));
    Ok(())
}

#[cfg(not(feature = "cluster"))]
fn clustered(
    _: &str,
    _: &[PathBuf],
    _: &TrafficArgs,
    _: &mut Prepared,
    _: &Out,
) -> anyhow::Result<()> {
    Err(crate::engine::without_cluster("`--cluster`").into())
}

/// The same on the workers of a cluster.
#[cfg(feature = "cluster")]
fn clustered(
    url: &str,
    paths: &[PathBuf],
    args: &TrafficArgs,
    prepared: &mut Prepared,
    out: &Out,
) -> anyhow::Result<()> {
    use adproof_engine::cluster::{self, TrafficOptions};
    use adproof_engine::{EngineOptions, Limits as EngineLimits};
    use adproof_signal::Tally;

    use crate::engine;

    let coordinator = engine::coordinator(url, "--cluster")?;
    let mut file = args.rejects.as_deref().map(RejectFile::create).transpose()?;
    let how = TrafficOptions {
        memory_bytes: usize::try_from(args.memory).unwrap_or(usize::MAX),
        piece_bytes: args.piece,
        all_rejects: file.is_some(),
    };
    let options = EngineOptions {
        partitions: engine::CLUSTER_PARTITIONS,
        // It takes as long as it takes, as it does here.
        limits: EngineLimits { time_ms: u64::from(u32::MAX), ..EngineLimits::default() },
    };
    let traffic = cluster::traffic(&coordinator, paths, &prepared.tally, &how, &options)
        .map_err(engine::explain)?;
    if let Some(mut file) = file.take() {
        for (log, reject) in &traffic.rejects {
            file.write(paths.get(*log).map_or(Path::new(""), |path| path), reject);
        }
        file.finish()?;
    }
    for log in &traffic.logs {
        judge(log, args)?;
    }
    let tally = std::mem::replace(&mut prepared.tally, Tally::empty());
    prepared.tally = tally.merge(traffic.tally);
    note(&traffic.logs, out);
    prepared.logs.extend(traffic.logs.iter().map(document));
    Ok(())
}

/// Shows how far the work is until it is done.
fn watched(
    paths: &[PathBuf],
    out: &Out,
    work: impl FnOnce(&Arc<Progress>) -> Result<Traffic, BatchError>,
) -> anyhow::Result<Traffic> {
    let bar = out.bytes_bar();
    if !bar.is_hidden() {
        bar.set_length(paths.iter().filter_map(|path| adproof_batch::bytes(path)).sum());
    }
    let (progress, done) = (Arc::<Progress>::default(), AtomicBool::new(false));
    let traffic = thread::scope(|scope| {
        if !bar.is_hidden() {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    bar.set_position(progress.bytes());
                    bar.set_message(format!("{} rows", HumanCount(progress.rows())));
                    thread::sleep(Duration::from_millis(100));
                }
            });
        }
        let traffic = work(&progress);
        done.store(true, Ordering::Relaxed);
        traffic
    });
    bar.finish_and_clear();
    traffic.map_err(|error| explain(&error).into())
}

fn judge(log: &Log, args: &TrafficArgs) -> anyhow::Result<()> {
    let counts = log.counts;
    let all = counts.rows.saturating_add(counts.rejected);
    let over = u128::from(counts.rejected) * 1_000_000
        > u128::from(args.max_reject_ratio) * u128::from(all);
    if !over {
        return Ok(());
    }
    let first = log.rejected.first().map_or_else(String::new, |reject| {
        format!(
            ", the first in line {}: {} \"{}\": {}",
            reject.row,
            text::safe(&reject.column),
            text::safe(&reject.value),
            reject.reason
        )
    });
    let what = format!("{} of {all} rows were not taken{first}", counts.rejected);
    Err(Failure::new(what)
        .at(log.path.display())
        .todo("look at them with --rejects FILE, or allow more with --max-reject-ratio")
        .into())
}

fn note(logs: &[Log], out: &Out) {
    for log in logs {
        if log.counts.rejected > 0 {
            out.note(format_args!(
                "{}: {} of {} rows were not taken; --rejects FILE writes them down",
                text::safe(&log.path.to_string_lossy()),
                log.counts.rejected,
                log.counts.rows + log.counts.rejected
            ));
        }
    }
}

fn document(log: &Log) -> LogV1 {
    LogV1 {
        path: log.path.display().to_string(),
        sha256: log.sha256.map_or_else(String::new, |digest| digest.to_string()),
        events: log.counts.rows,
        rejected: log.rejected.iter().map(RejectV1::from).collect(),
        rejected_total: log.counts.rejected,
    }
}

/// The rows that were not taken, as CSV.
struct RejectFile {
    path: PathBuf,
    writer: csv::Writer<BufWriter<File>>,
    error: Option<csv::Error>,
}

impl RejectFile {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let unwritable = |error: &dyn std::fmt::Display| {
            Failure::new(format!("the file cannot be written: {error}"))
                .at(path.display())
                .todo("name a file in a folder that is there and writable")
        };
        let file = File::create(path).map_err(|error| unwritable(&error))?;
        let mut writer = csv::Writer::from_writer(BufWriter::new(file));
        writer
            .write_record(["path", "line", "column", "value", "reason"])
            .map_err(|error| unwritable(&error))?;
        Ok(Self { path: path.into(), writer, error: None })
    }

    fn write(&mut self, path: &Path, reject: &Reject) {
        let line = reject.row.to_string();
        let path = path.to_string_lossy();
        let cells = [&*path, &*line, &*reject.column, &*reject.value, &*reject.reason];
        if self.error.is_none() {
            self.error = self.writer.write_record(cells).err();
        }
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let flushed = self.writer.flush().map_err(csv::Error::from);
        let written = self.error.map_or(flushed, Err);
        written.map_err(|error| {
            Failure::new(format!("the rejected rows cannot be written: {error}"))
                .at(self.path.display())
                .todo("make room on the disk")
                .into()
        })
    }
}

/// A driver's error for people.
pub(super) fn explain(error: &BatchError) -> Failure {
    #[cfg(feature = "s3")]
    if let BatchError::Unreadable { path, source } = error
        && let Some(error) = source.get_ref().and_then(|inner| inner.downcast_ref())
    {
        return crate::bucket::explain(path, error);
    }
    let failure = Failure::new(error.to_string());
    match error {
        BatchError::Unreadable { .. } => {
            failure.todo("check the path, its permissions, and that an archive is whole")
        }
        BatchError::NoLog { fault, .. } => failure.todo(fault.remedy()),
        BatchError::Legs { .. } => failure.todo("give logs of one kind in one file"),
        BatchError::ColumnType { .. } => failure.todo(
            "write times as timestamps, addresses as text or 16 bytes, numbers as integers, all else as text",
        ),
        BatchError::Changed { .. } => failure.todo("run it again when nothing writes to the log"),
        BatchError::Resume { .. } => {
            failure.todo("name a folder with room that is yours by --resume")
        }
        BatchError::Busy { .. } => failure.todo("wait for it, or name another folder by --resume"),
        BatchError::Spill { .. } => {
            failure.todo("name a folder with room by --spill, or more memory by --memory")
        }
        _ => failure.todo("report it with the command that you ran"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_shares_are_read_exactly() {
        for (text, bytes) in
            [("2GB", 2_000_000_000), ("16 MiB", 16 << 20), ("20000000", 20_000_000)]
        {
            assert_eq!(text::size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "GB", "2 potatoes", "1MB", "99999999999999999999", "18446744073709551615GB"]
        {
            assert!(text::size(text).is_err(), "{text}");
        }
        assert_eq!(piece("64MiB").map(NonZeroU64::get), Ok(64 << 20));
        assert_eq!(piece("1").map(NonZeroU64::get), Ok(1));
        assert!(piece("0").is_err() && piece("a lot").is_err());
        for (text, ppm) in [("0", 0), ("1", 1_000_000), ("0.01", 10_000), (".5", 500_000)] {
            assert_eq!(share_ppm(text), Ok(ppm), "{text}");
        }
        for text in ["", ".", "2", "1.000001", "-0.1", "0.0000001", "1e-3", "0.é"] {
            assert!(share_ppm(text).is_err(), "{text}");
        }
    }
}
