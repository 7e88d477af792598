//! The checks. Each is a function here or a row of the structure table; what it means stands in
//! its file in `rules/vast/`.

mod root;
mod structure;
mod url;
pub(crate) mod xml;

use crate::document::{Document, Element, ElementId};
use crate::generated::structure::ty;
use crate::parse::excerpt;
use crate::sink::Sink;
use crate::structure::Content;

/// Judges one element.
pub(crate) fn element(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let info = element.ty.info();
    structure::check(doc, sink, id, element, info);
    match info.content {
        Content::Uri => url::check(doc, sink, id, element),
        Content::Elements | Content::Text | Content::Duration | Content::Open => {}
    }
    match element.ty {
        ty::VAST => root::vast(doc, sink, id, element),
        ty::AD => root::ad(doc, sink, id, element),
        _ => {}
    }
}

/// A value of the document, bounded, for a field of the report.
pub(crate) fn quoted(_doc: &Document<'_>, text: &str) -> Box<str> {
    excerpt(text, 60).into()
}

/// The name in a start tag: where a fault of an element as a whole is shown.
fn name_range(element: &Element) -> (u32, u32) {
    let start = element.start.saturating_add(1);
    (start, start.saturating_add(u32::from(element.name_len)))
}
