//! The readers as their callers use them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
// The crate reads no file and knows no clock; its tests read the shipped data and keep time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod address;
mod asn;
mod csv;
mod datasets;
mod events;
mod hostile;
mod json;
mod support;
mod workbook;
