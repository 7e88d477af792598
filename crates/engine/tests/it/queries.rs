//! Queries are read-only, bounded, and reach only what was named.

use std::path::PathBuf;

use adproof_engine::{Cell, EngineError, EngineOptions, Limits, Table, sql};

use crate::{ask, table};

fn limited(query: &str, limits: Limits) -> Result<adproof_engine::Answer, EngineError> {
    sql(query, &[], &EngineOptions { limits, ..Default::default() })
}

#[test]
fn only_statements_that_read_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("out.csv");
    let target = target.to_str().unwrap();
    for statement in [
        format!("COPY (SELECT 1) TO '{target}'"),
        format!("EXPLAIN ANALYZE COPY (SELECT 1) TO '{target}'"),
        format!("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{target}'"),
        "CREATE TABLE x AS SELECT 1".to_owned(),
        "CREATE VIEW x AS SELECT 1".to_owned(),
        "SELECT 1 AS a INTO x".to_owned(),
        "INSERT INTO x VALUES (1)".to_owned(),
        "DELETE FROM x".to_owned(),
        "DROP TABLE x".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        "RESET datafusion.execution.batch_size".to_owned(),
        "PREPARE p AS SELECT 1".to_owned(),
        "BEGIN".to_owned(),
    ] {
        let answer = ask(&statement);
        assert!(matches!(answer, Err(EngineError::Refused { .. })), "{statement}: {answer:?}");
    }
    assert!(ask("SELECT 1; SELECT 2").is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn files_and_stores_that_were_not_named_are_out_of_reach() {
    for place in ["/etc/passwd", "file:///etc/passwd", "s3://b/x.csv", "https://example.org/x.csv"]
    {
        let answer = ask(&format!("SELECT * FROM '{place}'"));
        assert!(answer.unwrap_err().to_string().contains("not found"), "{place}");
    }
    assert!(ask("SELECT * FROM read_csv('/etc/passwd')").is_err());
}

#[test]
fn every_limit_holds_on_both_sides() {
    let default = Limits::default();
    let three = "SELECT value FROM generate_series(1, 3) ORDER BY value";
    let cut = limited(three, Limits { rows: 2, ..default }).unwrap();
    assert_eq!((cut.rows, cut.truncated), (vec![vec![Cell::Int(1)], vec![Cell::Int(2)]], true));
    assert!(!limited(three, Limits { rows: 3, ..default }).unwrap().truncated);

    let at = Limits { query_bytes: three.len(), ..default };
    assert!(limited(three, at).is_ok());
    let below = Limits { query_bytes: three.len() - 1, ..default };
    assert!(matches!(limited(three, below), Err(EngineError::QueryLength { .. })));

    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    let stopped = limited(endless, Limits { time_ms: 300, ..default });
    assert!(matches!(stopped, Err(EngineError::Time { limit_ms: 300 })), "{stopped:?}");

    let greedy = "SELECT array_agg(value) FROM generate_series(1, 1000000)";
    let small = limited(greedy, Limits { memory_bytes: 1 << 20, ..default });
    let is_memory = matches!(small, Err(EngineError::Memory { limit: 1_048_576, .. }));
    assert!(is_memory, "{small:?}");
}

#[test]
fn a_deep_query_within_the_length_does_not_end_the_process() {
    let terms = |term: &str, joined: &str| {
        let room = Limits::default().query_bytes - 40;
        vec![term; room / (term.len() + joined.len())].join(joined)
    };
    let wide = format!("SELECT count(*) WHERE {}", terms("1=2", " OR "));
    let sums = format!("SELECT {}", terms("1", "+"));
    let nested = format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000));
    for query in [wide, sums, nested] {
        // An answer or an error: that the next line is reached is the point. Planning takes a
        // time that grows with the square of the depth, so it ends by the time limit.
        let _ = limited(&query, Limits { time_ms: 3_000, ..Default::default() });
    }
}

#[test]
fn files_of_a_table_must_agree_and_have_a_known_format() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let a = write("a.csv", "x,y\n1,2\n");
    let b = write("b [1].csv", "x,y\nword,2\n");
    let swapped = write("c.csv", "y,x\n1,2\n");
    let json = write("d.jsonl", "{\"x\":1}\n");
    let two = Table::new("t", vec![a.clone(), b]).unwrap();
    let answer = sql("SELECT x, y FROM t ORDER BY x", &[two], &EngineOptions::default()).unwrap();
    assert_eq!(answer.rows[1], [Cell::Text("word".to_owned()), Cell::Int(2)]);
    for other in [swapped, json] {
        let mixed = Table::new("t", vec![a.clone(), other]).unwrap();
        let answer = sql("SELECT * FROM t", &[mixed], &EngineOptions::default());
        assert!(matches!(answer, Err(EngineError::Mixed { .. })), "{answer:?}");
    }
    let book = table(&write("e.xlsx", "PK"));
    // What no query names is never opened.
    assert!(sql("SELECT 1", std::slice::from_ref(&book), &EngineOptions::default()).is_ok());
    let answer = sql("SELECT * FROM t", &[book], &EngineOptions::default());
    assert!(matches!(answer, Err(EngineError::Format { .. })), "{answer:?}");
    let twice = [table(&a), table(&a)];
    let answer = sql("SELECT 1", &twice, &EngineOptions::default());
    assert!(matches!(answer, Err(EngineError::DuplicateTable { .. })), "{answer:?}");
    for name in ["", "1a", "A", "a-b", "a;b"] {
        assert!(Table::new(name, vec![a.clone()]).is_err(), "{name}");
    }
    assert_eq!(Table::name_of("x/ioc-ipv6-2026-W11.csv".as_ref()), "ioc_ipv6_2026_w11");
    assert_eq!(Table::name_of("2026.csv".as_ref()), "t_2026");
}

#[test]
fn a_long_list_is_answered_or_refused_but_ends_nobody() {
    let list = |count: usize| {
        let numbers: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        format!("SELECT count(*) FROM generate_series(1, 9) WHERE value IN ({})", numbers.join(","))
    };
    let within = list(3_000);
    assert!(within.len() <= Limits::default().query_bytes);
    assert_eq!(ask(&within).unwrap().rows, [[Cell::Int(9)]]);
    assert!(matches!(ask(&list(100_000)), Err(EngineError::QueryLength { .. })));
    let wide = Limits { query_bytes: 1 << 20, ..Limits::default() };
    assert_eq!(limited(&list(100_000), wide).unwrap().rows, [[Cell::Int(9)]]);
}
