//! Schemes: how a URL is asked for, and whether it is one at all.

use super::{Url, Use, host};
use crate::Version;
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::rules::macros;
use crate::sink::{Sink, TextFix};
use crate::text::Text as _;

/// A URL that does not begin with `https://`.
pub(super) fn judge(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
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
    let colon = text.bytes().position(|byte| byte == b':');
    let scheme = colon.and_then(|end| text.get(..end)).filter(|scheme| is_scheme(scheme));
    let Some(scheme) = scheme else {
        no_scheme(sink, url);
        return;
    };
    if text.is_like("about:blank") {
        blank(sink, url);
        return;
    }
    let after = text.get(scheme.len() + 1..).unwrap_or("");
    if scheme.is_like("http") || scheme.is_like("https") {
        web(sink, url, scheme, after);
    } else {
        other(sink, url, scheme, after);
    }
}

/// `http:` and `https:` in any writing.
fn web(sink: &mut Sink<'_>, url: &Url<'_>, scheme: &str, after: &str) {
    let begin = scheme.len() + 1;
    let Some(rest) = after.strip_prefix("//") else {
        if after.get(..2).is_some_and(|start| start.has(b'\\')) {
            // The backslashes have been reported with all others.
            return;
        }
        sink.report(
            Id::UrlInvalid,
            url.id,
            url.range,
            format_args!("`{scheme}:` must be followed by `//` and a host"),
        );
        return;
    };
    if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let lower = if scheme.len() == 4 { "http" } else { "https" };
        let quoted = sink.quote(scheme);
        sink.report_fix(
            Id::UrlSchemeInCapitals,
            url.id,
            url.part(0, scheme.len()),
            format_args!("`{quoted}:` is usually compared in small letters"),
            |_| {
                let mut pieces = std::iter::once((0, scheme.len(), lower));
                url.edits("Write the scheme in small letters", &mut pieces)
            },
        );
    }
    if scheme.len() == 4 {
        plain(sink, url);
    }
    host::judge(sink, url, rest, begin + 2);
}

/// A URL without TLS: what it costs depends on what it is for.
pub(super) fn plain(sink: &mut Sink<'_>, url: &Url<'_>) {
    // Whole sentences: a constant message is not written down.
    let (id, message) = match Use::of(url.ty) {
        Use::Media => (
            Id::UrlHttpMedia,
            format_args!("the URL is not https; secure pages and apps do not play it"),
        ),
        Use::Tracker => (
            Id::UrlHttpTracker,
            format_args!("the URL is not https; secure pages and apps do not call it"),
        ),
        Use::Click => (
            Id::UrlHttpClick,
            format_args!("the URL is not https; the browser warns the viewer before it opens"),
        ),
        Use::Tag => (
            Id::UrlHttpWrapper,
            format_args!("the URL is not https; secure pages do not load it, and the ad is lost"),
        ),
        Use::Script => {
            (Id::UrlHttpScript, format_args!("the URL is not https; secure pages do not run it"))
        }
        Use::Frame => {
            (Id::UrlHttpFrame, format_args!("the URL is not https; secure pages do not show it"))
        }
        Use::Resource | Use::Interactive | Use::Other => {
            (Id::UrlHttp, format_args!("the URL is not https; secure pages do not load it"))
        }
    };
    sink.report(id, url.id, url.part(0, 4), message);
    if sink.hears(Id::UrlUpgradeToHttps) {
        sink.report_fix(
            Id::UrlUpgradeToHttps,
            url.id,
            url.part(0, 4),
            format_args!("the URL could be asked for over https, if its server answers there"),
            |_| {
                let fix = url.edits("Ask over https", &mut std::iter::once((0, 4, "https")))?;
                Some(TextFix::dangerous(fix.title, fix.edits))
            },
        );
    }
}

/// `about:blank`: VAST 4.1 and later let it stand for an impression that nobody counts.
fn blank(sink: &mut Sink<'_>, url: &Url<'_>) {
    if url.ty == ty::IMPRESSION && sink.version() >= Version::V4_1 {
        sink.report(
            Id::ImpressionNotCounted,
            url.id,
            url.range,
            format_args!("`about:blank` is called by no player: nobody counts this impression"),
        );
        return;
    }
    sink.report_named(
        Id::UrlAboutBlank,
        url.id,
        url.range,
        ("`about:blank` in <", "> leads nowhere; leave the element out"),
        Mend::Not,
    );
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Nothing that is a URL.
fn no_scheme(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    if text.starts_with(['\'', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}']) {
        super::characters::quoted(sink, url);
        return;
    }
    let quoted = sink.quote(text);
    if is_placeholder(text) {
        sink.report(
            Id::UrlPlaceholder,
            url.id,
            url.range,
            format_args!("`{quoted}` holds the place of a URL that was never filled in"),
        );
        return;
    }
    let id = if text.starts_with(['/', '.', '?']) { Id::UrlRelative } else { Id::UrlInvalid };
    sink.report(id, url.id, url.range, format_args!("`{quoted}` is no absolute URL"));
}

/// Words that people and templates leave where a URL belongs.
fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 15] = [
        "#",
        "-",
        "n/a",
        "na",
        "null",
        "none",
        "nil",
        "undefined",
        "nan",
        "false",
        "true",
        "tbd",
        "todo",
        "xxx",
        "url",
    ];
    const BEGINNINGS: [&str; 8] =
        ["insert", "your", "enter", "todo", "replace", "placeholder", "<", "tbd"];
    if text.len() > 80 {
        return false;
    }
    let word = text.trim_start_matches(['_', '{', '(', '*']);
    let begins = |start: &&str| word.begins_like(start);
    let ends = |end: &str| {
        let from = word.len().checked_sub(end.len());
        from.and_then(|from| word.get(from..)).is_some_and(|last| last.is_like(end))
    };
    WORDS.iter().any(|known| known.is_like(word))
        || BEGINNINGS.iter().any(begins) && !word.contains(['.', '/'])
        || ends("_url")
        || ends("_here")
}

/// Schemes other than the web's: some run code or read files, some open an app, others do nothing.
fn other(sink: &mut Sink<'_>, url: &Url<'_>, scheme: &str, after: &str) {
    let name = scheme.to_ascii_lowercase();
    let range = url.part(0, scheme.len());
    let used = Use::of(url.ty);
    match name.as_str() {
        "data" if matches!(used, Use::Resource | Use::Frame | Use::Interactive) => {}
        "javascript" | "vbscript" | "file" | "data" | "blob" | "about" | "jar" | "view-source"
        | "filesystem" | "chrome" | "resource" => {
            let quoted = sink.quote(scheme);
            sink.report(
                Id::UrlSchemeDangerous,
                url.id,
                range,
                format_args!(
                    "`{quoted}:` runs code or reaches files of the player instead of requesting a server"
                ),
            );
        }
        _ if is_nearly_http(&name) && after.starts_with('/') => {
            let quoted = sink.quote(scheme);
            sink.report(
                Id::UrlSchemeMisspelt,
                url.id,
                range,
                format_args!("`{quoted}:` is no scheme; `https:` is meant"),
            );
        }
        // `localhost:8080` and `cdn.example.com:443` read as schemes.
        _ if name.has(b'.') || after.starts_with(|c: char| c.is_ascii_digit()) => {
            let quoted = sink.quote(&url.text);
            sink.report(
                Id::UrlInvalid,
                url.id,
                url.range,
                format_args!("`{quoted}` is no absolute URL"),
            );
        }
        "mailto" | "tel" | "sms" if used == Use::Click => {
            let quoted = sink.quote(scheme);
            sink.report(
                Id::ClickthroughOpensNoPage,
                url.id,
                range,
                format_args!("`{quoted}:` opens no page; televisions and many apps ignore it"),
            );
        }
        // Clicks may open an app; media may come over a streaming protocol.
        _ if used == Use::Click || matches!(url.ty, ty::MEDIA_FILE | ty::NON_LINEAR_MEDIA_FILE) => {
        }
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

/// One letter too many, too few or another one.
fn is_nearly_http(name: &str) -> bool {
    const NEARLY: [&str; 17] = [
        "htp", "htps", "htttp", "htttps", "hhttp", "hhttps", "ttp", "ttps", "tp", "httpp",
        "httpps", "httpss", "hppt", "hptts", "hxxp", "hxxps", "shttp",
    ];
    NEARLY.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_hosts() {
        for text in ["#", "TODO", "INSERT_URL_HERE", "your url", "null", "CLICK_URL", "{insert}"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["www.example.com/x", "insert.example.com", "example", "pixel.gif"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
