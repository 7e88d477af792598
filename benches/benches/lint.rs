//! Judging tags: ours against vastlint-core and against a bare pass of quick-xml over events and
//! attributes, on the same generated inputs, in one run, on one thread.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use adproof_benches::beside::{bare, documents};
use adproof_benches::tags::tag;
use adproof_vast::{Options, check, lint};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

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

/// Documents from the wild, one after the other: `ADPROOF_CORPUS` names their folder.
#[allow(clippy::print_stderr, reason = "says whether the corpus was there")]
fn corpus(criterion: &mut Criterion) {
    let Some(folder) = std::env::var_os("ADPROOF_CORPUS") else {
        eprintln!("ADPROOF_CORPUS names no folder: the corpus was not measured");
        return;
    };
    let texts = documents(Path::new(&folder));
    let bytes: usize = texts.iter().map(String::len).sum();
    eprintln!("{} documents, {bytes} bytes", texts.len());
    let options = Options::default();
    let mut group = criterion.benchmark_group("corpus");
    group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap_or(u64::MAX)));
    group.sample_size(30).measurement_time(Duration::from_secs(3));
    group.bench_function("adproof-check", |bencher| {
        bencher.iter(|| {
            texts.iter().map(|text| check(text.as_bytes(), &options).findings.len()).sum::<usize>()
        });
    });
    group.bench_function("quick-xml", |bencher| {
        bencher.iter(|| texts.iter().map(|text| bare(text)).sum::<usize>());
    });
    group.bench_function("vastlint-core", |bencher| {
        bencher.iter(|| {
            texts.iter().map(|text| vastlint_core::validate(text).issues.len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(lint_tags, benches, corpus);
criterion_main!(lint_tags);
