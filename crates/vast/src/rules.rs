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
use crate::sort::sorted_by;
use crate::structure::{Content, NameId, TypeId};

/// Judges one element.
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
    for judge in judges(element.ty) {
        judge(doc, sink, id, element);
    }
}

/// A check of one element.
///
/// It is called through a pointer, so that the compiler does not melt all checks into one function:
/// that would be a quarter larger in WebAssembly, and no engine optimises it well.
type Judge = fn(&Document<'_>, &mut Sink<'_>, ElementId, &Element);

/// The checks of a type of element.
#[allow(clippy::too_many_lines, reason = "one row a type of element")]
fn judges(ty: TypeId) -> &'static [Judge] {
    match ty {
        ty::VAST => &[root::vast, nonlinear::draft, ads::sequence, identity::ads, pods::response],
        ty::AD => &[root::ad, pods::ad],
        ty::IN_LINE => &[pods::ad_body, ads::impressions, taxonomy::duplicates],
        ty::WRAPPER => &[pods::ad_body, ads::impressions, taxonomy::duplicates, clicks::wrapper],
        ty::CREATIVES | ty::WRAPPER_CREATIVES => &[creatives::list],
        ty::CREATIVE => &[creatives::check, pods::id_of],
        ty::TRACKING_EVENTS => &[tracking::events],
        ty::VIDEO_CLICKS | ty::WRAPPER_VIDEO_CLICKS => &[clicks::video],
        ty::WRAPPER_LINEAR => &[time::wrapper_skip_offset],
        ty::LINEAR => &[time::skip_offset, clicks::linear, ads::quartiles],
        ty::TRACKING => &[time::progress],
        ty::MEDIA_FILES => &[media::files],
        ty::MEDIA_FILE | ty::MEZZANINE | ty::EXTENSION_MEZZANINE | ty::NON_LINEAR_MEDIA_FILE => {
            &[media::file]
        }
        ty::CLOSED_CAPTION_FILES => &[captions::files],
        ty::CLOSED_CAPTION_FILE => &[captions::file],
        ty::AD_PARAMETERS | ty::EXTENSION_AD_PARAMETERS => &[parameters::check],
        ty::COMPANION_ADS | ty::NON_LINEAR_ADS => &[companions::container],
        ty::COMPANION => &[resources::shown, companions::sizes, companions::image],
        ty::STATIC_RESOURCE => &[companions::static_resource],
        ty::HTMLRESOURCE => &[companions::html],
        ty::ICON => &[resources::shown, icons::icon],
        ty::ICON_CLICKS => &[icons::clicks],
        ty::ICON_CLICK_FALLBACK_IMAGE => &[icons::fallback],
        ty::NON_LINEAR => {
            &[resources::shown, companions::sizes, simid::non_linear, nonlinear::check]
        }
        ty::VERIFICATION => &[resources::verification, verification::check],
        ty::INTERACTIVE_CREATIVE_FILE | ty::NON_LINEAR_INTERACTIVE_CREATIVE_FILE => {
            &[simid::interactive]
        }
        ty::UNIVERSAL_AD_ID => &[ads::universal_ad_id, creatives::universal],
        ty::PRICING => &[ads::pricing, billing::pricing],
        ty::CATEGORY | ty::BLOCKED_AD_CATEGORIES => &[taxonomy::check],
        ty::VIEWABLE_IMPRESSION => &[billing::viewable],
        ty::EXPIRES => &[billing::expires],
        ty::SURVEY => &[pods::survey],
        ty::AD_VERIFICATIONS => &[verification::list],
        ty::VERIFICATION_TRACKING => &[tracking::verification, verification::tracking],
        ty::JAVA_SCRIPT_RESOURCE | ty::EXECUTABLE_RESOURCE => &[verification::resource],
        ty::EXTENSION | ty::CREATIVE_EXTENSION => &[extension::check],
        ty::EXTENSIONS => &[adcom::extensions, extension::list],
        ty::CREATIVE_EXTENSIONS => &[extension::list],
        _ => judges_of_payload(ty),
    }
}

/// The checks of a type of VMAP, of DAAST or of an extension that has a standard.
fn judges_of_payload(ty: TypeId) -> &'static [Judge] {
    match ty {
        ty::UNIVERSAL_AD_ID_EXTENSION
        | ty::MEZZANINE_EXTENSION
        | ty::INTERACTIVE_CREATIVE_FILE_EXTENSION
        | ty::ICON_EXTENSION => &[addendum::extension],
        ty::EXTENSION_UNIVERSAL_AD_ID => &[addendum::universal_ad_id, ads::universal_ad_id],
        ty::EXTENSION_INTERACTIVE_CREATIVE_FILE => &[simid::interactive, addendum::interactive],
        ty::ADCOM_EXTENSION => &[adcom::extension],
        ty::ADCOM_SIGNAL => &[adcom::signal],
        ty::CTV_AD_PORTFOLIO_EXTENSION => &[portfolio::check, adcom::container],
        ty::TL_QRCODE_CREATIVE_EXTENSION => &[qr::check],
        ty::DAAST => &[daast::root],
        ty::DAAST_AD => &[daast::ad],
        ty::DAAST_IN_LINE => &[ads::impressions],
        ty::DAAST_WRAPPER => &[daast::wrapper, ads::impressions],
        ty::DAAST_LINEAR => &[time::skip_offset, daast::linear],
        ty::DAAST_WRAPPER_LINEAR => &[daast::linear],
        ty::DAAST_TRACKING => &[time::progress],
        ty::DAAST_MEDIA_FILE => &[daast::file],
        ty::DAAST_PRICING => &[ads::pricing],
        ty::VMAP => &[vmap::root],
        ty::AD_BREAK => &[vmap::ad_break],
        ty::AD_SOURCE => &[vmap_source::source],
        ty::VASTAD_DATA => &[vmap_source::data],
        ty::AD_TAG_URI | ty::CUSTOM_AD_DATA => &[vmap_source::template],
        ty::VMAP_TRACKING => &[vmap_source::tracking],
        _ => &[],
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

/// A product, or the largest number where it is larger. To check a product of 64 bits takes one of
/// 128, which in WebAssembly is a routine; nearly all factors have half of the bits.
#[inline(never)]
fn times(a: u64, b: u64) -> u64 {
    if (a | b) >> 32 == 0 { a.wrapping_mul(b) } else { a.saturating_mul(b) }
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
    report: &mut dyn FnMut(ElementId),
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
            if !text.is_empty() && of_type().take(place).any(|other| before(&other)) {
                report(child);
            }
        }
        return;
    }
    let mut seen: Vec<(Cow<'_, str>, ElementId)> =
        of_type().map(|child| (doc.content(child), child)).collect();
    seen.retain(|(text, _)| !text.is_empty());
    let seen: Vec<_> = seen.iter().collect();
    let seen = sorted_by(&seen, |a, b| a.0.cmp(&b.0));
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
    for child in sorted_by(&again, Ord::cmp) {
        report(child);
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
#[cold]
#[inline(never)]
pub(crate) fn name_range(element: &Element) -> (u32, u32) {
    let start = element.start.saturating_add(1);
    (start, start.saturating_add(u32::from(element.name_len)))
}
