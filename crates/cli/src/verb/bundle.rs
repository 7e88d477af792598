//! `adproof bundle`: what one gives to the other side of a dispute.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::bundle::{Limits, pack, unpack};
use adproof_ledger::bundle::{self, BundleReport, Item};
use adproof_ledger::{Opening, Record};
use adproof_wire::ledger::BundleVerifyV1;
use clap::{Args, Subcommand};

use super::ledger::{open, proofs};
use crate::keyring::{read_trusted, store_failure, write_file};
use crate::out::{Exit, Failure, Format, Out};
use crate::text::{safe, wrap};

/// Arguments of `adproof bundle`.
#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    #[command(subcommand)]
    verb: BundleVerb,
}

#[derive(Debug, Subcommand)]
enum BundleVerb {
    /// Packs records with signatures, proofs, checkpoint and public keys into one file.
    Make(MakeArgs),
    /// Checks a bundle, with nothing but the keys that you trust.
    Verify(VerifyArgs),
}

/// Arguments of `adproof bundle make`.
#[derive(Debug, Args)]
#[command(after_help = "\
A record holds salted digests in place of addresses and devices. --reveal opens single values of
it to whoever gets the bundle; everything else stays hidden.

Examples:
  adproof bundle make ledger 17 -o dispute.zip
  adproof bundle make ledger 17 18 -o dispute.zip --disclosures disclosures.jsonl \\
    --reveal network.ip --reveal billing.amount_micros")]
struct MakeArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The places of the records.
    #[arg(required = true, value_name = "SEQ")]
    seqs: Vec<u64>,

    /// The bundle to write.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// The private disclosures of the records, one JSON line each.
    #[arg(long, value_name = "FILE")]
    disclosures: Option<PathBuf>,

    /// A value to reveal. May be given more than once.
    #[arg(long, value_name = "LEG.NAME", requires = "disclosures")]
    reveal: Vec<String>,
}

/// Arguments of `adproof bundle verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 verified, 1 something is wrong, 2 it could not be checked.

Examples:
  adproof bundle verify dispute.zip --key log.pub")]
struct VerifyArgs {
    /// The bundle.
    bundle: PathBuf,

    /// Public keys to trust, as `keys export` writes them. May be given more than once [default:
    /// those in the bundle, which trusts its sender].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

pub(crate) fn run(args: &BundleArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        BundleVerb::Make(args) => make(args, out),
        BundleVerb::Verify(args) => verify(args, out),
    }
}

fn make(args: &MakeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let reader = open(&args.ledger)?;
    let trusted = reader.own_keys().map_err(store_failure)?;
    let mut seqs = args.seqs.clone();
    seqs.sort_unstable();
    seqs.dedup();
    let openings = match &args.disclosures {
        Some(path) => read_openings(path)?,
        None => Vec::new(),
    };
    let mut items = Vec::new();
    for (proof, seq) in proofs(&reader, &trusted, &seqs)?.into_iter().zip(seqs) {
        let frame = reader.record(seq).map_err(store_failure)?;
        let opening = choose(args, &frame.entry, &openings);
        items.push(Item { entry: frame.entry, signatures: frame.signatures, proof, opening });
    }
    let revealed = items.iter().any(|item| item.opening.is_some());
    if !args.reveal.is_empty() && !revealed {
        return Err(Failure::new("none of these records has a value of these names to reveal")
            .at(args.reveal.join(", "))
            .todo("check the names, and that the disclosures are those of this ledger")
            .into());
    }
    let files = bundle::make(&trusted, &items);
    // A bundle that does not verify is never handed out.
    if let Some((record, fault)) = bundle::verify(&files, &trusted).problems.first() {
        let record = record.map_or_else(String::new, |record| format!("record {record}: "));
        return Err(Failure::new(format!("{record}{fault}"))
            .at(args.ledger.display())
            .todo("run `adproof ledger verify` to see what is wrong")
            .into());
    }
    let bytes = pack(&files).map_err(|error| Failure::new(error.to_string()))?;
    write_file(&args.output, &bytes)?;
    let plural = if items.len() == 1 { "record" } else { "records" };
    writeln!(out, "{}: {} {plural}", args.output.display(), items.len())?;
    Ok(Exit::Clean)
}

fn choose(args: &MakeArgs, entry: &[u8], openings: &[Opening]) -> Option<Opening> {
    let record = Record::parse(entry).ok()?;
    let subject = record.decision()?.dec.subject;
    let opening = openings.iter().find(|opening| opening.subject == subject)?;
    let chosen = opening
        .reveal(|leg, name| args.reveal.iter().any(|one| one.split_once('.') == Some((leg, name))));
    (!chosen.legs.is_empty()).then_some(chosen)
}

fn read_openings(path: &Path) -> anyhow::Result<Vec<Opening>> {
    let cannot = |what: String| {
        Failure::new(what)
            .at(path.display())
            .todo("give the file that `adproof decide --disclosures` wrote")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| cannot(format!("the disclosures cannot be read: {error}")))?;
    let parsed = text.lines().enumerate().map(|(index, line)| {
        Opening::parse(line.as_bytes())
            .map_err(|error| cannot(format!("line {} of the disclosures: {error}", index + 1)))
    });
    Ok(parsed.collect::<Result<_, _>>()?)
}

fn verify(args: &VerifyArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let cannot = |what: String| {
        Failure::new(what)
            .at(args.bundle.display())
            .todo("give a file that `adproof bundle make` wrote")
    };
    let limits = Limits::default();
    let bytes = read_bounded(&args.bundle, limits.archive_bytes)
        .map_err(|error| cannot(format!("the bundle cannot be read: {error}")))?;
    let files = unpack(&bytes, &limits)
        .map_err(|error| cannot(format!("the bundle cannot be read: {error}")))?;
    let (trusted, given) = if let Some(trusted) = read_trusted(&args.keys)? {
        (trusted, true)
    } else {
        out.note(
            "note: verifying with the public keys that lie in the bundle itself. That shows only \
             that it fits together; give the keys that you hold with --key.",
        );
        let own = bundle::own_keys(&files);
        (own.ok_or_else(|| cannot("the bundle has no public keys".to_owned()))?, false)
    };
    let report = bundle::verify(&files, &trusted);
    if format == Format::Json {
        out.json(&BundleVerifyV1::new(trusted.log(), &report, given))?;
    } else {
        print_report(trusted.log(), &report, out)?;
    }
    Ok(if report.is_good() { Exit::Clean } else { Exit::Findings })
}

fn read_bounded(path: &Path, bound: usize) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let bound = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn print_report(log: &str, report: &BundleReport, out: &mut Out) -> anyhow::Result<()> {
    writeln!(out, "log      {log}")?;
    for one in &report.records {
        let record = one.verified.record();
        let size = one.verified.checkpoint().size();
        let action = record.decision().map_or("", |draft| draft.dec.action.as_str());
        writeln!(
            out,
            "record   {} {} {action}: signed, under a checkpoint of {size}",
            record.seq,
            record.body.typ()
        )?;
        for (leg, disclosure) in &one.revealed {
            let shown = format!("{leg}.{} = {}", disclosure.name(), disclosure.value());
            writeln!(out, "         {}", safe(&shown))?;
        }
    }
    writeln!(out)?;
    if report.is_good() {
        writeln!(out, "verified: nothing is wrong")?;
        return Ok(());
    }
    let plural = if report.problems.len() == 1 { "problem" } else { "problems" };
    writeln!(out, "FAILED: {} {plural}", report.problems.len())?;
    let width = out.width;
    for (record, fault) in &report.problems {
        let record = record.map_or_else(String::new, |record| format!("record {record}: "));
        let text = format!("{record}{fault}");
        for (index, line) in wrap(&text, width.saturating_sub(4)).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}
