//! Devices as logs name them, short enough to be kept by the million.

use super::low64;
use crate::tally::device_key;

/// A device as a log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// An id and its length in the last byte, or a key.
    pub(super) bits: u128,
    pub(super) packed: bool,
}

impl Device {
    /// No device.
    pub const NONE: Self = Self { bits: 0, packed: false };

    /// The device of an id. Ids of up to 15 bytes are hashed when the rows are combined, not for
    /// each row; the result is [`device_key`] in either case. An empty id is no device.
    #[must_use]
    #[inline]
    pub fn of(id: &[u8]) -> Self {
        match pack(id) {
            // The last byte is free, and tells `a` from `a\0`.
            Some(bits) => Self { bits: bits | (id.len() as u128) << 120, packed: !id.is_empty() },
            None => Self::from_key(device_key(id)),
        }
    }

    /// The device whose id is this number as it is written.
    #[must_use]
    #[inline]
    pub fn of_number(number: u64) -> Self {
        if number >= 100_000_000 {
            return Self::of_long_number(number);
        }
        // Eight digits, the first one in the lowest byte: halves, quarters, then digits.
        let halves = (number / 10_000) | ((number % 10_000) << 32);
        let tops = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
        let quarters = tops | ((halves - tops * 100) << 16);
        let tens = ((quarters * 103) >> 10) & 0x000f_000f_000f_000f;
        let digits = tens | ((quarters - tens * 10) << 8);
        // Leading zeros are not written, but for the last digit.
        let blank = (digits.trailing_zeros() / 8).min(7);
        let text = (digits | 0x3030_3030_3030_3030) >> (8 * blank);
        Self { bits: u128::from(text) | u128::from(8 - blank) << 120, packed: true }
    }

    #[cold]
    fn of_long_number(number: u64) -> Self {
        let (mut text, mut rest, mut start) = ([0; 20], number, 20);
        for (at, digit) in text.iter_mut().enumerate().rev() {
            if rest != 0 {
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
                start = at;
            }
            rest /= 10;
        }
        Self::of(text.get(start..).unwrap_or(&[]))
    }

    /// The device whose [`device_key`] is known.
    #[must_use]
    pub const fn from_key(key: u128) -> Self {
        Self { bits: key, packed: false }
    }

    /// An id of up to 7 bytes in 8, its length in the last one; 0 is no device.
    #[inline]
    pub(super) fn narrow(self) -> Option<u64> {
        let len = self.bits >> 120;
        if self.packed {
            (len <= 7).then(|| low64(self.bits) | low64(len) << 56)
        } else {
            (self.bits == 0).then_some(0)
        }
    }

    #[inline]
    pub(super) fn of_narrow(bits: u64) -> Self {
        let id = u128::from(bits & (u64::MAX >> 8));
        Self { bits: id | u128::from(bits >> 56) << 120, packed: bits != 0 }
    }

    /// Whether only its key is known.
    #[inline]
    pub(super) const fn is_key(self) -> bool {
        !self.packed && self.bits != 0
    }

    /// Its [`device_key`].
    pub(super) fn key(self) -> u128 {
        if !self.packed {
            return self.bits;
        }
        let bytes = self.bits.to_le_bytes();
        let len = usize::from(bytes[15]);
        device_key(bytes.get(..len).unwrap_or(&[]))
    }
}

/// Up to 15 bytes, the first one lowest. Loads overlap instead of going through memory.
#[inline]
fn pack(id: &[u8]) -> Option<u128> {
    let len = id.len();
    if let (Some(first), Some(last)) = (id.first_chunk(), id.last_chunk()) {
        let (first, last) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        let above = u32::try_from(16_usize.checked_sub(len)? * 8).ok()?;
        let rest = last.checked_shr(above).unwrap_or(0);
        return (len < 16).then(|| u128::from(first) | u128::from(rest) << 64);
    }
    if let (Some(first), Some(last)) = (id.first_chunk(), id.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return Some(u128::from(u64::from(first) | u64::from(last) << (8 * (len - 4))));
    }
    let bytes = id.iter().rev();
    Some(u128::from(bytes.fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_device_of_its_digits() {
        let powers = (0..20).map(|power| 10_u64.pow(power));
        let edges = powers.flat_map(|ten| [ten - 1, ten, ten + 1, ten / 2 + 7]);
        let spread = (0..100_000_000).step_by(9_973);
        for number in edges.chain(spread).chain([u64::MAX, 99_999_999, 1_234_567_890_123_456]) {
            let text = number.to_string();
            assert_eq!(Device::of_number(number), Device::of(text.as_bytes()), "{number}");
        }
    }

    #[test]
    fn short_ids_go_into_eight_bytes_and_back() {
        for id in ["", "a", "a\0", "\0", "1234567"] {
            let device = Device::of(id.as_bytes());
            let bits = device.narrow().unwrap();
            assert_eq!(Device::of_narrow(bits), device, "{id:?}");
            assert_eq!(device.key(), device_key(id), "{id:?}");
        }
        assert_eq!(Device::of(b"12345678").narrow(), None);
        assert_eq!(Device::from_key(7).narrow(), None);
        assert!(Device::of(b"1234567890123456").is_key() && !Device::of(b"1").is_key());
    }
}
