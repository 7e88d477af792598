//! What stands before the root and in its start tag: declaration, encoding, marks, schemas.

use std::borrow::Cow;

use crate::decode::{declared, is_usual};
use crate::document::{Document, Element, ElementId, NONE};
use crate::generated::rules::Id;
use crate::parse::excerpt;
use crate::rules::{mend, name_range};
use crate::sink::Sink;
use crate::structure::NameId;
use crate::text::Text as _;

const NO_ELEMENT: ElementId = ElementId(NONE);

/// Judges what stands before the root.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>) {
    if doc.text.is_empty() {
        return;
    }
    // Of a borrowed text without a mark and with the usual declaration there is nothing to say.
    let usual = matches!(doc.text, Cow::Borrowed(_))
        && doc.span(0, 0).start == 0
        && is_usual(doc.text.as_bytes());
    if !usual {
        encoding(doc, sink);
        if doc.text.starts_with("<?xml ") {
            declaration(doc, sink);
        }
    }
    if let Some(root) = doc.elements.first() {
        root_tag(doc, sink, root);
    }
}

/// A range of the first bytes.
fn first(len: usize) -> (u32, u32) {
    (0, u32::try_from(len).unwrap_or(0))
}

/// The declared encoding against the byte order mark and the characters.
fn encoding(doc: &Document<'_>, sink: &mut Sink<'_>) {
    let wide = doc.encoding().starts_with("UTF-16");
    let mark = doc.span(0, 0).start;
    if wide && mark == 0 {
        let message = format_args!("UTF-16 must begin with a byte order mark");
        sink.report(Id::Utf16WithoutMark, NO_ELEMENT, first(1), message);
    }
    if !wide && mark > 3 || doc.text.starts_with('\u{feff}') {
        let message = format_args!("the document begins with more than one byte order mark");
        sink.report(Id::ByteOrderMarkTwice, NO_ELEMENT, first(1), message);
    }
    if sink.hears(Id::EncodingNotUtf8) && doc.encoding() != "UTF-8" {
        let message = format_args!("the document is not UTF-8 but {}", doc.encoding());
        sink.report(Id::EncodingNotUtf8, NO_ELEMENT, first(1), message);
    }
    if doc
        .problems
        .iter()
        .any(|found| matches!(found.rule, Id::WrongEncoding | Id::EncodingUnknown))
    {
        return;
    }
    let Some(label) = declared(doc.text.as_bytes()) else {
        return;
    };
    let at = doc.text.place_of(label).and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
    let range = (at, at.saturating_add(u32::try_from(label.len()).unwrap_or(0)));
    let lower = label.to_ascii_lowercase();
    let quoted = excerpt(label, 40);
    let is = |list: &[&str]| list.contains(&lower.as_str());
    let names_wide = lower.starts_with("utf-16") || lower.starts_with("utf16") || lower == "ucs-2";
    let names_utf8 = is(&["utf-8", "utf8", "unicode-1-1-utf-8"]);
    if wide && !names_wide || mark > 0 && !wide && !names_utf8 {
        let found = if wide { "UTF-16" } else { "UTF-8" };
        let message = format_args!("the declaration says {quoted}, and the document is {found}");
        sink.report(Id::EncodingContradictsMark, NO_ELEMENT, range, message);
    }
    if is(&["us-ascii", "ascii", "ansi_x3.4-1968", "iso-ir-6"]) && !doc.text.is_ascii() {
        let message = format_args!("the declaration says ASCII, and there are other characters");
        sink.report(Id::EncodingAsciiExceeded, NO_ELEMENT, range, message);
    }
    let beyond = |c: char| c > '\u{ff}' || ('\u{80}'..='\u{9f}').contains(&c);
    if is(&["iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1"])
        && !doc.text.is_ascii()
        && doc.text.contains(beyond)
    {
        let message =
            format_args!("there are characters of windows-1252, which {quoted} does not have");
        sink.report(Id::EncodingLatin1Exceeded, NO_ELEMENT, range, message);
    }
}

/// `<?xml version="1.0" encoding="…" standalone="…"?>`.
fn declaration(doc: &Document<'_>, sink: &mut Sink<'_>) {
    let Some(end) = doc.text.place_of("?>") else {
        return;
    };
    let mut rest = doc.text.get(5..end).unwrap_or("");
    let mut last = None;
    let whole = first(end.saturating_add(2));
    let mut fault = None;
    while fault.is_none() {
        let body = rest.trim_ascii_start();
        if body.is_empty() {
            break;
        }
        let at = u32::try_from(end.saturating_sub(body.len())).unwrap_or(0);
        let Some((name, value, after)) = pseudo_attribute(body) else {
            fault = Some("it must be names and values in quotes");
            break;
        };
        let place = ["version", "encoding", "standalone"].iter().position(|known| *known == name);
        if place.is_none() || rest.len() == body.len() || place <= last {
            fault = Some("it has `version`, then `encoding`, then `standalone`, and nothing else");
        } else if last.is_none() && place != Some(0) {
            fault = Some("it must begin with `version`");
        } else if name == "standalone" && !matches!(value, "yes" | "no") {
            fault = Some("`standalone` must be `yes` or `no`");
        } else if name == "version" && value != "1.0" {
            let len = u32::try_from(body.len().saturating_sub(after.len())).unwrap_or(0);
            let value = sink.quote(value);
            let message = format_args!("the document says it is XML {value}; players read XML 1.0");
            let range = (at, at.saturating_add(len));
            sink.report(Id::XmlVersionUnknown, NO_ELEMENT, range, message);
        }
        last = place.or(last);
        rest = after;
    }
    if fault.is_none() && last.is_none() {
        fault = Some("it must begin with `version`");
    }
    if let Some(fault) = fault {
        let message = format_args!("the XML declaration is not well-formed: {fault}");
        sink.report(Id::XmlDeclarationInvalid, NO_ELEMENT, whole, message);
    }
}

/// Name, value and what follows.
fn pseudo_attribute(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.cut(b'=')?;
    let rest = rest.trim_ascii_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = rest.get(1..)?.split_once(quote)?;
    Some((name.trim_ascii_end(), value, after))
}

/// Prefix and schema locations of the root.
fn root_tag(doc: &Document<'_>, sink: &mut Sink<'_>, root: &Element) {
    let id = ElementId(0);
    if root.ty == crate::generated::structure::ty::VAST && doc.tag(id).has(b':') {
        let message = format_args!("the root has a prefix, and many players look for <VAST>");
        sink.report(Id::RootWithPrefix, id, name_range(root), message);
    }
    for attribute in doc.attributes_in(root).iter().filter(|a| a.name == NameId::UNKNOWN) {
        let (name, value) =
            (doc.attribute_name(attribute), doc.slice(attribute.value_start, attribute.value_end));
        let range = (attribute.value_start, attribute.value_end);
        let Some((prefix, local)) = name.cut(b':').filter(|(prefix, _)| *prefix != "xmlns") else {
            continue;
        };
        if local == "schemaLocation" && value.split_ascii_whitespace().count() % 2 == 1 {
            let message =
                format_args!("`{prefix}:schemaLocation` must be pairs of namespace and address");
            sink.report(Id::SchemaLocationPairs, id, range, message);
        }
        if local == "noNamespaceSchemaLocation" && has_default_namespace(doc, root) {
            let message =
                format_args!("the root has a namespace, so that this schema is never used");
            sink.report(Id::SchemaLocationUnused, id, range, message);
        }
    }
}

fn has_default_namespace(doc: &Document<'_>, root: &Element) -> bool {
    doc.attributes_in(root).iter().any(|attribute| {
        doc.attribute_name(attribute) == "xmlns" && attribute.value_start < attribute.value_end
    })
}

/// The fix of a declaration that only space stands before.
pub(crate) fn declaration_first(doc: &Document<'_>, start: u32) -> Option<crate::sink::TextFix> {
    let before = doc.slice(0, start);
    (!before.is_empty() && before.trimmed().is_empty())
        .then(|| mend::replace("Remove the space before it", (0, start), ""))?
}
