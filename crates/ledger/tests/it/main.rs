//! The crate as a stranger uses it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the tests read fixtures and run openssl"
)]

mod attack;
mod bundles;
mod canonical;
mod commands;
mod corpus;
mod lifecycle;
mod notes;
mod openssl;
mod published;
mod python;
mod rotation;
mod sample;
mod standards;
mod tamper;
mod types;
mod vector;
