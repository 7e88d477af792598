//! URLs: whether they lead somewhere, and whether they may.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::rules::name_range;
use crate::sink::Sink;

/// An element whose content is a URL.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let content = doc.content(id);
    if content.is_empty() {
        if !element.has(UNCLOSED) {
            let name = element.ty.info().element_name();
            sink.report(
                Id::UrlEmpty,
                id,
                name_range(element),
                format_args!("<{name}> holds no URL"),
            );
        }
    }
}
