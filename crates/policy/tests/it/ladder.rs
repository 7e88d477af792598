//! How the ladder is climbed.

use adproof_model::{
    Basis, Block, Collateral, Dossier, Event, Execution, Family, JoinKey, Leg, LegDetail,
    LegEvidence, LegState, Signal, SignalClass, Timestamp,
};
use adproof_policy::{
    BuiltIn, Case, CollateralFacts, Corroboration, Decision, Facts, Outcome, Policy, Rung, decide,
    decide_facts,
};
use proptest::prelude::*;

const DEMO: &str = include_str!("../../../../datasets/policies/demo.toml");

fn demo() -> Policy {
    Policy::parse(DEMO).unwrap()
}

fn now() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

fn block(text: &str) -> Block {
    Block::Prefix(text.parse().unwrap())
}

fn signal(text: &str, recurrence_ppm: u32) -> Signal {
    Signal {
        block: block(text),
        family: Family::Sivt,
        class: SignalClass::Ranked,
        indicators: 4,
        issues: 12,
        issues_seen: 12,
        last_seen_ago: 0,
        recurrence_ppm,
        mean_ppm: recurrence_ppm,
        high_ppm: recurrence_ppm,
        attainable_ppm: 417_000,
        explained_by: None,
        sources: 1,
    }
}

fn collateral(text: &str, devices_high_ppm: u32) -> Collateral {
    Collateral {
        block: block(text),
        basis: Basis::Log,
        devices: 1,
        households: 1,
        impressions: 1,
        revenue_micros: 1,
        devices_in_log: 1_000,
        devices_high_ppm,
        coverage_ppm: 1_000_000,
    }
}

fn event(id: &str, detail: LegDetail) -> Event {
    Event {
        received: now(),
        id: id.into(),
        time: now(),
        observer: "o".into(),
        transaction: None,
        impression: None,
        ip: "3fff:12:0:1::9".parse().ok(),
        user_agent: None,
        device: None,
        bundle: None,
        detail,
    }
}

/// An impression from `3fff:12:0:1::9` that was billed although nothing was played.
fn dossier(impression: &str) -> Dossier {
    let leg = |leg, detail: Option<LegDetail>| LegEvidence {
        leg,
        state: if detail.is_some() { LegState::Present } else { LegState::Absent },
        events: detail.map(|detail| event("e", detail)).into_iter().collect(),
        late: Vec::new(),
    };
    let billing = LegDetail::Billing { amount_micros: 1, currency: "USD".into() };
    let network = LegDetail::Network { asn: None, shared_egress: false };
    Dossier {
        transaction: "t".into(),
        impression: impression.into(),
        joined_by: JoinKey::TransactionImpression,
        anchor: now(),
        legs: [
            leg(Leg::Request, None),
            leg(Leg::Network, Some(network)),
            leg(Leg::Creative, None),
            leg(Leg::Vast, None),
            leg(Leg::Execution, None),
            leg(Leg::Billing, Some(billing)),
        ],
        disagreements: Vec::new(),
        duplicates: 0,
    }
}

fn decided(
    policy: &Policy,
    dossier: &Dossier,
    signals: &[Signal],
    collateral: &[Collateral],
) -> Decision {
    let case =
        Case { dossier, signals, collateral, tag: None, backtest_precision_ppm: None, now: now() };
    decide(policy, &case)
}

#[test]
fn nothing_listed_is_nothing_decided() {
    let decision = decided(&demo(), &dossier("i"), &[], &[]);
    assert_eq!(decision.action, Rung::None);
    assert_eq!(decision.reasons, []);
}

#[test]
fn the_subnet_is_the_target_and_never_the_address() {
    let signals = [
        signal("3fff:12:0:1::9/128", 417_000),
        signal("3fff:12:0:1::/64", 300_000),
        signal("3fff:12::/48", 400_000),
    ];
    let collateral = [collateral("3fff:12:0:1::/64", 900), collateral("3fff:12::/48", 900)];
    let decision = decided(&demo(), &dossier("i"), &signals, &collateral);
    assert_eq!(decision.action, Rung::Review);
    assert_eq!(decision.target, Some(block("3fff:12:0:1::/64")));
    assert_eq!(decision.stopped_by().unwrap().id(), "throttle.sources");
    assert_eq!(decision.expires, None);
}

#[test]
fn the_reasons_name_each_gate_with_its_numbers_up_to_the_first_that_stays_shut() {
    let decision = decided(
        &demo(),
        &dossier("i"),
        &[signal("3fff:12:0:1::/64", 300_000)],
        &[collateral("3fff:12:0:1::/64", 20_000)],
    );
    let told: Vec<String> = decision
        .reasons
        .iter()
        .map(|reason| format!("{:9}{:8}{reason}", reason.rung, reason.outcome.as_str()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn an_action_on_traffic_expires_and_a_fixed_share_is_held_out() {
    let mut strong = signal("3fff:12:0:1::/64", 300_000);
    strong.sources = 2;
    let mut held_out = 0;
    for i in 0..10_000 {
        let one = dossier(&format!("i{i}"));
        let collateral = [collateral("3fff:12:0:1::/64", 900)];
        let decision = decided(&demo(), &one, &[strong.clone()], &collateral);
        assert_eq!(decision.action, Rung::Throttle);
        assert_eq!(decision.expires, Some("2026-06-15T12:00:00Z".parse().unwrap()));
        assert_eq!(
            decision.stopped_by().unwrap().outcome,
            Outcome::Unknown,
            "no backtest, no block"
        );
        held_out += u32::from(decision.held_out);
    }
    // 5 %, give or take four standard deviations.
    assert!((413..=587).contains(&held_out), "{held_out}");
}

#[test]
fn a_sign_off_is_for_one_block_and_ends() {
    let text = |until: &str, block: &str| {
        format!(
            "{DEMO}\n[[sign_off]]\nblock = \"{block}\"\nby = \"A. Person\"\nreason = \"seen\"\nuntil = \"{until}\"\n"
        )
    };
    let mut strong = signal("3fff:12:0:1::/64", 300_000);
    strong.sources = 2;
    let one = dossier("i");
    let collateral = [collateral("3fff:12:0:1::/64", 900)];
    let action = |text: &str| {
        let case = Case {
            dossier: &one,
            signals: &[strong.clone()],
            collateral: &collateral,
            tag: None,
            backtest_precision_ppm: Some(960_000),
            now: now(),
        };
        decide(&Policy::parse(text).unwrap(), &case).action
    };
    assert_eq!(action(DEMO), Rung::Throttle);
    assert_eq!(action(&text("2026-06-01", "3fff:12:0:1::/64")), Rung::Block);
    assert_eq!(action(&text("2026-05-31", "3fff:12:0:1::/64")), Rung::Throttle);
    assert_eq!(action(&text("2026-06-01", "3fff:12:0::/63")), Rung::Throttle);
}

#[test]
fn shared_egress_is_read_from_observers_and_from_the_address() {
    let signals = [signal("3fff:12:0:1::/64", 300_000)];
    let collateral = [collateral("3fff:12:0:1::/64", 900)];
    let mut relayed = dossier("i");
    relayed.legs[1].events[0].detail = LegDetail::Network { asn: None, shared_egress: true };
    let decision = decided(&demo(), &relayed, &signals, &collateral);
    assert_eq!(decision.action, Rung::Measure);
    assert_eq!(decision.stopped_by().unwrap().gate, "shared_egress");

    let mut translated = dossier("i");
    translated.legs[1].events[0].ip = "64:ff9b::808:808".parse().ok();
    let nat = [signal("64:ff9b::/64", 300_000)];
    let decision = decided(&demo(), &translated, &nat, &[]);
    assert_eq!(decision.stopped_by().unwrap().gate, "shared_egress");
}

#[test]
fn each_kind_of_corroboration_is_seen() {
    let of = |edit: fn(&mut Dossier)| {
        let mut one = dossier("i");
        edit(&mut one);
        Corroboration::of(&one, None).names().collect::<Vec<_>>()
    };
    let played = |ms, outcome| LegDetail::Execution { outcome, played_ms: ms };
    assert_eq!(of(|_| ()), ["billing"]);
    let with = |detail: LegDetail| {
        let mut one = dossier("i");
        one.legs[4].state = LegState::Present;
        one.legs[4].events = vec![event("x", detail)];
        Corroboration::of(&one, None).names().collect::<Vec<_>>()
    };
    assert_eq!(with(played(9, Execution::Completed)), [""; 0]);
    assert_eq!(with(played(0, Execution::Started)), [""; 0]);
    assert_eq!(with(played(0, Execution::Completed)), ["execution", "billing"]);
    assert_eq!(with(played(0, Execution::Failed(405))), ["execution", "billing"]);
    // What was withheld or came late may show playback.
    assert_eq!(of(|one| one.legs[4].state = LegState::Refused), [""; 0]);
    assert_eq!(of(|one| one.legs[4].state = LegState::Late), [""; 0]);
    let disagree =
        |about: &str| adproof_model::Disagreement { about: about.into(), observations: Vec::new() };
    let mut one = dossier("i");
    one.legs[5].state = LegState::Absent;
    one.disagreements = vec![disagree("price")];
    assert_eq!(Corroboration::of(&one, None).count(), 0);
    one.disagreements = vec![disagree("ip")];
    assert!(Corroboration::of(&one, None).disagreement);
}

prop_compose! {
    fn any_facts()(
        flags in any::<[bool; 8]>(),
        prefix_bits in prop::option::of(32..=128_u8),
        issues_seen in 0..13_u32,
        last_seen_ago in 0..13_u32,
        recurrence_ppm in 0..500_000_u32,
        sources in 0..4_u32,
        kinds in any::<[bool; 4]>(),
        collateral in prop::option::of((any::<bool>(), 0..30_000_u32)),
        backtest_precision_ppm in prop::option::of(900_000..1_000_000_u32),
    ) -> Facts {
        let [global, shared_egress, family_counts, ranked, explained, own, sign_off, complete] = flags;
        let [tag, disagreement, execution, billing] = kinds;
        Facts {
            global,
            shared_egress,
            family_counts,
            prefix_bits,
            issues_seen,
            last_seen_ago,
            recurrence_ppm,
            ranked,
            explained,
            sources,
            own_events: u32::from(own),
            corroboration: Corroboration { tag, disagreement, execution, billing },
            completeness_ppm: if complete { 1_000_000 } else { 500_000 },
            collateral: collateral.map(|(from_log, devices_high_ppm)| CollateralFacts {
                from_log,
                devices_high_ppm,
            }),
            backtest_precision_ppm,
            sign_off,
        }
    }
}

/// A policy that asks for nothing but what it must.
const LAX: &str = "version = 1\nname = \"lax\"\n[rung.observe]\nlisted = true\n[rung.measure]\nlisted = true\n[rung.review]\nlisted = true\n[rung.throttle]\nttl_days = 1\n[rung.block]\nttl_days = 1\n";

proptest! {
    #[test]
    fn no_policy_turns_off_what_holds_for_every_policy(facts in any_facts()) {
        let (action, _) = decide_facts(&Policy::parse(LAX).unwrap(), &facts);
        if !facts.global {
            prop_assert!(action <= Rung::Observe);
        }
        if facts.shared_egress || !facts.family_counts {
            prop_assert!(action <= Rung::Measure);
        }
        if facts.prefix_bits.is_none_or(|bits| bits < 64) && (facts.explained || !facts.ranked) {
            prop_assert!(action == Rung::None);
        }
        if facts.corroboration.count() == 0 {
            prop_assert!(action <= Rung::Review);
        }
    }

    #[test]
    fn more_evidence_never_leads_lower(facts in any_facts(), more in 0..5_usize) {
        let policy = demo();
        let mut stronger = facts;
        match more {
            0 => stronger.recurrence_ppm += 100_000,
            1 => stronger.sources += 1,
            2 => stronger.corroboration.billing = true,
            3 => stronger.sign_off = true,
            _ => stronger.issues_seen += 1,
        }
        prop_assert!(decide_facts(&policy, &stronger).0 >= decide_facts(&policy, &facts).0);
    }

    #[test]
    fn the_reasons_hold_the_decision(facts in any_facts()) {
        let (action, reasons) = decide_facts(&demo(), &facts);
        for reason in &reasons {
            prop_assert_eq!(reason.outcome == Outcome::Passed || reason.rung > action, true);
        }
        let shut = reasons.iter().filter(|reason| reason.outcome != Outcome::Passed).count();
        prop_assert_eq!(shut == 0, action == Rung::Block);
    }
}

#[test]
fn built_in_gates_guard_what_the_documentation_says() {
    let guarded = BuiltIn::ALL.map(|gate| (gate.as_str(), gate.from_rung().as_str()));
    assert_eq!(
        guarded,
        [
            ("scope", "measure"),
            ("shared_egress", "review"),
            ("family", "review"),
            ("conditioned", "observe"),
            ("own_evidence", "throttle"),
        ]
    );
}
