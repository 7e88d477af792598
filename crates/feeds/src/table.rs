//! Rows of any source to indicators: finds the header, maps the columns, reads the cells.

use std::collections::{BTreeMap, BTreeSet};

use adproof_model::scope::Scope;
use adproof_model::{AddressLabel, FraudType, Indicator, IssueId, Prefix, Reject};

use crate::address;
use crate::alias::{self, Field};
use crate::cell::{self, Cell, Row, column_letters};
use crate::number;
use crate::reject::Rejects;
use crate::{FeedFault, Limits, Searched};

/// An indicator that does not know its issue yet.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) prefix: Prefix,
    pub(crate) fraud_type: FraudType,
    pub(crate) probability_ppm: Option<u32>,
    pub(crate) provider: Option<Box<str>>,
    pub(crate) asn: Option<u32>,
    pub(crate) row: u64,
    pub(crate) labels: Vec<AddressLabel>,
}

impl Entry {
    pub(crate) fn of_issue(self, issue: &IssueId) -> Indicator {
        Indicator {
            prefix: self.prefix,
            fraud_type: self.fraud_type,
            probability_ppm: self.probability_ppm,
            provider: self.provider,
            asn: self.asn,
            issue: issue.clone(),
            row: self.row,
            labels: self.labels,
        }
    }
}

/// What a row says, before it is judged.
#[derive(Debug, Default)]
pub(crate) struct Raw<'a> {
    pub(crate) row: u64,
    pub(crate) address: Named<'a>,
    pub(crate) fraud_type: String,
    pub(crate) probability: Option<Named<'a>>,
    pub(crate) provider: String,
    pub(crate) asn: Option<Named<'a>>,
    pub(crate) ip_type: String,
}

/// A cell with the name of its column.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) column: &'a str,
    pub(crate) cell: &'a Cell<'a>,
}

impl Default for Named<'_> {
    fn default() -> Self {
        Self { column: "", cell: &Cell::Blank }
    }
}

/// Takes rows and keeps indicators, rejects, notes and counts.
#[derive(Debug)]
pub(crate) struct Collector<'l> {
    limits: &'l Limits,
    pub(crate) entries: Vec<Entry>,
    pub(crate) rejects: Rejects,
    pub(crate) notes: Rejects,
    pub(crate) rows: u64,
    pub(crate) duplicates: u64,
    /// What each text for a type was read as: a feed has few types and many rows.
    types: BTreeMap<Box<str>, FraudType>,
    seen: BTreeMap<FraudType, BTreeSet<Prefix>>,
}

impl<'l> Collector<'l> {
    pub(crate) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            rejects: Rejects::default(),
            notes: Rejects::default(),
            rows: 0,
            duplicates: 0,
            types: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn reject(&mut self, row: u64, column: &str, value: &str, reason: &str) {
        self.rows += 1;
        self.rejects.push(self.limits, row, column, value, reason);
    }

    pub(crate) fn take(&mut self, raw: &Raw<'_>) {
        let address = &raw.address;
        let shown = address.cell.display();
        if shown.len() > self.limits.cell_bytes {
            let reason = format!("longer than {} bytes", self.limits.cell_bytes);
            return self.reject(raw.row, address.column, &shown, &reason);
        }
        let fault = match address.cell {
            Cell::Blank => Some("no address in this row".to_owned()),
            Cell::Number(_) => Some(address::AddressFault::Number.to_string()),
            Cell::Date(_) => Some(address::AddressFault::Date.to_string()),
            Cell::Error(_) => Some(address::AddressFault::SpreadsheetError.to_string()),
            Cell::Bool(_) => Some("TRUE or FALSE, not an address".to_owned()),
            Cell::Text(_) => None,
        };
        if let Some(reason) = fault {
            return self.reject(raw.row, address.column, &shown, &reason);
        }
        let parsed = match address::parse(&shown) {
            Ok(parsed) => parsed,
            Err(fault) => {
                return self.reject(raw.row, address.column, &shown, &fault.to_string());
            }
        };
        let unusable = match parsed.scope {
            Scope::Unspecified => Some("the unspecified address names nobody"),
            Scope::Loopback => Some("a loopback address names nobody outside one machine"),
            Scope::Multicast => Some("a multicast address is no source of traffic"),
            _ => None,
        };
        if let Some(reason) = unusable.filter(|_| parsed.prefix.bit_len() == 128) {
            return self.reject(raw.row, address.column, &shown, reason);
        }
        if parsed.prefix.bit_len() < self.limits.widest_prefix {
            let reason = format!("wider than /{}", self.limits.widest_prefix);
            return self.reject(raw.row, address.column, &shown, &reason);
        }
        self.rows += 1;
        let fraud_type = self.fraud_type(bounded(cell::trim(&raw.fraud_type), 200));
        let seen = match self.seen.get_mut(&fraud_type) {
            Some(seen) => seen,
            None => self.seen.entry(fraud_type.clone()).or_default(),
        };
        if !seen.insert(parsed.prefix) {
            self.duplicates += 1;
            return;
        }
        let probability_ppm = raw.probability.as_ref().and_then(|named| {
            let text = named.cell.trimmed();
            self.noted(raw.row, named.column, &text, number::probability_ppm(&text))
        });
        let asn = raw.asn.as_ref().and_then(|named| {
            let text = named.cell.trimmed();
            self.noted(raw.row, named.column, &text, number::asn(&text))
        });
        let mut labels = parsed.labels;
        labels.extend(label_of_type(fraud_type.as_str()));
        labels.extend(label_of_ip_type(&raw.ip_type));
        labels.sort_unstable();
        labels.dedup();
        let provider = bounded(cell::trim(&raw.provider), 200);
        self.entries.push(Entry {
            prefix: parsed.prefix,
            fraud_type,
            probability_ppm,
            provider: (!provider.is_empty()).then(|| provider.into()),
            asn,
            row: raw.row,
            labels,
        });
    }

    fn fraud_type(&mut self, text: &str) -> FraudType {
        if let Some(known) = self.types.get(text) {
            return known.clone();
        }
        let read = FraudType::new(text);
        self.types.insert(text.into(), read.clone());
        read
    }

    fn noted<T>(
        &mut self,
        row: u64,
        column: &str,
        text: &str,
        read: Result<Option<T>, &'static str>,
    ) -> Option<T> {
        read.unwrap_or_else(|reason| {
            self.notes.push(self.limits, row, column, text, reason);
            None
        })
    }
}

/// The type itself says that many subscribers are behind the address.
fn label_of_type(fraud_type: &str) -> Option<AddressLabel> {
    match fraud_type {
        "maskediCloudRelayIP" => Some(AddressLabel::Relay),
        "proxy" | "datacenterProxy" | "TOR" => Some(AddressLabel::ProxyEgress),
        _ => None,
    }
}

fn label_of_ip_type(text: &str) -> Option<AddressLabel> {
    let folded = alias::fold(text);
    if folded.contains("relay") {
        Some(AddressLabel::Relay)
    } else if folded.contains("nat64") {
        Some(AddressLabel::Nat64)
    } else if folded.contains("proxy") || folded.contains("vpn") || folded == "tor" {
        Some(AddressLabel::ProxyEgress)
    } else {
        None
    }
}

pub(crate) fn bounded(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// Which column holds what.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) row: u64,
    names: Vec<Box<str>>,
    columns: Vec<(Field, usize)>,
}

impl Header {
    /// The header that a row is, if it names an address column.
    pub(crate) fn of(row: &Row<'_>) -> Option<Self> {
        let mut best: Vec<(Field, usize, usize)> = Vec::new();
        for (column, cell) in row.cells.iter().enumerate() {
            let Cell::Text(text) = cell else { continue };
            let Some((field, rank)) = alias::field_of(text) else {
                continue;
            };
            match best.iter_mut().find(|found| found.0 == field) {
                Some(found) if rank < found.1 => *found = (field, rank, column),
                Some(_) => {}
                None => best.push((field, rank, column)),
            }
        }
        // A cell that says "IPv6" may also stand in a row of data, beside an address.
        let data = |cell: &Cell<'_>| matches!(cell, Cell::Text(text) if text.len() < 100 && address::parse_ip(text).is_ok());
        if !best.iter().any(|found| found.0 == Field::Address) || row.cells.iter().any(data) {
            return None;
        }
        let names = row.cells.iter().enumerate().map(|(column, cell)| {
            let text = cell.trimmed();
            if text.is_empty() { column_letters(column).into() } else { bounded(&text, 60).into() }
        });
        Some(Self {
            row: row.number,
            names: names.collect(),
            columns: best.into_iter().map(|(field, _, at)| (field, at)).collect(),
        })
    }

    /// Whether the columns are those of an event log, whose addresses are nobody's indicators.
    pub(crate) fn is_event_log(&self) -> bool {
        let has = |name: &str| self.names.iter().any(|column| alias::fold(column) == name);
        has("leg") && has("observer")
    }

    /// How many columns it names that a feed needs.
    pub(crate) fn known(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn column(&self, field: Field) -> Option<usize> {
        let (_, at) = self.columns.iter().find(|(named, _)| *named == field)?;
        Some(*at)
    }

    fn name(&self, column: usize) -> &str {
        self.names.get(column).map_or("", |name| name)
    }

    pub(crate) fn named<'a>(&'a self, field: Field, row: &'a Row<'a>) -> Option<Named<'a>> {
        let column = self.column(field)?;
        Some(Named { column: self.name(column), cell: row.cell(column) })
    }

    fn text(&self, field: Field, row: &Row<'_>) -> String {
        self.column(field).map_or_else(String::new, |at| row.cell(at).trimmed())
    }
}

/// Reads a table row by row: first looks for the header, then takes what is below it.
#[derive(Debug)]
pub(crate) struct TableReader<'l> {
    limits: &'l Limits,
    pub(crate) collector: Collector<'l>,
    pub(crate) header: Option<Header>,
    /// Text above the header: titles and disclaimers, where a date may stand.
    pub(crate) preamble: Vec<String>,
    /// Rows searched and the one that looks most like a header, for the message.
    searched: Searched,
    widest: usize,
    first_address: Option<u64>,
}

impl<'l> TableReader<'l> {
    pub(crate) fn new(sheet: Option<&str>, limits: &'l Limits) -> Self {
        Self {
            limits,
            collector: Collector::new(limits),
            header: None,
            preamble: Vec::new(),
            searched: Searched {
                sheet: sheet.map(Into::into),
                rows: 0,
                row: None,
                columns: Vec::new(),
            },
            widest: 0,
            first_address: None,
        }
    }

    pub(crate) fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// Whether the header was looked for in as many rows as the limits allow, in vain.
    pub(crate) fn given_up(&self) -> bool {
        self.header.is_none() && self.searched.rows >= self.limits.header_rows
    }

    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<(), FeedFault> {
        if row.number > self.limits.rows {
            return Err(FeedFault::Limit { what: "rows", limit: self.limits.rows });
        }
        if row.cells.len() > self.limits.columns {
            return Err(FeedFault::Limit { what: "columns", limit: self.limits.columns as u64 });
        }
        if row.is_blank() {
            if self.header.is_none() {
                self.searched.rows = self.searched.rows.max(row.number);
            }
            return Ok(());
        }
        if self.collector.entries.is_empty()
            && let Some(header) = Header::of(row)
            && self.header.as_ref().is_none_or(|old| header.known() > old.known())
        {
            // A title such as a lone cell "Indicators" may look like a header of one column. It
            // gives way to a row that names more, as long as nothing was read under it.
            self.collector = Collector::new(self.limits);
            self.header = Some(header);
            return Ok(());
        }
        let Some(header) = &self.header else {
            self.search(row);
            return Ok(());
        };
        if let Some(again) = header.named(Field::Address, row)
            && let Cell::Text(text) = again.cell
            && alias::fold(text) == alias::fold(again.column)
        {
            self.collector.reject(row.number, again.column, text, "the header again, not a row");
            return Ok(());
        }
        let raw = Raw {
            row: row.number,
            address: header.named(Field::Address, row).unwrap_or_default(),
            fraud_type: header.text(Field::Type, row),
            probability: header.named(Field::Probability, row),
            provider: header.text(Field::Provider, row),
            asn: header.named(Field::Asn, row),
            ip_type: header.text(Field::IpType, row),
        };
        self.collector.take(&raw);
        Ok(())
    }

    fn search(&mut self, row: &Row<'_>) {
        self.searched.rows = self.searched.rows.max(row.number);
        let filled: Vec<String> =
            row.cells.iter().filter(|cell| !cell.is_blank()).map(Cell::trimmed).collect();
        if self.first_address.is_none() && filled.iter().any(|text| address::parse(text).is_ok()) {
            self.first_address = Some(row.number);
        }
        if filled.len() > self.widest && self.first_address.is_none() {
            self.widest = filled.len();
            self.searched.row = Some(row.number);
            self.searched.columns =
                filled.iter().take(20).map(|text| bounded(text, 40).into()).collect();
        }
        for text in filled {
            if self.preamble.len() < 100 {
                self.preamble.push(bounded(&text, 400).to_owned());
            }
        }
    }

    /// What was searched in vain.
    pub(crate) fn into_searched(self) -> (Searched, Option<u64>) {
        (self.searched, self.first_address)
    }
}

/// A reject or a note from its parts, bounded.
pub(crate) fn reject_of(
    limits: &Limits,
    row: u64,
    column: &str,
    value: &str,
    reason: &str,
) -> Reject {
    let kept = bounded(value, limits.reject_bytes);
    Reject {
        row,
        column: bounded(column, limits.reject_bytes).into(),
        value: if kept.len() < value.len() { format!("{kept}…").into() } else { kept.into() },
        reason: reason.into(),
    }
}
