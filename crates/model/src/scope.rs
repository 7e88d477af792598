//! The one table of IPv6 special-purpose space.
//!
//! Source: IANA IPv6 Special-Purpose Address Registry (RFC 6890 and its updates) with multicast
//! (RFC 4291) and, for addresses that carry an IPv4 address, the IPv4 registry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{AddressLabel, Prefix};

/// What an address may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Globally reachable unicast.
    Global,
    /// `::`.
    Unspecified,
    /// `::1`, 127.0.0.0/8.
    Loopback,
    /// fe80::/10, 169.254.0.0/16.
    LinkLocal,
    /// fc00::/7, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10.
    Private,
    /// 2001:db8::/32, 3fff::/20 and the three IPv4 test networks.
    Documentation,
    /// ff00::/8, 224.0.0.0/4.
    Multicast,
    /// Everything else that the registries set apart.
    Reserved,
}

impl Scope {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Private => "private",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved",
        }
    }
}

struct Row {
    bits: u128,
    len: u8,
    scope: Scope,
    label: Option<AddressLabel>,
}

const fn row(address: Ipv6Addr, len: u8, scope: Scope, label: Option<AddressLabel>) -> Row {
    Row { bits: address.to_bits(), len, scope, label }
}

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// Longest prefix first, so that the first match is the most specific one.
const TABLE: [Row; 22] = [
    row(Ipv6Addr::UNSPECIFIED, 128, Scope::Unspecified, None),
    row(Ipv6Addr::LOCALHOST, 128, Scope::Loopback, None),
    row(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 1), 128, Scope::Global, None),
    row(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 2), 128, Scope::Global, None),
    row(Ipv6Addr::new(0x2001, 1, 0, 0, 0, 0, 0, 3), 128, Scope::Global, None),
    row(
        Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0),
        96,
        Scope::Reserved,
        Some(AddressLabel::Ipv4Mapped),
    ),
    row(v6(0x64, 0xff9b, 0), 96, Scope::Global, Some(AddressLabel::Nat64)),
    row(v6(0x0100, 0, 0), 64, Scope::Reserved, None),
    row(v6(0x64, 0xff9b, 1), 48, Scope::Private, Some(AddressLabel::Nat64)),
    row(v6(0x2001, 2, 0), 48, Scope::Reserved, None),
    row(v6(0x2620, 0x4f, 0x8000), 48, Scope::Global, None),
    row(v6(0x2001, 4, 0x112), 48, Scope::Global, None),
    row(v6(0x2001, 0, 0), 32, Scope::Reserved, Some(AddressLabel::Teredo)),
    row(v6(0x2001, 3, 0), 32, Scope::Global, None),
    row(v6(0x2001, 0xdb8, 0), 32, Scope::Documentation, Some(AddressLabel::Documentation)),
    row(v6(0x2001, 0x20, 0), 28, Scope::Global, None),
    row(v6(0x2001, 0x30, 0), 28, Scope::Global, None),
    row(v6(0x2001, 0, 0), 23, Scope::Reserved, None),
    row(v6(0x3fff, 0, 0), 20, Scope::Documentation, Some(AddressLabel::Documentation)),
    row(v6(0x2002, 0, 0), 16, Scope::Reserved, Some(AddressLabel::SixToFour)),
    row(v6(0xfe80, 0, 0), 10, Scope::LinkLocal, Some(AddressLabel::LinkLocal)),
    row(v6(0xfc00, 0, 0), 7, Scope::Private, Some(AddressLabel::UniqueLocal)),
];

/// The scope of an IPv6 address and the label that its space gives it.
///
/// An address that carries an IPv4 address (mapped, NAT64, 6to4) takes that address's scope where
/// it is narrower than global, so that no private target hides behind a translation.
#[must_use]
pub fn of_v6(address: Ipv6Addr) -> (Scope, Option<AddressLabel>) {
    let bits = address.to_bits();
    let found = TABLE.iter().find(|row| Prefix::containing(row.bits, row.len).contains(bits));
    let (scope, label) = match found {
        Some(row) => (row.scope, row.label),
        None if bits >> 120 == 0xff => (Scope::Multicast, None),
        // 2000::/3 is the only space that is handed out.
        None if bits >> 125 == 0b001 => (Scope::Global, None),
        None => (Scope::Reserved, None),
    };
    let low = u32::try_from(bits & u128::from(u32::MAX)).unwrap_or(0);
    let carried = match label {
        Some(AddressLabel::Ipv4Mapped | AddressLabel::Nat64) => Some(low),
        Some(AddressLabel::SixToFour) => u32::try_from(bits >> 80 & u128::from(u32::MAX)).ok(),
        _ => None,
    };
    match carried.map(|v4| of_v4(Ipv4Addr::from_bits(v4))) {
        Some(inner) if inner != Scope::Global => (inner, label),
        Some(_) if label == Some(AddressLabel::Ipv4Mapped) => (Scope::Global, label),
        _ => (scope, label),
    }
}

/// The scope of an IPv4 address.
#[must_use]
pub fn of_v4(address: Ipv4Addr) -> Scope {
    match address.octets() {
        [0, ..] if address.is_unspecified() => Scope::Unspecified,
        [127, ..] => Scope::Loopback,
        [169, 254, ..] => Scope::LinkLocal,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Scope::Private,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Scope::Documentation,
        [224..=239, ..] => Scope::Multicast,
        // 192.0.0.9/32 and 192.0.0.10/32 are the two anycast exceptions of 192.0.0.0/24.
        [192, 0, 0, 9 | 10] => Scope::Global,
        [0 | 240..=255, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18..=19, ..] => {
            Scope::Reserved
        }
        _ => Scope::Global,
    }
}

/// The scope of any address.
#[must_use]
pub fn of(address: IpAddr) -> Scope {
    match address {
        IpAddr::V4(v4) => of_v4(v4),
        IpAddr::V6(v6) => of_v6(v6).0,
    }
}

/// Whether the interface id is a modified EUI-64 (RFC 4291, appendix A).
#[must_use]
pub const fn is_eui64(address: Ipv6Addr) -> bool {
    let [.., b11, b12, _, _, _] = address.octets();
    b11 == 0xff && b12 == 0xfe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_known() {
        for (text, scope) in [
            ("2a00:1450::1", Scope::Global),
            ("::", Scope::Unspecified),
            ("::1", Scope::Loopback),
            ("fe80::1", Scope::LinkLocal),
            ("febf::1", Scope::LinkLocal),
            ("fec0::1", Scope::Reserved),
            ("fd00::1", Scope::Private),
            ("2001:db8::1", Scope::Documentation),
            ("3fff:fff::1", Scope::Documentation),
            ("3fff:1000::1", Scope::Global),
            ("ff02::1", Scope::Multicast),
            ("2001::1", Scope::Reserved),
            ("2001:4:112::1", Scope::Global),
            ("2001:20::1", Scope::Global),
            ("100::1", Scope::Reserved),
            ("4000::1", Scope::Reserved),
            ("::ffff:127.0.0.1", Scope::Loopback),
            ("::ffff:8.8.8.8", Scope::Global),
            ("64:ff9b::10.0.0.1", Scope::Private),
            ("64:ff9b::8.8.8.8", Scope::Global),
            ("64:ff9b:1::1", Scope::Reserved),
            ("2002:a00:1::1", Scope::Private),
            ("2002:808:808::1", Scope::Reserved),
        ] {
            assert_eq!(of_v6(text.parse().unwrap()).0, scope, "{text}");
        }
    }

    #[test]
    fn ipv4_space_is_known() {
        for (text, scope) in [
            ("8.8.8.8", Scope::Global),
            ("0.0.0.0", Scope::Unspecified),
            ("0.1.2.3", Scope::Reserved),
            ("127.255.0.1", Scope::Loopback),
            ("169.254.169.254", Scope::LinkLocal),
            ("100.127.0.1", Scope::Private),
            ("100.128.0.1", Scope::Global),
            ("172.31.0.1", Scope::Private),
            ("192.0.0.9", Scope::Global),
            ("192.0.0.8", Scope::Reserved),
            ("203.0.113.7", Scope::Documentation),
            ("255.255.255.255", Scope::Reserved),
        ] {
            assert_eq!(of_v4(text.parse().unwrap()), scope, "{text}");
        }
    }

    #[test]
    fn eui64_is_seen() {
        assert!(is_eui64("3fff::211:22ff:fe33:4455".parse().unwrap()));
        assert!(!is_eui64("3fff::1".parse().unwrap()));
    }
}
