use adproof_ledger::frame::{Frame, Frames, SEGMENT_HEADER_BYTES, split_segment};
use adproof_ledger::tree::{self, leaf_hash};
use adproof_ledger::{
    Chain, Frontier, Hash, NoteError, Record, Signer, TrustedKeys, VerifiedCheckpoint, dsse,
};

use super::commit::{Committer, Segment};
use super::disk::{Disk, replace};
use super::heads::Heads;
use super::nodes::{StoredNodes, read_tile};
use super::reader::{read_segment, segments};
use super::tiled::Tiled;
use super::writer::{Limits, Opened};
use super::{CHECKPOINT_FILE, CUT, StoreError, segment_path};

/// Opens a ledger: finds its end, cuts what is torn, and brings the ledger, its tiles and both
/// places of the checkpoint to one state.
pub(super) fn open<D: Disk>(
    (disk, second): (D, Option<D>),
    trusted: &TrustedKeys,
    signer: Box<dyn Signer>,
    limits: Limits,
) -> Result<(Committer<D>, Chain, Opened), StoreError> {
    let log = trusted.log().to_owned();
    // By the writer's own key or one that it has followed: the caller has seen that its own is
    // among them.
    let verify = |note: &[u8]| VerifiedCheckpoint::verify(note, &log, trusted.checkpoint_keys());
    let (heads, head) = match second {
        Some(second) => {
            let (heads, head) = Heads::open(second, &log, verify)?;
            (Some(heads), head)
        }
        None => (None, None),
    };
    let found = disk.read(CHECKPOINT_FILE);
    let found = found.map_err(StoreError::io(format!("reading {CHECKPOINT_FILE}")))?;
    let published = match (verify(&found.unwrap_or_default()), &head) {
        (Ok(published), _) => published,
        // A loss of power may tear the file that was published; its copy was synced before.
        (Err(NoteError::NotANote), Some(head)) => head.clone(),
        (Err(error), _) => return Err(StoreError::Checkpoint(error)),
    };
    let committer = Committer {
        disk,
        heads,
        log,
        signer,
        limits,
        edge: Frontier::new(),
        checkpoint: published.note().to_owned(),
        segment: Segment::first(),
        bundle: Vec::new(),
        poisoned: false,
        settled: 0,
        told: 0,
    };
    let mut opening = Opening {
        committer,
        trusted,
        published,
        head,
        head_leads: false,
        begin: 0,
        prev: Hash::ZERO,
        opened: Opened::default(),
    };
    opening.find_end()?;
    opening.settle()?;
    let Opening { committer, prev, opened, .. } = opening;
    let chain = Chain::resume(&committer.log, committer.edge.size(), prev)?;
    Ok((committer, chain, opened))
}

/// The first record of the group of 256 that a record is in.
const fn start_of_group(seq: u64) -> u64 {
    seq / 256 * 256
}

struct Opening<'t, D> {
    committer: Committer<D>,
    trusted: &'t TrustedKeys,
    published: VerifiedCheckpoint,
    head: Option<VerifiedCheckpoint>,
    /// Whether the records lead to the checkpoint in the second place.
    head_leads: bool,
    /// The first record that is read. What lies in front of it is known by the checkpoint's root.
    begin: u64,
    /// The leaf hash of the last record.
    prev: Hash,
    opened: Opened,
}

impl<D: Disk> Opening<'_, D> {
    /// Reads what is needed to know the log's end and that it is the one that was signed.
    fn find_end(&mut self) -> Result<(), StoreError> {
        let tiled = Tiled::read(&self.committer.disk);
        let same_boot = tiled.is_of(&self.committer.disk);
        // The last group of records is read in any case: its tile is not full.
        let group = start_of_group(self.published.size().saturating_sub(1));
        let begin = if same_boot { group } else { start_of_group(group.min(tiled.settled)) };
        let start = Frontier::load(begin, |tile| read_tile(&self.committer.disk, tile));
        let start = start.unwrap_or_default();
        let start = match self.scan(start.clone()) {
            // Tiles are not to be trusted: another root may be their fault alone.
            Err(StoreError::OtherRoot) if start.size() > 0 => {
                self.scan(Frontier::new())?;
                Frontier::new()
            }
            Err(error) => return Err(error),
            Ok(()) => start,
        };
        self.opened.kept = self.committer.edge.size() - self.published.size();
        self.opened.read_from = start.size();
        if let Some(head) = self.head.as_ref().filter(|_| !self.head_leads) {
            let (ledger, signed) = (self.committer.edge.size(), head.size());
            return Err(StoreError::OlderThanHead { ledger, signed });
        }
        if start.size() != group || self.opened.kept > 0 || !same_boot {
            self.retile(start)?;
        }
        let settled = tiled.settled.min(start_of_group(self.committer.edge.size()));
        (self.committer.settled, self.committer.told) = (settled, settled);
        if same_boot {
            return Ok(());
        }
        Tiled::write(&mut self.committer.disk, settled)
    }

    /// Reads the segments from `start` on, and cuts what is torn behind the checkpoint.
    fn scan(&mut self, start: Frontier) -> Result<(), StoreError> {
        self.begin = start.size();
        self.prev = Hash::ZERO;
        self.committer.edge = start;
        self.committer.bundle.clear();
        self.passed()?;
        let firsts = segments(&self.committer.disk)?;
        let behind = firsts.partition_point(|first| *first <= self.begin).saturating_sub(1);
        let firsts = firsts.get(behind..).unwrap_or_default();
        let mut next = firsts.first().copied().filter(|first| *first <= self.begin).unwrap_or(0);
        for (index, first) in firsts.iter().enumerate() {
            next = self.scan_segment(*first, next, index + 1 == firsts.len())?;
        }
        if firsts.is_empty() && self.published.size() == 0 {
            return self.committer.start_segment(0);
        }
        let size = self.committer.edge.size();
        if size < self.published.size() {
            let why = format!("it is missing; the checkpoint covers {}", self.published.size());
            return Err(StoreError::Damaged { record: size, why });
        }
        Ok(())
    }

    /// Reads the segment `first`, in which the record `next` is expected, and gives the place
    /// behind its last record.
    fn scan_segment(&mut self, first: u64, next: u64, last: bool) -> Result<u64, StoreError> {
        let path = segment_path(first);
        let bytes = read_segment(&self.committer.disk, &path)?;
        let damaged = |record, why: String| StoreError::Damaged { record, why };
        let header = split_segment(&bytes).filter(|(seq, _)| *seq == first && first == next);
        let Some((_, frames)) = header else {
            // A header is written before the first record of its segment is published.
            if !last || self.is_covered(next) || first != next {
                return Err(damaged(next, format!("the header of {path} is not right")));
            }
            self.cut(&path, &bytes, 0)?;
            self.committer.start_segment(first)?;
            return Ok(next);
        };
        let mut reader = Frames::new(frames);
        let (mut seq, mut good) = (first, SEGMENT_HEADER_BYTES);
        while let Some(frame) = reader.next() {
            let fault = match &frame {
                Ok(_) if seq < self.begin => None,
                Ok(frame) if !self.is_covered(seq) => self.judge(seq, frame),
                Ok(_) => None,
                Err(fault) => Some(fault.to_string()),
            };
            match (fault, frame) {
                (None, Ok(frame)) => {
                    if seq >= self.begin {
                        self.adopt(&frame)?;
                    }
                    seq += 1;
                    good = SEGMENT_HEADER_BYTES + reader.offset();
                }
                (fault, _) if self.is_covered(seq) || !last => {
                    return Err(damaged(seq, fault.unwrap_or_default()));
                }
                _ => {
                    self.cut(&path, &bytes, good)?;
                    break;
                }
            }
        }
        let bytes = u64::try_from(good).unwrap_or(u64::MAX);
        self.committer.segment = Segment { path, bytes };
        Ok(seq)
    }

    /// Whether somebody may have been told that the record is there.
    fn is_covered(&self, seq: u64) -> bool {
        let head = self.head.as_ref().map_or(0, VerifiedCheckpoint::size);
        seq < self.published.size().max(head)
    }

    fn adopt(&mut self, frame: &Frame<'_>) -> Result<(), StoreError> {
        self.prev = leaf_hash(frame.entry);
        self.committer.advance(self.prev, frame.entry, false)?;
        self.passed()
    }

    /// Compares with the checkpoints at the sizes that they sign.
    fn passed(&mut self) -> Result<(), StoreError> {
        let size = self.committer.edge.size();
        let is_head = self.head.as_ref().is_some_and(|head| head.size() == size);
        if !is_head && size != self.published.size() {
            return Ok(());
        }
        let root = self.committer.edge.root();
        if let Some(head) = self.head.as_ref().filter(|head| head.size() == size) {
            self.head_leads = root == head.root();
        }
        if size == self.published.size() {
            if root != self.published.root() {
                return Err(StoreError::OtherRoot);
            }
            if let Some(head) = self.head.clone().filter(|head| head.size() < self.begin) {
                self.head_leads = self.proves(&head);
                if !self.head_leads {
                    // The tiles may be at fault: the records themselves shall tell.
                    return Err(StoreError::OtherRoot);
                }
            }
        }
        Ok(())
    }

    /// Whether an older checkpoint is of a beginning of this log, by the tiles.
    fn proves(&self, old: &VerifiedCheckpoint) -> bool {
        let nodes = StoredNodes::new(&self.committer.disk, &self.committer.edge);
        let new = (self.published.size(), &self.published.root());
        tree::consistency_proof(&nodes, old.size(), new.0).is_ok_and(|proof| {
            tree::verify_consistency((old.size(), &old.root()), new, &proof).is_ok()
        })
    }

    /// Whether an unpublished frame is one of this writer's own, in its place.
    fn judge(&self, seq: u64, frame: &Frame<'_>) -> Option<String> {
        let record = match Record::parse(frame.entry) {
            Ok(record) => record,
            Err(error) => return Some(error.to_string()),
        };
        let in_place =
            record.seq == seq && record.prev == self.prev && record.log == self.committer.log;
        let keys = self.trusted.record_keys().iter().chain(self.trusted.root_keys());
        let signed = keys.filter(|key| key.id() == record.kid).any(|key| {
            let signatures = frame.signatures.iter();
            signatures
                .filter(|signature| signature.kid == record.kid)
                .any(|signature| dsse::verify(key, frame.entry, signature).is_ok())
        });
        (!in_place || !signed).then(|| "it was not written by this ledger's keys".to_owned())
    }

    /// Saves what is behind `good` and cuts it off.
    fn cut(&mut self, path: &str, bytes: &[u8], good: usize) -> Result<(), StoreError> {
        let tail = bytes.get(good..).unwrap_or_default();
        let disk = &mut self.committer.disk;
        if !tail.is_empty() {
            let size = self.committer.edge.size();
            let saved = format!("{CUT}/{size:020}-{}.pending", tail.len());
            replace(disk, &saved, tail)
                .and_then(|()| disk.sync_folder(""))
                .map_err(StoreError::io("saving the torn tail"))?;
        }
        let length = u64::try_from(good).unwrap_or(u64::MAX);
        disk.truncate(path, length)
            .and_then(|()| disk.sync(path))
            .map_err(StoreError::io(format!("cutting the torn tail of {path}")))
    }

    /// Reads the records from `start` on once more and writes the tiles that are missing or torn.
    /// Only now is it known that the records are the right ones.
    fn retile(&mut self, start: Frontier) -> Result<(), StoreError> {
        let (begin, end) = (start.size(), self.committer.edge.size());
        let root = self.committer.edge.root();
        self.committer.edge = start;
        self.committer.bundle.clear();
        let firsts = segments(&self.committer.disk)?;
        let behind = firsts.partition_point(|first| *first <= begin).saturating_sub(1);
        for first in firsts.get(behind..).unwrap_or_default() {
            let bytes = read_segment(&self.committer.disk, &segment_path(*first))?;
            let frames = split_segment(&bytes).map_or(&[][..], |(_, frames)| frames);
            for (seq, frame) in (*first..end).zip(Frames::new(frames)) {
                if let Ok(frame) = frame
                    && seq >= begin
                {
                    self.committer.advance(leaf_hash(frame.entry), frame.entry, true)?;
                }
            }
        }
        if self.committer.edge.size() == end && self.committer.edge.root() == root {
            return Ok(());
        }
        Err(StoreError::OtherRoot)
    }

    /// Brings the second place and the published checkpoint to the records' state.
    fn settle(&mut self) -> Result<(), StoreError> {
        let committer = &mut self.committer;
        match &self.head {
            Some(head) if head.size() > self.published.size() => {}
            Some(head) if head.note() == committer.checkpoint => {}
            _ => {
                let note = committer.checkpoint.clone();
                committer.keep(&note)?;
            }
        }
        if committer.edge.size() > self.published.size() {
            // The frames were whole, but a crash may have kept them from being durable.
            committer.sync()?;
            let note = committer.sign()?;
            committer.keep(&note)?;
            return committer.publish(note);
        }
        let found = committer.disk.read(CHECKPOINT_FILE).ok().flatten();
        if found.as_deref() != Some(committer.checkpoint.as_bytes()) {
            let note = committer.checkpoint.clone();
            return committer.publish(note);
        }
        Ok(())
    }
}
