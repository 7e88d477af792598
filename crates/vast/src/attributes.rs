//! The attributes of a start tag, with their places and faults.

use crate::parse::is_known_reference;

/// One attribute as written; offsets are of the text.
pub(crate) struct Raw {
    pub(crate) name_start: u32,
    pub(crate) name_end: u32,
    pub(crate) value_start: u32,
    pub(crate) value_end: u32,
}

/// What is wrong with an attribute.
pub(crate) struct Fault {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) message: &'static str,
}

/// Reads attributes from what follows the name in a start tag. `base` is the offset of `text`.
pub(crate) fn scan(text: &str, base: u32) -> Scan<'_> {
    Scan { bytes: text.as_bytes(), at: 0, base, spaced: true }
}

pub(crate) struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    base: u32,
    /// Whether space stood before the next attribute.
    spaced: bool,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
        self.at > start
    }

    fn offset(&self, at: usize) -> u32 {
        self.base.saturating_add(u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn fault(&self, start: usize, message: &'static str) -> Result<Raw, Fault> {
        let end = self.at.max(start + 1).min(self.bytes.len().max(start));
        Err(Fault { start: self.offset(start), end: self.offset(end), message })
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Raw, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.spaced |= self.skip_space();
        let start = self.at;
        let first = self.peek()?;
        if !self.spaced {
            self.spaced = true;
            return Some(self.fault(start, "there must be a space between two attributes"));
        }
        if matches!(first, b'=' | b'"' | b'\'' | b'/') {
            self.at += 1;
            return Some(self.fault(start, "expected the name of an attribute"));
        }
        while self
            .peek()
            .is_some_and(|byte| !matches!(byte, b'=' | b'"' | b'\'') && !byte.is_ascii_whitespace())
        {
            self.at += 1;
        }
        let name_end = self.at;
        self.skip_space();
        if self.peek() != Some(b'=') {
            return Some(
                self.fault(start, "expected `=` and a value after the name of this attribute"),
            );
        }
        self.at += 1;
        self.skip_space();
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            while self.peek().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                self.at += 1;
            }
            return Some(self.fault(start, "the value of this attribute must stand in quotes"));
        };
        self.at += 1;
        let value_start = self.at;
        let rest = self.bytes.get(value_start..).unwrap_or_default();
        let Some(len) = memchr::memchr(quote, rest) else {
            self.at = self.bytes.len();
            return Some(self.fault(start, "the value of this attribute has no closing quote"));
        };
        self.at = value_start + len + 1;
        self.spaced = false;
        Some(Ok(Raw {
            name_start: self.offset(start),
            name_end: self.offset(name_end),
            value_start: self.offset(value_start),
            value_end: self.offset(value_start + len),
        }))
    }
}

/// What follows an ampersand outside of CDATA.
pub(crate) enum Reference<'t> {
    /// A character, or one of the five predefined entities.
    Known,
    /// A name that only a DTD could define.
    Entity(&'t str),
    /// Nothing that is a reference.
    Bare,
}

impl<'t> Reference<'t> {
    /// Of the text between `&` and `;`.
    pub(crate) fn of(name: &'t str) -> Self {
        if is_known_reference(name) {
            Self::Known
        } else if is_name(name) && name.len() <= 64 {
            Self::Entity(name)
        } else {
            Self::Bare
        }
    }
}

/// The ampersands of a text and what they are.
pub(crate) fn references(text: &str) -> impl Iterator<Item = (usize, Reference<'_>)> {
    memchr::memchr_iter(b'&', text.as_bytes()).map(move |at| {
        let rest = text.get(at + 1..).unwrap_or("");
        let end = rest.bytes().position(|byte| matches!(byte, b';' | b'&' | b'<'));
        let name = end
            .filter(|end| rest.as_bytes().get(*end) == Some(&b';'))
            .and_then(|end| rest.get(..end));
        (at, name.map_or(Reference::Bare, Reference::of))
    })
}

/// Whether a text can be a name in XML. Characters beyond ASCII are let pass.
pub(crate) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    let begins = first.is_some_and(|byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80
    });
    begins
        && bytes.all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b':' | b'.' | b'-')
                || byte >= 0x80
        })
}
