//! Taking a lock that may be about to become free.

use std::fs::TryLockError;
use std::thread;
use std::time::{Duration, Instant};

/// For how long a lock that is held is asked for again.
const PATIENCE: Duration = Duration::from_millis(250);

/// Tries to take a lock of a file, again and again for a quarter of a second. A process that has
/// just let go of one may have started a child in that moment, which holds what was open until it
/// has become another program.
pub(crate) fn patiently(lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), TryLockError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                thread::sleep(Duration::from_millis(5));
            }
            told => return told,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_lock_that_becomes_free_is_taken_and_one_that_stays_held_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let holder = File::create(&path).unwrap();
        holder.lock().unwrap();
        let asker = File::open(&path).unwrap();
        let began = Instant::now();
        assert!(matches!(patiently(|| asker.try_lock()), Err(TryLockError::WouldBlock)));
        assert!(began.elapsed() >= PATIENCE);
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                holder.unlock().unwrap();
            });
            patiently(|| asker.try_lock()).unwrap();
        });
    }
}
