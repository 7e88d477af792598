//! What is said of a text does not depend on the encoding in which it comes, and the places that are
//! named cut out the same characters.

#![no_main]

use adproof_vast::{Options, Report, lint};
use libfuzzer_sys::fuzz_target;

/// Labels that an XML declaration may name, some of nothing.
const LABELS: [&str; 16] = [
    "UTF-8", "utf-16", "UTF-16BE", "ISO-8859-1", "windows-1251", "Shift_JIS", "GB18030", "Big5",
    "EUC-KR", "ISO-2022-JP", "x-user-defined", "replacement", "macintosh", "koi8-r", "IBM866", "?",
];

fn said(report: &Report) -> Vec<(&str, &str, &str)> {
    let findings = report.findings.iter();
    findings.map(|finding| (finding.rule, &*finding.path, &*finding.message)).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let options = Options::default();
    // Any bytes under any declaration.
    let label = LABELS[usize::from(*first) % LABELS.len()];
    let mut declared = format!("<?xml version=\"1.0\" encoding=\"{label}\"?>").into_bytes();
    declared.extend_from_slice(bytes);
    for finding in lint(&declared, &options).findings {
        assert!(finding.span.slice(&declared).is_some());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // A mark of the byte order, or a declaration, makes another document of the same characters.
    if text.starts_with('\u{feff}') || text.contains("<?xml") || text.contains('\0') || text.is_empty() {
        return;
    }
    let plain = lint(bytes, &options);
    // What is no text at all is known by its bytes.
    if plain.findings.iter().any(|finding| finding.rule.ends_with("-instead-of-vast")) {
        return;
    }
    let little: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let big: Vec<u8> = [0xfe, 0xff]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
        .collect();
    for (other, swap) in [(&little, false), (&big, true)] {
        // Longer than the bound on bytes in one encoding and not in the other.
        if other.len() > options.limits.bytes as usize {
            continue;
        }
        let report = lint(other, &options);
        assert_eq!(said(&report), said(&plain));
        for (theirs, ours) in report.findings.iter().zip(&plain.findings) {
            let units: Vec<u16> = theirs
                .span
                .slice(other)
                .expect("a span lies inside")
                .chunks_exact(2)
                .map(|pair| {
                    let pair = [pair[0], pair[1]];
                    if swap { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
                })
                .collect();
            let cut = ours.span.slice(bytes).expect("a span lies inside");
            assert_eq!(String::from_utf16_lossy(&units).as_bytes(), cut);
        }
    }
});
