use std::net::Ipv6Addr;

use adproof_feeds::address::{AddressFault, parse, parse_ip};
use adproof_model::AddressLabel::{
    Documentation, Eui64, Ipv4Mapped, LinkLocal, Nat64, SixToFour, Teredo, UniqueLocal,
};
use adproof_model::Prefix;
use proptest::prelude::*;

#[test]
fn every_form_of_an_address_gives_the_same_prefix() {
    for text in [
        "3fff:12:0:1::a",
        "3FFF:12:0:1::A",
        "3fff:0012:0000:0001:0000:0000:0000:000a",
        "3fff:12:0:1::0.0.0.10",
        "[3fff:12:0:1::a]",
        "[3fff:12:0:1::a]:443",
        "3fff:12:0:1::a#443",
        "3fff:12:0:1::a port 443",
        "3fff:12:0:1::a.443",
        "3fff:12:0:1:0:0:0:a:443",
        "3fff:12:0:1::a%eth0",
        "3fff:12:0:1::a%25eth0",
        "3fff:12:0:1::a/128",
        "[3fff:12:0:1::a]/128",
        "  3fff:12:0:1::a\t",
        "3fff:12:0:1::a\u{a0}",
        "\u{feff}3fff:12:0:1::a",
        "3fff:12:\u{200b}0:1::a\u{200e}",
        "3fff[:]12[:]0[:]1[:][:]a",
        "3fff[:]12:0:1[::]a".replace("[::]", "[:][:]").as_str(),
        "\u{ff13}fff\u{ff1a}12:0:1::a",
        "'3fff:12:0:1::a",
        "\"3fff:12:0:1::a\",",
    ] {
        let parsed = parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(parsed.prefix.to_string(), "3fff:12:0:1::a/128", "{text}");
        assert_eq!(parsed.labels, [Documentation], "{text}");
    }
}

#[test]
fn prefixes_are_masked_by_value() {
    for (text, prefix) in [
        ("3fff:12::/32", "3fff:12::/32"),
        ("3fff:12:0:1::5/64", "3fff:12:0:1::/64"),
        ("3fff:12:abcd::5 / 48", "3fff:12:abcd::/48"),
        ("::/0", "::/0"),
    ] {
        assert_eq!(parse(text).unwrap().prefix.to_string(), prefix, "{text}");
    }
}

#[test]
fn labels_come_from_place_and_form() {
    for (text, labels) in [
        ("::ffff:203.0.113.7", vec![Ipv4Mapped]),
        ("::ffff:cb00:7107", vec![Ipv4Mapped]),
        ("64:ff9b::203.0.113.7", vec![Nat64]),
        ("64:ff9b:1::1", vec![Nat64]),
        ("2002:cb00:7107::1", vec![SixToFour]),
        ("2001:0:1::1", vec![Teredo]),
        ("fd12::1", vec![UniqueLocal]),
        ("fe80::1%1", vec![LinkLocal]),
        ("2001:db8::1", vec![Documentation]),
        ("3fff::211:22ff:fe33:4455", vec![Documentation, Eui64]),
        ("3fff::211:22ff:fe33:4455/64", vec![Documentation]),
        ("2a00:1450::1", vec![]),
    ] {
        assert_eq!(parse(text).unwrap().labels, labels, "{text}");
    }
}

#[test]
fn what_is_no_address_says_what_happened_to_it() {
    use AddressFault::{
        Blank, Date, Ipv4, Length, Malformed, NotAnAddress, Number, Scientific, SpreadsheetError,
        Url,
    };
    for (text, fault) in [
        ("", Blank),
        (" \u{a0}\u{200b}", Blank),
        ("203.0.113.7", Ipv4),
        ("203.0.113.0/24", Ipv4),
        ("203.0.113.7:443", Ipv4),
        ("203[.]0[.]113[.]7", Ipv4),
        ("3000000000000000", Number),
        ("3.3", Number),
        ("3.00E+12", Scientific),
        ("3,00E+12", Scientific),
        ("2.001E10", Scientific),
        ("20:01:00", Date),
        ("2026-05-31", Date),
        ("31.05.2026 12:00", Date),
        ("5/31/2026", Date),
        ("Mar-26", Date),
        ("#NAME?", SpreadsheetError),
        ("#N/A", SpreadsheetError),
        ("https://[3fff::1]/x", Url),
        ("3fff::1/129", Length),
        ("3fff::1/", Length),
        ("3fff::1/+4", Length),
        ("3fff:::1", Malformed),
        ("3fff::12345", Malformed),
        ("1:2:3:4:5", Malformed),
        ("3fff::1::2", Malformed),
        ("[3fff::1]:99999", Malformed),
        ("Total", NotAnAddress),
        ("see the second sheet", NotAnAddress),
    ] {
        assert_eq!(parse(text).err(), Some(fault), "{text}");
    }
}

#[test]
fn log_lines_may_hold_either_family() {
    for (text, back) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:443", "203.0.113.7"),
        ("[3FFF::1]:443", "3fff::1"),
    ] {
        assert_eq!(parse_ip(text).unwrap().to_string(), back);
    }
    assert_eq!(parse_ip("3fff::/64"), Err(AddressFault::Prefix));
    assert!(parse_ip("203.0.113.0/24").is_err());
}

proptest! {
    #[test]
    fn parse_of_print_is_identity(bits: u128, len in 0_u8..=128) {
        let prefix = Prefix::containing(bits, len);
        prop_assert_eq!(parse(&prefix.to_string()).map(|parsed| parsed.prefix), Ok(prefix));
        let address = Ipv6Addr::from_bits(bits);
        prop_assert_eq!(
            parse(&address.to_string()).map(|parsed| parsed.prefix),
            Ok(Prefix::of_address(address))
        );
    }

    #[test]
    fn no_text_panics(text: String) {
        let _ = parse(&text);
        let _ = parse_ip(&text);
    }

    #[test]
    fn no_text_of_the_alphabet_panics(text in "[0-9a-f:./%\\[\\]#E+\u{a0}\u{200b} -]{0,60}") {
        let _ = parse(&text);
        let _ = parse_ip(&text);
    }
}
