//! Batch and stream are one state machine: the same events, in any order and any pieces, give the
//! same records, and the same tally as any other way to count them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod law;

use std::collections::BTreeMap;

use adproof_feeds::{Limits, read_events, read_feed};
use adproof_ledger::{DayKey, EvidenceKey};
use adproof_model::{Digest, Event};
use adproof_pipeline::{
    Day, Disorder, Inputs, JoinLimits, Live, Pipeline, Recorder, Reorder, Windows,
};
use adproof_policy::Policy;
use adproof_signal::{Params, Tally, source_name};

const EVENTS: &[u8] = include_bytes!("../../../../datasets/events.jsonl");
const POLICY: &str = include_str!("../../../../datasets/policies/demo.toml");
const FEEDS: [(&str, &[u8]); 3] = [
    ("ioc-ipv6-2026-W19.csv", include_bytes!("../../../../datasets/ioc-ipv6-2026-W19.csv")),
    ("ioc-ipv6-2026-W20.xlsx", include_bytes!("../../../../datasets/ioc-ipv6-2026-W20.xlsx")),
    ("ioc-ipv6-2026-05.xlsx", include_bytes!("../../../../datasets/ioc-ipv6-2026-05.xlsx")),
];
/// How far the lines of the shipped log stand out of the order of their receipt.
const HORIZON_US: i64 = 61_000_000;

fn inputs() -> Inputs {
    let mut feeds = Tally::empty();
    for (name, bytes) in FEEDS {
        let issue = read_feed(name, bytes, &Limits::default()).unwrap();
        feeds.ingest(&issue.issue);
        for indicator in &issue.accepted {
            feeds.mark(indicator, &source_name(name, &issue.issue));
        }
    }
    Inputs {
        policy: Policy::parse(POLICY).unwrap(),
        feeds,
        params: Params::default(),
        tags: BTreeMap::new(),
        windows: Windows::default(),
        limits: JoinLimits::default(),
    }
}

fn events() -> Vec<Event> {
    read_events("events.jsonl", EVENTS, &Limits::default()).unwrap().events
}

fn records(inputs: &Inputs, days: &[Day]) -> Vec<Vec<u8>> {
    let recorder = Recorder::new(
        EvidenceKey::new([7; 32]),
        &[],
        &inputs.params,
        &inputs.policy,
        Digest::new([0; 32]),
    );
    let mut records = Vec::new();
    for day in days {
        for decided in day.decided.iter().filter(|decided| decided.recorded) {
            let key = DayKey::new([8; 32]);
            let draft = recorder.record(day, decided, Some(&key)).unwrap().draft;
            records.push(draft.to_bytes().unwrap());
        }
    }
    records
}

fn batch(events: Vec<Event>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut pipeline = Pipeline::new(inputs());
    let days = pipeline.batch(events);
    (records(pipeline.inputs(), &days), pipeline.tally().to_bytes())
}

fn stream(events: Vec<Event>) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut pipeline = Pipeline::new(inputs());
    let mut buffer = Reorder::new(HORIZON_US, usize::MAX);
    let mut days = Vec::new();
    for event in events {
        buffer.push(event).unwrap();
        while let Some(event) = buffer.pop() {
            days.append(&mut pipeline.push(event));
        }
    }
    while let Some(event) = buffer.drain() {
        days.append(&mut pipeline.push(event));
    }
    days.append(&mut pipeline.finish());
    (records(pipeline.inputs(), &days), pipeline.tally().to_bytes())
}

#[test]
fn batch_in_any_order_and_stream_give_the_same_bytes() {
    let events = events();
    let (in_batch, tally) = batch(events.clone());
    assert!(in_batch.len() > 100, "{} records", in_batch.len());
    let mut backwards = events.clone();
    backwards.reverse();
    assert!(batch(backwards) == (in_batch.clone(), tally.clone()));
    let (in_stream, streamed) = stream(events.clone());
    assert!(in_stream == in_batch && streamed == tally);

    let mut counted = inputs().feeds;
    counted.expose_events(&events);
    assert!(counted.to_bytes() == tally, "the pipeline counts as a plain scan does");
}

#[test]
fn a_state_that_was_written_down_anywhere_goes_on_as_if_nothing_had_happened() {
    let events = events();
    let expected = batch(events.clone());
    let disorder = Disorder { horizon_us: HORIZON_US, events: usize::MAX };
    let mut live = Live::new(inputs(), disorder);
    let mut days = Vec::new();
    // A step that shares no factor with anything of the log.
    for (index, event) in events.into_iter().enumerate() {
        if index % 311 == 7 {
            let bytes = live.to_bytes();
            live = Live::from_bytes(inputs(), disorder, &bytes).unwrap();
            assert!(live.to_bytes() == bytes, "event {index}: the state reads back as another");
        }
        days.append(&mut live.push(event).unwrap());
    }
    days.append(&mut live.finish());
    let records = records(live.pipeline().inputs(), &days);
    assert!((records, live.pipeline().tally().to_bytes()) == expected);

    let bytes = live.to_bytes();
    for cut in (0..bytes.len()).step_by(997) {
        let short = bytes.get(..cut).unwrap();
        assert!(Live::from_bytes(inputs(), disorder, short).is_err(), "cut at {cut}");
    }
}

#[test]
fn a_decision_knows_nothing_that_was_received_later() {
    let mut events = events();
    events.sort_by(adproof_pipeline::canonical_order);
    let mut pipeline = Pipeline::new(inputs());
    let days = pipeline.batch(events.clone());
    let first = days.first().unwrap();
    let horizon = Windows::default().decided(first.day);
    events.retain(|event| event.received <= horizon);
    let known = Pipeline::new(inputs()).batch(events);
    let again = known.first().unwrap();
    assert_eq!((again.day, again.model), (first.day, first.model));
    assert!(again.decided == first.decided);
}

#[test]
fn nothing_a_stranger_writes_keeps_a_decision_from_being_recorded() {
    let mut inputs = inputs();
    let issue = read_feed(FEEDS[2].0, FEEDS[2].1, &Limits::default()).unwrap();
    for mut indicator in issue.accepted {
        // Six bytes each in canonical JSON, and as many as a feed's cell may hold.
        indicator.provider = Some("\u{1}".repeat(4_096).into());
        inputs.feeds.mark(&indicator, "ioc");
    }
    let mut events = events();
    for event in &mut events {
        if let adproof_model::LegDetail::Billing { amount_micros, .. } = &mut event.detail {
            *amount_micros = i64::MAX;
        }
    }
    let mut pipeline = Pipeline::new(inputs);
    let days = pipeline.batch(events);
    assert!(records(pipeline.inputs(), &days).len() > 100);
}
