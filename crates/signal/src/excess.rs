//! Against exposure: does the operator's own log bear a block out?
//!
//! Two questions with one answer each. Do the block's marks lie there by chance, when marks fall
//! on the operator's devices at random? That is the permutation p-value: 25 addresses with a
//! carrier that holds 15 % of the devices make pairs by chance, two of 25 in one /64 do not. And
//! does the log itself hold more invalid traffic there than elsewhere? `y` devices with flagged
//! observations against `E` expected ones, negative binomial; the posterior of the block's rate
//! over the level's is `Gamma(a + y, a + E)`, and EB05 its 5 % quantile (DuMouchel 1999).

use std::collections::{BTreeMap, BTreeSet};

use adproof_model::Level;

use crate::census::{self, Totals};
use crate::exposure::Record;
use crate::num::{float, ppm, ppm_wide};
use crate::rows::Key;
use crate::special::{binomial_tail, gamma_quantile};

/// A block against exposure, without what reported narrower blocks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Excess {
    /// Marks: pairs of indicator and issue.
    pub marks: u64,
    /// Marks that the block's share of devices explains, in millionths.
    pub expected_marks_ppm: u64,
    /// The chance of so many marks when they fall on devices at random, in parts per million: the
    /// permutation p-value.
    pub chance_ppm: u32,
    /// Distinct devices of the own log.
    pub devices: u64,
    /// Those with an observation that the operator holds for invalid traffic.
    pub flagged_devices: u64,
    /// EB05: the 5 % quantile of the block's rate of flagged devices over the level's, in parts
    /// per million.
    pub low_ppm: u64,
}

/// Devices of the own log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Devices {
    pub(crate) all: u64,
    pub(crate) flagged: u64,
}

impl Devices {
    fn of(totals: &Totals) -> Self {
        Self { all: totals.devices, flagged: totals.flagged_devices }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            all: self.all.saturating_add(other.all),
            flagged: self.flagged.saturating_add(other.flagged),
        }
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            all: self.all.saturating_sub(other.all),
            flagged: self.flagged.saturating_sub(other.flagged),
        }
    }
}

/// Devices of the own log by block.
pub(crate) struct Shares {
    by_key: BTreeMap<Key, Devices>,
    all: Devices,
}

impl Shares {
    /// Counts at every level at which a block can be asked for.
    pub(crate) fn of(records: &[Record], wanted: &BTreeSet<Key>) -> Self {
        let mut by_key = BTreeMap::new();
        for level in Level::ALL {
            for (key, totals) in census::rows(records, level, |key| wanted.contains(key)) {
                if totals.devices > 0 {
                    by_key.insert(key, Devices::of(&totals));
                }
            }
        }
        Self { by_key, all: Devices::of(&census::totals(records)) }
    }

    /// The devices of the whole log.
    pub(crate) fn all(&self) -> Devices {
        self.all
    }

    pub(crate) fn of_key(&self, key: Key) -> Option<Devices> {
        self.by_key.get(&key).copied()
    }
}

/// Judges the blocks of a level: for each its marks, and its devices where the log holds any.
/// Returns the shape of the marks as well.
pub(crate) fn judge(
    observed: &[(u64, Option<Devices>)],
    log: Devices,
) -> (f64, Vec<Option<Excess>>) {
    let marks: u64 = observed.iter().map(|(marks, _)| *marks).sum();
    let share = |own: Devices| (float(own.all) / float(log.all.max(1))).min(1.0);
    let rate = float(log.flagged) / float(log.all.max(1));
    let known = || observed.iter().filter_map(|(marks, own)| Some((*marks, (*own)?)));
    let shape_of_marks = shape(known().map(|(here, own)| (here, float(marks) * share(own))));
    let shape_of_rate = shape(known().map(|(_, own)| (own.flagged, float(own.all) * rate)));
    let judge_one = |(here, own): &(u64, Option<Devices>)| {
        let own = (*own)?;
        let share = share(own);
        let flagged = shape_of_rate + float(own.flagged);
        let low = gamma_quantile(flagged, 0.05) / (shape_of_rate + float(own.all) * rate);
        Some(Excess {
            marks: *here,
            expected_marks_ppm: ppm_wide(float(marks) * share),
            chance_ppm: ppm(binomial_tail(marks, share, *here)),
            devices: own.all,
            flagged_devices: own.flagged,
            low_ppm: ppm_wide(low),
        })
    };
    (shape_of_marks, observed.iter().map(judge_one).collect())
}

/// The shape of the level by moments (Var = E + E²/a), held between 0.1 and 10; 1 where there are
/// too few blocks to tell.
fn shape(blocks: impl Iterator<Item = (u64, f64)>) -> f64 {
    let (mut number, mut over, mut squares) = (0_u32, 0.0, 0.0);
    for (seen, expected) in blocks {
        let distance = float(seen) - expected;
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
