use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::StoreError;
use crate::held::patiently;

const FILE: &str = "lock";

/// Holds the ledger until it is dropped. The system releases it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "held for its lock")] Option<File>);

impl Lock {
    /// For the one writer.
    pub(crate) fn exclusive(root: &Path) -> Result<Self, StoreError> {
        Self::exclusive_on(root, FILE)
    }

    /// For the one who writes to something in `root` that has the lock file `name`.
    pub(super) fn exclusive_on(root: &Path, name: &str) -> Result<Self, StoreError> {
        let path = root.join(name);
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(StoreError::io(format!("opening {}", path.display())))?;
        judge(root, patiently(|| file.try_lock())).map(|()| Self(Some(file)))
    }

    /// For readers. A ledger without a lock file (a copy, a read-only medium) has no writer.
    pub(crate) fn shared(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self(None)),
            Err(error) => return Err(StoreError::io(path.display().to_string())(error)),
        };
        judge(root, patiently(|| file.try_lock_shared())).map(|()| Self(Some(file)))
    }
}

fn judge(root: &Path, result: Result<(), TryLockError>) -> Result<(), StoreError> {
    match result {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(root.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::io("locking the ledger")(error)),
    }
}

#[cfg(test)]
mod tests {
    use adproof_ledger::{MemoryKey, RecordTime};

    use super::*;
    use crate::store::{LedgerReader, LedgerWriter, Limits, Signers};

    #[test]
    fn one_writer_holds_the_ledger_and_the_second_place_of_its_log() {
        let dir = tempfile::tempdir().unwrap();
        let heads = dir.path().join("heads");
        let open = |ledger: &str| {
            let key = |seed| Box::new(MemoryKey::from_seed(&[seed; 32]));
            let signers = Signers { record: key(1), checkpoint: key(2) };
            let now = RecordTime {
                wall_us: 0,
                error_us: 0,
                monotonic_us: 0,
                source: "fixed".into(),
                beacon: None,
            };
            let (root, limits) = (dir.path().join(ledger), Limits::default());
            LedgerWriter::open_or_create(&root, "log.example", signers, Some(&heads), &now, limits)
        };
        let held = |opened: Result<LedgerWriter, StoreError>, folder: &str| match opened.err() {
            Some(StoreError::Held(path)) => assert_eq!(path, dir.path().join(folder)),
            other => panic!("{other:?}"),
        };
        let writer = open("ledger").unwrap();
        held(open("ledger"), "ledger");
        assert!(matches!(LedgerReader::open(&dir.path().join("ledger")), Err(StoreError::Held(_))));
        // A copy with the same keys would swap between this one's compare and swap.
        held(open("copy"), "heads");
        drop(writer);
        open("ledger").unwrap().close().unwrap();
    }
}
