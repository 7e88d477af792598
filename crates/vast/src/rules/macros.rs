//! Macros of VAST, and those of ad servers that were never filled.

mod table;

use self::table::{Macro, Only};
use crate::Version;
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::rules::url::{Url, Use};
use crate::sink::{Sink, TextFix};
use crate::text::Text as _;

/// Macros of ad servers, and macros of VAST that a server encoded.
pub(crate) fn foreign(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    if let Some((at, len)) = server_macro(text) {
        let written = text.get(at..at.saturating_add(len)).unwrap_or("");
        let quoted = sink.quote(written);
        let name = written.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let range = url.part(at, len);
        if name.starts_with("AUCTION_") {
            sink.report(
                Id::MacroOfAuction,
                url.id,
                range,
                format_args!("`{quoted}` was to be filled by the exchange before the tag was sent"),
            );
        } else if is_consent(name) {
            sink.report(
                Id::MacroOfConsent,
                url.id,
                range,
                format_args!("`{quoted}` carries the viewer's consent and was never filled"),
            );
        } else {
            sink.report(
                Id::MacroOfServer,
                url.id,
                range,
                format_args!("`{quoted}` is a macro of an ad server that was never filled"),
            );
        }
    }
    if let Some((at, len, twice)) = encoded_macros(text).next() {
        let quoted = sink.quote(text.get(at..at.saturating_add(len)).unwrap_or(""));
        let range = url.part(at, len);
        if twice {
            sink.report(
                Id::MacroEncodedTwice,
                url.id,
                range,
                format_args!("`{quoted}` is percent-encoded twice, so no player replaces it"),
            );
        } else {
            sink.report_fix(
                Id::MacroEncoded,
                url.id,
                range,
                format_args!("`{quoted}` is percent-encoded, so not every player replaces it"),
                |_| {
                    let once = encoded_macros(text).filter(|(_, _, twice)| !twice);
                    let mut brackets =
                        once.flat_map(|(at, len, _)| [(at, 3, "["), (at + len - 3, 3, "]")]);
                    url.edits("Write the brackets", &mut brackets)
                },
            );
        }
    }
}

/// An impression that every cache between player and server may answer.
pub(crate) fn cache_buster(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    let busts = ["[CACHEBUSTING]", "[TIMESTAMP]", "[TRANSACTIONID]"];
    if !busts.iter().any(|name| text.holds(name)) {
        sink.report(
            Id::ImpressionWithoutCachebuster,
            url.id,
            url.range,
            format_args!("the impression has no [CACHEBUSTING], so that a cache may answer it"),
        );
    }
}

/// Macros that carry what the viewer agreed to.
fn is_consent(name: &str) -> bool {
    ["GDPR", "GPP", "US_PRIVACY", "ADDTL_CONSENT", "TCF"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Macros in brackets: `[NAME]`.
pub(crate) fn brackets(sink: &mut Sink<'_>, url: &Url<'_>) {
    let text = url.text.as_ref();
    // Each kind of fault is said once a URL.
    let mut said = Said::default();
    for at in memchr::memchr_iter(b'[', text.as_bytes()) {
        let rest = text.get(at + 1..).unwrap_or("");
        let in_name =
            |byte: u8| byte.is_ascii_alphabetic() || byte.is_ascii_digit() || byte == b'_';
        let head = rest.as_bytes().get(..rest.len().min(41)).unwrap_or_default();
        let len = head.iter().position(|byte| !in_name(*byte)).unwrap_or(head.len());
        let name = rest.get(..len).unwrap_or("");
        if rest.as_bytes().get(len) == Some(&b']') {
            if let Some(known) = table::find(name) {
                taken(sink, url, at, known, &mut said);
            } else if is_name(name) {
                strange(sink, url, at, name, &mut said);
            }
        } else if is_known(name) {
            unclosed(sink, url, at, name, &mut said);
        } else if len == 0 && rest.starts_with(' ') {
            spaced(sink, url, at, &mut said);
        }
    }
}

/// What has been said of a URL.
#[derive(Default)]
struct Said(u32);

impl Said {
    /// Whether this is the first time.
    fn first(&mut self, id: Id) -> bool {
        let bit = match id {
            Id::MacroUnknown => 1,
            Id::MacroWrongCase => 2,
            Id::MacroMisspelt => 4,
            Id::MacroNested => 8,
            Id::MacroUnclosed => 16,
            Id::MacroWithSpace => 32,
            Id::MacroInMediaUrl => 64,
            Id::MacroNotInVersion => 128,
            Id::MacroOfRequest => 256,
            Id::MacroOfTracker => 512,
            Id::ErrorcodeOutsideError => 1024,
            Id::ReasonOutsideVerification => 2048,
            Id::ClickposOutsideClick => 4096,
            _ => 8192,
        };
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first
    }
}

/// `[NAME]` of VAST.
fn taken(sink: &mut Sink<'_>, url: &Url<'_>, at: usize, known: &Macro, said: &mut Said) {
    let (name, bytes) = (known.name, url.text.as_bytes());
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    if before == Some(&b'[')
        && bytes.get(at + name.len() + 2) == Some(&b']')
        && said.first(Id::MacroNested)
    {
        sink.report_fix(
            Id::MacroNested,
            url.id,
            url.part(at - 1, name.len() + 4),
            format_args!("[[{name}]] leaves a pair of brackets around the value"),
            |_| {
                let pieces = [(at - 1, 1, ""), (at + name.len() + 2, 1, "")];
                url.edits("Remove the outer brackets", &mut pieces.into_iter())
            },
        );
    }
    place(sink, url, known, url.part(at, name.len() + 2), said);
}

/// `[NAME]` that no version of VAST has.
fn strange(sink: &mut Sink<'_>, url: &Url<'_>, at: usize, name: &str, said: &mut Said) {
    let text = url.text.as_ref();
    let range = url.part(at, name.len() + 2);
    if url.ty == ty::VMAP_TRACKING && name == "ERROR_CODE" {
        return;
    }
    let upper = name.to_ascii_uppercase();
    if upper != name && is_known(&upper) {
        if said.first(Id::MacroWrongCase) {
            let quoted = sink.quote(name);
            sink.report_fix(
                Id::MacroWrongCase,
                url.id,
                range,
                format_args!("players replace [{upper}], not [{quoted}]"),
                |_| {
                    let wrong = lower_case(text);
                    let mut pieces =
                        wrong.iter().map(|(at, name)| (*at, name.len(), name.as_str()));
                    url.edits("Write the macro in capitals", &mut pieces)
                },
            );
        }
        return;
    }
    if let Some(right) = table::meant(&upper) {
        if said.first(Id::MacroMisspelt) {
            let quoted = sink.quote(name);
            sink.report_fix(
                Id::MacroMisspelt,
                url.id,
                range,
                format_args!("[{quoted}] is no macro of VAST; [{right}] is"),
                |_| {
                    let fix = url.edits(
                        "Write the macro of VAST",
                        &mut std::iter::once((at + 1, name.len(), right)),
                    )?;
                    Some(TextFix::dangerous(fix.title, fix.edits))
                },
            );
        }
    } else if upper == name && said.first(Id::MacroUnknown) {
        let quoted = sink.quote(name);
        sink.report(
            Id::MacroUnknown,
            url.id,
            range,
            format_args!("[{quoted}] is no macro of VAST, so players leave it as it is"),
        );
    }
}

/// The names of macros that are not in capitals, in capitals, with their places.
fn lower_case(text: &str) -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    for at in memchr::memchr_iter(b'[', text.as_bytes()) {
        let rest = text.get(at + 1..).unwrap_or("");
        if let Some(name) = rest.get(..rest.len().min(42)).and_then(|rest| rest.cut(b']')) {
            let upper = name.0.to_ascii_uppercase();
            if upper != name.0 && is_known(&upper) {
                wrong.push((at + 1, upper));
            }
        }
    }
    wrong
}

/// A macro of VAST in the place where it stands.
fn place(sink: &mut Sink<'_>, url: &Url<'_>, known: &Macro, range: (u32, u32), said: &mut Said) {
    let name = known.name;
    let used = Use::of(url.ty);
    if used == Use::Media {
        if range.0 > url.range.0 && said.first(Id::MacroInMediaUrl) {
            sink.report(
                Id::MacroInMediaUrl,
                url.id,
                range,
                format_args!(
                    "players replace no macros in the address of a file, [{name}] neither"
                ),
            );
        }
        return;
    }
    let fault = match known.only {
        Only::Anywhere => None,
        Only::Error => (!matches!(url.ty, ty::ERROR | ty::VMAP_TRACKING))
            .then_some((Id::ErrorcodeOutsideError, "outside of <Error> there is no error code")),
        Only::Verification => (url.ty != ty::VERIFICATION_TRACKING).then_some((
            Id::ReasonOutsideVerification,
            "only verificationNotExecuted has a reason",
        )),
        Only::Click => (!matches!(
            url.ty,
            ty::CLICK_TRACKING
                | ty::CUSTOM_CLICK
                | ty::COMPANION_CLICK_TRACKING
                | ty::NON_LINEAR_CLICK_TRACKING
                | ty::ICON_CLICK_TRACKING
        ) && used != Use::Click)
            .then_some((Id::ClickposOutsideClick, "only a click has a position")),
        Only::Request => (used == Use::Tracker)
            .then_some((Id::MacroOfRequest, "it is filled where an ad is asked for")),
        Only::Tracker => (used == Use::Tag)
            .then_some((Id::MacroOfTracker, "before there is an ad, it has no value")),
    };
    if let Some((id, why)) = fault {
        if said.first(id) {
            sink.report(id, url.id, range, format_args!("[{name}] has no value here: {why}"));
        }
        return;
    }
    if known.since > sink.version() && known.since >= Version::V4_1 {
        if said.first(Id::MacroNotInVersion) {
            let (since, version) = (known.since, sink.version());
            sink.report(
                Id::MacroNotInVersion,
                url.id,
                range,
                format_args!(
                    "[{name}] came with VAST {since}; players of {version} may not know it"
                ),
            );
        }
    } else if name == "CONTENTPLAYHEAD" && said.first(Id::MacroDeprecated) {
        sink.report(
            Id::MacroDeprecated,
            url.id,
            range,
            format_args!("[CONTENTPLAYHEAD] gave way to [MEDIAPLAYHEAD] and [ADPLAYHEAD]"),
        );
    }
}

/// `[NAME` without its end.
fn unclosed(sink: &mut Sink<'_>, url: &Url<'_>, at: usize, name: &str, said: &mut Said) {
    if said.first(Id::MacroUnclosed) {
        sink.report(
            Id::MacroUnclosed,
            url.id,
            url.part(at, name.len() + 1),
            format_args!("[{name} has no closing bracket, so players do not replace it"),
        );
    }
}

/// `[ NAME ]`.
fn spaced(sink: &mut Sink<'_>, url: &Url<'_>, at: usize, said: &mut Said) {
    let rest = url.text.get(at + 1..).unwrap_or("");
    let inner = rest.get(..rest.len().min(60)).and_then(|rest| rest.cut(b']'));
    let Some((inner, _)) = inner.filter(|(inner, _)| is_known(inner.trimmed())) else {
        return;
    };
    if said.first(Id::MacroWithSpace) {
        let name = inner.trimmed();
        sink.report_fix(
            Id::MacroWithSpace,
            url.id,
            url.part(at, inner.len() + 2),
            format_args!("players replace [{name}], not the name with spaces around it"),
            |_| {
                let mut pieces = std::iter::once((at + 1, inner.len(), name));
                url.edits("Remove the spaces", &mut pieces)
            },
        );
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
    table::find(name).is_some()
}

/// `%%NAME%%`, `${NAME}` or `{{NAME}}`.
fn server_macro(text: &str) -> Option<(usize, usize)> {
    let mut starts = memchr::memchr3_iter(b'%', b'$', b'{', text.as_bytes());
    starts.find_map(|at| Some((at, server_macro_at(text.as_bytes().get(at..)?)?)))
}

/// The length of the macro of an ad server with which a text begins.
fn server_macro_at(text: &[u8]) -> Option<usize> {
    let (rest, close): (_, &[u8]) = match text {
        [b'%', b'%', rest @ ..] => (rest, b"%%"),
        [b'$', b'{', rest @ ..] => (rest, b"}"),
        [b'{', b'{', rest @ ..] => (rest, b"}}"),
        _ => return None,
    };
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-:".contains(byte);
    let len = rest.iter().take(61).take_while(|byte| named(byte)).count();
    let closed = rest.get(len..).is_some_and(|rest| rest.starts_with(close));
    (closed && (1..=60).contains(&len)).then_some(2 + len + close.len())
}

/// `%5BNAME%5D` of known macros: place, length, and whether it is encoded once more.
fn encoded_macros(text: &str) -> impl Iterator<Item = (usize, usize, bool)> + '_ {
    memchr::memchr_iter(b'%', text.as_bytes()).filter_map(move |at| {
        let rest = text.get(at..)?;
        let twice = rest.starts_with("%25");
        let open = if twice { 5 } else { 3 };
        let digits = if twice { rest.get(3..5) } else { rest.get(1..3) };
        digits.filter(|digits| digits.is_like("5b"))?;
        let name = rest.get(open..)?;
        let len =
            name.bytes().take_while(|byte| byte.is_ascii_uppercase() || *byte == b'_').count();
        let right = if twice { "%255d" } else { "%5d" };
        let closed = name.get(len..)?.get(..open)?.is_like(right);
        (closed && is_known(name.get(..len)?)).then_some((at, open + len + open, twice))
    })
}

/// Whether an error URL says where the code goes, in brackets or for an ad server to fill.
pub(crate) fn names_error_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    // `d` is the rarest of their letters.
    memchr::memchr2_iter(b'd', b'D', bytes).any(|at| {
        let ends = |name: &str| {
            let end = at + 2;
            let name = name.as_bytes();
            end.checked_sub(name.len())
                .and_then(|start| bytes.get(start..end))
                .is_some_and(|written| written.eq_ignore_ascii_case(name))
        };
        ends("ERRORCODE") || ends("ERROR_CODE")
    })
}

/// Whether a URL is made by a macro: its scheme and host are not in the tag.
pub(crate) fn begins_with_one(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'[') => {
            text.get(1..).and_then(|rest| rest.cut(b']')).is_some_and(|(name, _)| is_name(name))
        }
        Some(b'%' | b'$' | b'{') => server_macro_at(text.as_bytes()).is_some(),
        _ => false,
    }
}

/// Whether a host is made by a macro of an ad server.
pub(crate) fn is_template(host: &str) -> bool {
    server_macro(host).is_some()
}
