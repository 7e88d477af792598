use std::path::{Path, PathBuf};

use adproof_objects::{ObjectError, StoreFailure};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;

/// Why the engine could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The ending of the name is none that the engine reads. Likely a workbook or a compressed
    /// file.
    #[error("{} is no CSV, JSONL or Parquet by its name", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file is not there, or may not be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The object cannot be read from its bucket.
    #[error("{}: {error}", path.display())]
    Object {
        /// Its name.
        path: PathBuf,
        /// Why.
        error: ObjectError,
    },
    /// The file has no bytes. Likely a download or an export that did not come to its end.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A table has no file, so it has no columns.
    #[error("the table `{table}` has no file")]
    NoFile {
        /// The table.
        table: String,
    },
    /// The name cannot be written in a query without quotes.
    #[error("`{name}` is no table name: use lower-case letters, digits and _, not a digit first")]
    TableName {
        /// The name.
        name: String,
    },
    /// Two tables have the same name.
    #[error("two tables are named `{name}`")]
    DuplicateTable {
        /// The name.
        name: String,
    },
    /// The files of a table are of several formats, or disagree on the columns.
    #[error("{} does not fit the first file of the table `{table}`: {reason}", path.display())]
    Mixed {
        /// The table.
        table: String,
        /// The first file that differs.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// An event log lacks a column that every event has.
    #[error("{} is no event log: it has no column `{column}`; it has {found}", path.display())]
    NoEvents {
        /// The file.
        path: PathBuf,
        /// The column that is missing.
        column: &'static str,
        /// The columns that are there.
        found: String,
    },
    /// The query names one of adproof's own tables, and nothing was named that it is made of.
    #[error("there is no table `{table}`: {todo}")]
    NotGiven {
        /// The table.
        table: String,
        /// What gives it.
        todo: &'static str,
    },
    /// The rows of a table could not be read.
    #[error("the table `{table}`: {reason}")]
    Load {
        /// The table.
        table: String,
        /// What its reader says.
        reason: String,
    },
    /// The query was cancelled.
    #[error("the query was cancelled")]
    Cancelled,
    /// The statement is none that only reads.
    #[error("only queries are answered (SELECT, WITH, VALUES, EXPLAIN, SHOW); this is {statement}")]
    Refused {
        /// The first words of the statement.
        statement: String,
    },
    /// The query is longer than [`Limits::query_bytes`](crate::Limits::query_bytes).
    #[error("the query has {bytes} bytes; {limit} are read")]
    QueryLength {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The query took longer than [`Limits::time_ms`](crate::Limits::time_ms).
    #[error("the query was stopped after {limit_ms} ms")]
    Time {
        /// The limit.
        limit_ms: u64,
    },
    /// The query needs more memory than [`Limits::memory_bytes`](crate::Limits::memory_bytes).
    #[error("the query needs more than {limit} bytes of memory: {reason}")]
    Memory {
        /// The limit.
        limit: usize,
        /// Which operator asked.
        reason: String,
    },
    /// The query cannot be planned or run. The message names the column or the value.
    #[error("{0}")]
    Query(String),
    /// The frame library failed on our own data.
    #[error("a summary frame failed: {0}")]
    Frame(#[from] polars::error::PolarsError),
    /// No coordinator of a cluster answers there. Likely it was not started, or a firewall is
    /// between.
    #[error("no coordinator answers at {coordinator}: {reason}")]
    NoCoordinator {
        /// Where it should be.
        coordinator: String,
        /// What the system says.
        reason: String,
    },
    /// The coordinator takes part only with those of its own version and functions.
    #[error("the coordinator at {coordinator} refused this adproof: {reason}")]
    Differs {
        /// Where it is.
        coordinator: String,
        /// What differs.
        reason: String,
    },
    /// A job on a cluster failed. The message names the file or the value.
    #[error("the job failed on the cluster of {coordinator}: {reason}")]
    Cluster {
        /// Whose cluster.
        coordinator: String,
        /// What a worker says.
        reason: String,
    },
    /// An address cannot be listened on. Likely another process has the port.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The folder for what a worker makes cannot be written.
    #[error("{} cannot be used for what a worker makes: {source}", path.display())]
    WorkDir {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Worker threads could not be started.
    #[error("the engine's threads cannot be started: {0}")]
    Threads(#[from] std::io::Error),
    /// A task of the engine ended in a panic. This is a defect: of adproof or of DataFusion.
    #[error("a task of the engine failed: {0}")]
    Task(String),
}

impl EngineError {
    /// A file or an object that cannot be read to its end.
    pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_path_buf();
        match source.get_ref().and_then(|inner| inner.downcast_ref::<ObjectError>()) {
            Some(error) => Self::Object { path, error: error.clone() },
            None => Self::Unreadable { path, source },
        }
    }

    /// An error of a reader, which may have it from a bucket.
    pub(crate) fn read(path: &Path, error: &ArrowError) -> Self {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(cause) = next {
            // An error within an `io::Error` is no source of it.
            let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            let inner = inner.and_then(|inner| inner.downcast_ref::<ObjectError>());
            if let Some(error) = inner {
                return Self::Object { path: path.into(), error: error.clone() };
            }
            next = cause.source();
        }
        Self::Query(format!("{}: {error}", path.display()))
    }
}

impl From<DataFusionError> for EngineError {
    fn from(error: DataFusionError) -> Self {
        if let Some(StoreFailure { url, error }) = StoreFailure::below(&error) {
            return Self::Object { path: url.to_path(), error: error.clone() };
        }
        let error = match own(error) {
            Ok(error) => return error,
            Err(error) => error,
        };
        let text = error.strip_backtrace();
        let text = text.trim_end().to_owned();
        match error.find_root() {
            // Behind a pointer that several partitions share.
            DataFusionError::External(inner) => match inner.downcast_ref() {
                Some(Self::Load { table, reason }) => {
                    Self::Load { table: table.clone(), reason: reason.clone() }
                }
                _ => Self::Query(text),
            },
            // What follows is an account of all operators.
            DataFusionError::ResourcesExhausted(reason) => Self::Memory {
                limit: 0,
                reason: reason.split(" with top memory").next().unwrap_or(reason).to_owned(),
            },
            DataFusionError::ExecutionJoin(join) if join.is_panic() => Self::Task(text),
            _ => Self::Query(text),
        }
    }
}

/// An error of ours that went through DataFusion.
fn own(error: DataFusionError) -> Result<EngineError, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<EngineError>() {
            Ok(error) => Ok(*error),
            Err(inner) => Err(DataFusionError::External(inner)),
        },
        DataFusionError::Context(context, inner) => {
            own(*inner).map_err(|inner| DataFusionError::Context(context, Box::new(inner)))
        }
        DataFusionError::ArrowError(arrow, backtrace) => match *arrow {
            ArrowError::ExternalError(inner) => match inner.downcast::<EngineError>() {
                Ok(error) => Ok(*error),
                Err(inner) => {
                    let arrow = Box::new(ArrowError::ExternalError(inner));
                    Err(DataFusionError::ArrowError(arrow, backtrace))
                }
            },
            arrow => Err(DataFusionError::ArrowError(Box::new(arrow), backtrace)),
        },
        error => Err(error),
    }
}
