//! Companions, icons, overlays and verification: what there is to show or run.

use crate::Version;
use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::rules::name_range;
use crate::sink::Sink;

/// `Companion`, `Icon` and `NonLinear`: something to show.
pub(crate) fn shown(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let rule = match element.ty {
        ty::COMPANION => Id::CompanionWithoutResource,
        ty::ICON => Id::IconWithoutResource,
        _ => Id::NonlinearWithoutResource,
    };
    // Before 4.0 no player looks for media in an overlay.
    let media = sink.version() >= Version::V4_0;
    let resource = |child: ElementId| {
        let ty = doc.element(child).map(|child| child.ty);
        matches!(
            ty,
            Some(
                ty::STATIC_RESOURCE
                    | ty::IFRAME_RESOURCE
                    | ty::NON_LINEAR_IFRAME_RESOURCE
                    | ty::HTMLRESOURCE
            )
        ) || media && ty == Some(ty::NON_LINEAR_MEDIA_FILES)
    };
    if !element.has(UNCLOSED) && !doc.children(id).any(resource) {
        sink.report_named(
            rule,
            id,
            name_range(element),
            ("<", "> has no StaticResource, IFrameResource or HTMLResource"),
            Mend::Not,
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
        sink.report_on(
            Id::VerificationWithoutResource,
            id,
            format_args!("<Verification> has no script and no executable to run"),
        );
    }
}
