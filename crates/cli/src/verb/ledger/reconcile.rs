//! `adproof ledger reconcile`: our sums beside those of the other party.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use adproof_feeds::{Limits, read_claims};
use adproof_ledger::WindowClose;
use adproof_pipeline::{Compared, Figure, Kind, Reconciled, reconcile};
use adproof_wire::settle::{ReconcileRowV1, ReconcileV1, SpanV1};
use clap::Args;

use super::close::{money, windows as closed};
use super::shown::read_file;
use crate::keyring::store_failure;
use crate::out::{Exit, Failure, Format, Out};
use crate::text::{clip, safe};
use crate::verb::ledger::open;
use crate::verb::score::unread;

/// Arguments of `adproof ledger reconcile`.
#[derive(Debug, Args)]
#[command(after_help = "\
Compares the sums of closed windows with what the other party counts: CSV with a
header, or JSON lines, with from, to, party, action (or verdict), currency,
count, and amount or amount_micros where they have it. Both tolerances that
contracts use are shown: 5 % and 10 %. The difference is that of counts or of
amounts, whichever is larger, in percent of the smaller figure, so that it holds
whichever side's figure controls. What only one side has is beyond every
tolerance.

The sums are read from the records as they lie there; `adproof ledger verify`
checks them.

Exit codes: 0 every row is within the tolerance and was taken, 1 one is not, 2
it could not work.

Examples:
  adproof ledger reconcile ledger --theirs may.csv
  adproof ledger reconcile ledger --theirs may.jsonl --tolerance 5 \\
    --output-format json")]
pub(super) struct ReconcileArgs {
    /// The ledger.
    #[arg(value_name = "DIR")]
    ledger: PathBuf,

    /// What the other party counts.
    #[arg(long, value_name = "FILE")]
    theirs: PathBuf,

    /// The tolerance that the exit code is about, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(0..=100))]
    tolerance: u32,
}

pub(super) fn run(args: &ReconcileArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Csv])?;
    let limits = Limits::default();
    let most = usize::try_from(limits.bytes).unwrap_or(usize::MAX);
    let bytes = read_file(&args.theirs, most)?;
    let claims = read_claims(&args.theirs.display().to_string(), &bytes, &limits)
        .map_err(|error| unread(&error))?;
    let (log, windows) = windows(args)?;
    let mut theirs = BTreeMap::new();
    for row in &claims.rows {
        let kind = Kind {
            from_us: row.from.micros(),
            to_us: row.to.micros(),
            party: row.party.to_string(),
            action: row.action.to_string(),
            currency: row.currency.to_string(),
        };
        theirs.insert(kind, Figure { count: row.count, amount_micros: row.amount_micros });
    }
    let found = reconcile(&windows, &theirs);
    let tolerance_ppm = args.tolerance.saturating_mul(10_000);
    let rejected = claims.rejected.iter().map(Into::into).collect();
    let document = document(&log, tolerance_ppm, &found, rejected);
    match format {
        Format::Json => out.json(&document)?,
        Format::Csv => csv(&document, out)?,
        _ => table(&document, out)?,
    }
    if claims.rejected_total > 0 {
        out.note(format_args!("note: {} of their rows were not taken", claims.rejected_total));
        for reject in claims.rejected.iter().take(5) {
            out.note(format_args!(
                "  row {}, {}: {} ({})",
                reject.row,
                reject.column,
                reject.reason,
                safe(&reject.value)
            ));
        }
    }
    let good = document.outcome == "within" && claims.rejected_total == 0;
    Ok(if good { Exit::Clean } else { Exit::Findings })
}

fn windows(args: &ReconcileArgs) -> anyhow::Result<(String, Vec<WindowClose>)> {
    let reader = open(&args.ledger)?;
    let log = reader.own_keys().map_err(store_failure)?.log().to_owned();
    let windows = closed(&reader)?;
    if windows.is_empty() {
        return Err(Failure::new("the ledger has no closed window")
            .at(args.ledger.display())
            .todo("close one: `adproof ledger close`")
            .into());
    }
    Ok((log, windows))
}

fn document(
    log: &str,
    tolerance_ppm: u32,
    found: &Reconciled,
    rejected: Vec<adproof_wire::score::RejectV1>,
) -> ReconcileV1 {
    let within = |ppm| found.rows.iter().filter(|row| row.is_within(ppm)).count();
    let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
    let only = |ours: bool| {
        let only = |row: &&Compared| {
            if ours { row.theirs.is_none() } else { row.ours.is_none() }
        };
        count(found.rows.iter().filter(only).count())
    };
    let spans = |spans: &[(i64, i64)]| {
        spans.iter().map(|(from, to)| SpanV1::new(*from, *to)).collect::<Vec<_>>()
    };
    let all = within(tolerance_ppm) == found.rows.len() && found.not_closed.is_empty();
    ReconcileV1 {
        schema: "adproof.reconcile/1",
        log: log.to_owned(),
        outcome: if all { "within" } else { "beyond" },
        tolerance_ppm,
        rows: found.rows.iter().map(row).collect(),
        within_5: count(within(FIVE)),
        within_10: count(within(TEN)),
        only_ours: only(true),
        only_theirs: only(false),
        windows_not_compared: spans(&found.not_compared),
        windows_not_closed: spans(&found.not_closed),
        rejected,
    }
}

const FIVE: u32 = 50_000;
const TEN: u32 = 100_000;

fn row(row: &Compared) -> ReconcileRowV1 {
    let Compared { kind, ours, theirs } = row;
    let amount = |side: &Option<Figure>| side.and_then(|side| side.amount_micros);
    let counted = |side: &Option<Figure>| {
        side.map_or(0, |side| i64::try_from(side.count).unwrap_or(i64::MAX))
    };
    let difference = match (ours, theirs) {
        (_, Some(Figure { amount_micros: None, .. })) => None,
        _ => amount(theirs).unwrap_or(0).checked_sub(amount(ours).unwrap_or(0)),
    };
    ReconcileRowV1 {
        window: SpanV1::new(kind.from_us, kind.to_us),
        party: kind.party.clone(),
        action: kind.action.clone(),
        currency: kind.currency.clone(),
        count_ours: ours.map(|side| side.count),
        count_theirs: theirs.map(|side| side.count),
        amount_micros_ours: amount(ours),
        amount_micros_theirs: amount(theirs),
        count_difference: counted(theirs).saturating_sub(counted(ours)),
        amount_micros_difference: difference,
        discrepancy_ppm: row.discrepancy_ppm(),
        within_5: row.is_within(FIVE),
        within_10: row.is_within(TEN),
    }
}

fn csv(document: &ReconcileV1, out: &mut Out) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(&mut *out);
    writer.write_record([
        "from",
        "to",
        "party",
        "action",
        "currency",
        "count_ours",
        "count_theirs",
        "count_difference",
        "amount_micros_ours",
        "amount_micros_theirs",
        "amount_micros_difference",
        "discrepancy_ppm",
        "within_5",
        "within_10",
    ])?;
    for row in &document.rows {
        writer.write_record([
            row.window.from.clone(),
            row.window.to.clone(),
            row.party.clone(),
            row.action.clone(),
            row.currency.clone(),
            text(row.count_ours),
            text(row.count_theirs),
            row.count_difference.to_string(),
            text(row.amount_micros_ours),
            text(row.amount_micros_theirs),
            text(row.amount_micros_difference),
            text(row.discrepancy_ppm),
            row.within_5.to_string(),
            row.within_10.to_string(),
        ])?;
    }
    writer.flush()?;
    Ok(())
}

/// A cell: empty for nothing.
fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn table(document: &ReconcileV1, out: &mut Out) -> anyhow::Result<()> {
    writeln!(out, "log  {}", document.log)?;
    let width = out.width.saturating_sub(65).max(10);
    for rows in document.rows.chunk_by(|a, b| a.window == b.window) {
        let Some(first) = rows.first() else { continue };
        let open = document.windows_not_closed.contains(&first.window);
        let said = if open { "  (the ledger has not closed it)" } else { "" };
        writeln!(out, "\n{} to {}{said}", first.window.from, first.window.to)?;
        writeln!(
            out,
            "{:<width$} {:<8} {:<3} {:>14} {:>14} {:>9}  {:<3} 10%",
            "PARTY", "ACTION", "CUR", "OURS", "THEIRS", "DIFF", "5%"
        )?;
        for row in rows {
            line(row, width, out)?;
        }
    }
    let rows = document.rows.len();
    writeln!(out)?;
    writeln!(
        out,
        "{} of {rows} rows within 5 %, {} within 10 %, {} only ours, {} only theirs",
        document.within_5, document.within_10, document.only_ours, document.only_theirs
    )?;
    if !document.windows_not_compared.is_empty() {
        writeln!(out, "not compared, because they say nothing of it:")?;
        for window in &document.windows_not_compared {
            writeln!(out, "  {} to {}", window.from, window.to)?;
        }
    }
    let percent = document.tolerance_ppm / 10_000;
    writeln!(out, "{} the tolerance of {percent} %", document.outcome)?;
    Ok(())
}

fn line(row: &ReconcileRowV1, width: usize, out: &mut Out) -> anyhow::Result<()> {
    let party = if row.party.is_empty() { "-" } else { &row.party };
    let count = |side: Option<u64>| side.map_or_else(|| "left out".to_owned(), |n| n.to_string());
    let share = match row.discrepancy_ppm {
        Some(ppm) => format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100),
        None => "-".to_owned(),
    };
    let mark = |within: bool| if within { "yes" } else { "NO" };
    writeln!(
        out,
        "{:<width$} {:<8} {:<3} {:>14} {:>14} {:>9}  {:<3} {}",
        clip(&safe(party), width),
        clip(&row.action, 8),
        row.currency,
        count(row.count_ours),
        count(row.count_theirs),
        share,
        mark(row.within_5),
        mark(row.within_10)
    )?;
    if row.amount_micros_theirs.is_some() {
        let amount = |side: Option<i64>| side.map_or_else(|| "-".to_owned(), money);
        writeln!(
            out,
            "{:<width$} {:<8} {:<3} {:>14} {:>14}",
            "",
            "amount",
            "",
            amount(row.amount_micros_ours),
            amount(row.amount_micros_theirs)
        )?;
    }
    Ok(())
}
