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
    let ran = rerun(&desk, "ledger", &events, |args| replace(args, "--keys", &keys)).exits(1);
    assert!(ran.stdout.contains("record 0 differs"), "{}", ran.stdout);
}
