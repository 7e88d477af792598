//! The ledger's store from the command line: a disk that is full, and records that are found.

use std::process::Command;

use crate::decide::{Desk, given};
use crate::ledger::Fixture;
use crate::run::{adproof, finish};

fn decide_args(desk: &Desk, events: &str, ledger: &str, more: &[&str]) -> Vec<String> {
    let mut args = vec!["decide".to_owned(), "--events".to_owned(), events.to_owned()];
    args.extend(given());
    args.extend(desk.journal(ledger));
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

fn records(ledger: &str) -> u64 {
    let told = adproof(&["ledger", "verify", ledger, "--output-format", "json"]).exits(0).json();
    told["records"].as_u64().unwrap()
}

/// A limit on the size of files fails a write in the middle, as a full disk does.
#[cfg(unix)]
#[test]
fn a_write_that_finds_no_room_is_told_and_the_ledger_goes_on_afterwards() {
    let desk = Desk::new();
    let few = desk.events(1_200);
    desk.decide(&few, "ledger", &["--init"]).exits(0);
    let ledger = desk.at("ledger");
    let before = records(&ledger);
    assert!(before > 0);
    let segment = desk.path("ledger/segments/00000000000000000000.seg");
    let blocks = std::fs::metadata(&segment).unwrap().len() / 512 + 8;
    let events = desk.events(3_000);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", r#"trap "" XFSZ; ulimit -f "$1"; shift; exec "$@""#, "sh"])
        .arg(blocks.to_string())
        .arg(env!("CARGO_BIN_EXE_adproof"))
        .args(decide_args(&desk, &events, "ledger", &[]));
    finish(limited).exits(2).says(&[
        "writing to segments/",
        "File too large",
        "to do: raise the limit",
    ]);
    // What could not be written whole was taken back; what was acknowledged stands.
    assert_eq!(records(&ledger), before);
    let told = desk.decide(&events, "ledger", &["--output-format", "json"]).exits(0).json();
    let (recorded, appended) = (&told["summary"]["recorded"], &told["ledger"]["appended"]);
    let (recorded, appended) = (recorded.as_u64().unwrap(), appended.as_u64().unwrap());
    assert!(appended > 0 && recorded == appended + before, "{told}");
    assert_eq!(records(&ledger), recorded);
}

/// The real thing, where the system lets us mount something small.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_is_told_and_the_ledger_goes_on_when_there_is_room() {
    let script = r#"
        mount -t tmpfs -o size=200k none "$1" || exit 77
        cd "$1" && shift
        "$@" --init; echo "full $?"
        "$@"; echo "still full $?"
        mount -o remount,size=64m . && "$@"; echo "room $?"
        "$1" ledger verify ledger; echo "verified $?"
    "#;
    let desk = Desk::new();
    let small = desk.path("disk");
    std::fs::create_dir(&small).unwrap();
    let mut args = decide_args(&desk, &desk.events(3_000), "disk/ledger", &[]);
    let ledger = args.iter().position(|arg| arg == "--ledger").unwrap();
    "ledger".clone_into(&mut args[ledger + 1]);
    let mut mounted = Command::new("unshare");
    mounted
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(&small)
        .arg(env!("CARGO_BIN_EXE_adproof"))
        .args(args);
    let ran = finish(mounted);
    if !ran.stdout.contains("full") {
        // No rights to mount: the test above fails the same write in another way.
        return;
    }
    for told in ["full 2", "still full 2", "room 0", "verified 0"] {
        assert!(ran.stdout.contains(told), "{told}:\n{}\n{}", ran.stdout, ran.stderr);
    }
    ran.says(&["to do: make room on the disk"]);
}

#[test]
fn records_are_found_by_subject_target_leaf_and_time() {
    let fixture = Fixture::new();
    let ledger = fixture.text("ledger");
    let show = |more: &[&str]| {
        let mut args = vec!["ledger", "show", &ledger, "--output-format", "ndjson"];
        args.extend(more);
        let ran = adproof(&args).exits(0);
        let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<serde_json::Value>>()
    };
    let all = show(&[]);
    assert_eq!(all.len(), 5);
    let subject = all[3]["record"]["dec"]["subject"].as_str().unwrap();
    for subject in [subject, &subject[..8]] {
        assert_eq!(show(&["--subject", subject]), all[3..4]);
    }
    assert!(fixture.path("ledger/index.redb").is_file());
    assert_eq!(show(&["--leaf", all[1]["leaf"].as_str().unwrap()]), all[1..2]);
    let target = all[2]["record"]["dec"]["target"].as_str().unwrap();
    assert_eq!(show(&["--target", target]), all[2..3]);
    assert_eq!(show(&["--target", target, "--action", "block"]), all[..0]);
    assert_eq!(show(&["--action", "observe"]).len(), 5);
    assert_eq!(show(&["--type", "key"]).len(), 0);
    // The records are a microsecond apart.
    let (since, until) = ("2026-05-28T20:26:40.000001Z", "2026-05-28T20:26:40.000004Z");
    assert_eq!(show(&["--since", since, "--until", until]), all[1..4]);
    let usage = adproof(&["ledger", "show", &ledger, "--subject", "1234567"]);
    usage.exits(2).says(&["at least the first 8"]);
    adproof(&["ledger", "show", &ledger, "7", "--subject", "12345678"]).exits(2);
}

#[test]
fn an_index_is_made_anew_and_a_wrong_one_changes_nothing() {
    let fixture = Fixture::new();
    let ledger = fixture.text("ledger");
    let ran = adproof(&["ledger", "reindex", &ledger]).exits(0);
    assert_eq!(ran.stdout, "indexed 5 records\n");
    let show = || adproof(&["ledger", "show", &ledger, "--action", "observe"]).exits(0).stdout;
    let before = show();
    assert_eq!(before.lines().count(), 6);
    std::fs::write(fixture.path("ledger/index.redb"), "not an index").unwrap();
    assert_eq!(show(), before);
    adproof(&["ledger", "verify", &ledger]).exits(0);
}
