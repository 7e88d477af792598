//! Mending any bytes converges, says what it did, and leaves nothing that it could mend.

#![no_main]

use adproof_vast::{Options, fix, lint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let mut options = Options::default();
    options.unsafe_fixes = first & 1 == 1;
    options.suppressions = first & 2 == 2;
    if first & 4 == 4 {
        let all = ["spec", "interop", "policy", "risk", "limit"];
        options.enable(&all).expect("axes are selectors");
    }
    let once = fix(bytes, &options);
    assert_eq!(once.applied.is_empty(), once.bytes == bytes);
    let twice = fix(&once.bytes, &options);
    assert_eq!(once.bytes, twice.bytes);
    assert!(twice.applied.is_empty());
    let report = lint(&once.bytes, &options);
    assert_eq!(report.findings, once.report.findings);
    // The mended document is read in the encoding in which it came, unless that was a guess.
    let before = lint(bytes, &options);
    if !before.findings.iter().any(|finding| finding.rule.contains("encoding")) {
        assert_eq!(report.encoding, before.encoding);
    }
});
