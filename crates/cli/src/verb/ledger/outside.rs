//! What outsiders say of a ledger, within `adproof ledger verify`.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_edge::anchors::rfc3161::roots_of_pem;
use adproof_edge::anchors::{
    Anchor, Anchors, Limits as AnchorLimits, Outside, TokenKind, Trust, Verdict, judge,
};
use adproof_edge::store::{LedgerReader, Published};
use adproof_ledger::Report;
use adproof_ledger::ots::BlockHeader;
use adproof_ledger::verify::{KeyHistory, TimeBound};
use adproof_model::Timestamp;
use adproof_wire::ledger::AnchorV1;
use clap::Args;

use super::shown::{anchors_failure, policy_lines, read_file, read_policy};
use crate::keyring::store_failure;
use crate::out::{Failure, Out};
use crate::text::safe;

/// The longest file of root certificates that is read.
const MAX_ROOTS_BYTES: usize = 1 << 20;

/// Whom to trust besides the log.
#[derive(Debug, Args)]
pub(super) struct OutsideArgs {
    /// Demands the cosignatures of this C2SP tlog-policy on the ledger's checkpoint.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Root certificates, in PEM, of time stamp authorities to trust. May be given more than once.
    #[arg(long = "tsa-root", value_name = "FILE")]
    roots: Vec<PathBuf>,

    /// The header of a Bitcoin block, from somebody who follows the chain, for OpenTimestamps
    /// receipts. May be given more than once.
    #[arg(long = "block-header", value_name = "HEIGHT:HEX", value_parser = block_header)]
    headers: Vec<(u32, BlockHeader)>,
}

pub(crate) fn block_header(text: &str) -> Result<(u32, BlockHeader), String> {
    let form = || "give HEIGHT:HEX, the 80 bytes of the header as 160 hex digits".to_owned();
    let (height, hex) = text.split_once(':').ok_or_else(form)?;
    let height = height.parse().map_err(|_| form())?;
    let header = BlockHeader::parse_hex(hex).map_err(|error| format!("{error}; {}", form()))?;
    Ok((height, header))
}

/// Reads root certificates.
pub(crate) fn read_roots(files: &[PathBuf]) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut roots = Vec::new();
    for path in files {
        let pem = read_file(path, MAX_ROOTS_BYTES)?;
        roots.extend(roots_of_pem(&pem).map_err(|error| {
            Failure::new(error.to_string())
                .at(path.display())
                .todo("give certificates in PEM: -----BEGIN CERTIFICATE-----")
        })?);
    }
    Ok(roots)
}

/// Judges what is kept beside a ledger.
pub(super) fn gather(
    args: &OutsideArgs,
    reader: &LedgerReader,
    keys: &KeyHistory,
) -> anyhow::Result<Outside> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let roots = read_roots(&args.roots)?;
    let anchors = Anchors::of(&reader.root(), AnchorLimits::default());
    let kept = anchors.all().map_err(|error| anchors_failure(&error))?;
    // A checkpoint that is missing or wrong is told by the verification itself.
    let current = Published::open(&reader.root()).and_then(|published| published.checkpoint());
    let current = current.map_err(store_failure).ok();
    let current = current.and_then(|note| keys.checkpoint(&note).ok());
    let trust = Trust { keys, policy: policy.as_ref(), roots: &roots, headers: &args.headers };
    Ok(judge(&kept, current.as_ref(), &trust))
}

/// The lines of the report for people.
pub(super) fn print(outside: &Outside, report: &Report, out: &mut Out) -> anyhow::Result<()> {
    if let Some(policy) = &outside.policy {
        for line in policy_lines(policy) {
            writeln!(out, "{line}")?;
        }
        if let (false, Some(size)) = (policy.is_met(), outside.met_at) {
            writeln!(out, "            an older checkpoint, of {size} records, meets it")?;
        }
    }
    for anchor in &outside.anchors {
        let size = anchor.size;
        match &anchor.verdict {
            Verdict::Stands { not_after_us, by } => {
                let at = time(*not_after_us);
                writeln!(out, "anchor      {size} records, not after {at}: {}", safe(by))?;
            }
            Verdict::NotKnown(why) => {
                writeln!(out, "anchor      {size} records, not checked: {}", safe(why))?;
            }
            Verdict::Fails(why) => {
                writeln!(out, "anchor      {size} records, FAILED: {}", safe(why))?;
                writeln!(out, "            {}", anchor.file)?;
            }
            _ => {}
        }
    }
    for size in &outside.strange {
        writeln!(out, "anchor      {size} records, not checked: no key of this log signed it")?;
    }
    for bound in &report.times {
        if let TimeBound::NotBefore { seq, at_us } = bound {
            writeln!(out, "time        record {seq} and later, not before {}", time(*at_us))?;
        }
    }
    Ok(())
}

/// Why the verification fails although nothing is wrong with the ledger itself.
pub(super) fn failure(outside: &Outside) -> Option<&'static str> {
    if outside.policy.as_ref().is_some_and(|policy| !policy.is_met()) {
        Some("FAILED: the policy is not met")
    } else if outside.is_good() {
        None
    } else {
        Some("FAILED: a time stamp does not hold")
    }
}

pub(super) fn time(us: i64) -> String {
    Timestamp::from_micros(us).to_string()
}

/// What the document says of a time stamp.
pub(super) fn anchor_document(anchor: &Anchor) -> AnchorV1 {
    let (verdict, not_after_us, message) = match &anchor.verdict {
        Verdict::Stands { not_after_us, by } => ("stands", Some(*not_after_us), by.clone()),
        Verdict::NotKnown(why) => ("not_known", None, why.clone()),
        Verdict::Fails(why) => ("fails", None, why.clone()),
        _ => ("not_known", None, String::new()),
    };
    AnchorV1 {
        size: anchor.size,
        kind: match anchor.kind {
            TokenKind::Rfc3161 => "rfc3161",
            TokenKind::OpenTimestamps => "opentimestamps",
        },
        file: anchor.file.clone(),
        verdict,
        not_after: not_after_us.map(time),
        not_after_us,
        message,
    }
}
