//! One kernel, several drivers: equal bytes from all of them.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use adproof_engine::{Cell, EngineError, EngineOptions, scan_events, sql};
use adproof_feeds::{Limits, address, read_events};
use adproof_model::Timestamp;
use adproof_signal::{Exposure, Sightings, Tally, device_key};

use crate::random::{Random, log, to_parquet};
use crate::{dataset, one, table, with_partitions};

/// What the default build's reader comes to.
fn read_whole(paths: &[&Path]) -> (Vec<u8>, u64, u64) {
    let (mut tally, mut taken, mut rejected) = (Tally::empty(), 0, 0);
    let mut sightings = Sightings::default();
    for path in paths {
        let bytes = std::fs::read(path).unwrap();
        let log = read_events(path.to_str().unwrap(), &bytes, &Limits::default()).unwrap();
        sightings.extend(&log.events);
        taken += log.events.len() as u64;
        rejected += log.rejected_total;
    }
    tally.expose_sightings(sightings);
    (tally.to_bytes(), taken, rejected)
}

/// What a scan comes to.
fn scanned(paths: &[&Path], options: &EngineOptions) -> (Vec<u8>, u64, u64) {
    let paths: Vec<PathBuf> = paths.iter().map(|path| path.to_path_buf()).collect();
    let scan = scan_events(&paths, options).unwrap();
    let mut tally = Tally::empty();
    tally.expose_sightings(scan.sightings);
    let sum = |of: fn(&adproof_engine::ScannedLog) -> u64| scan.logs.iter().map(of).sum();
    (tally.to_bytes(), sum(|log| log.events), sum(|log| log.rejected_total))
}

#[test]
fn scans_of_every_format_and_split_give_the_bytes_of_the_log_reader() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (seed, events) in [(1, 50_000), (2, 700)] {
        let (jsonl, csv) = log(seed, events);
        std::fs::write(at("log.jsonl"), jsonl).unwrap();
        std::fs::write(at("log.csv"), csv).unwrap();
        to_parquet(&at("log.jsonl"), &at("log.parquet"));
        let expected = read_whole(&[&at("log.jsonl")]);
        assert_eq!(expected, read_whole(&[&at("log.csv")]));
        assert!(expected.1 > events * 8 / 10 && expected.2 > events / 50);
        for name in ["log.parquet", "log.csv", "log.jsonl"] {
            for partitions in [1, 4] {
                let found = scanned(&[&at(name)], &with_partitions(partitions));
                assert!(found == expected, "{name}, seed {seed}, {partitions} partitions");
            }
        }
    }
}

#[test]
fn an_impression_may_be_spread_over_logs_of_several_formats() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (jsonl, csv) = log(3, 2_000);
    let lines: Vec<&str> = jsonl.lines().collect();
    std::fs::write(at("whole.jsonl"), &jsonl).unwrap();
    std::fs::write(at("b.csv"), csv).unwrap();
    std::fs::write(at("a.jsonl"), lines[..1_000].join("\n")).unwrap();
    std::fs::write(at("c.jsonl"), lines[1_000..].join("\n")).unwrap();
    to_parquet(&at("c.jsonl"), &at("c.parquet"));
    let expected = read_whole(&[&at("whole.jsonl")]).0;
    assert_eq!(scanned(&[&at("a.jsonl"), &at("c.parquet")], &with_partitions(2)).0, expected);
    // Everything twice is one log and its repeats.
    assert_eq!(scanned(&[&at("b.csv"), &at("whole.jsonl")], &with_partitions(2)).0, expected);
}

#[test]
fn the_shipped_log_scans_to_the_bytes_of_the_log_reader() {
    let path = dataset("events.jsonl");
    assert_eq!(scanned(&[&path], &with_partitions(3)), read_whole(&[&path]));
}

#[test]
fn a_file_without_the_columns_of_an_event_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.csv");
    std::fs::write(&path, "id,leg,when\n1,request,now\n").unwrap();
    let refused = scan_events(std::slice::from_ref(&path), &EngineOptions::default());
    assert!(matches!(refused, Err(EngineError::NoEvents { column: "time", .. })), "{refused:?}");
    std::fs::write(&path, "").unwrap();
    let refused = scan_events(&[path], &EngineOptions::default());
    assert!(matches!(refused, Err(EngineError::Empty { .. })), "{refused:?}");
}

#[test]
fn the_aggregate_gives_the_bytes_of_the_kernel_in_any_grouping() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(4);
    let (mut expected, mut text) = (Tally::empty(), String::from("ip,ifa,at,asn,n,money,bad\n"));
    for _ in 0..20_000 {
        let ip = format!("3FFF:{:x}::{:x}", random.below(40), random.below(50));
        let (device, day) = (random.below(300), 1 + random.below(30));
        let at = format!("2026-04-{day:02}T23:59:59.5+00:30");
        let (asn, count) = (64496 + random.below(9), random.below(3));
        let money = i64::try_from(random.below(5_000)).unwrap() - 100;
        let bad = random.below(10) == 0;
        expected.expose(Exposure {
            address: address::parse(&ip).unwrap().prefix.bits(),
            asn: Some(u32::try_from(asn).unwrap()),
            device: device_key(format!("d{device}")),
            day: at.parse::<Timestamp>().unwrap().day(),
            impressions: u32::try_from(count).unwrap(),
            revenue_micros: money,
            flagged: bad,
        });
        writeln!(text, "{ip},d{device},{at},{asn},{count},{money},{bad}").unwrap();
    }
    // No exposures: no address, an IPv4 address, a prefix, no time.
    text.push_str(",d1,2026-04-01T00:00:00Z,,,,\n192.0.2.1,d1,2026-04-01T00:00:00Z,,,,\n");
    text.push_str("3fff::/32,d1,2026-04-01T00:00:00Z,,,,\n3fff::1,d1,,,,,\n");
    let path = folder.path().join("t.csv");
    std::fs::write(&path, &text).unwrap();
    for partitions in [1, 4] {
        let options = with_partitions(partitions);
        let whole = "SELECT tally(ip, ifa, at, asn, n, money, bad) FROM t";
        let whole = sql(whole, &[table(&path)], &options).unwrap();
        assert!(*one(&whole) == Cell::Bytes(expected.to_bytes()), "{partitions} partitions");
        // In 16 bytes and by instants, grouped; merged by hand it is the same.
        let grouped = "SELECT asn, tally(ipv6_prefix(ip, 128), ifa, \
                       arrow_cast(at, 'Timestamp(Nanosecond, Some(\"UTC\"))'), \
                       asn, n, money, bad) FROM t GROUP BY asn";
        let grouped = sql(grouped, &[table(&path)], &options).unwrap();
        assert_eq!(grouped.rows.len(), 10);
        let merged = grouped.rows.iter().fold(Tally::empty(), |merged, row| match &row[1] {
            Cell::Bytes(bytes) => merged.merge(Tally::from_bytes(bytes).unwrap()),
            other => panic!("{other:?}"),
        });
        // The prefix row widens to nothing at 128 bits, and the others are as above.
        assert!(merged.to_bytes() == expected.to_bytes(), "{partitions} partitions, grouped");
        let in_sql = "SELECT merge_tallies(part) FROM (SELECT asn, \
                      tally(ip, ifa, at, asn, n, money, bad) AS part FROM t GROUP BY asn)";
        let in_sql = sql(in_sql, &[table(&path)], &options).unwrap();
        assert!(*one(&in_sql) == Cell::Bytes(expected.to_bytes()), "{partitions} partitions");
    }
}

#[test]
fn arguments_that_are_left_out_have_the_documented_defaults() {
    let mut expected = Tally::empty();
    expected.expose(Exposure {
        address: Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 1).to_bits(),
        asn: None,
        device: 0,
        day: 20_000,
        impressions: 1,
        revenue_micros: 0,
        flagged: false,
    });
    let answer = crate::ask("SELECT tally('3fff::1', NULL, 20000)").unwrap();
    assert_eq!(*one(&answer), Cell::Bytes(expected.to_bytes()));
    let nothing =
        crate::ask("SELECT tally('3fff::1', 'd', 1) FROM (SELECT 1) WHERE false").unwrap();
    assert_eq!(*one(&nothing), Cell::Bytes(Tally::empty().to_bytes()));
    for (call, says) in [
        ("merge_tallies(X'00')", "these bytes are no tally"),
        ("merge_tallies('text')", "one column of tallies"),
        ("tally('3fff::1', 'd')", "3 to 7 arguments"),
        ("tally('3fff::1', 'd', 'yesterday')", "RFC 3339"),
        ("tally('3fff::1', 'd', 1, -5)", "no number of an AS"),
        ("tally(1.5, 'd', 1)", "as text or as 16 bytes"),
    ] {
        let error = crate::ask(&format!("SELECT {call}")).unwrap_err().to_string();
        assert!(error.contains(says), "{call}: {error}");
    }
}
