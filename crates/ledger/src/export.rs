//! Records and a checkpoint as plain files, laid out for openssl, ssh-keygen and coreutils as
//! FORMAT.md has it.

use std::collections::BTreeMap;

use crate::dsse::{Envelope, RecordSignature};
use crate::key::{NamedKey, PublicKey, SignError, Signer};
use crate::note::VerifiedCheckpoint;
use crate::proof::TlogProof;
use crate::sshsig::{self, CHECKPOINT_NAMESPACE, RECORD_NAMESPACE};
use crate::trust::TrustedKeys;
use crate::verify::VerifiedRecord;

/// One record that leaves the ledger.
#[derive(Clone, Debug)]
pub struct ExportedRecord {
    /// What was verified.
    pub verified: VerifiedRecord,
    /// The record's canonical bytes.
    pub entry: Vec<u8>,
    /// Its signatures.
    pub signatures: Vec<RecordSignature>,
    /// Its place.
    pub proof: TlogProof,
}

/// The keys that also sign for `ssh-keygen`.
#[derive(Clone, Copy)]
pub struct SshSigners<'s> {
    /// The log's checkpoint key.
    pub checkpoint: &'s dyn Signer,
    /// The log's record key: it signs the records again that it has signed.
    pub record: &'s dyn Signer,
}

/// The files by their names. All proofs are under `checkpoint`.
///
/// A checkpoint and records come verified, so that no key signs again what it has not signed
/// before. A record of another key has no file for `ssh-keygen`.
pub fn files(
    trusted: &TrustedKeys,
    checkpoint: &VerifiedCheckpoint,
    records: &[ExportedRecord],
    ssh: Option<SshSigners<'_>>,
) -> Result<BTreeMap<String, Vec<u8>>, SignError> {
    let mut files = BTreeMap::new();
    let mut put = |name: String, bytes: Vec<u8>| drop(files.insert(name, bytes));
    let checkpoint_keys = trusted.checkpoint_keys().iter().map(NamedKey::key);
    let roles = [trusted.record_keys(), trusted.root_keys(), trusted.counterparty_keys()];
    for key in checkpoint_keys.clone().chain(roles.into_iter().flatten()) {
        put(format!("keys/{}.pem", key.id()), key.to_spki_pem().into_bytes());
    }
    put("log.pub".to_owned(), trusted.to_text().into_bytes());
    put("checkpoint".to_owned(), checkpoint.note().as_bytes().to_vec());
    for record in records {
        let name = |end: &str| format!("records/{}.{end}", record.verified.record().seq);
        let envelope =
            Envelope { payload: record.entry.clone(), signatures: record.signatures.clone() };
        put(name("json"), record.entry.clone());
        put(name("dsse.json"), envelope.to_bytes());
        put(name("tlog-proof"), record.proof.to_text().into_bytes());
    }
    if let Some(ssh) = ssh {
        let text = checkpoint.text().as_bytes();
        let signed = sshsig::sign(ssh.checkpoint, CHECKPOINT_NAMESPACE, text)?;
        put("checkpoint.sshsig".to_owned(), signed.into_bytes());
        for record in records.iter().map(|one| (&one.verified, &one.entry)) {
            let (verified, entry) = (record.0.record(), record.1);
            if verified.kid == ssh.record.key_id() {
                let signed = sshsig::sign(ssh.record, RECORD_NAMESPACE, entry)?;
                put(format!("records/{}.sshsig", verified.seq), signed.into_bytes());
            }
        }
        let line = |namespace: &str, key: &PublicKey| {
            format!("{} namespaces=\"{namespace}\" {}\n", trusted.log(), key.to_openssh("adproof"))
        };
        let mut signers: String =
            checkpoint_keys.map(|key| line(CHECKPOINT_NAMESPACE, key)).collect();
        signers.extend(trusted.record_keys().iter().map(|key| line(RECORD_NAMESPACE, key)));
        put("allowed_signers".to_owned(), signers.into_bytes());
    }
    Ok(files)
}
