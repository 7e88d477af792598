//! From rows of a log to records, with memory for the distinct ones only.
//!
//! A table finds the record of a row and adds the row to it. The table is only a way to need less
//! memory: a row whose place is hard to find (somebody chose addresses that collide) becomes a
//! record of its own, and sorting combines what the table did not. So the result is exact whatever
//! the table does, and nobody can make it slow.
//!
//! Threads share one table, in parts by the hash of a record's key. A row waits beside others of
//! its part until there are many: then the part's lock is taken once for all of them, their loads
//! overlap, and a few pages of memory hold all that is looked at.

mod cell;
mod device;
mod gathered;
mod grain;
mod runs;
mod shelf;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

pub use self::device::Device;
pub use self::gathered::Gathered;
pub use self::grain::{Grain, Listed};
pub use self::runs::{RunReader, census, write_run};

use self::cell::{Cell, Era, Narrow, Wide};
use self::shelf::Shelf;
#[cfg(doc)]
use crate::Exposure;

/// One row of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The bits of the address.
    pub address: u128,
    /// The device.
    pub device: Device,
    /// The UTC day, counted from 1970-01-01; saturates as that of an [`Exposure`] does.
    pub day: i32,
    /// The autonomous system; 0 where it is unknown.
    pub asn: u32,
    /// Impressions.
    pub impressions: u32,
    /// Whether the operator holds it for invalid traffic.
    pub flagged: bool,
    /// The revenue in micro-units.
    pub revenue_micros: i64,
}

/// Rows that wait in a [`Gather`] before its part of the table takes them: so many that a part's
/// pages and its lock, which another thread may just have had, are fetched for many at once.
const WAITING: usize = 1024;

/// Bits of a hash that choose a part.
const PART_BITS: u32 = 6;
const PARTS: usize = 1 << PART_BITS;

/// A table that threads gather rows in.
#[derive(Debug)]
pub struct Table {
    grain: Grain,
    /// Known from the first row on.
    era: OnceLock<Era>,
    /// Whether of some device only the key is known.
    keyed: AtomicBool,
    parts: Vec<Mutex<Part>>,
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Part {
    narrow: Shelf<Narrow>,
    wide: Shelf<Wide>,
}

impl Part {
    fn bytes(&self) -> usize {
        self.narrow.bytes() + self.wide.bytes()
    }
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(grain: Grain) -> Self {
        Self {
            grain,
            era: OnceLock::new(),
            keyed: AtomicBool::new(false),
            parts: std::iter::repeat_with(Mutex::default).take(PARTS).collect(),
            bytes: AtomicUsize::new(0),
        }
    }

    /// A way to add rows; each thread has one.
    #[must_use]
    pub fn gather(&self) -> Gather<'_> {
        let era = self.era.get().copied().unwrap_or(Era::NONE);
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        narrow.resize_with(PARTS, Vec::new);
        wide.resize_with(PARTS, Vec::new);
        Gather { table: self, era, narrow, wide }
    }

    /// The rows so far; the table is empty again. Rows that wait in a [`Gather`] come later.
    #[must_use]
    pub fn take(&self) -> Gathered {
        let (mut narrow, mut wide) = (Vec::new(), Vec::new());
        for part in &self.parts {
            let part = std::mem::take(&mut *locked(part));
            self.bytes.fetch_sub(part.bytes(), Ordering::Relaxed);
            narrow.extend(part.narrow.into_pieces());
            wide.extend(part.wide.into_pieces());
        }
        let era = self.era.get().copied().unwrap_or(Era::NONE);
        Gathered { era, keyed: self.keyed.load(Ordering::Relaxed), narrow, wide }
    }

    fn settle(&self, part: usize, add: impl FnOnce(&mut Part)) {
        let Some(part) = self.parts.get(part) else { return };
        let mut part = locked(part);
        let before = part.bytes();
        add(&mut part);
        self.bytes.fetch_add(part.bytes() - before, Ordering::Relaxed);
    }
}

/// A part whose thread failed is whole all the same: rows are added one by one, and the failure is
/// told by whoever joins the thread.
fn locked(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds rows to a [`Table`]. Some wait until it is dropped or [flushed](Self::flush).
#[derive(Debug)]
pub struct Gather<'t> {
    table: &'t Table,
    era: Era,
    narrow: Vec<Vec<Narrow>>,
    wide: Vec<Vec<Wide>>,
}

impl Gather<'_> {
    /// Adds a row.
    #[inline]
    pub fn add(&mut self, row: &Row) {
        if let Grain::Network(listed) = &self.table.grain
            && !listed.holds(row.address)
        {
            if let Some(narrow) = Narrow::of(row, self.era) {
                scatter(self.table, &mut self.narrow, narrow, |part| &mut part.narrow);
            } else {
                self.add_rare(row);
            }
        } else {
            self.add_whole(row);
        }
    }

    /// Adds rows that lie in columns: addresses of 16 bytes in network order, microseconds since
    /// 1970, devices and autonomous systems (0 where unknown). Rows beyond the shortest column are
    /// left out. Each is one impression.
    pub fn add_columns(
        &mut self,
        addresses: &[[u8; 16]],
        times_micros: &[i64],
        devices: impl IntoIterator<Item = Device>,
        asns: &[u32],
    ) {
        let places = addresses.iter().zip(times_micros);
        for (((address, micros), device), asn) in places.zip(devices).zip(asns) {
            let day = micros.div_euclid(86_400_000_000);
            self.add(&Row {
                address: u128::from_be_bytes(*address),
                device,
                day: i32::try_from(day).unwrap_or(0),
                asn: *asn,
                impressions: 1,
                flagged: false,
                revenue_micros: 0,
            });
        }
    }

    /// Bytes of memory that the table and what waits here use, and what sorting will need.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let narrow: usize = self.narrow.iter().map(Vec::len).sum();
        let wide: usize = self.wide.iter().map(Vec::len).sum();
        let waiting = narrow * size_of::<Narrow>() + wide * size_of::<Wide>();
        self.table.bytes.load(Ordering::Relaxed).saturating_add(waiting)
    }

    /// Adds what waits.
    pub fn flush(&mut self) {
        for (part, waiting) in
            self.narrow.iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty())
        {
            self.table.settle(part, |part| part.narrow.settle(waiting));
        }
        for (part, waiting) in self.wide.iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty())
        {
            self.table.settle(part, |part| part.wide.settle(waiting));
        }
    }

    /// Adds a row whose /64 alone is kept and that is no narrow one, or the first row.
    #[inline(never)]
    fn add_rare(&mut self, row: &Row) {
        if self.era == Era::NONE {
            self.era = *self.table.era.get_or_init(|| Era::around(row.day));
            return self.add(row);
        }
        self.add_wide(&Row { address: row.address & !u128::from(u64::MAX), ..*row });
    }

    #[inline(never)]
    fn add_whole(&mut self, row: &Row) {
        let flagged = match &self.table.grain {
            Grain::Network(listed) => listed.flagged.contains(&row.address),
            Grain::Address => false,
        };
        self.add_wide(&Row { flagged: row.flagged || flagged, ..*row });
    }

    fn add_wide(&mut self, row: &Row) {
        if row.device.is_key() {
            self.table.keyed.store(true, Ordering::Relaxed);
        }
        scatter(self.table, &mut self.wide, Wide::of(row), |part| &mut part.wide);
    }
}

impl Drop for Gather<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Lets a row wait, and adds those of its part when there are enough.
#[inline]
fn scatter<C: Cell>(
    table: &Table,
    waiting: &mut [Vec<C>],
    cell: C,
    shelf: impl Fn(&mut Part) -> &mut Shelf<C>,
) {
    let part = usize::try_from(cell.hash() >> (64 - PART_BITS)).unwrap_or(0);
    let Some(waiting) = waiting.get_mut(part) else { return };
    waiting.push(cell);
    if waiting.len() >= WAITING {
        table.settle(part, |part| shelf(part).settle(waiting));
    }
}

fn high64(value: u128) -> u64 {
    u64::try_from(value >> 64).unwrap_or(u64::MAX)
}

fn low64(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

/// Both halves of a product, folded.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    high64(product) ^ low64(product)
}
