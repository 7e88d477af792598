use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::writer::Appended;

/// What became of a submission. The error is shared by all that were in one batch.
pub type Outcome = Result<Vec<Appended>, Arc<StoreError>>;

/// A claim to the outcome of a submission.
#[derive(Clone, Debug, Default)]
pub struct Ticket(Arc<(Mutex<Option<Outcome>>, Condvar)>);

impl Ticket {
    /// Waits until the records are durable and published, or have failed.
    pub fn wait(&self) -> Outcome {
        let (outcome, changed) = &*self.0;
        let mut outcome = lock(outcome);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            outcome = changed.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The outcome, if there is one yet.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        lock(&self.0.0).clone()
    }
}

/// The other side of a ticket. Whoever drops it has not kept it.
pub(super) struct Promise(pub(super) Ticket);

impl Promise {
    pub(super) fn settle(&self, outcome: Outcome) {
        let (settled, changed) = &*self.0.0;
        let mut settled = lock(settled);
        if settled.is_none() {
            *settled = Some(outcome);
            changed.notify_all();
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Err(Arc::new(StoreError::Poisoned)));
    }
}

/// What a thread that panicked held is whole: every change under a lock is one assignment.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
