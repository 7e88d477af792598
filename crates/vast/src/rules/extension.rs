//! Extensions of vendors: what other people's parsers make of them.

use crate::document::{Document, Element, ElementId, FOREIGN, NONE, PartKind};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::name_range;
use crate::sink::Sink;
use crate::structure::NameId;

/// `Extension` and `CreativeExtension` without a standard of their own.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let own = element.ty.info().element_name();
    if doc.attr(element, name::TYPE).is_none() {
        sink.report_on(
            Id::ExtensionWithoutType,
            id,
            format_args!("<{own}> has no `type` by which its reader would know it"),
        );
    }
    if element.first_child.some().is_none() && doc.content_range(id).is_none() {
        // A vendor may put all into attributes.
        if element.attr_count > 1 {
            return;
        }
        sink.report_on(Id::ExtensionEmpty, id, format_args!("<{own}> has nothing in it"));
        return;
    }
    leaf(doc, sink, id, element);
    for child in doc.children(id) {
        let Some(found) = doc.element(child) else {
            continue;
        };
        leaf(doc, sink, child, found);
        if found.name == NameId::UNKNOWN || found.has(FOREIGN) {
            continue;
        }
        let bit = sink.version().bit();
        let homes = if element.ty == ty::EXTENSION {
            &[ty::IN_LINE, ty::WRAPPER] as &[_]
        } else {
            &[ty::CREATIVE, ty::LINEAR]
        };
        let home = homes.iter().find(|home| {
            let row = home
                .child(found.name)
                .and_then(|(row, _)| home.info().children.get(usize::from(row)));
            row.is_some_and(|row| row.versions & bit != 0)
        });
        if let Some(home) = home {
            let (name, home) = (found.name.as_str(), home.info().element_name());
            sink.report(
                Id::ExtensionWithStandardElement,
                child,
                name_range(found),
                format_args!("<{name}> has its place in <{home}>; in <{own}> players pass it over"),
            );
        }
    }
}

/// Text with escaped marks, outside of CDATA.
fn leaf(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.first_part == NONE || element.first_child.some().is_some() {
        return;
    }
    let escaped = doc.parts(id).any(|part| part.kind == PartKind::Escaped);
    if let Some(range) = doc.content_range(id).filter(|_| escaped) {
        sink.report_mend(
            Id::ExtensionTextNotCdata,
            id,
            range,
            format_args!("the text has escaped characters and stands outside of CDATA"),
            Mend::Cdata,
        );
    }
}

/// `Extensions` and `CreativeExtensions` with nothing in them.
pub(crate) fn list(_: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.first_child.some().is_none() {
        let own = element.ty.info().element_name();
        sink.report_mend(
            Id::ExtensionsEmpty,
            id,
            name_range(element),
            format_args!("<{own}> has nothing in it"),
            Mend::Removed,
        );
    }
}

/// An element that holds elements only: text in it is read by nobody.
pub(crate) fn text(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    // Text in place of a response is judged with VMAP.
    if element.first_part == NONE || element.ty == ty::VASTAD_DATA {
        return;
    }
    if let Some(range) = doc.content_range(id) {
        let text = doc.content(id);
        let (own, quoted) = (element.ty.info().element_name(), sink.quote(&text));
        sink.report(
            Id::TextUnexpected,
            id,
            range,
            format_args!("<{own}> holds elements; the text `{quoted}` is read by nobody"),
        );
    }
}
