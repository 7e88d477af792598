//! Summary frames of reports, over what was scored. Integers go in and integers come out.

use std::sync::Arc;

use adproof_feeds::FeedIssue;
use adproof_model::{Block, Level};
use adproof_signal::Scoring;
use polars::frame::PivotColumnNaming;
use polars::prelude::*;

use crate::EngineError;

/// A small table: a name and numbers a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The names of the number columns.
    pub columns: Vec<String>,
    /// The rows; each has one number a column.
    pub rows: Vec<(String, Vec<u64>)>,
}

/// How many distinct blocks each issue lists, by level: one row a level that any issue has, one
/// column an issue, in the order of time.
pub fn presence(issues: &[FeedIssue]) -> Result<Frame, EngineError> {
    let mut ordered: Vec<&FeedIssue> = issues.iter().collect();
    ordered.sort_by(|a, b| a.issue.cmp(&b.issue));
    ordered.dedup_by(|a, b| a.issue == b.issue);
    let labels: Vec<String> = ordered.iter().map(|feed| feed.issue.label().to_owned()).collect();
    let (mut level, mut issue, mut block) = (Vec::new(), Vec::new(), Vec::new());
    for feed in issues {
        for indicator in &feed.accepted {
            let widths =
                Level::ALL.into_iter().filter_map(|level| Some((level, level.prefix_len()?)));
            let prefixes = widths
                .filter(|(_, len)| *len <= indicator.prefix.bit_len())
                .map(|(level, len)| (level, Block::Prefix(indicator.prefix.widen(len))));
            let asn = indicator.asn.map(|asn| (Level::Asn, Block::Asn(asn)));
            let provider =
                indicator.provider.clone().map(|name| (Level::Provider, Block::Provider(name)));
            for (at, found) in prefixes.chain(asn).chain(provider) {
                level.push(at.as_str());
                issue.push(feed.issue.label());
                block.push(found.to_string());
            }
        }
    }
    if labels.is_empty() || level.is_empty() {
        return Ok(Frame { columns: labels, rows: Vec::new() });
    }
    let on = df!("issue" => &labels)?;
    let table = df!("level" => level, "issue" => issue, "block" => block)?
        .lazy()
        .pivot(
            by_name(["issue"], true, false),
            Arc::new(on),
            by_name(["level"], true, false),
            by_name(["block"], true, false),
            element().n_unique(),
            true,
            "_".into(),
            PivotColumnNaming::Auto,
        )
        .collect()?;
    let mut frame = frame(&table, "level", &labels)?;
    frame.rows.sort_by_key(|(name, _)| name.parse::<Level>().ok());
    Ok(frame)
}

/// Columns of [`recurrence_by_provider`].
const QUANTILES: [&str; 4] = ["blocks", "median_ppm", "high_ppm", "max_ppm"];

/// How the blocks of a level recur, by provider: their number, and the median, the 95 % quantile
/// and the maximum of their recurrence in parts per million. Providers whose blocks recur most
/// come first, at most `top`.
pub fn recurrence_by_provider(
    scoring: &Scoring,
    level: Level,
    top: u32,
) -> Result<Frame, EngineError> {
    let blocks = scoring.blocks.iter().filter(|block| block.level == level);
    let (provider, recurrence): (Vec<String>, Vec<u32>) = blocks
        .filter_map(|block| Some((block.provider.as_deref()?.to_owned(), block.recurrence_ppm)))
        .unzip();
    let quantile = |at: f64| col("ppm").quantile(lit(at), QuantileMethod::Nearest);
    let table = df!("provider" => provider, "ppm" => recurrence)?
        .lazy()
        .group_by([col("provider")])
        .agg([
            len().alias("blocks"),
            quantile(0.5).alias("median_ppm"),
            quantile(0.95).alias("high_ppm"),
            col("ppm").max().alias("max_ppm"),
        ])
        .sort(
            ["max_ppm", "blocks", "provider"],
            SortMultipleOptions::default().with_order_descending_multi([true, true, false]),
        )
        .limit(top)
        .collect()?;
    frame(&table, "provider", &QUANTILES.map(str::to_owned))
}

fn frame(table: &DataFrame, name: &str, columns: &[String]) -> Result<Frame, EngineError> {
    let mut rows: Vec<(String, Vec<u64>)> = table
        .column(name)?
        .str()?
        .iter()
        .map(|name| (name.unwrap_or_default().to_owned(), Vec::with_capacity(columns.len())))
        .collect();
    for column in columns {
        let numbers = table.column(column)?.cast(&DataType::UInt64)?;
        for ((_, row), number) in rows.iter_mut().zip(numbers.u64()?.iter()) {
            row.push(number.unwrap_or(0));
        }
    }
    Ok(Frame { columns: columns.to_vec(), rows })
}
