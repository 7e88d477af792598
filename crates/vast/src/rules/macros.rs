//! Macros of VAST, and those of ad servers that were never filled.

use crate::chain::MACRO_NAMES;
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::rules::url::Url;
use crate::sink::Sink;

/// Macros of ad servers, and macros of VAST that a server encoded.
pub(crate) fn foreign(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    if let Some((at, len)) = server_macro(text) {
        let quoted = sink.quote(text.get(at..at.saturating_add(len)).unwrap_or(""));
        sink.report(
            Id::MacroOfServer,
            url.id,
            url.part(at, len),
            format_args!("`{quoted}` is a macro of an ad server that was never filled"),
        );
    }
    if let Some((at, len)) = encoded_macro(text) {
        let quoted = sink.quote(text.get(at..at.saturating_add(len)).unwrap_or(""));
        sink.report(
            Id::MacroEncoded,
            url.id,
            url.part(at, len),
            format_args!("`{quoted}` is percent-encoded, so not every player replaces it"),
        );
    }
}

/// Macros in brackets: `[NAME]`.
pub(crate) fn brackets(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    let (mut unknown, mut case) = (false, false);
    for at in memchr::memchr_iter(b'[', text.as_bytes()) {
        let rest = text.get(at + 1..).unwrap_or("");
        let Some((name, _)) = rest.split_once(']').filter(|(name, _)| is_name(name)) else {
            continue;
        };
        if is_known(name) || url.ty == ty::VMAP_TRACKING && name == "ERROR_CODE" {
            continue;
        }
        let range = url.part(at, name.len() + 2);
        let upper = name.to_ascii_uppercase();
        if upper != name && is_known(&upper) {
            if !std::mem::replace(&mut case, true) {
                let quoted = sink.quote(name);
                sink.report(
                    Id::MacroWrongCase,
                    url.id,
                    range,
                    format_args!("players replace [{upper}], not [{quoted}]"),
                );
            }
        } else if upper == name && !std::mem::replace(&mut unknown, true) {
            let quoted = sink.quote(name);
            sink.report(
                Id::MacroUnknown,
                url.id,
                range,
                format_args!("[{quoted}] is no macro of VAST, so players leave it as it is"),
            );
        }
    }
}

/// Three letters or more: `[0]` and `[id]` are parts of query strings.
fn is_name(name: &str) -> bool {
    name.len() >= 3
        && name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_known(name: &str) -> bool {
    MACRO_NAMES.binary_search(&name).is_ok()
}

/// `%%NAME%%`, `${NAME}` or `{{NAME}}`.
fn server_macro(text: &str) -> Option<(usize, usize)> {
    for (open, close) in [("%%", "%%"), ("${", "}"), ("{{", "}}")] {
        let Some(at) = text.find(open) else {
            continue;
        };
        let rest = text.get(at + open.len()..)?;
        if let Some(len) = rest.find(close).filter(|len| (1..=60).contains(len)) {
            let name = rest.get(..len)?;
            if name.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b':')
            }) {
                return Some((at, open.len() + len + close.len()));
            }
        }
    }
    None
}

/// `%5BNAME%5D` of a known macro.
fn encoded_macro(text: &str) -> Option<(usize, usize)> {
    for at in memchr::memmem::find_iter(text.as_bytes(), b"%5") {
        let rest = text.get(at..)?;
        let Some(name) = rest.strip_prefix("%5B").or_else(|| rest.strip_prefix("%5b")) else {
            continue;
        };
        let Some(len) = name.find("%5D").or_else(|| name.find("%5d")) else {
            continue;
        };
        if name.get(..len).is_some_and(is_known) {
            return Some((at, len + 6));
        }
    }
    None
}

/// Whether an error URL says where the code goes, in brackets or for an ad server to fill.
pub(crate) fn names_error_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    let named = |name: &str| {
        bytes.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name.as_bytes()))
    };
    text.contains("[ERRORCODE]") || named("ERRORCODE") || named("ERROR_CODE")
}

/// Whether a URL is made by a macro: its scheme and host are not in the tag.
pub(crate) fn begins_with_one(text: &str) -> bool {
    let bracket = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    bracket.is_some_and(|(name, _)| is_name(name))
        || server_macro(text).is_some_and(|(at, _)| at == 0)
}

/// Whether a host is made by a macro of an ad server.
pub(crate) fn is_template(host: &str) -> bool {
    server_macro(host).is_some()
}
