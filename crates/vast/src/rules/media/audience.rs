//! Whether the files of a creative leave every player one that it can take.

use crate::document::{Document, ElementId};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::files::ancestor;
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
pub(super) fn choice(sink: &mut Sink<'_>, id: ElementId, seen: &Seen<'_>) {
    if seen.files > 0 && seen.vpaid == seen.files {
        sink.report_on(
            Id::MediafilesOnlyVpaid,
            id,
            format_args!("there is no file but VPAID; most players have nothing to show"),
        );
    }
    source(sink, id, seen);
    if seen.video == 0 {
        return;
    }
    if !seen.mp4 {
        sink.report_on(
            Id::MediafilesWithoutMp4,
            id,
            format_args!("no file is an MP4 for download, which every player takes"),
        );
    }
    if seen.codec_for_few {
        sink.report_on(
            Id::MediafilesCodecForFew,
            id,
            format_args!("every file has a codec that older devices do not decode; none is H.264"),
        );
    }
    if seen.video < 3 && seen.progressive {
        let (count, files) = (seen.video, if seen.video == 1 { "file" } else { "files" });
        sink.report_on(
            Id::MediafilesFewRenditions,
            id,
            format_args!("there is {count} {files} for three levels of quality"),
        );
    }
    if seen.largest.pixels() > 0 && seen.largest.height.min(seen.largest.width) < 720 {
        sink.report_on(
            Id::MediafilesWithoutHd,
            id,
            format_args!(
                "the largest file has {} by {} pixels; a television shows it blurred",
                seen.largest.width, seen.largest.height
            ),
        );
    }
    if let Some(file) = seen.without_rate.filter(|_| seen.playing > 1) {
        sink.report_on(
            Id::MediafileWithoutBitrate,
            file,
            format_args!("there are several files, and this one does not say its `bitrate`"),
        );
    }
}

/// What a stitcher makes the files from.
fn source(sink: &mut Sink<'_>, id: ElementId, seen: &Seen<'_>) {
    if seen.mezzanines > 0
        && seen.mezzanine.pixels() > 0
        && seen.mezzanine.pixels() < seen.largest.pixels()
        && let Some(file) = seen.mezzanine.file
    {
        let (one, two) = (&seen.mezzanine, &seen.largest);
        sink.report_on(
            Id::MezzanineSmallerThanRendition,
            file,
            format_args!(
                "the mezzanine has {} by {} pixels, a file made from it {} by {}",
                one.width, one.height, two.width, two.height
            ),
        );
    }
    if let Some(file) = seen
        .mezzanine
        .file
        .filter(|_| seen.mezzanine.pixels() > 0)
        .filter(|_| seen.mezzanine.width.min(seen.mezzanine.height) < 1080)
    {
        sink.report_on(
            Id::MezzanineBelowFullHd,
            file,
            format_args!(
                "the mezzanine has {} by {} pixels; television asks for 1920 by 1080",
                seen.mezzanine.width, seen.mezzanine.height
            ),
        );
    }
    if seen.mezzanines == 0 && seen.playing > 0 {
        sink.report_on(
            Id::LinearWithoutMezzanine,
            id,
            format_args!("there is no <Mezzanine> to transcode from"),
        );
    }
}

/// `Ad@adType` against what there is to play.
pub(super) fn ad_type(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, seen: &Seen<'_>) {
    if seen.playing == 0 || seen.playing != seen.files {
        return;
    }
    let kind = ancestor(doc, id, ty::AD)
        .and_then(|ad| doc.attr_raw(doc.element(ad)?, name::AD_TYPE))
        .map(Text::trimmed);
    if kind == Some("audio") && seen.audio == 0 {
        sink.report_on(
            Id::AudioAdWithoutAudio,
            id,
            format_args!("the ad says that it is audio, and every file is video"),
        );
    } else if matches!(kind, None | Some("video")) && seen.video == 0 {
        sink.report_on(
            Id::AudioFilesInVideoAd,
            id,
            format_args!("every file is audio, and `adType` of the ad does not say so"),
        );
    }
}
