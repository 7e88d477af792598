//! The bundles that the fuzzer starts from are told apart. `UPDATE_VECTOR=1` writes them again.

use std::fs;
use std::path::Path;

use adproof_ledger::Body;
use adproof_ledger::bundle::{self, Case, Erased, inline};

use crate::sample::{bodies, draft, log_of, trusted};
use crate::vector::bundle_of;

/// Bundles of a decision and one record of each other type: one that holds, one with an edit, one
/// with the signature of another record.
fn bundles() -> Vec<(&'static str, String)> {
    let decision = || Body::Decision(Box::new(draft(0)));
    let first = log_of(vec![decision()]);
    let mut all = vec![decision()];
    all.extend(bodies(first.records[0].leaf));
    let by = all.iter().position(|body| matches!(body, Body::Erase(_))).unwrap();
    let erased = vec![Erased { by: by.try_into().unwrap(), record: 0 }];
    let case = Case { case: "seed".to_owned(), erased, recipient: Some("B".to_owned()) };
    let files = bundle_of(&log_of(all), &case);
    let mut edited = files.clone();
    let record = edited.get_mut("records/0.json").unwrap();
    *record = String::from_utf8_lossy(record).replace("observe", "block").into_bytes();
    let mut swapped = files.clone();
    swapped.insert("records/0.dsse.json".to_owned(), files["records/1.dsse.json"].clone());
    [("good", files), ("edited", edited), ("swapped", swapped)]
        .map(|(name, files)| (name, inline::write(&files)))
        .into()
}

#[test]
fn the_fuzzers_bundles_are_told_apart() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/bundle_verify");
    for (name, text) in bundles() {
        let path = corpus.join(name);
        if std::env::var_os("UPDATE_VECTOR").is_some() {
            fs::create_dir_all(&corpus).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap();
        assert!(
            committed == text,
            "{name} is stale: UPDATE_VECTOR=1 cargo test -p adproof-ledger --test it bundles"
        );
        let files = inline::parse(&committed, &inline::Limits::default()).unwrap();
        let report = bundle::verify(&files, &trusted());
        assert_eq!(report.is_good(), name == "good", "{name}: {:?}", report.problems);
    }
}
