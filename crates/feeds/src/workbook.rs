//! XLSX through calamine, streamed cell by cell: a stray cell in the last corner of a sheet costs
//! nothing.

use std::io::Cursor;

use calamine::{DataRef, Dimensions, Reader, Xlsx, XlsxError};

use crate::alias::Field;
use crate::archive;
use crate::cell::{Cell, Row};
use crate::table::{Header, TableReader};
use crate::{FeedFault, Limits, Searched};

/// What was read of a workbook: the sheet that holds the feed, and sheets that could be one too.
pub(crate) struct Read<'l> {
    pub(crate) sheet: Box<str>,
    pub(crate) unread_sheets: Vec<Box<str>>,
    pub(crate) table: TableReader<'l>,
}

pub(crate) fn read<'l>(bytes: &[u8], limits: &'l Limits) -> Result<Read<'l>, FeedFault> {
    let has_regions = archive::check(bytes, limits)?;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let names = workbook.sheet_names();
    if names.len() > limits.sheets {
        return Err(FeedFault::Limit { what: "sheets", limit: limits.sheets as u64 });
    }
    // Only the top of each sheet is read to choose one.
    let mut searched: Vec<Searched> = Vec::new();
    let mut first_address = None;
    let mut found: Vec<(usize, &str)> = Vec::new();
    for name in &names {
        let mut table = TableReader::new(Some(name), limits);
        match walk(&mut workbook, name, &[], &mut table, true) {
            Ok(()) => {}
            Err(Fault::NotASheet) => continue,
            Err(Fault::Feed(fault)) => return Err(fault),
        }
        if let Some(header) = &table.header {
            found.push((header.known(), name));
        } else {
            let (seen, address) = table.into_searched();
            searched.push(seen);
            first_address = first_address.or(address);
        }
    }
    // The sheet that names most of what a feed has; the first of equals.
    let best = found.iter().map(|(known, _)| *known).max();
    let Some((_, sheet)) = found.iter().find(|(known, _)| Some(*known) == best) else {
        return Err(match first_address {
            Some(row) => FeedFault::NoHeader { row },
            None => FeedFault::NoAddressColumn { searched },
        });
    };
    // Regions stand after all rows, so that looking for them costs a pass over the sheet.
    let merged =
        if has_regions { merged_regions(&mut workbook, sheet, limits)? } else { Vec::new() };
    let mut table = TableReader::new(Some(sheet), limits);
    match walk(&mut workbook, sheet, &merged, &mut table, false) {
        Ok(()) => {}
        Err(Fault::Feed(fault)) => return Err(fault),
        Err(Fault::NotASheet) => return Err(FeedFault::NoAddressColumn { searched }),
    }
    let unread = found.iter().filter(|(_, name)| name != sheet);
    Ok(Read {
        sheet: (*sheet).into(),
        unread_sheets: unread.map(|(_, name)| (*name).into()).collect(),
        table,
    })
}

enum Fault {
    /// A chart or a dialogue.
    NotASheet,
    Feed(FeedFault),
}

fn damaged(error: &XlsxError) -> FeedFault {
    FeedFault::Workbook { detail: error.to_string().into() }
}

/// Merged regions of more than one row, by their first row.
fn merged_regions(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    sheet: &str,
    limits: &Limits,
) -> Result<Vec<Dimensions>, FeedFault> {
    let mut regions = workbook.merge_cells_by_sheet_name(sheet).map_err(|error| damaged(&error))?;
    regions.retain(|region| region.end.0 > region.start.0);
    if regions.len() > limits.merged_regions {
        return Err(FeedFault::Limit {
            what: "merged regions",
            limit: limits.merged_regions as u64,
        });
    }
    regions.sort_unstable_by_key(|region| (region.start, region.end));
    Ok(regions)
}

/// Feeds the rows of a sheet to the table; with `only_header`, stops when it is found or given up.
fn walk(
    workbook: &mut Xlsx<Cursor<&[u8]>>,
    sheet: &str,
    merged: &[Dimensions],
    table: &mut TableReader<'_>,
    only_header: bool,
) -> Result<(), Fault> {
    let limits = table.limits();
    let mut cells = match workbook.worksheet_cells_reader(sheet) {
        Ok(cells) => cells,
        Err(XlsxError::NotAWorksheet(_) | XlsxError::WorksheetNotFound(_)) => {
            return Err(Fault::NotASheet);
        }
        Err(error) => return Err(Fault::Feed(damaged(&error))),
    };
    let mut spread = Spread::new(merged);
    let mut row = Row { number: 1, cells: Vec::new() };
    loop {
        let next = cells.next_cell().map_err(|error| Fault::Feed(damaged(&error)))?;
        let at = next.as_ref().map(calamine::Cell::get_position);
        if at.is_none_or(|(at, _)| u64::from(at) + 1 != row.number) {
            if !row.cells.is_empty() {
                spread.fill(&mut row, table.header.as_ref());
                table.push(&row).map_err(Fault::Feed)?;
                row.cells.clear();
            }
            if only_header && (table.header.is_some() || table.given_up()) {
                return Ok(());
            }
        }
        let (Some(cell), Some((at, column))) = (next, at) else {
            return Ok(());
        };
        row.number = u64::from(at) + 1;
        let value = cell_of(cell.get_value());
        if value.is_blank() {
            continue;
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= limits.columns {
            return Err(Fault::Feed(FeedFault::Limit {
                what: "columns",
                limit: limits.columns as u64,
            }));
        }
        if row.cells.len() <= column {
            row.cells.resize(column + 1, Cell::Blank);
        }
        if let Some(slot) = row.cells.get_mut(column) {
            *slot = value;
        }
    }
}

fn cell_of<'a>(value: &DataRef<'a>) -> Cell<'a> {
    match value {
        DataRef::Empty => Cell::Blank,
        DataRef::SharedString(text) => Cell::text(*text),
        DataRef::String(text) => Cell::text(text.clone()),
        #[expect(clippy::cast_precision_loss, reason = "only shown, never counted with")]
        DataRef::Int(number) => Cell::Number(*number as f64),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Bool(value) => Cell::Bool(*value),
        DataRef::Error(error) => Cell::Error(error.to_string()),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Date(text.clone()),
        DataRef::DateTime(date) => {
            let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
            Cell::Date(if date.as_f64() < 1.0 {
                format!("{hour:02}:{minute:02}:{second:02}")
            } else if (hour, minute, second) == (0, 0, 0) {
                format!("{year:04}-{month:02}-{day:02}")
            } else {
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            })
        }
    }
}

/// Spreads the value of a region merged over several rows to all of them. Addresses are not
/// spread: one cell is one indicator, however tall it is drawn.
struct Spread<'m, 'a> {
    waiting: std::slice::Iter<'m, Dimensions>,
    next: Option<&'m Dimensions>,
    open: Vec<(Dimensions, Cell<'a>)>,
}

impl<'m, 'a> Spread<'m, 'a> {
    fn new(merged: &'m [Dimensions]) -> Self {
        let mut waiting = merged.iter();
        let next = waiting.next();
        Self { waiting, next, open: Vec::new() }
    }

    fn fill(&mut self, row: &mut Row<'a>, header: Option<&Header>) {
        let Some(header) = header else { return };
        let at = row.number - 1;
        self.open.retain(|(region, _)| u64::from(region.end.0) >= at);
        while let Some(region) = self.next.filter(|region| u64::from(region.start.0) <= at) {
            self.next = self.waiting.next();
            let column = usize::try_from(region.start.1).unwrap_or(usize::MAX);
            let value = row.cell(column).clone();
            if u64::from(region.start.0) == at
                && at + 1 > header.row
                && header.column(Field::Address) != Some(column)
                && !value.is_blank()
            {
                self.open.push((*region, value));
            }
        }
        if row.is_blank() {
            return;
        }
        for (region, value) in &self.open {
            let column = usize::try_from(region.start.1).unwrap_or(usize::MAX);
            if row.cell(column).is_blank() {
                // Within the bound on columns, because the region's value was.
                if row.cells.len() <= column {
                    row.cells.resize(column + 1, Cell::Blank);
                }
                if let Some(slot) = row.cells.get_mut(column) {
                    *slot = value.clone();
                }
            }
        }
    }
}
