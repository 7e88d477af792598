//! Five thousand impressions and what six legs of observers say about each of them.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::issues::{ROTATED, Row};
use super::random::Random;
use super::world::{
    CRAWLER, HETZNER, NETWORKS, RECURRING, RELAY, ROTATING, SPECTRUM, T_MOBILE, VERIZON, address,
    subnet,
};

const IMPRESSIONS: usize = 5_000;
const DEVICES: u64 = 2_600;
const DAYS: u64 = 5;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// How far a line may stand from its place in the order of `received`.
const DISORDER: u64 = 60 * SECOND;

/// Per mille of an hour's traffic, from midnight UTC: evenings in America are early mornings here.
const HOURS: [u64; 24] = [
    70, 75, 72, 60, 45, 30, 20, 14, 10, 10, 14, 22, 30, 34, 36, 38, 40, 42, 44, 46, 50, 56, 60, 66,
];

const AGENTS: [&str; 6] = [
    "ExampleTV/4.2 (Linux; TV)",
    "ExampleTV/4.1 (Linux; TV)",
    "ExampleStick/2.0 (TV)",
    "ExampleBox/7.3",
    "Mozilla/5.0 (Mobile) ExamplePlayer/1.9",
    "Mozilla/5.0 (Tablet) ExamplePlayer/1.9",
];
const BUNDLES: [&str; 6] = [
    "tv.example.news",
    "tv.example.sports",
    "tv.example.kids",
    "tv.example.movies",
    "app.example.puzzle",
    "app.example.weather",
];

/// Tags, their weight, playing time and creative.
const TAGS: [(&str, u64, u64, &str); 6] = [
    ("good-linear-30.xml", 440, 30_000, "cr-30"),
    ("good-linear-15.xml", 300, 15_000, "cr-15"),
    ("ctv-pod.xml", 150, 30_000, "cr-pod"),
    ("simid-interactive.xml", 95, 20_000, "cr-simid"),
    ("broken-no-media.xml", 11, 0, "cr-nomedia"),
    ("risky-url.xml", 4, 15_000, "cr-risky"),
];
const POD: usize = 2;
const BROKEN: usize = 4;

#[derive(Clone)]
struct Device {
    ifa: String,
    network: usize,
    home: Home,
    agent: &'static str,
    bundle: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Home {
    /// A subnet that stays, with a new interface id every day.
    Subnet(u64),
    /// A new subnet every day, as phones have them.
    Roaming,
    /// One address that stays.
    Fixed(Ipv6Addr),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Person,
    Bot,
    Crawler,
}

impl Device {
    fn new(random: &mut Random, network: usize, home: Home, kind: Kind) -> Self {
        Self {
            ifa: format!("{:012x}", random.next() >> 16),
            network,
            home,
            agent: if kind == Kind::Crawler {
                "ExampleBot/1.0 (+https://crawler.example)"
            } else {
                random.pick(&AGENTS)
            },
            bundle: random.pick(&BUNDLES),
            kind,
        }
    }

    /// Where it is on a day; drawn from the device and the day, so that it stays for the day.
    fn address(&self, seed: u64, day: u64) -> Ipv6Addr {
        let mut random = Random::new(seed ^ day, &self.ifa);
        match self.home {
            Home::Fixed(address) => address,
            Home::Subnet(subnet) => address(subnet, random.interface_id()),
            Home::Roaming => {
                let within = u32::try_from(random.below(1 << 32)).unwrap_or(0);
                address(subnet(self.network, within), random.interface_id())
            }
        }
    }
}

/// One line and when its log received it.
struct Line {
    received: u64,
    place: u64,
    id: u64,
    body: String,
}

struct Log {
    random: Random,
    lines: Vec<Line>,
    next_id: u64,
}

/// What all legs of an impression share.
struct Impression<'d> {
    device: &'d Device,
    ip: Ipv6Addr,
    transaction: String,
    number: u64,
    at: u64,
    tag: usize,
    ssai: u64,
    price: u64,
}

/// The log, one JSON object a line.
pub(super) fn log(seed: u64, may: &[Row]) -> String {
    let mut random = Random::new(seed, "events");
    let people = population(&mut random);
    let mut planted = planted(&mut random, may);
    let mut log = Log { random: Random::new(seed, "legs"), lines: Vec::new(), next_id: 0x1_0000 };
    let mut transactions = BTreeSet::new();
    let mut count = 0;
    while count < IMPRESSIONS {
        let left = u64::try_from(IMPRESSIONS - count).unwrap_or(1);
        // Those of the story are strewn evenly over what is left to make.
        let planted_turn = random.below(left) < planted.len() as u64;
        let device = if planted_turn {
            planted.swap_remove(random.index(planted.len()))
        } else {
            people[random.index(people.len())].clone()
        };
        let transaction = loop {
            let transaction = format!("{:010x}", random.next() >> 24);
            if transactions.insert(transaction.clone()) {
                break transaction;
            }
        };
        let hour = random.weighted(&HOURS) as u64;
        let at = random.below(DAYS) * DAY + hour * HOUR + random.below(HOUR);
        let tag = random.weighted(&TAGS.map(|tag| tag.1));
        let ads = if tag == POD && !planted_turn && random.chance(600) { 2 } else { 1 };
        for number in 1..=ads {
            if count == IMPRESSIONS {
                break;
            }
            count += 1;
            let ssai = random.weighted(&[50, 350, 350, 250]) as u64;
            log.impression(&Impression {
                device: &device,
                ip: device.address(seed, at / DAY),
                transaction: transaction.clone(),
                number,
                at: at + (number - 1) * 30 * SECOND,
                tag,
                ssai,
                price: random.between(60, 380) * 100,
            });
        }
    }
    log.finish()
}

fn population(random: &mut Random) -> Vec<Device> {
    let weights = NETWORKS.each_ref().map(|network| network.traffic);
    let mut people: Vec<Device> = Vec::new();
    while (people.len() as u64) < DEVICES {
        let network = random.weighted(&weights);
        if network == HETZNER {
            continue;
        }
        let within = u32::try_from(random.below(1 << 32)).unwrap_or(0);
        let home = match network {
            T_MOBILE => Home::Roaming,
            // Few subnets, many people behind each.
            RELAY => Home::Subnet(subnet(RELAY, 0x0001_0001 + within % 3)),
            _ => Home::Subnet(subnet(network, within)),
        };
        // A household of one to three devices.
        let members = random.between(1, 3);
        for _ in 0..members {
            people.push(Device::new(random, network, home, Kind::Person));
        }
    }
    people
}

/// The impressions of the story, a device for each.
fn planted(random: &mut Random, may: &[Row]) -> Vec<Device> {
    let mut all = Vec::new();
    for row in may {
        let upper = u64::try_from(row.address.to_bits() >> 64).unwrap_or(0);
        let fixed = Home::Fixed(row.address);
        let (kind, impressions) = match upper {
            RECURRING => (Kind::Bot, 18),
            ROTATED => (Kind::Bot, 22),
            CRAWLER => (Kind::Crawler, 24),
            _ if row.kind == "IABcrawler" => (Kind::Crawler, 6),
            _ => (Kind::Bot, random.between(1, 3)),
        };
        let device = Device::new(random, row.network, fixed, kind);
        for _ in 0..impressions {
            all.push(device.clone());
        }
    }
    // People who live beside the bots: what acting on the block would cost.
    let mut neighbours = vec![(SPECTRUM, RECURRING); 3];
    for _ in 0..7 {
        neighbours.push((VERIZON, ROTATING | random.between(0x1000, 0xffff)));
    }
    for (network, home) in neighbours {
        let device = Device::new(random, network, Home::Subnet(home), Kind::Person);
        for _ in 0..random.between(2, 4) {
            all.push(device.clone());
        }
    }
    all
}

impl Log {
    fn impression(&mut self, impression: &Impression<'_>) {
        self.request(impression);
        self.network(impression);
        self.creative(impression);
        self.vast(impression);
        let played = self.execution(impression);
        self.billing(impression, played);
    }

    /// Starts the line of one leg: everything that all legs say.
    fn start(&mut self, impression: &Impression<'_>, leg: &str, observer: &str, at: u64) -> Body {
        self.next_id += 1;
        let delay = match self.random.weighted(&[950, 30, 20]) {
            0 if leg == "billing" => self.random.between(MINUTE, 50 * MINUTE),
            0 => self.random.between(200, 8 * SECOND),
            1 => self.random.between(HOUR, 3 * HOUR),
            // Long after any window has closed.
            _ => self.random.between(40 * HOUR, 70 * HOUR),
        };
        let mut body =
            Body { text: String::from("{"), id: self.next_id, time: at, received: at + delay };
        body.string("id", format_args!("{:05x}", self.next_id));
        body.string("leg", leg);
        body.string("observer", observer);
        body.string("transaction", &impression.transaction);
        body.string("impression", impression.number);
        body
    }

    fn push(&mut self, body: &Body) {
        // At-least-once delivery: the same line again, received later.
        if self.random.chance(14) {
            let again = body.received + self.random.between(SECOND, 10 * MINUTE);
            self.place(body, again);
        }
        self.place(body, body.received);
    }

    fn place(&mut self, body: &Body, received: u64) {
        let mut text = body.text.clone();
        let _ = write!(
            text,
            ",\"time\":\"{}\",\"received\":\"{}\"}}",
            instant(body.time),
            instant(received)
        );
        self.lines.push(Line {
            received,
            place: received + self.random.below(DISORDER),
            id: body.id,
            body: text,
        });
    }

    /// A leg whose holder will not tell.
    fn withheld(
        &mut self,
        impression: &Impression<'_>,
        leg: &str,
        observer: &str,
        at: u64,
    ) -> bool {
        if !self.random.chance(6) {
            return false;
        }
        let word = if self.random.chance(600) { "redacted" } else { "refused" };
        let mut body = self.start(impression, leg, observer, at);
        body.string("withheld", word);
        self.push(&body);
        true
    }

    fn request(&mut self, impression: &Impression<'_>) {
        let device = impression.device;
        if !self.random.chance(4) {
            let mut body = self.start(impression, "request", "ssp.example", impression.at);
            body.string("ip", impression.ip);
            body.string("ua", device.agent);
            body.string("ifa", &device.ifa);
            body.string("bundle", device.bundle);
            body.number("ssai", impression.ssai);
            self.push(&body);
        }
        // A second observer of the same request, which reports the stitching otherwise.
        if self.random.chance(10) {
            let at = impression.at + 12;
            let mut body = self.start(impression, "request", "exchange.example", at);
            body.string("ip", impression.ip);
            body.string("ua", device.agent);
            body.string("ifa", &device.ifa);
            body.string("bundle", device.bundle);
            body.number("ssai", (impression.ssai + 1) % 4);
            self.push(&body);
        }
    }

    fn network(&mut self, impression: &Impression<'_>) {
        let at = impression.at + self.random.between(5, 40);
        let relay = impression.device.network == RELAY;
        if !self.random.chance(12) {
            let mut body = self.start(impression, "network", "edge.example", at);
            body.string("ip", impression.ip);
            if !self.random.chance(50) {
                body.number("asn", NETWORKS[impression.device.network].asn);
            }
            if relay {
                body.number("shared_egress", true);
            }
            self.push(&body);
        }
        // Dual stack: another observer of the network sees the same device over IPv4.
        if self.random.chance(22) {
            let other =
                Ipv4Addr::new(203, 0, 113, u8::try_from(self.random.below(256)).unwrap_or(0));
            let mut body = self.start(impression, "network", "cdn.example", at + 30);
            body.string("ip", IpAddr::V4(other));
            if relay {
                body.number("shared_egress", true);
            }
            self.push(&body);
        }
    }

    fn creative(&mut self, impression: &Impression<'_>) {
        let at = impression.at + self.random.between(60, 180);
        if self.random.chance(6) || self.withheld(impression, "creative", "exchange.example", at) {
            return;
        }
        let mut body = self.start(impression, "creative", "exchange.example", at);
        body.string("creative", TAGS[impression.tag].3);
        body.number("price_micros", impression.price);
        body.string("currency", "USD");
        self.push(&body);
    }

    fn vast(&mut self, impression: &Impression<'_>) {
        let at = impression.at + self.random.between(190, 420);
        if self.random.chance(14) {
            return;
        }
        let mut body = self.start(impression, "vast", "adserver.example", at);
        // A stitcher that forgets X-Device-IP shows its own address.
        let forgot = impression.ssai >= 2 && self.random.chance(25);
        let hosting = NETWORKS.len() - 3;
        let seen = if forgot {
            address(subnet(hosting, 0x0002_0000), self.random.between(1, 40))
        } else {
            impression.ip
        };
        body.string("ip", seen);
        body.string("tag", TAGS[impression.tag].0);
        self.push(&body);
    }

    /// Whether something played.
    fn execution(&mut self, impression: &Impression<'_>) -> bool {
        let device = impression.device;
        let length = TAGS[impression.tag].2;
        let at = impression.at + 500 + length + self.random.between(200, 4 * SECOND);
        if device.kind == Kind::Crawler {
            return false;
        }
        let failed = impression.tag == BROKEN || self.random.chance(9);
        if self.random.chance(35) || self.withheld(impression, "execution", "player.example", at) {
            return !failed;
        }
        let observer = if impression.ssai == 3 { "stitcher.example" } else { "player.example" };
        let mut body = self.start(impression, "execution", observer, at);
        let seen = match device.kind {
            // The bot plays from a rented machine, not from where it asked.
            Kind::Bot if self.random.chance(500) => {
                let host = subnet(NETWORKS.len() - 3, 0x0040_0000);
                address(host, self.random.between(1, 9))
            }
            // A temporary address that changed while the ad played.
            Kind::Person if self.random.chance(20) => {
                let upper = u64::try_from(impression.ip.to_bits() >> 64).unwrap_or(0);
                address(upper, self.random.interface_id())
            }
            _ => impression.ip,
        };
        body.string("ip", seen);
        if failed {
            body.string("outcome", "failed");
            body.number("error", if impression.tag == BROKEN { 403 } else { 402 });
            body.number("played_ms", 0);
        } else if device.kind == Kind::Bot && self.random.chance(400) {
            // Complete before it can have been watched.
            body.string("outcome", "completed");
            body.number("played_ms", self.random.between(40, 900));
        } else if self.random.chance(130) {
            body.string("outcome", "started");
            body.number("played_ms", self.random.below(length.max(1)));
        } else {
            body.string("outcome", "completed");
            body.number("played_ms", length);
        }
        self.push(&body);
        !failed
    }

    fn billing(&mut self, impression: &Impression<'_>, played: bool) {
        // Some pay for what never played; most do not.
        if !played && !self.random.chance(250) {
            return;
        }
        let at = impression.at + TAGS[impression.tag].2 + self.random.between(5_000, 20_000);
        if self.random.chance(18) || self.withheld(impression, "billing", "billing.example", at) {
            return;
        }
        let amount = if self.random.chance(10) {
            impression.price + self.random.between(1, 9) * 100
        } else {
            impression.price
        };
        let mut body = self.start(impression, "billing", "billing.example", at);
        body.number("amount_micros", amount);
        body.string("currency", "USD");
        self.push(&body);
    }

    fn finish(mut self) -> String {
        self.lines.sort_by_key(|line| (line.place, line.id, line.received));
        let mut text = String::new();
        for line in self.lines {
            text.push_str(&line.body);
            text.push('\n');
        }
        text
    }
}

/// A line under construction.
struct Body {
    text: String,
    id: u64,
    time: u64,
    received: u64,
}

impl Body {
    /// Nothing that is written here needs escaping.
    fn string(&mut self, key: &str, value: impl Display) {
        self.separate();
        let _ = write!(self.text, "\"{key}\":\"{value}\"");
    }

    fn number(&mut self, key: &str, value: impl Display) {
        self.separate();
        let _ = write!(self.text, "\"{key}\":{value}");
    }

    fn separate(&mut self) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
    }
}

/// RFC 3339 of milliseconds since 2026-05-27T00:00:00Z.
fn instant(ms: u64) -> String {
    let day = 27 + ms / DAY;
    let (month, day) = if day > 31 { (6, day - 31) } else { (5, day) };
    let (hour, minute) = (ms % DAY / HOUR, ms % HOUR / MINUTE);
    let (second, milli) = (ms % MINUTE / SECOND, ms % SECOND);
    format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}
