//! Bundles behind changes of keys, and what outsiders say of their checkpoints.

use adproof_ledger::bundle::{
    self, AnchorItem, BundleFault, BundleReport, Case, CheckLimits, Files, Item, Outside, PolicyOf,
    Stamp,
};
use adproof_ledger::cosign::cosign;
use adproof_ledger::policy::{Policy, PolicyLimits};
use adproof_ledger::tree::{self, MemoryTree};
use adproof_ledger::verify::{Fault, KeyHistory, RecordError};
use adproof_ledger::{
    AddCheckpoint, Body, Chain, Checkpoint, Hash, KeyAction, KeyChange, MemoryKey, NamedKey, Role,
    SignedRecord, Signer, TlogProof, TrustedKeys, VerifiedCheckpoint, VerifiedRecord, WitnessKey,
};

use crate::sample::{LOG, checkpoint_key, draft, record_key, root_key, time, trusted};

fn key(seed: u8) -> MemoryKey {
    MemoryKey::from_seed(&[seed; 32])
}

/// The keys that come by rotation, and a witness.
fn next_record_key() -> MemoryKey {
    key(88)
}

fn next_checkpoint_key() -> MemoryKey {
    key(89)
}

fn witness_key() -> MemoryKey {
    key(90)
}

fn change(action: KeyAction, role: Role, key: &MemoryKey) -> Body {
    let public = Hash::new(*key.public_key().as_bytes());
    Body::Key(KeyChange { action, from_seq: 0, public, reason: "r\",\"role\":\"".to_owned(), role })
}

fn decision(seq: u64) -> Body {
    Body::Decision(Box::new(draft(seq)))
}

/// A log, and a bundle of all of it.
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

    fn tree(&self, size: usize) -> MemoryTree {
        self.records[..size].iter().map(|record| record.leaf).collect()
    }

    fn checkpoint(&self, size: usize, key: &MemoryKey) -> String {
        let tree = self.tree(size);
        let checkpoint =
            Checkpoint { origin: LOG.to_owned(), size: tree.size(), root: tree.root() };
        checkpoint.sign(key).unwrap()
    }

    /// The records of these places under a checkpoint over all.
    fn bundle(&self, seqs: &[usize], note: &str) -> Files {
        let tree = self.tree(self.records.len());
        let items = seqs.iter().map(|at| {
            let record = &self.records[*at];
            Item {
                entry: record.bytes.clone(),
                signatures: record.signatures.clone(),
                proof: TlogProof {
                    index: record.seq,
                    hashes: tree::inclusion_proof(&tree, record.seq, tree.size()).unwrap(),
                    checkpoint: note.to_owned(),
                },
                opening: None,
                ack: None,
            }
        });
        let own = keys(&[(Role::Checkpoint, &checkpoint_key()), (Role::Root, &root_key())]);
        bundle::make(&own, &Case::default(), &items.collect::<Vec<_>>()).unwrap()
    }

    /// An older checkpoint with a line of the witness.
    fn anchor(&self, size: usize, key: &MemoryKey, note: &str) -> AnchorItem {
        let (checkpoint, all) = (self.checkpoint(size, key), self.tree(self.records.len()));
        let old = u64::try_from(size).unwrap();
        let proof = || tree::consistency_proof(&all, old, all.size()).unwrap();
        AnchorItem {
            size: old,
            cosignatures: cosigned(&checkpoint, key).into_bytes(),
            checkpoint: checkpoint.into_bytes(),
            consistency: (old < all.size()).then(|| AddCheckpoint {
                old,
                proof: proof(),
                checkpoint: note.to_owned(),
            }),
            tokens: vec![b"token".to_vec()],
            receipts: Vec::new(),
        }
    }
}

fn keys(keys: &[(Role, &MemoryKey)]) -> TrustedKeys {
    let named = keys.iter().map(|(role, key)| NamedKey::of_role(LOG, *role, key.public_key()));
    TrustedKeys::new(named.flatten()).unwrap()
}

/// The line of the witness.
fn cosigned(note: &str, key: &MemoryKey) -> String {
    let key = NamedKey::new(LOG, key.public_key()).unwrap();
    let checkpoint = VerifiedCheckpoint::verify(note.as_bytes(), LOG, &[key]).unwrap();
    cosign(&checkpoint, "witness.example", &witness_key(), 1_780_000_000).unwrap()
}

fn policy_text(key: &MemoryKey) -> String {
    let witness = WitnessKey::new("witness.example", key.public_key()).unwrap();
    format!("witness w {}\nquorum w\n", witness.to_vkey())
}

fn policy(key: &MemoryKey) -> Policy {
    Policy::parse(policy_text(key).as_bytes(), &PolicyLimits::default()).unwrap()
}

fn told(report: &BundleReport) -> Vec<(Option<u64>, String)> {
    report.problems.iter().map(|(record, fault)| (*record, fault.to_string())).collect()
}

/// Two rotations, and a decision behind them: add and retire of the record key at 1 and 2, of the
/// checkpoint key at 3 and 4.
fn rotated() -> Made {
    use KeyAction::{Add, Retire};
    Made::new()
        .by(&record_key(), decision(0))
        .root(change(Add, Role::Record, &next_record_key()))
        .root(change(Retire, Role::Record, &record_key()))
        .root(change(Add, Role::Checkpoint, &next_checkpoint_key()))
        .root(change(Retire, Role::Checkpoint, &checkpoint_key()))
        .by(&next_record_key(), decision(5))
}

#[test]
fn a_bundle_from_behind_rotations_verifies_from_the_root_key_alone() {
    let made = rotated();
    let note = made.checkpoint(6, &next_checkpoint_key());
    let root = keys(&[(Role::Root, &root_key())]);
    let files = made.bundle(&[1, 2, 3, 4, 5], &note);
    assert_eq!(told(&bundle::verify(&files, &root)), []);
    // The keys of the first day do as well; the record of that day needs its key.
    let files = made.bundle(&[0, 1, 2, 3, 4, 5], &note);
    assert_eq!(told(&bundle::verify(&files, &trusted())), []);
    let report = bundle::verify(&files, &root);
    assert!(matches!(
        report.problems[..],
        [(Some(0), BundleFault::Record(RecordError::Record(Fault::UntrustedKey(_))))]
    ));
    assert_eq!(report.records.len(), 5);
}

#[test]
fn without_its_key_records_nothing_behind_a_rotation_holds() {
    let made = rotated();
    let note = made.checkpoint(6, &next_checkpoint_key());
    for (seqs, fails) in [(&[5][..], 5), (&[1, 2, 5], 5), (&[3, 4, 5], 5)] {
        let report = bundle::verify(&made.bundle(seqs, &note), &trusted());
        assert!(report.problems.iter().any(|(record, _)| *record == Some(fails)), "{seqs:?}");
        assert!(report.record(fails).is_none());
    }
    // What the retired keys sign behind their end does not hold, whoever brings them.
    let made = rotated().by(&record_key(), decision(6));
    let files = made.bundle(&[1, 2, 3, 4, 6], &made.checkpoint(7, &next_checkpoint_key()));
    assert!(matches!(
        bundle::verify(&files, &trusted()).problems[..],
        [(Some(6), BundleFault::Record(RecordError::Record(Fault::EndedKey { .. })))]
    ));
    let files = made.bundle(&[1, 2, 3, 4, 5], &made.checkpoint(7, &checkpoint_key()));
    assert!(bundle::verify(&files, &trusted()).records.is_empty());
}

#[test]
fn a_change_that_the_root_has_not_signed_or_that_is_in_another_tree_brings_no_key() {
    // By the record key, which is no root.
    let made = Made::new()
        .by(&record_key(), change(KeyAction::Add, Role::Record, &next_record_key()))
        .by(&next_record_key(), decision(1));
    let files = made.bundle(&[0, 1], &made.checkpoint(2, &checkpoint_key()));
    let report = bundle::verify(&files, &trusted());
    assert_eq!((report.problems.len(), report.records.len()), (2, 0));
    // By the root, in a history that this checkpoint does not sign.
    let change = |seed| change(KeyAction::Add, Role::Record, &key(seed));
    let made = Made::new().root(change(88)).by(&next_record_key(), decision(1));
    let other = Made::new().root(change(87)).by(&next_record_key(), decision(1));
    let mut files = made.bundle(&[0, 1], &made.checkpoint(2, &checkpoint_key()));
    let theirs = other.bundle(&[0, 1], &other.checkpoint(2, &checkpoint_key()));
    for name in ["records/1.json", "records/1.dsse.json", "records/1.tlog-proof", "checkpoint"] {
        files.insert(name.to_owned(), theirs[name].clone());
    }
    let proof = String::from_utf8(files["records/0.tlog-proof"].clone()).unwrap();
    let proof = TlogProof {
        checkpoint: String::from_utf8(files["checkpoint"].clone()).unwrap(),
        ..TlogProof::parse(proof.as_bytes()).unwrap()
    };
    files.insert("records/0.tlog-proof".to_owned(), proof.to_text().into_bytes());
    let report = bundle::verify(&files, &trusted());
    assert!(report.records.is_empty(), "{:?}", report.records);
    assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
}

/// A decision at 0 whose key is revoked at 1.
fn revoked() -> Made {
    Made::new()
        .by(&record_key(), decision(0))
        .root(change(KeyAction::Revoke, Role::Record, &record_key()))
        .root(change(KeyAction::Add, Role::Record, &next_record_key()))
        .by(&next_record_key(), decision(3))
}

#[test]
fn a_revoked_keys_record_stands_only_under_a_checkpoint_that_somebody_has_seen_before() {
    let made = revoked();
    let note = made.checkpoint(4, &checkpoint_key());
    let bare = made.bundle(&[0, 1, 2, 3], &note);
    let doubt = |report: &BundleReport| match &report.problems[..] {
        [(Some(0), BundleFault::Record(RecordError::Record(Fault::Revoked { by: 1, .. })))] => true,
        [] => false,
        other => panic!("{other:?}"),
    };
    assert!(doubt(&bundle::verify(&bare, &trusted())));
    let mut files = bare.clone();
    made.anchor(1, &checkpoint_key(), &note).put(&mut files);
    files.insert("policy".to_owned(), policy_text(&witness_key()).into_bytes());
    // The sender's list of witnesses counts only for whoever believes the sender.
    let own = Outside { believe_sender: true, ..Outside::default() };
    assert!(doubt(&bundle::verify(&files, &trusted())));
    assert!(!doubt(&bundle::verify_with(&files, &trusted(), &own)));
    // The reader's own list counts; a list of others does not, and is not met.
    let theirs = policy(&witness_key());
    let given = Outside { policy: Some(&theirs), ..Outside::default() };
    let report = bundle::verify_with(&files, &trusted(), &given);
    // The decision at 3 is under no witnessed checkpoint.
    assert_eq!(report.problems, [(None, BundleFault::PolicyNotMet)]);
    let some = made.bundle(&[0, 1, 2], &note);
    let mut some: Files = some.into_iter().chain([]).collect();
    made.anchor(1, &checkpoint_key(), &note).put(&mut some);
    assert_eq!(told(&bundle::verify_with(&some, &trusted(), &given)), []);
    // A time stamp does as well, if the reader could check it.
    let file = some.keys().find(|name| name.contains(".tsr")).unwrap().clone();
    let stamp = |stamp| Outside { stamps: [(file.clone(), stamp)].into(), ..Outside::default() };
    let stands = Stamp::Stands { not_after_us: 1, by: "TSA".to_owned() };
    assert!(!doubt(&bundle::verify_with(&some, &trusted(), &stamp(stands))));
    assert!(doubt(&bundle::verify_with(&some, &trusted(), &stamp(Stamp::NotKnown(String::new())))));
    let report = bundle::verify_with(&some, &trusted(), &stamp(Stamp::Fails("why".to_owned())));
    assert!(report.problems.contains(&(None, BundleFault::Stamp { file, why: "why".to_owned() })));
    // A checkpoint behind the revocation shows nothing of what was there before.
    let mut late = bare;
    made.anchor(2, &checkpoint_key(), &note).put(&mut late);
    assert!(doubt(&bundle::verify_with(&late, &trusted(), &own)));
}

#[test]
fn what_a_revoked_key_signs_behind_its_revocation_never_stands() {
    let made = revoked().by(&record_key(), decision(4));
    let note = made.checkpoint(5, &checkpoint_key());
    let mut files = made.bundle(&[1, 2, 4], &note);
    made.anchor(5, &checkpoint_key(), &note).put(&mut files);
    let policy = policy(&witness_key());
    let outside = Outside { policy: Some(&policy), ..Outside::default() };
    assert!(matches!(
        bundle::verify_with(&files, &trusted(), &outside).problems[..],
        [(Some(4), BundleFault::Record(RecordError::Record(Fault::EndedKey { by: 1, .. })))]
    ));
}

#[test]
fn a_revoked_checkpoint_key_signs_no_checkpoint_over_its_revocation() {
    use KeyAction::{Add, Revoke};
    let made = Made::new()
        .by(&record_key(), decision(0))
        .root(change(Add, Role::Checkpoint, &next_checkpoint_key()))
        .root(change(Revoke, Role::Checkpoint, &checkpoint_key()));
    let good = made.bundle(&[0, 1, 2], &made.checkpoint(3, &next_checkpoint_key()));
    assert_eq!(told(&bundle::verify(&good, &trusted())), []);
    let bad = made.bundle(&[0, 1, 2], &made.checkpoint(3, &checkpoint_key()));
    let report = bundle::verify(&bad, &trusted());
    assert_eq!((report.records.len(), report.checkpoint), (0, None));
}

/// One decision, under a checkpoint that the witness has cosigned.
fn witnessed() -> (Made, String, Files) {
    let made = Made::new().by(&record_key(), decision(0)).by(&record_key(), decision(1));
    let note = made.checkpoint(2, &checkpoint_key());
    let note = note.clone() + &cosigned(&note, &checkpoint_key());
    let mut files = made.bundle(&[1], &note);
    files.insert("policy".to_owned(), policy_text(&witness_key()).into_bytes());
    made.anchor(1, &checkpoint_key(), &note).put(&mut files);
    (made, note, files)
}

#[test]
fn cosignatures_are_told_with_whose_word_the_list_of_witnesses_is() {
    let (_, _, files) = witnessed();
    let report = bundle::verify(&files, &trusted());
    let witnesses = report.witnesses.as_ref().unwrap();
    assert!(report.is_good() && witnesses.report.is_met());
    assert_eq!((witnesses.policy_of, witnesses.met_at), (PolicyOf::Sender, Some(2)));
    assert!(report.anchors[0].witnessed);
    let strangers = policy(&key(91));
    let outside = Outside { policy: Some(&strangers), ..Outside::default() };
    let report = bundle::verify_with(&files, &trusted(), &outside);
    assert_eq!(report.problems, [(None, BundleFault::PolicyNotMet)]);
    assert_eq!(report.witnesses.unwrap().policy_of, PolicyOf::Reader);
    // Whoever gives a policy that demands nothing has not been told that somebody witnessed.
    let none = Policy::parse(b"quorum none\n", &PolicyLimits::default()).unwrap();
    let outside = Outside { policy: Some(&none), ..Outside::default() };
    let report = bundle::verify_with(&files, &trusted(), &outside);
    assert!(report.is_good());
    assert_eq!(report.witnesses.unwrap().met_at, None);
}

#[test]
fn no_flipped_bit_of_what_outsiders_say_passes() {
    let (_, _, files) = witnessed();
    assert!(bundle::verify(&files, &trusted()).is_good());
    let counts = |name: &&String| name.starts_with("anchors/") || *name == "checkpoint";
    for name in files.keys().filter(counts) {
        // A line of a witness that does not fit is one of nobody: it counts as none.
        let lines = name.ends_with("cosignatures");
        for at in 0..files[name].len() {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap()[at] ^= 1 << (at % 7);
            let report = bundle::verify(&changed, &trusted());
            let witnessed = report.anchors.iter().any(|anchor| anchor.witnessed);
            assert!(!report.is_good() || (lines && !witnessed), "{name} byte {at}");
        }
    }
}

#[test]
fn older_checkpoints_are_bound_to_the_bundles_and_a_fork_is_told() {
    let (made, note, files) = witnessed();
    let folder = "anchors/00000000000000000001/";
    let told = |work: &dyn Fn(&mut Files)| {
        let mut files = files.clone();
        work(&mut files);
        let report = bundle::verify(&files, &trusted());
        assert!(!report.anchors.iter().any(|anchor| anchor.checkpoint.size() == 1));
        told(&report).into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("; ")
    };
    let removed = |name: &str| {
        let path = format!("{folder}{name}");
        told(&move |files| {
            files.remove(&path);
        })
    };
    assert_eq!(
        removed("checkpoint"),
        "the checkpoint of 1 records: its file checkpoint is missing"
    );
    assert!(removed("consistency").contains("consistency is missing"));
    // Another history of the same size, signed with the log's key.
    let other = Made::new().by(&record_key(), decision(7)).by(&record_key(), decision(8));
    let theirs = other.anchor(1, &checkpoint_key(), &note);
    assert!(told(&|files| theirs.put(files)).contains("nothing shows that"));
    let fork = told(&|files| {
        files.retain(|name, _| !name.starts_with("anchors/"));
        other.anchor(2, &checkpoint_key(), &note).put(files);
    });
    assert!(fork.contains("FORK"), "{fork}");
    let strange = told(&|files| theirs.put(files));
    assert!(!strange.is_empty());
    let moved = told(&|files| {
        files.retain(|name, _| !name.starts_with("anchors/"));
        let mut item = made.anchor(1, &checkpoint_key(), &note);
        item.size = 0;
        item.put(files);
    });
    assert!(moved.contains("it covers 1 records"), "{moved}");
    for name in ["anchors/1/checkpoint", "anchors/00000000000000000001/x", "anchors/x"] {
        let mut files = files.clone();
        files.insert(name.to_owned(), Vec::new());
        assert!(!bundle::verify(&files, &trusted()).is_good(), "{name}");
    }
}

#[test]
fn older_checkpoints_are_counted_on_both_sides_of_the_bound() {
    let (_, _, files) = witnessed();
    for (anchors, good) in [(1, true), (0, false)] {
        let outside = Outside { limits: CheckLimits { anchors }, ..Outside::default() };
        let report = bundle::verify_with(&files, &trusted(), &outside);
        assert_eq!(report.is_good(), good, "{:?}", report.problems);
    }
}

#[test]
fn a_single_proof_follows_the_key_records_that_are_shown() {
    let made = rotated();
    let tree = made.tree(6);
    let record = &made.records[5];
    let proof = TlogProof {
        index: 5,
        hashes: tree::inclusion_proof(&tree, 5, 6).unwrap(),
        checkpoint: made.checkpoint(6, &next_checkpoint_key()),
    };
    let verify = |shown: &[usize]| {
        let mut keys = KeyHistory::new(&trusted());
        for at in shown {
            let change = &made.records[*at];
            keys.follow(&change.bytes, &change.signatures).unwrap();
        }
        VerifiedRecord::verify_with(&keys, &record.bytes, &record.signatures, &proof).is_ok()
    };
    assert!(verify(&[1, 2, 3, 4]));
    assert!(verify(&[1, 3]));
    assert!(!verify(&[1, 2]) && !verify(&[3, 4]) && !verify(&[]));
    let mut keys = KeyHistory::new(&trusted());
    keys.follow(&made.records[3].bytes, &made.records[3].signatures).unwrap();
    let back = keys.follow(&made.records[1].bytes, &made.records[1].signatures);
    assert_eq!(back, Err(Fault::OutOfPlace));
}
