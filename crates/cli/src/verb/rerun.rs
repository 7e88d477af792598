//! `adproof rerun`: makes recorded decisions again and compares them byte for byte.

mod kept;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;

use adproof_edge::people::{Found, Limits as PeopleLimits, People};
use adproof_edge::store::LedgerReader;
use adproof_ledger::{Draft, Hash, Record, Repro};
use adproof_pipeline::Pipeline;
use adproof_wire::decide::{DecideV1, DifferenceV1, RerunV1};
use clap::Args;
use serde_json::Value;

use super::decide::{Given, GivenArgs, Sources, date, logs, read_log};
use super::ledger::open;
use crate::input::Input;
use crate::keyring::{PassphraseArgs, open_keys, people_failure, store_failure};
use crate::out::{Exit, Failure, Format, Out};

/// Differences that are named.
const DIFFERENCES: usize = 100;

/// Arguments of `adproof rerun`.
#[derive(Debug, Args)]
#[command(after_help = "\
Give what the decisions were made from. A record pins the digest of each input;
inputs that are not the pinned ones are refused and named. Whether the records
were signed and are all there is the question of `adproof ledger verify`.

Exit codes: 0 every decision came out the same, 1 one did not, 2 the inputs are
not the pinned ones or could not be read.

Examples:
  # as `decide --store inputs` kept them
  adproof rerun ledger:17 --keys keys --store inputs
  adproof rerun ledger --keys keys --events events.jsonl --feed feeds/ \\
    --tags tags/ \\
    --policy policy.toml
  adproof rerun ledger:17 --keys keys --events events.jsonl --feed feeds/ \\
    --policy policy.toml")]
pub(crate) struct RerunArgs {
    /// The ledger, or one record of it: DIR or DIR:SEQ.
    #[arg(value_name = "LEDGER[:SEQ]")]
    pub(crate) ledger: String,

    /// The folder that `decide --store` kept the inputs in: each is fetched by the digest that the
    /// record pins, and nothing else need be given.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["events", "feeds", "asn", "tags", "policy"])]
    pub(crate) store: Option<PathBuf>,

    /// The event log: JSON lines or CSV. May be given more than once.
    #[arg(long, required_unless_present = "store", value_name = "LOG")]
    pub(crate) events: Vec<PathBuf>,

    /// Issues of feeds: files, folders or globs. May be given more than once.
    #[arg(long = "feed", required_unless_present = "store", value_name = "FEED")]
    pub(crate) feeds: Vec<PathBuf>,

    /// A table of autonomous systems (asn, name, start, end), for rows that name none.
    #[arg(long, value_name = "TABLE")]
    pub(crate) asn: Option<PathBuf>,

    /// The VAST tags that events name: files, folders (their .xml, .vast and .vmap) or globs.
    #[arg(long, value_name = "TAG")]
    pub(crate) tags: Vec<PathBuf>,

    /// The policy. It is named explicitly, always.
    #[arg(long, required_unless_present = "store", value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,

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
    let log = open_keys(&args.keys, &args.passphrase)?.log().to_owned();
    let mut document = RerunV1 {
        schema: "adproof.rerun/1",
        log,
        decisions: u64::try_from(wanted.len()).unwrap_or(u64::MAX),
        same: 0,
        erased: 0,
        differences: Vec::new(),
    };
    match (&args.store, &args.policy) {
        (Some(store), _) => {
            for (group, wanted) in kept::groups(store, wanted)? {
                let (sources, logs) = kept::fetch(store, &group)?;
                again(args, &sources, &logs, &wanted, &mut document)?;
            }
        }
        (None, policy) => {
            let given = GivenArgs {
                feeds: args.feeds.clone(),
                asn: args.asn.clone(),
                tags: args.tags.clone(),
                policy: policy.clone().unwrap_or_default(),
            };
            again(args, &Sources::read(&given)?, &logs(&args.events)?, &wanted, &mut document)?;
        }
    }
    Ok(document)
}

/// Makes decisions again from what is there, and compares each.
fn again(
    args: &RerunArgs,
    sources: &Sources,
    logs: &[Input],
    wanted: &[(u64, Draft)],
    document: &mut RerunV1,
) -> anyhow::Result<()> {
    let keys = open_keys(&args.keys, &args.passphrase)?;
    let mut people =
        People::read(&keys.people(), PeopleLimits::default()).map_err(people_failure)?;
    let given = Given::of(sources)?;
    let recorder = given.recorder(keys.into_signers().1);
    // What is pinned is compared before the work; the model only the work can tell.
    for (seq, draft) in wanted {
        let ours = recorder.repro(adproof_model::Digest::new(*draft.repro.model.as_bytes()));
        if let Some(other) = other_input(&draft.repro, &ours) {
            return Err(not_pinned(*seq, &other).into());
        }
    }
    let mut read = DecideV1::new(&given.inputs.policy, &given.pinned);
    let events = read_log(logs, &mut read)?;
    let subjects: BTreeSet<Hash> = wanted.iter().map(|(_, draft)| draft.dec.subject).collect();
    let mut made = BTreeMap::new();
    let mut models = BTreeSet::new();
    for day in Pipeline::new(given.inputs).batch(events) {
        models.insert(Hash::new(*day.model.as_bytes()));
        for decided in day.decided.iter().filter(|decided| decided.recorded) {
            let dossier = &decided.dossier;
            let subject = recorder.subject(&dossier.transaction, &dossier.impression);
            if subjects.contains(&subject) {
                let person = recorder.person(dossier);
                let found = people.find(&date(day.day), &person).map_err(people_failure)?;
                // Other keys give other salts: that shows as a difference of the first leg.
                let (key, erased) = match found {
                    Found::Key(key) => (Some(key), false),
                    Found::Erased => (None, true),
                    Found::Unknown => (None, false),
                };
                let draft = recorder.record(&day, decided, key.as_ref())?.draft;
                made.insert(subject, (draft, erased));
            }
        }
    }
    for (seq, recorded) in wanted {
        if !models.contains(&recorded.repro.model) {
            let other = Other {
                role: "model",
                recorded: recorded.repro.model,
                hint: "the event log is not the one that was decided from, or not all of it",
            };
            return Err(not_pinned(*seq, &other).into());
        }
        let ours = made.remove(&recorded.dec.subject).map(|(mut draft, erased)| {
            if erased {
                // What the legs commit to can never be made again; everything else can.
                draft.legs = recorded.legs;
                draft.completeness = recorded.completeness;
            }
            (draft, erased)
        });
        match ours {
            Some((draft, erased)) if draft.to_bytes()? == recorded.to_bytes()? => {
                document.same += 1;
                document.erased += u64::from(erased);
            }
            _ if document.differences.len() >= DIFFERENCES => {}
            other => {
                let other = other.as_ref().map(|(draft, _)| draft);
                document.differences.push(difference(*seq, recorded, other)?);
            }
        }
    }
    Ok(())
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
    let RerunV1 { decisions, same, erased, .. } = document;
    if *erased > 0 {
        writeln!(
            out,
            "{}: the evidence of {erased} was erased since; all but its commitments was compared",
            document.log
        )?;
    }
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
