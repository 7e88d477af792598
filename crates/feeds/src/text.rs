//! Bytes to text in the encodings that spreadsheets and operating systems write.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::sniff::{self, Content};
use crate::{FeedFault, Limits, cell};

/// The text of a table that may not be a workbook.
pub(crate) fn of_table<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Cow<'b, str>, FeedFault> {
    if bytes.len() as u64 > limits.bytes {
        return Err(FeedFault::Limit { what: "bytes", limit: limits.bytes });
    }
    if sniff::content(bytes)? == Content::Workbook {
        return Err(FeedFault::OtherKind {
            what: "a workbook or a zip archive",
            remedy: "export the table as CSV",
        });
    }
    let text = decode(bytes);
    if cell::is_blank(&text) {
        return Err(FeedFault::Empty);
    }
    Ok(text)
}

/// The text of a file: by its byte order mark, else UTF-16 where every other byte is zero, else
/// UTF-8 where it is valid, else Latin-1 (as Windows writes it).
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    let (encoding, mark) = encoding_of(bytes);
    let body = bytes.get(mark..).unwrap_or(bytes);
    encoding.decode_without_bom_handling(body).0
}

fn encoding_of(bytes: &[u8]) -> (&'static Encoding, usize) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return (encoding, mark);
    }
    let head = bytes.get(..1024).unwrap_or(bytes);
    let zeros = |parity: usize| {
        let zero = |(at, byte): &(usize, &u8)| at % 2 == parity && **byte == 0;
        head.iter().enumerate().filter(zero).count()
    };
    // ASCII text in UTF-16 has one zero byte in two.
    if head.len() >= 4 {
        let half = head.len() / 2;
        if zeros(1) * 10 > half * 9 && zeros(0) == 0 {
            return (UTF_16LE, 0);
        }
        if zeros(0) * 10 > half * 9 && zeros(1) == 0 {
            return (UTF_16BE, 0);
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => (UTF_8, 0),
        Err(_) => (WINDOWS_1252, 0),
    }
}
