use std::ops::Range;
use std::path::{Path, PathBuf};

use adproof_ledger::frame::{Frames, split_segment};
use adproof_ledger::tree::{self, MemoryTree, leaf_hash};
use adproof_ledger::{RecordSignature, TlogProof, TrustedKeys, VerifiedCheckpoint};

use super::disk::{Disk, Folder};
use super::lock::Lock;
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

    /// The tree over all records as they lie there.
    pub fn tree(&self) -> Result<MemoryTree, StoreError> {
        let mut tree = MemoryTree::new();
        each_entry(&self.disk, 0..u64::MAX, |entry| tree.push(leaf_hash(entry)))?;
        Ok(tree)
    }

    /// The proofs of records' places under the published checkpoint, whose size the caller has
    /// verified.
    pub fn proofs(
        &self,
        checkpoint: &VerifiedCheckpoint,
        seqs: &[u64],
    ) -> Result<Vec<TlogProof>, StoreError> {
        let tree = self.tree()?;
        let proofs = seqs.iter().map(|&seq| {
            let missing = StoreError::NoRecord { seq, records: checkpoint.size() };
            if seq >= checkpoint.size() {
                return Err(missing);
            }
            let hashes = tree::inclusion_proof(&tree, seq, checkpoint.size());
            Ok(TlogProof {
                index: seq,
                hashes: hashes.map_err(|_| missing)?,
                checkpoint: checkpoint.note().to_owned(),
            })
        });
        proofs.collect()
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
