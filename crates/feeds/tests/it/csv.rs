use adproof_feeds::{FeedFormat, Limits, read_feed, read_feed_as};
use adproof_model::IssueId;

use crate::support::{facts, feed, refusal, rejects};

const PLAIN: &str = "\
IP,IP Type,fraudType,probability,provider
3fff:12:0:1::a,IPv6,displayImpressionFraud,0.95,Spectrum
3fff:12:0:1::b,IPv6,IABcrawler,1,\"Hetzner, Online\"
";

#[test]
fn the_nearest_public_schema_is_read() {
    let issue = feed(PLAIN);
    assert_eq!(issue.format, FeedFormat::Csv);
    assert_eq!(issue.header_row, Some(1));
    assert_eq!((issue.rows, issue.rejected_total), (2, 0));
    assert_eq!(issue.issue.label(), "2026-05");
    assert_eq!(issue.accepted[0].probability_ppm, Some(950_000));
    assert_eq!(issue.accepted[1].row, 3);
    assert_eq!(issue.accepted[1].provider.as_deref(), Some("Hetzner, Online"));
}

#[test]
fn delimiters_and_encodings_do_not_matter() {
    let want = facts(&feed(PLAIN));
    let semicolons = PLAIN.replace("\"Hetzner, Online\"", "Hetzner\u{1}Online");
    let semicolons = semicolons.replace(',', ";").replace('\u{1}', ", ");
    for text in [
        semicolons.clone(),
        semicolons.replace(';', "\t"),
        semicolons.replace(';', "|"),
        format!("sep=;\n{semicolons}"),
        PLAIN.replace('\n', "\r\n"),
    ] {
        assert_eq!(facts(&feed(&text)), want, "{text}");
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            [b"\xff\xfe".as_slice(), &little].concat(),
            [b"\xfe\xff".as_slice(), &big].concat(),
            little,
            big,
            [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat(),
        ] {
            assert_eq!(facts(&feed(&bytes)), want, "{text}");
        }
    }
}

#[test]
fn latin_1_is_read_as_such() {
    let issue = feed(b"ip,provider\n3fff::1,T\xe9l\xe9com\n");
    assert_eq!(issue.accepted[0].provider.as_deref(), Some("Télécom"));
}

#[test]
fn the_header_is_found_below_titles_and_disclaimers() {
    let issue = feed(
        "Indicators\n\n\"Probabilistic opinion, not a verdict\"\nIssued,May 2026\n\n\
         Score,Carrier,,IVT Type,IPv6 Address\n90%,Play,,smartbot,3fff::1\n",
    );
    assert_eq!(issue.header_row, Some(6));
    assert_eq!(facts(&issue), [("3fff::1/128".into(), "smartbot".into(), "Play".into())]);
    assert_eq!(issue.accepted[0].probability_ppm, Some(900_000));
    assert_eq!((issue.rows, issue.rejected_total), (1, 0));
}

#[test]
fn rejects_name_row_value_and_reason() {
    let issue = feed(
        "ip,type\n203.0.113.7,smartbot\n3.00E+12,smartbot\n,smartbot\nip,type\n3fff::1,a\n3fff::1,a\n::1,a\n3fff::/8,a\n3fff::2,b\n",
    );
    let want = [
        (2, "203.0.113.7", "an IPv4 address: only IPv6 indicators are scored"),
        (
            3,
            "3.00E+12",
            "a number in scientific notation: the spreadsheet has turned the address into one; format the column as text and export again",
        ),
        (4, "", "no address in this row"),
        (5, "ip", "the header again, not a row"),
        (8, "::1", "a loopback address names nobody outside one machine"),
        (9, "3fff::/8", "wider than /16"),
    ];
    assert_eq!(rejects(&issue), want);
    assert_eq!(issue.rejected[0].column.as_ref(), "ip");
    assert_eq!((issue.rows, issue.duplicates, issue.rejected_total), (9, 1, 6));
    assert_eq!(issue.accepted.len(), 2);
}

#[test]
fn an_unreadable_probability_is_noted_and_the_row_kept() {
    let issue = feed("ip,score,asn\n3fff::1,high,AS64500\n3fff::2,-,none\n");
    assert_eq!(issue.accepted.len(), 2);
    assert_eq!(issue.accepted[0].asn, Some(64_500));
    assert_eq!(issue.notes_total, 1);
    assert_eq!((issue.notes[0].row, issue.notes[0].column.as_ref()), (2, "score"));
}

#[test]
fn a_file_without_an_address_column_says_what_was_seen() {
    insta::assert_snapshot!(
        refusal("feed-2026-05.csv", "Title\n\nHost,Reason,Seen\na.example,smartbot,3\n"),
        @r#"feed-2026-05.csv: no address column found (rows 1 to 4 searched, columns seen in row 3: Host | Reason | Seen); name one column "IPv6 address", "IP", "Indicator" or the like"#
    );
}

#[test]
fn columns_without_names_are_refused() {
    insta::assert_snapshot!(
        refusal("feed-2026-05.csv", "3fff::1,smartbot\n3fff::2,smartbot\n"),
        @"feed-2026-05.csv: the columns have no names; add a first row that names the columns, such as IP,fraudType,probability,provider; a plain list of addresses, one a line, needs none"
    );
}

#[test]
fn empty_files_are_refused() {
    for bytes in [b"".as_slice(), b" \r\n\t\n", b"\xef\xbb\xbf\n"] {
        assert_eq!(
            refusal("feed-2026-05.csv", bytes),
            "feed-2026-05.csv: the file is empty; export it again and check the download"
        );
    }
}

#[test]
fn an_issue_is_dated_by_caller_name_or_title() {
    let limits = Limits::default();
    let text = b"Issued 2026-W20\nip\n3fff::1\n";
    let label = |name: &str| read_feed(name, text, &limits).unwrap().issue.to_string();
    assert_eq!(label("feed.csv"), "2026-W20");
    assert_eq!(label("dir-2025-01/feed-2026-W19.csv"), "2026-W19");
    let issue = IssueId::parse("2026-W18").unwrap();
    let read = read_feed_as("feed-2026-W19.csv", issue, text, &limits).unwrap();
    assert_eq!(read.accepted[0].issue.label(), "2026-W18");
    insta::assert_snapshot!(
        refusal("feed.csv", "ip\n3fff::1\n"),
        @"feed.csv: nothing says which issue of the feed this is; put the date into the file name, such as feed-2026-05.csv, feed-2026-W22.csv or feed-2026-05-31.csv, or state the issue explicitly"
    );
}

#[test]
fn plain_lists_need_no_header() {
    let issue = feed(
        "# bad\n3fff::1\n\n3fff:12::/48 ; a comment\n[3fff::2]:443\n// x\n203.0.113.1\n3fff::3#80\n",
    );
    assert_eq!(issue.format, FeedFormat::List);
    let prefixes: Vec<_> = issue.accepted.iter().map(|i| i.prefix.to_string()).collect();
    assert_eq!(prefixes, ["3fff::1/128", "3fff:12::/48", "3fff::2/128", "3fff::3/128"]);
    assert_eq!(rejects(&issue).len(), 1);
    assert_eq!(issue.accepted[3].row, 8);
    assert_eq!(issue.accepted[0].fraud_type.as_str(), "unspecified");
}
