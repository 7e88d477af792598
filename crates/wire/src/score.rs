//! `adproof.score/1`: how the blocks that feeds list recur. And the one place that leads from
//! bytes of feeds to that document, for the binary, the endpoint and the browser alike.

use std::collections::{BTreeMap, BTreeSet};

use adproof_feeds::{
    AsnTable, FeedError, FeedIssue, Limits, enrich, read_events, read_feed, read_feed_as,
};
use adproof_model::{FraudType, IssueId, Level, Prefix, Reject};
use adproof_signal::{BlockScore, Params, Scoring, Sightings, Tally, source_name};
use schemars::JsonSchema;
use serde::Serialize;

/// What every report says of its entries.
pub const NOTICE: &str = "Entries are their publisher's opinion. A signal is not a verdict: it \
                          says how a listing recurs and how sure that is, not who did what.";

/// The JSON Schema of `adproof.score/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ScoreV1)
}

/// A file by name and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Its path or name. A feed may be dated by it.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// What is scored.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// Issues of feeds.
    pub feeds: Vec<Source<'a>>,
    /// The issue that the feeds are, where neither name nor content may date them.
    pub issue: Option<IssueId>,
    /// A table of autonomous systems, for rows that name none.
    pub asn: Option<Source<'a>>,
    /// Logs of the operator's own, as JSON lines or CSV.
    pub events: Vec<Source<'a>>,
    /// Own logs that were scanned elsewhere: what their events come to.
    pub scanned: Sightings,
    /// The same logs by name, for the document.
    pub scanned_logs: Vec<LogV1>,
    /// Issues that end before this day (counted from 1970-01-01) are left out.
    pub since_day: Option<i64>,
    /// How scoring weighs.
    pub params: Params,
    /// Bounds of the readers.
    pub limits: Limits,
}

/// What scoring came to.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The issues as they were read, in the order in which they were given.
    pub issues: Vec<FeedIssue>,
    /// The state that was scored.
    pub tally: Tally,
    /// The scoring.
    pub scoring: Scoring,
    /// The document.
    pub document: ScoreV1,
}

/// Reads, tallies and scores. An error names the file that could not be read; rows that could not
/// be taken are in the document.
pub fn run(request: Request<'_>) -> Result<Scored, FeedError> {
    Ok(Prepared::read(request)?.score())
}

/// Feeds and logs that were read, before they are scored. Logs of traffic, which only a driver can
/// read, are added in between: they are told apart by what the feeds list.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Feeds are marked and event logs added.
    pub tally: Tally,
    /// The logs that were added, for the document.
    pub logs: Vec<LogV1>,
    issues: Vec<FeedIssue>,
    since: i64,
    asn_table: Option<AsnTableV1>,
    params: Params,
}

impl Prepared {
    /// Reads what a request names.
    pub fn read(request: Request<'_>) -> Result<Self, FeedError> {
        let limits = &request.limits;
        let table = match request.asn {
            Some(source) => Some((source.name, AsnTable::read(source.name, source.bytes, limits)?)),
            None => None,
        };
        let mut issues = Vec::with_capacity(request.feeds.len());
        for source in &request.feeds {
            let mut issue = match &request.issue {
                Some(issue) => read_feed_as(source.name, issue.clone(), source.bytes, limits)?,
                None => read_feed(source.name, source.bytes, limits)?,
            };
            if let Some((_, table)) = &table {
                enrich(&mut issue.accepted, table);
            }
            issues.push(issue);
        }
        let since = request.since_day.unwrap_or(i64::MIN);
        let mut tally = tally_of(issues.iter().filter(|issue| issue.issue.last_day() >= since));
        // The legs of an impression may lie in several logs.
        let (mut sightings, mut logs) = (request.scanned, request.scanned_logs);
        for source in &request.events {
            let log = read_events(source.name, source.bytes, limits)?;
            sightings.extend(&log.events);
            logs.push(LogV1 {
                path: source.name.to_owned(),
                sha256: log.sha256.to_string(),
                events: count(log.events.len()),
                rejected: log.rejected.iter().map(RejectV1::from).collect(),
                rejected_total: log.rejected_total,
            });
        }
        tally.expose_sightings(sightings);
        let asn_table = table.map(|(name, table)| AsnTableV1 {
            path: name.to_owned(),
            sha256: table.digest().to_string(),
            ranges: count(table.entries().len()),
            rejected: table.rejected().iter().map(RejectV1::from).collect(),
            rejected_total: table.rejected_total(),
        });
        Ok(Self { tally, logs, issues, since, asn_table, params: request.params })
    }

    /// Scores what was read.
    #[must_use]
    pub fn score(self) -> Scored {
        let Self { mut tally, logs, issues, since, asn_table, params } = self;
        tally.seal();
        let scoring = adproof_signal::score(&tally, &params);
        let (counted, left_out): (Vec<_>, Vec<_>) =
            issues.iter().partition(|issue| issue.issue.last_day() >= since);
        let mut document = ScoreV1::new(&counted, &scoring, &params);
        document.left_out = left_out.iter().map(|issue| issue.name.clone()).collect();
        document.events = logs;
        document.asn_table = asn_table;
        Scored { issues, tally, scoring, document }
    }
}

/// The tally of issues. Issues of one feed, by [`source_name`], are one source.
#[must_use]
pub fn tally_of<'a>(issues: impl IntoIterator<Item = &'a FeedIssue>) -> Tally {
    let mut tally = Tally::empty();
    for issue in issues {
        tally.ingest(&issue.issue);
        let source = source_name(&issue.name, &issue.issue);
        for indicator in &issue.accepted {
            tally.mark(indicator, &source);
        }
    }
    tally
}

/// How the blocks that feeds list recur.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ScoreV1 {
    /// Always `adproof.score/1`.
    #[schemars(extend("const" = "adproof.score/1"))]
    pub schema: &'static str,
    /// What the entries are: their publisher's opinion.
    pub notice: &'static str,
    /// The issues that were read, in the order in which they were given.
    pub inputs: Vec<InputV1>,
    /// Files that `since` left out.
    pub left_out: Vec<String>,
    /// The table of autonomous systems.
    pub asn_table: Option<AsnTableV1>,
    /// Logs of the operator's own.
    pub events: Vec<LogV1>,
    /// Labels of the issues in the window, newest first.
    pub window: Vec<String>,
    /// How scoring weighed.
    pub params: ParamsV1,
    /// Types over distinct indicators, most first. An indicator of two types counts for both.
    pub fraud_types: Vec<FraudTypeV1>,
    /// Providers over distinct indicators, most first.
    pub providers: Vec<ProviderV1>,
    /// Blocks: ranked ones first, then by recurrence decayed with age.
    pub blocks: Vec<BlockV1>,
    /// Blocks that are not in `blocks`, by level: cut by a bound or by what was asked for.
    pub blocks_left_out: BTreeMap<&'static str, u64>,
    /// Single addresses that too few issues mark to be blocks of their own: a temporary address
    /// lives for a day or two. Wider blocks count them.
    pub single_addresses: u64,
}

/// One issue of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InputV1 {
    /// The path or name under which it was given.
    pub path: String,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
    /// What the content turned out to be.
    #[schemars(extend("enum" = ["xlsx", "csv", "jsonl", "list", "stix", "misp"]))]
    pub format: &'static str,
    /// The feed that it is an issue of.
    pub feed: String,
    /// The issue's label.
    pub issue: String,
    /// Rows below the header that are not blank.
    pub rows: u64,
    /// Rows taken.
    pub accepted: u64,
    /// Rows that repeat a prefix and type of an earlier row.
    pub duplicates: u64,
    /// The first rows that were not taken.
    pub rejected: Vec<RejectV1>,
    /// All rows that were not taken.
    pub rejected_total: u64,
    /// The first cells that were set aside while their row was taken.
    pub notes: Vec<RejectV1>,
    /// All cells that were set aside.
    pub notes_total: u64,
}

/// A row, or a cell, that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RejectV1 {
    /// The row as a person counts it, from 1; 0 where the log was scanned in partitions.
    pub row: u64,
    /// The column's header or letter.
    pub column: String,
    /// The value, cut to a bounded length.
    pub value: String,
    /// Why it was not taken.
    pub reason: String,
}

impl From<&Reject> for RejectV1 {
    fn from(reject: &Reject) -> Self {
        Self {
            row: reject.row,
            column: reject.column.to_string(),
            value: reject.value.to_string(),
            reason: reject.reason.to_string(),
        }
    }
}

/// The table of autonomous systems that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AsnTableV1 {
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
    /// Ranges in it.
    pub ranges: u64,
    /// The first rows that were not taken.
    pub rejected: Vec<RejectV1>,
    /// All rows that were not taken.
    pub rejected_total: u64,
}

/// A log of the operator's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogV1 {
    /// Its path.
    pub path: String,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
    /// Events taken.
    pub events: u64,
    /// The first lines that were not taken.
    pub rejected: Vec<RejectV1>,
    /// All lines that were not taken.
    pub rejected_total: u64,
}

/// How scoring weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ParamsV1 {
    /// Issues in the window at most.
    pub window: u32,
    /// α of the root prior in thousandths.
    pub prior_alpha_milli: u32,
    /// β of the root prior in thousandths.
    pub prior_beta_milli: u32,
    /// Issues that neighbours weigh at most, in thousandths.
    pub neighbour_weight_milli: u32,
    /// The widest level at which presence alone can rank a block.
    pub presence_level: &'static str,
    /// False discovery rate of a table's ranked blocks.
    pub false_discovery_ppm: u32,
    /// What the permutation p-value must not exceed where the own log holds a block.
    pub significance_ppm: u32,
    /// EB05 that wider blocks must reach.
    pub excess_ppm: u32,
}

/// A type and how many distinct indicators have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FraudTypeV1 {
    /// The type in the taxonomy's spelling, or the feed's where the taxonomy does not hold it.
    #[serde(rename = "type")]
    pub fraud_type: String,
    /// The MRC class.
    #[schemars(extend("enum" = ["GIVT", "SIVT", "unclassified"]))]
    pub ivt_class: &'static str,
    /// What recurrence is counted over.
    #[schemars(extend("enum" = ["SIVT", "GIVT", "crawler", "unclassified"]))]
    pub family: &'static str,
    /// Distinct indicators.
    pub indicators: u64,
}

/// A provider and how many distinct indicators name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProviderV1 {
    /// The name as the feed writes it.
    pub name: String,
    /// Distinct indicators.
    pub indicators: u64,
}

/// One block of one family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlockV1 {
    /// How wide it is.
    #[schemars(extend("enum" = ["/128", "/64", "/56", "/48", "/32", "asn", "provider"]))]
    pub level: &'static str,
    /// The prefix, `AS` and a number, or the provider's name.
    pub block: String,
    /// The family of invalid traffic that is counted. Families are never pooled.
    #[schemars(extend("enum" = ["SIVT", "GIVT", "crawler", "unclassified"]))]
    pub family: &'static str,
    /// The provider that most of its rows name.
    pub provider: Option<String>,
    /// The autonomous system that most of its rows name.
    pub asn: Option<u32>,
    /// Distinct indicators inside over the window.
    pub indicators: u32,
    /// Issues ingested in the window.
    pub issues: u32,
    /// Issues that mark the block.
    pub issues_seen: u32,
    /// Issues that mark it and that no reported narrower block inside explains. The posterior is
    /// over these.
    pub issues_unexplained: u32,
    /// How many issues ago it was last marked; 0 is the newest.
    pub last_seen_ago: u32,
    /// Distinct feeds that list it.
    pub feeds: u32,
    /// The recurrence: the 5 % quantile of the posterior, in parts per million.
    pub recurrence_ppm: u32,
    /// The posterior mean, in parts per million.
    pub mean_ppm: u32,
    /// The 95 % quantile, in parts per million.
    pub high_ppm: u32,
    /// The highest recurrence that so many issues can reach, in parts per million.
    pub attainable_ppm: u32,
    /// Whether it is put in order.
    #[schemars(extend("enum" = ["insufficient", "ranked"]))]
    pub class: &'static str,
    /// Why it is not.
    #[schemars(extend("enum" = [
        "one_issue", "self_declared", "explained", "no_exposure", "chance", "no_excess",
        "rank_unclear", null
    ]))]
    pub insufficient_because: Option<&'static str>,
    /// The reported narrower block that explains most of the issues that mark this one; it
    /// explains all of them when `issues_unexplained` is 0.
    pub explained_by: Option<String>,
    /// Place among the blocks of its level and family, from 1: 90 % interval.
    #[schemars(length(equal = 2))]
    pub rank: [u32; 2],
    /// How many blocks its level and family have.
    pub ranked_among: u32,
    /// The chance to return this often at the prior's or the neighbours' rate, in parts per
    /// million, before correction for the size of the table.
    pub chance_ppm: u32,
    /// Against exposure, where the own log holds the block.
    pub excess: Option<ExcessV1>,
    /// The logit of the mean, term by term; they sum to `logit_millinats` exactly.
    pub contributions: Vec<ContributionV1>,
    /// The logit of the mean in milli-nats.
    pub logit_millinats: i64,
}

/// A block against the operator's own log, without what reported narrower blocks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExcessV1 {
    /// Marks: pairs of indicator and issue.
    pub marks: u64,
    /// Marks that the block's share of devices explains, in millionths.
    pub expected_marks_ppm: u64,
    /// The chance of so many marks when they fall on devices at random, in parts per million: the
    /// permutation p-value.
    pub chance_ppm: u32,
    /// Distinct devices in the log.
    pub devices: u64,
    /// Those with an observation that the operator holds for invalid traffic.
    pub flagged_devices: u64,
    /// EB05: the 5 % quantile of the rate of flagged devices over the level's, in parts per
    /// million.
    pub low_ppm: u64,
}

/// One term of the logit of the mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ContributionV1 {
    /// `root`, a level (neighbours in the same block of that level), `recurrence`, `dispersion`
    /// or `excess`.
    pub term: &'static str,
    /// Its part in milli-nats.
    pub millinats: i64,
}

impl ScoreV1 {
    /// The document of a scoring of these issues.
    #[must_use]
    pub fn new(issues: &[&FeedIssue], scoring: &Scoring, params: &Params) -> Self {
        let cut = scoring.cut.iter().map(|(level, count)| (level.as_str(), *count));
        Self {
            schema: "adproof.score/1",
            notice: NOTICE,
            inputs: issues.iter().map(|issue| InputV1::from(*issue)).collect(),
            left_out: Vec::new(),
            asn_table: None,
            events: Vec::new(),
            window: scoring.issues.iter().map(ToString::to_string).collect(),
            params: ParamsV1::from(params),
            fraud_types: fraud_types(issues),
            providers: providers(issues),
            blocks: scoring.blocks.iter().map(BlockV1::from).collect(),
            blocks_left_out: cut.collect(),
            single_addresses: scoring.single_addresses,
        }
    }

    /// Keeps the blocks that are asked for and counts the others.
    pub fn keep(&mut self, wanted: &Wanted) {
        let mut kept = 0_usize;
        let mut left_out: BTreeMap<&'static str, u64> = BTreeMap::new();
        self.blocks.retain(|block| {
            let level = block.level.parse::<Level>().ok();
            let fits = wanted.level.is_none_or(|only| level == Some(only))
                && block.issues_seen >= wanted.min_issues
                && wanted.top.is_none_or(|top| kept < top);
            kept += usize::from(fits);
            if !fits {
                *left_out.entry(block.level).or_default() += 1;
            }
            fits
        });
        for (level, count) in left_out {
            *self.blocks_left_out.entry(level).or_default() += count;
        }
    }
}

/// Which blocks a reader asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Blocks of this level only.
    pub level: Option<Level>,
    /// Blocks that at least so many issues mark.
    pub min_issues: u32,
    /// At most so many blocks.
    pub top: Option<usize>,
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

fn fraud_types(issues: &[&FeedIssue]) -> Vec<FraudTypeV1> {
    let mut seen: BTreeMap<&FraudType, BTreeSet<Prefix>> = BTreeMap::new();
    for indicator in issues.iter().flat_map(|issue| &issue.accepted) {
        seen.entry(&indicator.fraud_type).or_default().insert(indicator.prefix);
    }
    let mut types: Vec<FraudTypeV1> = seen
        .into_iter()
        .map(|(fraud_type, prefixes)| FraudTypeV1 {
            fraud_type: fraud_type.as_str().to_owned(),
            ivt_class: fraud_type.class().as_str(),
            family: fraud_type.family().as_str(),
            indicators: count(prefixes.len()),
        })
        .collect();
    types.sort_by(|left, right| {
        (right.indicators, &left.fraud_type).cmp(&(left.indicators, &right.fraud_type))
    });
    types
}

fn providers(issues: &[&FeedIssue]) -> Vec<ProviderV1> {
    let mut seen: BTreeMap<&str, BTreeSet<Prefix>> = BTreeMap::new();
    for indicator in issues.iter().flat_map(|issue| &issue.accepted) {
        if let Some(name) = indicator.provider.as_deref() {
            seen.entry(name).or_default().insert(indicator.prefix);
        }
    }
    let mut providers: Vec<ProviderV1> = seen
        .into_iter()
        .map(|(name, prefixes)| ProviderV1 {
            name: name.to_owned(),
            indicators: count(prefixes.len()),
        })
        .collect();
    providers
        .sort_by(|left, right| (right.indicators, &left.name).cmp(&(left.indicators, &right.name)));
    providers
}

impl From<&FeedIssue> for InputV1 {
    fn from(issue: &FeedIssue) -> Self {
        Self {
            path: issue.name.clone(),
            sha256: issue.sha256.to_string(),
            format: issue.format.as_str(),
            feed: source_name(&issue.name, &issue.issue),
            issue: issue.issue.to_string(),
            rows: issue.rows,
            accepted: count(issue.accepted.len()),
            duplicates: issue.duplicates,
            rejected: issue.rejected.iter().map(RejectV1::from).collect(),
            rejected_total: issue.rejected_total,
            notes: issue.notes.iter().map(RejectV1::from).collect(),
            notes_total: issue.notes_total,
        }
    }
}

impl From<&Params> for ParamsV1 {
    fn from(params: &Params) -> Self {
        Self {
            window: params.window,
            prior_alpha_milli: params.prior_alpha_milli,
            prior_beta_milli: params.prior_beta_milli,
            neighbour_weight_milli: params.neighbour_weight_milli,
            presence_level: params.presence_level.as_str(),
            false_discovery_ppm: params.false_discovery_ppm,
            significance_ppm: params.significance_ppm,
            excess_ppm: params.excess_ppm,
        }
    }
}

impl From<&BlockScore> for BlockV1 {
    fn from(score: &BlockScore) -> Self {
        let (low, high) = score.rank;
        Self {
            level: score.level.as_str(),
            block: score.block.to_string(),
            family: score.family.as_str(),
            provider: score.provider.as_deref().map(str::to_owned),
            asn: score.asn,
            indicators: score.indicators,
            issues: score.issues,
            issues_seen: score.issues_seen,
            issues_unexplained: score.issues_unexplained,
            last_seen_ago: score.last_seen_ago,
            feeds: score.sources,
            recurrence_ppm: score.recurrence_ppm,
            mean_ppm: score.mean_ppm,
            high_ppm: score.high_ppm,
            attainable_ppm: score.attainable_ppm,
            class: score.class.as_str(),
            insufficient_because: score.unranked.map(adproof_signal::Unranked::as_str),
            explained_by: score.explained_by.as_ref().map(ToString::to_string),
            rank: [low, high],
            ranked_among: score.ranked_among,
            chance_ppm: score.chance_ppm,
            excess: score.excess.map(|excess| ExcessV1 {
                marks: excess.marks,
                expected_marks_ppm: excess.expected_marks_ppm,
                chance_ppm: excess.chance_ppm,
                devices: excess.devices,
                flagged_devices: excess.flagged_devices,
                low_ppm: excess.low_ppm,
            }),
            contributions: score
                .contributions
                .iter()
                .map(|one| ContributionV1 { term: one.term.as_str(), millinats: one.millinats })
                .collect(),
            logit_millinats: score.logit_millinats(),
        }
    }
}
