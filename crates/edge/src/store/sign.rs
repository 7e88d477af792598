use std::sync::{Mutex, PoisonError};
use std::thread;

use adproof_ledger::{SignError, SignedRecord, Signer, UnsignedRecord};

/// Records that a thread takes at once. Fewer than twice as many are signed before a second thread
/// has started.
const SHARE: usize = 16;

/// Signs records side by side, on at most `threads` threads. Each takes a share when it is done
/// with the one before, because the thread at the disk takes now this core and now that one.
pub(super) fn sign_all(
    records: Vec<UnsignedRecord>,
    signer: &dyn Signer,
    threads: usize,
) -> Result<Vec<SignedRecord>, SignError> {
    let (count, threads) = (records.len(), (records.len() / SHARE).clamp(1, threads.max(1)));
    let rest = Mutex::new((0, records.into_iter()));
    let sign = || {
        let mut done = Vec::new();
        loop {
            let (number, share) = {
                let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
                rest.0 += 1;
                (rest.0, rest.1.by_ref().take(SHARE).collect::<Vec<_>>())
            };
            if share.is_empty() {
                return Ok(done);
            }
            let share = share.into_iter().map(|record| record.sign(signer));
            done.push((number, share.collect::<Result<Vec<_>, _>>()?));
        }
    };
    let mut shares = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(sign)).collect();
        let mut all = sign()?;
        for other in others {
            let panicked = |_| SignError::Unavailable("the signer panicked".to_owned());
            all.extend(other.join().map_err(panicked)??);
        }
        Ok(all)
    })?;
    shares.sort_unstable_by_key(|(number, _)| *number);
    let mut all = Vec::with_capacity(count);
    all.extend(shares.into_iter().flat_map(|(_, share)| share));
    Ok(all)
}

/// How many threads sign.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
