//! `MediaFiles`: the files of a creative, one beside the other.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::audience::{Seen, ad_type, choice};
use crate::rules::media::rendition::Rendition;
use crate::rules::media::{Class, codecs, essence, file_size, kinds};
use crate::rules::{simid, time};
use crate::sink::Sink;
use crate::structure::TypeId;
use crate::text::Text as _;

/// Files that stand further apart are not compared: nobody lists so many, and a list of a million
/// must not cost its square.
const WINDOW: usize = 16;
/// Siblings of `MediaFiles` among which the duration is.
const NEAR: usize = 256;

/// Judges the files of a linear creative together.
pub(crate) fn files(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let mut seen = Seen { codec_for_few: true, ..Seen::default() };
    let mut window = [Rendition::default(); WINDOW];
    let mut shape: Option<Rendition<'_>> = None;
    let mut said_shape = false;
    let mut duration = None;
    for child in doc.children(id) {
        let Some(of) = doc.element(child) else {
            continue;
        };
        match of.ty {
            ty::MEDIA_FILE => {
                let file = Rendition::read(doc, child, of);
                compare(doc, sink, child, &file, &window);
                let place = usize::try_from(seen.files).unwrap_or(0) % WINDOW;
                if let Some(slot) = window.get_mut(place) {
                    *slot = file;
                }
                note(&mut seen, child, &file);
                if file.class.plays() && file.pixels() > 0 {
                    let first = *shape.get_or_insert(file);
                    if !said_shape && first.differs_in_shape(&file) {
                        said_shape = true;
                        sink.report_on(
                            Id::MediafilesDifferInShape,
                            child,
                            format_args!(
                                "{} by {} has another shape than {} by {} of the first file",
                                file.width, file.height, first.width, first.height
                            ),
                        );
                    }
                }
                file_size(doc, sink, child, of, || {
                    *duration.get_or_insert_with(|| runtime(doc, id))
                });
            }
            ty::MEZZANINE => {
                let file = Rendition::read(doc, child, of);
                mezzanine(doc, sink, child, &file, &mut seen);
            }
            ty::INTERACTIVE_CREATIVE_FILE => {
                seen.interactive = seen.interactive.or(Some(child));
                if doc
                    .attr_raw(of, name::API_FRAMEWORK)
                    .is_some_and(|api| api.trimmed().is_like("SIMID"))
                {
                    if seen.simid.is_some() {
                        sink.report_on(
                            Id::SimidRepeated,
                            child,
                            format_args!("another SIMID file stands here already; one is run"),
                        );
                    }
                    seen.simid = seen.simid.or(Some(child));
                }
            }
            _ => {}
        }
    }
    if !element.has(UNCLOSED) {
        choice(sink, id, &seen);
        ad_type(doc, sink, id, &seen);
        let facts = simid::Linear {
            simid: seen.simid,
            interactive: seen.interactive,
            files: seen.files,
            playing: seen.playing + seen.unknown,
            vpaid: seen.vpaid,
            mezzanines: seen.mezzanines,
            progressive: seen.progressive,
        };
        simid::linear(doc, sink, id, &facts);
    }
}

/// The milliseconds that the creative of these files says it lasts.
fn runtime(doc: &Document<'_>, files: ElementId) -> Option<u64> {
    let duration = doc
        .children(doc.parent(files)?)
        .take(NEAR)
        .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::DURATION))?;
    time::millis(&doc.content(duration))
}

fn note<'d>(seen: &mut Seen<'d>, id: ElementId, file: &Rendition<'d>) {
    seen.files += 1;
    let class = file.class;
    let vpaid = file.api.is_like("VPAID");
    seen.vpaid += u32::from(vpaid);
    seen.unknown += u32::from(class == Class::Other);
    if vpaid || !class.plays() {
        return;
    }
    seen.playing += 1;
    seen.audio += u32::from(class == Class::Audio);
    seen.video += u32::from(class != Class::Audio);
    let progressive = file.delivery == "progressive";
    seen.progressive |= progressive;
    seen.mp4 |= file.delivery != "streaming" && kinds::is_mp4(essence(file.kind));
    if progressive && file.rates[0].is_empty() {
        seen.without_rate = seen.without_rate.or(Some(id));
    }
    seen.codec_for_few &= codecs::few_decode(file.codec);
    if file.pixels() > seen.largest.pixels() || seen.largest.file.is_none() {
        seen.largest = *file;
    }
}

/// A file against those before it.
fn compare(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    file: &Rendition<'_>,
    window: &[Rendition<'_>],
) {
    let before = || window.iter().filter(|other| other.file.is_some());
    if !file.id.is_empty() && before().any(|other| other.id == file.id) {
        let quoted = sink.quote(file.id);
        sink.report_on(
            Id::MediafileIdDuplicate,
            id,
            format_args!("another file of the creative has the id `{quoted}` already"),
        );
    }
    let mut alike = before().filter(|other| file.like(other)).peekable();
    if alike.peek().is_none() {
        return;
    }
    let url = doc.content(id);
    if url.is_empty() {
        return;
    }
    if alike.any(|other| other.file.is_some_and(|other| doc.content(other) == url)) {
        sink.report_on(
            Id::MediafileDuplicate,
            id,
            format_args!("the same file with the same type and size stands here twice"),
        );
    } else {
        sink.report_on(
            Id::MediafilesSameRendition,
            id,
            format_args!(
                "another file has the same type, size and bit rate; players cannot choose"
            ),
        );
    }
}

/// A mezzanine: the source that a stitcher transcodes.
fn mezzanine<'d>(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    file: &Rendition<'d>,
    seen: &mut Seen<'d>,
) {
    if seen.mezzanines > 0 && file.like(&seen.mezzanine) {
        sink.report_on(
            Id::MezzanineRepeated,
            id,
            format_args!("another mezzanine has the same type and size"),
        );
    }
    seen.mezzanines += 1;
    if file.pixels() >= seen.mezzanine.pixels() {
        seen.mezzanine = *file;
    }
    if !sink.hears(Id::MezzanineAlsoMediafile) {
        return;
    }
    let url = doc.content(id);
    let same = |other: &ElementId| {
        doc.element(*other).is_some_and(|of| of.ty == ty::MEDIA_FILE)
            && !url.is_empty()
            && doc.content(*other) == url
    };
    // Mezzanines are one or two; a thousand of them are compared with as many files as a window has.
    let parent = doc.parent(id);
    if seen.mezzanines <= 4
        && let Some(parent) = parent
        && doc.children(parent).take(WINDOW * 4).any(|other| same(&other))
    {
        sink.report_on(
            Id::MezzanineAlsoMediafile,
            id,
            format_args!("the mezzanine stands here as a file to play, too"),
        );
    }
}

/// The element of a type that holds this one, a few steps up.
pub(crate) fn ancestor(doc: &Document<'_>, id: ElementId, ty: TypeId) -> Option<ElementId> {
    std::iter::successors(doc.parent(id), |id| doc.parent(*id))
        .take(8)
        .find(|id| doc.element(*id).is_some_and(|element| element.ty == ty))
}
