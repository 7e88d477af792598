//! From rows of a log to records, with memory for the distinct ones only.
//!
//! A table finds the record of a row and adds the row to it. The table is only a way to need less
//! memory: a row whose place is hard to find (somebody chose addresses that collide) becomes a
//! record of its own, and sorting combines what the table did not. So the result is exact whatever
//! the table does, and nobody can make it slow.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use adproof_model::{Block, Level};
use sha2::{Digest as _, Sha256};

use crate::census::{Census, Systems, Totals};
use crate::codec;
#[cfg(doc)]
use crate::exposure::Exposure;
use crate::exposure::{self, Record};
use crate::tally::{Tally, device_key};

/// How much of an address is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grain {
    /// The whole address, as [`Tally::expose`] keeps it.
    #[default]
    Address,
    /// Its /64, the unit of enforcement; and the whole address only where a feed marks this very
    /// address, because nothing else is ever asked of a single address.
    Network(Listed),
}

impl Grain {
    /// Tells grains apart that keep different records of the same rows.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match self {
            Self::Address => hash.update(b"address"),
            Self::Network(listed) => {
                hash.update(b"network");
                for address in &listed.marked {
                    hash.update(address.to_be_bytes());
                    hash.update([u8::from(listed.flagged.contains(address))]);
                }
            }
        }
        hash.finalize().into()
    }
}

/// The single addresses that feeds mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// All of them, sorted.
    marked: Vec<u128>,
    /// Those that are marked as anything but a crawler that declares itself.
    flagged: BTreeSet<u128>,
    /// A bit for each value of 16 mixed bits of a marked address: most addresses of a log miss it.
    sieve: Vec<u64>,
}

impl Listed {
    pub(crate) fn new(marked: BTreeSet<u128>, flagged: BTreeSet<u128>) -> Self {
        let mut sieve = vec![0_u64; 1 << 10];
        for address in &marked {
            let (word, bit) = sieve_place(*address);
            if let Some(word) = sieve.get_mut(word) {
                *word |= bit;
            }
        }
        Self { marked: marked.into_iter().collect(), flagged, sieve }
    }

    fn holds(&self, address: u128) -> bool {
        let (word, bit) = sieve_place(address);
        self.sieve.get(word).is_some_and(|word| word & bit != 0)
            && self.marked.binary_search(&address).is_ok()
    }
}

fn sieve_place(address: u128) -> (usize, u64) {
    let mixed = fold(low64(address) ^ high64(address), 0x9e37_79b9_7f4a_7c15) >> 48;
    (usize::try_from(mixed >> 6).unwrap_or(0), 1 << (mixed & 63))
}

/// A device as a log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    bits: u128,
    packed: bool,
}

impl Device {
    /// No device.
    pub const NONE: Self = Self { bits: 0, packed: false };

    /// The device of an id. Ids of up to 15 bytes are hashed when the rows are combined, not for
    /// each row; the result is [`device_key`] in either case. An empty id is no device.
    #[must_use]
    #[inline]
    pub fn of(id: &[u8]) -> Self {
        match pack(id) {
            // The last byte is free, and tells `a` from `a\0`.
            Some(bits) => Self { bits: bits | (id.len() as u128) << 120, packed: !id.is_empty() },
            None => Self::from_key(device_key(id)),
        }
    }

    /// The device whose [`device_key`] is known.
    #[must_use]
    pub const fn from_key(key: u128) -> Self {
        Self { bits: key, packed: false }
    }
}

/// Up to 15 bytes, the first one lowest. Loads overlap instead of going through memory.
#[inline]
fn pack(id: &[u8]) -> Option<u128> {
    let len = id.len();
    if let (Some(first), Some(last)) = (id.first_chunk(), id.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        let above = u32::try_from(16_usize.checked_sub(len)? * 8).ok()?;
        let rest = last.checked_shr(above).unwrap_or(0);
        return (len < 16).then(|| u128::from(first) | u128::from(rest) << 64);
    }
    if let (Some(first), Some(last)) = (id.first_chunk(), id.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return Some(u128::from(u64::from(first) | u64::from(last) << (8 * (len - 4))));
    }
    let bytes = id.iter().rev();
    Some(u128::from(bytes.fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))))
}

fn unpack(bits: u128) -> u128 {
    let bytes = bits.to_le_bytes();
    let len = usize::from(bytes[15]);
    device_key(bytes.get(..len).unwrap_or(&[]))
}

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

/// A record while rows are added to it: a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Cell {
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

impl Cell {
    fn is_same(&self, other: &Self) -> bool {
        (self.address == other.address && self.device == other.device)
            && (self.asn == other.asn)
            && (self.span_flag == other.span_flag && self.packed == other.packed)
    }

    /// Adds a cell of the same key, if the sums can hold it.
    fn absorb(&mut self, other: &Self) -> Option<()> {
        let impressions = self.impressions.checked_add(other.impressions)?;
        self.revenue = self.revenue.checked_add(other.revenue)?;
        self.impressions = impressions;
        self.days |= other.days;
        Some(())
    }

    fn order(&self, other: &Self) -> Ordering {
        let rest = |cell: &Self| (cell.asn, cell.device, cell.span_flag);
        self.address.cmp(&other.address).then_with(|| rest(self).cmp(&rest(other)))
    }
}

impl From<&Cell> for Record {
    fn from(cell: &Cell) -> Self {
        Self {
            address: cell.address,
            device: cell.device,
            revenue: i128::from(cell.revenue),
            impressions: u64::from(cell.impressions),
            days: cell.days,
            asn: cell.asn,
            span_flag: cell.span_flag,
        }
    }
}

/// Cells in pieces of one size, so that growing neither moves nor copies them.
#[derive(Clone, Debug, Default)]
struct Cells(Vec<Vec<Cell>>);

const PIECE: usize = 1 << 14;

impl Cells {
    fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1) * PIECE;
        full + self.0.last().map_or(0, Vec::len)
    }

    #[inline]
    fn get(&self, at: usize) -> Option<&Cell> {
        self.0.get(at / PIECE)?.get(at % PIECE)
    }

    #[inline]
    fn get_mut(&mut self, at: usize) -> Option<&mut Cell> {
        self.0.get_mut(at / PIECE)?.get_mut(at % PIECE)
    }

    #[inline]
    fn push(&mut self, cell: Cell) {
        match self.0.last_mut() {
            Some(last) if last.len() < PIECE => last.push(cell),
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(cell);
                self.0.push(piece);
            }
            None => self.0.push(vec![cell]),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Cell> {
        self.0.iter().flatten()
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Cell> {
        self.0.iter_mut().flatten()
    }
}

/// Rows that are looked up together, so that the processor waits for memory once and not for
/// each.
const BATCH: usize = 128;
/// Slots that are looked at before a row becomes a record of its own.
const PROBES: usize = 48;
/// Bits of a slot that are a position; those above tell keys apart without looking at them.
const POSITION_BITS: u32 = 26;
const POSITIONS: u32 = (1 << POSITION_BITS) - 1;

/// Gathers rows into records.
#[derive(Clone, Debug, Default)]
pub struct Gather {
    grain: Grain,
    /// Records in the order in which they came.
    cells: Cells,
    /// A position in `cells` plus one, under a few bits of the hash; 0 is free.
    slots: Vec<u32>,
    /// How far a hash is shifted to be a slot.
    shift: u32,
    waiting: Vec<Cell>,
}

impl Gather {
    /// A table without rows.
    #[must_use]
    pub fn new(grain: Grain) -> Self {
        Self { grain, ..Self::default() }
    }

    /// Adds a row.
    #[inline]
    pub fn add(&mut self, row: &Row) {
        let (mut address, mut flagged) = (row.address, row.flagged);
        if let Grain::Network(listed) = &self.grain {
            if listed.holds(address) {
                flagged |= listed.flagged.contains(&address);
            } else {
                address &= !u128::from(u64::MAX);
            }
        }
        let day = row.day.clamp(-exposure::DAY_BOUND, exposure::DAY_BOUND - 1);
        self.waiting.push(Cell {
            address,
            device: row.device.bits,
            days: 1 << (day & 63),
            revenue: row.revenue_micros,
            impressions: row.impressions,
            asn: row.asn,
            span_flag: (day >> 6) << 1 | i32::from(flagged),
            packed: row.device.packed,
        });
        if self.waiting.len() >= BATCH {
            self.settle();
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

    /// Bytes of memory in use, and what sorting will need.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.len() * size_of::<Cell>()
            + self.slots.len() * size_of::<u32>()
            + self.cells.len() * size_of::<(u64, u32)>()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.len() == 0 && self.waiting.is_empty()
    }

    /// Looks up what waits.
    fn settle(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        while self.slots.len() * 4 < (self.cells.len() + waiting.len()) * 5 {
            self.grow();
        }
        // In neither pass does a load depend on the one before, so that they overlap: first the
        // slots are brought near, then the cells.
        let (mut hashes, mut near) = ([0_u64; BATCH], 0_u64);
        for (hash, cell) in hashes.iter_mut().zip(&waiting) {
            *hash = hash_of(cell);
            near ^= u64::from(self.slots.get(self.slot(*hash)).copied().unwrap_or(0));
        }
        for hash in hashes.iter().take(waiting.len()) {
            near ^= self.candidate(*hash).map_or(0, |cell| cell.days);
        }
        std::hint::black_box(near);
        for (cell, hash) in waiting.iter().zip(hashes) {
            self.place(cell, hash);
        }
        waiting.clear();
        self.waiting = waiting;
    }

    #[inline]
    fn slot(&self, hash: u64) -> usize {
        usize::try_from(hash >> self.shift).unwrap_or(0)
    }

    /// The bits of a hash that a slot holds, which are none of those that choose the slot.
    #[inline]
    fn tag(hash: u64) -> u32 {
        (u32::try_from(hash & 0xffff_ffff).unwrap_or(0)) & !POSITIONS
    }

    /// The cell that most likely has the key of a hash.
    #[inline]
    fn candidate(&self, hash: u64) -> Option<&Cell> {
        let (start, tag) = (self.slot(hash), Self::tag(hash));
        let mask = self.slots.len().wrapping_sub(1);
        for probe in 0..PROBES {
            let slot = *self.slots.get((start + probe) & mask)?;
            if slot == 0 {
                return None;
            }
            if slot & !POSITIONS == tag {
                return self.cells.get(usize::try_from(slot & POSITIONS).ok()?.wrapping_sub(1));
            }
        }
        None
    }

    #[inline]
    fn place(&mut self, cell: &Cell, hash: u64) {
        let (start, tag) = (self.slot(hash), Self::tag(hash));
        let mask = self.slots.len().wrapping_sub(1);
        // Beyond the positions that a slot can hold, records stay out of the table, which sorting
        // makes up for.
        let number = u32::try_from(self.cells.len() + 1).unwrap_or(u32::MAX);
        let number = Some(number).filter(|number| *number <= POSITIONS);
        for probe in 0..PROBES {
            let Some(slot) = self.slots.get_mut((start + probe) & mask) else { break };
            if *slot == 0 {
                *slot = number.map_or(0, |number| tag | number);
                break;
            }
            if *slot & !POSITIONS == tag {
                let at = usize::try_from(*slot & POSITIONS).unwrap_or(0).wrapping_sub(1);
                if let Some(found) = self.cells.get_mut(at)
                    && found.is_same(cell)
                {
                    if found.absorb(cell).is_some() {
                        return;
                    }
                    // Its sums are full: the next one takes its place.
                    if let Some(number) = number {
                        *slot = tag | number;
                    }
                    break;
                }
            }
        }
        self.cells.push(*cell);
    }

    /// Doubles the slots.
    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(1 << 12);
        self.slots.clear();
        self.slots.resize(len, 0);
        self.shift = 64_u32.saturating_sub(len.trailing_zeros());
        let mask = len - 1;
        for (cell, number) in self.cells.iter().zip(1..=POSITIONS) {
            let hash = hash_of(cell);
            let start = usize::try_from(hash >> self.shift).unwrap_or(0);
            for probe in 0..PROBES {
                if let Some(free) = self.slots.get_mut((start + probe) & mask)
                    && *free == 0
                {
                    *free = Self::tag(hash) | number;
                    break;
                }
            }
        }
    }

    /// The rows so far, sorted; the table is empty again.
    #[must_use]
    pub fn sorted(&mut self) -> Sorted {
        self.settle();
        self.slots = Vec::new();
        let mut cells = std::mem::take(&mut self.cells);
        for cell in cells.iter_mut() {
            if cell.packed {
                cell.device = unpack(cell.device);
                cell.packed = false;
            }
        }
        Sorted::new(cells)
    }
}

/// Rows of a table in the order of their blocks.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    cells: Cells,
    /// The upper half of the address, and the position of the cell.
    order: Vec<(u64, u32)>,
}

impl Sorted {
    fn new(cells: Cells) -> Self {
        // More positions than fit are more than fit into memory.
        let numbers = 0..=u32::MAX;
        let mut order: Vec<(u64, u32)> = Vec::with_capacity(cells.len());
        order.extend(cells.iter().zip(numbers).map(|(cell, at)| (high64(cell.address), at)));
        order.sort_unstable_by_key(|(network, _)| *network);
        let cell = |at: u32| usize::try_from(at).ok().and_then(|at| cells.get(at));
        for same in order.chunk_by_mut(|left, right| left.0 == right.0) {
            if same.len() > NEAR {
                same.sort_unstable_by(|left, right| match (cell(left.1), cell(right.1)) {
                    (Some(left), Some(right)) => left.order(right),
                    _ => Ordering::Equal,
                });
            }
        }
        Self { cells, order }
    }

    /// Its records in order. Two may have the same key.
    pub(crate) fn records(&self, networks: &RangeInclusive<u64>) -> Records<'_> {
        let start = self.order.partition_point(|(network, _)| network < networks.start());
        let end = self.order.partition_point(|(network, _)| network <= networks.end());
        let order = self.order.get(start..end).unwrap_or(&[]);
        Records { cells: &self.cells, order, near: Vec::with_capacity(4 * NEAR), at: 0 }
    }

    /// Writes it as a run, for [`RunReader`]: records in the form of a tally's canonical bytes.
    pub fn write(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        write_run(std::slice::from_ref(self), &mut [] as &mut [RunReader<std::io::Empty>], out)
    }

    /// Ranges of networks that hold about as many rows each, at most `parts`, and cut no /32.
    #[must_use]
    pub fn ranges(all: &[Self], parts: usize) -> Vec<RangeInclusive<u64>> {
        let Some(largest) = all.iter().max_by_key(|sorted| sorted.order.len()) else {
            return vec![0..=u64::MAX];
        };
        let mut starts = vec![0];
        for part in 1..parts {
            let at = largest.order.len() / parts * part;
            let start = largest.order.get(at).map_or(0, |(network, _)| network >> 32 << 32);
            if starts.last().is_none_or(|last| *last < start) {
                starts.push(start);
            }
        }
        let ends = starts.iter().skip(1).map(|start| start - 1).chain([u64::MAX]);
        starts.iter().zip(ends).map(|(start, end)| *start..=end).collect()
    }
}

/// Records that are fetched together, so that their loads overlap. A network of more is in order
/// beforehand, one of less is put in order when it is fetched.
const NEAR: usize = 64;

/// The records of a [`Sorted`].
#[derive(Debug)]
pub(crate) struct Records<'a> {
    cells: &'a Cells,
    order: &'a [(u64, u32)],
    near: Vec<Cell>,
    at: usize,
}

impl Records<'_> {
    fn fetch(&mut self) {
        self.near.clear();
        self.at = 0;
        // Whole networks, but for those that are in order.
        let mut end = NEAR.min(self.order.len());
        if let Some((last, _)) = self.order.get(end.wrapping_sub(1)) {
            let more = self.order.get(end..).unwrap_or(&[]).iter().take(NEAR);
            end += more.take_while(|(network, _)| network == last).count();
        }
        let (here, rest) = self.order.split_at_checked(end).unwrap_or((self.order, &[]));
        self.order = rest;
        let cells = here.iter().filter_map(|(_, at)| self.cells.get(usize::try_from(*at).ok()?));
        self.near.extend(cells);
        let network = |cell: &Cell| high64(cell.address);
        for same in self.near.chunk_by_mut(|left, right| network(left) == network(right)) {
            if same.len() > 1 {
                same.sort_unstable_by(Cell::order);
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    #[inline]
    fn next(&mut self) -> Option<Record> {
        if self.at == self.near.len() {
            self.fetch();
        }
        let cell = self.near.get(self.at)?;
        self.at += 1;
        Some(Record::from(cell))
    }
}

/// Records of sorted runs as one sorted run without repeats.
pub(crate) fn merge<'a>(
    runs: Vec<Box<dyn Iterator<Item = Record> + 'a>>,
) -> impl Iterator<Item = Record> + 'a {
    let mut runs = runs;
    let mut heads: Vec<Option<Record>> = runs.iter_mut().map(Iterator::next).collect();
    std::iter::from_fn(move || {
        let mut least: Option<(usize, &Record)> = None;
        for (at, head) in heads.iter().enumerate() {
            if let Some(head) = head
                && least.is_none_or(|(_, kept)| head.order(kept).is_lt())
            {
                least = Some((at, head));
            }
        }
        let (at, _) = least?;
        let mut record = pull(&mut runs, &mut heads, at)?;
        for at in at..heads.len() {
            while heads.get(at)?.as_ref().is_some_and(|head| head.key() == record.key()) {
                record.absorb(&pull(&mut runs, &mut heads, at)?);
            }
        }
        Some(record)
    })
}

fn pull(
    runs: &mut [Box<dyn Iterator<Item = Record> + '_>],
    heads: &mut [Option<Record>],
    at: usize,
) -> Option<Record> {
    let next = runs.get_mut(at)?.next();
    std::mem::replace(heads.get_mut(at)?, next)
}

/// Reads the records that [`Sorted::write`] wrote. A read that fails ends it: ask
/// [`RunReader::error`] in the end.
#[derive(Debug)]
pub struct RunReader<R> {
    bytes: R,
    error: Option<std::io::Error>,
}

impl<R: std::io::Read> RunReader<R> {
    /// The records that these bytes hold.
    pub const fn new(bytes: R) -> Self {
        Self { bytes, error: None }
    }

    /// What kept it from reading on.
    pub const fn error(&mut self) -> Option<std::io::Error> {
        self.error.take()
    }

    fn next_record(&mut self) -> Option<Record> {
        let mut bytes = [0; codec::EXPOSURE_BYTES];
        match self.bytes.read(&mut bytes) {
            Ok(0) => return None,
            Ok(read) => {
                let rest = bytes.get_mut(read..).unwrap_or(&mut []);
                if let Err(error) = self.bytes.read_exact(rest) {
                    self.error = Some(error);
                    return None;
                }
            }
            Err(error) => {
                self.error = Some(error);
                return None;
            }
        }
        codec::decode_exposure(&bytes)
    }
}

/// Counts every block of the levels that has rows in a range of networks, in one pass: a level's
/// blocks come in order, narrower ones before the one that holds them. Systems come last and lie in
/// all ranges: merge what is returned, then [`Systems::finish`] it.
pub fn census<R: std::io::Read>(
    sorted: &[Sorted],
    networks: &RangeInclusive<u64>,
    written: &mut [RunReader<R>],
    levels: &[Level],
    take: &mut dyn FnMut(Level, Block, &Totals),
) -> Systems {
    let mut census = Census::new(levels);
    for record in merge(runs(sorted, networks, written)) {
        census.add(&record, take);
    }
    census.finish(take)
}

/// Writes sorted rows and written runs as one run without repeats. Whether all of a run was read,
/// the run knows.
pub fn write_run<R: std::io::Read>(
    sorted: &[Sorted],
    written: &mut [RunReader<R>],
    out: &mut impl std::io::Write,
) -> std::io::Result<()> {
    for record in merge(runs(sorted, &(0..=u64::MAX), written)) {
        out.write_all(&codec::encode_exposure(&record))?;
    }
    Ok(())
}

fn runs<'a, R: std::io::Read>(
    sorted: &'a [Sorted],
    networks: &RangeInclusive<u64>,
    written: &'a mut [RunReader<R>],
) -> Vec<Box<dyn Iterator<Item = Record> + 'a>> {
    let sorted = sorted.iter().map(|one| Box::new(one.records(networks)) as Box<_>);
    let written = written.iter_mut().map(|run| -> Box<dyn Iterator<Item = Record>> {
        Box::new(std::iter::from_fn(|| run.next_record()))
    });
    sorted.chain(written).collect()
}

impl Tally {
    /// Adds sorted rows, and those of written runs. Whether all of a run was read, the run knows.
    pub fn expose_sorted<R: std::io::Read>(
        &mut self,
        sorted: &[Sorted],
        written: &mut [RunReader<R>],
    ) {
        self.expose_records(merge(runs(sorted, &(0..=u64::MAX), written)).collect());
    }
}

fn high64(value: u128) -> u64 {
    u64::try_from(value >> 64).unwrap_or(u64::MAX)
}

fn low64(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(u64::MAX)
}

/// Both halves of a product, folded.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    high64(product) ^ low64(product)
}

/// Spreads keys over the slots. It is not secret, which [`PROBES`] makes up for.
#[inline]
fn hash_of(cell: &Cell) -> u64 {
    let rest = u64::from(cell.asn) << 32 | u64::from(cell.span_flag.cast_unsigned());
    let place = fold(
        high64(cell.address) ^ 0x2d35_8dcc_aa6c_78a5,
        low64(cell.device) ^ 0x8bb8_4b93_962e_acc9,
    );
    let more = fold(
        low64(cell.address) ^ rest ^ 0x4b33_a62e_d433_d4a3,
        high64(cell.device) ^ 0x4d5a_2da5_1de1_aa47,
    );
    fold(place ^ more, 0x9e37_79b9_7f4a_7c15)
}
