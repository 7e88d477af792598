//! Where the fetcher may go.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use adproof_model::scope::{self, Scope};
use adproof_model::{AddressLabel, Prefix};
use url::{Host, Url};

/// Ports that web servers listen on. Others would turn the fetcher into a port scanner.
const PORTS: [u16; 4] = [80, 443, 8080, 8443];

/// An exception: addresses or a host that may be reached although the rules say no.
///
/// Text forms: an address (`127.0.0.1`, `::1`), a prefix (`10.0.0.0/8`, `fd00::/8`), a host
/// (`ads.internal`), a host and port (`ads.internal:9000`, `127.0.0.1:8080`). An exception
/// without a port is for all ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowNet {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    V4 { bits: u32, len: u32 },
    V6(Prefix),
    Host(Box<str>),
}

/// The text is no exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an address, a prefix with no bit set beyond its length, a host, or a host:port, such as 127.0.0.1, 10.0.0.0/8 or ads.internal:8080"
)]
pub struct AllowNetError;

impl FromStr for AllowNet {
    type Err = AllowNetError;

    fn from_str(text: &str) -> Result<Self, AllowNetError> {
        let text = text.trim();
        if let Ok(prefix) = text.parse::<Prefix>() {
            return Ok(Self { what: What::V6(prefix), port: None });
        }
        if let Some(what) = v4(text)? {
            return Ok(Self { what, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| AllowNetError)?)),
            None => (text, None),
        };
        let what = match Host::parse(host).map_err(|_| AllowNetError)? {
            Host::Ipv4(address) => What::V4 { bits: address.to_bits(), len: 32 },
            Host::Ipv6(address) => What::V6(Prefix::of_address(address)),
            Host::Domain(name) => What::Host(name.trim_end_matches('.').into()),
        };
        Ok(Self { what, port })
    }
}

fn v4(text: &str) -> Result<Option<What>, AllowNetError> {
    let (address, len) = text.split_once('/').unwrap_or((text, "32"));
    let Ok(address) = address.parse::<Ipv4Addr>() else {
        return if text.contains('/') { Err(AllowNetError) } else { Ok(None) };
    };
    let len: u32 = len.parse().map_err(|_| AllowNetError)?;
    if len > 32 || address.to_bits() & !mask(len) != 0 {
        return Err(AllowNetError);
    }
    Ok(Some(What::V4 { bits: address.to_bits(), len }))
}

fn mask(len: u32) -> u32 {
    u32::MAX.checked_shl(32 - len).unwrap_or(0)
}

impl fmt::Display for AllowNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::V4 { bits, len } => write!(f, "{}/{len}", Ipv4Addr::from_bits(*bits))?,
            What::V6(prefix) => write!(f, "{prefix}")?,
            What::Host(name) => f.write_str(name)?,
        }
        match self.port {
            Some(port) => write!(f, " port {port}"),
            None => Ok(()),
        }
    }
}

impl AllowNet {
    fn allows_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    fn covers(&self, address: IpAddr) -> bool {
        match (&self.what, address) {
            (What::V4 { bits, len }, IpAddr::V4(v4)) => v4.to_bits() & mask(*len) == *bits,
            (What::V6(prefix), IpAddr::V6(v6)) => prefix.contains(v6.to_bits()),
            _ => false,
        }
    }

    fn names(&self, host: &str) -> bool {
        matches!(&self.what, What::Host(name) if name.eq_ignore_ascii_case(host.trim_end_matches('.')))
    }
}

/// Says whether an address may be asked and connected to.
///
/// Without exceptions only globally reachable addresses pass, and of these none that carries an
/// IPv4 address inside (mapped, NAT64, 6to4, Teredo): what they lead to depends on the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    allow: Vec<AllowNet>,
    ports: Vec<u16>,
}

impl Guard {
    /// A guard with exceptions.
    #[must_use]
    pub fn new(allow: Vec<AllowNet>) -> Self {
        Self { allow, ports: Vec::new() }
    }

    /// The same guard, which also lets any host be asked on these ports.
    #[must_use]
    pub fn with_ports(self, ports: Vec<u16>) -> Self {
        Self { ports, ..self }
    }

    /// Whether this address text may be asked for. Says nothing yet of the addresses that its
    /// host has.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn check_url(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{} is neither http nor https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL carries credentials".to_owned());
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err("the URL has no host".to_owned());
        };
        let excepted = || {
            self.allow.iter().any(|allow| {
                allow.allows_port(port)
                    && match host {
                        Host::Domain(name) => allow.names(name),
                        Host::Ipv4(v4) => allow.covers(v4.into()),
                        Host::Ipv6(v6) => allow.covers(v6.into()),
                    }
            })
        };
        if PORTS.contains(&port) || self.ports.contains(&port) || excepted() {
            return Ok(());
        }
        Err(format!("port {port} is not one that ads are served from"))
    }

    /// Whether all of these addresses of a host may be connected to. One that may not is enough
    /// to refuse the host: a name that mixes public and private addresses is no ad server.
    ///
    /// # Errors
    /// A sentence that names the address.
    pub fn check_addresses(&self, host: &str, port: u16, found: &[IpAddr]) -> Result<(), String> {
        let excepted = |address: IpAddr| {
            self.allow.iter().any(|allow| {
                allow.allows_port(port) && (allow.names(host) || allow.covers(address))
            })
        };
        for address in found {
            if let Some(why) = special(*address)
                && !excepted(*address)
            {
                return Err(format!("{address} is {why}"));
            }
        }
        Ok(())
    }
}

/// What keeps an address from being reached by default.
fn special(address: IpAddr) -> Option<&'static str> {
    let label = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => scope::of_v6(v6).1,
    };
    match scope::of(address) {
        Scope::Unspecified => Some("the unspecified address"),
        Scope::Loopback => Some("a loopback address"),
        Scope::LinkLocal => Some("a link-local address"),
        Scope::Private => Some("a private address"),
        Scope::Documentation => Some("a documentation address"),
        Scope::Multicast => Some("a multicast address"),
        Scope::Reserved => Some("a reserved address"),
        Scope::Global => match label {
            Some(AddressLabel::Ipv4Mapped) => Some("an IPv4-mapped address"),
            Some(AddressLabel::Nat64) => Some("a NAT64 address"),
            Some(AddressLabel::SixToFour) => Some("a 6to4 address"),
            Some(AddressLabel::Teredo) => Some("a Teredo address"),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        Guard::new(allow.iter().map(|text| text.parse().unwrap()).collect())
    }

    fn check_url(allow: &[&str], url: &str, expect: Result<(), &str>) {
        let found = guard(allow).check_url(&url.parse().unwrap());
        assert_eq!(found, expect.map_err(str::to_owned), "{url}");
    }

    fn check_address(allow: &[&str], address: &str, expect: Result<(), &str>) {
        let found = guard(allow).check_addresses("ads.example", 443, &[address.parse().unwrap()]);
        let expect = expect.map_err(|why| format!("{address} is {why}"));
        assert_eq!(found, expect, "{address}");
    }

    #[test]
    fn only_web_addresses_without_credentials_pass() {
        check_url(&[], "https://ads.example/", Ok(()));
        check_url(&[], "ftp://ads.example/", Err("ftp is neither http nor https"));
        check_url(&[], "https://a:b@ads.example/", Err("the URL carries credentials"));
        check_url(&[], "https://a@ads.example/", Err("the URL carries credentials"));
    }

    #[test]
    fn only_ports_of_the_web_pass_unless_excepted() {
        let refused = Err("port 22 is not one that ads are served from");
        for port in ["80", "443", "8080", "8443"] {
            check_url(&[], &format!("http://ads.example:{port}/"), Ok(()));
        }
        check_url(&[], "http://ads.example:22/", refused);
        check_url(&["ads.example"], "http://ads.example:22/", Ok(()));
        check_url(&["ads.example:22"], "http://ads.example:22/", Ok(()));
        check_url(&["ads.example:23"], "http://ads.example:22/", refused);
        check_url(&["b.example"], "http://ads.example:22/", refused);
        check_url(&["10.0.0.0/8"], "http://10.1.2.3:22/", Ok(()));
        check_url(&["10.0.0.0/8"], "http://11.1.2.3:22/", refused);
    }

    #[test]
    fn only_global_addresses_pass_unless_excepted() {
        check_address(&[], "8.8.8.8", Ok(()));
        check_address(&[], "2a00:1450::1", Ok(()));
        for (address, why) in [
            ("0.0.0.0", "the unspecified address"),
            ("::", "the unspecified address"),
            ("127.0.0.1", "a loopback address"),
            ("::1", "a loopback address"),
            ("169.254.169.254", "a link-local address"),
            ("fe80::1", "a link-local address"),
            ("10.0.0.1", "a private address"),
            ("100.64.0.1", "a private address"),
            ("192.168.1.1", "a private address"),
            ("fd00:ec2::254", "a private address"),
            ("203.0.113.1", "a documentation address"),
            ("2001:db8::1", "a documentation address"),
            ("3fff::1", "a documentation address"),
            ("224.0.0.1", "a multicast address"),
            ("ff02::1", "a multicast address"),
            ("240.0.0.1", "a reserved address"),
            ("255.255.255.255", "a reserved address"),
            ("::ffff:127.0.0.1", "a loopback address"),
            ("::ffff:8.8.8.8", "an IPv4-mapped address"),
            ("64:ff9b::a00:1", "a private address"),
            ("64:ff9b::808:808", "a NAT64 address"),
            ("2002:a00:1::1", "a private address"),
            ("2002:808:808::1", "a reserved address"),
            ("2001::1", "a reserved address"),
        ] {
            check_address(&[], address, Err(why));
            check_address(&[address], address, Ok(()));
            check_address(&["ads.example"], address, Ok(()));
            check_address(&["ads.example:443"], address, Ok(()));
            check_address(&["ads.example:80"], address, Err(why));
            check_address(&["other.example"], address, Err(why));
        }
    }

    #[test]
    fn one_bad_address_refuses_the_host() {
        let mixed = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let found = guard(&[]).check_addresses("ads.example", 443, &mixed);
        assert_eq!(found, Err("10.0.0.1 is a private address".to_owned()));
    }

    #[test]
    fn an_exception_for_ipv4_says_nothing_of_its_mapped_form() {
        check_address(&["127.0.0.0/8"], "127.0.0.1", Ok(()));
        check_address(&["127.0.0.0/8"], "::ffff:127.0.0.1", Err("a loopback address"));
        check_address(&["0.0.0.0/0"], "10.0.0.1", Ok(()));
    }

    #[test]
    fn exceptions_are_read_strictly() {
        for (text, expect) in [
            ("127.0.0.1", Some("127.0.0.1/32")),
            ("127.0.0.1:80", Some("127.0.0.1/32 port 80")),
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("::1", Some("::1/128")),
            ("[::1]:80", Some("::1/128 port 80")),
            ("fd00::/8", Some("fd00::/8")),
            ("Ads.Internal.", Some("ads.internal")),
            ("ads.internal:9000", Some("ads.internal port 9000")),
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("fd00::1/8", None),
            ("ads.internal:", None),
            ("ads.internal:70000", None),
            ("http://ads.internal", None),
            ("", None),
        ] {
            let found = text.parse::<AllowNet>().ok().map(|allow| allow.to_string());
            assert_eq!(found.as_deref(), expect, "{text}");
        }
    }
}
