//! `adproof stream`: the same bytes as `decide`, and a clean stop.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::thread::JoinHandle;

use crate::decide::{Desk, content, dataset, given};
use crate::run::{Ran, adproof, adproof_with_stdin, command};

/// More than the whole disorder of the shipped log.
pub(crate) const HORIZON: &str = "8640000";

fn args(desk: &Desk, events: &str, ledger: &str, more: &[&str]) -> Vec<String> {
    let mut args = vec!["stream".to_owned(), "--events".to_owned(), events.to_owned()];
    args.extend(given());
    args.extend(desk.journal(ledger));
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// Forgets which ledger the keys have signed, so that they can write a second one.
pub(crate) fn forget(desk: &Desk) {
    let _ = std::fs::remove_dir_all(desk.path("keys").join("heads"));
}

/// A fixed disorder: every `step`-th line first.
fn shuffled(text: &str, step: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mixed = (0..step).flat_map(|start| lines.iter().skip(start).step_by(step));
    mixed.flat_map(|line| [*line, "\n"]).collect()
}

#[test]
fn a_stream_ends_with_the_bytes_of_a_batch_in_any_order() {
    let desk = Desk::new();
    let log = dataset("events.jsonl");
    let init = ["--init", "--output-format", "ndjson"];
    let batch = desk.decide(&log, "batch", &init).exits(0);
    let expected = content(&desk.path("batch"));
    let text = std::fs::read_to_string(&log).unwrap();
    for step in [1, 7] {
        forget(&desk);
        let ledger = format!("stream{step}");
        let more = ["--init", "--output-format", "ndjson", "--horizon", HORIZON];
        let args = args(&desk, "-", &ledger, &more);
        let stream = adproof_with_stdin(&args, shuffled(&text, step).as_bytes()).exits(0);
        assert!(stream.stdout == batch.stdout, "step {step}: the decisions differ");
        assert!(content(&desk.path(&ledger)) == expected, "step {step}: the ledgers differ");
    }
}

#[test]
fn disorder_beyond_the_horizon_is_said_and_not_hidden() {
    let desk = Desk::new();
    let log = desk.events(3_000);
    let text = shuffled(&std::fs::read_to_string(log).unwrap(), 11);
    let args = args(&desk, "-", "ledger", &["--init", "--buffer", "10"]);
    adproof_with_stdin(&args, text.as_bytes()).exits(1).says(&["--horizon", "--buffer"]);
}

#[test]
fn lines_that_are_no_events_are_told_and_the_rest_is_decided() {
    let desk = Desk::new();
    let log = desk.events(200);
    let mut text = std::fs::read_to_string(log).unwrap();
    text.insert_str(0, "not json\n");
    text.push_str("{\"id\":\"cut");
    let args = args(&desk, "-", "ledger", &["--init", "--horizon", HORIZON]);
    adproof_with_stdin(&args, text.as_bytes()).exits(0).says(&[
        "2 lines were not taken",
        "line 1: not a JSON object",
        "cut in the middle",
    ]);
}

#[test]
fn what_cannot_be_read_or_followed_is_named() {
    let desk = Desk::new();
    let none = desk.at("none.jsonl");
    adproof(&args(&desk, &none, "l", &["--init"])).exits(2).says(&["cannot be read"]);
    adproof(&args(&desk, "-", "l", &["--follow"])).exits(2).says(&["--follow"]);
    let log = desk.events(50);
    adproof(&args(&desk, &log, "l", &[])).exits(2).says(&["there is no ledger", "--init"]);
}

#[test]
fn a_followed_file_ends_when_it_stays_silent() {
    let desk = Desk::new();
    let log = desk.events(3_000);
    let more = ["--init", "--follow", "--idle", "1", "--horizon", HORIZON];
    adproof(&args(&desk, &log, "ledger", &more)).exits(0).says(&["records"]);
    adproof(&["ledger", "verify", &desk.at("ledger")]).exits(0);
}

/// A stream over a pipe that is given `text` and then waits for more, until the pipe that the
/// thread hands back is dropped.
fn waiting(
    desk: &Desk,
    ledger: &str,
    text: &str,
    more: &[&str],
) -> (Child, JoinHandle<ChildStdin>) {
    let mut child = command(&args(desk, "-", ledger, more))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, text) = (child.stdin.take().unwrap(), text.to_owned());
    // Of its own thread: the stream stops reading while nobody reads what it tells.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(text.as_bytes());
        stdin
    });
    // The first day was decided, so the ledger is open and written to.
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    (child, writer)
}

/// The shipped log in the order of receipt.
pub(crate) fn in_order() -> String {
    let text = std::fs::read_to_string(dataset("events.jsonl")).unwrap();
    let mut lines: Vec<(String, &str)> = text
        .lines()
        .map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            (event["received"].as_str().unwrap().to_owned(), line)
        })
        .collect();
    lines.sort();
    lines.iter().flat_map(|(_, line)| [*line, "\n"]).collect()
}

/// A log with repeats, late lines, bad ones, and in no order.
pub(crate) fn untidy() -> String {
    let text = in_order();
    let mut lines: Vec<String> = text.lines().step_by(5).map(str::to_owned).collect();
    let again: Vec<String> = lines.iter().step_by(7).cloned().collect();
    lines.extend(again);
    for (index, line) in lines.iter_mut().enumerate() {
        if index % 211 == 0 {
            "no event".clone_into(line);
        }
        if index % 97 == 0 {
            // Received long after its day was decided.
            *line = line.replace("\"received\":\"2026-05", "\"received\":\"2026-07");
        }
    }
    let mut dice = 7_u64;
    for at in (1..lines.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        lines.swap(at, usize::try_from(dice >> 33).unwrap() % (at + 1));
    }
    lines.join("\n") + "\n"
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_what_was_decided_and_a_second_run_adds_the_rest() {
    let desk = Desk::new();
    desk.decide(&dataset("events.jsonl"), "batch", &["--init"]).exits(0);
    forget(&desk);
    let text = in_order();
    let (mut child, writer) = waiting(&desk, "live", &text, &["--init", "--horizon", "60"]);
    let stdin = writer.join().unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    drop(stdin);
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("stopped:") && stderr.contains("Run again"), "{stderr}");
    adproof(&["ledger", "verify", &desk.at("live")]).exits(0);
    let halfway = content(&desk.path("live"));
    assert!(halfway != content(&desk.path("batch")), "it stopped before the end");

    adproof_with_stdin(&args(&desk, "-", "live", &["--horizon", HORIZON]), text.as_bytes())
        .exits(0)
        .says(&["there already"]);
    let records = |ledger: &str| -> Ran {
        adproof(&["ledger", "verify", &desk.at(ledger), "--output-format", "json"]).exits(0)
    };
    assert_eq!(records("live").json()["root"], records("batch").json()["root"]);
}

#[test]
fn a_ledger_that_another_process_holds_is_left_alone() {
    let desk = Desk::new();
    let text = in_order();
    let (child, writer) = waiting(&desk, "ledger", &text, &["--init", "--horizon", "60"]);
    let log = desk.events(100);
    desk.decide(&log, "ledger", &[]).exits(2).says(&["another process holds the ledger"]);
    drop(writer.join().unwrap());
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_loses_no_record() {
    let desk = Desk::new();
    let text = in_order();
    let more = ["--init", "--horizon", "60", "--output-format", "ndjson"];
    let (mut child, writer) = waiting(&desk, "ledger", &text, &more);
    drop(child.stdout.take());
    drop(writer.join().unwrap());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    adproof(&["ledger", "verify", &desk.at("ledger")]).exits(0);
}
