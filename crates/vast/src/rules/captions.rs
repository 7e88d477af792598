//! Closed captions: files that a viewer who cannot hear depends on.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{begins_with_macro, ending_of, essence, value, value_range};
use crate::rules::{mend, name_range};
use crate::sink::Sink;
use crate::text::Text as _;

/// Formats of captions, and how their files end.
const FORMATS: [(&str, &[&str]); 13] = [
    ("text/vtt", &["vtt"]),
    ("text/srt", &["srt"]),
    ("application/ttml+xml", &["ttml", "xml", "dfxp"]),
    ("application/x-subrip", &["srt"]),
    ("application/srt", &["srt"]),
    ("text/x-srt", &["srt"]),
    ("application/ttaf+xml", &["ttml", "xml", "dfxp"]),
    ("application/xml", &["ttml", "xml", "dfxp"]),
    ("text/xml", &["ttml", "xml", "dfxp"]),
    ("text/plain", &["srt", "txt"]),
    ("application/x-mpegurl", &["m3u8"]),
    ("application/vnd.apple.mpegurl", &["m3u8"]),
    ("application/mp4", &["mp4", "cmft"]),
];

/// What is written where one of the formats is meant, and nothing else can be.
const MISSPELT: [(&str, &str); 8] = [
    ("vtt", "text/vtt"),
    ("webvtt", "text/vtt"),
    ("text/webvtt", "text/vtt"),
    ("video/vtt", "text/vtt"),
    ("application/vtt", "text/vtt"),
    ("srt", "text/srt"),
    ("ttml", "application/ttml+xml"),
    ("application/ttml", "application/ttml+xml"),
];

/// Files further apart are not compared.
const WINDOW: usize = 16;

/// `ClosedCaptionFiles`: one file for each language and format.
pub(crate) fn files(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let mut window = [None::<(&str, &str)>; WINDOW];
    let mut count = 0_usize;
    for child in doc.children(id) {
        let Some(of) = doc.element(child).filter(|of| of.ty == ty::CLOSED_CAPTION_FILE) else {
            continue;
        };
        let attribute = |name| value(doc, doc.attr(of, name));
        let this = (attribute(name::TYPE), attribute(name::LANGUAGE));
        let same = |other: &(&str, &str)| other.0.is_like(this.0) && other.1.is_like(this.1);
        if window.iter().flatten().any(same) {
            sink.report(
                Id::CaptionsDuplicate,
                child,
                name_range(of),
                format_args!("another file has the same language and type; players take either"),
            );
        }
        if let Some(slot) = window.get_mut(count % WINDOW) {
            *slot = Some(this);
        }
        count += 1;
    }
    if count == 0 && !element.has(UNCLOSED) {
        sink.report_on(
            Id::CaptionsWithoutFile,
            id,
            format_args!("<ClosedCaptionFiles> has no <ClosedCaptionFile>"),
        );
    }
}

/// `ClosedCaptionFile`.
pub(crate) fn file(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    match doc.attr(element, name::TYPE) {
        None => sink.report_on(
            Id::CaptionWithoutType,
            id,
            format_args!("<ClosedCaptionFile> does not say its `type`; players cannot choose it"),
        ),
        Some(attribute) => kind(doc, sink, id, value(doc, Some(attribute)), value_range(attribute)),
    }
    match doc.attr(element, name::LANGUAGE) {
        None => sink.report_on(
            Id::CaptionWithoutLanguage,
            id,
            format_args!("<ClosedCaptionFile> does not say its `language`"),
        ),
        Some(attribute) => {
            language(sink, id, value(doc, Some(attribute)), value_range(attribute));
        }
    }
}

fn kind(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, written: &str, range: (u32, u32)) {
    if begins_with_macro(written) {
        return;
    }
    let essence = essence(written);
    let Some((_, endings)) = FORMATS.iter().find(|(known, _)| known.is_like(essence)) else {
        let quoted = sink.quote(written);
        sink.report_fix(
            Id::CaptionTypeUnknown,
            id,
            range,
            format_args!("`{quoted}` is no format of captions such as `text/vtt`"),
            |_| {
                let known = |(wrong, _): &&(&str, &str)| wrong.is_like(essence);
                let (_, right) = MISSPELT.iter().find(known)?;
                mend::replace("Write the type as it is registered", range, right)
            },
        );
        return;
    };
    let url = doc.content(id);
    let Some(ending) = ending_of(&url) else {
        return;
    };
    let is = |known: &&str| known.is_like(ending);
    let known = FORMATS.iter().any(|(_, endings)| endings.iter().any(is));
    if known && !endings.iter().any(is) {
        let (kind, ending) = (sink.quote(essence), sink.quote(ending));
        sink.report(
            Id::CaptionTypeContradictsEnding,
            id,
            range,
            format_args!("the type is `{kind}`, but the file ends in `.{ending}`"),
        );
    }
}

/// A language and perhaps script, region and variants (BCP 47).
fn language(sink: &mut Sink<'_>, id: ElementId, written: &str, range: (u32, u32)) {
    if is_language(written) || begins_with_macro(written) {
        return;
    }
    let quoted = sink.quote(written);
    sink.report_fix(
        Id::CaptionLanguageInvalid,
        id,
        range,
        format_args!("`{quoted}` is no language tag such as `en` or `en-US`"),
        |_| {
            let right = written.replace('_', "-");
            let mends = right != written && is_language(&right);
            mends.then(|| mend::replace("Write the language with a hyphen", range, &right))?
        },
    );
}

fn is_language(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let first = subtags.next().unwrap_or("");
    (2..=3).contains(&first.len())
        && tag.len() <= 35
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_tags_and_not_names() {
        for tag in ["en", "fil", "en-US", "zh-Hant-TW", "es-419", "de-CH-1996"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["", "e", "english", "en_US", "en-", "en us", "-en", "e1"] {
            assert!(!is_language(tag), "{tag}");
        }
    }
}
