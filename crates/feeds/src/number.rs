//! Numbers as feeds write them, in integers only.

/// A probability in parts per million from `0.95`, `.95`, `0,95`, `95%`, `95 %`, `95`.
///
/// Without a percent sign a value up to 1 is a fraction and a value above 1 a percentage: the
/// public scale starts at 0.5, so that 1 means certain. Blank and the usual words for it are none.
pub(crate) fn probability_ppm(text: &str) -> Result<Option<u32>, &'static str> {
    const REASON: &str =
        "not a probability from 0 to 1 or 0 % to 100 %; the row is kept without it";
    let text = text.trim();
    if is_none(text) {
        return Ok(None);
    }
    let (number, percent) = match text.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text, false),
    };
    // In parts per hundred million, so that a percentage keeps its digits.
    let scaled = decimal(number, 8).ok_or(REASON)?;
    let one = 100_000_000;
    let ppm = if percent || scaled > one { scaled / 10_000 } else { scaled / 100 };
    u32::try_from(ppm).ok().filter(|ppm| *ppm <= 1_000_000).map(Some).ok_or(REASON)
}

/// An autonomous system number from `64500`, `AS64500`, `AS 64500 Example`.
pub(crate) fn asn(text: &str) -> Result<Option<u32>, &'static str> {
    let text = text.trim();
    if is_none(text) {
        return Ok(None);
    }
    let rest = match text.get(..2) {
        Some(head) if head.eq_ignore_ascii_case("as") => text.get(2..).unwrap_or(""),
        _ => text,
    };
    let rest = rest.strip_prefix(['N', 'n']).unwrap_or(rest).trim_start();
    let digits = rest.split([' ', ',', '(', '-']).next().unwrap_or("");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("not an AS number; the row is kept without it");
    }
    digits.parse().map(Some).map_err(|_| "not an AS number of 32 bits; the row is kept without it")
}

/// A decimal number without sign or exponent, times ten to the `places`; further digits are cut.
pub(crate) fn decimal(text: &str, places: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut value: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut fraction = fraction.bytes();
    for _ in 0..places {
        let digit = fraction.next().map_or(0, |b| u64::from(b - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(value)
}

fn is_none(text: &str) -> bool {
    const WORDS: [&str; 8] = ["", "-", "–", "—", "n/a", "na", "null", "none"];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_read_on_either_scale() {
        for (text, ppm) in [
            ("0.95", 950_000),
            (".5", 500_000),
            ("0,755", 755_000),
            ("1", 1_000_000),
            ("1.0", 1_000_000),
            ("0", 0),
            ("95%", 950_000),
            ("99.5 %", 995_000),
            ("0.5%", 5_000),
            ("100", 1_000_000),
            ("75", 750_000),
            ("0.123456789", 123_456),
        ] {
            assert_eq!(probability_ppm(text), Ok(Some(ppm)), "{text}");
        }
        for text in ["101", "-0.5", "high", "1e-3", ".", "0.5.5", "184467440737095516159"] {
            assert!(probability_ppm(text).is_err(), "{text}");
        }
        assert_eq!(probability_ppm(" N/A "), Ok(None));
    }

    #[test]
    fn as_numbers_are_read_with_what_stands_around_them() {
        for (text, number) in [
            ("64500", 64_500),
            ("AS64500", 64_500),
            ("as 65551", 65_551),
            ("ASN64500", 64_500),
            ("AS64500 Example Cable", 64_500),
        ] {
            assert_eq!(asn(text), Ok(Some(number)), "{text}");
        }
        for text in ["AS", "Example", "4294967296", "6é"] {
            assert!(asn(text).is_err(), "{text}");
        }
    }
}
