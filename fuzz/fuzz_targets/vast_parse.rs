//! Any bytes are read and judged without a panic, inside the bounds; what is called whole is what
//! quick-xml reads, element by element.

#![no_main]

use adproof_model::{DocumentKind, DocumentOutcome};
use adproof_vast::{Limits, Options, lint, parse};
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/vast/tests/it/reference.rs"]
mod reference;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    let doc = parse(bytes, &limits);
    for id in doc.elements() {
        assert!(doc.element_span(id).slice(bytes).is_some());
        assert!(doc.tag_span(id).slice(bytes).is_some());
        if let Some(span) = doc.content_span(id) {
            assert!(span.slice(bytes).is_some());
        }
    }
    let mut options = Options::default();
    options.suppressions = bytes.len() % 2 == 1;
    let report = lint(bytes, &options);
    assert!(report.findings.len() <= limits.findings as usize + 1);
    for finding in &report.findings {
        assert!(finding.span.slice(bytes).is_some());
    }
    let whole = matches!(
        report.verdict.outcome,
        DocumentOutcome::Clean | DocumentOutcome::Findings
    );
    // Beyond the limits our reader skips on purpose.
    let cut = report.findings.iter().any(|finding| finding.rule.starts_with("limit-"));
    if whole && !cut && report.verdict.kind != DocumentKind::Unknown && doc.encoding() == "UTF-8" {
        // Space between the elements of a mixed content is dropped by us.
        let plain = |lines: reference::Lines| -> reference::Lines {
            let dense = |text: String| text.split_ascii_whitespace().collect();
            lines.into_iter().map(|(name, all, text)| (name, all, dense(text))).collect()
        };
        let theirs = reference::read(doc.text()).map(plain);
        assert_eq!(theirs, Some(plain(reference::lines(&doc))));
    }
});
