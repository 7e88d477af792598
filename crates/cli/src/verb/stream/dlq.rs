//! `adproof stream dlq`: lines that were not taken, and how they come back.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::clock::{Clock as _, SystemClock};
use adproof_edge::stream::{DeadLetter, Keep, WalLimits};
use adproof_model::Timestamp;
use adproof_wire::dlq::DeadLetterV1;
use clap::{Args, Subcommand};

use crate::out::{Exit, Failure, Format, Out};
use crate::text::{clip, safe};

/// Arguments of `adproof stream dlq`.
#[derive(Debug, Args)]
pub(super) struct DlqArgs {
    #[command(subcommand)]
    verb: DlqVerb,
}

#[derive(Debug, Subcommand)]
enum DlqVerb {
    /// Lists the lines that were not taken, each with its reason.
    List(StateArgs),
    /// Writes one line as it came, byte for byte.
    Show(ShowArgs),
    /// Puts lines back: the next run of the stream works on them first.
    Replay(ReplayArgs),
}

/// The state folder.
#[derive(Debug, Args)]
struct StateArgs {
    /// The stream's state folder, as `--state` names it. No stream may be running on it.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

/// Arguments of `adproof stream dlq show`.
#[derive(Debug, Args)]
struct ShowArgs {
    /// The line's number in the list.
    number: u64,

    #[command(flatten)]
    state: StateArgs,
}

/// Arguments of `adproof stream dlq replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Lines come back as they came. Put them back when what was wrong lay with us: a
limit that was too low, a clock that was behind. A line that is wrong in itself
comes here again.

Examples:
  adproof stream dlq replay --state state 17 18
  adproof stream dlq replay --state state --all")]
struct ReplayArgs {
    /// The lines' numbers in the list.
    #[arg(required_unless_present = "all")]
    numbers: Vec<u64>,

    /// All that were not put back before.
    #[arg(long, conflicts_with = "numbers")]
    all: bool,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &DlqArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        DlqVerb::List(args) => list(args, out),
        DlqVerb::Show(args) => show(args, out),
        DlqVerb::Replay(args) => replay(args, out),
    }
}

/// Opens a state folder that is there already.
fn letters(folder: &Path) -> anyhow::Result<Vec<DeadLetter>> {
    let (keep, ..) = open(folder)?;
    keep.dead().list().map_err(|error| super::state_failure(folder, &error.into()))
}

fn open(
    folder: &Path,
) -> anyhow::Result<(Keep, adproof_edge::stream::Taker, adproof_edge::stream::Kept)> {
    if !folder.join("taken").is_dir() {
        return Err(Failure::new("there is no state of a stream")
            .at(folder.display())
            .todo("name the folder that `adproof stream --state` was given")
            .into());
    }
    Keep::open(folder, WalLimits::default()).map_err(|error| super::state_failure(folder, &error))
}

fn list(args: &StateArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Ndjson])?;
    let letters = letters(&args.state)?;
    if format == Format::Ndjson {
        for letter in &letters {
            out.json_line(&document(letter))?;
        }
        return Ok(Exit::Clean);
    }
    if letters.is_empty() {
        writeln!(out, "no line was refused")?;
        return Ok(Exit::Clean);
    }
    writeln!(out, "{:>8}  {:<20}  {:<10}  REASON", "NUMBER", "ARRIVED", "FIELD")?;
    let room = out.width.saturating_sub(44).max(16);
    for letter in &letters {
        let time = Timestamp::from_micros(letter.arrived_us).to_string();
        let time = time.get(..19).map_or_else(|| time.clone(), |day| format!("{day}Z"));
        let back = if letter.replayed { " (put back)" } else { "" };
        let reason = clip(&safe(&letter.reason), room.saturating_sub(back.len()));
        let column = clip(&safe(&letter.column), 10);
        writeln!(out, "{:>8}  {time:<20}  {column:<10}  {reason}{back}", letter.number)?;
    }
    Ok(Exit::Clean)
}

fn document(letter: &DeadLetter) -> DeadLetterV1 {
    DeadLetterV1::new(
        letter.number,
        Timestamp::from_micros(letter.arrived_us),
        &letter.column,
        &letter.reason,
        &letter.bytes,
        letter.replayed,
    )
}

fn show(args: &ShowArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let letters = letters(&args.state.state)?;
    let letter = letters.iter().find(|letter| letter.number == args.number).ok_or_else(|| {
        Failure::new(format!("there is no line {} among those that were refused", args.number))
            .at(args.state.state.display())
            .todo("see `adproof stream dlq list`")
    })?;
    if format == Format::Json {
        out.json(&document(letter))?;
    } else {
        out.note(format_args!("{}: {}", letter.column, letter.reason));
        out.write_all(&letter.bytes)?;
        out.write_all(b"\n")?;
    }
    Ok(Exit::Clean)
}

fn replay(args: &ReplayArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let folder = &args.state.state;
    let fail = |error| super::state_failure(folder, &error);
    let (mut keep, mut taker, _) = open(folder)?;
    let letters = keep.dead().list().map_err(|error| fail(error.into()))?;
    let open: Vec<u64> =
        letters.iter().filter(|letter| !letter.replayed).map(|letter| letter.number).collect();
    let wanted = if args.all { open } else { args.numbers.clone() };
    if let Some(unknown) =
        wanted.iter().find(|wanted| letters.iter().all(|letter| letter.number != **wanted))
    {
        return Err(Failure::new(format!("there is no line {unknown}"))
            .at(folder.display())
            .todo("see `adproof stream dlq list`")
            .into());
    }
    let now = SystemClock::default().now().wall_us;
    let count = keep.replay(&mut taker, now, &wanted).map_err(fail)?;
    writeln!(out, "{count} lines are put back; the next run of the stream works on them first")?;
    Ok(Exit::Clean)
}
