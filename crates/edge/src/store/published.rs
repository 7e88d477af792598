use std::path::Path;
use std::sync::{Mutex, PoisonError};

use adproof_ledger::TrustedKeys;
use adproof_ledger::note::UnverifiedNote;
use adproof_ledger::tiles::{TILE_WIDTH, TileId, TileKind, bundle_start, push_entry, tile_hashes};
use adproof_ledger::tree::MemoryTree;
use adproof_ledger::verify::KeyHistory;

use super::disk::{Disk, Folder};
use super::reader::{each_entry, key_history};
use super::{CHECKPOINT_FILE, SEGMENTS, StoreError};
use crate::anchors::cosignatures_path;

/// What a ledger shows to strangers: its checkpoint and its C2SP tiles, also while a writer
/// appends. It takes no lock. What it shows never goes beyond the published checkpoint, in front of
/// which nothing changes any more.
#[derive(Debug)]
pub struct Published {
    disk: Folder,
    /// The entry bundle at the right edge, as far as it was read.
    edge: Mutex<Option<Edge>>,
    /// The hash tiles at the right edge, one a level.
    partial: Mutex<Vec<PartialTile>>,
}

#[derive(Debug)]
struct Edge {
    index: u64,
    width: u16,
    bundle: Vec<u8>,
}

#[derive(Debug)]
struct PartialTile {
    kind: TileKind,
    index: u64,
    bytes: Vec<u8>,
}

impl Published {
    /// Shows the ledger in `root`.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if !root.join(SEGMENTS).is_dir() || !root.join(CHECKPOINT_FILE).is_file() {
            return Err(StoreError::NoLedger(root.to_owned()));
        }
        let (edge, partial) = (Mutex::new(None), Mutex::new(Vec::new()));
        Ok(Self { disk: Folder::new(root), edge, partial })
    }

    /// The checkpoint as it is now, with the lines of the witnesses that have cosigned it.
    pub fn checkpoint(&self) -> Result<Vec<u8>, StoreError> {
        let mut note = self.plain()?;
        let size = UnverifiedNote::parse(&note).ok().and_then(|note| note.claimed_size());
        if let Some(size) = size {
            let path = cosignatures_path(size);
            let lines = self.disk.read(&path).map_err(StoreError::io(format!("reading {path}")))?;
            note.extend(lines.unwrap_or_default());
        }
        Ok(note)
    }

    /// The checkpoint as the log alone has signed it.
    pub fn plain(&self) -> Result<Vec<u8>, StoreError> {
        let read = self.disk.read(CHECKPOINT_FILE);
        let bytes = read.map_err(StoreError::io(format!("reading {CHECKPOINT_FILE}")))?;
        bytes.ok_or_else(|| StoreError::NoLedger(self.disk.root().to_owned()))
    }

    /// How many records the checkpoint covers now.
    pub fn size(&self) -> Result<u64, StoreError> {
        let checkpoint = self.plain()?;
        UnverifiedNote::parse(&checkpoint)
            .map(|note| note.claimed_size().unwrap_or(0))
            .map_err(StoreError::Checkpoint)
    }

    /// The keys of the log as its key records tell whoever trusts `trusted`. All records are read.
    pub fn key_history(&self, trusted: &TrustedKeys) -> Result<KeyHistory, StoreError> {
        key_history(&self.disk, self.size()?, trusted)
    }

    /// A tile's bytes, or none where the published tree has not all of it.
    pub fn tile(&self, tile: &TileId) -> Result<Option<Vec<u8>>, StoreError> {
        if !tile.is_within(self.size()?) {
            return Ok(None);
        }
        match tile.kind {
            TileKind::Hashes { level } => self.hashes(tile, level),
            TileKind::Entries => self.entries(tile),
        }
    }

    /// A partial tile is the beginning of every wider one in its place.
    fn hashes(&self, tile: &TileId, level: u8) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = usize::from(tile.width) * 32;
        if let Some(mut full) = self.on_disk(&TileId { width: TILE_WIDTH, ..*tile })? {
            full.truncate(bytes);
            return Ok((full.len() == bytes).then_some(full));
        }
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let place = partial.iter().position(|known| known.kind == tile.kind);
        let mut known = match place.map(|place| partial.swap_remove(place)) {
            Some(known) if known.index == tile.index => known,
            _ => PartialTile { kind: tile.kind, index: tile.index, bytes: Vec::new() },
        };
        if level == 0 && known.bytes.len() < bytes {
            let entries = TileId { kind: TileKind::Entries, ..*tile };
            let Some(bundle) = self.entries(&entries)? else {
                return Ok(None);
            };
            known.bytes = adproof_ledger::tiles::bundle_hashes(&bundle);
        }
        while known.bytes.len() < bytes {
            let place = u64::try_from(known.bytes.len() / 32).unwrap_or(u64::MAX);
            let Some(root) = self.root_of_tile(tile, level, place)? else {
                return Ok(None);
            };
            known.bytes.extend_from_slice(&root);
        }
        let found = known.bytes.get(..bytes).map(<[u8]>::to_vec);
        partial.push(known);
        Ok(found)
    }

    /// The hash over the full tile below one place of a tile.
    fn root_of_tile(
        &self,
        tile: &TileId,
        level: u8,
        place: u64,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let below = TileId {
            kind: TileKind::Hashes { level: level.saturating_sub(1) },
            index: tile.index.saturating_mul(u64::from(TILE_WIDTH)).saturating_add(place),
            width: TILE_WIDTH,
        };
        let hashes = self.on_disk(&below)?.and_then(|bytes| tile_hashes(&bytes));
        Ok(hashes.map(|hashes| *hashes.into_iter().collect::<MemoryTree>().root().as_bytes()))
    }

    fn entries(&self, tile: &TileId) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(full) = self.on_disk(&TileId { width: TILE_WIDTH, ..*tile })? {
            return Ok(bundle_start(&full, tile.width).map(<[u8]>::to_vec));
        }
        let mut edge = self.edge.lock().unwrap_or_else(PoisonError::into_inner);
        let known = edge.take().filter(|known| known.index == tile.index);
        let known = match known {
            Some(known) if known.width >= tile.width => known,
            _ => self.read_edge(tile)?,
        };
        let found = bundle_start(&known.bundle, tile.width).map(<[u8]>::to_vec);
        *edge = Some(known);
        Ok(found)
    }

    /// Reads the records of a bundle that is not full yet, up to the published checkpoint.
    fn read_edge(&self, tile: &TileId) -> Result<Edge, StoreError> {
        let first = tile.first_record(0);
        let end = self.size()?.min(tile.first_record(u64::from(TILE_WIDTH)));
        let (mut bundle, mut width) = (Vec::new(), 0);
        each_entry(&self.disk, first..end, |entry| {
            push_entry(&mut bundle, entry);
            width += 1;
        })?;
        Ok(Edge { index: tile.index, width, bundle })
    }

    fn on_disk(&self, tile: &TileId) -> Result<Option<Vec<u8>>, StoreError> {
        let path = tile.to_string();
        self.disk.read(&path).map_err(StoreError::io(format!("reading {path}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::LedgerWriter;
    use crate::store::writer::{Limits, Signers};
    use adproof_ledger::tiled::TiledTree;
    use adproof_ledger::tree::{leaf_hash, root_at};
    use adproof_ledger::{
        Body, Hash, MemoryKey, NamedKey, RecordTime, Recovery, Signer as _, VerifiedCheckpoint,
    };

    fn batch(from: u64, to: u64) -> Vec<(Body, RecordTime)> {
        let time = RecordTime {
            wall_us: 0,
            error_us: 0,
            monotonic_us: 0,
            source: "fixed".into(),
            beacon: None,
        };
        let body = |bytes| Body::Recovery(Recovery { bytes, sha256: Hash::ZERO });
        (from..to).map(|bytes| (body(bytes), time.clone())).collect()
    }

    fn writer(root: &Path) -> LedgerWriter {
        let signers = Signers {
            record: Box::new(MemoryKey::from_seed(&[1; 32])),
            checkpoint: Box::new(MemoryKey::from_seed(&[2; 32])),
        };
        LedgerWriter::create(root, "log.example", signers, None, Limits::default()).unwrap()
    }

    #[test]
    fn a_log_that_grows_shows_every_tile_of_every_published_size() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ledger");
        let mut writer = writer(&root);
        let published = Published::open(&root).unwrap();
        let mut size = 0;
        let mut sizes: Vec<u64> = Vec::new();
        for step in [1, 2, 100, 152, 1, 1, 300, 211, 80] {
            writer.append_bodies(batch(size, size + step)).unwrap();
            size += step;
            assert_eq!(published.size().unwrap(), size);
            sizes.push(size);
            // Every tile of this size and of all sizes before it, while the writer is at work.
            for size in &sizes {
                for tile in TileId::changed(0, *size) {
                    let bytes = published.tile(&tile).unwrap().unwrap();
                    if let TileKind::Hashes { .. } = tile.kind {
                        assert_eq!(bytes.len(), usize::from(tile.width) * 32, "{tile}");
                    }
                }
            }
            let tree = TiledTree::new(size, |tile| published.tile(tile).unwrap());
            let note = published.checkpoint().unwrap();
            let key = MemoryKey::from_seed(&[2; 32]).public_key();
            let keys = [NamedKey::new("log.example", key).unwrap()];
            let signed = VerifiedCheckpoint::verify(&note, "log.example", &keys).unwrap();
            assert_eq!(root_at(&tree, size), Ok(signed.root()));
        }
    }

    #[test]
    fn the_next_record_carries_a_new_beacon_once() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ledger");
        let mut writer = writer(&root);
        let anchors = root.join("anchors");
        std::fs::create_dir_all(&anchors).unwrap();
        let (one, two) = (Hash::of(b"one"), Hash::of(b"two"));
        writer.append_bodies(batch(0, 2)).unwrap();
        std::fs::write(anchors.join("beacon"), format!("{one}\n")).unwrap();
        writer.append_bodies(batch(2, 4)).unwrap();
        writer.append_bodies(batch(4, 5)).unwrap();
        std::fs::write(anchors.join("beacon"), format!("{two}\n")).unwrap();
        writer.append_bodies(batch(5, 7)).unwrap();
        std::fs::write(anchors.join("beacon"), "nonsense").unwrap();
        writer.append_bodies(batch(7, 8)).unwrap();
        writer.close().unwrap();
        let mut beacons = Vec::new();
        let reader = crate::store::LedgerReader::open(&root).unwrap();
        let read = reader.each(|seq, frame| {
            let record = adproof_ledger::Record::parse(&frame.entry).unwrap();
            beacons.extend(record.time.beacon.map(|beacon| (seq, Hash::new(beacon))));
        });
        read.unwrap();
        assert_eq!(beacons, [(2, one), (5, two)]);
    }

    #[test]
    fn nothing_beyond_the_checkpoint_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ledger");
        let mut writer = writer(&root);
        writer.append_bodies(batch(0, 3)).unwrap();
        let published = Published::open(&root).unwrap();
        for path in ["tile/0/000.p/4", "tile/0/000", "tile/entries/000.p/4", "tile/1/000.p/1"] {
            assert_eq!(published.tile(&TileId::parse(path).unwrap()).unwrap(), None, "{path}");
        }
        let leaf = published.tile(&TileId::parse("tile/0/000.p/1").unwrap()).unwrap().unwrap();
        let entry = published.tile(&TileId::parse("tile/entries/000.p/1").unwrap()).unwrap();
        assert_eq!(leaf, leaf_hash(&entry.unwrap()[2..]).as_bytes());
    }
}
