use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::Level;

/// An IPv6 prefix whose bits beyond its length are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    bits: u128,
    len: u8,
}

impl Prefix {
    /// The prefix of `len` bits that holds `bits`. A length over 128 counts as 128.
    #[must_use]
    pub const fn containing(bits: u128, len: u8) -> Self {
        let len = if len > 128 { 128 } else { len };
        Self { bits: bits & Self::mask(len), len }
    }

    /// The prefix of one address.
    #[must_use]
    pub const fn of_address(address: Ipv6Addr) -> Self {
        Self { bits: address.to_bits(), len: 128 }
    }

    /// The network bits, most significant first.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.bits
    }

    /// The length in bits, 0 to 128.
    #[must_use]
    pub const fn bit_len(self) -> u8 {
        self.len
    }

    /// The first address.
    #[must_use]
    pub const fn first(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.bits)
    }

    /// The bits of the last address.
    #[must_use]
    pub const fn last_bits(self) -> u128 {
        self.bits | !Self::mask(self.len)
    }

    /// Whether `bits` lies inside.
    #[must_use]
    pub const fn contains(self, bits: u128) -> bool {
        bits & Self::mask(self.len) == self.bits
    }

    /// Whether `other` is this prefix or lies inside it.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.len >= self.len && self.contains(other.bits)
    }

    /// This prefix widened to `len` bits; itself when it is as wide already.
    #[must_use]
    pub const fn widen(self, len: u8) -> Self {
        if len >= self.len { self } else { Self::containing(self.bits, len) }
    }

    const fn mask(len: u8) -> u128 {
        match len {
            0 => 0,
            1..=127 => u128::MAX << (128 - len),
            _ => u128::MAX,
        }
    }
}

impl fmt::Display for Prefix {
    /// RFC 5952 text and the length. A /128 keeps its length, so that it reads as a block.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.first(), self.len))
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first(), self.len)
    }
}

/// The text is no IPv6 prefix, or has bits set beyond its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an IPv6 prefix is written as address/length with no bit set beyond the length, such as 3fff:12::/32"
)]
pub struct PrefixParseError;

impl FromStr for Prefix {
    type Err = PrefixParseError;

    /// Strict: RFC 4291 text and a length, or a bare address. Feed rows go through the tolerant
    /// reader in `adproof-feeds` instead.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, len) = text.split_once('/').unwrap_or((text, "128"));
        let address: Ipv6Addr = address.parse().map_err(|_| PrefixParseError)?;
        if len.is_empty() || len.len() > 3 || !len.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PrefixParseError);
        }
        let len: u8 = len.parse().map_err(|_| PrefixParseError)?;
        let prefix = Self::containing(address.to_bits(), len);
        if len > 128 || prefix.bits != address.to_bits() {
            return Err(PrefixParseError);
        }
        Ok(prefix)
    }
}

/// What a score, a policy or a collateral figure is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// A prefix at one of the prefix levels.
    Prefix(Prefix),
    /// An autonomous system number.
    Asn(u32),
    /// A provider name as the feed writes it, trimmed.
    Provider(Box<str>),
}

impl Block {
    /// The level, or none for a prefix of a length that is no level.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        match self {
            Self::Prefix(prefix) => {
                Level::ALL.into_iter().find(|level| level.prefix_len() == Some(prefix.bit_len()))
            }
            Self::Asn(_) => Some(Level::Asn),
            Self::Provider(_) => Some(Level::Provider),
        }
    }
}

impl fmt::Display for Block {
    /// `3fff:12::/32`, `AS64500`, or the provider's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => prefix.fmt(f),
            Self::Asn(number) => f.pad(&format!("AS{number}")),
            Self::Provider(name) => f.pad(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_the_value_not_from_text() {
        let address: Ipv6Addr = "3fff:12:0:1::9".parse().unwrap();
        let at = |len| Prefix::containing(address.to_bits(), len).to_string();
        assert_eq!(at(64), "3fff:12:0:1::/64");
        assert_eq!(at(48), "3fff:12::/48");
        assert_eq!(at(32), "3fff:12::/32");
        assert_eq!(at(0), "::/0");
        assert_eq!(at(128), "3fff:12:0:1::9/128");
    }

    #[test]
    fn parse_of_print_is_identity_and_stray_bits_are_refused() {
        for len in 0..=128 {
            let prefix = Prefix::containing(u128::MAX / 3, len);
            assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
        for text in ["3fff::1/64", "3fff::/129", "3fff::/", "3fff::/+4", "1.2.3.4/8", "", "/64"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixParseError), "{text}");
        }
    }

    #[test]
    fn covers_itself_and_what_lies_inside() {
        let wide: Prefix = "3fff:12::/32".parse().unwrap();
        let narrow: Prefix = "3fff:12:0:1::/64".parse().unwrap();
        assert!(wide.covers(narrow) && wide.covers(wide) && !narrow.covers(wide));
        assert_eq!(narrow.widen(32), wide);
        assert_eq!(wide.widen(64), wide);
        assert_eq!(
            wide.last_bits(),
            u128::from(u32::MAX) << 64 | u128::from(u64::MAX) | wide.bits() | u128::MAX >> 32
        );
    }
}
