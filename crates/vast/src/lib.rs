//! VAST: bytes to a tolerant document, rules, fixes and the wrapper-chain state machine.
//!
//! [`parse`] never fails, [`lint`] says what is wrong and where, in bytes of the input as given.
//! Nothing here fetches, reads files, knows the time or expands an entity. What each version of
//! VAST allows is data in `rules/vast/structure.tsv`; what each rule means stands in its file
//! beside it.

pub mod chain;
mod charset;
mod counts;
mod decode;
mod document;
mod findings;
mod fix;
mod generated;
mod known;
mod limits;
mod lint;
mod options;
mod parse;
mod path;
pub mod profile;
mod references;
mod rule;
mod rules;
mod sink;
mod sort;
mod structure;
mod suppress;
mod text;
mod version;

pub use document::{Document, ElementId};
pub use findings::Findings;
pub use fix::{Fixed, fix, mend};
pub use limits::Limits;
pub use lint::{Checked, DocumentVersion, Report, check, lint};
pub use options::{Options, UnknownRule};
pub use parse::parse;
pub use rule::{FixKind, Rule, rule, rules, ruleset_digest};
pub use version::Version;
