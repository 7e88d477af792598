//! Comments, CDATA sections, DOCTYPE and instructions.

use super::{NO_ELEMENT, Next, Parser, bytes, offset};
use crate::document::{Directive, ElementId, State};
use crate::generated::rules::Id;
use crate::references::{self, Reference};
use crate::text::Text as _;

impl Parser<'_> {
    /// `<!` at `start`.
    pub(super) fn declaration(&mut self, start: usize) -> Next {
        let bytes = self.text.as_bytes();
        let rest = bytes.get(start..).unwrap_or_default();
        if rest.starts_with(b"<![CDATA[") {
            let Some(end) = bytes::section_end(bytes, b']', start + 9) else {
                self.truncated(start, format_args!("`]]>` for this CDATA section"));
                return None;
            };
            self.cdata(offset(start), offset(end));
            return Some(end);
        }
        if rest.starts_with(b"<!--") {
            return self.comment(start);
        }
        if rest.get(2..9).is_some_and(|word| word.eq_ignore_ascii_case(b"DOCTYPE")) {
            let Some(end) = doctype_end(bytes, start + 9) else {
                self.truncated(start, format_args!("`>` for this DOCTYPE"));
                return None;
            };
            let name = self.text.get(start + 9..end).unwrap_or("").trim_ascii_start();
            return if self.doctype(name, offset(start), offset(end)) { None } else { Some(end) };
        }
        let cut =
            [&b"<![CDATA["[..], b"<!--", b"<!DOCTYPE"].iter().any(|whole| whole.starts_with(rest));
        if cut {
            self.truncated(start, format_args!("`>` for this tag"));
            return None;
        }
        let at = offset(start);
        self.malformed(
            at,
            at.saturating_add(2),
            format_args!("`<!` begins neither a comment, nor CDATA, nor a DOCTYPE"),
        );
        let end = bytes::find(bytes, b'<', start + 1).unwrap_or(bytes.len());
        self.characters(start, end, true);
        Some(end)
    }

    /// `<!--` at `start`.
    fn comment(&mut self, start: usize) -> Next {
        let bytes = self.text.as_bytes();
        let Some(end) = bytes::section_end(bytes, b'-', start + 4) else {
            self.truncated(start, format_args!("`-->` for this comment"));
            return None;
        };
        let body = self.text.get(start + 4..end - 3).unwrap_or("");
        if body.holds("--") || body.ends_with('-') {
            self.ill_formed(
                Id::CommentDoubleHyphen,
                offset(start),
                offset(end),
                format_args!("`--` is not allowed inside a comment"),
            );
        }
        if body.len() > LARGE {
            let len = body.len();
            self.problem(
                Id::CommentLarge,
                self.current(),
                offset(start),
                offset(start + 4),
                format_args!("a comment of {len} bytes is sent to every viewer"),
            );
        }
        let lead = body.len() - body.trim_ascii_start().len();
        if body.get(lead..).is_some_and(|body| body.starts_with(DIRECTIVE)) && self.skipping == 0 {
            if self.directives.len() >= self.limits.directives as usize {
                let (id, limit) = (self.current(), self.limits.directives);
                let range = (offset(start), offset(end));
                let what = "comments that ask for silence";
                self.limit(Id::LimitSuppressions, id, range, what, limit);
                return Some(end);
            }
            let text = start + 4 + lead + DIRECTIVE.len();
            self.directives.push(Directive {
                start: offset(start),
                end: offset(end),
                text: offset(text),
                parent: self.current(),
                next: ElementId(offset(self.elements.len())),
            });
        }
        Some(end)
    }

    /// `<?` at `start`.
    pub(super) fn instruction(&mut self, start: usize) -> Next {
        let bytes = self.text.as_bytes();
        let rest = bytes.get(start + 2..).unwrap_or_default();
        let mut ends = memchr::memchr_iter(b'>', rest);
        let Some(len) = ends.find(|at| *at > 0 && rest.get(*at - 1) == Some(&b'?')) else {
            self.truncated(start, format_args!("`?>` for this instruction"));
            return None;
        };
        let end = start + 2 + len + 1;
        let declares = rest.starts_with(b"xml")
            && (bytes::is_space(bytes, start + 5) || bytes.get(start + 5) == Some(&b'?'));
        if declares && start != 0 {
            self.ill_formed(
                Id::XmlDeclarationNotFirst,
                offset(start),
                offset(end),
                format_args!("the XML declaration must be the first thing in the document"),
            );
        }
        if !declares {
            self.other_instruction(rest, offset(start), offset(end));
        }
        Some(end)
    }

    /// An instruction that is no declaration: a style sheet, code of a server, or something else.
    fn other_instruction(&mut self, rest: &[u8], start: u32, end: u32) {
        let id = self.current();
        if rest.starts_with(b"xml-stylesheet") {
            let message = format_args!("a style sheet would be fetched and run to show this tag");
            self.problem(Id::XmlStylesheet, id, start, end, message);
        } else if rest.starts_with(b"php") || rest.starts_with(b"=") {
            let message = format_args!("the source code of the server stands in the document");
            self.problem(Id::ServerCode, id, start, end, message);
        } else {
            let message = format_args!("no version of VAST has processing instructions");
            self.problem(Id::ProcessingInstruction, id, start, end, message);
        }
    }

    /// Reports a DOCTYPE; true when the document is HTML and not worth reading on.
    fn doctype(&mut self, name: &str, start: u32, end: u32) -> bool {
        let html = name.begins_like("html");
        if html {
            self.fatal(
                Id::HtmlInsteadOfVast,
                start,
                end,
                format_args!("this is an HTML page, not a VAST document"),
            );
            return true;
        }
        self.has_doctype = true;
        self.state = State::Refused;
        let (rule, what) = match entities(self.slice(start, end)) {
            Entities::External => {
                (Id::EntityExternal, "the DOCTYPE asks the reader to fetch a file or an address")
            }
            Entities::Nested => (
                Id::EntityExpansion,
                "the DOCTYPE has entities made of entities, which grow when expanded",
            ),
            Entities::None => (
                Id::Doctype,
                "the document has a DOCTYPE; it is not read and its entities are not expanded",
            ),
        };
        self.problem(rule, NO_ELEMENT, start, end, format_args!("{what}"));
        false
    }
}

/// Bytes of a comment that nobody needs to play an ad.
const LARGE: usize = 4 << 10;

/// What the entities of a DOCTYPE are made of.
enum Entities {
    None,
    External,
    Nested,
}

fn entities(doctype: &str) -> Entities {
    let mut found = Entities::None;
    let mut rest = doctype;
    while let Some((_, declared)) = rest.cut_at("<!ENTITY") {
        rest = declared;
        let declared = declared.cut_at("<!ENTITY").map_or(declared, |(this, _)| this);
        let declared = declared.trim_ascii_start().trim_start_matches('%');
        let quote = declared.find(['"', '\'']).unwrap_or(declared.len());
        let (head, value) = declared.split_at_checked(quote).unwrap_or((declared, ""));
        if head.holds("SYSTEM") || head.holds("PUBLIC") {
            return Entities::External;
        }
        let mark = value.chars().next().unwrap_or('"');
        let value = value.get(1..).and_then(|value| value.split(mark).next()).unwrap_or("");
        let nested = references::references(value)
            .any(|(_, reference)| matches!(reference, Reference::Entity(_)));
        if nested || value.has(b'%') {
            found = Entities::Nested;
        }
    }
    found
}

/// How a comment begins that speaks to the linter.
const DIRECTIVE: &str = "adproof-ignore";

/// One past the `>` of a DOCTYPE: not one inside quotes, a comment or the internal subset.
fn doctype_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut inside = false;
    loop {
        match bytes.get(at)? {
            quote @ (b'"' | b'\'') => at = bytes::find(bytes, *quote, at + 1)?,
            b'<' if bytes.get(at..).is_some_and(|rest| rest.starts_with(b"<!--")) => {
                at = bytes::section_end(bytes, b'-', at + 4)? - 1;
            }
            b'[' => inside = true,
            b']' => inside = false,
            b'>' if !inside => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}
