//! The table, its runs and the pass over them, against a tally that is fed row by row.

use std::collections::{BTreeMap, BTreeSet};

use adproof_model::{Block, Level, Prefix};
use adproof_signal::{
    Device, Exposure, Gathered, Grain, Row, RunReader, Systems, Table, Tally, Totals, census,
    device_key,
};
use proptest::prelude::*;

type Runs = Vec<RunReader<&'static [u8]>>;

fn none() -> Runs {
    Vec::new()
}

/// A row by small numbers, so that rows collide.
#[derive(Clone, Copy, Debug)]
struct Small {
    network: u8,
    host: u8,
    device: u16,
    day: i32,
    asn: u8,
    flagged: bool,
    impressions: u32,
    revenue: i64,
}

const LEN: [usize; 5] = [0, 3, 7, 15, 36];

impl Small {
    fn address(self) -> u128 {
        let network = [0_u64, 1, 2, 1 << 8, 1 << 16, 1 << 17, 1 << 32, 3 << 32];
        let network = network[usize::from(self.network) % network.len()];
        (0x3fff_u128 << 112) + (u128::from(network) << 64) + u128::from(self.host)
    }

    /// Ids of every length at which they are kept otherwise.
    fn id(self) -> String {
        let len = LEN[usize::from(self.device) % LEN.len()];
        let number = self.device.to_string();
        if len == 0 { String::new() } else { format!("{number:x>len$}") }
    }

    fn row(self) -> Row {
        Row {
            address: self.address(),
            device: Device::of(self.id().as_bytes()),
            day: self.day,
            asn: self.asn.into(),
            impressions: self.impressions,
            flagged: self.flagged,
            revenue_micros: self.revenue,
        }
    }

    fn exposure(self) -> Exposure {
        Exposure {
            address: self.address(),
            asn: Some(self.asn.into()),
            device: device_key(self.id()),
            day: self.day.into(),
            impressions: self.impressions,
            revenue_micros: self.revenue,
            flagged: self.flagged,
        }
    }
}

prop_compose! {
    fn small()(
        network in any::<u8>(),
        host in 0..3_u8,
        device in 0..40_u16,
        day in prop_oneof![20_000..20_100_i32, -70..70_i32, Just(i32::MIN), Just(i32::MAX)],
        asn in 0..3_u8,
        flagged in prop::bool::weighted(0.2),
        impressions in prop_oneof![4 => 0..3_u32, 2 => 2_000..4_100_u32, 1 => Just(u32::MAX)],
        revenue in prop_oneof![6 => Just(0), 1 => -9..9_i64, 1 => Just(i64::MAX), 1 => Just(i64::MIN)],
    ) -> Small {
        Small { network, host, device, day, asn, flagged, impressions, revenue }
    }
}

fn gathered(rows: &[Small], grain: &Grain) -> Gathered {
    let table = Table::new(grain.clone());
    let mut gather = table.gather();
    for row in rows {
        gather.add(&row.row());
    }
    drop(gather);
    table.take()
}

/// Rows as they are, or as they are where only networks are kept.
fn at_grain(mut rows: Vec<Small>, whole: bool) -> (Vec<Small>, Grain) {
    if whole {
        return (rows, Grain::Address);
    }
    for row in &mut rows {
        row.host = 0;
    }
    (rows, Grain::Network(Tally::empty().listed()))
}

fn fed(rows: &[Small]) -> Tally {
    let mut tally = Tally::empty();
    for row in rows {
        tally.expose(row.exposure());
    }
    tally
}

/// Totals in the plainest way there is.
fn plainly(rows: &[Small], inside: impl Fn(&Small) -> bool) -> Totals {
    let rows: Vec<&Small> = rows.iter().filter(|row| inside(row)).collect();
    let set = |of: &dyn Fn(&Small) -> Option<u128>| {
        rows.iter().filter_map(|row| of(row)).collect::<BTreeSet<_>>().len() as u64
    };
    let sum = |of: &dyn Fn(&Small) -> bool| {
        let some = rows.iter().filter(|row| of(row));
        some.fold(0_u64, |sum, row| sum.saturating_add(row.impressions.into()))
    };
    let device = |row: &Small| Some(device_key(row.id())).filter(|key| *key != 0);
    let day = |row: &Small| i64::from(row.day).clamp(-(1 << 30), (1 << 30) - 1);
    let network = |row: &Small| row.address() >> 64;
    Totals {
        impressions: sum(&|_| true),
        flagged_impressions: sum(&|row| row.flagged),
        identified_impressions: sum(&|row| device(row).is_some()),
        revenue_micros: rows.iter().map(|row| i128::from(row.revenue)).sum(),
        unflagged_revenue_micros: rows
            .iter()
            .filter(|row| !row.flagged)
            .map(|row| i128::from(row.revenue))
            .sum(),
        days: rows.iter().map(|row| day(row)).collect::<BTreeSet<_>>().len() as u64,
        first_day: rows.iter().map(|row| day(row)).min().unwrap_or(0),
        last_day: rows.iter().map(|row| day(row)).max().unwrap_or(0),
        devices: set(&device),
        unflagged_devices: set(&|row| device(row).filter(|_| !row.flagged)),
        flagged_devices: set(&|row| device(row).filter(|_| row.flagged)),
        households: set(&|row| Some(network(row))),
        unflagged_households: set(&|row| Some(network(row)).filter(|_| !row.flagged)),
    }
}

proptest! {
    #[test]
    fn a_table_gives_the_bytes_of_rows_added_one_by_one(
        rows in prop::collection::vec(small(), 0..400),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
        whole in any::<bool>(),
    ) {
        let (rows, grain) = at_grain(rows, whole);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(rows.len() + 1)).collect();
        cuts.sort_unstable();
        let parts = [&rows[..cuts[0]], &rows[cuts[0]..cuts[1]], &rows[cuts[1]..cuts[2]], &rows[cuts[2]..]];
        let sorted = parts.map(|part| gathered(part, &grain));
        let expected = fed(&rows).to_bytes();
        let mut tally = Tally::empty();
        tally.expose_gathered(&sorted, &mut none());
        prop_assert_eq!(tally.to_bytes(), expected.clone());
        // Two of the runs wait somewhere else.
        let mut written = [Vec::new(), Vec::new()];
        sorted[1].write(&mut written[0]).unwrap();
        sorted[2].write(&mut written[1]).unwrap();
        let mut readers: Vec<_> = written.iter().map(|run| RunReader::new(run.as_slice())).collect();
        let mut tally = Tally::empty();
        tally.expose_gathered(&[sorted[3].clone(), sorted[0].clone()], &mut readers);
        prop_assert!(readers.iter_mut().all(|reader| reader.error().is_none()));
        prop_assert_eq!(tally.to_bytes(), expected);
    }

    #[test]
    fn one_pass_over_ranges_counts_what_the_rows_hold(
        rows in prop::collection::vec(small(), 0..120),
        threads in 1..5_usize,
        whole in any::<bool>(),
        short in any::<bool>(),
    ) {
        let (mut rows, grain) = at_grain(rows, whole);
        // Without long ids, no key has to be known.
        rows.retain(|row| !short || row.id().len() < 16);
        let (left, right) = rows.split_at(rows.len() / 3);
        let sorted = [left, right].map(|part| gathered(part, &grain));
        let mut found: BTreeMap<(Level, String), Totals> = BTreeMap::new();
        let mut systems = Vec::new();
        let mut take = |level, block: Block, totals: &Totals| {
            assert_eq!(found.insert((level, block.to_string()), *totals), None);
        };
        for range in Gathered::ranges(&sorted, threads) {
            systems.push(census(&sorted, &range, &mut none(), &Level::ALL, &mut take));
        }
        let merged = |all: Vec<Systems>| all.into_iter().fold(Systems::default(), Systems::merge);
        let shares = Systems::shares(systems.clone(), threads);
        prop_assert!(shares.len() <= threads);
        let shares: Vec<_> = shares.into_iter().flat_map(|one| merged(one).totals()).collect();
        prop_assert!(shares.is_sorted_by(|left, right| left.0 < right.0));
        prop_assert_eq!(shares, merged(systems.clone()).totals());
        merged(systems).finish(&mut take);
        let mut expected: BTreeMap<(Level, String), Totals> = BTreeMap::new();
        for row in &rows {
            for level in Level::ALL {
                if let Some(len) = level.prefix_len() {
                    let prefix = Prefix::containing(row.address(), len);
                    let totals = plainly(&rows, |one| Prefix::containing(one.address(), len) == prefix);
                    expected.insert((level, Block::Prefix(prefix).to_string()), totals);
                } else if level == Level::Asn && row.asn != 0 {
                    let totals = plainly(&rows, |one| one.asn == row.asn);
                    expected.insert((level, Block::Asn(row.asn.into()).to_string()), totals);
                }
            }
        }
        prop_assert_eq!(&found, &expected);
        // And so does the tally, level by level.
        let tally = fed(&rows);
        for level in Level::ALL {
            let found = tally.census(level).into_iter();
            let found: Vec<_> = found.map(|row| (row.block.to_string(), row.totals)).collect();
            let mut expected: Vec<_> = expected
                .iter()
                .filter(|((at, _), _)| *at == level)
                .map(|((_, block), totals)| (block.clone(), *totals))
                .collect();
            expected.sort_by_key(|(block, _)| found.iter().position(|(at, _)| at == block));
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn at_the_grain_of_networks_only_listed_addresses_are_kept_whole() {
    let mut feeds = Tally::empty();
    for (address, kind) in [("3fff::1", "displayImpressionFraud"), ("3fff::2", "IABcrawler")] {
        feeds.mark(&super::indicator(address, kind, "", "2026-05"), "feed");
    }
    let grain = Grain::Network(feeds.listed());
    let row = |host| Small {
        network: 0,
        host,
        device: 1,
        day: 3,
        asn: 1,
        flagged: false,
        impressions: 1,
        revenue: 0,
    };
    let mut tally = Tally::empty();
    tally.expose_gathered(&[gathered(&[row(1), row(2), row(3), row(4)], &grain)], &mut none());
    let singles: Vec<_> = tally
        .census(Level::P128)
        .into_iter()
        .map(|row| (row.block.to_string(), row.totals.impressions, row.totals.flagged_impressions))
        .collect();
    let expected = [("3fff::/128", 2, 0), ("3fff::1/128", 1, 1), ("3fff::2/128", 1, 0)];
    assert_eq!(singles, expected.map(|(block, all, flagged)| (block.to_owned(), all, flagged)));
}

#[test]
fn columns_are_rows() {
    let rows = [(1_u128 << 64 | 9, 86_400_000_000 * 5 - 1), (2 << 64, 86_400_000_000 * 5)];
    let addresses = rows.map(|(address, _)| address.to_be_bytes());
    let table = Table::new(Grain::Address);
    let mut gather = table.gather();
    let devices = ["a", "b"].map(|id| Device::of(id.as_bytes()));
    gather.add_columns(&addresses, &rows.map(|(_, time)| time), devices, &[7, 0]);
    let mut tally = Tally::empty();
    drop(gather);
    tally.expose_gathered(&[table.take()], &mut none());
    let mut expected = Tally::empty();
    for ((address, _), (day, id, asn)) in rows.into_iter().zip([(4, "a", 7), (5, "b", 0)]) {
        expected.expose(Exposure {
            address,
            asn: Some(asn),
            device: device_key(id),
            day,
            impressions: 1,
            revenue_micros: 0,
            flagged: false,
        });
    }
    assert_eq!(tally, expected);
}

#[test]
fn a_run_that_was_cut_says_so() {
    let row = Small {
        network: 0,
        host: 0,
        device: 1,
        day: 3,
        asn: 1,
        flagged: false,
        impressions: 1,
        revenue: 0,
    };
    let mut written = Vec::new();
    gathered(&[row], &Grain::Address).write(&mut written).unwrap();
    let mut readers = [RunReader::new(&written[..written.len() - 1])];
    Tally::empty().expose_gathered(&[], &mut readers);
    assert!(readers[0].error().is_some());
}

/// Many devices of one network, as all of IPv4 is.
#[test]
fn a_network_of_many_devices_stays_in_order() {
    let rows: Vec<Small> = (0..2_000_u16)
        .map(|device| Small {
            network: 0,
            host: 0,
            device: device * 5 % 1_999,
            day: i32::from(device % 90),
            asn: 1,
            flagged: false,
            impressions: 1,
            revenue: 1,
        })
        .collect();
    let (left, right) = rows.split_at(700);
    for grain in [Grain::Address, Grain::Network(Tally::empty().listed())] {
        let mut tally = Tally::empty();
        tally.expose_gathered(&[gathered(left, &grain), gathered(right, &grain)], &mut none());
        assert_eq!(tally, fed(&rows));
    }
}

/// More impressions than a narrow cell holds, in more than one span of days, and many cells of one
/// device because of it.
#[test]
fn sums_that_are_full_go_on_beside_themselves() {
    let row = |day, impressions, device| Small {
        network: 0,
        host: 0,
        device,
        day,
        asn: 1,
        flagged: false,
        impressions,
        revenue: 0,
    };
    let days = [20_454, 20_479, 20_480, 20_483, 20_430, 20_600, 18_000, 30_000];
    let rows: Vec<Small> = (0..60_000_usize)
        .map(|at| row(days[at % days.len()], u32::try_from(at % 4_100).unwrap(), 3))
        .chain((0..200).map(|device| row(20_460, 1, device)))
        .collect();
    let grain = Grain::Network(Tally::empty().listed());
    let mut tally = Tally::empty();
    tally.expose_gathered(&[gathered(&rows, &grain)], &mut none());
    assert_eq!(tally, fed(&rows));
}

#[test]
fn threads_share_one_table() {
    let rows: Vec<Small> = (0..40_000_u16)
        .map(|at| Small {
            network: u8::try_from(at % 7).unwrap(),
            host: 0,
            device: at % 400,
            day: 20_000 + i32::from(at % 100),
            asn: 1,
            flagged: at % 11 == 0,
            impressions: 1,
            revenue: 0,
        })
        .collect();
    let table = Table::new(Grain::Network(Tally::empty().listed()));
    std::thread::scope(|scope| {
        for part in rows.chunks(rows.len() / 4) {
            let mut gather = table.gather();
            scope.spawn(move || part.iter().for_each(|row| gather.add(&row.row())));
        }
    });
    let mut tally = Tally::empty();
    tally.expose_gathered(&[table.take()], &mut none());
    assert_eq!(tally, fed(&rows));
    assert_eq!(table.gather().bytes(), 0);
}
