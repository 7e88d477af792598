//! The tally of the own log, and the scoring of a feed's history.

use std::hint::black_box;

use adproof_model::{FraudType, Indicator, IssueId, Level, Prefix};
use adproof_signal::{Exposure, Params, Tally, score};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// SplitMix64: the same events in every run.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

/// Events of a month: eight a /64, in 4,096 networks of a /32 each at most.
fn events(count: u64) -> Vec<Exposure> {
    let mut rng = Rng(7);
    (0..count)
        .map(|_| {
            let network = 0x2000_u64 << 48 | rng.below(count / 8).wrapping_mul(2_654_435_761) << 4;
            Exposure {
                address: u128::from(network) << 64 | u128::from(rng.below(4)),
                asn: u32::try_from(network >> 36 & 0xff).ok(),
                device: u128::from(rng.below(count / 6)) + 1,
                day: i64::try_from(rng.below(30)).unwrap_or(0),
                impressions: 1,
                revenue_micros: 1_000,
                flagged: rng.below(1_000) == 0,
            }
        })
        .collect()
}

fn sealed(events: &[Exposure]) -> Tally {
    let mut tally = Tally::empty();
    for event in events {
        tally.expose(*event);
    }
    tally.seal();
    tally
}

/// Twelve weekly issues of `rows` rows.
fn history(rows: u64) -> Tally {
    let mut rng = Rng(11);
    let mut tally = Tally::empty();
    for week in 1..=12 {
        let Ok(issue) = IssueId::parse(&format!("2026-W{week:02}")) else { continue };
        tally.ingest(&issue);
        for row in 1..=rows {
            let bits = 0x3fff_u128 << 112 | u128::from(rng.below(rows * 4)) << 72;
            tally.mark(
                &Indicator {
                    prefix: Prefix::containing(bits | u128::from(rng.below(1 << 30)), 128),
                    fraud_type: FraudType::new("displayImpressionFraud"),
                    probability_ppm: None,
                    provider: Some(format!("provider {}", (bits >> 90) % 20).into()),
                    asn: None,
                    issue: issue.clone(),
                    row,
                    labels: Vec::new(),
                },
                "feed",
            );
        }
    }
    tally
}

fn tally(criterion: &mut Criterion) {
    let events = events(1_000_000);
    let mut group = criterion.benchmark_group("tally");
    group.sample_size(10).throughput(Throughput::Elements(1_000_000));
    group.bench_function("append and seal 1 M events", |bench| {
        bench.iter(|| black_box(sealed(&events)).has_exposure());
    });
    let whole = sealed(&events);
    group.bench_function("census of 1 M events, all levels", |bench| {
        bench.iter(|| Level::ALL.map(|level| black_box(whole.census(level)).len()));
    });
    let (left, right) = events.split_at(500_000);
    let halves = (sealed(left), sealed(right));
    group.bench_function("merge two halves of 1 M events", |bench| {
        bench.iter_batched(
            || halves.clone(),
            |(left, right)| left.merge(right),
            BatchSize::LargeInput,
        );
    });
    let bytes = whole.to_bytes();
    group.bench_function("canonical bytes there and back", |bench| {
        bench.iter(|| Tally::from_bytes(black_box(&bytes)).map(|tally| tally.to_bytes().len()));
    });
    group.finish();
}

fn scoring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("score");
    group.sample_size(10);
    for rows in [50, 1_000, 10_000] {
        let tally = history(rows);
        group.bench_function(format!("12 issues of {rows} rows"), |bench| {
            bench.iter(|| score(black_box(&tally), &Params::default()).blocks.len());
        });
    }
    group.finish();
}

criterion_group!(benches, tally, scoring);
criterion_main!(benches);
