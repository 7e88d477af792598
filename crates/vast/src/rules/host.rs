//! Hosts that only the viewer's own network has, in every form in which browsers accept them.

use crate::text::Text as _;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use adproof_model::scope::{self, Scope};

/// What makes a host one that only the viewer's own network has.
pub(crate) fn special(host: &str) -> Option<&'static str> {
    let host = plain(host);
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or(&host);
    if last.is_like("localhost") {
        return Some(Scope::Loopback.as_str());
    }
    if last.is_like("local") && host.has(b'.') {
        return Some(Scope::LinkLocal.as_str());
    }
    if last.is_like("internal") && host.has(b'.') {
        return Some(Scope::Private.as_str());
    }
    match scope::of(address(&host)?) {
        // Documentation space stands in examples, and ours are examples.
        Scope::Global | Scope::Documentation => None,
        scope => Some(scope.as_str()),
    }
}

/// The address that a host is, if it is one (WHATWG URL, sections 3.5 and 3.6).
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or(host);
    if !last.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut bits = 0_u64;
    let mut left = 32;
    let mut parts = host.split('.').peekable();
    while let Some(part) = parts.next() {
        let number = number(part)?;
        if parts.peek().is_none() {
            // The last number fills what is left.
            let room = 1_u64.checked_shl(left)?;
            return (number < room).then(|| {
                let bits = u32::try_from(bits << left | number).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            });
        }
        left = left.checked_sub(8).filter(|left| *left > 0)?;
        bits = bits << 8 | u64::from(u8::try_from(number).ok()?);
    }
    None
}

/// Decimal, octal with a leading zero, or hexadecimal.
fn number(part: &str) -> Option<u64> {
    let digits = |text: &str, radix| match text {
        "" => Some(0),
        _ if text.starts_with('+') => None,
        _ => u64::from_str_radix(text, radix).ok(),
    };
    match part.as_bytes() {
        [] => None,
        [b'0', b'x' | b'X', ..] => digits(part.get(2..)?, 16),
        [b'0', ..] => digits(part.get(1..)?, 8),
        _ => digits(part, 10),
    }
}

/// A host without percent-encoding, and with the digits, letters and stops of ASCII for those that
/// browsers take for them (UTS 46).
fn plain(host: &str) -> Cow<'_, str> {
    if host.bytes().all(|byte| byte.is_ascii() && byte != b'%') {
        return Cow::Borrowed(host);
    }
    let mut bytes = Vec::with_capacity(host.len());
    let mut rest = host.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let pair = tail.first_chunk::<2>().filter(|_| *byte == b'%');
        let decoded = pair.and_then(|[high, low]| {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            u8::try_from(digit(high)? * 16 + digit(low)?).ok()
        });
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    let text = String::from_utf8_lossy(&bytes);
    Cow::Owned(text.chars().map(ascii).collect())
}

fn ascii(c: char) -> char {
    let code = u32::from(c);
    let mapped = match code {
        // Full-width forms.
        0xff01..=0xff5e => Some(code - 0xfee0),
        // Ideographic full stops.
        0x3002 | 0xff61 => Some(u32::from('.')),
        // Mathematical digits, five alphabets of them.
        0x1d7ce..=0x1d7ff => Some((code - 0x1d7ce) % 10 + u32::from('0')),
        // Circled digits, and the zero that stands apart.
        0x2460..=0x2468 => Some(code - 0x2460 + u32::from('1')),
        0x24ea => Some(u32::from('0')),
        // Superscripts and subscripts.
        0xb2 | 0xb3 => Some(code - 0xb2 + u32::from('2')),
        0xb9 => Some(u32::from('1')),
        0x2070 | 0x2074..=0x2079 => Some(code - 0x2070 + u32::from('0')),
        0x2080..=0x2089 => Some(code - 0x2080 + u32::from('0')),
        _ => None,
    };
    mapped.and_then(char::from_u32).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Host;

    #[test]
    fn addresses_of_the_viewers_network_are_seen_in_any_form() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f.1",
            "017700000001",
            "10.1.2.3",
            "169.254.169.254",
            "[::1]",
            "[fe80::1]",
            "[::ffff:192.168.0.1]",
            "printer.local",
            "api.internal",
            "0.0.0.0",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "①②⑦.0.0.1",
            "𝟏𝟐𝟕.0.0.1",
            "ｌｏｃａｌｈｏｓｔ",
        ] {
            assert!(special(host).is_some(), "{host}");
        }
        for host in [
            "example.com",
            "8.8.8.8",
            "203.0.113.9",
            "[2001:db8::1]",
            "local",
            "internal.example.com",
            "1and1.example",
            "[DOMAIN]",
            "10.example",
            "%zz",
            "é.example",
        ] {
            assert_eq!(special(host), None, "{host}");
        }
    }

    #[test]
    fn addresses_are_what_browsers_take_them_for() {
        for host in [
            "1.2.3.4",
            "1.2.3",
            "1.2",
            "1",
            "0x1.0x2.3.4",
            "010.8.1",
            "256",
            "1.256",
            "1.2.3.256",
            "256.1.1.1",
            "4294967295",
            "4294967296",
            "1.16777216",
            "0x",
            "0x.1",
            "1..2",
            "1.2.3.4.5",
            "08.1",
            "1.",
            "1.2.3.4.",
            "[::]",
            "[::ffff:1.2.3.4]",
            "[1::2::3]",
            "[1.2.3.4]",
            "a.1",
            "a.b",
            "1.2.3.+4",
            "0x1g",
        ] {
            let expected = match Host::parse(host) {
                Ok(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
                Ok(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
                _ => None,
            };
            assert_eq!(address(host), expected, "{host}");
        }
    }
}
