//! Responses, pods and wrappers as wholes.

use crate::document::{Document, Element, ElementId, UNCLOSED, UNKNOWN};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{identity, mend, name_range, time};
use crate::sink::Sink;
use crate::sort::sorted_by;
use crate::structure::{NameId, TypeId};
use crate::text::Text as _;

/// `VAST`: what the ads are together.
pub(crate) fn response(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let (mut places, mut lone, mut ads) = (Vec::new(), None, 0_u32);
    let (mut wrappers, mut in_pod, mut open) = (0_u32, 0_u32, None);
    // One ad alone, which is the usual answer, needs no list of places.
    let mut first: Option<(ElementId, (u32, u32))> = None;
    for child in doc.children(id) {
        let Some(ad) = doc.element(child) else {
            continue;
        };
        if ad.ty != ty::AD {
            // An error, or what nobody knows: not an empty answer.
            ads += u32::from(ad.ty == ty::ERROR || ad.has(UNKNOWN));
            continue;
        }
        ads += 1;
        let Some(attribute) = doc.attr(ad, name::SEQUENCE) else {
            lone = lone.or(Some((child, name_range(ad))));
            continue;
        };
        let range = (attribute.value_start, attribute.value_end);
        let Some(place) = time::number(doc.slice(range.0, range.1).trimmed()) else {
            continue;
        };
        first = first.or(Some((child, name_range(ad))));
        if element.twice != 0 || place != 1 {
            places.push((place, child, range));
        }
        in_pod += 1;
        let wrapper = doc
            .children(child)
            .filter_map(|child| doc.element(child))
            .find(|child| child.ty == ty::WRAPPER);
        if let Some(wrapper) = wrapper {
            wrappers += 1;
            if is_true(doc, wrapper, name::ALLOW_MULTIPLE_ADS) {
                open = open.or(Some((child, name_range(wrapper))));
            }
        }
    }
    if ads == 0 && !element.has(UNCLOSED) {
        sink.report_on(
            Id::NoAdWithoutError,
            id,
            format_args!("<VAST> has no ad, and no <Error> that would tell the server so"),
        );
    }
    let Some((pod, range)) = first else {
        return;
    };
    if let Some((ad, range)) = lone {
        sink.report(
            Id::PodWithStandAlone,
            ad,
            range,
            format_args!("this ad has no place and stands beside a pod"),
        );
    }
    if in_pod == 1 && lone.is_none() {
        sink.report(
            Id::PodOfOne,
            pod,
            range,
            format_args!("the only ad of the response has a place in a pod"),
        );
        return;
    }
    if let Some((ad, range)) = open {
        sink.report(
            Id::PodWrapperAllowsPod,
            ad,
            range,
            format_args!("a place of the pod may be answered by a pod"),
        );
    }
    if in_pod > 1 && wrappers == in_pod {
        sink.report(
            Id::PodOfWrappers,
            pod,
            range,
            format_args!("every ad of the pod is a wrapper, {wrappers} in all"),
        );
    }
    order(sink, places);
}

/// The places of a pod: in the order of the file, and without gaps.
fn order(sink: &mut Sink<'_>, mut places: Vec<Place>) {
    let ordered = places.is_sorted_by_key(|(place, ..)| *place);
    if !ordered && let Some((_, ad, range)) = out_of_order(&places) {
        sink.report(
            Id::PodOutOfOrder,
            ad,
            range,
            format_args!("this ad plays before the one that stands before it"),
        );
    }
    if !ordered {
        places = sorted_by(&places, Ord::cmp);
    }
    let begins = places.first().filter(|(place, ..)| *place > 1);
    let gap = places.windows(2).find_map(|pair| match pair {
        [(before, ..), next] if next.0 > before.saturating_add(1) => Some(next),
        _ => None,
    });
    if let Some((place, ad, range)) = begins.or(gap) {
        let missing = place.saturating_sub(1);
        sink.report(
            Id::PodWithGap,
            *ad,
            *range,
            format_args!("the pod has a place {place} and no place {missing}"),
        );
    }
}

type Place = (u64, ElementId, (u32, u32));

fn out_of_order(places: &[Place]) -> Option<Place> {
    places.windows(2).find_map(|pair| match pair {
        [before, next] if next.0 < before.0 => Some(*next),
        _ => None,
    })
}

fn is_true(doc: &Document<'_>, element: &Element, name: NameId) -> bool {
    doc.attr_raw(element, name).is_some_and(|value| matches!(value.trimmed(), "true" | "1"))
}

/// `Ad`: its id, and a flag that nobody reads any more.
pub(crate) fn ad(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(attribute) = doc.attr(element, name::CONDITIONAL_AD) {
        let end = attribute.name_start.saturating_add(u32::from(attribute.name_len));
        sink.report_fix(
            Id::ConditionaladDeprecated,
            id,
            (attribute.name_start, end),
            format_args!("`conditionalAd` is deprecated and read by no player"),
            |doc| {
                // What says nothing can go; what says something was meant.
                let value = doc.slice(attribute.value_start, attribute.value_end);
                matches!(value.trimmed(), "false" | "0")
                    .then(|| mend::remove_attribute(doc, attribute))?
            },
        );
    }
    id_of(doc, sink, id, element);
}

/// `Ad` and `Creative`: an id that says nothing.
pub(crate) fn id_of(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(attribute) = doc.attr(element, name::ID) {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1);
        if identity::is_unfilled(value.trimmed()) {
            let quoted = sink.quote(value);
            sink.report(
                Id::IdNotFilled,
                id,
                range,
                format_args!("the id `{quoted}` is a macro that nobody replaced"),
            );
        } else if value.trimmed().is_empty() {
            let own = element.ty.info().element_name();
            sink.report(Id::IdEmpty, id, range, format_args!("the id of <{own}> is empty"));
        }
    }
}

/// Impressions beyond which players slow down.
const IMPRESSIONS: u32 = 20;

/// `InLine` and `Wrapper`: errors that are heard, impressions that are not too many.
pub(crate) fn ad_body(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let count = |wanted: TypeId| {
        let of =
            doc.children(id).filter(|child| doc.element(*child).is_some_and(|c| c.ty == wanted));
        u32::try_from(of.take(1 << 16).count()).unwrap_or(u32::MAX)
    };
    let inline = element.ty == ty::IN_LINE;
    let rule = if inline { Id::InlineWithoutError } else { Id::WrapperWithoutError };
    if sink.hears(rule) && !element.has(UNCLOSED) && count(ty::ERROR) == 0 {
        let own = element.ty.info().element_name();
        sink.report_on(rule, id, format_args!("<{own}> has no <Error>"));
    }
    if sink.hears(Id::ImpressionsMany) {
        let impressions = count(ty::IMPRESSION);
        if impressions > IMPRESSIONS {
            sink.report_on(
                Id::ImpressionsMany,
                id,
                format_args!("this ad calls {impressions} impression URLs at once"),
            );
        }
    }
    if inline {
        return;
    }
    if let Some(attribute) = doc.attr(element, name::FOLLOW_ADDITIONAL_WRAPPERS)
        && matches!(doc.slice(attribute.value_start, attribute.value_end).trimmed(), "false" | "0")
    {
        sink.report(
            Id::WrapperEndsChain,
            id,
            (attribute.value_start, attribute.value_end),
            format_args!("a wrapper in the answer to this one is ignored"),
        );
    }
}

/// `Survey`: gone from players.
pub(crate) fn survey(_: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    sink.report_on(
        Id::SurveyDeprecated,
        id,
        format_args!("<Survey> is deprecated; verification scripts ask viewers now"),
    );
}
