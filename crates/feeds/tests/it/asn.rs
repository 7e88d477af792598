use adproof_feeds::{AsnTable, Limits, enrich};
use proptest::prelude::*;

use crate::support::feed;

fn table(text: &str) -> AsnTable {
    AsnTable::read("asn.csv", text.as_bytes(), &Limits::default()).unwrap()
}

fn asn(table: &AsnTable, address: &str) -> Option<u32> {
    let address: std::net::Ipv6Addr = address.parse().unwrap();
    table.lookup(address.to_bits()).map(|entry| entry.asn)
}

#[test]
fn the_narrowest_range_wins_inside_a_64_too() {
    let table = table(
        "ASN;Name;Start;End\n\
         AS1;Wide;3fff:10::;3fff:10:ffff:ffff:ffff:ffff:ffff:ffff\n\
         2;Narrow;3fff:10:0:7::1000;3fff:10:0:7::1fff\n\
         3;Overlap;3fff:10:0:7::1800;3fff:10:0:7::4fff\n\
         4;Last;ffff::;ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n\
         5;Again;3fff:10:0:7::1000;3fff:10:0:7::1fff\n",
    );
    for (address, want) in [
        ("3fff:f::", None),
        ("3fff:10::", Some(1)),
        ("3fff:10:0:7::fff", Some(1)),
        ("3fff:10:0:7::1000", Some(2)),
        ("3fff:10:0:7::1fff", Some(2)),
        ("3fff:10:0:7::2000", Some(3)),
        ("3fff:10:0:7::4fff", Some(3)),
        ("3fff:10:0:7::5000", Some(1)),
        ("3fff:11::", None),
        ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(4)),
    ] {
        assert_eq!(asn(&table, address), want, "{address}");
    }
    assert_eq!(table.entries().len(), 5);
}

#[test]
fn prefixes_and_rejects_are_read() {
    let table = table(
        "prefix\torg\tasn\n3fff:20::/32\tOne\t64500\n203.0.113.0/24\tFour\t64501\n3fff::1\t\tx\n",
    );
    assert_eq!(asn(&table, "3fff:20:ffff::1"), Some(64_500));
    assert_eq!(table.rejected_total(), 2);
    assert_eq!(table.rejected()[1].column.as_ref(), "asn");
}

#[test]
fn a_table_without_ranges_is_refused() {
    let refusal = |text: &str| {
        AsnTable::read("asn.csv", text.as_bytes(), &Limits::default()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refusal("asn,name,start\n1,a,3fff::\n"), @r#"asn.csv: no column end (columns seen: asn | name | start); name one column "end""#);
    insta::assert_snapshot!(refusal("asn,start,end\n1,3fff::2,3fff::1\n"), @"asn.csv: the table holds no range that can be read (1 rows rejected, the first: the range ends before it starts); an ASN table has the columns asn, name and start, end (or prefix)");
    let limits = Limits { ranges: 1, ..Limits::default() };
    let read = |text: &str| AsnTable::read("asn.csv", text.as_bytes(), &limits);
    assert!(read("asn,prefix\n1,3fff::/32\n").is_ok());
    let error = read("asn,prefix\n1,3fff::/32\n2,3fff:1::/32\n").unwrap_err();
    assert!(error.to_string().contains("more than 1 ranges"), "{error}");
}

#[test]
fn indicators_take_the_system_that_announces_all_of_them() {
    let table = table("asn,prefix\n1,3fff:10::/32\n2,3fff:10:0:7::/64\n");
    let mut issue = feed(
        "ip,asn\n3fff:10::1,\n3fff:10:0:7::/64,\n3fff:10::/48,\n3fff:10::2,AS9\n3fff:99::1,\n",
    );
    enrich(&mut issue.accepted, &table);
    let asns: Vec<_> = issue.accepted.iter().map(|i| i.asn).collect();
    assert_eq!(asns, [Some(1), Some(2), Some(1), Some(9), None]);
}

proptest! {
    /// The segments say what a search of all ranges says.
    #[test]
    fn lookup_agrees_with_a_plain_search(
        ranges in prop::collection::vec((0_u128..60, 0_u128..20), 1..12),
    ) {
        use std::fmt::Write as _;
        let mut text = String::from("asn,start,end\n");
        for (index, (first, width)) in ranges.iter().enumerate() {
            let end = std::net::Ipv6Addr::from_bits(first + width);
            let start = std::net::Ipv6Addr::from_bits(*first);
            writeln!(text, "{index},{start},{end}").unwrap();
        }
        let table = table(&text);
        for bits in 0..90 {
            let over = ranges.iter().enumerate();
            let over = over.filter(|(_, (first, width))| (*first..=first + width).contains(&bits));
            let want = over.min_by_key(|(index, (_, width))| (*width, *index));
            let got = table.lookup(bits).map(|entry| entry.asn as usize);
            prop_assert_eq!(got, want.map(|(index, _)| index), "{}", bits);
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = AsnTable::read("x", &bytes, &Limits::default());
    }
}
