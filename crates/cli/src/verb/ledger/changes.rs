//! Records about keys that a verifier without the ledger was shown.

use std::path::PathBuf;

use adproof_ledger::dsse::Envelope;
use adproof_ledger::verify::KeyHistory;
use adproof_ledger::{Record, TrustedKeys};
use clap::Args;

use super::shown::read_file;
use crate::out::Failure;

/// The longest envelope of a record: base64 and some signatures.
pub(super) const MAX_ENVELOPE_BYTES: usize = 256 << 10;

/// What changed the keys since those that the verifier holds.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ChangesArgs {
    /// A record about keys, as `ledger prove SEQ --record FILE` writes it: the root key has signed
    /// it, and it leads from the keys that you hold to those that sign now. May be given more than
    /// once. A record that nobody shows you, such as a revocation, is not known.
    #[arg(long = "key-record", value_name = "FILE")]
    key_records: Vec<PathBuf>,
}

impl ChangesArgs {
    /// The keys behind these changes.
    pub(super) fn follow(&self, trusted: &TrustedKeys) -> anyhow::Result<KeyHistory> {
        let mut changes = Vec::new();
        for path in &self.key_records {
            let bytes = read_file(path, MAX_ENVELOPE_BYTES)?;
            let envelope = Envelope::parse(&bytes).ok();
            let read = envelope.and_then(|one| Some((Record::parse(&one.payload).ok()?.seq, one)));
            let (seq, envelope) = read.ok_or_else(|| {
                Failure::new("it is not the DSSE envelope of a record")
                    .at(path.display())
                    .todo("give what `adproof ledger prove SEQ --record FILE` wrote")
            })?;
            changes.push((seq, envelope, path));
        }
        changes.sort_by_key(|(seq, _, _)| *seq);
        changes.dedup_by_key(|(seq, _, _)| *seq);
        let mut keys = KeyHistory::new(trusted);
        for (seq, envelope, path) in changes {
            keys.follow(&envelope.payload, &envelope.signatures).map_err(|fault| {
                Failure::new(format!("record {seq} changes no key that you trust: {fault}"))
                    .at(path.display())
                    .todo("give the log's root key with --key, and all its records about keys")
            })?;
        }
        Ok(keys)
    }
}
