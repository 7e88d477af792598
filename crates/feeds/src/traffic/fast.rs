//! The forms in which nearly all rows of nearly all logs are written, read where they lie.
//!
//! Each function reads a field at the start of `rest` and says how long it is, or gives up. What
//! it gives up on is read again by the reader that knows every form, so nothing here decides that
//! a value is wrong.

use adproof_model::{Timestamp, ipv6};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

#[inline]
fn word(rest: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*rest.get(at..)?.first_chunk()?))
}

/// Days of the month that was seen last, which is nearly always the next one's too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Month {
    /// `2026-01-` as it is written.
    text: u64,
    /// The day before its first.
    base: i32,
    days: u32,
}

impl Month {
    /// The UTC day of `2026-01-31 12:34:56`, with `T` or a space between, maybe a fraction, maybe
    /// `Z`.
    #[inline]
    pub(super) fn day(&mut self, rest: &[u8]) -> Option<(i32, usize)> {
        let date = word(rest, 0)?;
        let time = word(rest, 8)?;
        let tail = u32::from_le_bytes(*rest.get(16..)?.first_chunk()?);
        if date != self.text {
            self.read(date)?;
        }
        // `31 12:34` and `:56,`: digits are at most nine, what is between is what it is.
        let time = time ^ u64::from_le_bytes(*b"00 00:00");
        let time = if time & 0x00ff_0000 == u64::from(b'T' ^ b' ') << 16 {
            time & !0x00ff_0000
        } else {
            time
        };
        let over =
            time.wrapping_add(u64::from_le_bytes([0x76, 0x76, 0x7f, 0x76, 0x76, 0x7f, 0x76, 0x76]));
        let tail = tail ^ u32::from_le_bytes(*b":00\0");
        let over_tail = tail.wrapping_add(u32::from_le_bytes([0x7f, 0x76, 0x76, 0]));
        if (over | time) & HIGH != 0 || (over_tail | tail) & 0x0080_8080 != 0 {
            return None;
        }
        let pair = |bits: u64| (bits & 15) * 10 + (bits >> 8 & 15);
        let (day, hour, minute) = (pair(time), pair(time >> 24), pair(time >> 48));
        let second = pair(u64::from(tail >> 8));
        let day = u32::try_from(day).ok()?;
        if day.wrapping_sub(1) >= self.days || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut len = 19;
        if rest.get(len) == Some(&b'.') {
            let digits = rest.get(20..)?.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            len += 1 + digits;
        }
        if rest.get(len) == Some(&b'Z') {
            len += 1;
        }
        Some((self.base + i32::try_from(day).ok()?, len))
    }

    #[cold]
    fn read(&mut self, text: u64) -> Option<()> {
        let [y0, y1, y2, y3, b'-', m0, m1, b'-'] = text.to_le_bytes() else {
            return None;
        };
        let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        let year = ((digit(y0)? * 10 + digit(y1)?) * 10 + digit(y2)?) * 10 + digit(y3)?;
        let month = u8::try_from(digit(m0)? * 10 + digit(m1)?).ok()?;
        let first = Timestamp::day_of(year, month, 1)?;
        let days = (28..=31).rev().find(|day| Timestamp::day_of(year, month, *day).is_some())?;
        *self = Self { text, base: i32::try_from(first - 1).ok()?, days: u32::from(days) };
        Some(())
    }
}

/// An address that a delimiter or the end of the line follows.
#[inline]
pub(super) fn address(rest: &[u8], delimiter: u8) -> Option<(u128, usize)> {
    let full = rest.first_chunk::<39>()?;
    if let Some(bits) = ipv6::parse_full(full) {
        return Some((bits, 39));
    }
    let window = rest.get(..ipv6::MAX_LEN + 2).unwrap_or(rest);
    let len = memchr::memchr3(delimiter, b'\n', b'\r', window)?;
    Some((ipv6::parse(rest.get(..len)?)?, len))
}

/// A number of at most seven digits, without leading zeros.
#[inline]
pub(super) fn small_number(rest: &[u8]) -> Option<(u32, usize)> {
    let text = word(rest, 0)? ^ (0x30 * ONES);
    // The high bit of each byte that is no digit.
    let other = (((text & !HIGH) + 0x76 * ONES) | text) & HIGH;
    let len = other.trailing_zeros() / 8;
    if len == 0 || len > 7 || (text.trailing_zeros() >= 8 && len > 1) {
        return None;
    }
    let digits = text << (64 - 8 * len);
    let pairs = (digits & 0x000f_000f_000f_000f) * 10 + (digits >> 8 & 0x000f_000f_000f_000f);
    let fours = (pairs & 0x0000_00ff_0000_00ff) * 100 + (pairs >> 16 & 0x0000_00ff_0000_00ff);
    let number = (fours & 0xffff) * 10_000 + (fours >> 32 & 0xffff);
    Some((u32::try_from(number).ok()?, usize::try_from(len).ok()?))
}

/// Where a field without quotes ends.
#[inline]
pub(super) fn plain(rest: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        let text = word(rest, at)?;
        let ends = equal(text, delimiter) | equal(text, b'\n') | equal(text, b'"');
        if ends != 0 {
            let len = at + usize::try_from(ends.trailing_zeros() / 8).ok()?;
            return if rest.get(len) == Some(&b'"') { None } else { Some(len) };
        }
        at += 8;
    }
}

/// The high bit of the first byte that is `byte`, and maybe of later ones.
#[inline]
const fn equal(text: u64, byte: u8) -> u64 {
    let differs = text ^ (byte as u64 * ONES);
    differs.wrapping_sub(ONES) & !differs & HIGH
}
