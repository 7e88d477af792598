//! `adproof score`: how the blocks that feeds list recur, and how sure that is.

mod html;
mod rows;
mod table;
mod traffic;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_batch::BatchError;
use adproof_feeds::FeedError;
use adproof_model::{IssueId, Level};
use adproof_wire::score::{Prepared, Request, ScoreV1, Scored, Source, Wanted};
use clap::Args;

pub(crate) use self::rows::plain;
use self::traffic::TrafficArgs;
use crate::engine;
use crate::input::{self, Input};
use crate::out::{Exit, Failure, Format, Out};
use crate::text;

/// Arguments of `adproof score`.
#[derive(Debug, Args)]
#[command(after_help = "\
A feed is a workbook (.xlsx), CSV, JSON lines, a plain list, a STIX 2.1 bundle
or a MISP event; its content decides. Each file is one issue, dated by its name
(2026-05, 2026-W22, 2026-05-31) or its content. Of a folder, workbooks and files
whose name holds a date are read.

A traffic log is CSV or JSON lines, also packed with gzip or zstd, or Parquet
where the engine is built in, of any size. It has columns for the time and the
address (ts or time, ip) and maybe asn, device, impressions, revenue_micros (of
one currency, which no column names) and flagged; others are passed over.
Where S3 is built in, any input may be in a bucket: s3://BUCKET/KEY, a prefix
or a pattern, with credentials from the environment (AWS_*).

A block is ranked when it returns more often than chance and its neighbours do.
One issue ranks nothing. A block wider than a /48 is a population: it needs
--events to be ranked.

Examples:
  adproof score datasets/ioc-ipv6-*
  adproof score feeds/ --asn asn.csv --events events.jsonl --level /64
  adproof score feeds/ --events 'logs/2026-05-*.csv.zst' --memory 4GB \\
    --rejects bad.csv
  adproof score feeds/ --events '/mnt/logs/*.csv.zst' \\
    --cluster df://10.0.0.5:50050
  adproof score feeds/ --events 'logs/*.csv.gz' --resume done/
  adproof score feeds/ --events 's3://logs/2026/05/*.parquet'
  adproof score feed-2026-05.xlsx --output-format html > report.html
  curl -s https://feed.example/today.csv | adproof score - --issue 2026-05-31")]
pub(crate) struct ScoreArgs {
    /// Issues of feeds: files, folders, globs, or `-` for standard input.
    #[arg(required = true, value_name = "FEED")]
    feeds: Vec<PathBuf>,

    /// The issue that the feed is, where neither its name nor its content dates it.
    #[arg(long, value_name = "LABEL", value_parser = issue)]
    issue: Option<IssueId>,

    /// A table of autonomous systems (asn, name, start, end), for rows that name none.
    #[arg(long, value_name = "TABLE")]
    asn: Option<PathBuf>,

    /// Your own logs: exposure to hold blocks against. Either event logs with legs (JSON lines,
    /// CSV, or Parquet with the engine), or traffic logs with a row an impression.
    #[arg(long, value_name = "LOG")]
    events: Vec<PathBuf>,

    #[command(flatten)]
    traffic: TrafficArgs,

    /// Leaves out issues that end before this one or this day.
    #[arg(long, value_name = "DATE", value_parser = issue)]
    since: Option<IssueId>,

    /// Shows blocks of this level only: /128, /64, /56, /48, /32, asn or provider.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<Level>,

    /// Shows blocks that at least so many issues mark.
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_issues: u32,

    /// Shows at most so many blocks.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
}

fn issue(text: &str) -> Result<IssueId, String> {
    IssueId::parse(text).map_err(|error| error.to_string())
}

pub(crate) fn level(text: &str) -> Result<Level, String> {
    let folded = text.to_ascii_lowercase();
    let known = folded.parse().or_else(|()| format!("/{folded}").parse());
    known.map_err(|()| "a level is /128, /64, /56, /48, /32, asn or provider".to_owned())
}

pub(crate) fn run(args: &ScoreArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Csv, Format::Html])?;
    let scored = scored(args, out)?;
    let sections = match format {
        Format::Html => engine::sections(&scored)?,
        _ => Vec::new(),
    };
    let mut document = scored.document;
    let nothing_taken = document
        .inputs
        .iter()
        .filter(|input| input.rows > 0 && input.accepted == 0 && input.duplicates == 0)
        .count();
    document.keep(&Wanted { level: args.level, min_issues: args.min_issues, top: args.top });
    match format {
        Format::Json => out.json(&document)?,
        Format::Csv => {
            rows::write(&document, out)?;
            note_rejects(&document, out);
        }
        Format::Html => out.write_all(html::page(&document, &sections).as_bytes())?,
        _ => table::write(&document, args.top.is_some(), out)?,
    }
    Ok(if nothing_taken > 0 { Exit::Findings } else { Exit::Clean })
}

/// Reads what the arguments name and scores it.
pub(crate) fn scored(args: &ScoreArgs, out: &Out) -> anyhow::Result<Scored> {
    let feeds = input::expand(&args.feeds, is_feed)?;
    if args.issue.is_some() && feeds.len() > 1 {
        return Err(Failure::new("one issue was stated for several files")
            .at("--issue")
            .todo("name one file, or put the date into each file's name")
            .into());
    }
    let asn = args.asn.as_deref().map(input::one).transpose()?;
    let logs = input::files(&args.events, is_log)?;
    let (traffic, logs) = by_kind(logs);
    let (parquet, logs): (Vec<_>, Vec<_>) =
        logs.into_iter().partition(|path| input::has_extension(path, &["parquet"]));
    let scanned = engine::scan(&parquet)?;
    let events = input::expand(&logs, is_log)?;
    let request = Request {
        feeds: feeds.iter().map(source).collect(),
        issue: args.issue.clone(),
        asn: asn.as_ref().map(source),
        events: events.iter().map(source).collect(),
        scanned: scanned.sightings,
        scanned_logs: scanned.logs,
        since_day: args.since.as_ref().map(IssueId::last_day),
        ..Request::default()
    };
    let mut prepared = Prepared::read(request).map_err(|error| unread(&error))?;
    traffic::add(&traffic, &args.traffic, &mut prepared, out)?;
    Ok(prepared.score())
}

/// Logs of traffic, and all others.
fn by_kind(logs: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let limits = adproof_feeds::Limits::default();
    // Standard input cannot be looked at twice, and what cannot be opened is explained by who
    // reads it.
    logs.into_iter().partition(|log| {
        log != Path::new("-")
            && match adproof_batch::is_traffic(log, &limits) {
                Ok(traffic) => traffic,
                Err(error) => matches!(error, BatchError::ColumnType { .. }),
            }
    })
}

pub(crate) fn source(input: &Input) -> Source<'_> {
    Source { name: &input.name, bytes: &input.bytes }
}

/// Which files of a folder are feeds.
pub(crate) fn is_feed(path: &Path) -> bool {
    let dated = path.file_name().and_then(|name| name.to_str()).and_then(IssueId::from_file_name);
    input::has_extension(path, &["xlsx"])
        || dated.is_some()
            && input::has_extension(path, &["csv", "tsv", "txt", "json", "jsonl", "ndjson"])
}

fn is_log(path: &Path) -> bool {
    let packed = input::has_extension(path, &["gz", "zst"]);
    let inner = if packed { path.with_extension("") } else { path.to_path_buf() };
    input::has_extension(&inner, &["jsonl", "ndjson", "csv", "tsv", "parquet"])
}

/// A reader's error for people.
pub(crate) fn unread(error: &FeedError) -> Failure {
    let place = match error.place() {
        Some(place) => format!("{}: {place}", error.name()),
        None => error.name().to_owned(),
    };
    Failure::new(error.fault().to_string()).at(place).todo(error.remedy())
}

fn note_rejects(document: &ScoreV1, out: &Out) {
    for input in &document.inputs {
        if input.rejected_total > 0 {
            out.note(format_args!(
                "{}: {} of {} rows were not taken; --output-format json lists them",
                text::safe(&input.path),
                input.rejected_total,
                input.rows
            ));
        }
    }
}
