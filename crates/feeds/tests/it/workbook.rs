use rust_xlsxwriter::{Format, Workbook};

use crate::support::{facts, feed, refusal, rejects};

#[test]
fn a_workbook_with_titles_merged_cells_and_a_second_sheet_is_read() {
    let mut workbook = Workbook::new();
    let notes = workbook.add_worksheet().set_name("Read me").unwrap();
    notes.write(0, 0, "Type").unwrap();
    notes.write(0, 1, "Meaning").unwrap();
    let sheet = workbook.add_worksheet().set_name("IOC").unwrap();
    let plain = Format::new();
    sheet.merge_range(0, 0, 0, 5, "IPv6 indicators", &plain).unwrap();
    sheet.write(2, 1, "An opinion, not a verdict").unwrap();
    for (column, name) in [(1, "Carrier"), (2, "IVT Type"), (4, "IPv6 Address"), (5, "Score")] {
        sheet.write(8, column, name).unwrap();
    }
    for (row, address) in (10_u32..).zip(["3FFF:12::A\u{a0}", "[3fff:12::b]", "3fff:13::c"]) {
        sheet.write(row, 4, address).unwrap();
        sheet.write(row, 5, 0.95).unwrap();
    }
    sheet.merge_range(10, 1, 11, 1, "Spectrum", &plain).unwrap();
    sheet.write(12, 1, "Play ").unwrap();
    sheet.merge_range(10, 2, 12, 2, "smartbot", &plain).unwrap();
    sheet.write(13, 4, 3.3e15).unwrap();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    sheet.write_with_format(14, 4, 46_000, &date).unwrap();
    let issue = feed(workbook.save_to_buffer().unwrap());
    assert_eq!(issue.sheet.as_deref(), Some("IOC"));
    assert_eq!(issue.header_row, Some(9));
    assert_eq!(
        facts(&issue),
        [
            ("3fff:12::a/128".into(), "smartbot".into(), "Spectrum".into()),
            ("3fff:12::b/128".into(), "smartbot".into(), "Spectrum".into()),
            ("3fff:13::c/128".into(), "smartbot".into(), "Play".into()),
        ]
    );
    assert_eq!(issue.accepted[0].probability_ppm, Some(950_000));
    let rejects = rejects(&issue);
    assert_eq!((rejects[0].0, rejects[0].1), (14, "3.3E+15"));
    assert_eq!((rejects[1].0, rejects[1].1), (15, "2025-12-09"));
}

#[test]
fn a_workbook_without_an_address_column_names_every_sheet() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("Hosts").unwrap();
    sheet.write(4, 0, "Host").unwrap();
    sheet.write(4, 1, "Reason").unwrap();
    workbook.add_worksheet().set_name("Empty").unwrap();
    insta::assert_snapshot!(
        refusal("feed-2026-05.xlsx", workbook.save_to_buffer().unwrap()),
        @r#"feed-2026-05.xlsx: no address column found (sheet "Hosts": rows 1 to 5 searched, columns seen in row 5: Host | Reason; sheet "Empty": no rows); name one column "IPv6 address", "IP", "Indicator" or the like"#
    );
}

/// The indicators of May again, as another person would lay them out.
#[test]
fn another_layout_of_the_same_content_gives_the_same_indicators() {
    let name = "ioc-ipv6-2026-05.xlsx";
    let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let may = feed(std::fs::read(path.join(name)).unwrap());
    assert_eq!(may.accepted.len(), 25);

    let mut workbook = Workbook::new();
    let notes = workbook.add_worksheet().set_name("Legend").unwrap();
    notes.write(0, 0, "Category").unwrap();
    notes.write(0, 1, "Meaning").unwrap();
    let sheet = workbook.add_worksheet().set_name("Suspects").unwrap();
    sheet.write(0, 3, "Suspicious sources, issue 5").unwrap();
    sheet.write(2, 0, "Internal use only").unwrap();
    sheet.write(3, 0, "An address may be shared, reassigned or spoofed.").unwrap();
    for (column, name) in [
        (1, "Network Operator"),
        (3, "Confidence"),
        (4, "IP Address"),
        (5, "Connection Type"),
        (7, "IVT_Category"),
        (8, "Last seen"),
    ] {
        sheet.write(8, column, name).unwrap();
    }
    let mut row = 9;
    for (index, indicator) in may.accepted.iter().rev().enumerate() {
        let address = indicator.prefix.first();
        let full = address.segments().map(|group| format!("{group:04X}")).join(":");
        let text = match index % 8 {
            0 => address.to_string(),
            1 => full,
            2 => format!("[{address}]:8443"),
            3 => format!("{address}/128"),
            4 => format!("\u{200b}{address}\u{a0}"),
            5 => address.to_string().replace(':', "[:]"),
            6 => format!("{full}:443"),
            _ => format!("{address}%eth0"),
        };
        sheet.write(row, 4, text).unwrap();
        sheet.write(row, 1, format!(" {} ", indicator.provider.as_deref().unwrap())).unwrap();
        sheet.write(row, 7, indicator.fraud_type.as_str().to_uppercase()).unwrap();
        sheet.write(row, 3, format!("{} %", indicator.probability_ppm.unwrap() / 10_000)).unwrap();
        row += if index % 6 == 5 { 2 } else { 1 };
    }
    let other = feed(workbook.save_to_buffer().unwrap());
    assert_eq!((other.sheet.as_deref(), other.header_row), (Some("Suspects"), Some(9)));
    assert_eq!((other.rows, other.rejected_total, other.duplicates), (25, 0, 0));
    let sorted = |issue| {
        let mut facts = facts(issue);
        facts.sort();
        facts
    };
    assert_eq!(sorted(&other), sorted(&may));
    let probabilities = |issue: &adproof_feeds::FeedIssue| {
        let mut all: Vec<_> =
            issue.accepted.iter().map(|i| (i.prefix, i.probability_ppm)).collect();
        all.sort();
        all
    };
    assert_eq!(probabilities(&other), probabilities(&may));
}
