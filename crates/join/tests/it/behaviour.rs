//! What becomes of legs, disagreements and stragglers.

use adproof_join::{Limits, Reason, Windows};
use adproof_model::{Completeness, Dossier, Event, Execution, JoinKey, Leg, LegDetail, LegState};

use crate::make::{all_legs, at, event, join, pushed, windows};

fn only(events: impl IntoIterator<Item = Event>) -> Dossier {
    let mut windows = join(events);
    assert_eq!(windows.len(), 1);
    let mut window = windows.remove(0);
    assert_eq!(window.dossiers.len(), 1);
    assert_eq!(window.unjoined, []);
    window.dossiers.remove(0)
}

fn states(dossier: &Dossier) -> Vec<&'static str> {
    dossier.legs.iter().map(|leg| leg.state.as_str()).collect()
}

fn about(dossier: &Dossier) -> Vec<&str> {
    let found = dossier.disagreements.iter();
    found.map(|disagreement| &*disagreement.about).collect()
}

#[test]
fn six_legs_make_a_complete_dossier() {
    let dossier = only(all_legs());
    assert_eq!(states(&dossier), ["present"; 6]);
    assert_eq!(dossier.completeness().ppm, 1_000_000);
    assert_eq!(dossier.joined_by, JoinKey::TransactionImpression);
    assert_eq!(dossier.disagreements, []);
}

#[test]
fn a_request_that_nobody_won_lacks_nothing_after_the_network() {
    let dossier = only([event("1", Leg::Request), event("2", Leg::Network)]);
    assert_eq!(
        states(&dossier),
        [
            "present",
            "present",
            "not_applicable",
            "not_applicable",
            "not_applicable",
            "not_applicable"
        ]
    );
    assert_eq!(dossier.completeness(), Completeness { have: 2, miss: 0, ppm: 1_000_000 });
}

#[test]
fn a_failed_playback_is_not_expected_to_be_billed_and_a_billed_one_is_seen() {
    let mut failed = event("x", Leg::Execution);
    failed.detail = LegDetail::Execution { outcome: Execution::Failed(405), played_ms: 0 };
    let legs = [event("c", Leg::Creative), failed.clone()];
    assert_eq!(only(legs.clone()).leg(Leg::Billing).state, LegState::NotApplicable);
    let billed = legs.into_iter().chain([event("b", Leg::Billing)]);
    assert_eq!(only(billed).leg(Leg::Billing).state, LegState::Present);
    assert_eq!(
        only([event("c", Leg::Creative), failed, event("s", Leg::Execution)])
            .leg(Leg::Billing)
            .state,
        LegState::Absent
    );
}

#[test]
fn what_comes_after_the_close_is_late_and_after_the_decision_handed_back() {
    let mut billing = event("b", Leg::Billing);
    billing.received = at("2026-05-13T00:00:00Z");
    let with = |billing: &Event| all_legs().into_iter().take(5).chain([billing.clone()]);
    assert_eq!(only(with(&billing)).leg(Leg::Billing).state, LegState::Present);

    billing.received = at("2026-05-13T00:00:00.000001Z");
    let late = only(with(&billing));
    assert_eq!(late.leg(Leg::Billing).state, LegState::Late);
    assert_eq!(late.leg(Leg::Billing).events, []);
    assert_eq!(late.leg(Leg::Billing).late.len(), 1);
    assert_eq!(late.completeness().have, 5);

    billing.received = at("2026-05-15T00:00:00.000001Z");
    let mut open = pushed([], Limits::default());
    let refused = open.push(billing).unwrap_err();
    assert_eq!(refused.reason, Reason::AfterDecision);
}

#[test]
fn a_straggler_of_the_next_day_does_not_open_a_decided_impression_again() {
    let mut billing = event("b", Leg::Billing);
    billing.time = at("2026-05-12T00:00:05Z");
    billing.received = at("2026-05-15T00:00:01Z");
    let mut open = pushed(all_legs(), Limits::default());
    assert!(open.close(billing.received).is_some());
    assert_eq!(open.push(billing.clone()).unwrap_err().reason, Reason::AfterDecision);
    // The same events in one go.
    let whole = join(all_legs().into_iter().chain([billing]));
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].unjoined[0].reason, Reason::AfterDecision);
}

#[test]
fn an_observers_clock_may_not_run_a_day_ahead() {
    let mut early = event("e", Leg::Request);
    early.received = early.time.plus_micros(-Windows::default().skew_us);
    let mut open = pushed([], Limits::default());
    assert_eq!(open.push(early.clone()), Ok(()));
    early.received = early.received.plus_micros(-1);
    assert_eq!(open.push(early).unwrap_err().reason, Reason::FromTheFuture);
}

#[test]
fn redaction_outweighs_refusal_and_evidence_outweighs_both() {
    let withheld = |id: &str, redacted| {
        let mut event = event(id, Leg::Billing);
        event.detail = LegDetail::Withheld { leg: Leg::Billing, redacted };
        event
    };
    let state = |events: Vec<Event>| only(events).leg(Leg::Billing).state;
    assert_eq!(state(vec![withheld("1", false)]), LegState::Refused);
    assert_eq!(state(vec![withheld("1", true), withheld("2", false)]), LegState::Redacted);
    assert_eq!(state(vec![withheld("1", true), event("2", Leg::Billing)]), LegState::Present);
}

#[test]
fn duplicates_are_counted_and_an_id_with_two_contents_is_a_disagreement() {
    let mut again = event("request", Leg::Request);
    again.received = at("2026-05-11T13:00:00Z");
    let dossier = only(all_legs().into_iter().chain([again.clone()]));
    assert_eq!(dossier.duplicates, 1);
    assert_eq!(about(&dossier), [""; 0]);

    again.bundle = Some("other".into());
    let dossier = only(all_legs().into_iter().chain([again]));
    assert_eq!(dossier.duplicates, 1);
    assert_eq!(about(&dossier), ["event_id"]);
}

#[test]
fn observers_that_contradict_each_other_are_kept_with_what_each_saw() {
    let mut player = event("p", Leg::Execution);
    player.observer = "player.example".into();
    player.ip = "3fff:13::1".parse().ok();
    player.device = Some("D2".into());
    let mut bill = event("b", Leg::Billing);
    bill.detail = LegDetail::Billing { amount_micros: 12_001, currency: "USD".into() };
    let dossier = only([event("n", Leg::Network), event("c", Leg::Creative), player, bill]);
    assert_eq!(about(&dossier), ["device", "ip", "price"]);
    let values: Vec<_> = dossier.disagreements[1]
        .observations
        .iter()
        .map(|seen| (&*seen.observer, seen.leg, &*seen.value))
        .collect();
    assert_eq!(
        values,
        [
            ("exchange.example", Leg::Network, "3fff:12::1"),
            ("exchange.example", Leg::Creative, "3fff:12::1"),
            ("exchange.example", Leg::Billing, "3fff:12::1"),
            ("player.example", Leg::Execution, "3fff:13::1"),
        ]
    );
}

#[test]
fn two_families_and_two_addresses_of_one_subnet_do_not_contradict() {
    let with = |id: &str, leg, ip: &str| {
        let mut event = event(id, leg);
        event.ip = ip.parse().ok();
        event
    };
    let dossier = only([
        with("1", Leg::Request, "3fff:12::1"),
        with("2", Leg::Network, "3fff:12::ffff:2"),
        with("3", Leg::Execution, "192.0.2.1"),
        with("4", Leg::Billing, "::ffff:192.0.2.1"),
    ]);
    assert_eq!(dossier.disagreements, []);
}

#[test]
fn an_event_without_ids_joins_the_one_impression_that_shares_its_other_keys() {
    let bare = |id: &str, device: Option<&str>| {
        let mut event = event(id, Leg::Billing);
        (event.transaction, event.impression) = (None, None);
        event.device = device.map(Into::into);
        event
    };
    let by_device = only([event("r", Leg::Request), bare("b", Some("D1"))]);
    assert_eq!(by_device.joined_by, JoinKey::DeviceBundleTime);
    assert_eq!(by_device.leg(Leg::Billing).state, LegState::Present);

    let by_subnet = only([event("r", Leg::Request), bare("b", None)]);
    assert_eq!(by_subnet.joined_by, JoinKey::SubnetAgentTime);

    let mut other = event("r2", Leg::Request);
    other.impression = Some("i2".into());
    let both = join([event("r", Leg::Request), other, bare("b", Some("d1"))]);
    assert_eq!(both[0].unjoined[0].reason, Reason::Ambiguous);

    let mut far = bare("b", Some("d1"));
    far.time = far.time.plus_micros(Windows::default().match_us + 1);
    let alone = join([event("r", Leg::Request), far]);
    assert_eq!(alone[0].unjoined[0].reason, Reason::NoImpression);
}

#[test]
fn bounds_hold_on_both_sides() {
    let many = |n: usize| (0..n).map(|i| event(&format!("{i:03}"), Leg::Execution));
    let limit = Limits::default().events_per_impression;
    let fits = only(many(limit));
    assert_eq!(fits.leg(Leg::Execution).events.len(), limit);
    let over = join(many(limit + 1));
    assert_eq!(over[0].refused, 1);
    assert_eq!(over[0].dossiers[0].leg(Leg::Execution).events.len(), limit);

    let limits = Limits { open_impressions: 1, unkeyed_events: 1, ..Limits::default() };
    let mut open = pushed([event("1", Leg::Request)], limits);
    assert_eq!(open.push(event("2", Leg::Network)), Ok(()));
    let mut other = event("3", Leg::Request);
    other.impression = Some("i2".into());
    assert_eq!(open.push(other.clone()).unwrap_err().reason, Reason::TooManyImpressions);
    other.impression = Some(" ".into());
    assert_eq!(open.push(other.clone()), Ok(()));
    assert_eq!(open.push(other).unwrap_err().reason, Reason::TooManyUnkeyed);
    assert_eq!(windows(&mut open).len(), 1);
}
