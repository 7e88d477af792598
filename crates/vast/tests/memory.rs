//! What judging a document costs in memory, counted by the allocator.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "a test fails by panicking, the sizes are small, and `--nocapture` shows them"
)]

use adproof_vast::{Options, check};

#[path = "../../../benches/src/tags.rs"]
#[allow(unreachable_pub, reason = "the module is public where the benches use it")]
mod tags;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Allocations and the peak of bytes held while a document is judged.
fn cost(text: &str) -> (u64, usize) {
    let options = Options::default();
    let _profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get();
    let findings = check(text.as_bytes(), &options).findings;
    let after = dhat::HeapStats::get();
    assert!(findings.is_empty(), "the input is clean: {findings:#?}");
    (after.total_blocks - before.total_blocks, after.max_bytes - before.curr_bytes)
}

#[test]
fn a_clean_document_costs_one_and_a_half_times_its_size_in_few_allocations() {
    for (ads, trackers) in [(1, 2), (1, 10), (1, 128), (60, 10), (345, 10)] {
        let text = tags::tag(ads, trackers);
        let (blocks, peak) = cost(&text);
        let ratio = peak as f64 / text.len() as f64;
        println!(
            "{:>7} bytes: {blocks} allocations, peak {peak} bytes, {ratio:.2} times",
            text.len()
        );
        assert!(blocks <= 40, "{} bytes take {blocks} allocations", text.len());
        assert!(ratio <= 1.5, "{} bytes take {peak} at the peak", text.len());
    }
}
