//! What feeds say: the set of their rows, reduced to what scoring needs.
//!
//! The state is a set of tuples of interned names, so merging is union: commutative, associative
//! and idempotent. Reading the same issue twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use adproof_model::{Family, FraudType, Indicator, IssueId, Prefix};

/// Names and issues get small ids in the order in which they come; ids never leave the crate,
/// the canonical form numbers them by their order.
#[derive(Clone, Debug)]
pub(crate) struct Interner<T>(BTreeMap<T, u32>);

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Interner<T> {
    fn id<Q>(&mut self, value: &Q) -> u32
    where
        T: std::borrow::Borrow<Q> + From<Q::Owned>,
        Q: Ord + ToOwned + ?Sized,
    {
        if let Some(id) = self.0.get(value) {
            return *id;
        }
        let id = crate::num::count32(self.0.len());
        self.0.insert(T::from(value.to_owned()), id);
        id
    }

    /// For each id, its place in the order of the values.
    fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.0.len()];
        for (rank, id) in self.0.values().enumerate() {
            if let Some(slot) = usize::try_from(*id).ok().and_then(|id| ranks.get_mut(id)) {
                *slot = crate::num::count32(rank);
            }
        }
        ranks
    }
}

/// The place of a family in [`Family::ALL`], which is also its code in canonical bytes.
pub(crate) const fn family_code(family: Family) -> u8 {
    match family {
        Family::Sivt => 0,
        Family::Givt => 1,
        Family::Crawler => 2,
        Family::Unclassified => 3,
    }
}

/// One row of one issue of one feed. Ids are ranks in the tables of [`Marks`] once sealed.
/// A provider of 0 is none, so provider ids are shifted by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) family: u8,
    pub(crate) len: u8,
    pub(crate) bits: u128,
    pub(crate) issue: u32,
    pub(crate) fraud_type: u32,
    pub(crate) provider: u32,
    pub(crate) asn: u32,
    pub(crate) source: u32,
}

impl Mark {
    /// The order of the canonical form: by family, then by place, so that each prefix level is
    /// one scan.
    pub(crate) fn key(&self) -> (u8, u128, u8, u32, u32, u32, u32, u32) {
        (
            self.family,
            self.bits,
            self.len,
            self.issue,
            self.fraud_type,
            self.provider,
            self.asn,
            self.source,
        )
    }

    pub(crate) fn prefix(&self) -> Prefix {
        Prefix::containing(self.bits, self.len)
    }
}

/// Marks in canonical form: issues and names sorted, marks sorted without repeats, ids by rank,
/// no name that no mark uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a mark is what it is called everywhere")]
pub(crate) struct Marks {
    pub(crate) issues: Vec<IssueId>,
    pub(crate) names: Vec<Box<str>>,
    pub(crate) marks: Vec<Mark>,
}

const BUFFER: usize = 1 << 14;

/// Marks as they come in.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarkSet {
    issues: BTreeSet<IssueId>,
    issue_ids: Interner<IssueId>,
    names: Interner<Box<str>>,
    rows: Vec<Mark>,
    /// How many of the rows are sorted and without repeats.
    sorted: usize,
}

impl MarkSet {
    pub(crate) fn ingest(&mut self, issue: &IssueId) {
        if !self.issues.contains(issue) {
            self.issues.insert(issue.clone());
            self.issue_ids.id(issue);
        }
    }

    pub(crate) fn mark(&mut self, indicator: &Indicator, source: &str) {
        self.ingest(&indicator.issue);
        let provider = indicator
            .provider
            .as_deref()
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map_or(0, |name| self.names.id::<str>(name).saturating_add(1));
        let mark = Mark {
            family: family_code(indicator.fraud_type.family()),
            len: indicator.prefix.bit_len(),
            bits: indicator.prefix.bits(),
            issue: self.issue_ids.id(&indicator.issue),
            fraud_type: self.names.id::<str>(indicator.fraud_type.as_str()),
            provider,
            asn: indicator.asn.unwrap_or(0),
            source: self.names.id::<str>(source),
        };
        self.push(mark);
    }

    fn push(&mut self, mark: Mark) {
        self.rows.push(mark);
        if self.rows.len() - self.sorted >= BUFFER.max(self.sorted) {
            self.seal();
        }
    }

    fn seal(&mut self) {
        if self.sorted < self.rows.len() {
            self.rows.sort_unstable_by_key(Mark::key);
            self.rows.dedup();
            self.sorted = self.rows.len();
        }
    }

    /// The single addresses among the marks, in no order, with repeats, but for crawlers that
    /// declare themselves.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = u128> {
        let crawler = family_code(Family::Crawler);
        let single = move |mark: &&Mark| mark.len == 128 && mark.family != crawler;
        self.rows.iter().filter(single).map(|mark| mark.bits)
    }

    /// The single addresses among the marks of any family, in no order, with repeats.
    pub(crate) fn marked(&self) -> impl Iterator<Item = u128> {
        self.rows.iter().filter(|mark| mark.len == 128).map(|mark| mark.bits)
    }

    pub(crate) fn merge(mut self, other: &Self) -> Self {
        let canonical = other.canonical();
        for issue in &canonical.issues {
            self.ingest(issue);
        }
        let issues: Vec<u32> =
            canonical.issues.iter().map(|issue| self.issue_ids.id(issue)).collect();
        let names: Vec<u32> =
            canonical.names.iter().map(|name| self.names.id::<str>(name)).collect();
        for mark in canonical.marks {
            self.push(relabel(mark, &issues, &names));
        }
        self
    }

    pub(crate) fn from_canonical(marks: Marks) -> Self {
        let sorted = marks.marks.len();
        let number = |(rank, value)| (value, crate::num::count32(rank));
        Self {
            issues: marks.issues.iter().cloned().collect(),
            issue_ids: Interner(
                marks
                    .issues
                    .into_iter()
                    .enumerate()
                    .map(|(rank, issue)| (issue, crate::num::count32(rank)))
                    .collect(),
            ),
            names: Interner(marks.names.into_iter().enumerate().map(number).collect()),
            rows: marks.marks,
            sorted,
        }
    }

    /// The canonical form: the same whatever the order in which the rows came.
    pub(crate) fn canonical(&self) -> Marks {
        let issue_ranks = self.issue_ids.ranks();
        let name_ranks = self.names.ranks();
        let mut marks: Vec<Mark> =
            self.rows.iter().map(|mark| relabel(*mark, &issue_ranks, &name_ranks)).collect();
        marks.sort_unstable_by_key(Mark::key);
        marks.dedup();
        Marks {
            issues: self.issues.iter().cloned().collect(),
            names: self.names.0.keys().cloned().collect(),
            marks,
        }
    }
}

fn relabel(mark: Mark, issues: &[u32], names: &[u32]) -> Mark {
    let at = |table: &[u32], id: u32| {
        let found = usize::try_from(id).ok().and_then(|id| table.get(id));
        found.copied().unwrap_or(0)
    };
    Mark {
        issue: at(issues, mark.issue),
        fraud_type: at(names, mark.fraud_type),
        provider: match mark.provider {
            0 => 0,
            id => at(names, id - 1).saturating_add(1),
        },
        source: at(names, mark.source),
        ..mark
    }
}

/// Whether a type's name is in the spelling that reading gives it, and of this family.
pub(crate) fn type_fits(name: &str, family: u8) -> bool {
    let read = FraudType::new(name);
    read.as_str() == name && family_code(read.family()) == family
}
