//! Small events.

use adproof_join::{Join, Limits, Window, Windows};
use adproof_model::{Event, Execution, Leg, LegDetail, Timestamp};

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An event of impression `t1/i1` at noon on 2026-05-11, received at once.
pub(crate) fn event(id: &str, leg: Leg) -> Event {
    let detail = match leg {
        Leg::Request => LegDetail::Request { ssai: 1 },
        Leg::Network => LegDetail::Network { asn: Some(64_500), shared_egress: false },
        Leg::Creative => LegDetail::Creative {
            creative: "cr-1".into(),
            price_micros: 12_000,
            currency: "USD".into(),
        },
        Leg::Vast => LegDetail::Vast { tag: "a.xml".into() },
        Leg::Execution => LegDetail::Execution { outcome: Execution::Completed, played_ms: 15_000 },
        Leg::Billing => LegDetail::Billing { amount_micros: 12_000, currency: "USD".into() },
    };
    Event {
        received: at("2026-05-11T12:00:01Z"),
        id: id.into(),
        time: at("2026-05-11T12:00:00Z"),
        observer: "exchange.example".into(),
        transaction: Some("t1".into()),
        impression: Some("i1".into()),
        ip: "3fff:12::1".parse().ok(),
        user_agent: Some("agent".into()),
        device: Some("d1".into()),
        bundle: Some("app".into()),
        detail,
    }
}

pub(crate) fn all_legs() -> Vec<Event> {
    Leg::ALL.map(|leg| event(leg.as_str(), leg)).into()
}

pub(crate) fn join(events: impl IntoIterator<Item = Event>) -> Vec<Window> {
    windows(&mut pushed(events, Limits::default()))
}

pub(crate) fn pushed(events: impl IntoIterator<Item = Event>, limits: Limits) -> Join {
    let mut join = Join::new(Windows::default(), limits);
    for event in events {
        let _ = join.push(event);
    }
    join
}

pub(crate) fn windows(join: &mut Join) -> Vec<Window> {
    std::iter::from_fn(|| join.finish()).collect()
}
