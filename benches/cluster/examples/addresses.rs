//! How fast plain IPv6 text is read, by form, beside the standard library: the tenth percentile of
//! many runs of 2,000 addresses, which other processes hardly disturb.

#![allow(clippy::print_stdout, reason = "it is what is asked for")]
#![allow(clippy::cast_precision_loss, reason = "nanoseconds")]

use std::hint::black_box;
use std::net::Ipv6Addr;
use std::time::Instant;

use adproof_model::ipv6;

const RUN: usize = 2_000;
const RUNS: usize = 2_000;

/// A name, and how bits are written.
type Form = (&'static str, fn(u128) -> String);

fn random(seed: &mut u64) -> u128 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    u128::from(mixed) << 64
        | u128::from((mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb))
}

fn full(bits: u128) -> String {
    Ipv6Addr::from_bits(bits).segments().map(|group| format!("{group:04x}")).join(":")
}

fn percentile(texts: &[String], read: impl Fn(&str) -> u128) -> f64 {
    let mut nanos: Vec<u128> = (0..RUNS)
        .map(|run| {
            let from = run * 97 % (texts.len() - RUN);
            let start = Instant::now();
            let some = texts.iter().skip(from).take(RUN);
            black_box(some.fold(0, |bits, text| bits ^ read(text)));
            start.elapsed().as_nanos()
        })
        .collect();
    nanos.sort_unstable();
    nanos.get(RUNS / 10).map_or(0.0, |nanos| *nanos as f64 / RUN as f64)
}

fn main() {
    const CARRIER: u128 = 0x2a02 << 112;
    let forms: [Form; 4] = [
        ("full", full),
        ("RFC 5952, random", |bits| Ipv6Addr::from_bits(CARRIER | bits >> 16).to_string()),
        ("RFC 5952, short host", |bits| {
            Ipv6Addr::from_bits(CARRIER | bits >> 80 << 64 | bits & 0xff).to_string()
        }),
        ("2001:db8::, short host", |bits| {
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | bits & 0xfff).to_string()
        }),
    ];
    println!("| form | ns | M/s | std, ns |\n|---|---|---|---|");
    for (name, write) in forms {
        let mut seed = 1;
        let texts: Vec<String> = (0..200_000).map(|_| write(random(&mut seed))).collect();
        let own = percentile(&texts, |text| ipv6::parse(text.as_bytes()).unwrap_or(0));
        let std = percentile(&texts, |text| text.parse().map_or(0, Ipv6Addr::to_bits));
        println!("| {name} | {own:.1} | {:.0} | {std:.0} |", 1e3 / own);
    }
}
