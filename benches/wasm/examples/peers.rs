//! The linter beside vastlint-core and beside a bare pass of quick-xml over events and attributes:
//! the same inputs, in turn, one thread. Medians of rounds, in microseconds.
//!
//! `ADPROOF_CORPUS` names a folder of documents that are judged as a whole, too.

use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use adproof_vast::{Options, check};
use quick_xml::Reader;
use quick_xml::events::Event;

#[path = "../../src/tags.rs"]
#[allow(unreachable_pub, reason = "the module is public where the benches use it")]
mod tags;

/// Rounds, of which the median counts.
const ROUNDS: usize = 15;
/// Bytes that each contender judges in a round.
const BYTES: usize = 4_000_000;

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

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "input | check | quick-xml | vastlint-core | to quick-xml | to vastlint-core")?;
    for (ads, trackers) in [(1, 2), (1, 10), (1, 128), (60, 10), (345, 10)] {
        let text = tags::tag(ads, trackers);
        let kilobytes = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) / 1000.0;
        row(&mut out, &format!("{kilobytes:.1} KB"), &[text])?;
    }
    if let Some(folder) = std::env::var_os("ADPROOF_CORPUS") {
        let mut texts = Vec::new();
        walk(Path::new(&folder), &mut texts);
        row(&mut out, &format!("corpus of {}", texts.len()), &texts)?;
    }
    Ok(())
}

fn row(out: &mut impl std::io::Write, name: &str, texts: &[String]) -> std::io::Result<()> {
    let options = Options::default();
    let ours = |text: &str| check(text.as_bytes(), &options).findings.len();
    let peer = |text: &str| vastlint_core::validate(text).issues.len();
    let contenders: [&dyn Fn(&str) -> usize; 3] = [&ours, &bare, &peer];
    let bytes: usize = texts.iter().map(String::len).sum();
    let repeats = u32::try_from(BYTES / bytes.max(1)).unwrap_or(1).max(1);
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (run, times) in contenders.iter().zip(&mut times) {
            let begin = Instant::now();
            for _ in 0..repeats {
                for text in texts {
                    black_box(run(black_box(text)));
                }
            }
            times.push(begin.elapsed().as_secs_f64() * 1e6 / f64::from(repeats));
        }
    }
    let [ours, bare, peer] = times.map(|mut rounds| {
        rounds.sort_by(f64::total_cmp);
        rounds.get(ROUNDS / 2).copied().unwrap_or(f64::NAN)
    });
    writeln!(
        out,
        "{name} | {ours:.1} | {bare:.1} | {peer:.1} | {:.2} | {:.2}",
        ours / bare,
        peer / ours
    )
}

/// The peer takes text, so that what is not UTF-8 is left out for all.
fn walk(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "xml")
            && let Ok(text) = fs::read_to_string(&path)
        {
            texts.push(text);
        }
    }
}
