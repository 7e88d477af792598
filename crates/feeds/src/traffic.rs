//! Traffic logs: a row an impression, with the few columns that counting needs.
//!
//! Blocks of whole rows go in, wherever they were cut from a file, and rows come out; so a log is
//! read on as many threads as there are, and needs memory for a block a thread. A row in one of
//! the usual forms is read in one pass over its bytes; every other row by a reader that knows all
//! forms and says what is wrong.

mod columns;
mod fast;
mod judge;
mod record;

use adproof_model::Reject;

pub use self::columns::TrafficColumns;
use crate::table::{bounded, reject_of};
use crate::{FeedFault, Limits, alias};

/// One row of a traffic log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrafficRow<'a> {
    /// The bits of the address; IPv4 as an IPv4-mapped address.
    pub address: u128,
    /// The UTC day, counted from 1970-01-01.
    pub day: i32,
    /// The device id as it is written; empty where there is none.
    pub device: &'a [u8],
    /// The autonomous system.
    pub asn: Option<u32>,
    /// Impressions; 1 where the log has no such column.
    pub impressions: u32,
    /// Their revenue in micro-units.
    pub revenue_micros: i64,
    /// The currency of the revenue, three letters.
    pub currency: Option<[u8; 3]>,
    /// Whether the operator holds it for invalid.
    pub flagged: bool,
}

/// What a column of a traffic log holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrafficColumn {
    /// When it was.
    Time,
    /// The address.
    Address,
    /// The device id.
    Device,
    /// The autonomous system.
    Asn,
    /// Impressions.
    Impressions,
    /// Their revenue in micro-units.
    Revenue,
    /// The currency of the revenue.
    Currency,
    /// Whether the operator holds it for invalid.
    Flagged,
    /// Something that is passed over.
    Other,
}

use self::TrafficColumn as Column;

/// Names in their folded form.
const NAMES: [(Column, &[&str]); 8] = [
    (Column::Time, &["time", "ts", "timestamp", "datetime", "eventtime", "date", "day"]),
    (
        Column::Address,
        &["ip", "ipv6", "address", "addr", "ipaddress", "ipv6address", "clientip", "deviceip"],
    ),
    (
        Column::Device,
        &["device", "deviceid", "ifa", "idfa", "gaid", "aaid", "advertisingid", "devicekey"],
    ),
    (Column::Asn, &["asn", "as", "asnumber"]),
    (Column::Impressions, &["impressions", "imps", "count", "events"]),
    (Column::Revenue, &["revenuemicros", "amountmicros", "pricemicros"]),
    (Column::Currency, &["currency", "cur"]),
    (Column::Flagged, &["flagged", "invalid", "ivt"]),
];

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Address => "ip",
            Self::Device => "device",
            Self::Asn => "asn",
            Self::Impressions => "impressions",
            Self::Revenue => "revenue_micros",
            Self::Currency => "currency",
            Self::Flagged => "flagged",
            Self::Other => "",
        }
    }
}

/// Takes what a block holds.
pub trait TrafficSink {
    /// A row that was read.
    fn row(&mut self, row: TrafficRow<'_>);
    /// A row that was not taken. Its number is the line in the block, from 1.
    fn reject(&mut self, reject: Reject);
    /// A row of a table was too long and was given up at its first newline, which may stand within
    /// quotes: what follows depends on where the block ends.
    fn torn(&mut self) {}
}

/// How the rows of a traffic log are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficLog {
    form: Form,
    limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Table { delimiter: u8, columns: Vec<Column>, names: Vec<Box<str>> },
    Lines,
}

/// What was read of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that were taken.
    pub rows: u64,
    /// Rows that were not.
    pub rejected: u64,
    /// Lines, blank ones included.
    pub lines: u64,
}

impl TrafficLog {
    /// Looks at the start of a log. Returns how to read it and where its rows begin; nothing where
    /// the log is none of traffic: it has the legs of an event log.
    pub fn sniff(head: &[u8], limits: &Limits) -> Result<Option<(Self, usize)>, FeedFault> {
        let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let body = head.get(mark..).unwrap_or(&[]);
        let blank = body.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let start = mark + blank;
        let body = head.get(start..).unwrap_or(&[]);
        if body.is_empty() {
            return Err(FeedFault::Empty);
        }
        if body.starts_with(b"{") {
            let line = body.split(|byte| *byte == b'\n').next().unwrap_or(body);
            let legs = memchr::memmem::find(line, b"\"leg\"").is_some();
            return Ok((!legs).then(|| (Self { form: Form::Lines, limits: limits.clone() }, start)));
        }
        let first = body.split(|byte| *byte == b'\n').next().unwrap_or(body);
        let delimiter = [b',', b';', b'\t', b'|']
            .into_iter()
            .max_by_key(|delimiter| memchr::memchr_iter(*delimiter, first).count())
            .unwrap_or(b',');
        let len = record::next(body, delimiter).unwrap_or(body.len());
        if len > limits.line_bytes {
            return Err(FeedFault::Limit {
                what: "bytes in a line",
                limit: limits.line_bytes as u64,
            });
        }
        let header = body.get(..len).unwrap_or(body).trim_ascii_end();
        let names: Vec<String> = record::cells(header, delimiter)
            .iter()
            .map(|cell| String::from_utf8_lossy(cell).trim().to_owned())
            .collect();
        let log = Self::of_header(&names, delimiter, limits)?;
        Ok(log.map(|log| (log, start + len)))
    }

    fn of_header(
        names: &[String],
        delimiter: u8,
        limits: &Limits,
    ) -> Result<Option<Self>, FeedFault> {
        let Some(columns) = columns_of(names, limits)? else { return Ok(None) };
        let names = names.iter().map(|name| bounded(name, 80).into()).collect();
        let form = Form::Table { delimiter, columns, names };
        Ok(Some(Self { form, limits: limits.clone() }))
    }

    /// The length of the whole rows at the start of `bytes`, which begins with a row. 0 where a
    /// row is not at its end yet.
    #[must_use]
    pub fn whole_rows(&self, bytes: &[u8]) -> usize {
        match &self.form {
            Form::Table { delimiter, .. } => record::whole(bytes, *delimiter),
            Form::Lines => memchr::memrchr(b'\n', bytes).map_or(0, |last| last + 1),
        }
    }

    /// The length of the first rows of `bytes` that reach `to`, all of them where they do not.
    /// `bytes` begins with a row.
    #[must_use]
    pub fn rows_to(&self, bytes: &[u8], to: usize) -> usize {
        let mut end = 0;
        while end < to {
            let rest = bytes.get(end..).unwrap_or(&[]);
            let len = match &self.form {
                Form::Table { delimiter, .. } => record::next(rest, *delimiter),
                Form::Lines => memchr::memchr(b'\n', rest).map(|end| end + 1),
            };
            let Some(len) = len else { return bytes.len() };
            end += len;
        }
        end
    }

    /// Reads a block of whole rows. Only the last row of a log may lack its newline.
    pub fn read(&self, block: &[u8], sink: &mut impl TrafficSink) -> Counts {
        let mut counts = Counts::default();
        let mut month = fast::Month::default();
        let mut rest = block;
        while !rest.is_empty() {
            if let Form::Table { delimiter, columns, .. } = &self.form
                && let Some((row, len)) = fast_row(rest, *delimiter, columns, &mut month)
            {
                sink.row(row);
                counts.rows += 1;
                counts.lines += 1;
                rest = rest.get(len..).unwrap_or(&[]);
                continue;
            }
            let len = self.slow(rest, &mut counts, sink);
            rest = rest.get(len..).unwrap_or(&[]);
        }
        counts
    }

    /// Reads one row in any form. Returns its length.
    fn slow(&self, rest: &[u8], counts: &mut Counts, sink: &mut impl TrafficSink) -> usize {
        let len = match &self.form {
            Form::Table { delimiter, .. } => record::next(rest, *delimiter),
            Form::Lines => memchr::memchr(b'\n', rest).map(|end| end + 1),
        };
        let mut len = len.unwrap_or(rest.len());
        let line = counts.lines + 1;
        let mut text = rest.get(..len).unwrap_or(rest);
        let too_long = text.len() > self.limits.line_bytes;
        if too_long {
            // A quote that nothing closes would swallow the rest of the log: give up one line.
            len = memchr::memchr(b'\n', text).map_or(len, |end| end + 1);
            text = rest.get(..len).unwrap_or(rest);
            if matches!(self.form, Form::Table { .. }) {
                sink.torn();
            }
        }
        counts.lines += memchr::memchr_iter(b'\n', text).count().max(1) as u64;
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.trim_ascii().is_empty() {
            return len;
        }
        let judged = if too_long {
            let shown = String::from_utf8_lossy(text.get(..400).unwrap_or(text)).into_owned();
            let reason = format!("longer than {} bytes", self.limits.line_bytes);
            Err(judge::Unfit { column: "line".into(), value: shown, reason })
        } else {
            match &self.form {
                Form::Table { delimiter, columns, names } => {
                    let cells = record::cells(text, *delimiter);
                    judge::cells(&cells, columns, names, &self.limits)
                }
                Form::Lines => judge::line(text, &self.limits),
            }
        };
        match judged {
            Ok(row) => {
                counts.rows += 1;
                sink.row(row.borrowed());
            }
            Err(unfit) => {
                counts.rejected += 1;
                let judge::Unfit { column, value, reason } = unfit;
                sink.reject(reject_of(&self.limits, line, &column, &value, &reason));
            }
        }
        len
    }
}

/// What the columns of these names hold; nothing for those of an event log with legs.
fn columns_of(names: &[String], limits: &Limits) -> Result<Option<Vec<Column>>, FeedFault> {
    if names.len() > limits.columns {
        return Err(FeedFault::Limit { what: "columns", limit: limits.columns as u64 });
    }
    let folded: Vec<String> = names.iter().map(|name| alias::fold(name)).collect();
    if folded.iter().any(|name| name == "leg") {
        return Ok(None);
    }
    let mut columns = vec![Column::Other; names.len()];
    for (column, aliases) in NAMES {
        let found = aliases.iter().find_map(|alias| folded.iter().position(|name| name == alias));
        if let Some(slot) = found.and_then(|found| columns.get_mut(found)) {
            *slot = column;
        }
    }
    for column in [Column::Address, Column::Time] {
        if !columns.contains(&column) {
            let seen = names.iter().take(40).map(|name| bounded(name, 40).into()).collect();
            return Err(FeedFault::NoColumn { column: column.name(), seen });
        }
    }
    Ok(Some(columns))
}

/// One row in the usual form, and its length with its newline.
#[inline]
fn fast_row<'a>(
    block: &'a [u8],
    delimiter: u8,
    columns: &[Column],
    month: &mut fast::Month,
) -> Option<(TrafficRow<'a>, usize)> {
    let mut row = TrafficRow {
        address: 0,
        day: 0,
        device: &[],
        asn: None,
        impressions: 1,
        revenue_micros: 0,
        currency: None,
        flagged: false,
    };
    let mut at = 0;
    let mut last = columns.len();
    for column in columns {
        last -= 1;
        let rest = block.get(at..)?;
        let len = match column {
            Column::Time => {
                let (day, len) = month.day(rest)?;
                row.day = day;
                len
            }
            Column::Address => {
                let (bits, len) = fast::address(rest, delimiter)?;
                row.address = bits;
                len
            }
            Column::Asn => {
                let (asn, len) = fast::small_number(rest)?;
                row.asn = Some(asn).filter(|asn| *asn != 0);
                len
            }
            Column::Impressions => {
                let (impressions, len) = fast::small_number(rest)?;
                row.impressions = impressions;
                len
            }
            Column::Revenue => {
                let (micros, len) = fast::small_number(rest)?;
                row.revenue_micros = i64::from(micros);
                len
            }
            Column::Device => {
                let len = fast::plain(rest, delimiter)?;
                let id = rest.get(..len)?;
                let id = if last == 0 { id.strip_suffix(b"\r").unwrap_or(id) } else { id };
                // Blanks around it, zeros and what is no text are for the other reader.
                if !judge::is_plain_device(id) {
                    return None;
                }
                row.device = id;
                id.len()
            }
            Column::Currency | Column::Flagged => return None,
            Column::Other => {
                let len = fast::plain(rest, delimiter)?;
                let cell = rest.get(..len)?;
                if last == 0 { cell.strip_suffix(b"\r").unwrap_or(cell).len() } else { len }
            }
        };
        at += len;
        if last == 0 {
            at += usize::from(block.get(at) == Some(&b'\r'));
            if block.get(at) != Some(&b'\n') {
                return None;
            }
        } else if block.get(at) != Some(&delimiter) {
            return None;
        }
        at += 1;
    }
    Some((row, at))
}
