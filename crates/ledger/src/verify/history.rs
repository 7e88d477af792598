use super::Fault;
use super::examine::check_signature;
use super::keys::KeyLife;
use crate::change::Role;
use crate::dsse::RecordSignature;
use crate::key::{KeyId, NamedKey, PublicKey};
use crate::note::{NoteError, VerifiedCheckpoint};
use crate::record::{Body, Record};
use crate::trust::TrustedKeys;

/// The keys of a log as its `key` records tell, without the records between them: what a proof or
/// a checkpoint from behind a change of keys is verified with.
///
/// A root key signs a `key` record together with its place, so each holds by itself. Whether all of
/// them are there, only the whole log tells: a revocation that nobody shows is not known here.
#[derive(Clone, Debug)]
pub struct KeyHistory {
    log: String,
    life: KeyLife,
    /// Behind the last record that was followed.
    next_seq: u64,
    /// Sizes of checkpoints that somebody besides the log has seen.
    seen: Vec<u64>,
}

impl KeyHistory {
    /// The keys that the verifier brings, before any record.
    #[must_use]
    pub fn new(trusted: &TrustedKeys) -> Self {
        let (log, life) = (trusted.log().to_owned(), KeyLife::new(trusted));
        Self { log, life, next_seq: 0, seen: Vec::new() }
    }

    /// The log's name.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Does what a `key` record says, if a root key that was good at its place has signed it.
    /// Records come in the order of their places; others than `key` records are passed over.
    pub fn follow(&mut self, entry: &[u8], signatures: &[RecordSignature]) -> Result<(), Fault> {
        let record = Record::parse(entry).map_err(Fault::NotARecord)?;
        let Body::Key(change) = &record.body else {
            return Ok(());
        };
        if record.log != self.log {
            return Err(Fault::OtherLog(record.log));
        }
        if record.seq < self.next_seq {
            return Err(Fault::OutOfPlace);
        }
        let root = self.life.signer(Role::Root, record.kid, record.seq)?;
        check_signature(&root, &record.kid, entry, signatures)?;
        self.next_seq = record.seq.saturating_add(1);
        // A key that ends may be one that the verifier has never heard of.
        self.life.remember(change);
        self.life.change(record.seq, change)
    }

    /// A checkpoint of this size is one that somebody besides the log has seen: witnesses have
    /// cosigned it, it is under a time stamp, or the verifier has held it. What a key has signed
    /// under it stands, though it was revoked behind it.
    pub fn seen(&mut self, size: u64) {
        self.seen.push(size);
    }

    /// Verifies a checkpoint with the keys that may sign one of its size.
    pub fn checkpoint(&self, bytes: &[u8]) -> Result<VerifiedCheckpoint, NoteError> {
        let size = crate::note::size_of(bytes)?;
        VerifiedCheckpoint::verify(bytes, &self.log, &self.checkpoint_keys(size))
    }

    /// The keys that may sign a checkpoint of `size` records.
    #[must_use]
    pub fn checkpoint_keys(&self, size: u64) -> Vec<NamedKey> {
        self.life.checkpoint_keys(&self.log, size)
    }

    /// The key that may sign record `seq` in a role.
    pub fn signer(&self, role: Role, kid: KeyId, seq: u64) -> Result<PublicKey, Fault> {
        self.life.stands(role, kid, seq, &self.seen)
    }

    /// A counterparty's key for a statement that is in no record, so that nobody knows its place:
    /// any that was not revoked. None where there is no key of this id.
    pub(crate) fn counterparty(&self, kid: &KeyId) -> Option<Result<PublicKey, Fault>> {
        let known = self.life.knows(Role::Counterparty, kid);
        known.then(|| self.life.unrevoked(Role::Counterparty, kid))
    }
}
