//! `adproof score`.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::run::{Ran, adproof, adproof_with_stdin, command, dataset};

const MAY: &str = "ioc-ipv6-2026-05.xlsx";

fn all() -> String {
    dataset("ioc-ipv6-*").display().to_string()
}

fn json(args: &[&str]) -> Value {
    let mut all = vec!["score", "--output-format", "json"];
    all.extend(args);
    adproof(&all).exits(0).json()
}

fn counts(document: &Value, list: &str) -> Vec<u64> {
    let list = document[list].as_array().unwrap().iter();
    list.map(|one| one["indicators"].as_u64().unwrap()).collect()
}

fn blocks<'a>(document: &'a Value, wanted: impl Fn(&Value) -> bool + 'a) -> Vec<&'a Value> {
    document["blocks"].as_array().unwrap().iter().filter(|block| wanted(block)).collect()
}

fn ranked(document: &Value) -> Vec<&str> {
    let ranked = blocks(document, |block| block["class"] == "ranked");
    ranked.iter().map(|block| block["block"].as_str().unwrap()).collect()
}

/// A file in a fresh folder.
fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let path = path.display().to_string();
    (folder, path)
}

#[test]
fn the_last_issue_has_the_published_counts_and_ranks_nothing() {
    let document = json(&[dataset(MAY).to_str().unwrap()]);
    assert_eq!(document["schema"], "adproof.score/1");
    assert_eq!(document["inputs"][0]["accepted"], 25);
    assert_eq!(counts(&document, "fraud_types"), [21, 2, 1, 1]);
    assert_eq!(counts(&document, "providers"), [11, 3, 3, 2, 1, 1, 1, 1, 1, 1]);
    for (level, provider, indicators) in [
        ("/64", "Spectrum", 4),
        ("/32", "Spectrum", 9),
        ("/64", "Verizon Fios", 2),
        ("/64", "Comcast Cable", 2),
    ] {
        let found = blocks(&document, |block| {
            block["level"] == level
                && block["provider"] == provider
                && block["indicators"] == indicators
        });
        assert_eq!(found.len(), 1, "{provider} {level}");
    }
    assert_eq!(ranked(&document), Vec::<&str>::new());
}

#[test]
fn twelve_issues_rank_what_was_planted_and_nothing_else() {
    let asn = dataset("asn.csv");
    let events = dataset("events.jsonl");
    let (asn, events) = (asn.to_str().unwrap(), events.to_str().unwrap());
    for more in [&[][..], &["--asn", asn], &["--asn", asn, "--events", events]] {
        let all = all();
        let mut args = vec![all.as_str()];
        args.extend(more);
        let document = json(&args);
        assert_eq!(ranked(&document), ["3fff:10:42:7::/64", "3fff:20:4::/48"], "{more:?}");
        // The carrier is in every issue and is no finding, at no level.
        let carrier = blocks(&document, |block| block["provider"] == "T-Mobile USA");
        assert!(carrier.iter().all(|block| block["class"] == "insufficient"));
        assert!(carrier.iter().any(|block| block["issues_seen"] == 12));
        // Nor is the crawler.
        let crawler = blocks(&document, |block| block["family"] == "crawler");
        assert!(crawler.iter().all(|block| block["insufficient_because"] == "self_declared"));
        // What holds a ranked block names it.
        let mut wide: Vec<(String, &str)> = ["/56", "/48", "/32"]
            .map(|len| {
                (
                    format!("3fff:10{}{len}", if len == "/32" { "::" } else { ":42::" }),
                    "3fff:10:42:7::/64",
                )
            })
            .to_vec();
        wide.push(("3fff:20::/32".into(), "3fff:20:4::/48"));
        wide.push(("Spectrum".into(), "3fff:10:42:7::/64"));
        wide.push(("Verizon Fios".into(), "3fff:20:4::/48"));
        if !more.is_empty() {
            wide.push(("AS64496".into(), "3fff:10:42:7::/64"));
            wide.push(("AS64498".into(), "3fff:20:4::/48"));
        }
        for (name, by) in wide {
            let found =
                blocks(&document, |block| block["block"] == *name && block["family"] == "SIVT");
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0]["explained_by"], by, "{name}");
            assert_eq!(found[0]["class"], "insufficient", "{name}");
        }
        for block in document["blocks"].as_array().unwrap() {
            let terms = block["contributions"].as_array().unwrap().iter();
            let sum: i64 = terms.map(|one| one["millinats"].as_i64().unwrap()).sum();
            assert_eq!(block["logit_millinats"], sum);
        }
    }
}

#[test]
fn the_same_content_in_another_shape_gives_the_same_blocks() {
    let may = json(&[dataset(MAY).to_str().unwrap()]);
    let row = |address: &str, kind: &str, provider: &str| {
        format!("{kind};{provider};{};x\n", address.to_uppercase())
    };
    let mut text =
        "A report\n\nIn confidence\n\n\n\n\n\nFraud type;ISP;IPv6 address;note\n".to_owned();
    let (mut kinds, mut rows) = (Vec::new(), 0);
    for block in blocks(&json(&[dataset(MAY).to_str().unwrap(), "--level", "/64"]), |_| true) {
        kinds.push((block["block"].clone(), block["indicators"].as_u64().unwrap()));
        for n in 0..block["indicators"].as_u64().unwrap() {
            let net = block["block"].as_str().unwrap().trim_end_matches("/64");
            let address = format!("[{net}{:x}]", n + 1);
            let crawler = block["family"] == "crawler";
            let kind = if crawler { "IAB crawler" } else { "display impression fraud" };
            text.push_str(&row(&address, kind, block["provider"].as_str().unwrap()));
            rows += 1;
        }
    }
    assert_eq!(rows, 25);
    let (_folder, path) = file("other-2026-05.csv", text.as_bytes());
    let other = json(&[&path]);
    let key = |block: &Value| {
        (block["block"].to_string(), block["indicators"].to_string(), block["mean_ppm"].to_string())
    };
    let keys = |document: &Value| {
        let mut keys: Vec<_> =
            blocks(document, |block| block["asn"].is_null()).into_iter().map(key).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&other), keys(&may));
}

#[test]
fn the_table_fits_80_columns_and_tells_the_story() {
    let ran = adproof(&["score", &all()]).exits(0);
    for line in ran.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for text in ["12 issues", "3fff:10:42:7::/64", "11/12", "opinion", "rejected"] {
        assert!(ran.stdout.contains(text), "{text}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "colour off a terminal");
    let one = adproof(&["score", dataset(MAY).to_str().unwrap()]).exits(0);
    assert!(one.stdout.contains("One issue says what is listed"), "{}", one.stdout);
}

#[test]
fn the_page_is_self_contained_and_says_whose_opinion_it_is() {
    let html = adproof(&["score", &all(), "--output-format", "html"]).exits(0).stdout;
    for banned in ["<script", "http://", "https://", "src=\"", "href="] {
        assert!(!html.contains(banned), "{banned}");
    }
    for needed in
        ["lang=\"en\"", "<title>", "<caption>", "scope=\"col\"", "publisher&#39;s opinion"]
    {
        assert!(html.contains(needed), "{needed}");
    }
}

#[test]
fn csv_has_a_row_a_block_and_asks_can_be_narrowed() {
    let csv = adproof(&["score", &all(), "--output-format", "csv", "--level", "64", "--top", "3"]);
    let csv = csv.exits(0);
    assert_eq!(csv.stdout.lines().count(), 4);
    assert!(csv.stdout.starts_with("level,block,family,"));
    assert!(csv.stderr.contains("were not taken"), "{}", csv.stderr);
    let few = json(&[&all(), "--min-issues", "10"]);
    let seen = |block: &Value| block["issues_seen"].as_u64().unwrap();
    assert!(few["blocks"].as_array().unwrap().iter().all(|block| seen(block) >= 10));
    assert!(few["blocks_left_out"]["/64"].as_u64().unwrap() > 100);
    let late = json(&[&all(), "--since", "2026-W20"]);
    assert_eq!(late["window"].as_array().unwrap().len(), 3);
    assert_eq!(late["left_out"].as_array().unwrap().len(), 9);
}

#[test]
fn a_feed_from_standard_input_is_dated_by_a_flag() {
    let args = ["score", "-", "--issue", "2026-05-31", "--output-format", "json"];
    let ran = adproof_with_stdin(&args, b"3fff:1::1\n3fff:1::2\nnonsense\n").exits(0);
    let document = ran.json();
    assert_eq!(document["inputs"][0]["accepted"], 2);
    assert_eq!(document["inputs"][0]["issue"], "2026-05-31");
    assert_eq!(document["inputs"][0]["rejected"][0]["value"], "nonsense");
    adproof_with_stdin(&["score", "-"], b"3fff:1::1\n").exits(2).says(&["which issue", "to do:"]);
}

fn refused(path: &str) -> Ran {
    let ran = adproof(&["score", path]).exits(2);
    assert_eq!(ran.stdout, "");
    ran.says(&["adproof: ", "where: ", "to do: "])
}

#[test]
fn says_what_is_wrong_with_a_file_where_and_what_to_do() {
    refused("no-such-file.csv").says(&["does not exist", "no-such-file.csv"]);
    let (folder, path) = file("feed-2026-05.csv", b"");
    refused(&path).says(&["empty"]);
    let empty = folder.path().join("sub");
    std::fs::create_dir(&empty).unwrap();
    refused(empty.to_str().unwrap()).says(&["no file of the kind"]);
    let (_folder, path) = file("feed-2026-05.xlsx", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n");
    refused(&path).says(&["PDF"]);
    let (_folder, path) = file("feed-2026-05.csv", b"colour,size\nred,1\nblue,2\n");
    refused(&path).says(&["address column", "colour | size"]);
    refused(folder.path().join("none-*.csv").to_str().unwrap()).says(&["no file of the kind"]);
    adproof(&["score"]).exits(2).says(&["FEED"]);
    adproof(&["score", "x", "--level", "/63"]).exits(2).says(&["a level is /128"]);
    adproof(&["score", "x", "--output-format", "sarif"])
        .exits(2)
        .says(&["use one of: table, json"]);
    adproof(&["score", &all(), "--issue", "2026-05"]).exits(2).says(&["several files"]);
}

#[test]
fn a_folder_of_issues_is_read_in_order() {
    let folder = tempfile::tempdir().unwrap();
    for week in ["2026-W02", "2026-W01"] {
        let path = folder.path().join(format!("feed-{week}.csv"));
        std::fs::write(path, "ip\n3fff:1::1\n").unwrap();
    }
    std::fs::write(folder.path().join("notes.csv"), "not a feed").unwrap();
    let document = json(&[folder.path().to_str().unwrap()]);
    assert_eq!(document["window"], serde_json::json!(["2026-W02", "2026-W01"]));
}

#[test]
fn utf_16_is_read_and_a_cut_line_is_one_reject() {
    let text = "IP,provider\r\n3fff:1::1,Spéctrum\r\n";
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let (_folder, path) = file("feed-2026-05.csv", &bytes);
    assert_eq!(json(&[&path])["providers"][0]["name"], "Spéctrum");
    let cut = b"{\"ip\":\"3fff:1::1\"}\n{\"ip\":\"3fff:1::2\"}\n{\"ip\":\"3fff:1:";
    let (_folder, path) = file("feed-2026-05.jsonl", cut);
    let document = json(&[&path]);
    assert_eq!(
        (&document["inputs"][0]["accepted"], &document["inputs"][0]["rejected_total"]),
        (&2.into(), &1.into())
    );
    let shown = adproof(&["score", &path]).exits(0);
    assert!(
        shown.stdout.contains("1 rows rejected") && shown.stdout.contains("row 3"),
        "{}",
        shown.stdout
    );
}

#[test]
fn a_feed_of_which_nothing_could_be_taken_is_a_finding() {
    let (_folder, path) = file("feed-2026-05.csv", b"ip\nnonsense\n1.2.3\n");
    let ran = adproof(&["score", &path]).exits(1);
    assert!(ran.stdout.contains("2 rows rejected"), "{}", ran.stdout);
}

#[test]
fn text_of_a_feed_steers_no_terminal_page_or_spreadsheet() {
    let (_folder, path) = file(
        "feed-2026-05.csv",
        "ip,provider\n3fff:1::1,\u{1b}[2J<b>=cmd\n3fff:2::1,=1+1\n".as_bytes(),
    );
    let as_format = |format| adproof(&["score", &path, "--output-format", format]).exits(0).stdout;
    assert!(!as_format("table").contains('\u{1b}'));
    let html = as_format("html");
    assert!(html.contains("&lt;b&gt;") && !html.contains("<b>") && !html.contains('\u{1b}'));
    assert!(as_format("csv").contains(",'=1+1,"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = command(&["score", &all(), "--output-format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn two_hundred_thousand_rows_are_scored() {
    let mut text = String::from("IP,provider,fraudType\n");
    for n in 0..200_000_u32 {
        use std::fmt::Write as _;
        let (net, host) = (n % 50_000, n / 50_000);
        writeln!(
            text,
            "3fff:{:x}:{net:x}::{host:x},P{},displayImpressionFraud",
            net % 16,
            net % 16
        )
        .unwrap();
    }
    let (_folder, path) = file("feed-2026-05.csv", text.as_bytes());
    let document = json(&[&path]);
    assert_eq!(document["inputs"][0]["accepted"], 200_000);
    let left_out: u64 =
        document["blocks_left_out"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    let shown = document["blocks"].as_array().unwrap().len() as u64;
    // 50,000 blocks at each of /64, /56 and /48, 16 at /32 and 16 providers.
    assert_eq!(shown + left_out, 3 * 50_000 + 16 + 16);
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_says_what_it_needs() {
    let (_folder, path) = file("log.parquet", b"PAR1");
    adproof(&["score", &all(), "--events", &path]).exits(2).says(&[
        "Parquet",
        "engine",
        "--features",
    ]);
}

#[test]
fn the_example_of_the_help_works() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    assert_eq!(ranked(&json(&[folder.to_str().unwrap()])).len(), 2);
}
