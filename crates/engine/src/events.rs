//! Event logs at scale: scanned in partitions, judged row by row as the log reader of
//! `adproof-feeds` does, reduced by `adproof-signal`.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_feeds::{EventRows, FeedFault, Limits as ReadLimits, read_event_line};
use adproof_model::{Digest, Event, Reject, Timestamp};
use adproof_signal::Sightings;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::datasource::listing::ListingTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, ident};
use datafusion::prelude::SessionContext;
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

use crate::source::{File, SourceFormat, blocking};
use crate::{EngineError, EngineOptions, Limits, session};

/// What a scan of event logs found.
#[derive(Clone, Debug, Default)]
pub struct EventScan {
    /// The impressions. Added to a tally they give the bytes that reading the logs whole gives.
    pub sightings: Sightings,
    /// The logs, in the order in which they were given.
    pub logs: Vec<ScannedLog>,
}

/// One log that was scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedLog {
    /// The file.
    pub path: PathBuf,
    /// Digest of the file's bytes.
    pub sha256: Digest,
    /// Events that were taken.
    pub events: u64,
    /// Rows that were not taken.
    pub rejected_total: u64,
    /// Why: the first in order of column, reason and value, bounded.
    pub rejected: BTreeSet<RejectedRow>,
}

/// Why a row was not taken. A scan in partitions counts no rows, so it has no number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RejectedRow {
    /// The column.
    pub column: Box<str>,
    /// Why it was not taken, in words.
    pub reason: Box<str>,
    /// The value as it was seen, cut to a bounded length.
    pub value: Box<str>,
}

/// The columns of an event log in Parquet: the fields of a JSON line, typed. All may be null but
/// those that every event has.
#[must_use]
pub fn event_schema() -> SchemaRef {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let of = |(name, required): (&str, bool)| {
        let kind = match name {
            "time" | "received" => instant(),
            "shared_egress" => DataType::Boolean,
            "ssai" | "asn" | "price_micros" | "error" | "played_ms" | "amount_micros" => {
                DataType::Int64
            }
            _ => DataType::Utf8,
        };
        Field::new(name, kind, !required)
    };
    let required = ["id", "leg", "observer", "time", "received"].map(|name| (name, true));
    let optional = [
        "transaction",
        "impression",
        "ip",
        "ua",
        "ifa",
        "bundle",
        "withheld",
        "ssai",
        "asn",
        "shared_egress",
        "creative",
        "price_micros",
        "currency",
        "tag",
        "outcome",
        "error",
        "played_ms",
        "amount_micros",
    ]
    .map(|name| (name, false));
    Arc::new(Schema::new(required.into_iter().chain(optional).map(of).collect::<Vec<_>>()))
}

/// Reads event logs into the impressions of one tally. Files are told apart by their ending and may be of several
/// formats; an impression may be spread over them.
///
/// Rows that hold no event are counted and not taken, as in a log that is read whole. A line that
/// is no JSON at all ends the scan: its bytes are not to be had from a scan in partitions.
pub fn scan_events(paths: &[PathBuf], options: &EngineOptions) -> Result<EventScan, EngineError> {
    let (paths, options) = (paths.to_vec(), *options);
    session::run(&options, async move { scan(&paths, &options).await })
}

async fn scan(paths: &[PathBuf], options: &EngineOptions) -> Result<EventScan, EngineError> {
    let context = SessionContext::new_with_state(session::state(options)?);
    let mut scan = EventScan::default();
    for path in paths {
        let file = File::locate(path).await?;
        let (read, table) = open(&file, &context.state(), &options.limits).await?;
        let read: Vec<Expr> = read.iter().map(ident).collect();
        let frame = context.read_table(table)?;
        let mut partitions = JoinSet::new();
        for stream in frame.select(read)?.execute_stream_partitioned().await? {
            partitions.spawn(partition(path.clone(), stream));
        }
        let (bytes, hashed) = (file.reader()?, path.clone());
        let hash = tokio::spawn(blocking(move || digest(bytes, &hashed)));
        let mut total = Partition::default();
        while let Some(ended) = partitions.join_next().await {
            let found = ended.map_err(|join| EngineError::Task(join.to_string()))??;
            total = total.merge(found);
        }
        scan.sightings = scan.sightings.merge(total.sightings);
        scan.logs.push(ScannedLog {
            path: path.clone(),
            sha256: hash.await.map_err(|join| EngineError::Task(join.to_string()))??,
            events: total.events,
            rejected_total: total.rejected_total,
            rejected: total.rejected,
        });
        if let Some(object) = file.object {
            let path = path.clone();
            // Rows and digest were read by requests of their own.
            let checked =
                move || object.check().map_err(|error| EngineError::Object { path, error });
            blocking(checked).await?;
        }
    }
    Ok(scan)
}

fn digest(mut file: impl Read, path: &Path) -> Result<Digest, EngineError> {
    let unreadable = |error| EngineError::unreadable(path, error);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(Digest::new(hash.finalize().into())),
            Some(bytes) => hash.update(bytes),
        }
    }
}

/// A log as a table, and those of its columns that hold events.
pub(crate) async fn open(
    file: &File,
    state: &SessionState,
    limits: &Limits,
) -> Result<(Vec<String>, Arc<ListingTable>), EngineError> {
    let schema = match file.format {
        SourceFormat::Parquet => file.infer(state, limits).await?,
        // Text stays text, so that it is judged as the log reader judges it.
        SourceFormat::Csv => {
            let found = file.infer_csv(0).await?;
            let fields = found.fields().iter();
            let fields = fields.map(|field| Field::new(field.name(), DataType::Utf8, true));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        }
        // A line that is no JSON is a row that is no event, and not the end of all.
        SourceFormat::Jsonl => {
            let field = Field::new(LINE, DataType::Utf8, true);
            let table = file.open_lines(Arc::new(Schema::new(vec![field])), limits)?;
            return Ok((vec![LINE.to_owned()], table));
        }
    };
    let fields = schema.fields().iter().map(|field| field.name().clone());
    let names: Vec<String> = fields.filter(|name| is_event_field(name)).collect();
    let plain: Vec<&str> = names.iter().map(String::as_str).collect();
    Judge::of(&plain).map_err(|fault| no_events(file.path(), &plain, &fault))?;
    Ok((names, file.open_as(schema, limits)?))
}

/// The one column of a log in JSON lines.
const LINE: &str = "line";

/// Tells events from rows that are none, as the log reader does.
pub(crate) enum Judge {
    Rows(EventRows),
    /// Whole lines of JSON.
    Lines(ReadLimits),
}

impl Judge {
    /// For rows of these columns.
    pub(crate) fn of(names: &[&str]) -> Result<Self, FeedFault> {
        let limits = ReadLimits::default();
        match names {
            [LINE] => Ok(Self::Lines(limits)),
            names => EventRows::new(names.iter().copied(), &limits).map(Self::Rows),
        }
    }

    /// Judges a row; nothing where it is blank. Where it stands in the log is not known.
    pub(crate) fn read(
        &self,
        mut cells: impl Iterator<Item = String>,
    ) -> Option<Result<Event, Reject>> {
        match self {
            Self::Rows(rows) => Some(rows.read(0, cells)),
            Self::Lines(limits) => {
                let mut line = cells.next().unwrap_or_default();
                line.push('\n');
                let judged = read_event_line(line.as_bytes(), 1, limits)?;
                Some(judged.map_err(|reject| Reject { row: 0, ..reject }))
            }
        }
    }
}

fn is_event_field(column: &str) -> bool {
    let plain = |name: &str| -> String {
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let column = plain(column);
    event_schema().fields().iter().any(|field| plain(field.name()) == column)
}

#[derive(Default)]
struct Partition {
    sightings: Sightings,
    events: u64,
    rejected_total: u64,
    rejected: BTreeSet<RejectedRow>,
}

/// Reasons that are kept; all rows are counted.
const REJECTS: usize = 20;

impl Partition {
    fn reject(&mut self, row: RejectedRow) {
        self.rejected.insert(row);
        if self.rejected.len() > REJECTS {
            self.rejected.pop_last();
        }
    }

    fn merge(mut self, other: Self) -> Self {
        self.sightings = self.sightings.merge(other.sightings);
        self.events = self.events.saturating_add(other.events);
        self.rejected_total = self.rejected_total.saturating_add(other.rejected_total);
        other.rejected.into_iter().for_each(|row| self.reject(row));
        self
    }
}

async fn partition(
    path: PathBuf,
    mut stream: SendableRecordBatchStream,
) -> Result<Partition, EngineError> {
    let schema = stream.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let rows = Judge::of(&names).map_err(|fault| no_events(&path, &names, &fault))?;
    let mut found = Partition::default();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let columns =
            texts(batch.columns()).map_err(|error| EngineError::Query(error.to_string()))?;
        for row in 0..batch.num_rows() {
            match rows.read(columns.iter().map(|column| column.text(row))) {
                None => {}
                Some(Ok(event)) => {
                    found.events = found.events.saturating_add(1);
                    found.sightings.add(&event);
                }
                Some(Err(reject)) => {
                    found.rejected_total = found.rejected_total.saturating_add(1);
                    found.reject(RejectedRow {
                        column: reject.column,
                        reason: reject.reason,
                        value: reject.value,
                    });
                }
            }
        }
    }
    Ok(found)
}

fn no_events(path: &Path, names: &[&str], fault: &FeedFault) -> EngineError {
    let column = match fault {
        FeedFault::NoColumn { column, .. } => column,
        _ => "leg",
    };
    let found = match names {
        [] => "none of an event's columns".to_owned(),
        names => names.join(", "),
    };
    EngineError::NoEvents { path: path.to_path_buf(), column, found }
}

/// A column whose values are read as the text that a log would hold.
pub(crate) enum Texts {
    Text(StringViewArray),
    Instant(ArrayRef),
    Address(ArrayRef),
}

pub(crate) fn texts(columns: &[ArrayRef]) -> Result<Vec<Texts>, ArrowError> {
    columns
        .iter()
        .map(|column| match column.data_type() {
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map(Texts::Instant)
            }
            DataType::FixedSizeBinary(16) => {
                cast(column, &DataType::BinaryView).map(Texts::Address)
            }
            _ => Ok(Texts::Text(cast(column, &DataType::Utf8View)?.as_string_view().clone())),
        })
        .collect()
}

impl Texts {
    /// The value, or nothing where it is null.
    pub(crate) fn text(&self, row: usize) -> String {
        match self {
            Self::Text(array) if array.is_valid(row) => array.value(row).to_owned(),
            Self::Instant(array) if array.is_valid(row) => {
                let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
                Timestamp::from_micros(micros).to_string()
            }
            Self::Address(array) if array.is_valid(row) => {
                let bytes = array.as_binary_view().value(row);
                <[u8; 16]>::try_from(bytes)
                    .map(|bytes| Ipv6Addr::from(bytes).to_string())
                    .unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}
