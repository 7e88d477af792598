//! Where a statement ends.

/// The statements of a text, each without its `;`. Quotes and comments are looked through; what is
/// blank or a comment alone is no statement.
pub(super) fn statements(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(end) = end(rest) {
        found.push(rest.get(..end).unwrap_or(""));
        rest = rest.get(end.saturating_add(1)..).unwrap_or("");
    }
    found.push(rest);
    found.retain(|statement| !is_blank(statement));
    found
}

/// Whether a text ends with a statement that is at its end: nothing but blanks and comments stands
/// behind the last `;`.
pub(super) fn is_whole(text: &str) -> bool {
    let mut rest = text;
    while let Some(end) = end(rest) {
        rest = rest.get(end.saturating_add(1)..).unwrap_or("");
    }
    rest.len() < text.len() && is_blank(rest)
}

/// The place of the first `;` that is no part of a quote or a comment.
fn end(text: &str) -> Option<usize> {
    scan(text).find(|(_, c, is_code)| *is_code && *c == ';').map(|(at, ..)| at)
}

fn is_blank(text: &str) -> bool {
    scan(text).all(|(_, c, is_code)| !is_code || c.is_whitespace())
}

#[derive(Clone, Copy)]
enum Within {
    Code,
    Quote(char),
    Line,
    /// Such comments nest.
    Block(u32),
}

/// Each character with its place, and whether it is neither quoted nor a comment. A quote itself
/// is code: `''` is a value.
fn scan(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut within = Within::Code;
    let mut characters = text.char_indices().peekable();
    // Set at the first of the two characters that begin or end a comment.
    let mut second = false;
    std::iter::from_fn(move || {
        let (at, c) = characters.next()?;
        let next = characters.peek().map(|(_, next)| *next);
        if std::mem::take(&mut second) {
            return Some((at, c, false));
        }
        let is_code = match (within, c, next) {
            (Within::Code, '-', Some('-')) => {
                (within, second) = (Within::Line, true);
                false
            }
            (Within::Code, '/', Some('*')) => {
                (within, second) = (Within::Block(1), true);
                false
            }
            (Within::Code, '\'' | '"' | '`', _) => {
                within = Within::Quote(c);
                true
            }
            (Within::Code, ..) => true,
            // A doubled quote ends one and begins the next.
            (Within::Quote(quote), c, _) if c == quote => {
                within = Within::Code;
                true
            }
            (Within::Line, '\n', _) => {
                within = Within::Code;
                true
            }
            (Within::Block(depth), '/', Some('*')) => {
                (within, second) = (Within::Block(depth.saturating_add(1)), true);
                false
            }
            (Within::Block(depth), '*', Some('/')) => {
                let left = depth.saturating_sub(1);
                within = if left == 0 { Within::Code } else { Within::Block(left) };
                second = true;
                false
            }
            _ => false,
        };
        Some((at, c, is_code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_at_a_semicolon_outside_of_quotes_and_comments() {
        for (text, want) in [
            ("SELECT 1", vec!["SELECT 1"]),
            ("SELECT 1;", vec!["SELECT 1"]),
            ("SELECT 1; SELECT 2 ;;\n", vec!["SELECT 1", " SELECT 2 "]),
            ("SELECT ';', 'it''s;', \";\"; -- a; b\n", vec!["SELECT ';', 'it''s;', \";\""]),
            ("/* a; /* b; */ c; */ SELECT 1; -- end", vec!["/* a; /* b; */ c; */ SELECT 1"]),
            ("-- only a comment;", vec![]),
            ("  ", vec![]),
            ("SELECT 4 /2; SELECT 1--1\n+1", vec!["SELECT 4 /2", " SELECT 1--1\n+1"]),
        ] {
            assert_eq!(statements(text), want, "{text}");
        }
    }

    #[test]
    fn a_text_is_whole_when_its_last_statement_is() {
        for text in ["SELECT 1;", "SELECT 1; SELECT 2; -- end", ";", "SELECT ';';\n"] {
            assert!(is_whole(text), "{text}");
        }
        for text in ["", "SELECT 1", "SELECT 1; SELECT", "SELECT ';", "SELECT 1 -- ;", "/* ; */"] {
            assert!(!is_whole(text), "{text}");
        }
    }
}
