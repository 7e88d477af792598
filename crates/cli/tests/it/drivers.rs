//! One log of events, with repeats, late lines, bad ones and in no order, by each way to count it:
//! the same tally, the same blocks and the same rejects.

use serde_json::Value;

use crate::cluster::with_cluster::{Cluster, adproof};
use crate::decide::dataset;
use crate::run::Ran;
use crate::stream::untidy;

const MARKS: &str = "SELECT marks(prefix, fraud_type, issue, feed, provider, asn) AS state \
    FROM indicators";
const SIGHTINGS: &str = "SELECT sightings(id, leg, time, transaction, impression, ip, ifa, asn, \
    amount_micros, currency) AS state FROM events";
/// Columns of blocks, as `score` and `recurrence` name them.
const COLUMNS: [&str; 12] = [
    "level",
    "block",
    "family",
    "provider",
    "asn",
    "indicators",
    "issues_seen",
    "recurrence_ppm",
    "mean_ppm",
    "high_ppm",
    "class",
    "explained_by",
];
const EXCESS: [&str; 3] = ["devices", "flagged_devices", "marks"];

/// Column, value and reason of lines that are no events, in order.
fn rejects<'a>(rows: impl IntoIterator<Item = &'a Value>, parts: &[&str]) -> Vec<String> {
    let texts = |row: &Value| {
        let texts: Vec<String> = parts.iter().map(|part| row[part].to_string()).collect();
        texts.join(" ")
    };
    let mut rejects: Vec<String> = rows.into_iter().map(texts).collect();
    rejects.sort_unstable();
    rejects
}

fn rows(ran: &Ran) -> Vec<Value> {
    ran.json()["rows"].as_array().unwrap().clone()
}

#[test]
fn one_log_comes_to_the_same_bytes_in_batch_sql_stream_and_cluster() {
    let cluster = Cluster::start();
    let at = |name: &str| cluster.folder.path().join(name).to_str().unwrap().to_owned();
    let (log, state, merged) = (at("log.jsonl"), at("state"), at("merged.tally"));
    std::fs::write(&log, untidy()).unwrap();
    let feeds = dataset(".") + "/ioc-ipv6-2026-W1*.csv";

    // Batch.
    let batch = ["score", &feeds, "--events", &log, "--output-format", "json"];
    let batch = adproof(&batch).exits(0).json();
    let blocks = batch["blocks"].as_array().unwrap();
    let told = &batch["events"][0];
    let bad = told["rejected"].as_array().unwrap();
    assert!(bad.len() > 5 && told["rejected_total"] == bad.len(), "{told}");

    // A stream.
    let ahead = ["--ahead", "4000000000"];
    let tally = ["stream", "tally", "--source", &log, "--state", &state];
    adproof(&[&tally[..], &ahead].concat()).exits(0);
    adproof(&["stream", "merge", &state, "--feed", &feeds, "--out", &merged]).exits(0);
    let bytes = std::fs::read(&merged).unwrap();
    let letters = ["stream", "dlq", "list", "--state", &state, "--output-format", "ndjson"];
    let letters: Vec<Value> = adproof(&letters)
        .exits(0)
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rejects(&letters, &["column", "reason"]), rejects(bad, &["column", "reason"]));

    // SQL here and on the cluster.
    let ask = |query: &str, format: &str| {
        let given = ["--feed", &feeds, "--events", &log, "--output-format", format];
        let args = [&["sql", query], &given[..]].concat();
        let here = adproof(&args).exits(0);
        let there = ["--cluster", &cluster.coordinator.address];
        let there = adproof(&[&args[..], &there].concat()).exits(0);
        assert!(here.stdout == there.stdout, "{query}\n{}\n{}", here.stdout, there.stdout);
        here
    };
    let query = format!("SELECT merge_tallies(state) AS t FROM ({MARKS} UNION ALL {SIGHTINGS})");
    let in_sql = ask(&query, "csv").stdout;
    let mut hex = String::from("t\n");
    for byte in &bytes {
        use std::fmt::Write as _;
        write!(hex, "{byte:02x}").unwrap();
    }
    assert!(bytes.len() > 10_000 && in_sql.trim_end() == hex, "the tallies differ");

    let query = format!(
        "SELECT {}, {} FROM recurrence(({MARKS}), ({SIGHTINGS}))",
        COLUMNS.join(", "),
        EXCESS.join(", ")
    );
    let scored = rows(&ask(&query, "json"));
    assert!(scored.len() > 20 && scored.len() == blocks.len());
    let mut counted = 0;
    for (left, right) in blocks.iter().zip(&scored) {
        for name in COLUMNS {
            assert_eq!(left[name], right[name], "{name} of {}", right["block"]);
        }
        for name in EXCESS {
            assert_eq!(left["excess"][name], right[name], "{name} of {}", right["block"]);
            counted += usize::from(!right[name].is_null());
        }
    }
    assert!(counted > 20, "the log was counted");

    let query = "SELECT \"column\", value, reason FROM rejects ORDER BY value, reason";
    let parts = ["column", "value", "reason"];
    assert_eq!(rejects(&rows(&ask(query, "json")), &parts), rejects(bad, &parts));
}
