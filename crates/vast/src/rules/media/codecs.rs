//! `codec`: whether there is one of that name, and what carries it.

use crate::document::{Attribute, Document, ElementId};
use crate::generated::rules::Id;
use crate::rules::media::{Class, begins_with_macro, essence, value, value_range};
use crate::sink::Sink;
use crate::text::Text;

/// What carries a codec: names as they are written, in RFC 6381 form or as people call it.
const CODECS: [(&str, Carrier); 50] = [
    ("avc1", Carrier::Mp4),
    ("avc3", Carrier::Mp4),
    ("h.264", Carrier::Mp4),
    ("h264", Carrier::Mp4),
    ("x264", Carrier::Mp4),
    ("avc", Carrier::Mp4),
    ("libx264", Carrier::Mp4),
    ("hvc1", Carrier::Mp4),
    ("hev1", Carrier::Mp4),
    ("hevc", Carrier::Mp4),
    ("h.265", Carrier::Mp4),
    ("h265", Carrier::Mp4),
    ("x265", Carrier::Mp4),
    ("dvh1", Carrier::Mp4),
    ("dvhe", Carrier::Mp4),
    ("vvc1", Carrier::Mp4),
    ("mp4v", Carrier::Mp4),
    ("mpeg4", Carrier::Mp4),
    ("mpeg-4", Carrier::Mp4),
    ("mp4a", Carrier::Mp4),
    ("aac", Carrier::Mp4),
    ("he-aac", Carrier::Mp4),
    ("ac-3", Carrier::Any),
    ("ac3", Carrier::Any),
    ("ec-3", Carrier::Any),
    ("eac3", Carrier::Any),
    ("ac-4", Carrier::Any),
    ("av01", Carrier::Any),
    ("av1", Carrier::Any),
    ("vp08", Carrier::Any),
    ("vp09", Carrier::Any),
    ("vp9", Carrier::Any),
    ("vp8", Carrier::Webm),
    ("opus", Carrier::Any),
    ("vorbis", Carrier::Webm),
    ("theora", Carrier::Webm),
    ("mp3", Carrier::Any),
    ("mpeg", Carrier::Any),
    ("mp2", Carrier::Any),
    ("flac", Carrier::Any),
    ("alac", Carrier::Any),
    ("pcm", Carrier::Any),
    ("lpcm", Carrier::Any),
    ("prores", Carrier::Any),
    ("apch", Carrier::Any),
    ("apcn", Carrier::Any),
    ("ap4h", Carrier::Any),
    ("dnxhd", Carrier::Any),
    ("mpeg2", Carrier::Any),
    ("mpeg-2", Carrier::Any),
];

/// The container in which players expect a codec.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Mp4,
    Webm,
    Any,
}

fn carrier(codec: &str) -> Option<Carrier> {
    // Profile and level follow the name: `avc1.64001f`, `H.264 High`, `ProRes422`.
    let begins = |known: &str| codec.begins_like(known);
    CODECS.iter().find(|(known, _)| begins(known)).map(|(_, carrier)| *carrier)
}

/// What stands before the first of these bytes.
fn before(text: &str, byte: u8) -> &str {
    text.cut(byte).map_or(text, |(before, _)| before)
}

/// Whether a file says that it has a codec that only newer devices decode.
pub(super) fn few_decode(list: &str) -> bool {
    let newer = ["hvc1", "hev1", "hevc", "h.265", "h265", "dvh1", "dvhe", "vvc1", "av01", "av1"];
    let first = before(list, b',').trimmed();
    let short = before(first, b'.');
    // Nearly all files are AVC.
    !short.is_like("avc1") && newer.iter().any(|known| known.is_like(first) || known.is_like(short))
}

/// `codec`: whether there is one of that name, and whether the container carries it.
pub(super) fn codec(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    attribute: &Attribute,
    kind: &str,
    class: Class,
) {
    let list = value(doc, Some(attribute));
    if begins_with_macro(list) || list.len() > 256 {
        return;
    }
    let kind = essence(kind);
    for codec in list.split(',').map(Text::trimmed) {
        let range = value_range(attribute);
        match carrier(codec) {
            None => {
                let quoted = sink.quote(codec);
                sink.report(
                    Id::MediafileCodecUnknown,
                    id,
                    range,
                    format_args!("`{quoted}` is no codec that players know"),
                );
                return;
            }
            Some(of) => {
                let webm = kind.ends_with("/webm");
                let mp4 = kind.ends_with("/mp4");
                let wrong = of == Carrier::Mp4 && webm || of == Carrier::Webm && mp4;
                if wrong && class != Class::Other {
                    let (codec, kind) = (sink.quote(codec), sink.quote(kind));
                    sink.report(
                        Id::MediafileCodecContradictsType,
                        id,
                        range,
                        format_args!("a file of type `{kind}` cannot carry `{codec}`"),
                    );
                    return;
                }
            }
        }
    }
    if sink.hears(Id::MediafileCodecForm) && has_marketing_name(list) {
        let quoted = sink.quote(list);
        sink.report(
            Id::MediafileCodecForm,
            id,
            value_range(attribute),
            format_args!("`{quoted}` is not of the form of RFC 6381, such as `avc1.64001f`"),
        );
    }
}

/// Whether the first codec is called as people call it.
fn has_marketing_name(list: &str) -> bool {
    let first = before(list, b',').trimmed();
    let short = before(first, b'.');
    let sample_entries = [
        "avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "vvc1", "mp4v", "mp4a", "ac-3", "ec-3",
        "ac-4", "av01", "vp08", "vp09", "vp8", "vp9", "opus", "vorbis", "flac", "alac", "theora",
        "apch", "apcn", "ap4h",
    ];
    !sample_entries.iter().any(|known| known.is_like(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_known_by_their_registered_and_their_common_names() {
        for text in [
            "avc1.64001f",
            "avc1",
            "H.264",
            "h264",
            "mp4a.40.2",
            "VP9",
            "vp09.00.10.08",
            "av01.0.04M.08",
            "hvc1.1.6.L93.B0",
            "H.264 High",
            "ProRes422",
            "AAC-LC",
            "MP3",
            "mp4v.20.9",
        ] {
            assert!(carrier(text).is_some(), "{text}");
        }
        for text in ["", "banana", "video/mp4", "30fps", "yes", "264"] {
            assert!(carrier(text).is_none(), "{text}");
        }
    }
}
