//! Any text is the files of a bundle in their one form, or is refused; whatever the files hold, the
//! check ends, tells the page in JSON, and believes nothing that the log's keys have not signed.
//!
//! The keys that are trusted are those of the seeds, which no run can forge: a record that holds
//! under them must be one of the seeds', byte for byte.
#![no_main]

use std::sync::LazyLock;

use adproof_ledger::bundle::{self, Outside, inline};
use adproof_ledger::{Hash, TrustedKeys};
use libfuzzer_sys::fuzz_target;

/// A bundle of our own: the committed seed.
static SEED: &str = include_str!("../corpus/bundle_verify/good");

struct Known {
    trusted: TrustedKeys,
    leaves: Vec<Hash>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let files = inline::parse(SEED, &inline::Limits::default()).expect("the seed is a bundle");
    let trusted = bundle::own_keys(&files).expect("the seed has keys");
    let report = bundle::verify(&files, &trusted);
    assert!(report.is_good(), "{:?}", report.problems);
    let leaves = report.records.iter().map(|one| one.verified.leaf()).collect();
    Known { trusted, leaves }
});

fuzz_target!(|text: &str| {
    let Ok(files) = inline::parse(text, &inline::Limits::default()) else {
        return;
    };
    assert_eq!(inline::write(&files), text);
    let report = bundle::verify(&files, &KNOWN.trusted);
    for one in &report.records {
        assert!(KNOWN.leaves.contains(&one.verified.leaf()));
    }
    let told = bundle::page_report(text, None, None).expect("what was read can be told");
    assert!(told.starts_with("{\"anchors\":"));
    if let Some(own) = bundle::own_keys(&files) {
        let outside = Outside { believe_sender: true, ..Outside::default() };
        let good = bundle::verify_with(&files, &own, &outside).is_good();
        assert_eq!(good, told.contains("\"problems\":[],\"records\""));
    }
});
