use crate::{FraudType, IssueId, Prefix};

/// What an address is apart from its bits: read from its form or its place in the registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressLabel {
    /// `::ffff:0:0/96`: an IPv4 address in IPv6 clothes.
    Ipv4Mapped,
    /// `64:ff9b::/96` or `64:ff9b:1::/48`: behind a NAT64, many subscribers.
    Nat64,
    /// `2002::/16`.
    SixToFour,
    /// `2001::/32`.
    Teredo,
    /// `fc00::/7`.
    UniqueLocal,
    /// `fe80::/10`.
    LinkLocal,
    /// `2001:db8::/32`, `3fff::/20`.
    Documentation,
    /// The interface id is an EUI-64: it links the prefixes of one household.
    Eui64,
    /// A public relay (such as iCloud Private Relay), many subscribers.
    Relay,
    /// Egress of a public proxy or VPN.
    ProxyEgress,
}

/// One row of a feed: its publisher's opinion about an address or a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Indicator {
    /// The address (/128) or the prefix that the row names.
    pub prefix: Prefix,
    /// The type the feed gives.
    pub fraud_type: FraudType,
    /// The publisher's probability in parts per million, where it states one.
    pub probability_ppm: Option<u32>,
    /// The provider's name as the feed writes it, trimmed; empty is none.
    pub provider: Option<Box<str>>,
    /// The autonomous system: the feed's, or joined from the table of the issue's day.
    pub asn: Option<u32>,
    /// The issue that holds the row.
    pub issue: IssueId,
    /// The row in the source as a person counts it, from 1.
    pub row: u64,
    /// What the address is, sorted and without repeats.
    pub labels: Vec<AddressLabel>,
}

/// A row that was not taken, with its reason. Nothing is dropped in silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The row in the source as a person counts it, from 1.
    pub row: u64,
    /// The column's header, or its letter where there is none.
    pub column: Box<str>,
    /// The value as it was seen, cut to a bounded length.
    pub value: Box<str>,
    /// Why it was not taken, in words.
    pub reason: Box<str>,
}
