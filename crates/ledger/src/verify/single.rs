use std::fmt;

use super::examine::check_signature;
use super::{Fault, KeyHistory};
use crate::change::Role;
use crate::dsse::RecordSignature;
use crate::hash::Hash;
use crate::note::{NoteError, VerifiedCheckpoint};
use crate::proof::TlogProof;
use crate::record::{Body, Record};
use crate::tree::{self, leaf_hash};
use crate::trust::TrustedKeys;

/// A record whose signature and place under a verified checkpoint have been checked. It can only
/// be made by verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    record: Record,
    leaf: Hash,
    checkpoint: VerifiedCheckpoint,
}

/// Why one record with its proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// Something is wrong with the record itself.
    Record(Fault),
    /// The proof is for another place than the record names.
    OtherPlace {
        /// The place in the proof.
        proof: u64,
        /// The place in the record.
        record: u64,
    },
    /// The proof does not lead from the record to the checkpoint's root.
    NotIncluded,
    /// The checkpoint cannot be trusted.
    Checkpoint(NoteError),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(fault) => fault.fmt(f),
            Self::OtherPlace { proof, record } => {
                write!(f, "its proof is for place {proof}, it names place {record}")
            }
            Self::NotIncluded => f.write_str("its proof does not lead to the checkpoint's root"),
            Self::Checkpoint(error) => write!(f, "its checkpoint: {error}"),
        }
    }
}

impl std::error::Error for RecordError {}

impl VerifiedRecord {
    /// Verifies one record on its own: its bytes, its signature by a trusted record key, its
    /// place in the tree, and the checkpoint over it.
    pub fn verify(
        trusted: &TrustedKeys,
        entry: &[u8],
        signatures: &[RecordSignature],
        proof: &TlogProof,
    ) -> Result<Self, RecordError> {
        Self::verify_with(&KeyHistory::new(trusted), entry, signatures, proof)
    }

    /// The same where the log's keys have changed.
    pub fn verify_with(
        keys: &KeyHistory,
        entry: &[u8],
        signatures: &[RecordSignature],
        proof: &TlogProof,
    ) -> Result<Self, RecordError> {
        let checkpoint = keys.checkpoint(proof.checkpoint.as_bytes());
        Self::under(keys, entry, signatures, proof, checkpoint.as_ref())
    }

    /// The same under a checkpoint that was verified before, and is that of the proof.
    pub(crate) fn under(
        keys: &KeyHistory,
        entry: &[u8],
        signatures: &[RecordSignature],
        proof: &TlogProof,
        checkpoint: Result<&VerifiedCheckpoint, &NoteError>,
    ) -> Result<Self, RecordError> {
        let record =
            Record::parse(entry).map_err(|error| RecordError::Record(Fault::NotARecord(error)))?;
        if record.log != keys.log() {
            return Err(RecordError::Record(Fault::OtherLog(record.log)));
        }
        let role = match record.body {
            Body::Key(_) => Role::Root,
            _ => Role::Record,
        };
        let key = keys.signer(role, record.kid, record.seq).map_err(RecordError::Record)?;
        check_signature(&key, &record.kid, entry, signatures).map_err(RecordError::Record)?;
        if proof.index != record.seq {
            return Err(RecordError::OtherPlace { proof: proof.index, record: record.seq });
        }
        let checkpoint = checkpoint.map_err(|error| RecordError::Checkpoint(error.clone()))?;
        let leaf = leaf_hash(entry);
        let (size, root) = (checkpoint.size(), checkpoint.root());
        tree::verify_inclusion(&leaf, proof.index, size, &proof.hashes, &root)
            .map_err(|_| RecordError::NotIncluded)?;
        Ok(Self { record, leaf, checkpoint: checkpoint.clone() })
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its leaf hash.
    #[must_use]
    pub const fn leaf(&self) -> Hash {
        self.leaf
    }

    /// The checkpoint over it.
    #[must_use]
    pub const fn checkpoint(&self) -> &VerifiedCheckpoint {
        &self.checkpoint
    }
}
