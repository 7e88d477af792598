//! Random logs in random order, with duplicates, late lines and bad ones: batch, stream, and several
//! processes that tally parts of it, give the same bytes.

use std::sync::LazyLock;

use adproof_feeds::{Limits, read_event_line, read_events};
use adproof_model::Event;
use adproof_pipeline::{Disorder, Inputs, Live, Part, Pipeline, Tallied};
use adproof_signal::Tally;
use proptest::prelude::*;

use super::records;

/// Read once: the law is about what follows.
fn inputs() -> Inputs {
    static INPUTS: LazyLock<Inputs> = LazyLock::new(super::inputs);
    INPUTS.clone()
}

/// One line: of some impression, by some observer, on some day, perhaps late.
fn line() -> impl Strategy<Value = String> {
    let names = (0_u8..12, 0_u8..6, 0_u8..3, 0_u8..6, 0_u8..9);
    let times = (1_u32..9, 0_u32..86_400, prop_oneof![4 => 0_u32..4, 1 => 4_u32..12]);
    (names, times).prop_map(|((impression, leg, observer, net, kind), (day, second, later))| {
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        let (name, rest) = match leg {
            0 => ("request", r#""ua":"TV","ifa":"d1","bundle":"b","ssai":1"#),
            1 => ("network", r#""asn":64500"#),
            2 => ("creative", r#""creative":"c","price_micros":9,"currency":"USD""#),
            3 => ("vast", r#""tag":"t.xml""#),
            4 => ("execution", r#""outcome":"started""#),
            _ => ("billing", r#""amount_micros":7,"currency":"EUR""#),
        };
        let ids = match kind {
            0 => String::new(),
            1 => format!(r#""transaction":"t{impression}","#),
            _ => format!(r#""transaction":"t{impression}","impression":"1","#),
        };
        let ip = match net {
            0 => String::new(),
            1 => r#""ip":"192.0.2.7","#.to_owned(),
            net => format!(r#""ip":"3fff:{net:x}:0:{impression:x}::{observer}","#),
        };
        match kind {
            8 if observer == 0 => "no event".to_owned(),
            8 if observer == 1 => format!(r#"{{"id":"x","leg":"{name}"}}"#),
            _ => format!(
                r#"{{"id":"e{impression}{leg}{observer}","leg":"{name}","observer":"o{observer}",{ids}{ip}{rest},"time":"2026-05-{day:02}T{h:02}:{m:02}:{s:02}Z","received":"2026-05-{:02}T{h:02}:{m:02}:{s:02}.5Z"}}"#,
                day + later
            ),
        }
    })
}

fn event(line: &str) -> Option<Event> {
    read_event_line(format!("{line}\n").as_bytes(), 2, &Limits::default())?.ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn batch_stream_and_parts_of_a_stream_come_to_the_same_bytes(
        (lines, order) in prop::collection::vec(line(), 1..120).prop_flat_map(|mut lines| {
            // Every fifth line comes twice.
            let again: Vec<String> = lines.iter().step_by(5).cloned().collect();
            lines.extend(again);
            let order: Vec<usize> = (0..lines.len()).collect();
            (Just(lines), Just(order).prop_shuffle())
        }),
        stops in prop::collection::vec(0_usize..150, 0..4),
        of in 1_u32..6,
    ) {
        // A first line that is an event, so that the log is read as what it is.
        let first = r#"{"id":"0","leg":"vast","observer":"o","tag":"t","time":"2026-05-01T00:00:00Z","received":"2026-05-01T00:00:00Z"}"#;
        let mut lines = lines;
        lines.push(first.to_owned());
        let text = [&[first.to_owned()], &*lines].concat().join("\n");
        let read = read_events("log", text.as_bytes(), &Limits::default()).unwrap();
        let mut events = read.events;
        events.remove(0);

        let mut pipeline = Pipeline::new(inputs());
        let days = pipeline.batch(events.clone());
        let in_batch = (records(pipeline.inputs(), &days), pipeline.tally().to_bytes());
        let mut plain: Tally = inputs().feeds;
        plain.expose_events(&events);
        prop_assert!(plain.to_bytes() == in_batch.1, "batch and a plain scan");

        let disorder = Disorder { horizon_us: i64::MAX / 4, events: usize::MAX };
        let mut live = Live::new(inputs(), disorder);
        let mut parts: Vec<Tallied> =
            (0..of).filter_map(|index| Part::new(index, of)).map(Tallied::new).collect();
        let mut days = Vec::new();
        for (step, at) in order.iter().chain(&[lines.len() - 1]).enumerate() {
            let Some(event) = lines.get(*at).and_then(|line| event(line)) else { continue };
            for part in parts.iter_mut().filter(|part| part.part().holds(&event)) {
                part.push(&event);
            }
            days.append(&mut live.push(event).unwrap());
            if stops.contains(&step) {
                // Stopped, and gone on.
                live = Live::from_bytes(inputs(), disorder, &live.to_bytes()).unwrap();
                for part in &mut parts {
                    *part = Tallied::from_bytes(&part.to_bytes()).unwrap();
                }
            }
        }
        let waiting = Tallied::of_state(&live.to_bytes()).unwrap();
        prop_assert!(waiting.model(&inputs().feeds).0 == in_batch.1, "what a state has seen");
        days.append(&mut live.finish());
        let in_stream = (records(live.pipeline().inputs(), &days), live.pipeline().tally().to_bytes());
        prop_assert!(in_stream == in_batch, "stream and batch");

        let merged = parts.into_iter().rev().reduce(Tallied::merge).unwrap();
        prop_assert!(merged.model(&inputs().feeds).0 == in_batch.1, "{of} processes and one");
    }
}
