//! DAAST: audio ads of before VAST 4.1.

use crate::document::{Document, Element, ElementId, UNCLOSED, UNKNOWN};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{mend, name_range};
use crate::sink::{Sink, TextFix};
use crate::structure::{Type, TypeId};
use crate::text::Text as _;

/// `DAAST`.
pub(crate) fn root(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(attribute) = doc.attr(element, name::VERSION) {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1);
        if !matches!(value.trimmed(), "1.0" | "1.1") {
            let value = sink.quote(value);
            let message = format_args!("`{value}` is no version of DAAST; there are 1.0 and 1.1");
            sink.report(Id::DaastVersionUnknown, id, range, message);
        }
    }
    if element.seen == 0 && !element.has(UNCLOSED) {
        let message = format_args!("<DAAST> has neither an <Ad> nor an <Error>");
        sink.report_on(Id::DaastEmpty, id, message);
    }
    let message = format_args!("DAAST is not maintained any more; VAST 4.1 took it in");
    sink.report_on(Id::DaastSuperseded, id, message);
}

/// `Ad`: exactly one of InLine and Wrapper.
pub(crate) fn ad(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let unknown =
        || doc.children(id).any(|child| doc.element(child).is_some_and(|child| child.has(UNKNOWN)));
    match element.seen.count_ones() {
        0 if !element.has(UNCLOSED) && !unknown() => sink.report_on(
            Id::AdWithoutInlineOrWrapper,
            id,
            format_args!("<Ad> has neither <InLine> nor <Wrapper>"),
        ),
        2 => sink.report_on(
            Id::AdWithInlineAndWrapper,
            id,
            format_args!("<Ad> has both <InLine> and <Wrapper>"),
        ),
        _ => {}
    }
}

/// `Wrapper`: where the next response is.
pub(crate) fn wrapper(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let of = |wanted| {
        doc.children(id).find(move |child| doc.element(*child).is_some_and(|c| c.ty == wanted))
    };
    if of(ty::DAASTAD_TAG_URI).is_some() {
        return;
    }
    match of(ty::VASTAD_TAG_URI) {
        Some(uri) => {
            let range = doc.element(uri).map_or_else(|| name_range(element), name_range);
            sink.report_fix(
                Id::DaastWrapperOfVast,
                uri,
                range,
                format_args!("DAAST names the next response in <DAASTAdTagURI>"),
                |doc| renamed(doc, uri, "DAASTAdTagURI", true),
            );
        }
        None if element.has(UNCLOSED) => {}
        None => sink.report_on(
            Id::DaastWrapperWithoutUri,
            id,
            format_args!("<Wrapper> has no <DAASTAdTagURI>"),
        ),
    }
}

fn renamed(doc: &Document<'_>, id: ElementId, name: &str, danger: bool) -> Option<TextFix> {
    let fix = mend::rename_element(doc, id, name)?;
    Some(TextFix { title: "Use the name of DAAST", danger, ..fix })
}

/// `Linear`: interactions under their right name.
pub(crate) fn linear(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    for child in doc.children(id) {
        let Some(clicks) = doc.element(child).filter(|c| c.ty == ty::DAAST_AD_INTERACTIONS) else {
            continue;
        };
        let (rule, danger, message) = match clicks.name {
            name::VIDEO_CLICKS => {
                (Id::DaastVideoclicks, true, "DAAST has clicks in <AdInteractions>")
            }
            name::AUDIO_INTERACTIONS => {
                (Id::DaastAudiointeractions, false, "the final name is <AdInteractions>")
            }
            _ => continue,
        };
        sink.report_fix(rule, child, name_range(clicks), format_args!("{message}"), |doc| {
            // Two elements of one name would be a fault of their own.
            if others(doc, id, child) {
                None
            } else {
                renamed(doc, child, "AdInteractions", danger)
            }
        });
    }
}

/// Whether the element has interactions besides these.
fn others(doc: &Document<'_>, id: ElementId, clicks: ElementId) -> bool {
    doc.children(id).any(|other| {
        other != clicks && doc.element(other).is_some_and(|o| o.ty == ty::DAAST_AD_INTERACTIONS)
    })
}

/// `MediaFile`: something to hear.
pub(crate) fn file(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let Some(attribute) = doc.attr(element, name::TYPE) else {
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let kind = doc.slice(range.0, range.1).trim_ascii_start();
    if kind.begins_like("video/") {
        let kind = sink.quote(kind);
        let message = format_args!("`{kind}` is video; DAAST plays audio");
        sink.report(Id::DaastMediafileVideo, id, range, message);
    }
}

/// Whether DAAST defines a type.
pub(crate) fn of_daast(info: &Type) -> bool {
    info.name.starts_with("DAAST")
}

/// An element that its parent does not know: VAST in DAAST, DAAST in VAST, or neither. False where
/// neither has to do with it.
pub(crate) fn unknown(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    parent: TypeId,
) -> bool {
    let range = name_range(element);
    let child = || crate::parse::excerpt(doc.name(id), 60);
    if !of_daast(parent.info()) {
        let misplaced = matches!(element.name, name::DAASTAD_TAG_URI | name::AD_INTERACTIONS);
        if misplaced {
            let message = format_args!("<{}> belongs to DAAST; VAST has another name", child());
            sink.report(Id::DaastElementInVast, id, range, message);
        }
        return misplaced;
    }
    let parent = parent.info().element_name();
    let (rule, what) = match element.name {
        name::NON_LINEAR_ADS => (Id::DaastNonlinear, "no overlays"),
        name::AD_VERIFICATIONS
        | name::VIEWABLE_IMPRESSION
        | name::AD_SERVING_ID
        | name::UNIVERSAL_AD_ID
        | name::BLOCKED_AD_CATEGORIES
        | name::MEZZANINE
        | name::INTERACTIVE_CREATIVE_FILE
        | name::CLOSED_CAPTION_FILES => (Id::DaastElementOfVast, "no such element of VAST 4"),
        _ => (Id::DaastUnknownElement, "no such element"),
    };
    let message = format_args!("<{}> stands in <{parent}>; DAAST has {what}", child());
    sink.report(rule, id, range, message);
    true
}
