use adproof_feeds::{EventLines, EventLog, Limits, read_events};
use adproof_model::{Event, Execution, Leg, LegDetail, Reject};
use proptest::prelude::*;

const LOG: &str = r#"{"id":"1","leg":"request","observer":"ssp.example","transaction":"t","impression":"1","ip":"[3FFF::1]:443","ua":"TV","ifa":"a1","bundle":"tv","ssai":2,"time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z"}
{"id":"2","leg":"network","observer":"edge.example","transaction":"t","impression":"1","ip":"203.0.113.7","asn":64500,"shared_egress":true,"time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z"}

{"id":"3","leg":"creative","observer":"x","creative":"c","price_micros":12000,"currency":"USD","time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z"}
{"id":"4","leg":"vast","observer":"x","tag":"a.xml","time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z"}
{"id":"5","leg":"execution","observer":"x","outcome":"failed","error":403,"time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z","ifa":"00000000-0000-0000-0000-000000000000"}
{"id":"6","leg":"billing","observer":"x","amount_micros":-5,"currency":"EUR","time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z"}
{"id":"7","leg":"billing","observer":"x","withheld":"redacted","time":"2026-05-27T00:00:00Z","received":"2026-05-27T00:00:01Z"}
"#;

fn log(bytes: impl AsRef<[u8]>) -> EventLog {
    read_events("events.jsonl", bytes.as_ref(), &Limits::default()).unwrap()
}

#[test]
fn every_leg_is_read() {
    let log = log(LOG);
    assert_eq!(log.rejected, []);
    let details: Vec<&LegDetail> = log.events.iter().map(|event| &event.detail).collect();
    let want = [
        LegDetail::Request { ssai: 2 },
        LegDetail::Network { asn: Some(64_500), shared_egress: true },
        LegDetail::Creative { creative: "c".into(), price_micros: 12_000, currency: "USD".into() },
        LegDetail::Vast { tag: "a.xml".into() },
        LegDetail::Execution { outcome: Execution::Failed(403), played_ms: 0 },
        LegDetail::Billing { amount_micros: -5, currency: "EUR".into() },
        LegDetail::Withheld { leg: Leg::Billing, redacted: true },
    ];
    assert_eq!(details, want.iter().collect::<Vec<_>>());
    let first = &log.events[0];
    assert_eq!(first.ip, Some("3fff::1".parse().unwrap()));
    assert_eq!(first.device.as_deref(), Some("a1"));
    assert_eq!(log.events[4].device, None, "an id of zeros is no id");
    assert_eq!(log.events[1].ip, Some("203.0.113.7".parse().unwrap()));
}

#[test]
fn csv_says_the_same_as_json() {
    let csv = "id,leg,observer,transaction,impression,ip,ua,ifa,bundle,ssai,asn,shared_egress,creative,price_micros,currency,tag,outcome,error,played_ms,amount_micros,withheld,time,received\n\
        1,request,ssp.example,t,1,[3FFF::1]:443,TV,a1,tv,2,,,,,,,,,,,,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n\
        2,network,edge.example,t,1,203.0.113.7,,,,,64500,true,,,,,,,,,,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n\
        3,creative,x,,,,,,,,,,c,12000,USD,,,,,,,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n\
        4,vast,x,,,,,,,,,,,,,a.xml,,,,,,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n\
        5,execution,x,,,,,,,,,,,,,,failed,403,,,,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n\
        6,billing,x,,,,,,,,,,,,EUR,,,,,-5,,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n\
        7,billing,x,,,,,,,,,,,,,,,,,,redacted,2026-05-27T00:00:00Z,2026-05-27T00:00:01Z\n";
    assert_eq!(log(csv).events, log(LOG).events);
    let utf16: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(log(utf16).events, log(LOG).events);
}

#[test]
fn unfit_lines_name_the_field_and_the_reason() {
    let line = |change: &str, to: &str| {
        let text = "{\"id\":\"1\",\"leg\":\"creative\",\"observer\":\"x\",\"creative\":\"c\",\"price_micros\":1,\"currency\":\"USD\",\"time\":\"2026-05-27T00:00:00Z\",\"received\":\"2026-05-27T00:00:01Z\"}";
        text.replacen(change, to, 1)
    };
    let lines = [
        line("\"id\":\"1\"", "\"id\":\" \""),
        line("creative", "click"),
        line("USD", "usd"),
        line("\"price_micros\":1", "\"price_micros\":1.5"),
        line("\"price_micros\":1", "\"price\":1"),
        line("2026-05-27T00:00:00Z", "27.05.2026"),
        line("\"observer\":\"x\"", "\"observer\":\"x\",\"ip\":\"3fff::/64\""),
        line("\"observer\":\"x\"", "\"observer\":\"x\",\"withheld\":\"no\""),
        "[]".to_owned(),
        "{\"id\":".to_owned(),
    ];
    let log = log(format!("{{}}\n{}", lines.join("\n")));
    assert_eq!(log.events, []);
    let all: Vec<String> = log
        .rejected
        .iter()
        .map(|r| format!("{} {} {}: {}", r.row, r.column, r.value, r.reason))
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_log_cut_in_the_middle_of_a_line_keeps_the_rest() {
    let cut = LOG.trim_end().split_at(LOG.len() - 40).0;
    let log = log(cut);
    assert_eq!((log.events.len(), log.rejected_total), (6, 1));
    assert_eq!(&*log.rejected[0].reason, "the log was cut in the middle of this line");
    assert_eq!(log.rejected[0].row, 8);
}

#[test]
fn what_is_no_log_is_refused() {
    let refusal = |bytes: &[u8]| {
        let read = read_events("log", bytes, &Limits::default());
        read.unwrap_err().to_string()
    };
    insta::assert_snapshot!(refusal(b""), @"log: the file is empty; export it again and check the download");
    insta::assert_snapshot!(refusal(b"%PDF-1.7"), @"log: the content is a PDF; ask its sender for the feed as .xlsx or CSV; renaming a PDF does not help");
    insta::assert_snapshot!(refusal(b"ip,type\n3fff::1,a\n"), @r#"log: no column leg (columns seen: ip | type); name one column "leg""#);
}

fn drain(lines: &mut EventLines, into: &mut Vec<Result<Event, Reject>>) {
    into.extend(lines.by_ref());
}

/// Events from bytes that arrive in pieces.
fn in_pieces(bytes: &[u8], size: usize, limits: &Limits) -> Vec<Result<Event, Reject>> {
    let (mut lines, mut all) = (EventLines::new(limits), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        lines.push(piece);
        drain(&mut lines, &mut all);
    }
    lines.finish();
    drain(&mut lines, &mut all);
    all
}

#[test]
fn where_the_bytes_are_cut_does_not_matter() {
    let limits = Limits::default();
    let noisy = format!("\u{feff}{LOG}nonsense\n{}", LOG.trim_end());
    let whole = in_pieces(noisy.as_bytes(), noisy.len(), &limits);
    assert_eq!(whole.len(), 15);
    for size in [1, 2, 3, 7, 64, 1_000] {
        assert_eq!(in_pieces(noisy.as_bytes(), size, &limits), whole, "{size}");
    }
}

#[test]
fn a_line_that_is_too_long_is_passed_over_once_and_not_held() {
    let limits = Limits { line_bytes: 300, ..Limits::default() };
    let first = LOG.lines().next().unwrap();
    let text = format!("{first}\n{}\n{first}\n", "x".repeat(5_000));
    for size in [1, 50, 299, 10_000] {
        let all = in_pieces(text.as_bytes(), size, &limits);
        assert_eq!(all.len(), 3, "{size}");
        assert!(all[0].is_ok() && all[2].is_ok());
        let reject = all[1].as_ref().unwrap_err();
        assert_eq!((reject.row, &*reject.reason), (2, "longer than 300 bytes"));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_and_pieces_agree(bytes: Vec<u8>, size in 1_usize..50) {
        let limits = Limits { line_bytes: 64, ..Limits::default() };
        let _ = read_events("x", &bytes, &limits);
        let _ = in_pieces(&bytes, size, &limits);
    }

    #[test]
    fn truncation_never_panics(end in 0_usize..LOG.len()) {
        let bytes = LOG.as_bytes().get(..end).unwrap();
        let _ = read_events("x", bytes, &Limits::default());
    }
}

#[test]
fn money_beyond_any_impression_is_a_reject_and_the_rest_is_read() {
    let line =
        |micros: i64| LOG.replace("\"amount_micros\":-5", &format!("\"amount_micros\":{micros}"));
    let bound = Limits::default().money_micros;
    for micros in [bound, -bound] {
        assert_eq!(log(line(micros)).rejected, []);
    }
    for micros in [bound + 1, -bound - 1, i64::MAX, i64::MIN] {
        let log = log(line(micros));
        assert_eq!((log.events.len(), log.rejected_total), (6, 1));
        let reject = &log.rejected[0];
        assert_eq!((&*reject.column, &*reject.value), ("amount_micros", &*micros.to_string()));
        assert!(reject.reason.contains("beyond 1000000000000 micro-units"), "{}", reject.reason);
    }
}
