//! `adproof score --events` over logs of traffic.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::run::adproof;

/// A year of a feed that lists one address of a /64 again and again, and traffic around it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for week in 10..22 {
        let feed = format!(
            "ip,fraudType\n3fff:1:2:3::9,displayImpressionFraud\n3fff:9:{week}::1,malware\n"
        );
        fs::write(folder.path().join(format!("feed-2026-W{week}.csv")), feed).unwrap();
    }
    let (mut csv, mut lines) = ("ts,ip,asn,device\n".to_owned(), String::new());
    for row in 0..3_000_u32 {
        let ip = match row % 100 {
            0 => "3fff:1:2:3::9".to_owned(),
            1 => format!("3fff:1:2:3::{row:x}"),
            _ => format!("3fff:5:{:x}::{row:x}", row % 700),
        };
        let day = row % 28 + 1;
        writeln!(csv, "2026-05-{day:02} 12:00:00,{ip},{},device-{}", row % 9 + 1, row % 1_000)
            .unwrap();
        writeln!(
            lines,
            "{{\"time\":\"2026-05-{day:02}T12:00:00Z\",\"ip\":\"{ip}\",\"asn\":{},\"device\":\"device-{}\"}}",
            row % 9 + 1,
            row % 1_000
        )
        .unwrap();
    }
    fs::write(folder.path().join("traffic.csv"), csv).unwrap();
    fs::write(folder.path().join("traffic.jsonl"), lines).unwrap();
    folder
}

fn score(folder: &Path, more: &[&str]) -> serde_json::Value {
    let feeds = folder.join("feed-*.csv");
    let mut args = vec!["score", feeds.to_str().unwrap(), "--output-format", "json"];
    args.extend(more);
    adproof(&args).exits(0).json()
}

#[test]
fn rows_count_as_exposure_in_whatever_form_they_come() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let csv = score(folder.path(), &["--events", &at("traffic.csv")]);
    let blocks = csv["blocks"].as_array().unwrap();
    let block = blocks.iter().find(|block| block["block"] == "3fff:1:2:3::/64").unwrap();
    assert_eq!(block["class"], "ranked");
    assert_eq!(
        (&block["excess"]["devices"], &block["excess"]["flagged_devices"]),
        (&20.into(), &10.into())
    );
    let log = &csv["events"][0];
    assert_eq!((&log["events"], &log["rejected_total"]), (&3_000.into(), &0.into()));
    assert_eq!(log["sha256"].as_str().unwrap().len(), 64);
    for more in [
        &["--events", &at("traffic.jsonl")][..],
        &["--events", &at("traffic.csv"), "--threads", "1"],
        &[
            "--events",
            &at("traff*.csv"),
            "--memory",
            "16MB",
            "--spill",
            folder.path().to_str().unwrap(),
        ],
    ] {
        assert_eq!(score(folder.path(), more)["blocks"], csv["blocks"], "{more:?}");
    }
}

#[test]
fn rows_that_were_not_taken_are_written_down_and_too_many_fail() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut text = fs::read_to_string(at("traffic.csv")).unwrap();
    text.push_str("2026-05-01 12:00:00,\"not, an address\",1,a\n2026-05-01,::1,1,a,b\n");
    fs::write(at("bad.csv"), text).unwrap();
    let rejects = at("rejects.csv");
    let (feeds, log) = (at("feed-*.csv"), at("bad.csv"));
    let args = ["score", &feeds, "--events", &log, "--rejects", &rejects];
    adproof(&args).exits(0).says(&["2 of 3002 rows were not taken"]);
    let written = fs::read_to_string(&rejects).unwrap();
    let expected = format!(
        "path,line,column,value,reason\n\
         {log},3002,ip,\"not, an address\",not an IP address\n\
         {log},3003,line,2026-05-01|::1|1|a|b,5 cells under a header of 4\n"
    );
    assert_eq!(written, expected);
    let strict = [&args[..], &["--max-reject-ratio", "0.0001"]].concat();
    adproof(&strict).exits(2).says(&["2 of 3002 rows", "in line 3002", "--max-reject-ratio"]);
    // The file is there even then.
    assert_eq!(fs::read_to_string(&rejects).unwrap(), expected);
    adproof(&["score", &feeds, "--events", &log, "--memory", "1MB"]).exits(2).says(&["16MB"]);
}
