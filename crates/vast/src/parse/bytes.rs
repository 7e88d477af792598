//! Bytes of markup: what they are and where the next one of interest is.

/// May stand in a name.
const NAME: u8 = 1;
/// May begin a name.
const START: u8 = 2;
/// Space of XML.
const SPACE: u8 = 4;
/// Asks for a closer look in the value of an attribute.
const MARKED: u8 = 8;

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
            b'&' | b'<' => MARKED,
            _ => 0,
        };
        table[byte] = class;
        byte += 1;
    }
    table
};

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

pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    // Mostly a line end and an indentation.
    if matches!(bytes.get(at), Some(b'\r' | b'\n')) {
        at += 1;
        while bytes.get(at..at + 8) == Some(b"        ") {
            at += 8;
        }
    }
    while is(bytes, at, SPACE) {
        at += 1;
    }
    at
}

pub(super) fn skip_name(bytes: &[u8], mut at: usize) -> usize {
    while is(bytes, at, NAME) {
        at += 1;
    }
    at
}

/// The next place of a byte, from a place on.
pub(super) fn find(bytes: &[u8], byte: u8, from: usize) -> Option<usize> {
    memchr::memchr(byte, bytes.get(from..)?).map(|at| from + at)
}

/// Where a value ends that stands in these quotes, and whether it holds `&` or `<`.
pub(super) fn value_end(bytes: &[u8], quote: u8, from: usize) -> Option<(usize, bool)> {
    let mut marks = 0;
    for (at, byte) in bytes.get(from..)?.iter().enumerate() {
        if *byte == quote {
            return Some((from + at, marks & MARKED != 0));
        }
        marks |= class(*byte);
    }
    None
}

/// Where a section ends that three bytes close: two before `>`. What is searched is `>`, which is
/// rare in what such sections hold.
pub(super) fn section_end(bytes: &[u8], twice: u8, from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let ends = |at: &usize| *at >= 2 && rest.get(*at - 2..*at).is_some_and(|two| two == [twice; 2]);
    memchr::memchr_iter(b'>', rest).find(ends).map(|at| from + at + 1)
}
