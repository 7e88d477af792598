//! The linter without a browser: writes a generated tag, or says how many microseconds it takes.

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use adproof_vast::{Options, check};

#[path = "../../src/tags.rs"]
#[allow(unreachable_pub, reason = "the module is public where the benches use it")]
mod tags;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize| args.get(place).and_then(|text| text.parse().ok()).unwrap_or(1);
    let text = tags::tag(number(1), number(2));
    let mut out = std::io::stdout().lock();
    if args.first().is_some_and(|what| what == "print") {
        return out.write_all(text.as_bytes());
    }
    let options = Options::default();
    let repeats = u32::try_from(100_000 / text.len()).unwrap_or(1).max(1);
    let round = || {
        let begin = Instant::now();
        for _ in 0..repeats {
            black_box(check(black_box(text.as_bytes()), &options));
        }
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(repeats)
    };
    // The least of many short rounds: what disturbs a run only makes it slower, and what else the
    // machine does leaves some of them alone.
    let least = (0..400).map(|_| round()).fold(f64::INFINITY, f64::min);
    writeln!(out, "{least:.3}")
}
