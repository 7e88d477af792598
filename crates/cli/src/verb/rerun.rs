//! `adproof rerun`: makes recorded decisions again and compares them byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;

use adproof_edge::store::LedgerReader;
use adproof_ledger::{Draft, Hash, Record, Repro};
use adproof_pipeline::Pipeline;
use adproof_wire::decide::{DecideV1, DifferenceV1, RerunV1};
use clap::Args;
use serde_json::Value;

use super::decide::{Given, GivenArgs, read_log};
use super::ledger::open;
use crate::keyring::{PassphraseArgs, open_keys, store_failure};
use crate::out::{Exit, Failure, Format, Out};

/// Differences that are named.
const DIFFERENCES: usize = 100;

/// Arguments of `adproof rerun`.
#[derive(Debug, Args)]
#[command(after_help = "\
Give what the decisions were made from. A record pins the digest of each input; inputs that are
not the pinned ones are refused and named. Whether the records were signed and are all there is
the question of `adproof ledger verify`.

Exit codes: 0 every decision came out the same, 1 one did not, 2 the inputs are not the pinned
ones or could not be read.

Examples:
  adproof rerun ledger --keys keys --events events.jsonl --feed feeds/ --tags tags/ \\
    --policy policy.toml
  adproof rerun ledger:17 --keys keys --events events.jsonl --feed feeds/ --policy policy.toml")]
pub(crate) struct RerunArgs {
    /// The ledger, or one record of it: DIR or DIR:SEQ.
    #[arg(value_name = "LEDGER[:SEQ]")]
    pub(crate) ledger: String,

    /// The event log: JSON lines or CSV. May be given more than once.
    #[arg(long, required = true, value_name = "LOG")]
    pub(crate) events: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) given: GivenArgs,

    /// The folder with the private keys of the log: the evidence key makes the same salts.
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: PathBuf,

    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

pub(crate) fn run(args: &RerunArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let document = execute(args)?;
    if format == Format::Json {
        out.json(&document)?;
    } else {
        show(&document, out)?;
    }
    let all_same = document.same == document.decisions;
    Ok(if all_same { Exit::Clean } else { Exit::Findings })
}

/// Does the work and prints nothing.
pub(crate) fn execute(args: &RerunArgs) -> anyhow::Result<RerunV1> {
    let (folder, seq) = place(&args.ledger);
    let reader = open(&folder)?;
    let wanted = decisions(&reader, seq, &args.ledger)?;
    let keys = open_keys(&args.keys, &args.passphrase)?;
    let log = keys.log().to_owned();
    let given = Given::read(&args.given)?;
    let recorder = given.recorder(keys.into_signers().1);
    // What is pinned is compared before the work; the model only the work can tell.
    for (seq, draft) in &wanted {
        let ours = recorder.repro(adproof_model::Digest::new(*draft.repro.model.as_bytes()));
        if let Some(other) = other_input(&draft.repro, &ours) {
            return Err(not_pinned(*seq, &other).into());
        }
    }
    let mut document = DecideV1::new(&given.inputs.policy, &given.pinned);
    let events = read_log(&args.events, &mut document)?;
    let subjects: BTreeSet<Hash> = wanted.iter().map(|(_, draft)| draft.dec.subject).collect();
    let mut made = BTreeMap::new();
    let mut models = BTreeSet::new();
    for day in Pipeline::new(given.inputs).batch(events) {
        models.insert(Hash::new(*day.model.as_bytes()));
        for decided in day.decided.iter().filter(|decided| decided.recorded) {
            let dossier = &decided.dossier;
            let subject = recorder.subject(&dossier.transaction, &dossier.impression);
            if subjects.contains(&subject) {
                made.insert(subject, recorder.record(&day, decided)?.0);
            }
        }
    }
    let mut same = 0;
    let mut differences = Vec::new();
    for (seq, recorded) in &wanted {
        if !models.contains(&recorded.repro.model) {
            let other = Other {
                role: "model",
                recorded: recorded.repro.model,
                hint: "the event log is not the one that was decided from, or not all of it",
            };
            return Err(not_pinned(*seq, &other).into());
        }
        match made.get(&recorded.dec.subject) {
            Some(draft) if draft.to_bytes()? == recorded.to_bytes()? => same += 1,
            _ if differences.len() >= DIFFERENCES => {}
            other => differences.push(difference(*seq, recorded, other)?),
        }
    }
    Ok(RerunV1 {
        schema: "adproof.rerun/1",
        log,
        decisions: u64::try_from(wanted.len()).unwrap_or(u64::MAX),
        same,
        differences,
    })
}

/// `DIR` or `DIR:SEQ`. A folder whose name looks like the second is taken as a folder.
fn place(text: &str) -> (PathBuf, Option<u64>) {
    let whole = PathBuf::from(text);
    match text.rsplit_once(':') {
        Some((folder, seq)) if !whole.is_dir() => match seq.parse() {
            Ok(seq) => (PathBuf::from(folder), Some(seq)),
            Err(_) => (whole, None),
        },
        _ => (whole, None),
    }
}

fn decisions(
    reader: &LedgerReader,
    seq: Option<u64>,
    given: &str,
) -> anyhow::Result<Vec<(u64, Draft)>> {
    let unread = |seq: u64, why: &str| {
        Failure::new(format!("record {seq} {why}"))
            .at(given)
            .todo("run `adproof ledger verify` to see what is wrong")
    };
    if let Some(seq) = seq {
        let frame = reader.record(seq).map_err(store_failure)?;
        let record = Record::parse(&frame.entry)
            .map_err(|error| unread(seq, &format!("cannot be read: {error}")))?;
        let draft = record.decision().ok_or_else(|| unread(seq, "is not a decision"))?;
        return Ok(vec![(seq, draft.clone())]);
    }
    let mut found = Vec::new();
    let mut broken = None;
    reader
        .each(|seq, frame| match Record::parse(&frame.entry) {
            Ok(record) => found.extend(record.decision().map(|draft| (seq, draft.clone()))),
            Err(error) => {
                broken.get_or_insert_with(|| unread(seq, &format!("cannot be read: {error}")));
            }
        })
        .map_err(store_failure)?;
    match broken {
        Some(failure) => Err(failure.into()),
        None => Ok(found),
    }
}

/// An input that is not the pinned one.
struct Other<'a> {
    role: &'a str,
    recorded: Hash,
    hint: &'a str,
}

fn other_input<'a>(recorded: &'a Repro, ours: &Repro) -> Option<Other<'a>> {
    let fixed = [
        ("engine", recorded.engine, ours.engine, "use the version of adproof that decided"),
        ("policy", recorded.policy, ours.policy, "give the policy file as it was, comments too"),
        ("ruleset", recorded.ruleset, ours.ruleset, "use the version of adproof that decided"),
        ("params", recorded.params, ours.params, "use the version of adproof that decided"),
    ];
    for (role, recorded, ours, hint) in fixed {
        if recorded != ours {
            return Some(Other { role, recorded, hint });
        }
    }
    let hint = "give the same files under the same names";
    for input in &recorded.inputs {
        if !ours.inputs.contains(input) {
            return Some(Other { role: &input.role, recorded: input.sha256, hint });
        }
    }
    let seed = (recorded.seed != ours.seed).then_some(Other {
        role: "seed",
        recorded: recorded.policy,
        hint: "give the policy file as it was",
    });
    if recorded.inputs.len() == ours.inputs.len() {
        return seed;
    }
    let hint = "an input was given that the decision did not have";
    Some(Other { role: "inputs", recorded: recorded.model, hint })
}

fn not_pinned(seq: u64, other: &Other<'_>) -> Failure {
    let Other { role, recorded, hint } = other;
    Failure::new(format!("the {role} given is not what record {seq} was decided from"))
        .at(format!("record {seq}, {role}: the record pins sha256 {recorded}"))
        .todo(*hint)
}

fn difference(seq: u64, recorded: &Draft, rerun: Option<&Draft>) -> anyhow::Result<DifferenceV1> {
    let recorded: Value = serde_json::from_slice(&recorded.to_bytes()?)?;
    let Some(rerun) = rerun else {
        return Ok(DifferenceV1 {
            seq,
            field: "record".to_owned(),
            recorded: "a decision".to_owned(),
            rerun: "none".to_owned(),
        });
    };
    let rerun: Value = serde_json::from_slice(&rerun.to_bytes()?)?;
    let (field, recorded, rerun) =
        first_difference(String::new(), &recorded, &rerun).unwrap_or_default();
    Ok(DifferenceV1 { seq, field, recorded, rerun })
}

/// The first place, in the order of the bytes, at which two values differ.
fn first_difference(path: String, a: &Value, b: &Value) -> Option<(String, String, String)> {
    match (a, b) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            keys.into_iter().find_map(|key| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let null = &Value::Null;
                first_difference(
                    path,
                    left.get(key).unwrap_or(null),
                    right.get(key).unwrap_or(null),
                )
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let both = left.iter().zip(right).enumerate();
            both.into_iter()
                .find_map(|(at, (a, b))| first_difference(format!("{path}[{at}]"), a, b))
        }
        _ if a == b => None,
        _ => Some((path, a.to_string(), b.to_string())),
    }
}

fn show(document: &RerunV1, out: &mut Out) -> anyhow::Result<()> {
    let RerunV1 { decisions, same, .. } = document;
    if same == decisions {
        writeln!(
            out,
            "{}: {decisions} decisions made again, byte for byte the same",
            document.log
        )?;
        return Ok(());
    }
    for found in &document.differences {
        writeln!(out, "record {} differs at {}", found.seq, found.field)?;
        writeln!(out, "  recorded {}", found.recorded)?;
        writeln!(out, "  rerun    {}", found.rerun)?;
    }
    writeln!(out, "{}: {same} of {decisions} decisions came out the same", document.log)?;
    Ok(())
}
