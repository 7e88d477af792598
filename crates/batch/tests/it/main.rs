//! Logs on disk, read by the real threads through the real files.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

#[cfg(feature = "parquet")]
mod parquet;
mod piece;
mod resume;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_batch::{BatchError, Options, Progress, Traffic, is_traffic, read};
use adproof_feeds::Limits;
use adproof_model::Level;
use adproof_signal::{Exposure, Grain, Tally, device_key};
use sha2::{Digest as _, Sha256};

/// A log of `rows` rows, its tally, and the lines that are no rows.
fn log(rows: u64) -> (String, Tally, Vec<u64>) {
    let (mut text, mut tally, mut bad) =
        ("ts,ip,asn,device\n".to_owned(), Tally::empty(), Vec::new());
    let mut seed = 1_u64;
    for row in 0..rows {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (network, host) = (seed >> 40 & 0x3ff, seed >> 50 & 3);
        let (day, device, asn) = (seed >> 33 & 15, seed >> 37 & 7, network >> 7);
        let ip = format!("3fff:{:x}:{:x}::{host:x}", network >> 5, network & 31);
        if row % 97 == 5 {
            bad.push(row + 2);
            writeln!(text, "2026-01-{:02} 10:00:00,{ip}:x,{asn},d{device}", day + 1).unwrap();
            continue;
        }
        writeln!(text, "2026-01-{:02} 10:00:00,{ip},{asn},d{device}", day + 1).unwrap();
        let address = ip.parse::<std::net::Ipv6Addr>().unwrap().to_bits() >> 64 << 64;
        tally.expose(Exposure {
            address,
            asn: Some(u32::try_from(asn).unwrap()),
            device: device_key(format!("d{device}")),
            day: 20_454 + i64::try_from(day).unwrap(),
            impressions: 1,
            revenue_micros: 0,
            flagged: false,
        });
    }
    (text, tally, bad)
}

fn grain() -> Grain {
    Grain::Network(Tally::empty().listed())
}

fn run(paths: &[PathBuf], options: &Options) -> (Traffic, Vec<(PathBuf, u64)>) {
    let (progress, mut rejects) = (Arc::<Progress>::default(), Vec::new());
    let mut tell = |path: &Path, reject: &adproof_model::Reject| {
        rejects.push((path.to_path_buf(), reject.row));
    };
    let traffic = read(paths, &grain(), options, &progress, &mut tell).unwrap();
    assert_eq!(progress.rows(), traffic.logs.iter().map(|log| log.counts.rows).sum::<u64>());
    let bytes: u64 = paths.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(progress.bytes(), bytes);
    (traffic, rejects)
}

fn tally(traffic: &mut Traffic) -> Vec<u8> {
    let mut tally = Tally::empty();
    traffic.expose(&mut tally).unwrap();
    tally.to_bytes()
}

#[test]
fn neither_threads_nor_blocks_nor_memory_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    let (text, expected, bad) = log(20_000);
    std::fs::write(&path, &text).unwrap();
    let mut spilled = 0;
    for threads in [1, 2, 5] {
        for (block_bytes, memory_bytes) in [(1 << 20, 1 << 30), (100, 1 << 30), (5_000, 1 << 14)] {
            let spill = folder.path().to_path_buf();
            let options =
                Options { threads, block_bytes, memory_bytes, spill, ..Options::default() };
            let (mut traffic, rejects) = run(std::slice::from_ref(&path), &options);
            let at = format!("{threads} threads, blocks of {block_bytes}, {memory_bytes} bytes");
            spilled += traffic.spilled();
            assert_eq!(traffic.spilled() > 0, memory_bytes == 1 << 14, "{at}");
            assert!(tally(&mut traffic) == expected.to_bytes(), "{at}");
            let lines: Vec<u64> = rejects.into_iter().map(|(_, line)| line).collect();
            assert_eq!(lines, bad, "{at}");
            let [log] = traffic.logs.as_slice() else { panic!() };
            assert_eq!(log.sha256.unwrap().as_bytes()[..], Sha256::digest(&text)[..]);
            assert_eq!(log.counts.rows + log.counts.rejected, 20_000);
            assert_eq!(log.counts.lines, 20_001);
            assert_eq!(log.rejected.len(), 200);
            // Counting reads the same runs once more.
            let counted = traffic
                .census(&[Level::P48], threads, Vec::new, |rows, _, block, totals| {
                    rows.push((block.to_string(), *totals));
                })
                .unwrap();
            let census = expected.census(Level::P48).into_iter();
            let census: Vec<_> = census.map(|row| (row.block.to_string(), row.totals)).collect();
            assert_eq!(counted.concat(), census, "{at}");
        }
    }
    assert!(spilled > 10, "{spilled}");
    // What was spilled has no name and is gone.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn several_logs_packed_or_not_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (text, expected, bad) = log(9_000);
    let (header, body) = text.split_once('\n').unwrap();
    let lines: Vec<&str> = body.lines().collect();
    let parts = lines.chunks(3_000).map(|part| format!("{header}\n{}", part.join("\n")));
    let [one, two, three] = parts.collect::<Vec<_>>().try_into().unwrap();
    std::fs::write(at("one.csv"), &one).unwrap();
    // Two members in one file, as concatenating archives makes it.
    let mut packed = Vec::new();
    for half in [&two[..two.len() / 2], &two[two.len() / 2..]] {
        let mut gzip = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
        gzip.write_all(half.as_bytes()).unwrap();
        gzip.finish().unwrap();
    }
    std::fs::write(at("two.csv.gz"), packed).unwrap();
    std::fs::write(at("three.csv.zst"), zstd::encode_all(three.as_bytes(), 1).unwrap()).unwrap();
    let paths = ["one.csv", "two.csv.gz", "three.csv.zst"].map(at);
    for path in &paths {
        assert!(is_traffic(path, &Limits::default()).unwrap());
    }
    let options = Options { threads: 3, block_bytes: 4_096, ..Options::default() };
    let (mut traffic, rejects) = run(&paths, &options);
    assert!(tally(&mut traffic) == expected.to_bytes());
    let expected: Vec<_> = bad
        .iter()
        .map(|line| {
            let row = line - 2;
            let part = usize::try_from(row / 3_000).unwrap();
            (paths[part].clone(), row % 3_000 + 2)
        })
        .collect();
    assert_eq!(rejects, expected);
    let digest = Sha256::digest(std::fs::read(&paths[1]).unwrap());
    assert_eq!(traffic.logs[1].sha256.unwrap().as_bytes()[..], digest[..]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let failure = |name: &str, text: &[u8], spill: &Path| {
        std::fs::write(at(name), text).unwrap();
        let spill = spill.to_path_buf();
        let options = Options { memory_bytes: 1, block_bytes: 64, spill, ..Options::default() };
        let progress = Arc::default();
        read(&[at(name)], &grain(), &options, &progress, &mut |_, _| {}).unwrap_err()
    };
    let error = failure("legs.csv", b"leg,id,time,received,ip\n", folder.path());
    assert!(matches!(error, BatchError::Legs { .. }), "{error}");
    let error = failure("other.csv", b"a,b\n1,2\n", folder.path());
    assert!(matches!(error, BatchError::NoLog { .. }), "{error}");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(log(500).0.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let error = failure("cut.csv.gz", &packed[..packed.len() - 20], folder.path());
    assert!(matches!(error, BatchError::Unreadable { .. }), "{error}");
    let error = failure("fine.csv", log(500).0.as_bytes(), &at("nowhere"));
    assert!(matches!(error, BatchError::Spill { .. }), "{error}");
    let gone =
        read(&[at("gone.csv")], &grain(), &Options::default(), &Arc::default(), &mut |_, _| {});
    assert!(matches!(gone, Err(BatchError::Unreadable { .. })));
}
