//! What somebody can do to a ledger who has all of it but the signing keys.

use std::fs;
use std::path::Path;

use adproof_edge::store::LedgerReader;
use adproof_ledger::frame::{push_frame, segment_header};
use adproof_ledger::tree::{MemoryTree, leaf_hash};
use adproof_ledger::{Action, Body, Checkpoint, Record};
use anyhow::Context as _;

/// Changes the decision of the record `seq`, then mends everything that needs no key: the link in
/// every later record, the frames' checksums, and size and root of the checkpoint.
pub(super) fn edit_and_rehash(ledger: &Path, seq: u64) -> anyhow::Result<()> {
    let reader = LedgerReader::open(ledger)?;
    let mut segment = segment_header(0).to_vec();
    let mut tree = MemoryTree::new();
    let mut prev = None;
    let mut broken = None;
    reader.each(|at, frame| {
        let edit = || -> anyhow::Result<Vec<u8>> {
            let mut record = Record::parse(&frame.entry).map_err(anyhow::Error::msg)?;
            if let Some(prev) = prev {
                record.prev = prev;
            }
            if at == seq
                && let Body::Decision(draft) = &mut record.body
            {
                draft.dec.action = Action::Block;
            }
            record.to_bytes().map_err(anyhow::Error::msg)
        };
        match edit() {
            Ok(entry) => {
                let leaf = leaf_hash(&entry);
                prev = Some(leaf);
                tree.push(leaf);
                if !push_frame(&mut segment, &entry, &frame.signatures) {
                    broken = Some(anyhow::anyhow!("record {at} no longer fits into its frame"));
                }
            }
            Err(error) => broken = Some(error),
        }
    })?;
    if let Some(error) = broken {
        return Err(error);
    }
    let note = String::from_utf8_lossy(reader.checkpoint()).into_owned();
    drop(reader);
    let (_, signatures) = note.split_once("\n\n").context("the checkpoint has no signature")?;
    let origin = note.lines().next().context("the checkpoint has no origin")?;
    let forged = Checkpoint { origin: origin.to_owned(), size: tree.size(), root: tree.root() };
    fs::write(ledger.join("checkpoint"), format!("{}\n{signatures}", forged.to_text()))?;
    fs::write(ledger.join("segments/00000000000000000000.seg"), segment)?;
    Ok(())
}
