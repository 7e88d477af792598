//! `adproof demo`: the tour, and every JSON document of the product on what it leaves behind.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Ran, adproof};

/// One kept demo for all tests of this file.
static KEPT: LazyLock<(TempDir, Ran)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tour = folder.path().join("tour");
    let ran = adproof(&["demo", "--keep", &tour.display().to_string()]);
    (folder, ran)
});

fn tour() -> PathBuf {
    KEPT.0.path().join("tour")
}

fn at(name: &str) -> String {
    tour().join(name).display().to_string()
}

#[test]
fn the_tour_fits_a_terminal_and_tells_the_story() {
    let ran = adproof(&["demo"]).exits(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.len() <= 60, "{} lines", lines.len());
    for line in &lines {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for told in [
        "3fff:10:42:7::/64",
        "3fff:20:4::/48",
        "not ranked: a big carrier",
        "a crawler that says so",
        "May issue alone nothing is ranked",
        "broken-no-media.xml",
        "five wrappers: resolved",
        "six wrappers: refused, VAST error 302",
        "why not throttle",
        "records came out byte for byte",
        "REFUSED  record 7",
        "adproof score FEED.xlsx",
    ] {
        assert!(ran.stdout.contains(told), "`{told}` is not in:\n{}", ran.stdout);
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn what_is_kept_verifies_and_what_was_tampered_with_does_not() {
    assert_eq!(KEPT.1.code, 0, "{}", KEPT.1.stderr);
    let key = at("keys/log.pub");
    adproof(&["ledger", "verify", &at("ledger"), "--key", &key]).exits(0);
    let ran = adproof(&["ledger", "verify", &at("tampered-ledger"), "--key", &key]).exits(1);
    assert!(ran.stdout.contains("record 7"), "{}", ran.stdout);
}

#[test]
fn a_folder_that_is_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine"), "mine").unwrap();
    adproof(&["demo", "--keep", &folder.path().display().to_string()])
        .exits(2)
        .says(&["is not empty", "name a new folder"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[track_caller]
fn validate(document: &Value) {
    let name = document["schema"].as_str().expect("a document names its schema");
    let stem = name.strip_prefix("adproof.").and_then(|rest| rest.strip_suffix("/1"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../wire/schemas")
        .join(format!("{}.json", stem.expect("version 1 of adproof")));
    let schema = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let faults: Vec<String> = validator
        .iter_errors(document)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{name}: {faults:#?}");
}

#[test]
fn every_json_document_holds_to_its_committed_schema() {
    let (ledger, key, keys) = (at("ledger"), at("keys/log.pub"), at("keys"));
    let (events, tags, policy) = (at("events.jsonl"), at("tags"), at("policies/demo.toml"));
    let (w21, may, asn) =
        (at("ioc-ipv6-2026-W21.xlsx"), at("ioc-ipv6-2026-05.xlsx"), at("asn.csv"));
    let feeds = at("ioc-ipv6-*");
    let chain = at("tags/chain-6-1.xml");
    let map = format!("https://ads.example/={tags}");
    let zip = at("dispute.zip");
    adproof(&["bundle", "make", &ledger, "3", "-o", &zip]).exits(0);
    let given = ["--feed", &feeds, "--asn", &asn, "--tags", &tags, "--policy", &policy];
    let with = |head: &[&str]| -> Vec<String> {
        head.iter().chain(&given).map(|arg| (*arg).to_owned()).collect()
    };
    let plain = |args: &[&str]| -> Vec<String> { args.iter().map(|a| (*a).to_owned()).collect() };
    let cases: [(Vec<String>, i32); 13] = [
        (plain(&["score", &feeds, "--asn", &asn, "--events", &events]), 0),
        (plain(&["score", &may]), 0),
        (plain(&["diff", &w21, &may]), 0),
        (plain(&["lint", &tags]), 1),
        (plain(&["profiles"]), 0),
        (plain(&["inspect", &chain, "--map", &map]), 1),
        (plain(&["inspect", &chain, "--map", &map, "--times", "2"]), 1),
        (plain(&["policy", "test", &policy]), 0),
        (with(&["decide", "--events", &events]), 0),
        (with(&["rerun", &ledger, "--events", &events, "--keys", &keys]), 0),
        (plain(&["ledger", "verify", &ledger, "--key", &key]), 0),
        (plain(&["ledger", "show", &ledger, "3"]), 0),
        (plain(&["bundle", "verify", &zip, "--key", &key]), 0),
    ];
    for (mut args, code) in cases {
        args.extend(["--output-format".to_owned(), "json".to_owned()]);
        let document = adproof(&args).exits(code).json();
        validate(&document);
        for decision in document["decisions"].as_array().into_iter().flatten() {
            validate(decision);
        }
    }
}
