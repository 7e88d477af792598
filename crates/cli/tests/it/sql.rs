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
            (vec!["sql", "SELECT 1", "--table", "x=Cargo.toml"], "no CSV, JSONL or Parquet"),
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
}
