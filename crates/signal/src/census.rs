//! Exact totals of the own log by block: all levels in one pass over sorted records.
//!
//! A /64 is counted from its records, a wider block from the /64s in it, so that a device that is
//! seen a thousand times in a /64 is one device for everything above.

mod sum;

use std::collections::BTreeMap;

use adproof_model::{Block, Level, Prefix};

use self::sum::Sum;
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
}

#[derive(Debug)]
struct Open {
    level: Level,
    len: u8,
    wanted: bool,
    prefix: Option<Prefix>,
    system: System,
    sum: Sum,
}

/// The system of all that is in an open block. Blocks are nearly always in one, and then their sum
/// is the system's: it is added as a whole where the widest of them closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Unknown,
    One(u32),
    /// The systems were told of what is in it.
    Several,
}

/// Sums by autonomous system, which lie all over the address space and are told last.
#[derive(Clone, Debug, Default)]
pub struct Systems(BTreeMap<u32, Sum>);

impl Systems {
    /// Those of both, which have no network in common.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        if self.0.is_empty() {
            return other;
        }
        for (asn, sum) in other.0 {
            self.0.entry(asn).or_default().absorb(&sum);
        }
        self
    }

    /// Cuts parts of a log between systems, into at most so many shares that hold about as many
    /// devices each. The parts of one share are to be merged; its systems come before those of the
    /// next, so that threads can merge and finish a share each.
    #[must_use]
    pub fn shares(mut parts: Vec<Self>, most: usize) -> Vec<Vec<Self>> {
        let mut devices: BTreeMap<u32, usize> = BTreeMap::new();
        for (asn, sum) in parts.iter().flat_map(|part| &part.0) {
            *devices.entry(*asn).or_default() += 1 + sum.devices();
        }
        let share = devices.values().sum::<usize>().div_ceil(most.max(1));
        let (mut starts, mut seen) = (Vec::new(), 0);
        for (asn, devices) in devices {
            if seen >= share * (starts.len() + 1) {
                starts.push(asn);
            }
            seen += devices;
        }
        let mut shares = Vec::new();
        for start in starts.iter().rev() {
            shares.push(parts.iter_mut().map(|part| Self(part.0.split_off(start))).collect());
        }
        shares.push(parts);
        shares.reverse();
        shares
    }

    /// The totals of each system, in order.
    #[must_use]
    pub fn totals(self) -> Vec<(u32, Totals)> {
        self.0.into_iter().map(|(asn, mut sum)| (asn, sum.totals())).collect()
    }

    fn add(&mut self, asn: u32, sum: &Sum) {
        // 0 is unknown, and no system.
        if asn != 0 {
            self.0.entry(asn).or_default().absorb(sum);
        }
    }

    /// Tells each system, in order.
    pub fn finish(self, take: Take<'_>) {
        for (asn, totals) in self.totals() {
            take(Level::Asn, Block::Asn(asn), &totals);
        }
    }
}

impl Census {
    pub(crate) fn new(levels: &[Level]) -> Self {
        let open = |level: Level| {
            let len = level.prefix_len()?;
            let wanted = levels.contains(&level);
            let (prefix, system) = (None, System::Unknown);
            Some(Open { level, len, wanted, prefix, system, sum: Sum::default() })
        };
        let wide = [Level::P64, Level::P56, Level::P48, Level::P32].into_iter();
        let wide = wide.filter(|level| *level == Level::P64 || levels.contains(level));
        Self {
            open: wide.filter_map(open).collect(),
            single: levels.contains(&Level::P128).then(|| open(Level::P128)).flatten(),
            asns: levels.contains(&Level::Asn).then(Systems::default),
            here: BTreeMap::new(),
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
        if self.asns.is_some() {
            match network.system {
                System::One(asn) if asn == record.asn => {}
                System::Unknown => network.system = System::One(record.asn),
                System::One(asn) => {
                    self.here.insert(asn, network.sum.clone());
                    self.here.entry(record.asn).or_default().add(record);
                    network.system = System::Several;
                }
                System::Several => self.here.entry(record.asn).or_default().add(record),
            }
        }
        network.sum.add(record);
    }

    /// Closes the blocks that do not hold the next address.
    fn close(&mut self, next: Option<u128>, take: Take<'_>) {
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
                inner.sum.settle();
                let mut outer = outer.first_mut();
                if let Some(asns) = &mut self.asns {
                    for (asn, sum) in std::mem::take(&mut self.here) {
                        asns.add(asn, &sum);
                    }
                    inner.rise(outer.as_deref_mut(), asns);
                }
                if let Some(outer) = outer {
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
    /// Says in which system it is to the block around it, whose sum does not hold it yet.
    fn rise(&self, outer: Option<&mut Self>, asns: &mut Systems) {
        let Some(outer) = outer else { return self.tell(asns) };
        if outer.system == System::Unknown {
            outer.system = self.system;
        } else if outer.system != self.system {
            outer.tell(asns);
            outer.system = System::Several;
            self.tell(asns);
        }
    }

    fn tell(&self, asns: &mut Systems) {
        if let System::One(asn) = self.system {
            asns.add(asn, &self.sum);
        }
    }

    fn close(&mut self, take: Take<'_>) {
        if let Some(prefix) = self.prefix.take() {
            if self.wanted {
                take(self.level, Block::Prefix(prefix), &self.sum.totals());
            }
            self.sum.clear();
            self.system = System::Unknown;
        }
    }
}
