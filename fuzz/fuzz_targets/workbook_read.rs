//! Any bytes are a feed, an event log or an ASN table, or are refused; none panics, and the rows of
//! a feed add up.
//!
//! Mutating a zip archive mostly breaks its checksums, so bytes with the separator 0x1e are also
//! taken as the parts of a workbook (sheet, shared strings, styles) and packed into one.
#![no_main]

use std::io::{Cursor, Write as _};

use adproof_feeds::{AsnTable, EventLines, Limits, read_events, read_feed};
use libfuzzer_sys::fuzz_target;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        inflated_bytes: 1 << 20,
        shared_strings: 1 << 16,
        ..Limits::default()
    };
    feed(bytes, &limits);
    let _ = read_events("x", bytes, &limits);
    let _ = AsnTable::read("x", bytes, &limits);
    let mut lines = EventLines::new(&limits);
    for piece in bytes.chunks(7) {
        lines.push(piece);
        lines.by_ref().for_each(drop);
    }
    lines.finish();
    lines.for_each(drop);
    if bytes.contains(&0x1e) {
        feed(&workbook(bytes), &limits);
    }
});

fn feed(bytes: &[u8], limits: &Limits) {
    if let Ok(issue) = read_feed("x-2026-05", bytes, limits) {
        let accepted = issue.accepted.len() as u64;
        assert_eq!(issue.rows, accepted + issue.duplicates + issue.rejected_total);
        assert!(issue.rejected.len() <= limits.rejects);
    }
}

fn workbook(bytes: &[u8]) -> Vec<u8> {
    const PACKAGE: &str = r#"<Relationships><Relationship Id="rId1" Type="x/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    const WORKBOOK: &str = r#"<workbook><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
    const SHEETS: &str = r#"<Relationships><Relationship Id="rId1" Type="x/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;
    let mut parts = bytes.split(|byte| *byte == 0x1e);
    let mut next = || parts.next().unwrap_or(&[]);
    let all = [
        ("_rels/.rels", PACKAGE.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", SHEETS.as_bytes()),
        ("xl/worksheets/sheet1.xml", next()),
        ("xl/sharedStrings.xml", next()),
        ("xl/styles.xml", next()),
    ];
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in all {
        let written = archive
            .start_file(name, options)
            .and_then(|()| Ok(archive.write_all(content)?));
        written.expect("a vector takes what is written");
    }
    let archive = archive.finish().expect("a vector takes what is written");
    archive.into_inner()
}
