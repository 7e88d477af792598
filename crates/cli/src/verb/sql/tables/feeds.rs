//! `indicators` and `blocks`: feeds, as rows and as they score.

use std::path::PathBuf;

use adproof_engine::{Cell, ColumnDoc, Kind, LoadError, Loaded};
use adproof_feeds::{AsnTable, Limits, enrich, read_feed};
use adproof_model::Indicator;
use adproof_signal::{Scoring, source_name};
use adproof_wire::score::{Prepared, Request};

use super::{Notes, SqlArgs, is_log};
use crate::verb::score::{is_feed, source, unread};
use crate::{engine, input};

pub(super) const INDICATORS: &[ColumnDoc] = &[
    ColumnDoc::new("prefix", Kind::Text, "the address or prefix that the row names, with length"),
    ColumnDoc::new("address", Kind::Address, "its first address"),
    ColumnDoc::new("length", Kind::Int, "its length in bits, 128 for a single address"),
    ColumnDoc::new("fraud_type", Kind::Text, "the type that the feed gives"),
    ColumnDoc::new("family", Kind::Text, "what recurrence is counted over"),
    ColumnDoc::new("ivt_class", Kind::Text, "the MRC class: GIVT, SIVT or unclassified"),
    ColumnDoc::new("probability_ppm", Kind::Int, "the publisher's probability"),
    ColumnDoc::new("provider", Kind::Text, "the provider as the feed writes it"),
    ColumnDoc::new("asn", Kind::Int, "the feed's, or the table's on the issue's last day"),
    ColumnDoc::new("issue", Kind::Text, "the issue: 2026-05-31, 2026-05 or 2026-W22"),
    ColumnDoc::new("feed", Kind::Text, "the feed: issues of one are one source"),
    ColumnDoc::new("path", Kind::Text, "the file"),
    ColumnDoc::new("row", Kind::Int, "the row in it, from 1"),
];

/// The arguments that feeds are read by.
#[derive(Clone, Debug)]
pub(super) struct Given {
    feeds: Vec<PathBuf>,
    events: Vec<PathBuf>,
    asn: Option<PathBuf>,
    notes: Notes,
}

impl Given {
    pub(super) fn new(args: &SqlArgs, notes: &Notes) -> Self {
        Self {
            feeds: args.feeds.clone(),
            events: args.events.clone(),
            asn: args.asn.clone(),
            notes: notes.clone(),
        }
    }

    fn note_rejects(&self, path: &str, rejected: u64, of: &str) {
        if rejected > 0 {
            self.notes.say(format!(
                "note: {rejected} rows of {} were not taken; {of} lists them",
                crate::text::safe(path)
            ));
        }
    }
}

/// The table `indicators`.
pub(super) fn indicators(given: Given) -> Loaded {
    Loaded::new(INDICATORS, move |rows| {
        let limits = Limits::default();
        let table = match &given.asn {
            None => None,
            Some(path) => {
                let input = input::one(path)?;
                Some(AsnTable::read(&input.name, &input.bytes, &limits).map_err(|e| unread(&e))?)
            }
        };
        for path in input::files(&given.feeds, is_feed)? {
            let input = input::one(&path)?;
            let mut issue =
                read_feed(&input.name, &input.bytes, &limits).map_err(|error| unread(&error))?;
            if let Some(table) = &table {
                enrich(&mut issue.accepted, table);
            }
            let score = "`adproof score --output-format json`";
            given.note_rejects(&issue.name, issue.rejected_total, score);
            let feed = source_name(&issue.name, &issue.issue);
            for indicator in &issue.accepted {
                rows.push(row(indicator, &feed, &issue.name))?;
            }
        }
        Ok(())
    })
}

fn row(indicator: &Indicator, feed: &str, path: &str) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let prefix = indicator.prefix;
    vec![
        Cell::Text(prefix.to_string()),
        Cell::Bytes(prefix.bits().to_be_bytes().to_vec()),
        Cell::Int(prefix.bit_len().into()),
        text(indicator.fraud_type.as_str()),
        text(indicator.fraud_type.family().as_str()),
        text(indicator.fraud_type.class().as_str()),
        indicator.probability_ppm.map_or(Cell::Null, |ppm| Cell::Int(ppm.into())),
        indicator.provider.as_deref().map_or(Cell::Null, text),
        indicator.asn.map_or(Cell::Null, |asn| Cell::Int(asn.into())),
        text(indicator.issue.label()),
        text(feed),
        text(path),
        Cell::Int(i64::try_from(indicator.row).unwrap_or(i64::MAX)),
    ]
}

/// The table `blocks`.
pub(super) fn blocks(given: Given) -> Loaded {
    Loaded::blocks(move || score(&given))
}

fn score(given: &Given) -> Result<Scoring, LoadError> {
    let feeds = input::expand(&given.feeds, is_feed)?;
    let asn = given.asn.as_deref().map(input::one).transpose()?;
    let logs = match given.events.as_slice() {
        [] => Vec::new(),
        logs => input::files(logs, is_log)?,
    };
    let (parquet, logs): (Vec<_>, Vec<_>) =
        logs.into_iter().partition(|path| input::has_extension(path, &["parquet"]));
    let scanned = engine::scan(&parquet)?;
    let events = match logs.as_slice() {
        [] => Vec::new(),
        logs => input::expand(logs, is_log)?,
    };
    let request = Request {
        feeds: feeds.iter().map(source).collect(),
        asn: asn.as_ref().map(source),
        events: events.iter().map(source).collect(),
        scanned: scanned.sightings,
        scanned_logs: scanned.logs,
        ..Request::default()
    };
    let scored = Prepared::read(request).map_err(|error| unread(&error))?.score();
    for input in &scored.document.inputs {
        let score = "`adproof score --output-format json`";
        given.note_rejects(&input.path, input.rejected_total, score);
    }
    for log in &scored.document.events {
        given.note_rejects(&log.path, log.rejected_total, "the table `rejects`");
    }
    Ok(scored.scoring)
}
