//! What needs the feature `engine`, and what to say where it is missing.

#[cfg(not(feature = "engine"))]
use std::path::PathBuf;

use adproof_signal::Sightings;
use adproof_wire::score::LogV1;
#[cfg(not(feature = "engine"))]
use adproof_wire::score::Scored;

/// Own logs that the engine scanned.
#[derive(Default)]
pub(crate) struct Scanned {
    /// What their events come to.
    pub(crate) sightings: Sightings,
    /// The logs, for the document.
    pub(crate) logs: Vec<LogV1>,
}

/// A summary table of a report.
pub(crate) struct Section {
    /// What it shows, in a few words.
    pub(crate) title: &'static str,
    /// The names of its columns; the first names the rows.
    pub(crate) columns: Vec<String>,
    /// Its rows.
    pub(crate) rows: Vec<(String, Vec<u64>)>,
}

/// The summary tables of a report; none without the engine.
#[cfg(not(feature = "engine"))]
#[allow(clippy::unnecessary_wraps, reason = "the build with the engine can fail")]
pub(crate) fn sections(_scored: &Scored) -> anyhow::Result<Vec<Section>> {
    Ok(Vec::new())
}

/// Scans event logs in Parquet.
#[cfg(not(feature = "engine"))]
pub(crate) fn scan(paths: &[PathBuf]) -> anyhow::Result<Scanned> {
    match paths {
        [] => Ok(Scanned::default()),
        [path, ..] => Err(missing(&format!("reading Parquet ({})", path.display())).into()),
    }
}

#[cfg(not(feature = "engine"))]
use crate::out::Failure;

/// The error of a build without the engine: what needs it, and how to get it.
#[cfg(not(feature = "engine"))]
pub(crate) fn missing(what: &str) -> Failure {
    Failure::new(format!("{what} needs the engine, and this adproof was built without it"))
        .at("feature `engine` (DataFusion and Polars), left out of the default build")
        .todo(
            "build it in, which takes some minutes: cargo build --release -p adproof --features engine",
        )
}

/// The error of a build without the cluster.
#[cfg(not(feature = "cluster"))]
pub(crate) fn without_cluster(what: &str) -> crate::out::Failure {
    crate::out::Failure::new(format!(
        "{what} needs the cluster, and this adproof was built without it"
    ))
    .at("feature `cluster` (Ballista), left out of the default build")
    .todo(
        "build it in, which takes some minutes: cargo build --release -p adproof --features cluster",
    )
}

/// Partitions of a plan on a cluster, whose cores nobody here knows.
#[cfg(feature = "cluster")]
pub(crate) const CLUSTER_PARTITIONS: std::num::NonZeroUsize =
    std::num::NonZeroUsize::MIN.saturating_add(15);

/// Where `--cluster` and `--coordinator` say that a coordinator is.
#[cfg(feature = "cluster")]
pub(crate) fn coordinator(
    text: &str,
    option: &str,
) -> anyhow::Result<adproof_engine::cluster::Coordinator> {
    text.parse().map_err(|error| {
        crate::out::Failure::new(format!("{error}"))
            .at(format!("{option} {text}"))
            .todo("copy it from the first line of `adproof cluster coordinator`")
            .into()
    })
}

#[cfg(feature = "engine")]
pub(crate) use with_engine::{explain, scan, sections};

#[cfg(feature = "engine")]
mod with_engine {
    use std::path::PathBuf;

    use adproof_engine::frames::{self, Frame};
    use adproof_engine::{EngineError, EngineOptions, ScannedLog};
    use adproof_model::Level;
    use adproof_wire::score::{LogV1, RejectV1, Scored};

    use super::{Scanned, Section};
    use crate::out::Failure;

    /// Scans event logs in Parquet.
    pub(crate) fn scan(paths: &[PathBuf]) -> anyhow::Result<Scanned> {
        if paths.is_empty() {
            return Ok(Scanned::default());
        }
        let scan =
            adproof_engine::scan_events(paths, &EngineOptions::default()).map_err(explain)?;
        Ok(Scanned { sightings: scan.sightings, logs: scan.logs.iter().map(log).collect() })
    }

    /// Providers of the summary.
    const TOP: u32 = 12;

    /// The summary tables of a report.
    pub(crate) fn sections(scored: &Scored) -> anyhow::Result<Vec<Section>> {
        let presence = frames::presence(&scored.issues).map_err(explain)?;
        let recurrence =
            frames::recurrence_by_provider(&scored.scoring, Level::P64, TOP).map_err(explain)?;
        let recurrence = Frame {
            columns: ["/64s", "median", "95 %", "highest"].map(str::to_owned).to_vec(),
            ..recurrence
        };
        Ok(vec![
            section("Distinct blocks that each issue lists", "Level", presence),
            section("Recurrence of /64s by provider, in parts per million", "Provider", recurrence),
        ])
    }

    fn section(title: &'static str, first: &str, frame: Frame) -> Section {
        let columns = std::iter::once(first.to_owned()).chain(frame.columns).collect();
        Section { title, columns, rows: frame.rows }
    }

    fn log(log: &ScannedLog) -> LogV1 {
        let rejected = log.rejected.iter().map(|row| RejectV1 {
            row: 0,
            column: row.column.to_string(),
            value: row.value.to_string(),
            reason: row.reason.to_string(),
        });
        LogV1 {
            path: log.path.display().to_string(),
            sha256: log.sha256.to_string(),
            events: log.events,
            rejected: rejected.collect(),
            rejected_total: log.rejected_total,
        }
    }

    /// An engine's error for people: with what to do where that can be said.
    #[allow(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
    pub(crate) fn explain(error: EngineError) -> Failure {
        if let EngineError::NotGiven { table, todo } = error {
            return Failure::new(format!("there is no table `{table}`")).todo(todo);
        }
        if let EngineError::Object { path, error } = &error {
            return crate::bucket::explain(path, error);
        }
        let text = error.to_string();
        let failure = Failure::new(text);
        match error {
            EngineError::Format { .. } => {
                failure.todo("name it .csv, .jsonl, .ndjson or .parquet, and unpack it before")
            }
            EngineError::TableName { .. } | EngineError::DuplicateTable { .. } => {
                failure.at("--table").todo("name it: --table NAME=PATH")
            }
            EngineError::Mixed { .. } => failure.todo("give each kind of file a table of its own"),
            EngineError::NoEvents { .. } => failure.todo(
                "rename the columns as the event log of `adproof decide` names them; in \
                     `adproof sql`, --table reads any file as it is",
            ),
            EngineError::Refused { .. } => {
                failure.at("the query").todo("ask with SELECT; redirect the output to write it")
            }
            EngineError::Time { .. } => {
                failure.todo("give it more time with --timeout-ms, or ask for less")
            }
            EngineError::Memory { .. } => {
                failure.todo("give it more with --memory, or group by fewer columns")
            }
            EngineError::QueryLength { .. } | EngineError::Query(_) => failure.at("the query"),
            EngineError::NoCoordinator { .. } => {
                failure.todo("start it with `adproof cluster coordinator`, and look for a firewall")
            }
            EngineError::Differs { .. } => {
                failure.todo("run the same adproof on all machines of a cluster")
            }
            EngineError::Cluster { .. } => failure.todo(
                "check that workers run, and that each can open the inputs under the same paths",
            ),
            EngineError::Listen { .. } => {
                failure.at("--listen").todo("choose another port, or port 0 for a free one")
            }
            EngineError::WorkDir { .. } => {
                failure.at("--work").todo("name a folder with room that may be written")
            }
            _ => failure,
        }
    }
}
