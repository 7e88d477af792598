//! References in text and in the values of attributes.

use crate::parse::is_known_reference;

/// What follows an ampersand outside of CDATA.
pub(crate) enum Reference<'t> {
    /// A character, or one of the five predefined entities.
    Known,
    /// A name that only a DTD could define.
    Entity(&'t str),
    /// A character that no document may hold.
    Forbidden(&'t str),
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
        } else if is_number(name) {
            Self::Forbidden(name)
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

/// Whether a text has the form of a character reference.
fn is_number(text: &str) -> bool {
    let digits = |text: &str, digit: fn(&u8) -> bool| {
        (1..=8).contains(&text.len()) && text.as_bytes().iter().all(digit)
    };
    match text.strip_prefix('#') {
        Some(number) => match number.strip_prefix('x') {
            Some(hex) => digits(hex, u8::is_ascii_hexdigit),
            None => digits(number, u8::is_ascii_digit),
        },
        None => false,
    }
}

/// The character of an entity that HTML knows and XML does not. The common ones.
pub(crate) fn html_entity(name: &str) -> Option<&'static str> {
    Some(match name {
        "nbsp" => "\u{a0}",
        "copy" => "©",
        "reg" => "®",
        "trade" => "™",
        "hellip" => "…",
        "ndash" => "–",
        "mdash" => "—",
        "lsquo" => "‘",
        "rsquo" => "’",
        "ldquo" => "“",
        "rdquo" => "”",
        "laquo" => "«",
        "raquo" => "»",
        "bull" => "•",
        "middot" => "·",
        "euro" => "€",
        "pound" => "£",
        "deg" => "°",
        "times" => "×",
        "agrave" => "à",
        "aacute" => "á",
        "auml" => "ä",
        "Auml" => "Ä",
        "ccedil" => "ç",
        "egrave" => "è",
        "eacute" => "é",
        "Eacute" => "É",
        "ecirc" => "ê",
        "iacute" => "í",
        "ntilde" => "ñ",
        "oacute" => "ó",
        "ouml" => "ö",
        "Ouml" => "Ö",
        "uacute" => "ú",
        "uuml" => "ü",
        "Uuml" => "Ü",
        "szlig" => "ß",
        _ => return None,
    })
}
