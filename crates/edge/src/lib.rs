//! Everything async and outside: fetcher with its guard, ledger store on disk, streams, clock, keys at rest

pub mod anchors;
pub mod bundle;
pub mod clock;
pub mod fetch;
pub mod har;
mod held;
pub mod http;
pub mod inputs;
pub mod inspect;
pub mod keys;
pub mod people;
pub mod store;
pub mod stream;
pub mod witness;
