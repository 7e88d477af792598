use std::collections::BTreeMap;

use super::{Fault, Problem};
use crate::body::RecordTime;
use crate::hash::Hash;

/// A time stamp over a checkpoint, which the caller has verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeStamp {
    /// How many records the checkpoint covers.
    pub size: u64,
    /// They were there by then, µs since 1970-01-01T00:00:00Z.
    pub not_after_us: i64,
    /// SHA-256 of the stamp's file, and the time before which nobody can have known it, where it
    /// has such a time.
    pub beacon: Option<(Hash, i64)>,
}

/// What time stamps say of when records were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeBound {
    /// The first `size` records were there by then.
    NotAfter {
        /// How many.
        size: u64,
        /// µs since 1970-01-01T00:00:00Z.
        at_us: i64,
    },
    /// This record, which carries the hash of a time stamp, and all behind it are not older.
    NotBefore {
        /// The record.
        seq: u64,
        /// µs since 1970-01-01T00:00:00Z.
        at_us: i64,
    },
}

/// The first record whose own clock contradicts a time stamp, by how much, and how many do.
#[derive(Clone, Copy, Debug)]
struct Off {
    seq: u64,
    by_us: i64,
    records: u64,
}

/// Compares the clocks of records with time stamps, in the order of the records.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// By size.
    stamps: BTreeMap<u64, i64>,
    beacons: BTreeMap<[u8; 32], i64>,
    not_before_us: Option<i64>,
    bounds: Vec<TimeBound>,
    back: Option<Off>,
    ahead: Option<Off>,
}

impl Times {
    pub(super) fn add(&mut self, stamp: &TimeStamp) {
        let known = self.stamps.entry(stamp.size).or_insert(stamp.not_after_us);
        *known = stamp.not_after_us.min(*known);
        if let Some((hash, not_before_us)) = stamp.beacon {
            self.beacons.insert(*hash.as_bytes(), not_before_us);
        }
        // Whoever has seen more records at a time has seen the first of them too.
        let mut least = i64::MAX;
        for at_us in self.stamps.values_mut().rev() {
            least = least.min(*at_us);
            *at_us = least;
        }
    }

    pub(super) fn record(&mut self, seq: u64, time: &RecordTime) {
        let carried = time.beacon.and_then(|beacon| self.beacons.get(&beacon).copied());
        if let Some(at_us) = carried.filter(|at| self.not_before_us.is_none_or(|known| known < *at))
        {
            self.not_before_us = Some(at_us);
            self.bounds.push(TimeBound::NotBefore { seq, at_us });
        }
        let error_us = time.error_us.max(0);
        let latest = time.wall_us.saturating_add(error_us);
        let earliest = time.wall_us.saturating_sub(error_us);
        if let Some(at_us) = self.not_before_us.filter(|at_us| latest < *at_us) {
            note(&mut self.back, seq, at_us.saturating_sub(latest));
        }
        let covering = self.stamps.range(seq.saturating_add(1)..).next();
        if let Some((_, at_us)) = covering.filter(|(_, at_us)| earliest > **at_us) {
            note(&mut self.ahead, seq, earliest.saturating_sub(*at_us));
        }
    }

    pub(super) fn finish(self) -> (Vec<TimeBound>, Vec<Problem>) {
        let stamps = self.stamps.into_iter();
        let bounds = stamps.map(|(size, at_us)| TimeBound::NotAfter { size, at_us });
        let back = self.back.map(|Off { seq, by_us, records }| Problem {
            record: Some(seq),
            fault: Fault::ClockBack { by_us, records },
        });
        let ahead = self.ahead.map(|Off { seq, by_us, records }| Problem {
            record: Some(seq),
            fault: Fault::ClockAhead { by_us, records },
        });
        (bounds.chain(self.bounds).collect(), back.into_iter().chain(ahead).collect())
    }
}

fn note(off: &mut Option<Off>, seq: u64, by_us: i64) {
    match off {
        Some(off) => off.records = off.records.saturating_add(1),
        None => *off = Some(Off { seq, by_us, records: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wall_us: i64, beacon: Option<u8>) -> RecordTime {
        RecordTime {
            wall_us,
            error_us: 5,
            monotonic_us: 0,
            source: "fixed".into(),
            beacon: beacon.map(|beacon| [beacon; 32]),
        }
    }

    fn stamp(size: u64, at_us: i64, beacon: u8) -> TimeStamp {
        TimeStamp {
            size,
            not_after_us: at_us + 10,
            beacon: Some((Hash::new([beacon; 32]), at_us - 10)),
        }
    }

    fn problems(stamps: &[TimeStamp], records: &[RecordTime]) -> Vec<(u64, &'static str, u64)> {
        let mut times = Times::default();
        for stamp in stamps {
            times.add(stamp);
        }
        for (seq, time) in (0..).zip(records) {
            times.record(seq, time);
        }
        let (_, problems) = times.finish();
        let told = problems.into_iter().map(|problem| match problem.fault {
            Fault::ClockBack { records, .. } => (problem.record.unwrap(), "back", records),
            Fault::ClockAhead { records, .. } => (problem.record.unwrap(), "ahead", records),
            other => panic!("{other}"),
        });
        told.collect()
    }

    #[test]
    fn clocks_that_agree_with_the_stamps_are_in_order() {
        let stamps = [stamp(2, 100, 1), stamp(4, 200, 2)];
        let records =
            [at(50, None), at(90, None), at(110, Some(1)), at(190, None), at(220, Some(2))];
        assert_eq!(problems(&stamps, &records), []);
    }

    #[test]
    fn a_clock_that_was_set_back_shows_behind_a_beacon() {
        // The record carries a stamp of 100 − 10; its clock may be off by 5.
        for (wall_us, good) in [(85, true), (84, false)] {
            let found = problems(&[stamp(1, 100, 1)], &[at(50, None), at(wall_us, Some(1))]);
            assert_eq!(found.is_empty(), good, "{found:?}");
        }
        // All behind it are judged by it too; a stranger's beacon says nothing.
        let records = [at(50, Some(9)), at(20, Some(1)), at(20, None), at(300, None)];
        assert_eq!(problems(&[stamp(1, 100, 1)], &records), [(1, "back", 2)]);
    }

    #[test]
    fn a_clock_that_is_ahead_shows_under_a_stamp() {
        for (wall_us, good) in [(115, true), (116, false)] {
            let found = problems(&[stamp(1, 100, 1)], &[at(wall_us, None)]);
            assert_eq!(found.is_empty(), good, "{found:?}");
        }
        // A record behind what was stamped is not judged by it.
        assert_eq!(problems(&[stamp(1, 100, 1)], &[at(50, None), at(900, None)]), []);
        // The earlier of two stamps counts, whichever covers more.
        let stamps = [stamp(1, 500, 1), stamp(2, 100, 2)];
        assert_eq!(problems(&stamps, &[at(300, None)]), [(0, "ahead", 1)]);
    }

    #[test]
    fn bounds_are_told() {
        let mut times = Times::default();
        times.add(&stamp(2, 100, 1));
        times.record(0, &at(50, None));
        times.record(1, &at(60, None));
        times.record(2, &at(150, Some(1)));
        times.record(3, &at(160, Some(1)));
        let bounds = [
            TimeBound::NotAfter { size: 2, at_us: 110 },
            TimeBound::NotBefore { seq: 2, at_us: 90 },
        ];
        assert_eq!(times.finish().0, bounds);
    }
}
