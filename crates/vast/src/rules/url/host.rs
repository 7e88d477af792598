//! User, host and port: who is asked, and with whose name.

use super::scripts::{mixes_scripts, punycode};
use super::{Url, Use};
use crate::generated::rules::Id;
use crate::rules::host::{address, special};
use crate::rules::macros;
use crate::sink::Sink;
use crate::text::Text as _;

/// What a byte is to an authority.
const END: u8 = 1;
const DOT: u8 = 2;
const COLON: u8 = 4;
const USER: u8 = 8;
const HYPHEN: u8 = 16;
/// Not a letter, a digit, a hyphen or a dot.
const OTHER: u8 = 32;

static CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "below 256, and `try_from` is not const"
        )]
        let class = match byte as u8 {
            b'/' | b'?' | b'#' | b'\\' => END,
            b'.' => DOT,
            b':' => COLON,
            b'@' => USER,
            b'-' => HYPHEN,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => 0,
            _ => OTHER,
        };
        table[byte] = class;
        byte += 1;
    }
    table
};

/// Judges what stands between `//` and the path. `at` is the place of `rest` in the URL.
pub(super) fn judge(sink: &mut Sink<'_>, url: &Url<'_>, rest: &str, at: usize) {
    // Most URLs of a tag ask the host that the one before them asked.
    let doc = sink.doc;
    let known = doc.slice(sink.plain_host.0, sink.plain_host.1);
    if !known.is_empty()
        && let Some(path) = rest.strip_prefix(known)
        && path.bytes().next().is_none_or(|byte| CLASS[usize::from(byte)] == END)
    {
        if sink.hears(Id::UrlWithDoubleSlash) {
            double_slash(sink, url, path, at + known.len());
        }
        return;
    }
    let (mut classes, mut end) = (0, rest.len());
    // The start of the last label, and whether a label is empty.
    let (mut label, mut gap) = (0, false);
    for (place, byte) in rest.bytes().enumerate() {
        let class = CLASS[usize::from(byte)];
        if class == END {
            end = place;
            break;
        }
        if class == DOT {
            gap |= label == place;
            label = place + 1;
        }
        classes |= class;
    }
    if sink.hears(Id::UrlWithDoubleSlash) {
        double_slash(sink, url, rest.get(end..).unwrap_or(""), at + end);
    }
    // What nearly all hosts are.
    if classes == DOT && !gap && end <= 63 && rest.as_bytes().get(label..end).is_some_and(is_common)
    {
        if url.exact {
            sink.plain_host = url.part(at, end);
        }
        return;
    }
    let (before, start) = (sink.said, at);
    authority(sink, url, rest.get(..end).unwrap_or(""), at, classes);
    if url.exact && classes & (OTHER | USER) == 0 && sink.said == before {
        sink.plain_host = url.part(start, end);
    }
}

/// User, host and port.
fn authority(sink: &mut Sink<'_>, url: &Url<'_>, authority: &str, at: usize, classes: u8) {
    let (mut authority, mut at) = (authority, at);
    if classes & USER != 0
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
    let host = if classes & (COLON | OTHER) == 0 {
        authority
    } else {
        let host = match authority.strip_prefix('[') {
            Some(inner) => inner.cut(b']').map_or(authority, |(inner, _)| {
                authority.get(..inner.len() + 2).unwrap_or(authority)
            }),
            None => authority.split(':').next().unwrap_or(authority),
        };
        if let Some(port) = authority.get(host.len()..).and_then(|port| port.strip_prefix(':')) {
            self::port(sink, url, port, at + host.len() + 1);
        }
        host
    };
    if host.is_empty() {
        let quoted = sink.quote(&url.text);
        sink.report(Id::UrlWithoutHost, url.id, url.range, format_args!("`{quoted}` has no host"));
        return;
    }
    name(sink, url, host, at, classes);
}

/// Whether a last label is one that needs no closer look: no number, and none of the names that
/// only a private network has or that are reserved.
fn is_common(label: &[u8]) -> bool {
    match label {
        [b'l' | b'L' | b'i' | b'I' | b't' | b'T', ..] => !matches!(label.len(), 4 | 5 | 7 | 8 | 9),
        [first, ..] => first.is_ascii_alphabetic(),
        [] => false,
    }
}

/// An empty folder in the path.
fn double_slash(sink: &mut Sink<'_>, url: &Url<'_>, path: &str, at: usize) {
    let path = path.split(['?', '#']).next().unwrap_or(path);
    // A whole URL in a path is a redirect.
    let found =
        path.place_of("//").filter(|place| !path.get(..*place).unwrap_or("").ends_with(':'));
    if let Some(place) = found {
        sink.report(
            Id::UrlWithDoubleSlash,
            url.id,
            url.part(at + place, 2),
            format_args!("the path has two slashes in a row, which is another path than one"),
        );
    }
}

/// The port: a number that firewalls let through.
fn port(sink: &mut Sink<'_>, url: &Url<'_>, port: &str, at: usize) {
    if port.is_empty() || macros::is_template(port) || port.starts_with('[') {
        return;
    }
    let number = crate::rules::time::number(port).filter(|number| (1..=65535).contains(number));
    let quoted = sink.quote(port);
    let range = url.part(at, port.len());
    match number {
        None => {
            sink.report(Id::UrlPortInvalid, url.id, range, format_args!("`{quoted}` is no port"));
        }
        Some(80 | 443) => {}
        Some(_) => sink.report(
            Id::UrlPortUnusual,
            url.id,
            range,
            format_args!("port {quoted} is closed in many networks; use the port of https"),
        ),
    }
}

fn name(sink: &mut Sink<'_>, url: &Url<'_>, host: &str, at: usize, classes: u8) {
    let range = url.part(at, host.len());
    if classes & OTHER != 0 && other(sink, url, host, range) {
        return;
    }
    if let Some(kind) = special(host) {
        let quoted = sink.quote(host);
        sink.report(
            Id::UrlHostSpecial,
            url.id,
            range,
            format_args!(
                "`{quoted}` is a {kind} address: every viewer would ask a machine of their own network"
            ),
        );
        return;
    }
    if classes & DOT == 0 {
        if host.is_like("http") || host.is_like("https") {
            sink.report(
                Id::UrlWithTwoSchemes,
                url.id,
                range,
                format_args!("the URL has two schemes, so that its host is `{host}`"),
            );
        } else if !host.starts_with('[') {
            let quoted = sink.quote(host);
            sink.report(
                Id::UrlHostWithoutDot,
                url.id,
                range,
                format_args!("`{quoted}` is a name that only a private network knows"),
            );
        }
        return;
    }
    if host.ends_with('.') {
        sink.report(
            Id::UrlHostTrailingDot,
            url.id,
            range,
            format_args!("the host ends in a dot, which certificates and caches do not match"),
        );
        return;
    }
    if classes & HYPHEN != 0 {
        if host.starts_with('-') || host.holds(".-") || host.holds("-.") {
            malformed(sink, url, host, range, "a label begins or ends with a hyphen");
            return;
        }
        if host.holds("xn--") {
            encoded(sink, url, host, range);
        }
    }
    if host.len() > 63 && host.split('.').any(|label| label.len() > 63) || host.len() > 253 {
        malformed(
            sink,
            url,
            host,
            range,
            "names have at most 63 characters a label and 253 in all",
        );
        return;
    }
    if host.starts_with('.') || host.holds("..") {
        malformed(sink, url, host, range, "a label is empty");
        return;
    }
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.is_like("invalid") || last.is_like("test") {
        let quoted = sink.quote(host);
        sink.report(
            Id::UrlHostReserved,
            url.id,
            range,
            format_args!("`{quoted}` is reserved for tests and never answers"),
        );
    } else if last.starts_with(|c: char| c.is_ascii_digit()) && address(host).is_some() {
        literal(sink, url, host, range);
    }
}

fn malformed(sink: &mut Sink<'_>, url: &Url<'_>, host: &str, range: (u32, u32), why: &str) {
    let quoted = sink.quote(host);
    sink.report(Id::UrlHostMalformed, url.id, range, format_args!("`{quoted}` is no host: {why}"));
}

fn literal(sink: &mut Sink<'_>, url: &Url<'_>, host: &str, range: (u32, u32)) {
    let quoted = sink.quote(host);
    sink.report(
        Id::UrlHostIsAddress,
        url.id,
        range,
        format_args!(
            "`{quoted}` is an address without a name, which hardly any certificate covers"
        ),
    );
}

/// Hosts with other bytes than those of names. Says whether that is all there is to say.
fn other(sink: &mut Sink<'_>, url: &Url<'_>, host: &str, range: (u32, u32)) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        if inner.starts_with(|c: char| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit())
            || !inner.has(b':')
        {
            template(sink, url, range);
            return true;
        }
        if special(host).is_none() {
            if address(host).is_some() {
                literal(sink, url, host, range);
            } else {
                malformed(sink, url, host, range, "brackets hold an IPv6 address");
            }
            return true;
        }
        return false;
    }
    if host.has(b'[') || host.holds("%5B") || macros::is_template(host) {
        template(sink, url, range);
        return true;
    }
    if !host.is_ascii() {
        let quoted = sink.quote(host);
        if mixes_scripts(host) {
            sink.report(
                Id::UrlHostMixedScripts,
                url.id,
                range,
                format_args!("`{quoted}` mixes letters of several scripts that look alike"),
            );
        } else {
            sink.report(
                Id::UrlHostNotAscii,
                url.id,
                range,
                format_args!("`{quoted}` is not written in ASCII, as DNS needs it"),
            );
        }
        return true;
    }
    if host.bytes().all(|byte| CLASS[usize::from(byte)] & OTHER == 0 || byte == b'_') {
        let quoted = sink.quote(host);
        sink.report(
            Id::UrlHostUnderscore,
            url.id,
            range,
            format_args!("`{quoted}` has an underscore, which some players take for no host"),
        );
        return false;
    }
    if host.has(b'%') || host.bytes().any(|byte| byte <= b' ') {
        // What stands here is reported as a character of the URL.
        return true;
    }
    let quoted = sink.quote(host);
    sink.report(Id::UrlInvalid, url.id, range, format_args!("`{quoted}` is no host"));
    true
}

/// The host comes from a macro: whoever fills it decides who is asked.
fn template(sink: &mut Sink<'_>, url: &Url<'_>, range: (u32, u32)) {
    if Use::of(url.ty) == Use::Tag {
        return;
    }
    sink.report(
        Id::MacroInHost,
        url.id,
        range,
        format_args!("the host is made of a macro; unfilled, it is no host"),
    );
}

/// Labels in Punycode: a name of another script, or one that pretends.
fn encoded(sink: &mut Sink<'_>, url: &Url<'_>, host: &str, range: (u32, u32)) {
    let mixed = host
        .split('.')
        .filter_map(|label| label.strip_prefix("xn--"))
        .filter_map(punycode)
        .any(|label| mixes_scripts(&label));
    let quoted = sink.quote(host);
    if mixed {
        sink.report(
            Id::UrlHostMixedScripts,
            url.id,
            range,
            format_args!("`{quoted}` mixes letters of several scripts that look alike"),
        );
    } else {
        sink.report(
            Id::UrlHostPunycode,
            url.id,
            range,
            format_args!("`{quoted}` is shown to people in another script than it is written in"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_need_a_closer_look_get_it() {
        for label in ["local", "LOCALHOST", "internal", "invalid", "test", "1", "0x7f", ""] {
            assert!(!is_common(label.as_bytes()), "{label}");
        }
        for label in ["com", "net", "tv", "io", "example", "de"] {
            assert!(is_common(label.as_bytes()), "{label}");
        }
    }
}
