//! What strangers send, and what a tired person sends by mistake.

use std::fmt::Write as _;
use std::io::Write as _;

use adproof_feeds::{FeedFault, Limits, read_feed};
use proptest::prelude::*;
use rust_xlsxwriter::Workbook;
use zip::write::SimpleFileOptions;

use crate::support::{feed, refusal};

fn small() -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "IP").unwrap();
    sheet.write(0, 1, "Type").unwrap();
    sheet.write(1, 0, "3fff::1").unwrap();
    sheet.write(1, 1, "smartbot").unwrap();
    workbook.save_to_buffer().unwrap()
}

/// A zip archive of parts.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn fault(bytes: &[u8], limits: &Limits) -> FeedFault {
    read_feed("x-2026-05.xlsx", bytes, limits).unwrap_err().fault().clone()
}

#[test]
fn other_kinds_of_files_are_named_and_told_what_to_do() {
    let utf16 = |text: &str| -> Vec<u8> { text.bytes().flat_map(|b| [b, 0]).collect() };
    let compound = |stream: &str| {
        let mut bytes = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        bytes.extend([0; 600]);
        bytes.extend(utf16(stream));
        bytes
    };
    let all = [
        ("empty.xlsx", Vec::new()),
        ("pdf.xlsx", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3".to_vec()),
        ("page.csv", b"\xef\xbb\xbf\n<!DOCTYPE html><html>".to_vec()),
        ("tag.csv", b"<?xml version=\"1.0\"?><VAST/>".to_vec()),
        ("feed.csv.gz", b"\x1f\x8b\x08".to_vec()),
        ("feed.parquet", b"PAR1".to_vec()),
        ("old.xls", compound("Workbook")),
        ("locked.xlsx", compound("EncryptedPackage")),
        ("folder.zip", archive(&[("feed/", b""), ("feed/a.csv", b"ip\n")])),
        ("none.zip", archive(&[])),
        ("binary.xlsb", archive(&[("xl/workbook.bin", b"")])),
        ("sheet.ods", archive(&[("content.xml", b"")])),
        ("hollow.xlsx", archive(&[("xl/workbook.xml", b"")])),
        ("cut.xlsx", small()[..2_000].to_vec()),
    ];
    let messages: Vec<String> = all.iter().map(|(name, bytes)| refusal(name, bytes)).collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_decompression_bomb_is_refused_before_it_is_read() {
    let zeros = vec![b' '; 40 << 20];
    let sheet = ("xl/worksheets/sheet1.xml", zeros.as_slice());
    let bomb = archive(&[("xl/workbook.xml", b"<workbook/>"), sheet]);
    assert!(bomb.len() < 100_000);
    let message = refusal("bomb-2026-05.xlsx", &bomb);
    assert!(message.contains("a decompression bomb; do not open it"), "{message}");
}

#[test]
fn a_header_that_lies_about_its_size_is_not_believed() {
    let zeros = vec![b' '; 40 << 20];
    let sheet = ("xl/worksheets/sheet1.xml", zeros.as_slice());
    let mut bomb = archive(&[("xl/workbook.xml", b"<workbook/>"), sheet]);
    // The true size, in the local header and the central directory, becomes 1,000.
    let size = u32::try_from(zeros.len()).unwrap().to_le_bytes();
    let lie = 1_000_u32.to_le_bytes();
    let mut found = 0;
    for at in 0..bomb.len() - 4 {
        if bomb[at..at + 4] == size {
            bomb[at..at + 4].copy_from_slice(&lie);
            found += 1;
        }
    }
    assert!(found >= 1);
    assert!(read_feed("x-2026-05.xlsx", &bomb, &Limits::default()).is_err());
}

#[test]
fn bounds_of_a_workbook_hold_on_both_sides() {
    let bytes = small();
    let size = bytes.len() as u64;
    let base = Limits::default;
    let inflated = {
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
        let sizes = (0..archive.len()).map(|at| archive.by_index(at).unwrap().size());
        sizes.sum::<u64>()
    };
    let parts = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap().len();
    for (what, enough, short) in [
        ("bytes", Limits { bytes: size, ..base() }, Limits { bytes: size - 1, ..base() }),
        (
            "inflates",
            Limits { inflated_bytes: inflated, ..base() },
            Limits { inflated_bytes: inflated - 1, ..base() },
        ),
        ("parts", Limits { parts, ..base() }, Limits { parts: parts - 1, ..base() }),
        ("sheets", Limits { sheets: 1, ..base() }, Limits { sheets: 0, ..base() }),
        ("rows", Limits { rows: 2, ..base() }, Limits { rows: 1, ..base() }),
        ("columns", Limits { columns: 2, ..base() }, Limits { columns: 1, ..base() }),
    ] {
        read_feed("x-2026-05.xlsx", &bytes, &enough).unwrap();
        let message = fault(&bytes, &short).to_string();
        assert!(message.contains(what), "{what}: {message}");
    }
}

#[test]
fn the_ratio_counts_above_one_mebibyte() {
    let spaces = vec![b' '; 2 << 20];
    let read = |inflation_ratio| {
        let limits = Limits { inflation_ratio, ..Limits::default() };
        let bytes = archive(&[("xl/workbook.xml", &spaces)]);
        fault(&bytes, &limits)
    };
    assert!(matches!(read(10), FeedFault::Bomb { limit: 1_048_576, .. }));
    assert!(matches!(read(100_000), FeedFault::Workbook { .. }));
}

#[test]
fn merged_regions_are_bounded() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let plain = rust_xlsxwriter::Format::new();
    sheet.write(0, 0, "IP").unwrap();
    sheet.write(0, 1, "Type").unwrap();
    for row in [1, 3] {
        sheet.write(row, 0, format!("3fff::{row}")).unwrap();
        sheet.merge_range(row, 1, row + 1, 1, "smartbot", &plain).unwrap();
    }
    let bytes = workbook.save_to_buffer().unwrap();
    let limits = |merged_regions| Limits { merged_regions, ..Limits::default() };
    let read = read_feed("x-2026-05.xlsx", &bytes, &limits(2)).unwrap();
    // The second row of a region has no address and is blank: it is no row.
    assert_eq!((read.rows, read.rejected_total), (2, 0));
    assert!(fault(&bytes, &limits(1)).to_string().contains("merged regions"));
}

#[test]
fn bounds_of_rows_and_cells_hold_on_both_sides() {
    let text = b"title\nip,type\n3fff::1,a\n203.0.113.1,a\n203.0.113.2,a\n";
    let base = Limits::default;
    let read = |limits: &Limits| read_feed("x-2026-05.csv", text, limits);
    let rows = |rows| Limits { rows, ..base() };
    assert!(read(&rows(5)).is_ok() && read(&rows(4)).is_err());
    let columns = |columns| Limits { columns, ..base() };
    assert!(read(&columns(2)).is_ok() && read(&columns(1)).is_err());
    let header = |header_rows| Limits { header_rows, ..base() };
    assert!(read(&header(2)).is_ok() && read(&header(1)).is_err());
    let cell = |cell_bytes| Limits { cell_bytes, ..base() };
    assert_eq!(read(&cell(7)).unwrap().accepted.len(), 1);
    let long = read(&cell(6)).unwrap();
    assert_eq!(&*long.rejected[0].reason, "longer than 6 bytes");
    let kept = |rejects| read(&Limits { rejects, ..base() }).unwrap();
    assert_eq!((kept(2).rejected.len(), kept(2).rejected_total), (2, 2));
    assert_eq!((kept(1).rejected.len(), kept(1).rejected_total), (1, 2));
    let shown = |reject_bytes| read(&Limits { reject_bytes, ..base() }).unwrap();
    assert_eq!(&*shown(11).rejected[0].value, "203.0.113.1");
    assert_eq!(&*shown(10).rejected[0].value, "203.0.113.…");
    let wide = |widest_prefix| {
        let limits = Limits { widest_prefix, ..base() };
        read_feed("x-2026-05.csv", b"ip\n3fff::/20\n", &limits).unwrap()
    };
    assert_eq!((wide(20).accepted.len(), wide(21).accepted.len()), (1, 0));
}

#[test]
fn bounds_of_logs_hold_on_both_sides() {
    let line = "{\"id\":\"1\",\"leg\":\"vast\",\"observer\":\"x\",\"tag\":\"t\",\"time\":\"2026-05-27T00:00:00Z\",\"received\":\"2026-05-27T00:00:01Z\"}";
    let text = format!("{line}\n{line}\n");
    let read = |limits: &Limits| adproof_feeds::read_events("x", text.as_bytes(), limits);
    let events = |events| Limits { events, ..Limits::default() };
    assert!(read(&events(2)).is_ok() && read(&events(1)).is_err());
    let bytes = |bytes| Limits { bytes, ..Limits::default() };
    let size = text.len() as u64;
    assert!(read(&bytes(size)).is_ok() && read(&bytes(size - 1)).is_err());
    let lines = |line_bytes| Limits { line_bytes, ..Limits::default() };
    assert_eq!(read(&lines(line.len())).unwrap().events.len(), 2);
    assert_eq!(read(&lines(line.len() - 1)).unwrap().rejected_total, 2);
}

#[test]
fn a_cell_in_the_last_corner_costs_nothing() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.write(0, 0, "IP").unwrap();
    sheet.write(1, 0, "3fff::1").unwrap();
    sheet.write(1_048_575, 0, "3fff::2").unwrap();
    let issue = feed(workbook.save_to_buffer().unwrap());
    assert_eq!(issue.accepted[1].row, 1_048_576);
}

/// A workbook of one sheet with the given rows of XML, as the plainest writers make it.
fn plain_workbook(rows: &str) -> Vec<u8> {
    workbook_with(rows, "", &[])
}

/// The same with XML after the rows and with parts of one's own.
fn workbook_with(rows: &str, after: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData>{after}</worksheet>");
    let sheet: [(&str, &[u8]); 1] = [("xl/worksheets/sheet1.xml", sheet.as_bytes())];
    workbook_of(&[&sheet, more].concat())
}

/// A workbook of the given parts, of which one is `sheet1.xml`.
fn workbook_of(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let rels = |kind: &str, target: &str| {
        format!(
            "<Relationships><Relationship Id=\"rId1\" Type=\"x/relationships/{kind}\" \
             Target=\"{target}\"/></Relationships>"
        )
    };
    let workbook =
        "<workbook><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>";
    let package = rels("officeDocument", "xl/workbook.xml");
    let sheets = rels("worksheet", "worksheets/sheet1.xml");
    let frame: [(&str, &[u8]); 3] = [
        ("_rels/.rels", package.as_bytes()),
        ("xl/workbook.xml", workbook.as_bytes()),
        ("xl/_rels/workbook.xml.rels", sheets.as_bytes()),
    ];
    archive(&[&frame, parts].concat())
}

#[test]
fn parts_that_would_stop_the_spreadsheet_library_are_refused() {
    let rows = "<row><c t=\"s\"><v>0</v></c></row><row><c t=\"s\"><v>1</v></c></row>";
    let strings = |count: &str| {
        let items = "<si><t>IP</t></si><si><t>3fff::1</t></si>";
        format!("<sst uniqueCount=\"{count}\">{items}</sst>")
    };
    let formats = |brackets: usize| {
        let code = "[".repeat(brackets);
        format!(
            "<styleSheet><numFmts><numFmt numFmtId=\"170\" formatCode=\"{code}\"/></numFmts>\
             <cellXfs><xf numFmtId=\"170\"/></cellXfs></styleSheet>"
        )
    };
    let merged = |region: &str| format!("<mergeCells><mergeCell ref=\"{region}\"/></mergeCells>");
    let read = |count: &str, brackets: usize, region: &str, shared_strings: u64| {
        let (strings, formats) = (strings(count), formats(brackets));
        let more: [(&str, &[u8]); 2] =
            [("xl/sharedStrings.xml", strings.as_bytes()), ("xl/styles.xml", formats.as_bytes())];
        let bytes = workbook_with(rows, &merged(region), &more);
        let limits = Limits { shared_strings, ..Limits::default() };
        let read = read_feed("x-2026-05.xlsx", &bytes, &limits);
        read.map(|issue| issue.accepted.len()).map_err(|error| error.fault().to_string())
    };
    assert_eq!(read("2", 255, "A1:B2", 2), Ok(1));
    let refused = |result: Result<usize, String>| result.unwrap_err();
    assert_eq!(refused(read("3", 1, "A1:B2", 2)), "the file has more than 2 shared strings");
    for count in ["99999999999999999999", "-1", "4000001"] {
        assert!(refused(read(count, 1, "A1:B2", 4_000_000)).contains("shared strings"));
    }
    assert!(refused(read("2", 256, "A1:B2", 2)).contains("impossible formatCode"));
    assert!(refused(read("2", 1, "B2:A1", 2)).contains("impossible ref"));
}

#[test]
fn two_hundred_thousand_rows_are_read_whole() {
    let cell = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let mut rows = format!("<row>{}{}</row>", cell("IP"), cell("Type"));
    for row in 0..200_000_u32 {
        let address = format!("3fff:12:{:x}:{:x}::1", row >> 16, row & 0xffff);
        write!(rows, "<row>{}{}</row>", cell(&address), cell("smartbot")).unwrap();
    }
    let bytes = plain_workbook(&rows);
    let issue = feed(bytes);
    assert_eq!((issue.rows, issue.accepted.len()), (200_000, 200_000));
    assert_eq!(issue.accepted.last().map(|indicator| indicator.row), Some(200_001));
}

#[test]
fn rows_and_cells_that_lie_about_their_place_are_an_answer() {
    let cell = |place: &str, text: &str| {
        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    };
    let header = format!("<row r=\"1\">{}{}</row>", cell("A1", "IP"), cell("B1", "Type"));
    let read = |rows: String| {
        let bytes = plain_workbook(&format!("{header}{rows}"));
        read_feed("x-2026-05.xlsx", &bytes, &Limits::default())
    };
    // Backwards, and the same row twice: each run of cells is a row.
    let back =
        read(format!("<row>{}</row><row>{}</row>", cell("A9", "3fff::1"), cell("A3", "3fff::2")));
    let rows: Vec<u64> = back.unwrap().accepted.iter().map(|i| i.row).collect();
    assert_eq!(rows, [9, 3]);
    insta::assert_snapshot!(
        read(format!("<row>{}</row>", cell("ZZZZZZZ1", "3fff::1"))).unwrap_err(),
        @r#"x-2026-05.xlsx: the workbook cannot be read: <c> has the impossible r "ZZZZZZZ1"; fetch it again in case it was cut off, or open it in the spreadsheet program and save it again as .xlsx or CSV"#
    );
    for place in ["A0", "A99999999999", "ZZZZZZZ1", "1A", "", "é", "A1:B2", "A-1"] {
        let _ = read(format!("<row>{}</row>", cell(place, "3fff::1")));
    }
    for row in ["0", "4294967295", "4294967296", "-1", "x", ""] {
        let text = "<c t=\"inlineStr\"><is><t>3fff::1</t></is></c>";
        let _ = read(format!("<row r=\"{row}\">{text}</row><row>{text}</row>"));
    }
    let index = |text: &str| format!("<row r=\"2\"><c r=\"A2\" t=\"s\"><v>{text}</v></c></row>");
    for text in ["0", "99999999", "-1", "x", ""] {
        let _ = read(index(text));
    }
}

#[test]
fn truncation_at_every_byte_is_an_answer() {
    let workbook = small();
    for end in 0..workbook.len() {
        let _ = read_feed("x-2026-05.xlsx", &workbook[..end], &Limits::default());
    }
    let csv = "Title\n\nIP,fraudType,probability,provider\n3fff::1,smartbot,0.95,\"A, B\"\r\n[3fff::2]:443,,n/a,\u{a0}Télé\n";
    for end in 0..csv.len() {
        let _ = read_feed("x-2026-05.csv", &csv.as_bytes()[..end], &Limits::default());
    }
}

#[test]
fn a_flipped_byte_is_an_answer() {
    let workbook = small();
    for at in 0..workbook.len() {
        let mut bytes = workbook.clone();
        bytes[at] ^= 0x55;
        let _ = read_feed("x-2026-05.xlsx", &bytes, &Limits::default());
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = read_feed("x-2026-05", &bytes, &Limits::default());
    }

    #[test]
    fn no_json_panics(text in "[\\{\\[][\\[\\]\\{\\}\":,a-z0-9 '\n]{0,80}") {
        let _ = read_feed("x-2026-05", text.as_bytes(), &Limits::default());
    }

    #[test]
    fn no_table_panics(text in "(ip|type|score|3fff::1|[,;\t\n\"|]|#N/A|\u{a0}){0,40}") {
        let _ = read_feed("x-2026-05", text.as_bytes(), &Limits::default());
    }

    /// Rows are accepted, duplicate or rejected, and nothing else happens to them.
    #[test]
    fn rows_add_up(cells in prop::collection::vec("(3fff::[1-9]|203.0.113.1|x|3fff::/48)?", 0..40)) {
        let text = format!("ip,type\n{}\n", cells.iter().map(|c| format!("{c},a")).collect::<Vec<_>>().join("\n"));
        let issue = read_feed("x-2026-05.csv", text.as_bytes(), &Limits::default()).unwrap();
        prop_assert_eq!(
            issue.rows,
            issue.accepted.len() as u64 + issue.duplicates + issue.rejected_total
        );
    }
}

/// What fuzzing starts from, and what it once found, stays readable without a panic.
#[test]
fn the_committed_corpus_is_replayed() {
    let folder = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus/workbook_read");
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 9);
    let limits = Limits::default();
    for path in names {
        let bytes = std::fs::read(&path).unwrap();
        let _ = read_feed("x-2026-05", &bytes, &limits);
        let _ = adproof_feeds::read_events("x", &bytes, &limits);
        let _ = adproof_feeds::AsnTable::read("x", &bytes, &limits);
        // Bytes with a separator are the sheet, the strings and the styles of a workbook.
        let mut parts = bytes.split(|byte| *byte == 0x1e);
        if path.extension().is_none_or(|kind| kind != "bin") {
            continue;
        }
        if let (Some(sheet), Some(strings), Some(styles)) =
            (parts.next(), parts.next(), parts.next())
        {
            let more = [
                ("xl/worksheets/sheet1.xml", sheet),
                ("xl/sharedStrings.xml", strings),
                ("xl/styles.xml", styles),
            ];
            let issue = read_feed("x-2026-05", &workbook_of(&more), &limits);
            assert!(issue.is_ok_and(|issue| issue.accepted.len() == 1), "{path:?}");
        }
    }
}
