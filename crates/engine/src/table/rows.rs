use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, FixedSizeBinaryBuilder, Int64Array, ListBuilder, RecordBatch,
    StringArray, StringBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::PartitionStream;
use tokio::sync::mpsc::Sender;

use super::{ColumnDoc, Kind, Loaded, columns_schema};
use crate::answer::Cell;
use crate::error::EngineError;

/// Rows of a batch that is handed on.
const BATCH_ROWS: usize = 4096;

/// Batches that wait for the query.
const WAITING: usize = 2;

/// Takes the rows of a table as they are read, and hands them to the query in batches. When the
/// query is slower, reading waits.
#[derive(Debug)]
pub struct Rows {
    columns: &'static [ColumnDoc],
    pending: Vec<Vec<Cell>>,
    sender: Sender<Result<RecordBatch>>,
}

/// The query wants no more rows: it has enough, has failed or was cancelled. Reading may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no more rows are wanted")
    }
}

impl std::error::Error for Stopped {}

impl Rows {
    /// Adds a row: one cell a column, in their order. A cell of another kind is null.
    pub fn push(&mut self, row: Vec<Cell>) -> std::result::Result<(), Stopped> {
        self.pending.push(row);
        if self.pending.len() < BATCH_ROWS {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> std::result::Result<(), Stopped> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch = to_batch(self.columns, &std::mem::take(&mut self.pending));
        self.sender.blocking_send(batch).map_err(|_| Stopped)
    }
}

/// A table of rows that are read when they are asked for.
pub(crate) fn loaded(name: &str, table: &Loaded) -> Result<Arc<dyn TableProvider>> {
    let schema = columns_schema(table.columns());
    let partition =
        Read { name: name.to_owned(), schema: Arc::clone(&schema), table: table.clone() };
    Ok(Arc::new(StreamingTable::try_new(schema, vec![Arc::new(partition)])?))
}

#[derive(Debug)]
struct Read {
    name: String,
    schema: SchemaRef,
    table: Loaded,
}

impl PartitionStream for Read {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING);
        let (sender, table, name) = (stream.tx(), self.table.clone(), self.name.clone());
        stream.spawn_blocking(move || {
            let mut rows = Rows { columns: table.columns(), pending: Vec::new(), sender };
            let read = (table.load)(&mut rows);
            let read = read.and_then(|()| Ok(rows.flush()?));
            match read {
                Err(error) if error.downcast_ref::<Stopped>().is_none() => {
                    let error = EngineError::Load { table: name, reason: error.to_string() };
                    Err(DataFusionError::External(Box::new(error)))
                }
                _ => Ok(()),
            }
        });
        stream.build()
    }
}

/// Rows as a batch of these columns.
pub(crate) fn to_batch(columns: &[ColumnDoc], rows: &[Vec<Cell>]) -> Result<RecordBatch> {
    let arrays: Result<Vec<ArrayRef>> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| array(column.kind, rows.iter().map(move |row| row.get(at))))
        .collect();
    Ok(RecordBatch::try_new(columns_schema(columns), arrays?)?)
}

fn array<'a>(kind: Kind, cells: impl Iterator<Item = Option<&'a Cell>>) -> Result<ArrayRef> {
    let text = |cell: Option<&'a Cell>| match cell {
        Some(Cell::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let int = |cell: Option<&'a Cell>| match cell {
        Some(Cell::Int(number)) => Some(*number),
        _ => None,
    };
    Ok(match kind {
        Kind::Text => Arc::new(cells.map(text).collect::<StringArray>()),
        Kind::Int => Arc::new(cells.map(int).collect::<Int64Array>()),
        Kind::Time => {
            let times = cells.map(int).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC"))
        }
        Kind::Bool => {
            let truths = cells.map(|cell| match cell {
                Some(Cell::Bool(truth)) => Some(*truth),
                _ => None,
            });
            Arc::new(truths.collect::<BooleanArray>())
        }
        Kind::Address => {
            let mut builder = FixedSizeBinaryBuilder::new(16);
            for cell in cells {
                match cell {
                    Some(Cell::Bytes(bytes)) if bytes.len() == 16 => builder.append_value(bytes)?,
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        Kind::Texts => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            for cell in cells {
                if let Some(Cell::List(texts)) = cell {
                    for one in texts {
                        builder.values().append_option(text(Some(one)));
                    }
                    builder.append(true);
                } else {
                    builder.append(false);
                }
            }
            Arc::new(builder.finish())
        }
    })
}
