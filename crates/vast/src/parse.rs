//! quick-xml events to a document. Never fails: what is wrong becomes a problem of the document.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use adproof_model::DocumentKind;
use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;

use crate::Limits;
use crate::attributes::{self, Fault, Raw};
use crate::decode::{Decoded, Map, decode};
use crate::document::{
    Attribute, Document, Element, ElementId, FOREIGN, NONE, Part, PartKind, Problem, SELF_CLOSING,
    State, UNCLOSED, UNKNOWN, UNKNOWN_ATTRIBUTE, reference,
};
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::structure::{Content, NO_ROW, NameId, TypeId};

/// Reads a document in whatever encoding it has. Never fails and never expands an entity.
#[must_use]
pub fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Document<'a> {
    if bytes.len() > limits.bytes as usize {
        return too_long(bytes.len(), limits);
    }
    let Decoded { text, map, encoding, fault } = decode(bytes);
    let mut parser = Parser::new(&text, *limits);
    if let Some((message, at)) = fault {
        parser.problem(
            Id::WrongEncoding,
            NO_ELEMENT,
            at,
            at.saturating_add(1),
            format_args!("{message}"),
        );
    }
    parser.run();
    let Parser { elements, attributes, parts, problems, dropped, kind, state, .. } = parser;
    Document { text, map, encoding, elements, attributes, parts, problems, dropped, kind, state }
}

/// How many attributes are compared one by one; elements of VAST have fewer.
const FEW: u16 = 24;

const NO_ELEMENT: ElementId = ElementId(NONE);

fn too_long<'a>(len: usize, limits: &Limits) -> Document<'a> {
    let message = format!("the document has {len} bytes; more than {} are not read", limits.bytes);
    Document {
        text: "".into(),
        map: Map::Shifted(0),
        encoding: encoding_rs::UTF_8,
        elements: Vec::new(),
        attributes: Vec::new(),
        parts: Vec::new(),
        problems: vec![Problem {
            rule: Id::LimitDocumentBytes,
            element: NO_ELEMENT,
            start: 0,
            end: 0,
            message: message.into(),
        }],
        dropped: BTreeMap::new(),
        kind: DocumentKind::Unknown,
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

struct Parser<'t> {
    text: &'t str,
    limits: Limits,
    elements: Vec<Element>,
    attributes: Vec<Attribute>,
    parts: Vec<Part>,
    problems: Vec<Problem>,
    dropped: BTreeMap<Id, u32>,
    kind: DocumentKind,
    state: State,
    stack: Vec<Open>,
    bindings: Vec<Binding>,
    /// Open elements that a limit skips.
    skipping: u32,
    /// Where the last text run ended, so that a reference that follows joins it.
    text_end: u32,
    root_closed: bool,
    has_doctype: bool,
    /// Bounds that were reached.
    said: BTreeSet<Id>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, limits: Limits) -> Self {
        // Tags seen in the wild have an element for about a hundred bytes.
        let elements = text.len() / 96 + 8;
        Self {
            text,
            limits,
            elements: Vec::with_capacity(elements),
            attributes: Vec::with_capacity(elements),
            parts: Vec::with_capacity(elements),
            problems: Vec::new(),
            dropped: BTreeMap::new(),
            kind: DocumentKind::Unknown,
            state: State::Whole,
            stack: Vec::with_capacity(16),
            bindings: Vec::new(),
            skipping: 0,
            text_end: NONE,
            root_closed: false,
            has_doctype: false,
            said: BTreeSet::new(),
        }
    }

    fn run(&mut self) {
        if !self.begins_like_xml() {
            return;
        }
        self.control_characters();
        let mut reader = Reader::from_str(self.text);
        let config = reader.config_mut();
        // End tags are matched here, against the arena, so that one wrong tag does not hide the
        // rest; every other check for well-formedness is on.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.check_comments = true;
        // A lone ampersand is reported here and stays text.
        config.allow_dangling_amp = true;
        config.expand_empty_elements = false;
        config.trim_markup_names_in_closing_tags = true;
        config.trim_text(false);
        loop {
            let start = place(reader.buffer_position());
            let event = reader.read_event();
            let end = place(reader.buffer_position());
            match event {
                Ok(Event::Start(_)) => self.start(start, end, false),
                Ok(Event::Empty(_)) => self.start(start, end, true),
                Ok(Event::End(_)) => self.end(start, end),
                Ok(Event::Text(_)) => self.characters(start, end),
                Ok(Event::GeneralRef(name)) => self.general_reference(&name, start, end),
                Ok(Event::CData(_)) => self.cdata(start, end),
                Ok(Event::DocType(name)) => {
                    if self.doctype(&name, start, end) {
                        return;
                    }
                }
                Ok(Event::Decl(_)) => {
                    if start != 0 {
                        self.malformed(
                            start,
                            end,
                            format_args!(
                                "the XML declaration must be the first thing in the document"
                            ),
                        );
                    }
                }
                Ok(Event::Comment(_) | Event::PI(_)) => {}
                Ok(Event::Eof) => break,
                Err(error) => {
                    let at = place(reader.error_position());
                    if !self.broken(&error, at, end) {
                        break;
                    }
                }
            }
            if self.state == State::Malformed
                && self.kind == DocumentKind::Unknown
                && !self.elements.is_empty()
            {
                return;
            }
        }
        self.finish();
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
            head.contains("<VAST") || head.contains("<VMAP") || head.contains("<vmap:VMAP");
        let quoted = body.starts_with(['"', '{', '[', '\'']) || body.starts_with("\\\"");
        if head.contains("=\\\"")
            || (quoted && (mentions_vast || head.contains("<\\/") || head.contains("\\u003c")))
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
            if !mentions_vast {
                self.fatal(
                    Id::NotXml,
                    start,
                    end,
                    format_args!("the document does not begin with `<`, so it is no XML"),
                );
                return false;
            }
            let before = offset(body.find('<').unwrap_or(0));
            self.malformed(
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
        if !self.text.bytes().fold(false, |found, byte| found | forbidden(byte)) {
            return;
        }
        if let Some(at) = self.text.bytes().position(forbidden) {
            let byte = self.text.as_bytes().get(at).copied().unwrap_or(0);
            let at = offset(at);
            self.malformed(
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
            let dropped = self.dropped.entry(rule).or_default();
            *dropped = dropped.saturating_add(1);
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
        self.state = self.state.max(State::Malformed);
        self.problem(Id::XmlNotWellFormed, self.current(), start, end, message);
    }

    fn fatal(&mut self, rule: Id, start: u32, end: u32, message: fmt::Arguments<'_>) {
        self.state = self.state.max(State::Malformed);
        self.problem(rule, NO_ELEMENT, start, end, message);
    }

    fn start(&mut self, start: u32, end: u32, self_closing: bool) {
        if self.skipping > 0 {
            self.skipping = self.skipping.saturating_add(u32::from(!self_closing));
            return;
        }
        let tag = self.slice(start, end);
        let inner =
            tag.get(1..tag.len().saturating_sub(if self_closing { 2 } else { 1 })).unwrap_or("");
        let name_len =
            inner.bytes().position(|byte| byte.is_ascii_whitespace()).unwrap_or(inner.len());
        let name = inner.get(..name_len).unwrap_or("");
        if !attributes::is_name(name) {
            let end = start.saturating_add(1);
            self.malformed(
                start,
                end,
                format_args!("this `<` begins no tag; write it as `&lt;` or use CDATA"),
            );
            return;
        }
        if !self.within_limits(start, end) {
            self.skipping = u32::from(!self_closing);
            return;
        }
        if self.root_closed {
            let name = excerpt(name, self.limits.excerpt);
            self.malformed(
                start,
                end,
                format_args!("<{name}> stands after the end of the root element"),
            );
        }
        let id = ElementId(offset(self.elements.len()));
        let first_attr = offset(self.attributes.len());
        let scan = self.scan_attributes(
            id,
            start.saturating_add(1).saturating_add(offset(name_len)),
            inner.get(name_len..).unwrap_or(""),
        );
        let mut element = Element {
            start,
            end,
            open_end: end,
            parent: self.current(),
            first_child: NO_ELEMENT,
            next: NO_ELEMENT,
            first_attr,
            first_part: NONE,
            seen: 0,
            twice: 0,
            attr_seen: 0,
            attr_count: scan.count,
            name_len: u16::try_from(name_len).unwrap_or(u16::MAX),
            name: NameId::UNKNOWN,
            ty: TypeId::OPEN,
            row: NO_ROW,
            flags: if self_closing { SELF_CLOSING } else { 0 },
        };
        self.resolve(&mut element, name);
        self.type_attributes(&mut element);
        self.attach(id, &element);
        self.elements.push(element);
        if self_closing {
            self.root_closed |= self.stack.is_empty();
            self.unbind();
        } else {
            self.stack.push(Open { id, last_child: NONE, last_part: NONE, bare_ampersand: false });
        }
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
        if self.said.insert(rule) {
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

    /// Finds the element's type from its name, its parent and the namespaces in force.
    fn resolve(&mut self, element: &mut Element, tag: &str) {
        let (prefix, local) =
            tag.split_once(':').map_or(("", tag), |(prefix, local)| (prefix, local));
        element.name = NameId::intern(local);
        let Some(parent) = self.elements.get(element.parent.index()) else {
            self.resolve_root(element, local);
            return;
        };
        let parent_ty = parent.ty;
        if parent_ty == TypeId::OPEN || parent_ty.info().content == Content::Open {
            return;
        }
        let ours = self.bindings.is_empty() || self.is_ours(prefix);
        if !ours {
            element.flags |= FOREIGN;
            return;
        }
        let found = parent_ty.child(element.name).or_else(|| {
            element.flags |= UNKNOWN;
            let mut rows = parent_ty.info().children.iter().zip(0_u8..);
            let row = rows.find(|(row, _)| row.name.as_str().eq_ignore_ascii_case(local));
            row.map(|(row, index)| (index, row.ty))
        });
        if let Some((row, ty)) = found {
            element.row = row;
            element.ty = ty;
        }
    }

    fn resolve_root(&mut self, element: &mut Element, local: &str) {
        if self.root_closed {
            return;
        }
        (self.kind, element.ty) = match local {
            "VAST" => (DocumentKind::Vast, ty::VAST),
            "VMAP" => (DocumentKind::Vmap, ty::VMAP),
            "DAAST" => (DocumentKind::Daast, TypeId::OPEN),
            _ => (DocumentKind::Unknown, TypeId::OPEN),
        };
        if self.kind == DocumentKind::Daast {
            let (start, end) = (element.start, element.open_end);
            let id = ElementId(offset(self.elements.len()));
            self.problem(
                Id::DaastNotJudged,
                id,
                start,
                end,
                format_args!("this is DAAST, which VAST 4.1 took in; its elements are not judged"),
            );
        }
        if self.kind != DocumentKind::Unknown {
            return;
        }
        let (start, end) = (element.start, element.open_end);
        if local.eq_ignore_ascii_case("html") {
            self.fatal(
                Id::HtmlInsteadOfVast,
                start,
                end,
                format_args!("this is an HTML page, not a VAST document"),
            );
        } else {
            let name = excerpt(local, self.limits.excerpt);
            self.fatal(
                Id::RootNotVast,
                start,
                end,
                format_args!("the root element is <{name}>; it must be <VAST>"),
            );
        }
    }

    /// Whether a prefix stands for a namespace whose elements are judged.
    fn is_ours(&self, prefix: &str) -> bool {
        let mut bindings = self.bindings.iter().rev();
        let found =
            bindings.find(|binding| self.slice(binding.prefix.0, binding.prefix.1) == prefix);
        found.is_none_or(|binding| binding.ours)
    }

    fn unbind(&mut self) {
        let depth = self.stack.len();
        while self.bindings.last().is_some_and(|binding| binding.depth >= depth && depth > 0) {
            self.bindings.pop();
        }
    }

    fn bind(&mut self, name: &Raw, uri: &str) {
        let written = self.slice(name.name_start, name.name_end);
        let prefix = match written.strip_prefix("xmlns:") {
            Some(prefix) => (name.name_end.saturating_sub(offset(prefix.len())), name.name_end),
            None => (name.name_end, name.name_end),
        };
        // The root's own namespace is judged by a rule; its elements are read in any case.
        if self.bindings.len() >= self.limits.namespaces as usize {
            let (limit, id) = (self.limits.namespaces, ElementId(offset(self.elements.len())));
            self.limit(
                Id::LimitAttributes,
                id,
                (name.name_start, name.name_end),
                "namespaces in force",
                limit,
            );
            return;
        }
        let depth = self.stack.len();
        let ours = depth == 0 && prefix.0 == prefix.1 || is_our_namespace(uri);
        self.bindings.push(Binding { depth, prefix, ours });
    }

    fn scan_attributes(&mut self, id: ElementId, base: u32, text: &'t str) -> Scanned {
        let mut scanned = Scanned::default();
        if text.is_empty() {
            return scanned;
        }
        let first = self.attributes.len();
        let mut names = BTreeSet::new();
        for raw in attributes::scan(text, base) {
            let raw = match raw {
                Ok(raw) => raw,
                Err(fault) => {
                    self.attribute_fault(id, &fault);
                    continue;
                }
            };
            if self.attributes.len() >= self.limits.attributes as usize || scanned.count == u16::MAX
            {
                let limit = self.limits.attributes;
                self.limit(
                    Id::LimitAttributes,
                    id,
                    (raw.name_start, raw.name_end),
                    "attributes",
                    limit,
                );
                break;
            }
            let name = self.slice(raw.name_start, raw.name_end);
            let value = self.slice(raw.value_start, raw.value_end);
            if name.starts_with("xmlns") && matches!(name.as_bytes().get(5), None | Some(b':')) {
                self.bind(&raw, value);
            }
            let twice = if scanned.count < FEW {
                self.attributes.get(first..).unwrap_or_default().iter().any(|other| {
                    let end = other.name_start.saturating_add(u32::from(other.name_len));
                    self.slice(other.name_start, end) == name
                })
            } else {
                if names.is_empty() {
                    let before = self.attributes.get(first..).unwrap_or_default().iter();
                    names.extend(before.map(|other| {
                        let end = other.name_start.saturating_add(u32::from(other.name_len));
                        self.slice(other.name_start, end)
                    }));
                }
                !names.insert(name)
            };
            if twice {
                let quoted = excerpt(name, self.limits.excerpt);
                self.state = self.state.max(State::Malformed);
                self.problem(
                    Id::XmlNotWellFormed,
                    id,
                    raw.name_start,
                    raw.name_end,
                    format_args!("the attribute `{quoted}` is there twice"),
                );
                continue;
            }
            self.attribute_references(id, &raw, value);
            self.attributes.push(Attribute {
                name_start: raw.name_start,
                value_start: raw.value_start,
                value_end: raw.value_end,
                name_len: u16::try_from(name.len()).unwrap_or(u16::MAX),
                name: NameId::intern(name),
                row: NO_ROW,
            });
            scanned.count = scanned.count.saturating_add(1);
        }
        scanned
    }

    fn attribute_fault(&mut self, id: ElementId, fault: &Fault) {
        self.state = self.state.max(State::Malformed);
        let (start, end) = (fault.start, fault.end);
        self.problem(Id::XmlNotWellFormed, id, start, end, format_args!("{}", fault.message));
    }

    fn attribute_references(&mut self, id: ElementId, raw: &Raw, value: &str) {
        if let Some(at) = memchr::memchr(b'<', value.as_bytes()) {
            let at = raw.value_start.saturating_add(offset(at));
            self.state = self.state.max(State::Malformed);
            self.problem(
                Id::XmlNotWellFormed,
                id,
                at,
                at.saturating_add(1),
                format_args!("`<` must be written `&lt;` in an attribute"),
            );
        }
        let mut bare = false;
        for (at, kind) in attributes::references(value) {
            let start = raw.value_start.saturating_add(offset(at));
            match kind {
                attributes::Reference::Known => {}
                attributes::Reference::Entity(name) => {
                    let end = start.saturating_add(offset(name.len())).saturating_add(2);
                    self.entity(id, name, start, end);
                }
                attributes::Reference::Bare if bare => {}
                attributes::Reference::Bare => {
                    bare = true;
                    self.state = self.state.max(State::Malformed);
                    self.problem(
                        Id::BareAmpersand,
                        id,
                        start,
                        start.saturating_add(1),
                        format_args!("`&` must be written `&amp;` in an attribute"),
                    );
                }
            }
        }
    }

    fn type_attributes(&mut self, element: &mut Element) {
        if element.ty == TypeId::OPEN {
            return;
        }
        let first = element.first_attr as usize;
        for attribute in self.attributes.get_mut(first..).unwrap_or_default() {
            if let Some(row) = element.ty.attr(attribute.name) {
                attribute.row = row;
                element.attr_seen |= 1_u32.checked_shl(u32::from(row)).unwrap_or(0);
            } else {
                let end = attribute.name_start as usize + usize::from(attribute.name_len);
                let name = self.text.get(attribute.name_start as usize..end).unwrap_or("");
                if !name.starts_with("xmlns") && !name.contains(':') {
                    element.flags |= UNKNOWN_ATTRIBUTE;
                }
            }
        }
    }

    /// Links an element to its parent and notes the row that it fills.
    fn attach(&mut self, id: ElementId, element: &Element) {
        let Some(open) = self.stack.last_mut() else {
            return;
        };
        let previous = std::mem::replace(&mut open.last_child, id.0);
        if let Some(previous) = self.elements.get_mut(previous as usize) {
            previous.next = id;
        }
        if let Some(parent) = self.elements.get_mut(element.parent.index()) {
            if previous == NONE {
                parent.first_child = id;
            }
            let bit = 1_u32.checked_shl(u32::from(element.row)).unwrap_or(0);
            parent.twice |= parent.seen & bit;
            parent.seen |= bit;
        }
    }

    fn end(&mut self, start: u32, end: u32) {
        if self.skipping > 0 {
            self.skipping -= 1;
            return;
        }
        let tag = self.slice(start.saturating_add(2), end.saturating_sub(1)).trim_ascii_end();
        let open = self.stack.iter().rposition(|open| self.tag_of(open.id) == tag);
        let Some(at) = open else {
            self.unmatched_end(tag, start, end);
            return;
        };
        if at + 1 < self.stack.len() {
            let expected = excerpt(self.tag_of(self.current()), self.limits.excerpt);
            let found = excerpt(tag, self.limits.excerpt);
            self.malformed(start, end, format_args!("expected </{expected}>, found </{found}>"));
        }
        while self.stack.len() > at {
            let last = self.stack.len() == at + 1;
            self.close(if last { end } else { start }, !last);
        }
    }

    /// An end tag that closes nothing: misspelt, or one too many.
    fn unmatched_end(&mut self, tag: &str, start: u32, end: u32) {
        let name = excerpt(tag, self.limits.excerpt);
        let Some(open) = self.stack.last().map(|open| self.tag_of(open.id)) else {
            self.malformed(start, end, format_args!("</{name}> closes nothing"));
            return;
        };
        let expected = excerpt(open, self.limits.excerpt);
        let misspelt = open.len().abs_diff(tag.len()) <= 2
            && open.chars().next().map(|c| c.to_ascii_lowercase())
                == tag.chars().next().map(|c| c.to_ascii_lowercase());
        if misspelt {
            self.malformed(start, end, format_args!("expected </{expected}>, found </{name}>"));
            self.close(end, false);
        } else {
            self.malformed(
                start,
                end,
                format_args!("</{name}> closes nothing; <{expected}> is open here"),
            );
        }
    }

    fn tag_of(&self, id: ElementId) -> &'t str {
        self.elements.get(id.index()).map_or("", |element| {
            let start = element.start.saturating_add(1);
            self.slice(start, start.saturating_add(u32::from(element.name_len)))
        })
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
        self.root_closed |= self.stack.is_empty();
        self.unbind();
    }

    fn characters(&mut self, start: u32, end: u32) {
        let text = self.slice(start, end);
        let Some(open) = self.stack.last_mut() else {
            if !text.trim_ascii().is_empty() && self.root_closed {
                let lead = offset(text.len() - text.trim_ascii_start().len());
                let from = start.saturating_add(lead);
                let to = from.saturating_add(offset(text.trim_ascii().len()));
                self.malformed(
                    from,
                    to,
                    format_args!("there is text after the end of the root element"),
                );
            }
            return;
        };
        let joins = self.text_end == start;
        if text.starts_with('&') {
            if !open.bare_ampersand {
                open.bare_ampersand = true;
                let id = open.id;
                self.state = self.state.max(State::Malformed);
                self.problem(
                    Id::BareAmpersand,
                    id,
                    start,
                    start.saturating_add(1),
                    format_args!("`&` must be written `&amp;` outside of CDATA"),
                );
            }
        } else if !joins && open.last_part == NONE && text.trim_ascii().is_empty() {
            return;
        }
        self.part(start, end, PartKind::Text);
        self.text_end = end;
    }

    fn general_reference(&mut self, name: &str, start: u32, end: u32) {
        let id = self.current();
        match attributes::Reference::of(name) {
            attributes::Reference::Known => {}
            attributes::Reference::Entity(name) => self.entity(id, name, start, end),
            attributes::Reference::Bare => {
                let first = self
                    .stack
                    .last_mut()
                    .is_some_and(|open| !std::mem::replace(&mut open.bare_ampersand, true));
                if first {
                    self.state = self.state.max(State::Malformed);
                    self.problem(
                        Id::BareAmpersand,
                        id,
                        start,
                        start.saturating_add(1),
                        format_args!("`&` must be written `&amp;` outside of CDATA"),
                    );
                }
            }
        }
        if !self.stack.is_empty() {
            self.part(start, end, PartKind::Escaped);
            self.text_end = end;
        }
    }

    fn entity(&mut self, id: ElementId, name: &str, start: u32, end: u32) {
        let name = excerpt(name, self.limits.excerpt);
        self.state =
            self.state.max(if self.has_doctype { State::Refused } else { State::Malformed });
        self.problem(
            Id::EntityReference,
            id,
            start,
            end,
            format_args!("the entity `&{name};` is not expanded"),
        );
    }

    fn cdata(&mut self, start: u32, end: u32) {
        if self.stack.is_empty() {
            self.malformed(start, end, format_args!("CDATA stands outside of the root element"));
            return;
        }
        // `<![CDATA[` and `]]>`.
        self.part(start.saturating_add(9), end.saturating_sub(3), PartKind::Cdata);
        self.text_end = NONE;
    }

    fn part(&mut self, start: u32, end: u32, kind: PartKind) {
        if self.skipping > 0 {
            return;
        }
        let Some(open) = self.stack.last_mut() else {
            return;
        };
        if self.text_end == start
            && kind != PartKind::Cdata
            && let Some(last) = self.parts.get_mut(open.last_part as usize)
            && last.end == start
            && last.kind != PartKind::Cdata
        {
            last.end = end;
            if kind == PartKind::Escaped {
                last.kind = kind;
            }
            return;
        }
        let index = offset(self.parts.len());
        let previous = std::mem::replace(&mut open.last_part, index);
        if let Some(previous) = self.parts.get_mut(previous as usize) {
            previous.next = index;
        } else if let Some(element) = self.elements.get_mut(open.id.index()) {
            element.first_part = index;
        }
        self.parts.push(Part { start, end, next: NONE, kind });
    }

    /// Reports a DOCTYPE; true when the document is HTML and not worth reading on.
    fn doctype(&mut self, name: &str, start: u32, end: u32) -> bool {
        let html = name.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("html"));
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
        self.problem(
            Id::Doctype,
            NO_ELEMENT,
            start,
            end,
            format_args!(
                "the document has a DOCTYPE; it is not read and its entities are not expanded"
            ),
        );
        false
    }

    /// Reports what quick-xml refused; true when it can go on.
    fn broken(&mut self, error: &Error, at: u32, end: u32) -> bool {
        let len = offset(self.text.len());
        let one = at.saturating_add(1).min(len);
        match error {
            Error::Syntax(syntax) => {
                let what = match syntax {
                    SyntaxError::UnclosedCData => "`]]>` for this CDATA section",
                    SyntaxError::UnclosedComment => "`-->` for this comment",
                    SyntaxError::UnclosedPI | SyntaxError::UnclosedXmlDecl => {
                        "`?>` for this instruction"
                    }
                    SyntaxError::UnclosedDoctype => "`>` for this DOCTYPE",
                    SyntaxError::UnclosedSingleQuotedAttributeValue => {
                        "`'` for an attribute of this tag"
                    }
                    SyntaxError::UnclosedDoubleQuotedAttributeValue => {
                        "`\"` for an attribute of this tag"
                    }
                    SyntaxError::UnclosedTag => "`>` for this tag",
                    SyntaxError::InvalidBangMarkup => {
                        self.malformed(at, one, format_args!("`<!` begins neither a comment, nor CDATA, nor a DOCTYPE; what follows is not read"));
                        self.close_all(false);
                        return false;
                    }
                };
                self.truncated(at, one, format_args!("the document ends before {what}"));
                self.close_all(true);
                false
            }
            Error::IllFormed(IllFormedError::DoubleHyphenInComment) => {
                self.malformed(at, end, format_args!("`--` is not allowed inside a comment"));
                true
            }
            Error::IllFormed(other) => {
                self.malformed(at, end.max(one), format_args!("{other}"));
                true
            }
            other => {
                self.malformed(at, one, format_args!("{other}"));
                false
            }
        }
    }

    fn truncated(&mut self, start: u32, end: u32, message: fmt::Arguments<'_>) {
        self.state = self.state.max(State::Malformed);
        self.problem(Id::DocumentTruncated, self.current(), start, end, message);
    }

    /// Closes what is open at the end; `said` when the reader knows already why.
    fn close_all(&mut self, said: bool) {
        let len = offset(self.text.len());
        if !said && !self.stack.is_empty() {
            let name = excerpt(self.tag_of(self.current()), self.limits.excerpt);
            self.truncated(
                len,
                len,
                format_args!("the document ends where </{name}> was expected"),
            );
        }
        while !self.stack.is_empty() {
            self.close(len, true);
        }
    }

    fn finish(&mut self) {
        if self.skipping == 0 {
            self.close_all(
                self.problems.iter().any(|problem| problem.rule == Id::DocumentTruncated),
            );
        } else {
            self.close_all(true);
        }
        if self.elements.is_empty() && self.state == State::Whole {
            self.fatal(Id::NotXml, 0, 0, format_args!("the document has no element"));
        }
    }
}

/// What a start tag's attributes came to.
#[derive(Default)]
struct Scanned {
    count: u16,
}

/// The namespaces whose elements are judged.
fn is_our_namespace(uri: &str) -> bool {
    let uri = uri.trim_ascii();
    uri.is_empty()
        || uri == VAST_NAMESPACE
        || uri == VMAP_NAMESPACE
        || uri.to_ascii_lowercase().contains("iab.com/vast")
}

/// The namespace of VAST 4.
pub(crate) const VAST_NAMESPACE: &str = "http://www.iab.com/VAST";
/// The namespace of VMAP.
pub(crate) const VMAP_NAMESPACE: &str = "http://www.iab.net/videosuite/vmap";

/// A quoted piece of the document, cut to a number of characters and without line ends.
pub(crate) fn excerpt(text: &str, limit: u32) -> String {
    let limit = limit as usize;
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == limit {
            out.push('…');
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// Documents are bounded far below 4 GiB before they come here.
fn offset(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn place(position: u64) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Whether a name is one of the references that are always known.
pub(crate) fn is_known_reference(name: &str) -> bool {
    reference(name).is_some()
}
