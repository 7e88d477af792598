use std::collections::BTreeMap;
use std::fmt::Write as _;

use adproof_model::Timestamp;

/// What stands for macros in VASTAdTagURI.
///
/// VAST 4.1 and later: a macro whose value is not known becomes −1; what is no macro of the text
/// stays as it is, since it may belong to the server behind the address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macros {
    /// Makes the eight digits of `[CACHEBUSTING]`, another value for each document.
    pub seed: u64,
    /// The value of `[TIMESTAMP]`.
    pub timestamp: Option<Timestamp>,
    /// Values of other macros, by name without brackets. They are percent-encoded when inserted.
    pub values: BTreeMap<String, String>,
}

/// Macros of VAST 3.0 to 4.3 and its additions, sorted.
pub(crate) const NAMES: [&str; 59] = [
    "ADCATEGORIES",
    "ADCOUNT",
    "ADPLAYHEAD",
    "ADSERVINGID",
    "ADTYPE",
    "APIFRAMEWORKS",
    "APPBUNDLE",
    "ASSETURI",
    "BLOCKEDADCATEGORIES",
    "BREAKMAXADLENGTH",
    "BREAKMAXADS",
    "BREAKMAXDURATION",
    "BREAKMINADLENGTH",
    "BREAKPOSITION",
    "CACHEBUSTING",
    "CLICKPOS",
    "CLICKTYPE",
    "CLIENTUA",
    "CONTENTCAT",
    "CONTENTID",
    "CONTENTPLAYHEAD",
    "CONTENTURI",
    "DEVICEIP",
    "DEVICEUA",
    "DOMAIN",
    "DSAPARAMS",
    "DSAPUBRENDER",
    "DSAREQUIRED",
    "ERRORCODE",
    "EXTENSIONS",
    "GDPRCONSENT",
    "GPPSECTIONID",
    "GPPSTRING",
    "IFA",
    "IFATYPE",
    "INVENTORYSTATE",
    "LATLONG",
    "LIMITADTRACKING",
    "MEDIAMIME",
    "MEDIAPLAYHEAD",
    "OMIDPARTNER",
    "PAGEURL",
    "PLACEMENTTYPE",
    "PLAYBACKMETHODS",
    "PLAYERCAPABILITIES",
    "PLAYERSIZE",
    "PLAYERSTATE",
    "PODSEQUENCE",
    "REASON",
    "REGULATIONS",
    "SERVERSIDE",
    "SERVERUA",
    "STOREID",
    "STOREURL",
    "TIMESTAMP",
    "TRANSACTIONID",
    "UNIVERSALADID",
    "VASTVERSIONS",
    "VERIFICATIONVENDORS",
];

/// Replaces the macros of an address. `hop` is the index of the document that is asked for: it
/// gives each document a cache buster of its own.
#[must_use]
pub fn expand(address: &str, macros: &Macros, hop: u32) -> String {
    let mut out = String::with_capacity(address.len());
    let mut rest = address;
    while let Some((before, name, after)) = next_macro(rest) {
        out.push_str(before);
        match value(name, macros, hop) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[before.len()..rest.len() - after.len()]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first `[NAME]` or `%5BNAME%5D`: what is before it, its name, what is after it.
fn next_macro(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let tail = text.get(from..)?;
        let start = tail.find(['[', '%'])?;
        let before = from + start;
        let opened = text.get(before..)?;
        let found = ["[", "%5B", "%5b"].iter().find_map(|open| opened.strip_prefix(open)).and_then(
            |inner| {
                let len = inner
                    .bytes()
                    .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
                    .count();
                let (name, close) = inner.split_at_checked(len)?;
                let after = ["]", "%5D", "%5d"].iter().find_map(|text| close.strip_prefix(text))?;
                (!name.is_empty()).then_some((name, after))
            },
        );
        if let Some((name, after)) = found {
            return Some((text.get(..before)?, name, after));
        }
        from = before + 1;
    }
}

fn value(name: &str, macros: &Macros, hop: u32) -> Option<String> {
    if let Some(value) = macros.values.get(name) {
        return Some(encode(value));
    }
    match name {
        "CACHEBUSTING" => Some(cache_buster(macros.seed, hop)),
        "TIMESTAMP" => Some(macros.timestamp.map_or_else(unknown, timestamp)),
        _ => NAMES.binary_search(&name).ok().map(|_| unknown()),
    }
}

fn unknown() -> String {
    "-1".to_owned()
}

/// Eight digits (VAST 4.3 §6.1.1), by one step of SplitMix64 over the seed and the hop.
fn cache_buster(seed: u64, hop: u32) -> String {
    let mut z =
        seed.wrapping_add(u64::from(hop).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    format!("{:08}", z % 100_000_000)
}

/// ISO 8601 with milliseconds and offset, percent-encoded.
fn timestamp(time: Timestamp) -> String {
    let text = time.to_string();
    let seconds = text.get(..19).unwrap_or_default();
    let millis = time.micros().rem_euclid(1_000_000) / 1_000;
    encode(&format!("{seconds}.{millis:03}+00"))
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expect: &str) {
        let macros = Macros {
            seed: 7,
            timestamp: Some(Timestamp::from_micros(1_780_000_000_123_456)),
            values: BTreeMap::from([("PAGEURL".to_owned(), "https://a.example/?b=1".to_owned())]),
        };
        assert_eq!(expand(address, &macros, 0), expect);
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn known_macros_get_their_value() {
        check("/?p=[PAGEURL]&x", "/?p=https%3A%2F%2Fa.example%2F%3Fb%3D1&x");
        check("/?t=[TIMESTAMP]", "/?t=2026-05-28T20%3A26%3A40.123%2B00");
        check("/?t=%5BPAGEURL%5d", "/?t=https%3A%2F%2Fa.example%2F%3Fb%3D1");
    }

    #[test]
    fn macros_without_value_become_minus_one() {
        check("/?a=[IFA]&b=[GDPRCONSENT]", "/?a=-1&b=-1");
        let none = Macros::default();
        assert_eq!(expand("[TIMESTAMP]", &none, 0), "-1");
    }

    #[test]
    fn what_is_no_macro_of_the_text_stays() {
        for same in [
            "/?a=[MINE]",
            "/?a=[ifa]",
            "/?a=[]",
            "/?a=[IFA",
            "/?a=%5BIFA",
            "/?a=%%CB%%",
            "/?a=${CB}",
            "[[",
            "%5",
            "%",
            "é[",
            "",
        ] {
            check(same, same);
        }
        check("[[IFA]]", "[-1]");
    }

    #[test]
    fn cache_busters_are_eight_digits_and_differ_by_hop_and_seed() {
        let at = |seed, hop| {
            let macros = Macros { seed, ..Macros::default() };
            expand("[CACHEBUSTING]", &macros, hop)
        };
        assert_eq!(at(1, 0), at(1, 0));
        assert_ne!(at(1, 0), at(1, 1));
        assert_ne!(at(1, 0), at(2, 0));
        for hop in 0..64 {
            let text = at(0, hop);
            assert!(text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()), "{text}");
        }
    }
}
