//! Policy text and a dossier to a decision with reasons.
//!
//! A policy is a TOML file: a ladder of rungs, each with its gates, and the tests that its
//! authors hold it to. [`decide`] climbs the ladder for the blocks that hold an address and
//! stops at the first rung with a gate that does not open. Every gate that was tried is in the
//! decision with its numbers, so that a person sees what was allowed and why not more.
//!
//! A policy knows what scoring says about a block, never how it came to say it, and has no
//! weight to tune: only thresholds that a person can read aloud.
//!
//! # What no policy can turn off
//! Some gates are not in the file. They hold for every policy:
//! - `conditioned`: a block wider than a /64 counts at all only where it is ranked, no narrower
//!   block explains its marks, and the operator's own log knows who else is there. One bad /64
//!   does not light up its /48, its /32 and its network.
//! - `scope`: addresses that are not globally routed get no further than `observe`, unless
//!   `treat_as_global` names their space.
//! - `shared_egress`: a relay, NAT64 or public proxy gets no further than `measure`.
//! - `family`: a family that the policy does not count, such as self-declared crawlers, gets no
//!   further than `measure`.
//! - `own_evidence`: a feed alone gets no further than `review`.

mod decide;
mod facts;
mod file;
mod gate;
mod policy;
mod rung;
mod testing;

pub use decide::{Decision, Outcome, Reason, decide, decide_facts};
pub use facts::{Case, CollateralFacts, Corroboration, Facts};
pub use file::{PolicyError, SignOff};
pub use gate::{BuiltIn, Gate, Need};
pub use policy::{Policy, Record, RungGates};
pub use rung::Rung;
pub use testing::{PolicyTest, TestOutcome};
