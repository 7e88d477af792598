//! What many checks ask of texts, compiled once: in place of each call the compiler would put
//! routines of the standard library that are made for long texts, a tenth of the code in all.

/// Questions about short texts.
pub(crate) trait Text {
    /// Whether the two differ at most in the case of letters of ASCII.
    fn is_like(&self, other: &str) -> bool;

    /// Whether it begins so, whatever the case of letters of ASCII.
    fn begins_like(&self, start: &str) -> bool;

    /// The text without white space around it.
    fn trimmed(&self) -> &str;

    /// What stands before and after the first mark, which is of ASCII. For short texts a searcher
    /// costs more than looking.
    fn cut(&self, mark: u8) -> Option<(&str, &str)>;

    /// Whether a mark of ASCII stands in it.
    fn has(&self, mark: u8) -> bool;
}

impl Text for str {
    #[inline]
    fn is_like(&self, other: &str) -> bool {
        self.len() == other.len() && begins_like(self.as_bytes(), other.as_bytes())
    }

    #[inline]
    fn begins_like(&self, start: &str) -> bool {
        begins_like(self.as_bytes(), start.as_bytes())
    }

    #[inline(never)]
    fn trimmed(&self) -> &str {
        self.trim_ascii()
    }

    #[inline(never)]
    fn cut(&self, mark: u8) -> Option<(&str, &str)> {
        let at = self.bytes().position(|byte| byte == mark)?;
        Some((self.get(..at)?, self.get(at + 1..)?))
    }

    #[inline(never)]
    fn has(&self, mark: u8) -> bool {
        memchr::memchr(mark, self.as_bytes()).is_some()
    }
}

#[inline(never)]
fn begins_like(text: &[u8], start: &[u8]) -> bool {
    text.len() >= start.len() && text.iter().zip(start).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_matters_for_no_letter_of_ascii() {
        for (a, b) in [("", ""), ("Http", "hTTP"), ("é[", "é[")] {
            assert!(a.is_like(b) && a.begins_like(b), "{a} {b}");
        }
        for (a, b) in [("", "a"), ("@", "`"), ("[", "{"), ("É", "é"), ("abc", "abcd")] {
            assert!(!a.is_like(b) && !a.begins_like(b), "{a} {b}");
        }
        assert!("HTTPS://x".begins_like("http") && !"HTTPS".is_like("http"));
    }

    #[test]
    fn a_text_is_cut_at_its_first_mark() {
        assert_eq!("ä.b.c".cut(b'.'), Some(("ä", "b.c")));
        assert_eq!("ab".cut(b'.'), None);
        assert!("ä.".has(b'.') && !"ä".has(b'.'));
        assert_eq!(" \r\n\tä ".trimmed(), "ä");
    }
}
