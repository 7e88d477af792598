//! Characters that are not what they seem, and URLs that were escaped once too often.

use crate::document::{Document, ElementId, NONE, PartKind};
use crate::generated::rules::Id;
use crate::sink::Sink;
use crate::structure::Content;

/// What a character does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Oddity {
    /// Cannot be seen.
    Invisible,
    /// Turns the direction of what follows.
    Direction,
    /// Stands for what could not be decoded.
    Replaced,
    /// May not stand in XML.
    Forbidden,
}

/// Judges the characters beyond ASCII; a document without any costs one fast pass.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>) {
    escaped_twice(doc, sink);
    if doc.ascii {
        return;
    }
    let bytes = doc.text.as_bytes();
    let undecoded = doc.problems.iter().any(|found| found.rule == Id::WrongEncoding);
    // The element of the last finding of each kind: one character is seldom alone.
    let mut said = [None; 4];
    for at in memchr::memchr2_iter(0xe2, 0xef, bytes) {
        let Some((oddity, len)) = bytes.get(at..).and_then(oddity) else {
            continue;
        };
        let Ok(start) = u32::try_from(at) else {
            return;
        };
        let element = enclosing(doc, start);
        let Some(last) = said.get_mut(oddity as usize) else {
            continue;
        };
        if *last == Some(element) {
            continue;
        }
        let end = start.saturating_add(len);
        let code = doc.slice(start, end).chars().next().map_or(0, u32::from);
        let (rule, what) = match oddity {
            Oddity::Invisible | Oddity::Replaced if !is_exact(doc, element, start) => continue,
            Oddity::Replaced if undecoded => continue,
            // What people read has a rule of its own.
            Oddity::Direction if is_text(doc, element, start) => continue,
            Oddity::Invisible => {
                (Id::InvisibleCharacter, "cannot be seen, and makes this another value")
            }
            Oddity::Direction => (
                Id::BidiCharacter,
                "turns the direction of the text, so that it reads as another one",
            ),
            Oddity::Replaced => (
                Id::ReplacementCharacter,
                "stands where a character was lost before this document was written",
            ),
            Oddity::Forbidden => (Id::ControlCharacter, "is not allowed in XML"),
        };
        *last = Some(element);
        sink.report(rule, element, (start, end), format_args!("U+{code:04X} {what}"));
    }
}

fn oddity(bytes: &[u8]) -> Option<(Oddity, u32)> {
    match bytes {
        [0xe2, 0x80, 0x8b..=0x8d, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => {
            Some((Oddity::Invisible, 3))
        }
        [0xe2, 0x80, 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] => {
            Some((Oddity::Direction, 3))
        }
        [0xef, 0xbf, 0xbd, ..] => Some((Oddity::Replaced, 3)),
        [0xef, 0xbf, 0xbe | 0xbf, ..] => Some((Oddity::Forbidden, 3)),
        _ => None,
    }
}

/// The innermost element around a place.
fn enclosing(doc: &Document<'_>, at: u32) -> ElementId {
    let before = doc.elements.partition_point(|element| element.start <= at);
    let last = before.checked_sub(1).and_then(|last| u32::try_from(last).ok());
    let mut id = ElementId(last.unwrap_or(NONE));
    while let Some(element) = doc.element(id) {
        if at < element.end {
            break;
        }
        id = element.parent;
    }
    id
}

/// Whether a place is in a value that programs compare: a URL or an attribute.
fn is_exact(doc: &Document<'_>, id: ElementId, at: u32) -> bool {
    doc.element(id).is_some_and(|element| {
        at < element.open_end
            || element.ty.info().content == Content::Uri
                && doc
                    .parts_from(element.first_part)
                    .any(|part| (part.start..part.end).contains(&at))
    })
}

/// Whether a place is in text that people read.
fn is_text(doc: &Document<'_>, id: ElementId, at: u32) -> bool {
    doc.element(id)
        .is_some_and(|element| at >= element.open_end && element.ty.info().content == Content::Text)
}

/// URLs whose references are references again when they are decoded. What is open may hold
/// another document, in which that is right; text has a rule of its own.
fn escaped_twice(doc: &Document<'_>, sink: &mut Sink<'_>) {
    for part in doc.parts.iter().filter(|part| part.kind == PartKind::Escaped) {
        let text = doc.slice(part.start, part.end);
        let twice: [&[u8]; 5] = [b"amp;", b"lt;", b"gt;", b"quot;", b"#"];
        let found = memchr::memchr_iter(b'&', text.as_bytes()).find(|at| {
            let rest = text.as_bytes().get(at + 1..).and_then(|rest| rest.strip_prefix(b"amp;"));
            rest.is_some_and(|rest| twice.iter().any(|name| rest.starts_with(name)))
        });
        let Some(at) = found.and_then(|at| u32::try_from(at).ok()) else {
            continue;
        };
        let start = part.start.saturating_add(at);
        let id = enclosing(doc, start);
        let content = doc.element(id).map_or(Content::Open, |element| element.ty.info().content);
        if content == Content::Uri {
            let message = format_args!("`&` is escaped twice; players see `&amp;` and not `&`");
            sink.report(Id::UrlEscapedTwice, id, (start, start.saturating_add(9)), message);
        }
    }
}
