//! `AdParameters`: what a creative is started with must reach it as it was meant.

use crate::document::{Document, Element, ElementId, PartKind};
use crate::generated::rules::Id;
use crate::generated::structure::name;
use crate::rules::media::{value, value_range};
use crate::sink::Sink;
use crate::text::Text as _;

pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.first_child.some().is_some() {
        sink.report_on(
            Id::AdparametersWithElements,
            id,
            format_args!("<AdParameters> is text, but holds elements; it must be escaped or CDATA"),
        );
        return;
    }
    let encoded = doc.attr(element, name::XML_ENCODED);
    let says = encoded.is_some_and(|encoded| matches!(value(doc, Some(encoded)), "true" | "1"));
    let (mut any, mut bare, mut plain, mut escaped) = (false, false, true, None);
    for part in doc.parts_from(element.first_part) {
        let text = doc.slice(part.start, part.end).trimmed();
        if text.is_empty() {
            continue;
        }
        any = true;
        // References outside of CDATA are the encoding of XML itself.
        if part.kind == PartKind::Cdata {
            let bytes = text.as_bytes();
            let entity = memchr::memchr_iter(b'&', bytes).find(|at| begins_entity(text, *at));
            bare |= memchr::memchr2(b'<', b'&', bytes).is_some() && entity.is_none();
            plain &= entity.is_none();
            escaped = escaped.or_else(|| {
                let at = part.start.checked_add(u32::try_from(entity?).ok()?)?;
                Some((at, at.saturating_add(4)))
            });
        }
    }
    if let Some(encoded) = encoded.filter(|_| says && any && bare && escaped.is_none()) {
        sink.report(
            Id::AdparametersNotEncoded,
            id,
            value_range(encoded),
            format_args!("`xmlEncoded` is true, but the text in CDATA is not encoded"),
        );
    }
    if let Some(encoded) = encoded.filter(|_| says && any && plain && !bare) {
        sink.report(
            Id::AdparametersEncodedNeedlessly,
            id,
            (encoded.name_start, encoded.value_end),
            format_args!("`xmlEncoded` is true, and nothing in the text needs it"),
        );
    }
    // `&amp;` alone stands in the URLs of a page, too.
    let only_ampersands = |(at, end): (u32, u32)| doc.slice(at, end.saturating_add(1)) == "&amp;";
    if let Some(range) = escaped.filter(|range| !says && !only_ampersands(*range)) {
        let range = doc.content_range(id).unwrap_or(range);
        sink.report(
            Id::AdparametersEncodedUnsaid,
            id,
            range,
            format_args!("the text in CDATA is encoded, and `xmlEncoded` does not say so"),
        );
    }
}

/// Whether one of the references that encoders write for XML begins here.
fn begins_entity(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or("");
    ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#34;", "&#39;", "&#x22;"]
        .iter()
        .any(|reference| rest.starts_with(reference))
}
