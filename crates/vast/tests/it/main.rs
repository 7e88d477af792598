//! The linter as others see it: bytes in, findings out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking and reads its fixtures from files"
)]

mod corpus;
mod extensions;
mod harness;
mod laws;
mod let_through;
mod limits;
mod outcomes;
mod profiles;
mod reader;
#[allow(unreachable_pub, reason = "the fuzz targets use the same file")]
mod reference;
mod suppress;
mod urls;
