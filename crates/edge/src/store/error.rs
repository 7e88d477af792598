use std::io;
use std::path::PathBuf;

use adproof_ledger::{AppendError, EncodeError, NoteError, SignError, TrustError};

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no ledger. Likely cause: a wrong path, or it was never made.
    #[error("there is no ledger at {0}")]
    NoLedger(PathBuf),
    /// There is a ledger where a new one should be made.
    #[error("there is a ledger at {0} already")]
    Exists(PathBuf),
    /// Another process writes to the ledger, or reads it while it should be written.
    #[error("another process holds the ledger at {0}")]
    Held(PathBuf),
    /// A file could not be read or written. Likely cause: rights, or a full disk.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        error: io::Error,
    },
    /// A write or a sync failed before: what is on the disk is not known until the ledger is
    /// opened again.
    #[error("an earlier write failed; open the ledger again to see what is on the disk")]
    Poisoned,
    /// Something in front of the checkpoint is damaged. The store never repairs that.
    #[error("record {record} is damaged: {why}")]
    Damaged {
        /// The record.
        record: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The checkpoint cannot be trusted with the keys that were given.
    #[error("the checkpoint of the ledger: {0}")]
    Checkpoint(NoteError),
    /// The records do not hash to the root of the checkpoint.
    #[error("the records are not those that the checkpoint signs")]
    OtherRoot,
    /// The ledger is older than a checkpoint that its key has signed. Likely cause: it was
    /// restored from a backup. To write on would sign a second history.
    #[error(
        "the ledger ends at {ledger} records, but its key has signed a checkpoint of {signed}, \
         which its records do not lead to"
    )]
    OlderThanHead {
        /// Records in the ledger.
        ledger: u64,
        /// Records under the checkpoint in the second place.
        signed: u64,
    },
    /// The second place of the checkpoint changed while the ledger was open. Likely cause: a copy
    /// of the ledger is written with the same keys.
    #[error("the checkpoint kept beside the keys was changed by somebody else")]
    SecondPlaceChanged,
    /// The ledger's own list of public keys is missing or cannot be read.
    #[error("the list of public keys {path}: {error}")]
    Keys {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: TrustError,
    },
    /// The given keys are not those of the ledger.
    #[error("the {0} key is not one of this ledger")]
    OtherKey(&'static str),
    /// The log's name cannot be used, or a draft has no canonical bytes.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A record could not be made. Nothing was written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The checkpoint could not be signed. The records are on the disk; opening publishes them.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The index could not be made or read. Likely cause: another process makes it, or the folder
    /// cannot be written to. Nothing but speed depends on it.
    #[error("the index of the ledger: {0}")]
    Index(Box<redb::Error>),
    /// There is no record at this place.
    #[error("there is no record {seq}; the ledger has {records}")]
    NoRecord {
        /// The place.
        seq: u64,
        /// How many records there are.
        records: u64,
    },
}

impl StoreError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }

    /// Whether trying again later can help without anybody doing something.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Held(_))
    }
}
