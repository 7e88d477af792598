//! The address functions against the model.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use std::sync::Arc;

use adproof_engine::{Catalog, Cell, EngineOptions, Session, sql};
use adproof_feeds::{AsnTable, Limits};
use adproof_model::{Prefix, scope};

use crate::random::Random;
use crate::{ask, one, table, with_partitions};

#[test]
fn blocks_and_texts_are_those_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut random = Random(7);
    let (mut text, mut expected) = (String::from("ip,len\n"), Vec::new());
    for _ in 0..2_000 {
        // Runs of zeros are where RFC 5952 has its rules.
        let half = |random: &mut Random| random.next() & random.next() & random.next();
        let bits = u128::from(half(&mut random)) << 64 | u128::from(half(&mut random));
        let len = u8::try_from(random.below(129)).unwrap();
        let address = Ipv6Addr::from_bits(bits);
        let spelled = match random.below(3) {
            0 => format!("[{}]", address.to_string().to_uppercase()),
            1 => address.segments().map(|group| format!("{group:04x}")).join(":"),
            _ => format!(" {address} "),
        };
        writeln!(text, "{spelled},{len}").unwrap();
        let block = Prefix::containing(bits, len);
        expected.push(vec![
            Cell::Bytes(block.bits().to_be_bytes().to_vec()),
            Cell::Text(block.first().to_string()),
            Cell::Text(address.to_string()),
        ]);
    }
    std::fs::write(&path, text).unwrap();
    let query =
        "SELECT ipv6_prefix(ip, len), ipv6_text(ipv6_prefix(ip, len)), ipv6_text(ip) FROM t";
    let answer = sql(query, &[table(&path)], &with_partitions(1)).unwrap();
    assert_eq!(answer.columns[0].data_type, "FixedSizeBinary(16)");
    assert_eq!(answer.rows, expected);
}

#[test]
fn what_is_no_address_in_the_block_is_null_and_a_bad_length_is_an_error() {
    for value in ["NULL", "''", "'192.0.2.1'", "'nonsense'", "'3fff::/32'", "X'00'"] {
        let answer = ask(&format!("SELECT ipv6_prefix({value}, 64)")).unwrap();
        assert_eq!(*one(&answer), Cell::Null, "{value}");
    }
    assert_eq!(*one(&ask("SELECT ipv6_prefix('3fff::1', NULL)").unwrap()), Cell::Null);
    assert_eq!(*one(&ask("SELECT ipv6_text(X'00')").unwrap()), Cell::Null);
    assert_eq!(
        *one(&ask("SELECT ipv6_text(ipv6_prefix('3fff:1:2:3::/64', 48))").unwrap()),
        Cell::Text("3fff:1:2::".to_owned())
    );
    for call in ["ipv6_prefix('3fff::1', 129)", "ipv6_prefix('3fff::1', -1)"] {
        let error = ask(&format!("SELECT {call}")).unwrap_err().to_string();
        assert!(error.contains("a length from 0 to 128"), "{error}");
    }
    assert!(ask("SELECT ipv6_prefix(1, 64)").unwrap_err().to_string().contains("not as Int64"));
}

#[test]
fn addresses_are_parsed_and_placed_as_the_model_does() {
    for (text, parsed) in [
        ("3fff:1::A", Some("3fff:1::a")),
        ("[3fff::1]:443", Some("3fff::1")),
        ("::ffff:192.0.2.1", None),
        ("192.0.2.1", None),
        ("3fff::/64", None),
        ("3fff::1/128", Some("3fff::1")),
        ("", None),
    ] {
        let answer = ask(&format!("SELECT ipv6_parse('{text}'), ipv6_scope('{text}')")).unwrap();
        let want = parsed.map(|text| text.parse::<Ipv6Addr>().unwrap().octets().to_vec());
        assert_eq!(answer.columns[0].data_type, "FixedSizeBinary(16)");
        if let Some(want) = want {
            assert_eq!(answer.rows[0][0], Cell::Bytes(want), "{text}");
        } else if !text.starts_with("::ffff") {
            assert_eq!(answer.rows[0][0], Cell::Null, "{text}");
        }
    }
    for text in ["2a00::1", "fe80::1", "::1", "fd00::1", "ff02::1", "2001::1", "3fff::1"] {
        let want = scope::of_v6(text.parse().unwrap()).0.as_str();
        let answer = ask(&format!("SELECT ipv6_scope(ipv6_parse('{text}'))")).unwrap();
        assert_eq!(*one(&answer), Cell::Text(want.to_owned()), "{text}");
    }
    assert_eq!(*one(&ask("SELECT ipv6_scope(NULL)").unwrap()), Cell::Null);
    for call in ["ipv6_parse(1)", "ipv6_scope(true)", "ipv6_parse()"] {
        assert!(ask(&format!("SELECT {call}")).is_err(), "{call}");
    }
}

#[test]
fn the_autonomous_system_is_that_of_the_day() {
    let read = |text: &str| AsnTable::read("asn.csv", text.as_bytes(), &Limits::default()).unwrap();
    let ask_of = |table: AsnTable, query: &str| {
        let mut catalog = Catalog::default();
        catalog.set_asn(Arc::new(table), None);
        Session::open(catalog, &EngineOptions::default()).unwrap().answer(query)
    };
    let dated = "asn,prefix,first_day,last_day\n1,3fff:10::/32,,\n\
                 2,3fff:10:7::/48,2026-05-01,2026-05-31\n";
    let answer = ask_of(
        read(dated),
        "SELECT asn('3fff:10:7::1', DATE '2026-05-31'), asn('3fff:10:7::1', '2026-06-01'), \
         asn(ipv6_parse('3fff:10:7::1'), TIMESTAMP '2026-05-01T00:00:00Z'), \
         asn('3fff:10:7::1', 0), asn('3fff:11::1', 0), asn('192.0.2.1', 0), asn(NULL, 0), \
         asn('3fff:10:7::1', NULL), asn('3fff:10::/40', '2026-05-02'), asn('3fff::/16', 0)",
    );
    let number = Cell::Int;
    assert_eq!(
        answer.unwrap().rows[0],
        [
            number(2),
            number(1),
            number(2),
            number(1),
            Cell::Null,
            Cell::Null,
            Cell::Null,
            Cell::Null,
            number(1),
            Cell::Null,
        ]
    );
    let undated = "asn,prefix\n7,3fff:10::/32\n";
    let answer = ask_of(read(undated), "SELECT asn('3fff:10::/33')").unwrap();
    assert_eq!(*one(&answer), Cell::Int(7));
    for (table, call, says) in [
        (dated, "asn('3fff:10::1')", "asn takes a day"),
        (dated, "asn('3fff:10::1', true)", "takes a time as text, timestamp, date or day"),
        (dated, "asn('3fff:10::1', 'yesterday')", "`yesterday`"),
        (dated, "asn(1.5, 0)", "as text or as 16 bytes"),
        (dated, "asn(1, 2, 3)", "an address and a day"),
    ] {
        let error = ask_of(read(table), &format!("SELECT {call}")).unwrap_err().to_string();
        assert!(error.contains(says), "{call}: {error}");
    }
    let error = ask("SELECT asn('3fff::1', 0)").unwrap_err().to_string();
    assert!(error.contains("--asn"), "{error}");
}
