use std::fmt;

use super::{Problem, Standing, TimeBound};
use crate::hash::Hash;
use crate::note::VerifiedCheckpoint;

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The log's name, from the trusted keys.
    pub log: String,
    /// How many records were read.
    pub records: u64,
    /// The root over them.
    pub root: Hash,
    /// The log's checkpoint, if it verified.
    pub checkpoint: Option<VerifiedCheckpoint>,
    /// What was compared, besides records and the log's own checkpoint.
    pub checked: Checked,
    /// What time stamps say of when records were written.
    pub times: Vec<TimeBound>,
    /// What is wrong, in the order in which it was met.
    pub problems: Vec<Problem>,
    /// How many problems there are, described or not.
    pub problems_total: u64,
}

/// How much there was to compare with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Checkpoints that the verifier held.
    pub held: u64,
    /// Checkpoints that witnesses have cosigned.
    pub witnessed: u64,
    /// Checkpoints under a time stamp.
    pub anchored: u64,
    /// Acknowledgements whose signatures fit.
    pub acks: u64,
    /// Acknowledgements by keys that the verifier does not know.
    pub acks_of_strangers: u64,
    /// Decisions in the log.
    pub decisions: u64,
    /// Decisions that closed windows sum up.
    pub decisions_in_windows: u64,
}

impl Checked {
    pub(super) const fn count(&mut self, standing: Standing) {
        match standing {
            Standing::Own => {}
            Standing::Held => self.held += 1,
            Standing::Witnessed => self.witnessed += 1,
            Standing::Anchored => self.anchored += 1,
        }
    }
}

/// Something that this verification could not find, and why. It is no problem of the log: it says
/// what a verdict of "nothing is wrong" does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotChecked {
    /// No witnessed checkpoint was there.
    Witness,
    /// No checkpoint from elsewhere was there at all.
    Held,
    /// No anchored checkpoint was there.
    Anchor,
    /// Some or all decisions are in no closed window.
    Window {
        /// How many.
        decisions: u64,
    },
    /// Nobody has acknowledged anything.
    Ack,
    /// Acknowledgements are by unknown keys.
    AckKey {
        /// How many.
        acks: u64,
    },
    /// Decisions were not made again.
    Decision,
}

impl NotChecked {
    /// A name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Held => "held_checkpoint",
            Self::Anchor => "anchor",
            Self::Window { .. } => "window_close",
            Self::Ack => "countersignature",
            Self::AckKey { .. } => "countersignature_key",
            Self::Decision => "re_execution",
        }
    }
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Witness => f.write_str("no witness: a rewrite by the key holder would not show"),
            Self::Held => f.write_str(
                "no held checkpoint: a tail that was cut off together with its checkpoint would \
                 not show",
            ),
            Self::Anchor => {
                f.write_str("no anchor: when the records were written is the log's word alone")
            }
            Self::Window { decisions } => write!(
                f,
                "no closed window over {decisions} decisions: what was left out of them would \
                 not show"
            ),
            Self::Ack => f.write_str(
                "no acknowledgement: nothing shows that the other party has seen these records",
            ),
            Self::AckKey { acks } => write!(
                f,
                "{acks} acknowledgements by keys that were not given: who made them is not known"
            ),
            Self::Decision => f.write_str(
                "no decision was run again: that the evidence and the policy lead to it is not \
                 shown (adproof rerun)",
            ),
        }
    }
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.problems_total == 0
    }

    /// The lowest record at which something is wrong.
    #[must_use]
    pub fn first_record(&self) -> Option<u64> {
        self.problems.iter().filter_map(|problem| problem.record).min()
    }

    /// What could not be found with what was given.
    #[must_use]
    pub fn not_checked(&self) -> Vec<NotChecked> {
        let checked = &self.checked;
        let elsewhere = checked.held + checked.witnessed + checked.anchored;
        let open = checked.decisions.saturating_sub(checked.decisions_in_windows);
        let (acks, strangers) = (checked.acks, checked.acks_of_strangers);
        [
            (checked.witnessed == 0, NotChecked::Witness),
            (elsewhere == 0, NotChecked::Held),
            (checked.anchored == 0, NotChecked::Anchor),
            (open > 0, NotChecked::Window { decisions: open }),
            (acks == 0 && strangers == 0, NotChecked::Ack),
            (strangers > 0, NotChecked::AckKey { acks: strangers }),
            (checked.decisions > 0, NotChecked::Decision),
        ]
        .into_iter()
        .filter_map(|(holds, what)| holds.then_some(what))
        .collect()
    }
}
