use std::io;
use std::path::PathBuf;

use adproof_feeds::FeedFault;

/// A run over logs that could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A log cannot be opened or read. Likely a missing file, its permissions, or a damaged
    /// archive.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The log.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no log of traffic.
    #[error("{}: {fault}", path.display())]
    NoLog {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: FeedFault,
    },
    /// A file is an event log with legs, which is joined before it is counted.
    #[error("{} is an event log with legs, not a log of traffic", path.display())]
    Legs {
        /// The file.
        path: PathBuf,
    },
    /// A column of a log in Parquet is of a type that is not read.
    #[error("{}: the column {column} is of type {kind}, which is not read", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type, as Arrow names it.
        kind: String,
    },
    /// A log was written to while it was read.
    #[error("{} was changed while it was read", path.display())]
    Changed {
        /// The log.
        path: PathBuf,
    },
    /// The folder in which logs are kept cannot be used.
    #[error("{} cannot be used to keep what was read: {source}", path.display())]
    Resume {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another run is using the folder in which logs are kept.
    #[error("another run keeps what it read in {}", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Runs cannot be written to the folder for what does not fit into memory.
    #[error("{} cannot be used for what does not fit into memory: {source}", path.display())]
    Spill {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A thread ended in a panic. This is a defect of adproof.
    #[error("a thread failed")]
    Thread,
}
