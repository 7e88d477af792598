//! The three workbooks: what people do to a table before they send it.

use anyhow::Context as _;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet};

use super::issues::Row;

const DISCLAIMER: &str = "Probabilistic opinion of the publisher, not a verdict on any subscriber. \
                          Synthetic data in documentation address space.";

/// A workbook whose bytes depend on nothing but its content.
fn workbook(day: (u16, u8, u8)) -> anyhow::Result<Workbook> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(day.0, day.1, day.2)?;
    let properties = DocProperties::new()
        .set_title("IPv6 indicators of invalid traffic")
        .set_author("The adproof developers")
        .set_creation_datetime(&created);
    workbook.set_properties(&properties);
    Ok(workbook)
}

fn title(sheet: &mut Worksheet, text: &str, last_column: u16) -> anyhow::Result<()> {
    let bold = Format::new().set_bold();
    sheet.merge_range(0, 0, 0, last_column, text, &bold)?;
    sheet.merge_range(2, 0, 3, last_column, DISCLAIMER, &Format::new().set_text_wrap())?;
    Ok(())
}

fn read_me(workbook: &mut Workbook) -> anyhow::Result<()> {
    let sheet = workbook.add_worksheet().set_name("Read me")?;
    for (row, line) in (0_u32..).zip([
        "What this is",
        "Rows are ordered by probability. A list is cut at fifty rows: absence is not innocence.",
        "An issue replaces the one before; it is not added to it.",
    ]) {
        sheet.write(row, 0, line)?;
    }
    sheet.write(5, 0, "Fraud type")?;
    sheet.write(5, 1, "Meaning")?;
    sheet.write(6, 0, "displayImpressionFraud")?;
    sheet.write(6, 1, "Display impressions that no person saw")?;
    Ok(())
}

/// Hundredths as the fraction that a spreadsheet holds.
fn fraction(hundredths: u64) -> f64 {
    u32::try_from(hundredths).map_or(0.0, f64::from) / 100.0
}

/// W20: header in row 6, faults that must be rejected one by one.
pub(super) fn week_20(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut workbook = workbook((2026, 5, 18))?;
    read_me(&mut workbook)?;
    let sheet = workbook.add_worksheet().set_name("Indicators")?;
    title(sheet, "IPv6 indicators, week 20 of 2026", 6)?;
    for (column, name) in
        [(1, "IVT Type"), (2, "IPv6 Address"), (4, "Carrier"), (5, "Score"), (6, "Comment")]
    {
        sheet.write(5, column, name)?;
    }
    let mut at = 6;
    for (index, row) in rows.iter().enumerate() {
        let text = match index % 5 {
            1 => row.address.to_string().to_uppercase(),
            3 => format!("{} ", row.address),
            _ => row.address.to_string(),
        };
        sheet.write(at, 1, row.kind)?;
        sheet.write(at, 2, text)?;
        sheet.write(at, 4, row.provider())?;
        sheet.write(at, 5, fraction(row.probability))?;
        at += if index % 9 == 8 { 2 } else { 1 };
    }
    // What a spreadsheet does to what it takes for a number, a date or a formula.
    let date = Format::new().set_num_format("yyyy-mm-dd");
    sheet.write(at, 2, 3.3e15)?;
    sheet.write(at + 1, 2, "3.00E+12")?;
    sheet.write_with_format(at + 2, 2, 46_157, &date)?;
    sheet.write(at + 3, 2, "#NAME?")?;
    sheet.write(at + 4, 2, "203.0.113.7")?;
    for row in at..at + 5 {
        sheet.write(row, 1, "displayImpressionFraud")?;
    }
    // The same row again: a block is marked once in an issue.
    let first = rows.first().context("an issue has rows")?;
    sheet.write(at + 5, 1, first.kind)?;
    sheet.write(at + 5, 2, first.address.to_string())?;
    sheet.write(at + 7, 1, "End of list")?;
    Ok(workbook.save_to_buffer()?)
}

/// W21: other names, percentages, a provider written once for several rows, a second sheet with
/// addresses that is a reference and no list.
pub(super) fn week_21(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut workbook = workbook((2026, 5, 25))?;
    let sheet = workbook.add_worksheet().set_name("IOC 2026-W21")?;
    title(sheet, "IPv6 indicators, week 21 of 2026", 5)?;
    for (column, name) in
        [(0, "ISP"), (1, "Indicator"), (2, "Category"), (3, "Confidence (%)"), (5, "Seen")]
    {
        sheet.write(7, column, name)?;
    }
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.network, row.address));
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let plain = Format::new();
    let mut at = 8;
    for rows in sorted.chunk_by(|a, b| a.network == b.network) {
        let provider = rows.first().context("a chunk has rows")?.provider();
        let last = at + u32::try_from(rows.len())? - 1;
        if last > at {
            sheet.merge_range(at, 0, last, 0, provider, &plain)?;
        } else {
            sheet.write(at, 0, provider)?;
        }
        for row in rows {
            let text = match at % 4 {
                0 => format!("[{}]:443", row.address),
                1 => format!("\u{200b}{}", row.address),
                2 => row.address.to_string().replace(':', "[:]"),
                _ => format!("{}/128", row.address),
            };
            sheet.write(at, 1, text)?;
            sheet.write(at, 2, row.kind)?;
            sheet.write(at, 3, u32::try_from(row.probability)?)?;
            sheet.write_with_format(at, 5, 46_160 + at % 5, &date)?;
            at += 1;
        }
    }
    sheet.write(at, 1, 20_010_101)?;
    sheet.write(at, 2, "displayImpressionFraud")?;
    sheet.write(at + 1, 1, "3fff:10:42:7::/129")?;
    sheet.write(at + 2, 1, "Indicator")?;
    sheet.write(at + 2, 2, "Category")?;
    let gateways = workbook.add_worksheet().set_name("Gateways")?;
    gateways.write(0, 0, "A reference, not a blocklist")?;
    gateways.write(2, 0, "IP")?;
    gateways.write(2, 1, "Operator")?;
    gateways.write(3, 0, "3fff:c0:1:1::1")?;
    gateways.write(3, 1, "Example Relay")?;
    Ok(workbook.save_to_buffer()?)
}

/// May: everything a person does to the cells, and nothing that loses an address.
pub(super) fn may(rows: &[Row]) -> anyhow::Result<Vec<u8>> {
    let mut workbook = workbook((2026, 5, 31))?;
    let sheet = workbook.add_worksheet().set_name("IPv6 IOC")?;
    title(sheet, "IPv6 Indicators of Invalid Traffic, May 2026", 7)?;
    for (column, name) in [
        (1, "#"),
        (2, "Indicator (IPv6)"),
        (3, "IP Type"),
        (4, "Fraud Type"),
        (6, "ISP / Organization"),
        (7, "Probability"),
    ] {
        sheet.write(6, column, name)?;
    }
    let plain = Format::new();
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.network, row.address));
    let (mut at, mut number) = (7, 0_u32);
    for rows in sorted.chunk_by(|a, b| a.network == b.network) {
        let provider = rows.first().context("a chunk has rows")?.provider();
        // One provider is written once, over its two rows.
        if let [_, _] = rows {
            sheet.merge_range(at, 6, at + 1, 6, provider, &plain)?;
        }
        for row in rows {
            number += 1;
            let text = match number % 6 {
                1 => row.address.to_string().to_uppercase(),
                2 => format!("[{}]", row.address),
                3 => format!("{}\u{a0}", row.address),
                4 => format!("  {} ", row.address),
                5 => row.address.segments().map(|group| format!("{group:04x}")).join(":"),
                _ => row.address.to_string(),
            };
            sheet.write(at, 1, number)?;
            sheet.write(at, 2, text)?;
            sheet.write(at, 3, "IPv6")?;
            let kind = match number % 7 {
                3 => format!("{} ", row.kind),
                _ => row.kind.to_owned(),
            };
            sheet.write(at, 4, kind)?;
            if rows.len() != 2 {
                let name = match number % 5 {
                    2 => format!("{provider}\u{a0}"),
                    4 => format!(" {provider}"),
                    _ => provider.to_owned(),
                };
                sheet.write(at, 6, name)?;
            }
            sheet.write(at, 7, fraction(row.probability))?;
            at += 1;
        }
        // A blank line after a long group.
        if rows.len() > 2 {
            at += 1;
        }
    }
    read_me(&mut workbook)?;
    Ok(workbook.save_to_buffer()?)
}
