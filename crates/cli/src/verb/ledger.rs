//! `adproof ledger`: verifies, shows and proves.

mod ack;
mod anchor;
mod changes;
mod checkpoint;
mod close;
mod compare;
pub(crate) mod erase;
mod export;
mod line;
pub(crate) mod outside;
mod proof;
mod reconcile;
mod reindex;
mod show;
pub(crate) mod shown;
mod witness;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::anchors::Outside;
use adproof_edge::store::{LedgerReader, OwnedFrame, Published};
use adproof_ledger::dsse::Envelope;
use adproof_ledger::verify::{KeyHistory, Limits, Problem, Verifier};
use adproof_ledger::{Report, TlogProof, TrustedKeys, VerifiedCheckpoint};
use adproof_wire::ledger::LedgerVerifyV1;
use clap::{Args, Subcommand};
use indicatif::HumanCount;

use crate::keyring::{store_failure, trusted_or_own, write_file};
use crate::out::{Exit, Failure, Format, Out};
use crate::text::wrap;

/// Arguments of `adproof ledger`.
#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    verb: LedgerVerb,
}

#[derive(Debug, Subcommand)]
enum LedgerVerb {
    /// Checks every record, link, signature, tile and checkpoint, and names what is wrong.
    Verify(VerifyArgs),
    /// Lists the records, finds some by what they say, or shows one. Verifies nothing.
    Show(show::ShowArgs),
    /// Writes the proof of a record's place, or that the log continues an older checkpoint.
    Prove(ProveArgs),
    /// Makes the index anew that `show` finds records by.
    Reindex(reindex::ReindexArgs),
    /// Checks such a proof without the ledger.
    VerifyProof(proof::VerifyProofArgs),
    /// Prints and verifies a checkpoint.
    Checkpoint(checkpoint::CheckpointArgs),
    /// Writes records and the checkpoint as files for openssl, ssh-keygen and coreutils.
    Export(export::ExportArgs),
    /// Destroys the key to one person's evidence of a day, and records it.
    Erase(erase::EraseArgs),
    /// What the other party says to records: signs it, or takes it into the log.
    Ack(ack::AckArgs),
    /// Signs the sums of a span of time.
    Close(close::CloseArgs),
    /// Compares closed windows with what the other party counts.
    Reconcile(reconcile::ReconcileArgs),
    /// Asks witnesses to cosign checkpoints, or is one.
    Witness(witness::WitnessArgs),
    /// Puts time stamps over checkpoints: RFC 3161 and OpenTimestamps.
    Anchor(anchor::AnchorArgs),
}

/// Arguments of `adproof ledger verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
What passes was signed by the holders of the keys, in this order, and nobody
else changed, left out or added a record. That the holders themselves did not
write another history, or cut the tail, shows only against a checkpoint that
somebody else has held: keep a copy of the ledger's file `checkpoint` and give
it with --checkpoint.

Exit codes: 0 verified, 1 something is wrong, 2 it could not be checked.

Examples:
  adproof ledger verify ledger --key log.pub
  adproof ledger verify ledger --key log.pub --checkpoint held-in-march
  adproof ledger verify ledger --key log.pub --policy policy \\
    --tsa-root tsa-root.pem
  # a fork, or one history?
  adproof ledger verify held-by-me held-by-them --key log.pub")]
struct VerifyArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// A second ledger, or a checkpoint: then both are compared and nothing else is checked. The
    /// first may be a checkpoint too.
    #[arg(value_name = "OTHER", conflicts_with = "held")]
    other: Option<PathBuf>,

    /// A checkpoint of this log that was held elsewhere. May be given more than once.
    #[arg(long = "checkpoint", value_name = "FILE")]
    held: Vec<PathBuf>,

    /// Public keys to trust, as `keys export` writes them. May be given more than once [default:
    /// those that lie in the ledger, which trusts the folder].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    #[command(flatten)]
    outside: outside::OutsideArgs,

    #[command(flatten)]
    changes: changes::ChangesArgs,
}

/// Arguments of `adproof ledger prove`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adproof ledger prove ledger 7 -o 7.tlog-proof --record 7.json
  # under a checkpoint that meets it
  adproof ledger prove ledger 7 --policy policy
  adproof ledger prove ledger --consistency held-in-march -o since-march")]
struct ProveArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The record's place, from 0: the proof is a C2SP tlog-proof.
    #[arg(required_unless_present = "consistency", conflicts_with = "consistency")]
    seq: Option<u64>,

    /// Proves instead that the log continues this checkpoint, or its first records of this number.
    /// The proof has the form of a request to a witness (C2SP tlog-witness).
    #[arg(long, value_name = "FILE|N")]
    consistency: Option<String>,

    /// Also writes the record, as a DSSE envelope with its signatures, to this file.
    #[arg(long, value_name = "FILE", conflicts_with = "consistency")]
    record: Option<PathBuf>,

    /// Takes the newest checkpoint that meets this C2SP tlog-policy and covers the record [default:
    /// the last checkpoint].
    #[arg(long, value_name = "FILE", conflicts_with = "consistency")]
    policy: Option<PathBuf>,

    /// Writes to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &LedgerArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        LedgerVerb::Verify(args) => verify(args, out),
        LedgerVerb::Show(args) => show::run(args, out),
        LedgerVerb::Erase(args) => erase::run(args, out),
        LedgerVerb::Reindex(args) => reindex::run(args, out),
        LedgerVerb::Prove(args) => prove(args, out),
        LedgerVerb::VerifyProof(args) => proof::run(args, out),
        LedgerVerb::Checkpoint(args) => checkpoint::run(args, out),
        LedgerVerb::Export(args) => export::run(args, out),
        LedgerVerb::Ack(args) => ack::run(args, out),
        LedgerVerb::Close(args) => close::run(args, out),
        LedgerVerb::Reconcile(args) => reconcile::run(args, out),
        LedgerVerb::Witness(args) => witness::run(args, out),
        LedgerVerb::Anchor(args) => anchor::run(args, out),
    }
}

/// Opens a ledger for reading.
pub(crate) fn open(path: &Path) -> anyhow::Result<LedgerReader> {
    LedgerReader::open(path).map_err(store_failure)
}

/// The keys of a ledger as its key records tell. Its own file has the keys of all times.
pub(crate) fn history(
    reader: &LedgerReader,
    trusted: &TrustedKeys,
    given: bool,
) -> anyhow::Result<KeyHistory> {
    if given {
        reader.key_history(trusted).map_err(store_failure)
    } else {
        Ok(KeyHistory::new(trusted))
    }
}

/// Checks a ledger; `held` are checkpoints that somebody has kept.
fn check(
    reader: &LedgerReader,
    trusted: &TrustedKeys,
    held: Vec<VerifiedCheckpoint>,
    outside: &Outside,
    out: &Out,
) -> anyhow::Result<Report> {
    let mut verifier = Verifier::new(trusted, Limits::default());
    for checkpoint in held {
        verifier = verifier.held(checkpoint);
    }
    for (checkpoint, standing) in outside.seen.iter().cloned() {
        verifier = verifier.against(checkpoint, standing);
    }
    for stamp in &outside.stamps {
        verifier = verifier.stamped(stamp);
    }
    let bar = out.bytes_bar();
    let report = reader.verify_watched(verifier, |done| {
        bar.set_length(done.bytes_total);
        bar.set_position(done.bytes);
        bar.set_message(format!("{} records", HumanCount(done.records)));
    });
    bar.finish_and_clear();
    report.map_err(store_failure)
}

fn read_checkpoint(path: &Path, keys: &KeyHistory) -> anyhow::Result<VerifiedCheckpoint> {
    let cannot = |what: String| {
        Failure::new(what)
            .at(path.display())
            .todo("give a copy of the file `checkpoint` of this log, and its keys with --key")
    };
    let bytes = std::fs::read(path)
        .map_err(|error| cannot(format!("the held checkpoint cannot be read: {error}")))?;
    keys.checkpoint(&bytes)
        .map_err(|error| cannot(format!("the held checkpoint cannot be trusted: {error}")).into())
}

fn verify(args: &VerifyArgs, out: &mut Out) -> anyhow::Result<Exit> {
    if let Some(other) = &args.other {
        return compare::run((&args.ledger, other), (&args.keys, &args.changes), out);
    }
    let format = out.format(&[Format::Table, Format::Json])?;
    let reader = open(&args.ledger)?;
    let (trusted, given) = trusted_or_own(&args.keys, &reader, out)?;
    let history = history(&reader, &trusted, given)?;
    let outside = outside::gather(&args.outside, &reader, &history)?;
    let held = args.held.iter().map(|path| read_checkpoint(path, &history));
    let held = held.collect::<anyhow::Result<Vec<_>>>()?;
    let report = check(&reader, &trusted, held, &outside, out)?;
    if format == Format::Json {
        let policy = outside.policy.as_ref().map(Into::into);
        let anchors = outside.anchors.iter().map(outside::anchor_document).collect();
        let document = LedgerVerifyV1::new(&report, given, args.held.len());
        out.json(&document.with_outside(policy, anchors, outside.is_good()))?;
    } else {
        print_report(&report, args.held.len(), &outside, out)?;
    }
    Ok(if report.is_good() && outside.is_good() { Exit::Clean } else { Exit::Findings })
}

/// Prints what checking a ledger found.
fn print_report(
    report: &Report,
    held: usize,
    outside: &Outside,
    out: &mut Out,
) -> anyhow::Result<()> {
    writeln!(out, "log         {}", report.log)?;
    writeln!(out, "records     {}", report.records)?;
    writeln!(out, "root        {}", report.root)?;
    match &report.checkpoint {
        Some(checkpoint) => writeln!(out, "checkpoint  {} records, signed", checkpoint.size())?,
        None => writeln!(out, "checkpoint  not to be trusted")?,
    }
    if held > 0 {
        writeln!(out, "held        {held} compared")?;
    }
    let checked = &report.checked;
    for (name, count) in [
        ("witnessed ", checked.witnessed),
        ("anchored  ", checked.anchored),
        ("acks      ", checked.acks),
    ] {
        if count > 0 {
            writeln!(out, "{name}  {count} compared")?;
        }
    }
    outside::print(outside, report, out)?;
    writeln!(out)?;
    let failure = outside::failure(outside);
    if let Some(failure) = failure {
        writeln!(out, "{failure}")?;
    }
    if report.is_good() {
        let but = if failure.is_some() { "the records themselves" } else { "verified" };
        writeln!(out, "{but}: nothing is wrong")?;
    } else {
        let plural = if report.problems_total == 1 { "problem" } else { "problems" };
        writeln!(out, "FAILED: {} {plural}", report.problems_total)?;
        list(told(&report.problems), out)?;
    }
    let not_checked = report.not_checked();
    if !not_checked.is_empty() {
        writeln!(out, "\nnot checked:")?;
        list(not_checked.iter().map(ToString::to_string).collect(), out)?;
    }
    Ok(())
}

fn list(items: Vec<String>, out: &mut Out) -> anyhow::Result<()> {
    let width = out.width;
    for item in items {
        for (index, line) in wrap(&item, width.saturating_sub(4)).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

/// The problems in words. Records in a row with the same fault are told together: once a link is
/// broken, so is every one behind it.
fn told(problems: &[Problem]) -> Vec<String> {
    let mut told = Vec::new();
    for run in problems.chunk_by(|a, b| {
        let next = a.record.and_then(|seq| seq.checked_add(1));
        next.is_some() && next == b.record && a.fault == b.fault
    }) {
        match run {
            [one] => told.push(one.to_string()),
            [first, .., last] => {
                let (from, to) = (first.record.unwrap_or(0), last.record.unwrap_or(0));
                told.push(format!("{first} (and so for records {from} to {to})"));
            }
            [] => {}
        }
    }
    told
}

/// The proofs of records' places under the ledger's own verified checkpoint, with the lines of its
/// witnesses.
pub(crate) fn proofs(
    reader: &LedgerReader,
    trusted: &TrustedKeys,
    seqs: &[u64],
) -> anyhow::Result<Vec<TlogProof>> {
    reader.proofs(&published(reader, trusted)?, seqs).map_err(store_failure)
}

/// The ledger's own checkpoint with the lines of its witnesses, under the ledger's own keys.
pub(crate) fn published(
    reader: &LedgerReader,
    trusted: &TrustedKeys,
) -> anyhow::Result<VerifiedCheckpoint> {
    let published = Published::open(&reader.root()).map_err(store_failure)?;
    let note = published.checkpoint().map_err(store_failure)?;
    VerifiedCheckpoint::verify(&note, trusted.log(), trusted.checkpoint_keys()).map_err(|error| {
        Failure::new(format!("the checkpoint of the ledger: {error}"))
            .at(reader.root().join("checkpoint").display())
            .todo("run `adproof ledger verify` to see what is wrong")
            .into()
    })
}

fn prove(args: &ProveArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let text = match (&args.consistency, args.seq) {
        (Some(old), _) => shown::consistency_proof(&args.ledger, old, out)?,
        (None, Some(seq)) => prove_place(args, seq)?,
        (None, None) => return Ok(Exit::Clean),
    };
    match &args.output {
        Some(path) => write_file(path, text.as_bytes())?,
        None => out.write_all(text.as_bytes())?,
    }
    Ok(Exit::Clean)
}

fn prove_place(args: &ProveArgs, seq: u64) -> anyhow::Result<String> {
    let reader = open(&args.ledger)?;
    let trusted = reader.own_keys().map_err(store_failure)?;
    let proofs = match &args.policy {
        None => proofs(&reader, &trusted, &[seq])?,
        Some(path) => {
            let policy = shown::read_policy(path)?;
            let checkpoint = shown::meeting_over(&args.ledger, &trusted, (path, &policy), seq)?;
            reader.proofs(&checkpoint, &[seq]).map_err(store_failure)?
        }
    };
    if let Some(path) = &args.record {
        let OwnedFrame { entry, signatures } = reader.record(seq).map_err(store_failure)?;
        write_file(path, &Envelope { payload: entry, signatures }.to_bytes())?;
    }
    Ok(proofs.iter().map(TlogProof::to_text).collect())
}
