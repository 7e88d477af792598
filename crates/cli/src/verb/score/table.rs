//! Blocks for people, in 80 columns.

use std::io::Write;

use adproof_wire::score::{BlockV1, RejectV1, ScoreV1};
use anstyle::{AnsiColor, Style};

use crate::text::{clip, clip_start, safe, wrap};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const STRONG: Style = AnsiColor::Yellow.on_default().bold();

/// Blocks that are not ranked and shown without being asked for.
const UNRANKED: usize = 12;
/// Rejects shown of each input.
const REJECTS: usize = 3;

pub(super) fn write(document: &ScoreV1, all: bool, out: &mut impl Write) -> anyhow::Result<()> {
    inputs(document, out)?;
    summary(document, out)?;
    let (ranked, mut others): (Vec<_>, Vec<_>) =
        document.blocks.iter().partition(|block| block.class == "ranked");
    // Crawlers that declare themselves recur best and matter least.
    others.sort_by_key(|block| block.insufficient_because == Some("self_declared"));
    if !ranked.is_empty() {
        writeln!(out, "\n{BOLD}Ranked: what returns more often than chance{BOLD:#}")?;
        header(out)?;
        for block in &ranked {
            row(block, STRONG, out)?;
        }
    }
    let shown = if all { others.len() } else { others.len().min(UNRANKED) };
    if shown > 0 {
        let title = if ranked.is_empty() { "Nothing is ranked" } else { "Not ranked" };
        writeln!(out, "\n{BOLD}{title}{BOLD:#}")?;
        header(out)?;
        for block in others.iter().take(shown) {
            row(block, Style::new(), out)?;
        }
    }
    footer(document, others.len() - shown, out)
}

fn inputs(document: &ScoreV1, out: &mut impl Write) -> anyhow::Result<()> {
    let rows: u64 = document.inputs.iter().map(|input| input.rows).sum();
    let taken: u64 = document.inputs.iter().map(|input| input.accepted).sum();
    let repeats: u64 = document.inputs.iter().map(|input| input.duplicates).sum();
    let rejected: u64 = document.inputs.iter().map(|input| input.rejected_total).sum();
    let span = match (document.window.last(), document.window.first()) {
        (Some(oldest), Some(newest)) if oldest != newest => {
            format!("{} issues, {oldest} to {newest}", document.window.len())
        }
        (Some(only), _) => format!("1 issue, {only}"),
        _ => "no issue".to_owned(),
    };
    write!(out, "{BOLD}{}{BOLD:#}: {rows} rows, {taken} taken", safe(&span))?;
    if repeats > 0 {
        write!(out, ", {repeats} repeated")?;
    }
    if rejected > 0 {
        write!(out, ", {STRONG}{rejected} rejected{STRONG:#}")?;
    }
    writeln!(out)?;
    for input in &document.inputs {
        rejects(&input.path, input.rejected_total, &input.rejected, "rows", out)?;
    }
    for log in &document.events {
        writeln!(out, "Own log {}: {} events", clip(&log.path, 50), log.events)?;
        rejects(&log.path, log.rejected_total, &log.rejected, "lines", out)?;
    }
    if let Some(table) = &document.asn_table {
        rejects(&table.path, table.rejected_total, &table.rejected, "rows", out)?;
    }
    for path in &document.left_out {
        writeln!(out, "{DIM}left out by --since: {}{DIM:#}", clip(path, 55))?;
    }
    Ok(())
}

fn rejects(
    path: &str,
    total: u64,
    first: &[RejectV1],
    what: &str,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if total == 0 {
        return Ok(());
    }
    writeln!(out, "  {}: {total} {what} rejected", clip_start(path, 50))?;
    for reject in first.iter().take(REJECTS) {
        let place = format!("row {}, {}: ", reject.row, clip(&reject.column, 14));
        let value = format!("{} ", quoted(&clip(&reject.value, 24)));
        let room = 74_usize.saturating_sub(place.chars().count() + value.chars().count());
        writeln!(out, "    {place}{value}{DIM}{}{DIM:#}", clip(&reject.reason, room))?;
    }
    let shown = u64::try_from(first.len().min(REJECTS)).unwrap_or(0);
    if total > shown {
        writeln!(out, "    {DIM}and {} more; --output-format json{DIM:#}", total - shown)?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

fn summary(document: &ScoreV1, out: &mut impl Write) -> anyhow::Result<()> {
    let types = document.fraud_types.iter();
    list("Types", types.map(|one| (one.fraud_type.as_str(), one.indicators)), out)?;
    let providers = document.providers.iter();
    list("Providers", providers.map(|one| (one.name.as_str(), one.indicators)), out)
}

/// `Types      first 3, second 2, …` in two lines at most.
fn list<'a>(
    title: &str,
    entries: impl Iterator<Item = (&'a str, u64)>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut lines = vec![String::new()];
    let mut left = 0_usize;
    for (name, count) in entries {
        let text = format!("{} {count}", clip(name, 30));
        let line_len = lines.last().map_or(0, |line| line.chars().count());
        let fits = line_len == 0 || line_len + 2 + text.chars().count() <= 58;
        if left > 0 || !fits && lines.len() == 2 {
            left += 1;
            continue;
        }
        if !fits {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push_str(", ");
            }
            line.push_str(&text);
        }
    }
    let count = lines.len();
    for (index, line) in lines.iter().enumerate() {
        let title = if index == 0 { title } else { "" };
        let tail = match (index + 1 == count, left) {
            (false, _) => ",".to_owned(),
            (true, 0) => String::new(),
            (true, left) => format!(", {left} more"),
        };
        if !line.is_empty() {
            writeln!(out, "{title:<10} {line}{tail}")?;
        }
    }
    Ok(())
}

fn header(out: &mut impl Write) -> anyhow::Result<()> {
    let (level, block) = ("level", "block");
    writeln!(
        out,
        "  {DIM}{level:<8} {block:<24}   seen  ind  low mean high  rank, provider{DIM:#}"
    )?;
    Ok(())
}

fn row(block: &BlockV1, style: Style, out: &mut impl Write) -> anyhow::Result<()> {
    let name = safe(&block.block);
    let name = if name.chars().count() > 24 {
        writeln!(out, "  {:<8} {style}{}{style:#}", block.level, clip(&name, 66))?;
        String::new()
    } else {
        name
    };
    let level = if name.is_empty() { "" } else { block.level };
    let seen = format!("{}/{}", block.issues_seen, block.issues);
    let figures = format!(
        "{seen:>6} {:>4}  {:>3}  {:>3}  {:>3}",
        block.indicators.min(9_999),
        percent(block.recurrence_ppm),
        percent(block.mean_ppm),
        percent(block.high_ppm)
    );
    let what = remark(block);
    writeln!(
        out,
        "  {level:<8} {style}{name:<24}{style:#} {figures}  {DIM}{}{DIM:#}",
        clip(&what, 16)
    )?;
    if let Some(explained_by) = &block.explained_by {
        let part = block.issues_seen.saturating_sub(block.issues_unexplained);
        let how = format!("{part} of {} explained by", block.issues_seen);
        writeln!(out, "           {DIM}{how} {}{DIM:#}", clip(explained_by, 45))?;
    }
    Ok(())
}

/// What stands in the last column: the rank and the provider of a ranked block, otherwise why it
/// is not ranked.
fn remark(block: &BlockV1) -> String {
    let [low, high] = block.rank;
    let rank = if low == high { format!("{low}") } else { format!("{low}-{high}") };
    let provider = match (block.level, block.provider.as_deref()) {
        ("provider", _) | (_, None) => String::new(),
        (_, Some(provider)) => provider.to_owned(),
    };
    match block.insufficient_because {
        None => format!("{rank} of {} {provider}", block.ranked_among),
        Some("one_issue" | "chance" | "rank_unclear") => provider,
        Some("self_declared") => "declares itself".to_owned(),
        Some("explained") => "explained".to_owned(),
        Some("no_exposure") => "needs your log".to_owned(),
        Some("no_excess") => "no excess in log".to_owned(),
        Some(other) => other.to_owned(),
    }
}

fn footer(document: &ScoreV1, hidden: usize, out: &mut impl Write) -> anyhow::Result<()> {
    let left_out: u64 = document.blocks_left_out.values().sum();
    writeln!(out)?;
    if hidden > 0 || left_out > 0 {
        let hidden = u64::try_from(hidden).unwrap_or(u64::MAX).saturating_add(left_out);
        writeln!(
            out,
            "{DIM}{hidden} more blocks: --top N, --level, or --output-format json.{DIM:#}"
        )?;
    }
    match document.window.len() {
        0 => writeln!(out, "No issue was read: there is nothing to score.")?,
        1 => writeln!(out, "One issue says what is listed, not what recurs: add older issues.")?,
        _ => {}
    }
    writeln!(
        out,
        "ind: distinct indicators. low, mean, high: the chance that an issue marks the\nblock; it lies between low and high with 90 % certainty."
    )?;
    for line in wrap(document.notice, 78) {
        writeln!(out, "{DIM}{line}{DIM:#}")?;
    }
    Ok(())
}

/// Whole per cent in three columns.
fn percent(ppm: u32) -> String {
    match ppm {
        1..10_000 => "<1%".to_owned(),
        _ => format!("{}%", ((ppm + 5_000) / 10_000).min(99)),
    }
}
