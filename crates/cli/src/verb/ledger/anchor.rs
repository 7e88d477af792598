//! `adproof ledger anchor`: time stamps over checkpoints.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::anchors::rfc3161::{
    Stamp, TokenError, TokenLimits, new_nonce, nonce_of, request, verify,
};
use adproof_edge::anchors::{Kept, TokenKind};
use adproof_edge::http::{HttpClient, HttpLimits};
use adproof_ledger::ots::{Attestation, OtsLimits, Receipt};
use adproof_ledger::{Hash, VerifiedCheckpoint};
use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::outside::{read_roots, time};
use super::shown::{Shown, anchors_failure, read_file};
use crate::keyring::write_file;
use crate::out::{Exit, Failure, Format, Out};
use crate::text::safe;

/// Arguments of `adproof ledger anchor`.
#[derive(Debug, Args)]
#[command(after_help = "\
A time stamp over a checkpoint shows that its records were there by then,
whatever the log's own clock said. The next record carries the stamp's hash,
which shows that it was not written before. `adproof ledger verify --tsa-root
FILE` checks both.

Examples:
  adproof ledger anchor request ledger -o request.tsq
  curl -H 'Content-Type: application/timestamp-query' \\
    --data-binary @request.tsq \\
      https://tsa.example/ > response.tsr
  adproof ledger anchor add ledger response.tsr --tsa-root tsa-root.pem
  adproof ledger anchor submit ledger --tsa https://tsa.example/ \\
    --tsa-root tsa-root.pem
  ots stamp ledger/anchors/*/checkpoint
  adproof ledger anchor add ledger checkpoint.ots")]
pub(super) struct AnchorArgs {
    #[command(subcommand)]
    verb: AnchorVerb,
}

#[derive(Debug, Subcommand)]
enum AnchorVerb {
    /// Keeps the checkpoint and writes an RFC 3161 request over it.
    Request(RequestArgs),
    /// Verifies an RFC 3161 response or reads an OpenTimestamps receipt, and keeps it.
    Add(AddArgs),
    /// Asks an authority over HTTP: request and add in one.
    Submit(SubmitArgs),
}

#[derive(Debug, Args)]
struct RequestArgs {
    /// The ledger. A writer may be at work on it.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// Public keys of the log, as `keys export` writes them [default: those in the ledger].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    /// Also writes the request to this file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The ledger. A writer may be at work on it.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// The response or the receipt.
    #[arg(value_name = "FILE")]
    token: PathBuf,

    /// Public keys of the log, as `keys export` writes them [default: those in the ledger].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    /// Root certificates, in PEM, of the authority. A response is kept only when it verifies.
    #[arg(long = "tsa-root", value_name = "FILE")]
    roots: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[command(override_usage = "\
adproof ledger anchor submit [OPTIONS] --tsa <URL> --tsa-root <FILE>
                                    <DIR>")]
struct SubmitArgs {
    /// The ledger. A writer may be at work on it.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// Where the authority answers.
    #[arg(long = "tsa", value_name = "URL")]
    url: String,

    /// Public keys of the log, as `keys export` writes them [default: those in the ledger].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    /// Root certificates, in PEM, of the authority.
    #[arg(long = "tsa-root", value_name = "FILE", required = true)]
    roots: Vec<PathBuf>,

    /// Time for the answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 20_000)]
    timeout_ms: u32,
}

pub(super) fn run(args: &AnchorArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    match &args.verb {
        AnchorVerb::Request(args) => run_request(args, out),
        AnchorVerb::Add(args) => run_add(args, out),
        AnchorVerb::Submit(args) => run_submit(args, out),
    }
}

/// Keeps the checkpoint and a request over it.
fn prepare(shown: &Shown) -> anyhow::Result<(Vec<u8>, PathBuf)> {
    let nonce = new_nonce()
        .map_err(|error| Failure::new(format!("the system gave no random bytes: {error}")))?;
    let kept = shown.anchors.keep(&shown.plain);
    kept.map_err(|error| anchors_failure(&error))?;
    // What is stamped is what is kept: an earlier note over the same tree stays.
    let stamped = stamped(shown)?;
    let request = request(&stamped, nonce);
    let path = shown.anchors.keep_request(shown.plain.size(), &request);
    Ok((request, path.map_err(|error| anchors_failure(&error))?))
}

fn stamped(shown: &Shown) -> anyhow::Result<Vec<u8>> {
    let kept = shown.anchors.read(shown.plain.size()).map_err(|error| anchors_failure(&error))?;
    Ok(kept.map_or_else(|| shown.plain.note().as_bytes().to_vec(), |kept| kept.checkpoint))
}

fn run_request(args: &RequestArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let shown = Shown::open(&args.ledger, &args.keys, out)?;
    let (request, path) = prepare(&shown)?;
    writeln!(out, "checkpoint  {} records", shown.plain.size())?;
    writeln!(out, "request     {}", path.display())?;
    if let Some(path) = &args.output {
        write_file(path, &request)?;
        writeln!(out, "            {}", path.display())?;
    }
    Ok(Exit::Clean)
}

fn run_add(args: &AddArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let shown = Shown::open(&args.ledger, &args.keys, out)?;
    let bytes = read_file(&args.token, 1 << 20)?;
    if let Ok(receipt) = Receipt::parse(&bytes, &OtsLimits::default()) {
        return add_receipt(&shown, &receipt, &bytes, &args.token, out);
    }
    let roots = read_roots(&args.roots)?;
    if roots.is_empty() {
        return Err(Failure::new("a response is kept only when it verifies, and no root is given")
            .at(args.token.display())
            .todo("give the root certificate of the authority with --tsa-root")
            .into());
    }
    add_response(&shown, &bytes, &roots, out)
}

/// What is kept, newest first: a response may have taken its time.
fn candidates(shown: &Shown) -> anyhow::Result<Vec<Kept>> {
    shown.anchors.keep(&shown.plain).map_err(|error| anchors_failure(&error))?;
    let mut kept = shown.anchors.all().map_err(|error| anchors_failure(&error))?;
    kept.reverse();
    Ok(kept)
}

fn verified(shown: &Shown, kept: &Kept) -> anyhow::Result<VerifiedCheckpoint> {
    shown.keys.checkpoint(&kept.checkpoint).map_err(|error| {
        Failure::new(format!("the checkpoint that is stamped cannot be trusted: {error}"))
            .at(shown.anchors.root().display())
            .todo("give the log's keys with --key")
            .into()
    })
}

fn add_receipt(
    shown: &Shown,
    receipt: &Receipt,
    bytes: &[u8],
    path: &Path,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let kept = candidates(shown)?;
    let kept = kept.iter().find(|kept| Hash::of(&kept.checkpoint) == receipt.digest);
    let Some(kept) = kept else {
        writeln!(out, "FAILED: {} is over no checkpoint that is kept", path.display())?;
        return Ok(Exit::Findings);
    };
    let checkpoint = verified(shown, kept)?;
    let file = shown.anchors.add(&checkpoint, TokenKind::OpenTimestamps, bytes, false);
    let file = file.map_err(|error| anchors_failure(&error))?;
    writeln!(out, "checkpoint  {} records", checkpoint.size())?;
    writeln!(out, "kept        {}", file.display())?;
    for attestation in &receipt.attestations {
        match attestation {
            Attestation::Bitcoin { height, root: Some(_) } => {
                writeln!(out, "block       {height}: verify with --block-header {height}:HEX")?;
            }
            Attestation::Pending { calendar } => {
                writeln!(out, "pending     {}: no proof yet", safe(calendar))?;
            }
            _ => writeln!(out, "other       of a kind that proves nothing here")?,
        }
    }
    Ok(Exit::Clean)
}

fn add_response(
    shown: &Shown,
    bytes: &[u8],
    roots: &[Vec<u8>],
    out: &mut Out,
) -> anyhow::Result<Exit> {
    for kept in candidates(shown)? {
        let asked = shown.anchors.request(kept.size).map_err(|error| anchors_failure(&error))?;
        let nonce = asked.as_deref().and_then(nonce_of);
        let limits = TokenLimits::default();
        match verify(bytes, &kept.checkpoint, nonce.as_deref(), roots, &limits) {
            Ok(stamp) => return keep_response(shown, &kept, bytes, &stamp, out),
            Err(TokenError::OtherImprint) => {}
            Err(error) => {
                writeln!(out, "FAILED: {error}")?;
                return Ok(Exit::Findings);
            }
        }
    }
    writeln!(out, "FAILED: it is over no checkpoint that is kept")?;
    Ok(Exit::Findings)
}

fn keep_response(
    shown: &Shown,
    kept: &Kept,
    bytes: &[u8],
    stamp: &Stamp,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    let checkpoint = verified(shown, kept)?;
    let file = shown.anchors.add(&checkpoint, TokenKind::Rfc3161, bytes, true);
    let file = file.map_err(|error| anchors_failure(&error))?;
    writeln!(out, "checkpoint  {} records", checkpoint.size())?;
    writeln!(out, "not after   {}", time(stamp.not_after_us()))?;
    writeln!(out, "authority   {}", safe(&stamp.authority))?;
    writeln!(out, "kept        {}", file.display())?;
    writeln!(out, "\nThe next record carries its hash.")?;
    Ok(Exit::Clean)
}

fn run_submit(args: &SubmitArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let shown = Shown::open(&args.ledger, &args.keys, out)?;
    let roots = read_roots(&args.roots)?;
    let (request, _) = prepare(&shown)?;
    let limits = HttpLimits { total_ms: args.timeout_ms, ..HttpLimits::default() };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network")?;
    let answer = runtime.block_on(async {
        let http = HttpClient::new(limits)?;
        http.post(&args.url, "application/timestamp-query", request).await
    });
    let failure = |what: String| {
        Failure::new(what).at(&args.url).todo(
            "check the address; or send the request by other means (`ledger anchor request`) and \
             add the response",
        )
    };
    let answer = answer.map_err(|error| failure(error.to_string()))?;
    if answer.status != 200 || answer.media_type != "application/timestamp-reply" {
        let (status, media) = (answer.status, safe(&answer.media_type));
        let what = format!("the authority answered with status {status} and `{media}`");
        return Err(failure(what).into());
    }
    add_response(&shown, &answer.body, &roots, out)
}
