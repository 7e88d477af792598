use std::fmt;
use std::str::FromStr;

/// How wide a block is. Ordered from the narrowest to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A single address.
    P128,
    /// One subnet: one household link, the unit of enforcement.
    P64,
    /// The usual delegation to a home (RIPE-690, RFC 6177).
    P56,
    /// The usual delegation to a business.
    P48,
    /// The usual allocation to a provider.
    P32,
    /// An autonomous system.
    Asn,
    /// A provider by the name that the feed gives it.
    Provider,
}

impl Level {
    /// All levels, narrowest first.
    pub const ALL: [Self; 7] =
        [Self::P128, Self::P64, Self::P56, Self::P48, Self::P32, Self::Asn, Self::Provider];

    /// The prefix length in bits, for the levels that are prefixes.
    #[must_use]
    pub const fn prefix_len(self) -> Option<u8> {
        match self {
            Self::P128 => Some(128),
            Self::P64 => Some(64),
            Self::P56 => Some(56),
            Self::P48 => Some(48),
            Self::P32 => Some(32),
            Self::Asn | Self::Provider => None,
        }
    }

    /// The name used in every output: `/64`, `asn`, `provider`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::P128 => "/128",
            Self::P64 => "/64",
            Self::P56 => "/56",
            Self::P48 => "/48",
            Self::P32 => "/32",
            Self::Asn => "asn",
            Self::Provider => "provider",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(())
    }
}
