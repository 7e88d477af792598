//! The rows of the twelve issues, and the story planted in them.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use super::random::Random;
use super::world::{
    ATT_INTERNET, ATT_WIRELESS, COMCAST, COMCAST_BUSINESS, CRAWLER, HETZNER, NETWORKS, NOISE, PLAY,
    RECURRING, RELAY, ROTATING, SPECTRUM, SPECTRUM_TWO, STARLINK, T_MOBILE, VERIZON, address,
    subnet,
};

/// Issues before the last one.
pub(super) const WEEKS: [&str; 11] = [
    "2026-W11", "2026-W12", "2026-W13", "2026-W14", "2026-W15", "2026-W16", "2026-W17", "2026-W18",
    "2026-W19", "2026-W20", "2026-W21",
];

const IMPRESSIONS: &str = "displayImpressionFraud";

/// Where in its /48 the rotating bot is each week. It is missing in W13 and W18 and comes back to
/// one /64 once, in W19.
const ROTATION: [Option<u64>; 11] = [
    Some(0x0140),
    Some(0x02a1),
    None,
    Some(0x0417),
    Some(0x0533),
    Some(0x0620),
    Some(0x0702),
    None,
    Some(0x0620),
    Some(0x0a08),
    Some(0x0b11),
];
/// Where it is in May.
pub(super) const ROTATED: u64 = ROTATING | 0x0c21;

#[derive(Clone)]
pub(super) struct Row {
    pub(super) address: Ipv6Addr,
    pub(super) kind: &'static str,
    /// In hundredths, 50 to 100.
    pub(super) probability: u64,
    pub(super) network: usize,
}

impl Row {
    pub(super) fn provider(&self) -> &'static str {
        NETWORKS[self.network].name
    }
}

/// A noisy /64 and the issues that mark it: one or two.
struct Noise {
    network: usize,
    subnet: u64,
    kind: &'static str,
    issues: Vec<usize>,
}

/// The rows of each week and, last, of May.
pub(super) fn all(seed: u64) -> Vec<Vec<Row>> {
    let mut random = Random::new(seed, "issues");
    let mut carrier = Carrier { used: BTreeSet::new() };
    let may = may(&mut random, &mut carrier);
    let noise = noise(&mut random, &may);
    let mut issues: Vec<Vec<Row>> = (0..WEEKS.len())
        .map(|week| {
            let mut rows = story(week, &mut random, &mut carrier);
            for noisy in noise.iter().filter(|noisy| noisy.issues.contains(&week)) {
                rows.push(Row {
                    address: address(noisy.subnet, random.interface_id()),
                    kind: noisy.kind,
                    probability: random.between(50, 93),
                    network: noisy.network,
                });
            }
            // The publisher's order: most certain first. Its lists are cut at fifty.
            rows.sort_by_key(|row| (std::cmp::Reverse(row.probability), row.address));
            rows.truncate(50);
            rows
        })
        .collect();
    issues.push(may);
    issues
}

/// The big carrier: a new /48 for every row, so that nothing in it ever recurs.
struct Carrier {
    used: BTreeSet<u64>,
}

impl Carrier {
    fn row(&mut self, random: &mut Random) -> Row {
        let site = loop {
            let site = random.below(1 << 16);
            if self.used.insert(site) {
                break site;
            }
        };
        let within = u32::try_from(site << 16 | random.below(1 << 16)).unwrap_or(0);
        Row {
            address: address(subnet(T_MOBILE, within), random.interface_id()),
            kind: IMPRESSIONS,
            probability: random.between(55, 84),
            network: T_MOBILE,
        }
    }
}

fn story(week: usize, random: &mut Random, carrier: &mut Carrier) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |network, subnet, interface, kind, probability| {
        rows.push(Row { address: address(subnet, interface), kind, probability, network });
    };
    // The recurring /64 is missing once, in W15.
    if week != 4 {
        for _ in 0..random.between(2, 5) {
            let probability = random.between(91, 99);
            add(SPECTRUM, RECURRING, random.interface_id(), IMPRESSIONS, probability);
        }
    }
    if let Some(site) = ROTATION[week] {
        for _ in 0..random.between(1, 3) {
            let probability = random.between(88, 97);
            add(VERIZON, ROTATING | site, random.interface_id(), IMPRESSIONS, probability);
        }
    }
    add(HETZNER, CRAWLER, 0x10, "IABcrawler", 100);
    if week % 3 == 1 {
        add(HETZNER, CRAWLER, 0x11, "IABcrawler", 100);
    }
    for _ in 0..random.between(4, 8) {
        rows.push(carrier.row(random));
    }
    rows
}

/// Blocks that are marked once or twice: what a list of suspects looks like when nothing is
/// behind it.
fn noise(random: &mut Random, may: &[Row]) -> Vec<Noise> {
    const KINDS: [&str; 7] = [
        IMPRESSIONS,
        "videoImpressionFraud",
        "highRiskDeviceId",
        "appSpoofing",
        "proxy",
        "datacenter",
        "deviceIdStuffing",
    ];
    const KIND_WEIGHTS: [u64; 7] = [60, 14, 6, 6, 5, 5, 4];
    let homes = [
        SPECTRUM,
        SPECTRUM,
        COMCAST,
        COMCAST,
        ATT_INTERNET,
        ATT_WIRELESS,
        COMCAST_BUSINESS,
        PLAY,
        STARLINK,
    ];
    let week = |random: &mut Random| random.index(WEEKS.len());
    let mut all: Vec<Noise> = Vec::new();
    for _ in 0..96 {
        let network = if random.chance(240) {
            random.pick(&homes)
        } else {
            NOISE + random.index(NETWORKS.len() - NOISE)
        };
        let within = u32::try_from(random.below(1 << 32)).unwrap_or(0);
        let mut issues = vec![week(random)];
        if random.chance(250) {
            issues.push(week(random));
        }
        all.push(Noise {
            network,
            subnet: subnet(network, within),
            kind: KINDS[random.weighted(&KIND_WEIGHTS)],
            issues,
        });
    }
    // Two weeks in which the publisher had more than its fifty rows.
    for crowded in [3, 6] {
        for _ in 0..38 {
            let network = NOISE + random.index(NETWORKS.len() - NOISE);
            let within = u32::try_from(random.below(1 << 32)).unwrap_or(0);
            all.push(Noise {
                network,
                subnet: subnet(network, within),
                kind: IMPRESSIONS,
                issues: vec![crowded],
            });
        }
    }
    // Egress of a relay: many people, and nobody's subnet.
    for issues in [vec![1], vec![5, 9]] {
        all.push(Noise {
            network: RELAY,
            subnet: subnet(RELAY, 0x0001_0001),
            kind: "maskediCloudRelayIP",
            issues,
        });
    }
    // Some of May's lone blocks were there once before.
    for row in may.iter().filter(|row| row.kind == IMPRESSIONS) {
        let bits = u64::try_from(row.address.to_bits() >> 64).unwrap_or(0);
        let planted = bits == RECURRING || bits >> 16 == ROTATING >> 16 || row.network == T_MOBILE;
        if !planted && random.chance(400) {
            all.push(Noise {
                network: row.network,
                subnet: bits,
                kind: row.kind,
                issues: vec![week(random)],
            });
        }
    }
    all
}

/// May has the counts that are published for it: 25 indicators, and which of them share blocks.
fn may(random: &mut Random, carrier: &mut Carrier) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |random: &mut Random, network, subnet, kind, low, high| {
        rows.push(Row {
            address: address(subnet, random.interface_id()),
            kind,
            probability: random.between(low, high),
            network,
        });
    };
    for _ in 0..4 {
        add(random, SPECTRUM, RECURRING, IMPRESSIONS, 92, 99);
    }
    for within in [0x0101_0003, 0x0217_00a0, 0x0a44_1200, 0x1c09_0001, 0x77f0_0b00] {
        add(random, SPECTRUM, subnet(SPECTRUM, within), IMPRESSIONS, 62, 90);
    }
    for within in [0x0031_0200, 0x2b00_7000] {
        add(random, SPECTRUM_TWO, subnet(SPECTRUM_TWO, within), IMPRESSIONS, 60, 88);
    }
    for _ in 0..2 {
        add(random, VERIZON, ROTATED, IMPRESSIONS, 90, 97);
    }
    add(random, VERIZON, subnet(VERIZON, 0x3300_0010), IMPRESSIONS, 60, 85);
    for _ in 0..2 {
        add(random, COMCAST, subnet(COMCAST, 0x0c0a_8100), IMPRESSIONS, 70, 90);
    }
    add(random, ATT_INTERNET, subnet(ATT_INTERNET, 0x0700_00c0), IMPRESSIONS, 60, 85);
    add(random, ATT_WIRELESS, subnet(ATT_WIRELESS, 0x4a51_0e02), IMPRESSIONS, 60, 85);
    add(random, COMCAST_BUSINESS, subnet(COMCAST_BUSINESS, 0x0012_0001), "IABcrawler", 100, 100);
    add(random, PLAY, subnet(PLAY, 0x1d00_4400), "appSpoofing", 75, 90);
    add(random, STARLINK, subnet(STARLINK, 0x0203_0900), "deviceIdStuffing", 75, 90);
    rows.push(Row {
        address: address(CRAWLER, 0x10),
        kind: "IABcrawler",
        probability: 100,
        network: HETZNER,
    });
    for _ in 0..3 {
        rows.push(carrier.row(random));
    }
    rows.sort_by_key(|row| (std::cmp::Reverse(row.probability), row.address));
    rows
}

/// An issue in the nearest public schema.
pub(super) fn csv(rows: &[Row]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("IP,IP Type,fraudType,probability,provider\n");
    for row in rows {
        let (whole, part) = (row.probability / 100, row.probability % 100);
        let _ = writeln!(
            text,
            "{},IPv6,{},{whole}.{part:02},{}",
            row.address,
            row.kind,
            row.provider()
        );
    }
    text
}
