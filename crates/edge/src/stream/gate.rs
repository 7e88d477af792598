//! How much may be on its way between a source and whoever works on it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Holds a source back: closed once more than the high mark is on its way, open again when it has
/// fallen below the low mark. The distance between the two keeps it from fluttering.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
    high_bytes: usize,
    low_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    held_bytes: usize,
    closed: bool,
    /// How often it has closed.
    closings: u64,
    gone: bool,
}

impl Gate {
    /// A gate for `capacity_bytes`, with marks in parts per hundred of it.
    #[must_use]
    pub fn new(capacity_bytes: usize, high_percent: u8, low_percent: u8) -> Self {
        let part = |percent: u8| (capacity_bytes / 100).saturating_mul(usize::from(percent));
        let high_bytes = part(high_percent).max(1);
        let low_bytes = part(low_percent).min(high_bytes);
        Self(Arc::new(Inner {
            state: Mutex::default(),
            changed: Condvar::new(),
            high_bytes,
            low_bytes,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is open. False when nobody works on what comes any more.
    #[must_use]
    pub fn wait(&self) -> bool {
        let state = self.state();
        let waiting = self.0.changed.wait_while(state, |state| state.closed && !state.gone);
        !waiting.unwrap_or_else(PoisonError::into_inner).gone
    }

    /// Waits until it is open, at most so long; whether it is.
    #[must_use]
    pub fn wait_for(&self, most: Duration) -> bool {
        let state = self.state();
        let waited = self.0.changed.wait_timeout_while(state, most, |state| state.closed);
        !waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.state().closed
    }

    /// So much more is on its way.
    pub fn enter(&self, bytes: usize) {
        let mut state = self.state();
        state.held_bytes = state.held_bytes.saturating_add(bytes);
        if !state.closed && state.held_bytes > self.0.high_bytes {
            state.closed = true;
            state.closings += 1;
        }
    }

    /// So much has arrived.
    pub fn leave(&self, bytes: usize) {
        let mut state = self.state();
        state.held_bytes = state.held_bytes.saturating_sub(bytes);
        if state.closed && state.held_bytes <= self.0.low_bytes {
            state.closed = false;
            self.0.changed.notify_all();
        }
    }

    /// Nobody works on what comes any more: whoever waits goes on and ends.
    pub fn abandon(&self) {
        self.state().gone = true;
        self.0.changed.notify_all();
    }

    /// Whether nobody works on what comes any more.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.state().gone
    }

    /// Bytes on their way, and how often the gate has closed.
    #[must_use]
    pub fn held(&self) -> (usize, u64) {
        let state = self.state();
        (state.held_bytes, state.closings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_above_the_high_mark_and_opens_at_the_low_one() {
        let gate = Gate::new(1_000, 80, 30);
        gate.enter(800);
        assert!(gate.is_open());
        gate.enter(1);
        assert!(!gate.is_open());
        gate.leave(500);
        assert!(!gate.is_open(), "301 bytes are above the low mark");
        assert!(!gate.wait_for(Duration::from_millis(1)));
        gate.leave(1);
        assert!(gate.is_open() && gate.wait());
        assert_eq!(gate.held(), (300, 1));
    }

    #[test]
    fn whoever_waits_is_let_go_when_nobody_works() {
        let gate = Gate::new(10, 80, 30);
        gate.enter(100);
        let other = gate.clone();
        let waiting = std::thread::spawn(move || other.wait());
        gate.abandon();
        assert!(!waiting.join().unwrap());
    }
}
