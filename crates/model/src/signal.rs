use crate::{Block, Family, Level};

/// Whether there is enough history to put a block in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignalClass {
    /// Not enough issues, or a rank interval that covers most of the table.
    Insufficient,
    /// Ranked against the other blocks of its level.
    Ranked,
}

impl SignalClass {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::Ranked => "ranked",
        }
    }
}

/// What scoring tells the rest of the product about one block and one family: how it recurs and
/// how sure we are, and nothing about what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal {
    /// The block.
    pub block: Block,
    /// The family of invalid traffic.
    pub family: Family,
    /// Whether it is ranked.
    pub class: SignalClass,
    /// Distinct indicators in the block over the window.
    pub indicators: u32,
    /// Issues ingested in the window (`n`).
    pub issues: u32,
    /// Issues that mark the block (`k`).
    pub issues_seen: u32,
    /// How many issues ago the block was last marked: 0 is the newest issue.
    pub last_seen_ago: u32,
    /// The 5 % quantile of the posterior, in parts per million: the recurrence `R`.
    pub recurrence_ppm: u32,
    /// The posterior mean, in parts per million.
    pub mean_ppm: u32,
    /// The 95 % quantile, in parts per million.
    pub high_ppm: u32,
    /// The highest recurrence that the ingested issues could have reached, in parts per million.
    pub attainable_ppm: u32,
    /// The narrower block that explains every mark of this one.
    pub explained_by: Option<Block>,
    /// Distinct feeds that list the block.
    pub sources: u32,
}

impl Signal {
    /// The block's level, or none for a prefix of an odd length.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.block.level()
    }
}

/// Where a collateral figure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// The operator's own log.
    Log,
    /// No log: what such a block usually holds. Marked `no_evidence` everywhere.
    Structural,
}

impl Basis {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Structural => "no_evidence",
        }
    }
}

/// Who else an action on a block would hit, over its proposed time to live. Never printed as 0:
/// where nothing was seen, the upper bound says what can still be there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collateral {
    /// The block that would be acted on.
    pub block: Block,
    /// Where the figure comes from.
    pub basis: Basis,
    /// Distinct unflagged devices seen in the block.
    pub devices: u64,
    /// Distinct unflagged /64s seen in the block (structural: that it can hold).
    pub households: u64,
    /// Impressions of unflagged devices.
    pub impressions: u64,
    /// Revenue of those impressions in micro-units.
    pub revenue_micros: i64,
    /// Distinct devices in the whole log: what `devices` is a share of.
    pub devices_in_log: u64,
    /// One-sided 95 % Clopper–Pearson upper bound of the share of devices, in parts per million.
    pub devices_high_ppm: u32,
    /// Share of the log's impressions that carry a device id, in parts per million.
    pub coverage_ppm: u32,
}
