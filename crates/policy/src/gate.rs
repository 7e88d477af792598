//! The gates: their names, what they need, and what they compare.

use std::fmt;

use crate::facts::Facts;
use crate::rung::Rung;

/// A gate that a policy sets on a rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Gate {
    /// At least one feed lists the block.
    Listed,
    /// The block is marked in at least this many issues.
    Issues,
    /// The same, or in one issue where the operator's own log has an event from the block.
    IssuesOrOwnEvent,
    /// The recurrence R (the 5 % quantile of the posterior) is at least this.
    RecurrencePpm,
    /// The block has a rank: its interval does not cover most of the table.
    Ranked,
    /// At least this many other kinds of evidence point the same way.
    Corroboration,
    /// At least this share of the impression's applicable legs has evidence.
    CompletenessPpm,
    /// A collateral figure exists, from the log or structural.
    CollateralComputed,
    /// The upper bound of the share of devices hit, from the operator's own log, is at most this.
    CollateralHighPpm,
    /// At least this many independent feeds list the block.
    Sources,
    /// The block is a prefix of at least this many bits.
    PrefixBits,
    /// The block was marked in one of the last this many issues.
    SeenInLastIssues,
    /// The lower bound of the precision that a backtest found is at least this.
    BacktestPrecisionPpm,
    /// A person's sign-off for the block is recorded in the policy.
    SignOff,
    /// The action ends by itself after this many days.
    TtlDays,
}

/// What a gate takes in a policy file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// `true`.
    Flag,
    /// A whole number within these bounds.
    Number {
        /// The least that makes sense.
        min: i64,
        /// The most that makes sense.
        max: i64,
    },
}

/// A name, what it takes, and what it is for.
struct Entry {
    gate: Gate,
    name: &'static str,
    need: Need,
    meaning: &'static str,
}

const PPM: Need = Need::Number { min: 0, max: 1_000_000 };

const fn number(min: i64, max: i64) -> Need {
    Need::Number { min, max }
}

const fn entry(gate: Gate, name: &'static str, need: Need, meaning: &'static str) -> Entry {
    Entry { gate, name, need, meaning }
}

/// In the order in which a person reads them and [`crate::decide`] tries them.
const TABLE: [Entry; 15] = [
    entry(Gate::Listed, "listed", Need::Flag, "a feed lists the block"),
    entry(Gate::Issues, "issues", number(1, 1_000), "issues that mark the block"),
    entry(
        Gate::IssuesOrOwnEvent,
        "issues_or_own_event",
        number(1, 1_000),
        "issues that mark the block, or one and an event in the own log",
    ),
    entry(Gate::RecurrencePpm, "recurrence_ppm", PPM, "recurrence R of the block"),
    entry(Gate::Ranked, "ranked", Need::Flag, "the block has a rank"),
    entry(
        Gate::Corroboration,
        "corroboration",
        number(1, 4),
        "other kinds of evidence that point the same way",
    ),
    entry(
        Gate::CompletenessPpm,
        "completeness_ppm",
        PPM,
        "share of the applicable legs with evidence",
    ),
    entry(
        Gate::CollateralComputed,
        "collateral_computed",
        Need::Flag,
        "somebody looked who else would be hit",
    ),
    entry(
        Gate::CollateralHighPpm,
        "collateral_high_ppm",
        PPM,
        "upper bound of the share of devices hit, from the own log",
    ),
    entry(Gate::Sources, "sources", number(1, 100), "independent feeds that list the block"),
    entry(Gate::PrefixBits, "prefix_bits", number(32, 128), "bits of the block's prefix"),
    entry(
        Gate::SeenInLastIssues,
        "seen_in_last_issues",
        number(1, 1_000),
        "issues back to the last mark, counting the newest as 1",
    ),
    entry(
        Gate::BacktestPrecisionPpm,
        "backtest_precision_ppm",
        PPM,
        "lower bound of the precision that a backtest found",
    ),
    entry(Gate::SignOff, "sign_off", Need::Flag, "a person signed the block off"),
    entry(Gate::TtlDays, "ttl_days", number(1, 365), "days until the action ends by itself"),
];

impl Gate {
    /// All gates in the order in which they are tried.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|entry| entry.gate)
    }

    /// The gate of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = TABLE.iter().find(|entry| entry.name == name);
        found.map(|entry| entry.gate)
    }

    /// The name in policies, records and outputs. A name that ends in `_ppm` is in parts per
    /// million.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.entry().map_or("", |entry| entry.name)
    }

    /// What it takes in a policy file.
    #[must_use]
    pub fn need(self) -> Need {
        self.entry().map_or(Need::Flag, |entry| entry.need)
    }

    /// What its number is, in words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.entry().map_or("", |entry| entry.meaning)
    }

    /// Whether the number has to stay below instead of above.
    #[must_use]
    pub const fn at_most(self) -> bool {
        matches!(self, Self::CollateralHighPpm | Self::SeenInLastIssues)
    }

    /// Whether it opens for the number that [`Gate::have`] gave.
    pub(crate) fn opens(self, facts: &Facts, have: i64, need: i64) -> bool {
        match self {
            Self::IssuesOrOwnEvent => have >= need || have > 0 && facts.own_events > 0,
            gate if gate.at_most() => have <= need,
            _ => have >= need,
        }
    }

    fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.gate == self)
    }

    /// The number that the facts hold against the gate's; none where nobody knows it.
    pub(crate) fn have(self, facts: &Facts, need: i64) -> Option<i64> {
        Some(match self {
            Self::Listed => i64::from(facts.sources > 0),
            Self::Issues | Self::IssuesOrOwnEvent => i64::from(facts.issues_seen),
            Self::RecurrencePpm => i64::from(facts.recurrence_ppm),
            Self::Ranked => i64::from(facts.ranked),
            Self::Corroboration => i64::from(facts.corroboration.count()),
            Self::CompletenessPpm => i64::from(facts.completeness_ppm),
            Self::CollateralComputed => i64::from(facts.collateral.is_some()),
            Self::CollateralHighPpm => {
                let known = facts.collateral.filter(|collateral| collateral.from_log)?;
                i64::from(known.devices_high_ppm)
            }
            Self::Sources => i64::from(facts.sources),
            // A network or a provider is no prefix: wider than any.
            Self::PrefixBits => i64::from(facts.prefix_bits.unwrap_or(0)),
            Self::SeenInLastIssues => i64::from(facts.last_seen_ago) + 1,
            Self::BacktestPrecisionPpm => i64::from(facts.backtest_precision_ppm?),
            Self::SignOff => i64::from(facts.sign_off),
            Self::TtlDays => need,
        })
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A gate that holds for every policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BuiltIn {
    /// The address is globally routed, or its space is treated as global.
    Scope,
    /// The address is no egress that many subscribers share.
    SharedEgress,
    /// The policy counts the family.
    Family,
    /// The block is a /64 or narrower, or it has a rank by marks of its own, and an own log.
    Conditioned,
    /// Something other than a feed points the same way.
    OwnEvidence,
}

impl BuiltIn {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 5] =
        [Self::Scope, Self::SharedEgress, Self::Family, Self::Conditioned, Self::OwnEvidence];

    /// The name in records and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::SharedEgress => "shared_egress",
            Self::Family => "family",
            Self::Conditioned => "conditioned",
            Self::OwnEvidence => "own_evidence",
        }
    }

    /// What it demands, in words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Scope => "the address is globally routed, or treated as such",
            Self::SharedEgress => "no relay, NAT64 or public proxy",
            Self::Family => "the policy counts this family of invalid traffic",
            Self::Conditioned => {
                "a /64 or narrower, or ranked by marks of its own, with an own log"
            }
            Self::OwnEvidence => "more than a feed speaks for it",
        }
    }

    /// The lowest rung that it guards.
    #[must_use]
    pub const fn from_rung(self) -> Rung {
        match self {
            Self::Conditioned => Rung::Observe,
            Self::Scope => Rung::Measure,
            Self::SharedEgress | Self::Family => Rung::Review,
            Self::OwnEvidence => Rung::Throttle,
        }
    }

    pub(crate) fn open(self, facts: &Facts) -> bool {
        match self {
            Self::Scope => facts.global,
            Self::SharedEgress => !facts.shared_egress,
            Self::Family => facts.family_counts,
            Self::Conditioned => {
                facts.prefix_bits.is_some_and(|bits| bits >= 64)
                    || facts.ranked
                        && !facts.explained
                        && facts.collateral.is_some_and(|collateral| collateral.from_log)
            }
            Self::OwnEvidence => facts.corroboration.count() > 0,
        }
    }
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
