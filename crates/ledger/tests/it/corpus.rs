//! What the fuzzer starts from is read without a panic, and read strictly. `UPDATE_VECTOR=1`
//! writes the seeds again.

use std::fs;
use std::path::Path;

use adproof_ledger::frame::push_frame;
use adproof_ledger::{Body, Record};

use crate::sample::{bodies, draft, log_of};

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let first = log_of(vec![Body::Decision(Box::new(draft(0)))]);
    let mut all = vec![Body::Decision(Box::new(draft(0)))];
    all.extend(bodies(first.records[0].leaf));
    let log = log_of(all);
    let mut frames = Vec::new();
    let recovery = &log.records[5];
    assert!(push_frame(&mut frames, &recovery.bytes, &recovery.signatures));
    let mut seeds = vec![("frames", frames), ("checkpoint", log.checkpoint.into_bytes())];
    for record in log.records {
        let typ = Record::parse(&record.bytes).unwrap().body.typ();
        seeds.push((typ, record.bytes));
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
    assert!(records >= 6, "one record of each type is among them");
}
