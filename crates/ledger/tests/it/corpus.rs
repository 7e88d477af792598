//! What the fuzzer starts from is read without a panic, and read strictly. `UPDATE_VECTOR=1`
//! writes the seeds again.

use std::fs;
use std::path::Path;

use adproof_ledger::frame::push_frame;
use adproof_ledger::{Body, Hash, KeyAction, KeyChange, Record, Recovery, Role};

use crate::sample::{draft, log_of};

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let change = KeyChange {
        action: KeyAction::Revoke,
        from_seq: 1,
        public: Hash::ZERO,
        reason: "stolen".to_owned(),
        role: Role::Record,
    };
    let bodies = vec![
        Body::Decision(Box::new(draft(0))),
        Body::Key(change),
        Body::Recovery(Recovery { bytes: 17, sha256: Hash::ZERO }),
    ];
    let log = log_of(bodies);
    let mut frames = Vec::new();
    assert!(push_frame(&mut frames, &log.records[2].bytes, &log.records[2].signatures));
    let mut seeds = vec![("frames", frames), ("checkpoint", log.checkpoint.into_bytes())];
    for (name, record) in ["decision", "key", "recovery"].into_iter().zip(log.records) {
        seeds.push((name, record.bytes));
    }
    seeds
}

#[test]
fn the_fuzzers_corpus_is_read() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/record_parse");
    if std::env::var_os("UPDATE_VECTOR").is_some() {
        for (name, bytes) in seeds() {
            fs::write(corpus.join(name), bytes).unwrap();
        }
    }
    let mut records = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        if let Ok(record) = Record::parse(&bytes) {
            assert_eq!(record.to_bytes().unwrap(), bytes);
            records += 1;
        }
    }
    assert!(records >= 3, "one record of each type is among them");
}
