//! Summary frames against plain counting.

use std::collections::BTreeSet;

use adproof_engine::frames::{presence, recurrence_by_provider};
use adproof_feeds::{FeedIssue, Limits, read_feed};
use adproof_model::Level;
use adproof_signal::{Params, Tally, score};

use crate::dataset;

fn issues() -> Vec<FeedIssue> {
    ["ioc-ipv6-2026-05.xlsx", "ioc-ipv6-2026-W12.csv", "ioc-ipv6-2026-W11.csv"]
        .map(|name| {
            let bytes = std::fs::read(dataset(name)).unwrap();
            read_feed(name, &bytes, &Limits::default()).unwrap()
        })
        .into()
}

#[test]
fn presence_counts_distinct_blocks_by_level_and_issue_in_order() {
    let issues = issues();
    let frame = presence(&issues).unwrap();
    assert_eq!(frame.columns, ["2026-W11", "2026-W12", "2026-05"]);
    let levels: Vec<&str> = frame.rows.iter().map(|(level, _)| level.as_str()).collect();
    assert_eq!(levels, ["/128", "/64", "/56", "/48", "/32", "provider"]);
    let newest = &issues[0].accepted;
    for (level, counts) in &frame.rows {
        let Some(len) = level.parse::<Level>().unwrap().prefix_len() else { continue };
        let distinct: BTreeSet<_> = newest.iter().map(|row| row.prefix.widen(len)).collect();
        assert_eq!(counts[2], distinct.len() as u64, "{level}");
    }
    assert!(presence(&[]).unwrap().rows.is_empty());
}

#[test]
fn quantiles_of_recurrence_are_values_that_occur() {
    let mut tally = Tally::empty();
    for feed in issues() {
        tally.ingest(&feed.issue);
        feed.accepted.iter().for_each(|indicator| tally.mark(indicator, "ioc"));
    }
    let scoring = score(&tally, &Params::default());
    let frame = recurrence_by_provider(&scoring, Level::P64, 3).unwrap();
    assert_eq!(frame.rows.len(), 3);
    for (provider, row) in &frame.rows {
        let mut known: Vec<u64> = scoring
            .blocks
            .iter()
            .filter(|block| block.level == Level::P64)
            .filter(|block| block.provider.as_deref() == Some(provider))
            .map(|block| u64::from(block.recurrence_ppm))
            .collect();
        known.sort_unstable();
        assert_eq!(row[0], known.len() as u64);
        assert_eq!(row[3], *known.last().unwrap());
        assert!(known.contains(&row[1]) && known.contains(&row[2]));
        assert!(row[1] <= row[2] && row[2] <= row[3]);
    }
    let highest: Vec<u64> = frame.rows.iter().map(|(_, row)| row[3]).collect();
    assert!(highest.is_sorted_by(|a, b| a >= b));
}
