//! `MediaFiles`: whether the files of a creative leave every player one that it can take.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{Class, essence, file_size, kinds};
use crate::rules::{name_range, simid, time};
use crate::sink::Sink;
use crate::structure::TypeId;

/// Files that stand further apart are not compared: nobody lists so many, and a list of a million
/// must not cost its square.
const WINDOW: usize = 16;

/// What a player knows of a file before it asks for it.
#[derive(Clone, Copy, Default)]
struct Rendition<'d> {
    file: Option<ElementId>,
    id: &'d str,
    kind: &'d str,
    delivery: &'d str,
    codec: &'d str,
    api: &'d str,
    width: u64,
    height: u64,
    /// `bitrate`, `minBitrate` and `maxBitrate`.
    rates: [&'d str; 3],
}

impl<'d> Rendition<'d> {
    fn read(doc: &'d Document<'_>, file: ElementId, element: &Element) -> Self {
        let mut of = Self { file: Some(file), ..Self::default() };
        for attribute in doc.attributes_in(element) {
            let text = doc.slice(attribute.value_start, attribute.value_end).trim_ascii();
            match attribute.name {
                name::ID => of.id = text,
                name::TYPE => of.kind = text,
                name::DELIVERY => of.delivery = text,
                name::CODEC => of.codec = text,
                name::API_FRAMEWORK => of.api = text,
                name::WIDTH => of.width = time::number(text).unwrap_or(0),
                name::HEIGHT => of.height = time::number(text).unwrap_or(0),
                name::BITRATE => of.rates[0] = text,
                name::MIN_BITRATE => of.rates[1] = text,
                name::MAX_BITRATE => of.rates[2] = text,
                _ => {}
            }
        }
        of
    }

    fn class(&self) -> Class {
        Class::of(essence(self.kind))
    }

    /// Whether a player cannot tell this file from the other.
    fn like(&self, other: &Self) -> bool {
        self.width == other.width
            && self.height == other.height
            && self.rates == other.rates
            && self.delivery == other.delivery
            && self.codec == other.codec
            && self.api == other.api
            && self.kind.eq_ignore_ascii_case(other.kind)
    }

    /// Whether the shapes differ by more than rounding does: a twentieth.
    fn differs_in_shape(&self, other: &Self) -> bool {
        let cross = |a: &Self, b: &Self| a.width.saturating_mul(b.height);
        let (one, two) = (cross(self, other), cross(other, self));
        let (less, more) = (one.min(two), one.max(two));
        less > 0 && more - less > less / 20
    }

    const fn pixels(&self) -> u64 {
        self.width.saturating_mul(self.height)
    }
}

/// What was met among the children of `MediaFiles`.
#[derive(Default)]
struct Seen<'d> {
    files: u32,
    /// Files that a player shows or sounds.
    playing: u32,
    /// Files that do not say what they are.
    unknown: u32,
    video: u32,
    audio: u32,
    vpaid: u32,
    /// MP4 for download.
    mp4: bool,
    progressive: bool,
    /// The largest file that a player shows.
    largest: Rendition<'d>,
    mezzanines: u32,
    /// The largest mezzanine.
    mezzanine: Rendition<'d>,
    interactive: Option<ElementId>,
    simid: Option<ElementId>,
    without_rate: Option<ElementId>,
    codec_for_few: bool,
}

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
                compare(doc, sink, child, of, &file, &window);
                let place = usize::try_from(seen.files).unwrap_or(0) % WINDOW;
                if let Some(slot) = window.get_mut(place) {
                    *slot = file;
                }
                note(&mut seen, child, &file);
                if file.class().plays() && file.pixels() > 0 {
                    let first = *shape.get_or_insert(file);
                    if !said_shape && first.differs_in_shape(&file) {
                        said_shape = true;
                        said(
                            sink,
                            Id::MediafilesDifferInShape,
                            child,
                            of,
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
                mezzanine(doc, sink, child, of, &file, &mut seen);
            }
            ty::INTERACTIVE_CREATIVE_FILE => {
                seen.interactive = seen.interactive.or(Some(child));
                if doc
                    .attr_raw(of, name::API_FRAMEWORK)
                    .is_some_and(|api| api.trim_ascii().eq_ignore_ascii_case("SIMID"))
                {
                    seen.simid = seen.simid.or(Some(child));
                }
            }
            _ => {}
        }
    }
    if !element.has(UNCLOSED) {
        choice(doc, sink, id, element, &seen);
        ad_type(doc, sink, id, element, &seen);
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
        .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::DURATION))?;
    time::millis(&doc.content(duration))
}

/// Reports a fault of an element as a whole.
fn said(
    sink: &mut Sink<'_>,
    rule: Id,
    id: ElementId,
    element: &Element,
    message: std::fmt::Arguments<'_>,
) {
    sink.report(rule, id, name_range(element), message);
}

fn note<'d>(seen: &mut Seen<'d>, id: ElementId, file: &Rendition<'d>) {
    seen.files += 1;
    let class = file.class();
    let vpaid = file.api.eq_ignore_ascii_case("VPAID");
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
    seen.codec_for_few &= kinds::few_decode(file.codec);
    if file.pixels() > seen.largest.pixels() || seen.largest.file.is_none() {
        seen.largest = *file;
    }
}

/// A file against those before it.
fn compare(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    file: &Rendition<'_>,
    window: &[Rendition<'_>],
) {
    let before = || window.iter().filter(|other| other.file.is_some());
    if !file.id.is_empty() && before().any(|other| other.id == file.id) {
        let quoted = sink.quote(file.id);
        said(
            sink,
            Id::MediafileIdDuplicate,
            id,
            element,
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
        said(
            sink,
            Id::MediafileDuplicate,
            id,
            element,
            format_args!("the same file with the same type and size stands here twice"),
        );
    } else {
        said(
            sink,
            Id::MediafilesSameRendition,
            id,
            element,
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
    element: &Element,
    file: &Rendition<'d>,
    seen: &mut Seen<'d>,
) {
    if seen.mezzanines > 0 && file.like(&seen.mezzanine) {
        said(
            sink,
            Id::MezzanineRepeated,
            id,
            element,
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
        said(
            sink,
            Id::MezzanineAlsoMediafile,
            id,
            element,
            format_args!("the mezzanine stands here as a file to play, too"),
        );
    }
}

/// Whether there is something for every player.
fn choice(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    seen: &Seen<'_>,
) {
    if seen.files > 0 && seen.vpaid == seen.files {
        said(
            sink,
            Id::MediafilesOnlyVpaid,
            id,
            element,
            format_args!("there is no file but VPAID; most players have nothing to show"),
        );
    }
    if seen.mezzanines > 0
        && seen.mezzanine.pixels() > 0
        && seen.mezzanine.pixels() < seen.largest.pixels()
        && let Some((file, of)) =
            seen.mezzanine.file.and_then(|file| Some((file, doc.element(file)?)))
    {
        let (one, two) = (&seen.mezzanine, &seen.largest);
        said(
            sink,
            Id::MezzanineSmallerThanRendition,
            file,
            of,
            format_args!(
                "the mezzanine has {} by {} pixels, a file made from it {} by {}",
                one.width, one.height, two.width, two.height
            ),
        );
    }
    if seen.mezzanines == 0 && seen.playing > 0 {
        said(
            sink,
            Id::LinearWithoutMezzanine,
            id,
            element,
            format_args!("there is no <Mezzanine> to transcode from"),
        );
    }
    if seen.video == 0 {
        return;
    }
    if !seen.mp4 {
        said(
            sink,
            Id::MediafilesWithoutMp4,
            id,
            element,
            format_args!("no file is an MP4 for download, which every player takes"),
        );
    }
    if seen.codec_for_few {
        said(
            sink,
            Id::MediafilesCodecForFew,
            id,
            element,
            format_args!("every file has a codec that older devices do not decode; none is H.264"),
        );
    }
    if seen.video < 3 && seen.progressive {
        let (count, files) = (seen.video, if seen.video == 1 { "file" } else { "files" });
        said(
            sink,
            Id::MediafilesFewRenditions,
            id,
            element,
            format_args!("there is {count} {files} for three levels of quality"),
        );
    }
    if seen.largest.pixels() > 0 && seen.largest.height.min(seen.largest.width) < 720 {
        said(
            sink,
            Id::MediafilesWithoutHd,
            id,
            element,
            format_args!(
                "the largest file has {} by {} pixels; a television shows it blurred",
                seen.largest.width, seen.largest.height
            ),
        );
    }
    if let Some(file) = seen.without_rate.filter(|_| seen.playing > 1)
        && let Some(of) = doc.element(file)
    {
        said(
            sink,
            Id::MediafileWithoutBitrate,
            file,
            of,
            format_args!("there are several files, and this one does not say its `bitrate`"),
        );
    }
}

/// `Ad@adType` against what there is to play.
fn ad_type(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    seen: &Seen<'_>,
) {
    if seen.playing == 0 || seen.playing != seen.files {
        return;
    }
    let kind = ancestor(doc, id, ty::AD)
        .and_then(|ad| doc.attr_raw(doc.element(ad)?, name::AD_TYPE))
        .map(str::trim_ascii);
    if kind == Some("audio") && seen.audio == 0 {
        said(
            sink,
            Id::AudioAdWithoutAudio,
            id,
            element,
            format_args!("the ad says that it is audio, and every file is video"),
        );
    } else if matches!(kind, None | Some("video")) && seen.video == 0 {
        said(
            sink,
            Id::AudioFilesInVideoAd,
            id,
            element,
            format_args!("every file is audio, and `adType` of the ad does not say so"),
        );
    }
}

/// The element of a type that holds this one, a few steps up.
pub(crate) fn ancestor(doc: &Document<'_>, id: ElementId, ty: TypeId) -> Option<ElementId> {
    std::iter::successors(doc.parent(id), |id| doc.parent(*id))
        .take(8)
        .find(|id| doc.element(*id).is_some_and(|element| element.ty == ty))
}
