//! What profiles ask of a document, gathered in one pass.

use std::ops::Range;

use super::requirement::Urls;
use crate::document::{Document, Element, ElementId};
use crate::generated::structure::{name, ty};
use crate::rules::time;
use crate::structure::{Content, TypeId};

/// What profiles ask of a document.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) vasts: Vec<ElementId>,
    pub(super) ads: Vec<Ad>,
    pub(super) linears: Vec<Linear>,
    pub(super) files: Vec<ElementId>,
    pub(super) nonlinears: Vec<ElementId>,
    pub(super) verifications: Vec<ElementId>,
    pub(super) simid: Vec<ElementId>,
    /// Addresses with `http:`.
    pub(super) insecure: Vec<(Urls, ElementId)>,
}

/// One ad, or in VMAP the address of some.
pub(super) struct Ad {
    pub(super) id: ElementId,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) holds: Holds,
    pub(super) in_pod: bool,
    pub(super) has_linear: bool,
    /// Whether there is anything to show: video, an overlay, a companion.
    pub(super) has_creative: bool,
}

/// What an ad is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Nothing,
    Inline,
    /// The address of another response.
    Wrapper,
    /// The same, of VMAP: it is no ad itself.
    Tag,
}

/// One linear creative of an inline ad.
pub(super) struct Linear {
    pub(super) id: ElementId,
    creative: usize,
    pub(super) duration: Option<ElementId>,
    pub(super) duration_ms: Option<u64>,
    pub(super) skippable: bool,
    pub(super) mezzanine: bool,
    pub(super) universal_ad_id: bool,
    /// Its media files, as a range of [`Facts::files`].
    pub(super) files: Range<usize>,
}

impl Facts {
    pub(super) fn gather(doc: &Document<'_>) -> Self {
        let mut facts = Self::default();
        // Whether each creative has an identifier: it may stand before or after <Linear>.
        let mut identified: Vec<bool> = Vec::new();
        for id in doc.elements() {
            let Some(element) = doc.element(id) else {
                continue;
            };
            match element.ty {
                ty::VAST => facts.vasts.push(id),
                ty::AD | ty::AD_TAG_URI => facts.ad(doc, id, element),
                ty::IN_LINE => facts.of_ad(element, |ad| ad.holds = Holds::Inline),
                ty::WRAPPER => facts.of_ad(element, |ad| ad.holds = Holds::Wrapper),
                ty::CREATIVE => identified.push(false),
                ty::UNIVERSAL_AD_ID => {
                    if let Some(known) = identified.last_mut() {
                        *known |= identifies(doc, id, element);
                    }
                }
                ty::LINEAR => facts.linear(doc, id, element, identified.len()),
                ty::DURATION => facts.duration(doc, id, element),
                ty::MEDIA_FILE if facts.in_linear(doc, element) => facts.file(id),
                ty::MEZZANINE if facts.in_linear(doc, element) => {
                    if let Some(linear) = facts.linears.last_mut() {
                        linear.mezzanine = true;
                    }
                }
                ty::INTERACTIVE_CREATIVE_FILE if api_is(doc, element, "SIMID") => {
                    facts.simid.push(id);
                }
                ty::NON_LINEAR => {
                    facts.of_ad(element, |ad| ad.has_creative = true);
                    facts.nonlinears.push(id);
                }
                ty::COMPANION => facts.of_ad(element, |ad| ad.has_creative = true),
                ty::AD_VERIFICATIONS => facts.verifications.push(id),
                _ => {}
            }
            if element.ty.info().content == Content::Uri && is_http(doc, id) {
                facts.insecure.push((urls(element.ty), id));
            }
        }
        for linear in &mut facts.linears {
            let known = linear.creative.checked_sub(1).and_then(|place| identified.get(place));
            linear.universal_ad_id = known.copied().unwrap_or(false);
        }
        facts
    }

    /// The ad that an element of the text stands in.
    pub(super) fn ad_at(&self, start: u32) -> Option<usize> {
        let after = self.ads.partition_point(|ad| ad.start <= start);
        let place = after.checked_sub(1)?;
        self.ads.get(place).filter(|ad| start < ad.end).map(|_| place)
    }

    fn ad(&mut self, doc: &Document<'_>, id: ElementId, element: &Element) {
        self.ads.push(Ad {
            id,
            start: element.start,
            end: element.end,
            holds: if element.ty == ty::AD { Holds::Nothing } else { Holds::Tag },
            in_pod: doc.attr(element, name::SEQUENCE).is_some(),
            has_linear: false,
            has_creative: false,
        });
    }

    fn of_ad(&mut self, element: &Element, change: impl FnOnce(&mut Ad)) {
        if let Some(ad) = self.ads.last_mut().filter(|ad| element.start < ad.end) {
            change(ad);
        }
    }

    fn linear(&mut self, doc: &Document<'_>, id: ElementId, element: &Element, creative: usize) {
        self.of_ad(element, |ad| (ad.has_linear, ad.has_creative) = (true, true));
        self.linears.push(Linear {
            id,
            creative,
            duration: None,
            duration_ms: None,
            skippable: doc.attr(element, name::SKIPOFFSET).is_some(),
            mezzanine: false,
            universal_ad_id: false,
            files: self.files.len()..self.files.len(),
        });
    }

    /// Whether a file belongs to the last linear creative: a nonlinear one may have files, too.
    fn in_linear(&self, doc: &Document<'_>, file: &Element) -> bool {
        let files = doc.element(file.parent);
        self.linears
            .last()
            .is_some_and(|linear| files.is_some_and(|files| files.parent == linear.id))
    }

    fn duration(&mut self, doc: &Document<'_>, id: ElementId, element: &Element) {
        if let Some(linear) = self.linears.last_mut().filter(|linear| linear.id == element.parent) {
            linear.duration = Some(id);
            linear.duration_ms = time::millis(&doc.content(id));
        }
    }

    fn file(&mut self, id: ElementId) {
        self.files.push(id);
        let end = self.files.len();
        if let Some(linear) = self.linears.last_mut() {
            linear.files.end = end;
        }
    }
}

/// The essence of a file's type, without parameters.
pub(super) fn media_type<'d>(doc: &'d Document<'_>, file: ElementId) -> &'d str {
    let written = doc.element(file).and_then(|element| doc.attr_raw(element, name::TYPE));
    let written = written.unwrap_or("");
    written.split(';').next().unwrap_or(written).trim_ascii()
}

pub(super) fn is_vpaid(doc: &Document<'_>, file: ElementId) -> bool {
    doc.element(file).is_some_and(|element| api_is(doc, element, "VPAID"))
}

fn api_is(doc: &Document<'_>, element: &Element, api: &str) -> bool {
    let written = doc.attr_raw(element, name::API_FRAMEWORK);
    written.is_some_and(|written| written.trim_ascii().eq_ignore_ascii_case(api))
}

/// Whether an identifier identifies; servers that have none write `unknown`.
fn identifies(doc: &Document<'_>, id: ElementId, element: &Element) -> bool {
    let content = doc.content(id);
    let value = if content.is_empty() {
        // VAST 4.0 had it in an attribute.
        doc.attr_raw(element, name::ID_VALUE).unwrap_or("").trim_ascii()
    } else {
        &content
    };
    !value.is_empty() && !value.eq_ignore_ascii_case("unknown")
}

fn is_http(doc: &Document<'_>, id: ElementId) -> bool {
    // Almost every address is secure, so that the text is looked at before it is joined.
    doc.content_range(id).is_some_and(|(start, end)| {
        let scheme = doc.slice(start, end).get(..5);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
    })
}

fn urls(ty: TypeId) -> Urls {
    let name = ty.info().element_name();
    match name {
        "VASTAdTagURI" | "AdTagURI" => Urls::Tags,
        "MediaFile" | "Mezzanine" | "ClosedCaptionFile" | "StaticResource" => Urls::Media,
        "InteractiveCreativeFile"
        | "JavaScriptResource"
        | "ExecutableResource"
        | "IFrameResource"
        | "FlashResource" => Urls::Code,
        _ if name.ends_with("ClickThrough") => Urls::Clicks,
        _ => Urls::Trackers,
    }
}
