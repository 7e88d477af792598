//! One kernel, four drivers: random logs in random order, with duplicates, late rows and bad ones,
//! give the same bytes in batch, in SQL, on a stream, and in the plans of a cluster as they arrive
//! behind the wire.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use adproof_batch::Options;
use adproof_feeds::{Limits as ReadLimits, read_event_line, read_events, read_feed};
use adproof_model::{Event, Reject};
use adproof_pipeline::{Disorder, Inputs, JoinLimits, Live, Part, Pipeline, Tallied, Windows};
use adproof_policy::Policy;
use adproof_signal::{Grain, Params, Tally, source_name};
use datafusion::arrow::array::RecordBatch;
use datafusion::execution::FunctionRegistry;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionContext, col};
use datafusion_proto::bytes::{
    logical_plan_from_bytes_with_extension_codec, logical_plan_to_bytes_with_extension_codec,
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use proptest::prelude::*;

use super::codec::{PlanCodec, QueryCodec};
use super::logs::{LogsExec, LogsTable, Order};
use super::traffic::{Gathered, tasks};
use super::{settings, state};
use crate::{Answer, Catalog, Cell, EngineOptions, Limits, Named, Session, Table, query};

/// Cases of each law; more by `ADPROOF_LAW_CASES`.
const CASES: u32 = 24;

fn cases() -> ProptestConfig {
    let cases = std::env::var("ADPROOF_LAW_CASES").map_or(CASES, |text| text.parse().unwrap());
    // A case takes as long as hundreds of small ones.
    ProptestConfig { cases, max_shrink_iters: 64, ..ProptestConfig::default() }
}

fn options(partitions: usize) -> EngineOptions {
    EngineOptions { partitions: NonZeroUsize::new(partitions).unwrap(), ..Default::default() }
}

/// A feed that marks single addresses of the logs, so that some exposures are flagged.
const FEED: &str = "ip,fraudType,issue,feed\n\
    3fff:2:0:1::1,own kind,2026-W18,f\n\
    3fff:3:0:2::,own kind,2026-W18,f\n\
    3fff:4:0:3::2,IABcrawler,2026-W19,f\n";

/// The same as a reader of feeds reads it, by issue.
fn feeds() -> Tally {
    let mut tally = Tally::empty();
    for label in ["2026-W18", "2026-W19"] {
        let rows = FEED.lines().filter(|line| line.contains(label));
        let rows = rows.map(|line| line.rsplitn(3, ',').last().unwrap());
        let text = format!("ip,fraudType\n{}\n", rows.collect::<Vec<_>>().join("\n"));
        let name = format!("f-{label}.csv");
        let issue = read_feed(&name, text.as_bytes(), &ReadLimits::default()).unwrap();
        tally.ingest(&issue.issue);
        for indicator in &issue.accepted {
            tally.mark(indicator, &source_name(&name, &issue.issue));
        }
    }
    tally
}

fn inputs() -> Inputs {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| {
        Policy::parse(include_str!("../../../../datasets/policies/demo.toml")).unwrap()
    });
    Inputs {
        policy: POLICY.clone(),
        feeds: feeds(),
        params: Params::default(),
        tags: BTreeMap::new(),
        windows: Windows::default(),
        limits: JoinLimits::default(),
    }
}

fn one(answer: &Answer) -> Vec<u8> {
    match answer.rows.as_slice() {
        [row] => match row.as_slice() {
            [Cell::Bytes(bytes)] => bytes.clone(),
            other => panic!("{other:?}"),
        },
        rows => panic!("{} rows", rows.len()),
    }
}

/// Answers a query as a cluster does, but for its network: the query, written down and read by the
/// coordinator; its plan, written down and read by a worker.
fn behind_the_wire(query: &str, catalog: &Catalog, partitions: usize) -> Answer {
    let (catalog, query, options) = (catalog.clone(), query.to_owned(), options(partitions));
    crate::session::run(&options, async move {
        let limits = Limits::default();
        let (asks, _) = query::equipped(state(settings(&options))?, &catalog)?;
        query::hold(&asks, catalog.carried(), limits)?;
        let plan = asks.state().create_logical_plan(&query).await?;
        let plan = asks.state().optimize(&plan)?;
        let bytes = logical_plan_to_bytes_with_extension_codec(&plan, &QueryCodec::default())?;

        let plans = SessionContext::new_with_state(state(settings(&options))?);
        let read = QueryCodec::default();
        let plan = logical_plan_from_bytes_with_extension_codec(&bytes, &plans.task_ctx(), &read)?;
        let plan = plans.state().create_physical_plan(&plan).await?;
        let (schema, batches) = (plan.schema(), work(plan).await?);
        Answer::of(&schema, &batches, limits.rows)
    })
    .unwrap()
}

/// Runs a plan where it arrived.
async fn work(plan: Arc<dyn ExecutionPlan>) -> Result<Vec<RecordBatch>, crate::EngineError> {
    let codec = PlanCodec::default();
    let bytes = physical_plan_to_bytes_with_extension_codec(plan, &codec)?;
    let works = SessionContext::new_with_state(state(settings(&EngineOptions::default()))?);
    let plan = physical_plan_from_bytes_with_extension_codec(&bytes, &works.task_ctx(), &codec)?;
    Ok(collect(plan, works.task_ctx()).await?)
}

/// One line of an event log: of some impression, by some observer, on some day, perhaps late, and
/// perhaps no event.
fn line() -> impl Strategy<Value = String> {
    let names = (0_u8..12, 0_u8..6, 0_u8..3, 0_u8..6, 0_u8..12);
    let times = (1_u32..9, 0_u32..86_400, prop_oneof![4 => 0_u32..4, 1 => 4_u32..12]);
    (names, times).prop_map(|((impression, leg, observer, net, kind), (day, second, later))| {
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        let (name, rest) = match leg {
            0 => ("request", r#""ua":"TV, \"4K\"","ifa":"d1","bundle":"b","ssai":1"#.to_owned()),
            1 => ("network", format!(r#""asn":{}"#, 64_500 + u32::from(observer))),
            2 => ("creative", r#""creative":"c","price_micros":9,"currency":"USD""#.to_owned()),
            3 => ("vast", r#""tag":"t.xml""#.to_owned()),
            4 => ("execution", r#""outcome":"started""#.to_owned()),
            _ => {
                let currency = if kind % 3 == 0 { "EUR" } else { "USD" };
                ("billing", format!(r#""amount_micros":{second},"currency":"{currency}""#))
            }
        };
        let ids = match kind {
            0 => String::new(),
            1 => format!(r#""transaction":"t{impression}","#),
            _ => format!(r#""transaction":"t{impression}","impression":"1","#),
        };
        let ip = match net {
            0 => String::new(),
            1 => r#""ip":"192.0.2.7","#.to_owned(),
            net => format!(r#""ip":"3fff:{net:x}:0:{:x}::{observer}","#, impression % 4),
        };
        let withheld = if kind == 2 { r#""withheld":"refused","# } else { "" };
        match (kind, observer) {
            (8, 0) => "no event".to_owned(),
            (8, 1) => format!(r#"{{"id":"x","leg":"{name}"}}"#),
            (8, _) => format!(r#"{{"id":"e{impression}","leg":"{name}","ob"#),
            (9, 0) => "  ".to_owned(),
            (9, 1) => r#""id","leg""#.to_owned(),
            _ => format!(
                r#"{{"id":"e{impression}{leg}{observer}","leg":"{name}","observer":"o{observer}",{ids}{ip}{withheld}{rest},"time":"2026-05-{day:02}T{h:02}:{m:02}:{s:02}Z","received":"2026-05-{:02}T{h:02}:{m:02}:{s:02}.5Z"}}"#,
                day + later
            ),
        }
    })
}

/// Where it stands in a log is not known in SQL.
fn placeless(rejects: impl IntoIterator<Item = Reject>) -> Vec<[String; 3]> {
    let parts = |one: Reject| [one.column, one.value, one.reason].map(String::from);
    let mut rejects: Vec<[String; 3]> = rejects.into_iter().map(parts).collect();
    rejects.sort_unstable();
    rejects
}

fn rejected(answer: &Answer) -> Vec<[String; 3]> {
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let row = |row: &Vec<Cell>| [&row[0], &row[1], &row[2]].map(text);
    let mut rows: Vec<[String; 3]> = answer.rows.iter().map(row).collect();
    rows.sort_unstable();
    rows
}

const STATE: &str = "SELECT merge_tallies(state) FROM (\
    SELECT marks(ip, \"fraudType\", issue, feed) AS state FROM f UNION ALL \
    SELECT sightings(id, leg, time, transaction, impression, ip, ifa, asn, amount_micros, \
    currency) AS state FROM events)";
const REJECTS: &str = "SELECT \"column\", value, reason FROM rejects";

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn event_logs_come_to_the_same_bytes_in_batch_sql_stream_and_cluster(
        (lines, order) in prop::collection::vec(line(), 1..150).prop_flat_map(|mut lines| {
            // Every fifth line comes twice.
            let again: Vec<String> = lines.iter().step_by(5).cloned().collect();
            lines.extend(again);
            let order: Vec<usize> = (0..lines.len()).collect();
            (Just(lines), Just(order).prop_shuffle())
        }),
        stops in prop::collection::vec(0_usize..180, 0..4),
        partitions in 1_usize..5,
        of in 1_u32..4,
    ) {
        // A first line that is an event, so that the log is read as what it is.
        let first = r#"{"id":"0","leg":"vast","observer":"o","tag":"t","time":"2026-05-01T00:00:00Z","received":"2026-05-01T00:00:00Z"}"#;
        let text = [&[first.to_owned()], &*lines].concat().join("\n") + "\n";
        let folder = tempfile::tempdir().unwrap();
        let (log, feed) = (folder.path().join("log.jsonl"), folder.path().join("f.csv"));
        std::fs::write(&log, &text).unwrap();
        std::fs::write(&feed, FEED).unwrap();

        // Batch: the log reader and the kernel, as a log and as a whole run.
        let read = read_events("log", text.as_bytes(), &ReadLimits::default()).unwrap();
        prop_assert_eq!(read.rejected.len() as u64, read.rejected_total);
        let expected = {
            let mut tally = feeds();
            tally.expose_events(&read.events);
            tally.to_bytes()
        };
        let bad = placeless(read.rejected);
        let mut pipeline = Pipeline::new(inputs());
        let days = pipeline.batch(read.events.clone());
        prop_assert!(pipeline.tally().to_bytes() == expected, "a whole run");
        let decided: usize = days.iter().map(|day| day.decided.len()).sum();

        // A scan in partitions.
        let scan = crate::scan_events(std::slice::from_ref(&log), &options(partitions)).unwrap();
        let mut scanned = feeds();
        scanned.expose_sightings(scan.sightings);
        prop_assert!(scanned.to_bytes() == expected, "a scan");
        prop_assert_eq!(scan.logs[0].rejected_total, read.rejected_total);

        // SQL here, and as its plans arrive on a cluster.
        let mut catalog = Catalog::default();
        catalog.add("events", Named::Events(vec![log.clone()])).unwrap();
        catalog.add("rejects", Named::Rejects(vec![log])).unwrap();
        catalog.add_files(Table::new("f", vec![feed]).unwrap()).unwrap();
        let session = Session::open(catalog.clone(), &options(partitions)).unwrap();
        prop_assert!(one(&session.answer(STATE).unwrap()) == expected, "SQL");
        prop_assert_eq!(rejected(&session.answer(REJECTS).unwrap()), bad.clone());
        let there = behind_the_wire(STATE, &catalog, partitions);
        prop_assert!(one(&there) == expected, "the plan of a cluster");
        prop_assert_eq!(rejected(&behind_the_wire(REJECTS, &catalog, partitions)), bad.clone());

        // A stream, line by line in another order, stopped and gone on; and in parts.
        let disorder = Disorder { horizon_us: i64::MAX / 4, events: usize::MAX };
        let mut live = Live::new(inputs(), disorder);
        let mut parts: Vec<Tallied> =
            (0..of).filter_map(|index| Part::new(index, of)).map(Tallied::new).collect();
        let event = |line: &str| -> Option<Result<Event, Reject>> {
            read_event_line(format!("{line}\n").as_bytes(), 2, &ReadLimits::default())
        };
        let (mut refused, mut days) = (Vec::new(), Vec::new());
        let told = order.iter().map(|at| lines[*at].as_str()).chain([first]);
        for (step, line) in told.enumerate() {
            match event(line) {
                None => {}
                Some(Err(reject)) => refused.push(reject),
                Some(Ok(event)) => {
                    for part in parts.iter_mut().filter(|part| part.part().holds(&event)) {
                        part.push(&event);
                    }
                    days.append(&mut live.push(event).unwrap());
                }
            }
            if stops.contains(&step) {
                live = Live::from_bytes(inputs(), disorder, &live.to_bytes()).unwrap();
                for part in &mut parts {
                    *part = Tallied::from_bytes(&part.to_bytes()).unwrap();
                }
            }
        }
        days.append(&mut live.finish());
        prop_assert!(live.pipeline().tally().to_bytes() == expected, "a stream");
        prop_assert_eq!(days.iter().map(|day| day.decided.len()).sum::<usize>(), decided);
        prop_assert_eq!(placeless(refused), bad);
        let merged = parts.into_iter().rev().reduce(Tallied::merge).unwrap();
        prop_assert!(merged.model(&feeds()).0 == expected, "{of} processes of a stream");
    }
}

/// A row of a log of traffic, perhaps none.
fn row() -> impl Strategy<Value = [String; 4]> {
    (0_u32..40, 0_u8..3, 1_u32..29, 0_u8..9, 0_u8..12).prop_map(
        |(network, host, day, device, kind)| {
            let ip = match kind {
                0 => "3fff:2:0:1::1".to_owned(),
                1 => "not an address".to_owned(),
                _ => format!("3fff:{:x}:0:{:x}::{host}", network % 5, network / 5),
            };
            let day = if kind == 3 { "May".to_owned() } else { format!("2026-05-{day:02}") };
            let device = if kind == 4 { String::new() } else { format!("d{device}") };
            [day, ip, (64_500 + network % 3).to_string(), device]
        },
    )
}

/// Reads logs as the workers of a cluster do, in pieces, through the plan as it arrives.
fn by_workers(logs: &[PathBuf], piece_bytes: u64, parts: u32, partitions: usize) -> super::Traffic {
    let (paths, options) = (logs.to_vec(), options(partitions));
    let gathered = crate::session::run(&options, async move {
        let tasks = tasks(&paths, piece_bytes, &std::collections::BTreeSet::new())?;
        let order = Order {
            logs: paths,
            parts: NonZeroU32::new(parts).unwrap(),
            memory_bytes: 1 << 20,
            rejects: u64::MAX,
        };
        let mut gathered = Gathered::of(&tasks);
        let context = SessionContext::new_with_state(state(settings(&options))?);
        let merge = context.udaf("merge_tallies")?.call(vec![col("tally")]).alias("tally");
        let logs = LogsTable(Arc::new(LogsExec::new(&tasks, order, feeds().to_bytes().into())?));
        let plan = context
            .read_table(Arc::new(logs))?
            .aggregate(vec![col("log"), col("note"), col("part")], vec![merge])?
            .create_physical_plan()
            .await?;
        for batch in work(plan).await? {
            gathered.add(&batch)?;
        }
        Ok(gathered)
    })
    .unwrap();
    assert!(gathered.torn().is_empty());
    gathered.put_together(logs, usize::MAX, u64::MAX).unwrap()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn logs_of_traffic_come_to_the_same_bytes_in_batch_sql_and_cluster(
        (rows, order) in prop::collection::vec(row(), 1..120).prop_flat_map(|rows| {
            let order: Vec<usize> = (0..rows.len()).collect();
            (Just(rows), Just(order).prop_shuffle())
        }),
        piece_bytes in 60_u64..2_000,
        parts in 1_u32..6,
        partitions in 1_usize..5,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (csv, jsonl) = (folder.path().join("a.csv"), folder.path().join("b.jsonl"));
        let feed = folder.path().join("f.csv");
        std::fs::write(&feed, FEED).unwrap();
        let mut text = "ts,ip,asn,device\n".to_owned();
        for row in &rows {
            writeln!(text, "{}", row.join(",")).unwrap();
        }
        std::fs::write(&csv, &text).unwrap();
        // The same rows once more, in another order: without ids they are other impressions.
        let mut text = r#"{"ts":"2026-05-01","ip":"3fff::1"}"#.to_owned() + "\n";
        for [ts, ip, asn, device] in order.iter().map(|at| &rows[*at]) {
            let row = format!(r#"{{"ts":"{ts}","ip":"{ip}","asn":{asn},"device":"{device}"}}"#);
            writeln!(text, "{row}").unwrap();
        }
        std::fs::write(&jsonl, &text).unwrap();
        let logs = [csv.clone(), jsonl.clone()];

        let (mut expected, mut rejects) = (feeds(), Vec::new());
        let mut tell = |path: &Path, reject: &Reject| {
            rejects.push((usize::from(path == jsonl), reject.clone()));
        };
        let grain = Grain::Network(feeds().listed());
        let (options_here, progress) = (Options::default(), Arc::default());
        let mut batch =
            adproof_batch::read(&logs, &grain, &options_here, &progress, &mut tell).unwrap();
        batch.expose(&mut expected).unwrap();
        let expected = expected.to_bytes();

        let cluster = by_workers(&logs, piece_bytes, parts, partitions);
        prop_assert!(feeds().merge(cluster.tally).to_bytes() == expected, "on workers");
        prop_assert_eq!(&cluster.rejects, &rejects);
        for (there, here) in cluster.logs.iter().zip(&batch.logs) {
            prop_assert_eq!((there.sha256, there.counts), (here.sha256, here.counts));
        }

        // SQL keeps what it is given: whole addresses where a feed marks them, else networks.
        let mut catalog = Catalog::default();
        for (name, path) in [("a", csv), ("b", jsonl), ("f", feed)] {
            catalog.add_files(Table::new(name, vec![path]).unwrap()).unwrap();
        }
        let select = |log: &str| format!(
            "SELECT tally(CASE WHEN f.ip IS NULL THEN ipv6_prefix(t.ip, 64) \
             ELSE ipv6_parse(t.ip) END, device, CASE CAST(ts AS VARCHAR) WHEN 'May' THEN NULL ELSE \
             CAST(ts AS VARCHAR) END, t.asn, 1, 0, f.\"fraudType\" = 'own kind') AS state \
             FROM {log} t LEFT JOIN f ON ipv6_text(t.ip) = ipv6_text(f.ip)"
        );
        let query = format!(
            "SELECT merge_tallies(state) FROM ({} UNION ALL {} UNION ALL SELECT marks(ip, \
             \"fraudType\", issue, feed) AS state FROM f)",
            select("a"),
            select("b")
        );
        let session = Session::open(catalog.clone(), &options(partitions)).unwrap();
        let in_sql = one(&session.answer(&query).unwrap());
        let there = one(&behind_the_wire(&query, &catalog, partitions));
        prop_assert!(in_sql == there, "SQL here and there");
        prop_assert!(in_sql == expected, "SQL");
    }
}
