//! Exact totals of the own log by block: one scan of the sorted run a level.

use std::collections::BTreeMap;

use adproof_model::{Block, Level, Prefix};

use crate::exposure::Record;
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
        let run = self.sealed();
        let exposed = |(key, totals)| {
            let block = match key {
                Key::Prefix(prefix) => Block::Prefix(prefix),
                Key::Asn(asn) | Key::Provider(asn) => Block::Asn(asn),
            };
            Exposed { block, totals }
        };
        rows(run.records(), level, |_| true).into_iter().map(exposed).collect()
    }
}

/// Totals of the blocks of a level that are wanted.
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
            let mut by_asn: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
            for record in records.iter().filter(|record| record.asn != 0) {
                if wanted(&Key::Asn(record.asn)) {
                    by_asn.entry(record.asn).or_default().push(record);
                }
            }
            by_asn.into_iter().map(|(asn, records)| (Key::Asn(asn), totals(records))).collect()
        }
        None => Vec::new(),
    }
}

/// Totals of records that are sorted by address.
pub(crate) fn totals<'a>(records: impl IntoIterator<Item = &'a Record>) -> Totals {
    let mut totals = Totals::default();
    let mut days = Days::default();
    let mut devices = Vec::new();
    let (mut network, mut unflagged_network) = (None, None);
    for record in records {
        totals.impressions = totals.impressions.saturating_add(record.impressions);
        totals.revenue_micros = totals.revenue_micros.saturating_add(record.revenue);
        if record.device != 0 {
            devices.push((record.device, record.flagged()));
            totals.identified_impressions =
                totals.identified_impressions.saturating_add(record.impressions);
        }
        let here = Some(record.network());
        totals.households += u64::from(network != here);
        network = here;
        if record.flagged() {
            totals.flagged_impressions =
                totals.flagged_impressions.saturating_add(record.impressions);
        } else {
            totals.unflagged_revenue_micros =
                totals.unflagged_revenue_micros.saturating_add(record.revenue);
            totals.unflagged_households += u64::from(unflagged_network != here);
            unflagged_network = here;
        }
        days.add(record.span(), record.days);
    }
    devices.sort_unstable();
    devices.dedup();
    // An unflagged observation sorts before a flagged one of the same device.
    for same in devices.chunk_by(|(left, _), (right, _)| left == right) {
        totals.devices += 1;
        totals.unflagged_devices += u64::from(same.first().is_some_and(|(_, flagged)| !flagged));
        totals.flagged_devices += u64::from(same.last().is_some_and(|(_, flagged)| *flagged));
    }
    totals.days = days.count();
    totals
}

/// A set of days: the mask of the span that came first, and of the others where there are any.
#[derive(Default)]
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

    fn count(&self) -> u64 {
        let days = self.far.values().map(|days| u64::from(days.count_ones()));
        u64::from(self.near.count_ones()) + days.sum::<u64>()
    }
}
