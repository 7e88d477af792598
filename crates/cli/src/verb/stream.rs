//! `adproof stream`: the live path. The same pipeline and the same ledger as `decide`, fed as
//! events arrive.

mod dlq;
mod intake;
mod live;
mod merge;
mod open;
mod source;
mod status;
mod tally;
mod work;

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use adproof_edge::stream::{End, KeepError, WalError};
use adproof_pipeline::{Disorder, Part};
use clap::{Args, Subcommand};

use self::live::Live;
use self::open::{FromArgs, Opened, source_name};
use self::work::{Deciding, Work};
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
whole log: what is recorded is not recorded again. `adproof stream tally` counts
a stream in several processes, and `adproof stream merge` puts their tallies
together.

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
    from: Option<FromArgs>,

    #[command(flatten)]
    own: OwnArgs,

    #[command(flatten)]
    given: Option<GivenArgs>,

    #[command(flatten)]
    journal: JournalArgs,
}

/// What a running stream is told.
struct RunArgs<'a> {
    from: &'a FromArgs,
    own: &'a OwnArgs,
    given: &'a GivenArgs,
    journal: &'a JournalArgs,
}

#[derive(Debug, Subcommand)]
enum StreamVerb {
    /// Lines that were not taken: lists them, shows them, puts them back.
    Dlq(dlq::DlqArgs),
    /// Tallies a part of a stream, beside others that do the rest.
    Tally(tally::TallyArgs),
    /// Puts the tallies of several streams together.
    Merge(merge::MergeArgs),
}

/// Arguments of a running stream that are its own.
#[derive(Debug, Args)]
struct OwnArgs {
    /// A folder for what the stream keeps: what it took, its state, the lines it did not take. It
    /// holds addresses and device ids; keep it as you keep your logs.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// How far events may be out of order by their receipt, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 172_800)]
    horizon: u32,

    /// Events that are held to bring them into order.
    #[arg(long, value_name = "N", default_value_t = 262_144)]
    buffer: usize,

    /// Shows full addresses and device ids instead of keyed names.
    #[arg(long)]
    plain_addresses: bool,
}

pub(crate) fn run(args: &StreamArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match (&args.verb, &args.from, &args.given) {
        (Some(StreamVerb::Dlq(args)), ..) => dlq::run(args, out),
        (Some(StreamVerb::Tally(args)), ..) => tally::run(args, out),
        (Some(StreamVerb::Merge(args)), ..) => merge::run(args, out),
        (None, Some(from), Some(given)) => {
            stream(&RunArgs { from, own: &args.own, given, journal: &args.journal }, out)
        }
        _ => Err(Failure::new("there is no source")
            .at("--source")
            .todo("see `adproof stream --help`")
            .into()),
    }
}

fn stream(run: &RunArgs<'_>, out: &mut Out) -> anyhow::Result<Exit> {
    let (from, args) = (run.from, run.own);
    let format = out.format(&[Format::Table, Format::Ndjson])?;
    from.origin()?;
    let given = Given::read(run.given)?;
    let opened = Opened::open(from, args.state.as_deref())?;
    // Behind the source, so that a wrong path makes no ledger.
    let journal = Journal::open(run.journal, &given, out)?;
    let disorder =
        Disorder { horizon_us: i64::from(args.horizon) * 1_000_000, events: args.buffer };
    let work = Deciding::new(given, journal, disorder, (format, args.plain_addresses));
    let (live, end) = opened.run(Work::Deciding(Box::new(work)), Part::WHOLE, from, out)?;
    finish(live, end, from, args.state.as_deref(), out)
}

/// A state folder that cannot be used, for people.
fn state_failure(folder: &Path, error: &KeepError) -> anyhow::Error {
    let todo = match error {
        KeepError::Held(_) => "wait for the other stream to end, or name another folder",
        KeepError::State { .. } => {
            "restore the folder, or move it aside and run over the whole log"
        }
        KeepError::Io { error, .. } | KeepError::Log(WalError::Io { error, .. })
            if matches!(
                error.kind(),
                ErrorKind::StorageFull | ErrorKind::FileTooLarge | ErrorKind::QuotaExceeded
            ) =>
        {
            "make room on the disk, or raise the limit, and run it again: it goes on where it was"
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
    from: &FromArgs,
    kept: Option<&Path>,
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
                source_name(from)
            ),
        };
        match told.open {
            Some((open, waiting)) => out.note(format_args!(
                "stopped: {open} impressions were open and {waiting} events waited; they are not \
                 decided. {goes_on}"
            )),
            None => out.note(format_args!("stopped. {goes_on}")),
        }
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
