//! The readers as their callers use them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod address;
mod csv;
mod datasets;
mod support;
mod workbook;
