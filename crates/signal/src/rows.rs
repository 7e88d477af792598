//! From marks to one compact row a block: which issues mark it, and where it hangs in the tree.

use std::collections::BTreeMap;

use adproof_model::{Family, IssueId, Level, Prefix};

use crate::marks::{Mark, Marks, family_code};
use crate::num::count32;

/// No such ancestor.
pub(crate) const NONE: u32 = u32::MAX;

/// What a row is about, by ids of the tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Prefix(Prefix),
    Asn(u32),
    /// The name's rank plus one.
    Provider(u32),
}

/// One block of one family.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) key: Key,
    /// Bit i: the issue i issues before the newest marks the block.
    pub(crate) mask: u64,
    /// Distinct prefixes marked inside.
    pub(crate) indicators: u32,
    /// Distinct pairs of prefix and issue inside.
    pub(crate) marks: u32,
    /// Bit i: the i-th feed by name marks the block; feeds beyond the 64th share the last bit, so
    /// that counts err on the low side.
    pub(crate) sources: u64,
    /// The provider that most marks name; 0 is none.
    pub(crate) provider: u32,
    /// The network that most marks name; 0 is none.
    pub(crate) asn: u32,
    /// For each level, the row that holds this one.
    pub(crate) parents: [u32; 7],
}

/// All rows of one family, by level; rows of a level in order of their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) rows: [Vec<Row>; 7],
}

/// The issues in the window, newest first.
pub(crate) fn window(marks: &Marks, window: usize) -> Vec<IssueId> {
    marks.issues.iter().rev().take(window).cloned().collect()
}

pub(crate) const fn level_index(level: Level) -> usize {
    level as usize
}

/// Builds the rows of a family from canonical marks.
pub(crate) fn table(marks: &Marks, family: Family, window: usize) -> Table {
    let newest = marks.issues.len();
    let code = family_code(family);
    // How many issues ago, for marks inside of the window.
    let age = |mark: &Mark| -> Option<u32> {
        let rank = usize::try_from(mark.issue).ok()?;
        let ago = newest.checked_sub(rank + 1)?;
        (ago < window).then(|| count32(ago))
    };
    let start = marks.marks.partition_point(|mark| mark.family < code);
    let end = marks.marks.partition_point(|mark| mark.family <= code);
    let family_marks = marks.marks.get(start..end).unwrap_or_default();
    let source_bits = source_bits(family_marks);
    let marked = || family_marks.iter().filter_map(|mark| Some((mark, age(mark)?)));
    let bit_of = |mark: &Mark| source_bits.get(&mark.source).copied().unwrap_or(63);

    let mut table = Table::default();
    for (slot, level) in table.rows.iter_mut().zip(Level::ALL) {
        let keyed = |mark: &Mark| -> Option<Key> {
            match level {
                Level::Asn => Some(mark.asn).filter(|asn| *asn != 0).map(Key::Asn),
                Level::Provider => Some(mark.provider).filter(|id| *id != 0).map(Key::Provider),
                _ => level
                    .prefix_len()
                    .filter(|len| *len <= mark.len)
                    .map(|len| Key::Prefix(mark.prefix().widen(len))),
            }
        };
        let ordered = level.prefix_len().is_some();
        *slot = collect(marked(), keyed, bit_of, ordered);
    }
    adopt(&mut table);
    table
}

fn source_bits(marks: &[Mark]) -> BTreeMap<u32, u32> {
    let mut bits: BTreeMap<u32, u32> = marks.iter().map(|mark| (mark.source, 0)).collect();
    for (bit, slot) in bits.values_mut().enumerate() {
        *slot = count32(bit).min(63);
    }
    bits
}

/// A row as it grows.
struct Open {
    row: Row,
    last: Option<(Prefix, Option<u32>)>,
    providers: BTreeMap<u32, u32>,
    asns: BTreeMap<u32, u32>,
}

impl Open {
    fn new(key: Key) -> Self {
        Self {
            row: Row {
                key,
                mask: 0,
                indicators: 0,
                marks: 0,
                sources: 0,
                provider: 0,
                asn: 0,
                parents: [NONE; 7],
            },
            last: None,
            providers: BTreeMap::new(),
            asns: BTreeMap::new(),
        }
    }

    /// Marks come in order of prefix, then issue.
    fn take(&mut self, mark: &Mark, ago: u32, source: u32) {
        let prefix = mark.prefix();
        let (same_prefix, same_issue) = match self.last {
            Some((last, issue)) => (last == prefix, last == prefix && issue == Some(ago)),
            None => (false, false),
        };
        self.row.indicators = self.row.indicators.saturating_add(u32::from(!same_prefix));
        self.row.marks = self.row.marks.saturating_add(u32::from(!same_issue));
        self.last = Some((prefix, Some(ago)));
        self.row.mask |= 1_u64.checked_shl(ago).unwrap_or(0);
        self.row.sources |= 1_u64.checked_shl(source).unwrap_or(0);
        if mark.provider != 0 {
            *self.providers.entry(mark.provider).or_default() += 1;
        }
        if mark.asn != 0 {
            *self.asns.entry(mark.asn).or_default() += 1;
        }
    }

    fn close(mut self) -> Row {
        self.row.provider = most(&self.providers);
        self.row.asn = most(&self.asns);
        self.row
    }
}

/// The value with the highest count; the smallest of equals; 0 when there is none.
fn most(counts: &BTreeMap<u32, u32>) -> u32 {
    let best = counts.iter().max_by_key(|(value, count)| (**count, std::cmp::Reverse(**value)));
    best.map_or(0, |(value, _)| *value)
}

fn collect<'a>(
    marks: impl Iterator<Item = (&'a Mark, u32)>,
    keyed: impl Fn(&Mark) -> Option<Key>,
    source: impl Fn(&Mark) -> u32,
    ordered: bool,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut open: BTreeMap<Key, Open> = BTreeMap::new();
    for (mark, ago) in marks {
        let Some(key) = keyed(mark) else { continue };
        if ordered && !open.contains_key(&key) {
            // Marks are sorted by place, so a new prefix closes the one before.
            rows.extend(std::mem::take(&mut open).into_values().map(Open::close));
        }
        open.entry(key).or_insert_with(|| Open::new(key)).take(mark, ago, source(mark));
    }
    rows.extend(open.into_values().map(Open::close));
    rows
}

/// Tells every row which rows of wider levels hold it. A prefix hangs under the network and the
/// provider that most of its marks name, a network under its provider.
fn adopt(table: &mut Table) {
    let keys: Vec<Vec<Key>> =
        table.rows.iter().map(|rows| rows.iter().map(|row| row.key).collect()).collect();
    for (at, rows) in table.rows.iter_mut().enumerate() {
        for row in rows {
            for level in Level::ALL.into_iter().skip(at + 1) {
                let wanted = match level {
                    Level::Asn => Some(row.asn).filter(|asn| *asn != 0).map(Key::Asn),
                    Level::Provider => Some(row.provider).filter(|id| *id != 0).map(Key::Provider),
                    _ => match (row.key, level.prefix_len()) {
                        (Key::Prefix(prefix), Some(len)) => Some(Key::Prefix(prefix.widen(len))),
                        _ => None,
                    },
                };
                let found = wanted.and_then(|key| {
                    let rows = keys.get(level_index(level))?;
                    rows.binary_search(&key).ok()
                });
                if let (Some(found), Some(slot)) = (found, row.parents.get_mut(level_index(level)))
                {
                    *slot = count32(found);
                }
            }
        }
    }
}
