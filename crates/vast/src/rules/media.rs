//! Media files: whether a player could choose and play them.

use crate::document::{Document, Element, ElementId};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{name_range, time};
use crate::sink::Sink;

/// File endings and the types that they may have; the first is the usual one.
const ENDINGS: [(&str, &[&str]); 19] = [
    ("mp4", &["video/mp4", "audio/mp4", "video/x-m4v", "application/mp4"]),
    ("m4v", &["video/x-m4v", "video/mp4", "video/m4v"]),
    ("m4a", &["audio/mp4", "audio/x-m4a", "audio/aac"]),
    ("webm", &["video/webm", "audio/webm"]),
    ("mov", &["video/quicktime"]),
    ("3gp", &["video/3gpp", "video/3gp", "audio/3gpp"]),
    ("ogv", &["video/ogg", "application/ogg"]),
    ("ogg", &["audio/ogg", "video/ogg", "application/ogg"]),
    ("mp3", &["audio/mpeg", "audio/mp3"]),
    ("aac", &["audio/aac", "audio/aacp"]),
    ("wav", &["audio/wav", "audio/x-wav"]),
    ("m3u8", &HLS),
    ("mpd", &["application/dash+xml"]),
    ("flv", &["video/x-flv", "video/flv"]),
    ("swf", &["application/x-shockwave-flash"]),
    ("js", &["application/javascript", "text/javascript", "application/x-javascript"]),
    ("jpg", &["image/jpeg", "image/jpg"]),
    ("png", &["image/png"]),
    ("gif", &["image/gif"]),
];

/// Types of HLS playlists.
const HLS: [&str; 4] =
    ["application/x-mpegurl", "application/vnd.apple.mpegurl", "audio/mpegurl", "audio/x-mpegurl"];

/// The top-level types of media types (IANA).
const TOP_LEVEL: [&str; 10] = [
    "video",
    "audio",
    "application",
    "image",
    "text",
    "multipart",
    "font",
    "model",
    "message",
    "example",
];

fn in_list(list: &[&str], kind: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(kind))
}

/// `MediaFile` and `Mezzanine`.
pub(crate) fn file(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    bitrates(doc, sink, id, element);
    if let Some(api) = doc.attr(element, name::API_FRAMEWORK) {
        let range = (api.value_start, api.value_end);
        if doc.slice(range.0, range.1).eq_ignore_ascii_case("VPAID") {
            sink.report(
                Id::Vpaid,
                id,
                range,
                format_args!(
                    "this file is VPAID, which televisions, apps and many browsers refuse"
                ),
            );
        }
    }
    let Some(attribute) = doc.attr(element, name::TYPE) else {
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let kind = doc.slice(range.0, range.1);
    // Parameters such as codecs follow a semicolon.
    let essence = kind.split(';').next().unwrap_or(kind).trim_ascii();
    if !is_media_type(essence) {
        let quoted = sink.quote(kind);
        sink.report(
            Id::MediafileTypeInvalid,
            id,
            range,
            format_args!("`{quoted}` is no media type such as `video/mp4`"),
        );
        return;
    }
    if essence.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/")) {
        sink.report(
            Id::MediafileImage,
            id,
            range,
            format_args!("a linear media file is an image, which players do not show as video"),
        );
        return;
    }
    let flash = ["application/x-shockwave-flash", "video/x-flv", "video/flv"];
    if in_list(&flash, essence) {
        sink.report(Id::MediafileFlash, id, range, format_args!("no player in use plays Flash"));
        return;
    }
    if in_list(&HLS, essence)
        && doc.attr_raw(element, name::DELIVERY).is_some_and(|delivery| delivery == "progressive")
    {
        sink.report(
            Id::HlsMarkedProgressive,
            id,
            range,
            format_args!("an HLS playlist is streamed; `delivery` must be `streaming`"),
        );
    }
    ending(doc, sink, id, essence, range);
}

/// `type/subtype` with a top-level type that exists (RFC 6838, section 4.2).
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= 127
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.split_once('/').is_some_and(|(top, sub)| in_list(&TOP_LEVEL, top) && is_name(sub))
}

fn ending(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    essence: &str,
    range: (u32, u32),
) {
    let url = doc.content(id);
    let path = url.split(['?', '#', ';']).next().unwrap_or("");
    let file = path.rsplit('/').next().unwrap_or("");
    let Some((_, ending)) = file.rsplit_once('.') else {
        return;
    };
    let Some((ending, kinds)) =
        ENDINGS.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending))
    else {
        return;
    };
    if !in_list(kinds, essence) {
        let quoted = sink.quote(essence);
        sink.report(
            Id::MediafileTypeContradictsEnding,
            id,
            range,
            format_args!("the type is `{quoted}`, but the file ends in `.{ending}`"),
        );
    }
}

fn bitrates(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let of = |name| doc.attr(element, name);
    let (low, high) = (of(name::MIN_BITRATE), of(name::MAX_BITRATE));
    match (low, high) {
        (Some(_), None) | (None, Some(_)) => {
            sink.report(
                Id::MediafileBitratePair,
                id,
                name_range(element),
                format_args!("minBitrate and maxBitrate come together or not at all"),
            );
        }
        (Some(low), Some(high)) => {
            let value = |attribute: &crate::document::Attribute| {
                time::number(doc.slice(attribute.value_start, attribute.value_end))
            };
            if let (Some(from), Some(to)) = (value(low), value(high))
                && from > to
            {
                sink.report(
                    Id::MediafileBitratePair,
                    id,
                    (low.value_start, low.value_end),
                    format_args!("minBitrate {from} is more than maxBitrate {to}"),
                );
            }
        }
        (None, None) => {}
    }
}

/// `MediaFiles`: the same file twice.
pub(crate) fn files(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId) {
    if !sink.hears(Id::MediafileDuplicate) {
        return;
    }
    super::repeated(
        doc,
        id,
        ty::MEDIA_FILE,
        &[name::TYPE, name::WIDTH, name::HEIGHT, name::BITRATE, name::DELIVERY],
        |file, element| {
            sink.report(
                Id::MediafileDuplicate,
                file,
                name_range(element),
                format_args!("the same file with the same type and size stands here twice"),
            );
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_have_a_known_top_level() {
        for text in
            ["video/mp4", "application/vnd.apple.mpegurl", "VIDEO/MP4", "application/dash+xml"]
        {
            assert!(is_media_type(text), "{text}");
        }
        for text in ["banana", "banana/mp4", "video/", "/mp4", "video/mp4/x", "video mp4", ""] {
            assert!(!is_media_type(text), "{text}");
        }
    }
}
