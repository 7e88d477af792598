//! Any bytes are read, judged and mended without a panic, inside the bounds, to a fixed point.

#![no_main]

use adproof_vast::{Limits, Options, fix, lint, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let doc = parse(bytes, &Limits::default());
    for id in doc.elements() {
        assert!(doc.element_span(id).slice(bytes).is_some());
        assert!(doc.tag_span(id).slice(bytes).is_some());
        if let Some(span) = doc.content_span(id) {
            assert!(span.slice(bytes).is_some());
        }
    }
    let options = Options::default();
    let report = lint(bytes, &options);
    assert!(report.findings.len() <= 801);
    for finding in &report.findings {
        assert!(finding.span.slice(bytes).is_some());
    }
    let once = fix(bytes, &options);
    let twice = fix(&once.bytes, &options);
    assert_eq!(once.bytes, twice.bytes);
});
