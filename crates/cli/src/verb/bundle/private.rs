//! What a bundle may reveal: the private side of records, as far as its keys are still there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use adproof_edge::people::Sealed;
use adproof_edge::store::LedgerReader;
use adproof_ledger::bundle::Erased;
use adproof_ledger::{Hash, Opening, Record, RecordKey};

use super::make::MakeArgs;
use crate::keyring::store_failure;
use crate::out::{Failure, Out};
use crate::verb::ledger::erase::{Erasures, Left};

/// A line of the file of disclosures.
enum Line {
    Plain(Opening),
    Sealed(Sealed),
}

pub(super) struct Private {
    lines: BTreeMap<Hash, Line>,
    erasures: Option<Erasures>,
}

impl Private {
    pub(super) fn open(args: &MakeArgs, reader: &LedgerReader) -> anyhow::Result<Self> {
        let lines = match &args.disclosures {
            Some(path) => read(path)?,
            None => BTreeMap::new(),
        };
        let erasures = match &args.keys {
            Some(keys) => Some(Erasures::open(reader, keys, &args.passphrase)?),
            None => None,
        };
        Ok(Self { lines, erasures })
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
            if let Some(opening) = self.opening(*seq, &subject, key.as_ref())? {
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

    fn opening(
        &self,
        seq: u64,
        subject: &Hash,
        key: Option<&RecordKey>,
    ) -> anyhow::Result<Option<Opening>> {
        let cannot = |what: String, todo: &str| {
            Failure::new(format!("the disclosures of record {seq}: {what}")).todo(todo)
        };
        match (self.lines.get(subject), key) {
            (None, _) => Ok(None),
            (Some(Line::Plain(opening)), _) => Ok(Some(opening.clone())),
            (Some(Line::Sealed(sealed)), Some(key)) => {
                let opened = sealed.open(key).map_err(|error| {
                    cannot(error.to_string(), "give the keys that the ledger was written with")
                })?;
                Ok(Some(opened))
            }
            (Some(Line::Sealed(_)), None) => {
                let what = "they are sealed, and no key opens them".to_owned();
                Err(cannot(what, "give the keys of the log with --keys").into())
            }
        }
    }
}

fn read(path: &Path) -> anyhow::Result<BTreeMap<Hash, Line>> {
    let cannot = |what: String| {
        Failure::new(what)
            .at(path.display())
            .todo("give the file that `adproof decide --disclosures` wrote")
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| cannot(format!("the disclosures cannot be read: {error}")))?;
    let mut lines = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        if let Ok(sealed) = Sealed::parse(line) {
            if let Some(subject) = sealed.subject() {
                lines.insert(subject, Line::Sealed(sealed));
            }
            continue;
        }
        let opening = Opening::parse(line.as_bytes())
            .map_err(|error| cannot(format!("line {} of the disclosures: {error}", index + 1)))?;
        lines.insert(opening.subject, Line::Plain(opening));
    }
    Ok(lines)
}
