//! `adproof decide`: evidence and feeds to decisions, and decisions to the ledger.

pub(crate) mod journal;
pub(crate) mod load;
mod table;

use std::path::{Path, PathBuf};

use adproof_feeds::{Limits, read_events};
use adproof_pipeline::Pipeline;
use adproof_wire::decide::{DecideV1, Door};
use clap::Args;

pub(crate) use self::journal::{Journal, JournalArgs};
pub(crate) use self::load::{Given, GivenArgs};
use crate::input;
use crate::out::{Exit, Format, Out};
use crate::verb::score::unread;

/// Arguments of `adproof decide`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Joins the legs of each impression, looks its address up in what the feeds say, and lets the policy
decide; tells why it did not go further. With --ledger, each decision becomes a signed record.
Impressions that are in the ledger already are not recorded again, so a run that was cut off is
finished by running it again.

Examples:
  adproof decide --events events.jsonl --feed feeds/ --tags tags/ --policy policy.toml
  adproof keys new keys --log example.com/adproof
  adproof decide --events events.jsonl --feed feeds/ --tags tags/ --policy policy.toml \\
    --ledger ledger --keys keys --init --disclosures disclosures.jsonl")]
pub(crate) struct DecideArgs {
    /// The event log: JSON lines or CSV. May be given more than once.
    #[arg(long, required = true, value_name = "LOG")]
    pub(crate) events: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) given: GivenArgs,

    #[command(flatten)]
    pub(crate) journal: JournalArgs,

    /// Shows full addresses and device ids instead of keyed names.
    #[arg(long)]
    pub(crate) plain_addresses: bool,
}

pub(crate) fn run(args: &DecideArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Ndjson])?;
    let document = execute(args, out)?;
    match format {
        Format::Json => out.json(&document)?,
        Format::Ndjson => {
            for decision in &document.decisions {
                out.json_line(decision)?;
            }
        }
        _ => table::write(&document, out)?,
    }
    Ok(Exit::Clean)
}

/// Does the work and prints nothing but notes.
pub(crate) fn execute(args: &DecideArgs, out: &Out) -> anyhow::Result<DecideV1> {
    let given = Given::read(&args.given)?;
    // The keys and the ledger come before the work, so that a wrong path costs no minute.
    let mut journal = Journal::open(&args.journal, &given, out)?;
    let mut document = DecideV1::new(&given.inputs.policy, &given.pinned);
    let events = read_log(&args.events, &mut document)?;
    let days = Pipeline::new(given.inputs).batch(events);
    for day in &days {
        if let Some(journal) = &mut journal {
            journal.write(day)?;
        }
        document.add_day(day);
        let recorder = journal.as_ref().map(Journal::recorder);
        document.add_decisions(day, Door::new(recorder, args.plain_addresses));
    }
    document.ledger = journal.as_ref().map(Journal::head);
    if let Some(journal) = journal {
        journal.close()?;
    }
    Ok(document)
}

/// Reads event logs; lines that are not taken go into the document.
pub(crate) fn read_log(
    paths: &[PathBuf],
    document: &mut DecideV1,
) -> anyhow::Result<Vec<adproof_model::Event>> {
    let mut events = Vec::new();
    for log in input::expand(paths, is_log)? {
        let mut log = read_events(&log.name, &log.bytes, &Limits::default())
            .map_err(|error| unread(&error))?;
        events.append(&mut log.events);
        document.rejected.extend(log.rejected.iter().map(Into::into));
        document.rejected_total += log.rejected_total;
    }
    document.events = u64::try_from(events.len()).unwrap_or(u64::MAX);
    Ok(events)
}

fn is_log(path: &Path) -> bool {
    input::has_extension(path, &["jsonl", "ndjson", "csv"])
}
