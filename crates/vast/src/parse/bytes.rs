//! Bytes of markup: what they are and where the next one of interest is.

/// May stand in a name.
const NAME: u8 = 1;
/// May begin a name.
const START: u8 = 2;
/// Space of XML.
const SPACE: u8 = 4;

static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "below 256, and `try_from` is not const"
        )]
        let class = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b':' | 0x80.. => NAME | START,
            b'0'..=b'9' | b'.' | b'-' => NAME,
            b' ' | b'\t' | b'\r' | b'\n' => SPACE,
            _ => 0,
        };
        table[byte] = class;
        byte += 1;
    }
    table
};

#[inline]
fn class(byte: u8) -> u8 {
    // The table has a place for every byte.
    CLASS.get(usize::from(byte)).copied().unwrap_or(0)
}

fn is(bytes: &[u8], at: usize, wanted: u8) -> bool {
    bytes.get(at).is_some_and(|byte| class(*byte) & wanted != 0)
}

pub(super) fn is_space(bytes: &[u8], at: usize) -> bool {
    is(bytes, at, SPACE)
}

/// Whether a name can begin here. Characters beyond ASCII are let pass.
pub(super) fn begins_name(bytes: &[u8], at: usize) -> bool {
    is(bytes, at, START)
}

/// The lanes of a word.
const LANES: u64 = u64::from_le_bytes([1; 8]);

/// The next eight bytes as a word whose lowest lane is the first of them.
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// How many lanes stand below the lowest bit that is set.
const fn lanes_below(word: u64) -> usize {
    (word.trailing_zeros() / 8) as usize
}

pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    let Some(first) = bytes.get(at).filter(|byte| **byte <= b' ') else {
        return at;
    };
    // Mostly a line end and an indentation.
    if matches!(first, b'\r' | b'\n') {
        at += 1;
        while let Some(word) = word(bytes, at) {
            let other = word ^ (LANES * 0x20);
            at += lanes_below(other);
            if other != 0 {
                break;
            }
        }
    }
    while is(bytes, at, SPACE) {
        at += 1;
    }
    at
}

/// Whether a name goes on here.
pub(super) fn is_name(bytes: &[u8], at: usize) -> bool {
    is(bytes, at, NAME)
}

pub(super) fn skip_name(bytes: &[u8], mut at: usize) -> usize {
    // Mostly letters alone: at least `limit`, where no lane reaches its high bit before.
    let at_least = |word: u64, limit: u8| word + LANES * u64::from(0x80 - limit);
    while let Some(word) = word(bytes, at) {
        let lower = word & !(LANES << 7) | LANES << 5;
        let letters = at_least(lower, b'a') & !at_least(lower, b'z' + 1) & !word;
        let others = !letters & (LANES << 7);
        at += lanes_below(others);
        if others != 0 {
            break;
        }
    }
    while is(bytes, at, NAME) {
        at += 1;
    }
    at
}

/// The next place from a place on where text ends or has something that needs a closer look.
pub(super) fn find_mark(bytes: &[u8], from: usize) -> Option<usize> {
    memchr::memchr3(b'<', b'&', b'>', bytes.get(from..)?).map(|at| from + at)
}

/// The next place of a byte, from a place on.
pub(super) fn find(bytes: &[u8], byte: u8, from: usize) -> Option<usize> {
    memchr::memchr(byte, bytes.get(from..)?).map(|at| from + at)
}

/// Where a value ends that stands in these quotes, and whether it holds `&` or `<`.
pub(super) fn value_end(bytes: &[u8], quote: u8, from: usize) -> Option<(usize, bool)> {
    // The high bit of each lane that is this byte. Above such a lane others may be marked wrongly,
    // which changes neither where the first is nor whether there is one.
    let lanes = |word: u64, byte: u8| {
        let zero = word ^ (LANES * u64::from(byte));
        zero.wrapping_sub(LANES) & !zero & (LANES << 7)
    };
    let (mut marks, mut at) = (0, from);
    while let Some(word) = word(bytes, at) {
        let ends = lanes(word, quote);
        let marked = lanes(word, b'&') | lanes(word, b'<');
        if ends != 0 {
            let before = (ends & ends.wrapping_neg()) - 1;
            return Some((at + lanes_below(ends), (marks | marked & before) != 0));
        }
        marks |= marked;
        at += 8;
    }
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|byte| *byte == quote)?;
    let marked = rest.iter().take(end).any(|byte| matches!(byte, b'&' | b'<'));
    Some((at + end, marks != 0 || marked))
}

/// Where a section ends that three bytes close: two before `>`. What is searched is `>`, which is
/// rare in what such sections hold.
pub(super) fn section_end(bytes: &[u8], twice: u8, from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let ends = |at: &usize| *at >= 2 && rest.get(*at - 2..*at).is_some_and(|two| two == [twice; 2]);
    memchr::memchr_iter(b'>', rest).find(ends).map(|at| from + at + 1)
}
