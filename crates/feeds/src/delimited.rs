//! CSV and its relatives: comma, semicolon, tab or bar, whichever gives the file columns.

use crate::cell::{Cell, Row};
use crate::table::{Header, TableReader};
use crate::{FeedFault, Limits};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads a file in which a row names the address column.
pub(crate) fn read<'l>(text: &str, limits: &'l Limits) -> Result<TableReader<'l>, FeedFault> {
    let delimiter = delimiter(text, limits);
    let mut table = TableReader::new(None, limits);
    each_row(text, delimiter, limits, |row| {
        table.push(&row)?;
        Ok(!table.given_up())
    })?;
    Ok(table)
}

/// The delimiter under which a row names most columns of a feed; without such a row, the one
/// under which rows are widest.
pub(crate) fn delimiter(text: &str, limits: &Limits) -> u8 {
    let mut best = (0, 0, b',');
    for delimiter in DELIMITERS {
        let (mut known, mut widest) = (0, 0);
        let looked = each_row(text, delimiter, limits, |row| {
            widest = widest.max(row.cells.len());
            known = known.max(Header::of(&row).map_or(0, |header| header.known()));
            Ok(row.number < limits.header_rows)
        });
        if looked.is_ok() && (known, widest) > (best.0, best.1) {
            best = (known, widest, delimiter);
        }
    }
    best.2
}

/// Calls `take` with each row until it returns false. A row's number is that of its first line.
pub(crate) fn each_row<'t>(
    text: &'t str,
    delimiter: u8,
    limits: &Limits,
    mut take: impl FnMut(Row<'t>) -> Result<bool, FeedFault>,
) -> Result<(), FeedFault> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            // The input is text already, so that reading it cannot fail.
            Ok(false) | Err(_) => return Ok(()),
        }
        if record.len() > limits.columns {
            return Err(FeedFault::Limit { what: "columns", limit: limits.columns as u64 });
        }
        let number = record.position().map_or(0, |position| first_line(text, position));
        let cells = record.iter().map(|field| Cell::text(field.to_owned()));
        let row = Row { number, cells: cells.collect() };
        if !take(row)? {
            return Ok(());
        }
    }
}

/// The line on which a record starts. The reader's position is before the blank lines that it
/// skips.
fn first_line(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte())
        .ok()
        .and_then(|start| text.as_bytes().get(start..))
        .unwrap_or(&[]);
    let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|byte| **byte == b'\n').count() as u64
}
