//! `adproof ledger close`: the sums of a window, signed.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::store::LedgerReader;
use adproof_ledger::{Body, Draft, EncodeError, Opening, Record, WindowClose};
use adproof_model::Timestamp;
use adproof_pipeline::{Closing, Notes};
use adproof_wire::settle::{LedgerCloseV1, WindowV1};
use clap::Args;

use super::erase::{Erasures, Left};
use super::line::of_type;
use crate::disclosures::Disclosures;
use crate::keyring::{AccessArgs, open_signing_keys, open_writer, store_failure};
use crate::out::{Exit, Failure, Format, Out};
use crate::text::{clip, safe};
use crate::verb::decide::journal::{ClockChoice, clock};
use crate::verb::ledger::open;

/// Arguments of `adproof ledger close`.
#[derive(Debug, Args)]
#[command(after_help = "\
Sums up the decisions of a span of time by party, action and currency, and signs
the sums, so that what somebody left out shows when both sides compare theirs
(`ledger reconcile`). For a bill, let the policy record all impressions: record
= \"all\".

An impression belongs to the window in which its first event lies; the party is
the observer of the bill. Both are in the disclosures that `decide
--disclosures` wrote, each of which is checked against its record. Without a
bill the party is empty and the currency XXX.

Windows follow each other without a gap, and none is closed twice. A decision
that was recorded after its window had been closed is counted in the next, and
that is said. Close a window before you erase evidence of it: what was erased
counts without party and amount.

Examples:
  adproof ledger close ledger --keys keys --disclosures disclosures.jsonl \\
    --from 2026-05-01 --to 2026-06-01
  adproof ledger close ledger --keys keys --disclosures disclosures.jsonl \\
    --to 2026-07-01 --dry-run")]
#[command(override_usage = "\
adproof ledger close [OPTIONS] --keys <DIR> --disclosures <FILE>
                            --to <TIME> <DIR>")]
pub(super) struct CloseArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The folder with the private keys of the log, which also open the disclosures.
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,

    /// The private disclosures of the records. May be given more than once.
    #[arg(long, value_name = "FILE", required = true)]
    disclosures: Vec<PathBuf>,

    /// The beginning: a day or an RFC 3339 time [default: the end of the window before].
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<Timestamp>,

    /// The end, not within the window.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Timestamp,

    /// Counts decisions that no disclosure opens, too: without party and amount. Else such a
    /// decision is an error.
    #[arg(long)]
    missing_as_unknown: bool,

    /// Shows the sums and writes nothing.
    #[arg(long)]
    dry_run: bool,

    /// Whose time the record carries: `system`, or `fixed:TIME`.
    #[arg(long, value_name = "CLOCK", value_parser = clock, default_value = "system")]
    clock: ClockChoice,

    #[command(flatten)]
    access: AccessArgs,
}

/// Reads a day or a time.
fn instant(text: &str) -> Result<Timestamp, String> {
    let time = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
    time.map_err(|error: adproof_model::TimestampParseError| error.to_string())
}

pub(super) fn run(args: &CloseArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let clock = args.clock.clock();
    let now = clock.now();
    if args.to.micros() > now.wall_us {
        return Err(Failure::new(format!("the window ends in the future, at {}", args.to))
            .at("--to")
            .todo("close it when it is over and its impressions are decided")
            .into());
    }
    let (name, last) = last_window(&args.ledger)?;
    let (from, first) = begin(args, last.as_ref())?;
    let mut disclosures = Disclosures::default();
    for path in &args.disclosures {
        disclosures.read(path)?;
    }
    let closing = Closing::new(from, args.to, first);
    let (window, notes, erased) = sum(args, closing, first, &disclosures)?;
    let mut record = None;
    if !args.dry_run {
        let keys = open_signing_keys(&args.keys, &args.access, out)?;
        let (trusted, heads) = (keys.trusted().clone(), keys.heads());
        let (signers, _) = keys.into_signers();
        let mut writer = open_writer(&args.ledger, false, (signers, &trusted, &heads), &now)?;
        let body = Body::WindowClose(window.clone());
        let places = writer.append_bodies(vec![(body, clock.now())]).map_err(|error| {
            let long = matches!(
                &error,
                adproof_edge::store::StoreError::Append(adproof_ledger::AppendError::Encode(
                    EncodeError::TooLong { .. }
                ))
            );
            if long {
                let parties = window.totals.len();
                return Failure::new(format!("{parties} sums do not fit into one record"))
                    .todo("close a shorter window")
                    .into();
            }
            store_failure(error)
        })?;
        writer.close().map_err(store_failure)?;
        record = places.first().map(|place| place.seq);
    }
    let document = LedgerCloseV1 {
        schema: "adproof.ledger-close/1",
        log: name,
        record,
        window: WindowV1::from(&window),
        decisions: notes.decisions,
        late: notes.late,
        left_over: notes.left_over,
        unknown: notes.unknown,
        erased,
        more_bills: notes.more_bills,
    };
    say(&notes, erased, out);
    if format == Format::Json {
        out.json(&document)?;
    } else {
        show(&document, out)?;
    }
    Ok(Exit::Clean)
}

/// The log's name, and the window that was closed last.
fn last_window(ledger: &Path) -> anyhow::Result<(String, Option<WindowClose>)> {
    let reader = open(ledger)?;
    let name = reader.own_keys().map_err(store_failure)?.log().to_owned();
    Ok((name, windows(&reader)?.pop()))
}

/// The windows that were closed, in order.
pub(super) fn windows(reader: &LedgerReader) -> anyhow::Result<Vec<WindowClose>> {
    let mut windows = Vec::new();
    of_type(reader, "window-close", |_, record| {
        if let Body::WindowClose(window) = record.body {
            windows.push(window);
        }
    })?;
    Ok(windows)
}

/// Where the window begins, in time and in the log.
fn begin(args: &CloseArgs, last: Option<&WindowClose>) -> anyhow::Result<(Timestamp, u64)> {
    let end = last.map(|last| Timestamp::from_micros(last.to_us));
    let first = last.map_or(0, |last| last.records.first.saturating_add(last.records.count));
    let wrong = |what: String, todo: String| Failure::new(what).at("--from").todo(todo);
    let from = match (args.from, end) {
        (None, None) => {
            let todo = "say where the first window begins".to_owned();
            return Err(wrong("no window was closed before".to_owned(), todo).into());
        }
        (Some(from), Some(end)) if from < end => {
            return Err(wrong(
                format!("the window until {end} is closed; nothing is closed twice"),
                format!("begin at {end}, or leave --from out"),
            )
            .into());
        }
        (Some(from), Some(end)) if from > end => {
            return Err(wrong(
                format!("between {end} and {from} nothing would be summed up"),
                format!("begin at {end}, or leave --from out"),
            )
            .into());
        }
        (from, end) => from.or(end).unwrap_or(args.to),
    };
    if from >= args.to {
        let what = format!("the window would end at {}, before it begins at {from}", args.to);
        return Err(wrong(what, "give a later --to".to_owned()).into());
    }
    Ok((from, first))
}

/// Sums up what is behind the window before, and counts what was erased of it.
fn sum(
    args: &CloseArgs,
    mut closing: Closing,
    first: u64,
    disclosures: &Disclosures,
) -> anyhow::Result<(WindowClose, Notes, u64)> {
    let reader = open(&args.ledger)?;
    let mut erasures = Erasures::open(&reader, &args.keys, &args.access.passphrase)?;
    let mut fault: Option<anyhow::Error> = None;
    let mut missing = Missing::default();
    let read = reader.each(|seq, frame| {
        if seq >= first && fault.is_none() {
            let mut take = || {
                let record = Record::parse(&frame.entry).map_err(|error| {
                    Failure::new(format!("record {seq}: {error}"))
                        .todo("run `adproof ledger verify` to see what is wrong")
                })?;
                let opening = match record.decision() {
                    Some(draft) => missing.opening(seq, draft, &mut erasures, disclosures)?,
                    None => None,
                };
                closing.push(&record, opening.as_ref()).map_err(|error| {
                    Failure::new(error.to_string())
                        .todo("give the disclosures that `decide` wrote with this ledger")
                })?;
                anyhow::Ok(())
            };
            fault = take().err();
        }
    });
    read.map_err(store_failure)?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    if let Some(at) = missing.first.filter(|_| !args.missing_as_unknown) {
        let more = missing.count - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let paths: Vec<_> =
            args.disclosures.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::new(format!("nothing opens record {at}{more}"))
            .at(paths.join(", "))
            .todo(
                "give all files of disclosures, or count such decisions without party and amount: \
                 --missing-as-unknown",
            )
            .into());
    }
    let (window, notes) = closing.finish();
    Ok((window, notes, missing.erased))
}

/// Decisions that nothing opens.
#[derive(Default)]
struct Missing {
    first: Option<u64>,
    count: u64,
    erased: u64,
}

impl Missing {
    /// What opens a decision; counts it where nothing does.
    fn opening(
        &mut self,
        seq: u64,
        draft: &Draft,
        erasures: &mut Erasures,
        disclosures: &Disclosures,
    ) -> anyhow::Result<Option<Opening>> {
        let subject = &draft.dec.subject;
        let key = match erasures.left(subject)? {
            Left::Key(key) => Some(key),
            Left::Erased(_) => {
                self.erased += 1;
                return Ok(None);
            }
            Left::Unknown => None,
        };
        let opening = disclosures.opening(seq, subject, key.as_ref())?;
        if opening.is_none() {
            self.first.get_or_insert(seq);
            self.count += 1;
        }
        Ok(opening)
    }
}

fn say(notes: &Notes, erased: u64, out: &Out) {
    for (count, what) in [
        (notes.late, "decisions of an earlier window, which came too late for it"),
        (notes.left_over, "decisions that go to the next window, behind one of which they stand"),
        (erased, "decisions whose evidence was erased, counted without party and amount"),
        (
            notes.unknown.saturating_sub(erased),
            "decisions without disclosures, counted without party and amount",
        ),
        (notes.more_bills, "decisions with more than one bill, of which the first counts"),
    ] {
        if count > 0 {
            out.note(format_args!("note: {what}: {count}"));
        }
    }
}

fn show(document: &LedgerCloseV1, out: &mut Out) -> anyhow::Result<()> {
    let window = &document.window;
    writeln!(out, "log      {}", document.log)?;
    writeln!(out, "window   {} to {}", window.from, window.to)?;
    match document.record {
        Some(record) => writeln!(out, "record   {record}")?,
        None => writeln!(out, "record   none was written")?,
    }
    writeln!(
        out,
        "sums up  {} decisions in {} records from record {}\n",
        document.decisions, window.count, window.first
    )?;
    let width = out.width.saturating_sub(45).max(10);
    writeln!(out, "{:<width$}  ACTION    CUR  {:>8}  {:>16}", "PARTY", "COUNT", "AMOUNT")?;
    for total in &window.totals {
        let party = if total.party.is_empty() { "-" } else { &total.party };
        writeln!(
            out,
            "{:<width$}  {:<8}  {:<3}  {:>8}  {:>16}",
            clip(&safe(party), width),
            total.action,
            total.currency,
            total.count,
            money(total.amount_micros)
        )?;
    }
    Ok(())
}

/// Millionths as whole units.
pub(super) fn money(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let value = micros.unsigned_abs();
    format!("{sign}{}.{:06}", value / 1_000_000, value % 1_000_000)
}
