//! Logs of traffic, read by the workers of a cluster.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_batch::Log;
use adproof_feeds::Counts;
use adproof_model::Reject;
use adproof_signal::Tally;
use ballista_core::execution_plans::execute_physical_plan;
use ballista_core::extension::SessionConfigExt;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt32Type;
use datafusion::execution::FunctionRegistry;
use datafusion::prelude::{SessionContext, col};
use datafusion_proto::protobuf::PhysicalPlanNode;
use futures_util::StreamExt;

use super::codec::PlanCodec;
use super::logs::{LogsExec, LogsTable, Note, Order};
use super::{Coordinator, settings};
use crate::{EngineError, EngineOptions, session};

/// How workers read logs.
#[derive(Clone, Debug)]
pub struct TrafficOptions {
    /// Memory for the table of one log on its worker.
    pub memory_bytes: usize,
    /// Whether every row that was not taken is wanted, not only the first ones of each log.
    pub all_rejects: bool,
}

/// What logs came to.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Their rows, as [`adproof_batch::Traffic::expose`] adds them to a tally.
    pub tally: Tally,
    /// The logs, in the order in which they were given.
    pub logs: Vec<Log>,
    /// The rows that were not taken: which log, in its order.
    pub rejects: Vec<(usize, Reject)>,
}

/// Reads logs of traffic as [`adproof_batch::read`] does, each on a worker. `feeds` says which
/// single addresses are kept, as [`Tally::listed`] does.
pub fn traffic(
    coordinator: &Coordinator,
    paths: &[PathBuf],
    feeds: &Tally,
    how: &TrafficOptions,
    options: &EngineOptions,
) -> Result<Traffic, EngineError> {
    let kept = adproof_feeds::Limits::default().rejects;
    let order = Order {
        logs: paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?,
        parts: parts(paths),
        memory_bytes: how.memory_bytes,
        rejects: if how.all_rejects { u64::MAX } else { u64::try_from(kept).unwrap_or(u64::MAX) },
    };
    let marks = feeds.marks_only().to_bytes();
    let (coordinator, options) = (coordinator.clone(), *options);
    let mut gathered = session::run(&options, async move {
        let gathered = ask(&coordinator, order, marks.into(), &options).await;
        gathered.map_err(|error| coordinator.failed(error))
    })?;
    let mut traffic = Traffic { tally: Tally::merge_all(gathered.tallies), ..Traffic::default() };
    for (number, path) in (0_u32..).zip(paths) {
        let Some(mut log) = gathered.logs.remove(&number) else {
            return Err(EngineError::Task(format!("no worker told of {}", path.display())));
        };
        log.path.clone_from(path);
        let rejects = gathered.rejects.remove(&number).unwrap_or_default();
        log.rejected = rejects.values().take(kept).cloned().collect();
        let number = traffic.logs.len();
        traffic.rejects.extend(rejects.into_values().map(|reject| (number, reject)));
        traffic.logs.push(log);
    }
    Ok(traffic)
}

/// The path by which a worker finds the same file.
fn absolute(path: &Path) -> Result<PathBuf, EngineError> {
    std::fs::canonicalize(path)
        .map_err(|source| EngineError::Unreadable { path: path.to_path_buf(), source })
}

/// Bytes of logs that one part stands for. A row of text takes about as much as its record, and a
/// packed log holds several times what it weighs, so that a part stays far below
/// [`super::MESSAGE_BYTES`].
const PART_LOG_BYTES: u64 = 4 << 20;
const MOST_PARTS: u64 = 1 << 16;

fn parts(paths: &[PathBuf]) -> NonZeroU32 {
    let sizes = paths.iter().filter_map(|path| std::fs::metadata(path).ok());
    let bytes = sizes.map(|file| file.len()).fold(0, u64::saturating_add);
    let parts = (bytes / PART_LOG_BYTES).min(MOST_PARTS);
    u32::try_from(parts).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

/// What rows of the answer come to.
#[derive(Default)]
struct Gathered {
    tallies: Vec<Tally>,
    logs: BTreeMap<u32, Log>,
    rejects: BTreeMap<u32, BTreeMap<u64, Reject>>,
}

async fn ask(
    coordinator: &Coordinator,
    order: Order,
    marks: Arc<[u8]>,
    options: &EngineOptions,
) -> Result<Gathered, EngineError> {
    let remote = coordinator.session(options).await?;
    // Planned here: the plan holds an operator of ours, which stands in no query.
    let context = SessionContext::new_with_state(super::state(settings(options))?);
    let merge = context.udaf("merge_tallies")?;
    let logs = LogsTable(Arc::new(LogsExec::new(order, marks)));
    let plan = context
        .read_table(Arc::new(logs))?
        .aggregate(
            vec![col("log"), col("note"), col("part")],
            vec![merge.call(vec![col("tally")]).alias("tally")],
        )?
        .create_physical_plan()
        .await?;
    let config = remote.config().clone();
    let mut rows = execute_physical_plan::<PhysicalPlanNode>(
        coordinator.url(),
        &config.ballista_config(),
        plan,
        &PlanCodec::default(),
        remote.session_id().to_owned(),
        config,
    )
    .await?;
    let mut gathered = Gathered::default();
    while let Some(batch) = rows.next().await {
        gathered.add(&batch?)?;
    }
    Ok(gathered)
}

impl Gathered {
    fn add(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let strange = |what: &str| EngineError::Task(format!("a worker's answer: {what}"));
        let [logs, notes, _, tallies] = batch.columns() else {
            return Err(strange("not four columns"));
        };
        let (Some(logs), Some(notes), Some(tallies)) = (
            logs.as_primitive_opt::<UInt32Type>(),
            notes.as_string_opt::<i32>(),
            tallies.as_binary_opt::<i32>(),
        ) else {
            return Err(strange("columns of other types"));
        };
        for row in 0..batch.num_rows() {
            if notes.is_null(row) {
                let tally = Tally::from_bytes(tallies.value(row));
                self.tallies.push(tally.map_err(|error| strange(&error.to_string()))?);
                continue;
            }
            let note = serde_json::from_str(notes.value(row));
            self.note(logs.value(row), note.map_err(|error| strange(&error.to_string()))?);
        }
        Ok(())
    }

    fn note(&mut self, log: u32, note: Note) {
        match note {
            Note::End { rows, rejected, lines, sha256 } => {
                let counts = Counts { rows, rejected, lines };
                let sha256 = sha256.and_then(|text| text.parse().ok());
                let rejected = Vec::new();
                self.logs.insert(log, Log { path: PathBuf::new(), sha256, counts, rejected });
            }
            Note::Reject { number, row, column, value, reason } => {
                let reject = Reject {
                    row,
                    column: column.into(),
                    value: value.into(),
                    reason: reason.into(),
                };
                self.rejects.entry(log).or_default().insert(number, reject);
            }
        }
    }
}
