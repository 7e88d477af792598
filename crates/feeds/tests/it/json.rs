use adproof_feeds::{FeedFormat, Limits, read_feed};

use crate::support::{facts, feed, refusal, rejects};

#[test]
fn json_lines_are_read_by_the_names_of_their_fields() {
    let issue = feed(
        "{\"ip\":\"3FFF::1\",\"fraudType\":\"smartbot\",\"probability\":0.95,\"isp\":\"Play\",\"seen\":{\"n\":1}}\n\
         \n\
         {\"isp\":null,\"indicator\":\"[3fff::2]:443\",\"asn\":64500,\"score\":\"75%\"}\n\
         7\n\
         {\"ip\":3.3e15}\n\
         {\"host\":\"a.example\"}\n\
         {\"ip\":\n",
    );
    assert_eq!(issue.format, FeedFormat::Jsonl);
    assert_eq!(
        facts(&issue),
        [
            ("3fff::1/128".into(), "smartbot".into(), "Play".into()),
            ("3fff::2/128".into(), "unspecified".into(), String::new()),
        ]
    );
    assert_eq!(issue.accepted[0].probability_ppm, Some(950_000));
    assert_eq!(issue.accepted[1].probability_ppm, Some(750_000));
    assert_eq!((issue.accepted[1].asn, issue.accepted[1].row), (Some(64_500), 3));
    let reasons: Vec<_> = rejects(&issue).into_iter().map(|(row, _, why)| (row, why)).collect();
    assert_eq!(reasons[0], (4, "not a JSON object"));
    assert!(reasons[1].1.starts_with("a number, not an address"));
    assert_eq!(reasons[2], (6, "no address in this object"));
    assert_eq!(reasons[3], (7, "not JSON: EOF while parsing a value (column 6)"));
}

#[test]
fn a_line_that_was_cut_is_rejected_and_the_rest_kept() {
    let issue = feed("{\"ip\":\"3fff::1\"}\n{\"ip\":\"3fff::2\"}\n{\"ip\":\"3ff");
    assert_eq!(issue.accepted.len(), 2);
    assert_eq!(
        rejects(&issue),
        [(3, "{\"ip\":\"3ff", "the file was cut in the middle of this line")]
    );
}

#[test]
fn an_array_of_objects_and_a_single_object_are_read_too() {
    let array = feed("[\n{\"ip\":\"3fff::1\"},\n{\"ip\":\"3fff::2\"}\n]");
    assert_eq!(array.accepted.len(), 2);
    assert_eq!(feed("{\"ip\":\"3fff::1\"}").accepted.len(), 1);
}

#[test]
fn objects_without_an_address_are_refused_by_name() {
    insta::assert_snapshot!(
        refusal("feed-2026-05.jsonl", "{\"host\":\"a\",\"why\":1}\n{\"host\":\"b\"}\n"),
        @r#"feed-2026-05.jsonl: no address column found (rows 1 to 2 searched, columns seen in row 1: host | why); name one column "IPv6 address", "IP", "Indicator" or the like"#
    );
}

#[test]
fn an_event_log_is_no_feed() {
    let want = "e-2026-05: the content is an event log; give it as the event log (`--events`); its addresses are nobody's indicators";
    let line = "{\"id\":\"1\",\"leg\":\"request\",\"observer\":\"a\",\"ip\":\"3fff::1\"}\n";
    assert_eq!(refusal("e-2026-05", format!("{line}{line}")), want);
    assert_eq!(refusal("e-2026-05", "id,leg,observer,ip\n1,request,a,3fff::1\n"), want);
}

const STIX: &str = r#"{
  "type": "bundle",
  "id": "bundle--1",
  "objects": [
    {"type": "identity", "name": "A publisher"},
    {"type": "indicator", "pattern_type": "stix", "valid_from": "2026-05-30T00:00:00Z",
     "pattern": "[ipv6-addr:value = '3FFF::1' OR ipv6-addr:value = '3fff::2']",
     "labels": ["malicious-activity", "smartbot"], "confidence": 85, "x_provider": "Play"},
    {"type": "indicator", "pattern": "[ipv6-addr:value = '3fff::3']", "revoked": true},
    {"type": "indicator", "pattern": "[ipv6-addr:value = '3fff::4' AND domain-name:value = 'a']"},
    {"type": "indicator", "pattern": "alert tcp", "pattern_type": "snort"},
    {"type": "ipv6-addr", "value": "3fff:12::/48"},
    {"type": "ipv4-addr", "value": "203.0.113.7"},
    7
  ]
}"#;

#[test]
fn a_stix_bundle_is_read() {
    let issue = read_feed("bundle.json", STIX.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(issue.format, FeedFormat::Stix);
    assert_eq!(issue.issue.label(), "2026-05-30");
    assert_eq!(
        facts(&issue),
        [
            ("3fff::1/128".into(), "smartbot".into(), "Play".into()),
            ("3fff::2/128".into(), "smartbot".into(), "Play".into()),
            ("3fff:12::/48".into(), "unspecified".into(), String::new()),
        ]
    );
    assert_eq!(issue.accepted[0].probability_ppm, Some(850_000));
    let reasons: Vec<_> = rejects(&issue).into_iter().map(|(row, _, why)| (row, why)).collect();
    assert_eq!(
        reasons,
        [
            (3, "revoked by its publisher"),
            (4, "the pattern asks for more than an address"),
            (5, "the pattern is in a language other than STIX"),
            (7, "an IPv4 address: only IPv6 indicators are scored"),
            (8, "not a STIX object"),
        ]
    );
}

#[test]
fn a_misp_event_is_read() {
    let text = r#"{"Event": {"date": "2026-05-29", "Tag": [{"name": "ivt:type=\"smartbot\""}],
      "Attribute": [
        {"type": "ip-src", "value": "3fff::1", "to_ids": true},
        {"type": "ip-dst|port", "value": "3fff::2|443", "Tag": [{"name": "appSpoofing"}]},
        {"type": "domain", "value": "a.example"},
        {"type": "ip-src", "value": "3fff::3", "to_ids": false},
        {"type": "ip-src", "value": "3fff::4", "deleted": true},
        {"type": "ip-src", "value": "203.0.113.7"}],
      "Object": [{"Attribute": [{"type": "ip-dst", "value": "3fff::5"}]}]}}"#;
    let issue = read_feed("event.json", text.as_bytes(), &Limits::default()).unwrap();
    assert_eq!((issue.format, issue.issue.label()), (FeedFormat::Misp, "2026-05-29"));
    assert_eq!(
        facts(&issue),
        [
            ("3fff::1/128".into(), "smartbot".into(), String::new()),
            ("3fff::2/128".into(), "appSpoofing".into(), String::new()),
            ("3fff::5/128".into(), "smartbot".into(), String::new()),
        ]
    );
    assert_eq!(issue.rejected_total, 3);
    let answer = format!("{{\"response\":[{text}]}}");
    let answer = read_feed("event.json", answer.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(facts(&answer), facts(&issue));
}

#[test]
fn json_of_another_kind_or_cut_short_is_refused() {
    insta::assert_snapshot!(
        refusal("x-2026-05.json", "{\n \"a\": 1\n}"),
        @"x-2026-05.json: the content is a JSON document that is neither a STIX bundle nor a MISP event; export it as JSON lines, one object with an address in each line"
    );
    insta::assert_snapshot!(
        refusal("x-2026-05.json", STIX.split_at(200).0),
        @"x-2026-05.json: the JSON cannot be read: EOF while parsing a value; check whether the file was cut off, and fetch it again"
    );
}
