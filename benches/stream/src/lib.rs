//! A log of events that looks random and is the same in each run, and clocks to measure with.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;
/// Legs of an impression.
pub const LEGS: usize = 6;

/// A sequence that looks random.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same sequence for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `below`.
    pub const fn throw(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % if below == 0 { 1 } else { below }
    }
}

/// Writes an instant in milliseconds since 2026-05-01 as RFC 3339. May and June do.
fn time(out: &mut String, ms: u64) {
    let day = ms / DAY_MS;
    let (month, day) = if day < 31 { (5, day + 1) } else { (6, day - 30) };
    let (h, m, s) = (ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1_000 % 60);
    let _ = write!(out, "2026-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{:03}Z", ms % 1_000);
}

/// How many of so many impressions lie in each of so many days.
#[must_use]
pub fn a_day(impressions: u64, days: u64) -> Vec<usize> {
    let mut counts = vec![0; usize::try_from(days).unwrap_or(0)];
    for index in 0..impressions {
        let day = usize::try_from(day_of(index, impressions, days)).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(day) {
            *count += 1;
        }
    }
    counts
}

const fn day_of(index: u64, impressions: u64, days: u64) -> u64 {
    index * days / if impressions == 0 { 1 } else { impressions }
}

/// A log of `impressions` with six legs each over `days` days, as JSON lines in the order of their
/// receipt within some seconds. Addresses lie in 64 allocations, /64s repeat.
#[must_use]
pub fn log(impressions: u64, days: u64) -> String {
    let mut dice = Dice::new(7);
    let mut lines: Vec<(u64, String)> = Vec::new();
    for index in 0..impressions {
        // 20 hours of a day, so that no impression lies in two.
        let start = index * days * 72_000 * 1_000 / impressions.max(1);
        let start = start / 72_000_000 * DAY_MS + start % 72_000_000 + 3_600_000;
        let house = dice.throw(impressions / 4 + 16);
        let (block, net) = (house % 64, house / 64);
        let host = dice.throw(1 << 31);
        let legs = [
            (
                "request",
                "\"ua\":\"ExampleTV/4.1 (Linux; TV)\",\"bundle\":\"app.example.puzzle\",\"ssai\":2"
                    .to_owned(),
            ),
            ("network", format!("\"asn\":{}", 64_500 + block)),
            (
                "creative",
                "\"creative\":\"cr-30\",\"price_micros\":21900,\"currency\":\"USD\"".to_owned(),
            ),
            ("vast", "\"tag\":\"good-linear-30.xml\"".to_owned()),
            ("execution", "\"outcome\":\"completed\",\"played_ms\":30000".to_owned()),
            ("billing", "\"amount_micros\":21900,\"currency\":\"USD\"".to_owned()),
        ];
        for (leg, (name, rest)) in (0_u64..).zip(legs) {
            let at = start + leg * 700;
            let received = at + dice.throw(5_000);
            let mut line = format!(
                "{{\"id\":\"{:x}\",\"leg\":\"{name}\",\"observer\":\"{name}.example\",\
                 \"transaction\":\"{:016x}\",\"impression\":\"1\",",
                index * 6 + leg,
                index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            );
            if leg < 5 {
                let _ = write!(
                    line,
                    "\"ip\":\"3fff:{block:x}:{:x}:{:x}:{:x}:{:x}:0:1\",\"ifa\":\"{house:012x}\",",
                    net >> 16,
                    net & 0xffff,
                    host >> 16,
                    host & 0xffff
                );
            }
            let _ = write!(line, "{rest},\"time\":\"");
            time(&mut line, at);
            line.push_str("\",\"received\":\"");
            time(&mut line, received);
            line.push_str("\"}\n");
            lines.push((received, line));
        }
    }
    lines.sort_by_key(|(received, _)| *received);
    lines.into_iter().map(|(_, line)| line).collect()
}

/// What something took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// By the wall clock.
    pub wall: Duration,
    /// On a processor.
    pub cpu: Duration,
}

/// Both clocks, of this thread or of the process.
#[derive(Debug)]
pub struct Clock {
    wall: Instant,
    cpu: Duration,
    read: fn() -> Duration,
}

impl Clock {
    /// Starts now, for this thread.
    #[must_use]
    pub fn start() -> Self {
        Self::with(thread_cpu)
    }

    /// Starts now, for all threads together.
    #[must_use]
    pub fn of_process() -> Self {
        Self::with(process_cpu)
    }

    fn with(read: fn() -> Duration) -> Self {
        Self { wall: Instant::now(), cpu: read(), read }
    }

    /// Since then.
    #[must_use]
    pub fn took(&self) -> Took {
        Took { wall: self.wall.elapsed(), cpu: (self.read)().saturating_sub(self.cpu) }
    }
}

/// What the scheduler says this thread has run for; nothing where it says nothing.
fn thread_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// What the system says all threads have run for, those that ended too.
fn process_cpu() -> Duration {
    cpu_of(std::process::id())
}

/// What the system says all threads of a process have run for, in hundredths of a second.
#[must_use]
pub fn cpu_of(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name in brackets may hold spaces. Behind it, user and system time are the 12th and 13th.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks =
        rest.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
