//! One record has one form, and nothing else is a record.

use adproof_ledger::{
    Body, Chain, EncodeError, Hash, KeyId, MAX_INT, MAX_RECORD_BYTES, Number, ParseFault, Record,
    Recovery,
};
use proptest::prelude::*;

use crate::sample::{LOG, draft, log, time};

fn record() -> Record {
    Record {
        log: LOG.to_owned(),
        seq: 9,
        prev: Hash::of(b"prev"),
        kid: KeyId::new([7; 32]),
        time: time(3),
        body: Body::Decision(Box::new(draft(3))),
    }
}

fn text() -> String {
    String::from_utf8(record().to_bytes().unwrap()).unwrap()
}

#[track_caller]
fn fault(text: &str) -> ParseFault {
    Record::parse(text.as_bytes()).expect_err("refused").fault
}

#[test]
fn another_canonicaliser_agrees() {
    for signed in log(3).records {
        // serde_json keeps objects sorted and writes no space.
        let value: serde_json::Value = serde_json::from_slice(&signed.bytes).unwrap();
        assert_eq!(serde_json::to_vec(&value).unwrap(), signed.bytes);
    }
}

#[test]
fn other_forms_of_the_same_value_are_refused() {
    let text = text();
    for (from, to, expected) in [
        ("\"v\":1}", "\"v\":1.0}", ParseFault::Float),
        ("\"v\":1}", "\"v\":1e0}", ParseFault::Float),
        ("\"v\":1}", "\"v\":2}", ParseFault::Version(2)),
        ("\"v\":1}", "\"v\": 1}", ParseFault::Expected("an integer in its shortest form")),
        ("\"v\":1}", "\"v\":01}", ParseFault::Expected("an integer in its shortest form")),
        ("\"v\":1}", "\"v\":1,\"w\":1}", ParseFault::Unknown("w".into())),
        ("\"v\":1}", "\"v\":1,\"v\":1}", ParseFault::Duplicate("v".into())),
        ("\"v\":1}", "\"v\":1,\"log\":\"x\"}", ParseFault::OutOfOrder("log".into())),
        ("\"v\":1}", "\"v\":1}\n", ParseFault::TrailingBytes),
        ("\"seq\":9,", "", ParseFault::Missing("seq")),
        ("\"seq\":9,", "\"seq\":-1,", ParseFault::OutOfRange("seq")),
        ("\"seq\":9,", "\"seq\":9007199254740992,", ParseFault::IntegerTooLarge),
        ("\"seq\":9,", "\"seq\":99999999999999999999,", ParseFault::IntegerTooLarge),
        ("\"seq\":9,", "\"rev\":1,\"seq\":9,", ParseFault::Unknown("rev".into())),
        ("\"typ\":\"decision\"", "\"typ\":\"key\"", ParseFault::UnknownName("key".into())),
        ("\u{e9}", "\\u00e9", ParseFault::Expected("a character in its canonical form")),
        ("\\n", "\\u000a", ParseFault::Expected("a character in its canonical form")),
        ("\"action\":\"observe\"", "\"action\":\"shoot\"", ParseFault::UnknownName("shoot".into())),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert_eq!(fault(&changed), expected, "{from} as {to}");
    }
}

#[test]
fn depth_cannot_grow() {
    let deep = "[".repeat(60_000);
    for text in
        [deep.clone(), text().replacen("\"collateral\":[", &format!("\"collateral\":[{deep}"), 1)]
    {
        assert!(Record::parse(text.as_bytes()).is_err());
    }
}

#[test]
fn integers_end_at_two_to_the_53() {
    let with = |value| {
        let mut record = record();
        if let Body::Decision(draft) = &mut record.body {
            draft.dec.reasons[0].numbers = vec![Number { name: "n".to_owned(), value }];
        }
        record
    };
    for value in [MAX_INT, -MAX_INT, 0, -1] {
        let record = with(value);
        assert_eq!(Record::parse(&record.to_bytes().unwrap()), Ok(record));
    }
    for value in [MAX_INT + 1, -MAX_INT - 1, i64::MAX, i64::MIN] {
        let refused = with(value).to_bytes();
        assert_eq!(refused, Err(EncodeError::IntegerTooLarge { field: "value" }));
    }
}

#[test]
fn a_decision_that_was_written_ahead_is_the_same_record() {
    let mut chain = Chain::resume(LOG, 9, Hash::of(b"prev")).unwrap();
    let mut twin = chain.clone();
    for index in 0..5 {
        let draft = draft(index);
        let written = draft.written().unwrap();
        assert_eq!(Ok(written.bytes()), draft.to_bytes().as_deref());
        let body = Body::Decision(Box::new(draft));
        let expected = chain.prepare(KeyId::new([7; 32]), body, &time(index));
        assert!(Record::parse(expected.as_ref().unwrap().bytes()).is_ok());
        assert_eq!(twin.prepare(KeyId::new([7; 32]), written, &time(index)), expected);
    }
    let mut long = draft(0);
    long.dec.reasons = vec![long.dec.reasons[0].clone(); 2000];
    let refused = twin.prepare(KeyId::new([7; 32]), long.written().unwrap(), &time(0));
    assert!(matches!(refused, Err(EncodeError::TooLong { .. })));
    assert_eq!(chain, twin);
}

#[test]
fn a_record_ends_at_65535_bytes() {
    let sized = |length: usize| {
        let mut record = record();
        record.body = Body::Recovery(Recovery { bytes: 0, sha256: Hash::ZERO });
        record.time.source = "".into();
        let empty = record.to_bytes().unwrap().len();
        record.time.source = "x".repeat(length - empty).into();
        record
    };
    let longest = sized(MAX_RECORD_BYTES);
    assert_eq!(Record::parse(&longest.to_bytes().unwrap()), Ok(longest));
    let beyond = sized(MAX_RECORD_BYTES + 1).to_bytes();
    assert_eq!(beyond, Err(EncodeError::TooLong { bytes: MAX_RECORD_BYTES + 1 }));
    let long = vec![b'{'; MAX_RECORD_BYTES + 1];
    assert_eq!(Record::parse(&long).unwrap_err().fault, ParseFault::TooLong);
}

#[test]
fn the_draft_part_is_a_part_of_the_record() {
    let (draft, record) = (draft(3), text());
    let part = String::from_utf8(draft.to_bytes().unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&part).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&record).unwrap();
    for (name, value) in value.as_object().unwrap() {
        assert_eq!(&whole[name], value, "{name}");
    }
    assert_eq!(value.as_object().unwrap().len(), 4);
}

proptest! {
    #[test]
    fn every_text_survives(text in any::<String>()) {
        let mut record = record();
        if let Body::Decision(draft) = &mut record.body {
            draft.dec.target = Some(text.clone());
            draft.dec.reasons[0].outcome = text;
        }
        let bytes = record.to_bytes().unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(serde_json::to_vec(&value).unwrap(), bytes.clone());
        prop_assert_eq!(Record::parse(&bytes), Ok(record));
    }

    #[test]
    fn any_change_is_refused_or_another_record(at in 0usize..3000, byte in any::<u8>()) {
        let original = record();
        let mut bytes = original.to_bytes().unwrap();
        let at = at % bytes.len();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(changed) = Record::parse(&bytes) {
            prop_assert_ne!(&changed, &original);
            prop_assert_eq!(changed.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Record::parse(&bytes);
    }
}
