//! Gives drafts their place: the state between one record and the next.

use std::fmt;

use crate::body::RecordTime;
use crate::dsse::{self, RecordSignature};
use crate::fault::EncodeError;
use crate::hash::Hash;
use crate::key::{KeyId, SignError, Signer};
use crate::record::{Content, Place, is_log_name};
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

/// A record that has its place and its bytes, and waits for its signature. The record behind it
/// can be made already: what that names is the leaf hash, which no signature changes. So records
/// are made in order and signed side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedRecord {
    seq: u64,
    bytes: Vec<u8>,
    leaf: Hash,
}

impl UnsignedRecord {
    /// The record's place.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Signs it with the key that it names.
    pub fn sign(self, signer: &dyn Signer) -> Result<SignedRecord, SignError> {
        let Self { seq, bytes, leaf } = self;
        let signature = dsse::sign(signer, &bytes)?;
        Ok(SignedRecord { seq, bytes, leaf, signatures: vec![signature] })
    }
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

    /// Makes the next record, which the key `kid` is to sign.
    pub fn prepare(
        &mut self,
        kid: KeyId,
        content: impl Into<Content>,
        time: &RecordTime,
    ) -> Result<UnsignedRecord, EncodeError> {
        let Self { log, next_seq: seq, prev } = &*self;
        let (seq, place) = (*seq, Place { log, seq: *seq, prev, kid: &kid, time });
        let bytes = match content.into() {
            Content::Body(body) => place.bytes(&body)?,
            Content::Written(draft) => place.bytes_around(&draft)?,
        };
        let leaf = leaf_hash(&bytes);
        self.prev = leaf;
        self.next_seq += 1;
        Ok(UnsignedRecord { seq, bytes, leaf })
    }

    /// Makes the next record and signs it.
    pub fn append(
        &mut self,
        signer: &dyn Signer,
        content: impl Into<Content>,
        time: &RecordTime,
    ) -> Result<SignedRecord, AppendError> {
        let before = (self.next_seq, self.prev);
        let record = self.prepare(signer.key_id(), content, time).map_err(AppendError::Encode)?;
        record.sign(signer).map_err(|error| {
            (self.next_seq, self.prev) = before;
            AppendError::Sign(error)
        })
    }
}
