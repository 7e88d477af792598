//! The laws and the behaviour of the join.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic anywhere")]

mod behaviour;
mod laws;
mod make;
