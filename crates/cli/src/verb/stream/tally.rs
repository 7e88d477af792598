//! `adproof stream tally`: a part of a stream is counted, beside others that count the rest.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_edge::stream::Origin;
use adproof_pipeline::{Part, Tallied};
use clap::Args;

use super::finish;
use super::open::{FromArgs, Opened};
use super::work::Work;
use crate::out::{Exit, Failure, Out};

/// Arguments of `adproof stream tally`.
#[derive(Debug, Args)]
#[command(after_help = "\
Several processes share a stream by the address of its events: of an IPv6
address the first 32 bits decide whose it is, of an IPv4 address the first 16;
what has none is in part 0, and so are lines that are no events. Each process
reads the whole stream, keeps its part, and has a state folder of its own.
Nothing is decided: the legs of one impression may lie in several parts. What
the parts have seen is put together by `adproof stream merge`, byte for byte as
if one process had seen all.

From a broker each process has a durable consumer of its own, NAME-0-of-3 and so
on: a message is acknowledged by each, when its part of it is durable. The
stream must keep messages for all of them (retention by limits or interest, not
a work queue).

Examples:
  adproof stream tally --source nats://127.0.0.1:4222/EVENTS \\
    --state part0 --partition 0/3
  adproof stream tally --source events.jsonl --state whole
  adproof stream merge part0 part1 part2 --out log.tally")]
pub(super) struct TallyArgs {
    #[command(flatten)]
    from: FromArgs,

    /// Which part: 0/3, 1/3 or 2/3 of three processes.
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    partition: Part,

    /// A folder for what the stream keeps: what it took, its state, the lines it did not take. It
    /// holds addresses and device ids; keep it as you keep your logs.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
}

pub(super) fn run(args: &TallyArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let part = args.partition;
    let mut origin = args.from.origin()?;
    if let (Origin::Nats(nats), (index, of @ 2..)) = (&mut origin, part.numbers()) {
        nats.consumer = format!("{}-{index}-of-{of}", nats.consumer);
    }
    let opened = Opened::open_origin(&args.from, &origin, Some(&args.state))?;
    // A folder of another part would leave out events, and hold others twice.
    if let Some(state) = opened.kept()
        && let Ok(kept) = Tallied::of_state(state)
        && kept.part() != part
    {
        return Err(Failure::new(format!("the state is of part {}, not {part}", kept.part()))
            .at(args.state.display())
            .todo("give each part a folder of its own, and always the same one")
            .into());
    }
    let work = Work::Tallying(Box::new(Tallied::new(part)));
    let (live, end) = opened.run(work, part, &args.from, out)?;
    let (events, work) = live.stands();
    let seen = work.standing().impressions;
    writeln!(out, "part {part}: {events} events now, {seen} impressions in all")?;
    finish(live, end, &args.from, Some(&args.state), out)
}
