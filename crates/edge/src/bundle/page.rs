//! Bundles as one page that checks itself.
//!
//! The page is the same in every bundle but for the files that lie in it. So whoever has this
//! program can tell whether a page is the one that it writes, and an edited one is caught, however
//! green it may look. Its policy allows its own style and script by their hashes and nothing else:
//! no address is ever requested.

use adproof_ledger::Hash;
use adproof_ledger::bundle::Files;
use adproof_ledger::bundle::inline::{self, InlineError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const HTML: &str = include_str!("../../../../web/bundle/page.html");
const CSS: &str = include_str!("../../../../web/bundle/page.css");
const JS: &str = include_str!("../../../../web/bundle/page.js");
const GLUE: &str = include_str!("../../../../web/bundle/verifier.js");
const WASM: &[u8] = include_bytes!("../../../../web/bundle/verifier_bg.wasm");
/// Pages of earlier versions: lines of digest and version.
const EARLIER: &str = include_str!("../../../../web/bundle/earlier.txt");

const BEGIN: &str = "<script type=\"application/vnd.adproof.bundle\" id=\"bundle\">\n";
const END: &str = "</script>";

/// Whose page it is that a bundle came in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Code {
    /// The one that this version writes.
    Own,
    /// The one that an earlier version wrote.
    Earlier(String),
    /// Nobody knows this one: it was edited, or made by somebody else, or is newer than this
    /// program. What it shows proves nothing.
    Unknown,
}

/// A bundle in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The files in it.
    pub files: Files,
    /// Whose code it is.
    pub code: Code,
    /// SHA-256 of the page without the files in it.
    pub digest: Hash,
}

impl Page {
    /// Whose code it is, for programs: `own`, `earlier` or `unknown`.
    #[must_use]
    pub const fn code_name(&self) -> &'static str {
        match self.code {
            Code::Own => "own",
            Code::Earlier(_) => "earlier",
            Code::Unknown => "unknown",
        }
    }

    /// The version that writes this code, where it is known.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        match &self.code {
            Code::Own => Some(env!("CARGO_PKG_VERSION")),
            Code::Earlier(version) => Some(version),
            Code::Unknown => None,
        }
    }
}

/// Why bytes are not a bundle in a page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// Not a page of this program.
    #[error("it is not a page that holds a bundle")]
    NotAPage,
    /// The data in it cannot be read.
    #[error("{0}")]
    Data(InlineError),
}

/// The page with the files in it. The same files give the same bytes.
#[must_use]
pub fn write(files: &Files) -> String {
    let (head, tail) = template();
    head + &inline::write(files) + &tail
}

/// SHA-256 of the page of this version without files.
#[must_use]
pub fn own_digest() -> Hash {
    let (head, tail) = template();
    Hash::of((head + &tail).as_bytes())
}

/// Takes the files out of a page. Nothing in it is run.
pub fn read(bytes: &[u8], limits: &inline::Limits) -> Result<Page, PageError> {
    let html = std::str::from_utf8(bytes).map_err(|_| PageError::NotAPage)?;
    let (head, rest) = html.split_once(BEGIN).ok_or(PageError::NotAPage)?;
    let (data, tail) = rest.split_once(END).ok_or(PageError::NotAPage)?;
    let files = inline::parse(data, limits).map_err(PageError::Data)?;
    let digest = Hash::of(format!("{head}{BEGIN}{END}{tail}").as_bytes());
    let code = if digest == own_digest() {
        Code::Own
    } else {
        let name = digest.to_string();
        let earlier = earlier().find(|(known, _)| *known == name);
        earlier.map_or(Code::Unknown, |(_, version)| Code::Earlier(version.to_owned()))
    };
    Ok(Page { files, code, digest })
}

fn earlier() -> impl Iterator<Item = (&'static str, &'static str)> {
    EARLIER
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(digest, version)| (digest, version.trim()))
}

/// What stands before and behind the files.
fn template() -> (String, String) {
    let js = format!("{GLUE}\n{JS}");
    let csp = format!(
        "default-src 'none'; script-src '{}' 'wasm-unsafe-eval'; style-src '{}'; base-uri 'none'; \
         form-action 'none'",
        source(&js),
        source(CSS)
    );
    let (head, tail) = HTML.split_once("{{files}}").unwrap_or((HTML, ""));
    let head = head.replace("{{csp}}", &csp).replace("{{css}}", CSS);
    let tail = tail.replace("{{wasm}}", &BASE64.encode(WASM)).replace("{{js}}", &js);
    (head, tail)
}

/// The hash of an inline element as a content security policy names it.
fn source(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(Hash::of(text.as_bytes()).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        [("log.pub".to_owned(), b"</script><b>".to_vec())].into()
    }

    #[test]
    fn files_come_out_of_a_page_as_they_went_in() {
        let html = write(&files());
        let page = read(html.as_bytes(), &inline::Limits::default()).unwrap();
        assert_eq!(page, Page { files: files(), code: Code::Own, digest: own_digest() });
    }

    #[test]
    fn every_edit_of_the_page_itself_is_told() {
        let html = write(&files());
        let good = html.replace("say('bad'", "say('good'");
        let styled = html.replace("--bad: #b3140d", "--bad: #1d6b43");
        let appended = html.clone() + " ";
        let wasm = html.replacen("AGFzbQ", "AGFzbR", 1);
        let looser = html.replace("default-src 'none'", "default-src *");
        let decoy = format!("<!--{BEGIN}{END}-->{html}");
        for edited in [good, styled, appended, wasm, looser, decoy] {
            assert_ne!(edited, html);
            let page = read(edited.as_bytes(), &inline::Limits::default());
            let page = page.map(|page| (page.code, page.files == files()));
            assert!(!matches!(page, Ok((Code::Own | Code::Earlier(_), _))), "{page:?}");
        }
    }

    #[test]
    fn the_template_is_whole_and_asks_for_nothing() {
        let html = write(&files());
        assert!(!html.contains("{{"), "a place was not filled");
        assert_eq!(html.matches(BEGIN).count(), 1);
        // Three scripts, closed where they should be, so that none of them holds the end tag.
        assert_eq!((html.matches("<script").count(), html.matches(END).count()), (3, 3));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!HTML.contains(outside) && !CSS.contains(outside), "{outside}");
        }
        assert!(html.contains("default-src 'none'") && !html.contains("'unsafe-inline'"));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for bytes in [b"".as_slice(), b"<!doctype html>", BEGIN.as_bytes(), &[0xff]] {
            let read = read(bytes, &inline::Limits::default());
            assert!(matches!(read, Err(PageError::NotAPage)), "{read:?}");
        }
        let broken = write(&files()).replace("log.pub ", "log.pub");
        let read = read(broken.as_bytes(), &inline::Limits::default());
        assert!(matches!(read, Err(PageError::Data(InlineError::Line(1)))), "{read:?}");
    }

    #[test]
    fn pages_of_earlier_versions_are_named_by_whole_digests() {
        for (digest, version) in earlier() {
            assert!(Hash::from_hex(digest).is_some() && !version.is_empty(), "{digest} {version}");
        }
    }
}
