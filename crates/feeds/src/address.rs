//! The one reader of addresses as feeds and logs write them.
//!
//! All text forms of RFC 4291 are read, and the forms that people and spreadsheets wrap around
//! them: brackets, ports, zone ids, prefix lengths, defanging, invisible characters. What comes
//! out is a 128-bit value; text is never cut to make a prefix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adproof_model::scope::{self, Scope};
use adproof_model::{AddressLabel, Prefix};

/// An address or a prefix, and what its form and place say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The address as a /128, or the prefix. Bits beyond the length are cleared.
    pub prefix: Prefix,
    /// What the address is, sorted and without repeats.
    pub labels: Vec<AddressLabel>,
    /// The scope of the first address.
    pub scope: Scope,
}

/// Why a value is no IPv6 address or prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressFault {
    /// Nothing but spaces and invisible characters.
    #[error("the address is blank")]
    Blank,
    /// An IPv4 address or prefix.
    #[error("an IPv4 address: only IPv6 indicators are scored")]
    Ipv4,
    /// A bare number: decimal, hexadecimal without a colon.
    #[error(
        "a number, not an address: the spreadsheet has lost it; format the column as text and export again"
    )]
    Number,
    /// `3.00E+12` and the like.
    #[error(
        "a number in scientific notation: the spreadsheet has turned the address into one; format the column as text and export again"
    )]
    Scientific,
    /// A date or a time of day.
    #[error(
        "a date or a time: the spreadsheet has turned the address into one; format the column as text and export again"
    )]
    Date,
    /// `#NAME?`, `#REF!` and the like.
    #[error("an error value of the spreadsheet: repair the formula and export again")]
    SpreadsheetError,
    /// A URL.
    #[error("a URL, not an address")]
    Url,
    /// The part after `/` is no length from 0 to 128.
    #[error("the prefix length is not a number from 0 to 128")]
    Length,
    /// A prefix where one address belongs.
    #[error("a prefix, where one address belongs")]
    Prefix,
    /// Looks like IPv6, but is none: too many groups, a group over four digits, two `::`.
    #[error("not a valid IPv6 address (RFC 4291)")]
    Malformed,
    /// Anything else.
    #[error("not an IP address")]
    NotAnAddress,
}

/// Reads one address or prefix.
///
/// A prefix with bits set beyond its length, such as `3fff:12::5/64`, is read as the prefix that
/// holds the address. The form `address:port` without brackets is read only where all eight
/// groups are written, because only there it can mean nothing else.
pub fn parse(text: &str) -> Result<Parsed, AddressFault> {
    // Most rows of most feeds are plain addresses.
    if let Ok(address) = text.parse() {
        return Ok(describe(address, 128));
    }
    let clean = clean(text);
    let bare = unwrap(&clean);
    if bare.is_empty() {
        return Err(AddressFault::Blank);
    }
    let (head, len) = match bare.rsplit_once('/') {
        Some((head, len)) => (head, Some(len)),
        None => (bare, None),
    };
    let Some(address) = v6(head) else {
        return Err(fault(bare));
    };
    let len = match len {
        None => 128,
        Some(len) => prefix_len(len.trim()).ok_or(AddressFault::Length)?,
    };
    Ok(describe(address, len))
}

fn describe(address: Ipv6Addr, len: u8) -> Parsed {
    let prefix = Prefix::containing(address.to_bits(), len);
    let (scope, space) = scope::of_v6(prefix.first());
    let mut labels: Vec<_> = space.into_iter().collect();
    if len == 128 && scope::is_eui64(address) {
        labels.push(AddressLabel::Eui64);
    }
    labels.sort_unstable();
    Parsed { prefix, labels, scope }
}

/// Reads the address of a log line: IPv6 in any form of [`parse`], or IPv4. Prefixes are refused.
pub fn parse_ip(text: &str) -> Result<IpAddr, AddressFault> {
    match parse(text) {
        Ok(parsed) if parsed.prefix.bit_len() == 128 => Ok(IpAddr::V6(parsed.prefix.first())),
        Ok(_) => Err(AddressFault::Prefix),
        Err(AddressFault::Ipv4) => {
            let clean = clean(text);
            let bare = unwrap(&clean);
            let address = bare.split_once(':').map_or(bare, |(address, _)| address);
            address.parse().map(IpAddr::V4).map_err(|_| AddressFault::NotAnAddress)
        }
        Err(fault) => Err(fault),
    }
}

/// The value without invisible characters, full-width forms and defanging.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Zero-width, joiners, direction marks, soft hyphen, byte order mark.
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' => {}
            // Full-width forms of ASCII, which input methods write.
            '\u{ff01}'..='\u{ff5e}' => {
                out.push(char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c));
            }
            c if c.is_whitespace() || c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    for (defanged, plain) in [("[:]", ":"), ("(:)", ":"), ("{:}", ":"), ("[.]", "."), ("(.)", ".")]
    {
        if out.contains(defanged) {
            out = out.replace(defanged, plain);
        }
    }
    out
}

/// The value without spaces, quotes and list punctuation around it.
fn unwrap(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ';'))
}

fn v6(text: &str) -> Option<Ipv6Addr> {
    let text = text.trim();
    let inner = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, after) = rest.split_once(']')?;
            let port = after.trim();
            if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
                return None;
            }
            inner.trim()
        }
        None => text,
    };
    let inner = match inner.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address,
        Some(_) => return None,
        None => inner,
    };
    if let Ok(address) = inner.parse() {
        return Some(address);
    }
    // The ways of RFC 5952, section 6, to write a port without brackets.
    for mark in ["#", " port ", "p", "."] {
        if let Some((address, port)) = inner.rsplit_once(mark)
            && is_port(port)
            && let Ok(address) = address.parse()
        {
            return Some(address);
        }
    }
    if let Some((address, port)) = inner.rsplit_once(':')
        && !inner.contains("::")
        && is_port(port)
        && let Ok(address) = address.parse()
    {
        return Some(address);
    }
    None
}

fn is_port(text: &str) -> bool {
    (1..=5).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit())
        && text.parse::<u32>().is_ok_and(|port| port <= 65_535)
}

fn prefix_len(text: &str) -> Option<u8> {
    if !(1..=3).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|len| *len <= 128)
}

/// Says what a value that is no IPv6 address looks like.
fn fault(text: &str) -> AddressFault {
    if text.contains("://") {
        return AddressFault::Url;
    }
    if is_v4(text) {
        return AddressFault::Ipv4;
    }
    if text.starts_with('#') && text.ends_with(['!', '?', 'A']) {
        return AddressFault::SpreadsheetError;
    }
    if is_scientific(text) {
        return AddressFault::Scientific;
    }
    if is_date_or_time(text) {
        return AddressFault::Date;
    }
    let digits = text.trim_start_matches(['-', '+']);
    if digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b',' | b' '))
    {
        return AddressFault::Number;
    }
    let hex_or_colon = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.' | b'[' | b']');
    if text.contains(':') && text.bytes().filter(|b| hex_or_colon(*b)).count() * 2 > text.len() {
        return AddressFault::Malformed;
    }
    AddressFault::NotAnAddress
}

fn is_v4(text: &str) -> bool {
    let address = text.split_once(['/', ':']).map_or(text, |(head, _)| head);
    address.trim().parse::<Ipv4Addr>().is_ok()
}

fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return false;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let signed = exponent.strip_prefix(['+', '-']);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    // Without a sign or a fraction, `2001e10` may as well be a hexadecimal number.
    (signed.is_some() || mantissa.contains(['.', ',']))
        && digits(signed.unwrap_or(exponent))
        && digits(whole.trim_start_matches('-'))
        && digits(fraction)
}

fn is_date_or_time(text: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let lower = text.to_ascii_lowercase();
    let parts: Vec<&str> =
        lower.split(['-', '/', ' ', ':', 't', '.', ',']).filter(|part| !part.is_empty()).collect();
    if !(2..=8).contains(&parts.len()) {
        return false;
    }
    let number = |part: &str| part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    let month = |part: &str| MONTHS.iter().any(|name| part.starts_with(name));
    let known = |part: &&str| number(part) || month(part) || matches!(*part, "am" | "pm" | "z");
    if !parts.iter().all(known) || !parts.iter().any(|part| number(part)) {
        return false;
    }
    let named = parts.iter().any(|part| month(part));
    // `1:2:3` is a time; `1:2:3:4:5` is an address that lacks groups.
    let clock = lower.matches(':').count();
    let dashes = lower.matches(['-', '/']).count();
    named || dashes == 2 || (clock == 1 || clock == 2) && dashes == 0 && parts.len() <= 6
}
