//! What a bundle may reveal: the private side of records, as far as its keys are still there.

use std::collections::{BTreeMap, BTreeSet};

use adproof_edge::store::LedgerReader;
use adproof_ledger::bundle::Erased;
use adproof_ledger::{Opening, Record};

use super::make::MakeArgs;
use crate::disclosures::Disclosures;
use crate::keyring::store_failure;
use crate::out::{Failure, Out};
use crate::verb::ledger::erase::{Erasures, Left};

pub(super) struct Private {
    disclosures: Disclosures,
    erasures: Option<Erasures>,
}

impl Private {
    pub(super) fn open(args: &MakeArgs, reader: &LedgerReader) -> anyhow::Result<Self> {
        let mut disclosures = Disclosures::default();
        if let Some(path) = &args.disclosures {
            disclosures.read(path)?;
        }
        let erasures = match &args.keys {
            Some(keys) => Some(Erasures::open(reader, keys, &args.passphrase)?),
            None => None,
        };
        Ok(Self { disclosures, erasures })
    }

    /// What is revealed of each record, and which of them were erased.
    pub(super) fn of(
        &mut self,
        args: &MakeArgs,
        reader: &LedgerReader,
        seqs: &BTreeSet<u64>,
        out: &Out,
    ) -> anyhow::Result<(BTreeMap<u64, Opening>, Vec<Erased>)> {
        let (mut openings, mut erased) = (BTreeMap::new(), Vec::new());
        for seq in seqs {
            let entry = reader.record(*seq).map_err(store_failure)?.entry;
            let record = Record::parse(&entry).ok();
            let Some(draft) = record.as_ref().and_then(Record::decision) else {
                continue;
            };
            let subject = draft.dec.subject;
            let left = match &mut self.erasures {
                Some(erasures) => erasures.left(&subject)?,
                None => Left::Unknown,
            };
            let key = match left {
                Left::Erased(Some(by)) => {
                    if !args.reveal.is_empty() {
                        out.note(format_args!(
                            "note: the evidence of record {seq} was erased (record {by}); nothing \
                             of it can be revealed"
                        ));
                    }
                    erased.push(Erased { by, record: *seq });
                    continue;
                }
                Left::Erased(None) => {
                    return Err(Failure::new(format!(
                        "the key to record {seq} was destroyed, and no record says so"
                    ))
                    .at(args.output_name())
                    .todo("run `adproof ledger erase` again with the same subject and day")
                    .into());
                }
                Left::Key(key) => Some(key),
                Left::Unknown => None,
            };
            if args.reveal.is_empty() {
                continue;
            }
            if let Some(opening) = self.disclosures.opening(*seq, &subject, key.as_ref())? {
                let chosen = opening.reveal(|leg, name| {
                    args.reveal.iter().any(|one| one.split_once('.') == Some((leg, name)))
                });
                if !chosen.legs.is_empty() {
                    openings.insert(*seq, chosen);
                }
            }
        }
        Ok((openings, erased))
    }
}
