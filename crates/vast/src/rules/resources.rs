//! Companions, icons, overlays, verification and interactive files: what there is to show or run.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::name_range;
use crate::sink::Sink;

/// `Companion`, `Icon` and `NonLinear`: something to show.
pub(crate) fn shown(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let rule = match element.ty {
        ty::COMPANION => Id::CompanionWithoutResource,
        ty::ICON => Id::IconWithoutResource,
        _ => Id::NonlinearWithoutResource,
    };
    let resource = |child: ElementId| {
        let ty = doc.element(child).map(|child| child.ty);
        matches!(ty, Some(ty::STATIC_RESOURCE | ty::IFRAME_RESOURCE | ty::HTMLRESOURCE))
    };
    if !element.has(UNCLOSED) && !doc.children(id).any(resource) {
        let name = element.ty.info().element_name();
        sink.report(
            rule,
            id,
            name_range(element),
            format_args!("<{name}> has no StaticResource, IFrameResource or HTMLResource"),
        );
    }
}

/// `Verification`: something to run.
pub(crate) fn verification(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let resource = |child: ElementId| {
        let ty = doc.element(child).map(|child| child.ty);
        matches!(ty, Some(ty::JAVA_SCRIPT_RESOURCE | ty::EXECUTABLE_RESOURCE | ty::FLASH_RESOURCE))
    };
    if !element.has(UNCLOSED) && !doc.children(id).any(resource) {
        sink.report(
            Id::VerificationWithoutResource,
            id,
            name_range(element),
            format_args!("<Verification> has no script and no executable to run"),
        );
    }
}

/// `InteractiveCreativeFile`: SIMID says how it is marked.
pub(crate) fn interactive(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let Some(api) = doc.attr(element, name::API_FRAMEWORK) else {
        return;
    };
    let range = (api.value_start, api.value_end);
    let framework = doc.slice(range.0, range.1);
    if !framework.eq_ignore_ascii_case("SIMID") {
        return;
    }
    if framework != "SIMID" {
        let quoted = sink.quote(framework);
        sink.report_fix(
            Id::SimidWrongCase,
            id,
            range,
            format_args!("`{quoted}` must be written `SIMID`"),
            |_| super::mend::replace("Write `SIMID`", range, "SIMID"),
        );
    }
    let kind = doc.attr(element, name::TYPE);
    let html = kind.is_some_and(|kind| {
        doc.slice(kind.value_start, kind.value_end).trim_ascii().eq_ignore_ascii_case("text/html")
    });
    if !html {
        let range =
            kind.map_or_else(|| name_range(element), |kind| (kind.value_start, kind.value_end));
        sink.report(
            Id::SimidTypeNotHtml,
            id,
            range,
            format_args!("a SIMID file must have the type `text/html`"),
        );
    }
}
