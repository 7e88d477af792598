//! Creatives: what there is to play, in which order, and in which registry it is known.

use crate::document::{Attribute, Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::known::Known;
use crate::rules::{ads, mend, name_range, time};
use crate::sink::Sink;
use crate::structure::TypeId;
use crate::text::Text as _;

/// `Creatives`: videos that share an id or a place, and more than one.
pub(crate) fn list(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    let (mut ids, mut places, mut linear) = (Known::default(), Known::default(), 0_u32);
    let alone = doc.children(id).nth(1).is_none();
    for creative in doc.children(id) {
        let Some(element) = doc.element(creative) else {
            continue;
        };
        let place = doc.attr(element, name::SEQUENCE).map(|attribute| {
            let range = (attribute.value_start, attribute.value_end);
            (range, time::number(doc.slice(range.0, range.1).trimmed()))
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
            let value = doc.slice(range.0, range.1).trimmed();
            if !value.is_empty() && !ids.is_new((0, value.as_bytes())) {
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
            && !places.is_new((place, b""))
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
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
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
        sink.report_on(
            Id::CreativeWithoutContent,
            id,
            format_args!("<Creative> has no <Linear>, <NonLinearAds> or <CompanionAds>"),
        );
    }
    if kinds > 1 {
        sink.report_on(
            Id::CreativeOfSeveralKinds,
            id,
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
        let registry = doc.attr_raw(found, name::ID_REGISTRY).unwrap_or("").trimmed();
        let known = registries.iter().any(|known| known.is_like(registry));
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
    let value = doc.slice(range.0, range.1).trimmed();
    let other = doc.children(id).find(|child| {
        doc.element(*child).is_some_and(|found| {
            found.ty == ty::UNIVERSAL_AD_ID
                && doc
                    .attr_raw(found, name::ID_REGISTRY)
                    .is_some_and(|registry| registry.trimmed().is_like("ad-id.org"))
        })
    });
    let Some(other) = other.map(|other| doc.content(other)) else {
        return;
    };
    if ads::is_ad_id(value) && !other.is_empty() && !other.is_like(value) {
        let (quoted, other) = (sink.quote(value), sink.quote(&other));
        sink.report(
            Id::AdIdContradiction,
            id,
            range,
            format_args!("the Ad-ID is `{quoted}` here and `{other}` in <UniversalAdId>"),
        );
    }
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
        let registry = doc.slice(range.0, range.1).trimmed();
        let known = MISSPELT.iter().find(|(known, _)| known.is_like(registry));
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
        } else if registry.is_like("unknown") || value.is_like("unknown") {
            sink.report_on(
                Id::UniversaladidUnknown,
                id,
                format_args!("the creative is in no registry"),
            );
        }
    }
    if let Some(attribute) = doc.attr(element, name::ID_VALUE) {
        let written = doc.attribute_value(attribute);
        let written = written.trimmed();
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
