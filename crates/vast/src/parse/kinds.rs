//! What was served instead of XML, told from its first characters.

use crate::generated::rules::Id;

/// A rule, what is there, and how many bytes show it.
pub(super) type Kind = (Id, &'static str, usize);

/// Compressed or binary content, told from the bytes before any encoding is guessed.
pub(super) fn binary(bytes: &[u8]) -> Option<Kind> {
    let packed: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"BZh", "bzip2"),
    ];
    if let Some((magic, _)) = packed.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some((
            Id::CompressedInsteadOfVast,
            "the document is compressed; the server must say so in Content-Encoding, or send it plain",
            magic.len(),
        ));
    }
    let media: [&[u8]; 8] = [
        b"GIF8",
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"ID3",
        b"FLV\x01",
        b"\x1a\x45\xdf\xa3",
        b"RIFF",
        b"OggS",
    ];
    let magic = media.iter().find(|magic| bytes.starts_with(magic)).map(|magic| magic.len());
    let boxed = bytes.get(4..8).filter(|name| *name == b"ftyp").map(|_| 8);
    magic.or(boxed).map(|len| {
        (Id::MediaInsteadOfVast, "the document is an image, a sound or a video, not a tag", len)
    })
}

/// Text of another kind; `body` begins with what is no space.
pub(super) fn text(body: &str) -> Option<Kind> {
    let starts = |list: &[&str]| list.iter().any(|start| body.starts_with(start));
    let whole = body.trim_ascii_end();
    if matches!(
        whole,
        "null" | "undefined" | "false" | "true" | "NaN" | "0" | "1" | "{}" | "[]" | "\"\"" | "OK"
    ) {
        let what = "a program wrote an empty value instead of a document";
        return Some((Id::NullInsteadOfVast, what, whole.len()));
    }
    if starts(&["%3C", "%3c"]) {
        let what = "the document is percent-encoded: `%3C` stands where `<` should";
        return Some((Id::PercentEncoded, what, 3));
    }
    // `<VAST`, `<?xml`, `<vmap` and `<VMAP`.
    if starts(&["PFZBU1Q", "PD94bW", "PHZtYXA", "PFZNQV"]) {
        return Some((Id::Base64Encoded, "the document is Base64 of XML", 6));
    }
    if starts(&["HTTP/1", "HTTP/2", "Content-Type:", "content-type:"]) {
        return Some((Id::HttpHeadInBody, "the body begins with the head of an HTTP response", 4));
    }
    if starts(&["#EXTM3U"]) {
        return Some((Id::PlaylistInsteadOfVast, "the document is an HLS playlist", 7));
    }
    if starts(&["http://", "https://", "//"]) && !whole.contains(|c: char| c.is_ascii_whitespace())
    {
        return Some((Id::UrlInsteadOfVast, "the document is a URL, not what it leads to", 2));
    }
    let script = [
        "var ",
        "let ",
        "const ",
        "function",
        "(function",
        "!function",
        "(()",
        "document.",
        "window.",
        "try{",
        "try {",
        "/*",
        "//",
        "\"use strict\"",
        "'use strict'",
        "callback(",
    ];
    if starts(&script) {
        return Some((Id::JavascriptInsteadOfVast, "the document is JavaScript", 1));
    }
    if starts(&["{", "["]) {
        return Some((Id::JsonInsteadOfVast, "the document is JSON without a tag inside", 1));
    }
    None
}
