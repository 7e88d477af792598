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
fn a_range_may_hold_on_some_days_only() {
    let table = table(
        "asn,prefix,first_day,last_day\n\
         1,3fff:10::/32,,\n\
         2,3fff:10:7::/48,2026-05-01,2026-05-31\n\
         3,3fff:10:7::/48,2026-06-01,\n\
         4,3fff:10:7:1::/64,,2026-05-15T23:00:00Z\n\
         5,3fff:20::/32,2026-06-01,2026-05-01\n\
         6,3fff:20::/32,May,\n",
    );
    let on = |address: &str, month: u8, day: u8| {
        let address: std::net::Ipv6Addr = address.parse().unwrap();
        let day = adproof_model::Timestamp::day_of(2026, month, day).unwrap();
        table.lookup_on(address.to_bits(), day).map(|entry| entry.asn)
    };
    for (address, month, day, want) in [
        ("3fff:10:7:1::1", 5, 15, Some(4)),
        ("3fff:10:7:1::1", 5, 16, Some(2)),
        ("3fff:10:7::1", 5, 1, Some(2)),
        ("3fff:10:7::1", 4, 30, Some(1)),
        ("3fff:10:7::1", 6, 1, Some(3)),
        ("3fff:10:8::1", 6, 1, Some(1)),
        ("3fff:20::1", 5, 15, None),
    ] {
        assert_eq!(on(address, month, day), want, "{address} on {month}-{day}");
    }
    assert!(table.is_dated());
    let reasons: Vec<&str> = table.rejected().iter().map(|reject| &*reject.reason).collect();
    assert_eq!(reasons, ["the last day is before the first", "not a day such as 2026-05-31"]);
}

#[test]
fn ranges_that_lie_over_one_another_are_bounded() {
    let rows: Vec<String> = (32..64).map(|len| format!("1,3fff::/{len},2026-05-01\n")).collect();
    let text = format!("asn,prefix,first_day\n{}", rows.concat());
    let read = |range_overlaps| {
        let limits = Limits { range_overlaps, ..Limits::default() };
        AsnTable::read("asn.csv", text.as_bytes(), &limits)
    };
    // Nested: 32 over the innermost, then one less on the way out.
    assert!(read(32 * 33 / 2).is_ok());
    let error = read(32 * 33 / 2 - 1).unwrap_err().to_string();
    assert!(error.contains("overlapping ranges"), "{error}");
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
        ranges in prop::collection::vec((0_u128..60, 0_u128..20, any::<bool>(), 1_u8..6), 1..12),
    ) {
        use std::fmt::Write as _;
        let mut text = String::from("asn,start,end,first_day,last_day\n");
        for (index, (first, width, dated, day)) in ranges.iter().enumerate() {
            let end = std::net::Ipv6Addr::from_bits(first + width);
            let start = std::net::Ipv6Addr::from_bits(*first);
            let days = if *dated { format!("2026-05-0{day},2026-05-0{}", day + 1) } else { ",".into() };
            writeln!(text, "{index},{start},{end},{days}").unwrap();
        }
        let table = table(&text);
        for bits in 0..90 {
            let over = ranges.iter().enumerate();
            let over = over.filter(|(_, (first, width, ..))| {
                (*first..=first + width).contains(&bits)
            });
            let narrowest = |(index, (_, width, ..)): &(usize, &(u128, u128, bool, u8))| {
                (*width, *index)
            };
            let want = over.clone().min_by_key(narrowest);
            let got = table.lookup(bits).map(|entry| entry.asn as usize);
            prop_assert_eq!(got, want.map(|(index, _)| index), "{}", bits);
            for on in 0..8_u8 {
                let day = adproof_model::Timestamp::day_of(2026, 5, 1).unwrap() + i64::from(on) - 1;
                let holding = over.clone().filter(|(_, (_, _, dated, first))| {
                    !dated || *first == on || first + 1 == on
                });
                let want = holding.min_by_key(narrowest).map(|(index, _)| index);
                let got = table.lookup_on(bits, day).map(|entry| entry.asn as usize);
                prop_assert_eq!(got, want, "{} on {}", bits, on);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = AsnTable::read("x", &bytes, &Limits::default());
    }
}
