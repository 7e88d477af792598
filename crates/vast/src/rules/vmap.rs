//! VMAP: the schedule of ad breaks around VAST.

use crate::document::{Document, Element, ElementId, UNCLOSED, UNKNOWN};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::known::{Key, Known};
use crate::parse::VMAP_NAMESPACE;
use crate::rules::{macros, mend, name_range, offset::Place, time};
use crate::sink::Sink;
use crate::structure::TypeId;
use crate::text::Text;

/// `VMAP`: version, namespace, and the breaks against each other.
pub(crate) fn root(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(attribute) = doc.attr(element, name::VERSION) {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1);
        if !matches!(value.trimmed(), "1.0" | "1.0.1") {
            let value = sink.quote(value);
            sink.report(
                Id::VmapVersionUnknown,
                id,
                range,
                format_args!("`{value}` is no version of VMAP; there are 1.0 and 1.0.1"),
            );
        }
    }
    namespace(doc, sink, id, element);
    breaks(doc, sink, id);
}

/// The namespace that the prefix of the root stands for.
fn namespace(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let prefix = doc.tag(id).cut(b':').map(|(prefix, _)| prefix);
    let declared = doc.attributes_in(element).iter().find(|attribute| {
        let name = doc.attribute_name(attribute);
        match prefix {
            None => name == "xmlns",
            Some(prefix) => name.strip_prefix("xmlns:") == Some(prefix),
        }
    });
    match (declared, prefix) {
        (Some(attribute), _) => {
            let range = (attribute.value_start, attribute.value_end);
            let value = doc.slice(range.0, range.1);
            if value != VMAP_NAMESPACE {
                let value = sink.quote(value);
                sink.report_fix(
                    Id::VmapNamespaceWrong,
                    id,
                    range,
                    format_args!("`{value}` is not the namespace of VMAP, {VMAP_NAMESPACE}"),
                    |_| mend::replace("Name the namespace of VMAP", range, VMAP_NAMESPACE),
                );
            }
        }
        // A prefix that is not declared is a fault of its own.
        (None, Some(_)) => {}
        (None, None) => sink.report_on(
            Id::VmapWithoutNamespace,
            id,
            format_args!("<VMAP> does not declare the namespace {VMAP_NAMESPACE}"),
        ),
    }
}

/// The breaks of a schedule against each other: places and names.
fn breaks(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId) {
    // By place and by name, the first break of it.
    let (mut places, mut names) = (Known::default(), Known::default());
    let mut breaks: Vec<(Place, Option<&str>)> = Vec::new();
    for child in doc.children(id) {
        let Some(element) = doc.element(child).filter(|child| child.ty == ty::AD_BREAK) else {
            continue;
        };
        let Some(offset) = doc.attr(element, name::TIME_OFFSET) else {
            continue;
        };
        let range = (offset.value_start, offset.value_end);
        let Ok(place) = Place::parse(doc.slice(range.0, range.1).trimmed()) else {
            continue;
        };
        let id_attribute = doc.attr(element, name::BREAK_ID);
        let label = id_attribute.map(|named| doc.slice(named.value_start, named.value_end));
        if let (Some(named), Some(label)) = (id_attribute, label)
            && first(&breaks, &mut names, (0, label.as_bytes()))
                .is_some_and(|(first, _)| first != place)
        {
            let label = sink.quote(label);
            sink.report(
                Id::BreakidDuplicate,
                child,
                (named.value_start, named.value_end),
                format_args!("a break at another place has the breakId `{label}` already"),
            );
        }
        // Breaks of one name at one place are a pod.
        if first(&breaks, &mut places, place.key())
            .is_some_and(|(_, first)| label.is_none() || first != label)
        {
            sink.report(
                Id::TimeoffsetDuplicate,
                child,
                range,
                format_args!("another ad break stands at this place"),
            );
        }
        if breaks.last().is_some_and(|(last, _)| place.precedes(*last)) {
            sink.report(
                Id::AdbreakOrder,
                child,
                range,
                format_args!("the break before this one comes later in the content"),
            );
        }
        breaks.push((place, label));
    }
}

/// The first break of a key; none when that is the one that is to come next.
fn first<'t>(
    breaks: &[(Place, Option<&'t str>)],
    known: &mut Known<'t>,
    key: Key<'t>,
) -> Option<(Place, Option<&'t str>)> {
    let next = u64::try_from(breaks.len()).unwrap_or(u64::MAX);
    let (first, _) = known.meet(key, (next, 0))?;
    breaks.get(usize::try_from(first).ok()?).copied()
}

/// `AdBreak`.
pub(crate) fn ad_break(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let place = doc.attr(element, name::TIME_OFFSET).and_then(|attribute| {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1).trimmed();
        match Place::parse(value) {
            Ok(place) => Some(place),
            Err(fault) => {
                fault.report(sink, id, range, value);
                None
            }
        }
    });
    if let Some(attribute) = doc.attr(element, name::BREAK_TYPE) {
        let range = (attribute.value_start, attribute.value_end);
        break_type(doc, sink, id, element, range);
    }
    if let Some(attribute) = doc.attr(element, name::REPEAT_AFTER) {
        let range = (attribute.value_start, attribute.value_end);
        let interval = time::millis(doc.slice(range.0, range.1).trimmed());
        if interval == Some(0) {
            sink.report(
                Id::RepeatafterZero,
                id,
                range,
                format_args!("the break repeats after no time at all"),
            );
        } else if matches!(place, Some(Place::Start | Place::End)) {
            sink.report(
                Id::RepeatafterWithoutEffect,
                id,
                range,
                format_args!("`repeatAfter` says nothing at the start or the end of the content"),
            );
        }
    }
    if element.seen == 0 && !element.has(UNCLOSED) && !holds_unknown(doc, id) {
        sink.report_on(
            Id::AdbreakEmpty,
            id,
            format_args!("<AdBreak> has neither <AdSource> nor <TrackingEvents>"),
        );
    }
    if sink.hears(Id::AdbreakWithoutBreakid) && doc.attr(element, name::BREAK_ID).is_none() {
        sink.report_on(Id::AdbreakWithoutBreakid, id, format_args!("<AdBreak> has no `breakId`"));
    }
}

/// Whether a child is not known here: what is missing may be in it.
pub(super) fn holds_unknown(doc: &Document<'_>, id: ElementId) -> bool {
    doc.children(id).any(|child| doc.element(child).is_some_and(|child| child.has(UNKNOWN)))
}

const TYPES: [&str; 3] = ["linear", "nonlinear", "display"];

/// `AdBreak@breakType`: the list, and whether the inline ads are of these types.
fn break_type(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    range: (u32, u32),
) {
    let value = doc.slice(range.0, range.1);
    let words = || value.split(',');
    if let Some(unknown) = words().map(Text::trimmed).find(|word| {
        !TYPES.iter().any(|known| known.is_like(word)) && !macros::begins_with_one(word)
    }) {
        let unknown = sink.quote(unknown);
        sink.report(
            Id::BreaktypeUnknown,
            id,
            range,
            format_args!("`{unknown}` is none of `linear`, `nonlinear` and `display`"),
        );
        return;
    }
    if words().any(|word| TYPES.iter().all(|known| *known != word)) {
        sink.report_fix(
            Id::BreaktypeSpelling,
            id,
            range,
            format_args!("the types must be in lower case and without spaces"),
            |_| {
                let tidy: Vec<String> =
                    words().map(|word| word.trimmed().to_ascii_lowercase()).collect();
                mend::replace("Write the list without spaces", range, &tidy.join(","))
            },
        );
        return;
    }
    let times = |wanted: &str| words().filter(|word| *word == wanted).count();
    if TYPES.iter().any(|known| times(known) > 1) {
        sink.report(Id::BreaktypeDuplicate, id, range, format_args!("a type is in the list twice"));
    }
    let (linear, nonlinear, display) = (times("linear"), times("nonlinear"), times("display"));
    if display == 0 && (linear > 0 || nonlinear == 0) {
        return;
    }
    let Some(holds) = inline_holds(doc, id, element) else {
        return;
    };
    if display > 0 && !holds.companions {
        sink.report(
            Id::DisplayBreakWithoutCompanions,
            id,
            range,
            format_args!("the break takes display ads, and its inline response has no companion"),
        );
    }
    if linear == 0 && nonlinear > 0 && display == 0 && !holds.overlays {
        sink.report(
            Id::NonlinearBreakWithoutNonlinear,
            id,
            range,
            format_args!("the break takes only overlays, and its inline response has none"),
        );
    }
}

#[derive(Default)]
struct Holds {
    companions: bool,
    overlays: bool,
}

/// What the inline ads of a break bring; none where that is not known here.
fn inline_holds(doc: &Document<'_>, id: ElementId, element: &Element) -> Option<Holds> {
    let (mut holds, mut ads) = (Holds::default(), false);
    // Elements are in the order of the document, so what is inside follows.
    let inside = doc.elements.get(id.index() + 1..).unwrap_or_default();
    for inner in inside.iter().take_while(|inner| inner.start < element.end) {
        match inner.ty {
            ty::WRAPPER => return None,
            ty::IN_LINE => ads = true,
            ty::COMPANION => holds.companions = true,
            ty::NON_LINEAR => holds.overlays = true,
            _ => {}
        }
    }
    ads.then_some(holds)
}

/// Whether VMAP defines a type.
fn of_vmap(ty: TypeId) -> bool {
    matches!(
        ty,
        ty::VMAP
            | ty::VMAP_EXTENSIONS
            | ty::AD_BREAK
            | ty::AD_SOURCE
            | ty::VASTAD_DATA
            | ty::VMAP_TRACKING_EVENTS
    )
}

/// An element that its parent does not know: VMAP in VAST, VAST in VMAP, or neither. False where
/// neither document has to do with it.
pub(crate) fn unknown(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    parent: TypeId,
) -> bool {
    let range = name_range(element);
    if of_vmap(parent) {
        if element.name == name::VAST {
            let message = format_args!("<VAST> must stand in <VASTAdData>");
            sink.report(Id::VmapVastMisplaced, id, range, message);
        } else {
            let (child, parent) = (sink.quote(doc.name(id)), parent.info().element_name());
            sink.report(
                Id::VmapUnknownElement,
                id,
                range,
                format_args!("VMAP has no <{child}> in <{parent}>"),
            );
        }
        return true;
    }
    let misplaced = matches!(
        element.name,
        name::VMAP | name::AD_BREAK | name::AD_SOURCE | name::VASTAD_DATA | name::AD_TAG_URI
    );
    if misplaced {
        let child = sink.quote(doc.name(id));
        let message =
            format_args!("<{child}> belongs to VMAP, which holds VAST and not vice versa");
        sink.report(Id::VmapElementInVast, id, range, message);
    }
    misplaced
}
