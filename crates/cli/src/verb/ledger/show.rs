//! `adproof ledger show`: lists records, finds them by what they say, shows one.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_edge::store::{FoundBy, HashPrefix, LedgerReader, OwnedFrame, Query};
use adproof_ledger::{Action, Record, record_hash};
use adproof_model::Timestamp;
use adproof_wire::ledger::LedgerShowV1;
use clap::Args;

use super::erase::{Erasures, Left};
use super::{line, open};
use crate::keyring::{PassphraseArgs, store_failure};
use crate::out::{Exit, Failure, Format, Out};
use crate::text::safe;

/// Arguments of `adproof ledger show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Records are found by an index beside them, which is brought up to date first and
can be made anew with `adproof ledger reindex`. Each record that it names is
read and compared. Nothing is verified: for that there is `adproof ledger
verify`.

Examples:
  adproof ledger show ledger
  adproof ledger show ledger 7
  adproof ledger show ledger --subject 5b9f1c02
  adproof ledger show ledger --target 3fff:100:0:1::/64 --action block
  adproof ledger show ledger --since 2026-06-01T00:00:00Z --output-format ndjson")]
pub(super) struct ShowArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The record's place, from 0 [default: a list of all that fit].
    #[arg(conflicts_with_all = ["subject", "leaf", "target", "typ", "action", "since", "until"])]
    seq: Option<u64>,

    /// Only decisions about this subject: its hash, or the first 8 digits or more.
    #[arg(long, value_name = "HASH", value_parser = prefix)]
    subject: Option<HashPrefix>,

    /// Only the record with this leaf hash, or the first 8 digits or more.
    #[arg(long, value_name = "HASH", value_parser = prefix)]
    leaf: Option<HashPrefix>,

    /// Only decisions about this target, as it stands in the record.
    #[arg(long, value_name = "TEXT")]
    target: Option<String>,

    /// Only records of this type: decision, key, recovery and so on.
    #[arg(long = "type", value_name = "TYPE")]
    typ: Option<String>,

    /// Only decisions of this action.
    #[arg(long, value_name = "ACTION", value_parser = action)]
    action: Option<Action>,

    /// Only records from this time on, by their own clock.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,

    /// Only records before this time, by their own clock.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// The folder with the private keys of the log: then a record whose evidence was erased is told
    /// as such.
    #[arg(long, value_name = "DIR", requires = "seq")]
    keys: Option<PathBuf>,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

fn prefix(text: &str) -> Result<HashPrefix, &'static str> {
    HashPrefix::parse(text).ok_or("a hash is 64 lower-case hex digits; at least the first 8 count")
}

fn action(text: &str) -> Result<Action, String> {
    let found = Action::NAMES.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, action)| action).ok_or_else(|| {
        let names: Vec<_> = Action::NAMES.iter().map(|(name, _)| *name).collect();
        format!("an action is one of {}", names.join(", "))
    })
}

impl ShowArgs {
    fn query(&self) -> Query {
        Query {
            leaf: self.leaf,
            subject: self.subject,
            target: self.target.clone(),
            typ: self.typ.clone(),
            action: self.action,
            from_us: self.since.map(Timestamp::micros),
            until_us: self.until.map(Timestamp::micros),
        }
    }
}

pub(super) fn run(args: &ShowArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let reader = open(&args.ledger)?;
    match args.seq {
        Some(seq) => show_one(args, &reader, seq, out)?,
        None => show_many(args, &reader, out)?,
    }
    Ok(Exit::Clean)
}

fn document(frame: &OwnedFrame) -> anyhow::Result<LedgerShowV1> {
    let record = Record::parse(&frame.entry).map_err(|error| {
        Failure::new(error.to_string()).todo("run `adproof ledger verify` to see what is wrong")
    })?;
    let signed_by = frame.signatures.iter().map(|one| one.kid.to_string()).collect();
    Ok(LedgerShowV1::new(&record, record_hash(&frame.entry), signed_by, &frame.entry)?)
}

/// The place of the record that says that this one's evidence was erased.
fn erased_by(args: &ShowArgs, reader: &LedgerReader, entry: &[u8]) -> anyhow::Result<Option<u64>> {
    let Some(keys) = &args.keys else {
        return Ok(None);
    };
    let record = Record::parse(entry).ok();
    let Some(draft) = record.as_ref().and_then(Record::decision) else {
        return Ok(None);
    };
    let left = Erasures::open(reader, keys, &args.passphrase)?.left(&draft.dec.subject)?;
    Ok(if let Left::Erased(by) = left { by } else { None })
}

fn show_one(args: &ShowArgs, reader: &LedgerReader, seq: u64, out: &mut Out) -> anyhow::Result<()> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let frame = reader.record(seq).map_err(store_failure)?;
    let mut document = document(&frame)?;
    document.erased_by = erased_by(args, reader, &frame.entry)?;
    if format == Format::Json {
        return out.json(&document);
    }
    writeln!(out, "record  {seq}")?;
    writeln!(out, "leaf    {}", document.leaf)?;
    for kid in &document.signed_by {
        writeln!(out, "signed  {kid}")?;
    }
    if let Some(by) = document.erased_by {
        writeln!(out, "erased  its evidence can no longer be opened: record {by} says so")?;
    }
    for (at, ack) in line::acks_of(reader, seq)? {
        let reason = safe(&ack.statement.reason);
        let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
        writeln!(out, "{}  in record {at}{reason}", ack.statement.stance.as_str())?;
        writeln!(out, "  by {}", ack.kid)?;
    }
    writeln!(out)?;
    writeln!(out, "{}", safe_lines(&serde_json::to_string_pretty(&document.record)?))?;
    Ok(())
}

fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

fn show_many(args: &ShowArgs, reader: &LedgerReader, out: &mut Out) -> anyhow::Result<()> {
    let format = out.format(&[Format::Table, Format::Ndjson])?;
    let mut result = if format == Format::Table {
        writeln!(out, "{:>8}  {:<12}  {:<8}  {:<28}  SUBJECT", "RECORD", "TYPE", "ACTION", "TARGET")
            .map_err(Into::into)
    } else {
        Ok(())
    };
    let mut found = 0_u64;
    let print = |seq, frame: OwnedFrame| {
        found += 1;
        if result.is_ok() {
            result = if format == Format::Table {
                show_line(seq, &frame, out)
            } else {
                document(&frame).and_then(|document| out.json_line(&document))
            };
        }
    };
    let query = args.query();
    if query.is_empty() {
        let read = reader.each(print);
        return result.and_then(|()| read.map_err(store_failure));
    }
    let by = reader.find(&query, print);
    result?;
    if by.map_err(store_failure)? == FoundBy::Reading {
        out.note("note: the index could not be used; all records were read");
    }
    if found == 0 {
        out.note("note: no record fits");
    }
    Ok(())
}

fn show_line(seq: u64, frame: &OwnedFrame, out: &mut Out) -> anyhow::Result<()> {
    let Ok(record) = Record::parse(&frame.entry) else {
        writeln!(out, "{seq:>8}  not a record")?;
        return Ok(());
    };
    let typ = record.body.typ();
    let [action, target, subject] = line::columns(&record);
    writeln!(out, "{seq:>8}  {typ:<12}  {action:<8}  {target:<28}  {subject}")?;
    Ok(())
}
