//! What a file is, by its content. Its name is never asked.

use crate::FeedFault;

/// The kinds of content that readers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Workbook,
    Text,
}

/// Tells workbooks from text, and refuses by name what is neither.
pub(crate) fn content(bytes: &[u8]) -> Result<Content, FeedFault> {
    const OTHERS: [(&[u8], &str, &str); 9] = [
        (
            b"%PDF",
            "a PDF",
            "ask its sender for the feed as .xlsx or CSV; renaming a PDF does not help",
        ),
        (b"\x1f\x8b", "a gzip archive", "unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
        (b"Rar!", "a RAR archive", "unpack it first"),
        (
            b"PAR1",
            "a Parquet file",
            "read it with a build that has the feature `engine`, or export CSV",
        ),
        (b"\x89PNG", "a picture", "ask its sender for the feed as .xlsx or CSV"),
        (b"\xff\xd8\xff", "a picture", "ask its sender for the feed as .xlsx or CSV"),
        (b"{\\rtf", "a text document (RTF)", "ask its sender for the feed as .xlsx or CSV"),
    ];
    if bytes.is_empty() {
        return Err(FeedFault::Empty);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Content::Workbook);
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Err(compound_file(bytes));
    }
    for (magic, what, remedy) in OTHERS {
        if bytes.starts_with(magic) {
            return Err(FeedFault::OtherKind { what, remedy });
        }
    }
    let head = bytes.get(..512).unwrap_or(bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = head.trim_ascii_start().to_ascii_lowercase();
    if start.starts_with(b"<!doctype html") || start.starts_with(b"<html") {
        return Err(FeedFault::OtherKind {
            what: "a web page",
            remedy: "download the feed itself; a page that asks to log in is often saved in its place",
        });
    }
    if start.starts_with(b"<?xml") || start.starts_with(b"<vast") {
        return Err(FeedFault::OtherKind {
            what: "XML",
            remedy: "ad tags are checked with `adproof lint`; feeds are .xlsx, CSV, JSON or plain lists",
        });
    }
    Ok(Content::Text)
}

/// A compound file is an encrypted workbook or one of before 2007; its directory names the
/// streams in UTF-16.
fn compound_file(bytes: &[u8]) -> FeedFault {
    let name = |text: &str| -> Vec<u8> { text.bytes().flat_map(|b| [b, 0]).collect() };
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    if holds(&name("EncryptedPackage")) {
        FeedFault::OtherKind {
            what: "a workbook protected by a password",
            remedy: "open it with its password and save it without one, or export CSV",
        }
    } else {
        FeedFault::OtherKind {
            what: "a workbook of the format before 2007 (.xls)",
            remedy: "open it in the spreadsheet program and save it as .xlsx or CSV",
        }
    }
}
