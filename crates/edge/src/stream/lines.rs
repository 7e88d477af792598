//! Whole lines out of chunks, within a bound of memory.

/// Cuts bytes into whole lines. Of a line that is too long it keeps one byte more than the bound,
/// so that whoever reads the line sees that it is too long, and lets go of the rest.
#[derive(Debug)]
pub(super) struct LineCutter {
    line_bytes: usize,
    tail: Vec<u8>,
    /// Bytes of the unfinished line that were let go of.
    dropped: u64,
}

impl LineCutter {
    pub(super) const fn new(line_bytes: usize) -> Self {
        Self { line_bytes, tail: Vec::new(), dropped: 0 }
    }

    /// Takes a chunk and gives the lines that it completes.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Option<Vec<u8>> {
        let Some(end) = memchr::memrchr(b'\n', chunk) else {
            self.hold(chunk);
            return None;
        };
        let (whole, rest) = chunk.split_at(end + 1);
        let mut lines = std::mem::take(&mut self.tail);
        self.dropped = 0;
        if lines.len() > self.line_bytes {
            // The rest of that line is let go of as well.
            let next = memchr::memchr(b'\n', whole).unwrap_or(end);
            lines.extend_from_slice(whole.get(next..).unwrap_or_default());
        } else {
            lines.extend_from_slice(whole);
        }
        self.hold(rest);
        Some(lines)
    }

    /// What is left at the end: a line without its newline.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        self.dropped = 0;
        Some(std::mem::take(&mut self.tail)).filter(|line| !line.is_empty())
    }

    /// Bytes that were taken and are in no line that was given.
    pub(super) fn held(&self) -> u64 {
        count(self.tail.len()).saturating_add(self.dropped)
    }

    fn hold(&mut self, part: &[u8]) {
        let room = self.line_bytes.saturating_add(1).saturating_sub(self.tail.len());
        let (kept, beyond) = part.split_at(room.min(part.len()));
        self.tail.extend_from_slice(kept);
        self.dropped = self.dropped.saturating_add(count(beyond.len()));
    }
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8], chunk: usize, line_bytes: usize) -> Vec<String> {
        let mut cutter = LineCutter::new(line_bytes);
        let mut lines = Vec::new();
        let mut taken = 0;
        for part in text.chunks(chunk) {
            taken += count(part.len());
            let given = cutter.push(part);
            // Where a reader would go on: always behind a newline.
            let at = usize::try_from(taken - cutter.held()).unwrap();
            assert!(at == 0 || text.get(at - 1) == Some(&b'\n'), "{at}");
            lines.extend(given);
        }
        lines.extend(cutter.finish());
        let all = lines.concat();
        all.split(|b| *b == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn lines_come_out_whole_wherever_the_chunks_are_cut() {
        let text = b"one\n\ntwo is longer\nthree";
        for chunk in 1..=text.len() {
            assert_eq!(cut(text, chunk, 100), ["one", "", "two is longer", "three"], "{chunk}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_seen_to_be_and_not_held() {
        let text = b"ab\n0123456789\ncd\n0123456789";
        for chunk in 1..=text.len() {
            let lines = cut(text, chunk, 4);
            assert_eq!((lines.len(), &*lines[0], &*lines[2]), (4, "ab", "cd"), "{chunk}");
            assert!(lines[1].len() > 4 && lines[3].len() > 4, "{chunk}: {lines:?}");
        }
        let mut cutter = LineCutter::new(4);
        assert_eq!(cutter.push(&[b'x'; 1_000]), None);
        assert_eq!((cutter.tail.len(), cutter.held()), (5, 1_000));
    }
}
