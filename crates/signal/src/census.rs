//! Exact totals of the own log by block: all levels in one pass over sorted records.
//!
//! A /64 is counted from its records, a wider block from the /64s in it, so that a device that is
//! seen a thousand times in a /64 is one device for everything above.

use std::collections::BTreeMap;

use adproof_model::{Block, Level, Prefix};

use crate::exposure::Record;
use crate::num::count64;
use crate::rows::Key;
use crate::tally::Tally;

/// What the own log holds about a block. Counts of days and devices are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Impressions.
    pub impressions: u64,
    /// Impressions of observations that the operator flagged.
    pub flagged_impressions: u64,
    /// Impressions with a device id.
    pub identified_impressions: u64,
    /// Revenue in micro-units.
    pub revenue_micros: i128,
    /// Revenue of observations that are not flagged.
    pub unflagged_revenue_micros: i128,
    /// Distinct days.
    pub days: u64,
    /// The first of them, counted from 1970-01-01.
    pub first_day: i64,
    /// The last of them.
    pub last_day: i64,
    /// Distinct devices.
    pub devices: u64,
    /// Distinct devices with an observation that is not flagged.
    pub unflagged_devices: u64,
    /// Distinct devices with a flagged observation. A device may be among both.
    pub flagged_devices: u64,
    /// Distinct /64s.
    pub households: u64,
    /// Distinct /64s with an observation that is not flagged.
    pub unflagged_households: u64,
}

/// The own log by block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposed {
    /// The block. The log knows no providers.
    pub block: Block,
    /// Its totals.
    pub totals: Totals,
}

impl Tally {
    /// What the own log holds of every block of a level, in the order of the blocks; nothing at
    /// the level of providers, which the log does not know.
    #[must_use]
    pub fn census(&self, level: Level) -> Vec<Exposed> {
        let mut exposed = Vec::new();
        let mut take = |_, block, totals: &Totals| exposed.push(Exposed { block, totals: *totals });
        let mut census = Census::new(&[level]);
        for record in self.sealed().records() {
            census.add(record, &mut take);
        }
        census.finish(&mut take).finish(&mut take);
        exposed
    }
}

/// Totals of the blocks that are wanted.
pub(crate) fn rows(
    records: &[Record],
    level: Level,
    wanted: impl Fn(&Key) -> bool,
) -> Vec<(Key, Totals)> {
    match level.prefix_len() {
        Some(len) => {
            let key = |record: &Record| Prefix::containing(record.address, len);
            records
                .chunk_by(|left, right| key(left) == key(right))
                .filter_map(|chunk| Some((Key::Prefix(key(chunk.first()?)), chunk)))
                .filter(|(key, _)| wanted(key))
                .map(|(key, chunk)| (key, totals(chunk)))
                .collect()
        }
        None if level == Level::Asn => {
            let mut by_asn: BTreeMap<u32, Sum> = BTreeMap::new();
            for record in records.iter().filter(|record| record.asn != 0) {
                if wanted(&Key::Asn(record.asn)) {
                    by_asn.entry(record.asn).or_default().add(record);
                }
            }
            by_asn.into_iter().map(|(asn, mut sum)| (Key::Asn(asn), sum.totals())).collect()
        }
        None => Vec::new(),
    }
}

/// Totals of records that are sorted by address.
pub(crate) fn totals<'a>(records: impl IntoIterator<Item = &'a Record>) -> Totals {
    let mut sum = Sum::default();
    records.into_iter().for_each(|record| sum.add(record));
    sum.totals()
}

/// Totals while records are added in the order of their addresses.
#[derive(Clone, Debug, Default)]
struct Sum {
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
    fn add(&mut self, record: &Record) {
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
    fn absorb(&mut self, other: &Self) {
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

    fn totals(&mut self) -> Totals {
        self.unflagged.settle();
        self.flagged.settle();
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
    fn clear(&mut self) {
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

/// Who is told of a block of a level.
pub(crate) type Take<'t> = &'t mut dyn FnMut(Level, Block, &Totals);

/// Counts blocks of several levels in one pass over sorted records.
#[derive(Debug)]
pub(crate) struct Census {
    /// Prefix levels as wide as a /64 or wider that are wanted, and /64 itself, narrowest first.
    open: Vec<Open>,
    single: Option<Open>,
    asns: Option<Systems>,
    /// The open /64 by system, once it has more than one.
    here: BTreeMap<u32, Sum>,
    /// The system of the record that came last.
    asn_here: u32,
}

#[derive(Debug)]
struct Open {
    level: Level,
    len: u8,
    wanted: bool,
    prefix: Option<Prefix>,
    sum: Sum,
}

/// Sums by autonomous system, which lie all over the address space and are told last.
#[derive(Clone, Debug, Default)]
pub struct Systems(BTreeMap<u32, Sum>);

impl Systems {
    /// Those of both, which have no network in common.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        for (asn, sum) in other.0 {
            self.0.entry(asn).or_default().absorb(&sum);
        }
        self
    }

    /// Tells each system, in order.
    pub fn finish(self, take: Take<'_>) {
        for (asn, mut sum) in self.0 {
            take(Level::Asn, Block::Asn(asn), &sum.totals());
        }
    }
}

impl Census {
    pub(crate) fn new(levels: &[Level]) -> Self {
        let open = |level: Level| {
            let len = level.prefix_len()?;
            let wanted = levels.contains(&level);
            Some(Open { level, len, wanted, prefix: None, sum: Sum::default() })
        };
        let wide = [Level::P64, Level::P56, Level::P48, Level::P32].into_iter();
        let wide = wide.filter(|level| *level == Level::P64 || levels.contains(level));
        Self {
            open: wide.filter_map(open).collect(),
            single: levels.contains(&Level::P128).then(|| open(Level::P128)).flatten(),
            asns: levels.contains(&Level::Asn).then(Systems::default),
            here: BTreeMap::new(),
            asn_here: 0,
        }
    }

    /// Adds the next record.
    pub(crate) fn add(&mut self, record: &Record, take: Take<'_>) {
        if let Some(single) = &mut self.single {
            let prefix = Some(Prefix::containing(record.address, 128));
            if single.prefix != prefix {
                single.close(take);
                single.prefix = prefix;
            }
            single.sum.add(record);
        }
        let Some(network) = self.open.first() else { return };
        let inside = network.prefix.is_some_and(|open| open.bits() >> 64 == record.address >> 64);
        if !inside {
            self.close(Some(record.address), take);
        }
        let Some(network) = self.open.first_mut() else { return };
        // A network is nearly always in one system, and then its sum is the system's.
        if self.asns.is_some() && (record.asn != self.asn_here || !self.here.is_empty()) {
            if network.sum.network.is_some() && self.here.is_empty() {
                self.here.insert(self.asn_here, network.sum.clone());
            }
            if !self.here.is_empty() {
                self.here.entry(record.asn).or_default().add(record);
            }
            self.asn_here = record.asn;
        }
        network.sum.add(record);
    }

    /// Closes the blocks that do not hold the next address.
    fn close(&mut self, next: Option<u128>, take: Take<'_>) {
        if let Some(network) = self.open.first()
            && let Some(asns) = &mut self.asns
            && network.prefix.is_some()
        {
            if self.here.is_empty() {
                if self.asn_here != 0 {
                    asns.0.entry(self.asn_here).or_default().absorb(&network.sum);
                }
            } else {
                for (asn, sum) in std::mem::take(&mut self.here) {
                    if asn != 0 {
                        asns.0.entry(asn).or_default().absorb(&sum);
                    }
                }
            }
        }
        for at in 0..self.open.len() {
            let Some((inner, outer)) = self.open.get_mut(at..).and_then(<[Open]>::split_first_mut)
            else {
                return;
            };
            let prefix = next.map(|address| Prefix::containing(address, inner.len));
            if inner.prefix == prefix {
                return;
            }
            if inner.prefix.is_some() {
                inner.sum.unflagged.settle();
                inner.sum.flagged.settle();
                if let Some(outer) = outer.first_mut() {
                    outer.sum.absorb(&inner.sum);
                }
            }
            inner.close(take);
            inner.prefix = prefix;
        }
    }

    /// Closes all prefixes. What is left is the systems.
    pub(crate) fn finish(mut self, take: Take<'_>) -> Systems {
        if let Some(single) = &mut self.single {
            single.close(take);
        }
        self.close(None, take);
        self.asns.unwrap_or_default()
    }
}

impl Open {
    fn close(&mut self, take: Take<'_>) {
        if let Some(prefix) = self.prefix.take() {
            if self.wanted {
                take(self.level, Block::Prefix(prefix), &self.sum.totals());
            }
            self.sum.clear();
        }
    }
}
