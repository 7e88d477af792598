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

/// The places from 0 to `len` in the order that `before` gives them; equals stay as they are.
///
/// One merge sort for all lists: the standard library's is several kilobytes for each type.
/// `after(a, b)` says whether `a` has to stand after `b`.
pub(crate) fn order(len: usize, after: &dyn Fn(usize, usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    let mut merged = Vec::with_capacity(len);
    let mut run = 1;
    while run < len {
        merged.clear();
        for pair in places.chunks(run * 2) {
            let (mut left, mut right) = pair.split_at_checked(run).unwrap_or((pair, &[]));
            while let ([a, behind_a @ ..], [b, behind_b @ ..]) = (left, right) {
                if after(*a, *b) {
                    merged.push(*b);
                    right = behind_b;
                } else {
                    merged.push(*a);
                    left = behind_a;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut places, &mut merged);
        run *= 2;
    }
    places
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

    #[test]
    fn places_are_ordered_as_by_a_stable_sort() {
        let mut state = 7_u32;
        for len in (0..70).chain([1000, 1024, 1025]) {
            let keys: Vec<u32> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 28
                })
                .collect();
            let mut wanted: Vec<usize> = (0..len).collect();
            wanted.sort_by_key(|place| keys.get(*place));
            assert_eq!(order(len, &|a, b| keys.get(a) > keys.get(b)), wanted, "{len}");
        }
    }
}
