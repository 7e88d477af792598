//! `adproof bundle verify`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::anchors::judge_bundle;
use adproof_edge::bundle::page::{Code, Page};
use adproof_edge::bundle::{Sent, SentLimits, read_sent};
use adproof_ledger::bundle::{
    self, AckState, BundleReport, CheckLimits, Files, Outside, PolicyOf, Stamp, inline,
};
use adproof_ledger::ots::BlockHeader;
use adproof_ledger::{Body, Stance};
use adproof_model::Timestamp;
use adproof_wire::bundle::{BundlePageV1, BundleVerifyV1};
use clap::Args;

use crate::keyring::read_trusted;
use crate::out::{Exit, Failure, Format, Out};
use crate::text::{safe, wrap};
use crate::verb::ledger::outside::{block_header, read_roots};
use crate::verb::ledger::shown::{cosigned_text, read_policy};

/// Arguments of `adproof bundle verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
A page is compared with the one that adproof writes, byte for byte, and the
files in it are checked here: nothing that the page itself says or does is
believed.

Exit codes: 0 verified, 1 something is wrong, 2 it could not be checked.

Examples:
  adproof bundle verify 2026-117.html --key log.pub
  adproof bundle verify dispute.zip --key log.pub
  adproof bundle verify dispute.zip --key root.pub --policy policy \\
    --tsa-root tsa-root.pem")]
pub(super) struct VerifyArgs {
    /// The bundle: a page or a zip file.
    bundle: PathBuf,

    /// Public keys to trust, as `keys export` writes them. May be given more than once [default:
    /// those in the bundle, which trusts its sender].
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,

    /// Demands the cosignatures of this C2SP tlog-policy, on the bundle's checkpoint or on one in
    /// it that covers its decisions [default: tells what the bundle's own policy says, which lists
    /// whom its sender wants].
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

pub(super) fn run(args: &VerifyArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let cannot = |what: String| {
        Failure::new(what)
            .at(args.bundle.display())
            .todo("give a file that `adproof bundle make` wrote")
    };
    let bytes = read_bounded(&args.bundle, inline::Limits::default().text_bytes)
        .map_err(|error| cannot(format!("the bundle cannot be read: {error}")))?;
    let Sent { files, page } = read_sent(&bytes, &SentLimits::default())
        .map_err(|error| cannot(format!("the bundle cannot be read: {error}")))?;
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let stamps = judge_bundle(&files, &read_roots(&args.roots)?, &args.headers);
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
    let limits = CheckLimits::default();
    let outside = Outside { policy: policy.as_ref(), believe_sender: !given, stamps, limits };
    let report = bundle::verify_with(&files, &trusted, &outside);
    let told = page.as_ref().map(page_v1);
    let document =
        BundleVerifyV1::new(trusted.log(), &report, given, bundle::own_case(&files).as_ref(), told);
    let good = document.outcome == "verified";
    if format == Format::Json {
        out.json(&document)?;
    } else {
        print(trusted.log(), &report, &files, page.as_ref(), &document, out)?;
    }
    Ok(if good { Exit::Clean } else { Exit::Findings })
}

fn page_v1(page: &Page) -> BundlePageV1 {
    BundlePageV1 {
        code: page.code_name(),
        version: page.version().map(str::to_owned),
        sha256: page.digest.to_string(),
    }
}

fn read_bounded(path: &Path, bound: usize) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let bound = u64::try_from(bound).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn print(
    log: &str,
    report: &BundleReport,
    files: &Files,
    page: Option<&Page>,
    document: &BundleVerifyV1,
    out: &mut Out,
) -> anyhow::Result<()> {
    writeln!(out, "log      {log}")?;
    if let Some(case) = bundle::own_case(files) {
        if !case.case.is_empty() {
            writeln!(out, "case     {}", safe(&case.case))?;
        }
        if let Some(recipient) = &case.recipient {
            writeln!(out, "for      {} (by the sender's word)", safe(recipient))?;
        }
    }
    match page.map(|page| &page.code) {
        Some(Code::Own) => writeln!(out, "page     the one that this adproof writes")?,
        Some(Code::Earlier(version)) => writeln!(out, "page     that of adproof {version}")?,
        Some(_) => writeln!(out, "page     UNKNOWN: not one that adproof writes")?,
        None => {}
    }
    records(report, out)?;
    seen_by_others(report, out)?;
    writeln!(out)?;
    if document.outcome == "verified" {
        writeln!(out, "verified: nothing is wrong")?;
        let width = out.width;
        writeln!(out, "\nnot shown by this:")?;
        for left in not_shown(report, document) {
            for (index, line) in wrap(&left, width.saturating_sub(4)).iter().enumerate() {
                writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
            }
        }
        return Ok(());
    }
    let plural = if document.problems.len() == 1 { "problem" } else { "problems" };
    writeln!(out, "FAILED: {} {plural}", document.problems.len())?;
    let width = out.width;
    for problem in &document.problems {
        let record = problem.record.map_or_else(String::new, |seq| format!("record {seq}: "));
        let told = format!("{record}{}", safe(&problem.message));
        for (index, line) in wrap(&told, width.saturating_sub(4)).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "  " } else { "    " })?;
        }
    }
    Ok(())
}

/// What witnesses and time stamps say.
fn seen_by_others(report: &BundleReport, out: &mut Out) -> anyhow::Result<()> {
    if let Some(witnesses) = &report.witnesses {
        for (name, said) in &witnesses.report.witnesses {
            writeln!(out, "witness  {}: {}", safe(name), cosigned_text(*said))?;
        }
        let whose = match witnesses.policy_of {
            PolicyOf::Reader => "the policy that you gave",
            _ => "the sender's own policy",
        };
        match witnesses.met_at {
            Some(size) => writeln!(out, "policy   {whose} is met at {size} records")?,
            None => writeln!(out, "policy   {whose} is met by no checkpoint")?,
        }
    }
    for anchor in &report.anchors {
        let size = anchor.checkpoint.size();
        for (file, stamp) in &anchor.stamps {
            match stamp {
                Stamp::Stands { not_after_us, by } => {
                    let at = Timestamp::from_micros(*not_after_us);
                    writeln!(out, "anchor   {size} records, not after {at}: {}", safe(by))?;
                }
                Stamp::NotKnown(why) => {
                    writeln!(out, "anchor   {size} records, not checked: {}", safe(why))?;
                }
                _ => writeln!(out, "anchor   {size} records, FAILED: {}", safe(file))?,
            }
        }
    }
    Ok(())
}

/// What a bundle that holds leaves open.
fn not_shown(report: &BundleReport, document: &BundleVerifyV1) -> Vec<String> {
    let met = report.witnesses.as_ref().filter(|witnesses| witnesses.met_at.is_some());
    let mut left = Vec::new();
    match met.map(|witnesses| witnesses.policy_of) {
        None => left.push(
            "No witness: a rewrite by the key's holder would not show. Compare the checkpoint with \
             one that somebody else has held."
                .to_owned(),
        ),
        Some(PolicyOf::Reader) => {}
        Some(_) => left.push(
            "That the witnesses are independent of the log: the list of them is the sender's \
             word. Give the policy that you trust with --policy; without it a rewrite by the \
             key's holder might not show."
                .to_owned(),
        ),
    }
    if document.keys == "bundle" {
        left.push("That the keys are the log's: they came with the bundle.".to_owned());
    }
    let changes = match document.key_changes {
        0 => "no change".to_owned(),
        1 => "1 change".to_owned(),
        more => format!("{more} changes"),
    };
    left.push(format!(
        "Other changes of keys: the bundle shows {changes}; whether the log has more, such as a \
         revocation, only the whole log tells."
    ));
    left
}

fn records(report: &BundleReport, out: &mut Out) -> anyhow::Result<()> {
    for one in &report.records {
        let record = one.verified.record();
        let size = one.verified.checkpoint().size();
        let what = match &record.body {
            Body::Decision(draft) => format!("decision {}", draft.dec.action.as_str()),
            other => other.typ().to_owned(),
        };
        let link = if one.linked { ", linked" } else { "" };
        writeln!(
            out,
            "record   {} {what}: signed{link}, under a checkpoint of {size}",
            record.seq
        )?;
        for (leg, disclosure) in &one.revealed {
            let (name, value) = (safe(disclosure.name()), disclosure.value().to_string());
            writeln!(out, "         {leg}.{name} = {}", safe(&value))?;
        }
        if let Some(by) = one.erased_by {
            writeln!(out, "         its evidence was erased: record {by} (by the sender's word)")?;
        }
        if let Some((ack, state)) = &one.ack {
            let stance = match ack.statement.stance {
                Stance::Received => "has received it",
                Stance::Agreed => "agrees",
                Stance::Disputed => "disputes it",
            };
            let worth = match state {
                AckState::Holds => "",
                AckState::Revoked(_) => " (its key was revoked: anybody may have signed)",
                _ => " (its key is not among those given: cannot be checked)",
            };
            writeln!(out, "         the other party {stance}{worth}")?;
        }
    }
    Ok(())
}
