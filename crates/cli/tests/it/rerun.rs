//! `adproof rerun`: the same bytes again, or the record and the field that differ.

use crate::decide::{Desk, dataset, given};
use crate::run::{Ran, adproof};

fn rerun(desk: &Desk, ledger: &str, events: &str, change: impl Fn(&mut Vec<String>)) -> Ran {
    let mut args = vec!["rerun".to_owned(), desk.at(ledger)];
    args.extend(["--keys".to_owned(), desk.at("keys"), "--events".to_owned(), events.to_owned()]);
    args.extend(given());
    change(&mut args);
    adproof(&args)
}

fn replace(args: &mut [String], after: &str, value: &str) {
    let at = args.iter().position(|arg| arg == after).unwrap();
    value.clone_into(&mut args[at + 1]);
}

#[test]
fn every_decision_comes_out_the_same_and_other_inputs_are_named() {
    let desk = Desk::new();
    let events = desk.events(6_000);
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    let same = rerun(&desk, "ledger", &events, |args| {
        args.extend(["--output-format", "json"].map(str::to_owned));
    });
    let same = same.exits(0).json();
    assert_eq!(same["schema"], "adproof.rerun/1");
    assert!(same["decisions"].as_u64().unwrap() > 0);
    assert_eq!(same["decisions"], same["same"]);
    rerun(&desk, "ledger:0", &events, |_| ()).exits(0);
    rerun(&desk, "ledger:999999", &events, |_| ()).exits(2).says(&["no record 999999"]);

    let strict = dataset("policies/strict.toml");
    rerun(&desk, "ledger", &events, |args| replace(args, "--policy", &strict)).exits(2).says(&[
        "the policy given",
        "record 0",
        "sha256",
    ]);
    let one = dataset("ioc-ipv6-2026-05.xlsx");
    rerun(&desk, "ledger", &events, |args| replace(args, "--feed", &one))
        .exits(2)
        .says(&["the feeds given", "sha256"]);
    let tag = dataset("tags/good-linear-30.xml");
    rerun(&desk, "ledger", &events, |args| replace(args, "--tags", &tag))
        .exits(2)
        .says(&["the tags given"]);
    let whole = dataset("events.jsonl");
    rerun(&desk, "ledger", &whole, |_| ()).exits(2).says(&["the model given", "event log"]);
}

#[test]
fn a_price_that_was_changed_afterwards_differs_in_its_leg() {
    let desk = Desk::new();
    let events = desk.events(6_000);
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    // A creative's name is no part of the tally, so the model stays the pinned one.
    let text = std::fs::read_to_string(&events).unwrap();
    let changed = text.replace("\"creative\":\"cr-30\"", "\"creative\":\"cr-31\"");
    assert_ne!(text, changed);
    std::fs::write(&events, changed).unwrap();
    let ran = rerun(&desk, "ledger", &events, |_| ()).exits(1);
    assert!(ran.stdout.contains("differs at legs.creative.root"), "{}", ran.stdout);
}

#[test]
fn keys_of_another_log_give_other_salts() {
    let (desk, other) = (Desk::new(), Desk::new());
    let events = desk.events(3_000);
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    let keys = other.at("keys");
    let others = |args: &mut Vec<String>| replace(args, "--keys", &keys);
    rerun(&desk, "ledger", &events, others).exits(2).says(&["no keys of persons"]);
    other.decide(&events, "ledger", &["--init"]).exits(0);
    let ran = rerun(&desk, "ledger", &events, others).exits(1);
    assert!(ran.stdout.contains("record 0 differs"), "{}", ran.stdout);
}

#[test]
fn the_store_has_all_that_a_record_was_decided_from() {
    let desk = Desk::new();
    let (ledger, store, keys) = (desk.at("ledger"), desk.at("store"), desk.at("keys"));
    let first = desk.events(3_000);
    desk.decide(&first, "ledger", &["--init", "--store", &store]).exits(0);
    // A second run over more of the log: other models, other event logs, one ledger.
    std::fs::rename(&first, desk.path("first.jsonl")).unwrap();
    let more = desk.events(6_000);
    desk.decide(&more, "ledger", &["--store", &store]).exits(0);
    std::fs::remove_file(&more).unwrap();
    let from_store = |place: &str| {
        let json = ["--output-format", "json"];
        let mut args = vec!["rerun", place, "--keys", &keys, "--store", &store];
        args.extend(json);
        adproof(&args)
    };
    let all = from_store(&ledger).exits(0).json();
    assert!(all["decisions"].as_u64().unwrap() > 10);
    assert_eq!(all["decisions"], all["same"]);
    let one = from_store(&format!("{ledger}:3")).exits(0).json();
    assert_eq!((&one["decisions"], &one["same"]), (&1.into(), &1.into()));

    let record = adproof(&["ledger", "show", &ledger, "0", "--output-format", "json"]);
    let record = record.exits(0).json();
    let pinned = &record["record"]["repro"];
    let feeds = pinned["inputs"].as_array().unwrap();
    let feeds = feeds.iter().find(|input| input["role"] == "feeds").unwrap();
    for (role, digest) in [
        ("policy", pinned["policy"].as_str().unwrap()),
        ("feeds", feeds["sha256"].as_str().unwrap()),
        ("model", pinned["model"].as_str().unwrap()),
    ] {
        let folder = if role == "model" { "store/models" } else { "store" };
        let path = desk.path(folder).join(digest);
        let good = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let missing =
            format!("the {role} of record 0: the store has no input with sha256 {digest}");
        from_store(&ledger).exits(2).says(&[&missing]);
        if role != "model" {
            std::fs::write(&path, [good.as_slice(), b" "].concat()).unwrap();
            let changed =
                format!("the {role} of record 0: the input with sha256 {digest} was changed");
            from_store(&ledger).exits(2).says(&[&changed]);
        }
        std::fs::write(&path, good).unwrap();
    }
    from_store(&ledger).exits(0);
    let mut both = vec!["rerun", &ledger, "--keys", &keys, "--store", &store];
    both.extend(["--policy", "p.toml"]);
    adproof(&both).exits(2).says(&["cannot be used with"]);
}
