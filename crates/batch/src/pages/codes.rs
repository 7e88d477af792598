//! Small numbers as Parquet packs them: runs of one number, and groups of eight in as few bits as
//! they need (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>).

/// Numbers that refer to a dictionary.
pub(super) struct Codes {
    /// The next run.
    at: usize,
    width: u32,
    run: Run,
}

enum Run {
    Same {
        code: u32,
        left: u64,
    },
    /// The place of the next one in bits from the start of the page.
    Packed {
        bit: usize,
        left: u64,
    },
}

impl Codes {
    /// Those of a page whose values begin here: their width in bits comes first.
    pub(super) fn new(page: &[u8], start: usize) -> Option<Self> {
        let width = u32::from(*page.get(start)?);
        let run = Run::Same { code: 0, left: 0 };
        (width <= 32).then_some(Self { at: start + 1, width, run })
    }

    #[inline]
    pub(super) fn next(&mut self, page: &[u8]) -> Option<u32> {
        loop {
            match &mut self.run {
                Run::Same { code, left } if *left > 0 => {
                    *left -= 1;
                    return Some(*code);
                }
                Run::Packed { bit, left } if *left > 0 => {
                    *left -= 1;
                    let word = word(page.get(*bit / 8..)?)? >> (*bit % 8);
                    *bit += usize::try_from(self.width).ok()?;
                    return u32::try_from(word & ((1 << self.width) - 1)).ok();
                }
                _ => self.open(page)?,
            }
        }
    }

    /// Opens the next run.
    fn open(&mut self, page: &[u8]) -> Option<()> {
        let header = varint(page, &mut self.at)?;
        if header & 1 == 0 {
            let bytes = usize::try_from(self.width.div_ceil(8)).ok()?;
            let code = page.get(self.at..)?.get(..bytes)?;
            let code = code.iter().rev().fold(0, |code, byte| code << 8 | u32::from(*byte));
            self.at += bytes;
            self.run = Run::Same { code, left: header >> 1 };
        } else {
            // The last group may be cut where its numbers end.
            let groups = usize::try_from(header >> 1).ok()?;
            let bytes = groups.checked_mul(usize::try_from(self.width).ok()?)?;
            let bit = self.at.checked_mul(8)?;
            self.at = self.at.checked_add(bytes)?;
            self.run = Run::Packed { bit, left: (header >> 1).checked_mul(8)? };
        }
        (header > 1).then_some(())
    }
}

/// Up to eight bytes, the first one lowest.
#[inline]
fn word(bytes: &[u8]) -> Option<u64> {
    match bytes.first_chunk() {
        Some(chunk) => Some(u64::from_le_bytes(*chunk)),
        None if bytes.is_empty() => None,
        None => Some(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))),
    }
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Where the values begin of a page whose levels come first, all of them 1: there is no null.
pub(super) fn after_ones(page: &[u8], count: u32) -> Option<usize> {
    let len = usize::try_from(u32::from_le_bytes(*page.first_chunk()?)).ok()?;
    let end = len.checked_add(4)?;
    let levels = page.get(..end)?;
    let mut codes = Codes { at: 4, width: 1, run: Run::Same { code: 0, left: 0 } };
    let mut left = u64::from(count);
    while left > 0 {
        codes.open(levels)?;
        let run = match &codes.run {
            Run::Same { code: 1, left } => *left,
            Run::Same { .. } => return None,
            Run::Packed { bit, left: all } => {
                let some = usize::try_from(left.min(*all) / 8).ok()?;
                let bytes = levels.get(bit / 8..)?;
                if bytes.get(..some)?.iter().any(|byte| *byte != 0xff) {
                    return None;
                }
                let rest = left.min(*all) % 8;
                let ones = (1_u16 << rest) - 1;
                if rest > 0 && u16::from(*bytes.get(some)?) & ones != ones {
                    return None;
                }
                *all
            }
        };
        left = left.saturating_sub(run);
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_groups_are_told_apart() {
        // Five times 300, then 0 to 7 in three bits as the format's own example has them.
        let page = [9, 10, 0x2c, 0x01];
        let mut codes = Codes::new(&page, 0).unwrap();
        let found: Vec<u32> = std::iter::from_fn(|| codes.next(&page)).collect();
        assert_eq!(found, [300; 5]);
        let page = [7, 3, 0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        let mut codes = Codes::new(&page, 1).unwrap();
        let found: Vec<u32> = std::iter::from_fn(|| codes.next(&page)).collect();
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn what_is_cut_or_empty_ends_it() {
        for page in [
            &[33_u8, 2, 1][..],
            &[8],
            &[8, 2],
            &[8, 0, 1],
            &[8, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
            &[8, 3],
        ] {
            let next = Codes::new(page, 0).and_then(|mut codes| codes.next(page));
            assert_eq!(next, None, "{page:?}");
        }
    }

    #[test]
    fn one_null_is_enough_to_give_up() {
        let page = |levels: &[u8]| {
            let mut page = u32::try_from(levels.len()).unwrap().to_le_bytes().to_vec();
            page.extend(levels);
            page
        };
        for (levels, count, end) in [
            (&[20, 1][..], 10, Some(6)),
            (&[20, 0], 10, None),
            (&[18, 1, 2, 1], 10, Some(8)),
            (&[18, 1, 2, 0], 10, None),
            (&[5, 0xff, 0b11], 10, Some(7)),
            (&[5, 0xff, 0b01], 10, None),
            (&[5, 0x7f, 0b11], 10, None),
            (&[18, 1], 10, None),
            (&[5, 0xff], 10, None),
            (&[], 0, Some(4)),
        ] {
            assert_eq!(after_ones(&page(levels), count), end, "{levels:?}");
        }
        assert_eq!(after_ones(&[9, 0, 0, 0, 1], 0), None);
        assert_eq!(after_ones(&[1], 0), None);
    }
}
