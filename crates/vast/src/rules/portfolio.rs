//! CTV Ad Portfolio for VAST 2.0: media of an overlay in an extension.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::addendum::creatives;
use crate::rules::media::{Class, ancestor, essence};
use crate::rules::name_range;
use crate::sink::Sink;
use crate::structure::TypeId;
use crate::text::Text as _;

/// Creatives among which the one of an extension is looked for.
const MOST: usize = 64;
/// Children among which one of a type is looked for.
const NEAR: usize = 256;

/// What stands in `MediaFiles` of an overlay.
#[derive(Clone, Copy, Default)]
pub(crate) struct Media {
    pub(crate) files: bool,
    pub(crate) interactive: bool,
    /// A file that lasts: a video or a playlist.
    pub(crate) video: bool,
}

impl Media {
    pub(crate) fn read(doc: &Document<'_>, files: ElementId) -> Self {
        let mut media = Self::default();
        for child in doc.children(files) {
            let Some(of) = doc.element(child) else {
                continue;
            };
            match of.ty {
                ty::NON_LINEAR_MEDIA_FILE => {
                    media.files = true;
                    let kind = doc.attr_raw(of, name::TYPE).unwrap_or("");
                    media.video |=
                        matches!(Class::of(essence(kind)), Class::Video | Class::Hls | Class::Dash);
                }
                ty::NON_LINEAR_INTERACTIVE_CREATIVE_FILE => media.interactive = true,
                _ => {}
            }
        }
        media
    }
}

/// `Extension` of the type `ctv_ad_portfolio`.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let range = name_range(element);
    let creative = bound(doc, sink, id, element);
    let native = creative.is_some_and(|creative| shows_something(doc, creative));
    let Some((files, of)) = child(doc, id, ty::NON_LINEAR_MEDIA_FILES)
        .and_then(|files| Some((files, doc.element(files)?)))
    else {
        if !native {
            sink.report(
                Id::PortfolioWithoutMediafiles,
                id,
                range,
                format_args!("the extension has no <MediaFiles>, and the creative shows nothing"),
            );
        }
        return;
    };
    let media = Media::read(doc, files);
    if !media.files && !media.interactive {
        sink.report(
            Id::PortfolioMediafilesEmpty,
            files,
            name_range(of),
            format_args!("<MediaFiles> of the extension holds no file"),
        );
        return;
    }
    if media.interactive && !media.files && !native {
        sink.report(
            Id::PortfolioSimidWithoutFallback,
            files,
            name_range(of),
            format_args!("players that do not run the interactive file have nothing to show"),
        );
    }
    if (media.video || media.interactive) && child(doc, id, ty::DURATION).is_none() {
        sink.report(
            Id::PortfolioWithoutDuration,
            id,
            range,
            format_args!("the extension carries a file that lasts, but no <Duration>"),
        );
    }
}

/// The creative that the extension is about.
fn bound(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) -> Option<ElementId> {
    let inline = ancestor(doc, id, ty::IN_LINE)?;
    let all = creatives(doc, inline);
    let named = child(doc, id, ty::EXTENSION_CREATIVE_ID);
    let Some(named) = named.filter(|named| !doc.content(*named).is_empty()) else {
        if let [] | [_] = *all {
            return all.first().copied();
        }
        sink.report_on(
            Id::PortfolioWithoutCreativeid,
            id,
            format_args!("the ad has several creatives, and no <CreativeId> says which is meant"),
        );
        // Whichever is meant: one that shows something may be it.
        return all.into_iter().take(MOST).find(|creative| shows_something(doc, *creative));
    };
    let wanted = doc.content(named);
    let mut seen = 0;
    let mut ids = false;
    let found = all.into_iter().take(MOST).find(|creative| {
        seen += 1;
        let id = doc.element(*creative).and_then(|creative| doc.attr_raw(creative, name::ID));
        ids |= id.is_some();
        id.is_some_and(|id| id.trimmed() == wanted)
    });
    if found.is_none() && ids && seen < MOST {
        let quoted = sink.quote(&wanted);
        let range = doc.content_range(named).unwrap_or_else(|| name_range(element));
        sink.report(
            Id::PortfolioCreativeidUnmatched,
            named,
            range,
            format_args!("`{quoted}` is no creative of this ad"),
        );
    }
    found
}

fn child(doc: &Document<'_>, id: ElementId, ty: TypeId) -> Option<ElementId> {
    // A creative is looked at once for each extension; what has more children is no creative.
    doc.children(id)
        .take(NEAR)
        .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty))
}

/// Whether an overlay of the creative has a resource that VAST 2.0 knows.
fn shows_something(doc: &Document<'_>, creative: ElementId) -> bool {
    let Some(ads) = child(doc, creative, ty::NON_LINEAR_ADS) else {
        return false;
    };
    let shows = |resource: ElementId| {
        let ty = doc.element(resource).map(|resource| resource.ty);
        matches!(ty, Some(ty::STATIC_RESOURCE | ty::NON_LINEAR_IFRAME_RESOURCE | ty::HTMLRESOURCE))
    };
    doc.children(ads).take(MOST).any(|ad| doc.children(ad).take(MOST).any(shows))
}
