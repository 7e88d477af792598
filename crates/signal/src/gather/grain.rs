//! How much of an address is kept.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::{fold, high64, low64};
#[cfg(doc)]
use crate::Tally;

/// How much of an address is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grain {
    /// The whole address, as [`Tally::expose`] keeps it.
    #[default]
    Address,
    /// Its /64, the unit of enforcement; and the whole address only where a feed marks this very
    /// address, because nothing else is ever asked of a single address.
    Network(Listed),
}

impl Grain {
    /// Tells grains apart that keep different records of the same rows.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match self {
            Self::Address => hash.update(b"address"),
            Self::Network(listed) => {
                hash.update(b"network");
                for address in &listed.marked {
                    hash.update(address.to_be_bytes());
                    hash.update([u8::from(listed.flagged.contains(address))]);
                }
            }
        }
        hash.finalize().into()
    }
}

/// The single addresses that feeds mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// All of them, sorted.
    marked: Vec<u128>,
    /// Those that are marked as anything but a crawler that declares itself.
    pub(super) flagged: BTreeSet<u128>,
    /// A bit for each value of 16 mixed bits of a marked address: most addresses of a log miss it.
    sieve: Vec<u64>,
}

impl Listed {
    pub(crate) fn new(marked: BTreeSet<u128>, flagged: BTreeSet<u128>) -> Self {
        let mut sieve = vec![0_u64; 1 << 10];
        for address in &marked {
            let (word, bit) = sieve_place(*address);
            if let Some(word) = sieve.get_mut(word) {
                *word |= bit;
            }
        }
        Self { marked: marked.into_iter().collect(), flagged, sieve }
    }

    #[inline]
    pub(super) fn holds(&self, address: u128) -> bool {
        let (word, bit) = sieve_place(address);
        self.sieve.get(word).is_some_and(|word| word & bit != 0)
            && self.marked.binary_search(&address).is_ok()
    }
}

fn sieve_place(address: u128) -> (usize, u64) {
    let mixed = fold(low64(address) ^ high64(address), 0x9e37_79b9_7f4a_7c15) >> 48;
    (usize::try_from(mixed >> 6).unwrap_or(0), 1 << (mixed & 63))
}
