//! The checks. Each is a function here or a row of the structure table; what it means stands in
//! its file in `rules/vast/`.

mod adcom;
mod addendum;
mod ads;
mod billing;
mod captions;
mod characters;
mod clicks;
mod companions;
mod creatives;
mod daast;
mod extension;
mod host;
mod icons;
mod identity;
mod macros;
mod media;
pub(crate) mod mend;
mod nonlinear;
mod offset;
mod order;
mod parameters;
mod pods;
mod portfolio;
mod prolog;
mod qr;
mod resources;
mod root;
mod simid;
mod structure;
mod taxonomy;
pub(crate) mod time;
mod tracking;
mod url;
mod values;
mod verification;
mod vmap;
mod vmap_source;
mod writing;
pub(crate) mod xml;

use std::borrow::Cow;

use crate::document::{Document, Element, ElementId};
use crate::generated::structure::ty;
use crate::parse::excerpt;
use crate::sink::Sink;
use crate::structure::{Content, NameId, TypeId};

/// Judges one element.
#[allow(clippy::too_many_lines, reason = "one row a type of element")]
pub(crate) fn element(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let info = element.ty.info();
    structure::check(doc, sink, id, element, info);
    if element.attr_seen != 0 {
        values::check(doc, sink, id, element, info);
    }
    match info.content {
        Content::Uri => url::check(doc, sink, id, element),
        Content::Duration => time::duration(doc, sink, id, element),
        Content::Text => identity::text(doc, sink, id, element),
        Content::Elements => {
            extension::text(doc, sink, id, element);
            order::check(doc, sink, id, element, info);
        }
        Content::Open => {}
    }
    match element.ty {
        ty::VAST => {
            root::vast(doc, sink, id, element);
            nonlinear::draft(doc, sink, id, element);
            ads::sequence(doc, sink, id);
            if element.twice != 0 {
                identity::ads(doc, sink, id);
            }
            pods::response(doc, sink, id, element);
        }
        ty::AD => {
            root::ad(doc, sink, id, element);
            pods::ad(doc, sink, id, element);
        }
        ty::IN_LINE | ty::WRAPPER => {
            pods::ad_body(doc, sink, id, element);
            // Most ads have each of their children once.
            if element.twice != 0 {
                ads::impressions(doc, sink, id);
                taxonomy::duplicates(doc, sink, id);
            }
            if element.ty == ty::WRAPPER {
                clicks::wrapper(doc, sink, id);
            }
        }
        ty::CREATIVES | ty::WRAPPER_CREATIVES => creatives::list(doc, sink, id),
        ty::CREATIVE => {
            creatives::check(doc, sink, id, element);
            pods::id_of(doc, sink, id, element);
        }
        ty::TRACKING_EVENTS => tracking::events(doc, sink, id, element),
        ty::VIDEO_CLICKS | ty::WRAPPER_VIDEO_CLICKS => clicks::video(doc, sink, id, element),
        ty::WRAPPER_LINEAR => time::wrapper_skip_offset(doc, sink, id, element),
        ty::LINEAR => {
            time::skip_offset(doc, sink, id, element);
            clicks::linear(doc, sink, id, element);
            ads::quartiles(doc, sink, id, element);
        }
        ty::TRACKING => time::progress(doc, sink, id, element),
        ty::MEDIA_FILES => media::files(doc, sink, id, element),
        ty::MEDIA_FILE | ty::MEZZANINE | ty::EXTENSION_MEZZANINE | ty::NON_LINEAR_MEDIA_FILE => {
            media::file(doc, sink, id, element);
        }
        ty::CLOSED_CAPTION_FILES => captions::files(doc, sink, id, element),
        ty::CLOSED_CAPTION_FILE => captions::file(doc, sink, id, element),
        ty::AD_PARAMETERS | ty::EXTENSION_AD_PARAMETERS => {
            parameters::check(doc, sink, id, element);
        }
        ty::COMPANION_ADS | ty::NON_LINEAR_ADS => companions::container(doc, sink, id, element),
        ty::COMPANION => {
            resources::shown(doc, sink, id, element);
            companions::sizes(doc, sink, id, element);
            companions::image(doc, sink, id, element);
        }
        ty::STATIC_RESOURCE => companions::static_resource(doc, sink, id, element),
        ty::HTMLRESOURCE => companions::html(doc, sink, id, element),
        ty::ICON => {
            resources::shown(doc, sink, id, element);
            icons::icon(doc, sink, id, element);
        }
        ty::ICON_CLICKS => icons::clicks(doc, sink, id, element),
        ty::ICON_CLICK_FALLBACK_IMAGE => icons::fallback(doc, sink, id, element),
        ty::NON_LINEAR => {
            resources::shown(doc, sink, id, element);
            companions::sizes(doc, sink, id, element);
            simid::non_linear(doc, sink, id, element);
            nonlinear::check(doc, sink, id, element);
        }
        ty::VERIFICATION => {
            resources::verification(doc, sink, id, element);
            verification::check(doc, sink, id, element);
        }
        ty::INTERACTIVE_CREATIVE_FILE | ty::NON_LINEAR_INTERACTIVE_CREATIVE_FILE => {
            simid::interactive(doc, sink, id, element);
        }
        ty::UNIVERSAL_AD_ID => {
            ads::universal_ad_id(doc, sink, id, element);
            creatives::universal(doc, sink, id, element);
        }
        ty::PRICING => {
            ads::pricing(doc, sink, id, element);
            billing::pricing(doc, sink, id, element);
        }
        _ => other(doc, sink, id, element),
    }
}

/// Judges an element that is seldom there.
fn other(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    match element.ty {
        ty::CATEGORY | ty::BLOCKED_AD_CATEGORIES => taxonomy::check(doc, sink, id, element),
        ty::VIEWABLE_IMPRESSION => billing::viewable(doc, sink, id, element),
        ty::EXPIRES => billing::expires(doc, sink, id, element),
        ty::SURVEY => pods::survey(sink, id, element),
        ty::AD_VERIFICATIONS => verification::list(doc, sink, id, element),
        ty::VERIFICATION_TRACKING => {
            tracking::verification(doc, sink, id, element);
            verification::tracking(doc, sink, id, element);
        }
        ty::JAVA_SCRIPT_RESOURCE | ty::EXECUTABLE_RESOURCE => {
            verification::resource(doc, sink, id, element);
        }
        ty::EXTENSION | ty::CREATIVE_EXTENSION => extension::check(doc, sink, id, element),
        ty::EXTENSIONS => {
            adcom::extensions(doc, sink, id, element);
            extension::list(sink, id, element);
        }
        ty::CREATIVE_EXTENSIONS => extension::list(sink, id, element),
        _ => schedule_or_payload(doc, sink, id, element),
    }
}

/// Judges an element of VMAP, of DAAST or of an extension that has a standard.
fn schedule_or_payload(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    match element.ty {
        ty::UNIVERSAL_AD_ID_EXTENSION
        | ty::MEZZANINE_EXTENSION
        | ty::INTERACTIVE_CREATIVE_FILE_EXTENSION
        | ty::ICON_EXTENSION => addendum::extension(doc, sink, id, element),
        ty::EXTENSION_UNIVERSAL_AD_ID => {
            addendum::universal_ad_id(doc, sink, id, element);
            ads::universal_ad_id(doc, sink, id, element);
        }
        ty::EXTENSION_INTERACTIVE_CREATIVE_FILE => {
            simid::interactive(doc, sink, id, element);
            addendum::interactive(doc, sink, id, element);
        }
        ty::ADCOM_EXTENSION => adcom::extension(doc, sink, id, element),
        ty::ADCOM_SIGNAL => adcom::signal(doc, sink, id, element),
        ty::CTV_AD_PORTFOLIO_EXTENSION => {
            portfolio::check(doc, sink, id, element);
            adcom::container(doc, sink, id);
        }
        ty::TL_QRCODE_CREATIVE_EXTENSION => qr::check(doc, sink, id, element),
        ty::DAAST => daast::root(doc, sink, id, element),
        ty::DAAST_AD => daast::ad(doc, sink, id, element),
        ty::DAAST_IN_LINE => ads::impressions(doc, sink, id),
        ty::DAAST_WRAPPER => {
            daast::wrapper(doc, sink, id, element);
            ads::impressions(doc, sink, id);
        }
        ty::DAAST_LINEAR => {
            time::skip_offset(doc, sink, id, element);
            daast::linear(doc, sink, id);
        }
        ty::DAAST_WRAPPER_LINEAR => daast::linear(doc, sink, id),
        ty::DAAST_TRACKING => time::progress(doc, sink, id, element),
        ty::DAAST_MEDIA_FILE => daast::file(doc, sink, id, element),
        ty::DAAST_PRICING => ads::pricing(doc, sink, id, element),
        ty::VMAP => vmap::root(doc, sink, id, element),
        ty::AD_BREAK => vmap::ad_break(doc, sink, id, element),
        ty::AD_SOURCE => vmap_source::source(doc, sink, id, element),
        ty::VASTAD_DATA => vmap_source::data(doc, sink, id, element),
        ty::AD_TAG_URI | ty::CUSTOM_AD_DATA => vmap_source::template(doc, sink, id, element),
        ty::VMAP_TRACKING => vmap_source::tracking(doc, sink, id, element),
        _ => {}
    }
}

/// A number that tells most texts apart. Equal numbers are no proof of equal texts.
fn text_hash(text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (chunks, rest) = text.as_chunks::<8>();
    let mut hash = u64::try_from(text.len()).unwrap_or(0);
    for chunk in chunks {
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*chunk)).wrapping_mul(FACTOR);
    }
    for byte in rest {
        hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    hash
}

/// How many children are compared one by one.
const FEW: usize = 8;

/// Children of a type that have the same text and the same values of these attributes as one
/// before them.
fn repeated(
    doc: &Document<'_>,
    parent: ElementId,
    ty: TypeId,
    attributes: &[NameId],
    mut report: impl FnMut(ElementId, &Element),
) {
    let of_type = || {
        doc.children(parent)
            .filter(move |child| doc.element(*child).is_some_and(|child| child.ty == ty))
    };
    let same = |a: ElementId, b: ElementId| {
        let (Some(a), Some(b)) = (doc.element(a), doc.element(b)) else {
            return false;
        };
        attributes.iter().all(|name| doc.attr_raw(a, *name) == doc.attr_raw(b, *name))
    };
    // A few are compared one by one, without a list of them.
    if of_type().nth(FEW).is_none() {
        for (place, child) in of_type().enumerate().skip(1) {
            let text = doc.content(child);
            let before = |other: &ElementId| doc.content(*other) == text && same(*other, child);
            if !text.is_empty()
                && of_type().take(place).any(|other| before(&other))
                && let Some(element) = doc.element(child)
            {
                report(child, element);
            }
        }
        return;
    }
    let mut seen: Vec<(Cow<'_, str>, ElementId)> =
        of_type().map(|child| (doc.content(child), child)).collect();
    seen.retain(|(text, _)| !text.is_empty());
    seen.sort();
    let mut again = Vec::new();
    // Equal texts stand together; renditions of one address are few.
    for group in seen.chunk_by(|(a, _), (b, _)| a == b) {
        let window = group.get(..group.len().min(64)).unwrap_or(group);
        for (place, (_, child)) in window.iter().enumerate() {
            let before = window.get(..place).unwrap_or_default();
            if before.iter().any(|(_, earlier)| same(*earlier, *child)) {
                again.push(*child);
            }
        }
    }
    // The places of findings are found fast in the order of the document.
    again.sort_unstable();
    for child in again {
        if let Some(element) = doc.element(child) {
            report(child, element);
        }
    }
}

/// A value of the document, bounded, for a field of the report.
pub(crate) fn quoted(text: &str) -> Box<str> {
    // What is short and plain, as versions are, needs no formatting.
    if text.len() <= 60 && !text.contains(char::is_control) {
        return text.into();
    }
    excerpt(text, 60).to_string().into()
}

/// The name in a start tag: where a fault of an element as a whole is shown.
fn name_range(element: &Element) -> (u32, u32) {
    let start = element.start.saturating_add(1);
    (start, start.saturating_add(u32::from(element.name_len)))
}
