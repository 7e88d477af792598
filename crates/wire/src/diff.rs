//! `adproof.diff/1`: what changed between two issues of a feed, at every level.

use std::collections::BTreeMap;

use adproof_feeds::{AsnTable, FeedError, FeedIssue, Limits, enrich, read_feed};
use adproof_model::{Block, Family, Indicator, Level};
use schemars::JsonSchema;
use serde::Serialize;

use crate::score::{InputV1, NOTICE, Source};

/// What absence from a feed means.
pub const CENSORING: &str = "Feeds of this kind are cut at a fixed number of rows and replaced, \
                             not appended. What is not listed is not known: absence is \
                             censoring, not innocence.";

/// The JSON Schema of `adproof.diff/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(DiffV1)
}

/// Reads two issues and compares them.
pub fn run(
    old: Source<'_>,
    new: Source<'_>,
    asn: Option<Source<'_>>,
    limits: &Limits,
) -> Result<DiffV1, FeedError> {
    let table = match asn {
        Some(source) => Some(AsnTable::read(source.name, source.bytes, limits)?),
        None => None,
    };
    let read = |source: Source<'_>| {
        let mut issue = read_feed(source.name, source.bytes, limits)?;
        if let Some(table) = &table {
            enrich(&mut issue.accepted, table);
        }
        Ok(issue)
    };
    Ok(DiffV1::new(&read(old)?, &read(new)?))
}

/// What changed between two issues of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiffV1 {
    /// Always `adproof.diff/1`.
    #[schemars(extend("const" = "adproof.diff/1"))]
    pub schema: &'static str,
    /// What the entries are: their publisher's opinion.
    pub notice: &'static str,
    /// What absence means.
    pub censoring: &'static str,
    /// The older issue, as it was given first.
    pub old: InputV1,
    /// The newer issue, as it was given second.
    pub new: InputV1,
    /// Whether the issues stand in the order of their dates.
    pub in_order: bool,
    /// How many blocks changed at each level.
    pub levels: Vec<LevelV1>,
    /// Every block that one of the issues marks: narrow levels first, then what was added, what
    /// was removed, what was kept.
    pub blocks: Vec<ChangeV1>,
}

/// A level in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LevelV1 {
    /// How wide its blocks are.
    #[schemars(extend("enum" = ["/128", "/64", "/56", "/48", "/32", "asn", "provider"]))]
    pub level: &'static str,
    /// Blocks that only the new issue marks.
    pub added: u64,
    /// Blocks that only the old issue marks.
    pub removed: u64,
    /// Blocks that both mark.
    pub kept: u64,
}

/// One block of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeV1 {
    /// How wide it is.
    #[schemars(extend("enum" = ["/128", "/64", "/56", "/48", "/32", "asn", "provider"]))]
    pub level: &'static str,
    /// The prefix, `AS` and a number, or the provider's name.
    pub block: String,
    /// The family of invalid traffic.
    #[schemars(extend("enum" = ["SIVT", "GIVT", "crawler", "unclassified"]))]
    pub family: &'static str,
    /// The first provider by name that its rows name.
    pub provider: Option<String>,
    /// What happened to it.
    #[schemars(extend("enum" = ["added", "removed", "kept"]))]
    pub change: &'static str,
    /// Distinct indicators inside in the old issue.
    pub indicators_old: u64,
    /// Distinct indicators inside in the new issue.
    pub indicators_new: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Added,
    Removed,
    Kept,
}

impl Change {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Kept => "kept",
        }
    }
}

/// Distinct indicators of a block on both sides.
#[derive(Default)]
struct Sides<'a> {
    prefixes: [std::collections::BTreeSet<adproof_model::Prefix>; 2],
    provider: Option<&'a str>,
}

fn block_of(indicator: &Indicator, level: Level) -> Option<Block> {
    match level {
        Level::Asn => indicator.asn.map(Block::Asn),
        Level::Provider => indicator.provider.clone().map(Block::Provider),
        _ => level
            .prefix_len()
            .filter(|len| *len <= indicator.prefix.bit_len())
            .map(|len| Block::Prefix(indicator.prefix.widen(len))),
    }
}

impl DiffV1 {
    /// Compares two issues.
    #[must_use]
    pub fn new(old: &FeedIssue, new: &FeedIssue) -> Self {
        let (mut levels, mut blocks) = (Vec::new(), Vec::new());
        for level in Level::ALL {
            let mut seen: BTreeMap<(Block, Family), Sides<'_>> = BTreeMap::new();
            for (side, issue) in [old, new].into_iter().enumerate() {
                for indicator in &issue.accepted {
                    let Some(block) = block_of(indicator, level) else { continue };
                    let sides = seen.entry((block, indicator.fraud_type.family())).or_default();
                    if let Some(prefixes) = sides.prefixes.get_mut(side) {
                        prefixes.insert(indicator.prefix);
                    }
                    let named = indicator.provider.as_deref();
                    sides.provider = match (sides.provider, named) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                }
            }
            let mut changes: Vec<(Change, Block, Family, Sides<'_>)> = seen
                .into_iter()
                .map(|((block, family), sides)| {
                    let [before, after] = &sides.prefixes;
                    let change = match (before.is_empty(), after.is_empty()) {
                        (true, _) => Change::Added,
                        (_, true) => Change::Removed,
                        _ => Change::Kept,
                    };
                    (change, block, family, sides)
                })
                .collect();
            changes.sort_by(|left, right| {
                (left.0, &left.1, left.2).cmp(&(right.0, &right.1, right.2))
            });
            let count = |wanted: Change| {
                let found = changes.iter().filter(|(change, ..)| *change == wanted);
                u64::try_from(found.count()).unwrap_or(u64::MAX)
            };
            levels.push(LevelV1 {
                level: level.as_str(),
                added: count(Change::Added),
                removed: count(Change::Removed),
                kept: count(Change::Kept),
            });
            blocks.extend(changes.into_iter().map(|(change, block, family, sides)| {
                let [before, after] = sides.prefixes.map(|prefixes| prefixes.len());
                ChangeV1 {
                    level: level.as_str(),
                    block: block.to_string(),
                    family: family.as_str(),
                    provider: sides.provider.map(str::to_owned),
                    change: change.as_str(),
                    indicators_old: u64::try_from(before).unwrap_or(u64::MAX),
                    indicators_new: u64::try_from(after).unwrap_or(u64::MAX),
                }
            }));
        }
        Self {
            schema: "adproof.diff/1",
            notice: NOTICE,
            censoring: CENSORING,
            old: InputV1::from(old),
            new: InputV1::from(new),
            in_order: old.issue <= new.issue,
            levels,
            blocks,
        }
    }
}
