use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::StoreError;

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
        judge(root, file.try_lock()).map(|()| Self(Some(file)))
    }

    /// For readers. A ledger without a lock file (a copy, a read-only medium) has no writer.
    pub(crate) fn shared(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self(None)),
            Err(error) => return Err(StoreError::io(path.display().to_string())(error)),
        };
        judge(root, file.try_lock_shared()).map(|()| Self(Some(file)))
    }
}

fn judge(root: &Path, result: Result<(), TryLockError>) -> Result<(), StoreError> {
    match result {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(StoreError::Held(root.to_owned())),
        Err(TryLockError::Error(error)) => Err(StoreError::io("locking the ledger")(error)),
    }
}
