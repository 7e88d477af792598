//! `adproof ledger witness`: asks witnesses to cosign, and is one.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

use adproof_edge::http::{HttpClient, HttpLimits};
use adproof_edge::keys::{Limits as KeyLimits, read_key};
use adproof_edge::witness::{Limits, OpenError, Submission, SubmitError, Witness, submit};
use adproof_ledger::{Cosigned, NamedKey, Signer as _, WitnessKey, cosign};
use adproof_server::App;
use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::shown::{Shown, anchors_failure, policy_lines, read_file, read_policy};
use crate::keyring::{PassphraseArgs, keys_failure, store_failure};
use crate::out::{Exit, Failure, Format, Out};
use crate::text::safe;
use crate::verb::serve;

/// The longest list of keys that is read.
const MAX_KEYS_BYTES: usize = 1 << 20;

/// Arguments of `adproof ledger witness`.
#[derive(Debug, Args)]
pub(super) struct WitnessArgs {
    #[command(subcommand)]
    verb: WitnessVerb,
}

#[derive(Debug, Subcommand)]
enum WitnessVerb {
    /// Asks witnesses to cosign the checkpoint, and keeps what they say beside it.
    Submit(SubmitArgs),
    /// Is a witness: cosigns the checkpoints of logs that it knows.
    Serve(ServeArgs),
    /// Prints the public key of a witness, for the policies of others.
    Key(KeyArgs),
}

/// Arguments of `adproof ledger witness submit`.
#[derive(Debug, Args)]
#[command(after_help = "\
The witnesses are those lines of the policy that have a URL, the witness's
submission prefix:
  witness NAME VKEY https://witness.example/
  quorum NAME

Exit codes: 0 the policy is met, 1 it is not, 2 nothing could be asked.

Examples:
  adproof ledger witness submit ledger --policy policy")]
struct SubmitArgs {
    /// The ledger. A writer may be at work on it.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// A C2SP tlog-policy with the witnesses and where they are.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,

    /// Public keys of the log, as `keys export` writes them [default: those in the ledger].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    /// Time for each answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 20_000)]
    timeout_ms: u32,
}

/// Arguments of `adproof ledger witness serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Whoever is party to the settlement and not the log's owner is a good witness.
The witness keeps in --state what it cosigned last for each log, on the disk
before it answers; a lost or restored state could cosign a fork, so a witness
that has lost it must take a new key. The first line of the output is `listening
on http://ADDRESS:PORT/`; logs send their checkpoints to `add-checkpoint` below
it (https://c2sp.org/tlog-witness).

Examples:
  openssl genpkey -algorithm ed25519 -out witness.key && chmod 600 witness.key
  adproof ledger witness key witness.key --name witness.example/w1
  adproof ledger witness serve --key witness.key --name witness.example/w1 \\
      --log log.pub --state witness-state --listen 127.0.0.1:8788")]
#[command(override_usage = "\
adproof ledger witness serve [OPTIONS] --key <FILE> --name <NAME>
                                    --log <FILE> --state <DIR>")]
struct ServeArgs {
    /// The witness's private key: Ed25519, PKCS#8 PEM, encrypted or not, mode 0600.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// The witness's name: a URL without scheme that you own. It need not be reachable.
    #[arg(long, value_name = "NAME")]
    name: String,

    /// Public keys of a log to witness, as `keys export` writes them, or any list of C2SP vkeys.
    /// May be given more than once.
    #[arg(long = "log", value_name = "FILE", required = true)]
    logs: Vec<PathBuf>,

    /// Where the witness keeps what it cosigned last.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,

    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8788")]
    listen: SocketAddr,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Arguments of `adproof ledger witness key`.
#[derive(Debug, Args)]
struct KeyArgs {
    /// The witness's private key: Ed25519, PKCS#8 PEM, encrypted or not, mode 0600.
    #[arg(value_name = "FILE")]
    key: PathBuf,

    /// The witness's name.
    #[arg(long, value_name = "NAME")]
    name: String,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) fn run(args: &WitnessArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    match &args.verb {
        WitnessVerb::Submit(args) => run_submit(args, out),
        WitnessVerb::Serve(args) => run_serve(args, out),
        WitnessVerb::Key(args) => run_key(args, out),
    }
}

fn run_key(args: &KeyArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let passphrase = args.passphrase.read()?;
    let key = read_key(&args.key, passphrase.as_ref(), &KeyLimits::default());
    let key = key.map_err(keys_failure)?;
    let named =
        WitnessKey::new(&args.name, key.public_key()).ok_or_else(|| bad_name(&args.name))?;
    writeln!(out, "{}", named.to_vkey())?;
    Ok(Exit::Clean)
}

fn bad_name(name: &str) -> Failure {
    Failure::new(format!("`{name}` cannot be the name of a witness"))
        .at("--name")
        .todo("use a name such as witness.example/w1, without spaces and plus")
}

fn run_serve(args: &ServeArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let passphrase = args.passphrase.read()?;
    let key = read_key(&args.key, passphrase.as_ref(), &KeyLimits::default());
    let key = key.map_err(keys_failure)?;
    let mut logs = Vec::new();
    for path in &args.logs {
        logs.extend(read_log_keys(path)?);
    }
    let opened = Witness::open(&args.state, &args.name, Box::new(key), logs, Limits::default());
    let witness = opened.map_err(|error| open_failure(error, args))?;
    out.note(format_args!("witness {}", witness.key().to_vkey()));
    for log in witness.logs() {
        out.note(format_args!("log     {}", safe(log)));
    }
    let app = App::witness(adproof_server::Limits::default(), witness);
    serve::listen(args.listen, app, None, out)
}

/// The keys that sign checkpoints: those that have the name of a log. Keys of other roles pass by.
fn read_log_keys(path: &std::path::Path) -> anyhow::Result<Vec<NamedKey>> {
    let bytes = read_file(path, MAX_KEYS_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let mut keys = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = NamedKey::parse_vkey(line).map_err(|error| {
            Failure::new(format!("line {}: {error}", index + 1))
                .at(path.display())
                .todo("give the file that `adproof keys export` writes")
        })?;
        if adproof_ledger::is_plain_log_name(key.name()) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return Err(Failure::new("there is no key that signs checkpoints")
            .at(path.display())
            .todo("give the file that `adproof keys export` writes")
            .into());
    }
    Ok(keys)
}

fn open_failure(error: OpenError, args: &ServeArgs) -> anyhow::Error {
    match error {
        OpenError::Store(error) => store_failure(error),
        OpenError::Name(name) => bad_name(&name).into(),
        error => Failure::new(error.to_string())
            .at(args.state.display())
            .todo(
                "a witness that does not know what it cosigned must not go on: restore the state \
                 as it was last, or take a new key and tell those who trust the old one",
            )
            .into(),
    }
}

fn run_submit(args: &SubmitArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let policy = read_policy(&args.policy)?;
    let shown = Shown::open(&args.ledger, &args.keys, out)?;
    if !policy.witnesses().iter().any(|witness| witness.url.is_some()) {
        return Err(Failure::new("no witness of the policy has a URL")
            .at(args.policy.display())
            .todo("write `witness NAME VKEY https://witness.example/` for those to ask")
            .into());
    }
    let limits = HttpLimits { total_ms: args.timeout_ms, ..HttpLimits::default() };
    let http = HttpClient::new(limits).map_err(|error| Failure::new(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network")?;
    let checkpoint = &shown.plain;
    writeln!(out, "log         {}", checkpoint.origin())?;
    writeln!(out, "checkpoint  {} records", checkpoint.size())?;
    for witness in policy.witnesses() {
        let Some(url) = &witness.url else { continue };
        let old = last_cosigned(&shown, &witness.key)?;
        let submission = Submission { checkpoint, witness: &witness.key, url, old };
        let answer = runtime.block_on(submit(&http, &submission, |old| shown.consistency(old)));
        let name = safe(&witness.name);
        match answer {
            Ok(lines) => {
                let kept = shown.anchors.add_cosignatures(checkpoint, &lines);
                kept.map_err(|error| anchors_failure(&error))?;
            }
            Err(error) => tell_refusal(&name, &error, out)?,
        }
    }
    let kept = shown.anchors.read(checkpoint.size()).map_err(|error| anchors_failure(&error))?;
    let note = kept.map_or_else(|| checkpoint.note().as_bytes().to_vec(), |kept| kept.cosigned());
    let cosigned = shown
        .keys
        .checkpoint(&note)
        .map_err(|error| Failure::new(format!("what was kept cannot be read back: {error}")))?;
    let report = policy.judge(&cosigned);
    for line in policy_lines(&report) {
        writeln!(out, "{line}")?;
    }
    Ok(if report.is_met() { Exit::Clean } else { Exit::Findings })
}

fn tell_refusal(name: &str, error: &SubmitError, out: &mut Out) -> anyhow::Result<()> {
    writeln!(out, "refused     {name}: {error}")?;
    if matches!(error, SubmitError::Fork(_)) {
        writeln!(
            out,
            "            the witness holds the other checkpoint: both together are the proof"
        )?;
    }
    Ok(())
}

/// The largest checkpoint that a witness is known to have cosigned.
fn last_cosigned(shown: &Shown, witness: &WitnessKey) -> anyhow::Result<u64> {
    let sizes = shown.anchors.sizes().map_err(|error| anchors_failure(&error))?;
    for size in sizes.into_iter().rev().filter(|size| *size <= shown.plain.size()) {
        let kept = shown.anchors.read(size).map_err(|error| anchors_failure(&error))?;
        let Some(kept) = kept else { continue };
        let note = shown.keys.checkpoint(&kept.cosigned());
        let said =
            note.map(|note| cosign::check_cosignatures(&note, std::slice::from_ref(witness)));
        if said.is_ok_and(|said| matches!(said[..], [Cosigned::At { .. }])) {
            return Ok(size);
        }
    }
    Ok(0)
}
