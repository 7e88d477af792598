//! Checks a whole log, or one record with its proof, against keys that the verifier brings.
//!
//! [`Verifier`] is fed the frames of a log in order and never stops at the first fault: its
//! [`Report`] names every record at which something is wrong. What passes is worth exactly this:
//! the holders of the trusted keys signed these records in this order, and nobody else changed,
//! left out or added one before the end of the checkpoint. That the holders themselves did not
//! write another history can only be told against a checkpoint that was held elsewhere.

use std::fmt;

use crate::change::{KeyAction, KeyChange, Role};
use crate::dsse::{self, RecordSignature};
use crate::fault::ParseError;
use crate::frame::{Frame, FrameFault};
use crate::hash::Hash;
use crate::key::{KeyId, PublicKey};
use crate::note::{NoteError, VerifiedCheckpoint};
use crate::proof::TlogProof;
use crate::record::{Body, Record};
use crate::tiles::{TileId, TileKind, bundle_hashes, first_difference};
use crate::tree::{self, MemoryTree, leaf_hash};
use crate::trust::TrustedKeys;

/// Bounds of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most problems that are described; further ones are counted.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { problems: 1000 }
    }
}

/// Something that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record it is about, where it is about one.
    pub record: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Some(record) => write!(f, "record {record}: {}", self.fault),
            None => self.fault.fmt(f),
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The frame on the disk is damaged or cut.
    Damaged(FrameFault),
    /// The bytes are not a record.
    NotARecord(ParseError),
    /// Another record stands in this one's place.
    Missing {
        /// The place of the record that stands there.
        found: u64,
    },
    /// The record stands behind one that should follow it, or is there twice.
    OutOfPlace,
    /// The record does not name the one in front of it: one of both was changed, left out or
    /// moved.
    BrokenLink,
    /// The record is of another log.
    OtherLog(String),
    /// The record names a key that may not sign it.
    UntrustedKey(KeyId),
    /// The record carries no signature of the key that it names.
    Unsigned,
    /// The signature does not fit: the record was changed after it was signed, or somebody
    /// without the key has signed it.
    BadSignature,
    /// The key that signed has been revoked, and no held checkpoint shows that the record was
    /// there before.
    Revoked(KeyId),
    /// The record is not there although a checkpoint covers it: the tail was cut off.
    CutOff {
        /// How many records the checkpoint covers.
        size: u64,
        /// Whether it is a checkpoint that the verifier held.
        held: bool,
    },
    /// The checkpoint does not cover this record and those behind it.
    NotCovered,
    /// There is no checkpoint, or it cannot be trusted.
    Checkpoint(NoteError),
    /// The records do not hash to the root that the checkpoint signs.
    OtherRoot {
        /// How many records the checkpoint covers.
        size: u64,
        /// Whether it is a checkpoint that the verifier held: then both are proof of a fork.
        held: bool,
    },
    /// A tile does not hold what the records hash to.
    Tile(String),
    /// A segment is missing, has another name than its content, or no header.
    Segment(String),
}

impl Fault {
    /// A name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "damaged",
            Self::NotARecord(_) => "not_a_record",
            Self::Missing { .. } => "missing",
            Self::OutOfPlace => "out_of_place",
            Self::BrokenLink => "broken_link",
            Self::OtherLog(_) => "other_log",
            Self::UntrustedKey(_) => "untrusted_key",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::Revoked(_) => "revoked",
            Self::CutOff { .. } => "cut_off",
            Self::NotCovered => "not_covered",
            Self::Checkpoint(_) => "checkpoint",
            Self::OtherRoot { .. } => "other_root",
            Self::Tile(_) => "tile",
            Self::Segment(_) => "segment",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = |held: &bool| if *held { "held" } else { "log's own" };
        match self {
            Self::Damaged(fault) => fault.fmt(f),
            Self::NotARecord(error) => error.fmt(f),
            Self::Missing { found } => {
                write!(f, "it is missing; record {found} stands in its place")
            }
            Self::OutOfPlace => f.write_str("it stands behind a record that should follow it"),
            Self::BrokenLink => {
                f.write_str("it does not follow the record in front of it as that is now")
            }
            Self::OtherLog(log) => write!(f, "it is of the log `{log}`"),
            Self::UntrustedKey(kid) => {
                write!(f, "it names the key {kid}, which is not trusted to sign it")
            }
            Self::Unsigned => f.write_str("it has no signature of the key that it names"),
            Self::BadSignature => f.write_str(
                "its signature does not fit: it was changed after it was signed, or signed \
                 without the key",
            ),
            Self::Revoked(kid) => write!(f, "the key {kid} that signed it has been revoked"),
            Self::CutOff { size, held } => write!(
                f,
                "it is missing, and so is what followed: the {} checkpoint covers {size} records",
                whose(held)
            ),
            Self::NotCovered => {
                f.write_str("the signed checkpoint covers neither it nor what follows")
            }
            Self::Checkpoint(error) => write!(f, "the checkpoint: {error}"),
            Self::OtherRoot { size, held } => write!(
                f,
                "the first {size} records are not those that the {} checkpoint signs",
                whose(held)
            ),
            Self::Tile(path) => write!(f, "{path} does not hold what the records hash to"),
            Self::Segment(path) => write!(f, "the segment {path} is not what its name says"),
        }
    }
}

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The log's name, from the trusted keys.
    pub log: String,
    /// How many records were read.
    pub records: u64,
    /// The root over them.
    pub root: Hash,
    /// The log's checkpoint, if it verified.
    pub checkpoint: Option<VerifiedCheckpoint>,
    /// What is wrong, in the order in which it was met.
    pub problems: Vec<Problem>,
    /// How many problems there are, described or not.
    pub problems_total: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.problems_total == 0
    }

    /// The lowest record at which something is wrong.
    #[must_use]
    pub fn first_record(&self) -> Option<u64> {
        self.problems.iter().filter_map(|problem| problem.record).min()
    }
}

/// A key and the records that it may sign.
struct KeySpan {
    key: PublicKey,
    role: Role,
    from: u64,
    until: u64,
    /// The first and the last record that it has signed.
    signed: Option<(u64, u64)>,
}

/// Checks the frames of a log one after the other.
pub struct Verifier<'t> {
    trusted: &'t TrustedKeys,
    limits: Limits,
    held: Vec<VerifiedCheckpoint>,
    keys: Vec<KeySpan>,
    revoked: Vec<(KeyId, u64)>,
    tree: MemoryTree,
    next_seq: u64,
    /// The leaf hash of the frame in front; none behind a damaged one.
    prev: Option<Hash>,
    problems: Vec<Problem>,
    problems_total: u64,
}

impl<'t> Verifier<'t> {
    /// A verifier that trusts these keys and nothing else.
    #[must_use]
    pub fn new(trusted: &'t TrustedKeys, limits: Limits) -> Self {
        let span = |role| {
            move |key: &PublicKey| KeySpan {
                key: *key,
                role,
                from: 0,
                until: u64::MAX,
                signed: None,
            }
        };
        let records = trusted.record_keys().iter().map(span(Role::Record));
        let roots = trusted.root_keys().iter().map(span(Role::Root));
        Self {
            trusted,
            limits,
            held: Vec::new(),
            keys: records.chain(roots).collect(),
            revoked: Vec::new(),
            tree: MemoryTree::new(),
            next_seq: 0,
            prev: Some(Hash::ZERO),
            problems: Vec::new(),
            problems_total: 0,
        }
    }

    /// Also checks against a checkpoint that was held elsewhere.
    #[must_use]
    pub fn held(mut self, checkpoint: VerifiedCheckpoint) -> Self {
        self.held.push(checkpoint);
        self
    }

    /// Notes a problem that the reader of the files met.
    pub fn problem(&mut self, record: Option<u64>, fault: Fault) {
        self.problems_total += 1;
        if self.problems.len() < self.limits.problems {
            self.problems.push(Problem { record, fault });
        }
    }

    /// The place of the record that is expected next.
    #[must_use]
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How many frames were taken.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Takes the next frame.
    pub fn frame(&mut self, frame: &Result<Frame<'_>, FrameFault>) {
        match frame {
            Ok(frame) => {
                let leaf = leaf_hash(frame.entry);
                self.tree.push(leaf);
                match Record::parse(frame.entry) {
                    Ok(record) => self.record(&record, frame),
                    Err(error) => {
                        self.problem(Some(self.next_seq), Fault::NotARecord(error));
                        self.next_seq = self.next_seq.saturating_add(1);
                    }
                }
                self.prev = Some(leaf);
            }
            Err(fault) => {
                self.problem(Some(self.next_seq), Fault::Damaged(*fault));
                // A place of its own in the tree, so that those behind keep theirs.
                self.tree.push(Hash::ZERO);
                self.next_seq = self.next_seq.saturating_add(1);
                self.prev = None;
            }
        }
    }

    fn record(&mut self, record: &Record, frame: &Frame<'_>) {
        let seq = record.seq;
        if seq > self.next_seq {
            self.problem(Some(self.next_seq), Fault::Missing { found: seq });
        } else if seq < self.next_seq {
            self.problem(Some(seq), Fault::OutOfPlace);
        }
        // After a gap or a repeat the rest is judged by the place that it claims.
        self.next_seq = self.next_seq.max(seq.saturating_add(1));
        if self.prev.is_some_and(|prev| prev != record.prev) {
            self.problem(Some(seq), Fault::BrokenLink);
        }
        if record.log != self.trusted.log() {
            self.problem(Some(seq), Fault::OtherLog(record.log.clone()));
        }
        match self.signature(record, frame) {
            Ok(()) => {
                if let Body::Key(change) = &record.body {
                    self.key_change(seq, change);
                }
            }
            Err(fault) => self.problem(Some(seq), fault),
        }
    }

    fn signature(&mut self, record: &Record, frame: &Frame<'_>) -> Result<(), Fault> {
        let role = match record.body {
            Body::Key(_) => Role::Root,
            _ => Role::Record,
        };
        let span = self.keys.iter_mut().find(|span| {
            span.role == role
                && (span.from..span.until).contains(&record.seq)
                && span.key.id() == record.kid
        });
        let span = span.ok_or(Fault::UntrustedKey(record.kid))?;
        let first = span.signed.map_or(record.seq, |(first, _)| first);
        span.signed = Some((first, record.seq));
        verify_signatures(&span.key, record, frame.entry, &frame.signatures)
    }

    fn key_change(&mut self, seq: u64, change: &KeyChange) {
        let Ok(key) = PublicKey::from_bytes(change.public.as_bytes()) else {
            return;
        };
        // A change never reaches back over records that stand already.
        let from = change.from_seq.max(seq + 1);
        let kid = key.id();
        match change.action {
            KeyAction::Add => self.keys.push(KeySpan {
                key,
                role: change.role,
                from,
                until: u64::MAX,
                signed: None,
            }),
            KeyAction::Retire | KeyAction::Revoke => {
                for span in &mut self.keys {
                    if span.key.id() == kid && span.role == change.role {
                        span.until = span.until.min(from);
                    }
                }
                if change.action == KeyAction::Revoke {
                    self.revoked.push((kid, seq));
                }
            }
        }
    }

    /// Compares the tiles of the tree with what `read` finds under their paths. A tile that is not
    /// there is passed over: tiles are derived and can be made again.
    pub fn tiles(&mut self, mut read: impl FnMut(&TileId) -> Option<Vec<u8>>) {
        for tile in TileId::changed(0, self.tree.size()) {
            let Some(expected) = tile.hash_bytes(&self.tree) else {
                continue;
            };
            let Some(found) = read(&tile) else {
                continue;
            };
            let found = match tile.kind {
                TileKind::Hashes { .. } => found,
                TileKind::Entries => bundle_hashes(&found),
            };
            if let Some(place) = first_difference(&expected, &found) {
                let record = tile.first_record(place);
                self.problem(Some(record), Fault::Tile(tile.to_string()));
            }
        }
    }

    /// Compares the records with the log's checkpoint and those that were held elsewhere.
    #[must_use]
    pub fn finish(mut self, checkpoint: &[u8]) -> Report {
        let log = self.trusted.log();
        let keys = self.trusted.checkpoint_keys();
        let checkpoint = VerifiedCheckpoint::verify(checkpoint, log, keys);
        let checkpoint = match checkpoint {
            Ok(checkpoint) => {
                self.compare(&checkpoint, false);
                if checkpoint.size() < self.tree.size() {
                    self.problem(Some(checkpoint.size()), Fault::NotCovered);
                }
                Some(checkpoint)
            }
            Err(error) => {
                self.problem(None, Fault::Checkpoint(error));
                None
            }
        };
        let held = std::mem::take(&mut self.held);
        for checkpoint in &held {
            self.compare(checkpoint, true);
        }
        self.judge_revoked(&held);
        Report {
            log: log.to_owned(),
            records: self.tree.size(),
            root: self.tree.root(),
            checkpoint,
            problems: self.problems,
            problems_total: self.problems_total,
        }
    }

    /// What a revoked key has signed stands only where a checkpoint that was held elsewhere shows
    /// that it was there before the revocation.
    fn judge_revoked(&mut self, held: &[VerifiedCheckpoint]) {
        for (kid, revoked_at) in std::mem::take(&mut self.revoked) {
            let sizes = held.iter().map(VerifiedCheckpoint::size);
            let safe = sizes.filter(|size| *size <= revoked_at).max().unwrap_or(0);
            let spans = self.keys.iter().filter(|span| span.key.id() == kid);
            let unsafe_spans =
                spans.filter_map(|span| span.signed).filter(|(_, last)| *last >= safe);
            if let Some((first, _)) = unsafe_spans.min() {
                self.problem(Some(first.max(safe)), Fault::Revoked(kid));
            }
        }
    }

    fn compare(&mut self, checkpoint: &VerifiedCheckpoint, held: bool) {
        let size = checkpoint.size();
        match tree::root_at(&self.tree, size) {
            Ok(root) if root == checkpoint.root() => {}
            Err(_) if self.next_seq < size => {
                self.problem(Some(self.next_seq), Fault::CutOff { size, held });
            }
            // Records within are missing, which their neighbours have told, or are others.
            _ => self.problem(None, Fault::OtherRoot { size, held }),
        }
    }
}

/// Checks that the key that the record names has signed it.
fn verify_signatures(
    key: &PublicKey,
    record: &Record,
    entry: &[u8],
    signatures: &[RecordSignature],
) -> Result<(), Fault> {
    let signature =
        signatures.iter().find(|signature| signature.kid == record.kid).ok_or(Fault::Unsigned)?;
    dsse::verify(key, entry, signature).map_err(|_| Fault::BadSignature)
}

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
        let record =
            Record::parse(entry).map_err(|error| RecordError::Record(Fault::NotARecord(error)))?;
        if record.log != trusted.log() {
            return Err(RecordError::Record(Fault::OtherLog(record.log)));
        }
        let keys = match record.body {
            Body::Key(_) => trusted.root_keys(),
            _ => trusted.record_keys(),
        };
        let key = keys.iter().find(|key| key.id() == record.kid);
        let key = key.ok_or(RecordError::Record(Fault::UntrustedKey(record.kid)))?;
        verify_signatures(key, &record, entry, signatures).map_err(RecordError::Record)?;
        if proof.index != record.seq {
            return Err(RecordError::OtherPlace { proof: proof.index, record: record.seq });
        }
        let note = proof.checkpoint.as_bytes();
        let checkpoint = VerifiedCheckpoint::verify(note, trusted.log(), trusted.checkpoint_keys())
            .map_err(RecordError::Checkpoint)?;
        let leaf = leaf_hash(entry);
        tree::verify_inclusion(
            &leaf,
            proof.index,
            checkpoint.size(),
            &proof.hashes,
            &checkpoint.root(),
        )
        .map_err(|_| RecordError::NotIncluded)?;
        Ok(Self { record, leaf, checkpoint })
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
