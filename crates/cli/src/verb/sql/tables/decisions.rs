//! `decisions`: what a ledger records, as it lies there.

use std::path::PathBuf;

use adproof_edge::store::LedgerReader;
use adproof_engine::{Cell, ColumnDoc, Kind, LoadError, Loaded};
use adproof_ledger::{Draft, Record};

use crate::keyring::store_failure;
use crate::out::Failure;

pub(super) const DECISIONS: &[ColumnDoc] = &[
    ColumnDoc::new("seq", Kind::Int, "the record's place, from 0"),
    ColumnDoc::new("time", Kind::Time, "when it was written, by the log's clock"),
    ColumnDoc::new("subject", Kind::Text, "the impression, as a keyed hash"),
    ColumnDoc::new("action", Kind::Text, "none, observe, measure, review, throttle or block"),
    ColumnDoc::new("target", Kind::Text, "the block that the action is about"),
    ColumnDoc::new("held_out", Kind::Bool, "whether it was held back by lot"),
    ColumnDoc::new("expires", Kind::Time, "when the action ends"),
    ColumnDoc::new("reasons", Kind::Texts, "each gate of the policy and its outcome"),
    ColumnDoc::new("family", Kind::Text, "of the target's score"),
    ColumnDoc::new("recurrence_ppm", Kind::Int, "of the target's score: the 5 % quantile"),
    ColumnDoc::new("issues_seen", Kind::Int, "issues that mark the target"),
    ColumnDoc::new("issues", Kind::Int, "issues in the window"),
    ColumnDoc::new("have", Kind::Int, "applicable legs that are present"),
    ColumnDoc::new("miss", Kind::Int, "applicable legs that are not"),
    ColumnDoc::new("completeness_ppm", Kind::Int, "the share of the first"),
    ColumnDoc::new("request", Kind::Text, "the leg's state: present, absent, late, refused, …"),
    ColumnDoc::new("network", Kind::Text, "the same of the network leg"),
    ColumnDoc::new("creative", Kind::Text, "the same of the creative leg"),
    ColumnDoc::new("vast", Kind::Text, "the same of the VAST leg"),
    ColumnDoc::new("execution", Kind::Text, "the same of the execution leg"),
    ColumnDoc::new("billing", Kind::Text, "the same of the billing leg"),
    ColumnDoc::new("tag_sha256", Kind::Text, "the tag that was served"),
    ColumnDoc::new("tag_outcome", Kind::Text, "clean, findings, malformed or refused"),
    ColumnDoc::new("tag_errors", Kind::Int, "its findings of severity error"),
    ColumnDoc::new("tag_risks", Kind::Int, "its findings on the risk axis"),
    ColumnDoc::new("policy", Kind::Text, "digest of the policy"),
    ColumnDoc::new("model", Kind::Text, "digest of what scoring was computed from"),
];

/// The table. Records of other types are passed over.
pub(super) fn table(ledger: PathBuf) -> Loaded {
    Loaded::new(DECISIONS, move |rows| {
        let reader = LedgerReader::open(&ledger).map_err(store_failure)?;
        let (mut read, mut result) = (0_u64, Ok::<(), LoadError>(()));
        let each = |seq, entry: &[u8]| -> Result<(), LoadError> {
            let record = Record::parse(entry).map_err(|error| damaged(&ledger, seq, &error))?;
            match record.decision() {
                Some(decision) => Ok(rows.push(row(&record, decision))?),
                None => Ok(()),
            }
        };
        let mut each = each;
        reader
            .each(|seq, frame| {
                read = seq.saturating_add(1);
                if result.is_ok() {
                    result = each(seq, &frame.entry);
                }
            })
            .map_err(store_failure)?;
        result?;
        // Reading ends at a damaged frame.
        match signed_size(reader.checkpoint()) {
            Some(size) if read < size => {
                let reason = format!("{size} records are signed, and {read} can be read");
                Err(damaged(&ledger, read, &reason).into())
            }
            _ => Ok(()),
        }
    })
}

fn damaged(ledger: &std::path::Path, seq: u64, reason: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("record {seq} is damaged: {reason}"))
        .at(ledger.display())
        .todo("run `adproof ledger verify` to see what is wrong")
}

/// The size that a checkpoint names, in its second line.
fn signed_size(checkpoint: &[u8]) -> Option<u64> {
    std::str::from_utf8(checkpoint).ok()?.lines().nth(1)?.parse().ok()
}

fn row(record: &Record, decision: &Draft) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let int = |number: u32| Cell::Int(number.into());
    let dec = &decision.dec;
    let of_target = dec.scores.iter().find(|score| Some(&score.block) == dec.target.as_ref());
    let reasons =
        dec.reasons.iter().map(|one| Cell::Text(format!("{}: {}", one.gate, one.outcome)));
    let tag = dec.tag.as_ref();
    let mut row = vec![
        Cell::Int(i64::try_from(record.seq).unwrap_or(i64::MAX)),
        Cell::Int(record.time.wall_us),
        Cell::Text(dec.subject.to_string()),
        text(dec.action.as_str()),
        dec.target.as_deref().map_or(Cell::Null, text),
        Cell::Bool(dec.held_out),
        dec.expires_us.map_or(Cell::Null, Cell::Int),
        Cell::List(reasons.collect()),
        of_target.map_or(Cell::Null, |score| text(&score.family)),
        of_target.map_or(Cell::Null, |score| int(score.recurrence_ppm)),
        of_target.map_or(Cell::Null, |score| int(score.issues_seen)),
        of_target.map_or(Cell::Null, |score| int(score.issues)),
        int(decision.completeness.have.into()),
        int(decision.completeness.miss.into()),
        int(decision.completeness.ppm),
    ];
    row.extend(decision.legs.named().map(|(_, leg)| text(leg.state.as_str())));
    row.extend([
        tag.map_or(Cell::Null, |tag| Cell::Text(tag.document.to_string())),
        tag.map_or(Cell::Null, |tag| text(&tag.outcome)),
        tag.map_or(Cell::Null, |tag| int(tag.errors)),
        tag.map_or(Cell::Null, |tag| int(tag.risks)),
        Cell::Text(decision.repro.policy.to_string()),
        Cell::Text(decision.repro.model.to_string()),
    ]);
    row
}
