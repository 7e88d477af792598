//! `adproof stream`: the live path. The same pipeline and the same ledger as `decide`, fed as
//! events arrive.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adproof_edge::stream::{Arrival, End, Limits, Origin, Stop, Stream};
use adproof_feeds::EventLines;
use adproof_model::Event;
use adproof_pipeline::{Day, Pipeline, Reorder};
use adproof_wire::decide::{DecideV1, DecisionV1, Door};
use clap::Args;

use super::decide::{Given, GivenArgs, Journal, JournalArgs};
use crate::out::{Exit, Failure, Format, Out};

/// Rejected lines that are kept to be shown.
const REJECTS: usize = 100;

/// Arguments of `adproof stream`.
#[derive(Debug, Args)]
#[command(after_help = "\
A day is decided when the log has received something three days after its end. At the end of the
input everything that is open is decided; after Ctrl-C or SIGTERM nothing is: what was decided is
durable, the rest is said, and running again over the same log appends only what is missing.

Each line of the output (--output-format ndjson) is a decision that is durable.

Examples:
  tail -F events.jsonl | adproof stream --events - --feed feeds/ --policy policy.toml
  adproof stream --events events.jsonl --follow --feed feeds/ --tags tags/ \\
    --policy policy.toml --ledger ledger --keys keys")]
pub(crate) struct StreamArgs {
    /// The event log as JSON lines: a file, or `-` for standard input.
    #[arg(long, value_name = "LOG")]
    events: PathBuf,

    /// Goes on when the end of the file is reached, also when it is rotated or cut.
    #[arg(long)]
    follow: bool,

    /// Ends when nothing arrived for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,

    /// How far events may be out of order by their receipt, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 172_800)]
    horizon: u32,

    /// Events that are held to bring them into order.
    #[arg(long, value_name = "N", default_value_t = 262_144)]
    buffer: usize,

    #[command(flatten)]
    given: GivenArgs,

    #[command(flatten)]
    journal: JournalArgs,

    /// Shows full addresses and device ids instead of keyed names.
    #[arg(long)]
    plain_addresses: bool,
}

pub(crate) fn run(args: &StreamArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Ndjson])?;
    let given = Given::read(&args.given)?;
    let stop = Stop::on_signals()?;
    let limits = Limits { idle: args.idle.map(Duration::from_secs), ..Limits::default() };
    let stream = Stream::open(&origin(args)?, stop, limits).map_err(|error| {
        Failure::new(format!("the event log cannot be read: {error}"))
            .at(args.events.display())
            .todo("give a file of JSON lines, or `-` for standard input")
    })?;
    let journal = Journal::open(&args.journal, &given, out)?;
    let mut live = Live {
        document: DecideV1::new(&given.inputs.policy, &given.pinned),
        lines: EventLines::new(&adproof_feeds::Limits::default()),
        reorder: Reorder::new(i64::from(args.horizon) * 1_000_000, args.buffer),
        pipeline: Pipeline::new(given.inputs),
        journal,
        misplaced: 0,
        format,
        plain: args.plain_addresses,
    };
    let end = live.run(stream, out);
    live.finish(end, args, out)
}

fn origin(args: &StreamArgs) -> anyhow::Result<Origin> {
    let stdin = args.events == Path::new("-");
    match (stdin, args.follow) {
        (true, true) => Err(Failure::new("standard input cannot be followed beyond its end")
            .at("--follow")
            .todo("leave --follow out, or name a file")
            .into()),
        (true, false) => Ok(Origin::Stdin),
        (false, true) => Ok(Origin::Follow(args.events.clone())),
        (false, false) => Ok(Origin::File(args.events.clone())),
    }
}

struct Live {
    document: DecideV1,
    lines: EventLines,
    reorder: Reorder,
    pipeline: Pipeline,
    journal: Option<Journal>,
    /// Events that came after their place in the order had passed.
    misplaced: u64,
    format: Format,
    plain: bool,
}

impl Live {
    /// Takes what arrives until nothing more does.
    fn run(&mut self, mut stream: Stream, out: &mut Out) -> anyhow::Result<End> {
        loop {
            match stream.wait() {
                Arrival::Bytes(bytes) => {
                    self.lines.push(&bytes);
                    self.take(out)?;
                }
                Arrival::Rotated => {
                    self.cut(out)?;
                    out.note("note: the log was rotated; going on with the new file");
                }
                Arrival::Truncated => {
                    self.cut(out)?;
                    out.note("note: the log was cut; reading it from its start again");
                }
                Arrival::End(End::Failed(error)) => return Err(error.into()),
                Arrival::End(end @ (End::Eof | End::Idle)) => {
                    self.cut(out)?;
                    while let Some(event) = self.reorder.drain() {
                        self.decide(event, out)?;
                    }
                    for day in self.pipeline.finish() {
                        self.tell(&day, out)?;
                    }
                    return Ok(end);
                }
                Arrival::End(end) => return Ok(end),
            }
        }
    }

    /// The end of a file: a last line without a newline counts as a line.
    fn cut(&mut self, out: &mut Out) -> anyhow::Result<()> {
        self.lines.finish();
        self.take(out)?;
        self.lines = EventLines::new(&adproof_feeds::Limits::default());
        Ok(())
    }

    fn take(&mut self, out: &mut Out) -> anyhow::Result<()> {
        while let Some(line) = self.lines.next() {
            match line {
                Ok(event) => {
                    self.document.events += 1;
                    if self.reorder.push(event).is_err() {
                        self.misplaced += 1;
                    }
                    while let Some(event) = self.reorder.pop() {
                        self.decide(event, out)?;
                    }
                }
                Err(reject) => {
                    self.document.rejected_total += 1;
                    if self.document.rejected.len() < REJECTS {
                        self.document.rejected.push((&reject).into());
                    }
                }
            }
        }
        Ok(())
    }

    fn decide(&mut self, event: Event, out: &mut Out) -> anyhow::Result<()> {
        for day in self.pipeline.push(event) {
            self.tell(&day, out)?;
        }
        Ok(())
    }

    /// Makes a day durable, then tells of it.
    fn tell(&mut self, day: &Day, out: &mut Out) -> anyhow::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.write(day)?;
        }
        self.document.add_day(day);
        if self.format == Format::Ndjson {
            let door = Door::new(self.journal.as_ref().map(Journal::recorder), self.plain);
            for decided in day.decided.iter().filter(|decided| decided.recorded) {
                out.json_line(&DecisionV1::new(decided, door))?;
            }
        } else if let Some(told) = self.document.days.last() {
            writeln!(
                out,
                "{}  {} impressions, {} recorded",
                told.day, told.impressions, told.recorded
            )?;
        }
        out.flush()?;
        Ok(())
    }

    /// Leaves the ledger in order whatever happened, and says what was left undone.
    fn finish(
        self,
        end: anyhow::Result<End>,
        args: &StreamArgs,
        out: &mut Out,
    ) -> anyhow::Result<Exit> {
        let head = self.journal.as_ref().map(Journal::head);
        // The first error is the one to tell: a ledger that failed to write fails to close, too.
        let closed = self.journal.map_or(Ok(()), Journal::close);
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
        if self.document.rejected_total > 0 {
            out.note(format_args!("{} lines were not taken", self.document.rejected_total));
            for reject in self.document.rejected.iter().take(3) {
                out.note(format_args!("  line {}: {}", reject.row, reject.reason));
            }
        }
        for (reason, count) in &self.document.unjoined {
            out.note(format_args!("{count} events are in no dossier: {reason}"));
        }
        if matches!(end, End::Stopped) {
            out.note(format_args!(
                "stopped: {} impressions were open and {} events waited; they are not decided. \
                 Run again over {} from its start: what is recorded is not recorded again.",
                self.pipeline.open(),
                self.reorder.len(),
                args.events.display()
            ));
        }
        if self.misplaced > 0 {
            out.note(format_args!(
                "{} events came after their place in the order had passed and were left out; \
                 give a longer --horizon or a larger --buffer",
                self.misplaced
            ));
            return Ok(Exit::Findings);
        }
        Ok(Exit::Clean)
    }
}
