//! Judging tags: ours against vastlint-core and against a bare pass of quick-xml over events and
//! attributes, on the same generated inputs, in one run, on one thread.

use std::hint::black_box;
use std::time::Duration;

use adproof_benches::tags::tag;
use adproof_vast::{Options, check, lint};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Every event and every attribute is looked at, and nothing is kept.
fn bare(text: &str) -> usize {
    let mut reader = Reader::from_str(text);
    let mut seen = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return seen,
            Ok(Event::Start(start) | Event::Empty(start)) => {
                seen += start.attributes().flatten().count() + 1;
            }
            Ok(event) => {
                black_box(&event);
                seen += 1;
            }
        }
    }
}

fn benches(criterion: &mut Criterion) {
    let options = Options::default();
    // About 2, 3, 16, 164 and 946 KB.
    for (ads, trackers) in [(1, 2), (1, 10), (1, 128), (60, 10), (345, 10)] {
        let text = tag(ads, trackers);
        assert!(check(text.as_bytes(), &options).findings.is_empty(), "the input is clean");
        let mut group = criterion.benchmark_group("lint");
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or(u64::MAX)));
        group
            .sample_size(30)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        let size =
            format!("{:.1} KB", f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) / 1000.0);
        group.bench_with_input(BenchmarkId::new("adproof-check", &size), &text, |bencher, text| {
            bencher.iter(|| check(black_box(text.as_bytes()), &options));
        });
        group.bench_with_input(BenchmarkId::new("adproof-lint", &size), &text, |bencher, text| {
            bencher.iter(|| lint(black_box(text.as_bytes()), &options));
        });
        group.bench_with_input(BenchmarkId::new("quick-xml", &size), &text, |bencher, text| {
            bencher.iter(|| bare(black_box(text)));
        });
        group.bench_with_input(BenchmarkId::new("vastlint-core", &size), &text, |bencher, text| {
            bencher.iter(|| vastlint_core::validate(black_box(text)));
        });
        group.finish();
    }
}

criterion_group!(lint_tags, benches);
criterion_main!(lint_tags);
