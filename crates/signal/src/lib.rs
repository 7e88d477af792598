//! Indicators and events to a mergeable tally, recurrence, intervals, contributions and collateral.
//!
//! [`Tally`] is the one state: a commutative monoid that batch, stream and cluster runs feed and
//! merge with equal bytes as the result. [`score`] reads it and says how blocks recur and how sure
//! that is; [`collateral`] says who else a block holds. Nothing here knows a policy or an action.
//!
//! Floats stay inside: only IEEE basic operations and `libm` are used, and every result leaves as
//! an integer, so that every machine gives the same bytes.

mod assemble;
mod census;
mod codec;
mod collateral;
mod eval;
mod excess;
mod exposure;
mod gather;
mod marks;
mod num;
mod params;
mod parts;
mod rank;
mod rng;
mod rows;
mod score;
mod sightings;
mod special;
mod tally;

pub use census::{Exposed, Systems, Totals};
pub use codec::TallyError;
pub use collateral::collateral;
pub use excess::Excess;
pub use exposure::Exposure;
pub use gather::{
    Device, Gather, Gathered, Grain, Listed, Row, RunReader, Table, census, write_run,
};
pub use params::Params;
pub use score::{BlockScore, Contribution, Scoring, Term, Unranked, score};
pub use sightings::Sightings;
pub use tally::{Tally, device_key, source_name};
