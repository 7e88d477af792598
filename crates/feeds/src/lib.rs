//! Workbooks, CSV, JSONL, STIX, MISP, event logs and ASN tables to indicators and events, rejects
//! with reasons.
//!
//! Bytes in, rows out: nothing here opens a file, knows a clock or scores. A row that cannot be
//! taken is a value ([`adproof_model::Reject`]), not an error; an error ([`FeedError`]) means that
//! the file as a whole could not be read, and says where and what to do.

pub mod address;
mod alias;
mod archive;
mod asn;
mod cell;
mod claims;
mod dating;
mod delimited;
mod error;
mod event;
mod event_lines;
mod event_log;
mod feed;
mod json;
mod limits;
mod list;
mod misp;
mod number;
mod parts;
mod reject;
mod sniff;
mod stix;
mod table;
mod text;
mod traffic;
mod workbook;

pub use asn::{AsnEntry, AsnTable, enrich};
pub use claims::{ClaimRow, Claims, read_claims};
pub use error::{FeedError, FeedFault, Searched};
pub use event_lines::{EventLines, read_event_line};
pub use event_log::{EventLog, EventRows, read_events};
pub use feed::{FeedFormat, FeedIssue, read_feed, read_feed_as};
pub use limits::Limits;
pub use traffic::{Counts, TrafficColumn, TrafficColumns, TrafficLog, TrafficRow, TrafficSink};
