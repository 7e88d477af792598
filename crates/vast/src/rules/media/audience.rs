//! Whether the files of a creative leave every player one that it can take.

use crate::document::{Document, Element, ElementId};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::files::{ancestor, said};
use crate::rules::media::rendition::Rendition;
use crate::sink::Sink;
use crate::text::Text;

/// What was met among the children of `MediaFiles`.
#[derive(Default)]
pub(super) struct Seen<'d> {
    pub(super) files: u32,
    /// Files that a player shows or sounds.
    pub(super) playing: u32,
    /// Files that do not say what they are.
    pub(super) unknown: u32,
    pub(super) video: u32,
    pub(super) audio: u32,
    pub(super) vpaid: u32,
    /// MP4 for download.
    pub(super) mp4: bool,
    pub(super) progressive: bool,
    /// The largest file that a player shows.
    pub(super) largest: Rendition<'d>,
    pub(super) mezzanines: u32,
    /// The largest mezzanine.
    pub(super) mezzanine: Rendition<'d>,
    pub(super) interactive: Option<ElementId>,
    pub(super) simid: Option<ElementId>,
    pub(super) without_rate: Option<ElementId>,
    pub(super) codec_for_few: bool,
}

/// Whether there is something for every player.
pub(super) fn choice(
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
    source(doc, sink, id, element, seen);
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

/// What a stitcher makes the files from.
fn source(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    seen: &Seen<'_>,
) {
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
    if let Some((file, of)) = seen
        .mezzanine
        .file
        .filter(|_| seen.mezzanine.pixels() > 0)
        .filter(|_| seen.mezzanine.width.min(seen.mezzanine.height) < 1080)
        .and_then(|file| Some((file, doc.element(file)?)))
    {
        said(
            sink,
            Id::MezzanineBelowFullHd,
            file,
            of,
            format_args!(
                "the mezzanine has {} by {} pixels; television asks for 1920 by 1080",
                seen.mezzanine.width, seen.mezzanine.height
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
}

/// `Ad@adType` against what there is to play.
pub(super) fn ad_type(
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
        .map(Text::trimmed);
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
