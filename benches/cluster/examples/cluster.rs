//! Clusters a log of traffic, in text or in Parquet, as the peers do: for each /64, /48, /32 and system its events, exact
//! distinct days and exact distinct devices. Prints one line of JSON; `compare.py` runs it.
//!
//! usage: cluster LOG THREADS [MEMORY_BYTES] [digest]

#![allow(clippy::print_stdout, reason = "it is what the runner reads")]

use std::sync::Arc;

use adproof_batch::{Options, Progress};
use adproof_model::Level;
use adproof_signal::{Grain, Tally};

const LEVELS: [Level; 4] = [Level::P64, Level::P48, Level::P32, Level::Asn];

/// Groups, events, the most days of a group, and the sum of devices over groups.
type Figures = [u64; 4];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let started = std::time::Instant::now();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (Some(log), Some(threads)) = (args.first(), args.get(1)) else {
        return Err("usage: cluster LOG THREADS [MEMORY_BYTES] [digest]".into());
    };
    let mut options = Options { threads: threads.parse()?, ..Options::default() };
    if let Some(bytes) = args.get(2) {
        options.memory_bytes = bytes.parse()?;
    }
    // No peer computes a digest of its input.
    options.digest = args.get(3).is_some_and(|word| word == "digest");
    let progress = Arc::<Progress>::default();
    let grain = Grain::Network(Tally::empty().listed());
    let mut traffic =
        adproof_batch::read(&[log.into()], &grain, &options, &progress, &mut |_, _| {})?;
    let read = started.elapsed();
    let ranges = traffic.census(
        &LEVELS,
        options.threads,
        || [Figures::default(); 4],
        |figures, level, _, totals| {
            let at = LEVELS.iter().position(|one| *one == level);
            if let Some([groups, events, days, devices]) = at.and_then(|at| figures.get_mut(at)) {
                *groups += 1;
                *events += totals.impressions;
                *days = totals.days.max(*days);
                *devices += totals.devices;
            }
        },
    )?;
    let mut all = [Figures::default(); 4];
    for range in &ranges {
        for (all, one) in all.iter_mut().zip(range) {
            *all = [all[0] + one[0], all[1] + one[1], all[2].max(one[2]), all[3] + one[3]];
        }
    }
    let figures = LEVELS.iter().zip(all).map(|(level, figures)| format!("\"{level}\":{figures:?}"));
    let figures: Vec<String> = figures.collect();
    println!(
        "{{\"wall\":{:.3},\"read\":{:.3},\"spilled\":{},\"res\":{{{}}}}}",
        started.elapsed().as_secs_f64(),
        read.as_secs_f64(),
        traffic.spilled(),
        figures.join(",")
    );
    Ok(())
}
