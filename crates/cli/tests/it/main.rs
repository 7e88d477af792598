//! The binary, tested as a binary: one module a verb.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod bundle;
mod cluster;
mod decide;
mod demo;
mod diff;
#[cfg(feature = "cluster")]
mod drivers;
mod erase;
mod inspect;
mod keys;
mod ledger;
mod lint;
mod outside;
mod policy;
mod profiles;
mod rerun;
mod run;
mod s3;
mod score;
mod serve;
mod settle;
mod sql;
#[cfg(all(unix, feature = "engine"))]
mod sql_shell;
mod store;
mod stream;
#[cfg(feature = "nats")]
mod stream_nats;
mod stream_state;
#[cfg(feature = "nats")]
mod stream_tally;
mod traffic;
