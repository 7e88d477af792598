//! URLs: whether they lead somewhere, and whether they may.

use std::borrow::Cow;

use crate::document::{Document, Element, ElementId, PartKind, UNCLOSED, unescape};
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::rules::host::special;
use crate::rules::{macros, mend, name_range};
use crate::sink::Sink;
use crate::structure::TypeId;

/// What bytes of a URL ask to be looked at more closely.
const SPACE: u8 = 1;
const BRACKET: u8 = 2;
const PERCENT: u8 = 4;
const DOLLAR: u8 = 8;
const AMPERSAND: u8 = 16;
const FORBIDDEN: u8 = 32;
const AT: u8 = 64;
const BEYOND_ASCII: u8 = 128;

/// The class of each byte.
static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "below 256, and `try_from` is not const"
        )]
        let class = match byte as u8 {
            0..=b' ' | 0x7f => SPACE,
            b'[' => BRACKET,
            b'%' => PERCENT,
            b'$' => DOLLAR,
            b'&' => AMPERSAND,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|' | b'{' | b'}' => FORBIDDEN,
            b'@' => AT,
            0x80.. => BEYOND_ASCII,
            _ => 0,
        };
        table[byte] = class;
        byte += 1;
    }
    table
};

/// A URL of the document.
pub(crate) struct Url<'d> {
    pub(crate) id: ElementId,
    pub(crate) ty: TypeId,
    pub(crate) text: Cow<'d, str>,
    /// The range of the text that holds it.
    pub(crate) range: (u32, u32),
    /// Whether offsets of `text` are offsets of the range.
    exact: bool,
}

impl Url<'_> {
    /// The range of a piece of the URL.
    pub(crate) fn part(&self, at: usize, len: usize) -> (u32, u32) {
        let offset = |at: usize| self.range.0.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
        if self.exact {
            (offset(at), offset(at.saturating_add(len)).min(self.range.1))
        } else {
            self.range
        }
    }
}

/// An element whose content is a URL.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let mut parts = doc
        .parts_from(element.first_part)
        .filter(|part| !doc.slice(part.start, part.end).trim_ascii().is_empty());
    let Some(first) = parts.next() else {
        if !element.has(UNCLOSED) && element.first_child.some().is_none() {
            let name = element.ty.info().element_name();
            sink.report(
                Id::UrlEmpty,
                id,
                name_range(element),
                format_args!("<{name}> holds no URL"),
            );
        }
        return;
    };
    let single = parts.next().is_none();
    let (text, range) = if single {
        let written = doc.slice(first.start, first.end);
        let trimmed = written.trim_ascii();
        let lead = written.len() - written.trim_ascii_start().len();
        let start = first.start.saturating_add(u32::try_from(lead).unwrap_or(0));
        let end = start.saturating_add(u32::try_from(trimmed.len()).unwrap_or(0));
        let text = if first.kind == PartKind::Escaped {
            unescape(trimmed)
        } else {
            Cow::Borrowed(trimmed)
        };
        (text, (start, end))
    } else {
        (doc.content(id), doc.content_range(id).unwrap_or((element.start, element.open_end)))
    };
    let exact = single && matches!(text, Cow::Borrowed(_));
    let url = Url { id, ty: element.ty, text, range, exact };
    let classes = url.text.bytes().fold(0, |classes, byte| classes | CLASS[usize::from(byte)]);
    if first.kind != PartKind::Cdata && single {
        outside_cdata(doc, sink, &url);
    } else if classes & AMPERSAND != 0 {
        double_encoding(sink, &url, first.kind);
    }
    judge(sink, &url, classes);
}

fn outside_cdata(doc: &Document<'_>, sink: &mut Sink<'_>, url: &Url<'_>) {
    // A bare ampersand is a finding of its own, with the same fix.
    let bare = crate::references::references(doc.slice(url.range.0, url.range.1))
        .any(|(_, reference)| !matches!(reference, crate::references::Reference::Known));
    if bare {
        return;
    }
    let name = url.ty.info().element_name();
    sink.report_fix(
        Id::UrlNotCdata,
        url.id,
        url.range,
        format_args!("the URL of <{name}> stands outside of CDATA"),
        |doc| mend::wrap_in_cdata(doc, url.id),
    );
}

fn double_encoding(sink: &mut Sink<'_>, url: &Url<'_>, kind: PartKind) {
    if kind != PartKind::Cdata {
        return;
    }
    // Most URLs have an ampersand; a searcher for five bytes costs more than looking at each.
    let bytes = url.text.as_bytes();
    let encoded = |at: &usize| bytes.get(*at..).is_some_and(|rest| rest.starts_with(b"&amp;"));
    if let Some(at) = memchr::memchr_iter(b'&', bytes).find(encoded) {
        sink.report_fix(
            Id::UrlDoubleEncoded,
            url.id,
            url.part(at, 5),
            format_args!(
                "inside CDATA `&amp;` is not decoded; the server sees a parameter named `amp;…`"
            ),
            |doc| mend::decode_ampersands(doc, url.id),
        );
    }
}

fn judge(sink: &mut Sink<'_>, url: &Url<'_>, classes: u8) {
    let text = url.text.as_ref();
    if classes & BRACKET != 0 {
        macros::brackets(sink, url);
    }
    if classes & (PERCENT | DOLLAR | FORBIDDEN) != 0 {
        macros::foreign(sink, url);
    }
    if url.ty == ty::ERROR && !macros::names_error_code(text) {
        sink.report(
            Id::ErrorUrlWithoutCode,
            url.id,
            url.range,
            format_args!("the error URL has no [ERRORCODE]"),
        );
    }
    if classes & SPACE != 0
        && let Some(at) = text.bytes().position(|byte| CLASS[usize::from(byte)] & SPACE != 0)
    {
        sink.report(
            Id::UrlWithSpace,
            url.id,
            url.part(at, 1),
            format_args!("the URL has a space or a control character inside"),
        );
    }
    if let Some(rest) = text.strip_prefix("https://") {
        authority(sink, url, rest, 8, classes);
        return;
    }
    if macros::begins_with_one(text) {
        return;
    }
    if text.starts_with("//") {
        sink.report(
            Id::UrlWithoutScheme,
            url.id,
            url.range,
            format_args!("the URL takes its scheme from the page; apps and televisions have none"),
        );
        return;
    }
    let scheme = text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    let Some(scheme) = scheme else {
        let quoted = sink.quote(text);
        sink.report(
            Id::UrlInvalid,
            url.id,
            url.range,
            format_args!("`{quoted}` is no absolute URL"),
        );
        return;
    };
    let after = text.get(scheme.len() + 1..).unwrap_or("");
    if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
        let Some(rest) = after.strip_prefix("//") else {
            sink.report(
                Id::UrlInvalid,
                url.id,
                url.range,
                format_args!("`{scheme}:` must be followed by `//` and a host"),
            );
            return;
        };
        if scheme.len() == 4 {
            sink.report(
                Id::UrlHttp,
                url.id,
                url.part(0, 4),
                format_args!("the URL is not https; secure pages do not load it"),
            );
        }
        authority(sink, url, rest, scheme.len() + 3, classes);
        return;
    }
    other_scheme(sink, url, scheme);
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Schemes other than the web's: some run code or read files, some open an app, others do nothing.
fn other_scheme(sink: &mut Sink<'_>, url: &Url<'_>, scheme: &str) {
    let name = scheme.to_ascii_lowercase();
    let range = url.part(0, scheme.len());
    let resource = matches!(
        url.ty,
        ty::STATIC_RESOURCE
            | ty::IFRAME_RESOURCE
            | ty::NON_LINEAR_IFRAME_RESOURCE
            | ty::INTERACTIVE_CREATIVE_FILE
            | ty::NON_LINEAR_INTERACTIVE_CREATIVE_FILE
            | ty::EXTENSION_INTERACTIVE_CREATIVE_FILE
            | ty::ICON_CLICK_FALLBACK_IMAGE_STATIC_RESOURCE
    );
    let click = matches!(
        url.ty,
        ty::CLICK_THROUGH
            | ty::COMPANION_CLICK_THROUGH
            | ty::NON_LINEAR_CLICK_THROUGH
            | ty::ICON_CLICK_THROUGH
    );
    match name.as_str() {
        "data" if resource => {}
        "javascript" | "vbscript" | "file" | "data" | "blob" | "about" | "jar" | "view-source" => {
            let quoted = sink.quote(scheme);
            sink.report(Id::UrlSchemeDangerous, url.id, range, format_args!("`{quoted}:` runs code or reaches files of the player instead of requesting a server"));
        }
        // Clicks may open an app; media may come over a streaming protocol.
        _ if click || matches!(url.ty, ty::MEDIA_FILE | ty::NON_LINEAR_MEDIA_FILE) => {}
        _ => {
            let quoted = sink.quote(scheme);
            sink.report(
                Id::UrlInvalid,
                url.id,
                range,
                format_args!("players do not request `{quoted}:`"),
            );
        }
    }
}

/// User, host and port: who is asked, and with whose name.
fn authority(sink: &mut Sink<'_>, url: &Url<'_>, rest: &str, at: usize, classes: u8) {
    let end = rest
        .bytes()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#' | b'\\'))
        .unwrap_or(rest.len());
    let mut authority = rest.get(..end).unwrap_or("");
    let mut at = at;
    if classes & AT != 0
        && let Some((user, host)) = authority.rsplit_once('@')
    {
        sink.report(
            Id::UrlWithCredentials,
            url.id,
            url.part(at, user.len()),
            format_args!("the URL carries a user name or a password in plain text"),
        );
        at += user.len() + 1;
        authority = host;
    }
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner
            .split_once(']')
            .map_or(authority, |(inner, _)| authority.get(..inner.len() + 2).unwrap_or(authority)),
        None => authority.split(':').next().unwrap_or(authority),
    };
    if host.is_empty() {
        let quoted = sink.quote(&url.text);
        sink.report(Id::UrlInvalid, url.id, url.range, format_args!("`{quoted}` has no host"));
        return;
    }
    if classes & FORBIDDEN != 0
        && host.bytes().any(|byte| CLASS[usize::from(byte)] & FORBIDDEN != 0)
        && !macros::is_template(host)
    {
        let quoted = sink.quote(host);
        sink.report(
            Id::UrlInvalid,
            url.id,
            url.part(at, host.len()),
            format_args!("`{quoted}` is no host"),
        );
        return;
    }
    if let Some(kind) = special(host) {
        let quoted = sink.quote(host);
        sink.report(Id::UrlHostSpecial, url.id, url.part(at, host.len()), format_args!("`{quoted}` is a {kind} address: every viewer would ask a machine of their own network"));
    }
}
