//! The readers as their callers use them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The crate reads no file; its tests read the shipped data.
#![allow(clippy::disallowed_methods)]

mod address;
mod asn;
mod csv;
mod datasets;
mod events;
mod hostile;
mod json;
mod support;
mod traffic;
mod workbook;
