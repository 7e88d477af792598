//! Whose time a record carries.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use adproof_ledger::RecordTime;
use adproof_model::Timestamp;

/// Tells the time of a record. Decisions never ask: what they know ends with their window.
pub trait Clock: Send {
    /// The time now, with its source and error bound.
    fn now(&self) -> RecordTime;
}

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
    error_us: i64,
}

impl SystemClock {
    /// What a host is assumed to be off by where nobody measured it: one second.
    pub const ASSUMED_ERROR_US: i64 = 1_000_000;

    /// A clock whose host is off by at most `error_us`.
    #[must_use]
    pub fn new(error_us: i64) -> Self {
        Self { started: Instant::now(), error_us }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new(Self::ASSUMED_ERROR_US)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> RecordTime {
        let micros = |time: std::time::Duration| i64::try_from(time.as_micros());
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        RecordTime {
            wall_us: wall.ok().and_then(|wall| micros(wall).ok()).unwrap_or(0),
            error_us: self.error_us,
            monotonic_us: micros(self.started.elapsed()).unwrap_or(i64::MAX),
            source: "system".into(),
            beacon: None,
        }
    }
}

/// A clock that stands still, so that runs can be compared byte for byte. Its records say so.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> RecordTime {
        RecordTime {
            wall_us: self.0.micros(),
            error_us: 0,
            monotonic_us: 0,
            source: "fixed".into(),
            beacon: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_says_that_it_is_one() {
        let now = FixedClock(Timestamp::from_micros(7)).now();
        assert_eq!((now.wall_us, &*now.source), (7, "fixed"));
    }

    #[test]
    fn the_system_clock_moves_on() {
        let clock = SystemClock::default();
        let (first, second) = (clock.now(), clock.now());
        assert!(first.wall_us > 1_700_000_000_000_000);
        assert!(second.monotonic_us >= first.monotonic_us);
    }
}
