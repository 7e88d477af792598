//! `adproof sql`: questions over feeds, logs, tags, a ledger and other files.

#[cfg(feature = "engine")]
mod history;
#[cfg(feature = "engine")]
mod shell;
#[cfg(feature = "engine")]
mod show;
#[cfg(feature = "engine")]
mod split;
#[cfg(feature = "engine")]
mod tables;
#[cfg(feature = "engine")]
mod typing;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use crate::out::{Exit, Out};
use crate::text::size;

/// Arguments of `adproof sql`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is written and nothing is fetched: only queries are answered (SELECT,
WITH, VALUES, EXPLAIN, SHOW), over what is named. A table is read when a query
names it.

Tables (--schema lists their columns):
  indicators  the rows of the feeds                        --feed
  blocks      how the blocks that they list recur          --feed (--events)
  events      the events of your logs                      --events
  rejects     rows of these logs that are no events, why   --events
  findings    what the linter says of tags                 --tags
  decisions   the decisions of a ledger, not verified      --ledger
  any other   CSV, JSONL and Parquet                       --table

Functions beside those of SQL:
  ipv6_parse(address)           16 bytes in network order
  ipv6_prefix(address, length)  the block that holds the address, as 16 bytes
  ipv6_text(address)            text (RFC 5952)
  ipv6_scope(address)           global, private, documentation, …
  asn(address, day)             the autonomous system, by the table of --asn
  tally(address, device, time [, asn [, impressions
    [, revenue_micros [, flagged]]]])
                                an aggregate: what scoring starts from
  marks(prefix, fraud_type, issue [, feed [, provider [, asn]]])
                                an aggregate: the same, over indicators
  sightings(id, leg, time, transaction, impression, ip, ifa,
    asn, amount_micros, currency)
                                an aggregate: the same, over events
  merge_tallies(state)          an aggregate: such states as one tally
  recurrence(state, …)          a table: blocks, scored from such states

Examples:
  adproof sql --feed 'feeds/*' \\
    'SELECT block, recurrence_ppm FROM blocks LIMIT 10'
  adproof sql --ledger ledger \\
    'SELECT action, count(*) FROM decisions GROUP BY action'
  adproof sql --events events.jsonl \\
    'SELECT leg, count(*) FROM events GROUP BY leg'
  adproof sql --table log=logs/ --output-format csv \\
    'SELECT ipv6_text(ipv6_prefix(ip, 64)) AS block,
       count(DISTINCT ifa) AS devices
     FROM log GROUP BY block ORDER BY devices DESC LIMIT 20'
  adproof sql --feed feeds/ -f report.sql
  adproof sql --table 's3://logs/2026/*.parquet'
  adproof sql --cluster df://10.0.0.5:50050 -t 'log=/mnt/logs/*.parquet' \\
    'SELECT count(*) FROM log'")]
pub(crate) struct SqlArgs {
    /// The query; `-` reads it from standard input. A shell asks for them where none is given.
    query: Option<String>,

    /// Reads the query from a file. Of several, ended by `;`, all are answered in turn.
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,

    /// Lists the tables and their columns, and answers nothing.
    #[arg(long, conflicts_with_all = ["query", "file"])]
    schema: bool,

    /// Issues of feeds, for `indicators` and `blocks`: files, folders or globs.
    #[arg(long = "feed", value_name = "FEED")]
    feeds: Vec<PathBuf>,

    /// Event logs with legs (JSON lines, CSV or Parquet), for `events`, `rejects` and `blocks`.
    #[arg(long, value_name = "LOG")]
    events: Vec<PathBuf>,

    /// A table of autonomous systems (asn, name, start, end or prefix, maybe first_day, last_day),
    /// for `asn` and for rows of feeds that name none.
    #[arg(long, value_name = "TABLE")]
    asn: Option<PathBuf>,

    /// VAST tags, for `findings`: files, folders (their .xml, .vast and .vmap) or globs.
    #[arg(long, value_name = "TAG")]
    tags: Vec<PathBuf>,

    /// A ledger, for `decisions`.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,

    /// A table over a file, folder or glob (CSV, JSONL, Parquet). Without NAME= each file is a
    /// table of its own, named by its stem: lower case, `_` for what is no letter or digit.
    #[arg(long = "table", short, value_name = "[NAME=]PATH")]
    tables: Vec<String>,

    /// Keeps nothing of what is typed in the shell, and brings back nothing.
    #[arg(long, conflicts_with_all = ["query", "file", "schema"])]
    no_history: bool,

    /// Rows of the answer; more are cut, with a note.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_rows: usize,

    /// Memory that sorts, joins and groups may hold together before they spill to temporary files
    /// or fail.
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = size)]
    memory: u64,

    /// Time for the answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    timeout_ms: u64,

    /// Partitions and threads [default: the number of cores].
    #[arg(long, value_name = "N")]
    partitions: Option<NonZeroUsize>,

    /// Lets the workers of a cluster answer: df://HOST:PORT of its coordinator. They open the
    /// files of --table, --events and --asn under the same paths; the rows of other tables are
    /// read here and travel with the query.
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
}

#[cfg(not(feature = "engine"))]
pub(crate) fn run(_args: &SqlArgs, _out: &mut Out) -> anyhow::Result<Exit> {
    Err(crate::engine::missing("`adproof sql`").into())
}

#[cfg(feature = "engine")]
pub(crate) use with_engine::run;
#[cfg(feature = "engine")]
use with_engine::{FORMATS, answer, notes};

#[cfg(feature = "engine")]
mod with_engine {
    use std::future::{Future, pending};
    use std::io::{IsTerminal as _, Read as _, Write as _, stdin, stdout};
    use std::path::Path;

    use adproof_engine::{Answer, Catalog, EngineError, EngineOptions, Limits, Session};

    use super::{Exit, Out, SqlArgs, shell, show, split, tables};
    use crate::out::{Failure, Format};
    use crate::{engine, input};

    /// How answers are printed.
    pub(super) const FORMATS: [Format; 4] =
        [Format::Table, Format::Json, Format::Ndjson, Format::Csv];

    pub(crate) fn run(args: &SqlArgs, out: &mut Out) -> anyhow::Result<Exit> {
        let format = out.format(&FORMATS)?;
        if args.schema {
            show::answer(&tables::schema(), format, out)?;
            return Ok(Exit::Clean);
        }
        let text = match (&args.query, &args.file) {
            (Some(query), _) if query != "-" => query.clone(),
            (Some(_), _) => read(Path::new("-"))?,
            (None, Some(file)) => read(file)?,
            (None, None) if stdin().is_terminal() && stdout().is_terminal() => {
                let catalog = tables::catalog(args, out)?;
                let session = Session::open(catalog.clone(), &options(args));
                let session = session.map_err(engine::explain)?;
                shell::run(&session, &catalog, args, format, out)?;
                return Ok(Exit::Clean);
            }
            (None, None) => piped()?,
        };
        let statements = split::statements(&text);
        if statements.len() > 1 && format != Format::Table {
            return Err(Failure::new(format!(
                "{} queries give no single document",
                statements.len()
            ))
            .at("--output-format")
            .todo("ask one at a time, or print them as tables")
            .into());
        }
        // A text without any is refused in the words of the engine.
        let statements = if statements.is_empty() { vec![text.as_str()] } else { statements };
        let catalog = tables::catalog(args, out)?;
        let session = Session::open(catalog.clone(), &options(args)).map_err(engine::explain)?;
        for (at, statement) in statements.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            let answer = answer(&session, &catalog, args, statement, pending())?;
            let answer = answer.ok_or(EngineError::Cancelled).map_err(engine::explain)?;
            notes(&answer, args, out);
            show::answer(&answer, format, out)?;
        }
        Ok(Exit::Clean)
    }

    /// Answers one query here or on a cluster; nothing when `cancelled` ends first.
    pub(super) fn answer(
        session: &Session,
        catalog: &Catalog,
        args: &SqlArgs,
        statement: &str,
        cancelled: impl Future<Output = ()>,
    ) -> anyhow::Result<Option<Answer>> {
        let answered = match &args.cluster {
            Some(url) => on_cluster(args, catalog, url, statement, cancelled)?,
            None => session.answer_unless(statement, cancelled),
        };
        match answered {
            Err(EngineError::Cancelled) => Ok(None),
            answered => Ok(Some(answered.map_err(engine::explain)?)),
        }
    }

    /// What a reader must know of an answer beside its rows.
    pub(super) fn notes(answer: &Answer, args: &SqlArgs, out: &Out) {
        if answer.truncated {
            out.note(format_args!(
                "note: there are more than {} rows; --max-rows gives more",
                args.max_rows
            ));
        }
        if answer.rejects {
            out.note(
                "note: rows of the logs that are no events were left out; the table `rejects` \
                 lists them",
            );
        }
    }

    /// Queries on standard input, where nobody sits before it.
    fn piped() -> anyhow::Result<String> {
        let mut text = String::new();
        let bytes = input::Limits::default().file_bytes;
        let read = stdin().lock().take(bytes).read_to_string(&mut text);
        read.map_err(|error| {
            Failure::new(format!("the query cannot be read: {error}")).at("standard input")
        })?;
        if text.trim().is_empty() {
            return Err(Failure::new("there is no query")
                .todo("give one as an argument, with -f FILE, or on standard input")
                .into());
        }
        Ok(text)
    }

    fn read(path: &Path) -> anyhow::Result<String> {
        let input = input::one(path)?;
        String::from_utf8(input.bytes).map_err(|_| {
            Failure::new("the query is not UTF-8").at(input.name).todo("write it in UTF-8").into()
        })
    }

    #[cfg(not(feature = "cluster"))]
    fn on_cluster(
        _: &SqlArgs,
        _: &Catalog,
        _: &str,
        _: &str,
        _: impl Future<Output = ()>,
    ) -> anyhow::Result<Result<Answer, EngineError>> {
        Err(engine::without_cluster("`--cluster`").into())
    }

    #[cfg(feature = "cluster")]
    fn on_cluster(
        args: &SqlArgs,
        catalog: &Catalog,
        url: &str,
        query: &str,
        cancelled: impl Future<Output = ()>,
    ) -> anyhow::Result<Result<Answer, EngineError>> {
        let coordinator = engine::coordinator(url, "--cluster")?;
        let partitions = args.partitions.unwrap_or(engine::CLUSTER_PARTITIONS);
        let options = EngineOptions { partitions, ..options(args) };
        Ok(adproof_engine::cluster::sql(&coordinator, query, catalog, &options, cancelled))
    }

    fn options(args: &SqlArgs) -> EngineOptions {
        let default = EngineOptions::default();
        EngineOptions {
            partitions: args.partitions.unwrap_or(default.partitions),
            limits: Limits {
                rows: args.max_rows,
                memory_bytes: usize::try_from(args.memory).unwrap_or(usize::MAX),
                time_ms: args.timeout_ms,
                ..default.limits
            },
        }
    }
}
