//! The operator that reads logs of traffic where a plan runs: one partition a log, or a piece of it.
//!
//! What there is to do comes from its input, a table in memory with a row a partition. A coordinator
//! gives each worker some partitions of a stage, and cuts the leaves of the plan to them. It knows how
//! to cut such a table; a leaf of ours it would hand out whole, and every worker would do everything.

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use adproof_batch::{Options, Piece};
use adproof_model::Reject;
use adproof_signal::{Grain, Tally};
use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryArray, RecordBatch, StringArray, UInt32Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, exec_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

/// What is read, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The logs, by absolute paths.
    pub(super) logs: Vec<PathBuf>,
    /// Parts that the tally of each task is cut into.
    pub(super) parts: NonZeroU32,
    /// Memory for the table of one task; what goes beyond waits in the worker's folder.
    pub(super) memory_bytes: usize,
    /// Rejects of a task that are sent, at most.
    pub(super) rejects: u64,
}

/// What one partition does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// Which log.
    pub(super) log: u32,
    /// Which piece of it, counted from 0.
    pub(super) piece: u32,
    pub(super) what: What,
}

/// What is done with a log. `stamp` is that of the file that was cut.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// It is read to its end.
    Whole,
    /// A piece of it is read.
    Piece { stamp: String, from: u64, until: Option<u64> },
    /// Its digest is computed, because no piece holds all of its bytes.
    Digest { stamp: String },
}

/// A line about a log, beside its tally. It travels as JSON, between processes of one version.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Note {
    /// A piece was read to its end.
    End {
        /// Which one.
        piece: u32,
        /// As [`adproof_batch::Span`]; none of a whole log.
        span: Option<(u64, u64, bool)>,
        /// As [`adproof_feeds::Counts`].
        rows: u64,
        /// As [`adproof_feeds::Counts`].
        rejected: u64,
        /// As [`adproof_feeds::Counts`].
        lines: u64,
        /// The digest of the file, if it was computed.
        sha256: Option<String>,
    },
    /// The digest of the file.
    Digest {
        /// In hexadecimal.
        sha256: String,
    },
    /// A row that was not taken.
    Reject {
        /// In which piece.
        piece: u32,
        /// Which one, in the order of the piece. Also keeps two of one line apart.
        number: u64,
        /// As [`Reject`].
        row: u64,
        /// As [`Reject`].
        column: String,
        /// As [`Reject`].
        value: String,
        /// As [`Reject`].
        reason: String,
    },
}

/// `log` and `note` stand in a row about a log, `part` and `tally` in a row of a tally.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("log", DataType::UInt32, true),
        Field::new("note", DataType::Utf8, true),
        Field::new("part", DataType::UInt32, true),
        Field::new("tally", DataType::Binary, true),
    ]))
});

/// The column of the input: tasks as JSON.
static TASKS: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(vec![Field::new("task", DataType::Utf8, false)])));

/// Tasks as a table in memory, one partition each.
fn table(tasks: &[Task]) -> Result<Arc<dyn ExecutionPlan>> {
    let one = |task: &Task| {
        let task = serde_json::to_string(task)
            .map_err(|error| exec_datafusion_err!("a task cannot be sent: {error}"))?;
        let column: ArrayRef = Arc::new(StringArray::from(vec![task]));
        Ok(vec![RecordBatch::try_new(Arc::clone(&TASKS), vec![column])?])
    };
    let partitions = tasks.iter().map(one).collect::<Result<Vec<_>>>()?;
    Ok(MemorySourceConfig::try_new_exec(&partitions, Arc::clone(&TASKS), None)?)
}

/// The tasks of a batch of the input.
fn tasks_of(batch: &RecordBatch) -> Result<Vec<Task>> {
    let Some(texts) = batch.columns().first().and_then(|column| column.as_string_opt::<i32>())
    else {
        return internal_err!("the tasks are no texts");
    };
    let task = |text: &str| {
        serde_json::from_str(text)
            .map_err(|error| exec_datafusion_err!("a task to read logs is wrong: {error}"))
    };
    texts.iter().flatten().map(task).collect()
}

/// Reads a log or a piece of one a partition into its tally, cut into parts.
#[derive(Debug)]
pub(super) struct LogsExec {
    tasks: Arc<dyn ExecutionPlan>,
    order: Arc<Order>,
    /// The tally of the feeds: which single addresses are kept.
    marks: Arc<[u8]>,
    properties: Arc<PlanProperties>,
}

impl LogsExec {
    pub(super) fn new(tasks: &[Task], order: Order, marks: Arc<[u8]>) -> Result<Self> {
        Ok(Self::over(table(tasks)?, Arc::new(order), marks))
    }

    /// With tasks that somebody else gives.
    pub(super) fn over(tasks: Arc<dyn ExecutionPlan>, order: Arc<Order>, marks: Arc<[u8]>) -> Self {
        let partitions = tasks.properties().output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&SCHEMA)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { tasks, order, marks, properties: Arc::new(properties) }
    }

    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    pub(super) fn marks(&self) -> &[u8] {
        &self.marks
    }
}

impl DisplayAs for LogsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { logs, parts, .. } = &*self.order;
        write!(f, "LogsExec: logs={}, parts={parts}", logs.len())
    }
}

impl ExecutionPlan for LogsExec {
    fn name(&self) -> &'static str {
        "LogsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.tasks]
    }

    /// A task stays in the partition that it was given.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([tasks]) = <[_; 1]>::try_from(children) else {
            return internal_err!("logs are read by one list of tasks");
        };
        Ok(Arc::new(Self::over(tasks, Arc::clone(&self.order), Arc::clone(&self.marks))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let tasks = self.tasks.execute(partition, Arc::clone(&context))?;
        let (order, marks) = (Arc::clone(&self.order), Arc::clone(&self.marks));
        let spill = context.runtime_env().disk_manager.temp_dir_paths().into_iter().next();
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&SCHEMA), 2);
        let out = stream.tx();
        stream.spawn_blocking(move || {
            // They lie in memory: nobody waits for them.
            let tasks = Handle::current().block_on(collect(tasks))?;
            for batch in tasks {
                for task in tasks_of(&batch)? {
                    let mut rows = Rows::default();
                    work(&task, &order, &marks, spill.clone(), &mut |row| {
                        rows.push(row);
                        // A stream that nobody reads any more is no fault of the log.
                        if rows.bytes >= BATCH_BYTES {
                            let _ = out.blocking_send(rows.take());
                        }
                    })?;
                    let _ = out.blocking_send(rows.take());
                }
            }
            Ok(())
        });
        Ok(stream.build())
    }
}

/// Bytes that a batch may have before it is sent.
const BATCH_BYTES: usize = 4 << 20;

enum Row {
    Note(u32, Note),
    Part(u32, Vec<u8>),
}

fn work(
    task: &Task,
    order: &Order,
    marks: &[u8],
    spill: Option<PathBuf>,
    give: &mut (dyn FnMut(Row) + Send),
) -> Result<()> {
    let failed = |error: adproof_batch::BatchError| exec_datafusion_err!("{error}");
    let Task { log, piece, what } = task;
    let path = usize::try_from(*log).ok().and_then(|log| order.logs.get(log));
    let Some(path) = path else {
        return internal_err!("there is no log {log}");
    };
    if let What::Digest { stamp } = what {
        let sha256 = adproof_batch::digest(path, stamp).map_err(failed)?.to_string();
        give(Row::Note(*log, Note::Digest { sha256 }));
        return Ok(());
    }
    let marks = Tally::from_bytes(marks)
        .map_err(|error| exec_datafusion_err!("the tally of the feeds: {error}"))?;
    let default = Options::default();
    let options = Options {
        // Each piece has a task of its own.
        threads: 1,
        memory_bytes: order.memory_bytes,
        spill: spill.unwrap_or(default.spill),
        ..default
    };
    let mut told = 0;
    let mut tell = |_: &Path, reject: &Reject| {
        if told < order.rejects {
            let note = Note::Reject {
                piece: *piece,
                number: told,
                row: reject.row,
                column: reject.column.to_string(),
                value: reject.value.to_string(),
                reason: reject.reason.to_string(),
            };
            give(Row::Note(*log, note));
        }
        told += 1;
    };
    let grain = Grain::Network(marks.listed());
    let (mut traffic, span) = if let What::Piece { stamp, from, until } = what {
        let piece = Piece { from: *from, until: *until };
        adproof_batch::read_piece(path, stamp, &piece, &grain, &options, &mut tell)
            .map(|(traffic, span)| (traffic, Some((span.from, span.to, span.exact))))
    } else {
        let (paths, progress) = ([path.clone()], Arc::default());
        adproof_batch::read(&paths, &grain, &options, &progress, &mut tell)
            .map(|traffic| (traffic, None))
    }
    .map_err(failed)?;
    let mut tally = Tally::empty();
    traffic.expose(&mut tally).map_err(failed)?;
    for found in &traffic.logs {
        let counts = found.counts;
        let note = Note::End {
            piece: *piece,
            span,
            rows: counts.rows,
            rejected: counts.rejected,
            lines: counts.lines,
            sha256: found.sha256.map(|digest| digest.to_string()),
        };
        give(Row::Note(*log, note));
    }
    // What was read is in the tally now.
    drop(traffic);
    for (number, part) in tally.into_parts(order.parts) {
        give(Row::Part(number, part.to_bytes()));
    }
    Ok(())
}

/// Rows that wait to be sent.
#[derive(Default)]
struct Rows {
    logs: Vec<Option<u32>>,
    notes: Vec<Option<String>>,
    parts: Vec<Option<u32>>,
    tallies: Vec<Option<Vec<u8>>>,
    bytes: usize,
}

impl Rows {
    fn push(&mut self, row: Row) {
        let (log, note, part, tally) = match row {
            Row::Note(log, note) => (Some(log), serde_json::to_string(&note).ok(), None, None),
            Row::Part(part, tally) => (None, None, Some(part), Some(tally)),
        };
        self.bytes += note.as_ref().map_or(0, String::len) + tally.as_ref().map_or(0, Vec::len);
        self.logs.push(log);
        self.notes.push(note);
        self.parts.push(part);
        self.tallies.push(tally);
    }

    fn take(&mut self) -> Result<RecordBatch> {
        let rows = std::mem::take(self);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(rows.logs)),
            Arc::new(StringArray::from(rows.notes)),
            Arc::new(UInt32Array::from(rows.parts)),
            Arc::new(rows.tallies.iter().map(Option::as_deref).collect::<BinaryArray>()),
        ];
        Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
    }
}

/// The logs as a table, from which a plan is made.
#[derive(Debug)]
pub(super) struct LogsTable(pub(super) Arc<LogsExec>);

#[async_trait::async_trait]
impl TableProvider for LogsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match projection {
            // The one plan over it needs all of its columns.
            Some(columns) if !columns.iter().copied().eq(0..SCHEMA.fields().len()) => {
                internal_err!("all columns of a log are read, not {columns:?}")
            }
            _ => Ok(Arc::<LogsExec>::clone(&self.0)),
        }
    }
}
