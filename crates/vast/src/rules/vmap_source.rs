//! VMAP: where the ads of a break come from.

use crate::document::{Document, Element, ElementId, PartKind, UNCLOSED};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::vmap::holds_unknown;
use crate::rules::{macros, mend, name_range};
use crate::sink::{Sink, TextFix};
use crate::structure::TypeId;
use crate::text::Text;

/// `AdSource`: one response, and switches that let it play.
pub(crate) fn source(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.seen == 0 {
        if !element.has(UNCLOSED) && !holds_unknown(doc, id) {
            sink.report_on(
                Id::AdsourceEmpty,
                id,
                format_args!("<AdSource> has none of <VASTAdData>, <AdTagURI> and <CustomAdData>"),
            );
        }
        return;
    }
    if element.seen.count_ones() > 1 {
        sink.report_on(
            Id::AdsourceSeveralContents,
            id,
            format_args!("<AdSource> has more than one response; it takes exactly one"),
        );
    }
    for child in doc.children(id) {
        let Some(data) = doc.element(child).filter(|data| data.ty == ty::VASTAD_DATA) else {
            continue;
        };
        if data.name == name::VASTDATA {
            sink.report_fix(
                Id::VastdataRenamed,
                child,
                name_range(data),
                format_args!("<VASTData> is called <VASTAdData> since VMAP 1.0.1"),
                |doc| {
                    let fix = mend::rename_element(doc, child, "VASTAdData")?;
                    Some(TextFix { title: "Rename it to VASTAdData", ..fix })
                },
            );
        }
        let is_off = |value: &str| matches!(value.trimmed(), "false" | "0");
        let redirects = doc.attr(element, name::FOLLOW_REDIRECTS);
        let several = doc.attr(element, name::ALLOW_MULTIPLE_ADS);
        let off = |attribute: Option<&crate::document::Attribute>| {
            let attribute = attribute?;
            let range = (attribute.value_start, attribute.value_end);
            is_off(doc.slice(range.0, range.1)).then_some(range)
        };
        let (redirects, several) = (off(redirects), off(several));
        if redirects.is_none() && several.is_none() {
            continue;
        }
        let (ads, wrapped) = embedded_ads(doc, child);
        if let Some(range) = redirects.filter(|_| wrapped) {
            sink.report(
                Id::AdsourceRedirectsForbidden,
                id,
                range,
                format_args!("the inline response has a wrapper, which may not be followed"),
            );
        }
        if let Some(range) = several.filter(|_| ads > 1) {
            sink.report(
                Id::AdsourcePodForbidden,
                id,
                range,
                format_args!("the inline response has {ads} ads, of which one may play"),
            );
        }
    }
}

/// How many ads the VAST of an element has, and whether one of them is a wrapper.
fn embedded_ads(doc: &Document<'_>, data: ElementId) -> (usize, bool) {
    let of = |parent, wanted: TypeId| {
        doc.children(parent)
            .filter(move |child| doc.element(*child).is_some_and(|child| child.ty == wanted))
    };
    let ads = || of(data, ty::VAST).flat_map(|vast| of(vast, ty::AD));
    (ads().count(), ads().any(|ad| of(ad, ty::WRAPPER).next().is_some()))
}

/// `VASTAdData`: one `VAST`, as elements.
pub(crate) fn data(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.seen == 0 {
        if element.has(UNCLOSED) || holds_unknown(doc, id) {
            return;
        }
        match doc.content_range(id) {
            Some(range) => sink.report(
                Id::VastaddataNotXml,
                id,
                range,
                format_args!("the response must be embedded as elements, not as text"),
            ),
            None => sink.report_on(
                Id::VastaddataWithoutVast,
                id,
                format_args!("<VASTAdData> has no <VAST>"),
            ),
        }
        return;
    }
    if !sink.hears(Id::EmbeddedVastVersion) {
        return;
    }
    for vast in doc.children(id) {
        let attribute = doc.element(vast).and_then(|vast| doc.attr(vast, name::VERSION));
        let Some(attribute) = attribute else {
            continue;
        };
        let range = (attribute.value_start, attribute.value_end);
        let version = doc.slice(range.0, range.1);
        if version.trimmed() != "3.0" {
            let version = sink.quote(version);
            sink.report(
                Id::EmbeddedVastVersion,
                vast,
                range,
                format_args!("players of VMAP have to know VAST 3.0; this is {version}"),
            );
        }
    }
}

/// `AdTagURI` and `CustomAdData`: which kind of response.
pub(crate) fn template(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(attribute) = doc.attr(element, name::TEMPLATE_TYPE) {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1);
        let known = matches!(value, "vast1" | "vast2" | "vast3" | "vast4" | "proprietary");
        if !known && !macros::begins_with_one(value) {
            let value = sink.quote(value);
            sink.report(
                Id::TemplatetypeUnknown,
                id,
                range,
                format_args!("`{value}` is none of `vast1` to `vast4` and `proprietary`"),
            );
        }
    }
    if element.ty == ty::CUSTOM_AD_DATA && !element.has(UNCLOSED) {
        custom(doc, sink, id, element);
    }
}

/// `CustomAdData`: text in CDATA that is no VAST.
fn custom(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let mut parts = doc
        .parts_from(element.first_part)
        .filter(|part| !doc.slice(part.start, part.end).trimmed().is_empty());
    let Some(part) = parts.next() else {
        let rule = if element.first_child.some().is_none() {
            Id::CustomaddataEmpty
        } else {
            Id::CustomaddataNotCdata
        };
        let what = if rule == Id::CustomaddataEmpty {
            "<CustomAdData> is empty"
        } else {
            "<CustomAdData> holds elements; its data must be text in CDATA"
        };
        sink.report_on(rule, id, format_args!("{what}"));
        return;
    };
    let Some(range) = doc.content_range(id) else {
        return;
    };
    if part.kind != PartKind::Cdata {
        sink.report_mend(
            Id::CustomaddataNotCdata,
            id,
            range,
            format_args!("the data stands outside of CDATA"),
            Mend::Cdata,
        );
    } else if doc.slice(part.start, part.end).holds("<VAST") {
        sink.report(
            Id::CustomaddataHoldsVast,
            id,
            range,
            format_args!("the data is VAST, which belongs into <VASTAdData> as elements"),
        );
    }
}

/// The macro of VAST where VMAP has one of its own.
const OF_VAST: &str = "[ERRORCODE]";

/// `Tracking` of a break: the code of an error.
pub(crate) fn tracking(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if doc.attr_raw(element, name::EVENT).map(Text::trimmed) != Some("error") {
        return;
    }
    let Some(range) = doc.content_range(id) else {
        return;
    };
    let text = doc.content(id);
    if text.holds("[ERROR_CODE]") {
        return;
    }
    if text.holds(OF_VAST) {
        let written = doc.slice(range.0, range.1);
        let at = written.place_of(OF_VAST).and_then(|at| u32::try_from(at).ok());
        let place = at.map_or(range, |at| {
            let start = range.0.saturating_add(at);
            (start, start.saturating_add(11))
        });
        sink.report_fix(
            Id::VmapErrorcodeOfVast,
            id,
            place,
            format_args!("players fill [ERROR_CODE] here; [ERRORCODE] is the macro of VAST"),
            |_| {
                at?;
                let fix = mend::replace("Use the macro of VMAP", place, "[ERROR_CODE]")?;
                Some(TextFix { danger: true, ..fix })
            },
        );
    } else if !macros::names_error_code(&text) {
        sink.report(
            Id::VmapErrorWithoutCode,
            id,
            range,
            format_args!("the error URL of the break has no [ERROR_CODE]"),
        );
    }
}
