use std::borrow::Cow;
use std::collections::BTreeSet;

use adproof_model::{Indicator, IssueId};
use sha2::{Digest as _, Sha256};

use crate::codec::{self, TallyError};
use crate::exposure::{Exposure, Record, Run};
use crate::gather::Listed;
use crate::marks::{MarkSet, Marks};

/// The one mergeable state of scoring: what feeds mark and what the operator's own log holds.
///
/// A commutative monoid: [`Tally::empty`] is its identity, [`Tally::merge`] its operation. Feeding
/// the same rows and events in any order, split in any way, ends in the same [`Tally::to_bytes`].
/// Feed rows are a set (reading an issue twice changes nothing); exposure is a sum.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    marks: MarkSet,
    exposure: Run,
}

impl Tally {
    /// Nothing read.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Notes that an issue was read, even when it marks nothing. Issues that were never read are
    /// missing, not absent.
    pub fn ingest(&mut self, issue: &IssueId) {
        self.marks.ingest(issue);
    }

    /// Adds a row of a feed. `source` names the feed, not the file: issues of one feed are one
    /// source (see [`source_name`]).
    pub fn mark(&mut self, indicator: &Indicator, source: &str) {
        self.marks.mark(indicator, source);
    }

    /// Adds an observation of the operator's own log.
    pub fn expose(&mut self, exposure: Exposure) {
        self.exposure.push(Record::from(exposure));
    }

    /// Adds records that are sorted by key without repeats.
    pub(crate) fn expose_records(&mut self, records: Vec<Record>) {
        let exposure = std::mem::take(&mut self.exposure);
        self.exposure = exposure.merge(Run::from_sorted(records));
    }

    /// The single addresses that the feeds mark, for a [`Grain`](crate::Grain).
    #[must_use]
    pub fn listed(&self) -> Listed {
        Listed::new(self.marks.marked().collect(), self.listed_addresses())
    }

    /// Both states in one.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            marks: self.marks.merge(&other.marks),
            exposure: self.exposure.merge(other.exposure),
        }
    }

    /// Sorts and combines what is buffered. Nothing else changes; scoring and collateral read a
    /// sealed tally without copying its log.
    pub fn seal(&mut self) {
        self.exposure.seal();
    }

    /// Whether an own log was added.
    #[must_use]
    pub fn has_exposure(&self) -> bool {
        !(self.exposure.is_sealed() && self.exposure.records().is_empty())
    }

    /// Canonical bytes: equal for equal states, whatever led to them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&self.marks.canonical(), self.sealed().records())
    }

    /// Reads canonical bytes and refuses everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TallyError> {
        let (marks, records) = codec::decode(bytes)?;
        Ok(Self { marks: MarkSet::from_canonical(marks), exposure: Run::from_sorted(records) })
    }

    /// Single addresses that a feed lists.
    pub(crate) fn listed_addresses(&self) -> BTreeSet<u128> {
        self.marks.addresses().collect()
    }

    pub(crate) const fn from_parts(marks: MarkSet, exposure: Run) -> Self {
        Self { marks, exposure }
    }

    pub(crate) const fn mark_set(&self) -> &MarkSet {
        &self.marks
    }

    /// The records of its own log, sorted by key without repeats.
    pub(crate) fn into_records(mut self) -> Vec<Record> {
        self.exposure.seal();
        self.exposure.into_sorted()
    }

    pub(crate) fn marks(&self) -> Marks {
        self.marks.canonical()
    }

    pub(crate) fn sealed(&self) -> Cow<'_, Run> {
        if self.exposure.is_sealed() {
            Cow::Borrowed(&self.exposure)
        } else {
            let mut run = self.exposure.clone();
            run.seal();
            Cow::Owned(run)
        }
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.marks.canonical() == other.marks.canonical()
            && self.sealed().records() == other.sealed().records()
    }
}

impl Eq for Tally {}

/// The 128-bit key of a device id: the first half of a domain-separated SHA-256. An empty id is
/// no device and has key 0.
#[must_use]
pub fn device_key(device: impl AsRef<[u8]>) -> u128 {
    let device = device.as_ref();
    if device.is_empty() {
        return 0;
    }
    let digest = Sha256::new().chain_update(b"adproof device v1\0").chain_update(device).finalize();
    let (half, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    // 0 is taken by "no device".
    u128::from_be_bytes(*half).max(1)
}

/// The feed that a file is an issue of: its file name without folder, extension and issue label,
/// in lower case. `feeds/ioc-ipv6-2026-W11.csv` and `ioc-ipv6-2026-05.xlsx` are both `ioc-ipv6`.
#[must_use]
pub fn source_name(file: &str, issue: &IssueId) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 8 => stem,
        _ => name,
    };
    let stem = stem.to_lowercase();
    let stem = stem.replace(&issue.label().to_lowercase(), "");
    let stem = stem.trim_matches(|c: char| !c.is_alphanumeric());
    if stem.is_empty() { "feed".to_owned() } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issues_of_one_feed_are_one_source() {
        for (file, label, source) in [
            ("datasets/ioc-ipv6-2026-W11.csv", "2026-W11", "ioc-ipv6"),
            ("ioc-ipv6-2026-05.xlsx", "2026-05", "ioc-ipv6"),
            ("C:\\feeds\\IOC_2026-w20.XLSX", "2026-W20", "ioc"),
            ("2026-05.csv", "2026-05", "feed"),
            ("-", "2026-05", "feed"),
        ] {
            let issue = IssueId::parse(label).unwrap();
            assert_eq!(source_name(file, &issue), source, "{file}");
        }
    }

    #[test]
    fn device_keys_are_fixed_and_never_zero() {
        assert_eq!(device_key(""), 0);
        assert_ne!(device_key("a"), device_key("b"));
        assert_ne!(device_key("a"), 0);
    }
}
