use adproof_model::{Digest, Indicator, IssueId, Reject};
use sha2::{Digest as _, Sha256};

use crate::sniff::{self, Content};
use crate::table::{Collector, TableReader};
use crate::{FeedError, FeedFault, Limits, dating, delimited, json, list, text, workbook};

/// The format that a feed turned out to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FeedFormat {
    /// An Office Open XML workbook.
    Xlsx,
    /// Delimited text with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One address a line.
    List,
    /// A STIX 2.1 bundle.
    Stix,
    /// A MISP event.
    Misp,
}

impl FeedFormat {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::List => "list",
            Self::Stix => "stix",
            Self::Misp => "misp",
        }
    }
}

/// One issue of a feed as it was read: `rows` is accepted, duplicate and rejected together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedIssue {
    /// The file, as it was named to the reader.
    pub name: String,
    /// Digest of the file's bytes.
    pub sha256: Digest,
    /// What the file turned out to be.
    pub format: FeedFormat,
    /// The sheet that was read, for workbooks.
    pub sheet: Option<Box<str>>,
    /// Other sheets that name an address column. They were not read.
    pub unread_sheets: Vec<Box<str>>,
    /// The row of the header, where the format has one.
    pub header_row: Option<u64>,
    /// Which issue it is.
    pub issue: IssueId,
    /// Rows below the header that are not blank.
    pub rows: u64,
    /// The indicators, in the order of their rows.
    pub accepted: Vec<Indicator>,
    /// Rows that repeat a prefix and type of an earlier row. An issue marks a block once, however
    /// many rows say so.
    pub duplicates: u64,
    /// The first rows that were not taken, bounded.
    pub rejected: Vec<Reject>,
    /// All rows that were not taken.
    pub rejected_total: u64,
    /// Cells that were set aside while their row was kept, bounded: an unreadable probability.
    pub notes: Vec<Reject>,
    /// All cells that were set aside.
    pub notes_total: u64,
}

/// Reads one issue of a feed. The content decides what it is; the name only dates it.
pub fn read_feed(name: &str, bytes: &[u8], limits: &Limits) -> Result<FeedIssue, FeedError> {
    read(name, None, bytes, limits).map_err(|fault| FeedError::new(name, fault))
}

/// Reads one issue of a feed that the caller dates.
pub fn read_feed_as(
    name: &str,
    issue: IssueId,
    bytes: &[u8],
    limits: &Limits,
) -> Result<FeedIssue, FeedError> {
    read(name, Some(issue), bytes, limits).map_err(|fault| FeedError::new(name, fault))
}

/// A feed before it is dated.
pub(crate) struct Undated<'l> {
    pub(crate) format: FeedFormat,
    pub(crate) sheet: Option<Box<str>>,
    pub(crate) unread_sheets: Vec<Box<str>>,
    pub(crate) header_row: Option<u64>,
    pub(crate) collector: Collector<'l>,
    /// Texts in which a date may stand.
    pub(crate) preamble: Vec<String>,
}

impl<'l> Undated<'l> {
    pub(crate) fn new(format: FeedFormat, collector: Collector<'l>, preamble: Vec<String>) -> Self {
        Self {
            format,
            sheet: None,
            unread_sheets: Vec::new(),
            header_row: None,
            collector,
            preamble,
        }
    }
}

fn read(
    name: &str,
    issue: Option<IssueId>,
    bytes: &[u8],
    limits: &Limits,
) -> Result<FeedIssue, FeedFault> {
    if bytes.len() as u64 > limits.bytes {
        return Err(FeedFault::Limit { what: "bytes", limit: limits.bytes });
    }
    let undated = match sniff::content(bytes)? {
        Content::Workbook => read_workbook(bytes, limits)?,
        Content::Text => read_text(&text::decode(bytes), limits)?,
    };
    let texts = undated.preamble.iter().map(String::as_str);
    let issue = issue
        .or_else(|| dating::of_name(name))
        .or_else(|| dating::of_text(texts))
        .ok_or(FeedFault::NoIssue)?;
    let collector = undated.collector;
    let accepted = collector.entries.into_iter();
    Ok(FeedIssue {
        name: name.to_owned(),
        sha256: digest(bytes),
        format: undated.format,
        sheet: undated.sheet,
        unread_sheets: undated.unread_sheets,
        header_row: undated.header_row,
        rows: collector.rows,
        accepted: accepted.map(|entry| entry.of_issue(&issue)).collect(),
        issue,
        duplicates: collector.duplicates,
        rejected: collector.rejects.kept,
        rejected_total: collector.rejects.total,
        notes: collector.notes.kept,
        notes_total: collector.notes.total,
    })
}

fn read_workbook<'l>(bytes: &[u8], limits: &'l Limits) -> Result<Undated<'l>, FeedFault> {
    let read = workbook::read(bytes, limits)?;
    let mut undated = of_table(FeedFormat::Xlsx, read.table)?;
    undated.sheet = Some(read.sheet);
    undated.unread_sheets = read.unread_sheets;
    Ok(undated)
}

fn read_text<'l>(text: &str, limits: &'l Limits) -> Result<Undated<'l>, FeedFault> {
    if crate::cell::is_blank(text) {
        return Err(FeedFault::Empty);
    }
    if list::is_list(text) {
        let collector = list::read(text, limits);
        return Ok(Undated::new(FeedFormat::List, collector, list::comments(text)));
    }
    if crate::cell::trim(text).starts_with(['{', '[']) {
        return json::read(text, limits);
    }
    of_table(FeedFormat::Csv, delimited::read(text, limits)?)
}

fn of_table(format: FeedFormat, table: TableReader<'_>) -> Result<Undated<'_>, FeedFault> {
    let Some(header) = &table.header else {
        let (searched, first_address) = table.into_searched();
        return Err(match first_address {
            Some(row) => FeedFault::NoHeader { row },
            None => FeedFault::NoAddressColumn { searched: vec![searched] },
        });
    };
    if header.is_event_log() {
        return Err(FeedFault::EVENT_LOG);
    }
    let header_row = Some(header.row);
    let mut undated = Undated::new(format, table.collector, table.preamble);
    undated.header_row = header_row;
    Ok(undated)
}

/// SHA-256 of bytes as they were given.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::new(Sha256::digest(bytes).into())
}
