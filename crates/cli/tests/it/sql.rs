//! `adproof sql`.

use crate::run::{adproof, dataset};

#[cfg(not(feature = "engine"))]
#[test]
fn without_the_engine_it_says_how_to_get_it() {
    let ran = adproof(&["sql", "SELECT 1"]).exits(2);
    assert!(ran.stdout.is_empty());
    ran.says(&["`adproof sql` needs the engine", "--features engine"]);
    let log = std::env::temp_dir().join("no-such-log.parquet");
    std::fs::write(&log, "PAR1").expect("the file is written");
    let feed = dataset("ioc-ipv6-2026-05.xlsx");
    let args = ["score".as_ref(), feed.as_os_str(), "--events".as_ref(), log.as_os_str()];
    let ran = adproof(&args);
    std::fs::remove_file(&log).expect("the file is removed");
    ran.exits(2).says(&["reading Parquet", "--features engine"]);
}

#[cfg(feature = "engine")]
mod with_engine {
    use super::{adproof, dataset};
    use crate::run::adproof_with_stdin;

    #[test]
    fn every_format_gives_the_rows_in_the_order_of_the_query() {
        let feed = format!("feed={}", dataset("ioc-ipv6-2026-W11.csv").display());
        let query = "SELECT ipv6_text(ipv6_prefix(\"IP\", 32)) AS block, count(*) AS n FROM feed \
                     GROUP BY block ORDER BY n DESC, block LIMIT 2";
        let run =
            |format| adproof(&["sql", query, "--table", &feed, "--output-format", format]).exits(0);
        let document = run("json").json();
        assert_eq!(document["schema"], "adproof.sql/1");
        assert_eq!(document["columns"][1]["type"], "Int64");
        assert_eq!(document["truncated"], false);
        let rows = document["rows"].as_array().expect("rows").clone();
        assert_eq!(rows.len(), 2);
        let lines = run("ndjson").stdout;
        let lines: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines, rows);
        let csv = run("csv").stdout;
        let first =
            format!("block,n\n{},{}\n", rows[0]["block"].as_str().expect("text"), rows[0]["n"]);
        assert!(csv.starts_with(&first), "{csv}");
        assert!(run("table").stdout.contains("block"));
    }

    #[test]
    fn the_query_may_come_from_standard_input_and_cut_rows_are_noted() {
        let args = ["sql", "-", "--max-rows", "2", "--output-format", "csv"];
        let query = b"SELECT value FROM generate_series(1, 9) ORDER BY value";
        let ran = adproof_with_stdin(&args, query).exits(0);
        assert_eq!(ran.stdout, "value\n1\n2\n");
        ran.says(&["more than 2 rows", "--max-rows"]);
    }

    #[test]
    fn what_cannot_be_answered_says_why_and_exits_2() {
        for (args, says) in [
            (vec!["sql", "DROP TABLE x"], "only queries are answered"),
            (vec!["sql", "SELECT nope"], "nope"),
            (vec!["sql", "SELECT 1", "--table", "no-such-file.csv"], "does not exist"),
            (vec!["sql", "SELECT 1", "--table", "Bad=Cargo.toml"], "table name"),
            (vec!["sql", "SELECT * FROM x", "-t", "x=Cargo.toml"], "no CSV, JSONL or Parquet"),
        ] {
            let ran = adproof(&args).exits(2);
            assert!(ran.stdout.is_empty(), "{args:?}");
            ran.says(&[says]);
        }
    }

    #[test]
    fn the_tally_of_the_shipped_log_is_the_same_in_any_partitioning() {
        let log = format!("log={}", dataset("events.jsonl").display());
        let query = "SELECT tally(ip, ifa, time) AS bytes FROM log";
        let run = |partitions: &str| {
            let args = ["sql", query, "-t", &log, "--partitions", partitions];
            adproof(&[&args[..], &["--output-format", "csv"]].concat()).exits(0).stdout
        };
        let once = run("1");
        assert!(once.starts_with("bytes\n616470726f6f662074616c6c7900"), "adproof tally");
        assert_eq!(once, run("4"));
    }

    #[test]
    fn the_report_has_the_summary_frames() {
        let feed = dataset("ioc-ipv6-2026-05.xlsx");
        let feed = feed.to_str().expect("a path of text");
        let ran = adproof(&["score", feed, "--output-format", "html"]).exits(0);
        assert!(ran.stdout.contains("Distinct blocks that each issue lists"));
        assert!(ran.stdout.contains("Recurrence of /64s by provider"));
    }

    fn rows(args: &[&str]) -> Vec<serde_json::Value> {
        let ran = adproof(&[&["sql", "--output-format", "json"], args].concat()).exits(0);
        ran.json()["rows"].as_array().expect("rows").clone()
    }

    #[test]
    fn blocks_are_those_of_score_and_of_the_function_over_indicators() {
        let feeds = dataset("ioc-ipv6-2026-W1*.csv");
        let (feeds, asn) = (feeds.to_str().expect("a path of text"), dataset("asn.csv"));
        let given = ["--feed", feeds, "--asn", asn.to_str().expect("a path of text")];
        let select = "SELECT level, block, family, recurrence_ppm, mean_ppm, class, explained_by";
        let of_table = rows(&[&given[..], &[&format!("{select} FROM blocks")]].concat());
        let score = ["score", feeds, "--asn", given[3], "--output-format", "json"];
        let document = adproof(&score).exits(0).json();
        let scored = document["blocks"].as_array().expect("blocks");
        assert!(scored.len() > 20 && scored.len() == of_table.len());
        for (left, right) in scored.iter().zip(&of_table) {
            for (name, value) in right.as_object().expect("an object") {
                assert_eq!(left[name], *value, "{name} of {}", right["block"]);
            }
        }
        let marks = "(SELECT marks(prefix, fraud_type, issue, feed, provider, asn) \
                     FROM indicators GROUP BY issue)";
        let query = format!("{select} FROM recurrence({marks})");
        assert_eq!(rows(&[&given[..], &[&query]].concat()), of_table);
        let counted = rows(&[&given[..], &["SELECT count(*) AS n FROM indicators"]].concat());
        let accepted = document["inputs"].as_array().expect("inputs").iter();
        let accepted: u64 = accepted.map(|one| one["accepted"].as_u64().expect("a count")).sum();
        assert_eq!(counted[0]["n"], accepted);
    }

    #[test]
    fn events_findings_and_systems_are_tables_and_bad_rows_are_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.jsonl");
        let shipped = std::fs::read_to_string(dataset("events.jsonl")).expect("the log");
        let line = shipped.lines().next().expect("a line");
        let bad = line.replace("\"leg\":\"vast\"", "\"leg\":\"leg\"");
        std::fs::write(&log, format!("{line}\n{bad}\n")).expect("a file");
        let log = log.to_str().expect("a path of text");
        let args = ["sql", "--events", log, "--output-format", "csv"];
        let ran = adproof(&[&args[..], &["SELECT id, leg FROM events"]].concat()).exits(0);
        assert_eq!(ran.stdout, "id,leg\n149e4,vast\n");
        ran.says(&["the table `rejects` lists them"]);
        let ran = adproof(&[&args[..], &["SELECT \"column\", value FROM rejects"]].concat());
        assert_eq!(ran.exits(0).stdout, "column,value\nleg,leg\n");

        let (tags, asn) = (dataset("tags"), dataset("asn.csv"));
        let tags = tags.to_str().expect("a path of text");
        let query = "SELECT count(*) AS n FROM findings WHERE severity = 'error'";
        let document = adproof(&["lint", tags, "--output-format", "json"]).json();
        assert_eq!(rows(&["--tags", tags, query])[0]["n"], document["summary"]["error"]);
        let asn = asn.to_str().expect("a path of text");
        let query = "SELECT asn('3fff:10::1', '2026-05-01') AS asn";
        assert_eq!(rows(&["--asn", asn, query])[0]["asn"], 64_496);
    }

    #[test]
    fn decisions_are_those_of_the_ledger_and_a_damaged_one_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = folder.path().join("demo");
        adproof(&["demo".as_ref(), "--keep".as_ref(), kept.as_os_str()]).exits(0);
        let ledger = kept.join("ledger");
        let ledger = ledger.to_str().expect("a path of text");
        let shown = adproof(&["ledger", "show", ledger, "--output-format", "ndjson"]).exits(0);
        let shown: Vec<serde_json::Value> = shown
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .filter(|shown| shown["record"]["typ"] == "decision")
            .collect();
        let query = "SELECT seq, action, subject, target FROM decisions ORDER BY seq";
        let found = rows(&["--ledger", ledger, query]);
        assert!(found.len() > 100 && found.len() == shown.len());
        for (row, shown) in found.iter().zip(&shown) {
            let record = &shown["record"];
            assert_eq!(row["seq"], record["seq"]);
            for name in ["action", "subject", "target"] {
                assert_eq!(row[name], record["dec"][name], "{name} of {}", row["seq"]);
            }
        }
        // Reading ends at a damaged frame, and a count over what is left would be wrong.
        let segments = kept.join("ledger/segments");
        let segment = std::fs::read_dir(segments).expect("segments").next();
        let segment = segment.expect("a segment").expect("a segment").path();
        let bytes = std::fs::read(&segment).expect("its bytes");
        std::fs::write(&segment, &bytes[..bytes.len() / 2]).expect("half of them");
        let ran = adproof(&["sql", "--ledger", ledger, "SELECT count(*) FROM decisions"]).exits(2);
        ran.says(&["the table `decisions`", "is damaged", "adproof ledger verify"]);
    }

    #[test]
    fn a_file_of_queries_is_answered_in_turn_and_the_tables_are_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("report.sql");
        std::fs::write(&file, "-- first;\nSELECT 1 AS a; SELECT ';' AS b;\n").expect("a file");
        let file = file.to_str().expect("a path of text");
        assert_eq!(adproof(&["sql", "-f", file]).exits(0).stdout, " a\n 1\n\n b\n ;\n");
        let ran = adproof(&["sql", "-f", file, "--output-format", "json"]).exits(2);
        assert!(ran.stdout.is_empty());
        ran.says(&["2 queries give no single document"]);
        let schema = adproof(&["sql", "--schema", "--output-format", "csv"]).exits(0).stdout;
        for line in ["indicators,prefix,text,", "decisions,seq,integer,", "events,time,timestamp,"]
        {
            assert!(schema.contains(line), "{line}");
        }
        adproof(&["sql"]).exits(2).says(&["there is no query", "-f FILE"]);
    }

    #[test]
    fn what_was_not_named_is_told_and_nothing_is_written() {
        for (query, says) in [
            ("SELECT * FROM blocks", "name feeds with --feed"),
            ("SELECT * FROM decisions", "name a ledger with --ledger"),
            ("SELECT asn('3fff::1', '2026-05-01')", "--asn"),
            ("COPY (SELECT 1) TO 'no-such-file.csv'", "only queries are answered"),
            ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION 'x'", "only queries are answered"),
        ] {
            let ran = adproof(&["sql", query]).exits(2);
            assert!(ran.stdout.is_empty(), "{query}");
            ran.says(&[says]);
        }
        assert!(!std::path::Path::new("no-such-file.csv").exists());
        let query = "SELECT array_agg(value) FROM generate_series(1, 10000000)";
        let ran = adproof(&["sql", "--memory", "16MB", query]).exits(2);
        ran.says(&["needs more than 16000000 bytes of memory", "--memory"]);
    }
}
