//! Work on many inputs at once, with the results in order and only a few of them in memory.

use std::collections::BTreeMap;
use std::iter;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

/// Results that may be there before their turn comes, for each thread. Tags differ in size, so one
/// that takes long should not make the others wait.
const AHEAD: usize = 2;

/// Items that are worked on together, at most: handing over a result costs as much as a small tag.
const TOGETHER: usize = 64;

/// Does the work with one thread a core, for a few items at a time, and hands `consume` the results
/// in the order of the items. What `consume` does not take is not worked on.
pub(super) fn in_order<I, T, R>(
    items: &[I],
    work: impl Fn(&[I]) -> T + Sync,
    consume: impl FnOnce(&mut dyn Iterator<Item = T>) -> R,
) -> R
where
    I: Sync,
    T: Send,
{
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    // Of few items, each thread has some, several times.
    let together = (items.len() / threads.saturating_mul(8).max(1)).clamp(1, TOGETHER);
    let gate = Gate::new(items.len().div_ceil(together), threads.saturating_mul(AHEAD));
    thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..threads {
            let sender = sender.clone();
            let (gate, work) = (&gate, &work);
            scope.spawn(move || {
                let _open = OpenOnPanic(gate);
                while let Some(place) = gate.next()
                    && let Some(few) = items.chunks(together).nth(place)
                {
                    if sender.send((place, work(few))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // Whatever ends `consume`, no thread may wait for it any longer.
        let _open = Open(&gate);
        let (mut early, mut turn) = (BTreeMap::new(), 0);
        let mut in_order = iter::from_fn(|| {
            loop {
                if let Some(result) = early.remove(&turn) {
                    turn += 1;
                    gate.taken(turn);
                    return Some(result);
                }
                let (place, result) = results.recv().ok()?;
                early.insert(place, result);
            }
        });
        consume(&mut in_order)
    })
}

/// Lets threads begin an item only when it is at most `ahead` before the one whose turn it is.
struct Gate {
    items: usize,
    ahead: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: usize,
    taken: usize,
    waiting: usize,
    stopped: bool,
}

impl Gate {
    fn new(items: usize, ahead: usize) -> Self {
        Self { items, ahead, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change of the state is one assignment: a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next item to work on; none when there is none left.
    fn next(&self) -> Option<usize> {
        let full = |state: &mut State| {
            !state.stopped && state.next < self.items && state.next >= state.taken + self.ahead
        };
        let mut state = self.state();
        if full(&mut state) {
            state.waiting += 1;
            let waited = self.changed.wait_while(state, full);
            state = waited.unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        if state.stopped || state.next >= self.items {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    fn taken(&self, taken: usize) {
        let mut state = self.state();
        state.taken = taken;
        let somebody_waits = state.waiting > 0;
        drop(state);
        if somebody_waits {
            self.changed.notify_all();
        }
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }
}

struct Open<'a>(&'a Gate);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A result that never comes must not keep the others waiting.
struct OpenOnPanic<'a>(&'a Gate);

impl Drop for OpenOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_first() {
        let slow = |items: &[u64]| {
            if items.iter().any(|item| item.is_multiple_of(50)) {
                thread::sleep(Duration::from_millis(2));
            }
            items.iter().map(|item| item * 2).collect::<Vec<u64>>()
        };
        for len in [0, 1, 2, 7, 65, 500] {
            let items: Vec<u64> = (0..len).collect();
            let doubled: Vec<u64> = in_order(&items, slow, |results| results.flatten().collect());
            assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn only_a_few_are_worked_on_before_their_turn() {
        let items: Vec<usize> = (0..10_000).collect();
        let begun = AtomicUsize::new(0);
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let bound = threads * (AHEAD + 1) * TOGETHER;
        let work = |items: &[usize]| {
            begun.fetch_add(items.len(), Ordering::SeqCst);
            items.last().copied().unwrap_or(0)
        };
        in_order(&items, work, |results| {
            for last in results.take(100) {
                assert!(begun.load(Ordering::SeqCst) <= last + 1 + bound);
            }
        });
        assert!(begun.load(Ordering::SeqCst) < 10_000, "what nobody takes is not worked on");
    }

    #[test]
    fn a_panic_ends_the_run() {
        let items: Vec<usize> = (0..1000).collect();
        let run = || {
            let work = |items: &[usize]| assert!(!items.contains(&7), "as the test wants");
            in_order(&items, work, |results| results.count())
        };
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
