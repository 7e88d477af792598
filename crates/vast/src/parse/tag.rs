//! Start tags, their attributes, and end tags.

use super::{NO_ELEMENT, Next, Open, Parser, bytes, excerpt, offset};
use crate::document::{
    Attribute, Element, ElementId, NONE, SELF_CLOSING, State, UNKNOWN_ATTRIBUTE,
};
use crate::generated::rules::Id;
use crate::generated::structure::ty;
use crate::references::{self, Reference};
use crate::structure::{Content, NO_ROW, NameId, TypeId, same};
use crate::text::Text as _;

/// How many attributes are compared one by one; elements of VAST have fewer.
const FEW: usize = 24;

/// What is said where an attribute should begin and does not.
const NO_NAME: &str = "expected the name of an attribute";

/// What an element is whose name is that of the one before it.
struct Like {
    len: usize,
    name: NameId,
    row: u8,
    ty: TypeId,
}

/// How a start tag ended.
struct Ended {
    at: usize,
    self_closing: bool,
}

impl Parser<'_> {
    /// `<name …>` or `<name …/>` at `start`.
    pub(super) fn start_tag(&mut self, start: usize) -> Next {
        let bytes = self.text.as_bytes();
        let name_start = start + 1;
        let like = self.like_before(name_start);
        let mut name_end = name_start;
        if let Some(like) = &like {
            name_end += like.len;
        } else if bytes::begins_name(bytes, name_start) {
            name_end = bytes::skip_name(bytes, name_start + 1);
        }
        let clean = bytes::is_space(bytes, name_end)
            || matches!(bytes.get(name_end), None | Some(b'/' | b'>'));
        if name_end == name_start || !clean {
            return self.stray(start);
        }
        if self.skipping > 0 {
            return self.skip_tag(start, name_end);
        }
        if !self.within_limits(offset(start), offset(name_end)) {
            // The tag itself is skipped, and with it all that it holds.
            self.skipping = 0;
            return self.skip_tag(start, name_end);
        }
        if self.root_closed {
            let name = self.text.get(name_start..name_end).unwrap_or("");
            let name = excerpt(name, self.limits.excerpt);
            let (start, end) = (offset(start), offset(name_end));
            self.ill_formed(
                Id::SeveralRoots,
                start,
                end,
                format_args!("<{name}> stands after the end of the root element"),
            );
        }
        let mut element = Element {
            start: offset(start),
            end: 0,
            open_end: 0,
            parent: self.current(),
            first_child: NO_ELEMENT,
            next: NO_ELEMENT,
            first_attr: offset(self.attributes.len()),
            first_part: NONE,
            seen: 0,
            twice: 0,
            attr_seen: 0,
            attr_count: 0,
            name_len: u16::try_from(name_end - name_start).unwrap_or(u16::MAX),
            name: NameId::UNKNOWN,
            ty: TypeId::OPEN,
            row: NO_ROW,
            flags: 0,
        };
        let id = ElementId(offset(self.elements.len()));
        let ended = if bytes.get(name_end) == Some(&b'>') {
            Ended { at: name_end + 1, self_closing: false }
        } else if let Some(ended) = self.attributes(id, &mut element, start, name_end) {
            ended
        } else {
            self.attributes.truncate(element.first_attr as usize);
            return None;
        };
        element.open_end = offset(ended.at);
        element.end = element.open_end;
        if ended.self_closing {
            element.flags |= SELF_CLOSING;
        }
        let tag = bytes.get(name_start..name_end).unwrap_or_default();
        let unknown = match like.filter(|_| self.foreign == 0) {
            Some(like) => {
                (element.name, element.row, element.ty) = (like.name, like.row, like.ty);
                false
            }
            None => self.resolve(&mut element, tag),
        };
        if unknown || std::mem::take(&mut self.unknown_attribute) {
            self.prefixes(id, &element);
        }
        if element.attr_count > 0 && element.ty != TypeId::OPEN {
            self.type_attributes(&mut element);
        }
        self.attach(id, &element);
        self.elements.push(element);
        self.space = None;
        if ended.self_closing {
            self.root_closed |= self.stack.is_empty();
            if !self.bindings.is_empty() {
                self.unbind();
            }
        } else {
            self.stack.push(Open { id, last_child: NONE, last_part: NONE, bare_ampersand: false });
        }
        Some(ended.at)
    }

    /// What the element before is whose name stands here again, where a name decides what it is.
    fn like_before(&self, name_start: usize) -> Option<Like> {
        let open = self.stack.last()?;
        let before = self.elements.get(open.last_child as usize)?;
        let name = before.name.as_str().as_bytes();
        let len = name.len();
        let rest = self.text.as_bytes().get(name_start..)?;
        if len == 0 || !same(rest.get(..len)?, name) || bytes::is_name(rest, len) {
            return None;
        }
        let parent = self.elements.get(open.id.index())?;
        let row = parent.ty.info().children.get(usize::from(before.row))?;
        let extension = matches!(row.ty, ty::EXTENSION | ty::CREATIVE_EXTENSION);
        (row.name == before.name && !extension).then_some(Like {
            len,
            name: row.name,
            row: before.row,
            ty: row.ty,
        })
    }

    /// A `<` that begins no tag: it is text.
    fn stray(&mut self, start: usize) -> Next {
        let bytes = self.text.as_bytes();
        if start + 1 == bytes.len() {
            self.truncated(start, format_args!("`>` for this tag"));
            return None;
        }
        let at = offset(start);
        self.malformed(
            at,
            at.saturating_add(1),
            format_args!("this `<` begins no tag; write it as `&lt;` or use CDATA"),
        );
        let end = bytes::find(bytes, b'<', start + 1).unwrap_or(bytes.len());
        self.characters(start, end, true);
        Some(end)
    }

    /// A tag beyond a limit: only its end matters.
    fn skip_tag(&mut self, start: usize, mut at: usize) -> Next {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(at) {
                None => {
                    self.truncated(start, format_args!("`>` for this tag"));
                    return None;
                }
                Some(quote @ (b'"' | b'\'')) => {
                    let Some(end) = bytes::find(bytes, *quote, at + 1) else {
                        self.truncated(start, format_args!("`>` for this tag"));
                        return None;
                    };
                    at = end + 1;
                }
                Some(b'>') => {
                    let self_closing = bytes.get(at - 1) == Some(&b'/');
                    self.skipping = self.skipping.saturating_add(u32::from(!self_closing));
                    return Some(at + 1);
                }
                Some(b'<') => return Some(at),
                Some(_) => at += 1,
            }
        }
    }

    /// Reads attributes up to the end of the tag; none where the document ends before it.
    fn attributes(
        &mut self,
        id: ElementId,
        element: &mut Element,
        start: usize,
        mut at: usize,
    ) -> Option<Ended> {
        let bytes = self.text.as_bytes();
        self.met = [0; 4];
        if self.names.len() > 0 {
            self.names.clear();
        }
        let mut full = false;
        loop {
            let space = bytes::skip_space(bytes, at);
            let spaced = space > at;
            at = space;
            match bytes.get(at) {
                None => {
                    self.truncated(start, format_args!("`>` for this tag"));
                    return None;
                }
                Some(b'>') => return Some(Ended { at: at + 1, self_closing: false }),
                Some(b'/') if bytes.get(at + 1) == Some(&b'>') => {
                    return Some(Ended { at: at + 2, self_closing: true });
                }
                Some(b'<') => {
                    self.fault(
                        Id::XmlNotWellFormed,
                        id,
                        start,
                        at,
                        "expected `>` before the next `<`",
                    );
                    return Some(Ended { at, self_closing: false });
                }
                Some(b'=' | b'"' | b'\'' | b'/') => {
                    self.fault(Id::XmlNotWellFormed, id, at, at + 1, NO_NAME);
                    at += 1;
                    continue;
                }
                Some(_) => {}
            }
            if !spaced {
                self.fault(
                    Id::AttributesWithoutSpace,
                    id,
                    at,
                    at + 1,
                    "there must be a space between two attributes",
                );
            }
            let name_start = at;
            at = bytes::skip_name(bytes, at);
            if !bytes::begins_name(bytes, name_start) || !ends_name(bytes, at) {
                // What is no name is passed over up to where one could end.
                while !ends_name(bytes, at) {
                    at += 1;
                }
                self.fault(Id::XmlNotWellFormed, id, name_start, at, NO_NAME);
                if bytes.get(at) != Some(&b'=') {
                    continue;
                }
            }
            let name_end = at;
            at = bytes::skip_space(bytes, at);
            if bytes.get(at) != Some(&b'=') {
                at = name_end;
                let message = "expected `=` and a value after the name of this attribute";
                self.fault(Id::AttributeWithoutValue, id, name_start, name_end, message);
                continue;
            }
            at = bytes::skip_space(bytes, at + 1);
            let Some(quote @ (b'"' | b'\'')) = bytes.get(at) else {
                while bytes.get(at).is_some_and(|byte| !matches!(byte, b'>' | b'<'))
                    && !bytes::is_space(bytes, at)
                {
                    at += 1;
                }
                let message = "the value of this attribute must stand in quotes";
                self.fault(Id::AttributeWithoutQuotes, id, name_start, at, message);
                continue;
            };
            let value_start = at + 1;
            let Some((value_end, marked)) = bytes::value_end(bytes, *quote, value_start) else {
                let quote = char::from(*quote);
                self.truncated(start, format_args!("`{quote}` for an attribute of this tag"));
                return None;
            };
            at = value_end + 1;
            if full || !self.room_for_attribute(id, element, name_start, name_end) {
                full = true;
                continue;
            }
            if marked {
                self.attribute_references(id, value_start, value_end);
            }
            let place = (name_start, name_end, value_start, value_end);
            self.attribute(id, element, place);
        }
    }

    fn fault(&mut self, rule: Id, id: ElementId, start: usize, end: usize, message: &'static str) {
        self.state = self.state.max(State::Malformed);
        let (start, end) = (offset(start), offset(end));
        self.problem(rule, id, start, end, format_args!("{message}"));
    }

    fn room_for_attribute(
        &mut self,
        id: ElementId,
        element: &Element,
        start: usize,
        end: usize,
    ) -> bool {
        let limit = self.limits.attributes;
        if self.attributes.len() < limit as usize && element.attr_count < u16::MAX {
            return true;
        }
        let range = (offset(start), offset(end));
        self.limit(Id::LimitAttributes, id, range, "attributes", limit);
        false
    }

    fn attribute(
        &mut self,
        id: ElementId,
        element: &mut Element,
        (name_start, name_end, value_start, value_end): (usize, usize, usize, usize),
    ) {
        let name = self.text.as_bytes().get(name_start..name_end).unwrap_or_default();
        let interned = NameId::intern_bytes(name);
        if interned == NameId::UNKNOWN
            && name.starts_with(b"xmlns")
            && matches!(name.get(5), None | Some(b':'))
        {
            self.bind(
                (offset(name_start), offset(name_end)),
                offset(value_start),
                offset(value_end),
            );
        }
        let before = self.attributes.get(element.first_attr as usize..).unwrap_or_default();
        let written = |other: &Attribute| {
            let end = other.name_start.saturating_add(u32::from(other.name_len));
            self.text.as_bytes().get(other.name_start as usize..end as usize).unwrap_or_default()
        };
        let twice = if interned != NameId::UNKNOWN {
            let bit = 1 << (interned.0 & 63);
            let word = self.met.get_mut(usize::from(interned.0 >> 6));
            word.is_some_and(|word| std::mem::replace(word, *word | bit) & bit != 0)
        } else if before.len() < FEW {
            before.iter().any(|other| other.name == interned && written(other) == name)
        } else {
            if self.names.len() == 0 {
                for other in before {
                    self.names.put((0, written(other)), (0, 0));
                }
            }
            !self.names.is_new((0, name))
        };
        if twice {
            let name = self.text.get(name_start..name_end).unwrap_or("");
            let quoted = excerpt(name, self.limits.excerpt);
            self.state = self.state.max(State::Malformed);
            self.problem(
                Id::AttributeTwice,
                id,
                offset(name_start),
                offset(name_end),
                format_args!("the attribute `{quoted}` is there twice"),
            );
            return;
        }
        self.unknown_attribute |= interned == NameId::UNKNOWN;
        self.attributes.push(Attribute {
            name_start: offset(name_start),
            value_start: offset(value_start),
            value_end: offset(value_end),
            name_len: u16::try_from(name.len()).unwrap_or(u16::MAX),
            name: interned,
            row: NO_ROW,
        });
        element.attr_count = element.attr_count.saturating_add(1);
    }

    fn attribute_references(&mut self, id: ElementId, start: usize, end: usize) {
        let value = self.text.get(start..end).unwrap_or("");
        if let Some(at) = memchr::memchr(b'<', value.as_bytes()) {
            if value.get(at..).is_some_and(|rest| rest.starts_with("<![CDATA[")) {
                let message =
                    "CDATA stands in elements only; in an attribute write the value as it is";
                self.fault(Id::CdataInAttribute, id, start + at, start + at + 9, message);
            } else {
                let message = "`<` must be written `&lt;` in an attribute";
                self.fault(Id::LtInAttribute, id, start + at, start + at + 1, message);
            }
        }
        let mut bare = false;
        for (at, kind) in references::references(value) {
            let at = offset(start + at);
            match kind {
                Reference::Known => {}
                Reference::Entity(name) => {
                    let end = at.saturating_add(offset(name.len())).saturating_add(2);
                    self.entity(id, name, at, end);
                }
                Reference::Forbidden(number) => self.forbidden_reference(id, number, at),
                Reference::Bare if bare => {}
                Reference::Bare => {
                    bare = true;
                    self.state = self.state.max(State::Malformed);
                    self.problem(
                        Id::BareAmpersand,
                        id,
                        at,
                        at.saturating_add(1),
                        format_args!("`&` must be written `&amp;` in an attribute"),
                    );
                }
            }
        }
    }

    fn type_attributes(&mut self, element: &mut Element) {
        let info = element.ty.info();
        let open = info.content == Content::Open;
        let first = element.first_attr as usize;
        for attribute in self.attributes.get_mut(first..).unwrap_or_default() {
            if let Some(row) = element.ty.attr(attribute.name) {
                attribute.row = row;
                element.attr_seen |= 1_u32.checked_shl(u32::from(row)).unwrap_or(0);
            } else if !open {
                let end = attribute.name_start as usize + usize::from(attribute.name_len);
                let name = self.text.get(attribute.name_start as usize..end).unwrap_or("");
                if !name.starts_with("xmlns") && name.cut(b':').is_none() {
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

    /// `</name>` at `start`.
    pub(super) fn end_tag(&mut self, start: usize) -> Next {
        let bytes = self.text.as_bytes();
        let name_start = start + 2;
        if self.skipping == 0
            && let Some(open) = self.stack.last()
        {
            // What is expected is what mostly comes.
            let tag = self.tag_bytes(open.id);
            let name_end = name_start + tag.len();
            if bytes.get(name_start..name_end).is_some_and(|name| same(name, tag)) {
                let end = bytes::skip_space(bytes, name_end);
                if bytes.get(end) == Some(&b'>') {
                    self.close(offset(end + 1), false);
                    return Some(end + 1);
                }
            }
        }
        let rest = bytes.get(name_start..).unwrap_or_default();
        let Some(len) = memchr::memchr2(b'>', b'<', rest) else {
            self.truncated(start, format_args!("`>` for this tag"));
            return None;
        };
        let name_end = name_start + len;
        let next = name_end + usize::from(rest.get(len) == Some(&b'>'));
        if next == name_end {
            let message = format_args!("expected `>` before the next `<`");
            self.malformed(offset(start), offset(name_end), message);
        }
        if self.skipping > 0 {
            self.skipping -= 1;
        } else {
            let tag = self.text.get(name_start..name_end).unwrap_or("").trim_ascii_end();
            self.unexpected_end(tag, offset(start), offset(next));
        }
        Some(next)
    }

    /// An end tag other than that of the open element.
    fn unexpected_end(&mut self, tag: &str, start: u32, end: u32) {
        let Some(at) = self.stack.iter().rposition(|open| self.tag_of(open.id) == tag) else {
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
}

/// Whether the name of an attribute could end here.
fn ends_name(bytes: &[u8], at: usize) -> bool {
    bytes::is_space(bytes, at)
        || matches!(bytes.get(at), None | Some(b'=' | b'"' | b'\'' | b'>' | b'<' | b'/'))
}
