//! Bytes to lines and columns as editors count them.

/// Lines and columns of a document. Asked in the order of the places it looks at each byte once.
pub struct Lines<'a> {
    bytes: &'a [u8],
    unit: Unit,
    at: usize,
    line: u32,
    column: u32,
}

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
        let mut lines = Self { bytes, unit, at: 0, line: 1, column: 1 };
        lines.rewind();
        lines
    }

    /// Line and column of a byte, both from 1.
    pub fn place(&mut self, offset: u32) -> (u32, u32) {
        let offset = (offset as usize).min(self.bytes.len());
        if offset < self.at {
            self.rewind();
        }
        while self.at < offset {
            self.step();
        }
        (self.line, self.column)
    }

    fn rewind(&mut self) {
        // A byte order mark takes no column.
        self.at = match self.bytes {
            [0xef, 0xbb, 0xbf, ..] => 3,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => 2,
            _ => 0,
        };
        (self.line, self.column) = (1, 1);
    }

    fn step(&mut self) {
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or(0);
        let (len, unit, width) = match self.unit {
            Unit::Utf8 => {
                let first = byte(self.at);
                // Continuation bytes take no column; what needs four bytes takes two units.
                let width = match first {
                    0x80..=0xbf => 0,
                    0xf0..=0xff => 2,
                    _ => 1,
                };
                (1, u16::from(first), width)
            }
            Unit::Utf16Le => (2, u16::from_le_bytes([byte(self.at), byte(self.at + 1)]), 1),
            Unit::Utf16Be => (2, u16::from_be_bytes([byte(self.at), byte(self.at + 1)]), 1),
            Unit::Single => (1, u16::from(byte(self.at)), 1),
        };
        self.at += len;
        if unit == u16::from(b'\n') {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(width);
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
    fn a_byte_order_mark_takes_no_column() {
        assert_eq!(Lines::new(b"\xef\xbb\xbfab", "UTF-8").place(4), (1, 2));
        assert_eq!(Lines::new(b"\xff\xfea\0\n\0b\0", "UTF-16LE").place(6), (2, 1));
        assert_eq!(Lines::new(b"\xe9\xe8", "windows-1252").place(1), (1, 2));
    }
}
