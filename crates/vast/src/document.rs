use std::borrow::Cow;

use crate::charset::Charset;
use crate::counts::Counts;
use crate::decode::Map;
use crate::generated::rules::Id;
use crate::path::Paths;
use crate::structure::{NameId, TypeId};
use crate::text::is_bare;
use adproof_model::{DocumentKind, Span};

/// The number of an element in its document, in document order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId(pub(crate) u32);

/// No element, no part.
pub(crate) const NONE: u32 = u32::MAX;

impl ElementId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn some(self) -> Option<Self> {
        if self.0 == NONE { None } else { Some(self) }
    }
}

/// A tolerant document: everything that could be read, in arenas, with the place of every part.
///
/// Offsets inside are of the decoded text; what is public gives bytes of the input.
#[derive(Debug)]
pub struct Document<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) map: Map,
    pub(crate) encoding: Charset,
    pub(crate) elements: Vec<Element>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) parts: Vec<Part>,
    pub(crate) directives: Vec<Directive>,
    pub(crate) problems: Vec<Problem>,
    /// Problems beyond the bound, counted by rule.
    pub(crate) dropped: Counts,
    pub(crate) kind: DocumentKind,
    /// Every character is one of ASCII; false where that was not looked at.
    pub(crate) ascii: bool,
    pub(crate) state: State,
}

/// Whether the text was a document at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Well-formed.
    Whole,
    /// Not well-formed, or not XML.
    Malformed,
    /// Not read, or it asks for what is never done.
    Refused,
}

/// A fault that the parser met.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) rule: Id,
    pub(crate) element: ElementId,
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) message: Box<str>,
}

/// One element. All offsets are of the decoded text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// One past the `>` of the start tag.
    pub(crate) open_end: u32,
    pub(crate) parent: ElementId,
    pub(crate) first_child: ElementId,
    pub(crate) next: ElementId,
    pub(crate) first_attr: u32,
    pub(crate) first_part: u32,
    /// Rows of the type's children that occurred.
    pub(crate) seen: u32,
    /// Rows of the type's children that occurred more than once.
    pub(crate) twice: u32,
    /// Rows of the type's attributes that occurred.
    pub(crate) attr_seen: u32,
    pub(crate) attr_count: u16,
    pub(crate) name_len: u16,
    pub(crate) name: NameId,
    pub(crate) ty: TypeId,
    /// The row of the parent's type, or `NO_ROW`.
    pub(crate) row: u8,
    pub(crate) flags: u8,
}

/// The end tag was missing.
pub(crate) const UNCLOSED: u8 = 1;
/// `<Name/>`.
pub(crate) const SELF_CLOSING: u8 = 2;
/// A child that the type does not know, in our own namespace.
pub(crate) const UNKNOWN: u8 = 4;
/// Of another namespace.
pub(crate) const FOREIGN: u8 = 8;
/// An attribute that the type does not know.
pub(crate) const UNKNOWN_ATTRIBUTE: u8 = 16;

impl Element {
    pub(crate) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// One attribute, without namespace declarations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute {
    pub(crate) name_start: u32,
    pub(crate) value_start: u32,
    pub(crate) value_end: u32,
    pub(crate) name_len: u16,
    pub(crate) name: NameId,
    /// The row of the element's type, or `NO_ROW`.
    pub(crate) row: u8,
}

/// A comment that asks the linter to be silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directive {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Where the words after `adproof-ignore` begin.
    pub(crate) text: u32,
    pub(crate) parent: ElementId,
    /// The element that would come next.
    pub(crate) next: ElementId,
}

/// A run of text or one CDATA section. Offsets are of the content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) next: u32,
    pub(crate) kind: PartKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// Text without a reference.
    Text,
    /// Text with character or entity references.
    Escaped,
    Cdata,
}

impl Document<'_> {
    /// What the document is by its root.
    #[must_use]
    pub const fn kind(&self) -> DocumentKind {
        self.kind
    }

    /// The name of the encoding that the document was read in.
    #[must_use]
    pub fn encoding(&self) -> &'static str {
        self.encoding.name()
    }

    /// The decoded text, without a byte order mark.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The root element.
    #[must_use]
    pub fn root(&self) -> Option<ElementId> {
        (!self.elements.is_empty()).then_some(ElementId(0))
    }

    /// All elements, in document order.
    pub fn elements(&self) -> impl Iterator<Item = ElementId> + use<> {
        (0..u32::try_from(self.elements.len()).unwrap_or(NONE)).map(ElementId)
    }

    /// The local name of an element.
    #[must_use]
    pub fn name(&self, id: ElementId) -> &str {
        let name = self.tag(id);
        name.rsplit(':').next().unwrap_or(name)
    }

    /// The name of an element as it is written, with its prefix.
    #[must_use]
    pub fn tag(&self, id: ElementId) -> &str {
        self.element(id).map_or("", |element| {
            let start = element.start.saturating_add(1);
            self.slice(start, start.saturating_add(u32::from(element.name_len)))
        })
    }

    /// The element that holds this one.
    #[must_use]
    pub fn parent(&self, id: ElementId) -> Option<ElementId> {
        self.element(id).and_then(|element| element.parent.some())
    }

    /// The elements directly inside this one, in order.
    pub fn children(&self, id: ElementId) -> impl Iterator<Item = ElementId> + '_ {
        let first = self.element(id).and_then(|element| element.first_child.some());
        std::iter::successors(first, |child| {
            self.element(*child).and_then(|child| child.next.some())
        })
    }

    /// The first child of a name.
    #[must_use]
    pub fn child(&self, id: ElementId, name: &str) -> Option<ElementId> {
        self.children(id).find(|child| self.name(*child) == name)
    }

    /// The text directly inside an element: text and CDATA joined, references decoded outside of
    /// CDATA, outer space trimmed.
    #[must_use]
    pub fn content(&self, id: ElementId) -> Cow<'_, str> {
        let mut parts = self.parts(id);
        let Some(first) = parts.next() else {
            return Cow::Borrowed("");
        };
        let first = self.part_text(first);
        let Some(second) = parts.next() else {
            return trim_cow(first);
        };
        let mut joined = first.into_owned();
        joined.push_str(&self.part_text(second));
        for part in parts {
            joined.push_str(&self.part_text(part));
        }
        trim_cow(Cow::Owned(joined))
    }

    /// The names of an element's attributes as they are written, in order.
    pub fn attribute_names(&self, id: ElementId) -> impl Iterator<Item = &str> {
        self.attributes_of(id).iter().map(|attribute| self.attribute_name(attribute))
    }

    /// An attribute's value, references decoded, outer space kept.
    #[must_use]
    pub fn attribute(&self, id: ElementId, name: &str) -> Option<Cow<'_, str>> {
        let mut attributes = self.attributes_of(id).iter();
        let found = attributes.find(|attribute| self.attribute_name(attribute) == name)?;
        Some(self.attribute_value(found))
    }

    /// The bytes of the whole element, from its `<` to its last `>`.
    #[must_use]
    pub fn element_span(&self, id: ElementId) -> Span {
        self.element(id).map_or_else(Span::default, |element| self.span(element.start, element.end))
    }

    /// The bytes of the start tag.
    #[must_use]
    pub fn tag_span(&self, id: ElementId) -> Span {
        self.element(id)
            .map_or_else(Span::default, |element| self.span(element.start, element.open_end))
    }

    /// The bytes of the text inside an element, without outer space and CDATA marks; none when it
    /// has no text.
    #[must_use]
    pub fn content_span(&self, id: ElementId) -> Option<Span> {
        self.content_range(id).map(|(start, end)| self.span(start, end))
    }

    /// Where an element stands: `/VAST/Ad[1]/InLine[1]`.
    #[must_use]
    pub fn path(&self, id: ElementId) -> String {
        Paths::default().of(self, id).to_owned()
    }

    /// The place of an element among its siblings of the same name, from 1; none when more than
    /// `most` siblings are in between. A sibling of the same name whose place is known shortens the
    /// way.
    pub(crate) fn position(
        &self,
        parent: ElementId,
        id: ElementId,
        known: Option<(ElementId, u32)>,
        most: usize,
    ) -> Option<u32> {
        let name = self.tag(id);
        let (first, before) = match known.filter(|(sibling, _)| *sibling <= id) {
            Some((sibling, place)) => (Some(sibling), place.saturating_sub(1)),
            None => (self.element(parent).and_then(|parent| parent.first_child.some()), 0),
        };
        let mut siblings = std::iter::successors(first, |child| {
            self.element(*child).and_then(|child| child.next.some())
        });
        let mut place = before.saturating_add(1);
        for _ in 0..=most {
            match siblings.next() {
                Some(sibling) if sibling == id => return Some(place),
                Some(sibling) => place = place.saturating_add(u32::from(self.tag(sibling) == name)),
                None => return Some(place),
            }
        }
        None
    }

    /// Bytes of the input for a range of the text.
    pub(crate) fn span(&self, start: u32, end: u32) -> Span {
        self.map.span(start, end)
    }

    // It is called at a hundred places: a copy at each is what a page should not have to load.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn slice(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    pub(crate) fn element(&self, id: ElementId) -> Option<&Element> {
        self.elements.get(id.index())
    }

    pub(crate) fn attributes_of(&self, id: ElementId) -> &[Attribute] {
        self.element(id).map_or(&[], |element| self.attributes_in(element))
    }

    pub(crate) fn attributes_in(&self, element: &Element) -> &[Attribute] {
        let start = element.first_attr as usize;
        self.attributes
            .get(start..start.saturating_add(usize::from(element.attr_count)))
            .unwrap_or(&[])
    }

    /// An attribute by its interned name.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn attr(&self, element: &Element, name: NameId) -> Option<&Attribute> {
        self.attributes_in(element).iter().find(|attribute| attribute.name == name)
    }

    /// The value of an attribute by its interned name, as written.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) fn attr_raw(&self, element: &Element, name: NameId) -> Option<&str> {
        self.attr(element, name)
            .map(|attribute| self.slice(attribute.value_start, attribute.value_end))
    }

    pub(crate) fn attribute_name(&self, attribute: &Attribute) -> &str {
        let end = attribute.name_start.saturating_add(u32::from(attribute.name_len));
        self.slice(attribute.name_start, end)
    }

    pub(crate) fn attribute_value(&self, attribute: &Attribute) -> Cow<'_, str> {
        unescape(self.slice(attribute.value_start, attribute.value_end))
    }

    pub(crate) fn parts(&self, id: ElementId) -> impl Iterator<Item = &Part> + '_ {
        let first = self.element(id).map_or(NONE, |element| element.first_part);
        self.parts_from(first)
    }

    pub(crate) fn parts_from(&self, first: u32) -> impl Iterator<Item = &Part> + '_ {
        std::iter::successors(self.parts.get(first as usize), |part| {
            self.parts.get(part.next as usize)
        })
    }

    fn part_text(&self, part: &Part) -> Cow<'_, str> {
        let text = self.slice(part.start, part.end);
        if part.kind == PartKind::Escaped { unescape(text) } else { Cow::Borrowed(text) }
    }

    /// What is visible of a part, and where; none when that is nothing.
    pub(crate) fn visible(&self, part: &Part) -> Option<(&str, (u32, u32))> {
        let text = self.slice(part.start, part.end);
        // Mostly there is nothing around it.
        if is_bare(text) {
            return Some((text, (part.start, part.end)));
        }
        let body = text.trim_ascii_start();
        let trimmed = body.trim_ascii_end();
        if trimmed.is_empty() {
            return None;
        }
        let start = part.start.saturating_add(u32::try_from(text.len() - body.len()).unwrap_or(0));
        let end = start.saturating_add(u32::try_from(trimmed.len()).unwrap_or(0));
        Some((trimmed, (start, end)))
    }

    /// The range of the text inside an element, from its first visible character to its last.
    pub(crate) fn content_range(&self, id: ElementId) -> Option<(u32, u32)> {
        let mut range = None;
        for part in self.parts(id) {
            if let Some((_, (start, end))) = self.visible(part) {
                range = Some((range.map_or(start, |(first, _)| first), end));
            }
        }
        range
    }

    /// The text directly inside an element, and its range; none when it has no visible text.
    pub(crate) fn content_with_range(&self, id: ElementId) -> Option<(Cow<'_, str>, (u32, u32))> {
        let mut parts = self.parts(id);
        let first = parts.next()?;
        if first.kind != PartKind::Escaped && parts.next().is_none() {
            return self.visible(first).map(|(text, range)| (Cow::Borrowed(text), range));
        }
        Some((self.content(id), self.content_range(id)?))
    }
}

fn trim_cow(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii()),
        Cow::Owned(text) => Cow::Owned(text.trim_ascii().to_owned()),
    }
}

/// No reference is longer; looking further would take the square of the text's length.
const LONGEST: usize = 16;

/// Decodes the five predefined references and character references; others stay as written.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        if let Some((name, c)) = reference_at(after) {
            out.push(c);
            rest = after.get(name.len() + 1..).unwrap_or("");
        } else {
            out.push('&');
            rest = after;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The reference that a text after an `&` begins with: its name and its character.
pub(crate) fn reference_at(text: &str) -> Option<(&str, char)> {
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let name = text.get(..end)?;
    Some((name, reference(name)?))
}

/// `parse` alone would take a sign.
fn digits(text: &str, of: fn(&u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| of(&byte))
}

/// The character of a predefined or a character reference.
pub(crate) fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) if digits(hex, u8::is_ascii_hexdigit) => {
                    u32::from_str_radix(hex, 16).ok()?
                }
                None if digits(number, u8::is_ascii_digit) => number.parse().ok()?,
                _ => return None,
            };
            char::from_u32(code).filter(|c| matches!(c, '\t' | '\n' | '\r' | ' '..))
        }
    }
}
