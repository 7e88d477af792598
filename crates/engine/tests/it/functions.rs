//! The address functions against the model.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use adproof_engine::{Cell, sql};
use adproof_model::Prefix;

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
