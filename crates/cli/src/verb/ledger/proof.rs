//! `adproof ledger verify-proof`: checks a proof file without the ledger.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_ledger::dsse::Envelope;
use adproof_ledger::note::{MAX_NOTE_BYTES, UnverifiedNote};
use adproof_ledger::policy::Policy;
use adproof_ledger::tree::{leaf_hash, verify_inclusion};
use adproof_ledger::verify::KeyHistory;
use adproof_ledger::{AddCheckpoint, TlogProof, VerifiedCheckpoint, VerifiedRecord};
use clap::Args;

use super::changes::{ChangesArgs, MAX_ENVELOPE_BYTES};
use super::shown::{policy_lines, read_file, read_policy, trusted_of};
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof ledger verify-proof`.
#[derive(Debug, Args)]
#[command(after_help = "\
A tlog-proof shows that a record is in a log. With a DSSE envelope as the
record, its signature is checked too. A consistency proof shows that a log
continues a checkpoint that you have held.

Exit codes: 0 verified, 1 the proof does not hold, 2 it could not be read.

Examples:
  adproof ledger prove ledger 7 --record 7.json -o 7.tlog-proof
  adproof ledger verify-proof 7.tlog-proof --record 7.json --key log.pub
  adproof ledger prove ledger --consistency held-in-march -o since-march
  adproof ledger verify-proof since-march --checkpoint held-in-march \\
    --key log.pub")]
pub(super) struct VerifyProofArgs {
    /// The proof: a C2SP tlog-proof, or a consistency proof.
    #[arg(value_name = "PROOF")]
    proof: PathBuf,

    /// The record that a tlog-proof is for: its bytes, or its DSSE envelope.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// The older checkpoint that a consistency proof begins at.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Public keys to trust, as `keys export` writes them. May be given more than once.
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,

    #[command(flatten)]
    changes: ChangesArgs,

    /// Also demands the cosignatures of this C2SP tlog-policy.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) fn run(args: &VerifyProofArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let keys = args.changes.follow(&trusted_of(&args.keys, None, out)?)?;
    let bytes = read_file(&args.proof, 2 * MAX_NOTE_BYTES)?;
    if let Ok(proof) = TlogProof::parse(&bytes) {
        return inclusion(args, &proof, &keys, policy.as_ref(), out);
    }
    if let Ok(proof) = AddCheckpoint::parse(&bytes) {
        return consistency(args, &proof, &keys, policy.as_ref(), out);
    }
    Err(Failure::new("it is neither a tlog-proof nor a consistency proof")
        .at(args.proof.display())
        .todo("give what `adproof ledger prove` writes")
        .into())
}

fn inclusion(
    args: &VerifyProofArgs,
    proof: &TlogProof,
    keys: &KeyHistory,
    policy: Option<&Policy>,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let Some(path) = &args.record else {
        return Err(Failure::new("a tlog-proof is checked together with its record")
            .at(args.proof.display())
            .todo("give the record with --record")
            .into());
    };
    let record = read_file(path, MAX_ENVELOPE_BYTES)?;
    let (checked, signed) = match Envelope::parse(&record) {
        Ok(envelope) => {
            let verified =
                VerifiedRecord::verify_with(keys, &envelope.payload, &envelope.signatures, proof);
            let checked = verified.map(|verified| verified.checkpoint().clone());
            (checked.map_err(|error| error.to_string()), true)
        }
        Err(_) => (place_of(&record, proof, keys), false),
    };
    match checked {
        Err(why) => {
            writeln!(out, "FAILED: record {}: {why}", proof.index)?;
            Ok(Exit::Findings)
        }
        Ok(checkpoint) => {
            let (index, size) = (proof.index, checkpoint.size());
            writeln!(out, "verified: record {index} is in {} ({size} records)", keys.log())?;
            if !signed {
                let note = "its own signature was not checked: give its DSSE envelope for that";
                writeln!(out, "  {note}")?;
            }
            under_policy(&checkpoint, policy, out)
        }
    }
}

/// Only the place: that these bytes are this leaf.
fn place_of(
    record: &[u8],
    proof: &TlogProof,
    keys: &KeyHistory,
) -> Result<VerifiedCheckpoint, String> {
    let checkpoint = keys
        .checkpoint(proof.checkpoint.as_bytes())
        .map_err(|error| format!("its checkpoint: {error}"))?;
    let (leaf, root) = (leaf_hash(record), checkpoint.root());
    verify_inclusion(&leaf, proof.index, checkpoint.size(), &proof.hashes, &root)
        .map_err(|error| error.to_string())?;
    Ok(checkpoint)
}

fn consistency(
    args: &VerifyProofArgs,
    proof: &AddCheckpoint,
    keys: &KeyHistory,
    policy: Option<&Policy>,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let Some(path) = &args.checkpoint else {
        return Err(Failure::new("a consistency proof is checked against an older checkpoint")
            .at(args.proof.display())
            .todo("give the checkpoint that you have held with --checkpoint")
            .into());
    };
    let held = read_file(path, MAX_NOTE_BYTES)?;
    let held = keys.checkpoint(&held).map_err(|error| {
        Failure::new(format!("the held checkpoint cannot be trusted: {error}"))
            .at(path.display())
            .todo("give a checkpoint of this log, and its keys with --key")
    })?;
    let size = UnverifiedNote::parse(proof.checkpoint.as_bytes()).ok();
    let size = size.and_then(|note| note.claimed_size()).unwrap_or(0);
    match proof.continues(&held, &keys.checkpoint_keys(size)) {
        Err(error) => {
            writeln!(out, "FAILED: {error}")?;
            Ok(Exit::Findings)
        }
        Ok(new) => {
            let (old, size) = (held.size(), new.size());
            writeln!(
                out,
                "verified: the {size} records continue the {old} of the held checkpoint"
            )?;
            under_policy(&new, policy, out)
        }
    }
}

fn under_policy(
    checkpoint: &VerifiedCheckpoint,
    policy: Option<&Policy>,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let Some(policy) = policy else {
        return Ok(Exit::Clean);
    };
    let report = policy.judge(checkpoint);
    for line in policy_lines(&report) {
        writeln!(out, "{line}")?;
    }
    Ok(if report.is_met() { Exit::Clean } else { Exit::Findings })
}
