//! Media types and the endings of files.

use crate::document::{Document, ElementId};
use crate::generated::rules::Id;
use crate::sink::Sink;
use crate::text::Text as _;

/// File endings and the types that they may have; the first is the usual one.
const ENDINGS: [(&str, &[&str]); 31] = [
    ("mp4", &["video/mp4", "audio/mp4", "video/x-m4v", "application/mp4"]),
    ("m4v", &["video/x-m4v", "video/mp4", "video/m4v"]),
    ("m4a", &["audio/mp4", "audio/x-m4a", "audio/aac"]),
    ("webm", &["video/webm", "audio/webm"]),
    ("mov", &["video/quicktime"]),
    ("3gp", &["video/3gpp", "video/3gp", "audio/3gpp"]),
    ("ogv", &["video/ogg", "application/ogg"]),
    ("ogg", &["audio/ogg", "video/ogg", "application/ogg"]),
    ("oga", &["audio/ogg", "application/ogg"]),
    ("opus", &["audio/ogg", "audio/opus"]),
    ("mp3", &["audio/mpeg", "audio/mp3"]),
    ("aac", &["audio/aac", "audio/aacp"]),
    ("wav", &["audio/wav", "audio/x-wav", "audio/vnd.wave"]),
    ("flac", &["audio/flac", "audio/x-flac"]),
    ("m3u8", &HLS),
    ("mpd", &["application/dash+xml"]),
    ("flv", &["video/x-flv", "video/flv"]),
    ("swf", &["application/x-shockwave-flash"]),
    ("wmv", &["video/x-ms-wmv"]),
    ("avi", &["video/x-msvideo", "video/avi", "video/msvideo", "video/vnd.avi"]),
    ("mkv", &["video/x-matroska", "video/matroska"]),
    ("mpg", &["video/mpeg"]),
    ("mpeg", &["video/mpeg", "audio/mpeg"]),
    ("mxf", &["application/mxf", "video/mxf"]),
    ("js", &["application/javascript", "text/javascript", "application/x-javascript"]),
    ("html", &["text/html", "application/xhtml+xml"]),
    ("jpg", &["image/jpeg", "image/jpg"]),
    ("jpeg", &["image/jpeg", "image/jpg"]),
    ("png", &["image/png"]),
    ("gif", &["image/gif"]),
    ("webp", &["image/webp"]),
];

/// Types of HLS playlists.
const HLS: [&str; 4] =
    ["application/x-mpegurl", "application/vnd.apple.mpegurl", "audio/mpegurl", "audio/x-mpegurl"];

const FLASH: [&str; 3] = ["application/x-shockwave-flash", "video/x-flv", "video/flv"];

const SCRIPT: [&str; 3] = ["application/javascript", "text/javascript", "application/x-javascript"];

/// Types of containers that no browser and hardly a device plays any more.
const OBSOLETE: [&str; 17] = [
    "video/x-ms-wmv",
    "video/x-ms-asf",
    "video/x-ms-wm",
    "audio/x-ms-wma",
    "video/avi",
    "video/x-msvideo",
    "video/msvideo",
    "video/vnd.avi",
    "video/mpeg",
    "video/3gpp",
    "video/3gp",
    "video/3gpp2",
    "application/vnd.rn-realmedia",
    "video/vnd.rn-realvideo",
    "audio/x-pn-realaudio",
    "application/x-silverlight",
    "application/x-silverlight-app",
];

/// What is written where a registered type is meant. None of the left is a type that a player
/// knows, and each has one meaning.
const MISSPELT: [(&str, &str); 35] = [
    ("mp4", "video/mp4"),
    ("mp4/video", "video/mp4"),
    ("video/x-mp4", "video/mp4"),
    ("video/mp-4", "video/mp4"),
    ("video/mpeg4", "video/mp4"),
    ("video/mpeg-4", "video/mp4"),
    ("video/.mp4", "video/mp4"),
    ("video\\mp4", "video/mp4"),
    ("video-mp4", "video/mp4"),
    ("video mp4", "video/mp4"),
    ("video//mp4", "video/mp4"),
    ("videos/mp4", "video/mp4"),
    ("vidoe/mp4", "video/mp4"),
    ("viedo/mp4", "video/mp4"),
    ("vedio/mp4", "video/mp4"),
    ("video/pm4", "video/mp4"),
    ("webm", "video/webm"),
    ("video/x-webm", "video/webm"),
    ("video/wbem", "video/webm"),
    ("video/mov", "video/quicktime"),
    ("video/x-mov", "video/quicktime"),
    ("m3u8", "application/x-mpegURL"),
    ("hls", "application/x-mpegURL"),
    ("video/hls", "application/x-mpegURL"),
    ("video/m3u8", "application/x-mpegURL"),
    ("application/hls", "application/x-mpegURL"),
    ("application/m3u8", "application/x-mpegURL"),
    ("application/x-m3u8", "application/x-mpegURL"),
    ("application/mpegurl", "application/x-mpegURL"),
    ("application/x-mpeg-url", "application/x-mpegURL"),
    ("dash", "application/dash+xml"),
    ("application/dash", "application/dash+xml"),
    ("application/dash-xml", "application/dash+xml"),
    ("application/xml+dash", "application/dash+xml"),
    ("video/mpd", "application/dash+xml"),
];

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

/// What a player has to do with a file, as far as its type says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Class {
    Video,
    Audio,
    Image,
    Hls,
    Dash,
    Flash,
    Script,
    Html,
    Obsolete,
    #[default]
    Other,
}

impl Class {
    /// The class of a type without parameters.
    pub(crate) fn of(essence: &str) -> Self {
        if essence == "video/mp4" {
            return Self::Video;
        }
        if in_list(&HLS, essence) {
            return Self::Hls;
        }
        if in_list(&FLASH, essence) {
            return Self::Flash;
        }
        if in_list(&OBSOLETE, essence) {
            return Self::Obsolete;
        }
        let top = |name: &str| essence.len() > name.len() && essence.begins_like(name);
        if top("video/") || essence.is_like("application/mp4") {
            Self::Video
        } else if top("audio/") {
            Self::Audio
        } else if top("image/") {
            Self::Image
        } else if essence.is_like("application/dash+xml") {
            Self::Dash
        } else if in_list(&SCRIPT, essence) {
            Self::Script
        } else if essence.is_like("text/html") {
            Self::Html
        } else {
            Self::Other
        }
    }

    /// Whether a player shows or sounds it without running code.
    pub(crate) const fn plays(self) -> bool {
        matches!(self, Self::Video | Self::Audio | Self::Hls | Self::Dash)
    }
}

fn in_list(list: &[&str], kind: &str) -> bool {
    list.iter().any(|known| known.is_like(kind))
}

/// A type without its parameters, such as codecs, which follow a semicolon.
pub(crate) fn essence(kind: &str) -> &str {
    let end = kind.bytes().position(|byte| byte == b';').unwrap_or(kind.len());
    kind.get(..end).unwrap_or(kind).trimmed()
}

pub(super) fn has_capitals(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A value that an ad server will fill in says nothing yet.
pub(crate) fn begins_with_macro(text: &str) -> bool {
    text.as_bytes().first().is_some_and(|byte| matches!(byte, b'[' | b'$' | b'%' | b'{'))
}

/// Whether a type means MP4, however it is written.
pub(super) fn is_mp4(essence: &str) -> bool {
    let end = essence.len().saturating_sub(3);
    essence.get(end..).is_some_and(|end| end.is_like("mp4") || end.is_like("m4v"))
}

/// The registered type that a known misspelling means.
pub(super) fn misspelt<'d>(written: &'d str, essence: &'d str) -> Option<&'d str> {
    if let Some((_, right)) = MISSPELT.iter().find(|(wrong, _)| wrong.is_like(essence)) {
        return Some(right);
    }
    let trimmed = written.trimmed();
    (trimmed.len() != written.len() && is_media_type(essence)).then_some(trimmed)
}

/// `type/subtype` with a top-level type that exists (RFC 6838, section 4.2).
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= 127
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.cut(b'/').is_some_and(|(top, sub)| in_list(&TOP_LEVEL, top) && is_name(sub))
}

/// The ending of the file that a URL names, without what follows the path.
pub(crate) fn ending_of(url: &str) -> Option<&str> {
    let bytes = url.as_bytes();
    let end = memchr::memchr3(b'?', b'#', b';', bytes);
    let path = bytes.get(..end.unwrap_or(bytes.len()))?;
    let mark = path.iter().rposition(|byte| matches!(byte, b'/' | b'.'))?;
    if path.get(mark) == Some(&b'.') { url.get(mark + 1..path.len()) } else { None }
}

/// Compares the type with the ending of the file; gives the ending when it is known.
pub(super) fn ending(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    essence: &str,
    range: (u32, u32),
) -> Option<&'static str> {
    let url = doc.content(id);
    let ending = ending_of(&url)?;
    let (ending, kinds) = ENDINGS.iter().find(|(known, _)| known.is_like(ending))?;
    if !in_list(kinds, essence) {
        let quoted = sink.quote(essence);
        sink.report(
            Id::MediafileTypeContradictsEnding,
            id,
            range,
            format_args!("the type is `{quoted}`, but the file ends in `.{ending}`"),
        );
    }
    Some(ending)
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

    #[test]
    fn no_misspelling_is_a_type_that_is_known() {
        for (wrong, right) in MISSPELT {
            assert!(is_media_type(right), "{right}");
            assert_ne!(wrong, right);
            assert!(!ENDINGS.iter().any(|(_, kinds)| kinds.contains(&wrong)), "{wrong}");
        }
    }
}
