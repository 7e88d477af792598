//! `adproof decide`: evidence and feeds to decisions, and decisions to the ledger.

pub(crate) mod journal;
pub(crate) mod load;
mod table;

use std::path::{Path, PathBuf};

use adproof_edge::inputs::{InputStore, InputsError, Limits as InputLimits};
use adproof_feeds::{Limits, read_events};
use adproof_ledger::Hash;
use adproof_pipeline::{Day, Pipeline};
use adproof_wire::decide::{DecideV1, Door};
use clap::Args;

pub(crate) use self::journal::{Journal, JournalArgs, date};
pub(crate) use self::load::{Given, GivenArgs, Sources};
use crate::input::{self, Input};
use crate::out::{Exit, Failure, Format, Out};
use crate::verb::score::unread;

/// Arguments of `adproof decide`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Joins the legs of each impression, looks its address up in what the feeds say,
and lets the policy decide; tells why it did not go further. With --ledger, each
decision becomes a signed record. Impressions that are in the ledger already are
not recorded again, so a run that was cut off is finished by running it again.

Examples:
  adproof decide --events events.jsonl --feed feeds/ --tags tags/ \\
    --policy policy.toml
  adproof keys new keys --log example.com/adproof
  adproof decide --events events.jsonl --feed feeds/ --tags tags/ \\
    --policy policy.toml \\
    --ledger ledger --keys keys --init --disclosures disclosures.jsonl")]
pub(crate) struct DecideArgs {
    /// The event log: JSON lines or CSV. May be given more than once.
    #[arg(long, required = true, value_name = "LOG")]
    pub(crate) events: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) given: GivenArgs,

    #[command(flatten)]
    pub(crate) journal: JournalArgs,

    /// Keeps every input in this folder by its digest, so that `rerun --store` finds it. The event
    /// logs in it hold addresses and device ids; keep it as you keep your logs.
    #[arg(long, value_name = "DIR", requires = "ledger")]
    pub(crate) store: Option<PathBuf>,

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
    let sources = Sources::read(&args.given)?;
    let given = Given::of(&sources)?;
    // The keys and the ledger come before the work, so that a wrong path costs no minute.
    let mut journal = Journal::open(&args.journal, &given, out)?;
    let mut document = DecideV1::new(&given.inputs.policy, &given.pinned);
    let logs = logs(&args.events)?;
    let events = read_log(&logs, &mut document)?;
    let days = Pipeline::new(given.inputs).batch(events);
    if let Some(folder) = &args.store {
        // Before the records: what they pin can be had as soon as they are there.
        keep(folder, &sources, &logs, &days)?;
    }
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

fn keep(folder: &Path, sources: &Sources, logs: &[Input], days: &[Day]) -> anyhow::Result<()> {
    let store = InputStore::new(folder, InputLimits::default());
    let cannot = |error: InputsError| {
        Failure::new(format!("the inputs cannot be kept: {error}"))
            .at(folder.display())
            .todo("check that the folder may be written to and has room")
    };
    sources.keep(&store).map_err(cannot)?;
    let logs = store.put_files(load::named(logs)).map_err(cannot)?;
    for day in days {
        let model = Hash::new(*day.model.as_bytes());
        store.put_model(&model, &logs).map_err(cannot)?;
    }
    Ok(())
}

/// The event logs among the files of a folder.
pub(crate) fn logs(paths: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    input::expand(paths, is_log)
}

/// Reads event logs; lines that are not taken go into the document.
pub(crate) fn read_log(
    logs: &[Input],
    document: &mut DecideV1,
) -> anyhow::Result<Vec<adproof_model::Event>> {
    let mut events = Vec::new();
    for log in logs {
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
