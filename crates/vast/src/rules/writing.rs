//! How the names of an ad are written: characters that nobody sees, and text encoded twice.

use crate::document::{Element, ElementId};
use crate::generated::rules::Id;
use crate::sink::Sink;
use crate::text::Text as _;

/// A text that people read, and lists compare.
pub(crate) fn check(
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    range: (u32, u32),
    text: &str,
) {
    if !text.is_ascii() {
        if let Some(found) = text.chars().find(|c| is_invisible(*c)) {
            let (name, code) = (element.ty.info().element_name(), u32::from(found));
            sink.report(
                Id::TextWithInvisible,
                id,
                range,
                format_args!("<{name}> has the character U+{code:04X}, which nobody sees"),
            );
        } else if is_misread(text) {
            let quoted = sink.quote(text);
            sink.report(
                Id::TextMisread,
                id,
                range,
                format_args!("`{quoted}` is UTF-8 that was read as Latin-1 and encoded again"),
            );
        }
    }
    let mut escaped = ["&amp;", "&#39;", "&quot;", "&lt;"].iter();
    if let Some(twice) = escaped.find(|reference| text.holds(reference)) {
        sink.report(
            Id::TextDoubleEscaped,
            id,
            range,
            format_args!("the text shows `{twice}` to people: it is escaped once too often"),
        );
    }
}

/// Characters without a shape, and those that turn the direction of what follows. Joiners belong to
/// the words of some languages.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{00ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
        || c.is_control() && !c.is_ascii()
}

/// Whether a text has the pairs that a letter beyond ASCII becomes when its two bytes of UTF-8 are
/// read as two letters.
fn is_misread(text: &str) -> bool {
    let mut before = ' ';
    text.chars().any(|c| {
        let pair = matches!(before, 'Ã' | 'Â') && matches!(c, '\u{80}'..='\u{bf}')
            || before == 'â' && c == '€';
        before = c;
        pair
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_read_wrongly_are_told_from_letters() {
        for text in ["SchÃ¼he", "Itâ€™s", "CafÃ©", "Â£5"] {
            assert!(is_misread(text), "{text}");
        }
        for text in ["Schuhe für Mädchen", "São Paulo", "NÃO", "château", "５", "LANÇÂ A"] {
            assert!(!is_misread(text), "{text}");
        }
        assert!("Sh\u{200b}oes".chars().any(is_invisible));
        assert!(!"Schuhe für 👟 می\u{200c}خواهم".chars().any(is_invisible));
    }
}
