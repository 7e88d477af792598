use std::borrow::Cow;

use adproof_model::{Digest, Event, Reject};

use crate::event::RawEvent;
use crate::feed::digest;
use crate::reject::Rejects;
use crate::sniff::{self, Content};
use crate::table::{bounded, reject_of};
use crate::{EventLines, FeedError, FeedFault, Limits, alias, cell, delimited, text};

/// An event log that was read as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// The events, in the order of the log.
    pub events: Vec<Event>,
    /// The first lines that were not taken, bounded.
    pub rejected: Vec<Reject>,
    /// All lines that were not taken.
    pub rejected_total: u64,
    /// Digest of the log's bytes.
    pub sha256: Digest,
}

/// Reads an event log: a JSON object a line, or CSV whose header has the names of the JSON
/// fields.
pub fn read_events(name: &str, bytes: &[u8], limits: &Limits) -> Result<EventLog, FeedError> {
    read(bytes, limits).map_err(|fault| FeedError::new(name, fault))
}

fn read(bytes: &[u8], limits: &Limits) -> Result<EventLog, FeedFault> {
    if bytes.len() as u64 > limits.bytes {
        return Err(FeedFault::Limit { what: "bytes", limit: limits.bytes });
    }
    if sniff::content(bytes)? == Content::Workbook {
        return Err(FeedFault::OtherKind {
            what: "a workbook or a zip archive",
            remedy: "export the log as JSON lines or CSV",
        });
    }
    let text = text::decode(bytes);
    if cell::is_blank(&text) {
        return Err(FeedFault::Empty);
    }
    let (events, rejects) = if cell::trim(&text).starts_with('{') {
        read_jsonl(&text, limits)?
    } else {
        read_csv(&text, limits)?
    };
    Ok(EventLog {
        events,
        rejected: rejects.kept,
        rejected_total: rejects.total,
        sha256: digest(bytes),
    })
}

type Read = (Vec<Event>, Rejects);

fn read_jsonl(text: &str, limits: &Limits) -> Result<Read, FeedFault> {
    let mut lines = EventLines::new(limits);
    let (mut events, mut rejects) = (Vec::new(), Rejects::default());
    // In pieces, so that the text is not held twice.
    for piece in text.as_bytes().chunks(1 << 20) {
        lines.push(piece);
        take(&mut lines, &mut events, &mut rejects, limits)?;
    }
    lines.finish();
    take(&mut lines, &mut events, &mut rejects, limits)?;
    Ok((events, rejects))
}

fn take(
    lines: &mut EventLines,
    events: &mut Vec<Event>,
    rejects: &mut Rejects,
    limits: &Limits,
) -> Result<(), FeedFault> {
    for item in lines {
        match item {
            Ok(event) => push(events, event, limits)?,
            Err(reject) => rejects.take(limits, reject),
        }
    }
    Ok(())
}

fn push(events: &mut Vec<Event>, event: Event, limits: &Limits) -> Result<(), FeedFault> {
    if events.len() >= limits.events {
        return Err(FeedFault::Limit { what: "events", limit: limits.events as u64 });
    }
    events.push(event);
    Ok(())
}

fn read_csv(text: &str, limits: &Limits) -> Result<Read, FeedFault> {
    let first = text.lines().find(|line| !cell::is_blank(line));
    let first = first.unwrap_or("");
    let delimiter = [b',', b';', b'\t', b'|']
        .into_iter()
        .max_by_key(|delimiter| first.bytes().filter(|b| b == delimiter).count())
        .unwrap_or(b',');
    let mut header: Option<EventRows> = None;
    let (mut events, mut rejects) = (Vec::new(), Rejects::default());
    delimited::each_row(text, delimiter, limits, |row| {
        if row.is_blank() {
            return Ok(true);
        }
        let cells: Vec<String> = row.cells.iter().map(cell::Cell::trimmed).collect();
        match &header {
            None => header = Some(EventRows::new(cells.iter().map(String::as_str), limits)?),
            Some(rows) => match rows.read(row.number, cells) {
                Ok(event) => push(&mut events, event, limits)?,
                Err(reject) => rejects.take(limits, reject),
            },
        }
        Ok(true)
    })?;
    Ok((events, rejects))
}

/// Reads events from the rows of a table, wherever it comes from.
#[derive(Clone, Debug)]
pub struct EventRows {
    names: Vec<String>,
    limits: Limits,
}

impl EventRows {
    /// A reader of rows under this header, which has the names of the JSON fields in any order and
    /// spelling of case and separators.
    ///
    /// Fails with [`FeedFault::NoColumn`] when a column is missing that every event has.
    pub fn new<'a>(
        header: impl IntoIterator<Item = &'a str>,
        limits: &Limits,
    ) -> Result<Self, FeedFault> {
        let seen: Vec<&str> = header.into_iter().collect();
        let names: Vec<String> = seen.iter().map(|name| alias::fold(name)).collect();
        for column in ["leg", "id", "time", "received"] {
            if !names.iter().any(|name| name == column) {
                let seen = seen.iter().take(40).map(|name| bounded(name, 40).into());
                return Err(FeedFault::NoColumn { column, seen: seen.collect() });
            }
        }
        Ok(Self { names, limits: limits.clone() })
    }

    /// Reads one row: `cells` in the order of the header, an empty one where there is no value.
    /// `row` is what a reject calls it.
    pub fn read(&self, row: u64, cells: impl IntoIterator<Item = String>) -> Result<Event, Reject> {
        let values = self.names.iter().zip(cells);
        let judged = raw_of(values).and_then(|raw| {
            raw.judge(&self.limits)
                .map_err(|unfit| (unfit.column.to_owned(), unfit.value, unfit.reason))
        });
        judged.map_err(|(column, value, reason)| {
            reject_of(&self.limits, row, &column, &value, &reason)
        })
    }
}

fn raw_of<'n>(
    values: impl Iterator<Item = (&'n String, String)>,
) -> Result<RawEvent<'static>, (String, String, String)> {
    let mut raw = RawEvent::default();
    for (name, value) in values {
        if value.is_empty() {
            continue;
        }
        let unfit = |reason: &str| (name.clone(), value.clone(), reason.to_owned());
        let number = |what: &str| unfit(&format!("not {what}"));
        let text = Some(Cow::Owned(value.clone()));
        match name.as_str() {
            "id" => raw.id = text,
            "leg" => raw.leg = text,
            "observer" => raw.observer = text,
            "transaction" => raw.transaction = text,
            "impression" => raw.impression = text,
            "time" => raw.time = text,
            "received" => raw.received = text,
            "ip" => raw.ip = text,
            "ua" => raw.ua = text,
            "ifa" => raw.ifa = text,
            "bundle" => raw.bundle = text,
            "withheld" => raw.withheld = text,
            "creative" => raw.creative = text,
            "currency" => raw.currency = text,
            "tag" => raw.tag = text,
            "outcome" => raw.outcome = text,
            "ssai" => raw.ssai = Some(value.parse().map_err(|_| number("a number"))?),
            "asn" => raw.asn = Some(value.parse().map_err(|_| number("an AS number"))?),
            "error" => raw.error = Some(value.parse().map_err(|_| number("an error code"))?),
            "playedms" => {
                raw.played_ms = Some(value.parse().map_err(|_| number("milliseconds"))?);
            }
            "pricemicros" => {
                raw.price_micros = Some(value.parse().map_err(|_| number("whole micro-units"))?);
            }
            "amountmicros" => {
                raw.amount_micros = Some(value.parse().map_err(|_| number("whole micro-units"))?);
            }
            "sharedegress" => {
                raw.shared_egress = Some(match value.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => true,
                    "false" | "0" | "no" => false,
                    _ => return Err(number("true or false")),
                });
            }
            _ => {}
        }
    }
    Ok(raw)
}
