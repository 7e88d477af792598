//! The policy file, the ladder, and what no policy can turn off.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic anywhere")]

mod files;
mod ladder;
