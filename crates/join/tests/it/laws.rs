//! Any order and any partitioning of the same events gives equal dossiers.

use adproof_join::{Join, Limits, Unjoined, Window, Windows};
use adproof_model::{Event, Execution, Leg, LegDetail, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::make::{at, event, pushed, windows};

const HOUR_US: i64 = 3_600_000_000;

/// Events of few impressions, ids and devices over three days, so that they collide.
fn any_event() -> impl Strategy<Value = Event> {
    let ids = (0..40_u8, 0..4_u8, prop::option::weighted(0.85, 0..6_u8));
    let times = (0..72_i64, 0..5_i64, -2..110_i64);
    let what = (0..6_usize, 0..8_u8, 0..3_u8, 0..3_u16);
    (ids, times, what).prop_map(|(ids, times, what)| {
        let (leg, kind, place, value) = what;
        let leg = *Leg::ALL.get(leg).unwrap();
        let mut event = event(&format!("e{}", ids.0), leg);
        event.observer = format!("observer-{}", ids.1).into();
        event.transaction = ids.2.map(|id| format!("t{}", id / 2).into());
        event.impression = ids.2.map(|id| format!("i{}", id % 2).into());
        let start = at("2026-05-11T00:00:00Z");
        event.time = start.plus_micros(times.0 * HOUR_US + times.1 * HOUR_US / 20);
        event.received = event.time.plus_micros(times.2 * HOUR_US);
        event.device = (place > 0).then(|| format!("d{}", ids.1).into());
        event.ip = format!("3fff:12:{value}::{place}").parse().ok();
        match (&mut event.detail, kind) {
            (_, 0) => event.detail = LegDetail::Withheld { leg, redacted: value == 0 },
            (LegDetail::Execution { outcome, .. }, 1..3) => {
                *outcome = Execution::Failed(400 + value);
            }
            (LegDetail::Creative { price_micros, .. }, 1..3) => *price_micros += i64::from(value),
            _ => {}
        }
        event
    })
}

/// What becomes of every event: the windows, and what was refused at once.
fn outcome(events: &[Event], limits: Limits) -> (Vec<Window>, Vec<Unjoined>) {
    let mut join = Join::new(Windows::default(), limits);
    let mut refused: Vec<Unjoined> =
        events.iter().filter_map(|event| join.push(event.clone()).err()).collect();
    refused.sort();
    (windows(&mut join), refused)
}

fn shuffled() -> impl Strategy<Value = (Vec<Event>, Vec<Event>)> {
    vec(any_event(), 0..80)
        .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn order_does_not_matter((events, shuffled) in shuffled()) {
        let limits = Limits::default();
        prop_assert_eq!(outcome(&events, limits), outcome(&shuffled, limits));
    }

    #[test]
    fn order_does_not_matter_where_an_impression_is_too_long((events, shuffled) in shuffled()) {
        let limits = Limits { events_per_impression: 3, ..Limits::default() };
        let kept = |events: &[Event]| {
            let (windows, refused) = outcome(events, limits);
            let legs = |window: &Window| -> Vec<_> {
                window.dossiers.iter().map(|dossier| dossier.legs.clone()).collect()
            };
            (windows.iter().map(legs).collect::<Vec<_>>(), refused)
        };
        // Fallback keys are off: whom an event without ids joins depends on what was kept.
        let keyed = |events: &[Event]| -> Vec<Event> {
            events.iter().filter(|event| event.impression.is_some()).cloned().collect()
        };
        prop_assert_eq!(kept(&keyed(&events)), kept(&keyed(&shuffled)));
    }

    #[test]
    fn partitioning_does_not_matter(events in vec(any_event(), 0..80), cuts in vec(0..3_usize, 80)) {
        let limits = Limits::default();
        let whole = pushed(events.iter().cloned(), limits);
        let part = |wanted: usize| {
            let mine = events.iter().zip(&cuts).filter(|(_, cut)| **cut == wanted);
            pushed(mine.map(|(event, _)| event.clone()), limits)
        };
        let left = part(0).merge(part(1)).merge(part(2));
        let right = part(2).merge(part(0).merge(part(1)));
        prop_assert_eq!(windows(&mut whole.clone()), windows(&mut left.clone()));
        prop_assert_eq!(windows(&mut left.clone()), windows(&mut right.clone()));
    }

    #[test]
    fn closing_by_watermark_equals_closing_at_the_end(mut events in vec(any_event(), 0..80)) {
        events.sort();
        let limits = Limits::default();
        let mut join = Join::new(Windows::default(), limits);
        let mut stream = (Vec::new(), Vec::new());
        for event in &events {
            stream.0.extend(std::iter::from_fn(|| join.close(event.received)));
            stream.1.extend(join.push(event.clone()).err());
        }
        stream.0.extend(windows(&mut join));
        let batch = outcome(&events, limits);
        let dossiers = |windows: &[Window]| -> Vec<_> {
            windows.iter().flat_map(|window| window.dossiers.clone()).collect()
        };
        prop_assert_eq!(dossiers(&stream.0), dossiers(&batch.0));
        // A straggler is refused at the door by one and at the decision by the other, with the
        // same reason.
        let lost = |(windows, refused): &(Vec<Window>, Vec<Unjoined>)| {
            let mut all: Vec<Unjoined> = windows
                .iter()
                .flat_map(|window| window.unjoined.clone())
                .chain(refused.iter().cloned())
                .collect();
            all.sort();
            all
        };
        prop_assert_eq!(lost(&stream), lost(&batch));
    }

    #[test]
    fn no_event_is_lost(events in vec(any_event(), 0..80)) {
        let (windows, refused) = outcome(&events, Limits::default());
        let held: usize = windows
            .iter()
            .flat_map(|window| &window.dossiers)
            .map(|dossier| {
                let legs = dossier.legs.iter().map(|leg| leg.events.len() + leg.late.len());
                legs.sum::<usize>() + usize::try_from(dossier.duplicates).unwrap()
            })
            .sum();
        let unjoined: usize = windows.iter().map(|window| window.unjoined.len()).sum();
        prop_assert_eq!(held + unjoined + refused.len(), events.len());
    }
}

#[test]
fn closing_is_a_property_of_the_windows() {
    let windows = Windows::default();
    let day = Timestamp::day_of(2026, 5, 11).unwrap();
    assert_eq!(windows.closes(day), at("2026-05-13T00:00:00Z"));
    assert_eq!(windows.decided(day), at("2026-05-15T00:00:00Z"));
}
