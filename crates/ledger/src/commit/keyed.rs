//! HMAC-SHA-256 (RFC 2104) under one key, for many short messages.

use sha2::block_api::compress256;
use zeroize::Zeroizing;

use crate::hash::{INITIAL, finish, of_state, pad};

/// Bytes of a block of the hash: what it has taken in behind the key.
const BLOCK: usize = 64;

/// The end of the outer message: a hash behind the block of the key is 96 bytes, 768 bits.
const OUTER: [u8; BLOCK] = {
    let mut block = [0; BLOCK];
    block[32] = 0x80;
    block[62] = 3;
    block
};

/// The states of the hash behind the key, inside and outside: half of the work of a short HMAC,
/// done once.
pub(super) struct Keyed {
    inner: Zeroizing<[u32; 8]>,
    outer: Zeroizing<[u32; 8]>,
}

impl Keyed {
    /// A key of 32 bytes is shorter than a block: HMAC takes it as it is, filled up with zeros.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        let state = |pad: u8| {
            let mut block = Zeroizing::new([pad; BLOCK]);
            for (byte, key) in block.iter_mut().zip(key) {
                *byte ^= key;
            }
            let mut state = Zeroizing::new(INITIAL);
            compress256(&mut state, std::slice::from_ref(&*block));
            state
        };
        Self { inner: state(0x36), outer: state(0x5c) }
    }

    /// HMAC over a label and parts, each with its length in front. Parts may be keys.
    pub(super) fn derive(&self, label: &str, parts: &[&[u8]]) -> [u8; 32] {
        let all = || [label.as_bytes()].into_iter().chain(parts.iter().copied());
        let length: usize = all().map(|part| 8 + part.len()).sum();
        // With room for the padding: what is outgrown would stay behind in memory.
        let mut padded = Zeroizing::new(Vec::with_capacity(length + 2 * BLOCK));
        for part in all() {
            padded.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            padded.extend_from_slice(part);
        }
        pad(&mut padded, BLOCK);
        let mut block = OUTER;
        block[..32].copy_from_slice(finish(*self.inner, &padded).as_bytes());
        let mut state = *self.outer;
        compress256(&mut state, &[block]);
        *of_state(&state).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    use super::*;

    #[test]
    fn it_is_the_hmac_of_everybody_else() {
        let key = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        let keyed = Keyed::new(&key);
        for length in 0..150_usize {
            let part = vec![0xa5; length];
            let mut other = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            for part in [b"label".as_slice(), &part, &[0; 8]] {
                other.update(&(part.len() as u64).to_be_bytes());
                other.update(part);
            }
            let other: [u8; 32] = other.finalize().into_bytes().into();
            assert_eq!(keyed.derive("label", &[&part, &[0; 8]]), other, "{length} bytes");
        }
    }
}
