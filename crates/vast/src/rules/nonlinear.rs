//! Media of overlays, which VAST 4.4 and the CTV Ad Portfolio bring.

use crate::document::{Document, Element, ElementId};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::value_range;
use crate::rules::name_range;
use crate::rules::portfolio::Media;
use crate::sink::Sink;

/// `NonLinear` with `MediaFiles`.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    let (mut files, mut duration, mut resource) = (None, false, false);
    for child in doc.children(id) {
        match doc.element(child).map(|child| child.ty) {
            Some(ty::NON_LINEAR_MEDIA_FILES) => files = Some(child),
            Some(ty::DURATION) => duration = true,
            Some(ty::STATIC_RESOURCE | ty::NON_LINEAR_IFRAME_RESOURCE | ty::HTMLRESOURCE) => {
                resource = true;
            }
            _ => {}
        }
    }
    let Some((files, of)) = files.and_then(|files| Some((files, doc.element(files)?))) else {
        return;
    };
    let media = Media::read(doc, files);
    if !media.files && !media.interactive && !resource {
        sink.report(
            Id::NonlinearMediafilesEmpty,
            files,
            name_range(of),
            format_args!("<MediaFiles> holds no file, and <NonLinear> has nothing else to show"),
        );
    }
    if media.interactive && !media.files && !resource {
        sink.report(
            Id::NonlinearSimidWithoutFallback,
            files,
            name_range(of),
            format_args!("players that do not run the interactive file have nothing to show"),
        );
    }
    if media.video && !duration {
        sink.report_on(
            Id::NonlinearVideoWithoutDuration,
            id,
            format_args!("<NonLinear> shows a video, but has no <Duration>"),
        );
    }
}

/// `VAST@version` of a draft.
pub(crate) fn draft(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if sink.version().is_draft()
        && let Some(version) = doc.attr(element, name::VERSION)
    {
        sink.report(
            Id::RootVersionDraft,
            id,
            value_range(version),
            format_args!("VAST 4.4 is a draft; players that compare versions refuse the tag"),
        );
    }
}
