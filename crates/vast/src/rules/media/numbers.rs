//! Sizes and bit rates of a file.

use crate::document::{Document, Element, ElementId};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{Class, File, value, value_range};
use crate::rules::time;
use crate::rules::times;
use crate::sink::Sink;

/// More pixels on a side than any camera or screen of advertising has: twice 8K.
const HUGE: u64 = 16_384;
/// Kilobits a second of lossless 4K; a number above it counts bits.
const MOST_KILOBITS: u64 = 1_000_000;
/// What ready-to-serve files stay below; between it and the above a mezzanine may lie.
const READY_KILOBITS: u64 = 100_000;
/// Pixels of a full HD picture, and the kilobits a second beyond which it gets no better.
const FULL_HD: u64 = 1920 * 1080;
const MOST_FOR_HD: u64 = 30_000;
/// Kilobits a second below which no video of a screen's size exists.
const LEAST_KILOBITS: u64 = 32;

/// `width` and `height`.
pub(super) fn sizes(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    file: &File<'_>,
    class: Class,
) {
    let (Some(width), Some(height)) = (file.width, file.height) else {
        return;
    };
    let number = |attribute| time::number(value(doc, Some(attribute)));
    // What is no number is said with all other values.
    let (Some(across), Some(down)) = (number(width), number(height)) else {
        return;
    };
    if across == 0 || down == 0 {
        if matches!(class, Class::Video | Class::Image | Class::Obsolete) {
            let zero = if across == 0 { width } else { height };
            sink.report(
                Id::MediafileSizeZero,
                id,
                value_range(zero),
                format_args!("a picture of {across} by {down} pixels fits no screen"),
            );
        }
        return;
    }
    if class == Class::Audio {
        sink.report(
            Id::MediafileAudioWithSize,
            id,
            value_range(width),
            format_args!(
                "audio has no size; `width` and `height` must be 0, not {across} by {down}"
            ),
        );
        return;
    }
    if across > HUGE || down > HUGE {
        let huge = if across > HUGE { width } else { height };
        sink.report(
            Id::MediafileSizeImplausible,
            id,
            value_range(huge),
            format_args!("no video is {across} by {down} pixels large"),
        );
    } else if class == Class::Video && (across < 16 || down < 16) {
        let small = if across < 16 { width } else { height };
        sink.report(
            Id::MediafileSizeTiny,
            id,
            value_range(small),
            format_args!("a video of {across} by {down} pixels cannot be seen"),
        );
    }
}

/// `bitrate`, `minBitrate` and `maxBitrate`.
pub(super) fn bitrates(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    file: &File<'_>,
    class: Class,
) {
    match (file.low, file.high) {
        (None, None) => {}
        (Some(low), Some(high)) => {
            let number = |attribute| time::number(value(doc, Some(attribute)));
            if let (Some(from), Some(to)) = (number(low), number(high))
                && from > to
            {
                sink.report(
                    Id::MediafileBitratePair,
                    id,
                    value_range(low),
                    format_args!("minBitrate {from} is more than maxBitrate {to}"),
                );
            }
        }
        _ => sink.report_on(
            Id::MediafileBitratePair,
            id,
            format_args!("minBitrate and maxBitrate come together or not at all"),
        ),
    }
    if let Some(bitrate) = file.bitrate
        && (file.low.is_some() || file.high.is_some())
    {
        sink.report(
            Id::MediafileBitrateConflict,
            id,
            (bitrate.name_start, bitrate.value_end),
            format_args!("a file has either `bitrate` or the pair `minBitrate` and `maxBitrate`"),
        );
    }
    let limit = if element.ty == ty::MEDIA_FILE { READY_KILOBITS } else { MOST_KILOBITS };
    for attribute in [file.bitrate, file.high].into_iter().flatten() {
        let Some(rate) = time::number(value(doc, Some(attribute))) else {
            continue;
        };
        let range = value_range(attribute);
        if rate == 0 {
            // A wrapper of code or a playlist has no rate of its own.
            if matches!(class, Class::Video | Class::Audio) {
                sink.report(
                    Id::MediafileBitrateZero,
                    id,
                    range,
                    format_args!("a file of 0 kbit/s holds nothing"),
                );
            }
        } else if rate >= limit {
            sink.report(
                Id::MediafileBitrateInBits,
                id,
                range,
                format_args!(
                    "{rate} kbit/s is more than any line carries; the number is in kbit/s"
                ),
            );
        } else if rate < LEAST_KILOBITS && class == Class::Video {
            sink.report(
                Id::MediafileBitrateInMegabits,
                id,
                range,
                format_args!("{rate} kbit/s is too little for video; the number is in kbit/s"),
            );
        } else {
            continue;
        }
        return;
    }
    if element.ty == ty::MEDIA_FILE && class == Class::Video {
        density(doc, sink, id, file);
    }
}

/// The bit rate against the size: what a picture of so many pixels can need, and must have.
fn density(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, file: &File<'_>) {
    let number = |attribute| time::number(value(doc, attribute));
    let (Some(bitrate), Some(rate), Some(across), Some(down)) =
        (file.bitrate, number(file.bitrate), number(file.width), number(file.height))
    else {
        return;
    };
    let pixels = times(across, down);
    let range = value_range(bitrate);
    if pixels > 0 && pixels <= FULL_HD && rate > MOST_FOR_HD {
        sink.report(
            Id::MediafileBitrateTooHigh,
            id,
            range,
            format_args!("{rate} kbit/s are more than {across} by {down} pixels can show"),
        );
    } else if times(rate, 10_000) < times(pixels, 3) {
        sink.report(
            Id::MediafileBitrateTooLow,
            id,
            range,
            format_args!("{rate} kbit/s are too few for {across} by {down} pixels"),
        );
    }
}

/// `fileSize` of a `MediaFile`: bytes, which bit rate and duration foretell.
pub(super) fn file_size(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    duration: impl FnOnce() -> Option<u64>,
) {
    let Some(attribute) = doc.attr(element, name::FILE_SIZE) else {
        return;
    };
    let Some(bytes) = time::number(value(doc, Some(attribute))) else {
        return;
    };
    let range = value_range(attribute);
    if bytes < 4_096 {
        sink.report(
            Id::MediafileFilesizeImplausible,
            id,
            range,
            format_args!("no file of an ad has {bytes} bytes; `fileSize` counts bytes"),
        );
        return;
    }
    let rate = time::number(value(doc, doc.attr(element, name::BITRATE)));
    if let (Some(rate @ LEAST_KILOBITS..READY_KILOBITS), Some(millis @ 1_000..)) =
        (rate, duration())
    {
        // Kilobits a second by milliseconds are bits.
        let expected = times(rate, millis) / 8;
        if bytes > times(expected, 8) || bytes < expected / 8 {
            sink.report(
                Id::MediafileFilesizeImplausible,
                id,
                range,
                format_args!(
                    "{rate} kbit/s for the duration are about {expected} bytes, not {bytes}"
                ),
            );
        }
    }
}
