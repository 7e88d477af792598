//! The types of record beside decisions: each has one form, and what cannot be is refused.

use adproof_ledger::{
    Body, EncodeError, Erase, Hash, KeyId, ParseFault, Record, RecordRange, WindowClose,
};

use crate::sample::{LOG, bodies, time, total};

fn record(body: Body) -> Record {
    Record {
        log: LOG.to_owned(),
        seq: 9,
        prev: Hash::of(b"prev"),
        kid: KeyId::new([7; 32]),
        time: time(3),
        body,
    }
}

fn text(body: Body) -> String {
    String::from_utf8(record(body).to_bytes().unwrap()).unwrap()
}

#[test]
fn every_type_is_read_back_and_another_canonicaliser_agrees() {
    for body in bodies(Hash::of(b"leaf")) {
        let typ = body.typ();
        let bytes = record(body.clone()).to_bytes().unwrap();
        assert_eq!(Record::parse(&bytes), Ok(record(body)), "{typ}");
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(serde_json::to_vec(&value).unwrap(), bytes, "{typ}");
        assert_eq!(value["typ"], typ);
    }
}

/// The bytes are a part of the format: a change of them is a change of the version.
#[test]
fn the_bodies_have_the_agreed_shape() {
    let expected = [
        "\"ack\":{\"kid\":\"f91b5dc6af26d652",
        "\"key\":{\"action\":\"add\",\"from_seq\":9,\"public\":\"",
        "\"v\":1,\"window\":{\"from_us\":1780000000000000,\"records\":{\"count\":1,\"first\":0},\
         \"to_us\":1780003600000000,\"totals\":[{\"action\":\"observe\",\"amount_micros\":1250000,\
         \"count\":1,\"currency\":\"EUR\",\"party\":\"buyer.example\"}]}}",
        "\"erase\":{\"day\":\"2026-05-28\",\"key\":\"",
        "\"recovery\":{\"bytes\":17,\"sha256\":\"",
    ];
    for (body, expected) in bodies(Hash::of(b"leaf")).into_iter().zip(expected) {
        let text = text(body);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_record_has_one_body_and_its_own() {
    let all: Vec<String> = bodies(Hash::of(b"leaf")).into_iter().map(text).collect();
    for one in &all {
        for other in &all {
            let typ = |text: &str| text.split_once("\"typ\":\"").unwrap().1.to_owned();
            let (mine, theirs) = (typ(one), typ(other));
            let (mine, theirs) =
                (mine.split_once('"').unwrap().0, theirs.split_once('"').unwrap().0);
            let (from, to) = (format!("\"typ\":\"{mine}\""), format!("\"typ\":\"{theirs}\""));
            let changed = one.replace(&from, &to);
            assert_eq!(Record::parse(changed.as_bytes()).is_ok(), mine == theirs, "{changed}");
        }
    }
    // A second body in front of, or behind, the first.
    let erase = all[3].split_once("\"erase\":").unwrap().1.split_once("},").unwrap().0.to_owned();
    let two = all[1].replacen("\"key\":", &format!("\"erase\":{erase}}},\"key\":"), 1);
    assert_eq!(Record::parse(two.as_bytes()).unwrap_err().fault, ParseFault::Unknown("key".into()));
    let none = all[4].replacen("\"recovery\":{\"bytes\":17", "\"recover\":{\"bytes\":17", 1);
    assert!(Record::parse(none.as_bytes()).is_err());
}

#[test]
fn windows_have_length_and_sorted_totals() {
    let window = |from_us, to_us, totals| {
        Body::WindowClose(WindowClose {
            from_us,
            records: RecordRange { count: 0, first: 0 },
            to_us,
            totals,
        })
    };
    let (a, b) = (total("a", "EUR", 1, 1), total("b", "EUR", 1, 1));
    let dollars = total("a", "USD", 1, 1);
    let good = vec![a.clone(), dollars.clone(), b.clone()];
    assert!(record(window(0, 1, good.clone())).to_bytes().is_ok());
    let mut mixed = vec![b.clone(), dollars.clone(), a.clone()];
    WindowClose::sort(&mut mixed);
    assert_eq!(mixed, good);
    for (body, expected) in [
        (window(1, 1, vec![]), EncodeError::Window),
        (window(2, 1, vec![]), EncodeError::Window),
        (window(0, 1, vec![b.clone(), a.clone()]), EncodeError::Totals),
        (window(0, 1, vec![a.clone(), a.clone()]), EncodeError::Totals),
        (window(0, 1, vec![total("a", "eur", 1, 1)]), EncodeError::Currency),
        (window(0, 1, vec![total("a", "EURO", 1, 1)]), EncodeError::Currency),
    ] {
        assert_eq!(record(body).to_bytes(), Err(expected));
    }
    let text = text(window(0, 1, good));
    for (from, to, expected) in [
        ("\"to_us\":1,", "\"to_us\":0,", EncodeError::Window),
        ("\"party\":\"b\"", "\"party\":\"A\"", EncodeError::Totals),
        ("\"currency\":\"USD\"", "\"currency\":\"EUR\"", EncodeError::Totals),
        ("\"currency\":\"USD\"", "\"currency\":\"US1\"", EncodeError::Currency),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let fault = Record::parse(changed.as_bytes()).unwrap_err().fault;
        assert_eq!(fault, ParseFault::Invalid(expected), "{changed}");
    }
}

#[test]
fn an_erased_day_is_one_of_the_calendar() {
    let erase = |day: &str| {
        let key = Hash::of(b"key");
        let (day, reason) = (day.to_owned(), String::new());
        Body::Erase(Erase { day, key, reason, records: 0 })
    };
    assert_eq!(record(erase("2026-02-30")).to_bytes(), Err(EncodeError::Day));
    let changed = text(erase("2026-02-28")).replace("2026-02-28", "2026-02-30");
    let fault = Record::parse(changed.as_bytes()).unwrap_err().fault;
    assert_eq!(fault, ParseFault::Invalid(EncodeError::Day));
}

#[test]
fn an_acknowledgement_names_a_log_and_a_stance() {
    let text = text(bodies(Hash::of(b"leaf")).remove(0));
    for (from, to) in [
        ("\"log\":\"log.example/adproof\",\"reason", "\"log\":\"\",\"reason"),
        ("\"stance\":\"disputed\"", "\"stance\":\"dispute\""),
        ("==\",\"stance\"", "=\",\"stance\""),
        ("\"signature\":\"", "\"signature\":\"AA"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(Record::parse(changed.as_bytes()).is_err(), "{changed}");
    }
}
