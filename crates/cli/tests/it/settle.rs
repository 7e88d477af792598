//! `adproof ledger ack`, `close` and `reconcile`: what two parties settle a bill with.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use adproof_edge::keys::{Limits as KeyLimits, LogKeys};
use adproof_edge::people::{Found, Limits as PeopleLimits, People, Sealed};
use adproof_ledger::{Ack, AckStatement, MemoryKey, Opening, Signer as _, Stance, Value};
use base64::Engine as _;
use serde_json::Value as Json;

use crate::decide::{Desk, FIXED, dataset};
use crate::run::{Ran, adproof};

fn ledger(desk: &Desk, verb: &str, more: &[&str]) -> Ran {
    let ledger = desk.at("ledger");
    adproof(&[&["ledger", verb, &ledger][..], more].concat())
}

/// Closes a window of the desk's ledger.
fn close(desk: &Desk, more: &[&str]) -> Ran {
    let (keys, disclosures) = (desk.at("keys"), desk.at("disclosures"));
    let fixed = ["--keys", &keys, "--disclosures", &disclosures, "--clock", FIXED];
    ledger(desk, "close", &[&fixed[..], more].concat())
}

fn verified(desk: &Desk) -> Json {
    let key = desk.at("keys/log.pub");
    ledger(desk, "verify", &["--key", &key, "--output-format", "json"]).exits(0).json()
}

#[track_caller]
fn fits(document: &Json, schema: &str) {
    let path = format!("{}/../wire/schemas/{schema}.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// The desk's disclosures, opened with its keys.
fn opened(desk: &Desk) -> Vec<Opening> {
    let keys = LogKeys::open(&desk.path("keys"), None, &KeyLimits::default()).unwrap();
    let mut people = People::read(&keys.people(), PeopleLimits::default()).unwrap();
    let text = fs::read_to_string(desk.path("disclosures")).unwrap();
    let lines = text.lines().map(|line| {
        let sealed = Sealed::parse(line).unwrap();
        let subject = sealed.subject().unwrap();
        let (day, person) = people.of_record(&subject).unwrap().unwrap();
        let Found::Key(key) = people.find(&day, &person).unwrap() else { panic!("no key") };
        sealed.open(&keys.evidence().record_key(&key, &subject)).unwrap()
    });
    lines.collect()
}

fn count(value: &Json) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

#[test]
fn windows_sum_up_every_decision_once_and_the_sums_are_those_of_the_disclosures() {
    let desk = Desk::new();
    let disclosures = desk.at("disclosures");
    let log = dataset("events.jsonl");
    desk.decide(&log, "ledger", &["--init", "--disclosures", &disclosures]).exits(0);
    let decisions = count(&verified(&desk)["records"]);
    close(&desk, &["--to", "2026-05-29"]).exits(2).says(&["no window was closed before"]);
    close(&desk, &["--from", "2026-05-29", "--to", "2026-05-29"])
        .exits(2)
        .says(&["before it begins"]);
    close(&desk, &["--from", "2026-05-27", "--to", "2026-06-06"]).exits(2).says(&["in the future"]);
    let dry = ["--from", "2026-05-27", "--to", "2026-05-29", "--dry-run"];
    let dry = close(&desk, &dry).exits(0);
    assert!(dry.stdout.contains("none was written"), "{}", dry.stdout);
    assert!(dry.stdout.lines().all(|line| line.chars().count() <= 80), "{}", dry.stdout);
    let json = ["--output-format", "json"];
    let first = ["--from", "2026-05-27", "--to", "2026-05-29"];
    let one = close(&desk, &[&first[..], &json].concat()).exits(0).json();
    fits(&one, "ledger-close");
    assert_eq!(count(&one["record"]), decisions);
    close(&desk, &first).exits(2).says(&["nothing is closed twice", "begin at 2026-05-29"]);
    close(&desk, &["--from", "2026-05-30", "--to", "2026-06-01"])
        .exits(2)
        .says(&["nothing would be summed up"]);
    let two = close(&desk, &[&["--to", "2026-06-01"][..], &json].concat()).exits(0).json();
    assert_eq!(two["window"]["from"], "2026-05-29T00:00:00Z");
    assert_eq!(count(&one["decisions"]) + count(&two["decisions"]), decisions);
    for window in [&one, &two] {
        assert!(count(&window["decisions"]) > 0);
        for name in ["late", "left_over", "unknown"] {
            assert_eq!(window[name], 0, "{name}");
        }
    }
    let found = verified(&desk);
    assert_eq!(found["checked"]["decisions_in_windows"], decisions);
    let codes: Vec<&Json> =
        found["not_checked"].as_array().unwrap().iter().map(|one| &one["check"]).collect();
    assert!(!codes.contains(&&Json::from("window_close")), "{codes:?}");
    // The same sums, from nothing but the disclosures.
    let mut sums = BTreeMap::<String, i64>::new();
    for opening in opened(&desk) {
        let bill = opening.legs.iter().find(|leg| leg.leg == "billing").unwrap();
        let of = |name: &str| {
            let found = bill.disclosures.iter().find(|one| one.name() == name)?;
            let Value::Text(text) = found.value() else { panic!("{name} is no text") };
            Some(text.rsplit_once(' ').unwrap().1.to_owned())
        };
        if let Some(amount) = of("amount_micros") {
            let kind = format!("{} {}", of("observer").unwrap(), of("currency").unwrap());
            *sums.entry(kind).or_default() += amount.parse::<i64>().unwrap();
        }
    }
    assert!(!sums.is_empty());
    let mut told = BTreeMap::<String, i64>::new();
    for window in [&one, &two] {
        for total in window["window"]["totals"].as_array().unwrap() {
            if total["currency"] != "XXX" {
                let text = |name: &str| total[name].as_str().unwrap().to_owned();
                let kind = format!("{} {}", text("party"), text("currency"));
                *told.entry(kind).or_default() += total["amount_micros"].as_i64().unwrap();
            }
        }
    }
    assert_eq!(told, sums);
    let shown = ledger(&desk, "show", &[]).exits(0).stdout;
    assert!(shown.contains("window-close"), "{shown}");
    reconciles(&desk, &[&one, &two]);
}

/// The other party's file, made from our sums, each count changed by `change`.
fn theirs(windows: &[&Json], change: impl Fn(usize, u64) -> Option<u64>) -> String {
    let mut text = "from,to,party,verdict,currency,count,amount_micros\n".to_owned();
    let mut index = 0;
    for window in windows.iter().map(|window| &window["window"]) {
        for total in window["totals"].as_array().unwrap() {
            if let Some(count) = change(index, count(&total["count"])) {
                let word = |value: &Json| value.as_str().unwrap().to_owned();
                let row = [
                    word(&window["from"]),
                    word(&window["to"]),
                    word(&total["party"]),
                    word(&total["action"]),
                    word(&total["currency"]),
                    count.to_string(),
                    total["amount_micros"].to_string(),
                ];
                text.extend([row.join(","), "\n".to_owned()]);
            }
            index += 1;
        }
    }
    text
}

fn reconciles(desk: &Desk, windows: &[&Json]) {
    let file = desk.at("theirs.csv");
    let reconcile = |text: &str, more: &[&str]| {
        fs::write(&file, text).unwrap();
        ledger(desk, "reconcile", &[&["--theirs", &file][..], more].concat())
    };
    let json = ["--output-format", "json"];
    let same = reconcile(&theirs(windows, |_, count| Some(count)), &json).exits(0).json();
    fits(&same, "reconcile");
    let rows = same["rows"].as_array().unwrap();
    assert_eq!(same["within_5"], rows.len());
    assert_eq!(same["outcome"], "within");
    // The largest row a little off: beyond 5 % and within 10 %.
    let counts: Vec<u64> = rows.iter().map(|row| count(&row["count_ours"])).collect();
    let all: Vec<u64> = windows
        .iter()
        .flat_map(|window| window["window"]["totals"].as_array().unwrap())
        .map(|total| count(&total["count"]))
        .collect();
    let largest = all.iter().position(|one| one == all.iter().max().unwrap()).unwrap();
    assert!(counts.iter().max() >= Some(&20), "{counts:?}");
    let off = theirs(windows, |index, count| {
        Some(if index == largest { count + (count * 7).div_ceil(100) } else { count })
    });
    let table = reconcile(&off, &[]).exits(0).stdout;
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains(" NO  yes"), "{table}");
    reconcile(&off, &["--tolerance", "5"]).exits(1);
    let csv = reconcile(&off, &["--output-format", "csv"]).exits(0).stdout;
    assert_eq!(csv.lines().count(), rows.len() + 1, "{csv}");
    assert!(csv.contains(",false,true\n"), "{csv}");
    // What they leave out shows, and so does what we have left out.
    let less = theirs(windows, |index, count| (index != largest).then_some(count));
    let ran = reconcile(&less, &[]).exits(1);
    assert!(ran.stdout.contains("left out") && ran.stdout.contains("1 only ours"));
    let more = theirs(windows, |_, count| Some(count))
        + "2026-05-29,2026-06-01,other.example,block,EUR,3,\n";
    let more = reconcile(&more, &json).exits(1).json();
    assert_eq!((&more["only_theirs"], &more["only_ours"]), (&1.into(), &0.into()));
    // A window of which they say nothing is not compared, and one that we did not close is named.
    let one = reconcile(&theirs(&windows[..1], |_, count| Some(count)), &json).exits(0).json();
    assert_eq!(one["windows_not_compared"][0]["from"], "2026-05-29T00:00:00Z");
    let lines = "{\"from\":\"2026-06-01\",\"to\":\"2026-06-02\",\"party\":\"a\",\
                 \"action\":\"none\",\"currency\":\"USD\",\"count\":1}\n";
    let open = reconcile(lines, &json).exits(1).json();
    assert_eq!(open["windows_not_closed"][0]["to"], "2026-06-02T00:00:00Z");
    // Rows that are none are told, and a file that is none is an error.
    let bad = theirs(windows, |_, count| Some(count)) + "2026-05-29,2026-06-01,x,none,USD,many,\n";
    reconcile(&bad, &[]).exits(1).says(&["1 of their rows were not taken", "count", "many"]);
    reconcile("", &[]).exits(2);
    reconcile("a,b,c\n1,2,3\n", &[]).exits(2).says(&["from"]);
    let missing = desk.at("missing.csv");
    ledger(desk, "reconcile", &["--theirs", &missing]).exits(2).says(&["cannot be read"]);
}

#[test]
fn what_is_recorded_behind_its_window_counts_in_the_next_and_is_said() {
    let desk = Desk::new();
    let disclosures = desk.at("disclosures");
    let early = desk.events(3_000);
    desk.decide(&early, "ledger", &["--init", "--disclosures", &disclosures]).exits(0);
    let window = ["--from", "2026-05-27", "--to", "2026-05-28", "--output-format", "json"];
    let one = close(&desk, &window).exits(0).json();
    let log = dataset("events.jsonl");
    desk.decide(&log, "ledger", &["--disclosures", &disclosures]).exits(0);
    let ran = close(&desk, &["--to", "2026-05-31", "--output-format", "json"]).exits(0);
    let two = ran.json();
    assert!(count(&two["late"]) > 0, "{two}");
    let ran = ran.says(&["decisions of an earlier window, which came too late for it: "]);
    drop(ran);
    let rest = close(&desk, &["--to", "2026-06-01", "--output-format", "json"]).exits(0).json();
    let sum: u64 = [&one, &two, &rest].iter().map(|window| count(&window["decisions"])).sum();
    let found = verified(&desk);
    assert_eq!(found["checked"]["decisions"], sum);
    assert_eq!(found["checked"]["decisions_in_windows"], sum);
}

#[test]
fn disclosures_that_are_missing_or_of_another_ledger_are_refused() {
    let desk = Desk::new();
    let disclosures = desk.at("disclosures");
    let events = desk.events(3_000);
    desk.decide(&events, "ledger", &["--init", "--disclosures", &disclosures]).exits(0);
    let whole = fs::read_to_string(&disclosures).unwrap();
    let window = ["--from", "2026-05-27", "--to", "2026-05-28"];
    let before = verified(&desk);
    fs::write(&disclosures, whole.split_once('\n').unwrap().1).unwrap();
    close(&desk, &window).exits(2).says(&["nothing opens record 0", "--missing-as-unknown"]);
    fs::write(&disclosures, &whole[..whole.len() / 2]).unwrap();
    close(&desk, &window).exits(2).says(&["of the disclosures"]);
    // The legs of one record under the name of another.
    let mut lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let subject = |line: &str| line.rsplit_once("\"subject\":").unwrap().1.to_owned();
    let (a, b) = (subject(&lines[0]), subject(&lines[1]));
    lines[0] = lines[0].replace(&a, &b);
    lines[1] = lines[1].replace(&b, &a);
    fs::write(&disclosures, lines.join("\n")).unwrap();
    close(&desk, &window).exits(2).says(&["the disclosures of record 0", "do not open it"]);
    assert_eq!(verified(&desk), before);
    fs::write(&disclosures, whole.split_once('\n').unwrap().1).unwrap();
    let known = close(&desk, &[&window[..], &["--missing-as-unknown", "--dry-run"]].concat());
    known.exits(0).says(&["decisions without disclosures, counted without party and amount: 1"]);
    // What was erased cannot be opened, and nobody has to say so.
    let (ledger_at, keys) = (desk.at("ledger"), desk.at("keys"));
    let erase = ["ledger", "erase", &ledger_at, "--keys", &keys, "--day", "2026-05-27"];
    adproof(&erase).exits(0);
    let json = ["--output-format", "json"];
    let closed = close(&desk, &[&window[..], &json].concat()).exits(0).json();
    assert_eq!(closed["erased"], closed["decisions"], "{closed}");
    assert_eq!(closed["unknown"], before["checked"]["decisions"]);
}

/// A desk with a ledger, and the other party's key in the folder `theirs`.
fn two_parties() -> Desk {
    let desk = Desk::new();
    let events = desk.events(3_000);
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    let theirs = desk.at("theirs");
    let new = ["keys", "new", &theirs, "--log", "localhost/try", "--role", "counterparty"];
    adproof(&[&new[..], &["--no-passphrase"]].concat()).exits(0);
    desk
}

fn make(desk: &Desk, file: &str, more: &[&str]) -> Ran {
    let (file, theirs, key) = (desk.at(file), desk.at("theirs"), desk.at("keys/log.pub"));
    let fixed = ["ledger", "ack", "make", &file, "--keys", &theirs, "--key", &key];
    adproof(&[&fixed[..], &["--clock", FIXED], more].concat())
}

fn add(desk: &Desk, files: &[&str]) -> Ran {
    let files: Vec<String> = files.iter().map(|file| desk.at(file)).collect();
    let (ledger, keys) = (desk.at("ledger"), desk.at("keys"));
    let mut args = vec!["ledger", "ack", "add", "--ledger", &ledger, "--keys", &keys];
    args.extend(["--clock", FIXED, "--output-format", "json"]);
    args.extend(files.iter().map(String::as_str));
    adproof(&args)
}

#[test]
fn the_other_party_signs_what_it_says_without_our_keys_and_the_log_takes_it() {
    let desk = two_parties();
    let (ledger_at, keys) = (desk.at("ledger"), desk.at("keys"));
    let zip = desk.at("case.zip");
    adproof(&["bundle", "make", &ledger_at, "0", "1", "-o", &zip]).exits(0);
    let page = desk.at("case.html");
    adproof(&["bundle", "make", &ledger_at, "3", "-o", &page]).exits(0);
    let (record, proof) = (desk.at("2.json"), desk.at("2.tlog-proof"));
    adproof(&["ledger", "prove", &ledger_at, "2", "--record", &record, "-o", &proof]).exits(0);
    make(&desk, "case.zip", &["--stance", "agreed"]).exits(2).says(&["there are 2 statements"]);
    let acks = desk.at("acks");
    make(&desk, "case.zip", &["--stance", "agreed", "-o", &acks]).exits(0);
    let two = desk.at("2.ack.json");
    let reason = "not \"our\" placement";
    let disputed = ["--stance", "disputed", "--reason", reason, "--proof", &proof, "-o", &two];
    make(&desk, "2.json", &disputed).exits(0);
    let three = make(&desk, "case.html", &["--stance", "received"]).exits(0).stdout;
    fs::write(desk.path("3.ack.json"), three).unwrap();
    openssl_verifies(&desk, "2.ack.json");

    let files = ["acks/0.ack.json", "acks/1.ack.json", "2.ack.json", "3.ack.json"];
    add(&desk, &files).exits(2).says(&["no key of the other party is known", "keys add"]);
    let known = ["keys", "add", &keys, &desk.at("theirs/log.pub"), "--ledger", &ledger_at];
    adproof(&known).exits(0);
    let told = add(&desk, &files).exits(0).json();
    fits(&told, "ledger-ack");
    let outcomes = |told: &Json| -> Vec<String> {
        let acks = told["acks"].as_array().unwrap().iter();
        acks.map(|ack| format!("{} {}", ack["stance"], ack["outcome"])).collect()
    };
    let expected = ["agreed", "agreed", "disputed", "received"];
    assert_eq!(outcomes(&told), expected.map(|stance| format!("{stance:?} \"recorded\"")));
    let again = add(&desk, &files).exits(0).json();
    assert_eq!(outcomes(&again), expected.map(|stance| format!("{stance:?} \"already\"")));
    assert_eq!(again["acks"][2]["at"], told["acks"][2]["at"]);

    assert_eq!(verified(&desk)["checked"]["acks"], 4);
    let list = ledger(&desk, "show", &[]).exits(0).stdout;
    let line = list.lines().find(|line| line.contains("disputed")).unwrap();
    assert!(line.contains("record 2"), "{line}");
    let one = ledger(&desk, "show", &["2"]).exits(0).stdout;
    assert!(one.contains("disputed"), "{one}");
    // It stays in the bundle that is made from now on.
    let later = desk.at("later.zip");
    adproof(&["bundle", "make", &ledger_at, "2", "-o", &later]).exits(0);
    let key = desk.at("keys/log.pub");
    let shown = adproof(&["bundle", "verify", &later, "--key", &key]).exits(0).stdout;
    assert!(shown.lines().any(|line| line.contains(" ack: signed")), "{shown}");
}

/// Verifies a statement with openssl alone.
fn openssl_verifies(desk: &Desk, file: &str) {
    let base64 = base64::engine::general_purpose::STANDARD;
    let envelope: Json = serde_json::from_slice(&fs::read(desk.path(file)).unwrap()).unwrap();
    let decode = |value: &Json| base64.decode(value.as_str().unwrap()).unwrap();
    let (payload, kind) = (decode(&envelope["payload"]), envelope["payloadType"].as_str().unwrap());
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend(payload);
    fs::write(desk.path("signed"), signed).unwrap();
    fs::write(desk.path("signature"), decode(&envelope["signatures"][0]["sig"])).unwrap();
    let pem = adproof(&["keys", "export", &desk.at("theirs"), "--format", "spki"]).exits(0).stdout;
    fs::write(desk.path("theirs.pem"), pem).unwrap();
    let output = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", &desk.at("theirs.pem")])
        .args(["-in", &desk.at("signed"), "-sigfile", &desk.at("signature")])
        .output()
        .expect("openssl runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn statements_that_do_not_hold_are_refused_and_nothing_is_written() {
    let desk = two_parties();
    let ledger_at = desk.at("ledger");
    let known =
        ["keys", "add", &desk.at("keys"), &desk.at("theirs/log.pub"), "--ledger", &ledger_at];
    adproof(&known).exits(0);
    let (record, proof) = (desk.at("2.json"), desk.at("2.tlog-proof"));
    adproof(&["ledger", "prove", &ledger_at, "2", "--record", &record, "-o", &proof]).exits(0);
    let good = desk.at("good.json");
    let make_two = |more: &[&str]| {
        make(&desk, "2.json", &[&["--stance", "agreed", "--proof", &proof][..], more].concat())
    };
    make_two(&["-o", &good]).exits(0);
    let ack = Ack::parse_envelope(&fs::read(&good).unwrap()).unwrap();
    let write = |name: &str, ack: &Ack| {
        fs::write(desk.path(name), ack.to_envelope().unwrap()).unwrap();
    };
    let stranger = MemoryKey::from_seed(&[9; 32]);
    let said = |change: &dyn Fn(&mut AckStatement)| {
        let mut statement = ack.statement.clone();
        change(&mut statement);
        statement
    };
    let before = verified(&desk);
    write("stance.json", &Ack { statement: said(&|s| s.stance = Stance::Disputed), ..ack.clone() });
    write("stranger.json", &ack.statement.clone().sign(&stranger).unwrap());
    let mut claimed = ack.statement.clone().sign(&stranger).unwrap();
    claimed.kid = ack.kid;
    assert_ne!(claimed.kid, stranger.key_id());
    write("claimed.json", &claimed);
    for (name, told) in [
        ("stance.json", "its signature does not fit"),
        ("stranger.json", "is not one of the other party's"),
        ("claimed.json", "its signature does not fit"),
    ] {
        let ran = add(&desk, &["good.json", name]).exits(1).json();
        assert_eq!(ran["acks"][0]["outcome"], "not_recorded", "{name}");
        assert_eq!(ran["acks"][1]["outcome"], "refused", "{name}");
        assert!(ran["acks"][1]["message"].as_str().unwrap().contains(told), "{ran}");
    }
    fs::write(desk.path("cut.json"), &fs::read(&good).unwrap()[1..]).unwrap();
    add(&desk, &["cut.json"]).exits(2).says(&["it is no signed statement"]);
    add(&desk, &["missing.json"]).exits(2).says(&["cannot be read"]);
    assert_eq!(verified(&desk), before);

    // Nothing is signed of a record that does not verify.
    let text = fs::read_to_string(&record).unwrap();
    let other = desk.at("3.json");
    let other_proof = desk.at("3.tlog-proof");
    adproof(&["ledger", "prove", &ledger_at, "3", "--record", &other, "-o", &other_proof]).exits(0);
    fs::write(&record, fs::read(&other).unwrap()).unwrap();
    let ran = make_two(&[]).exits(1);
    assert!(ran.stdout.contains("FAILED: nothing was signed"), "{}", ran.stdout);
    fs::write(&record, &text[..text.len() - 3]).unwrap();
    make_two(&[]).exits(2).says(&["not the DSSE envelope"]);
    fs::write(&record, text).unwrap();
    let strange = Desk::new();
    let (keys, theirs, key) = (desk.at("2.json"), desk.at("theirs"), strange.at("keys/log.pub"));
    let args =
        ["ledger", "ack", "make", &keys, "--proof", &proof, "--keys", &theirs, "--key", &key];
    let ran = adproof(&[&args[..], &["--stance", "agreed"]].concat()).exits(1);
    assert!(ran.stdout.contains("nothing was signed"), "{}", ran.stdout);
    make_two(&["--keys", &desk.at("keys")]).exits(2);
}
