//! Marks against exposure: is a block marked more often than its share of the operator's own
//! devices explains?
//!
//! `y` marks against `E` expected ones, negative binomial; the posterior of the block's rate over
//! the level's is `Gamma(a + y, a + E)`, and EB05 its 5 % quantile (DuMouchel 1999).

use std::collections::BTreeMap;

use adproof_model::Level;

use crate::census;
use crate::exposure::Record;
use crate::num::{float, ppm, ppm_wide};
use crate::rows::Key;
use crate::special::{binomial_tail, gamma_quantile};

/// A block against exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Excess {
    /// Marks of the block that no reported narrower block holds: pairs of indicator and issue.
    pub observed: u64,
    /// Marks that the block's share of unflagged devices explains, in millionths.
    pub expected_ppm: u64,
    /// EB05: the 5 % quantile of the rate over the level's rate, in parts per million.
    pub low_ppm: u64,
    /// The chance of so many marks when they fall on devices at random, in parts per million: the
    /// permutation p-value.
    pub chance_ppm: u32,
}

/// Unflagged devices of the own log by block.
pub(crate) struct Shares {
    by_key: BTreeMap<Key, u64>,
    all: u64,
}

impl Shares {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut by_key = BTreeMap::new();
        for level in Level::ALL {
            for (key, totals) in census::rows(records, level) {
                if totals.unflagged_devices > 0 {
                    by_key.insert(key, totals.unflagged_devices);
                }
            }
        }
        Self { by_key, all: census::totals(records).unflagged_devices }
    }

    /// Distinct unflagged devices of the whole log.
    pub(crate) fn devices(&self) -> u64 {
        self.all
    }

    pub(crate) fn of_key(&self, key: Key) -> Option<u64> {
        self.by_key.get(&key).copied()
    }
}

/// Judges the blocks of a level: for each its marks, and its devices where the log holds any.
/// Returns the shape `a` of the level as well.
pub(crate) fn judge(observed: &[(u64, Option<u64>)], devices: u64) -> (f64, Vec<Option<Excess>>) {
    let marks: u64 = observed.iter().map(|(marks, _)| *marks).sum();
    let share = |own: u64| (float(own) / float(devices.max(1))).min(1.0);
    let shape = shape(
        observed
            .iter()
            .filter_map(|(marks_here, own)| Some((*marks_here, float(marks) * share((*own)?)))),
    );
    let judge_one = |(here, own): &(u64, Option<u64>)| {
        let share = share((*own)?);
        let expected = float(marks) * share;
        let low = gamma_quantile(shape + float(*here), 0.05) / (shape + expected);
        Some(Excess {
            observed: *here,
            expected_ppm: ppm_wide(expected),
            low_ppm: ppm_wide(low),
            chance_ppm: ppm(binomial_tail(marks, share, *here)),
        })
    };
    (shape, observed.iter().map(judge_one).collect())
}

/// The shape of the level by moments (Var = E + E²/a), held between 0.1 and 10; 1 where there are
/// too few blocks to tell.
fn shape(blocks: impl Iterator<Item = (u64, f64)>) -> f64 {
    let (mut number, mut over, mut squares) = (0_u32, 0.0, 0.0);
    for (marks, expected) in blocks {
        let distance = float(marks) - expected;
        over += distance * distance - expected;
        squares += expected * expected;
        number += 1;
    }
    if number < 8 || squares <= 0.0 {
        return 1.0;
    }
    if over <= 0.0 {
        return 10.0;
    }
    (squares / over).clamp(0.1, 10.0)
}
