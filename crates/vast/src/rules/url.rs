//! URLs: whether they lead somewhere, and whether they may.

mod characters;
mod host;
mod scheme;
mod scripts;

use std::borrow::Cow;

use crate::document::{Document, Element, ElementId, PartKind, UNCLOSED, unescape};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::rules::{macros, name_range};
use crate::sink::{Sink, TextFix};
use crate::structure::TypeId;
use crate::text::Text as _;

/// What bytes of a text ask to be looked at more closely.
pub(super) const SPACE: u8 = 1;
pub(super) const BRACKET: u8 = 2;
pub(super) const PERCENT: u8 = 4;
pub(super) const DOLLAR: u8 = 8;
pub(super) const AMPERSAND: u8 = 16;
/// Bytes that RFC 3986 has nowhere unencoded, and the number sign.
pub(super) const ODD: u8 = 32;
const SEMICOLON: u8 = 64;
pub(super) const BEYOND_ASCII: u8 = 128;

/// The classes of the bytes of a text together.
pub(super) fn classes(text: &str) -> u8 {
    text.bytes().fold(0, |classes, byte| classes | CLASS[usize::from(byte)])
}

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
            b'[' | b']' => BRACKET,
            b'%' => PERCENT,
            b'$' => DOLLAR,
            b'&' => AMPERSAND,
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|' | b'{' | b'}' | b'#' => ODD,
            b';' => SEMICOLON,
            0x80.. => BEYOND_ASCII,
            _ => 0,
        };
        table[byte] = class;
        byte += 1;
    }
    table
};

/// What is lost when a URL is not requested.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Media,
    Tracker,
    Click,
    Tag,
    Script,
    Frame,
    /// Images and whatever else a page may load passively.
    Resource,
    Interactive,
    Other,
}

impl Use {
    pub(crate) const fn of(ty: TypeId) -> Self {
        match ty {
            ty::TRACKING
            | ty::IMPRESSION
            | ty::ERROR
            | ty::CLICK_TRACKING
            | ty::CUSTOM_CLICK
            | ty::VIEWABLE
            | ty::NOT_VIEWABLE
            | ty::VIEW_UNDETERMINED
            | ty::VERIFICATION_TRACKING
            | ty::VMAP_TRACKING
            | ty::COMPANION_CLICK_TRACKING
            | ty::NON_LINEAR_CLICK_TRACKING
            | ty::ICON_CLICK_TRACKING
            | ty::ICON_VIEW_TRACKING
            | ty::NON_LINEAR_CUSTOM_CLICK
            | ty::PORTFOLIO_TRACKING
            | ty::PORTFOLIO_NON_LINEAR_CLICK_TRACKING
            | ty::EXTENSION_ICON_CLICK_TRACKING => Self::Tracker,
            ty::MEDIA_FILE
            | ty::NON_LINEAR_MEDIA_FILE
            | ty::MEZZANINE
            | ty::EXTENSION_MEZZANINE
            | ty::CLOSED_CAPTION_FILE => Self::Media,
            ty::CLICK_THROUGH
            | ty::COMPANION_CLICK_THROUGH
            | ty::NON_LINEAR_CLICK_THROUGH
            | ty::ICON_CLICK_THROUGH => Self::Click,
            ty::VASTAD_TAG_URI | ty::AD_TAG_URI => Self::Tag,
            ty::JAVA_SCRIPT_RESOURCE => Self::Script,
            ty::IFRAME_RESOURCE | ty::NON_LINEAR_IFRAME_RESOURCE => Self::Frame,
            ty::INTERACTIVE_CREATIVE_FILE
            | ty::NON_LINEAR_INTERACTIVE_CREATIVE_FILE
            | ty::EXTENSION_INTERACTIVE_CREATIVE_FILE => Self::Interactive,
            ty::STATIC_RESOURCE | ty::ICON_CLICK_FALLBACK_IMAGE_STATIC_RESOURCE => Self::Resource,
            _ => Self::Other,
        }
    }
}

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

    /// Edits of pieces of the URL; none where the document writes it in another way than it reads.
    pub(crate) fn edits(
        &self,
        title: &'static str,
        pieces: &mut dyn Iterator<Item = (usize, usize, &str)>,
    ) -> Option<TextFix> {
        if !self.exact {
            return None;
        }
        let (mut after, mut from) = (String::with_capacity(self.text.len()), 0);
        let mut edits = Vec::new();
        for (at, len, text) in pieces {
            after.push_str(self.text.get(from..at)?);
            after.push_str(text);
            from = at.checked_add(len)?;
            let (start, end) = self.part(at, len);
            edits.push((start, end, text.to_owned().into()));
        }
        after.push_str(self.text.get(from..)?);
        // It would close the section that the URL stands in.
        if after.holds("]]>") {
            return None;
        }
        Some(TextFix::safe(title, edits))
    }
}

/// An element whose content is a URL.
pub(crate) fn check(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let mut parts = doc
        .parts_from(element.first_part)
        .filter_map(|part| doc.visible(part).map(|(text, range)| (part, text, range)));
    let Some((first, written, range)) = parts.next() else {
        if !element.has(UNCLOSED) && element.first_child.some().is_none() {
            let range = name_range(element);
            sink.report_named(Id::UrlEmpty, id, range, ("<", "> holds no URL"), Mend::Not);
        }
        return;
    };
    let second = parts.next();
    let single = second.is_none();
    let (text, range) = if single {
        let escaped = first.kind == PartKind::Escaped;
        (if escaped { unescape(written) } else { Cow::Borrowed(written) }, range)
    } else {
        (doc.content(id), doc.content_range(id).unwrap_or((element.start, element.open_end)))
    };
    let exact = single && matches!(text, Cow::Borrowed(_));
    if let Some((second, text, _)) = second
        && text.begins_like("http")
    {
        sink.report_named(
            Id::UrlSeveral,
            id,
            (second.start, second.end),
            ("<", "> holds several URLs, and players join them into one"),
            Mend::Not,
        );
        return;
    }
    let url = Url { id, ty: element.ty, text, range, exact };
    let classes = classes(&url.text);
    if first.kind != PartKind::Cdata && single {
        outside_cdata(doc, sink, &url);
    } else if classes & (AMPERSAND | SEMICOLON) == AMPERSAND | SEMICOLON {
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
    sink.report_named(
        Id::UrlNotCdata,
        url.id,
        url.range,
        ("the URL of <", "> stands outside of CDATA"),
        Mend::Cdata,
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
        sink.report_mend(
            Id::UrlDoubleEncoded,
            url.id,
            url.part(at, 5),
            format_args!(
                "inside CDATA `&amp;` is not decoded; the server sees a parameter named `amp;…`"
            ),
            Mend::Ampersands,
        );
    }
}

fn judge(sink: &mut Sink<'_>, url: &Url<'_>, classes: u8) {
    let text = url.text.as_ref();
    if classes & BRACKET != 0 {
        macros::brackets(sink, url);
    }
    if classes & (PERCENT | DOLLAR | ODD) != 0 {
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
    if url.ty == ty::IMPRESSION && sink.hears(Id::ImpressionWithoutCachebuster) {
        macros::cache_buster(sink, url);
    }
    if classes & (SPACE | PERCENT | ODD | BEYOND_ASCII) != 0
        && characters::judge(sink, url, classes)
    {
        return;
    }
    if text.len() > characters::LONG {
        characters::length(sink, url);
    }
    if let Some(rest) = text.strip_prefix("https://") {
        host::judge(sink, url, rest, 8);
    } else if let Some(rest) = text.strip_prefix("http://") {
        scheme::plain(sink, url);
        host::judge(sink, url, rest, 7);
    } else {
        scheme::judge(sink, url);
    }
}
