//! Where records of a table of text begin and end, and what their cells are (RFC 4180; a quote
//! that does not begin a field is a character like any other).

use std::borrow::Cow;

/// The length of the whole records at the start of `bytes`: what a reader may take while more
/// bytes may follow. `bytes` begins with a record.
pub(super) fn whole(bytes: &[u8], delimiter: u8) -> usize {
    let Some(last) = memchr::memrchr(b'\n', bytes) else {
        return 0;
    };
    if memchr::memchr(b'"', bytes).is_none() {
        return last + 1;
    }
    let mut end = 0;
    while let Some(len) = next(bytes.get(end..).unwrap_or(&[]), delimiter) {
        end += len;
    }
    end
}

/// The length of the first record with its newline; nothing when it has none.
pub(super) fn next(bytes: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let found = at + memchr::memchr2(b'\n', b'"', rest)?;
        if bytes.get(found) == Some(&b'\n') {
            return Some(found + 1);
        }
        let before = found.checked_sub(1).and_then(|before| bytes.get(before));
        at = match before {
            Some(before) if *before != delimiter => found + 1,
            _ => found + 1 + quoted(bytes.get(found + 1..)?)?,
        };
    }
}

/// The length of a quoted text with its closing quote.
fn quoted(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr::memchr(b'"', text.get(at..)?)?;
        if text.get(found + 1) != Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// The cells of a record, without its newline.
pub(super) fn cells(record: &[u8], delimiter: u8) -> Vec<Cow<'_, [u8]>> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let (cell, after) = cell(rest, delimiter);
        cells.push(cell);
        match after {
            Some(after) => rest = after,
            None => return cells,
        }
    }
}

/// The first cell, and what follows its delimiter.
fn cell(rest: &[u8], delimiter: u8) -> (Cow<'_, [u8]>, Option<&[u8]>) {
    let Some(text) = rest.strip_prefix(b"\"") else {
        return match memchr::memchr(delimiter, rest) {
            Some(end) => (Cow::Borrowed(rest.get(..end).unwrap_or(rest)), rest.get(end + 1..)),
            None => (Cow::Borrowed(rest), None),
        };
    };
    let (inside, after) = match quoted(text) {
        Some(len) => (text.get(..len - 1).unwrap_or(text), text.get(len..).unwrap_or(&[])),
        None => (text, &[][..]),
    };
    let mut value = if memchr::memchr(b'"', inside).is_some() {
        let mut value = Vec::with_capacity(inside.len());
        let mut bytes = inside.iter();
        while let Some(byte) = bytes.next() {
            value.push(*byte);
            if *byte == b'"' {
                bytes.next();
            }
        }
        Cow::Owned(value)
    } else {
        Cow::Borrowed(inside)
    };
    // Text after the closing quote belongs to the cell.
    let (more, after) = match memchr::memchr(delimiter, after) {
        Some(end) => (after.get(..end).unwrap_or(after), after.get(end + 1..)),
        None => (after, None),
    };
    if !more.is_empty() {
        value.to_mut().extend_from_slice(more);
    }
    (value, after)
}
