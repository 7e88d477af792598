//! Records while rows are added to them.

use super::{Device, Row, fold, high64, low64};
use crate::exposure::{self, Record};

/// What a [`Shelf`](super::shelf::Shelf) holds: sums under a key.
pub(super) trait Cell: Copy {
    /// Spreads keys over parts and slots. It is not secret, which the bound of probes makes up for.
    fn hash(&self) -> u64;

    fn is_same(&self, other: &Self) -> bool;

    /// Adds a cell of the same key, if the sums can hold it.
    fn absorb(&mut self, other: &Self) -> Option<()>;

    /// The upper half of the address.
    fn network(&self) -> u64;

    /// The lower half of the address, and the system.
    fn place(&self) -> (u64, u32);

    fn device(&self) -> Device;

    /// Gives its records, by the span of 64 days.
    fn records(&self, era: Era, device: u128, out: &mut Vec<Record>);
}

/// The days that narrow cells count from, so that the days of a log of some weeks, wherever they
/// lie, fall into one mask. Spans of 64 days since 1970 are what leaves a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Era {
    base: i32,
}

/// Windows of 64 days that a narrow cell can lie in.
const WINDOWS: u32 = 64;
const MASK_DAYS: u32 = 64;

impl Era {
    /// No day is near.
    pub(super) const NONE: Self = Self { base: i32::MIN };

    /// A month before this day and a month after it lie in one window, which is the middle one.
    pub(super) fn around(day: i32) -> Self {
        Self { base: clamp(day) - 31 - 31 * 64 }
    }

    /// The window of a day, and its place there.
    #[inline]
    fn place(self, day: i32) -> Option<(u32, u32)> {
        let day = clamp(day).wrapping_sub(self.base).cast_unsigned();
        (day < WINDOWS * MASK_DAYS).then_some((day / MASK_DAYS, day % MASK_DAYS))
    }

    /// The days of a window that lie in the span that it begins in; the others lie in the next.
    #[inline]
    const fn early(self) -> u32 {
        MASK_DAYS - (self.base & 63).cast_unsigned()
    }

    /// The span that a window begins in.
    fn span(self, window: u32) -> i32 {
        (self.base >> 6) + window.cast_signed()
    }
}

fn clamp(day: i32) -> i32 {
    day.clamp(-exposure::DAY_BOUND, exposure::DAY_BOUND - 1)
}

/// Half a cache line, for nearly all rows of nearly all logs: a /64, a short device id, no revenue,
/// not flagged. What does not fit is [`Wide`].
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Narrow {
    network: u64,
    /// See [`Device::narrow`].
    device: u64,
    /// The days of the window.
    days: u64,
    asn: u32,
    /// From the lowest bit: 12 bits of impressions on early days and one that stays free, the same
    /// of late days, and the window.
    counts: u32,
}

const COUNT_BITS: u32 = 12;
const LATE: u32 = COUNT_BITS + 1;
const WINDOW: u32 = 2 * LATE;
const FREE: u32 = (1 << COUNT_BITS) | (1 << (COUNT_BITS + LATE));
const COUNT: u32 = (1 << COUNT_BITS) - 1;

impl Narrow {
    /// A row of which only the /64 is kept, if it fits.
    #[inline]
    pub(super) fn of(row: &Row, era: Era) -> Option<Self> {
        if row.flagged || row.revenue_micros != 0 || row.impressions > COUNT {
            return None;
        }
        let device = row.device.narrow()?;
        let (window, day) = era.place(row.day)?;
        let count = row.impressions << if day < era.early() { 0 } else { LATE };
        let network = high64(row.address);
        let counts = window << WINDOW | count;
        Some(Self { network, device, days: 1 << day, asn: row.asn, counts })
    }
}

impl Cell for Narrow {
    #[inline]
    fn hash(&self) -> u64 {
        let rest = u64::from(self.asn) << 32 | u64::from(self.counts >> WINDOW);
        let place = fold(
            self.network ^ 0x2d35_8dcc_aa6c_78a5,
            self.device ^ rest.rotate_left(13) ^ 0x8bb8_4b93_962e_acc9,
        );
        fold(place ^ self.device, 0x9e37_79b9_7f4a_7c15)
    }

    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        (self.network == other.network && self.device == other.device)
            && (self.asn == other.asn && (self.counts ^ other.counts) >> WINDOW == 0)
    }

    #[inline]
    fn absorb(&mut self, other: &Self) -> Option<()> {
        let counts = self.counts + (other.counts & ((1 << WINDOW) - 1));
        if counts & FREE != 0 {
            return None;
        }
        self.counts = counts;
        self.days |= other.days;
        Some(())
    }

    #[inline]
    fn network(&self) -> u64 {
        self.network
    }

    fn place(&self) -> (u64, u32) {
        (0, self.asn)
    }

    #[inline]
    fn device(&self) -> Device {
        Device::of_narrow(self.device)
    }

    #[inline]
    fn records(&self, era: Era, device: u128, out: &mut Vec<Record>) {
        let early = era.early();
        // All days are early where a window begins with a span.
        let (first, second) = match early {
            MASK_DAYS => (self.days, 0),
            _ => (self.days << (MASK_DAYS - early), self.days >> early),
        };
        let span = era.span(self.counts >> WINDOW);
        let counts = [(span, first, self.counts), (span + 1, second, self.counts >> LATE)];
        for (span, days, count) in counts {
            if days != 0 {
                out.push(Record {
                    address: u128::from(self.network) << 64,
                    device,
                    revenue: 0,
                    impressions: u64::from(count & COUNT),
                    days,
                    asn: self.asn,
                    span_flag: span << 1,
                });
            }
        }
    }
}

/// A cache line, for all that a row can be.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Wide {
    address: u128,
    device: u128,
    days: u64,
    revenue: i64,
    impressions: u32,
    asn: u32,
    span_flag: i32,
    /// Whether the device is an id and not yet a key.
    packed: bool,
}

impl Wide {
    pub(super) fn of(row: &Row) -> Self {
        let day = clamp(row.day);
        Self {
            address: row.address,
            device: row.device.bits,
            days: 1 << (day & 63),
            revenue: row.revenue_micros,
            impressions: row.impressions,
            asn: row.asn,
            span_flag: (day >> 6) << 1 | i32::from(row.flagged),
            packed: row.device.packed,
        }
    }
}

impl Cell for Wide {
    #[inline]
    fn hash(&self) -> u64 {
        let rest = u64::from(self.asn) << 32 | u64::from(self.span_flag.cast_unsigned());
        let place = fold(
            high64(self.address) ^ 0x2d35_8dcc_aa6c_78a5,
            low64(self.device) ^ 0x8bb8_4b93_962e_acc9,
        );
        let more = fold(
            low64(self.address) ^ rest ^ 0x4b33_a62e_d433_d4a3,
            high64(self.device) ^ 0x4d5a_2da5_1de1_aa47,
        );
        fold(place ^ more, 0x9e37_79b9_7f4a_7c15)
    }

    #[inline]
    fn is_same(&self, other: &Self) -> bool {
        (self.address == other.address && self.device == other.device)
            && (self.asn == other.asn)
            && (self.span_flag == other.span_flag && self.packed == other.packed)
    }

    #[inline]
    fn absorb(&mut self, other: &Self) -> Option<()> {
        let impressions = self.impressions.checked_add(other.impressions)?;
        self.revenue = self.revenue.checked_add(other.revenue)?;
        self.impressions = impressions;
        self.days |= other.days;
        Some(())
    }

    fn network(&self) -> u64 {
        high64(self.address)
    }

    fn place(&self) -> (u64, u32) {
        (low64(self.address), self.asn)
    }

    fn device(&self) -> Device {
        Device { bits: self.device, packed: self.packed }
    }

    fn records(&self, _: Era, device: u128, out: &mut Vec<Record>) {
        out.push(Record {
            address: self.address,
            device,
            revenue: i128::from(self.revenue),
            impressions: u64::from(self.impressions),
            days: self.days,
            asn: self.asn,
            span_flag: self.span_flag,
        });
    }
}
