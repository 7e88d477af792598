//! Text to a document. Never fails: what is wrong becomes a problem of the document.
//!
//! The reader is our own, because it is what every tag passes through: it tokenises, matches end
//! tags and fills the arena in one pass, and recovers where a reader of data would stop. Its
//! verdict on well-formedness is held against quick-xml in the tests.

mod bytes;
mod kinds;
mod markup;
mod names;
mod tag;
mod text;

use std::fmt::{self, Write as _};

use adproof_model::DocumentKind;

use crate::Limits;
use crate::charset::Charset;
use crate::counts::Counts;
use crate::decode::{Decoded, Map, decode};
use crate::document::{
    Attribute, Directive, Document, Element, ElementId, NONE, Part, Problem, State, UNCLOSED,
    reference,
};
use crate::generated::rules::Id;
use crate::known::Known;
use crate::text::Text as _;

pub(crate) use names::{OTHER_ROOTS, VAST_NAMESPACE, VMAP_NAMESPACE};

/// Reads a document in whatever encoding it has. Never fails and never expands an entity.
#[must_use]
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Document<'a> {
    if bytes.len() > limits.bytes as usize {
        return too_long(bytes.len(), limits);
    }
    let Decoded { text, map, encoding, fault } = decode(bytes);
    let mut parser = Parser::new(&text, *limits);
    let binary = kinds::binary(bytes);
    if let Some((rule, what, len)) = binary {
        parser.fatal(rule, 0, offset(len), format_args!("{what}"));
    } else if let Some((rule, message, at)) = fault {
        parser.problem(rule, NO_ELEMENT, at, at.saturating_add(1), format_args!("{message}"));
    }
    if binary.is_none() {
        parser.run();
    }
    let Parser {
        elements,
        attributes,
        parts,
        directives,
        problems,
        dropped,
        kind,
        ascii,
        state,
        ..
    } = parser;
    Document {
        text,
        map,
        encoding,
        elements,
        attributes,
        parts,
        directives,
        problems,
        dropped,
        kind,
        ascii,
        state,
    }
}

pub(crate) const NO_ELEMENT: ElementId = ElementId(NONE);

fn too_long<'a>(len: usize, limits: &Limits) -> Document<'a> {
    let message = format!("the document has {len} bytes; more than {} are not read", limits.bytes);
    Document {
        text: "".into(),
        map: Map::Shifted(0),
        encoding: Charset::Utf8,
        elements: Vec::new(),
        attributes: Vec::new(),
        parts: Vec::new(),
        directives: Vec::new(),
        problems: vec![Problem {
            rule: Id::LimitDocumentBytes,
            element: NO_ELEMENT,
            start: 0,
            end: 0,
            message: message.into(),
        }],
        dropped: Counts::default(),
        kind: DocumentKind::Unknown,
        ascii: false,
        state: State::Refused,
    }
}

/// An element whose end tag has not come yet.
struct Open {
    id: ElementId,
    last_child: u32,
    last_part: u32,
    /// A bare ampersand in its text has been reported.
    bare_ampersand: bool,
}

/// A namespace declaration in force.
struct Binding {
    /// How many elements are open where it was made.
    depth: usize,
    prefix: (u32, u32),
    ours: bool,
}

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Parser<'t> {
    text: &'t str,
    limits: Limits,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    parts: Vec<Part>,
    directives: Vec<Directive>,
    problems: Vec<Problem>,
    dropped: Counts,
    kind: DocumentKind,
    state: State,
    stack: Vec<Open>,
    bindings: Vec<Binding>,
    /// Bindings in force whose elements are not judged.
    foreign: u32,
    /// Open elements that a limit skips.
    skipping: u32,
    /// Space after a part of the open element, which counts if another part follows.
    space: Option<(u32, u32)>,
    root_closed: bool,
    has_doctype: bool,
    /// A bit for each known name of an attribute of the tag that is read.
    met: [u64; 4],
    /// The names of the attributes of the tag that is read, where they are many.
    names: Known<'t>,
    /// Prefixes that were used without a declaration.
    undeclared: Known<'t>,
    /// The tag that is read has an attribute of an unknown name.
    unknown_attribute: bool,
    /// Every character is one of ASCII.
    ascii: bool,
    /// The reader said already that the document ends too early.
    truncated: bool,
    /// Bounds that were reached.
    said: Vec<Id>,
}

/// Where reading goes on; none at the end, or where it makes no sense to read on.
type Next = Option<usize>;

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: Limits) -> Self {
        let (elements, attributes) = estimate(text.as_bytes());
        Self {
            text,
            limits,
            elements: Vec::with_capacity(elements),
            attributes: Vec::with_capacity(attributes),
            parts: Vec::with_capacity(elements - elements / 4),
            directives: Vec::new(),
            problems: Vec::new(),
            dropped: Counts::default(),
            kind: DocumentKind::Unknown,
            state: State::Whole,
            stack: Vec::with_capacity(16),
            bindings: Vec::new(),
            foreign: 0,
            skipping: 0,
            space: None,
            root_closed: false,
            has_doctype: false,
            met: [0; 4],
            names: Known::default(),
            undeclared: Known::default(),
            unknown_attribute: false,
            ascii: false,
            truncated: false,
            said: Vec::new(),
        }
    }

    fn run(&mut self) {
        if !self.begins_like_xml() {
            return;
        }
        self.control_characters();
        let mut at = 0;
        while let Some(next) = self.step(at) {
            at = next;
            // A root of another kind is said so, once.
            if self.state == State::Malformed
                && self.kind == DocumentKind::Unknown
                && !self.elements.is_empty()
            {
                return;
            }
        }
        self.finish();
    }

    /// Reads text up to the next markup, and the markup.
    fn step(&mut self, at: usize) -> Next {
        let bytes = self.text.as_bytes();
        let mut next = bytes::skip_space(bytes, at);
        match bytes.get(next) {
            Some(b'<') => {
                if next > at {
                    self.space(at, next);
                }
            }
            None => return None,
            Some(_) => {
                let mark = bytes::find_mark(bytes, next).unwrap_or(bytes.len());
                next = bytes::find(bytes, b'<', mark).unwrap_or(bytes.len());
                self.characters(at, next, mark < next);
            }
        }
        match bytes.get(next + 1) {
            Some(b'/') => self.end_tag(next),
            Some(b'!') => self.declaration(next),
            Some(b'?') => self.instruction(next),
            _ if next < bytes.len() => self.start_tag(next),
            _ => None,
        }
    }

    /// What is no XML at all is said so, once, instead of as a list of syntax errors.
    fn begins_like_xml(&mut self) -> bool {
        let body = self.text.trim_ascii_start();
        let start = offset(self.text.len() - body.len());
        let end = start.saturating_add(offset(body.chars().next().map_or(0, char::len_utf8)));
        if body.is_empty() {
            self.fatal(Id::DocumentEmpty, 0, 0, format_args!("the document has no content"));
            return false;
        }
        let head = body.get(..body.floor_char_boundary(2_000)).unwrap_or(body);
        let mentions_vast =
            || head.holds("<VAST") || head.holds("<VMAP") || head.holds("<vmap:VMAP");
        let escapes = memchr::memchr(b'\\', head.as_bytes()).is_some();
        let quoted = body.starts_with(['"', '{', '[', '\'']) || body.starts_with("\\\"");
        if escapes && head.holds("=\\\"")
            || (quoted && (mentions_vast() || head.holds("<\\/") || head.holds("\\u003c")))
        {
            self.fatal(
                Id::JsonEscaped,
                start,
                end,
                format_args!("the document is the text of a JSON string, not XML"),
            );
            return false;
        }
        if head.starts_with("&lt;") {
            let end = start.saturating_add(4);
            self.fatal(
                Id::HtmlEscaped,
                start,
                end,
                format_args!("the document is escaped for HTML: `&lt;` stands where `<` should"),
            );
            return false;
        }
        if !body.starts_with('<') {
            if !mentions_vast() {
                if let Some((rule, what, len)) = kinds::text(body) {
                    let end = start.saturating_add(offset(len));
                    self.fatal(rule, start, end, format_args!("{what}"));
                    return false;
                }
                self.fatal(
                    Id::NotXml,
                    start,
                    end,
                    format_args!("the document does not begin with `<`, so it is no XML"),
                );
                return false;
            }
            let before = offset(body.find('<').unwrap_or(0));
            self.ill_formed(
                Id::TextBeforeRoot,
                start,
                start.saturating_add(before),
                format_args!("there is text before the root element"),
            );
        }
        true
    }

    /// XML 1.0 allows no control characters but tab and line ends, not even as references.
    fn control_characters(&mut self) {
        let forbidden = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
        // Without an early exit the compiler can look at many bytes at once.
        let (found, bits) = self
            .text
            .bytes()
            .fold((false, 0), |(found, bits), byte| (found | forbidden(byte), bits | byte));
        self.ascii = bits.is_ascii();
        if !found {
            return;
        }
        if let Some(at) = self.text.bytes().position(forbidden) {
            let byte = self.text.as_bytes().get(at).copied().unwrap_or(0);
            let at = offset(at);
            self.ill_formed(
                Id::ControlCharacter,
                at,
                at.saturating_add(1),
                format_args!("the control character 0x{byte:02x} is not allowed in XML"),
            );
        }
    }

    fn slice(&self, start: u32, end: u32) -> &'t str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    fn current(&self) -> ElementId {
        self.stack.last().map_or(NO_ELEMENT, |open| open.id)
    }

    fn problem(
        &mut self,
        rule: Id,
        element: ElementId,
        start: u32,
        end: u32,
        message: fmt::Arguments<'_>,
    ) {
        if self.problems.len() >= self.limits.findings as usize {
            self.dropped.add(rule, 1);
            return;
        }
        // A place at the end of the document may be one past it.
        let end = offset(self.text.ceil_char_boundary(end as usize));
        let start = offset(self.text.floor_char_boundary(start as usize)).min(end);
        self.problems.push(Problem {
            rule,
            element,
            start,
            end,
            message: message.to_string().into(),
        });
    }

    fn malformed(&mut self, start: u32, end: u32, message: fmt::Arguments<'_>) {
        self.ill_formed(Id::XmlNotWellFormed, start, end, message);
    }

    /// A fault of XML with a rule of its own.
    fn ill_formed(&mut self, rule: Id, start: u32, end: u32, message: fmt::Arguments<'_>) {
        self.state = self.state.max(State::Malformed);
        self.problem(rule, self.current(), start, end, message);
    }

    fn fatal(&mut self, rule: Id, start: u32, end: u32, message: fmt::Arguments<'_>) {
        self.state = self.state.max(State::Malformed);
        self.problem(rule, NO_ELEMENT, start, end, message);
    }

    fn within_limits(&mut self, start: u32, end: u32) -> bool {
        let (rule, what, limit) = if self.stack.len() >= self.limits.depth as usize {
            (Id::LimitDepth, "elements inside each other", self.limits.depth)
        } else if self.elements.len() >= self.limits.elements as usize {
            (Id::LimitElements, "elements", self.limits.elements)
        } else {
            return true;
        };
        self.limit(rule, self.current(), (start, end), what, limit);
        false
    }

    /// Says once that a bound was reached.
    fn limit(
        &mut self,
        rule: Id,
        element: ElementId,
        (start, end): (u32, u32),
        what: &str,
        limit: u32,
    ) {
        if !self.said.contains(&rule) {
            self.said.push(rule);
            self.problem(
                rule,
                element,
                start,
                end,
                format_args!(
                    "there are more than {limit} {what}; this one and what follows is not judged"
                ),
            );
        }
    }

    fn tag_bytes(&self, id: ElementId) -> &'t [u8] {
        self.elements.get(id.index()).map_or(&[], |element| {
            let start = element.start as usize + 1;
            let end = start + usize::from(element.name_len);
            self.text.as_bytes().get(start..end).unwrap_or_default()
        })
    }

    fn tag_of(&self, id: ElementId) -> &'t str {
        self.elements.get(id.index()).map_or("", |element| {
            let start = element.start as usize + 1;
            self.text.get(start..start + usize::from(element.name_len)).unwrap_or("")
        })
    }

    fn truncated(&mut self, start: usize, expected: fmt::Arguments<'_>) {
        self.state = self.state.max(State::Malformed);
        self.truncated = true;
        let start = offset(start);
        let end = start.saturating_add(1).min(offset(self.text.len()));
        self.problem(
            Id::DocumentTruncated,
            self.current(),
            start,
            end,
            format_args!("the document ends before {expected}"),
        );
    }

    /// Closes what is open at the end.
    fn close_all(&mut self) {
        let len = offset(self.text.len());
        if !self.truncated && self.skipping == 0 && !self.stack.is_empty() {
            let name = excerpt(self.tag_of(self.current()), self.limits.excerpt);
            self.state = self.state.max(State::Malformed);
            self.problem(
                Id::DocumentTruncated,
                self.current(),
                len,
                len,
                format_args!("the document ends where </{name}> was expected"),
            );
        }
        while !self.stack.is_empty() {
            self.close(len, true);
        }
    }

    fn close(&mut self, end: u32, unclosed: bool) {
        if let Some(open) = self.stack.pop()
            && let Some(element) = self.elements.get_mut(open.id.index())
        {
            element.end = end;
            if unclosed {
                element.flags |= UNCLOSED;
            }
        }
        self.space = None;
        self.root_closed |= self.stack.is_empty();
        if !self.bindings.is_empty() {
            self.unbind();
        }
    }

    fn finish(&mut self) {
        self.close_all();
        if self.elements.is_empty() && self.state == State::Whole {
            self.fatal(Id::NotXml, 0, 0, format_args!("the document has no element"));
        }
    }
}

/// How many elements and attributes to make room for, by the marks in the first bytes.
fn estimate(bytes: &[u8]) -> (usize, usize) {
    const SAMPLE: usize = 4 << 10;
    let head = bytes.get(..bytes.len().min(SAMPLE)).unwrap_or(bytes);
    // In bytes and without a branch, so that the compiler can count many at once.
    let (mut marks, mut quotes) = (0, 0);
    for chunk in head.chunks(240) {
        let (less, quote) = chunk.iter().fold((0_u8, 0_u8), |(less, quote), byte| {
            let one = |wanted| u8::from(*byte == wanted);
            (less.wrapping_add(one(b'<')), quote.wrapping_add(one(b'"')))
        });
        marks += usize::from(less);
        quotes += usize::from(quote);
    }
    let scale = |count: usize| count * bytes.len().div_ceil(head.len().max(1));
    // Most elements have an end tag, and half of them a CDATA section.
    let elements = scale(marks * 7 / 16) + 4;
    let attributes = scale(quotes / 2) + 4;
    // What is reserved must not grow with what an attacker writes into the first bytes.
    let most = bytes.len() / 24 + 8;
    (elements.min(most), attributes.min(most))
}

/// A piece of the document, cut to a number of characters and without line ends.
#[derive(Clone, Copy)]
pub(crate) struct Quoted<'t> {
    pub(crate) text: &'t str,
    /// In characters.
    pub(crate) limit: u32,
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut end = self.text.len();
        if end > self.limit as usize {
            let mut places = self.text.char_indices().map(|(at, _)| at);
            end = places.nth(self.limit as usize).unwrap_or(end);
        }
        let shown = self.text.get(..end).unwrap_or(self.text);
        // All control characters are among these bytes, and hardly any text has one.
        let control = |byte: u8| byte < 0x20 || matches!(byte, 0x7f | 0xc2);
        if !shown.bytes().any(control) {
            f.write_str(shown)?;
            return if end < self.text.len() { f.write_char('…') } else { Ok(()) };
        }
        for (place, run) in shown.split(char::is_control).enumerate() {
            if place > 0 {
                f.write_char(' ')?;
            }
            f.write_str(run)?;
        }
        if end < self.text.len() { f.write_char('…') } else { Ok(()) }
    }
}

/// A quoted piece of the document for a message.
pub(crate) fn excerpt(text: &str, limit: u32) -> Quoted<'_> {
    Quoted { text, limit }
}

/// Documents are bounded far below 4 GiB before they come here.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Whether a name is one of the references that are always known.
pub(crate) fn is_known_reference(name: &str) -> bool {
    reference(name).is_some()
}
