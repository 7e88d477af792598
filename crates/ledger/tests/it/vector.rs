//! One record with everything that is needed to check it, committed, so that other programs can
//! be tested against the same bytes. `UPDATE_VECTOR=1` writes the files again.

use std::fs;
use std::path::{Path, PathBuf};

use adproof_ledger::bundle::{
    self, BundleFault, CASE_FILE, Case, Erased, Files, Item, README_FILE, SCRIPT_FILE, inline,
};
use adproof_ledger::tree::{self, MemoryTree};
use adproof_ledger::{
    MemoryKey, NamedKey, Opening, Record, Role, Signer as _, TlogProof, TrustedKeys,
};

use crate::sample::{Log, commitments, log, trusted};

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
        ack: None,
    };
    let case = Case { case: "example".to_owned(), ..Case::default() };
    let files = bundle::make(&trusted(), &case, &[item]).unwrap();
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

/// A bundle of all the decisions of a log.
fn bundled(size: u64) -> Files {
    bundle_of(&log(size), &Case::default())
}

/// A bundle of all the records of a log.
pub(crate) fn bundle_of(log: &Log, case: &Case) -> Files {
    let leaves: MemoryTree = log.records.iter().map(|record| record.leaf).collect();
    let size = u64::try_from(log.records.len()).unwrap();
    let items: Vec<Item> = (0..size)
        .zip(&log.records)
        .map(|(seq, record)| {
            let parsed = Record::parse(&record.bytes).unwrap();
            let opening = parsed.decision().map(|draft| {
                let all = Opening::new(draft.dec.subject, &commitments(seq));
                all.reveal(|_, name| name == "ip")
            });
            Item {
                entry: record.bytes.clone(),
                signatures: record.signatures.clone(),
                proof: TlogProof {
                    index: seq,
                    hashes: tree::inclusion_proof(&leaves, seq, size).unwrap(),
                    checkpoint: log.checkpoint.clone(),
                },
                opening,
                ack: None,
            }
        })
        .collect();
    bundle::make(&trusted(), case, &items).unwrap()
}

#[test]
fn no_flipped_bit_of_a_file_that_counts_verifies() {
    let files = bundled(2);
    assert!(bundle::verify(&files, &trusted()).is_good());
    for (name, bytes) in files.iter().filter(|(name, _)| *name != CASE_FILE) {
        // The texts that are the same in every bundle are compared as a whole.
        let step = if [README_FILE, SCRIPT_FILE].contains(&name.as_str()) { 101 } else { 3 };
        for at in (0..bytes.len()).step_by(step) {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap()[at] ^= 1 << (at % 7);
            let report = bundle::verify(&changed, &trusted());
            assert!(!report.is_good(), "{name} byte {at}");
        }
    }
}

#[test]
fn neighbours_are_linked_and_a_missing_file_is_named() {
    let files = bundled(3);
    let report = bundle::verify(&files, &trusted());
    let linked: Vec<bool> = report.records.iter().map(|one| one.linked).collect();
    assert_eq!(linked, [false, true, true]);
    for (name, told) in [
        ("records/1.json", "the file records/1.json is missing"),
        ("records/1.dsse.json", "the file records/1.dsse.json is missing"),
        ("records/1.tlog-proof", "the file records/1.tlog-proof is missing"),
        ("checkpoint", "the file checkpoint is missing"),
    ] {
        let mut changed = files.clone();
        changed.remove(name);
        let report = bundle::verify(&changed, &trusted());
        let problem = report.problems.first().map(|(_, fault)| fault.to_string());
        assert_eq!(problem.as_deref(), Some(told));
    }
}

#[test]
fn what_the_sender_calls_erased_must_be_called_so_by_a_record() {
    let mut files = bundled(2);
    let erased = vec![Erased { by: 1, record: 0 }];
    let case = Case { erased, ..Case::default() };
    files.insert(CASE_FILE.to_owned(), case.to_bytes().unwrap());
    let report = bundle::verify(&files, &trusted());
    assert_eq!(report.problems, [(Some(0), BundleFault::NotErased(1))]);
}

#[test]
fn the_page_is_told_what_holds_and_what_does_not() {
    let files = bundled(2);
    let text = inline::write(&files);
    let told = |text: &str, keys: Option<&str>| -> serde_json::Value {
        serde_json::from_str(&bundle::page_report(text, keys, None).unwrap()).unwrap()
    };
    let own = told(&text, None);
    assert_eq!((&own["trust"], own["records"].as_array().unwrap().len()), (&"own".into(), 2));
    assert_eq!(own["problems"], serde_json::json!([]));
    assert_eq!(own["records"][0]["entry"].as_str().unwrap().as_bytes(), files["records/0.json"]);
    let given = told(&text, Some(&trusted().to_text()));
    assert_eq!((&given["trust"], &given["problems"]), (&"given".into(), &serde_json::json!([])));
    let foreign = NamedKey::of_role(
        "log.example/adproof",
        Role::Checkpoint,
        MemoryKey::from_seed(&[77; 32]).public_key(),
    );
    let record = NamedKey::of_role(
        "log.example/adproof",
        Role::Record,
        MemoryKey::from_seed(&[78; 32]).public_key(),
    );
    let foreign = TrustedKeys::new([foreign.unwrap(), record.unwrap()]).unwrap().to_text();
    assert_eq!(told(&text, Some(&foreign))["problems"].as_array().unwrap().len(), 2);
    let unsorted = format!("x{text}");
    for (text, keys) in [(&unsorted, None), (&text, Some("nonsense")), (&String::new(), None)] {
        let none = told(text, keys);
        assert_eq!((&none["trust"], &none["records"]), (&"none".into(), &serde_json::json!([])));
        assert_eq!(none["problems"].as_array().unwrap().len(), 1);
    }
}
