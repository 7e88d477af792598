//! Tables of who announces which range.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use adproof_model::{Digest, Indicator, IssueId, Reject, Timestamp};

use crate::cell::{self, Cell, Row};
use crate::feed::digest;
use crate::reject::Rejects;
use crate::table::bounded;
use crate::{FeedError, FeedFault, Limits, address, alias, delimited, number, text};

/// A range of addresses and who announces it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsnEntry {
    /// The autonomous system.
    pub asn: u32,
    /// Its name as the table writes it; may be empty.
    pub name: Box<str>,
    /// The first address.
    pub first: Ipv6Addr,
    /// The last address. A range may begin and end inside a /64.
    pub last: Ipv6Addr,
    /// The first day on which it announces the range, counted from 1970-01-01; none where the
    /// table does not say.
    pub first_day: Option<i64>,
    /// The last day; none where it still does.
    pub last_day: Option<i64>,
}

impl AsnEntry {
    /// Whether the range is announced on a day.
    #[must_use]
    pub fn holds_on(&self, day: i64) -> bool {
        self.first_day.is_none_or(|first| first <= day)
            && self.last_day.is_none_or(|last| day <= last)
    }

    const fn is_dated(&self) -> bool {
        self.first_day.is_some() || self.last_day.is_some()
    }
}

/// A table of ranges, cut into segments that do not overlap: where ranges do, the narrowest of
/// those that hold on the day wins, and of equally narrow ones the one that stands first in the
/// table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsnTable {
    entries: Vec<AsnEntry>,
    segments: Vec<Segment>,
    /// The entries of each segment, narrowest first, up to the first that holds on every day.
    over: Vec<usize>,
    digest: Digest,
    rejects: Rejects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    first: u128,
    last: u128,
    /// Its entries: a part of [`AsnTable::over`].
    from: usize,
    to: usize,
}

impl AsnTable {
    /// Reads CSV with the columns `asn`, `name` and `start`, `end` (addresses) or `prefix`, and
    /// maybe `first_day` and `last_day` (dates). IPv4 ranges are counted as rejects.
    pub fn read(name: &str, bytes: &[u8], limits: &Limits) -> Result<Self, FeedError> {
        read(bytes, limits).map_err(|fault| FeedError::new(name, fault))
    }

    /// Who announces an address, on whatever day: the narrowest range of all.
    #[must_use]
    pub fn lookup(&self, bits: u128) -> Option<&AsnEntry> {
        self.over(bits).next()
    }

    /// Who announces an address on a day, counted from 1970-01-01.
    #[must_use]
    pub fn lookup_on(&self, bits: u128, day: i64) -> Option<&AsnEntry> {
        self.over(bits).find(|entry| entry.holds_on(day))
    }

    /// Whether some range holds on some days only, so that an answer depends on the day.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.entries.iter().any(AsnEntry::is_dated)
    }

    fn over(&self, bits: u128) -> impl Iterator<Item = &AsnEntry> {
        let after = self.segments.partition_point(|segment| segment.first <= bits);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        let segment = segment.filter(|segment| bits <= segment.last);
        let over = segment.and_then(|segment| self.over.get(segment.from..segment.to));
        over.unwrap_or_default().iter().filter_map(|entry| self.entries.get(*entry))
    }

    /// The ranges, in the order of the table.
    #[must_use]
    pub fn entries(&self) -> &[AsnEntry] {
        &self.entries
    }

    /// Digest of the table's bytes.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The first rows that were not taken, bounded.
    #[must_use]
    pub fn rejected(&self) -> &[Reject] {
        &self.rejects.kept
    }

    /// All rows that were not taken.
    #[must_use]
    pub const fn rejected_total(&self) -> u64 {
        self.rejects.total
    }
}

/// Gives each indicator without an autonomous system the one that announces all of its prefix on
/// the last day of its issue.
pub fn enrich(indicators: &mut [Indicator], table: &AsnTable) {
    for indicator in indicators {
        if indicator.asn.is_some() {
            continue;
        }
        let day = indicator.issue.last_day();
        let of = |bits| table.lookup_on(bits, day).map(|entry| entry.asn);
        let first = of(indicator.prefix.bits());
        if first == of(indicator.prefix.last_bits()) {
            indicator.asn = first;
        }
    }
}

struct Columns {
    asn: usize,
    name: Option<usize>,
    range: RangeColumns,
    first_day: Option<usize>,
    last_day: Option<usize>,
}

enum RangeColumns {
    Ends(usize, usize),
    Prefix(usize),
}

fn columns(row: &Row<'_>) -> Result<Columns, FeedFault> {
    let seen: Vec<String> = row.cells.iter().map(Cell::trimmed).collect();
    let folded: Vec<String> = seen.iter().map(|name| alias::fold(name)).collect();
    let find = |names: &[&str]| {
        let named = |folded: &&str| names.contains(folded);
        folded.iter().position(|name| named(&name.as_str()))
    };
    let missing = |column| FeedFault::NoColumn {
        column,
        seen: seen.iter().take(40).map(|name| bounded(name, 40).into()).collect(),
    };
    let start = find(&["start", "first", "startip", "rangestart", "from", "startaddress"]);
    let end = find(&["end", "last", "endip", "rangeend", "to", "endaddress"]);
    let prefix = find(&["prefix", "cidr", "network", "subnet", "range"]);
    Ok(Columns {
        asn: find(&["asn", "as", "asnumber", "autonomoussystem", "autonomoussystemnumber"])
            .ok_or_else(|| missing("asn"))?,
        name: find(&[
            "name",
            "asname",
            "organization",
            "organisation",
            "org",
            "provider",
            "isp",
            "autonomoussystemorganization",
        ]),
        range: match (start, end, prefix) {
            (Some(start), Some(end), _) => RangeColumns::Ends(start, end),
            (_, _, Some(prefix)) => RangeColumns::Prefix(prefix),
            (Some(_), None, None) => return Err(missing("end")),
            (None, _, None) => return Err(missing("start")),
        },
        first_day: find(&["firstday", "fromday", "fromdate", "validfrom", "since"]),
        last_day: find(&["lastday", "today", "todate", "validto", "until"]),
    })
}

fn read(bytes: &[u8], limits: &Limits) -> Result<AsnTable, FeedFault> {
    let text = text::of_table(bytes, limits)?;
    let first = text.lines().find(|line| !cell::is_blank(line));
    let delimiter = [b',', b';', b'\t', b'|']
        .into_iter()
        .max_by_key(|delimiter| first.unwrap_or("").bytes().filter(|b| b == delimiter).count())
        .unwrap_or(b',');
    let mut header: Option<Columns> = None;
    let (mut entries, mut rejects) = (Vec::new(), Rejects::default());
    delimited::each_row(&text, delimiter, limits, |row| {
        if row.is_blank() {
            return Ok(true);
        }
        let Some(columns) = &header else {
            header = Some(columns(&row)?);
            return Ok(true);
        };
        if entries.len() >= limits.ranges {
            return Err(FeedFault::Limit { what: "ranges", limit: limits.ranges as u64 });
        }
        match entry(&row, columns) {
            Ok(entry) => entries.push(entry),
            Err((column, value, reason)) => {
                rejects.push(limits, row.number, column, &value, &reason);
            }
        }
        Ok(true)
    })?;
    if entries.is_empty() {
        let first = rejects.kept.first();
        return Err(FeedFault::NoRanges {
            rejected: rejects.total,
            first: first.map_or_else(|| "no rows".into(), |reject| reject.reason.clone()),
        });
    }
    let (segments, over) = segments(&entries, limits.range_overlaps)?;
    Ok(AsnTable { segments, over, entries, digest: digest(bytes), rejects })
}

fn entry(row: &Row<'_>, columns: &Columns) -> Result<AsnEntry, (&'static str, String, String)> {
    let asn = row.cell(columns.asn).trimmed();
    let Ok(Some(number)) = number::asn(&asn) else {
        return Err(("asn", asn, "not an AS number".into()));
    };
    let parse = |column: &'static str, at: usize| {
        let text = row.cell(at).trimmed();
        match address::parse(&text) {
            Ok(parsed) => Ok(parsed.prefix),
            Err(fault) => Err((column, text, fault.to_string())),
        }
    };
    let (first, last) = match columns.range {
        RangeColumns::Prefix(at) => {
            let prefix = parse("prefix", at)?;
            (prefix.bits(), prefix.last_bits())
        }
        RangeColumns::Ends(start, end) => {
            (parse("start", start)?.bits(), parse("end", end)?.last_bits())
        }
    };
    if last < first {
        let value = Ipv6Addr::from_bits(last).to_string();
        return Err(("end", value, "the range ends before it starts".into()));
    }
    let day = |column: &'static str, at: Option<usize>| {
        let text = at.map(|at| row.cell(at).trimmed()).unwrap_or_default();
        match day(&text) {
            Ok(day) => Ok(day),
            Err(reason) => Err((column, text, reason.to_owned())),
        }
    };
    let first_day = day("first_day", columns.first_day)?;
    let last_day = day("last_day", columns.last_day)?;
    if first_day.zip(last_day).is_some_and(|(first, last)| last < first) {
        let value = columns.last_day.map(|at| row.cell(at).trimmed()).unwrap_or_default();
        return Err(("last_day", value, "the last day is before the first".into()));
    }
    let name = columns.name.map(|at| row.cell(at).trimmed());
    Ok(AsnEntry {
        asn: number,
        name: bounded(&name.unwrap_or_default(), 200).into(),
        first: Ipv6Addr::from_bits(first),
        last: Ipv6Addr::from_bits(last),
        first_day,
        last_day,
    })
}

/// A day as `YYYY-MM-DD` or as a time of RFC 3339; blank is none.
fn day(text: &str) -> Result<Option<i64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(Some(time.day()));
    }
    // A month or a week has several days.
    let date = IssueId::parse(text).ok().filter(|_| text.len() == 10);
    date.map(|date| Some(date.last_day())).ok_or("not a day such as 2026-05-31")
}

/// Cuts overlapping ranges into segments, and lists for each the ranges over it.
fn segments(
    entries: &[AsnEntry],
    overlaps: usize,
) -> Result<(Vec<Segment>, Vec<usize>), FeedFault> {
    // At each point ranges begin or end; between two points nothing changes.
    let mut points: Vec<(u128, bool, usize)> = Vec::with_capacity(entries.len() * 2);
    for (index, entry) in entries.iter().enumerate() {
        points.push((entry.first.to_bits(), true, index));
        if let Some(after) = entry.last.to_bits().checked_add(1) {
            points.push((after, false, index));
        }
    }
    points.sort_unstable();
    let width = |index: usize| {
        let range = |entry: &AsnEntry| entry.last.to_bits() - entry.first.to_bits();
        entries.get(index).map_or(0, range)
    };
    let is_dated = |index: usize| entries.get(index).is_some_and(AsnEntry::is_dated);
    let mut active: BTreeSet<(u128, usize)> = BTreeSet::new();
    let mut segments: Vec<Segment> = Vec::new();
    let mut over: Vec<usize> = Vec::new();
    let mut points = points.into_iter().peekable();
    while let Some((at, begins, index)) = points.next() {
        if begins {
            active.insert((width(index), index));
        } else {
            active.remove(&(width(index), index));
        }
        let next = points.peek().map(|point| point.0);
        if next == Some(at) || active.is_empty() {
            continue;
        }
        let last = next.map_or(u128::MAX, |next| next - 1);
        let from = over.len();
        for (_, entry) in &active {
            over.push(*entry);
            if !is_dated(*entry) {
                break;
            }
        }
        if over.len() > overlaps {
            return Err(FeedFault::Limit { what: "overlapping ranges", limit: overlaps as u64 });
        }
        match segments.last_mut() {
            Some(before)
                if before.last.checked_add(1) == Some(at)
                    && over.get(before.from..before.to) == over.get(from..) =>
            {
                before.last = last;
                over.truncate(from);
            }
            _ => segments.push(Segment { first: at, last, from, to: over.len() }),
        }
    }
    Ok((segments, over))
}
