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

    /// Where a few characters stand first.
    fn place_of(&self, wanted: &str) -> Option<usize>;

    /// Where a few characters stand last.
    fn last_place_of(&self, wanted: &str) -> Option<usize>;

    /// Where a few characters stand, which do not begin again within themselves.
    fn places_of(&self, wanted: &str) -> impl Iterator<Item = usize>;

    /// Whether a few characters stand in it.
    fn holds(&self, wanted: &str) -> bool;

    /// What stands before and after the first of a few characters.
    fn cut_at(&self, wanted: &str) -> Option<(&str, &str)>;
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

    #[cfg_attr(target_arch = "wasm32", inline(never))]
    fn trimmed(&self) -> &str {
        // Mostly there is nothing to trim.
        if is_bare(self) { self } else { self.trim_ascii() }
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

    #[inline(never)]
    fn place_of(&self, wanted: &str) -> Option<usize> {
        place_from(self.as_bytes(), wanted.as_bytes(), 0)
    }

    #[inline(never)]
    fn last_place_of(&self, wanted: &str) -> Option<usize> {
        let begins = |at: &usize| {
            self.as_bytes().get(*at..).is_some_and(|rest| rest.starts_with(wanted.as_bytes()))
        };
        (0..self.len()).rev().find(begins)
    }

    fn places_of(&self, wanted: &str) -> impl Iterator<Item = usize> {
        let next = |from| place_from(self.as_bytes(), wanted.as_bytes(), from);
        std::iter::successors(next(0), move |at| next(at + 1))
    }

    #[inline(never)]
    fn holds(&self, wanted: &str) -> bool {
        place_from(self.as_bytes(), wanted.as_bytes(), 0).is_some()
    }

    #[inline(never)]
    fn cut_at(&self, wanted: &str) -> Option<(&str, &str)> {
        let at = self.place_of(wanted)?;
        Some((self.get(..at)?, self.get(at + wanted.len()..)?))
    }
}

/// Whether there is something, and no white space of ASCII around it.
#[inline]
pub(crate) fn is_bare(text: &str) -> bool {
    let visible = |byte: Option<&u8>| byte.is_some_and(|byte| *byte > b' ');
    visible(text.as_bytes().first()) && visible(text.as_bytes().last())
}

/// The searchers of libraries prepare themselves for long texts; these are few characters.
#[inline(never)]
fn place_from(text: &[u8], wanted: &[u8], mut at: usize) -> Option<usize> {
    let first = *wanted.first()?;
    loop {
        at += memchr::memchr(first, text.get(at..)?)?;
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
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
    fn characters_are_found_wherever_they_stand() {
        let text = "äb--b-bb--";
        assert_eq!(text.places_of("b-").collect::<Vec<_>>(), [2, 5, 8]);
        assert_eq!((text.place_of("--"), text.last_place_of("--")), (Some(3), Some(9)));
        assert_eq!((text.place_of("---"), text.last_place_of("c")), (None, None));
        assert_eq!(text.cut_at("-b"), Some(("äb-", "-bb--")));
        assert!(text.holds("bb--") && !text.holds("bb---") && !"".holds("b"));
    }

    #[test]
    fn a_text_is_cut_at_its_first_mark() {
        assert_eq!("ä.b.c".cut(b'.'), Some(("ä", "b.c")));
        assert_eq!("ab".cut(b'.'), None);
        assert!("ä.".has(b'.') && !"ä".has(b'.'));
        assert_eq!(" \r\n\tä ".trimmed(), "ä");
    }
}
