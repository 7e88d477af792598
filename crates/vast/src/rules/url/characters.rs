//! Characters that a URL may not have, broken escapes, and length.

use super::{BEYOND_ASCII, ODD, PERCENT, SPACE, Url, Use};
use crate::generated::rules::Id;
use crate::rules::macros;
use crate::sink::Sink;
use crate::text::Text as _;

/// What the oldest clients and proxies take.
pub(super) const LONG: usize = 2_048;
/// What servers take in a request line by default, less the rest of the line.
const TOO_LONG: usize = 8_000;

/// Judges the characters of a URL. Says whether it is no URL at all, so that nothing more is said.
pub(super) fn judge(sink: &mut Sink<'_>, url: &Url<'_>, classes: u8) -> bool {
    let text = url.text.as_ref();
    let data = text.begins_like("data:");
    if data {
        return false;
    }
    if text.starts_with('"') {
        quoted(sink, url);
        return true;
    }
    if classes & ODD != 0 && markup(sink, url) {
        return true;
    }
    if classes & SPACE != 0 && space(sink, url) {
        return true;
    }
    if !text.begins_like("http") {
        // Links into apps and scripts have rules of their own.
        return false;
    }
    if classes & PERCENT != 0 {
        escapes(sink, url);
    }
    if classes & ODD != 0 {
        odd(sink, url);
    }
    if classes & BEYOND_ASCII != 0 {
        let path = text
            .place_of("//")
            .and_then(|at| text.get(at + 2..)?.find(['/', '?', '#']).map(|slash| at + 2 + slash));
        let from = path.unwrap_or(text.len());
        let beyond = text.bytes().skip(from).position(|byte| !byte.is_ascii());
        if let Some(at) = beyond.map(|at| from + at) {
            let len = text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            sink.report(
                Id::UrlNotAscii,
                url.id,
                url.part(at, len),
                format_args!("the URL has a character beyond ASCII that is not percent-encoded"),
            );
        }
    }
    false
}

/// `"https://…"`, in any kind of quotes.
pub(super) fn quoted(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    let first = text.chars().next().map_or(0, char::len_utf8);
    let marks = ['"', '\'', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];
    sink.report_fix(
        Id::UrlInQuotes,
        url.id,
        url.part(0, first),
        format_args!("the quotation marks are part of the URL, which then has no scheme"),
        |_| {
            let last = text.chars().next_back().filter(|c| marks.contains(c))?.len_utf8();
            let end = text.len().checked_sub(last).filter(|end| *end > first)?;
            url.edits("Remove the quotes", &mut [(0, first, ""), (end, last, "")].into_iter())
        },
    );
}

/// `<img src=…>`.
fn markup(sink: &mut Sink<'_>, url: &Url<'_>) -> bool {
    let text = url.text.as_ref();
    let tag = memchr::memchr_iter(b'<', text.as_bytes()).find(|at| {
        let next = text.as_bytes().get(at + 1).copied().unwrap_or(0);
        next.is_ascii_alphabetic() || matches!(next, b'/' | b'!')
    });
    let Some(at) = tag else {
        return false;
    };
    sink.report(
        Id::UrlWithMarkup,
        url.id,
        url.part(at, 1),
        format_args!("there is HTML where a URL belongs"),
    );
    true
}

/// Line breaks, several URLs, and spaces.
fn space(sink: &mut Sink<'_>, url: &Url<'_>) -> bool {
    let text = url.text.as_ref();
    let is_space = |byte: u8| byte <= b' ' || byte == 0x7f;
    let Some(at) = text.bytes().position(is_space) else {
        return false;
    };
    let rest = text.get(at..).unwrap_or("").trim_ascii_start();
    if rest.begins_like("http") {
        let name = url.ty.info().element_name();
        sink.report(
            Id::UrlSeveral,
            url.id,
            url.part(text.len() - rest.len(), rest.len()),
            format_args!("<{name}> holds several URLs, of which players call one or none"),
        );
        return true;
    }
    let run = text.get(at..text.len() - rest.len()).unwrap_or("");
    if run.contains(['\n', '\r', '\t']) {
        sink.report_fix(
            Id::UrlWithLineBreak,
            url.id,
            url.part(at, run.len().max(1)),
            format_args!("the URL has a line break or a tab inside"),
            |_| {
                // A space beside the break may be a space of the URL.
                let breaks = |byte: u8| matches!(byte, b'\n' | b'\r' | b'\t');
                if text.bytes().any(|byte| is_space(byte) && !breaks(byte)) {
                    return None;
                }
                let bytes = text.bytes().enumerate().filter(|(_, byte)| breaks(*byte));
                url.edits("Remove the line breaks", &mut bytes.map(|(at, _)| (at, 1, "")))
            },
        );
        return false;
    }
    sink.report(
        Id::UrlWithSpace,
        url.id,
        url.part(at, 1),
        format_args!("the URL has a space or a control character inside"),
    );
    false
}

/// `%` that begins no escape. Macros in percent signs are reported as macros.
fn escapes(sink: &mut Sink<'_>, url: &Url<'_>) {
    let bytes = url.text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let broken = memchr::memchr_iter(b'%', bytes).find(|at| !(hex(at + 1) && hex(at + 2)));
    let Some(at) = broken else {
        return;
    };
    let doubled = bytes.get(at + 1) == Some(&b'%') || at > 0 && bytes.get(at - 1) == Some(&b'%');
    if doubled || macros::is_template(&url.text) {
        return;
    }
    let len = url.text.get(at..).map_or(1, |rest| rest.chars().take(3).map(char::len_utf8).sum());
    sink.report(
        Id::UrlEscapeBroken,
        url.id,
        url.part(at, len),
        format_args!("a percent sign must be followed by two hexadecimal digits"),
    );
}

/// Backslashes, fragments and characters that must be percent-encoded.
fn odd(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    let bytes = text.as_bytes();
    let query = memchr::memchr2(b'?', b'#', bytes).unwrap_or(bytes.len());
    if let Some(at) = memchr::memchr(b'\\', bytes) {
        backslash(sink, url, at, query);
    }
    if let Some(at) = memchr::memchr(b'#', bytes)
        && matches!(Use::of(url.ty), Use::Tracker | Use::Tag)
        && url.text.len() > 1
    {
        sink.report(
            Id::UrlWithFragment,
            url.id,
            url.part(at, text.len() - at),
            format_args!("what follows `#` is never sent to the server"),
        );
    }
    let must_be_encoded =
        |byte: &u8| matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'|' | b'{' | b'}');
    let Some(at) = bytes.iter().position(must_be_encoded) else {
        return;
    };
    if matches!(bytes.get(at), Some(b'{' | b'}')) && macros::is_template(text) {
        return;
    }
    let c = char::from(bytes.get(at).copied().unwrap_or(0));
    sink.report(
        Id::UrlCharacterNotEncoded,
        url.id,
        url.part(at, 1),
        format_args!("`{c}` must be percent-encoded in a URL"),
    );
}

fn backslash(sink: &mut Sink<'_>, url: &Url<'_>, at: usize, query: usize) {
    let text = url.text.as_ref();
    sink.report_fix(
        Id::UrlWithBackslash,
        url.id,
        url.part(at, 1),
        format_args!("the URL has a backslash, which some players take for `/` and some do not"),
        |_| {
            // Behind an `@`, players disagree on which host is meant; a query keeps its characters.
            let path = text.get(..query)?;
            let web = path.begins_like("http");
            if !web || path.has(b'@') || text.get(query..)?.has(b'\\') {
                return None;
            }
            let places = memchr::memchr_iter(b'\\', path.as_bytes());
            url.edits("Write slashes", &mut places.map(|at| (at, 1, "/")))
        },
    );
}

/// URLs that are cut off or refused on the way.
pub(super) fn length(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    let len = text.len();
    if text.begins_like("data:") {
        return;
    }
    let (id, bound) = if len > TOO_LONG { (Id::UrlTooLong, TOO_LONG) } else { (Id::UrlLong, LONG) };
    sink.report(
        id,
        url.id,
        url.range,
        format_args!("the URL has {len} characters; more than {bound} do not arrive everywhere"),
    );
}
