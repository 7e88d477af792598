//! Keys that come and go, the other party's word and closed windows, as a verifier honours them.

use adproof_ledger::frame::{Frame, FrameFault};
use adproof_ledger::tree::MemoryTree;
use adproof_ledger::verify::{Examined, Fault, Limits, Verifier};
use adproof_ledger::{
    Ack, AckStatement, Action, Body, Chain, Checkpoint, Hash, KeyAction, KeyChange, MemoryKey,
    RecordRange, Report, Role, SignedRecord, Signer, Stance, WindowClose,
};

use crate::attack::all;
use crate::published::{records, trusted};
use crate::sample::{
    LOG, checkpoint_key, counterparty_key, draft, frames, record_key, root_key, sign, time, total,
};

fn other_key() -> MemoryKey {
    MemoryKey::from_seed(&[88; 32])
}

fn change(action: KeyAction, role: Role, key: &MemoryKey, from_seq: u64) -> Body {
    let public = Hash::new(*key.public_key().as_bytes());
    Body::Key(KeyChange { action, from_seq, public, reason: String::new(), role })
}

fn decision(seq: u64) -> Body {
    Body::Decision(Box::new(draft(seq)))
}

/// A log under construction.
struct Made {
    chain: Chain,
    records: Vec<SignedRecord>,
}

impl Made {
    fn new() -> Self {
        Self { chain: Chain::new(LOG).unwrap(), records: Vec::new() }
    }

    fn by(mut self, signer: &dyn Signer, body: Body) -> Self {
        let seq = self.chain.next_seq();
        self.records.push(self.chain.append(signer, body, &time(seq)).unwrap());
        self
    }

    fn root(self, body: Body) -> Self {
        self.by(&root_key(), body)
    }

    fn record(self, body: Body) -> Self {
        self.by(&record_key(), body)
    }

    fn report(&self, checkpoint: &str) -> Report {
        let trusted = trusted();
        let mut verifier = Verifier::new(&trusted, Limits::default());
        frames(&self.records).for_each(|frame| verifier.frame(&frame));
        verifier.finish(checkpoint.as_bytes())
    }

    fn codes(&self) -> Vec<(Option<u64>, &'static str)> {
        let report = self.report(&sign(&self.records, &checkpoint_key()));
        report.problems.iter().map(|one| (one.record, one.fault.code())).collect()
    }

    /// The checkpoint of the first `size` records, by some key.
    fn checkpoint(&self, size: usize, key: &MemoryKey) -> String {
        let tree: MemoryTree = self.records[..size].iter().map(|record| record.leaf).collect();
        let checkpoint =
            Checkpoint { origin: LOG.to_owned(), size: tree.size(), root: tree.root() };
        checkpoint.sign(key).unwrap()
    }
}

#[test]
fn a_key_signs_from_its_place_on_and_never_in_front_of_its_record() {
    use KeyAction::Add;
    let key = other_key();
    let add = |from_seq| Made::new().root(change(Add, Role::Record, &key, from_seq));
    assert_eq!(add(0).by(&key, decision(1)).codes(), []);
    assert_eq!(add(2).by(&key, decision(1)).codes(), [(Some(1), "untrusted_key")]);
    assert_eq!(add(2).record(decision(1)).by(&key, decision(2)).codes(), []);
    // The record key is no root, and the root signs no decision.
    let made = Made::new().record(change(Add, Role::Record, &key, 0)).by(&key, decision(1));
    assert_eq!(made.codes(), [(Some(0), "untrusted_key"), (Some(1), "untrusted_key")]);
    assert_eq!(Made::new().root(decision(0)).codes(), [(Some(0), "untrusted_key")]);
}

#[test]
fn a_change_that_changes_nothing_is_told() {
    use KeyAction::{Add, Retire, Revoke};
    let told = |body| Made::new().root(body).codes();
    let key_change = vec![(Some(0), "key_change")];
    assert_eq!(told(change(Add, Role::Checkpoint, &record_key(), 0)), key_change);
    assert_eq!(told(change(Retire, Role::Record, &other_key(), 0)), key_change);
    assert_eq!(told(change(Revoke, Role::Checkpoint, &record_key(), 0)), key_change);
    let no_key = KeyChange {
        action: Add,
        from_seq: 0,
        public: Hash::ZERO,
        reason: String::new(),
        role: Role::Record,
    };
    assert_eq!(told(Body::Key(no_key.clone())), key_change);
    // What opens evidence is no Ed25519 key, and signs nothing.
    assert_eq!(told(Body::Key(KeyChange { role: Role::Evidence, ..no_key })), []);
    // Nobody comes back from a revocation.
    let made = Made::new().root(change(Revoke, Role::Record, &record_key(), 0)).root(change(
        Add,
        Role::Record,
        &record_key(),
        0,
    ));
    assert_eq!(made.codes(), [(Some(1), "key_change")]);
    // From a retirement it does.
    let made = Made::new()
        .root(change(Retire, Role::Record, &record_key(), 0))
        .root(change(Add, Role::Record, &record_key(), 0))
        .record(decision(2));
    assert_eq!(made.codes(), []);
}

#[test]
fn a_retirement_waits_for_its_place_and_a_revocation_does_not() {
    use KeyAction::{Retire, Revoke};
    let made = |action| {
        Made::new()
            .root(change(action, Role::Record, &record_key(), 2))
            .record(decision(1))
            .record(decision(2))
            .codes()
    };
    assert_eq!(made(Retire), [(Some(2), "ended_key")]);
    assert_eq!(made(Revoke), [(Some(1), "ended_key"), (Some(2), "ended_key")]);
}

#[test]
fn the_checkpoint_is_signed_by_the_key_of_its_size() {
    use KeyAction::{Add, Retire};
    let key = other_key();
    let made = Made::new()
        .record(decision(0))
        .root(change(Add, Role::Checkpoint, &key, 0))
        .root(change(Retire, Role::Checkpoint, &checkpoint_key(), 0))
        .record(decision(3));
    assert!(made.report(&made.checkpoint(4, &key)).is_good());
    let old = made.report(&made.checkpoint(4, &checkpoint_key()));
    assert_eq!(old.problems[0].fault.code(), "checkpoint");
    assert_eq!(old.checkpoint, None);
    // While both may sign, either does; the new one signs nothing in front of its record.
    let code = |size: usize, key: &MemoryKey| {
        let made = Made { chain: made.chain.clone(), records: made.records[..size].to_vec() };
        let report = made.report(&made.checkpoint(size, key));
        report.problems.first().map(|problem| problem.fault.code())
    };
    assert_eq!((code(2, &key), code(2, &checkpoint_key())), (None, None));
    assert_eq!((code(1, &key), code(1, &checkpoint_key())), (Some("checkpoint"), None));
}

fn ack(key: &MemoryKey, record: &SignedRecord) -> Ack {
    let statement = AckStatement {
        leaf: record.leaf,
        log: LOG.to_owned(),
        reason: String::new(),
        seq: record.seq,
        stance: Stance::Received,
        time_us: 0,
    };
    statement.sign(key).unwrap()
}

#[test]
fn an_acknowledgement_is_checked_against_its_key_and_its_record() {
    let made = || Made::new().record(decision(0));
    let first = made().records[0].clone();
    let good = ack(&counterparty_key(), &first);
    assert_eq!(made().record(Body::Ack(good.clone())).codes(), []);
    let mut forged = good.clone();
    forged.statement.stance = Stance::Agreed;
    assert_eq!(made().record(Body::Ack(forged)).codes(), [(Some(1), "ack_signature")]);
    // Of the record that is still to come, and of itself.
    for seq in [1, 2] {
        let mut statement = good.statement.clone();
        statement.seq = seq;
        let early = statement.sign(&counterparty_key()).unwrap();
        assert_eq!(made().record(Body::Ack(early)).codes(), [(Some(1), "acked_none")]);
    }
    let mut statement = good.statement.clone();
    statement.leaf = Hash::of(b"other");
    let other = statement.sign(&counterparty_key()).unwrap();
    assert_eq!(made().record(Body::Ack(other)).codes(), [(Some(0), "acked_other")]);
    // Of another log: the signature counts, the record is not ours to look up.
    let mut statement = good.statement.clone();
    statement.log = "log.example/theirs".to_owned();
    let theirs = statement.sign(&counterparty_key()).unwrap();
    assert_eq!(made().record(Body::Ack(theirs)).codes(), []);
}

#[test]
fn whoever_acknowledges_must_be_known_for_it_to_count() {
    let key = other_key();
    let first = Made::new().record(decision(0)).records[0].clone();
    let strange = Made::new().record(decision(0)).record(Body::Ack(ack(&key, &first)));
    let report = strange.report(&sign(&strange.records, &checkpoint_key()));
    assert!(report.is_good());
    assert_eq!((report.checked.acks, report.checked.acks_of_strangers), (0, 1));
    assert!(report.not_checked().iter().any(|what| what.code() == "countersignature_key"));
    let known = Made::new()
        .record(decision(0))
        .root(change(KeyAction::Add, Role::Counterparty, &key, 0))
        .record(Body::Ack(ack(&key, &first)));
    let report = known.report(&sign(&known.records, &checkpoint_key()));
    assert_eq!((report.checked.acks, report.checked.acks_of_strangers), (1, 0));
    let ended = Made::new()
        .record(decision(0))
        .root(change(KeyAction::Retire, Role::Counterparty, &counterparty_key(), 0))
        .record(Body::Ack(ack(&counterparty_key(), &first)));
    assert_eq!(ended.codes(), [(Some(2), "ended_key")]);
}

#[test]
fn a_closed_window_counts_the_decisions_of_its_records_once() {
    let window = |first, count, decisions| {
        Body::WindowClose(WindowClose {
            from_us: 0,
            records: RecordRange { count, first },
            to_us: 1,
            totals: vec![total("a", "EUR", decisions, 1)],
        })
    };
    let made = || Made::new().record(decision(0)).record(decision(1));
    assert_eq!(made().record(window(0, 2, 2)).codes(), []);
    for count in [1, 3] {
        assert_eq!(made().record(window(0, 2, count)).codes(), [(Some(2), "window_count")]);
    }
    // Its own record, records to come, and what another has summed up.
    assert_eq!(made().record(window(0, 3, 2)).codes(), [(Some(2), "window_range")]);
    assert_eq!(made().record(window(u64::MAX >> 11, 1, 2)).codes(), [(Some(2), "window_range")]);
    let twice = made().record(window(0, 2, 2)).record(window(1, 2, 1));
    assert_eq!(twice.codes(), [(Some(3), "window_range")]);
    let next = made().record(window(0, 2, 2)).record(decision(3)).record(window(2, 2, 1));
    assert_eq!(next.codes(), []);
    let report = next.report(&sign(&next.records, &checkpoint_key()));
    assert_eq!((report.checked.decisions, report.checked.decisions_in_windows), (3, 3));
    assert!(!report.not_checked().iter().any(|what| what.code() == "window_close"));
    // Another action is another count.
    let Body::WindowClose(mut other) = window(0, 2, 2) else { panic!("a window") };
    other.totals[0].action = Action::Block;
    let told = made().record(Body::WindowClose(other)).codes();
    assert_eq!(told, [(Some(2), "window_count"), (Some(2), "window_count")]);
}

#[test]
fn frames_that_were_examined_apart_give_the_same_report() {
    let trusted = trusted();
    let mut logs = vec![records()];
    let mut turned = records();
    turned.swap(4, 5);
    turned[2].bytes[30] ^= 1;
    turned[6].signatures.clear();
    logs.push(turned);
    for log in logs {
        let checkpoint = sign(&log, &checkpoint_key());
        let taken: Vec<Result<Frame<'_>, FrameFault>> = frames(&log).collect();
        let mut in_order = Verifier::new(&trusted, Limits::default());
        for frame in &taken {
            in_order.frame(frame);
        }
        // As on other threads: all at once, before any key record was taken, the last one first.
        let mut apart = Verifier::new(&trusted, Limits::default());
        let keys = apart.keys().clone();
        let mut examined: Vec<_> =
            taken.iter().rev().map(|frame| Examined::new(frame, &keys)).collect();
        while let Some(one) = examined.pop() {
            apart.take(one);
        }
        let (one, other) =
            (in_order.finish(checkpoint.as_bytes()), apart.finish(checkpoint.as_bytes()));
        assert_eq!(one, other);
    }
}

#[test]
fn every_fault_has_a_name_and_a_layer_that_no_other_word_stands_for() {
    let mut codes = std::collections::BTreeSet::new();
    for attack in all().iter().filter(|attack| attack.fails()) {
        codes.insert(attack.code());
    }
    // The table of attacks reaches all but what only damage or other tests bring about.
    for fault in [
        Fault::BrokenLink,
        Fault::AckSignature(record_key().key_id()),
        Fault::WindowRange,
        Fault::KeyChange(""),
        Fault::Tile(String::new()),
        Fault::Segment(String::new()),
    ] {
        assert!(codes.insert(fault.code()), "{}", fault.code());
        assert!(!fault.layer().code().is_empty());
    }
    assert_eq!(codes.len(), 23);
}
