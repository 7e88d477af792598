use adproof_ledger::frame::{push_frame, segment_header};
use adproof_ledger::tiles::{TileId, TileKind, push_entry};
use adproof_ledger::{Checkpoint, Frontier, Hash, SignedRecord, Signer, hash_tile};

use super::disk::{Disk, replace};
use super::heads::Heads;
use super::writer::Limits;
use super::{CHECKPOINT_FILE, SEGMENTS, StoreError, segment_path};

/// Brings signed records to the disk. What it holds does not grow with the log.
pub(super) struct Committer<D> {
    pub(super) disk: D,
    pub(super) heads: Option<Heads<D>>,
    pub(super) log: String,
    pub(super) signer: Box<dyn Signer>,
    pub(super) limits: Limits,
    pub(super) edge: Frontier,
    /// The last checkpoint that was signed.
    pub(super) checkpoint: String,
    pub(super) segment: Segment,
    /// The records behind the last full entry bundle.
    pub(super) bundle: Vec<u8>,
    pub(super) poisoned: bool,
    /// The tiles of that many records have been synced, and of how many the ledger says so.
    pub(super) settled: u64,
    pub(super) told: u64,
}

/// The segment that is appended to.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) path: String,
    pub(super) bytes: u64,
}

impl Segment {
    pub(super) fn first() -> Self {
        Self { path: segment_path(0), bytes: 0 }
    }
}

impl<D: Disk> Committer<D> {
    /// The commit protocol, from `Ready` to `Published`; see the module's documentation. A step
    /// that fails poisons the writer.
    pub(super) fn commit(&mut self, batch: &[SignedRecord]) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        // Until the last step has succeeded nobody knows what the disk holds.
        self.poisoned = true;
        self.roll()?;
        self.write(batch)?;
        self.sync()?;
        self.tile(batch)?;
        let note = self.sign()?;
        self.keep(&note)?;
        self.publish(note)?;
        self.poisoned = false;
        Ok(())
    }

    /// A segment that is full gets a successor.
    fn roll(&mut self) -> Result<(), StoreError> {
        if self.segment.bytes < self.limits.segment_bytes {
            return Ok(());
        }
        self.start_segment(self.edge.size())
    }

    /// → `Written`: the frames are in the file, in one write.
    fn write(&mut self, batch: &[SignedRecord]) -> Result<(), StoreError> {
        let mut frames = Vec::with_capacity(batch.iter().map(|one| one.bytes.len() + 128).sum());
        for record in batch {
            // A record of the ledger's crate has at most 65,535 bytes and 16 signatures: it fits.
            let _ = push_frame(&mut frames, &record.bytes, &record.signatures);
        }
        let Segment { path, bytes } = &mut self.segment;
        if let Err(error) = self.disk.append(path, &frames) {
            // On a full disk the half-written batch is taken back where that is possible.
            let _ = self.disk.truncate(path, *bytes);
            return Err(StoreError::io(format!("writing to {path}"))(error));
        }
        *bytes += u64::try_from(frames.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// → `Durable`: from here on the records survive, whatever happens.
    pub(super) fn sync(&mut self) -> Result<(), StoreError> {
        let path = &self.segment.path;
        self.disk.sync(path).map_err(StoreError::io(format!("syncing {path}")))
    }

    /// → `Tiled`: the full tiles are in place before a checkpoint that covers them can be seen.
    fn tile(&mut self, batch: &[SignedRecord]) -> Result<(), StoreError> {
        for record in batch {
            self.advance(record.leaf, &record.bytes, true)?;
        }
        Ok(())
    }

    /// → `Signed`: over what is durable, never over what may be lost.
    pub(super) fn sign(&self) -> Result<String, StoreError> {
        let checkpoint =
            Checkpoint { origin: self.log.clone(), size: self.edge.size(), root: self.edge.root() };
        Ok(checkpoint.sign(self.signer.as_ref())?)
    }

    /// → `Kept`: nobody sees a checkpoint that a restored ledger could contradict.
    pub(super) fn keep(&mut self, note: &str) -> Result<(), StoreError> {
        match &mut self.heads {
            Some(heads) => heads.swap(note),
            None => Ok(()),
        }
    }

    /// → `Published`. Where the second place keeps the checkpoint durable, the ledger's own file
    /// needs no sync: should a loss of power tear it, opening writes it again.
    pub(super) fn publish(&mut self, note: String) -> Result<(), StoreError> {
        let io = StoreError::io("publishing the checkpoint");
        if self.heads.is_some() {
            self.disk.put_again(CHECKPOINT_FILE, note.as_bytes()).map_err(io)?;
        } else {
            replace(&mut self.disk, CHECKPOINT_FILE, note.as_bytes()).map_err(io)?;
        }
        self.checkpoint = note;
        Ok(())
    }

    /// Takes a leaf into the tree, and writes the tiles that are full now if told so.
    pub(super) fn advance(
        &mut self,
        leaf: Hash,
        entry: &[u8],
        write: bool,
    ) -> Result<(), StoreError> {
        let mut full = Vec::new();
        self.edge.push(leaf, |tile, hashes| {
            if write {
                full.push((tile, hash_tile(hashes)));
            }
        });
        push_entry(&mut self.bundle, entry);
        let size = self.edge.size();
        if size.is_multiple_of(256) {
            let tile = TileId { kind: TileKind::Entries, index: size / 256 - 1, width: 256 };
            let bundle = std::mem::take(&mut self.bundle);
            if write {
                full.push((tile, bundle));
            }
        }
        full.iter().try_for_each(|(tile, bytes)| self.write_tile(tile, bytes))
    }

    /// Writes a tile if it is not there as it should be. Tiles are derived from the segments and
    /// need no sync: opening writes again what a loss of power took.
    fn write_tile(&mut self, tile: &TileId, bytes: &[u8]) -> Result<(), StoreError> {
        let path = tile.to_string();
        if self.disk.read(&path).ok().flatten().as_deref() == Some(bytes) {
            return Ok(());
        }
        self.disk.put(&path, bytes).map_err(StoreError::io(format!("writing {path}")))
    }

    /// Begins the segment whose first record is `first`.
    pub(super) fn start_segment(&mut self, first: u64) -> Result<(), StoreError> {
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

    /// Writes the tiles that are not full, so that the folder can be served as it is.
    pub(super) fn write_edge(&mut self) -> Result<(), StoreError> {
        let open = self.edge.partial().map(|(tile, hashes)| (tile, hash_tile(hashes)));
        let open: Vec<_> = open.collect();
        for (tile, bytes) in &open {
            self.write_tile(tile, bytes)?;
        }
        let size = self.edge.size();
        if let Some(width) = u16::try_from(size % 256).ok().filter(|width| *width > 0) {
            let tile = TileId { kind: TileKind::Entries, index: size / 256, width };
            let bundle = std::mem::take(&mut self.bundle);
            self.write_tile(&tile, &bundle)?;
            self.bundle = bundle;
        }
        Ok(())
    }
}
