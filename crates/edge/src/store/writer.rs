use std::path::{Path, PathBuf};

use adproof_ledger::frame::{
    Frame, Frames, SEGMENT_HEADER_BYTES, push_frame, segment_header, split_segment,
};
use adproof_ledger::tiles::{TileId, TileKind, bundle_hashes, push_entry};
use adproof_ledger::tree::{self, MemoryTree, leaf_hash};
use adproof_ledger::{
    Body, Chain, Checkpoint, Draft, Hash, NamedKey, PublicKey, Record, RecordTime, Recovery, Role,
    SignedRecord, Signer, TrustedKeys, VerifiedCheckpoint, dsse,
};

use super::disk::{Disk, Folder, replace};
use super::lock::Lock;
use super::{CHECKPOINT_FILE, CUT, KEYS_FILE, SEGMENTS, StoreError, segment_first, segment_path};

/// Bounds of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A segment that has reached this many bytes gets a successor.
    pub segment_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20 }
    }
}

/// The keys that the writer signs with. One key has one role.
pub struct Signers {
    /// Signs records.
    pub record: Box<dyn Signer>,
    /// Signs checkpoints.
    pub checkpoint: Box<dyn Signer>,
}

impl Signers {
    /// The public halves, under the names that they have in a log.
    fn trusted(&self, log: &str) -> Option<TrustedKeys> {
        let keys = [
            NamedKey::of_role(log, Role::Checkpoint, self.checkpoint.public_key())?,
            NamedKey::of_role(log, Role::Record, self.record.public_key())?,
        ];
        TrustedKeys::new(keys).ok()
    }
}

/// Where a record was put. It is durable and under a published checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: Hash,
}

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Records behind the checkpoint that were whole and are now published.
    pub kept: u64,
    /// Bytes of a torn tail that were cut off and saved under `cut/`.
    pub cut_bytes: u64,
}

/// The one writer of a ledger.
pub struct LedgerWriter<D: Disk = Folder> {
    disk: D,
    second: Option<D>,
    second_path: String,
    signers: Signers,
    limits: Limits,
    chain: Chain,
    tree: MemoryTree,
    checkpoint: String,
    segment: Segment,
    /// Records behind the last full entry bundle.
    bundle: Vec<u8>,
    poisoned: bool,
    opened: Opened,
    #[allow(dead_code, reason = "held for as long as the writer lives")]
    lock: Option<Lock>,
}

#[derive(Clone, Debug)]
struct Segment {
    path: String,
    bytes: u64,
}

impl LedgerWriter {
    /// Makes a new ledger in `root`, named `log`. `heads` is the folder of the second place,
    /// outside of the ledger, best beside the keys.
    pub fn create(
        root: &Path,
        log: &str,
        signers: Signers,
        heads: Option<&Path>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        if root.join(CHECKPOINT_FILE).exists() {
            return Err(StoreError::Exists(root.to_owned()));
        }
        std::fs::create_dir_all(root)
            .map_err(StoreError::io(format!("making the folder {}", root.display())))?;
        let lock = Lock::exclusive(root)?;
        // What a crash left of an earlier attempt has a header and no record.
        let first = std::fs::metadata(root.join(segment_path(0))).map_or(0, |meta| meta.len());
        if usize::try_from(first).is_ok_and(|bytes| bytes > SEGMENT_HEADER_BYTES) {
            return Err(StoreError::Exists(root.to_owned()));
        }
        let disks = (Folder::new(root), heads.map(Folder::new));
        let mut writer = Self::create_on(disks, log, signers, limits)?;
        writer.lock = Some(lock);
        Ok(writer)
    }

    /// Opens the ledger in `root` and brings it into order; see the module's table. `now` is the
    /// time of a `recovery` record, should one be due.
    pub fn open(
        root: &Path,
        signers: Signers,
        heads: Option<&Path>,
        now: &RecordTime,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        if !root.join(CHECKPOINT_FILE).exists() {
            return Err(StoreError::NoLedger(root.to_owned()));
        }
        let lock = Lock::exclusive(root)?;
        let disks = (Folder::new(root), heads.map(Folder::new));
        let mut writer = Self::open_on(disks, signers, now, limits)?;
        writer.lock = Some(lock);
        Ok(writer)
    }

    /// Opens the ledger, or makes it when there is none.
    pub fn open_or_create(
        root: &Path,
        log: &str,
        signers: Signers,
        heads: Option<&Path>,
        now: &RecordTime,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        if root.join(CHECKPOINT_FILE).exists() {
            Self::open(root, signers, heads, now, limits)
        } else {
            Self::create(root, log, signers, heads, limits)
        }
    }

    /// Where the ledger is.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.disk.root().to_owned()
    }
}

impl<D: Disk> LedgerWriter<D> {
    pub(super) fn create_on(
        (disk, second): (D, Option<D>),
        log: &str,
        signers: Signers,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let chain = Chain::new(log)?;
        let trusted = signers.trusted(log).ok_or(StoreError::OtherKey("record"))?;
        let mut writer = Self {
            disk,
            second,
            second_path: second_path(log),
            signers,
            limits,
            chain,
            tree: MemoryTree::new(),
            checkpoint: String::new(),
            segment: Segment { path: segment_path(0), bytes: 0 },
            bundle: Vec::new(),
            poisoned: false,
            opened: Opened::default(),
            lock: None,
        };
        writer.check_second_is_free()?;
        writer.start_segment(0)?;
        let keys = trusted.to_text();
        replace(&mut writer.disk, KEYS_FILE, keys.as_bytes())
            .map_err(StoreError::io("writing the public keys"))?;
        writer.publish()?;
        Ok(writer)
    }

    /// A second place that holds a head belongs to a ledger that is somewhere else.
    fn check_second_is_free(&mut self) -> Result<(), StoreError> {
        let Some(note) = self.read_second()? else {
            return Ok(());
        };
        let head = self.verify_own(note.as_bytes())?;
        if head.size() == 0 {
            // A crash between the second place and the ledger's own checkpoint.
            self.checkpoint = note;
            return Ok(());
        }
        Err(StoreError::OlderThanHead { ledger: 0, signed: head.size() })
    }

    pub(super) fn open_on(
        (disk, second): (D, Option<D>),
        signers: Signers,
        now: &RecordTime,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let checkpoint = read_text(&disk, CHECKPOINT_FILE)?.unwrap_or_default();
        let keys = read_text(&disk, KEYS_FILE)?.unwrap_or_default();
        let trusted = TrustedKeys::parse(&keys)
            .map_err(|error| StoreError::Keys { path: KEYS_FILE.to_owned(), error })?;
        let log = trusted.log().to_owned();
        let own = |keys: &[PublicKey], signer: &dyn Signer| keys.contains(&signer.public_key());
        let checkpoint_keys = trusted.checkpoint_keys().iter().map(|key| *key.key());
        if !own(trusted.record_keys(), signers.record.as_ref()) {
            return Err(StoreError::OtherKey("record"));
        }
        if !own(&checkpoint_keys.collect::<Vec<_>>(), signers.checkpoint.as_ref()) {
            return Err(StoreError::OtherKey("checkpoint"));
        }
        let mut writer = Self {
            chain: Chain::new(&log)?,
            disk,
            second,
            second_path: second_path(&log),
            signers,
            limits,
            tree: MemoryTree::new(),
            checkpoint,
            segment: Segment { path: segment_path(0), bytes: 0 },
            bundle: Vec::new(),
            poisoned: false,
            opened: Opened::default(),
            lock: None,
        };
        let published = writer.verify_own(writer.checkpoint.as_bytes())?;
        writer.scan(&trusted, &published)?;
        writer.settle(&published)?;
        writer.record_cuts(now)?;
        writer.write_tiles(0, true)?;
        writer.restore_bundles()?;
        Ok(writer)
    }

    /// Writes the full entry bundles that are missing or torn.
    fn restore_bundles(&mut self) -> Result<(), StoreError> {
        let reading = || StoreError::io("reading the entry bundles");
        let full = (0..self.tree.size() / 256).map(|index| TileId {
            kind: TileKind::Entries,
            index,
            width: 256,
        });
        for tile in full {
            let found = self.disk.read(&tile.to_string()).map_err(reading())?;
            if found.map(|found| bundle_hashes(&found)) == tile.hash_bytes(&self.tree) {
                continue;
            }
            let mut bundle = Vec::new();
            let first = tile.first_record(0);
            super::reader::each_entry(&self.disk, first..first + 256, |entry| {
                push_entry(&mut bundle, entry);
            })?;
            self.write_tile(&tile, &bundle)?;
        }
        Ok(())
    }

    fn verify_own(&self, note: &[u8]) -> Result<VerifiedCheckpoint, StoreError> {
        let log = self.chain.log();
        let key = NamedKey::new(log, self.signers.checkpoint.public_key());
        VerifiedCheckpoint::verify(note, log, key.as_slice()).map_err(StoreError::Checkpoint)
    }

    /// Reads all segments, builds the tree, and cuts what is torn behind the checkpoint.
    fn scan(
        &mut self,
        trusted: &TrustedKeys,
        published: &VerifiedCheckpoint,
    ) -> Result<(), StoreError> {
        let names = self.disk.list(SEGMENTS).map_err(StoreError::io("listing the segments"))?;
        let mut firsts: Vec<u64> = names.iter().filter_map(|name| segment_first(name)).collect();
        firsts.sort_unstable();
        for (index, first) in firsts.iter().enumerate() {
            let last = index + 1 == firsts.len();
            self.scan_segment(trusted, published, *first, last)?;
        }
        let size = published.size();
        if self.tree.size() < size {
            return Err(StoreError::Damaged {
                record: self.tree.size(),
                why: format!("it is missing; the checkpoint covers {size} records"),
            });
        }
        if tree::root_at(&self.tree, size).ok() != Some(published.root()) {
            return Err(StoreError::OtherRoot);
        }
        self.opened.kept = self.tree.size() - size;
        Ok(())
    }

    fn scan_segment(
        &mut self,
        trusted: &TrustedKeys,
        published: &VerifiedCheckpoint,
        first: u64,
        last: bool,
    ) -> Result<(), StoreError> {
        let path = segment_path(first);
        let bytes = self
            .disk
            .read(&path)
            .map_err(StoreError::io(format!("reading {path}")))?
            .unwrap_or_default();
        let next = self.tree.size();
        let damaged = |record, why: String| StoreError::Damaged { record, why };
        let covered = |seq: u64| seq < published.size();
        let header = split_segment(&bytes).filter(|(seq, _)| *seq == first && first == next);
        let Some((_, frames)) = header else {
            // A header is written before the first record of its segment is published.
            if !last || covered(next) || first != next {
                return Err(damaged(next, format!("the header of {path} is not right")));
            }
            self.cut(&path, &bytes, 0)?;
            return self.start_segment(first);
        };
        let mut reader = Frames::new(frames);
        let mut good = SEGMENT_HEADER_BYTES;
        while let Some(frame) = reader.next() {
            let seq = self.tree.size();
            let fault = match &frame {
                Ok(frame) if covered(seq) => {
                    self.adopt(frame);
                    None
                }
                Ok(frame) => match self.judge(trusted, frame) {
                    None => {
                        self.adopt(frame);
                        None
                    }
                    fault => fault,
                },
                Err(fault) => Some(fault.to_string()),
            };
            match fault {
                None => good = SEGMENT_HEADER_BYTES + reader.offset(),
                Some(why) if covered(seq) || !last => return Err(damaged(seq, why)),
                Some(_) => {
                    self.cut(&path, &bytes, good)?;
                    break;
                }
            }
        }
        self.segment = Segment { path, bytes: u64::try_from(good).unwrap_or(u64::MAX) };
        Ok(())
    }

    /// Takes a frame into tree, chain and bundle.
    fn adopt(&mut self, frame: &Frame<'_>) {
        let leaf = leaf_hash(frame.entry);
        self.advance(leaf, frame.entry);
        let next = self.tree.size();
        if let Ok(chain) = Chain::resume(self.chain.log(), next, leaf) {
            self.chain = chain;
        }
    }

    fn advance(&mut self, leaf: Hash, entry: &[u8]) {
        if self.tree.size().is_multiple_of(256) {
            self.bundle.clear();
        }
        self.tree.push(leaf);
        push_entry(&mut self.bundle, entry);
    }

    /// Whether an unpublished frame is one of this writer's own, in its place.
    fn judge(&self, trusted: &TrustedKeys, frame: &Frame<'_>) -> Option<String> {
        let record = match Record::parse(frame.entry) {
            Ok(record) => record,
            Err(error) => return Some(error.to_string()),
        };
        let in_place = record.seq == self.chain.next_seq()
            && record.prev == self.chain.prev()
            && record.log == self.chain.log();
        let signed = trusted.record_keys().iter().any(|key| {
            let signatures = frame.signatures.iter();
            key.id() == record.kid
                && signatures
                    .filter(|signature| signature.kid == record.kid)
                    .any(|signature| dsse::verify(key, frame.entry, signature).is_ok())
        });
        (!in_place || !signed).then(|| "it was not written by this ledger's keys".to_owned())
    }

    /// Saves what is behind `good` and cuts it off.
    fn cut(&mut self, path: &str, bytes: &[u8], good: usize) -> Result<(), StoreError> {
        let tail = bytes.get(good..).unwrap_or_default();
        if !tail.is_empty() {
            let saved = format!("{CUT}/{:020}-{}.pending", self.tree.size(), tail.len());
            replace(&mut self.disk, &saved, tail)
                .map_err(StoreError::io("saving the torn tail"))?;
            self.disk.sync_folder("").map_err(StoreError::io("saving the torn tail"))?;
        }
        let length = u64::try_from(good).unwrap_or(u64::MAX);
        self.disk
            .truncate(path, length)
            .and_then(|()| self.disk.sync(path))
            .map_err(StoreError::io(format!("cutting the torn tail of {path}")))
    }

    /// Brings ledger, second place and published checkpoint to one state.
    fn settle(&mut self, published: &VerifiedCheckpoint) -> Result<(), StoreError> {
        if let Some(note) = self.read_second()? {
            let head = self.verify_own(note.as_bytes())?;
            let leads = tree::root_at(&self.tree, head.size()).ok() == Some(head.root());
            if !leads {
                return Err(StoreError::OlderThanHead {
                    ledger: self.tree.size(),
                    signed: head.size(),
                });
            }
            if head.size() > published.size() {
                self.checkpoint.clone_from(&note);
            } else if note != self.checkpoint {
                self.write_second()?;
            }
        } else if self.second.is_some() {
            self.write_second()?;
        }
        if self.tree.size() > published.size() {
            // The frames were whole, but a crash may have kept them from being durable.
            let path = self.segment.path.clone();
            self.disk.sync(&path).map_err(StoreError::io(format!("syncing {path}")))?;
            self.publish()?;
        }
        Ok(())
    }

    /// Writes a `recovery` record for every torn tail that has none yet.
    fn record_cuts(&mut self, now: &RecordTime) -> Result<(), StoreError> {
        let names = self.disk.list(CUT).map_err(StoreError::io("listing the torn tails"))?;
        for name in names {
            let Some(stem) = name.strip_suffix(".pending") else {
                continue;
            };
            let path = format!("{CUT}/{name}");
            let tail = self.disk.read(&path);
            let tail = tail.map_err(StoreError::io("reading the torn tail"))?;
            let tail = tail.unwrap_or_default();
            let bytes = u64::try_from(tail.len()).unwrap_or(u64::MAX);
            let recovery = Recovery { bytes, sha256: Hash::of(&tail) };
            self.append_bodies(vec![(Body::Recovery(recovery), now.clone())])?;
            self.disk
                .rename(&path, &format!("{CUT}/{stem}.bin"))
                .map_err(StoreError::io("filing the torn tail"))?;
            self.opened.cut_bytes += bytes;
        }
        Ok(())
    }

    /// What opening found and did.
    #[must_use]
    pub const fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The log's name.
    #[must_use]
    pub fn log(&self) -> &str {
        self.chain.log()
    }

    /// How many records there are.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The last published checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Appends decisions as one batch and returns when all of them are durable and published.
    pub fn append(
        &mut self,
        drafts: Vec<(Draft, RecordTime)>,
    ) -> Result<Vec<Appended>, StoreError> {
        let bodies = drafts.into_iter();
        let bodies = bodies.map(|(draft, time)| (Body::Decision(Box::new(draft)), time));
        self.append_bodies(bodies.collect())
    }

    /// Appends records of any type as one batch. An error that names a draft leaves the ledger as
    /// it was; any other poisons the writer.
    pub fn append_bodies(
        &mut self,
        bodies: Vec<(Body, RecordTime)>,
    ) -> Result<Vec<Appended>, StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        if bodies.is_empty() {
            return Ok(Vec::new());
        }
        let mut chain = self.chain.clone();
        let signer = self.signers.record.as_ref();
        let records = bodies
            .into_iter()
            .map(|(body, time)| chain.append(signer, body, time))
            .collect::<Result<Vec<_>, _>>()?;
        let result = self.write_batch(&records);
        self.poisoned = result.is_err();
        result?;
        self.chain = chain;
        let places = records.iter().map(|record| Appended { seq: record.seq, leaf: record.leaf });
        Ok(places.collect())
    }

    fn write_batch(&mut self, records: &[SignedRecord]) -> Result<(), StoreError> {
        if self.segment.bytes >= self.limits.segment_bytes {
            self.start_segment(self.tree.size())?;
        }
        let mut frames = Vec::new();
        for record in records {
            // A record of this crate has one signature and at most 65,535 bytes: it fits.
            let _ = push_frame(&mut frames, &record.bytes, &record.signatures);
        }
        let path = self.segment.path.clone();
        let written = self.disk.append(&path, &frames);
        if let Err(error) = written {
            // On a full disk the half-written batch is taken back where that is possible.
            let _ = self.disk.truncate(&path, self.segment.bytes);
            return Err(StoreError::io(format!("writing to {path}"))(error));
        }
        self.disk.sync(&path).map_err(StoreError::io(format!("syncing {path}")))?;
        self.segment.bytes += u64::try_from(frames.len()).unwrap_or(u64::MAX);
        let old = self.tree.size();
        for record in records {
            self.advance(record.leaf, &record.bytes);
            self.write_full_bundle()?;
        }
        self.write_tiles(old, false)?;
        self.publish()
    }

    fn start_segment(&mut self, first: u64) -> Result<(), StoreError> {
        let path = segment_path(first);
        let header = segment_header(first);
        self.disk
            .write(&path, &header)
            .and_then(|()| self.disk.sync(&path))
            .and_then(|()| self.disk.sync_folder(SEGMENTS))
            .and_then(|()| self.disk.sync_folder(""))
            .map_err(StoreError::io(format!("starting the segment {path}")))?;
        self.segment = Segment { path, bytes: u64::try_from(header.len()).unwrap_or(0) };
        Ok(())
    }

    /// Writes the hash tiles that changed since `old`: the full ones, or all.
    fn write_tiles(&mut self, old: u64, partial: bool) -> Result<(), StoreError> {
        let tiles = TileId::changed(old, self.tree.size())
            .filter(|tile| matches!(tile.kind, TileKind::Hashes { .. }))
            .filter(|tile| partial || tile.is_full());
        for tile in tiles {
            let bytes = tile.hash_bytes(&self.tree).unwrap_or_default();
            self.write_tile(&tile, &bytes)?;
        }
        Ok(())
    }

    fn write_full_bundle(&mut self) -> Result<(), StoreError> {
        let size = self.tree.size();
        if size.is_multiple_of(256) {
            let bundle = std::mem::take(&mut self.bundle);
            let tile = TileId { kind: TileKind::Entries, index: size / 256 - 1, width: 256 };
            self.write_tile(&tile, &bundle)?;
        }
        Ok(())
    }

    /// Tiles are derived from the segments and need no sync: opening writes them again.
    fn write_tile(&mut self, tile: &TileId, bytes: &[u8]) -> Result<(), StoreError> {
        let path = tile.to_string();
        let known = self.disk.read(&path).ok().flatten();
        if known.as_deref() == Some(bytes) {
            return Ok(());
        }
        let new = format!("{path}.new");
        self.disk
            .write(&new, bytes)
            .and_then(|()| self.disk.rename(&new, &path))
            .map_err(StoreError::io(format!("writing {path}")))
    }

    /// Signs the tree as it is, swaps the second place, and publishes.
    fn publish(&mut self) -> Result<(), StoreError> {
        let checkpoint = Checkpoint {
            origin: self.chain.log().to_owned(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let note = checkpoint.sign(self.signers.checkpoint.as_ref())?;
        // Compare: nobody else has signed since.
        if self.second.is_some() && self.read_second()?.unwrap_or_default() != self.checkpoint {
            return Err(StoreError::SecondPlaceChanged);
        }
        self.checkpoint = note;
        self.write_second()?;
        replace(&mut self.disk, CHECKPOINT_FILE, self.checkpoint.as_bytes())
            .map_err(StoreError::io("publishing the checkpoint"))
    }

    fn read_second(&self) -> Result<Option<String>, StoreError> {
        match &self.second {
            Some(second) => read_text(second, &self.second_path),
            None => Ok(None),
        }
    }

    fn write_second(&mut self) -> Result<(), StoreError> {
        let Some(second) = &mut self.second else {
            return Ok(());
        };
        replace(second, &self.second_path, self.checkpoint.as_bytes())
            .map_err(StoreError::io("keeping the checkpoint beside the keys"))
    }

    /// Writes the right edge of the tiles, so that the folder can be served as it is.
    pub fn close(mut self) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        self.write_tiles(0, true)?;
        let width = u16::try_from(self.tree.size() % 256).unwrap_or(0);
        if width > 0 {
            let tile = TileId { kind: TileKind::Entries, index: self.tree.size() / 256, width };
            let bundle = std::mem::take(&mut self.bundle);
            self.write_tile(&tile, &bundle)?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn into_disks(self) -> (D, Option<D>) {
        (self.disk, self.second)
    }
}

/// The second place's file: a log's name may hold slashes, its hash does not.
fn second_path(log: &str) -> String {
    format!("{}.checkpoint", Hash::of(log.as_bytes()))
}

fn read_text(disk: &impl Disk, path: &str) -> Result<Option<String>, StoreError> {
    let bytes = disk.read(path).map_err(StoreError::io(format!("reading {path}")))?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}
