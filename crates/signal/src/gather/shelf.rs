//! One part of the table: cells, and slots by which they are found.

use prefetch_index::prefetch_index;

use super::PART_BITS;
use super::cell::Cell;

/// Cells in pieces of one size, so that growing neither moves nor copies them.
const PIECE: usize = 1 << 10;

/// Rows that are looked up together, so that the processor waits for memory once and not for
/// each.
const BATCH: usize = 128;
/// Slots that are looked at before a row becomes a record of its own.
const PROBES: usize = 48;
/// Bits of a slot that are a position; those above tell keys apart without looking at them.
const POSITION_BITS: u32 = 26;
const POSITIONS: u32 = (1 << POSITION_BITS) - 1;

#[derive(Debug)]
pub(super) struct Shelf<C> {
    /// Records in the order in which they came.
    pieces: Vec<Vec<C>>,
    len: usize,
    /// A position among the cells plus one, under a few bits of the hash; 0 is free.
    slots: Vec<u32>,
    /// How far a hash is shifted to be a slot.
    shift: u32,
}

impl<C> Default for Shelf<C> {
    fn default() -> Self {
        Self { pieces: Vec::new(), len: 0, slots: Vec::new(), shift: 0 }
    }
}

impl<C: Cell> Shelf<C> {
    /// Bytes of memory in use, and what sorting will need.
    pub(super) fn bytes(&self) -> usize {
        self.len * (size_of::<C>() + size_of::<(u64, u64)>()) + self.slots.len() * size_of::<u32>()
    }

    /// The cells, in pieces of which any may be short.
    pub(super) fn into_pieces(self) -> Vec<Vec<C>> {
        self.pieces
    }

    /// Adds rows; leaves none.
    pub(super) fn settle(&mut self, waiting: &mut Vec<C>) {
        for rows in waiting.chunks(BATCH) {
            while self.slots.len() * 4 < (self.len + rows.len()) * 5 {
                self.grow();
            }
            // What is looked at is asked for a pass before, so that nothing waits: first the
            // slots, then the cells that they name.
            let mut hashes = [0_u64; BATCH];
            for (hash, cell) in hashes.iter_mut().zip(rows) {
                *hash = cell.hash();
                prefetch_index(&self.slots, self.slot(*hash));
            }
            let mut found = [0_u32; BATCH];
            for (found, hash) in found.iter_mut().zip(&hashes).take(rows.len()) {
                *found = self.candidate(*hash);
                if let Some((piece, at)) = self.place_of(*found) {
                    prefetch_index(piece, at);
                }
            }
            for ((cell, hash), found) in rows.iter().zip(hashes).zip(found) {
                if let Some(found) = self.cell_mut(found)
                    && found.is_same(cell)
                    && found.absorb(cell).is_some()
                {
                    continue;
                }
                self.place(cell, hash);
            }
        }
        waiting.clear();
    }

    /// The piece of the cell of a number, which is its position plus one, and its place there.
    #[inline]
    fn place_of(&self, number: u32) -> Option<(&[C], usize)> {
        let at = usize::try_from(number.wrapping_sub(1)).ok()?;
        Some((self.pieces.get(at / PIECE)?, at % PIECE))
    }

    #[inline]
    fn cell_mut(&mut self, number: u32) -> Option<&mut C> {
        let at = usize::try_from(number.wrapping_sub(1)).ok()?;
        self.pieces.get_mut(at / PIECE)?.get_mut(at % PIECE)
    }

    /// The slot that a hash begins at, by bits that did not choose the part.
    #[inline]
    fn slot(&self, hash: u64) -> usize {
        usize::try_from(hash << PART_BITS >> self.shift).unwrap_or(0)
    }

    /// The bits of a hash that a slot holds, which are none of those that choose the slot.
    #[inline]
    fn tag(hash: u64) -> u32 {
        u32::try_from(hash & 0xffff_ffff).unwrap_or(0) & !POSITIONS
    }

    /// The number of the cell that most likely has the key of a hash; 0 where there is none.
    #[inline]
    fn candidate(&self, hash: u64) -> u32 {
        let (start, tag) = (self.slot(hash), Self::tag(hash));
        let mask = self.slots.len().wrapping_sub(1);
        for probe in 0..PROBES {
            let slot = self.slots.get((start + probe) & mask).copied().unwrap_or(0);
            if slot == 0 {
                return 0;
            }
            if slot & !POSITIONS == tag {
                return slot & POSITIONS;
            }
        }
        0
    }

    #[inline]
    fn place(&mut self, cell: &C, hash: u64) {
        let (start, tag) = (self.slot(hash), Self::tag(hash));
        let mask = self.slots.len().wrapping_sub(1);
        // Beyond the positions that a slot can hold, records stay out of the table, which sorting
        // makes up for.
        let number = u32::try_from(self.len + 1).unwrap_or(u32::MAX);
        let number = Some(number).filter(|number| *number <= POSITIONS);
        for probe in 0..PROBES {
            let Some(slot) = self.slots.get_mut((start + probe) & mask) else { break };
            if *slot == 0 {
                *slot = number.map_or(0, |number| tag | number);
                break;
            }
            if *slot & !POSITIONS == tag {
                let at = usize::try_from(*slot & POSITIONS).unwrap_or(0).wrapping_sub(1);
                let piece = self.pieces.get_mut(at / PIECE);
                if let Some(found) = piece.and_then(|piece| piece.get_mut(at % PIECE))
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
        self.push(*cell);
    }

    fn push(&mut self, cell: C) {
        self.len += 1;
        match self.pieces.last_mut() {
            Some(last) if last.len() < PIECE => last.push(cell),
            Some(_) => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(cell);
                self.pieces.push(piece);
            }
            None => self.pieces.push(vec![cell]),
        }
    }

    /// Doubles the slots.
    #[cold]
    fn grow(&mut self) {
        let len = (self.slots.len() * 2).max(1 << 8);
        self.slots.clear();
        self.slots.resize(len, 0);
        self.shift = 64_u32.saturating_sub(len.trailing_zeros());
        let mask = len - 1;
        for (cell, number) in self.pieces.iter().flatten().zip(1..=POSITIONS) {
            let hash = cell.hash();
            let start = usize::try_from(hash << PART_BITS >> self.shift).unwrap_or(0);
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
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Era, Narrow};
    use super::super::{Device, Row};
    use super::*;
    use crate::exposure::Record;

    /// A cell that somebody chose to collide with all others.
    #[derive(Clone, Copy)]
    struct Hostile(Narrow);

    impl Cell for Hostile {
        fn hash(&self) -> u64 {
            7
        }

        fn is_same(&self, other: &Self) -> bool {
            self.0.is_same(&other.0)
        }

        fn absorb(&mut self, other: &Self) -> Option<()> {
            self.0.absorb(&other.0)
        }

        fn network(&self) -> u64 {
            self.0.network()
        }

        fn place(&self) -> (u64, u32) {
            self.0.place()
        }

        fn device(&self) -> Device {
            self.0.device()
        }

        fn records(&self, era: Era, device: u128, out: &mut Vec<Record>) {
            self.0.records(era, device, out);
        }
    }

    #[test]
    fn rows_that_collide_become_records_of_their_own_and_none_is_lost() {
        let era = Era::around(20_454);
        let row = |at: u64| Row {
            address: u128::from(at % 3_000) << 64,
            device: Device::of(b"d"),
            day: 20_454,
            asn: 1,
            impressions: 1,
            flagged: false,
            revenue_micros: 0,
        };
        let mut rows: Vec<Hostile> =
            (0..9_000).filter_map(|at| Narrow::of(&row(at), era)).map(Hostile).collect();
        let mut shelf = Shelf::default();
        shelf.settle(&mut rows);
        assert!(rows.is_empty());
        let mut records = Vec::new();
        let pieces = shelf.into_pieces();
        let cells = pieces.iter().flatten();
        cells.clone().for_each(|cell| cell.records(era, 1, &mut records));
        // Only those that the probes reach are found again.
        assert_eq!(cells.count(), 9_000 - 2 * PROBES);
        crate::exposure::sort(&mut records);
        assert_eq!(records.len(), 3_000);
        assert!(records.iter().all(|record| record.impressions == 3));
    }
}
