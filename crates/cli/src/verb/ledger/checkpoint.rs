//! `adproof ledger checkpoint`: prints and verifies a checkpoint.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_ledger::note::MAX_NOTE_BYTES;
use clap::Args;

use super::changes::ChangesArgs;
use super::shown::{Shown, policy_lines, read_file, read_policy, trusted_of};
use crate::keyring::write_file;
use crate::out::{Exit, Format, Out};

/// Arguments of `adproof ledger checkpoint`.
#[derive(Debug, Args)]
#[command(after_help = "\
A checkpoint says how many records a log has and the root over them, signed.
Keep copies: they are what shows that a log was rewritten later.

Exit codes: 0 verified, 1 it cannot be trusted or the policy is not met, 2 it
could not be read.

Examples:
  adproof ledger checkpoint ledger --key log.pub > held-in-march
  adproof ledger checkpoint held-in-march --key log.pub
  adproof ledger checkpoint ledger --key log.pub --policy policy")]
pub(super) struct CheckpointArgs {
    /// A ledger, or a file with a checkpoint.
    #[arg(value_name = "DIR|FILE")]
    path: PathBuf,

    /// Public keys to trust, as `keys export` writes them. May be given more than once [default:
    /// those that lie in the ledger, which trusts the folder].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    #[command(flatten)]
    changes: ChangesArgs,

    /// Also demands the cosignatures of this C2SP tlog-policy.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Writes the checkpoint to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &CheckpointArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let checkpoint = if args.path.is_dir() {
        Shown::open(&args.path, &args.keys, out)?.cosigned
    } else {
        let bytes = read_file(&args.path, MAX_NOTE_BYTES)?;
        let keys = args.changes.follow(&trusted_of(&args.keys, None, out)?)?;
        match keys.checkpoint(&bytes) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                writeln!(out, "FAILED: {error}")?;
                return Ok(Exit::Findings);
            }
        }
    };
    let report = policy.map(|policy| policy.judge(&checkpoint));
    let size = checkpoint.size();
    out.note(format_args!("verified: {size} records, signed by {}", checkpoint.origin()));
    for line in report.iter().flat_map(policy_lines) {
        out.note(line);
    }
    match &args.output {
        Some(path) => write_file(path, checkpoint.note().as_bytes())?,
        None => out.write_all(checkpoint.note().as_bytes())?,
    }
    let met = report.is_none_or(|report| report.is_met());
    Ok(if met { Exit::Clean } else { Exit::Findings })
}
