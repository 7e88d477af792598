use std::thread;

use adproof_ledger::{SignError, SignedRecord, Signer, UnsignedRecord};

/// Fewer records than this are signed before a second thread has started.
const MIN_SHARE: usize = 16;

/// Signs records side by side, on at most `threads` threads.
pub(super) fn sign_all(
    mut records: Vec<UnsignedRecord>,
    signer: &dyn Signer,
    threads: usize,
) -> Result<Vec<SignedRecord>, SignError> {
    let shares = (records.len() / MIN_SHARE).clamp(1, threads.max(1));
    let share = records.len().div_ceil(shares).max(1);
    let mut rest = Vec::new();
    while records.len() > share {
        rest.push(records.split_off(records.len() - share));
    }
    let sign = |records: Vec<UnsignedRecord>| {
        records.into_iter().map(|record| record.sign(signer)).collect::<Result<Vec<_>, _>>()
    };
    thread::scope(|scope| {
        let others: Vec<_> =
            rest.into_iter().map(|share| scope.spawn(move || sign(share))).collect();
        let mut all = sign(records)?;
        for other in others.into_iter().rev() {
            let panicked = |_| SignError::Unavailable("the signer panicked".to_owned());
            all.extend(other.join().map_err(panicked)??);
        }
        Ok(all)
    })
}

/// How many threads sign.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
