//! `adproof stream --state`: nothing is lost and nothing is there twice, wherever it was stopped.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::decide::{Desk, dataset};
use crate::run::{Ran, adproof, command};
use crate::stream::{HORIZON, forget, in_order};

/// How often a running stream is killed. More by `ADPROOF_KILLS`.
const KILLS: u32 = 200;

pub(crate) fn args(
    desk: &Desk,
    source: &str,
    state: &str,
    ledger: &str,
    more: &[&str],
) -> Vec<String> {
    let mut args: Vec<String> =
        ["stream", "--source", source, "--state", &desk.at(state)].map(str::to_owned).into();
    args.extend(given());
    args.extend(desk.journal(ledger));
    args.push("--init".to_owned());
    if !more.contains(&"--horizon") {
        args.extend(["--horizon", HORIZON].map(str::to_owned));
    }
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

/// Little to read, so that a process that lives for a moment spends it on its work.
fn given() -> Vec<String> {
    let feed = dataset("ioc-ipv6-2026-W19.csv");
    let policy = dataset("policies/demo.toml");
    ["--feed", &feed, "--tags", &dataset("tags"), "--policy", &policy].map(str::to_owned).into()
}

/// The decisions of a ledger without their places: what was decided, on what, by what.
pub(crate) fn decisions(desk: &Desk, ledger: &str) -> Vec<String> {
    let shown =
        adproof(&["ledger", "show", &desk.at(ledger), "--output-format", "ndjson"]).exits(0);
    let mut decisions = Vec::new();
    for line in shown.stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let record = &line["record"];
        if record["typ"] == "decision" {
            let parts = ["completeness", "dec", "legs", "repro", "time"];
            decisions.push(parts.map(|part| record[part].to_string()).concat());
        }
    }
    decisions
}

pub(crate) fn spawn(args: &[String]) -> Child {
    command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

pub(crate) fn said(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Waits until it ends, at most so long.
pub(crate) fn ends_within(child: &mut Child, most: Duration) -> Option<i32> {
    let until = Instant::now() + most;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A sequence that looks random and is the same in each run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }
}

/// A log of some impressions of two days, so that a day is decided in the middle of it, with
/// lines that are no events.
pub(crate) fn log(desk: &Desk) -> String {
    let text = in_order();
    let lines: Vec<&str> = text.lines().collect();
    let mut some = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index % 12 == 0 || index + 200 > lines.len() {
            some.push_str(line);
            some.push('\n');
        }
        if index % 997 == 0 {
            some.push_str("no event\n");
        }
    }
    std::fs::write(desk.path("log.jsonl"), some).unwrap();
    desk.at("log.jsonl")
}

#[test]
fn killed_anywhere_a_stream_ends_with_the_decisions_of_an_undisturbed_run() {
    let kills: u32 = std::env::var("ADPROOF_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let desk = Desk::new();
    let log = log(&desk);
    let started = Instant::now();
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    let whole = u64::try_from(started.elapsed().as_millis()).unwrap().max(50);
    let expected = decisions(&desk, "calm");
    let letters = |state: &str| {
        let list =
            ["stream", "dlq", "list", "--state", &desk.at(state), "--output-format", "ndjson"];
        let list = adproof(&list).exits(0);
        list.stdout.lines().filter(|line| line.contains("no event")).count()
    };
    let refused = letters("calm-state");
    assert!(expected.len() > 20 && refused > 5, "{} decisions", expected.len());

    let mut dice = Dice(7);
    let (mut killed, mut finished, mut round) = (0, 0, 0);
    while killed < kills || finished == 0 {
        let (state, ledger) = (format!("state{round}"), format!("ledger{round}"));
        forget(&desk);
        loop {
            // Some runs write their state down all the time, some never.
            let checkpoint = if dice.throw(2) == 0 { "0" } else { "3600" };
            let more = ["--batch", "4096", "--checkpoint", checkpoint];
            let mut child = spawn(&args(&desk, &log, &state, &ledger, &more));
            let after = dice.throw(if killed < kills { whole + whole / 3 } else { 600_000 });
            match ends_within(&mut child, Duration::from_millis(after)) {
                Some(0) => break,
                Some(code) => panic!("exit code {code}: {}", said(&mut child)),
                None if killed < kills => {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    killed += 1;
                }
                None => {
                    child.wait().unwrap();
                    break;
                }
            }
        }
        assert!(decisions(&desk, &ledger) == expected, "round {round}: the decisions differ");
        assert_eq!(letters(&state), refused, "round {round}: letters are lost or there twice");
        adproof(&["ledger", "verify", &desk.at(&ledger)]).exits(0);
        let subjects: BTreeSet<_> = expected.iter().collect();
        assert_eq!(subjects.len(), expected.len());
        finished += 1;
        round += 1;
    }
}

#[cfg(unix)]
#[test]
fn a_stream_that_was_stopped_goes_on_where_it_was() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    forget(&desk);
    let mut child = spawn(&args(&desk, &log, "state", "ledger", &["--follow"]));
    // The state folder is there once it works.
    while !desk.path("state").join("taken").is_dir() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    let held = adproof(&["stream", "dlq", "list", "--state", &desk.at("state")]).exits(2);
    held.says(&["another process holds the state"]);
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(ends_within(&mut child, Duration::from_mins(1)), Some(0));
    let words = said(&mut child);
    assert!(words.contains("stopped:"), "{words}");
    let end = adproof(&args(&desk, &log, "state", "ledger", &[])).exits(0);
    end.says(&["going on:"]);
    assert!(decisions(&desk, "ledger") == decisions(&desk, "calm"));
    // Nothing is left to do.
    let again = adproof(&args(&desk, &log, "state", "ledger", &[])).exits(0);
    again.says(&["0 new"]);
}

#[test]
fn lines_that_were_refused_are_kept_shown_and_put_back() {
    let desk = Desk::new();
    let text = in_order();
    let first = text.lines().next().unwrap();
    let ahead = first.replace("2026-", "2099-");
    let lines = [first.as_bytes(), b"\n", ahead.as_bytes(), b"\n\xff\xfe no text\n"].concat();
    std::fs::write(desk.path("log"), lines).unwrap();
    let args = |more: &[&str]| args(&desk, &desk.at("log"), "state", "ledger", more);
    let run = adproof(&args(&[])).exits(0);
    run.says(&["2 lines were not taken", "ahead of the clock", "stream dlq list"]);
    let dlq = |verb: &[&str]| -> Ran {
        let state = desk.at("state");
        let args = [&["stream", "dlq"], verb, &["--state", &state]].concat();
        adproof(&args)
    };
    let list = dlq(&["list", "--output-format", "ndjson"]).exits(0);
    let letters: Vec<Value> =
        list.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0]["column"], "received");
    assert_eq!(letters[0]["text"], ahead);
    assert_eq!(letters[1]["base64"], "//4gbm8gdGV4dA==");
    assert!(dlq(&["list"]).exits(0).stdout.contains("not a JSON object"));
    assert_eq!(dlq(&["show", "0"]).exits(0).stdout, format!("{ahead}\n"));
    dlq(&["show", "9"]).exits(2).says(&["there is no line 9"]);
    dlq(&["replay", "9"]).exits(2).says(&["there is no line 9"]);
    dlq(&["replay", "0"]).exits(0);
    // With a bound that reaches a hundred years ahead it is an event like any other.
    let run = adproof(&args(&["--ahead", "4000000000"])).exits(0);
    assert!(!run.stderr.contains("were not taken"), "{}", run.stderr);
    assert!(dlq(&["list"]).exits(0).stdout.contains("(put back)"));
    assert!(dlq(&["replay", "--all"]).exits(0).stdout.starts_with("1 lines"));
    adproof(&args(&[])).exits(0).says(&["1 lines were not taken"]);
    assert_eq!(dlq(&["list", "--output-format", "ndjson"]).stdout.lines().count(), 3);
}

#[test]
fn a_line_from_the_future_closes_no_window() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    forget(&desk);
    let text = std::fs::read_to_string(&log).unwrap();
    let ahead = text.lines().next().unwrap().replace("2026-", "2099-");
    std::fs::write(&log, format!("{ahead}\n{text}")).unwrap();
    adproof(&args(&desk, &log, "state", "ledger", &["--horizon", "60"])).says(&["--ahead"]);
    assert!(decisions(&desk, "ledger") == decisions(&desk, "calm"));
}

/// Sends a request and gives the status line with the body.
fn post(address: &str, body: &[u8]) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    let length = body.len();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    client.write_all(head.as_bytes()).unwrap();
    client.write_all(body).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_http_acknowledged_is_there_after_a_kill() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    forget(&desk);
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let source = format!("http://{address}");
    let mut chunks = lines.chunks(lines.len().div_ceil(6)).enumerate();
    let mut last = None;
    while let Some((index, chunk)) = chunks.next() {
        let mut child = spawn(&args(&desk, &source, "state", "ledger", &["--idle", "2"]));
        let until = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < until, "it listens");
            std::thread::sleep(Duration::from_millis(10));
        }
        let answer = post(&address, chunk.join("\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200"), "chunk {index}: {answer}");
        if chunks.len() > 0 {
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            last = Some(child);
        }
    }
    let mut last = last.unwrap();
    assert_eq!(ends_within(&mut last, Duration::from_mins(2)), Some(0), "it falls silent");
    assert!(decisions(&desk, "ledger") == decisions(&desk, "calm"));
}

/// A limit on the size of files fails a write in the middle, as a full disk does: in the log of what
/// is taken, in the state, and in the ledger, whichever comes to it first.
#[cfg(unix)]
#[test]
fn a_disk_that_was_full_loses_nothing_once_there_is_room() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    let expected = decisions(&desk, "calm");
    forget(&desk);
    let more = ["--batch", "4096", "--checkpoint", "0"];
    let mut full = 0;
    for blocks in [0, 8, 60, 200, 400, 700, 1_000] {
        let mut limited = std::process::Command::new("sh");
        limited
            .args(["-c", r#"trap "" XFSZ; ulimit -f "$1"; shift; exec "$@""#, "sh"])
            .arg(blocks.to_string())
            .arg(env!("CARGO_BIN_EXE_adproof"))
            .args(args(&desk, &log, "state", "ledger", &more));
        let ran = crate::run::finish(limited);
        if ran.code != 0 {
            assert!(ran.code == 2 && ran.stderr.contains("too large"), "{blocks}: {}", ran.stderr);
            full += 1;
        }
    }
    assert!(full >= 4, "the limit was met {full} times");
    adproof(&args(&desk, &log, "state", "ledger", &more)).exits(0);
    assert!(decisions(&desk, "ledger") == expected, "the decisions differ");
    adproof(&["ledger", "verify", &desk.at("ledger")]).exits(0);
    let list = ["stream", "dlq", "list", "--output-format", "ndjson", "--state"];
    let letters = |state: &str| {
        let state = desk.at(state);
        adproof(&[&list[..], &[&state]].concat()).exits(0).stdout.lines().count()
    };
    assert_eq!(letters("state"), letters("calm-state"), "letters are lost or there twice");
}

/// Asks a running stream for its figures.
#[cfg(target_os = "linux")]
fn figure(address: &str, name: &str) -> u64 {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} in {answer}")).parse().unwrap()
}

/// Resident memory of a process in KiB.
#[cfg(target_os = "linux")]
fn resident_kib(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How long nobody reads what a stream tells. Longer by `ADPROOF_STALL_SECONDS`.
#[cfg(target_os = "linux")]
#[test]
fn while_nobody_reads_what_it_tells_a_stream_waits_and_does_not_grow() {
    let seconds: u64 =
        std::env::var("ADPROOF_STALL_SECONDS").map_or(4, |text| text.parse().unwrap());
    let desk = Desk::new();
    let text = in_order();
    // A short horizon, so that days are decided while lines still come.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let watched = format!("127.0.0.1:{port}");
    let more = ["--output-format", "ndjson", "--held", "100000", "--batch", "20000"];
    let more = [&more[..], &["--horizon", "60", "--metrics", &watched]].concat();
    let args = args(&desk, "-", "state", "ledger", &more);
    let mut child = command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        // Blank lines are as much work for a pipe as any.
        for _ in 0..3 {
            stdin.write_all(text.as_bytes()).unwrap();
            stdin.write_all(&vec![b'\n'; 1 << 20]).unwrap();
        }
    });
    // The pipe of its output is full some time after the first day was decided.
    let mut first = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let before = resident_kib(&child);
    std::thread::sleep(Duration::from_secs(seconds));
    let after = resident_kib(&child);
    assert!(!writer.is_finished(), "whoever writes to it waits");
    assert_eq!(figure(&watched, "adproof_stream_gate_closed"), 1, "and whoever watches sees it");
    assert!(figure(&watched, "adproof_stream_in_flight_bytes") > 30_000);
    assert!(figure(&watched, "adproof_stream_events_total") > 0);
    assert!(after < before + 4_096, "it grew from {before} to {after} KiB");
    let mut rest = Vec::new();
    child.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
    writer.join().unwrap();
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}: {}", said(&mut child));
    adproof(&["ledger", "verify", &desk.at("ledger")]).exits(0);
}

#[test]
fn a_state_that_was_damaged_is_refused_by_name() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "state", "ledger", &[])).exits(0);
    let state = desk.path("state").join("state");
    let mut bytes = std::fs::read(&state).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&state, bytes).unwrap();
    adproof(&args(&desk, &log, "state", "ledger", &[])).exits(2).says(&["state", "checksum"]);
    assert!(Path::new(&state).exists(), "it is left as it is");
}
