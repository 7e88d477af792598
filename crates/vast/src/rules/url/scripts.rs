//! Scripts of host names, and Punycode.

/// Whether one label has Latin letters beside Cyrillic or Greek ones.
pub(super) fn mixes_scripts(host: &str) -> bool {
    host.split('.').any(|label| {
        let latin =
            label.chars().any(|c| c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}'));
        let alike = label.chars().any(|c| matches!(c, '\u{370}'..='\u{52f}'));
        latin && alike
    })
}

/// Decodes a label of at most 59 characters (RFC 3492, section 6.2).
pub(super) fn punycode(label: &str) -> Option<String> {
    if label.len() > 59 {
        return None;
    }
    let (basic, digits) = label.rsplit_once('-').unwrap_or(("", label));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = digits.bytes().peekable();
    while digits.peek().is_some() {
        let (old, mut weight) = (i, 1_u32);
        for k in (36_u32..).step_by(36) {
            let digit = match digits.next()? {
                byte @ b'a'..=b'z' => u32::from(byte - b'a'),
                byte @ b'A'..=b'Z' => u32::from(byte - b'A'),
                byte @ b'0'..=b'9' => u32::from(byte - b'0') + 26,
                _ => return None,
            };
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
        }
        let len = u32::try_from(out.len()).ok()?.checked_add(1)?;
        let mut delta = (i - old) / if old == 0 { 700 } else { 2 };
        delta += delta / len;
        let mut k = 0;
        while delta > 455 {
            delta /= 35;
            k += 36;
        }
        bias = k + 36 * delta / (delta + 38);
        n = n.checked_add(i / len)?;
        i %= len;
        out.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(out.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punycode_is_decoded() {
        assert_eq!(punycode("mnchen-3ya").as_deref(), Some("münchen"));
        assert_eq!(punycode("pple-43d").as_deref(), Some("аpple"));
        for label in ["", "-", "a-é", "99999999", "zzzzzzzzzzzzzzzzzzzzzzzz"] {
            let _ = punycode(label);
        }
    }

    #[test]
    fn only_letters_that_look_alike_are_mixed() {
        for host in ["аpple.example", "exаmple.com"] {
            assert!(mixes_scripts(host), "{host}");
        }
        for host in ["münchen.example", "пример.example", "例え.example", "παράδειγμα.example"]
        {
            assert!(!mixes_scripts(host), "{host}");
        }
    }
}
