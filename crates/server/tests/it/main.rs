//! The server as a client meets it: in process, and over a socket where time and bytes matter.

// Helpers outside of a test function are tests all the same.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod bounds;
mod bundle;
mod common;
mod document;
mod ledger;
mod page;
mod socket;
mod witness;
