//! The one reader of plain IPv6 text: every form of RFC 4291, section 2.2, and nothing else.
//!
//! A log has an address a line, so this is the inner loop of everything that counts. Eight
//! characters are looked at at a time, as the bytes of a `u64`: the full form of 39 characters in
//! four such words, forms with `::` or without leading zeros in six. An IPv4 address at the end,
//! which is rare, is left to the standard library. What is taken is exactly what
//! [`std::net::Ipv6Addr`] takes: no zone id, no brackets, no length.

use std::net::Ipv6Addr;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// The longest text: six groups of four digits and an IPv4 address.
pub const MAX_LEN: usize = 45;

/// Reads an address; nothing when the text is none.
///
/// ```
/// use adproof_model::ipv6::parse;
/// assert_eq!(parse(b"3fff:12::5"), Some(0x3fff_0012_u128 << 96 | 5));
/// assert_eq!(parse(b"fe80::1%eth0"), None);
/// ```
#[must_use]
#[inline]
pub fn parse(text: &[u8]) -> Option<u128> {
    if let Ok(full) = text.try_into()
        && let Some(bits) = parse_full(full)
    {
        return Some(bits);
    }
    parse_any(text)
}

/// Reads the full form: eight groups of four digits.
#[must_use]
#[inline]
pub fn parse_full(text: &[u8; 39]) -> Option<u128> {
    let [
        a0,
        a1,
        a2,
        a3,
        c0,
        a4,
        a5,
        a6,
        a7,
        c1, //
        b0,
        b1,
        b2,
        b3,
        c2,
        b4,
        b5,
        b6,
        b7,
        c3, //
        d0,
        d1,
        d2,
        d3,
        c4,
        d4,
        d5,
        d6,
        d7,
        c5, //
        e0,
        e1,
        e2,
        e3,
        c6,
        e4,
        e5,
        e6,
        e7,
    ] = *text;
    let words = [
        u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7]),
        u64::from_le_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
        u64::from_le_bytes([d0, d1, d2, d3, d4, d5, d6, d7]),
        u64::from_le_bytes([e0, e1, e2, e3, e4, e5, e6, e7]),
    ];
    let colons = u64::from_le_bytes([c0, c1, c2, c3, c4, c5, c6, b':']);
    let valid = words.iter().fold(HIGH, |valid, word| valid & hex_digits(*word));
    if valid != HIGH || colons != ONES * 0x3a {
        return None;
    }
    let [a, b, d, e] = words.map(|word| u128::from(eight(nibbles(word).swap_bytes())));
    Some(a << 96 | b << 64 | d << 32 | e)
}

/// The high bit of each byte that is a hexadecimal digit. Each byte is below 0x80 where its bit is
/// set, and no sum carries into the next byte then; a byte above is refused by the last term, and
/// its carry can only reach the bytes after it, where the text is refused already.
#[inline]
const fn hex_digits(word: u64) -> u64 {
    let low = word & !HIGH;
    let digit = (low + (0x80 - 0x30) * ONES) & !(low + (0x7f - 0x39) * ONES);
    let folded = low | (0x20 * ONES);
    let letter = (folded + (0x80 - 0x61) * ONES) & !(folded + (0x7f - 0x66) * ONES);
    (digit | letter) & !word & HIGH
}

/// The values of hexadecimal digits, a byte each.
#[inline]
const fn nibbles(word: u64) -> u64 {
    (word & (0x0f * ONES)) + 9 * ((word >> 6) & ONES)
}

/// Eight digits, the first in the highest byte, as a number.
#[inline]
const fn eight(nibbles: u64) -> u64 {
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (fours | fours >> 16) & 0xffff_ffff
}

/// The high bits of the bytes, gathered: the first byte's in the lowest bit.
#[inline]
const fn gather(high_bits: u64) -> u64 {
    ((high_bits & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The high bit of each byte that is a colon, where no byte is above 0x7f.
#[inline]
const fn colons(word: u64) -> u64 {
    let low = word & !HIGH;
    !((low ^ (0x3a * ONES)) + 0x7f * ONES) & !word & HIGH
}

#[inline]
fn parse_any(text: &[u8]) -> Option<u128> {
    if text.len() > MAX_LEN || text.len() < 2 {
        return None;
    }
    // Four bytes before the text, so that the digits of a group can be read from its end.
    let mut digits = [0_u8; 56];
    let (mut colon, mut other) = (0_u64, 0_u64);
    let (words, rest) = text.as_chunks::<8>();
    // The end of the text, from a load that reaches back over what was read already.
    let tail = match (text.last_chunk::<8>(), rest) {
        (_, []) => None,
        (Some(last), rest) => Some(u64::from_le_bytes(*last) >> (64 - 8 * rest.len())),
        (None, rest) => Some(rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))),
    };
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain(tail);
    let slots = digits.get_mut(4..52)?.as_chunks_mut::<8>().0;
    for (at, (word, slot)) in (0_u32..).zip(words.zip(slots)) {
        let (is_colon, is_digit) = (colons(word), hex_digits(word));
        colon |= gather(is_colon) << (8 * at);
        other |= gather(!(is_colon | is_digit)) << (8 * at);
        *slot = nibbles(word).to_le_bytes();
    }
    let end = 1_u64 << text.len();
    if other & (end - 1) != 0 {
        return if text.contains(&b'.') { embedded(text) } else { None };
    }
    let mut ends = colon | end;
    let (mut start, mut groups) = (0_u32, 0_u32);
    // What stands before `::`, and how many groups that is.
    let mut gap: Option<(u128, u32)> = None;
    let mut bits = 0_u128;
    while ends != 0 {
        let stop = ends.trailing_zeros();
        ends &= ends - 1;
        match stop - start {
            0 => {
                // An empty group: it is the one between the two colons of `::`, or the text begins
                // or ends with a colon, which only `::` may.
                let at_end = stop == end.trailing_zeros();
                if stop == 0 {
                    if colon & 0b10 == 0 {
                        return None;
                    }
                } else if at_end {
                    if gap.is_none_or(|(_, before)| before != groups) {
                        return None;
                    }
                } else {
                    if gap.is_some() {
                        return None;
                    }
                    gap = Some((bits, groups));
                    bits = 0;
                }
            }
            len @ 1..=4 => {
                let at = stop as usize;
                let four = digits.get(at..at + 4)?.first_chunk::<4>()?;
                let four = u32::from_be_bytes(*four) & (u32::MAX >> (8 * (4 - len)));
                let pairs = (four | four >> 4) & 0x00ff_00ff;
                bits = bits << 16 | u128::from((pairs | pairs >> 8) & 0xffff);
                groups += 1;
            }
            _ => return None,
        }
        start = stop + 1;
    }
    match gap {
        None if groups == 8 => Some(bits),
        Some((before, count)) if groups <= 7 => Some(match count {
            0 => bits,
            count => before << (16 * (8 - count)) | bits,
        }),
        _ => None,
    }
}

/// A text that holds an IPv4 address, or none at all.
#[cold]
fn embedded(text: &[u8]) -> Option<u128> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn std(text: &[u8]) -> Option<u128> {
        std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits)
    }

    #[track_caller]
    fn same(text: &[u8]) {
        assert_eq!(parse(text), std(text), "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn the_forms_of_rfc_4291_are_read() {
        for text in [
            "ABCD:EF01:2345:6789:ABCD:EF01:2345:6789",
            "2001:DB8:0:0:8:800:200C:417A",
            "FF01::101",
            "::1",
            "::",
            "1::",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "0:0:0:0:0:0:13.1.68.3",
            "::FFFF:129.144.52.38",
            "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
        ] {
            assert!(parse(text.as_bytes()).is_some(), "{text}");
            same(text.as_bytes());
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            ":",
            ":::",
            "1",
            "1:",
            ":1",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "12345::",
            "g::",
            "::1%eth0",
            "fe80::1%1",
            "[::1]",
            "::1/64",
            " ::1",
            "::1 ",
            "::1.2.3",
            "::1.2.3.256",
            "1.2.3.4",
            "::1.2.3.4:5",
            "2001:db8:::1",
            "1::2:",
            ":1::2",
            "\u{ff11}::",
            "::\0",
            "0x1::",
            "+1::",
            "-1::",
            "ABCD:EF01:2345:6789:ABCD:EF01:2345:678g",
            "ABCD:EF01:2345:6789.ABCD:EF01:2345:6789",
            "ABCD:EF01:2345:6789:ABCD:EF01:2345:67890",
            "\u{10}bcd::",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
            same(text.as_bytes());
        }
    }

    #[test]
    fn every_byte_in_every_place_means_what_it_means_to_the_standard_library() {
        for text in ["3fff:0abc:1234:5678:9abc:def0:0000:0001", "3fff:12::5:abcd", "::ffff:1.2.3.4"]
        {
            for at in 0..text.len() {
                for byte in 0..=u8::MAX {
                    let mut text = text.as_bytes().to_vec();
                    text[at] = byte;
                    same(&text);
                }
            }
        }
    }

    const BYTES: &[u8] = b"0123456789abcdefABCDEF::::...%/g x\0\x80\xff";

    /// A text in one of the forms, as often as not with a few bytes changed.
    #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
    fn hostile(seed: &mut u64) -> Vec<u8> {
        let mut next = || {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *seed >> 33
        };
        let bits = (0..4).fold(0_u128, |bits, _| (bits << 32) | (u128::from(next()) * 2 + 1));
        // Groups of zeros make `::`.
        let zeros =
            (0..8).fold(0_u128, |mask, _| mask << 16 | if next() % 3 == 0 { 0 } else { 0xffff });
        let address = Ipv6Addr::from_bits(if next() % 2 == 0 { bits } else { bits & zeros });
        let mut text = match next() % 4 {
            0 => address.segments().map(|group| format!("{group:04x}")).join(":"),
            1 => address.segments().map(|group| format!("{group:X}")).join(":"),
            2 => format!("::ffff:{}", std::net::Ipv4Addr::from_bits(bits as u32)),
            _ => address.to_string(),
        }
        .into_bytes();
        for _ in 0..(next() % 4).saturating_sub(1) {
            let at = next() as usize % (text.len() + 1);
            let byte = BYTES[next() as usize % BYTES.len()];
            match next() % 3 {
                0 if at < text.len() => drop(text.remove(at)),
                1 if at < text.len() => text[at] = byte,
                _ => text.insert(at, byte),
            }
        }
        text
    }

    /// `ADPROOF_LONG` names how many millions of texts are compared instead of two.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test may be told to run for longer")]
    fn millions_of_texts_mean_what_they_mean_to_the_standard_library() {
        let millions = std::env::var("ADPROOF_LONG").ok().and_then(|text| text.parse().ok());
        let (mut seed, mut taken) = (7, 0_u64);
        for _ in 0..millions.unwrap_or(2_u64) * 1_000_000 {
            let text = hostile(&mut seed);
            let bits = parse(&text);
            assert_eq!(bits, std(&text), "{}", String::from_utf8_lossy(&text));
            taken += u64::from(bits.is_some());
        }
        assert!(taken > 1_000_000, "{taken} were addresses");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_the_standard_library_reads_them(
            text in prop::collection::vec(prop::sample::select(b"01fF:.".to_vec()), 0..48),
            bytes in prop::collection::vec(any::<u8>(), 0..48),
        ) {
            prop_assert_eq!(parse(&text), std(&text));
            prop_assert_eq!(parse(&bytes), std(&bytes));
        }
    }
}
