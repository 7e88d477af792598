//! Tables that are no files, and what makes scores of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use adproof_engine::{
    Answer, Catalog, Cell, ColumnDoc, EngineError, EngineOptions, Kind, Limits, Loaded, Named,
    Session,
};
use adproof_feeds::{address, read_events};
use adproof_model::{FraudType, Indicator, IssueId};
use adproof_signal::{Exposure, Params, Tally, device_key, score};

use crate::random::{Random, log, to_parquet};
use crate::{one, table, with_partitions};

const NUMBERS: &[ColumnDoc] = &[ColumnDoc::new("n", Kind::Int, "a number")];

fn numbers(up_to: i64, read: &Arc<AtomicUsize>) -> Loaded {
    let read = Arc::clone(read);
    Loaded::new(NUMBERS, move |rows| {
        for n in 0..up_to {
            read.fetch_add(1, Ordering::Relaxed);
            rows.push(vec![Cell::Int(n)])?;
        }
        Ok(())
    })
}

fn with(tables: Vec<(&str, Named)>, options: &EngineOptions) -> Session {
    let mut catalog = Catalog::default();
    for (name, table) in tables {
        catalog.add(name, table).unwrap();
    }
    Session::open(catalog, options).unwrap()
}

#[test]
fn only_what_is_named_is_read_and_only_as_far_as_it_is_wanted() {
    let (read, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let missing = Named::Events(vec![PathBuf::from("no-such-log.jsonl")]);
    let session = with(
        vec![
            ("numbers", Named::Loaded(numbers(1_000_000_000, &read))),
            ("others", Named::Loaded(numbers(10, &other))),
            ("events", missing),
        ],
        &with_partitions(2),
    );
    let explained = session.answer("EXPLAIN SELECT * FROM numbers").unwrap();
    assert!(!explained.rows.is_empty());
    assert_eq!(session.answer("SHOW TABLES").unwrap().rows.len(), 3 + 8 - 1);
    assert_eq!(read.load(Ordering::Relaxed), 0, "nobody asked for a row");
    let answer = session.answer("SELECT n FROM numbers LIMIT 3").unwrap();
    assert_eq!(answer.rows.len(), 3);
    assert!(read.load(Ordering::Relaxed) < 100_000, "reading ended with the query");
    assert_eq!(other.load(Ordering::Relaxed), 0);
    let error = session.answer("SELECT * FROM events").unwrap_err();
    assert!(matches!(error, EngineError::Unreadable { .. }), "{error}");
}

#[test]
fn a_reader_that_fails_fails_its_query_by_name_and_the_next_one_works() {
    let broken = Loaded::new(NUMBERS, |rows| {
        rows.push(vec![Cell::Int(1)])?;
        Err("the disk is gone".into())
    });
    let read = Arc::default();
    let fine = Named::Loaded(numbers(5, &read));
    let session =
        with(vec![("broken", Named::Loaded(broken)), ("fine", fine)], &with_partitions(2));
    let error = session.answer("SELECT sum(n) FROM broken").unwrap_err();
    assert!(matches!(error, EngineError::Load { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the table `broken`: the disk is gone");
    assert_eq!(*one(&session.answer("SELECT sum(n) FROM fine").unwrap()), Cell::Int(10));
}

#[test]
fn a_query_is_cancelled_and_the_session_goes_on() {
    let read = Arc::default();
    let endless = Named::Loaded(numbers(i64::MAX, &read));
    let session = with(vec![("numbers", endless)], &with_partitions(2));
    let soon = async { tokio::time::sleep(Duration::from_millis(100)).await };
    let error = session.answer_unless("SELECT sum(n) FROM numbers", soon).unwrap_err();
    assert!(matches!(error, EngineError::Cancelled), "{error:?}");
    assert_eq!(*one(&session.answer("SELECT 1").unwrap()), Cell::Int(1));
}

#[test]
fn states_count_as_memory_and_a_table_that_nobody_gave_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let mut text = String::from("ip,ifa,at\n");
    for n in 0..60_000 {
        writeln!(text, "3fff::{n:x},d{n},20000").unwrap();
    }
    std::fs::write(&path, text).unwrap();
    let mut catalog = Catalog::default();
    catalog.add_files(table(&path)).unwrap();
    catalog.absent("blocks", "name feeds");
    let limits = Limits { memory_bytes: 1 << 20, ..Limits::default() };
    let session = Session::open(catalog, &EngineOptions { limits, ..with_partitions(2) }).unwrap();
    let error = session.answer("SELECT tally(ip, ifa, at) FROM t").unwrap_err();
    assert!(matches!(error, EngineError::Memory { .. }), "{error:?}");
    let marks = "SELECT marks(ip, ifa, '2026-05') FROM t";
    let error = session.answer(marks).unwrap_err();
    assert!(matches!(error, EngineError::Memory { .. }), "{error:?}");
    let error = session.answer("SELECT * FROM blocks").unwrap_err();
    assert!(matches!(error, EngineError::NotGiven { todo: "name feeds", .. }), "{error:?}");
}

/// The events that the log reader takes, as the query below shows them.
fn taken(path: &Path) -> (Vec<Vec<Cell>>, u64) {
    let bytes = std::fs::read(path).unwrap();
    let limits = adproof_feeds::Limits::default();
    let log = read_events(path.to_str().unwrap(), &bytes, &limits).unwrap();
    let text = |text: Option<String>| text.map_or(Cell::Null, Cell::Text);
    let mut rows: Vec<Vec<Cell>> = log
        .events
        .iter()
        .map(|event| {
            vec![
                Cell::Text(event.id.to_string()),
                Cell::Text(event.leg().to_string()),
                Cell::Int(event.time.micros()),
                text(event.ip.map(|ip| ip.to_string())),
                text(event.device.as_deref().map(str::to_owned)),
                text(event.transaction.as_deref().map(str::to_owned)),
            ]
        })
        .collect();
    rows.sort_by_key(|row| format!("{row:?}"));
    (rows, log.rejected_total)
}

#[test]
fn events_and_rejects_are_those_of_the_log_reader_in_every_format_and_split() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (jsonl, csv) = log(5, 3_000);
    std::fs::write(at("log.jsonl"), jsonl).unwrap();
    std::fs::write(at("log.csv"), csv).unwrap();
    to_parquet(&at("log.jsonl"), &at("log.parquet"));
    let (events, rejected) = taken(&at("log.jsonl"));
    assert!(rejected > 50 && events.len() > 2_000);
    let query = "SELECT id, leg, CAST(arrow_cast(time, 'Timestamp(Microsecond, None)') AS BIGINT), \
                 ip, ifa, transaction FROM events";
    for name in ["log.jsonl", "log.csv", "log.parquet"] {
        for partitions in [1, 3] {
            let logs = vec![at(name)];
            let session = with(
                vec![("events", Named::Events(logs.clone())), ("rejects", Named::Rejects(logs))],
                &with_partitions(partitions),
            );
            let Answer { mut rows, rejects, .. } = session.answer(query).unwrap();
            rows.sort_by_key(|row| format!("{row:?}"));
            assert!(rows == events, "{name}, {partitions} partitions");
            assert!(rejects, "the bad rows are told");
            let count = session.answer("SELECT count(reason) FROM rejects").unwrap();
            assert_eq!(*one(&count), Cell::Int(i64::try_from(rejected).unwrap()), "{name}");
        }
    }
    let session = with(
        vec![("events", Named::Events(vec![at("log.csv"), at("log.parquet")]))],
        &with_partitions(2),
    );
    let both = session.answer("SELECT count(*) FROM events").unwrap();
    assert_eq!(*one(&both), Cell::Int(i64::try_from(2 * events.len()).unwrap()));
}

#[test]
fn marks_and_recurrence_are_the_kernel_in_any_grouping_and_split() {
    let folder = tempfile::tempdir().unwrap();
    let (mut random, mut expected) = (Random(9), Tally::empty());
    let mut feed = String::from("prefix,type,issue,feed,provider,asn\n");
    for _ in 0..3_000 {
        let prefix = match random.below(3) {
            0 => format!("3fff:{:x}::/48", random.below(30)),
            1 => format!("3fff:{:x}:0:{:x}::/64", random.below(30), random.below(9)),
            _ => format!("3fff:{:x}::{:x}", random.below(30), random.below(200)),
        };
        let kind = match random.below(3) {
            0 => "displayImpressionFraud",
            1 => "IABcrawler",
            _ => "own kind",
        };
        let issue = format!("2026-W{:02}", 10 + random.below(12));
        let (feed_name, asn) = (format!("f{}", random.below(2)), 64_496 + random.below(4));
        let provider = if random.below(4) == 0 { "" } else { "Spectrum" };
        let issue_id = IssueId::parse(&issue).unwrap();
        let indicator = Indicator {
            prefix: address::parse(&prefix).unwrap().prefix,
            fraud_type: FraudType::new(kind),
            probability_ppm: None,
            provider: Some(provider).filter(|name| !name.is_empty()).map(Into::into),
            asn: Some(u32::try_from(asn).unwrap()),
            issue: issue_id,
            row: 0,
            labels: Vec::new(),
        };
        expected.mark(&indicator, &feed_name);
        // Some rows stand there twice: a feed is a set.
        for _ in 0..=random.below(2) {
            writeln!(feed, "{prefix},{kind},{issue},{feed_name},{provider},{asn}").unwrap();
        }
    }
    // No indicators: no issue; an issue that marks nothing.
    feed.push_str("3fff::1,own kind,,f1,,\n,own kind,2026-W30,f1,,\n");
    expected.ingest(&IssueId::parse("2026-W30").unwrap());
    let marked = expected.to_bytes();
    let mut exposures = String::from("ip,ifa,day\n");
    for _ in 0..2_000 {
        let ip = format!("3fff:{:x}::{:x}", random.below(30), random.below(500));
        let (device, day) = (random.below(300), 20_000 + random.below(9));
        writeln!(exposures, "{ip},d{device},{day}").unwrap();
        expected.expose(Exposure {
            address: address::parse(&ip).unwrap().prefix.bits(),
            asn: None,
            device: device_key(format!("d{device}")),
            day: i64::try_from(day).unwrap(),
            impressions: 1,
            revenue_micros: 0,
            flagged: false,
        });
    }
    let (feed_path, log_path) = (folder.path().join("f.csv"), folder.path().join("l.csv"));
    std::fs::write(&feed_path, feed).unwrap();
    std::fs::write(&log_path, exposures).unwrap();
    expected.seal();
    let scoring = score(&expected, &Params::default());
    let want: Vec<Vec<Cell>> = scoring
        .blocks
        .iter()
        .map(|block| {
            let int = |number: u32| Cell::Int(number.into());
            vec![
                Cell::Text(block.block.to_string()),
                Cell::Text(block.family.to_string()),
                int(block.recurrence_ppm),
                int(block.mean_ppm),
                int(block.rank.1),
                block.excess.map_or(Cell::Null, |one| Cell::Int(one.devices.cast_signed())),
            ]
        })
        .collect();
    assert!(want.len() > 100);
    for partitions in [1, 2, 5] {
        let mut catalog = Catalog::default();
        for (name, path) in [("f", &feed_path), ("l", &log_path)] {
            let files = adproof_engine::Table::new(name, vec![path.clone()]).unwrap();
            catalog.add_files(files).unwrap();
        }
        let session = Session::open(catalog, &with_partitions(partitions)).unwrap();
        let marks = "marks(prefix, type, issue, feed, provider, asn)";
        let whole = session.answer(&format!("SELECT {marks} FROM f")).unwrap();
        assert!(*one(&whole) == Cell::Bytes(marked.clone()), "{partitions} partitions");
        // By group and in two queries, which the function merges.
        let query = format!(
            "SELECT block, family, recurrence_ppm, mean_ppm, rank_high, devices FROM recurrence(\
             (SELECT {marks} FROM f GROUP BY asn), (SELECT tally(ip, ifa, day) FROM l))"
        );
        let found = session.answer(&query).unwrap();
        assert!(found.rows == want, "{partitions} partitions");
    }
}

#[test]
fn calls_that_score_nothing_say_what_they_take() {
    for (query, says) in [
        ("SELECT marks('3fff::1', 'x')", "3 to 6 arguments"),
        ("SELECT marks('3fff::1', 'x', 'May')", "an issue is named by a date"),
        ("SELECT marks('3fff::1', 1, '2026-05')", "fraud_type as text"),
        ("SELECT marks('3fff::1', 'x', '2026-05', 'f', 'p', 1.5)", "asn as an integer"),
        ("SELECT marks('3fff::1', 'x', '2026-05', 'f', 'p', -1)", "no AS number"),
        ("SELECT * FROM recurrence()", "takes tallies"),
        ("SELECT * FROM recurrence('nonsense')", "the bytes of a tally"),
        ("SELECT * FROM recurrence(X'00')", "these bytes are no tally"),
        ("SELECT * FROM recurrence((SELECT 1))", "not Int64"),
        ("SELECT * FROM recurrence((SELECT tally('3fff::1', 'd', 1), 2))", "column"),
    ] {
        let error = crate::ask(query).unwrap_err().to_string();
        assert!(error.contains(says), "{query}: {error}");
    }
    let nothing = crate::ask("SELECT * FROM recurrence((SELECT marks(NULL, NULL, NULL)))").unwrap();
    assert!(nothing.rows.is_empty() && nothing.columns.len() > 20);
}
