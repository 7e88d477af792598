//! One block's totals while records are added to it.

use std::collections::BTreeMap;

use super::Totals;
use crate::exposure::Record;
use crate::num::count64;

/// Totals while records are added in the order of their addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// All but days and devices.
    totals: Totals,
    days: Days,
    /// Devices of observations that are not flagged.
    unflagged: Devices,
    flagged: Devices,
    network: Option<u64>,
    unflagged_network: Option<u64>,
}

impl Sum {
    pub(super) fn add(&mut self, record: &Record) {
        let totals = &mut self.totals;
        let here = Some(record.network());
        totals.impressions = totals.impressions.saturating_add(record.impressions);
        totals.revenue_micros = totals.revenue_micros.saturating_add(record.revenue);
        totals.households += u64::from(self.network != here);
        self.network = here;
        if record.device != 0 {
            totals.identified_impressions =
                totals.identified_impressions.saturating_add(record.impressions);
        }
        let devices = if record.flagged() {
            totals.flagged_impressions =
                totals.flagged_impressions.saturating_add(record.impressions);
            &mut self.flagged
        } else {
            totals.unflagged_revenue_micros =
                totals.unflagged_revenue_micros.saturating_add(record.revenue);
            totals.unflagged_households += u64::from(self.unflagged_network != here);
            self.unflagged_network = here;
            &mut self.unflagged
        };
        if record.device != 0 {
            devices.add(record.device);
        }
        self.days.add(record.span(), record.days);
    }

    /// Adds the sum of other networks.
    pub(super) fn absorb(&mut self, other: &Self) {
        let (totals, more) = (&mut self.totals, &other.totals);
        for (sum, more) in [
            (&mut totals.impressions, more.impressions),
            (&mut totals.flagged_impressions, more.flagged_impressions),
            (&mut totals.identified_impressions, more.identified_impressions),
            (&mut totals.households, more.households),
            (&mut totals.unflagged_households, more.unflagged_households),
        ] {
            *sum = sum.saturating_add(more);
        }
        totals.revenue_micros = totals.revenue_micros.saturating_add(more.revenue_micros);
        totals.unflagged_revenue_micros =
            totals.unflagged_revenue_micros.saturating_add(more.unflagged_revenue_micros);
        self.days.absorb(&other.days);
        self.unflagged.absorb(&other.unflagged);
        self.flagged.absorb(&other.flagged);
    }

    /// About how many devices it holds.
    pub(super) const fn devices(&self) -> usize {
        self.unflagged.ids.len() + self.flagged.ids.len()
    }

    /// Puts its devices in order, so that whoever absorbs it has less to do.
    pub(super) fn settle(&mut self) {
        self.unflagged.settle();
        self.flagged.settle();
    }

    pub(super) fn totals(&mut self) -> Totals {
        self.settle();
        let (unflagged, flagged) = (&self.unflagged.ids, &self.flagged.ids);
        let both = flagged.iter().filter(|id| unflagged.binary_search(id).is_ok()).count();
        let (first_day, last_day) = self.days.ends();
        Totals {
            days: self.days.count(),
            first_day,
            last_day,
            devices: count64(unflagged.len() + flagged.len() - both),
            unflagged_devices: count64(unflagged.len()),
            flagged_devices: count64(flagged.len()),
            ..self.totals
        }
    }

    /// Empties it and keeps its memory.
    pub(super) fn clear(&mut self) {
        let (mut unflagged, mut flagged) =
            (std::mem::take(&mut self.unflagged), std::mem::take(&mut self.flagged));
        unflagged.clear();
        flagged.clear();
        *self = Self { unflagged, flagged, ..Self::default() };
    }
}

/// Distinct devices.
#[derive(Clone, Debug, Default)]
struct Devices {
    ids: Vec<u128>,
    /// How many of them are sorted and without repeats.
    settled: usize,
}

impl Devices {
    fn add(&mut self, id: u128) {
        if self.ids.last() == Some(&id) {
            return;
        }
        if self.settled == self.ids.len() && self.ids.last().is_none_or(|last| *last < id) {
            self.settled += 1;
        }
        self.ids.push(id);
        self.bound();
    }

    fn absorb(&mut self, other: &Self) {
        if self.ids.is_empty() {
            self.settled = other.settled;
        }
        self.ids.extend_from_slice(&other.ids);
        self.bound();
    }

    /// Repeats never take more room than devices, so that memory follows what is distinct.
    fn bound(&mut self) {
        if self.ids.len() > 2 * self.settled + 4_096 {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.settled < self.ids.len() {
            self.ids.sort_unstable();
            self.ids.dedup();
            self.settled = self.ids.len();
        }
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.settled = 0;
    }
}

/// A set of days: the mask of the span that came first, and of the others where there are any.
#[derive(Clone, Debug, Default)]
struct Days {
    first: Option<i32>,
    near: u64,
    far: BTreeMap<i32, u64>,
}

impl Days {
    fn add(&mut self, span: i32, days: u64) {
        if *self.first.get_or_insert(span) == span {
            self.near |= days;
        } else {
            *self.far.entry(span).or_default() |= days;
        }
    }

    fn absorb(&mut self, other: &Self) {
        if let Some(span) = other.first {
            self.add(span, other.near);
        }
        for (span, days) in &other.far {
            self.add(*span, *days);
        }
    }

    fn count(&self) -> u64 {
        let days = self.far.values().map(|days| u64::from(days.count_ones()));
        u64::from(self.near.count_ones()) + days.sum::<u64>()
    }

    /// The first and the last day; 0 where there is none.
    fn ends(&self) -> (i64, i64) {
        let near = self.first.map(|span| (span, self.near));
        let spans = || near.into_iter().chain(self.far.iter().map(|(span, days)| (*span, *days)));
        let first =
            |(span, days): (i32, u64)| i64::from(span) * 64 + i64::from(days.trailing_zeros());
        let last =
            |(span, days): (i32, u64)| i64::from(span) * 64 + 63 - i64::from(days.leading_zeros());
        (spans().map(first).min().unwrap_or(0), spans().map(last).max().unwrap_or(0))
    }
}
