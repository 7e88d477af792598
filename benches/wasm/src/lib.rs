//! The linter alone as WebAssembly: what a page needs that shows findings and nothing else.

use std::fmt::Write as _;

use std::sync::LazyLock;

use adproof_vast::{Options, check, mend};
use wasm_bindgen::prelude::wasm_bindgen;

/// Made once, as a program would.
static OPTIONS: LazyLock<Options> = LazyLock::new(Options::default);

/// How many findings a document has.
#[wasm_bindgen]
#[must_use]
pub fn count(bytes: &[u8]) -> usize {
    check(bytes, &OPTIONS).findings.len()
}

/// The findings, one a line: rule, severity, first byte, end, path and message, separated by tabs.
#[wasm_bindgen]
#[must_use]
pub fn findings(bytes: &[u8]) -> String {
    let mut out = String::new();
    for finding in check(bytes, &OPTIONS).findings.iter() {
        let (span, severity) = (finding.span, finding.severity);
        let (path, message) = (&finding.path, &finding.message);
        let _ = writeln!(
            out,
            "{}\t{severity}\t{}\t{}\t{path}\t{message}",
            finding.rule, span.start, span.end
        );
    }
    out
}

/// The document with its safe fixes applied.
#[wasm_bindgen]
#[must_use]
pub fn mended(bytes: &[u8]) -> Vec<u8> {
    mend(bytes, &OPTIONS).0
}
