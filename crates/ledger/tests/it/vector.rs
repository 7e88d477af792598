//! One record with everything that is needed to check it, committed, so that other programs can
//! be tested against the same bytes. `UPDATE_VECTOR=1` writes the files again.

use std::fs;
use std::path::{Path, PathBuf};

use adproof_ledger::bundle::{self, Item};
use adproof_ledger::tree::{self, MemoryTree};
use adproof_ledger::{Opening, Record, TlogProof, TrustedKeys};

use crate::sample::{commitments, log, trusted};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vector")
}

#[test]
fn the_committed_vector_is_what_this_version_writes_and_verifies() {
    let log = log(5);
    let leaves: MemoryTree = log.records.iter().map(|record| record.leaf).collect();
    let record = &log.records[3];
    let subject = Record::parse(&record.bytes).unwrap().decision().unwrap().dec.subject;
    let item = Item {
        entry: record.bytes.clone(),
        signatures: record.signatures.clone(),
        proof: TlogProof {
            index: 3,
            hashes: tree::inclusion_proof(&leaves, 3, 5).unwrap(),
            checkpoint: log.checkpoint.clone(),
        },
        opening: Some(Opening::new(subject, &commitments(3)).reveal(|_, name| name == "asn")),
    };
    let files = bundle::make(&trusted(), &[item]);
    let folder = folder();
    if std::env::var_os("UPDATE_VECTOR").is_some() {
        for (name, bytes) in &files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    for (name, bytes) in &files {
        let committed = fs::read(folder.join(name)).unwrap_or_default();
        assert_eq!(
            String::from_utf8_lossy(&committed),
            String::from_utf8_lossy(bytes),
            "{name} is stale: UPDATE_VECTOR=1 cargo test -p adproof-ledger --test it vector"
        );
    }
    let keys = fs::read_to_string(folder.join(bundle::KEYS_FILE)).unwrap();
    let report = bundle::verify(&files, &TrustedKeys::parse(&keys).unwrap());
    assert!(report.is_good(), "{:?}", report.problems);
    let revealed = &report.records[0].revealed;
    assert_eq!(revealed.len(), 1);
    assert_eq!(revealed[0].1.value().to_string(), "64496");
}

#[test]
fn no_flipped_bit_of_a_file_that_counts_verifies() {
    let log = log(2);
    let leaves: MemoryTree = log.records.iter().map(|record| record.leaf).collect();
    let record = &log.records[1];
    let subject = Record::parse(&record.bytes).unwrap().decision().unwrap().dec.subject;
    let item = Item {
        entry: record.bytes.clone(),
        signatures: record.signatures.clone(),
        proof: TlogProof {
            index: 1,
            hashes: tree::inclusion_proof(&leaves, 1, 2).unwrap(),
            checkpoint: log.checkpoint.clone(),
        },
        opening: Some(Opening::new(subject, &commitments(1)).reveal(|_, name| name == "ip")),
    };
    let files = bundle::make(&trusted(), &[item]);
    let counts = |name: &str| name.starts_with("records/") || name == "checkpoint";
    for (name, bytes) in files.iter().filter(|(name, _)| counts(name)) {
        for at in (0..bytes.len()).step_by(3) {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap()[at] ^= 1 << (at % 7);
            let report = bundle::verify(&changed, &trusted());
            // The subject in the disclosures only finds the record; nothing is claimed by it.
            let subject = name.ends_with("disclosures.json") && at >= bytes.len() - 80;
            assert!(!report.is_good() || subject, "{name} byte {at}");
        }
    }
}
