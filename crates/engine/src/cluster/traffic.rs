//! Logs of traffic, read by the workers of a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_batch::{Log, Span};
use adproof_feeds::Counts;
use adproof_model::{Digest, Reject};
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
use super::logs::{LogsExec, LogsTable, Note, Order, Task, What};
use super::{Coordinator, settings};
use crate::{EngineError, EngineOptions, session};

/// How workers read logs.
#[derive(Clone, Debug)]
pub struct TrafficOptions {
    /// Memory for the table of one log, or of a piece of it, on its worker.
    pub memory_bytes: usize,
    /// Bytes of a piece, into which text that is not packed and Parquet are cut; none to let the
    /// size of all logs decide.
    pub piece_bytes: Option<NonZeroU64>,
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

/// Reads logs of traffic as [`adproof_batch::read`] does, on the workers: large ones in pieces, so
/// that many read one log. `feeds` says which single addresses are kept, as [`Tally::listed`] does.
pub fn traffic(
    coordinator: &Coordinator,
    paths: &[PathBuf],
    feeds: &Tally,
    how: &TrafficOptions,
    options: &EngineOptions,
) -> Result<Traffic, EngineError> {
    let logs: Vec<PathBuf> = paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let kept = adproof_feeds::Limits::default().rejects;
    let rejects = if how.all_rejects { u64::MAX } else { u64::try_from(kept).unwrap_or(u64::MAX) };
    let sizes: Vec<u64> = logs.iter().map(|log| bytes_of(log)).collect();
    let bytes = sizes.iter().copied().fold(0, u64::saturating_add);
    let piece_bytes = piece_bytes(how.piece_bytes, bytes);
    let marks: Arc<[u8]> = feeds.marks_only().to_bytes().into();
    // Logs that were cut within a row, which is known afterwards.
    let mut whole = BTreeSet::new();
    loop {
        let tasks = tasks(&logs, piece_bytes, &whole)?;
        let order = Order {
            logs: logs.clone(),
            parts: parts(bytes),
            memory_bytes: how.memory_bytes,
            rejects,
        };
        let (coordinator, options, marks) = (coordinator.clone(), *options, Arc::clone(&marks));
        let gathered = session::run(&options, async move {
            let gathered = ask(&coordinator, &tasks, order, marks, &options).await;
            gathered.map_err(|error| coordinator.failed(error))
        })?;
        let torn = gathered.torn();
        if torn.is_empty() {
            return gathered.put_together(paths, kept, rejects);
        }
        let before = whole.len();
        whole.extend(torn);
        if whole.len() == before {
            return Err(EngineError::Task("a log that was read whole was cut".to_owned()));
        }
    }
}

/// The path by which a worker finds the same file.
fn absolute(path: &Path) -> Result<PathBuf, EngineError> {
    if adproof_objects::is_object(path) {
        return Ok(path.to_path_buf());
    }
    std::fs::canonicalize(path)
        .map_err(|source| EngineError::Unreadable { path: path.to_path_buf(), source })
}

/// Bytes of logs that one part stands for. A row of text takes about as much as its record, and a
/// packed log holds several times what it weighs, so that a part stays far below
/// [`super::MESSAGE_BYTES`].
const PART_LOG_BYTES: u64 = 4 << 20;
const MOST_PARTS: u64 = 1 << 16;

fn parts(bytes: u64) -> NonZeroU32 {
    let parts = (bytes / PART_LOG_BYTES).min(MOST_PARTS);
    u32::try_from(parts).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

fn bytes_of(path: &Path) -> u64 {
    adproof_batch::bytes(path).unwrap_or(0)
}

/// Bytes of a piece, at least. Each piece sends records that others have as well, and has the cost
/// of a task.
const PIECE_BYTES: u64 = 64 << 20;
/// Pieces of a job, about: more than cores of most clusters, and few enough that what they have in
/// common is not sent too often.
const PIECES: u64 = 256;

/// Pieces of a job, at most, however small they are wanted: all are known to everybody.
const MOST_PIECES: u64 = 1 << 14;

/// Bytes of a piece, of logs of so many bytes.
fn piece_bytes(wanted: Option<NonZeroU64>, bytes: u64) -> u64 {
    let least = bytes.div_ceil(MOST_PIECES);
    wanted.map_or((bytes / PIECES).max(PIECE_BYTES), |wanted| wanted.get().max(least))
}

/// What is done with the logs. Those in `whole` are not cut.
pub(super) fn tasks(
    logs: &[PathBuf],
    piece_bytes: u64,
    whole: &BTreeSet<u32>,
) -> Result<Vec<Task>, EngineError> {
    let limits = adproof_feeds::Limits::default();
    let mut tasks = Vec::new();
    for (log, path) in (0..).zip(logs) {
        let cut = if whole.contains(&log) {
            None
        } else {
            adproof_batch::cut(path, piece_bytes, &limits)
                .map_err(|error| EngineError::Query(error.to_string()))?
        };
        let Some(cut) = cut else {
            tasks.push(Task { log, piece: 0, what: What::Whole });
            continue;
        };
        let stamp = cut.stamp;
        tasks.push(Task { log, piece: 0, what: What::Digest { stamp: stamp.clone() } });
        for (piece, place) in (0..).zip(cut.pieces) {
            let (from, until) = (place.from, place.until);
            let what = What::Piece { stamp: stamp.clone(), from, until };
            tasks.push(Task { log, piece, what });
        }
    }
    Ok(tasks)
}

/// What rows of the answer come to.
#[derive(Default)]
pub(super) struct Gathered {
    tallies: Vec<Tally>,
    logs: BTreeMap<u32, Pieces>,
}

/// What was told of one log.
#[derive(Default)]
struct Pieces {
    sha256: Option<Digest>,
    /// How many were asked for.
    count: usize,
    ended: BTreeMap<u32, Ended>,
    /// By piece and number.
    rejects: BTreeMap<(u32, u64), Reject>,
}

/// A piece that was read.
struct Ended {
    counts: Counts,
    /// None of a whole log.
    span: Option<Span>,
}

impl Pieces {
    /// Whether each piece began where the one before ended.
    fn fit(&self) -> bool {
        let spans: Option<Vec<Span>> = self.ended.values().map(|ended| ended.span).collect();
        spans.is_none_or(|spans| {
            spans.iter().all(|span| span.exact)
                && spans.windows(2).all(|two| match two {
                    [before, after] => before.to == after.from,
                    _ => true,
                })
        })
    }

    /// The log, and its rows that were not taken, with their lines in it.
    fn join(self) -> (Counts, Vec<Reject>) {
        let (mut all, mut starts) = (Counts::default(), BTreeMap::new());
        for (piece, Ended { counts, .. }) in self.ended {
            starts.insert(piece, all.lines);
            all.rows = all.rows.saturating_add(counts.rows);
            all.rejected = all.rejected.saturating_add(counts.rejected);
            all.lines = all.lines.saturating_add(counts.lines);
        }
        let rejects = self.rejects.into_iter().map(|((piece, _), reject)| {
            let start = starts.get(&piece).copied().unwrap_or(0);
            Reject { row: reject.row.saturating_add(start), ..reject }
        });
        let rejects = rejects.collect();
        (all, rejects)
    }
}

async fn ask(
    coordinator: &Coordinator,
    tasks: &[Task],
    order: Order,
    marks: Arc<[u8]>,
    options: &EngineOptions,
) -> Result<Gathered, EngineError> {
    let remote = coordinator.session(options).await?;
    // Planned here: the plan holds an operator of ours, which stands in no query.
    let context = SessionContext::new_with_state(super::state(settings(options))?);
    let merge = context.udaf("merge_tallies")?;
    let mut gathered = Gathered::of(tasks);
    let logs = LogsTable(Arc::new(LogsExec::new(tasks, order, marks)?));
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
    while let Some(batch) = rows.next().await {
        gathered.add(&batch?)?;
    }
    Ok(gathered)
}

impl Gathered {
    /// Nothing told of what was ordered.
    pub(super) fn of(tasks: &[Task]) -> Self {
        let mut gathered = Self::default();
        for task in tasks.iter().filter(|task| !matches!(task.what, What::Digest { .. })) {
            gathered.logs.entry(task.log).or_default().count += 1;
        }
        gathered
    }

    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
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
        let log = self.logs.entry(log).or_default();
        match note {
            Note::End { piece, span, rows, rejected, lines, sha256 } => {
                let counts = Counts { rows, rejected, lines };
                let span = span.map(|(from, to, exact)| Span { from, to, exact });
                log.ended.insert(piece, Ended { counts, span });
                log.sha256 = log.sha256.or_else(|| sha256?.parse().ok());
            }
            Note::Digest { sha256 } => log.sha256 = sha256.parse().ok(),
            Note::Reject { piece, number, row, column, value, reason } => {
                let reject = Reject {
                    row,
                    column: column.into(),
                    value: value.into(),
                    reason: reason.into(),
                };
                log.rejects.insert((piece, number), reject);
            }
        }
    }

    /// Logs whose pieces are not the log.
    pub(super) fn torn(&self) -> BTreeSet<u32> {
        let torn = self.logs.iter().filter(|(_, pieces)| !pieces.fit());
        torn.map(|(log, _)| *log).collect()
    }

    /// At most `rejects` rows of each log that were not taken, the first `kept` of them also in it.
    pub(super) fn put_together(
        mut self,
        paths: &[PathBuf],
        kept: usize,
        rejects: u64,
    ) -> Result<Traffic, EngineError> {
        let mut traffic = Traffic { tally: Tally::merge_all(self.tallies), ..Traffic::default() };
        let rejects = usize::try_from(rejects).unwrap_or(usize::MAX);
        for (number, path) in (0_u32..).zip(paths) {
            let pieces = self.logs.remove(&number).unwrap_or_default();
            if pieces.ended.is_empty() || pieces.ended.len() != pieces.count {
                return Err(EngineError::Task(format!("no worker told of {}", path.display())));
            }
            let sha256 = pieces.sha256;
            let (counts, mut found) = pieces.join();
            found.truncate(rejects);
            let rejected = found.iter().take(kept).cloned().collect();
            let number = traffic.logs.len();
            traffic.rejects.extend(found.into_iter().map(|reject| (number, reject)));
            traffic.logs.push(Log { path: path.clone(), sha256, counts, rejected });
        }
        Ok(traffic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_neither_too_small_nor_too_many() {
        assert_eq!(piece_bytes(None, 0), PIECE_BYTES);
        assert_eq!(piece_bytes(None, PIECES * PIECE_BYTES), PIECE_BYTES);
        assert_eq!(piece_bytes(None, PIECES * (PIECE_BYTES + 1)), PIECE_BYTES + 1);
        let one = NonZeroU64::new(1);
        assert_eq!(piece_bytes(one, MOST_PIECES), 1);
        assert_eq!(piece_bytes(one, MOST_PIECES + 1), 2);
        assert_eq!(piece_bytes(NonZeroU64::new(7), MOST_PIECES), 7);
    }
}
