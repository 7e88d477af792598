//! `adproof stream tally` and `merge`: several processes count what one counts, byte for byte.

use std::net::TcpListener;
use std::time::Duration;

use adproof_feeds::{Limits, read_events};
use adproof_signal::Tally;

use crate::decide::Desk;
use crate::run::adproof;
use crate::stream::untidy;
use crate::stream_nats::Broker;
use crate::stream_state::{args, ends_within, said, spawn};

/// The same by the plain kernel.
fn plainly(text: &str) -> Vec<u8> {
    let events = read_events("log", text.as_bytes(), &Limits::default()).unwrap().events;
    assert!(events.len() > 1_000);
    let mut tally = Tally::empty();
    tally.expose_events(&events);
    tally.to_bytes()
}

fn merged(desk: &Desk, states: &[&str], code: i32) -> Vec<u8> {
    let out = desk.at("merged.tally");
    let states: Vec<String> = states.iter().map(|state| desk.at(state)).collect();
    let mut args = vec!["stream", "merge", "--out", &out];
    args.extend(states.iter().map(String::as_str));
    adproof(&args).exits(code);
    std::fs::read(out).unwrap()
}

const AHEAD: &str = "4000000000";

#[test]
fn three_processes_of_one_stream_tally_what_one_does_byte_for_byte() {
    let desk = Desk::new();
    let text = untidy();
    std::fs::write(desk.path("log"), &text).unwrap();
    let expected = plainly(&text);
    let log = desk.at("log");
    let tally = |source: &str, state: &str, more: &[&str]| {
        let state = desk.at(state);
        let base = ["stream", "tally", "--source", source, "--state", &state, "--ahead", AHEAD];
        [&base, more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    adproof(&tally(&log, "whole", &[])).exits(0).says(&["were not taken"]);
    assert!(merged(&desk, &["whole"], 0) == expected, "one process, and the plain kernel");

    // A stream that decides has seen the same.
    let decided =
        args(&desk, &log, "deciding", "ledger", &["--ahead", AHEAD, "--horizon", "99999999"]);
    adproof(&decided).exits(0);
    assert!(merged(&desk, &["deciding"], 0) == expected, "a stream that decides");

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = Broker::start(&desk.path("broker"), port);
    let mut client = broker.client();
    client.make_stream("EVENTS", "events.>");
    for chunk in text.lines().collect::<Vec<_>>().chunks(20) {
        client.ask("events.1", chunk.join("\n").as_bytes());
    }
    let source = format!("nats://127.0.0.1:{port}/EVENTS?consumer=c&wait=1");
    let run = |part: usize| {
        let partition = format!("{part}/3");
        let more = ["--partition", &partition, "--idle", "6", "--batch", "4000"];
        spawn(&tally(&source, &format!("part{part}"), &more))
    };
    let mut children: Vec<_> = (0..3).map(run).collect();
    // One dies in the middle and starts again.
    assert_eq!(ends_within(&mut children[1], Duration::from_millis(400)), None);
    children[1].kill().unwrap();
    children[1].wait().unwrap();
    children[1] = run(1);
    for (part, child) in children.iter_mut().enumerate() {
        let code = ends_within(child, Duration::from_mins(2));
        assert_eq!(code, Some(0), "part {part}: {}", said(child));
        assert_eq!(client.open("EVENTS", &format!("c-{part}-of-3")), 0, "all are acknowledged");
    }
    assert!(merged(&desk, &["part2", "part0", "part1"], 0) == expected, "three processes");
    // Lines that are no events are kept once, by the first.
    let letters = |state: &str| {
        let state = desk.at(state);
        let args = ["stream", "dlq", "list", "--output-format", "ndjson", "--state", &state];
        adproof(&args).exits(0).stdout.lines().count()
    };
    assert!(letters("whole") > 5);
    assert_eq!([0, 1, 2].map(|part| letters(&format!("part{part}"))), [letters("whole"), 0, 0]);

    assert!(merged(&desk, &["part0", "part1"], 1) != expected, "a part is missing, and told");
    let merge = |states: [&str; 2]| {
        let states = states.map(|state| desk.at(state));
        adproof(&["stream", "merge", &states[0], &states[1]])
    };
    merge(["part0", "part0"]).exits(2);
    merge(["part1", "whole"]).exits(2).says(&["part 0/1, beside parts of 3"]);
    adproof(&tally(&log, "part1", &["--partition", "2/3"])).exits(2).says(&["of part 1/3"]);
}
