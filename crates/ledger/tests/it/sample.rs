//! A small log in memory.

use adproof_ledger::frame::{Frame, FrameFault};
use adproof_ledger::tree::MemoryTree;
use adproof_ledger::verify::{Limits, Verifier};
use adproof_ledger::{
    AckStatement, Action, Body, Chain, Checkpoint, Collateral, Completeness, DayKey, Decision,
    Draft, Erase, EvidenceKey, Hash, Input, KeyAction, KeyChange, Leg, LegCommitment, LegState,
    Legs, MemoryKey, NamedKey, Number, Reason, RecordRange, RecordTime, Recovery, Report, Repro,
    Role, Score, SignedRecord, Signer, Stance, Tag, Total, TrustedKeys, Value, VerifiedCheckpoint,
    WindowClose,
};

pub(crate) const LOG: &str = "log.example/adproof";

pub(crate) fn record_key() -> MemoryKey {
    MemoryKey::from_seed(&[11; 32])
}

pub(crate) fn checkpoint_key() -> MemoryKey {
    MemoryKey::from_seed(&[22; 32])
}

pub(crate) fn root_key() -> MemoryKey {
    MemoryKey::from_seed(&[33; 32])
}

pub(crate) fn counterparty_key() -> MemoryKey {
    MemoryKey::from_seed(&[77; 32])
}

pub(crate) fn trusted() -> TrustedKeys {
    let of = |role, key: MemoryKey| NamedKey::of_role(LOG, role, key.public_key());
    let keys = [
        of(Role::Checkpoint, checkpoint_key()),
        of(Role::Record, record_key()),
        of(Role::Root, root_key()),
    ];
    TrustedKeys::new(keys.into_iter().flatten()).unwrap()
}

pub(crate) fn commitments(index: u64) -> Vec<LegCommitment> {
    let key = EvidenceKey::new([44; 32]);
    let subject = subject(index);
    let values = [("ip", Value::from("3fff:100:0:1::7")), ("asn", Value::from(64_496))];
    let legs = Legs::NAMES.iter().map(|leg| {
        let values = if *leg == "network" { &values[..] } else { &[] };
        key.record_key(&DayKey::new([45; 32]), &subject).commit(leg, values).unwrap()
    });
    legs.collect()
}

fn subject(index: u64) -> Hash {
    EvidenceKey::new([44; 32]).subject(&format!("transaction-{index}"), "1")
}

pub(crate) fn draft(index: u64) -> Draft {
    let legs = commitments(index);
    let leg = |at: usize, state| Leg { state, root: legs[at].root };
    Draft {
        legs: Legs {
            request: leg(0, LegState::Absent),
            network: leg(1, LegState::Present),
            creative: leg(2, LegState::NotApplicable),
            vast: leg(3, LegState::Late),
            execution: leg(4, LegState::Refused),
            billing: leg(5, LegState::Redacted),
        },
        completeness: Completeness { have: 1, miss: 4, ppm: 200_000 },
        dec: Decision {
            action: Action::Observe,
            collateral: vec![Collateral {
                basis: "log".to_owned(),
                block: "3fff:100:0:1::/64".to_owned(),
                coverage_ppm: 910_000,
                devices: 3,
                devices_high_ppm: 12_345,
                devices_in_log: 4711,
                households: 1,
                impressions: 44,
                revenue_micros: 880_000,
            }],
            expires_us: Some(1_780_600_000_000_000),
            held_out: index.is_multiple_of(2),
            reasons: vec![Reason {
                gate: "recurrence".to_owned(),
                numbers: vec![Number {
                    name: "recurrence_ppm".to_owned(),
                    value: i64::try_from(index).unwrap(),
                }],
                outcome: "below_threshold \"quoted\" \u{e9}\n".to_owned(),
            }],
            scores: vec![Score {
                attainable_ppm: 900_000,
                block: "3fff:100:0:1::/64".to_owned(),
                class: "ranked".to_owned(),
                explained_by: None,
                family: "datacenter".to_owned(),
                high_ppm: 800_000,
                indicators: 4,
                issues: 12,
                issues_seen: 9,
                mean_ppm: 600_000,
                recurrence_ppm: 400_000,
            }],
            subject: subject(index),
            tag: Some(Tag {
                document: Hash::of(b"<VAST/>"),
                errors: 1,
                outcome: "findings".to_owned(),
                risks: 0,
            }),
            target: None,
        },
        repro: Repro {
            engine: Hash::of(b"engine"),
            inputs: vec![Input { role: "feed".to_owned(), sha256: Hash::of(b"feed") }],
            model: Hash::of(b"model"),
            params: Hash::of(b"params"),
            policy: Hash::of(b"policy"),
            ruleset: Hash::of(b"ruleset"),
            seed: u64::MAX,
        },
    }
}

pub(crate) fn time(index: u64) -> RecordTime {
    RecordTime {
        wall_us: 1_780_000_000_000_000 + i64::try_from(index).unwrap(),
        error_us: 500,
        monotonic_us: 12,
        source: "fixed".into(),
        beacon: None,
    }
}

/// One body of each type that stands beside decisions. The acknowledgement is of `leaf` at 0.
pub(crate) fn bodies(leaf: Hash) -> Vec<Body> {
    let statement = AckStatement {
        leaf,
        log: LOG.to_owned(),
        reason: "billed twice".to_owned(),
        seq: 0,
        stance: Stance::Disputed,
        time_us: 1_780_000_100_000_000,
    };
    vec![
        Body::Ack(statement.sign(&counterparty_key()).unwrap()),
        change(KeyAction::Add, &MemoryKey::from_seed(&[55; 32]), 9),
        Body::WindowClose(WindowClose {
            from_us: 1_780_000_000_000_000,
            records: RecordRange { count: 1, first: 0 },
            to_us: 1_780_003_600_000_000,
            totals: vec![total("buyer.example", "EUR", 1, 1_250_000)],
        }),
        Body::Erase(Erase {
            day: "2026-05-28".to_owned(),
            key: Hash::of(b"wrapping key"),
            reason: "asked by the subject".to_owned(),
            records: 1,
        }),
        Body::Recovery(Recovery { bytes: 17, sha256: Hash::of(b"torn") }),
    ]
}

pub(crate) fn total(party: &str, currency: &str, count: u64, amount_micros: i64) -> Total {
    Total {
        action: Action::Observe,
        amount_micros,
        count,
        currency: currency.to_owned(),
        party: party.to_owned(),
    }
}

pub(crate) fn change(action: KeyAction, key: &MemoryKey, from_seq: u64) -> Body {
    Body::Key(KeyChange {
        action,
        from_seq,
        public: Hash::new(*key.public_key().as_bytes()),
        reason: "rotation".to_owned(),
        role: Role::Record,
    })
}

/// Frames and a signed checkpoint.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) records: Vec<SignedRecord>,
    pub(crate) checkpoint: String,
}

pub(crate) fn log(records: u64) -> Log {
    let bodies = (0..records).map(|index| Body::Decision(Box::new(draft(index))));
    log_of(bodies.collect())
}

pub(crate) fn log_of(bodies: Vec<Body>) -> Log {
    let mut chain = Chain::new(LOG).unwrap();
    let mut records = Vec::new();
    for (index, body) in (0..).zip(bodies) {
        let signer: &dyn Signer = match body {
            Body::Key(_) => &root_key(),
            _ => &record_key(),
        };
        records.push(chain.append(signer, body, &time(index)).unwrap());
    }
    let checkpoint = sign(&records, &checkpoint_key());
    Log { records, checkpoint }
}

pub(crate) fn sign(records: &[SignedRecord], signer: &dyn Signer) -> String {
    let tree: MemoryTree = records.iter().map(|record| record.leaf).collect();
    let checkpoint = Checkpoint { origin: LOG.to_owned(), size: tree.size(), root: tree.root() };
    checkpoint.sign(signer).unwrap()
}

pub(crate) fn frames(
    records: &[SignedRecord],
) -> impl Iterator<Item = Result<Frame<'_>, FrameFault>> {
    records
        .iter()
        .map(|record| Ok(Frame { entry: &record.bytes, signatures: record.signatures.clone() }))
}

impl Log {
    pub(crate) fn verify(&self, held: &[&str]) -> Report {
        let trusted = trusted();
        let mut verifier = Verifier::new(&trusted, Limits::default());
        for note in held {
            let keys = trusted.checkpoint_keys();
            let held = VerifiedCheckpoint::verify(note.as_bytes(), LOG, keys).unwrap();
            verifier = verifier.held(held);
        }
        frames(&self.records).for_each(|frame| verifier.frame(&frame));
        verifier.finish(self.checkpoint.as_bytes())
    }
}
