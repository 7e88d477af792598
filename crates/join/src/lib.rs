//! Legs of evidence, in any order and late, to dossiers.
//!
//! A [`Join`] holds the open impressions. Events are pushed, windows are closed, dossiers come
//! out. It is a commutative monoid under [`Join::merge`]: the same events in any order and any
//! partitioning give the same dossiers, because what becomes of an event depends on the event
//! and on its impression alone, never on when the join saw it.
//!
//! # Windows
//! An impression belongs to the UTC day of its anchor, the earliest time among its events. The
//! day's window closes `lateness_us` after the day's end: what is received until then is used.
//! It is decided `grace_us` after that: what is received between is late, kept and named in the
//! dossier, not used. What is received after the decision is handed back as [`Unjoined`].
//!
//! # Keys
//! Transaction and impression id join first. An event without both waits for its day to close
//! and then joins the one impression of the day that shares its advertising id and bundle, or
//! else its /64 and user agent, within `match_us` of the anchor; with none or several such
//! impressions it is handed back. The dossier names the weakest key that was used.
//!
//! # Legs that do not apply
//! Where nothing tells of a creative, a tag, playback or a bill, nothing was won: the four legs
//! do not apply. Where every report of playback is a failure and nothing was billed, billing does
//! not apply: for VAST, the impression is the billable event.

mod disagree;
mod evidence;
mod fallback;
mod legs;
mod window;

pub use disagree::{UNKNOWN_DEVICE, same_subnet};
pub use window::{Join, Limits, Reason, Unjoined, Window, Windows};
