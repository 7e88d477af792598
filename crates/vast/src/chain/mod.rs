//! The wrapper chain: a state machine that says what it needs and is given bytes.
//!
//! [`Resolver::step`] answers [`Need::Fetch`] until the chain is known, then [`Need::Done`]. The
//! caller fetches, or reads a file, or replays a capture, and hands the answer to
//! [`Resolver::supply`]. There is no I/O, no clock and no randomness here: durations come with
//! each [`Response`], the cache buster comes from a seed, and so the same answers give the same
//! [`Chain`]. Only the addresses of VASTAdTagURI are ever asked for; trackers, clicks and media
//! are listed and never requested.
//!
//! A chain is a tree: a document may hold a pod, each ad of which may be a wrapper. It is walked
//! depth first, in the order in which a player would need the ads.

mod address;
#[cfg(test)]
mod laws;
mod macros;
mod model;
mod reply;
mod resolver;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use macros::NAMES as MACRO_NAMES;
pub use macros::{Macros, expand};
pub use model::{
    Chain, ChainOutcome, Cors, Creative, Fault, Fetch, FetchFault, Hop, HopKind, Limits, MediaFile,
    Need, NetworkHop, Options, ResolvedAd, Response, Start, Tracker, UniversalAdId, VastError,
};
pub use resolver::Resolver;
