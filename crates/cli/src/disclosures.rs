//! The private side of records, as `decide --disclosures` writes it.

use std::collections::BTreeMap;
use std::path::Path;

use adproof_edge::people::Sealed;
use adproof_ledger::{Hash, Opening, RecordKey};

use crate::out::Failure;

/// A line of the file of disclosures.
enum Line {
    Plain(Opening),
    Sealed(Sealed),
}

/// Disclosures by the subjects of their records.
#[derive(Default)]
pub(crate) struct Disclosures(BTreeMap<Hash, Line>);

impl Disclosures {
    /// Takes a file in.
    pub(crate) fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let cannot = |what: String| {
            Failure::new(what)
                .at(path.display())
                .todo("give the file that `adproof decide --disclosures` wrote")
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| cannot(format!("the disclosures cannot be read: {error}")))?;
        for (index, line) in text.lines().enumerate() {
            if let Ok(sealed) = Sealed::parse(line) {
                if let Some(subject) = sealed.subject() {
                    self.0.insert(subject, Line::Sealed(sealed));
                }
                continue;
            }
            let opening = Opening::parse(line.as_bytes()).map_err(|error| {
                cannot(format!("line {} of the disclosures: {error}", index + 1))
            })?;
            self.0.insert(opening.subject, Line::Plain(opening));
        }
        Ok(())
    }

    /// What opens a record, with the key of its person and day.
    pub(crate) fn opening(
        &self,
        seq: u64,
        subject: &Hash,
        key: Option<&RecordKey>,
    ) -> anyhow::Result<Option<Opening>> {
        let cannot = |what: String, todo: &str| {
            Failure::new(format!("the disclosures of record {seq}: {what}")).todo(todo)
        };
        match (self.0.get(subject), key) {
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
