//! References in text and in the values of attributes.

use crate::parse::is_known_reference;

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
