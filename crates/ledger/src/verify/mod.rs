//! Checks a whole log, or one record with its proof, against keys that the verifier brings.
//!
//! [`Verifier`] is fed the frames of a log in order and never stops at the first fault: its
//! [`Report`] names every record at which something is wrong, and the layer that found it. What
//! passes is worth exactly this: the holders of the trusted keys signed these records in this
//! order, and nobody else changed, left out or added one before the end of the checkpoint. That
//! the holders themselves did not write another history can only be told against what others have
//! kept: a checkpoint, a witness's cosignature, a time stamp, an acknowledgement. What was not
//! there to compare with is told by [`Report::not_checked`].
//!
//! Nearly all the work is in [`Examined::new`], which needs no neighbour: a caller with threads
//! examines frames in any order and hands them to [`Verifier::take`] in theirs.

mod examine;
mod fault;
mod history;
mod keys;
mod report;
mod single;
mod times;

pub use examine::{Examined, KeySet};
pub use fault::{Fault, Layer, Problem, Standing};
pub use history::KeyHistory;
pub use report::{Checked, NotChecked, Report};
pub use single::{RecordError, VerifiedRecord};
pub use times::{TimeBound, TimeStamp};

use self::examine::{Content, Parts, State, check_signature};
use self::keys::KeyLife;
use self::times::Times;
use crate::ack::Ack;
use crate::body::WindowClose;
use crate::change::Role;
use crate::draft::Action;
use crate::frame::{Frame, FrameFault};
use crate::hash::Hash;
use crate::note::{NoteError, VerifiedCheckpoint};
use crate::tiles::{TileId, TileKind, bundle_hashes, first_difference};
use crate::tree::{self, MemoryTree, NodeId, Nodes as _};
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

/// Checks the frames of a log one after the other.
pub struct Verifier<'t> {
    trusted: &'t TrustedKeys,
    limits: Limits,
    held: Vec<(VerifiedCheckpoint, Standing)>,
    acks: Vec<Ack>,
    keys: KeyLife,
    tree: MemoryTree,
    next_seq: u64,
    /// The leaf hash of the frame in front; none behind a damaged one.
    prev: Option<Hash>,
    /// What each frame decided; none where it decided nothing.
    actions: Vec<Option<Action>>,
    /// Behind the last record that a closed window sums up.
    closed: u64,
    checked: Checked,
    times: Times,
    problems: Vec<Problem>,
    problems_total: u64,
}

impl<'t> Verifier<'t> {
    /// A verifier that trusts these keys and nothing else.
    #[must_use]
    pub fn new(trusted: &'t TrustedKeys, limits: Limits) -> Self {
        Self {
            trusted,
            limits,
            held: Vec::new(),
            acks: Vec::new(),
            keys: KeyLife::new(trusted),
            tree: MemoryTree::new(),
            next_seq: 0,
            prev: Some(Hash::ZERO),
            actions: Vec::new(),
            closed: 0,
            checked: Checked::default(),
            times: Times::default(),
            problems: Vec::new(),
            problems_total: 0,
        }
    }

    /// Also checks against a checkpoint that was held elsewhere.
    #[must_use]
    pub fn held(self, checkpoint: VerifiedCheckpoint) -> Self {
        self.against(checkpoint, Standing::Held)
    }

    /// Also checks against a checkpoint for which somebody stands besides the log. Whether
    /// witnesses have cosigned it, or a time stamp is over it, the caller has verified.
    #[must_use]
    pub fn against(mut self, checkpoint: VerifiedCheckpoint, standing: Standing) -> Self {
        self.held.push((checkpoint, standing));
        self
    }

    /// Also checks the clocks of the records against a time stamp, which the caller has verified.
    #[must_use]
    pub fn stamped(mut self, stamp: &TimeStamp) -> Self {
        self.times.add(stamp);
        self
    }

    /// Also checks against an acknowledgement that the other party has kept.
    #[must_use]
    pub fn acknowledged(mut self, ack: Ack) -> Self {
        self.acks.push(ack);
        self
    }

    /// Notes a problem that the reader of the files met.
    pub fn problem(&mut self, record: Option<u64>, fault: Fault) {
        self.problems_total += 1;
        if self.problems.len() < self.limits.problems {
            self.problems.push(Problem { record, fault });
        }
    }

    /// The keys so far, for [`Examined::new`].
    #[must_use]
    pub const fn keys(&self) -> &KeySet {
        self.keys.set()
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

    /// Examines and takes the next frame.
    pub fn frame(&mut self, frame: &Result<Frame<'_>, FrameFault>) {
        let examined = Examined::new(frame, self.keys.set());
        self.take(examined);
    }

    /// Takes the next frame, which was examined before.
    pub fn take(&mut self, examined: Examined<'_>) {
        let (leaf, mut action) = (examined.leaf(), None);
        self.tree.push(leaf.unwrap_or(Hash::ZERO));
        match examined.0 {
            State::Damaged(fault) => {
                // It keeps a place of its own in the tree, so that those behind keep theirs.
                self.problem(Some(self.next_seq), Fault::Damaged(fault));
                self.next_seq = self.next_seq.saturating_add(1);
            }
            State::NotARecord { error, .. } => {
                self.problem(Some(self.next_seq), Fault::NotARecord(error));
                self.next_seq = self.next_seq.saturating_add(1);
            }
            State::Record(parts) => {
                if let Content::Decision(what) = parts.content {
                    action = Some(what);
                    self.checked.decisions += 1;
                }
                self.record(*parts);
            }
        }
        self.actions.push(action);
        self.prev = leaf;
    }

    fn record(&mut self, parts: Parts<'_>) {
        let seq = parts.seq;
        if seq > self.next_seq {
            self.problem(Some(self.next_seq), Fault::Missing { found: seq });
        } else if seq < self.next_seq {
            self.problem(Some(seq), Fault::OutOfPlace);
        }
        // After a gap or a repeat the rest is judged by the place that it claims.
        self.next_seq = self.next_seq.max(seq.saturating_add(1));
        if self.prev.is_some_and(|prev| prev != parts.prev) {
            self.problem(Some(seq), Fault::BrokenLink);
        }
        if parts.log != self.trusted.log() {
            self.problem(Some(seq), Fault::OtherLog(parts.log.clone()));
        }
        if let Err(fault) = self.signature(&parts) {
            self.problem(Some(seq), fault);
            return;
        }
        self.times.record(seq, &parts.time);
        match parts.content {
            Content::Key(change) => {
                if let Err(fault) = self.keys.change(seq, &change) {
                    self.problem(Some(seq), fault);
                }
            }
            Content::Ack(ack) => self.ack(Some(seq), &ack, parts.ack),
            Content::WindowClose(window) => self.window(seq, &window),
            Content::Decision(_) | Content::Other => {}
        }
    }

    fn signature(&mut self, parts: &Parts<'_>) -> Result<(), Fault> {
        let role = match parts.content {
            Content::Key(_) => Role::Root,
            _ => Role::Record,
        };
        let key = self.keys.signer(role, parts.kid, parts.seq)?;
        let frame = parts.frame;
        parts
            .signature
            .clone()
            .unwrap_or_else(|| check_signature(&key, &parts.kid, frame.entry, &frame.signatures))
    }

    /// An acknowledgement from record `at`, or from a file. `fits` says whether its signature does,
    /// where that is known.
    fn ack(&mut self, at: Option<u64>, ack: &Ack, fits: Option<bool>) {
        let statement = &ack.statement;
        let (kid, seq) = (ack.kid, statement.seq);
        if self.keys.knows(Role::Counterparty, &kid) {
            let place = at.unwrap_or(seq);
            let fits = match self.keys.signer(Role::Counterparty, kid, place) {
                Ok(key) => fits.unwrap_or_else(|| ack.verify(&key).is_ok()),
                Err(fault) => return self.problem(Some(place), fault),
            };
            if !fits {
                return self.problem(Some(place), Fault::AckSignature(kid));
            }
            self.checked.acks += 1;
        } else {
            self.checked.acks_of_strangers += 1;
        }
        if statement.log != self.trusted.log() {
            return;
        }
        // A record does not acknowledge itself or what comes behind it.
        let there = seq < at.unwrap_or(self.tree.size());
        match self.tree.node(NodeId { level: 0, index: seq }).filter(|_| there) {
            Some(leaf) if leaf == statement.leaf => {}
            Some(_) => self.problem(Some(seq), Fault::AckedOther { kid, ack: at }),
            None => self.problem(at, Fault::AckedNone { kid, seq }),
        }
    }

    fn window(&mut self, seq: u64, window: &WindowClose) {
        let first = window.records.first;
        let end = first.saturating_add(window.records.count);
        if end > seq || first < self.closed {
            return self.problem(Some(seq), Fault::WindowRange);
        }
        self.closed = end;
        let place = |seq: u64| usize::try_from(seq).unwrap_or(usize::MAX);
        let range = self.actions.get(place(first)..place(end)).unwrap_or_default();
        let count = |action| range.iter().filter(|found| **found == Some(action)).count();
        let counts = Action::NAMES.map(|(name, action)| {
            let said = window.totals.iter().filter(|total| total.action == action);
            let said = said.fold(0_u64, |sum, total| sum.saturating_add(total.count));
            (name, said, u64::try_from(count(action)).unwrap_or(u64::MAX))
        });
        for (action, said, found) in counts {
            self.checked.decisions_in_windows += found;
            if said != found {
                self.problem(Some(seq), Fault::WindowCount { action, said, found });
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

    /// Compares the records with the log's checkpoint and with what was held elsewhere.
    #[must_use]
    pub fn finish(mut self, checkpoint: &[u8]) -> Report {
        let checkpoint = match self.own_checkpoint(checkpoint) {
            Ok(checkpoint) => {
                self.compare(&checkpoint, Standing::Own);
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
        let mut sizes = Vec::new();
        for (checkpoint, standing) in std::mem::take(&mut self.held) {
            self.checked.count(standing);
            if self.compare(&checkpoint, standing) {
                sizes.push(checkpoint.size());
            }
        }
        for ack in std::mem::take(&mut self.acks) {
            self.ack(None, &ack, None);
        }
        for (record, fault) in self.keys.doubtful(&sizes) {
            self.problem(Some(record), fault);
        }
        let (times, problems) = std::mem::take(&mut self.times).finish();
        for Problem { record, fault } in problems {
            self.problem(record, fault);
        }
        Report {
            log: self.trusted.log().to_owned(),
            records: self.tree.size(),
            root: self.tree.root(),
            checkpoint,
            checked: self.checked,
            times,
            problems: self.problems,
            problems_total: self.problems_total,
        }
    }

    /// The log's own checkpoint, signed by a key that may sign one of its size.
    fn own_checkpoint(&self, bytes: &[u8]) -> Result<VerifiedCheckpoint, NoteError> {
        let log = self.trusted.log();
        let size = crate::note::size_of(bytes)?;
        VerifiedCheckpoint::verify(bytes, log, &self.keys.checkpoint_keys(log, size))
    }

    /// Whether the log begins with what the checkpoint signs.
    fn compare(&mut self, checkpoint: &VerifiedCheckpoint, standing: Standing) -> bool {
        let size = checkpoint.size();
        match tree::root_at(&self.tree, size) {
            Ok(root) if root == checkpoint.root() => return true,
            Err(_) if self.next_seq < size => {
                self.problem(Some(self.next_seq), Fault::CutOff { size, standing });
            }
            // Records within are missing, which their neighbours have told, or are others.
            _ => self.problem(None, Fault::OtherRoot { size, standing }),
        }
        false
    }
}
