//! Plain data of the domain, shared by every other crate.
//!
//! What is here has constructors that keep invariants, text forms and order; it does no I/O,
//! knows no clock and decides nothing. Nothing here speaks JSON: wire types live in
//! `adproof-wire` and in the crates that own a format.

mod binary;
mod digest;
mod dossier;
mod event;
mod finding;
mod indicator;
pub mod ipv6;
mod issue;
mod level;
mod names;
mod prefix;
pub mod scope;
mod signal;
pub mod taxonomy;
mod time;
mod verdict;

pub use binary::{BinaryError, BinaryReader, BinaryWriter};
pub use digest::{Digest, DigestParseError};
pub use dossier::{
    Completeness, Disagreement, Dossier, JoinKey, LegEvidence, LegState, Observation,
};
pub use event::{Event, Execution, Leg, LegDetail};
pub use finding::{Axis, Citation, Edit, Finding, Fix, Severity, Span};
pub use indicator::{AddressLabel, Indicator, Reject};
pub use issue::{IssueId, IssueIdError};
pub use level::Level;
pub use names::ImpressionKey;
pub use prefix::{Block, Prefix, PrefixParseError};
pub use signal::{Basis, Collateral, Signal, SignalClass};
pub use taxonomy::{Family, FraudType, IvtClass};
pub use time::{Timestamp, TimestampParseError};
pub use verdict::{DocumentKind, DocumentOutcome, TagVerdict};
