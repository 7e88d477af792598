//! The check of a workbook's XML before the spreadsheet library computes with it.
//!
//! calamine 0.38 sets aside memory for as many shared strings as the file declares, computes cell
//! references and regions in 32 bits without a check, and counts brackets of a number format in
//! eight. What would make it stop is refused here, by the same XML reader with the same settings,
//! so that both see the same events.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::{FeedFault, Limits};

/// A spreadsheet's own bounds: XFD1048576 is its last cell.
const ROWS: u32 = 1_048_576;
const COLUMNS: u32 = 16_384;
/// A spreadsheet's own bound on a number format.
const FORMAT_CHARS: usize = 255;

/// Checks one part, and says whether it merges cells. What is no XML is left to whoever wants to
/// read it.
pub(crate) fn check(part: impl Read, limits: &Limits) -> Result<bool, FeedFault> {
    let mut reader = Reader::from_reader(BufReader::new(part));
    let config = reader.config_mut();
    config.check_end_names = false;
    config.trim_text(false);
    config.check_comments = false;
    config.expand_empty_elements = true;
    let mut buffer = Vec::new();
    let mut merges = false;
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element)) => {
                check_element(&element, limits)?;
                merges |= element.local_name().as_ref() == "mergeCell";
            }
            Ok(Event::Eof) | Err(_) => return Ok(merges),
            Ok(_) => {}
        }
    }
}

fn check_element(element: &BytesStart<'_>, limits: &Limits) -> Result<(), FeedFault> {
    let name = element.local_name();
    let (key, valid): (&str, fn(&str) -> bool) = match name.as_ref() {
        "c" => ("r", |text| cell(text).is_some()),
        "row" => ("r", |text| row(text).is_some()),
        "dimension" | "mergeCell" => ("ref", is_region),
        "numFmt" => ("formatCode", |text| text.chars().count() <= FORMAT_CHARS),
        "sst" => return check_strings(element, limits),
        _ => return Ok(()),
    };
    each_value(element, key, |value| {
        if valid(value) {
            return Ok(());
        }
        let shown = crate::table::bounded(value, 40);
        Err(FeedFault::Workbook {
            detail: format!("<{}> has the impossible {key} \"{shown}\"", name.as_ref()).into(),
        })
    })
}

fn check_strings(element: &BytesStart<'_>, limits: &Limits) -> Result<(), FeedFault> {
    each_value(element, "uniqueCount", |value| {
        let declared: u64 = value.parse().unwrap_or(u64::MAX);
        if declared <= limits.shared_strings {
            return Ok(());
        }
        Err(FeedFault::Limit { what: "shared strings", limit: limits.shared_strings })
    })
}

/// Judges every value under a key: a repeated attribute hides nothing, and neither does a damaged
/// one.
fn each_value(
    element: &BytesStart<'_>,
    key: &str,
    mut judge: impl FnMut(&str) -> Result<(), FeedFault>,
) -> Result<(), FeedFault> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| FeedFault::Workbook {
            detail: format!("<{}>: {error}", element.local_name().as_ref()).into(),
        })?;
        if attribute.key.as_ref() == key {
            judge(&attribute.value)?;
        }
    }
    Ok(())
}

fn row(text: &str) -> Option<u32> {
    let digits = (1..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let row = digits.then(|| text.parse().ok())??;
    (1..=ROWS).contains(&row).then_some(row)
}

/// Column and row of a reference such as `XFD1048576`, from 1.
fn cell(text: &str) -> Option<(u32, u32)> {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    if !(1..=3).contains(&letters) {
        return None;
    }
    let (name, number) = text.split_at_checked(letters)?;
    let column = name
        .bytes()
        .fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    let row = row(number)?;
    (column <= COLUMNS).then_some((column, row))
}

fn is_region(text: &str) -> bool {
    match text.split_once(':') {
        None => cell(text).is_some(),
        Some((first, last)) => match (cell(first), cell(last)) {
            (Some(first), Some(last)) => first.0 <= last.0 && first.1 <= last.1,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_end_where_a_sheet_ends() {
        assert_eq!(cell("XFD1048576"), Some((COLUMNS, ROWS)));
        assert_eq!(cell("a1"), Some((1, 1)));
        for text in ["XFE1", "A1048577", "A0", "AAAA1", "A", "1", "", "A1B", "\u{e9}1", "A00000001"]
        {
            assert_eq!(cell(text), None, "{text}");
        }
        assert!(is_region("A1:B2") && is_region("B2"));
        assert!(!is_region("B2:A1") && !is_region("A1:B2:C3") && !is_region("A2:B1"));
    }
}
