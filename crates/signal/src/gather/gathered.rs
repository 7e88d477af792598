//! What a table held, read in the order of its blocks.

use std::ops::RangeInclusive;

use super::cell::{Cell, Era, Narrow, Wide};
use super::{high64, runs};
use crate::exposure::{self, Record};

/// Rows that a [`Table`](super::Table) gathered. Its records are put in order when they are read,
/// so that each reader of a range of networks sorts its own.
#[derive(Clone, Debug)]
pub struct Gathered {
    pub(super) era: Era,
    /// Whether of some device only the key is known.
    pub(super) keyed: bool,
    pub(super) narrow: Vec<Vec<Narrow>>,
    pub(super) wide: Vec<Vec<Wide>>,
}

/// How devices leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Devices {
    /// By their keys.
    Keys,
    /// By what tells them apart: ids as they are, where there are only ids.
    Ids,
}

impl Gathered {
    /// Its records in order, in runs. Two may have the same key.
    pub(super) fn runs<'a>(
        &'a self,
        networks: &RangeInclusive<u64>,
        devices: Devices,
    ) -> impl Iterator<Item = Box<dyn Iterator<Item = Record> + 'a>> {
        let narrow = Ordered::new(&self.narrow, self.era, devices, networks);
        let wide = Ordered::new(&self.wide, self.era, devices, networks);
        let narrow = (!narrow.order.is_empty()).then(|| Box::new(narrow) as Box<_>);
        let wide = (!wide.order.is_empty()).then(|| Box::new(wide) as Box<_>);
        narrow.into_iter().chain(wide)
    }

    /// Writes it as a run, for [`RunReader`](super::RunReader): records in the form of a tally's
    /// canonical bytes.
    pub fn write(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        let none: &mut [super::RunReader<std::io::Empty>] = &mut [];
        runs::write_run(std::slice::from_ref(self), none, out)
    }

    /// Ranges of networks that hold about as many rows each, at most `parts`, and cut no /32.
    #[must_use]
    pub fn ranges(all: &[Self], parts: usize) -> Vec<RangeInclusive<u64>> {
        /// One of so many is looked at, and of each piece at least one.
        const EVERY: usize = 256;
        fn some<C: Cell>(pieces: &[Vec<C>]) -> impl Iterator<Item = u64> {
            pieces.iter().flat_map(|piece| piece.iter().step_by(EVERY)).map(C::network)
        }
        let mut seen: Vec<u64> = Vec::new();
        for one in all.iter().filter(|_| parts > 1) {
            seen.extend(some(&one.narrow).chain(some(&one.wide)));
        }
        seen.sort_unstable();
        let mut starts = vec![0];
        for part in 1..parts {
            let start =
                seen.get(seen.len() / parts * part).map_or(0, |network| network >> 32 << 32);
            if starts.last().is_none_or(|last| *last < start) {
                starts.push(start);
            }
        }
        let ends = starts.iter().skip(1).map(|start| start - 1).chain([u64::MAX]);
        starts.iter().zip(ends).map(|(start, end)| *start..=end).collect()
    }
}

/// A position is the number of a piece above the position in it: no piece has a trillion cells.
const PIECE_BITS: u32 = 40;

/// Records that are fetched together, so that their loads overlap. A network of more is put in
/// order as a whole, one of less when it is fetched.
const NEAR: usize = 64;
/// Records that are fetched at once before those of one key are combined: a device may have many
/// cells whose sums are full.
const MANY: usize = 1 << 12;

/// Cells of one kind in the order of their records.
struct Ordered<'a, C> {
    pieces: &'a [Vec<C>],
    era: Era,
    devices: Devices,
    /// The network, and the position of the cell; of a large network that was put in order, the
    /// upper half of the device instead.
    order: Vec<(u64, u64)>,
    next: usize,
    /// Where the large network ends that is being read.
    large: usize,
    cells: Vec<C>,
    near: Vec<Record>,
    at: usize,
}

impl<'a, C: Cell> Ordered<'a, C> {
    fn new(
        pieces: &'a [Vec<C>],
        era: Era,
        devices: Devices,
        networks: &RangeInclusive<u64>,
    ) -> Self {
        let all = *networks == (0..=u64::MAX);
        let mut order = Vec::new();
        if all {
            order.reserve_exact(pieces.iter().map(Vec::len).sum());
        }
        for (piece, number) in pieces.iter().zip(0_u64..) {
            let cells = piece.iter().zip(number << PIECE_BITS..);
            let cells = cells.map(|(cell, at)| (cell.network(), at));
            if all {
                order.extend(cells);
            } else {
                order.extend(cells.filter(|(network, _)| networks.contains(network)));
            }
        }
        order.sort_unstable_by_key(|(network, _)| *network);
        let (cells, near) = (Vec::with_capacity(NEAR), Vec::with_capacity(2 * NEAR));
        Self { pieces, era, devices, order, next: 0, large: 0, cells, near, at: 0 }
    }

    fn device(&self, cell: &C) -> u128 {
        match self.devices {
            Devices::Keys => cell.device().key(),
            // Another number for each, whose upper half tells most of them apart.
            Devices::Ids => {
                cell.device().bits.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            }
        }
    }

    fn cell(&self, at: u64) -> Option<&'a C> {
        let piece = self.pieces.get(usize::try_from(at >> PIECE_BITS).ok()?)?;
        piece.get(usize::try_from(at & ((1 << PIECE_BITS) - 1)).ok()?)
    }

    /// The end of what is fetched next: whole networks, or whole devices of a large one.
    fn end(&mut self) -> usize {
        let all = self.order.len();
        if self.next >= self.large {
            let Some((network, _)) = self.order.get(self.next) else { return all };
            let rest = self.order.get(self.next..).unwrap_or(&[]);
            let same = rest.iter().take(NEAR + 1).take_while(|(one, _)| one == network).count();
            if same <= NEAR {
                let end = (self.next + NEAR).min(all);
                let (Some((next, _)), rest) = (self.order.get(end), rest.get(..NEAR)) else {
                    return all;
                };
                let cut = rest.unwrap_or(&[]).iter().rev().take_while(|(one, _)| one == next);
                return end - cut.count();
            }
            self.large = self.next + rest.partition_point(|(one, _)| one == network);
            self.order_large();
        }
        let mut end = (self.next + NEAR).min(self.large);
        let key = |at: usize| self.order.get(at).map(|(key, _)| *key);
        while end < self.large && key(end) == key(end - 1) {
            end += 1;
        }
        end
    }

    /// Puts the cells of a large network in order, without more memory.
    fn order_large(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        let cells = order.get_mut(self.next..self.large).unwrap_or(&mut []);
        let place = |at: u64| self.cell(at).map(C::place);
        cells.sort_unstable_by_key(|(_, at)| place(*at));
        for same in cells.chunk_by_mut(|left, right| place(left.1) == place(right.1)) {
            for (key, at) in same.iter_mut() {
                *key = self.cell(*at).map_or(0, |cell| high64(self.device(cell)));
            }
            same.sort_unstable_by_key(|(key, _)| *key);
        }
        self.order = order;
    }

    fn fetch(&mut self) {
        let end = self.end();
        let here = self.order.get(self.next..end).unwrap_or(&[]);
        let mut cells = std::mem::take(&mut self.cells);
        self.near.clear();
        self.at = 0;
        let mut bound = MANY;
        for here in here.chunks(NEAR) {
            cells.clear();
            cells.extend(here.iter().filter_map(|(_, at)| self.cell(*at)).copied());
            for cell in &cells {
                cell.records(self.era, self.device(cell), &mut self.near);
            }
            if self.near.len() > bound {
                exposure::sort(&mut self.near);
                bound = MANY.max(2 * self.near.len());
            }
        }
        self.cells = cells;
        self.next = end;
        for same in self.near.chunk_by_mut(|left, right| left.network() == right.network()) {
            if same.len() > 1 {
                same.sort_unstable_by(Record::order);
            }
        }
    }
}

impl<C: Cell> Iterator for Ordered<'_, C> {
    type Item = Record;

    #[inline]
    fn next(&mut self) -> Option<Record> {
        if self.at == self.near.len() {
            self.fetch();
        }
        let record = self.near.get(self.at)?;
        self.at += 1;
        Some(*record)
    }
}
