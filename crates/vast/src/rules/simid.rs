//! Interactive files, and SIMID of all: how they are marked, and what must stand beside them.

use crate::Version;
use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{begins_with_macro, essence, is_media_type, value, value_range};
use crate::rules::portfolio::Media;
use crate::rules::{mend, name_range};
use crate::sink::{Sink, TextFix};
use crate::text::Text as _;

/// Children and events among which one is looked for.
const NEAR: usize = 256;

/// What stands in the `MediaFiles` of a linear creative.
pub(crate) struct Linear {
    pub(crate) simid: Option<ElementId>,
    pub(crate) interactive: Option<ElementId>,
    pub(crate) files: u32,
    /// Files that a player may show.
    pub(crate) playing: u32,
    pub(crate) vpaid: u32,
    pub(crate) mezzanines: u32,
    /// A file for download that a player shows.
    pub(crate) progressive: bool,
}

/// `MediaFiles` that hold an interactive file.
pub(crate) fn linear(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, facts: &Linear) {
    let Some(interactive) = facts.interactive else {
        return;
    };
    if facts.vpaid > 0
        && let Some(element) = doc.element(interactive)
    {
        sink.report(
            Id::VpaidBesideInteractive,
            interactive,
            name_range(element),
            format_args!("a VPAID file stands beside the interactive file that replaces it"),
        );
    }
    let Some((simid, element)) = facts.simid.and_then(|simid| Some((simid, doc.element(simid)?)))
    else {
        return;
    };
    let range = name_range(element);
    if facts.files > 0 && facts.playing == 0 {
        sink.report(
            Id::SimidWithoutMediafile,
            simid,
            range,
            format_args!("SIMID lies over a video or audio file, and there is none"),
        );
    }
    if facts.mezzanines > 0 && facts.playing > 0 && !facts.progressive {
        sink.report(
            Id::SimidWithoutClientFile,
            simid,
            range,
            format_args!(
                "there is a mezzanine to stitch, but no file for a player that runs SIMID"
            ),
        );
    }
    if sink.hears(Id::SimidWithoutInteractivestart) && !starts(doc, id) {
        sink.report(
            Id::SimidWithoutInteractivestart,
            simid,
            range,
            format_args!("nothing tracks `interactiveStart`"),
        );
    }
}

/// Whether the creative of these files tracks the start of its interactive part.
fn starts(doc: &Document<'_>, files: ElementId) -> bool {
    let Some(linear) = doc.parent(files) else {
        return false;
    };
    let of = |id: ElementId| doc.element(id);
    // As often as a creative has `MediaFiles`, which is once unless somebody means harm.
    doc.children(linear)
        .take(NEAR)
        .filter(|child| of(*child).is_some_and(|child| child.ty == ty::TRACKING_EVENTS))
        .flat_map(|events| doc.children(events))
        .take(NEAR)
        .filter_map(|tracking| doc.attr_raw(of(tracking)?, name::EVENT))
        .any(|event| event == "interactiveStart")
}

/// `InteractiveCreativeFile`: what runs it, and how it is marked.
pub(crate) fn interactive(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let kind = doc.attr(element, name::TYPE);
    if element.seen != 0
        && element.ty != ty::EXTENSION_INTERACTIVE_CREATIVE_FILE
        && !doc.content(id).is_empty()
    {
        sink.report_on(
            Id::InteractiveTwoForms,
            id,
            format_args!("the file is named by a URL and stands in <HTMLResource>, too"),
        );
    }
    // An extension says itself that it is for SIMID only.
    let extension = element.ty == ty::EXTENSION_INTERACTIVE_CREATIVE_FILE;
    let Some(attribute) = doc.attr(element, name::API_FRAMEWORK) else {
        if extension {
            return;
        }
        sink.report_on(
            Id::InteractiveWithoutApiframework,
            id,
            format_args!("<InteractiveCreativeFile> has no `apiFramework`; players do not run it"),
        );
        interactive_type(doc, sink, id, kind);
        return;
    };
    let range = value_range(attribute);
    let api = value(doc, Some(attribute));
    if api.is_like("SIMID") {
        framework(doc, sink, id, range);
        simid_file(doc, sink, id, element);
        return;
    }
    if extension {
        return;
    }
    interactive_type(doc, sink, id, kind);
    if api.is_like("VPAID") {
        sink.report(
            Id::Vpaid,
            id,
            range,
            format_args!("this file is VPAID, which televisions, apps and many browsers refuse"),
        );
    } else if !begins_with_macro(api) {
        let quoted = sink.quote(api);
        sink.report(
            Id::InteractiveApiframeworkUnknown,
            id,
            range,
            format_args!("`{quoted}` is no framework that players run here; SIMID is"),
        );
    }
}

/// The type of an interactive file that is not SIMID.
fn interactive_type(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    kind: Option<&crate::document::Attribute>,
) {
    let Some(attribute) = kind else {
        sink.report_on(
            Id::InteractiveWithoutType,
            id,
            format_args!("<InteractiveCreativeFile> does not say its `type`"),
        );
        return;
    };
    let written = value(doc, Some(attribute));
    if !is_media_type(essence(written)) && !begins_with_macro(written) {
        let quoted = sink.quote(written);
        sink.report(
            Id::InteractiveTypeInvalid,
            id,
            value_range(attribute),
            format_args!("`{quoted}` is no media type such as `text/html`"),
        );
    }
}

/// The name of the framework, which players compare byte by byte.
fn framework(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, range: (u32, u32)) {
    let written = doc.slice(range.0, range.1);
    if written == "SIMID" {
        return;
    }
    let quoted = sink.quote(written);
    sink.report_fix(
        Id::SimidWrongCase,
        id,
        range,
        format_args!("`{quoted}` must be written `SIMID`"),
        |_| mend::replace("Write `SIMID`", range, "SIMID"),
    );
}

/// A SIMID file: a page that the player puts into a frame.
fn simid_file(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let kind = doc.attr(element, name::TYPE);
    if !value(doc, kind).is_like("text/html") {
        let range = kind.map_or_else(|| name_range(element), value_range);
        sink.report_fix(
            Id::SimidTypeNotHtml,
            id,
            range,
            format_args!("a SIMID file must have the type `text/html`"),
            |_| html(element, kind.map(value_range)),
        );
    }
    if let Some(attribute) = doc.attr(element, name::VARIABLE_DURATION)
        && matches!(value(doc, Some(attribute)), "false" | "0" | "1")
    {
        sink.report(
            Id::SimidVariabledurationNotTrue,
            id,
            value_range(attribute),
            format_args!("SIMID knows `variableDuration` only as `true`"),
        );
    }
    data_uri(doc, sink, id);
}

/// Marks an element as a page, whether it has another type or none.
fn html(element: &Element, kind: Option<(u32, u32)>) -> Option<TextFix> {
    match kind {
        Some(range) => mend::replace("Write `text/html`", range, "text/html"),
        None => mend::insert_attribute("Add the type", element, "type=\"text/html\""),
    }
}

/// A page that stands in the tag itself.
fn data_uri(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId) {
    let url = doc.content(id);
    let Some(data) = url.get(..5).filter(|scheme| scheme.is_like("data:")) else {
        return;
    };
    let range = doc.content_range(id).unwrap_or_default();
    let rest = url.get(data.len()..).unwrap_or("");
    let kind = rest.get(..9).unwrap_or("");
    let after = rest.as_bytes().get(9).copied().unwrap_or(b',');
    if !kind.is_like("text/html") || !matches!(after, b';' | b',') {
        let end = rest.find(',').unwrap_or(rest.len());
        let quoted = sink.quote(rest.get(..end).unwrap_or(""));
        sink.report(
            Id::SimidDataNotHtml,
            id,
            range,
            format_args!("the data URI says `{quoted}`; a SIMID file is `text/html`"),
        );
    }
}

/// `NonLinear`: SIMID in an overlay.
pub(crate) fn non_linear(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let api = doc.attr(element, name::API_FRAMEWORK);
    let of_ad = value(doc, api).is_like("SIMID");
    if let Some(api) = api.filter(|api| value(doc, Some(api)).is_like("VPAID")) {
        sink.report(
            Id::Vpaid,
            id,
            value_range(api),
            format_args!("this overlay is VPAID, which televisions, apps and many browsers refuse"),
        );
    }
    let (mut frames, mut files, mut interactive) = (false, false, false);
    let mut superseded = None;
    for child in doc.children(id) {
        let Some(of) = doc.element(child) else {
            continue;
        };
        match of.ty {
            ty::NON_LINEAR_IFRAME_RESOURCE => {
                frames = true;
                if frame(doc, sink, child, of, of_ad) {
                    superseded = superseded.or(Some((child, name_range(of))));
                }
            }
            ty::NON_LINEAR_MEDIA_FILES => {
                files = true;
                interactive |= Media::read(doc, child).interactive;
            }
            _ => {}
        }
    }
    if let Some((frame, range)) = superseded.filter(|_| files || sink.version() >= Version::V4_4) {
        sink.report(
            Id::SimidIframeSuperseded,
            frame,
            range,
            format_args!("VAST 4.4 puts SIMID into an <InteractiveCreativeFile> in <MediaFiles>"),
        );
    }
    let Some(api) = api.filter(|_| of_ad) else {
        return;
    };
    framework(doc, sink, id, value_range(api));
    if !frames && !interactive && !element.has(UNCLOSED) {
        sink.report_on(
            Id::SimidOverlayWithoutIframe,
            id,
            format_args!("<NonLinear> is SIMID, but has no <IFrameResource> to load"),
        );
    }
}

/// `IFrameResource` of an overlay; whether it says itself that it is SIMID.
fn frame(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    of_ad: bool,
) -> bool {
    let api = doc.attr(element, name::API_FRAMEWORK);
    let own = value(doc, api).is_like("SIMID");
    if !own && !of_ad {
        return false;
    }
    if let Some(api) = api.filter(|_| own) {
        framework(doc, sink, id, value_range(api));
    }
    let kind = doc.attr(element, name::TYPE);
    // Where `NonLinear` names the framework, the schema leaves no place for a type here.
    if (own || kind.is_some()) && !value(doc, kind).is_like("text/html") {
        let range = kind.map_or_else(|| name_range(element), value_range);
        sink.report_fix(
            Id::SimidIframeTypeNotHtml,
            id,
            range,
            format_args!("the frame of a SIMID overlay must have the type `text/html`"),
            |_| html(element, kind.map(value_range)),
        );
    }
    data_uri(doc, sink, id);
    own
}
