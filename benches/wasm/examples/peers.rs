//! The linter beside vastlint-core and beside a bare pass of quick-xml over events and attributes:
//! the same inputs, in turn, one thread. The least of many short rounds, in microseconds: what
//! disturbs a run only makes it slower.
//!
//! `ADPROOF_CORPUS` names a folder of documents that are judged as a whole, too.

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use adproof_vast::{Options, check};

#[path = "../../src/beside.rs"]
#[allow(unreachable_pub, reason = "the module is public where the benches use it")]
mod beside;
#[path = "../../src/tags.rs"]
#[allow(unreachable_pub, reason = "the module is public where the benches use it")]
mod tags;

/// Rounds, of which the least counts.
const ROUNDS: u32 = 60;
/// Bytes that each contender judges in a round.
const BYTES: usize = 1_000_000;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "input | check | and written | quick-xml | vastlint-core | to quick-xml | to vastlint-core | written"
    )?;
    for (ads, trackers) in [(1, 2), (1, 10), (1, 128), (60, 10), (345, 10)] {
        let text = tags::tag(ads, trackers);
        let kilobytes = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX)) / 1000.0;
        row(&mut out, &format!("{kilobytes:.1} KB"), &[text])?;
    }
    if let Some(folder) = std::env::var_os("ADPROOF_CORPUS") {
        let texts = beside::documents(Path::new(&folder));
        row(&mut out, &format!("corpus of {}", texts.len()), &texts)?;
    }
    Ok(())
}

fn row(out: &mut impl std::io::Write, name: &str, texts: &[String]) -> std::io::Result<()> {
    let options = Options::default();
    let ours = |text: &str| check(text.as_bytes(), &options).findings.len();
    // Every message, path and fix as a text, which is made when it is asked for.
    let written = |text: &str| {
        let findings = check(text.as_bytes(), &options).findings;
        findings.iter().map(|finding| black_box(&finding).message.len()).sum()
    };
    let peer = |text: &str| vastlint_core::validate(text).issues.len();
    let contenders: [&dyn Fn(&str) -> usize; 4] = [&ours, &written, &beside::bare, &peer];
    let bytes: usize = texts.iter().map(String::len).sum();
    let repeats = u32::try_from(BYTES / bytes.max(1)).unwrap_or(1).max(1);
    let mut times = [f64::INFINITY; 4];
    for _ in 0..ROUNDS {
        for (run, least) in contenders.iter().zip(&mut times) {
            let begin = Instant::now();
            for _ in 0..repeats {
                for text in texts {
                    black_box(run(black_box(text)));
                }
            }
            *least = least.min(begin.elapsed().as_secs_f64() * 1e6 / f64::from(repeats));
        }
    }
    let [ours, written, bare, peer] = times;
    writeln!(
        out,
        "{name} | {ours:.1} | {written:.1} | {bare:.1} | {peer:.1} | {:.2} | {:.2} | {:.2}",
        ours / bare,
        peer / ours,
        peer / written
    )
}
