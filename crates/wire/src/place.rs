//! Bytes to lines and columns as editors count them.

/// Lines and columns of a document. It looks at each byte once, and at a few of them again where
/// it is asked for a place before the last one.
pub struct Lines<'a> {
    bytes: &'a [u8],
    unit: Unit,
    at: usize,
    line: u32,
    column: u32,
    /// Places passed on the way, one in every [`STRIDE`] bytes.
    passed: Vec<(usize, u32, u32)>,
}

/// Bytes between two places that are remembered: tags are often one line, so that going back to
/// the beginning of the line would be going back to the beginning of the tag.
const STRIDE: usize = 4096;

/// How many bytes a code unit has, and which characters take two UTF-16 units.
#[derive(Clone, Copy)]
enum Unit {
    Utf8,
    Utf16Le,
    Utf16Be,
    Single,
}

impl<'a> Lines<'a> {
    /// For a document and the name of the encoding that it was read in.
    #[must_use]
    pub fn new(bytes: &'a [u8], encoding: &str) -> Self {
        let unit = match encoding {
            "UTF-8" => Unit::Utf8,
            "UTF-16LE" => Unit::Utf16Le,
            "UTF-16BE" => Unit::Utf16Be,
            _ => Unit::Single,
        };
        // A byte order mark takes no column.
        let at = match bytes {
            [0xef, 0xbb, 0xbf, ..] => 3,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => 2,
            _ => 0,
        };
        Self { bytes, unit, at, line: 1, column: 1, passed: vec![(at, 1, 1)] }
    }

    /// Line and column of a byte, both from 1.
    pub fn place(&mut self, offset: u32) -> (u32, u32) {
        let offset = (offset as usize).min(self.bytes.len());
        let next = self.passed.partition_point(|(at, ..)| *at <= offset);
        let before = next.checked_sub(1).and_then(|before| self.passed.get(before));
        let (at, line, column) = before.copied().unwrap_or((0, 1, 1));
        // The mark is nearer than where we stand, or we stand behind the place.
        if offset < self.at || at > self.at {
            (self.at, self.line, self.column) = (at, line, column);
        }
        while self.at < offset {
            let to = self.passed.last().map_or(offset, |(at, ..)| at.saturating_add(STRIDE));
            // Up to the next mark at once, where there is none yet.
            self.walk(if to > self.at { offset.min(to) } else { offset });
            if self.passed.last().is_none_or(|(at, ..)| self.at >= at + STRIDE) {
                self.passed.push((self.at, self.line, self.column));
            }
        }
        (self.line, self.column)
    }

    /// Goes on to an offset, or just beyond it where it lies within a code unit.
    fn walk(&mut self, to: usize) {
        let passed = self.bytes.get(self.at..to).unwrap_or_default();
        let bytes_are_units = match self.unit {
            Unit::Utf8 | Unit::Single => true,
            Unit::Utf16Le | Unit::Utf16Be => false,
        };
        if !bytes_are_units {
            while self.at < to {
                self.step();
            }
            return;
        }
        let mut last_line = passed;
        if let Some(before) = memchr::memrchr(b'\n', passed) {
            let ends = memchr::memchr_iter(b'\n', passed).count();
            self.line = self.line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
            self.column = 1;
            last_line = passed.get(before + 1..).unwrap_or_default();
        }
        let mut columns = last_line.len();
        if matches!(self.unit, Unit::Utf8) {
            // Sums over bytes, which the compiler makes wide. Continuation bytes take no column;
            // what needs four bytes takes two units.
            columns -= last_line.iter().filter(|byte| matches!(byte, 0x80..=0xbf)).count();
            columns += last_line.iter().filter(|byte| matches!(byte, 0xf0..=0xff)).count();
        }
        self.column = self.column.saturating_add(u32::try_from(columns).unwrap_or(u32::MAX));
        self.at = to;
    }

    /// One code unit of two bytes.
    fn step(&mut self) {
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let pair = [byte(self.at), byte(self.at + 1)];
        let unit = match self.unit {
            Unit::Utf16Le => u16::from_le_bytes(pair),
            _ => u16::from_be_bytes(pair),
        };
        self.at += 2;
        if unit == u16::from(b'\n') {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_utf16_units() {
        let mut lines = Lines::new("é😀x\ny".as_bytes(), "UTF-8");
        assert_eq!(lines.place(0), (1, 1));
        assert_eq!(lines.place(2), (1, 2));
        assert_eq!(lines.place(6), (1, 4));
        assert_eq!(lines.place(8), (2, 1));
        assert_eq!(lines.place(2), (1, 2));
        assert_eq!(lines.place(99), (2, 2));
    }

    #[test]
    fn going_back_gives_what_going_forward_gave() {
        let text = "é😀x\nabc\n".repeat(2000) + &"z😀".repeat(9000);
        let mut forward = Lines::new(text.as_bytes(), "UTF-8");
        let places: Vec<(u32, u32)> = (0..text.len())
            .step_by(97)
            .map(|at| forward.place(u32::try_from(at).unwrap()))
            .collect();
        for (back, at) in
            (0..text.len()).step_by(97).enumerate().collect::<Vec<_>>().into_iter().rev()
        {
            assert_eq!(forward.place(u32::try_from(at).unwrap()), places[back], "{at}");
        }
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        assert_eq!(Lines::new(b"\xef\xbb\xbfab", "UTF-8").place(4), (1, 2));
        assert_eq!(Lines::new(b"\xff\xfea\0\n\0b\0", "UTF-16LE").place(6), (2, 1));
        assert_eq!(Lines::new(b"\xe9\xe8", "windows-1252").place(1), (1, 2));
    }
}
