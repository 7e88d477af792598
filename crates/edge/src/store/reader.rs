use std::ops::Range;
use std::path::{Path, PathBuf};

use adproof_ledger::frame::{Frames, split_segment};
use adproof_ledger::tree::{self, MemoryTree, NodeId, Nodes as _, leaf_hash};
use adproof_ledger::verify::KeyHistory;
use adproof_ledger::{Frontier, Hash, RecordSignature, TlogProof, TrustedKeys, VerifiedCheckpoint};

use super::disk::{Disk, Folder};
use super::lock::Lock;
use super::nodes::{StoredNodes, read_tile};
use super::{CHECKPOINT_FILE, KEYS_FILE, SEGMENTS, StoreError, segment_first, segment_path};

/// A record's bytes and signatures, out of their frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedFrame {
    /// The record's canonical bytes.
    pub entry: Vec<u8>,
    /// The signatures; the writer's is the first.
    pub signatures: Vec<RecordSignature>,
}

/// Reads a ledger while no writer holds it.
#[derive(Debug)]
pub struct LedgerReader {
    pub(super) disk: Folder,
    checkpoint: Vec<u8>,
    #[allow(dead_code, reason = "held for as long as the reader lives")]
    lock: Lock,
}

impl LedgerReader {
    /// Opens the ledger in `root`.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if !root.join(SEGMENTS).is_dir() && !root.join(CHECKPOINT_FILE).is_file() {
            return Err(StoreError::NoLedger(root.to_owned()));
        }
        let lock = Lock::shared(root)?;
        let disk = Folder::new(root);
        let checkpoint = disk
            .read(CHECKPOINT_FILE)
            .map_err(StoreError::io(format!("reading {CHECKPOINT_FILE}")))?
            .unwrap_or_default();
        Ok(Self { disk, checkpoint, lock })
    }

    /// Where the ledger is.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.disk.root().to_owned()
    }

    /// The published checkpoint, not verified; empty where the file is missing.
    #[must_use]
    pub fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    /// The public keys that lie in the ledger itself. To verify against them trusts the folder:
    /// whoever can replace the records can replace these.
    pub fn own_keys(&self) -> Result<TrustedKeys, StoreError> {
        let bytes = self
            .disk
            .read(KEYS_FILE)
            .map_err(StoreError::io(format!("reading {KEYS_FILE}")))?
            .unwrap_or_default();
        TrustedKeys::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|error| StoreError::Keys { path: KEYS_FILE.to_owned(), error })
    }

    /// Hands over the records in order, without judging them. Ends at the first damaged frame.
    pub fn each(&self, each: impl FnMut(u64, OwnedFrame)) -> Result<(), StoreError> {
        self.each_from(0, each)
    }

    /// The same from a place on.
    pub fn each_from(
        &self,
        first: u64,
        mut each: impl FnMut(u64, OwnedFrame),
    ) -> Result<(), StoreError> {
        let mut seq = first;
        each_frame(&self.disk, first..u64::MAX, |entry, signatures| {
            let signatures = signatures.to_vec();
            let entry = entry.to_vec();
            each(seq, OwnedFrame { entry, signatures });
            seq += 1;
        })
    }

    /// One record, not verified.
    pub fn record(&self, seq: u64) -> Result<OwnedFrame, StoreError> {
        let mut found = None;
        each_frame(&self.disk, seq..seq.saturating_add(1), |entry, signatures| {
            found = Some(OwnedFrame { entry: entry.to_vec(), signatures: signatures.to_vec() });
        })?;
        match found {
            Some(found) => Ok(found),
            None => Err(StoreError::NoRecord { seq, records: self.tree()?.size() }),
        }
    }

    /// The keys of the log as its key records tell whoever trusts `trusted`. All records are read.
    pub fn key_history(&self, trusted: &TrustedKeys) -> Result<KeyHistory, StoreError> {
        key_history(&self.disk, u64::MAX, trusted)
    }

    /// The tree over all records as they lie there.
    pub fn tree(&self) -> Result<MemoryTree, StoreError> {
        let mut tree = MemoryTree::new();
        each_entry(&self.disk, 0..u64::MAX, |entry| tree.push(leaf_hash(entry)))?;
        Ok(tree)
    }

    /// The proofs of records' places under a checkpoint that the caller has verified. They are made
    /// of tiles and checked against its root; where a tile is missing or wrong, all records are read.
    pub fn proofs(
        &self,
        checkpoint: &VerifiedCheckpoint,
        seqs: &[u64],
    ) -> Result<Vec<TlogProof>, StoreError> {
        let size = checkpoint.size();
        if let Some(seq) = seqs.iter().copied().find(|seq| *seq >= size) {
            return Err(StoreError::NoRecord { seq, records: size });
        }
        let hashes = if let Some(hashes) = self.proofs_of_tiles(checkpoint, seqs)? {
            hashes
        } else {
            let tree = self.tree()?;
            let proof = |seq: &u64| tree::inclusion_proof(&tree, *seq, size);
            let missing = |_| StoreError::NoRecord { seq: tree.size(), records: tree.size() };
            seqs.iter().map(proof).collect::<Result<_, _>>().map_err(missing)?
        };
        let note = checkpoint.note();
        let proofs = seqs.iter().zip(hashes).map(|(&index, hashes)| TlogProof {
            index,
            hashes,
            checkpoint: note.to_owned(),
        });
        Ok(proofs.collect())
    }

    /// None where the tiles do not lead to the checkpoint's root.
    fn proofs_of_tiles(
        &self,
        checkpoint: &VerifiedCheckpoint,
        seqs: &[u64],
    ) -> Result<Option<Vec<Vec<Hash>>>, StoreError> {
        let (size, root) = (checkpoint.size(), checkpoint.root());
        // The hashes of the last group may lie in no tile yet.
        let begin = size.saturating_sub(1) / 256 * 256;
        let Ok(mut edge) = Frontier::load(begin, |tile| read_tile(&self.disk, tile)) else {
            return Ok(None);
        };
        each_entry(&self.disk, begin..size, |entry| edge.push(leaf_hash(entry), |_, _| {}))?;
        if edge.size() != size || edge.root() != root {
            return Ok(None);
        }
        let nodes = StoredNodes::new(&self.disk, &edge);
        let proof = |&seq: &u64| {
            let leaf = nodes.node(NodeId { level: 0, index: seq })?;
            let hashes = tree::inclusion_proof(&nodes, seq, size).ok()?;
            tree::verify_inclusion(&leaf, seq, size, &hashes, &root).ok()?;
            Some(hashes)
        };
        Ok(seqs.iter().map(proof).collect())
    }
}

pub(super) fn segments(disk: &impl Disk) -> Result<Vec<u64>, StoreError> {
    let names = disk.list(SEGMENTS).map_err(StoreError::io("listing the segments"))?;
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| segment_first(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

pub(super) fn read_segment(disk: &impl Disk, path: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = disk.read(path).map_err(StoreError::io(format!("reading {path}")))?;
    Ok(bytes.unwrap_or_default())
}

/// The records whose places are in `range`, by where they lie.
pub(super) fn each_entry(
    disk: &impl Disk,
    range: Range<u64>,
    mut each: impl FnMut(&[u8]),
) -> Result<(), StoreError> {
    each_frame(disk, range, |entry, _| each(entry))
}

/// Whether a record is about keys, by its last fields, which are the same in every such record.
#[must_use]
pub fn is_key_record(entry: &[u8]) -> bool {
    entry.ends_with(b"\"typ\":\"key\",\"v\":1}")
}

/// Follows the key records among the first `size`. What does not hold is passed over: that is for a
/// verification to tell.
pub(super) fn key_history(
    disk: &impl Disk,
    size: u64,
    trusted: &TrustedKeys,
) -> Result<KeyHistory, StoreError> {
    let mut keys = KeyHistory::new(trusted);
    each_frame(disk, 0..size, |entry, signatures| {
        if is_key_record(entry) {
            let _ = keys.follow(entry, signatures);
        }
    })?;
    Ok(keys)
}

fn each_frame(
    disk: &impl Disk,
    range: Range<u64>,
    mut each: impl FnMut(&[u8], &[RecordSignature]),
) -> Result<(), StoreError> {
    let firsts = segments(disk)?;
    for (index, &first) in firsts.iter().enumerate() {
        let behind = firsts.get(index + 1).is_some_and(|next| *next <= range.start);
        if behind || first >= range.end {
            continue;
        }
        let path = segment_path(first);
        let bytes = read_segment(disk, &path)?;
        let Some((_, frames)) = split_segment(&bytes) else {
            return Ok(());
        };
        for (seq, frame) in (first..range.end).zip(Frames::new(frames)) {
            let Ok(frame) = frame else {
                return Ok(());
            };
            if range.contains(&seq) {
                each(frame.entry, &frame.signatures);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use adproof_ledger::{Body, MemoryKey, NamedKey, RecordTime, Recovery, Signer as _};

    use super::*;
    use crate::store::{LedgerWriter, Limits, Signers};

    const LOG: &str = "log.example";

    #[test]
    fn proofs_are_the_same_from_tiles_and_from_records_and_a_wrong_tile_changes_none() {
        let dir = tempfile::tempdir().unwrap();
        let key = |seed| Box::new(MemoryKey::from_seed(&[seed; 32]));
        let signers = Signers { record: key(1), checkpoint: key(2) };
        let limits = Limits { segment_bytes: 100_000, ..Limits::default() };
        let mut writer = LedgerWriter::create(dir.path(), LOG, signers, None, limits).unwrap();
        let named = NamedKey::new(LOG, key(2).public_key()).unwrap();
        let mut proofs = Vec::new();
        for count in [1_u64, 255, 1, 300, 211] {
            let body = |bytes| Body::Recovery(Recovery { bytes, sha256: Hash::ZERO });
            let time = RecordTime {
                wall_us: 0,
                error_us: 0,
                monotonic_us: 0,
                source: "fixed".into(),
                beacon: None,
            };
            let bodies = (0..count).map(|bytes| (body(bytes), time.clone())).collect();
            writer.append_bodies(bodies).unwrap();
            let note = writer.checkpoint().as_bytes();
            proofs
                .push(VerifiedCheckpoint::verify(note, LOG, std::slice::from_ref(&named)).unwrap());
        }
        writer.close().unwrap();
        let reader = LedgerReader::open(dir.path()).unwrap();
        let tree = reader.tree().unwrap();
        let check = |by_tiles: bool| {
            for checkpoint in &proofs {
                let size = checkpoint.size();
                let seqs: Vec<u64> = (0..size).step_by(17).chain([size - 1]).collect();
                let of_tiles = reader.proofs_of_tiles(checkpoint, &seqs).unwrap();
                // The last group of a small tree is in no tile.
                assert!(by_tiles == of_tiles.is_some() || size <= 256, "{size}");
                for proof in reader.proofs(checkpoint, &seqs).unwrap() {
                    let expected = tree::inclusion_proof(&tree, proof.index, size).unwrap();
                    assert_eq!(proof.hashes, expected);
                }
                assert!(reader.proofs(checkpoint, &[size]).is_err());
            }
        };
        check(true);
        let tile = dir.path().join("tile/0/000");
        let mut bytes = std::fs::read(&tile).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&tile, bytes).unwrap();
        check(false);
    }
}
