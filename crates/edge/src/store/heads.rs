use adproof_ledger::{Hash, NoteError, VerifiedCheckpoint};

use super::StoreError;
use super::disk::{Disk, replace};

/// A checkpoint with two names of a log and one signature has less than 1,000 bytes.
const SLOT_BYTES: usize = 4096;

/// The second place of the last checkpoint, outside of the ledger: a file with two slots that are
/// overwritten in turn. So one sync keeps a checkpoint, where a new file and its name need two,
/// and a torn write leaves the checkpoint before it.
#[derive(Debug)]
pub(super) struct Heads<D> {
    disk: D,
    path: String,
    /// What the file should hold: it is compared before each swap.
    known: Vec<u8>,
    /// The slot that was written last.
    slot: usize,
}

impl<D: Disk> Heads<D> {
    /// Reads the second place of the log `log`, and the newest checkpoint in it that verifies.
    pub(super) fn open(
        disk: D,
        log: &str,
        verify: impl Fn(&[u8]) -> Result<VerifiedCheckpoint, NoteError>,
    ) -> Result<(Self, Option<VerifiedCheckpoint>), StoreError> {
        let path = heads_file(log, "checkpoint");
        let known = disk.read(&path).map_err(StoreError::io(format!("reading {path}")))?;
        let known = known.unwrap_or_default();
        let (mut newest, mut slot, mut fault) = (None::<VerifiedCheckpoint>, 0, None);
        for (index, note) in known.chunks(SLOT_BYTES).enumerate() {
            let note = note.trim_ascii_end();
            if note.is_empty() {
                continue;
            }
            match verify(&[note, b"\n"].concat()) {
                Ok(head) if newest.as_ref().is_none_or(|other| other.size() <= head.size()) => {
                    (newest, slot) = (Some(head), index);
                }
                Ok(_) => {}
                Err(error) => fault = Some(error),
            }
        }
        match (newest, fault) {
            (None, Some(error)) => Err(StoreError::Checkpoint(error)),
            (newest, _) => Ok((Self { disk, path, known, slot }, newest)),
        }
    }

    /// Swaps the checkpoint, if nobody else has since it was read. When this returns, it is
    /// durable.
    pub(super) fn swap(&mut self, note: &str) -> Result<(), StoreError> {
        let io = || StoreError::io("keeping the checkpoint beside the keys");
        let found = self.disk.read(&self.path).map_err(io())?;
        if found.unwrap_or_default() != self.known {
            return Err(StoreError::SecondPlaceChanged);
        }
        let mut slot = note.as_bytes().to_vec();
        if slot.len() > SLOT_BYTES {
            return Err(io()(std::io::ErrorKind::FileTooLarge.into()));
        }
        slot.resize(SLOT_BYTES, b'\n');
        if self.known.len() != 2 * SLOT_BYTES {
            // The first one, with its name.
            slot.resize(2 * SLOT_BYTES, b'\n');
            replace(&mut self.disk, &self.path, &slot).map_err(io())?;
            (self.known, self.slot) = (slot, 0);
            return Ok(());
        }
        let next = 1 - self.slot.min(1);
        let at = next * SLOT_BYTES;
        let offset = u64::try_from(at).unwrap_or(u64::MAX);
        self.disk
            .write_at(&self.path, offset, &slot)
            .and_then(|()| self.disk.sync(&self.path))
            .map_err(io())?;
        if let Some(known) = self.known.get_mut(at..at + SLOT_BYTES) {
            known.copy_from_slice(&slot);
        }
        self.slot = next;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn into_disk(self) -> D {
        self.disk
    }
}

/// A file of a log in the second place: a log's name may hold slashes, its hash does not.
pub(super) fn heads_file(log: &str, kind: &str) -> String {
    format!("{}.{kind}", Hash::of(log.as_bytes()))
}
