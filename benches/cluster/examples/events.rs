//! Writes the events of `events.py` to standard output as CSV, drawn by another generator: the same
//! description, other numbers. For sizes that one does not want on disk.
//!
//! usage: events ROWS | cluster /dev/stdin THREADS

#![allow(clippy::cast_possible_truncation, reason = "any bits will do")]
#![allow(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "any bits will do")]

use std::io::{self, BufWriter, Write as _};

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of `among`, as popular as a power law makes it.
    fn pick(&mut self, exponent: f64, scale: f64, among: usize) -> usize {
        let uniform = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let pareto = (1.0 - uniform).powf(-1.0 / exponent) - 1.0;
        (pareto * scale) as u64 as usize % among
    }
}

fn main() -> io::Result<()> {
    let rows: u64 =
        std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    let mut rng = Rng(20_260_101);
    let wide: Vec<(u64, u64)> = (0..400)
        .map(|_| {
            ((0x2400 + rng.below(0x800)) << 16 | rng.below(1 << 16), 7_000 + 97 * rng.below(150))
        })
        .collect();
    let below = |rng: &mut Rng, above: &[(u64, u64)], exponent, scale| {
        let (block, asn) =
            above.get(rng.pick(exponent, scale, above.len())).copied().unwrap_or_default();
        (block << 16 | rng.below(1 << 16), asn)
    };
    let middle: Vec<_> = (0..20_000).map(|_| below(&mut rng, &wide, 1.1, 10.0)).collect();
    let narrow: Vec<_> = (0..1_500_000).map(|_| below(&mut rng, &middle, 1.05, 300.0)).collect();
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    out.write_all(b"ts,ip,asn,device\n")?;
    for _ in 0..rows {
        let at = rng.pick(0.9, 20_000.0, narrow.len());
        let (network, asn) = narrow.get(at).copied().unwrap_or_default();
        let device = at as u64 * 4 + rng.below(4);
        let host =
            if rng.below(10) < 3 { device.wrapping_mul(0x9e37_79b9_7f4a_7c15) } else { rng.next() };
        let mut line = *b"2026-01-00 00:00:00,0000:0000:0000:0000:0000:0000:0000:0000,";
        let second = rng.below(30 * 86_400);
        let parts = [
            (8, 1 + second / 86_400),
            (11, second / 3_600 % 24),
            (14, second / 60 % 60),
            (17, second % 60),
        ];
        for (at, value) in parts {
            if let Some([tens, ones]) = line.get_mut(at..at + 2) {
                (*tens, *ones) = (b'0' + (value / 10) as u8, b'0' + (value % 10) as u8);
            }
        }
        for digit in 0..32 {
            let half = if digit < 16 { network } else { host };
            let value = (half >> (60 - 4 * (digit % 16)) & 15) as usize;
            if let (Some(slot), Some(hex)) =
                (line.get_mut(20 + digit + digit / 4), b"0123456789abcdef".get(value))
            {
                *slot = *hex;
            }
        }
        out.write_all(&line)?;
        writeln!(out, "{asn},{device}")?;
    }
    out.flush()
}
