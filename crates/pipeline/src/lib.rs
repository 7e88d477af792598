//! The one state machine that batch, stream and `rerun` share.
//!
//! Events go in, in canonical order; decided days come out. Batch sorts a whole log and pushes it.
//! A stream puts a bounded [`Reorder`] buffer in front and pushes what it releases. Both therefore
//! push the same events in the same order and get the same bytes.
//!
//! # Order
//! The canonical order is by `received`, then by id ([`canonical_order`]). Lateness is a property
//! of the event, never of the run.
//!
//! # What a decision knows
//! A day is decided as soon as an event was received after [`Windows::decided`] of that day, or
//! when the log ends. A decision knows the feeds, and what the log had received until then, and
//! nothing later: the tally of both is scored anew for each day, and its digest stands in each
//! record as the model.
//!
//! # What becomes a record
//! Every impression is decided. Which of them become records is the policy's `record`: by default
//! those with an action, a tag that is broken or risky, or observers that contradict each other.
//! The rest is counted. A record commits to the evidence and names no address, device or
//! transaction; [`Recorder::record`] makes it.

mod close;
mod evidence;
mod live;
mod part;
mod reconcile;
mod record;
mod reorder;
mod run;

pub use adproof_join::{Limits as JoinLimits, Reason as UnjoinedReason, Unjoined, Windows};
pub use close::{Billed, CloseError, Closing, NO_CURRENCY, Notes};
pub use live::{Disorder, Live};
pub use part::{Part, Tallied};
pub use reconcile::{Compared, Figure, Kind, Reconciled, reconcile};
pub use record::{Recorded, Recorder, engine_digest, manifest_digest};
pub use reorder::Reorder;
pub use run::{Day, Decided, Inputs, Pipeline, canonical_order};
