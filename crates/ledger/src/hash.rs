use std::cmp::Ordering;
use std::fmt;

use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};

/// A SHA-256 value. Text form: 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// 32 zero bytes: `prev` of the first record.
    pub const ZERO: Self = Self([0; 32]);

    /// Wraps the 32 bytes of a finished SHA-256.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// SHA-256 of the parts, one after the other.
    #[must_use]
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 64 lower-case hex digits; none for anything else.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }
}

impl Ord for Hash {
    /// That of the bytes, one half after the other: the first half nearly always decides.
    fn cmp(&self, other: &Self) -> Ordering {
        let halves = |hash: &Self| {
            let mut halves = [0; 2];
            for (half, bytes) in halves.iter_mut().zip(hash.0.as_chunks().0) {
                *half = u128::from_be_bytes(*bytes);
            }
            halves
        };
        halves(self).cmp(&halves(other))
    }
}

impl PartialOrd for Hash {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The state that SHA-256 begins with (FIPS 180-4, section 5.3.3).
pub(crate) const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Fills a message up to whole blocks (FIPS 180-4, section 5.1.1); `before` bytes were hashed in
/// front of it.
pub(crate) fn pad(message: &mut Vec<u8>, before: usize) {
    let bits = u64::try_from(message.len() + before).unwrap_or(u64::MAX).saturating_mul(8);
    message.push(0x80);
    message.resize((message.len() + 8).next_multiple_of(64) - 8, 0);
    message.extend_from_slice(&bits.to_be_bytes());
}

/// Hashes whole blocks that end with the padding, from a state on. Many short messages are hashed
/// for each record, and what a hasher does around its blocks is a third of the time of one block.
pub(crate) fn finish(mut state: [u32; 8], padded: &[u8]) -> Hash {
    compress256(&mut state, padded.as_chunks().0);
    of_state(&state)
}

/// The value that a state stands for.
pub(crate) fn of_state(state: &[u32; 8]) -> Hash {
    let mut bytes = [0; 32];
    for (out, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *out = word.to_be_bytes();
    }
    Hash(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

const HEX: [u8; 16] = *b"0123456789abcdef";

/// Appends lower-case hex digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_message_has_the_hash_of_the_message() {
        for length in 0..200_u8 {
            let message: Vec<u8> = (0..length).collect();
            let mut padded = message.clone();
            pad(&mut padded, 0);
            assert_eq!(padded.len() % 64, 0);
            assert_eq!(finish(INITIAL, &padded), Hash::of(&message), "{length} bytes");
        }
    }

    #[test]
    fn hashes_are_ordered_like_their_bytes() {
        let mut hashes: Vec<Hash> = (0..200_u8).map(|one| Hash::of(&[one])).collect();
        // Neighbours that differ in a single byte, each at another place.
        for at in 0..32 {
            let mut bytes = *hashes[0].as_bytes();
            bytes[at] ^= 0x80;
            hashes.push(Hash::new(bytes));
        }
        for one in &hashes {
            for other in &hashes {
                assert_eq!(one.cmp(other), one.as_bytes().cmp(other.as_bytes()));
            }
        }
    }

    #[test]
    fn hex_is_lower_case_and_exactly_64_digits() {
        let hash = Hash::of(b"adproof");
        assert_eq!(Hash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(Hash::from_hex(&hash.to_string().to_uppercase()), None);
        assert_eq!(Hash::from_hex(&hash.to_string()[1..]), None);
        assert_eq!(Hash::from_hex(&format!("{hash}0")), None);
    }
}
