//! Gives drafts their place: the state between one record and the next.

use std::fmt;

use crate::body::RecordTime;
use crate::dsse::{self, RecordSignature};
use crate::fault::EncodeError;
use crate::hash::Hash;
use crate::key::{SignError, Signer};
use crate::record::{Body, Record, is_log_name};
use crate::tree::leaf_hash;

/// A record's canonical bytes, its leaf hash and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    /// The record's place.
    pub seq: u64,
    /// The canonical bytes.
    pub bytes: Vec<u8>,
    /// Their leaf hash: what the next record names as `prev`.
    pub leaf: Hash,
    /// The signatures; the writer's is the first.
    pub signatures: Vec<RecordSignature>,
}

/// The end of a log: its name, the next place, and the hash that the next record follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    log: String,
    next_seq: u64,
    prev: Hash,
}

/// Why a record was not made. The chain is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendError {
    /// The value has no canonical bytes.
    Encode(EncodeError),
    /// The signer did not sign.
    Sign(SignError),
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AppendError {}

impl Chain {
    /// The beginning of a new log.
    pub fn new(log: &str) -> Result<Self, EncodeError> {
        Self::resume(log, 0, Hash::ZERO)
    }

    /// The end of a log that has `next_seq` records, the last of which has the leaf hash `prev`.
    pub fn resume(log: &str, next_seq: u64, prev: Hash) -> Result<Self, EncodeError> {
        if !is_log_name(log) {
            return Err(EncodeError::LogName);
        }
        Ok(Self { log: log.to_owned(), next_seq, prev })
    }

    /// The log's name.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// How many records there are: the place of the next one.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The leaf hash of the last record, [`Hash::ZERO`] when there is none.
    #[must_use]
    pub const fn prev(&self) -> Hash {
        self.prev
    }

    /// Makes the next record and signs it.
    pub fn append(
        &mut self,
        signer: &dyn Signer,
        body: Body,
        time: RecordTime,
    ) -> Result<SignedRecord, AppendError> {
        let record = Record {
            log: self.log.clone(),
            seq: self.next_seq,
            prev: self.prev,
            kid: signer.key_id(),
            time,
            body,
        };
        let bytes = record.to_bytes().map_err(AppendError::Encode)?;
        let signature = dsse::sign(signer, &bytes).map_err(AppendError::Sign)?;
        let leaf = leaf_hash(&bytes);
        self.prev = leaf;
        self.next_seq += 1;
        Ok(SignedRecord { seq: record.seq, bytes, leaf, signatures: vec![signature] })
    }
}
