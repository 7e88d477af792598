//! `adproof ledger export`: records and the checkpoint as files for openssl and ssh-keygen.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_ledger::VerifiedRecord;
use adproof_ledger::export::{self, ExportedRecord, SshSigners};
use clap::Args;

use super::{history, open};
use crate::keyring::{PassphraseArgs, open_keys, store_failure, trusted_or_own, write_file};
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof ledger export`.
#[derive(Debug, Args)]
#[command(after_help = "\
What is written verifies without adproof, by the commands of FORMAT.md in
crates/ledger: records and the checkpoint with openssl, a record's place under
the checkpoint with sha256sum alone.

ssh-keygen verifies only a format of its own. With --keys the log's keys sign
once more in that format what they have signed before, and nothing else:

  head -n 3 OUT/checkpoint | ssh-keygen -Y verify -I LOG \\
    -f OUT/allowed_signers -n checkpoint@adproof -s OUT/checkpoint.sshsig

Examples:
  adproof ledger export ledger 3 17 --key log.pub --output out
  adproof ledger export ledger 3 --key log.pub --keys keys --output out")]
pub(super) struct ExportArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The places of records, from 0 [default: the checkpoint alone].
    #[arg(value_name = "SEQ")]
    seqs: Vec<u64>,

    /// The folder to write to, which must be new or empty.
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,

    /// Public keys to trust, as `keys export` writes them. May be given more than once [default:
    /// those that lie in the ledger, which trusts the folder].
    #[arg(long = "key", value_name = "FILE")]
    trusted: Vec<PathBuf>,

    /// The log's private keys: they also sign in the format of ssh-keygen.
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) fn run(args: &ExportArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let reader = open(&args.ledger)?;
    let (trusted, given) = trusted_or_own(&args.trusted, &reader, out)?;
    let history = history(&reader, &trusted, given)?;
    let broken = |what: String| {
        Failure::new(what)
            .at(args.ledger.display())
            .todo("run `adproof ledger verify` to see what is wrong")
    };
    let checkpoint = history
        .checkpoint(reader.checkpoint())
        .map_err(|error| broken(format!("the checkpoint of the ledger: {error}")))?;
    let proofs = reader.proofs(&checkpoint, &args.seqs).map_err(store_failure)?;
    let mut records = Vec::new();
    for (&seq, proof) in args.seqs.iter().zip(proofs) {
        let frame = reader.record(seq).map_err(store_failure)?;
        let (entry, signatures) = (&frame.entry, &frame.signatures);
        let verified = VerifiedRecord::verify_with(&history, entry, signatures, &proof)
            .map_err(|error| broken(format!("record {seq}: {error}")))?;
        let (entry, signatures) = (frame.entry, frame.signatures);
        records.push(ExportedRecord { verified, entry, signatures, proof });
    }
    let keys = args.keys.as_ref().map(|keys| open_keys(keys, &args.passphrase)).transpose()?;
    let signers = keys.map(|keys| keys.into_signers().0);
    let ssh = signers
        .as_ref()
        .map(|signers| SshSigners { checkpoint: &*signers.checkpoint, record: &*signers.record });
    let files = export::files(&trusted, &checkpoint, &records, ssh)?;
    let unwritable = |error: std::io::Error| {
        Failure::new(format!("the folder cannot be written to: {error}"))
            .at(args.output.display())
            .todo("give a folder that is new or empty, on a disk with room")
    };
    if args.output.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(unwritable(std::io::ErrorKind::DirectoryNotEmpty.into()).into());
    }
    for (name, bytes) in &files {
        let path = args.output.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(unwritable)?;
        }
        write_file(&path, bytes)?;
        writeln!(out, "{name}")?;
    }
    Ok(Exit::Clean)
}
