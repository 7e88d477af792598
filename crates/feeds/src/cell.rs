use std::borrow::Cow;

/// One cell of a row, before anything is known about its column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Blank,
    Text(Cow<'a, str>),
    /// A value that the spreadsheet holds as a number.
    Number(f64),
    /// A value that the spreadsheet holds as a date or a time, as a person would read it.
    Date(String),
    Bool(bool),
    /// `#REF!` and the like.
    Error(String),
}

impl<'a> Cell<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let text = text.into();
        if is_blank(&text) { Self::Blank } else { Self::Text(text) }
    }

    pub(crate) const fn is_blank(&self) -> bool {
        matches!(self, Self::Blank)
    }

    /// The value as a person would read it.
    pub(crate) fn display(&self) -> Cow<'_, str> {
        match self {
            Self::Blank => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number_text(*number)),
            Self::Date(text) | Self::Error(text) => Cow::Borrowed(text),
            Self::Bool(true) => Cow::Borrowed("TRUE"),
            Self::Bool(false) => Cow::Borrowed("FALSE"),
        }
    }

    /// The value trimmed of spaces of every kind and of invisible characters.
    pub(crate) fn trimmed(&self) -> String {
        trim(&self.display()).to_owned()
    }
}

/// Whether there is nothing to see.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(is_trimmable)
}

/// The text without spaces and invisible characters at its ends.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_trimmable)
}

fn is_trimmable(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The shortest decimal text that reads back as the same number; the same on every machine.
fn number_text(number: f64) -> String {
    if number.abs() >= 1e15 { format!("{number:e}").replace('e', "E+") } else { number.to_string() }
}

/// One row: its number as a person counts it, and its cells from the first column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row<'a> {
    pub(crate) number: u64,
    pub(crate) cells: Vec<Cell<'a>>,
}

impl<'a> Row<'a> {
    pub(crate) fn is_blank(&self) -> bool {
        self.cells.iter().all(Cell::is_blank)
    }

    pub(crate) fn cell(&self, column: usize) -> &Cell<'a> {
        self.cells.get(column).unwrap_or(&Cell::Blank)
    }
}

/// A spreadsheet's name of a column: A, B, …, Z, AA.
pub(crate) fn column_letters(mut column: usize) -> String {
    let mut letters = Vec::new();
    loop {
        let digit = u8::try_from(column % 26).unwrap_or(0);
        letters.push(char::from(b'A' + digit));
        if column < 26 {
            break;
        }
        column = column / 26 - 1;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_as_spreadsheets_name_them() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(column_letters(column), name);
        }
    }

    #[test]
    fn numbers_read_as_they_were_stored() {
        for (number, text) in [(0.95, "0.95"), (1.0, "1"), (3.3e15, "3.3E+15")] {
            assert_eq!(Cell::Number(number).display(), text);
        }
    }

    #[test]
    fn invisible_cells_are_blank() {
        assert!(Cell::text(" \u{a0}\u{200b}\t").is_blank());
        assert!(!Cell::text("x").is_blank());
    }
}
