//! The columns of scored blocks, the same for the table `blocks` and for `recurrence(…)`.

use adproof_model::Block;
use adproof_signal::{BlockScore, Scoring, Unranked};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;

use super::{ColumnDoc, Kind, LoadError, Loaded, to_batch};
use crate::answer::Cell;

/// The columns, named as in `adproof.score/1`.
pub(crate) const COLUMNS: &[ColumnDoc] = &[
    ColumnDoc::new("level", Kind::Text, "/128, /64, /56, /48, /32, asn or provider"),
    ColumnDoc::new("block", Kind::Text, "the prefix, AS and a number, or the provider's name"),
    ColumnDoc::new("address", Kind::Address, "the first address of a prefix"),
    ColumnDoc::new("family", Kind::Text, "SIVT, GIVT, crawler or unclassified; never pooled"),
    ColumnDoc::new("provider", Kind::Text, "the provider that most of its rows name"),
    ColumnDoc::new("asn", Kind::Int, "the autonomous system that most of its rows name"),
    ColumnDoc::new("indicators", Kind::Int, "distinct indicators inside over the window"),
    ColumnDoc::new("issues", Kind::Int, "issues in the window"),
    ColumnDoc::new("issues_seen", Kind::Int, "issues that mark the block"),
    ColumnDoc::new("issues_unexplained", Kind::Int, "those that no narrower block explains"),
    ColumnDoc::new("last_seen_ago", Kind::Int, "issues since it was last marked; 0 is the newest"),
    ColumnDoc::new("feeds", Kind::Int, "distinct feeds that list it"),
    ColumnDoc::new("recurrence_ppm", Kind::Int, "the recurrence: 5 % quantile of the posterior"),
    ColumnDoc::new("mean_ppm", Kind::Int, "the mean of the posterior"),
    ColumnDoc::new("high_ppm", Kind::Int, "the 95 % quantile"),
    ColumnDoc::new("attainable_ppm", Kind::Int, "the highest that so many issues can reach"),
    ColumnDoc::new("class", Kind::Text, "ranked or insufficient"),
    ColumnDoc::new("insufficient_because", Kind::Text, "why it is not ranked"),
    ColumnDoc::new("explained_by", Kind::Text, "the narrower block that explains most of it"),
    ColumnDoc::new("rank_low", Kind::Int, "its place in its level and family, from 1: at best"),
    ColumnDoc::new("rank_high", Kind::Int, "the same at worst: 90 % interval"),
    ColumnDoc::new("ranked_among", Kind::Int, "blocks of its level and family"),
    ColumnDoc::new("chance_ppm", Kind::Int, "the chance to return this often by itself"),
    ColumnDoc::new("devices", Kind::Int, "distinct devices in it, by the own log"),
    ColumnDoc::new("flagged_devices", Kind::Int, "those that the operator holds for invalid"),
    ColumnDoc::new("marks", Kind::Int, "pairs of indicator and issue, where the log holds it"),
];

impl Loaded {
    /// The table `blocks` over what `load` scores.
    pub fn blocks(
        load: impl Fn() -> std::result::Result<Scoring, LoadError> + Send + Sync + 'static,
    ) -> Self {
        Self::new(COLUMNS, move |rows| {
            for block in &load()?.blocks {
                rows.push(row(block))?;
            }
            Ok(())
        })
    }
}

/// All blocks of a scoring.
pub(crate) fn batch(scoring: &Scoring) -> Result<RecordBatch> {
    let rows: Vec<Vec<Cell>> = scoring.blocks.iter().map(row).collect();
    to_batch(COLUMNS, &rows)
}

fn row(score: &BlockScore) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let int = |number: u32| Cell::Int(number.into());
    let count = |number: u64| Cell::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let address = match &score.block {
        Block::Prefix(prefix) => Cell::Bytes(prefix.bits().to_be_bytes().to_vec()),
        _ => Cell::Null,
    };
    let excess = score.excess.as_ref();
    vec![
        text(score.level.as_str()),
        Cell::Text(score.block.to_string()),
        address,
        text(score.family.as_str()),
        score.provider.as_deref().map_or(Cell::Null, text),
        score.asn.map_or(Cell::Null, int),
        int(score.indicators),
        int(score.issues),
        int(score.issues_seen),
        int(score.issues_unexplained),
        int(score.last_seen_ago),
        int(score.sources),
        int(score.recurrence_ppm),
        int(score.mean_ppm),
        int(score.high_ppm),
        int(score.attainable_ppm),
        text(score.class.as_str()),
        score.unranked.map(Unranked::as_str).map_or(Cell::Null, text),
        score.explained_by.as_ref().map_or(Cell::Null, |block| Cell::Text(block.to_string())),
        int(score.rank.0),
        int(score.rank.1),
        int(score.ranked_among),
        int(score.chance_ppm),
        excess.map_or(Cell::Null, |excess| count(excess.devices)),
        excess.map_or(Cell::Null, |excess| count(excess.flagged_devices)),
        excess.map_or(Cell::Null, |excess| count(excess.marks)),
    ]
}
