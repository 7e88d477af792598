//! `adproof stream`: the live path. The same pipeline and the same ledger as `decide`, fed as
//! events arrive.

mod dlq;
mod intake;
mod live;
mod source;
mod status;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adproof_edge::stream::{End, Keep, KeepError, Limits, Places, Stop, Stream, WalLimits};
use adproof_pipeline::Disorder;
use clap::{Args, Subcommand};

use self::live::{Bounds, Live};
use self::source::Source;
use super::decide::{Given, GivenArgs, Journal, JournalArgs};
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof stream`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
A day is decided when the log has received something three days after its end.
At the end of the input everything that is open is decided; after Ctrl-C or
SIGTERM nothing is.

With --state, what arrives is durable before it is worked on, and its sender
hears of it when all that was decided by it is durable too: an HTTP client gets
200, a broker its acknowledgement. After a stop anywhere, kill -9 included,
running again goes on where it was, and ends with the records of an undisturbed
run: nothing is lost, nothing is there twice. Lines that were not taken are kept
with their reason: see `adproof stream dlq`. Without --state, run again over the
whole log: what is recorded is not recorded again.

Each line of the output (--output-format ndjson) is a decision that is durable.
What is worked on again after a stop is told again.

Examples:
  tail -F events.jsonl | adproof stream --source - --feed feeds/ \\
    --policy policy.toml
  adproof stream --source events.jsonl --follow --state state --feed feeds/ \\
    --tags tags/ \\
    --policy policy.toml --ledger ledger --keys keys
  adproof stream --source http://127.0.0.1:8080 --state state --feed feeds/ \\
    --policy policy.toml
  adproof stream \\
    --source 'nats://127.0.0.1:4222/EVENTS?consumer=adproof&dead=dead.events' \\
    --state state --feed feeds/ --policy policy.toml --ledger ledger --keys keys
  adproof stream dlq list --state state"
)]
pub(crate) struct StreamArgs {
    #[command(subcommand)]
    verb: Option<StreamVerb>,

    #[command(flatten)]
    own: Option<OwnArgs>,

    #[command(flatten)]
    given: Option<GivenArgs>,

    #[command(flatten)]
    journal: JournalArgs,
}

/// What a running stream is told.
struct RunArgs<'a> {
    own: &'a OwnArgs,
    given: &'a GivenArgs,
    journal: &'a JournalArgs,
}

#[derive(Debug, Subcommand)]
enum StreamVerb {
    /// Lines that were not taken: lists them, shows them, puts them back.
    Dlq(dlq::DlqArgs),
}

/// Arguments of a running stream that are its own.
#[derive(Debug, Args)]
struct OwnArgs {
    /// Where events come from, as JSON lines: a file, `-`, `http://ADDRESS:PORT` to listen for
    /// `POST /v1/events`, or `nats://HOST:PORT/STREAM?consumer=NAME`, with `&dead=SUBJECT`.
    #[arg(long, visible_alias = "events", value_name = "SOURCE")]
    source: Source,

    /// Goes on when the end of the file is reached, also when it is rotated or cut.
    #[arg(long)]
    follow: bool,

    /// Ends when nothing arrived for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,

    /// A folder for what the stream keeps: what it took, its state, the lines it did not take. It
    /// holds addresses and device ids; keep it as you keep your logs.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Writes the state down so often; in between, what was taken is kept to be worked on again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "state")]
    checkpoint: u64,

    /// How far events may be out of order by their receipt, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 172_800)]
    horizon: u32,

    /// Events that are held to bring them into order.
    #[arg(long, value_name = "N", default_value_t = 262_144)]
    buffer: usize,

    /// How far ahead of this machine's clock an event may have been received, in seconds. What is
    /// further ahead is refused: one such line would close every window.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    ahead: u32,

    /// Bytes that may be on their way between the source and the ledger.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    held: usize,

    /// The source waits above so many hundredths of --held …
    #[arg(long, value_name = "PERCENT", default_value_t = 80,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    high: u8,

    /// … and goes on below so many.
    #[arg(long, value_name = "PERCENT", default_value_t = 30,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    low: u8,

    /// Bytes that are taken, made durable and worked on together, at most.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    batch: usize,

    /// Shows full addresses and device ids instead of keyed names.
    #[arg(long)]
    plain_addresses: bool,
}

pub(crate) fn run(args: &StreamArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match (&args.verb, &args.own, &args.given) {
        (Some(StreamVerb::Dlq(args)), ..) => dlq::run(args, out),
        (None, Some(own), Some(given)) => {
            stream(&RunArgs { own, given, journal: &args.journal }, out)
        }
        _ => Err(Failure::new("there is no source")
            .at("--source")
            .todo("see `adproof stream --help`")
            .into()),
    }
}

fn stream(run: &RunArgs<'_>, out: &mut Out) -> anyhow::Result<Exit> {
    let args = run.own;
    let format = out.format(&[Format::Table, Format::Ndjson])?;
    let origin = args.source.origin(args.follow).map_err(|error| {
        Failure::new(format!("the source cannot be used: {error}"))
            .at(if args.follow { "--follow" } else { "--source" })
            .todo("leave --follow out, or name a source as `adproof stream --help` writes it")
    })?;
    let given = Given::read(run.given)?;
    let stop = Stop::on_signals()?;
    let limits = Limits {
        idle: args.idle.map(Duration::from_secs),
        held_bytes: args.held,
        high_percent: args.high,
        low_percent: args.low.min(args.high),
        batch_bytes: args.batch.max(1),
        chunk_bytes: args.batch.clamp(1, Limits::default().chunk_bytes),
        ..Limits::default()
    };
    let (keep, taker, kept) = match &args.state {
        Some(folder) => {
            let opened = Keep::open(folder, WalLimits::default());
            let (keep, taker, kept) = opened.map_err(|error| state_failure(folder, &error))?;
            (Some(keep), Some(taker), Some(kept))
        }
        None => (None, None, None),
    };
    let places = kept.as_ref().map_or_else(Places::default, |kept| kept.places.clone());
    let source = Stream::open(&origin, &places, stop, limits).map_err(|error| {
        Failure::new(format!("the event log cannot be read: {error}"))
            .at(source_name(&args.source))
            .todo("give a file of JSON lines, `-`, or an address as --help writes it")
    })?;
    // Behind the source, so that a wrong path makes no ledger.
    let journal = Journal::open(run.journal, &given, out)?;
    let bounds = Bounds {
        disorder: Disorder { horizon_us: i64::from(args.horizon) * 1_000_000, events: args.buffer },
        ahead_us: i64::from(args.ahead) * 1_000_000,
        checkpoint: Duration::from_secs(args.checkpoint),
    };
    let mut live = Live::new(given, journal, keep, bounds, (format, args.plain_addresses));
    if let (Some(kept), Some(folder)) = (kept, &args.state) {
        let cut = taker.as_ref().map_or(0, adproof_edge::stream::Taker::cut_bytes);
        if cut > 0 {
            out.note(format_args!("note: {cut} bytes that were half written are cut off"));
        }
        live.resume(kept, folder, out)?;
    }
    if let Some(address) = source.address() {
        out.note(format_args!("listening on http://{address}/v1/events"));
    }
    let end = live.run(source, taker, out);
    finish(live, end, args, out)
}

fn source_name(source: &Source) -> String {
    match source {
        Source::Stdin => "standard input".to_owned(),
        Source::File(path) => path.display().to_string(),
        Source::Http(address) => address.clone(),
        Source::Nats(nats) => nats.server.clone(),
    }
}

/// A state folder that cannot be used, for people.
fn state_failure(folder: &Path, error: &KeepError) -> anyhow::Error {
    let todo = match error {
        KeepError::Held(_) => "wait for the other stream to end, or name another folder",
        KeepError::State { .. } => {
            "restore the folder, or move it aside and run over the whole log"
        }
        _ => "check the disk; nothing that was acknowledged is lost while the folder is whole",
    };
    Failure::new(format!("the stream's state cannot be used: {error}"))
        .at(folder.display())
        .todo(todo)
        .into()
}

/// Leaves the ledger in order whatever happened, and says what was left undone.
fn finish(
    live: Live,
    end: anyhow::Result<End>,
    args: &OwnArgs,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let told = live.told();
    let head = live.head();
    // The first error is the one to tell: a ledger that failed to write fails to close, too.
    let closed = live.close();
    let end = end?;
    closed?;
    if let Some(head) = &head {
        out.note(format_args!(
            "{}: {} records, {} new, {} there already",
            head.log, head.records, head.appended, head.already
        ));
        if head.differing > 0 {
            out.note(format_args!(
                "{} impressions were decided otherwise before; that record stands",
                head.differing
            ));
        }
    }
    if told.rejected > 0 {
        out.note(format_args!("{} lines were not taken", told.rejected));
        for (line, reason) in &told.first_rejects {
            out.note(format_args!("  line {line}: {reason}"));
        }
    }
    for (reason, count) in &told.unjoined {
        out.note(format_args!("{count} events are in no dossier: {reason}"));
    }
    let kept = args.state.as_deref();
    if kept.is_some() && told.rejected + told.misplaced > 0 {
        out.note("they are kept: see `adproof stream dlq list`");
    }
    if matches!(end, End::Stopped) {
        let goes_on = match kept {
            Some(folder) => {
                format!("Run again with --state {}: it goes on there.", folder.display())
            }
            None => format!(
                "Run again over {} from its start: what is recorded is not recorded again.",
                source_name(&args.source)
            ),
        };
        out.note(format_args!(
            "stopped: {} impressions were open and {} events waited; they are not decided. \
             {goes_on}",
            told.open, told.waiting
        ));
    }
    if told.misplaced > 0 {
        out.note(format_args!(
            "{} events came after their place in the order had passed and were left out; \
             give a longer --horizon or a larger --buffer",
            told.misplaced
        ));
        return Ok(Exit::Findings);
    }
    out.flush()?;
    Ok(Exit::Clean)
}
