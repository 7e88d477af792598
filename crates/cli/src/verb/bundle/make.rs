//! `adproof bundle make`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::bundle::{pack, page};
use adproof_edge::store::{LedgerReader, is_key_record};
use adproof_ledger::bundle::{self, BundleFault, Case, Item, Outside, POLICY_FILE};
use adproof_ledger::policy::PolicyLimits;
use adproof_ledger::verify::{Fault, RecordError};
use adproof_ledger::{Ack, Body, Record, TrustedKeys, VerifiedCheckpoint};
use clap::Args;

use super::outside;
use super::private::Private;
use crate::keyring::{PassphraseArgs, store_failure, write_file};
use crate::out::{Exit, Failure, Format, Out};
use crate::verb::ledger::shown::{meeting_over, read_file, read_policy};
use crate::verb::ledger::{open, published};

/// Arguments of `adproof bundle make`.
#[derive(Debug, Args)]
#[command(after_help = "\
The page opens by a double-click, checks itself and asks nothing from the
network; the zip file holds the same as raw files, with a script that needs only
openssl and coreutils. What the other party has acknowledged in the log, what
changed the log's keys, and what witnesses and time stamps say of the
checkpoints over these records goes in by itself.

A record holds salted digests in place of addresses and devices. --reveal opens
single values of it to whoever gets the bundle; everything else stays hidden.

Examples:
  adproof bundle make ledger 17 --case 2026-117
  adproof bundle make ledger 17 18 --case 2026-117 --for 'Counsel of B' \\
    --keys keys --disclosures private.jsonl --reveal network.ip \\
    --reveal billing.amount_micros
  adproof bundle make ledger 17 --case 2026-117 --policy policy
  adproof bundle make ledger 17 -o dispute.zip")]
pub(super) struct MakeArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The places of the records.
    #[arg(required = true, value_name = "SEQ")]
    seqs: Vec<u64>,

    /// The name of the dispute, as both sides use it. It stands in the bundle.
    #[arg(long, value_name = "NAME", required_unless_present = "output")]
    case: Option<String>,

    /// The bundle to write: a page where it ends in .html, a zip file where it ends in .zip, and
    /// both, with these endings added, for any other name [default: the name of the case].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Who it is made for. It stands in the bundle, so that a copy elsewhere says where it came
    /// from; nothing keeps them from taking it out.
    #[arg(long = "for", value_name = "NAME")]
    recipient: Option<String>,

    /// The private disclosures of the records, as `decide --disclosures` writes them. They take the
    /// --keys.
    #[arg(long, value_name = "FILE")]
    pub(super) disclosures: Option<PathBuf>,

    /// The folder with the private keys of the log: they open the disclosures, and tell what was
    /// erased.
    #[arg(long, value_name = "DIR")]
    pub(super) keys: Option<PathBuf>,

    #[command(flatten)]
    pub(super) passphrase: PassphraseArgs,

    /// A value to reveal. May be given more than once.
    #[arg(long, value_name = "LEG.NAME", requires = "disclosures")]
    pub(super) reveal: Vec<String>,

    /// A statement that the other party has signed about one of the records: a DSSE envelope. May
    /// be given more than once.
    #[arg(long = "ack", value_name = "FILE")]
    acks: Vec<PathBuf>,

    /// Who witnesses the log, a C2SP tlog-policy: it goes into the bundle, by your word, and the
    /// bundle is under the newest checkpoint that meets it and covers the records [default: under
    /// the last checkpoint].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(args: &MakeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let outputs = outputs(args)?;
    let reader = open(&args.ledger)?;
    let trusted = reader.own_keys().map_err(store_failure)?;
    let mut private = Private::open(args, &reader)?;
    let acks = args.acks.iter().map(|path| read_ack(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let chosen: BTreeSet<u64> = args.seqs.iter().copied().collect();
    let (openings, erased) = private.of(args, &reader, &chosen, out)?;
    let mut wanted = chosen.clone();
    wanted.extend(erased.iter().map(|one| one.by));
    let needed = wanted.last().copied().unwrap_or(0);
    let (checkpoint, policy) = checkpoint_over(args, &reader, &trusted, needed)?;
    let left_out = add_what_belongs(&reader, &chosen, checkpoint.size(), &mut wanted)?;
    if left_out > 0 {
        out.note(format_args!(
            "note: {left_out} statements of the other party are behind the checkpoint of {} \
             records and not in the bundle",
            checkpoint.size()
        ));
    }
    let seqs: Vec<u64> = wanted.into_iter().collect();
    let mut items = Vec::new();
    let proofs = reader.proofs(&checkpoint, &seqs).map_err(store_failure)?;
    for (proof, seq) in proofs.into_iter().zip(&seqs) {
        let frame = reader.record(*seq).map_err(store_failure)?;
        let opening = openings.get(seq).cloned();
        let ack = acks.iter().find(|ack| ack.statement.seq == *seq).cloned();
        items.push(Item { entry: frame.entry, signatures: frame.signatures, proof, opening, ack });
    }
    let revealed = items.iter().any(|item| item.opening.is_some());
    if !args.reveal.is_empty() && !revealed && erased.is_empty() {
        return Err(Failure::new("none of these records has a value of these names to reveal")
            .at(args.reveal.join(", "))
            .todo("check the names, and that the disclosures are those of this ledger")
            .into());
    }
    let case = Case {
        case: args.case.clone().unwrap_or_default(),
        erased,
        recipient: args.recipient.clone(),
    };
    let mut files = bundle::make(&trusted, &case, &items)?;
    if let Some(bytes) = policy {
        files.insert(POLICY_FILE.to_owned(), bytes);
    }
    for anchor in outside::anchors(&reader, &trusted, &checkpoint, &chosen)? {
        anchor.put(&mut files);
    }
    // A bundle that does not verify is never handed out. Whether time stamps stand is for whoever
    // knows the authority.
    let own = Outside { believe_sender: true, ..Outside::default() };
    let report = bundle::verify_with(&files, &trusted, &own);
    let doubtful = |fault: &BundleFault| {
        matches!(fault, BundleFault::Record(RecordError::Record(Fault::Revoked { .. })))
    };
    for (record, fault) in report.problems.iter().filter(|(_, fault)| doubtful(fault)) {
        out.note(format_args!("note: record {}: {fault}", record.unwrap_or(0)));
    }
    if let Some((record, fault)) = report.problems.iter().find(|(_, fault)| !doubtful(fault)) {
        let record = record.map_or_else(String::new, |record| format!("record {record}: "));
        return Err(Failure::new(format!("{record}{fault}"))
            .at(args.ledger.display())
            .todo("run `adproof ledger verify` to see what is wrong")
            .into());
    }
    let plural = if items.len() == 1 { "record" } else { "records" };
    for path in outputs {
        let bytes = if has_extension(&path, "html") {
            page::write(&files).into_bytes()
        } else {
            pack(&files).map_err(|error| Failure::new(error.to_string()))?
        };
        write_file(&path, &bytes)?;
        writeln!(out, "{}: {} {plural}", path.display(), items.len())?;
    }
    Ok(Exit::Clean)
}

impl MakeArgs {
    /// What the bundle is called, for errors.
    pub(super) fn output_name(&self) -> String {
        let path = self.output.as_ref().map(|path| path.display().to_string());
        path.or_else(|| self.case.clone()).unwrap_or_default()
    }
}

/// The files to write.
fn outputs(args: &MakeArgs) -> anyhow::Result<Vec<PathBuf>> {
    let base = match (&args.output, &args.case) {
        (Some(path), _) if has_extension(path, "html") || has_extension(path, "zip") => {
            return Ok(vec![path.clone()]);
        }
        (Some(path), _) => path.clone(),
        (None, Some(case)) => {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            let name: String = case.chars().map(|c| if plain(c) { c } else { '-' }).collect();
            let name = name.trim_matches(['.', '-']);
            if name.is_empty() {
                return Err(Failure::new("the name of the case gives no name of a file")
                    .at(case)
                    .todo("name the file with -o")
                    .into());
            }
            PathBuf::from(name)
        }
        (None, None) => PathBuf::from("bundle"),
    };
    let with = |end: &str| {
        let mut path = base.clone().into_os_string();
        path.push(end);
        PathBuf::from(path)
    };
    Ok(vec![with(".html"), with(".zip")])
}

pub(super) fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case(wanted))
}

/// The checkpoint that the bundle is under, with the lines of its witnesses, and the policy.
fn checkpoint_over(
    args: &MakeArgs,
    reader: &LedgerReader,
    trusted: &TrustedKeys,
    seq: u64,
) -> anyhow::Result<(VerifiedCheckpoint, Option<Vec<u8>>)> {
    match &args.policy {
        Some(path) => {
            let policy = (path.as_path(), &read_policy(path)?);
            let checkpoint = meeting_over(&args.ledger, trusted, policy, seq)?;
            Ok((checkpoint, Some(read_file(path, PolicyLimits::default().bytes)?)))
        }
        None => Ok((published(reader, trusted)?, None)),
    }
}

/// What the other party has said to these records stands in the log behind them, and what changed
/// the log's keys anywhere. Gives how many statements the checkpoint does not cover.
fn add_what_belongs(
    reader: &LedgerReader,
    chosen: &BTreeSet<u64>,
    size: u64,
    seqs: &mut BTreeSet<u64>,
) -> anyhow::Result<usize> {
    let mut found = Vec::new();
    let mut left_out = 0;
    reader
        .each(|seq, frame| {
            if is_key_record(&frame.entry) && seq < size {
                found.push(seq);
            }
            // Only a record that says so in its type is worth the parser's time.
            if !frame.entry.starts_with(b"{\"ack\":") {
                return;
            }
            if let Ok(record) = Record::parse(&frame.entry)
                && let Body::Ack(ack) = &record.body
                && chosen.contains(&ack.statement.seq)
            {
                if seq < size {
                    found.push(seq);
                } else {
                    left_out += 1;
                }
            }
        })
        .map_err(store_failure)?;
    seqs.extend(found);
    Ok(left_out)
}

fn read_ack(path: &Path) -> anyhow::Result<Ack> {
    let cannot = |what: String| {
        Failure::new(what)
            .at(path.display())
            .todo("give the envelope that the other party has signed")
    };
    let bytes = std::fs::read(path)
        .map_err(|error| cannot(format!("the statement cannot be read: {error}")))?;
    Ack::parse_envelope(&bytes)
        .map_err(|error| cannot(format!("it is no signed statement: {error}")).into())
}
