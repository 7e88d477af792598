//! `adproof ledger erase`: what nobody can open any more, and what still holds.

use std::path::Path;

use adproof_edge::bundle::{Limits, unpack};
use adproof_ledger::bundle::{CASE_FILE, Case};
use serde_json::Value;

use crate::decide::{Desk, given};
use crate::run::{Ran, adproof};

/// A ledger with disclosures, the device of one of its records, its day and the record's place.
struct Erasing {
    desk: Desk,
    events: String,
    device: String,
    day: String,
    seq: u64,
}

impl Erasing {
    fn new() -> Self {
        let desk = Desk::new();
        let events = desk.events(6_000);
        let private = desk.at("private.jsonl");
        desk.decide(&events, "ledger", &["--init", "--disclosures", &private]).exits(0);
        let (device, day, seq) = {
            // The value is revealed to us by the bundle itself: whose record is it?
            let seq = 5;
            let bundle = desk.at("before.zip");
            bundle_of(&desk, seq, &bundle, &["--reveal", "request.ifa"]).exits(0);
            let json = adproof(&["bundle", "verify", &bundle, "--output-format", "json"]);
            let json = json.exits(0).json();
            let value = json["records"][0]["revealed"][0]["value"].as_str().unwrap().to_owned();
            let (_, device) = value.split_once(' ').unwrap();
            let line: Value = std::fs::read_to_string(&private)
                .unwrap()
                .lines()
                .nth(usize::try_from(seq).unwrap())
                .map(|line| serde_json::from_str(line).unwrap())
                .unwrap();
            (device.to_owned(), line["day"].as_str().unwrap().to_owned(), seq)
        };
        Self { desk, events, device, day, seq }
    }

    fn erase(&self, more: &[&str]) -> Ran {
        let (ledger, keys) = (self.desk.at("ledger"), self.desk.at("keys"));
        let mut args = vec!["ledger", "erase", &ledger, "--keys", &keys];
        args.extend(more);
        adproof(&args)
    }

    fn erase_device(&self) -> Ran {
        self.erase(&["--subject", &self.device, "--day", &self.day, "--reason", "request 31"])
    }

    fn verify(&self) -> Ran {
        let key = self.desk.at("keys/log.pub");
        adproof(&["ledger", "verify", &self.desk.at("ledger"), "--key", &key])
    }

    fn rerun(&self) -> Value {
        let mut args = vec!["rerun".to_owned(), self.desk.at("ledger")];
        args.extend(["--keys".to_owned(), self.desk.at("keys")]);
        args.extend(["--events".to_owned(), self.events.clone()]);
        args.extend(given());
        args.extend(["--output-format", "json"].map(str::to_owned));
        adproof(&args).exits(0).json()
    }
}

fn bundle_of(desk: &Desk, seq: u64, path: &str, more: &[&str]) -> Ran {
    let (ledger, keys, private) = (desk.at("ledger"), desk.at("keys"), desk.at("private.jsonl"));
    let seq = seq.to_string();
    let mut args = vec!["bundle", "make", &ledger, &seq, "-o", path, "--keys", &keys];
    args.extend(["--disclosures", &private]);
    args.extend(more);
    adproof(&args)
}

fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    crate::decide::content(folder).into_iter().map(|(_, bytes)| bytes).collect()
}

#[test]
fn what_was_erased_is_told_as_such_and_everything_still_verifies() {
    let case = Erasing::new();
    let before = case.rerun();
    let key_before = read_all(&case.desk.path("keys/people"));
    let said = case.erase_device().exits(0).stdout;
    assert!(said.contains("can no longer be opened (record "), "{said}");
    case.verify().exits(0);

    // The ledger's own view, with the keys.
    let (ledger, keys, seq) = (case.desk.at("ledger"), case.desk.at("keys"), case.seq.to_string());
    let mut args = vec!["ledger", "show", &ledger, &seq, "--output-format", "json"];
    assert_eq!(adproof(&args).exits(0).json()["erased_by"], Value::Null);
    args.extend(["--keys", &keys]);
    let by = adproof(&args).exits(0).json()["erased_by"].as_u64().unwrap();

    // A bundle brings the record that says so, reveals nothing, and verifies.
    let path = case.desk.at("after.zip");
    let made = bundle_of(&case.desk, case.seq, &path, &["--reveal", "request.ifa"]).exits(0);
    assert!(made.stderr.contains("was erased"), "{}", made.stderr);
    let key = case.desk.at("keys/log.pub");
    let json = adproof(&["bundle", "verify", &path, "--key", &key, "--output-format", "json"]);
    let json = json.exits(0).json();
    assert_eq!(json["records"][0]["erased_by"], by);
    assert_eq!(json["records"][0]["revealed"], serde_json::json!([]));
    assert_eq!(
        (&json["records"][1]["seq"], &json["records"][1]["typ"]),
        (&by.into(), &"erase".into())
    );
    let files = unpack(&std::fs::read(&path).unwrap(), &Limits::default()).unwrap();
    assert_eq!(Case::parse(&files[CASE_FILE]).unwrap().erased[0].by, by);

    // The key is in no file: 32 bytes in a row turned to zeros, and nothing else changed but the
    // new record's own bookkeeping.
    let key_after = read_all(&case.desk.path("keys/people"));
    let changed: usize = key_before
        .iter()
        .zip(&key_after)
        .map(|(a, b)| {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).filter(|(a, b)| a != b).inspect(|(_, b)| assert_eq!(**b, 0)).count()
        })
        .sum();
    assert!((20..=32).contains(&changed), "{changed} bytes");

    // Decided again, all but the commitments comes out the same.
    let after = case.rerun();
    assert_eq!((&before["same"], &before["erased"]), (&before["decisions"], &0.into()));
    assert_eq!(after["same"], after["decisions"]);
    assert!(after["erased"].as_u64().unwrap() >= 1);
}

#[test]
fn erasing_again_says_so_and_draws_no_new_key() {
    let case = Erasing::new();
    case.erase_device().exits(0);
    let again = case.erase_device().exits(0).stdout;
    assert!(again.starts_with("erased before: record "), "{again}");
    // The ledger is written to again; the person's key of that day stays gone.
    case.desk.decide(&case.events, "ledger", &[]).exits(0);
    let path = case.desk.at("after.zip");
    let made = bundle_of(&case.desk, case.seq, &path, &["--reveal", "request.ifa"]).exits(0);
    assert!(made.stderr.contains("was erased"), "{}", made.stderr);
    case.verify().exits(0);
}

#[test]
fn a_run_that_stopped_between_key_and_record_is_finished_by_the_next() {
    use adproof_edge::keys::{Limits as KeyLimits, LogKeys};
    use adproof_edge::people::{Limits as PeopleLimits, People};
    let case = Erasing::new();
    let keys = LogKeys::open(&case.desk.path("keys"), None, &KeyLimits::default()).unwrap();
    let person = keys.evidence().person(&case.device);
    let mut people = People::open(&keys.people(), PeopleLimits::default()).unwrap();
    assert!(people.erase(&case.day, &person).unwrap());
    drop(people);
    let path = case.desk.at("between.zip");
    bundle_of(&case.desk, case.seq, &path, &[])
        .exits(2)
        .says(&["was destroyed, and no record says so", "ledger erase"]);
    let said = case.erase_device().exits(0).stdout;
    assert!(said.contains("key destroyed"), "{said}");
    bundle_of(&case.desk, case.seq, &path, &[]).exits(0);
}

#[test]
fn a_day_is_erased_as_a_whole_and_what_is_not_there_is_refused() {
    let case = Erasing::new();
    case.erase(&["--subject", "nobody"]).exits(2).says(&["no evidence of this subject"]);
    case.erase(&["--day", "2026-02-30"]).exits(2).says(&["not a day"]);
    case.erase(&[]).exits(2).says(&["--subject"]);
    let said = case.erase(&["--day", &case.day, "--reason", "kept long enough"]).exits(0).stdout;
    assert!(said.lines().count() > 1, "{said}");
    case.verify().exits(0);
    let after = case.rerun();
    assert_eq!(after["same"], after["decisions"]);
}

#[test]
fn sealed_disclosures_hold_no_address_and_open_with_the_keys_alone() {
    let case = Erasing::new();
    let private = std::fs::read_to_string(case.desk.path("private.jsonl")).unwrap();
    assert!(!private.contains("3fff:") && !private.contains(&case.device));
    let (ledger, path) = (case.desk.at("ledger"), case.desk.at("x.zip"));
    let file = case.desk.at("private.jsonl");
    let seq = case.seq.to_string();
    let mut args = vec!["bundle", "make", &ledger, &seq, "-o", &path, "--disclosures", &file];
    args.extend(["--reveal", "network.ip"]);
    adproof(&args).exits(2).says(&["they are sealed", "--keys"]);
}
