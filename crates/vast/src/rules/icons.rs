//! Icons of programmes such as AdChoices.

use crate::Version;
use crate::document::{Attribute, Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{companions, time, tracking};
use crate::sink::Sink;
use crate::text::Text as _;

/// How many children are looked at.
const WINDOW: usize = 64;

fn range(attribute: &Attribute) -> (u32, u32) {
    (attribute.value_start, attribute.value_end)
}

/// `Icon`.
pub(crate) fn icon(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    // What the schema of 3.0 demands is told by the structure table.
    if sink.version() >= Version::V4_0 {
        for (attribute, rule) in [
            (name::PROGRAM, Id::IconWithoutProgram),
            (name::WIDTH, Id::IconWithoutWidth),
            (name::HEIGHT, Id::IconWithoutHeight),
            (name::X_POSITION, Id::IconWithoutXposition),
            (name::Y_POSITION, Id::IconWithoutYposition),
        ] {
            if doc.attr(element, attribute).is_none() {
                let name = attribute.as_str();
                sink.report_on(
                    rule,
                    id,
                    format_args!("<Icon> has no `{name}`, so players place it as they like or not"),
                );
            }
        }
    }
    for attribute in [name::WIDTH, name::HEIGHT] {
        if let Some(found) = doc.attr(element, attribute)
            && time::number(doc.slice(found.value_start, found.value_end).trimmed()) == Some(0)
        {
            let name = attribute.as_str();
            sink.report(
                Id::IconSizeZero,
                id,
                range(found),
                format_args!("the {name} of the icon is zero: nobody sees it"),
            );
        }
    }
    position(doc, sink, id, element);
    times(doc, sink, id, element);
    companions::pixel_ratio(doc, sink, id, element);
    if doc.attr_raw(element, name::PROGRAM).is_some_and(|program| program.is_like("AdChoices")) {
        choices(doc, sink, id, element);
    }
}

/// Pixels, or an edge.
fn position(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    for (attribute, edges) in
        [(name::X_POSITION, ["left", "right"]), (name::Y_POSITION, ["top", "bottom"])]
    {
        let Some(found) = doc.attr(element, attribute) else {
            continue;
        };
        let value = doc.slice(found.value_start, found.value_end).trimmed();
        let template = matches!(value.as_bytes().first(), Some(b'[' | b'$' | b'%' | b'{'));
        if !template && !edges.contains(&value) && time::number(value).is_none() {
            let (quoted, [first, second]) = (sink.quote(value), edges);
            sink.report(
                Id::IconPositionInvalid,
                id,
                range(found),
                format_args!("`{quoted}` is neither pixels nor `{first}` nor `{second}`"),
            );
        }
    }
}

/// When the icon is shown, against the ad that it belongs to.
fn times(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let millis =
        |found: &Attribute| time::millis(doc.slice(found.value_start, found.value_end).trimmed());
    if let Some(found) = doc.attr(element, name::DURATION_ALT)
        && millis(found) == Some(0)
    {
        sink.report(
            Id::IconDurationZero,
            id,
            range(found),
            format_args!("the icon is shown for no time at all"),
        );
    }
    let Some(found) = doc.attr(element, name::OFFSET) else {
        return;
    };
    let linear = doc.element(element.parent).and_then(|icons| doc.element(icons.parent));
    let duration = linear.and_then(|linear| tracking::duration(doc, linear));
    if let (Some(offset), Some(duration)) = (millis(found), duration)
        && offset >= duration
    {
        sink.report(
            Id::IconOffsetBeyondAd,
            id,
            range(found),
            format_args!("the ad is over before the icon is shown"),
        );
    }
}

/// The icon of AdChoices must lead to a notice.
fn choices(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let ty_of = |child: ElementId| doc.element(child).map(|child| child.ty);
    let mut led = false;
    for child in doc.children(id).take(WINDOW) {
        led |= match ty_of(child) {
            // A page of its own can carry the link.
            Some(ty::IFRAME_RESOURCE | ty::HTMLRESOURCE) => true,
            Some(ty::ICON_CLICKS) => doc.children(child).take(WINDOW).any(|click| {
                matches!(
                    ty_of(click),
                    Some(ty::ICON_CLICK_THROUGH | ty::ICON_CLICK_FALLBACK_IMAGES)
                )
            }),
            _ => false,
        };
    }
    if !led {
        sink.report_on(
            Id::AdchoicesWithoutClickthrough,
            id,
            format_args!("the AdChoices icon leads nowhere: there is no <IconClickThrough>"),
        );
    }
}

/// `IconClicks`: a page or an image to open.
pub(crate) fn clicks(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let opens = doc.children(id).take(WINDOW).any(|child| {
        doc.element(child).is_some_and(|child| {
            matches!(child.ty, ty::ICON_CLICK_THROUGH | ty::ICON_CLICK_FALLBACK_IMAGES)
        })
    });
    if !opens && !element.has(UNCLOSED) {
        sink.report_on(
            Id::IconclicksWithoutClickthrough,
            id,
            format_args!("a click on the icon opens nothing"),
        );
    }
}

/// `IconClickFallbackImage`: the image itself.
pub(crate) fn fallback(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let image = doc.children(id).take(WINDOW).any(|child| {
        doc.element(child)
            .is_some_and(|child| child.ty == ty::ICON_CLICK_FALLBACK_IMAGE_STATIC_RESOURCE)
    });
    if !image && !element.has(UNCLOSED) {
        sink.report_on(
            Id::FallbackimageWithoutResource,
            id,
            format_args!("<IconClickFallbackImage> has no image"),
        );
    }
}
