//! Text, references and CDATA.

use super::{Parser, bytes, excerpt, offset};
use crate::document::{ElementId, NONE, Part, PartKind, State};
use crate::generated::rules::Id;
use crate::references::{self, Reference};
use crate::text::Text as _;

impl Parser<'_> {
    /// Space between two pieces of markup: it matters only between two parts of one text.
    pub(super) fn space(&mut self, start: usize, end: usize) {
        if self.stack.last().is_some_and(|open| open.last_part != NONE) {
            self.space = Some((offset(start), offset(end)));
        }
    }

    /// Text that is not only space, and whether it has `&` or `>`.
    pub(super) fn characters(&mut self, start: usize, end: usize, marked: bool) {
        if self.skipping > 0 {
            return;
        }
        let text = self.text.get(start..end).unwrap_or("");
        if self.stack.is_empty() {
            let lead = text.len() - text.trim_ascii_start().len();
            let from = offset(start + lead);
            let to = from.saturating_add(offset(text.trim_ascii().len()));
            if self.root_closed {
                let message = format_args!("there is text after the end of the root element");
                self.ill_formed(Id::TextAfterRoot, from, to, message);
            } else if self.text.get(..start).is_some_and(|before| before.contains('<')) {
                // What stands before the first `<` has been said already.
                let message = format_args!("there is text before the root element");
                self.ill_formed(Id::TextBeforeRoot, from, to, message);
            }
            return;
        }
        let escaped = marked && memchr::memchr(b'&', text.as_bytes()).is_some();
        if escaped {
            self.references(text, start);
        }
        if marked && let Some(close) = bytes::section_end(text.as_bytes(), b']', 0) {
            let (from, to) = (offset(start + close - 3), offset(start + close));
            self.section_end(from, to);
        }
        let kind = if escaped { PartKind::Escaped } else { PartKind::Text };
        self.part(offset(start), offset(end), kind);
    }

    fn references(&mut self, text: &str, start: usize) {
        let id = self.current();
        for (at, kind) in references::references(text) {
            let at = offset(start + at);
            match kind {
                Reference::Known => {}
                Reference::Entity(name) => {
                    let end = at.saturating_add(offset(name.len())).saturating_add(2);
                    self.entity(id, name, at, end);
                }
                Reference::Forbidden(number) => self.forbidden_reference(id, number, at),
                Reference::Bare => {
                    let first = self
                        .stack
                        .last_mut()
                        .is_some_and(|open| !std::mem::replace(&mut open.bare_ampersand, true));
                    if first {
                        self.state = self.state.max(State::Malformed);
                        self.problem(
                            Id::BareAmpersand,
                            id,
                            at,
                            at.saturating_add(1),
                            format_args!("`&` must be written `&amp;` outside of CDATA"),
                        );
                    }
                }
            }
        }
    }

    pub(super) fn entity(&mut self, id: ElementId, name: &str, start: u32, end: u32) {
        let rule = if !self.has_doctype && references::html_entity(name).is_some() {
            Id::HtmlEntity
        } else {
            Id::EntityReference
        };
        let name = excerpt(name, self.limits.excerpt);
        self.state =
            self.state.max(if self.has_doctype { State::Refused } else { State::Malformed });
        self.problem(rule, id, start, end, format_args!("the entity `&{name};` is not expanded"));
    }

    /// A reference to a character that no document may hold.
    pub(super) fn forbidden_reference(&mut self, id: ElementId, number: &str, start: u32) {
        self.state = self.state.max(State::Malformed);
        let end = start.saturating_add(offset(number.len())).saturating_add(2);
        self.problem(
            Id::CharacterReferenceForbidden,
            id,
            start,
            end,
            format_args!("`&{number};` is a character that XML does not allow"),
        );
    }

    /// `]]>` in text: mostly the end of a section inside another.
    fn section_end(&mut self, from: u32, to: u32) {
        let before = self.stack.last().and_then(|open| self.parts.get(open.last_part as usize));
        let nested = before.is_some_and(|part| {
            part.kind == PartKind::Cdata && self.slice(part.start, part.end).holds("<![CDATA[")
        });
        if nested {
            let message =
                format_args!("CDATA stands inside of CDATA, which ends at the first `]]>`");
            self.ill_formed(Id::CdataNested, from, to, message);
        } else {
            let message = format_args!("`]]>` must be written `]]&gt;` in text");
            self.ill_formed(Id::CdataEndInText, from, to, message);
        }
    }

    /// The content of a CDATA section.
    pub(super) fn cdata(&mut self, start: u32, end: u32) {
        if self.stack.is_empty() {
            self.malformed(start, end, format_args!("CDATA stands outside of the root element"));
            return;
        }
        // `<![CDATA[` and `]]>`.
        self.part(start.saturating_add(9), end.saturating_sub(3), PartKind::Cdata);
    }

    fn part(&mut self, start: u32, end: u32, kind: PartKind) {
        if self.skipping > 0 {
            return;
        }
        if let Some((from, to)) = self.space.take() {
            self.push_part(Part { start: from, end: to, next: NONE, kind: PartKind::Text });
        }
        self.push_part(Part { start, end, next: NONE, kind });
    }

    fn push_part(&mut self, part: Part) {
        let Some(open) = self.stack.last_mut() else {
            return;
        };
        let index = offset(self.parts.len());
        let previous = std::mem::replace(&mut open.last_part, index);
        if let Some(previous) = self.parts.get_mut(previous as usize) {
            previous.next = index;
        } else if let Some(element) = self.elements.get_mut(open.id.index()) {
            element.first_part = index;
        }
        self.parts.push(part);
    }
}
