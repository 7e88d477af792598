//! The order of children, which the schemas fix and players do not.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::rules::name_range;
use crate::sink::{Sink, TextFix};
use crate::sort::sorted_by;
use crate::structure::Type;

/// Says once of a parent that its children stand in another order than its schema has.
pub(crate) fn check(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    info: &Type,
) {
    let ranks = info.order.get(sink.version().column()).copied().unwrap_or_default();
    if ranks.is_empty() || !sink.hears(Id::ElementOrder) {
        return;
    }
    let mut last = 0;
    for child in doc.children(id) {
        let Some(found) = doc.element(child) else {
            continue;
        };
        let rank = ranks.get(usize::from(found.row)).copied().unwrap_or(0);
        if rank != 0 && rank < last {
            let (parent, name) = (info.element_name(), sink.quote(doc.name(child)));
            sink.report_fix(
                Id::ElementOrder,
                child,
                name_range(found),
                format_args!("the schema wants <{name}> earlier in <{parent}>"),
                |doc| sorted(doc, id, element, ranks),
            );
            return;
        }
        last = last.max(rank);
    }
}

/// Puts the children in order, each with the space and the comments before it.
fn sorted(doc: &Document<'_>, id: ElementId, element: &Element, ranks: &[u8]) -> Option<TextFix> {
    // Text between children belongs to none of them.
    if element.has(UNCLOSED) || doc.content_range(id).is_some() {
        return None;
    }
    let mut slots = Vec::new();
    let (mut at, mut last) = (element.open_end, 0);
    for child in doc.children(id) {
        let found = doc.element(child)?;
        if found.has(UNCLOSED) {
            return None;
        }
        // What the schema does not know stays behind what it follows.
        let rank = ranks.get(usize::from(found.row)).copied().filter(|rank| *rank != 0);
        last = rank.unwrap_or(last);
        slots.push((last, at, found.end));
        at = found.end;
    }
    let wanted = sorted_by(&slots, |a, b| a.0.cmp(&b.0));
    let moved = slots.iter().zip(&wanted).filter(|(slot, wanted)| slot != wanted);
    let text = |slot: &(u8, u32, u32)| doc.slice(slot.1, slot.2).to_owned().into();
    let edits = moved.map(|(slot, wanted)| (slot.1, slot.2, text(wanted)));
    Some(TextFix::safe("Put the elements in the order of the schema", edits.collect()))
}
