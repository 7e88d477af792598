//! A bundle's files as text inside a page: one line a file, its name, a space, and its bytes in
//! base64. Nothing in it can be taken for markup, whatever strangers have written into a record.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Files;

/// Bounds of a text that a stranger sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest text in bytes.
    pub text_bytes: usize,
    /// The most files in it.
    pub files: usize,
    /// The longest name in bytes.
    pub name_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { text_bytes: 128 << 20, files: 40_000, name_bytes: 128 }
    }
}

/// Why a text holds no files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InlineError {
    /// Beyond a bound. Likely cause: it was made to exhaust whoever opens it.
    TooMuch(&'static str),
    /// A line is not a name and base64, or the names are not sorted. Likely cause: the page was
    /// edited, or a program has broken its lines.
    Line(usize),
}

impl fmt::Display for InlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuch(what) => write!(f, "the data in the page has more {what} than are read"),
            Self::Line(line) => write!(f, "line {line} of the data in the page is not a file"),
        }
    }
}

impl std::error::Error for InlineError {}

/// The text of files.
#[must_use]
pub fn write(files: &Files) -> String {
    let mut text = String::new();
    for (name, bytes) in files {
        text.push_str(name);
        text.push(' ');
        BASE64.encode_string(bytes, &mut text);
        text.push('\n');
    }
    text
}

/// Reads exactly what [`write()`] writes.
pub fn parse(text: &str, limits: &Limits) -> Result<Files, InlineError> {
    if text.len() > limits.text_bytes {
        return Err(InlineError::TooMuch("bytes"));
    }
    let mut files = Files::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line = files.len() + 1;
        if line > limits.files {
            return Err(InlineError::TooMuch("files"));
        }
        let broken = || InlineError::Line(line);
        let (this, after) = rest.split_once('\n').ok_or_else(broken)?;
        let (name, base64) = this.split_once(' ').ok_or_else(broken)?;
        let sorted = files.last_key_value().is_none_or(|(last, _)| last.as_str() < name);
        if !sorted || !is_plain_name(name, limits.name_bytes) {
            return Err(broken());
        }
        files.insert(name.to_owned(), BASE64.decode(base64).map_err(|_| broken())?);
        rest = after;
    }
    Ok(files)
}

/// Whether a file of this name can be written below a folder and nowhere else.
#[must_use]
pub fn is_plain_name(name: &str, most: usize) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    name.len() <= most
        && name.chars().all(plain)
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        [("a", b"".as_slice()), ("keys/b.pem", b"</script>"), ("z", &[0, 255])]
            .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
            .into()
    }

    #[test]
    fn files_print_and_parse_back_and_hold_no_markup() {
        let text = write(&files());
        assert_eq!(parse(&text, &Limits::default()), Ok(files()));
        assert!(!text.contains('<'));
    }

    #[test]
    fn every_bound_holds_on_both_sides() {
        let text = write(&files());
        let at = Limits { text_bytes: text.len(), files: 3, name_bytes: 10 };
        assert_eq!(parse(&text, &at), Ok(files()));
        for beyond in [
            Limits { text_bytes: text.len() - 1, ..at },
            Limits { files: 2, ..at },
            Limits { name_bytes: 9, ..at },
        ] {
            assert!(parse(&text, &beyond).is_err(), "{beyond:?}");
        }
    }

    #[test]
    fn there_is_one_text_for_files_and_no_other() {
        for (text, line) in [
            ("a YQ==", 1),
            ("a YQ==\n\n", 2),
            ("a\n", 1),
            ("a YQ\n", 1),
            ("a YR==\n", 1),
            ("b YQ==\na YQ==\n", 2),
            ("a YQ==\na YQ==\n", 2),
            ("../a YQ==\n", 1),
            ("/a YQ==\n", 1),
            ("a YQ==\r\n", 1),
            ("a  YQ==\n", 1),
        ] {
            assert_eq!(parse(text, &Limits::default()), Err(InlineError::Line(line)), "{text}");
        }
    }
}
