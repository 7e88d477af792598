use std::collections::BTreeMap;

use adproof_model::{Block, Family, IssueId, Level, Signal, SignalClass};

use crate::assemble::assemble;
use crate::eval::Scored;
use crate::excess::{Excess, Shares};
use crate::num::count32;
use crate::params::Params;
use crate::rows::{self, Table};
use crate::tally::Tally;

/// What scoring says: blocks in the order of a list that a person reads, and what was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scoring {
    /// The issues in the window, newest first.
    pub issues: Vec<IssueId>,
    /// Ranked blocks first, then by decayed recurrence.
    pub blocks: Vec<BlockScore>,
    /// Blocks that [`Params::max_blocks`] cut, by level.
    pub cut: BTreeMap<Level, u64>,
    /// Single addresses that too few issues mark to be reported as blocks of their own.
    pub single_addresses: u64,
    index: BTreeMap<(u8, u128), Vec<u32>>,
    networks: BTreeMap<Block, Vec<u32>>,
}

/// How one block of one family recurs and how sure that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockScore {
    /// The block.
    pub block: Block,
    /// Its level.
    pub level: Level,
    /// The family of invalid traffic. Families are never pooled.
    pub family: Family,
    /// The provider that most rows in the block name.
    pub provider: Option<Box<str>>,
    /// The network that most rows in the block name.
    pub asn: Option<u32>,
    /// Whether the block is ranked.
    pub class: SignalClass,
    /// Why it is not ranked.
    pub unranked: Option<Unranked>,
    /// Distinct indicators in the block over the window.
    pub indicators: u32,
    /// Issues ingested in the window.
    pub issues: u32,
    /// Issues that mark the block.
    pub issues_seen: u32,
    /// Issues that mark the block while no reported narrower block inside explains them.
    pub issues_unexplained: u32,
    /// How many issues ago the block was last marked; 0 is the newest.
    pub last_seen_ago: u32,
    /// The 5 % quantile of the posterior in parts per million, over unexplained issues.
    pub recurrence_ppm: u32,
    /// The posterior mean in parts per million.
    pub mean_ppm: u32,
    /// The 95 % quantile in parts per million.
    pub high_ppm: u32,
    /// The highest recurrence that the ingested issues could have reached, in parts per million.
    pub attainable_ppm: u32,
    /// The reported narrower block that explains most of the issues that mark this one. With
    /// `issues_unexplained` 0 it and its like explain all of them.
    pub explained_by: Option<Block>,
    /// Rank among the blocks of its level and family, from 1: 90 % interval.
    pub rank: (u32, u32),
    /// Blocks of its level and family.
    pub ranked_among: u32,
    /// The chance to return this often at the rate of the prior or of the neighbours, whichever
    /// is higher, in parts per million, before correction for the size of the table.
    pub chance_ppm: u32,
    /// Against exposure, when the own log holds the block.
    pub excess: Option<Excess>,
    /// The logit of the mean, term by term.
    pub contributions: Vec<Contribution>,
    /// Distinct feeds that list the block.
    pub sources: u32,
    /// Recurrence decayed by the half-life of the level, in parts per million. It orders lists
    /// and is never a gate.
    pub order_ppm: u32,
}

impl BlockScore {
    /// What the rest of the product is told.
    #[must_use]
    pub fn signal(&self) -> Signal {
        Signal {
            block: self.block.clone(),
            family: self.family,
            class: self.class,
            indicators: self.indicators,
            issues: self.issues,
            issues_seen: self.issues_seen,
            last_seen_ago: self.last_seen_ago,
            recurrence_ppm: self.recurrence_ppm,
            mean_ppm: self.mean_ppm,
            high_ppm: self.high_ppm,
            attainable_ppm: self.attainable_ppm,
            explained_by: self.explained_by.clone(),
            sources: self.sources,
        }
    }

    /// The logit of the posterior mean in milli-nats: the sum of the contributions.
    #[must_use]
    pub fn logit_millinats(&self) -> i64 {
        self.contributions.iter().map(|term| term.millinats).sum()
    }
}

/// Why a block is `insufficient`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unranked {
    /// Fewer than two issues were ingested: nothing can recur.
    OneIssue,
    /// A crawler that declares itself is identified, not suspected.
    SelfDeclared,
    /// Reported narrower blocks explain every issue that marks it.
    Explained,
    /// It is wider than one party's delegation and there is no own log to hold its size against.
    NoExposure,
    /// It returns no more often than chance and its neighbours do.
    Chance,
    /// The own log does not bear it out: its share of devices explains its marks, or, for a block
    /// wider than one party's, the log's own invalid traffic there is no more than elsewhere.
    NoExcess,
    /// Its rank interval covers most of the table.
    RankUnclear,
}

impl Unranked {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneIssue => "one_issue",
            Self::SelfDeclared => "self_declared",
            Self::Explained => "explained",
            Self::NoExposure => "no_exposure",
            Self::Chance => "chance",
            Self::NoExcess => "no_excess",
            Self::RankUnclear => "rank_unclear",
        }
    }
}

/// A term of the logit of the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// The root prior.
    Root,
    /// Blocks of the same level that share this wider block and nothing narrower.
    Neighbours(Level),
    /// The block's own history; with exposure, the part that its share of devices explains.
    Recurrence,
    /// With exposure: that marks clump more than a Poisson count does.
    Dispersion,
    /// With exposure: what the share of devices does not explain.
    Excess,
}

impl Term {
    /// The name used in outputs: a level's name stands for the neighbours at that level.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Neighbours(level) => level.as_str(),
            Self::Recurrence => "recurrence",
            Self::Dispersion => "dispersion",
            Self::Excess => "excess",
        }
    }
}

/// One term and its part of the logit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contribution {
    /// The term.
    pub term: Term,
    /// Its part in milli-nats.
    pub millinats: i64,
}

impl Scoring {
    /// The blocks that hold an address, narrowest first. Networks and providers are those that
    /// the feeds name for the narrowest block.
    #[must_use]
    pub fn signals_for(&self, address: u128) -> Vec<Signal> {
        let mut found: Vec<&BlockScore> = Vec::new();
        for len in [128, 64, 56, 48, 32] {
            let bits = adproof_model::Prefix::containing(address, len).bits();
            let at = self.index.get(&(len, bits));
            found.extend(at.into_iter().flatten().filter_map(|i| self.at(*i)));
        }
        let mut wide: Vec<Block> = Vec::new();
        if let Some(narrowest) = found.first() {
            wide.extend(narrowest.asn.map(Block::Asn));
            wide.extend(narrowest.provider.clone().map(Block::Provider));
        }
        for block in wide {
            let at = self.networks.get(&block);
            found.extend(at.into_iter().flatten().filter_map(|i| self.at(*i)));
        }
        found.into_iter().map(BlockScore::signal).collect()
    }

    fn at(&self, index: u32) -> Option<&BlockScore> {
        self.blocks.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn new(
        issues: Vec<IssueId>,
        blocks: Vec<BlockScore>,
        cut: BTreeMap<Level, u64>,
        single_addresses: u64,
    ) -> Self {
        let mut scoring = Self { issues, blocks, cut, single_addresses, ..Self::default() };
        for (at, score) in scoring.blocks.iter().enumerate() {
            let at = count32(at);
            match &score.block {
                Block::Prefix(prefix) => {
                    let key = (prefix.bit_len(), prefix.bits());
                    scoring.index.entry(key).or_default().push(at);
                }
                other => scoring.networks.entry(other.clone()).or_default().push(at),
            }
        }
        scoring
    }
}

/// Scores every block that a feed marks in the window.
///
/// A block is `ranked` when all of these hold: two issues or more were ingested; its family is
/// not the self-declared crawlers'; some issue marks it that no reported narrower block explains;
/// it is no wider than [`Params::presence_level`], or the own log shows an excess of invalid
/// traffic there; it returns more often than the root prior and its neighbours make likely, at a
/// bounded false discovery rate over its table (Benjamini and Hochberg 1995); where the own log
/// holds it, its share of devices does not explain its marks; and its rank interval does not cover
/// most of the table.
///
/// The posterior is `Beta(α + k + w·μ, β + n − k + w·(1 − μ))`: the root prior and `w` further
/// issues at the return rate `μ` of the neighbours, where `w` is at most `m` and at most the
/// issues in which neighbours were observed. Neighbours are blocks of the same level in the same
/// /56, /48, /32, network and provider, the block itself left out. A feed shows only blocks that
/// it marks at least once, so each neighbour's first mark is left out of its rate (Weinberg's
/// proband method); otherwise every neighbour of a single issue would have a rate of 1.
#[must_use]
pub fn score(tally: &Tally, params: &Params) -> Scoring {
    let marks = tally.marks();
    let run = tally.sealed();
    let issues = rows::window(&marks, params.window());
    let tables: Vec<(Family, Table)> = Family::ALL
        .into_iter()
        .map(|family| (family, rows::table(&marks, family, params.window())))
        .collect();
    let shares = (!run.records().is_empty()).then(|| {
        let rows = tables.iter().flat_map(|(_, table)| table.rows.iter().flatten());
        Shares::of(run.records(), &rows.map(|row| row.key).collect())
    });
    let scored: Vec<Scored> = tables
        .into_iter()
        .map(|(family, table)| Scored::new(table, family, &issues, params, shares.as_ref()))
        .collect();
    assemble(&marks, issues, &scored, params)
}
