//! Blocks as CSV.

use std::io::Write;

use adproof_wire::score::ScoreV1;

const HEADER: [&str; 19] = [
    "level",
    "block",
    "family",
    "provider",
    "asn",
    "indicators",
    "issues",
    "issues_seen",
    "issues_unexplained",
    "last_seen_ago",
    "feeds",
    "recurrence_ppm",
    "mean_ppm",
    "high_ppm",
    "attainable_ppm",
    "class",
    "insufficient_because",
    "explained_by",
    "rank",
];

pub(super) fn write(document: &ScoreV1, out: &mut impl Write) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(HEADER)?;
    for block in &document.blocks {
        let [low, high] = block.rank;
        writer.write_record([
            block.level,
            &plain(&block.block),
            block.family,
            &plain(block.provider.as_deref().unwrap_or_default()),
            &block.asn.map(|asn| asn.to_string()).unwrap_or_default(),
            &block.indicators.to_string(),
            &block.issues.to_string(),
            &block.issues_seen.to_string(),
            &block.issues_unexplained.to_string(),
            &block.last_seen_ago.to_string(),
            &block.feeds.to_string(),
            &block.recurrence_ppm.to_string(),
            &block.mean_ppm.to_string(),
            &block.high_ppm.to_string(),
            &block.attainable_ppm.to_string(),
            block.class,
            block.insufficient_because.unwrap_or_default(),
            &plain(block.explained_by.as_deref().unwrap_or_default()),
            &format!("{low}-{high}"),
        ])?;
    }
    writer.flush()?;
    Ok(())
}

/// A feed's own text must not become a formula in the reader's spreadsheet.
pub(crate) fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_become_formulas() {
        assert_eq!(plain("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(plain("Spectrum"), "Spectrum");
    }
}
