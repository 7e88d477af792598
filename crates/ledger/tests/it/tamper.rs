//! Whoever changes a log without its keys is found, and the record is named.

use adproof_ledger::frame::{Frames, push_frame};
use adproof_ledger::tree::{self, MemoryTree, leaf_hash};
use adproof_ledger::verify::{Fault, Limits, RecordError, Standing, Verifier};
use adproof_ledger::{
    Body, Hash, KeyAction, MemoryKey, Record, Recovery, SignedRecord, Signer as _, TlogProof,
    VerifiedRecord, dsse,
};

use crate::sample::{
    LOG, Log, change, checkpoint_key, frames, log, log_of, record_key, sign, trusted,
};

fn codes(log: &Log, held: &[&str]) -> Vec<(Option<u64>, &'static str)> {
    let problems = log.verify(held).problems;
    problems.iter().map(|problem| (problem.record, problem.fault.code())).collect()
}

/// What an attacker can do who has all files and no key: mend every link and the tree.
fn rehash(records: &mut [SignedRecord]) {
    let mut prev = Hash::ZERO;
    for (seq, record) in (0..).zip(records) {
        let mut parsed = Record::parse(&record.bytes).unwrap();
        parsed.seq = seq;
        parsed.prev = prev;
        record.bytes = parsed.to_bytes().unwrap();
        record.leaf = leaf_hash(&record.bytes);
        prev = record.leaf;
    }
}

fn edit(record: &mut SignedRecord) {
    let mut parsed = Record::parse(&record.bytes).unwrap();
    if let Body::Decision(draft) = &mut parsed.body {
        draft.dec.reasons.clear();
    }
    record.bytes = parsed.to_bytes().unwrap();
    record.leaf = leaf_hash(&record.bytes);
}

#[test]
fn an_untouched_log_verifies() {
    let log = log(7);
    let report = log.verify(&[&log.checkpoint]);
    assert!(report.is_good(), "{:?}", report.problems);
    assert_eq!(report.records, 7);
    assert_eq!(report.checkpoint.unwrap().root(), report.root);
}

#[test]
fn an_empty_log_verifies() {
    assert!(log(0).verify(&[]).is_good());
}

#[test]
fn an_edited_record_is_named() {
    let mut log = log(5);
    edit(&mut log.records[2]);
    let found = codes(&log, &[]);
    assert_eq!(found, [(Some(2), "bad_signature"), (Some(3), "broken_link"), (None, "other_root")]);
}

#[test]
fn an_edit_with_everything_hashed_again_is_named() {
    let mut log = log(5);
    edit(&mut log.records[2]);
    rehash(&mut log.records);
    // The checkpoint is made again with a key of the attacker's own.
    log.checkpoint = sign(&log.records, &MemoryKey::from_seed(&[66; 32]));
    let found = codes(&log, &[]);
    assert_eq!(
        found,
        [
            (Some(2), "bad_signature"),
            (Some(3), "bad_signature"),
            (Some(4), "bad_signature"),
            (None, "checkpoint")
        ]
    );
}

#[test]
fn an_edit_that_is_signed_with_a_strangers_key_is_named() {
    let mut log = log(3);
    let stranger = MemoryKey::from_seed(&[66; 32]);
    let mut parsed = Record::parse(&log.records[1].bytes).unwrap();
    parsed.kid = stranger.key_id();
    let bytes = parsed.to_bytes().unwrap();
    log.records[1].signatures = vec![dsse::sign(&stranger, &bytes).unwrap()];
    log.records[1].leaf = leaf_hash(&bytes);
    log.records[1].bytes = bytes;
    assert_eq!(codes(&log, &[])[0], (Some(1), "untrusted_key"));
}

#[test]
fn a_record_without_its_signature_is_named() {
    let mut log = log(3);
    log.records[1].signatures.clear();
    assert_eq!(codes(&log, &[]), [(Some(1), "unsigned")]);
}

#[test]
fn a_deleted_record_is_named() {
    let mut log = log(5);
    log.records.remove(2);
    assert_eq!(
        codes(&log, &[]),
        [(Some(2), "missing"), (Some(3), "broken_link"), (None, "other_root")]
    );
    rehash(&mut log.records);
    assert_eq!(codes(&log, &[])[0], (Some(2), "bad_signature"));
}

#[test]
fn two_swapped_records_are_named() {
    let mut log = log(5);
    log.records.swap(1, 2);
    let found = codes(&log, &[]);
    assert_eq!(found[0], (Some(1), "missing"));
    assert!(found.contains(&(Some(1), "out_of_place")), "{found:?}");
    assert!(found.contains(&(Some(3), "broken_link")), "{found:?}");
    rehash(&mut log.records);
    assert_eq!(codes(&log, &[])[0], (Some(1), "bad_signature"));
}

#[test]
fn a_doubled_record_is_named() {
    let mut log = log(3);
    let copy = log.records[1].clone();
    log.records.insert(2, copy);
    assert!(codes(&log, &[]).contains(&(Some(1), "out_of_place")));
}

#[test]
fn a_cut_tail_is_named_against_the_logs_own_checkpoint() {
    let mut log = log(5);
    log.records.truncate(3);
    assert_eq!(codes(&log, &[]), [(Some(3), "cut_off")]);
}

#[test]
fn a_cut_tail_with_an_older_checkpoint_is_named_against_a_held_one() {
    let mut log = log(5);
    let held = log.checkpoint.clone();
    log.records.truncate(3);
    // The log's own signed checkpoint from when it had three records.
    log.checkpoint = sign(&log.records, &checkpoint_key());
    assert!(log.verify(&[]).is_good());
    let report = log.verify(&[&held]);
    assert_eq!(report.first_record(), Some(3));
    assert_eq!(report.problems[0].fault, Fault::CutOff { size: 5, standing: Standing::Held });
}

#[test]
fn another_history_of_the_key_holder_is_found_against_a_held_checkpoint() {
    let one = log(4);
    let body = Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO });
    let other = log_of(vec![body; 4]);
    assert!(other.verify(&[]).is_good());
    let report = other.verify(&[&one.checkpoint]);
    assert_eq!(report.problems[0].fault, Fault::OtherRoot { size: 4, standing: Standing::Held });
}

#[test]
fn records_behind_the_checkpoint_are_not_passed_over() {
    let mut log = log(4);
    log.checkpoint = sign(&log.records[..2], &checkpoint_key());
    assert_eq!(codes(&log, &[]), [(Some(2), "not_covered")]);
}

/// The bytes of a segment behind its header.
fn segment(log: &Log) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in &log.records {
        assert!(push_frame(&mut bytes, &record.bytes, &record.signatures));
    }
    bytes
}

#[test]
fn no_flipped_bit_of_a_small_log_verifies_and_the_record_is_named() {
    let log = log(3);
    let bytes = segment(&log);
    let starts: Vec<usize> = {
        let mut frames = Frames::new(&bytes);
        let mut starts = vec![0];
        while frames.next().is_some() {
            starts.push(frames.offset());
        }
        starts
    };
    let trusted = trusted();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let mut verifier = Verifier::new(&trusted, Limits::default());
        Frames::new(&flipped).for_each(|frame| verifier.frame(&frame));
        let report = verifier.finish(log.checkpoint.as_bytes());
        let record = starts.iter().filter(|start| **start <= at).count() - 1;
        assert_eq!(report.first_record(), u64::try_from(record).ok(), "byte {at}");
    }
}

#[test]
fn no_flipped_bit_of_a_record_verifies_when_the_frame_is_made_again() {
    let log = log(2);
    let trusted = trusted();
    for at in 0..log.records[1].bytes.len() {
        let mut changed = log.clone();
        changed.records[1].bytes[at] ^= 1 << (at % 8);
        let mut verifier = Verifier::new(&trusted, Limits::default());
        frames(&changed.records).for_each(|frame| verifier.frame(&frame));
        let report = verifier.finish(log.checkpoint.as_bytes());
        assert!(!report.is_good(), "byte {at}");
    }
}

#[test]
fn the_report_is_bounded_and_counts_on() {
    let mut log = log(5);
    log.records.iter_mut().for_each(|record| record.signatures.clear());
    let trusted = trusted();
    for (most, described) in [(5, 5), (4, 4), (0, 0)] {
        let mut verifier = Verifier::new(&trusted, Limits { problems: most });
        frames(&log.records).for_each(|frame| verifier.frame(&frame));
        let report = verifier.finish(log.checkpoint.as_bytes());
        assert_eq!((report.problems.len(), report.problems_total), (described, 5));
    }
}

#[test]
fn a_retired_key_signs_no_more_and_what_it_signed_stands() {
    let decision = || Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO });
    let retire = || change(KeyAction::Retire, &record_key(), 0);
    let before = log_of(vec![decision(), retire()]);
    assert!(before.verify(&[]).is_good());
    let after = log_of(vec![decision(), retire(), decision()]);
    assert_eq!(codes(&after, &[]), [(Some(2), "ended_key")]);
}

#[test]
fn what_a_revoked_key_signed_stands_under_a_checkpoint_that_was_held_before() {
    let decision = || Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO });
    let revoke = change(KeyAction::Revoke, &record_key(), 0);
    let log = log_of(vec![decision(), decision(), revoke]);
    assert_eq!(codes(&log, &[]), [(Some(0), "revoked")]);
    let held = |size: usize| sign(&log.records[..size], &checkpoint_key());
    assert_eq!(codes(&log, &[&held(1)]), [(Some(1), "revoked")]);
    assert_eq!(codes(&log, &[&held(2)]), []);
    // A checkpoint that covers the revocation proves nothing about the time before it.
    assert_eq!(codes(&log, &[&held(3)]), [(Some(0), "revoked")]);
}

#[test]
fn a_key_record_counts_only_when_the_root_signed_it() {
    let mut log = log(1);
    let thief = MemoryKey::from_seed(&[66; 32]);
    let mut chain = adproof_ledger::Chain::resume(LOG, 1, log.records[0].leaf).unwrap();
    let body = change(KeyAction::Add, &thief, 0);
    log.records.push(chain.append(&record_key(), body, &crate::sample::time(1)).unwrap());
    log.checkpoint = sign(&log.records, &checkpoint_key());
    assert_eq!(codes(&log, &[]), [(Some(1), "untrusted_key")]);
}

#[test]
fn one_record_verifies_with_its_proof_and_with_no_other() {
    let log = log(6);
    let leaves: MemoryTree = log.records.iter().map(|record| record.leaf).collect();
    let proof = |index| TlogProof {
        index,
        hashes: tree::inclusion_proof(&leaves, index, 6).unwrap(),
        checkpoint: log.checkpoint.clone(),
    };
    let trusted = trusted();
    let check = |record: &SignedRecord, proof: &TlogProof| {
        VerifiedRecord::verify(&trusted, &record.bytes, &record.signatures, proof)
    };
    for record in &log.records {
        let verified = check(record, &proof(record.seq)).unwrap();
        assert_eq!(verified.record().seq, record.seq);
        for other in (0..6).filter(|other| *other != record.seq) {
            let error = check(record, &proof(other)).unwrap_err();
            assert!(matches!(error, RecordError::OtherPlace { .. }), "{error}");
            let moved = TlogProof { index: record.seq, ..proof(other) };
            assert_eq!(check(record, &moved), Err(RecordError::NotIncluded));
        }
    }
}
