//! The edge against real sockets and real files.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in its helpers"
)]

mod fetch;
mod inspect;
mod server;
mod timestamp;
