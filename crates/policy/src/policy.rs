//! The policy itself, checked: what a file says once it is known to make sense.

use std::collections::BTreeMap;
use std::net::IpAddr;

use adproof_model::{Block, Digest, Family, Prefix, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::facts::{Corroboration, is_global};
use crate::file::{self, PolicyError, SignOff};
use crate::gate::Gate;
use crate::rung::Rung;
use crate::testing::PolicyTest;

/// Which dossiers become records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Those with an action, a broken or risky tag, or observers that contradict each other; the
    /// rest is counted.
    #[default]
    Notable,
    /// All of them.
    All,
}

impl Record {
    /// The name in a policy file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notable => "notable",
            Self::All => "all",
        }
    }
}

/// The gates of one rung, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RungGates {
    pub(crate) gates: BTreeMap<Gate, i64>,
}

impl RungGates {
    /// The gates with what they need; a flag needs 1.
    pub fn iter(&self) -> impl Iterator<Item = (Gate, i64)> + '_ {
        self.gates.iter().map(|(gate, need)| (*gate, *need))
    }

    /// How long an action lasts.
    #[must_use]
    pub fn ttl_days(&self) -> Option<i64> {
        self.gates.get(&Gate::TtlDays).copied()
    }
}

/// A policy that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) name: Box<str>,
    pub(crate) digest: Digest,
    pub(crate) treat_as_global: Vec<Prefix>,
    pub(crate) families: Vec<Family>,
    pub(crate) corroborated_by: Corroboration,
    pub(crate) record: Record,
    pub(crate) holdout_ppm: u32,
    pub(crate) seed: u64,
    pub(crate) rungs: BTreeMap<Rung, RungGates>,
    pub(crate) sign_offs: Vec<SignOff>,
    pub(crate) tests: Vec<PolicyTest>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// The text is no TOML, names something that does not exist, or contradicts itself. The error
    /// says where.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        file::parse(text)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the file's bytes, comments and tests included: what `sha256sum` prints.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Which dossiers become records.
    #[must_use]
    pub const fn record(&self) -> Record {
        self.record
    }

    /// The share of actions on traffic that is held out, in parts per million.
    #[must_use]
    pub const fn holdout_ppm(&self) -> u32 {
        self.holdout_ppm
    }

    /// The seed of the lots.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Spaces that it treats as globally routed although they are not.
    #[must_use]
    pub fn treat_as_global(&self) -> &[Prefix] {
        &self.treat_as_global
    }

    /// The families of invalid traffic that it counts.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The kinds of evidence that it takes as corroboration.
    #[must_use]
    pub const fn corroborated_by(&self) -> Corroboration {
        self.corroborated_by
    }

    /// Its rungs from the lowest, with their gates. A rung that it does not name is not here, and
    /// no rung above it is ever reached.
    pub fn rungs(&self) -> impl Iterator<Item = (Rung, &RungGates)> {
        self.rungs.iter().map(|(rung, gates)| (*rung, gates))
    }

    /// The sign-offs that it records.
    #[must_use]
    pub fn sign_offs(&self) -> &[SignOff] {
        &self.sign_offs
    }

    /// Its own tests.
    #[must_use]
    pub fn tests(&self) -> &[PolicyTest] {
        &self.tests
    }

    pub(crate) fn treats_as_global(&self, address: IpAddr) -> bool {
        let named = match address.to_canonical() {
            IpAddr::V6(v6) => {
                self.treat_as_global.iter().any(|prefix| prefix.contains(v6.to_bits()))
            }
            IpAddr::V4(_) => false,
        };
        named || is_global(address)
    }

    pub(crate) fn signed_off(&self, block: &Block, now: Timestamp) -> bool {
        let Block::Prefix(block) = block else {
            return false;
        };
        // A sign-off is for what was looked at: never for a block inside of it or around it.
        (self.sign_offs.iter())
            .any(|sign_off| sign_off.block == *block && now.day() <= sign_off.until_day)
    }

    /// Whether the lot of an impression falls on holding out: a fixed share, the same on every
    /// run, and unknown to whoever does not know the policy.
    pub(crate) fn holds_out(&self, transaction: &str, impression: &str) -> bool {
        let mut hash = Sha256::new();
        hash.update(b"adproof/holdout/v1\0");
        hash.update(self.digest.as_bytes());
        hash.update(self.seed.to_be_bytes());
        for id in [transaction, impression] {
            hash.update(u64::try_from(id.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(id);
        }
        let drawn: [u8; 32] = hash.finalize().into();
        let (first, _) = drawn.as_chunks::<8>();
        let lot = first.first().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        lot % 1_000_000 < u64::from(self.holdout_ppm)
    }
}
