//! What witnesses and time stamps say, on its way into a bundle.

use std::collections::BTreeSet;

use adproof_edge::anchors::{Anchors, Kept, Limits, TokenKind};
use adproof_edge::store::LedgerReader;
use adproof_ledger::bundle::{AnchorItem, CheckLimits};
use adproof_ledger::{AddCheckpoint, TrustedKeys, VerifiedCheckpoint, tree};
use anyhow::Context as _;

use crate::keyring::store_failure;
use crate::verb::ledger::shown::anchors_failure;

/// Of the checkpoints that outsiders have seen: for each record the first that covers it, because it
/// bounds its time best and shows what was there before a key was revoked; and the last.
pub(super) fn anchors(
    reader: &LedgerReader,
    trusted: &TrustedKeys,
    checkpoint: &VerifiedCheckpoint,
    seqs: &BTreeSet<u64>,
) -> anyhow::Result<Vec<AnchorItem>> {
    let anchors = Anchors::of(&reader.root(), Limits::default());
    let kept = anchors.all().map_err(|error| anchors_failure(&error))?;
    let first = seqs.first().copied().unwrap_or(0);
    let covers = |one: &&Kept| first < one.size && one.size <= checkpoint.size();
    let signed = |one: &&Kept| {
        let (log, keys) = (trusted.log(), trusted.checkpoint_keys());
        let found = VerifiedCheckpoint::verify(&one.cosigned(), log, keys);
        found.is_ok_and(|found| found.size() == one.size)
    };
    let covering: Vec<&Kept> = kept.iter().filter(covers).filter(signed).collect();
    let mut chosen: Vec<&Kept> = Vec::new();
    for says in [cosigned as fn(&Kept) -> bool, stamped] {
        chosen.extend(covering.iter().rev().find(|one| says(one)));
        for seq in seqs {
            chosen.extend(covering.iter().find(|one| *seq < one.size && says(one)));
        }
    }
    chosen.sort_by_key(|one| one.size);
    chosen.dedup_by_key(|one| one.size);
    // The newest go in where there are more than a bundle can have.
    let extra = chosen.len().saturating_sub(CheckLimits::default().anchors);
    chosen.drain(..extra);
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let tree = reader.tree().map_err(store_failure)?;
    chosen.into_iter().map(|one| item(one, checkpoint, &tree)).collect()
}

fn cosigned(one: &Kept) -> bool {
    !one.cosignatures.is_empty()
}

fn stamped(one: &Kept) -> bool {
    !one.tokens.is_empty()
}

fn item(
    one: &Kept,
    checkpoint: &VerifiedCheckpoint,
    tree: &tree::MemoryTree,
) -> anyhow::Result<AnchorItem> {
    let of = |kind| {
        let tokens = one.tokens.iter().filter(move |token| token.kind == kind);
        tokens.map(|token| token.bytes.clone()).collect()
    };
    let consistency = if one.size < checkpoint.size() {
        let proof = tree::consistency_proof(tree, one.size, checkpoint.size());
        let proof = proof.ok().context("the ledger has fewer records than its checkpoint")?;
        let checkpoint = checkpoint.note().to_owned();
        Some(AddCheckpoint { old: one.size, proof, checkpoint })
    } else {
        None
    };
    Ok(AnchorItem {
        size: one.size,
        checkpoint: one.checkpoint.clone(),
        cosignatures: one.cosignatures.clone(),
        consistency,
        tokens: of(TokenKind::Rfc3161),
        receipts: of(TokenKind::OpenTimestamps),
    })
}
