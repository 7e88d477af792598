//! The publisher's taxonomy of invalid traffic, as of 2026-02-06.
//!
//! MRC: GIVT is found by lists and parameter checks, SIVT needs corroboration. The class travels
//! with every indicator.

use std::fmt;

/// General or sophisticated invalid traffic, in the sense of the MRC addendum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IvtClass {
    /// General invalid traffic.
    Givt,
    /// Sophisticated invalid traffic.
    Sivt,
    /// A type that the taxonomy does not hold.
    Unclassified,
}

impl IvtClass {
    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Givt => "GIVT",
            Self::Sivt => "SIVT",
            Self::Unclassified => "unclassified",
        }
    }
}

/// What recurrence is counted over. Families are never pooled: bots that recur as one kind say
/// little about another (Collins et al., IMC 2007).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Sophisticated invalid traffic.
    Sivt,
    /// General invalid traffic other than self-declared crawlers.
    Givt,
    /// Self-declared crawlers. They say nothing against the subscriber.
    Crawler,
    /// Types that the taxonomy does not hold.
    Unclassified,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 4] = [Self::Sivt, Self::Givt, Self::Crawler, Self::Unclassified];

    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sivt => "SIVT",
            Self::Givt => "GIVT",
            Self::Crawler => "crawler",
            Self::Unclassified => "unclassified",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The type that a feed gives an indicator: in the taxonomy's spelling when it is known, as
/// written otherwise. It is the publisher's opinion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FraudType(Box<str>);

impl FraudType {
    /// Reads a type as a feed writes it; case, spaces, `-` and `_` do not matter for known types.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        match entry(text) {
            Some((name, _)) => Self(name.into()),
            None if text.is_empty() => Self("unspecified".into()),
            None => Self(text.into()),
        }
    }

    /// The taxonomy's spelling, or the feed's.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The MRC class.
    #[must_use]
    pub fn class(&self) -> IvtClass {
        entry(&self.0).map_or(IvtClass::Unclassified, |(_, class)| class)
    }

    /// The family that recurrence is counted over.
    #[must_use]
    pub fn family(&self) -> Family {
        if matches!(&*self.0, "IABcrawler" | "IABdummyBot") {
            return Family::Crawler;
        }
        match self.class() {
            IvtClass::Givt => Family::Givt,
            IvtClass::Sivt => Family::Sivt,
            IvtClass::Unclassified => Family::Unclassified,
        }
    }
}

impl fmt::Display for FraudType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Types of general invalid traffic.
pub const GIVT: [&str; 11] = [
    "autoreloader",
    "blankUserAgent",
    "datacenter",
    "duplicateClicks",
    "duplicateImpressions",
    "fastClicker",
    "IABcrawler",
    "IABdummyBot",
    "idioBots",
    "privateIP",
    "TOR",
];

/// Types of sophisticated invalid traffic. `highRiskApp` is not invalid traffic for mobile apps
/// since 2026-02-06, so it counts only for what is not a mobile app.
pub const SIVT: [&str; 29] = [
    "appSpoofing",
    "clickFarm",
    "cookieStuffing",
    "datacenterProxy",
    "defasedApp",
    "deviceIdStuffing",
    "displayClickFraud",
    "displayImpressionFraud",
    "doorwaySite",
    "highCTRTraffic",
    "highRiskApp",
    "highRiskSCONode",
    "highRiskDeveloper",
    "highRiskDeviceId",
    "highRiskDomain",
    "highRiskIP",
    "hijackedSession",
    "IPObfuscation",
    "locationObfuscation",
    "malware",
    "maskedIP",
    "maskediCloudRelayIP",
    "phishing",
    "proxy",
    "publisherFraud",
    "SCOUnauthorizedDirectSeller",
    "smartbot",
    "videoClickFraud",
    "videoImpressionFraud",
];

fn entry(text: &str) -> Option<(&'static str, IvtClass)> {
    let same = |name: &&&str| fold(name).eq(fold(text));
    let givt = GIVT.iter().find(same).map(|name| (*name, IvtClass::Givt));
    givt.or_else(|| SIVT.iter().find(same).map(|name| (*name, IvtClass::Sivt)))
}

fn fold(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !matches!(c, ' ' | '-' | '_')).map(|c| c.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_types_take_the_taxonomys_spelling_and_class() {
        for (text, name, class, family) in [
            ("displayimpressionfraud", "displayImpressionFraud", IvtClass::Sivt, Family::Sivt),
            ("Display Impression Fraud ", "displayImpressionFraud", IvtClass::Sivt, Family::Sivt),
            ("IAB_CRAWLER", "IABcrawler", IvtClass::Givt, Family::Crawler),
            ("datacenter", "datacenter", IvtClass::Givt, Family::Givt),
            ("newKind", "newKind", IvtClass::Unclassified, Family::Unclassified),
            ("", "unspecified", IvtClass::Unclassified, Family::Unclassified),
        ] {
            let read = FraudType::new(text);
            assert_eq!((read.as_str(), read.class(), read.family()), (name, class, family));
        }
    }
}
