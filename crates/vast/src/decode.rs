//! Bytes to text, with a map from every place of the text back to the bytes as they were given.

use std::borrow::Cow;

use adproof_model::Span;

use crate::generated::rules::Id;
#[cfg(feature = "encodings")]
use encoding_rs::{CoderResult, Encoding};

use crate::charset::{Charset, windows_1252};
use crate::text::Text as _;

/// A document as text.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) map: Map,
    pub(crate) encoding: Charset,
    /// What was wrong with the encoding, and the first place of the text that shows it.
    pub(crate) fault: Option<(Id, String, u32)>,
}

/// Text offsets to byte offsets.
#[derive(Debug)]
pub(crate) enum Map {
    /// The text is the input from this byte on.
    Shifted(u32),
    /// Runs of characters of one shape, sorted.
    Runs { runs: Vec<Run>, text_len: u32, input_len: u32 },
}

/// Characters that take `text_unit` bytes of text and `input_unit` bytes of input each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    text: u32,
    input: u32,
    text_unit: u8,
    input_unit: u8,
}

impl Map {
    /// The byte of the input at which the character at `offset` begins.
    pub(crate) fn to_input(&self, offset: u32) -> u32 {
        match self {
            Self::Shifted(shift) => offset.saturating_add(*shift),
            Self::Runs { text_len, input_len, .. } if offset >= *text_len => *input_len,
            Self::Runs { runs, .. } => {
                let after = runs.partition_point(|run| run.text <= offset);
                let Some(run) = after.checked_sub(1).and_then(|at| runs.get(at)) else {
                    return 0;
                };
                let chars = (offset - run.text) / u32::from(run.text_unit.max(1));
                run.input.saturating_add(chars.saturating_mul(u32::from(run.input_unit)))
            }
        }
    }

    pub(crate) fn span(&self, start: u32, end: u32) -> Span {
        Span::new(self.to_input(start), self.to_input(end))
    }
}

/// Collects text and runs.
struct Builder {
    text: String,
    runs: Vec<Run>,
    input: u32,
    units: (u8, u8),
}

impl Builder {
    fn new(capacity: usize, input: u32) -> Self {
        Self { text: String::with_capacity(capacity), runs: Vec::new(), input, units: (0, 0) }
    }

    fn push(&mut self, c: char, input_len: usize) {
        let units = (narrow(c.len_utf8()), narrow(input_len));
        if units != self.units || self.runs.is_empty() {
            self.units = units;
            let (text_unit, input_unit) = units;
            self.runs.push(Run {
                text: offset(self.text.len()),
                input: self.input,
                text_unit,
                input_unit,
            });
        }
        self.text.push(c);
        self.input = self.input.saturating_add(u32::from(units.1));
    }

    fn finish(self, input_len: usize) -> (Cow<'static, str>, Map) {
        let text_len = offset(self.text.len());
        let map = Map::Runs { runs: self.runs, text_len, input_len: offset(input_len) };
        (Cow::Owned(self.text), map)
    }
}

fn narrow(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}

/// Documents are bounded far below 4 GiB before they come here.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Reads the encoding from the byte order mark, from the first bytes and from the declaration, in
/// this order, and decodes. Never fails: what cannot be decoded becomes U+FFFD and a fault.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<'_> {
    if let Some((encoding, mark)) = utf16(bytes) {
        return decode_utf16(bytes, encoding, mark);
    }
    let mut mark = 0;
    while bytes.get(mark..).is_some_and(|rest| rest.starts_with(b"\xef\xbb\xbf")) {
        mark += 3;
    }
    let body = bytes.get(mark..).unwrap_or_default();
    let label = declared(body);
    let charset = label.map_or(Some(Charset::Utf8), Charset::for_label);
    match charset {
        Some(_) if mark > 0 => decode_utf8(body, mark, None),
        Some(Charset::Utf8) => decode_utf8(body, mark, None),
        // A declaration that can be read as ASCII contradicts UTF-16.
        Some(charset @ (Charset::Utf16Le | Charset::Utf16Be)) => decode_utf8(
            body,
            mark,
            Some((
                Id::WrongEncoding,
                format!("the declaration says {}, but the bytes are not", charset.name()),
            )),
        ),
        Some(Charset::Windows1252) => {
            let (text, map) = single_byte(body, windows_1252, 0);
            Decoded { text, map, encoding: Charset::Windows1252, fault: None }
        }
        #[cfg(feature = "encodings")]
        Some(Charset::Other(encoding)) => decode_other(body, encoding),
        None => {
            let label = label.unwrap_or_default();
            decode_utf8(
                body,
                mark,
                Some((
                    Id::EncodingUnknown,
                    format!("the declaration names the encoding `{label}`, which nobody knows"),
                )),
            )
        }
    }
}

/// UTF-16 by its mark or by a `<` in the first two bytes.
fn utf16(bytes: &[u8]) -> Option<(Charset, usize)> {
    match bytes {
        [0xff, 0xfe, ..] => Some((Charset::Utf16Le, 2)),
        [0xfe, 0xff, ..] => Some((Charset::Utf16Be, 2)),
        [b'<', 0, ..] => Some((Charset::Utf16Le, 0)),
        [0, b'<', ..] => Some((Charset::Utf16Be, 0)),
        _ => None,
    }
}

/// Whether a document begins with the declaration that nearly all have, of which there is nothing
/// to say.
pub(crate) fn is_usual(bytes: &[u8]) -> bool {
    bytes.starts_with(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>")
}

/// The `encoding` of an XML declaration, read as ASCII.
pub(crate) fn declared(bytes: &[u8]) -> Option<&str> {
    if is_usual(bytes) {
        return Some("UTF-8");
    }
    let head = bytes.get(..bytes.len().min(256)).unwrap_or_default();
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let head = head.get(start..)?;
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let declaration = std::str::from_utf8(head.get(..end)?).ok()?;
    let (_, after) = declaration.cut_at("encoding")?;
    let value = after.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

fn decode_utf8(body: &[u8], mark: usize, fault: Option<(Id, String)>) -> Decoded<'_> {
    if let Ok(text) = std::str::from_utf8(body) {
        return Decoded {
            text: Cow::Borrowed(text),
            map: Map::Shifted(offset(mark)),
            encoding: Charset::Utf8,
            fault: fault.map(|(rule, text)| (rule, text, 0)),
        };
    }
    let valid = body.utf8_chunks().next().map_or(0, |chunk| chunk.valid().len());
    // Without a declaration such bytes are Latin-1 far more often than a damaged UTF-8.
    let damaged = body.utf8_chunks().skip(1).any(|chunk| !chunk.valid().is_ascii());
    let (text, map, encoding) = if damaged {
        let mut builder = Builder::new(body.len(), offset(mark));
        for chunk in body.utf8_chunks() {
            for c in chunk.valid().chars() {
                builder.push(c, c.len_utf8());
            }
            if !chunk.invalid().is_empty() {
                builder.push(char::REPLACEMENT_CHARACTER, chunk.invalid().len());
            }
        }
        let (text, map) = builder.finish(body.len().saturating_add(mark));
        (text, map, Charset::Utf8)
    } else {
        let (text, map) = single_byte(body, windows_1252, mark);
        (text, map, Charset::Windows1252)
    };
    let at = offset(valid);
    let (rule, fault) = fault.unwrap_or_else(|| {
        let byte = body.get(valid).copied().unwrap_or(0);
        (
            Id::WrongEncoding,
            format!("byte 0x{byte:02x} is not UTF-8, and no other encoding is declared"),
        )
    });
    Decoded { text, map, encoding, fault: Some((rule, fault, at)) }
}

fn single_byte(body: &[u8], of: fn(u8) -> char, mark: usize) -> (Cow<'static, str>, Map) {
    let mut builder = Builder::new(body.len(), offset(mark));
    for byte in body {
        builder.push(of(*byte), 1);
    }
    builder.finish(body.len().saturating_add(mark))
}

fn decode_utf16<'a>(bytes: &[u8], encoding: Charset, mark: usize) -> Decoded<'a> {
    let body = bytes.get(mark..).unwrap_or_default();
    let (pairs, rest) = body.as_chunks::<2>();
    let little = encoding == Charset::Utf16Le;
    let units = pairs
        .iter()
        .map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    let mut builder = Builder::new(body.len(), offset(mark));
    let mut fault = None;
    for unit in char::decode_utf16(units) {
        let c = unit.unwrap_or_else(|lone| {
            let at = offset(builder.text.len());
            fault.get_or_insert((
                Id::WrongEncoding,
                format!("0x{:04x} is half of a surrogate pair", lone.unpaired_surrogate()),
                at,
            ));
            char::REPLACEMENT_CHARACTER
        });
        builder.push(c, c.len_utf16() * 2);
    }
    if !rest.is_empty() {
        let at = offset(builder.text.len());
        fault.get_or_insert((
            Id::WrongEncoding,
            "the last UTF-16 unit is cut in half".to_owned(),
            at,
        ));
        builder.push(char::REPLACEMENT_CHARACTER, rest.len());
    }
    let (text, map) = builder.finish(bytes.len());
    Decoded { text, map, encoding, fault }
}

#[cfg(feature = "encodings")]
fn decode_other<'a>(body: &[u8], encoding: &'static Encoding) -> Decoded<'a> {
    let charset = Charset::Other(encoding);
    if encoding.is_single_byte() {
        let (decoded, _) = encoding.decode_without_bom_handling(body);
        let mut builder = Builder::new(decoded.len(), 0);
        for c in decoded.chars() {
            builder.push(c, 1);
        }
        let (text, map) = builder.finish(body.len());
        return Decoded { text, map, encoding: charset, fault: None };
    }
    // Byte by byte, so that each character knows the bytes it came from.
    let mut builder = Builder::new(body.len(), 0);
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let (mut pending, mut fault) = (0_usize, None);
    let mut buffer = [0_u8; 32];
    for (place, byte) in body.iter().enumerate() {
        let last = place + 1 == body.len();
        pending += 1;
        let mut input: &[u8] = std::slice::from_ref(byte);
        loop {
            let (result, read, written, replaced) =
                decoder.decode_to_utf8(input, &mut buffer, last);
            let text = buffer
                .get(..written)
                .and_then(|text| std::str::from_utf8(text).ok())
                .unwrap_or_default();
            if replaced {
                let at = offset(builder.text.len());
                fault.get_or_insert((
                    Id::WrongEncoding,
                    format!("the bytes are not {}, which the declaration names", encoding.name()),
                    at,
                ));
            }
            let mut left = text.chars().count();
            for c in text.chars() {
                left -= 1;
                let taken = pending.saturating_sub(left);
                builder.push(c, taken);
                pending -= taken;
            }
            input = input.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                break;
            }
        }
    }
    let (text, map) = builder.finish(body.len());
    Decoded { text, map, encoding: charset, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each character of the text maps to the bytes that encode it.
    fn check(bytes: &[u8], text: &str, spans: &[(u32, u32)]) {
        let decoded = decode(bytes);
        assert_eq!(decoded.text, text);
        let ends = text.char_indices().map(|(at, c)| (at, at + c.len_utf8()));
        let found: Vec<(u32, u32)> = ends
            .map(|(start, end)| {
                let span = decoded.map.span(offset(start), offset(end));
                (span.start, span.end)
            })
            .collect();
        assert_eq!(found, spans);
    }

    #[test]
    fn utf8_is_borrowed_and_its_mark_is_skipped() {
        check(b"\xef\xbb\xbf<\xc3\xa9", "<é", &[(3, 4), (4, 6)]);
        assert!(matches!(decode(b"<a/>").text, Cow::Borrowed(_)));
    }

    #[test]
    fn utf16_is_read_with_and_without_a_mark() {
        check(b"\xff\xfe<\0\xe9\0", "<é", &[(2, 4), (4, 6)]);
        check(b"\0<\xd8\x3d\xde\x00", "<😀", &[(0, 2), (2, 6)]);
        check(b"<\0\x3d\xd8a\0b", "<\u{fffd}a\u{fffd}", &[(0, 2), (2, 4), (4, 6), (6, 7)]);
        assert!(decode(b"<\0\x3d\xd8a\0").fault.is_some());
    }

    #[test]
    fn latin1_is_read_declared_or_not() {
        let declared = b"<?xml version='1.0' encoding='ISO-8859-1'?>\xe9<";
        let decoded = decode(declared);
        assert!(decoded.text.ends_with("é<"));
        assert!(decoded.fault.is_none());
        let end = offset(decoded.text.len());
        assert_eq!(decoded.map.span(end - 1, end), Span::new(44, 45));
        let undeclared = decode(b"<a>\xe9</a>");
        assert_eq!(undeclared.text, "<a>é</a>");
        assert_eq!(undeclared.fault.unwrap().2, 3);
    }

    #[cfg(feature = "encodings")]
    #[test]
    fn multi_byte_encodings_map_back() {
        let bytes = b"<?xml version='1.0' encoding='Shift_JIS'?>\x83\x41<";
        let decoded = decode(bytes);
        assert!(decoded.text.ends_with("ア<"));
        let end = offset(decoded.text.len());
        assert_eq!(decoded.map.span(end - 4, end - 1), Span::new(42, 44));
        assert_eq!(decoded.map.span(end - 1, end), Span::new(44, 45));
    }

    #[test]
    fn damaged_utf8_keeps_what_is_whole() {
        check(b"a\xff\xc3\xa9", "a\u{fffd}é", &[(0, 1), (1, 2), (2, 4)]);
    }
}
