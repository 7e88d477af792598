//! Which elements and attributes stand where: the structure table against what was seen.

use crate::Version;
use crate::document::{
    Document, Element, ElementId, FOREIGN, UNCLOSED, UNKNOWN, UNKNOWN_ATTRIBUTE,
};
use crate::generated::rules::Id;
use crate::rules::{daast, mend, name_range, vmap};
use crate::sink::Sink;
use crate::structure::{Content, NO_ROW, Type, TypeId};
use crate::text::Text as _;

/// Compares the rows that an element filled with those that its type has. A clean element costs
/// five bit operations.
pub(crate) fn check(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    info: &Type,
) {
    if element.has(UNKNOWN) {
        unknown_element(doc, sink, id, element);
    }
    if element.has(UNKNOWN_ATTRIBUTE) && info.content != Content::Open {
        unknown_attributes(doc, sink, id, element, info);
    }
    let Some(masks) = info.masks.get(sink.version().column()) else {
        return;
    };
    let missing = masks.child_required & !element.seen;
    let outdated = element.seen & !masks.child_allowed;
    let twice = element.twice & masks.child_single;
    let attr_missing = masks.attr_required & !element.attr_seen;
    let attr_outdated = element.attr_seen & !masks.attr_allowed;
    if missing | outdated | twice | attr_missing | attr_outdated == 0 {
        return;
    }
    // What an unclosed element lacks may have been cut off.
    if missing != 0 && !element.has(UNCLOSED) {
        missing_children(sink, id, info, missing);
    }
    if twice != 0 {
        repeated_children(doc, sink, id, info, twice);
    }
    // Where the whole element is of another version, that is said once.
    if outdated != 0 && stands(doc, sink, element) {
        outdated_children(doc, sink, id, info, outdated);
    }
    if attr_missing != 0 {
        missing_attributes(sink, id, info, attr_missing);
    }
    if attr_outdated != 0 && stands(doc, sink, element) {
        outdated_attributes(doc, sink, id, element, info, attr_outdated);
    }
}

/// Whether the parent may have this element in the version.
fn stands(doc: &Document<'_>, sink: &Sink<'_>, element: &Element) -> bool {
    let parent = doc.element(element.parent).map_or(TypeId::OPEN, |parent| parent.ty);
    let row = parent.info().children.get(usize::from(element.row));
    row.is_none_or(|row| row.versions & sink.version().bit() != 0)
}

fn missing_children(sink: &mut Sink<'_>, id: ElementId, info: &Type, missing: u32) {
    for (bit, row) in info.children.iter().enumerate() {
        if missing >> bit & 1 == 1 {
            let (name, child) = (info.element_name(), row.name.as_str());
            sink.report_on(row.missing, id, format_args!("<{name}> has no <{child}>"));
        }
    }
}

fn repeated_children(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    info: &Type,
    twice: u32,
) {
    let mut seen = 0_u32;
    for child in doc.children(id) {
        let Some(element) = doc.element(child) else {
            continue;
        };
        let bit = 1_u32.checked_shl(u32::from(element.row)).unwrap_or(0) & twice;
        if seen & bit != 0 {
            let name = sink.quote(doc.name(child));
            let rule = info
                .children
                .get(usize::from(element.row))
                .map_or(Id::DuplicateElement, |row| row.twice);
            sink.report(
                rule,
                child,
                name_range(element),
                format_args!("<{name}> may stand here only once"),
            );
        }
        seen |= bit;
    }
}

fn outdated_children(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    info: &Type,
    outdated: u32,
) {
    for child in doc.children(id) {
        let Some(element) = doc.element(child) else {
            continue;
        };
        let bit = 1_u32.checked_shl(u32::from(element.row)).unwrap_or(0);
        if let Some(row) =
            info.children.get(usize::from(element.row)).filter(|_| outdated & bit != 0)
        {
            let (parent, name) = (info.element_name(), row.name.as_str());
            let version = sink.version();
            let when = When(row.versions, version);
            sink.report(
                row.outdated,
                child,
                name_range(element),
                format_args!("VAST {version} has no <{name}> in <{parent}>; {when}"),
            );
        }
    }
}

fn missing_attributes(sink: &mut Sink<'_>, id: ElementId, info: &Type, missing: u32) {
    for (bit, row) in info.attrs.iter().enumerate() {
        if missing >> bit & 1 == 1 {
            let (name, attribute) = (info.element_name(), row.name.as_str());
            sink.report_on(
                row.missing,
                id,
                format_args!("<{name}> has no attribute `{attribute}`"),
            );
        }
    }
}

fn outdated_attributes(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    info: &Type,
    outdated: u32,
) {
    for attribute in doc.attributes_in(element) {
        let bit = 1_u32.checked_shl(u32::from(attribute.row)).unwrap_or(0);
        let Some(row) = info.attrs.get(usize::from(attribute.row)).filter(|_| outdated & bit != 0)
        else {
            continue;
        };
        let range = (
            attribute.name_start,
            attribute.name_start.saturating_add(u32::from(attribute.name_len)),
        );
        let name = row.name.as_str();
        let version = sink.version();
        // `AdID` became `adId`: the same attribute under another spelling.
        let current = info
            .attrs
            .iter()
            .find(|other| other.versions & version.bit() != 0 && other.name.as_str().is_like(name));
        if let Some(current) = current {
            let current = current.name.as_str();
            sink.report_fix(
                Id::WrongCase,
                id,
                range,
                format_args!("VAST {version} spells `{name}` as `{current}`"),
                |_| mend::replace(mend::CASE, range, current),
            );
            continue;
        }
        let element_name = info.element_name();
        let when = When(row.versions, version);
        sink.report_fix(
            row.outdated,
            id,
            range,
            format_args!("VAST {version} has no attribute `{name}` on <{element_name}>; {when}"),
            |doc| match row.outdated {
                Id::UniversaladidIdvalueRemoved => mend::attribute_to_text(doc, id, attribute),
                _ => None,
            },
        );
    }
}

fn unknown_element(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let parent_ty = doc.element(element.parent).map_or(TypeId::OPEN, |parent| parent.ty);
    let parent = parent_ty.info();
    let name = sink.quote(doc.name(id));
    if let Some(row) = parent.children.get(usize::from(element.row)) {
        let right = row.name.as_str();
        sink.report_fix(
            Id::WrongCase,
            id,
            name_range(element),
            format_args!("<{name}> is spelled <{right}>"),
            |doc| mend::rename_element(doc, id, right),
        );
        return;
    }
    if vmap::unknown(doc, sink, id, element, parent_ty)
        || daast::unknown(doc, sink, id, element, parent_ty)
    {
        return;
    }
    let parent = parent.element_name();
    sink.report_on(
        Id::UnknownElement,
        id,
        format_args!("no version of VAST has <{name}> in <{parent}>"),
    );
}

fn unknown_attributes(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    info: &Type,
) {
    if element.has(FOREIGN) {
        return;
    }
    for attribute in doc.attributes_in(element).iter().filter(|attribute| attribute.row == NO_ROW) {
        let written = doc.attribute_name(attribute);
        if written.starts_with("xmlns") || written.has(b':') {
            continue;
        }
        let range = (
            attribute.name_start,
            attribute.name_start.saturating_add(u32::from(attribute.name_len)),
        );
        let bit = sink.version().bit();
        let name = sink.quote(written);
        let same = |row: &&crate::structure::AttrRow| row.name.as_str().is_like(written);
        let mut rows = info.attrs.iter().filter(same);
        let right = rows.clone().find(|row| row.versions & bit != 0).or_else(|| rows.next());
        if let Some(row) = right {
            let right = row.name.as_str();
            sink.report_fix(
                Id::WrongCase,
                id,
                range,
                format_args!("the attribute `{name}` is spelled `{right}`"),
                |doc| {
                    // Two attributes of one name would not be XML.
                    if doc.attr(element, row.name).is_some() {
                        None
                    } else {
                        mend::replace(mend::CASE, range, right)
                    }
                },
            );
            continue;
        }
        if daast::of_daast(info) {
            // Its schema is not public, so that nobody can say which attributes it lacks.
            continue;
        }
        let element_name = info.element_name();
        sink.report(
            Id::UnknownAttribute,
            id,
            range,
            format_args!("no version of VAST has the attribute `{name}` on <{element_name}>"),
        );
    }
}

/// Which versions have what this one lacks.
struct When(u8, Version);

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut has = Version::ALL.into_iter().filter(|version| self.0 & version.bit() != 0);
        let first = has.clone().next();
        let last = has.by_ref().last();
        match (first, last) {
            (Some(first), _) if first > self.1 => write!(f, "it came with {first}"),
            (_, Some(last)) if last < self.1 => write!(f, "it was last in {last}"),
            (Some(first), Some(last)) => write!(f, "it is in {first} to {last}, with gaps"),
            _ => f.write_str("no version has it"),
        }
    }
}
