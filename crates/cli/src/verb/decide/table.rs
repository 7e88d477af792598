//! Decisions for people, in 80 columns.

use std::io::Write;

use adproof_wire::decide::{BlockDecisionV1, DecideV1, LedgerV1};
use anstyle::{AnsiColor, Style};

use crate::text::clip;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const STRONG: Style = AnsiColor::Yellow.on_default().bold();

/// Blocks that are shown.
const BLOCKS: usize = 12;
/// Gates that are named for each block.
const GATES: usize = 2;

pub(super) fn write(document: &DecideV1, out: &mut impl Write) -> anyhow::Result<()> {
    head(document, out)?;
    evidence(document, out)?;
    blocks(document, out)?;
    if let Some(ledger) = &document.ledger {
        writeln!(out)?;
        self::ledger(ledger, out)?;
    }
    writeln!(out, "\n{DIM}Entries of feeds are their publisher's opinion. An action is what the")?;
    writeln!(out, "policy allows, not what anybody has done.{DIM:#}")?;
    Ok(())
}

fn head(document: &DecideV1, out: &mut impl Write) -> anyhow::Result<()> {
    let summary = &document.summary;
    write!(out, "{BOLD}{} impressions{BOLD:#}", summary.impressions)?;
    if let (Some(first), Some(last)) = (document.days.first(), document.days.last()) {
        let span = if first.day == last.day {
            first.day.clone()
        } else {
            format!("{} to {}", first.day, last.day)
        };
        write!(out, " of {span}")?;
    }
    writeln!(out, ", from {} events", document.events)?;
    writeln!(
        out,
        "Policy     {}, sha256 {:.16}…",
        clip(&document.policy.name, 40),
        document.policy.sha256
    )?;
    let actions = ["block", "throttle", "review", "measure", "observe", "none"];
    let told: Vec<String> = actions
        .iter()
        .filter_map(|action| summary.actions.get(action).map(|n| format!("{action} {n}")))
        .collect();
    writeln!(out, "Actions    {}", told.join(", "))?;
    if summary.held_out > 0 {
        writeln!(out, "           {} held back by lot, to measure the effect", summary.held_out)?;
    }
    Ok(())
}

fn evidence(document: &DecideV1, out: &mut impl Write) -> anyhow::Result<()> {
    let summary = &document.summary;
    let whole: u64 =
        document.completeness.iter().filter(|row| row.miss == 0).map(|row| row.impressions).sum();
    writeln!(
        out,
        "Evidence   {whole} complete, {} with observers that contradict each other,",
        summary.disagreements
    )?;
    writeln!(
        out,
        "           {} with a tag that is broken or risky, {} late legs, {} duplicates",
        summary.wrong_tags, summary.late_legs, summary.duplicates
    )?;
    if document.rejected_total > 0 {
        writeln!(out, "Rejected   {STRONG}{} lines of the log{STRONG:#}", document.rejected_total)?;
        for reject in document.rejected.iter().take(3) {
            let place = format!("line {}, {}: ", reject.row, clip(&reject.column, 14));
            writeln!(out, "           {place}{DIM}{}{DIM:#}", clip(&reject.reason, 40))?;
        }
    }
    for (reason, count) in &document.unjoined {
        writeln!(out, "Unjoined   {count} events: {reason}")?;
    }
    Ok(())
}

fn blocks(document: &DecideV1, out: &mut impl Write) -> anyhow::Result<()> {
    if document.blocks.is_empty() {
        writeln!(out, "\n{BOLD}No impression came from a listed block{BOLD:#}")?;
        return Ok(());
    }
    writeln!(out, "\n{BOLD}What the policy allows, and why not more{BOLD:#}")?;
    writeln!(
        out,
        "{DIM}{:<8} {:<26} {:>5} {:>6} {:>5} {:>9}{DIM:#}",
        "action", "block", "R", "issues", "impr", "devices≤"
    )?;
    for block in document.blocks.iter().take(BLOCKS) {
        row(block, out)?;
    }
    let left = document.blocks.len().saturating_sub(BLOCKS);
    if left > 0 {
        writeln!(out, "{DIM}and {left} more blocks; --output-format json lists them{DIM:#}")?;
    }
    Ok(())
}

fn row(block: &BlockDecisionV1, out: &mut impl Write) -> anyhow::Result<()> {
    let style = if matches!(block.action, "review" | "throttle" | "block") { STRONG } else { DIM };
    let collateral = match &block.collateral {
        Some(figure) if figure.basis == "log" => percent(figure.devices_high_ppm),
        _ => "no log".to_owned(),
    };
    let seen = format!("{}/{}", block.issues_seen, block.issues);
    writeln!(
        out,
        "{style}{:<8}{style:#} {:<26} {:>5} {seen:>6} {:>5} {collateral:>9}",
        block.action,
        clip(&block.block, 26),
        thousandths(block.recurrence_ppm),
        block.impressions
    )?;
    for reason in block.why_not_more.iter().take(GATES) {
        let bound = if reason.at_most { "at most" } else { "at least" };
        let have = reason.have.map_or_else(|| "unknown".to_owned(), |have| have.to_string());
        let text = match reason.have {
            Some(0) if reason.need == 1 => format!("no {}: {}", reason.rung, reason.gate),
            _ => {
                format!("no {}: {} {have}, needs {bound} {}", reason.rung, reason.gate, reason.need)
            }
        };
        writeln!(out, "{DIM}         {}{DIM:#}", clip(&text, 70))?;
    }
    Ok(())
}

/// `.417`.
fn thousandths(ppm: u32) -> String {
    let rounded = ppm.saturating_add(500) / 1_000;
    if rounded >= 1_000 { "1.00".to_owned() } else { format!(".{rounded:03}") }
}

/// `1.40 %`.
fn percent(ppm: u32) -> String {
    let hundredths = ppm.saturating_add(50) / 100;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// Where a ledger stands.
pub(crate) fn ledger(ledger: &LedgerV1, out: &mut impl Write) -> anyhow::Result<()> {
    write!(out, "Ledger     {}: {} records, {} new", ledger.log, ledger.records, ledger.appended)?;
    if ledger.already > 0 {
        write!(out, ", {} there already", ledger.already)?;
    }
    writeln!(out)?;
    if ledger.differing > 0 {
        writeln!(
            out,
            "           {STRONG}{} impressions were decided otherwise before; that record \
             stands{STRONG:#}",
            ledger.differing
        )?;
    }
    if let Some(root) = ledger.checkpoint.lines().nth(2) {
        writeln!(out, "           root {root}")?;
    }
    Ok(())
}
