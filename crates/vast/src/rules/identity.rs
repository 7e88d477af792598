//! What names an ad, a creative and those who serve them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::document::{Attribute, Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{ads, mend, name_range, time, writing};
use crate::sink::Sink;
use crate::structure::TypeId;

/// Texts that people read in reports, and ids that are joined with the logs of others.
pub(crate) fn text(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let is_id = match element.ty {
        ty::AD_SERVING_ID | ty::UNIVERSAL_AD_ID => true,
        ty::AD_TITLE | ty::AD_SYSTEM | ty::ADVERTISER | ty::DESCRIPTION => false,
        _ => return,
    };
    let text = doc.content(id);
    let Some(range) = doc.content_range(id) else {
        if matches!(element.ty, ty::ADVERTISER | ty::DESCRIPTION)
            && !element.has(UNCLOSED)
            && element.first_child.some().is_none()
        {
            let name = element.ty.info().element_name();
            sink.report_fix(
                Id::OptionalElementEmpty,
                id,
                name_range(element),
                format_args!("<{name}> is optional and says nothing"),
                |doc| mend::remove_element(doc, id),
            );
        }
        return;
    };
    if is_unfilled(&text) {
        let rule = if is_id { Id::IdNotFilled } else { Id::TextNotFilled };
        let quoted = sink.quote(&text);
        sink.report(rule, id, range, format_args!("`{quoted}` is a macro that nobody replaced"));
    } else if has_markup(&text) {
        let (name, quoted) = (element.ty.info().element_name(), sink.quote(&text));
        sink.report(
            Id::TextWithMarkup,
            id,
            range,
            format_args!("<{name}> holds markup instead of text: `{quoted}`"),
        );
    } else if element.ty == ty::AD_TITLE && is_one_of(&text, &TITLES) {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdtitlePlaceholder,
            id,
            range,
            format_args!("the title `{quoted}` names no ad"),
        );
    } else if element.ty == ty::AD_SYSTEM && is_one_of(&text, &SYSTEMS) {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdsystemPlaceholder,
            id,
            range,
            format_args!("`{quoted}` names no ad server"),
        );
    } else if element.ty == ty::AD_SERVING_ID && text.bytes().any(|byte| byte.is_ascii_whitespace())
    {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdservingidWithSpace,
            id,
            range,
            format_args!("the id `{quoted}` has space in it"),
        );
    }
    if element.ty == ty::AD_SERVING_ID && is_id_of_ad(doc, element, &text) {
        sink.report(
            Id::AdservingidIsAdId,
            id,
            range,
            format_args!("the id of this serving is the id of the ad"),
        );
    }
    writing::check(sink, id, element, range, &text);
    if element.ty == ty::AD_SYSTEM && doc.attr(element, name::VERSION).is_none() {
        sink.report(
            Id::AdsystemWithoutVersion,
            id,
            name_range(element),
            format_args!("<AdSystem> does not say which version of the ad server answered"),
        );
    }
}

/// Titles that name nothing.
const TITLES: [&str; 20] = [
    "ad",
    "title",
    "ad title",
    "adtitle",
    "untitled",
    "test",
    "test ad",
    "unknown",
    "n/a",
    "none",
    "null",
    "undefined",
    "placeholder",
    "default",
    "tbd",
    "todo",
    "my ad",
    "video ad",
    "sample",
    "nan",
];

/// Ad servers that are none.
const SYSTEMS: [&str; 14] = [
    "ad system",
    "adsystem",
    "ad server",
    "adserver",
    "system",
    "unknown",
    "n/a",
    "none",
    "null",
    "undefined",
    "placeholder",
    "default",
    "test",
    "tbd",
];

fn is_one_of(text: &str, known: &[&str]) -> bool {
    text.len() <= 12 && known.iter().any(|known| known.eq_ignore_ascii_case(text))
}

/// Whether a macro stands where its value should: `${X}`, `%%X%%`, `{{X}}` anywhere, `[X]` alone,
/// because people write brackets into titles.
pub(crate) fn is_unfilled(text: &str) -> bool {
    let bracketed = |text: &str| {
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        })
    };
    let between = |open: &str, close: &str| {
        text.split_once(open).is_some_and(|(_, rest)| {
            rest.find(close).is_some_and(|at| {
                rest.get(..at).is_some_and(|name| {
                    !name.is_empty()
                        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
                })
            })
        })
    };
    memchr::memchr3(b'$', b'%', b'{', text.as_bytes()).is_some()
        && (between("${", "}") || between("%%", "%%") || between("{{", "}}"))
        || bracketed(text)
}

/// `<` before a letter, `/` or `!`.
fn has_markup(text: &str) -> bool {
    memchr::memchr_iter(b'<', text.as_bytes()).any(|at| {
        text.as_bytes()
            .get(at + 1)
            .is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!'))
    })
}

/// `VAST`: ids that more than one ad has.
pub(crate) fn ads(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId) {
    let of_type = |parent: ElementId, wanted: TypeId| {
        doc.children(parent)
            .filter_map(|child| Some((child, doc.element(child)?)))
            .filter(move |(_, element)| element.ty == wanted)
    };
    let count = of_type(id, ty::AD).count().min(4096);
    if count < 2 {
        return;
    }
    let list = || Vec::with_capacity(count);
    let (mut ids, mut servings, mut played) = (list(), list(), list());
    for (ad, element) in of_type(id, ty::AD) {
        if let Some(attribute) = doc.attr(element, name::ID) {
            let range = (attribute.value_start, attribute.value_end);
            let value = doc.slice(range.0, range.1).trim_ascii();
            ids.push((("", Cow::Borrowed(value)), ad, range));
        }
        let in_pod = doc.attr(element, name::SEQUENCE).is_some();
        for (inline, _) in of_type(ad, ty::IN_LINE) {
            for (child, found) in of_type(inline, ty::AD_SERVING_ID) {
                servings.push((("", doc.content(child)), child, name_range(found)));
            }
            let creatives = of_type(inline, ty::CREATIVES);
            let creatives = creatives.flat_map(|(list, _)| of_type(list, ty::CREATIVE));
            // Companions travel with their video and repeat its id.
            let linear = creatives
                .filter(|(creative, _)| in_pod && of_type(*creative, ty::LINEAR).next().is_some());
            for (child, found) in
                linear.flat_map(|(creative, _)| of_type(creative, ty::UNIVERSAL_AD_ID).take(1))
            {
                let registry = doc.attr_raw(found, name::ID_REGISTRY).unwrap_or("").trim_ascii();
                played.push(((registry, doc.content(child)), child, name_range(found)));
            }
        }
    }
    for_repeated(ids, |ad, range, value| {
        let quoted = sink.quote(value);
        sink.report(
            Id::AdIdDuplicate,
            ad,
            range,
            format_args!("an ad before this one has the id `{quoted}`, too"),
        );
    });
    for_repeated(servings, |serving, range, _| {
        sink.report(
            Id::AdservingidReused,
            serving,
            range,
            format_args!("an ad before this one has the same AdServingId"),
        );
    });
    for_repeated(played, |universal, range, _| {
        sink.report(
            Id::PodRepeatsCreative,
            universal,
            range,
            format_args!("an ad before this one of the pod plays the same creative"),
        );
    });
}

/// A value within its namespace, the element that has it and where that is shown.
pub(crate) type Named<'d> = ((&'d str, Cow<'d, str>), ElementId, (u32, u32));

/// Every element whose value an element before it has. What names nothing repeats nothing.
pub(crate) fn for_repeated(
    mut all: Vec<Named<'_>>,
    mut report: impl FnMut(ElementId, (u32, u32), &str),
) {
    all.sort_unstable();
    let mut again: Vec<&Named<'_>> = Vec::new();
    for pair in all.windows(2) {
        if let [(before, ..), after] = pair
            && *before == after.0
            && !after.0.1.is_empty()
            && !after.0.1.eq_ignore_ascii_case("unknown")
            && !is_unfilled(&after.0.1)
        {
            again.push(after);
        }
    }
    // The places of findings are found fast in the order of the document.
    again.sort_unstable_by_key(|(_, id, _)| *id);
    for (value, id, range) in again {
        report(*id, *range, &value.1);
    }
}

/// `Creatives`: videos that share an id or a place, and more than one.
pub(crate) fn creatives(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId) {
    let (mut ids, mut places, mut linear) = (BTreeSet::new(), BTreeSet::new(), 0_u32);
    let alone = doc.children(id).nth(1).is_none();
    for creative in doc.children(id) {
        let Some(element) = doc.element(creative) else {
            continue;
        };
        let place = doc.attr(element, name::SEQUENCE).map(|attribute| {
            let range = (attribute.value_start, attribute.value_end);
            (range, time::number(doc.slice(range.0, range.1).trim_ascii()))
        });
        if let Some((range, Some(0))) = place {
            sink.report(
                Id::CreativeSequenceZero,
                creative,
                range,
                format_args!("places of creatives count from 1"),
            );
        }
        let video = doc.children(creative).any(|child| {
            doc.element(child)
                .is_some_and(|child| matches!(child.ty, ty::LINEAR | ty::WRAPPER_LINEAR))
        });
        // A companion shares the place of the video that it stands beside.
        if !video || alone {
            continue;
        }
        linear += u32::from(element.ty == ty::CREATIVE);
        if let Some(attribute) = doc.attr(element, name::ID) {
            let range = (attribute.value_start, attribute.value_end);
            let value = doc.slice(range.0, range.1).trim_ascii();
            if !value.is_empty() && !ids.insert(value) {
                let quoted = sink.quote(value);
                sink.report(
                    Id::CreativeIdDuplicate,
                    creative,
                    range,
                    format_args!("another video of this ad has the id `{quoted}`, too"),
                );
            }
        }
        if let Some((range, Some(place))) = place.filter(|(_, place)| *place != Some(0))
            && !places.insert(place)
        {
            sink.report(
                Id::CreativeSequenceDuplicate,
                creative,
                range,
                format_args!("another video of this ad has the place {place} already"),
            );
        }
        if linear == 2 {
            linear += 1;
            sink.report(
                Id::InlineWithSeveralLinear,
                creative,
                name_range(element),
                format_args!("this ad has a second <Linear>; most players play the first only"),
            );
        }
    }
}

/// `Creative` of an inline ad: something to play, and its ids.
pub(crate) fn creative(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let (mut kinds, mut open) = (0_u32, element.has(UNCLOSED));
    let mut ids = 0_u32;
    for child in doc.children(id) {
        match doc.element(child).map(|child| child.ty) {
            Some(ty::LINEAR | ty::NON_LINEAR_ADS | ty::COMPANION_ADS) => kinds += 1,
            Some(ty::UNIVERSAL_AD_ID) => ids += 1,
            // A name that nobody knows is reported as such.
            Some(TypeId::OPEN) | None => open = true,
            _ => {}
        }
    }
    if kinds == 0 && !open {
        sink.report(
            Id::CreativeWithoutContent,
            id,
            name_range(element),
            format_args!("<Creative> has no <Linear>, <NonLinearAds> or <CompanionAds>"),
        );
    }
    if kinds > 1 {
        sink.report(
            Id::CreativeOfSeveralKinds,
            id,
            name_range(element),
            format_args!(
                "<Creative> has more than one of <Linear>, <NonLinearAds>, <CompanionAds>"
            ),
        );
    }
    if let Some(attribute) =
        doc.attr(element, name::AD_ID_ALT).or_else(|| doc.attr(element, name::AD_ID))
    {
        contradicted(doc, sink, id, attribute);
    }
    if ids < 2 {
        return;
    }
    let mut registries: Vec<&str> = Vec::new();
    let universal = doc
        .children(id)
        .filter_map(|child| Some((child, doc.element(child)?)))
        .filter(|(_, found)| found.ty == ty::UNIVERSAL_AD_ID);
    for (universal, found) in universal.take(64) {
        let registry = doc.attr_raw(found, name::ID_REGISTRY).unwrap_or("").trim_ascii();
        let known = registries.iter().any(|known| known.eq_ignore_ascii_case(registry));
        if known && !registry.is_empty() {
            let quoted = sink.quote(registry);
            sink.report(
                Id::UniversaladidDuplicate,
                universal,
                name_range(found),
                format_args!("this creative has an id of the registry `{quoted}` already"),
            );
        }
        registries.push(registry);
    }
}

/// `adId` of a creative whose UniversalAdId is another Ad-ID.
fn contradicted(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, attribute: &Attribute) {
    let range = (attribute.value_start, attribute.value_end);
    let value = doc.slice(range.0, range.1).trim_ascii();
    let other = doc.children(id).find(|child| {
        doc.element(*child).is_some_and(|found| {
            found.ty == ty::UNIVERSAL_AD_ID
                && doc
                    .attr_raw(found, name::ID_REGISTRY)
                    .is_some_and(|registry| registry.trim_ascii().eq_ignore_ascii_case("ad-id.org"))
        })
    });
    let Some(other) = other.map(|other| doc.content(other)) else {
        return;
    };
    if ads::is_ad_id(value) && !other.is_empty() && !other.eq_ignore_ascii_case(value) {
        let (quoted, other) = (sink.quote(value), sink.quote(&other));
        sink.report(
            Id::AdIdContradiction,
            id,
            range,
            format_args!("the Ad-ID is `{quoted}` here and `{other}` in <UniversalAdId>"),
        );
    }
}

/// Whether an ad has this text as its id.
fn is_id_of_ad(doc: &Document<'_>, inside: &Element, text: &str) -> bool {
    let body = doc.element(inside.parent);
    let ad = body.and_then(|body| doc.element(body.parent)).filter(|ad| ad.ty == ty::AD);
    ad.is_some_and(|ad| doc.attr_raw(ad, name::ID).is_some_and(|id| id.trim_ascii() == text))
}

/// Registries under names that are not theirs.
const MISSPELT: [(&str, &str); 6] = [
    ("ad-id", "ad-id.org"),
    ("adid", "ad-id.org"),
    ("ad-id.com", "ad-id.org"),
    ("adid.org", "ad-id.org"),
    ("www.ad-id.org", "ad-id.org"),
    ("clearcast", "clearcast.co.uk"),
];

/// `UniversalAdId`: whose id it is, and that it says one thing.
pub(crate) fn universal(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let value = doc.content(id);
    if let Some(attribute) = doc.attr(element, name::ID_REGISTRY) {
        let range = (attribute.value_start, attribute.value_end);
        let registry = doc.slice(range.0, range.1).trim_ascii();
        let known = MISSPELT.iter().find(|(known, _)| known.eq_ignore_ascii_case(registry));
        if let Some((_, right)) = known {
            let quoted = sink.quote(registry);
            sink.report_fix(
                Id::UniversaladidRegistryMisspelt,
                id,
                range,
                format_args!("the registry `{quoted}` is known as `{right}`"),
                |_| {
                    // The registry of an id that is not of its form may be any other.
                    (*right != "ad-id.org" || ads::is_ad_id(&value))
                        .then(|| mend::replace("Name the registry", range, right))?
                },
            );
        } else if registry.is_empty() {
            sink.report(
                Id::UniversaladidRegistryEmpty,
                id,
                range,
                format_args!("`idRegistry` is empty; where no registry has the id it is `unknown`"),
            );
        } else if registry.eq_ignore_ascii_case("unknown") || value.eq_ignore_ascii_case("unknown")
        {
            sink.report(
                Id::UniversaladidUnknown,
                id,
                name_range(element),
                format_args!("the creative is in no registry"),
            );
        }
    }
    if let Some(attribute) = doc.attr(element, name::ID_VALUE) {
        let written = doc.attribute_value(attribute);
        let written = written.trim_ascii();
        if !value.is_empty() && !written.is_empty() && written != value {
            sink.report(
                Id::UniversaladidContradiction,
                id,
                (attribute.value_start, attribute.value_end),
                format_args!("`idValue` and the text of <UniversalAdId> name two creatives"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_is_told_from_a_title_in_brackets() {
        for text in ["${AD_ID}", "%%TITLE%%", "a-{{campaign.name}}", "[ADSERVINGID]", "%%a%%b"] {
            assert!(is_unfilled(text), "{text}");
        }
        for text in ["", "[]", "[Sponsored] Shoes", "100% wool", "${", "%%%%", "5 $ {}", "[ad]"] {
            assert!(!is_unfilled(text), "{text}");
        }
    }

    #[test]
    fn markup_is_told_from_a_heart() {
        assert!(has_markup("<b>Shoes</b>") && has_markup("a <!-- b") && has_markup("</i>"));
        assert!(!has_markup("I <3 shoes") && !has_markup("<") && !has_markup("1 < 2"));
    }
}
