//! `adproof diff`: what changed between two issues of a feed, at every level.

use std::io::Write;
use std::path::PathBuf;

use adproof_feeds::Limits;
use adproof_model::Level;
use adproof_wire::diff::{ChangeV1, DiffV1};
use anstyle::{AnsiColor, Style};
use clap::Args;

use super::score::{level, source, unread};
use crate::input;
use crate::out::{Exit, Format, Out};
use crate::text::{clip, wrap};

/// Arguments of `adproof diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
What a new issue no longer lists is not cleared: feeds are cut at a fixed number
of rows.

Examples:
  adproof diff feed-2026-W20.xlsx feed-2026-W21.xlsx
  adproof diff old.csv new.csv --level /48 --output-format json")]
pub(crate) struct DiffArgs {
    /// The older issue.
    #[arg(value_name = "OLD")]
    old: PathBuf,

    /// The newer issue.
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// A table of autonomous systems, for rows that name none.
    #[arg(long, value_name = "TABLE")]
    asn: Option<PathBuf>,

    /// Shows blocks of this level only; the table shows /64 unless told otherwise.
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<Level>,
}

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const ADDED: Style = AnsiColor::Yellow.on_default();

/// Blocks of one kind shown in the table.
const SHOWN: usize = 25;

pub(crate) fn run(args: &DiffArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Csv])?;
    let (old, new) = (input::one(&args.old)?, input::one(&args.new)?);
    let asn = args.asn.as_deref().map(input::one).transpose()?;
    let table = asn.as_ref().map(source);
    let mut document =
        adproof_wire::diff::run(source(&old), source(&new), table, &Limits::default())
            .map_err(|error| unread(&error))?;
    if let Some(level) = args.level {
        document.blocks.retain(|block| block.level == level.as_str());
    }
    if !document.in_order {
        out.note("the first issue is newer than the second: what is added was removed");
    }
    match format {
        Format::Json => out.json(&document)?,
        Format::Csv => rows(&document, out)?,
        _ => table_of(&document, args.level.unwrap_or(Level::P64), out)?,
    }
    Ok(Exit::Clean)
}

fn rows(document: &DiffV1, out: &mut impl Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "level",
        "block",
        "family",
        "provider",
        "change",
        "indicators_old",
        "indicators_new",
    ])?;
    for block in &document.blocks {
        writer.write_record([
            block.level,
            &super::score::plain(&block.block),
            block.family,
            &super::score::plain(block.provider.as_deref().unwrap_or_default()),
            block.change,
            &block.indicators_old.to_string(),
            &block.indicators_new.to_string(),
        ])?;
    }
    writer.flush()?;
    Ok(())
}

fn table_of(document: &DiffV1, level: Level, out: &mut impl Write) -> anyhow::Result<()> {
    let (old, new) = (&document.old, &document.new);
    writeln!(
        out,
        "{BOLD}{} to {}{BOLD:#}: {} and {} rows taken",
        old.issue, new.issue, old.accepted, new.accepted
    )?;
    for input in [old, new] {
        if input.rejected_total > 0 {
            let path = clip(&input.path, 50);
            writeln!(out, "  {path}: {} rows rejected", input.rejected_total)?;
        }
    }
    writeln!(out, "\n{DIM}  {:<10} {:>7} {:>8} {:>7}{DIM:#}", "level", "added", "removed", "kept")?;
    for row in &document.levels {
        writeln!(out, "  {:<10} {:>7} {:>8} {:>7}", row.level, row.added, row.removed, row.kept)?;
    }
    let here = || document.blocks.iter().filter(|block| block.level == level.as_str());
    for (change, title, style) in [
        ("added", "Added", ADDED),
        ("removed", "Removed", Style::new()),
        ("kept", "Kept", Style::new()),
    ] {
        let blocks: Vec<&ChangeV1> = here().filter(|block| block.change == change).collect();
        if blocks.is_empty() {
            continue;
        }
        writeln!(out, "\n{BOLD}{title} at {level}{BOLD:#}")?;
        for block in blocks.iter().take(SHOWN) {
            let figures = match change {
                "kept" => format!("{} -> {}", block.indicators_old, block.indicators_new),
                "added" => block.indicators_new.to_string(),
                _ => block.indicators_old.to_string(),
            };
            let provider = match level {
                Level::Provider => "",
                _ => block.provider.as_deref().unwrap_or_default(),
            };
            let name = clip(&block.block, 30);
            let provider = clip(provider, 24);
            writeln!(
                out,
                "  {style}{name:<30}{style:#} {figures:>8}  {:<8} {DIM}{provider}{DIM:#}",
                block.family
            )?;
        }
        if let Some(more) = blocks.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(out, "  {DIM}and {more} more; --output-format json{DIM:#}")?;
        }
    }
    writeln!(out)?;
    for line in wrap(document.censoring, 78) {
        writeln!(out, "{line}")?;
    }
    for line in wrap(document.notice, 78) {
        writeln!(out, "{DIM}{line}{DIM:#}")?;
    }
    Ok(())
}
