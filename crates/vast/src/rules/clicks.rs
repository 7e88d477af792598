//! Clicks: where they lead, and what they count.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::name_range;
use crate::sink::Sink;
use crate::structure::TypeId;

/// How many siblings are looked at.
const WINDOW: usize = 64;

/// `VideoClicks`, of an inline ad or of a wrapper.
pub(crate) fn video(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let of = |ty: TypeId| {
        doc.children(id)
            .take(WINDOW)
            .filter(move |child| doc.element(*child).is_some_and(|child| child.ty == ty))
    };
    let through = of(ty::CLICK_THROUGH).next();
    if through.is_none() && element.ty == ty::VIDEO_CLICKS && !element.has(UNCLOSED) {
        sink.report_on(
            Id::VideoclicksWithoutClickthrough,
            id,
            format_args!("<VideoClicks> has no <ClickThrough>, so a click opens nothing"),
        );
    }
    if let Some((start, end)) = through.and_then(|through| doc.content_range(through)) {
        for tracking in of(ty::CLICK_TRACKING) {
            let same = doc.content_range(tracking).is_some_and(|(from, to)| {
                to - from == end - start && doc.slice(from, to) == doc.slice(start, end)
            });
            if let Some(element) = doc.element(tracking).filter(|_| same) {
                sink.report(
                    Id::ClickthroughRepeatsTracking,
                    tracking,
                    name_range(element),
                    format_args!("the page of <ClickThrough> is called as a tracker, too"),
                );
            }
        }
    }
    for click in of(ty::CUSTOM_CLICK) {
        if let Some(element) = doc.element(click)
            && doc.attr(element, name::ID).is_none()
        {
            sink.report(
                Id::CustomclickWithoutId,
                click,
                name_range(element),
                format_args!("<CustomClick> has no `id`, so no creative can name it"),
            );
        }
    }
    if of(ty::CLICK_TRACKING).nth(1).is_some() && sink.hears(Id::ClicktrackingDuplicate) {
        super::repeated(doc, id, ty::CLICK_TRACKING, &[], &mut |click| {
            sink.report_on(
                Id::ClicktrackingDuplicate,
                click,
                format_args!("the same URL counts each click twice"),
            );
        });
    }
}

/// `Linear` of an inline ad: whether a click opens anything.
pub(crate) fn linear(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) || !sink.hears(Id::LinearWithoutClickthrough) {
        return;
    }
    let of = |parent: ElementId, ty: TypeId| {
        doc.children(parent)
            .take(WINDOW)
            .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty))
    };
    let through = of(id, ty::VIDEO_CLICKS).and_then(|clicks| of(clicks, ty::CLICK_THROUGH));
    if through.is_none() {
        sink.report_on(
            Id::LinearWithoutClickthrough,
            id,
            format_args!("the ad has no <ClickThrough>, so a click opens nothing"),
        );
    }
}

/// `Wrapper`: the next tag is not one of its own trackers.
pub(crate) fn wrapper(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    let children = || doc.children(id).take(WINDOW);
    let ty_of = |child: ElementId| doc.element(child).map_or(TypeId::OPEN, |child| child.ty);
    let Some(tag) = children().find(|child| ty_of(*child) == ty::VASTAD_TAG_URI) else {
        return;
    };
    let Some((start, end)) = doc.content_range(tag) else {
        return;
    };
    let same = children().filter(|child| matches!(ty_of(*child), ty::IMPRESSION | ty::ERROR)).find(
        |child| {
            doc.content_range(*child).is_some_and(|(from, to)| {
                to - from == end - start && doc.slice(from, to) == doc.slice(start, end)
            })
        },
    );
    if let Some(other) = same {
        let name = ty_of(other).info().element_name();
        sink.report(
            Id::VastadtaguriIsTracker,
            tag,
            (start, end),
            format_args!("the next tag is asked for at the URL of <{name}>"),
        );
    }
}
