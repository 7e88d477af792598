//! Companions, overlays and what they show beside or above the video.

use std::borrow::Cow;

use crate::document::{Document, Element, ElementId, PartKind, UNCLOSED};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{ending_of, essence};
use crate::rules::time;
use crate::sink::Sink;
use crate::structure::{NameId, TypeId};
use crate::text::Text as _;

/// How many children are looked at.
const WINDOW: usize = 64;

fn has(doc: &Document<'_>, id: ElementId, kinds: &[TypeId]) -> bool {
    doc.children(id)
        .take(WINDOW)
        .any(|child| doc.element(child).is_some_and(|child| kinds.contains(&child.ty)))
}

/// `CompanionAds` and `NonLinearAds`: at least one of what they are for.
pub(crate) fn container(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let (rule, child, name) = match element.ty {
        ty::COMPANION_ADS => (Id::CompanionadsWithoutCompanion, ty::COMPANION, "Companion"),
        _ => (Id::NonlinearadsWithoutNonlinear, ty::NON_LINEAR, "NonLinear"),
    };
    if !element.has(UNCLOSED) && !has(doc, id, &[child]) {
        let container = element.ty.info().element_name();
        sink.report_on(rule, id, format_args!("<{container}> has no <{name}>"));
    }
    if element.ty == ty::COMPANION_ADS
        && sink.hears(Id::CompanionsAllRequired)
        && let Some(required) = doc.attr(element, name::REQUIRED)
        && doc.slice(required.value_start, required.value_end) == "all"
    {
        sink.report(
            Id::CompanionsAllRequired,
            id,
            (required.value_start, required.value_end),
            format_args!("a player that cannot show every companion must drop the ad"),
        );
    }
}

/// The number that an attribute holds, and where.
fn size(doc: &Document<'_>, element: &Element, name: NameId) -> Option<(u64, (u32, u32))> {
    let attribute = doc.attr(element, name)?;
    let range = (attribute.value_start, attribute.value_end);
    Some((time::number(doc.slice(range.0, range.1).trimmed())?, range))
}

/// `Companion` and `NonLinear`: sizes.
pub(crate) fn sizes(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let rule = match element.ty {
        ty::COMPANION => Id::CompanionSizeZero,
        _ => Id::NonlinearSizeZero,
    };
    for (plain, expanded) in
        [(name::WIDTH, name::EXPANDED_WIDTH), (name::HEIGHT, name::EXPANDED_HEIGHT)]
    {
        let Some((pixels, range)) = size(doc, element, plain) else {
            continue;
        };
        if pixels == 0 && doc.attr_raw(element, name::RENDERING_MODE) != Some("end-card") {
            let name = plain.as_str();
            sink.report(
                rule,
                id,
                range,
                format_args!("the {name} is zero: there is nothing to see"),
            );
        }
        if let Some((wide, range)) = size(doc, element, expanded).filter(|(wide, _)| *wide < pixels)
        {
            sink.report(
                Id::ExpandedSmallerThanSize,
                id,
                range,
                format_args!("expanded to {wide}, it is smaller than its {pixels} pixels before"),
            );
        }
    }
    pixel_ratio(doc, sink, id, element);
}

/// `pxratio`, of companions and icons.
pub(crate) fn pixel_ratio(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let Some(attribute) = doc.attr(element, name::PXRATIO) else {
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let value = doc.slice(range.0, range.1).trimmed();
    if !value.is_empty() && value.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        sink.report(
            Id::PxratioZero,
            id,
            range,
            format_args!("a pixel ratio of zero fits no screen; 1 is the usual one"),
        );
    }
}

/// `Companion` with an image: what the player must do in its place.
pub(crate) fn image(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if !sink.hears(Id::CompanionWithoutClickthrough) && !sink.hears(Id::CompanionWithoutAlttext)
        || element.has(UNCLOSED)
        || !has(doc, id, &[ty::STATIC_RESOURCE])
        || has(doc, id, &[ty::IFRAME_RESOURCE, ty::HTMLRESOURCE])
    {
        return;
    }
    if !has(doc, id, &[ty::COMPANION_CLICK_THROUGH]) {
        sink.report_on(
            Id::CompanionWithoutClickthrough,
            id,
            format_args!("an image cannot open a page, and there is no <CompanionClickThrough>"),
        );
    }
    if !has(doc, id, &[ty::ALT_TEXT]) {
        sink.report_on(
            Id::CompanionWithoutAlttext,
            id,
            format_args!("the image has no <AltText>, so nobody hears what it shows"),
        );
    }
}

/// Endings of images and the types that they may have.
const IMAGES: [(&str, &[&str]); 7] = [
    ("png", &["image/png", "image/x-png", "image/apng"]),
    ("jpg", &["image/jpeg", "image/jpg", "image/pjpeg"]),
    ("jpeg", &["image/jpeg", "image/jpg", "image/pjpeg"]),
    ("gif", &["image/gif"]),
    ("webp", &["image/webp"]),
    ("svg", &["image/svg+xml"]),
    ("html", &["text/html"]),
];

/// `StaticResource`: its type, and whether the file is of it.
pub(crate) fn static_resource(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let Some(attribute) = doc.attr(element, name::CREATIVE_TYPE) else {
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let written = doc.slice(range.0, range.1);
    let kind = essence(written);
    if matches!(kind.as_bytes().first(), Some(b'[' | b'$' | b'%' | b'{')) {
        return;
    }
    let is = |kinds: &[&str]| kinds.iter().any(|known| known.is_like(kind));
    if is(&["application/x-shockwave-flash", "application/x-flash"]) {
        sink.report(
            Id::CreativetypeFlash,
            id,
            range,
            format_args!("no browser and no app shows Flash any more"),
        );
        return;
    }
    if is(&["text/html", "application/xhtml+xml", "text/plain"]) {
        let quoted = sink.quote(kind);
        sink.report(
            Id::CreativetypeHtml,
            id,
            range,
            format_args!(
                "`{quoted}` is no image; pages belong into <IFrameResource> or <HTMLResource>"
            ),
        );
        return;
    }
    let media_type = kind.cut(b'/').is_some_and(|(top, sub)| {
        ["image", "application", "text", "video", "audio"].iter().any(|known| known.is_like(top))
            && !sub.is_empty()
            && sub.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    });
    if !media_type {
        let quoted = sink.quote(written);
        sink.report(
            Id::CreativetypeInvalid,
            id,
            range,
            format_args!("`{quoted}` is no media type such as `image/png`"),
        );
        return;
    }
    let url = doc.content(id);
    let Some(ending) = ending_of(&url) else {
        return;
    };
    let known = IMAGES.iter().find(|(known, _)| known.is_like(ending));
    if let Some((ending, kinds)) = known
        && !is(kinds)
    {
        let quoted = sink.quote(kind);
        sink.report(
            Id::CreativetypeContradictsEnding,
            id,
            range,
            format_args!("the type is `{quoted}`, but the file ends in `.{ending}`"),
        );
    }
}

/// `HTMLResource`: markup that reaches the page.
pub(crate) fn html(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    if element.first_child.some().is_some() {
        sink.report_on(
            Id::HtmlresourceAsElements,
            id,
            format_args!(
                "the HTML stands outside of CDATA, so players read its text without its tags"
            ),
        );
        return;
    }
    let Some(range) = doc.content_range(id) else {
        sink.report_on(Id::HtmlresourceEmpty, id, format_args!("<HTMLResource> holds no HTML"));
        return;
    };
    let cdata = doc.parts(id).any(|part| part.kind == PartKind::Cdata);
    if !cdata && doc.attr(element, name::XML_ENCODED).is_none() {
        sink.report_mend(
            Id::HtmlresourceNotCdata,
            id,
            range,
            format_args!("the HTML stands outside of CDATA"),
            Mend::Cdata,
        );
    }
    let text: Cow<'_, str> = doc.content(id);
    let bytes = text.as_bytes();
    if memchr::memchr(b'<', bytes).is_none() {
        if text.begins_like("http") {
            sink.report(
                Id::HtmlresourceIsUrl,
                id,
                range,
                format_args!("this is a URL; the address of a page belongs into <IFrameResource>"),
            );
        }
        return;
    }
    if text.holds("document.write") {
        sink.report(
            Id::HtmlresourceDocumentWrite,
            id,
            range,
            format_args!("document.write erases a page that has loaded, and browsers block it"),
        );
    }
    let plain = text.places_of("http://").any(|at| {
        let before = text.get(at.saturating_sub(8)..at).unwrap_or("").to_ascii_lowercase();
        let before = before.trim_end_matches(['"', '\'', ' ']);
        before.ends_with("src=") || before.ends_with("url(")
    });
    if plain {
        sink.report(
            Id::HtmlresourceHttp,
            id,
            range,
            format_args!("the HTML loads something over plain http, which secure pages block"),
        );
    }
}
