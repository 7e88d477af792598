//! Traffic logs: rows in any form mean the same, wherever the log is cut.

#![allow(clippy::format_push_string, clippy::format_collect, reason = "a test is not in a hurry")]

use adproof_feeds::{Counts, FeedFault, Limits, TrafficLog, TrafficRow, TrafficSink};
use adproof_model::{Reject, Timestamp};
use proptest::prelude::*;

/// A row that outlives its block.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    address: u128,
    day: i32,
    device: String,
    asn: Option<u32>,
    impressions: u32,
    revenue_micros: i64,
    currency: Option<[u8; 3]>,
    flagged: bool,
}

#[derive(Debug, Default)]
struct Sink {
    rows: Vec<Kept>,
    rejects: Vec<Reject>,
}

impl TrafficSink for Sink {
    fn row(&mut self, row: TrafficRow<'_>) {
        self.rows.push(Kept {
            address: row.address,
            day: row.day,
            device: String::from_utf8(row.device.to_vec()).unwrap(),
            asn: row.asn,
            impressions: row.impressions,
            revenue_micros: row.revenue_micros,
            currency: row.currency,
            flagged: row.flagged,
        });
    }

    fn reject(&mut self, reject: Reject) {
        self.rejects.push(reject);
    }
}

fn log(text: &[u8]) -> (TrafficLog, usize) {
    TrafficLog::sniff(text, &Limits::default()).unwrap().unwrap()
}

fn read(text: impl AsRef<[u8]>) -> (Sink, Counts) {
    let text = text.as_ref();
    let (log, start) = log(text);
    let mut sink = Sink::default();
    let counts = log.read(&text[start..], &mut sink);
    (sink, counts)
}

/// As a driver reads it: in blocks of whole rows, each cut from at most `bytes` more.
fn read_in_blocks(text: &[u8], bytes: usize) -> (Vec<Kept>, Vec<u64>) {
    let (log, start) = log(text);
    let (mut rest, mut tail, mut line) = (&text[start..], Vec::new(), 0);
    let mut sink = Sink::default();
    loop {
        let (head, more) = rest.split_at(bytes.min(rest.len()));
        tail.extend_from_slice(head);
        rest = more;
        let whole = if rest.is_empty() { tail.len() } else { log.whole_rows(&tail) };
        let block: Vec<u8> = tail.drain(..whole).collect();
        let before = sink.rejects.len();
        let counts = log.read(&block, &mut sink);
        for reject in &mut sink.rejects[before..] {
            reject.row += line;
        }
        line += counts.lines;
        if rest.is_empty() {
            return (sink.rows, sink.rejects.iter().map(|reject| reject.row).collect());
        }
    }
}

fn bits(text: &str) -> u128 {
    text.parse::<std::net::Ipv6Addr>().unwrap().to_bits()
}

fn day(text: &str) -> i32 {
    format!("{text}T00:00:00Z").parse::<Timestamp>().unwrap().day().try_into().unwrap()
}

#[test]
fn every_form_of_a_row_is_the_same_row() {
    let device = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
    let plain = format!("2026-01-19 21:08:11,3fff:12::5,64500,{device}\n");
    let (expected, counts) = read(format!("ts,ip,asn,device\n{plain}"));
    let expected = expected.rows;
    assert_eq!((counts.rows, counts.lines), (1, 1));
    assert_eq!(
        expected,
        [Kept {
            address: bits("3fff:12::5"),
            day: day("2026-01-19"),
            device: device.to_owned(),
            asn: Some(64_500),
            impressions: 1,
            revenue_micros: 0,
            currency: None,
            flagged: false,
        }]
    );
    for text in [
        format!(
            "ts,ip,asn,device\n2026-01-19T21:08:11Z,3fff:0012:0000:0000:0000:0000:0000:0005,64500,{device}"
        ),
        format!("ts,ip,asn,device\r\n2026-01-19t21:08:11.25z,3FFF:12::5,AS64500,{device}\r\n"),
        format!(
            "\u{feff}\"ts\",\"ip\",\"asn\",\"device\"\n\"2026-01-19 23:08:11+02:00\",\"[3fff:12::5]:443\",\"64500\",\"{device}\"\n"
        ),
        format!(
            "Device ID;IP Address;Timestamp;Note;ASN\n{device};3fff:12::5;1768856891;\"a \"\"note\"\";\nover lines\";64500\n"
        ),
        format!("time\tip\tdevice\tasn\tx\n1768856891000\t 3fff:12::5 \t{device}\t00064500\t\n"),
        format!(
            "{{\"ts\":1768856891000000,\"ip\":\"3fff:12::5\",\"device\":\"{device}\",\"asn\":64500,\"more\":[1]}}\n"
        ),
        format!(
            "{{\"time\":\"2026-01-19\",\"ipv6\":\"3fff:12::5\",\"ifa\":\"{device}\",\"asn\":\"AS64500\"}}\n\n"
        ),
    ] {
        let (sink, counts) = read(&text);
        assert_eq!(sink.rejects, [], "{text}");
        assert_eq!(sink.rows, expected, "{text}");
        assert_eq!(
            counts.lines,
            text.lines().count() as u64 - u64::from(!text.starts_with('{')),
            "{text}"
        );
    }
}

#[test]
fn other_columns_are_read_where_they_are() {
    let text = "time,ip,impressions,revenue_micros,currency,flagged\n\
                2026-02-28 00:00:00,::ffff:192.0.2.1,3,-250,USD,yes\n\
                2026-02-28 00:00:00,192.0.2.1,,,,\n";
    let (sink, _) = read(text);
    assert_eq!(sink.rejects, []);
    let [one, two] = sink.rows.as_slice() else { panic!("{:?}", sink.rows) };
    assert_eq!((one.impressions, one.revenue_micros, one.currency), (3, -250, Some(*b"USD")));
    assert!(one.flagged && !two.flagged);
    assert_eq!((one.address, two.impressions), (two.address, 1));
}

#[test]
fn a_withheld_device_is_none_and_a_number_is_one() {
    let text = "ts,ip,device\n\
                2026-01-01 00:00:00,::1,00000000-0000-0000-0000-000000000000\n\
                2026-01-01 00:00:00,::1,0\n2026-01-01 00:00:00,::1,\n2026-01-01 00:00:00,::1,  \n";
    let devices: Vec<String> = read(text).0.rows.into_iter().map(|row| row.device).collect();
    assert_eq!(devices, ["", "0", "", ""]);
}

#[test]
fn a_row_that_is_not_taken_has_its_place_and_its_reason() {
    let long = "x".repeat(70_000);
    let text = format!(
        "ts,ip,asn,device\n\
         2026-01-01 00:00:00,::1,1,a\n\
         2026-02-30 00:00:00,::1,1,a\n\
         2026-01-01 24:00:00,::1,1,a\n\
         \n\
         2026-01-01 00:00:00,1:2:3:4:5,1,\"a\nb\"\n\
         2026-01-01 00:00:00,::1,4294967296,a\n\
         2026-01-01 00:00:00,::1,1\n\
         2026-01-01 00:00:00,,1,a\n\
         2026-01-01 00:00:00,::1/64,1,a\n\
         {long}\n\
         2026-01-01 00:00:00,::1,1,\"a\n"
    );
    let (sink, counts) = read(&text);
    let found: Vec<_> =
        sink.rejects.iter().map(|one| (one.row, &*one.column, &*one.reason)).collect();
    let time = "not a time: RFC 3339 such as 2026-05-31T08:15:30Z, or seconds since 1970";
    let expected = [
        (2, "ts", time),
        (3, "ts", time),
        (5, "ip", "not a valid IPv6 address (RFC 4291)"),
        (7, "asn", "not an AS number"),
        (8, "line", "3 cells under a header of 4"),
        (9, "ip", "missing"),
        (10, "ip", "the prefix length is not a number from 0 to 128"),
        (11, "line", "longer than 65536 bytes"),
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1));
        assert!(found.2 == expected.2 || expected.0 == 10, "{found:?}");
    }
    // The quote that nothing closes is a cell to the end of the log.
    assert_eq!((found.len(), counts.rows, counts.rejected, counts.lines), (8, 2, 8, 12));
}

#[test]
fn a_quote_that_nothing_closes_costs_one_line() {
    let mut text = "ts,ip,device\n2026-01-01 00:00:00,::1,\"open\n".to_owned();
    for _ in 0..4_000 {
        text.push_str("2026-01-01 00:00:00,::1,abcdef\n");
    }
    let (sink, counts) = read(&text);
    assert_eq!((counts.rows, counts.rejected, counts.lines), (4_000, 1, 4_001));
    assert_eq!((sink.rejects[0].row, &*sink.rejects[0].column), (1, "line"));
}

#[test]
fn what_is_no_traffic_log_is_told() {
    let sniff = |text: &str| TrafficLog::sniff(text.as_bytes(), &Limits::default());
    assert_eq!(sniff("leg,id,time,received,ip\n").unwrap(), None);
    assert_eq!(sniff("{\"leg\":\"vast\",\"time\":\"\",\"ip\":\"\"}\n").unwrap(), None);
    assert!(matches!(sniff(" \n\n"), Err(FeedFault::Empty)));
    let Err(FeedFault::NoColumn { column, seen }) = sniff("ts,device\n") else { panic!() };
    assert_eq!((column, seen.as_slice()), ("ip", ["ts".into(), "device".into()].as_slice()));
    assert!(matches!(sniff("ip,device\n"), Err(FeedFault::NoColumn { column: "time", .. })));
    let wide = format!("ip,ts{}\n", ",x".repeat(600));
    assert!(matches!(sniff(&wide), Err(FeedFault::Limit { what: "columns", .. })));
}

/// A cell as somebody may write it.
fn cell(column: usize) -> impl Strategy<Value = String> {
    let plain = match column {
        0 => prop_oneof![
            Just("2026-01-19 21:08:11".to_owned()),
            Just("2026-12-31T23:59:59.999Z".to_owned()),
            Just("2024-02-29 00:00:00".to_owned()),
            Just("2026-02-29 00:00:00".to_owned()),
            "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}",
        ]
        .boxed(),
        1 => prop_oneof![
            any::<u128>().prop_map(|bits| std::net::Ipv6Addr::from_bits(bits).to_string()),
            any::<u128>().prop_map(|bits| {
                let groups = std::net::Ipv6Addr::from_bits(bits).segments();
                groups.map(|group| format!("{group:04x}")).join(":")
            }),
            Just("::".to_owned()),
            Just("192.0.2.9".to_owned()),
            "[0-9a-f:.]{0,12}",
        ]
        .boxed(),
        2 => prop_oneof!["[0-9]{0,11}", "0[0-9]{3}", Just("AS7".to_owned())].boxed(),
        _ => "[a-z0-9 \u{e9}\"',-]{0,20}".boxed(),
    };
    (plain, 0..8_u8).prop_map(|(plain, quoted)| {
        if quoted == 0 || plain.contains([',', '"']) {
            format!("\"{}\"", plain.replace('"', "\"\""))
        } else {
            plain
        }
    })
}

fn table() -> impl Strategy<Value = String> {
    let row =
        (cell(0), cell(1), cell(2), cell(3)).prop_map(|(a, b, c, d)| format!("{a},{b},{c},{d}"));
    let line = prop_oneof![20 => row, 1 => Just(String::new()), 1 => "[ -~]{0,30}"];
    let end = prop_oneof![6 => Just("\n"), 1 => Just("\r\n")];
    let lines = prop::collection::vec((line, end), 0..40);
    lines.prop_map(|lines| {
        let body: String = lines.into_iter().map(|(line, end)| format!("{line}{end}")).collect();
        format!("ts,ip,asn,device\n{body}")
    })
}

proptest! {
    /// One byte before the table makes every row miss the quick path: a column that is always
    /// quoted.
    #[test]
    fn the_quick_path_reads_what_the_other_reads(rows in prop::collection::vec(
        (cell(0), cell(1), cell(2), cell(3)), 1..30,
    )) {
        let (mut quick, mut slow) = ("ts,ip,asn,device\n".to_owned(), "ts,ip,asn,device,x\n".to_owned());
        for (a, b, c, d) in &rows {
            quick.push_str(&format!("{a},{b},{c},{d}\n"));
            slow.push_str(&format!("{a},{b},{c},{d},\"x\"\n"));
        }
        let (quick, slow) = (read(quick).0, read(slow).0);
        prop_assert_eq!(quick.rows, slow.rows);
        prop_assert_eq!(quick.rejects, slow.rejects);
    }

    #[test]
    fn where_a_log_is_cut_changes_nothing(text in table(), bytes in 1..300_usize) {
        let (sink, _) = read(&text);
        let rejected: Vec<u64> = sink.rejects.iter().map(|reject| reject.row).collect();
        let (rows, rejects) = read_in_blocks(text.as_bytes(), bytes);
        prop_assert_eq!(rows, sink.rows);
        prop_assert_eq!(rejects, rejected);
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut text = b"ts,ip,asn,device\n2026-01-19 21:08:11,::1,1,a\n".to_vec();
        text.extend_from_slice(&bytes);
        let (sink, counts) = read(&text);
        prop_assert_eq!(counts.rows, sink.rows.len() as u64);
        prop_assert_eq!(counts.rejected, sink.rejects.len() as u64);
    }
}
