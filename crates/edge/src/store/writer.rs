use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_ledger::frame::SEGMENT_HEADER_BYTES;
use adproof_ledger::{
    AppendError, Body, Chain, Content, Draft, Frontier, Hash, KeyChange, NamedKey, PublicKey,
    RecordTime, Recovery, Role, SignedRecord, Signer, TrustedKeys, VerifiedCheckpoint,
};

use super::commit::{Committer, Segment};
use super::disk::{Disk, Folder, replace};
use super::heads::{Heads, heads_file};
use super::lock::Lock;
use super::open::open;
use super::sign::{sign_all, threads};
use super::tiled::Tiled;
use super::{CHECKPOINT_FILE, CUT, KEYS_FILE, StoreError, segment_path};
use crate::anchors::beacon_path;

/// Bounds of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A segment that has reached this many bytes gets a successor.
    pub segment_bytes: u64,
    /// The tiles of the last so many records are not synced yet: the system writes them by itself
    /// in the meantime. After a loss of power about as many records are read again.
    pub unsynced_records: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, unsynced_records: 1 << 16 }
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
    /// The first record whose bytes were read and hashed. Those in front of it are known by the
    /// root of the checkpoint alone; verifying the ledger reads them.
    pub read_from: u64,
}

/// The one writer of a ledger.
pub struct LedgerWriter<D: Disk = Folder> {
    pub(super) committer: Committer<D>,
    pub(super) chain: Chain,
    pub(super) signer: Arc<dyn Signer>,
    opened: Opened,
    /// The beacon that a record has carried since the ledger was opened.
    carried: Option<Hash>,
    #[allow(dead_code, reason = "held for as long as the writer lives")]
    locks: Vec<Lock>,
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
        let mut locks = vec![Lock::exclusive(root)?];
        // What a crash left of an earlier attempt has a header and no record.
        let first = std::fs::metadata(root.join(segment_path(0))).map_or(0, |meta| meta.len());
        if usize::try_from(first).is_ok_and(|bytes| bytes > SEGMENT_HEADER_BYTES) {
            return Err(StoreError::Exists(root.to_owned()));
        }
        locks.extend(lock_heads(heads, log)?);
        let disks = (Folder::new(root), heads.map(Folder::new));
        let mut writer = Self::create_on(disks, log, signers, limits)?;
        writer.locks = locks;
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
        let mut locks = vec![Lock::exclusive(root)?];
        let disk = Folder::new(root);
        locks.extend(lock_heads(heads, own_keys(&disk)?.log())?);
        let mut writer = Self::open_on((disk, heads.map(Folder::new)), signers, now, limits)?;
        writer.locks = locks;
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
        self.committer.disk.root().to_owned()
    }
}

/// Holds the second place of a log: two copies of a ledger that are written at once would each
/// swap between the other's compare and swap.
fn lock_heads(heads: Option<&Path>, log: &str) -> Result<Option<Lock>, StoreError> {
    let Some(heads) = heads else { return Ok(None) };
    std::fs::create_dir_all(heads)
        .map_err(StoreError::io(format!("making the folder {}", heads.display())))?;
    Lock::exclusive_on(heads, &heads_file(log, "lock")).map(Some)
}

/// The public keys that lie in a ledger.
fn own_keys(disk: &impl Disk) -> Result<TrustedKeys, StoreError> {
    let keys = disk.read(KEYS_FILE).map_err(StoreError::io(format!("reading {KEYS_FILE}")))?;
    TrustedKeys::parse(&String::from_utf8_lossy(&keys.unwrap_or_default()))
        .map_err(|error| StoreError::Keys { path: KEYS_FILE.to_owned(), error })
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
        let heads = match second {
            Some(second) => Some(free_heads(second, log, signers.checkpoint.as_ref())?),
            None => None,
        };
        let mut committer = Committer {
            disk,
            heads,
            log: log.to_owned(),
            signer: signers.checkpoint,
            limits,
            edge: Frontier::new(),
            checkpoint: String::new(),
            segment: Segment::first(),
            bundle: Vec::new(),
            poisoned: false,
            settled: 0,
            told: 0,
        };
        committer.start_segment(0)?;
        let keys = trusted.to_text();
        replace(&mut committer.disk, KEYS_FILE, keys.as_bytes())
            .map_err(StoreError::io("writing the public keys"))?;
        Tiled::write(&mut committer.disk, 0)?;
        let note = committer.sign()?;
        committer.keep(&note)?;
        // The file appears for the first time: its name needs a sync.
        replace(&mut committer.disk, CHECKPOINT_FILE, note.as_bytes())
            .map_err(StoreError::io("publishing the checkpoint"))?;
        committer.checkpoint = note;
        let (signer, opened) = (signers.record.into(), Opened::default());
        Ok(Self { committer, chain, signer, opened, carried: None, locks: Vec::new() })
    }

    pub(super) fn open_on(
        (disk, second): (D, Option<D>),
        signers: Signers,
        now: &RecordTime,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let trusted = own_keys(&disk)?;
        let own = |keys: &[PublicKey], signer: &dyn Signer| keys.contains(&signer.public_key());
        let checkpoint_keys = trusted.checkpoint_keys().iter().map(|key| *key.key());
        if !own(trusted.record_keys(), signers.record.as_ref()) {
            return Err(StoreError::OtherKey("record"));
        }
        if !own(&checkpoint_keys.collect::<Vec<_>>(), signers.checkpoint.as_ref()) {
            return Err(StoreError::OtherKey("checkpoint"));
        }
        let (committer, chain, opened) =
            open((disk, second), &trusted, signers.checkpoint, limits)?;
        let signer = signers.record.into();
        let mut writer =
            Self { committer, chain, signer, opened, carried: None, locks: Vec::new() };
        writer.record_cuts(now)?;
        Ok(writer)
    }

    /// Writes a `recovery` record for every torn tail that has none yet.
    fn record_cuts(&mut self, now: &RecordTime) -> Result<(), StoreError> {
        let disk = &self.committer.disk;
        let names = disk.list(CUT).map_err(StoreError::io("listing the torn tails"))?;
        for name in names {
            let Some(stem) = name.strip_suffix(".pending") else {
                continue;
            };
            let path = format!("{CUT}/{name}");
            let tail = self.committer.disk.read(&path);
            let tail = tail.map_err(StoreError::io("reading the torn tail"))?;
            let tail = tail.unwrap_or_default();
            let bytes = u64::try_from(tail.len()).unwrap_or(u64::MAX);
            let recovery = Recovery { bytes, sha256: Hash::of(&tail) };
            self.append_bodies(vec![(Body::Recovery(recovery), now.clone())])?;
            self.committer
                .disk
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
        self.committer.edge.size()
    }

    /// The last published checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &str {
        &self.committer.checkpoint
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

    /// Appends records of any type as one batch, signed on all cores. An error that names a draft
    /// leaves the ledger as it was; any other poisons the writer.
    pub fn append_bodies<C: Into<Content>>(
        &mut self,
        bodies: Vec<(C, RecordTime)>,
    ) -> Result<Vec<Appended>, StoreError> {
        let signer = Arc::clone(&self.signer);
        self.append_signed(bodies, signer.as_ref())
    }

    /// Appends changes of keys, which the root key signs, as one batch.
    pub fn append_key_changes(
        &mut self,
        root: &dyn Signer,
        changes: Vec<(KeyChange, RecordTime)>,
    ) -> Result<Vec<Appended>, StoreError> {
        let bodies = changes.into_iter().map(|(change, time)| (Body::Key(change), time));
        self.append_signed(bodies.collect(), root)
    }

    /// Writes the public keys that lie in the ledger. What verifies does not believe them; they
    /// tell this store which keys are its own.
    pub fn publish_keys(&mut self, trusted: &TrustedKeys) -> Result<(), StoreError> {
        if trusted.log() != self.chain.log() {
            return Err(StoreError::OtherKey("log"));
        }
        let text = trusted.to_text();
        let found = self.committer.disk.read(KEYS_FILE).ok().flatten();
        if found.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        replace(&mut self.committer.disk, KEYS_FILE, text.as_bytes())
            .map_err(StoreError::io("writing the public keys"))
    }

    fn append_signed<C: Into<Content>>(
        &mut self,
        mut bodies: Vec<(C, RecordTime)>,
        signer: &dyn Signer,
    ) -> Result<Vec<Appended>, StoreError> {
        if self.committer.poisoned {
            return Err(StoreError::Poisoned);
        }
        let Some((_, time)) = bodies.first_mut() else {
            return Ok(Vec::new());
        };
        let beacon = new_beacon(&self.committer.disk, self.carried);
        if let Some(beacon) = beacon.filter(|_| time.beacon.is_none()) {
            time.beacon = Some(*beacon.as_bytes());
        }
        let mut chain = self.chain.clone();
        let kid = signer.key_id();
        let records = bodies
            .into_iter()
            .map(|(body, time)| chain.prepare(kid, body, &time))
            .collect::<Result<Vec<_>, _>>()
            .map_err(AppendError::Encode)?;
        let records = sign_all(records, signer, threads()).map_err(AppendError::Sign)?;
        self.committer.commit(&records)?;
        self.chain = chain;
        self.carried = beacon.or(self.carried);
        self.committer.tidy()?;
        Ok(records.iter().map(Appended::of).collect())
    }

    /// Writes the right edge of the tiles, so that the folder can be served as it is.
    pub fn close(mut self) -> Result<(), StoreError> {
        if self.committer.poisoned {
            return Err(StoreError::Poisoned);
        }
        self.committer.write_edge()
    }

    /// Takes the writer apart, for threads.
    pub(super) fn into_parts(self) -> (Committer<D>, Chain, Rest) {
        let Self { committer, chain, signer, opened, carried, locks } = self;
        (committer, chain, Rest { signer, opened, carried, locks })
    }

    #[cfg(test)]
    pub(super) fn into_disks(self) -> (D, Option<D>) {
        (self.committer.disk, self.committer.heads.map(Heads::into_disk))
    }
}

/// What remains of a writer beside its committer and its chain.
pub(super) struct Rest {
    pub(super) signer: Arc<dyn Signer>,
    opened: Opened,
    pub(super) carried: Option<Hash>,
    locks: Vec<Lock>,
}

impl Rest {
    /// The whole writer again.
    pub(super) fn join<D: Disk>(self, committer: Committer<D>, chain: Chain) -> LedgerWriter<D> {
        let Self { signer, opened, carried, locks } = self;
        LedgerWriter { committer, chain, signer, opened, carried, locks }
    }
}

/// The hash of the last time stamp, where no record has carried it since the ledger was opened.
/// Without it records say less, so that a file that cannot be read keeps nobody from writing.
pub(super) fn new_beacon(disk: &impl Disk, carried: Option<Hash>) -> Option<Hash> {
    let text = disk.read(&beacon_path()).ok().flatten()?;
    let beacon = Hash::from_hex(String::from_utf8_lossy(&text).trim_end());
    beacon.filter(|beacon| carried != Some(*beacon))
}

impl Appended {
    pub(super) const fn of(record: &SignedRecord) -> Self {
        Self { seq: record.seq, leaf: record.leaf }
    }
}

/// The second place for a new ledger. One that holds a head belongs to a ledger that is somewhere
/// else.
fn free_heads<D: Disk>(second: D, log: &str, signer: &dyn Signer) -> Result<Heads<D>, StoreError> {
    let key = NamedKey::new(log, signer.public_key());
    let verify = |note: &[u8]| VerifiedCheckpoint::verify(note, log, key.as_slice());
    match Heads::open(second, log, verify)? {
        // A crash between the second place and the ledger's own checkpoint leaves an empty head.
        (heads, head) if head.as_ref().is_none_or(|head| head.size() == 0) => Ok(heads),
        (_, head) => {
            let size = head.map_or(0, |head| head.size());
            Err(StoreError::OlderThanHead { ledger: 0, signed: size })
        }
    }
}
