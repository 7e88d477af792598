//! The heavy crate: DataFusion scans and SQL with our functions, Polars frames for reports.
//!
//! It feeds the kernels of `adproof-signal` at scale and computes nothing that they compute. The
//! entry points are synchronous: each runs on worker threads of its own and comes back.
//!
//! - [`scan_events`] reads event logs (Parquet, CSV, JSONL) into impressions that give a tally the
//!   same bytes as the default build's reader gives it.
//! - [`sql`] answers a query over files, read-only and bounded; [`Session`] answers many over a
//!   [`Catalog`] of files, event logs and rows that somebody else reads.
//! - [`frames`] holds the summary frames of reports, through Polars.
//! - `cluster`, a feature, runs the same plans on many machines.
//! - [`session::state`] builds the session with our functions for everybody who runs a plan.

mod answer;
#[cfg(feature = "cluster")]
pub mod cluster;
mod error;
mod events;
pub mod frames;
mod function;
mod query;
pub mod session;
mod source;
mod store;
mod table;

pub use answer::{Answer, Cell, Column};
pub use error::EngineError;
pub use events::{EventScan, RejectedRow, ScannedLog, event_schema, scan_events};
pub use function::{
    AddressFunction, AsnOfAddress, Ipv6Prefix, MarksAggregate, MergeTallies, SightingsAggregate,
    TallyAggregate, register,
};
pub use query::{Session, sql};
pub use session::{EngineOptions, Limits};
pub use source::{SourceFormat, Table};
pub use table::{Catalog, ColumnDoc, Kind, LoadError, Loaded, Named, Rows, Stopped};
