//! The operator's own log, reduced to what scoring and collateral need.
//!
//! One fixed record for each distinct address, network, device, flag and span of 64 days, with its
//! days as a mask. Appends go to a buffer; when it has grown as large as the sorted run, it is
//! sorted, combined and merged into the run, so that the cost of merging stays linear in what was
//! appended. Every level is then a scan over the sorted run.

/// One observation of the operator's own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The bits of the address.
    pub address: u128,
    /// The autonomous system, where known. 0 counts as unknown.
    pub asn: Option<u32>,
    /// The device by [`crate::device_key`]; 0 where the event has no device id.
    pub device: u128,
    /// The UTC day, counted from 1970-01-01; saturates beyond ±2^30.
    pub day: i64,
    /// Impressions of this observation; 0 is a request without one.
    pub impressions: u32,
    /// Their revenue in micro-units; negative for a refund.
    pub revenue_micros: i64,
    /// Whether the operator holds the traffic of this observation for invalid.
    pub flagged: bool,
}

pub(crate) const DAY_BOUND: i32 = 1 << 30;
/// Days of one mask.
const SPAN_DAYS: i64 = 64;
/// Spans that a day can lie in, with either sign.
pub(crate) const SPAN_BOUND: i32 = 1 << 24;
/// Revenue of one record stays far from the end of `i128`, so that sums of records cannot reach
/// it and addition stays associative.
pub(crate) const REVENUE_BOUND: i128 = 1 << 96;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) address: u128,
    pub(crate) device: u128,
    pub(crate) revenue: i128,
    pub(crate) impressions: u64,
    /// The days of the span on which it was seen, the first in the lowest bit. Never empty.
    pub(crate) days: u64,
    pub(crate) asn: u32,
    /// Twice the span (64 days, counted from 1970-01-01), plus one when flagged.
    pub(crate) span_flag: i32,
}

impl Record {
    pub(crate) const fn key(&self) -> (u128, u32, u128, i32) {
        (self.address, self.asn, self.device, self.span_flag)
    }

    /// The order of keys. Most records differ in their address, so the rest is looked at late.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.address.cmp(&other.address).then_with(|| self.key().cmp(&other.key()))
    }

    pub(crate) const fn flagged(&self) -> bool {
        self.span_flag & 1 == 1
    }

    pub(crate) const fn span(&self) -> i32 {
        self.span_flag >> 1
    }

    /// The upper half of the address: its /64.
    pub(crate) fn network(&self) -> u64 {
        u64::try_from(self.address >> 64).unwrap_or(u64::MAX)
    }

    /// Adds a record of the same key.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.days |= other.days;
        self.impressions = self.impressions.saturating_add(other.impressions);
        self.revenue = self.revenue.saturating_add(other.revenue);
    }
}

impl From<Exposure> for Record {
    fn from(exposure: Exposure) -> Self {
        let day = exposure.day.clamp(-i64::from(DAY_BOUND), i64::from(DAY_BOUND) - 1);
        let span = i32::try_from(day.div_euclid(SPAN_DAYS)).unwrap_or(0);
        Self {
            address: exposure.address,
            device: exposure.device,
            revenue: i128::from(exposure.revenue_micros),
            impressions: u64::from(exposure.impressions),
            days: 1 << day.rem_euclid(SPAN_DAYS),
            span_flag: span * 2 + i32::from(exposure.flagged),
            asn: exposure.asn.unwrap_or(0),
        }
    }
}

const BUFFER: usize = 1 << 16;

#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    sorted: Vec<Record>,
    pending: Vec<Record>,
}

impl Run {
    /// Takes records that are sorted by key without repeats.
    pub(crate) fn from_sorted(sorted: Vec<Record>) -> Self {
        Self { sorted, pending: Vec::new() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.pending.push(record);
        if self.pending.len() >= BUFFER.max(self.sorted.len()) {
            self.seal();
        }
    }

    pub(crate) fn seal(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.pending);
        sort(&mut fresh);
        self.sorted = merge_sorted(std::mem::take(&mut self.sorted), fresh);
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn merge(mut self, mut other: Self) -> Self {
        self.seal();
        other.seal();
        Self::from_sorted(merge_sorted(self.sorted, other.sorted))
    }

    /// Its sorted records. Whoever calls it has sealed the run.
    pub(crate) fn into_sorted(self) -> Vec<Record> {
        debug_assert!(self.is_sealed());
        self.sorted
    }

    /// The records, sorted by key. Whoever calls it has sealed the run.
    pub(crate) fn records(&self) -> &[Record] {
        debug_assert!(self.is_sealed());
        &self.sorted
    }
}

/// Sorts records by key and combines those of one key.
pub(crate) fn sort(records: &mut Vec<Record>) {
    records.sort_unstable_by(Record::order);
    combine(records);
}

fn combine(records: &mut Vec<Record>) {
    records.dedup_by(|later, kept| {
        let same = later.key() == kept.key();
        if same {
            kept.absorb(later);
        }
        same
    });
}

pub(crate) fn merge_sorted(left: Vec<Record>, right: Vec<Record>) -> Vec<Record> {
    if left.is_empty() {
        return right;
    }
    if right.is_empty() {
        return left;
    }
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let mut left = left.into_iter().peekable();
    let mut right = right.into_iter().peekable();
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(l), Some(r)) => l.order(r),
            (Some(_), None) => {
                merged.extend(left);
                break;
            }
            (None, _) => {
                merged.extend(right);
                break;
            }
        };
        if order.is_gt() {
            merged.extend(right.next());
        } else if let Some(mut record) = left.next() {
            if order.is_eq()
                && let Some(twin) = right.next()
            {
                record.absorb(&twin);
            }
            merged.push(record);
        }
    }
    merged
}
