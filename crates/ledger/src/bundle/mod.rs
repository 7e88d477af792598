//! Dispute bundles: everything that a stranger needs to check some records, as named files.
//!
//! ```text
//! README.txt                       what this is and how to check it
//! verify.sh                        checks it with openssl and coreutils alone
//! case.json                        what the sender says of it: the case, for whom, what was erased
//! log.pub                          the log's public keys as C2SP vkeys
//! keys/<key id>.pem                the same keys for openssl
//! checkpoint                       the signed checkpoint
//! records/<seq>.json               the record, byte for byte as it was signed
//! records/<seq>.dsse.json          the record and its signatures as a DSSE envelope
//! records/<seq>.tlog-proof         its place under the checkpoint
//! records/<seq>.disclosures.json   the values that this bundle reveals, where it reveals any
//! records/<seq>.ack.json           what the other party has signed about it, where it has
//! policy                           who witnesses the log, by the sender's word: a C2SP tlog-policy
//! anchors/<size>/…                 older checkpoints, and what witnesses and time stamps say of them
//! ```
//!
//! All `key` records under the checkpoint belong into a bundle, so that whoever trusts the log's
//! root follows its keys; [`verify()`] cannot tell whether one was left out.
//!
//! They travel as a zip file, or inside a page that checks them itself; [`inline`] is how they lie
//! in the page. [`verify()`] is the same for both, and the page runs it as WebAssembly.

mod case;
mod check;
mod fault;
pub mod inline;
mod outside;
mod report;

use std::collections::BTreeMap;

use crate::ack::Ack;
use crate::commit::Opening;
use crate::dsse::{Envelope, RecordSignature};
use crate::fault::EncodeError;
use crate::hash::Hash;
use crate::key::{NamedKey, PublicKey};
use crate::proof::TlogProof;
use crate::trust::TrustedKeys;
use crate::witness::AddCheckpoint;

pub use case::{Case, Erased};
pub use check::{AckState, BundleRecord, BundleReport, verify, verify_with};
pub use fault::{AnchorFault, BundleFault};
pub use outside::{
    BundleAnchor, BundleWitnesses, CheckLimits, Outside, PolicyOf, Stamp, own_policy, stamp_files,
};
pub use report::page_report;

/// The file with the log's public keys.
pub const KEYS_FILE: &str = "log.pub";

/// The file with the checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";

/// The file with what the sender says of the bundle.
pub const CASE_FILE: &str = "case.json";

/// The file with the sender's list of witnesses.
pub const POLICY_FILE: &str = "policy";

/// The file for people, the same in every bundle.
pub const README_FILE: &str = "README.txt";

/// The script for openssl and coreutils, the same in every bundle.
pub const SCRIPT_FILE: &str = "verify.sh";

/// What [`README_FILE`] says.
pub const README: &str = include_str!("README.txt");

/// What [`SCRIPT_FILE`] does.
pub const SCRIPT: &str = include_str!("verify.sh");

/// The files of a bundle by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One record on its way into a bundle.
#[derive(Clone, Debug)]
pub struct Item {
    /// The record's canonical bytes.
    pub entry: Vec<u8>,
    /// Its signatures.
    pub signatures: Vec<RecordSignature>,
    /// Its place.
    pub proof: TlogProof,
    /// What is revealed of it.
    pub opening: Option<Opening>,
    /// What the other party has signed about it.
    pub ack: Option<Ack>,
}

/// A checkpoint on its way into a bundle, with what outsiders say of it.
#[derive(Clone, Debug)]
pub struct AnchorItem {
    /// How many records it covers.
    pub size: u64,
    /// The note as the log has signed it: what is stamped.
    pub checkpoint: Vec<u8>,
    /// Lines of witnesses.
    pub cosignatures: Vec<u8>,
    /// The proof that the bundle's checkpoint continues it; none where it has its size.
    pub consistency: Option<AddCheckpoint>,
    /// Responses of RFC 3161 authorities.
    pub tokens: Vec<Vec<u8>>,
    /// OpenTimestamps receipts.
    pub receipts: Vec<Vec<u8>>,
}

impl AnchorItem {
    /// Puts it into a bundle.
    pub fn put(&self, files: &mut Files) {
        let folder = outside::folder(self.size);
        let mut put = |name: &str, bytes: &[u8]| {
            files.insert(format!("{folder}{name}"), bytes.to_vec());
        };
        put(CHECKPOINT_FILE, &self.checkpoint);
        if !self.cosignatures.is_empty() {
            put("cosignatures", &self.cosignatures);
        }
        if let Some(proof) = &self.consistency {
            put("consistency", proof.to_text().as_bytes());
        }
        for (stamps, end) in [(&self.tokens, "tsr"), (&self.receipts, "ots")] {
            for stamp in stamps {
                put(&format!("{}.{end}", Hash::of(stamp)), stamp);
            }
        }
    }
}

/// Puts records into a bundle. All proofs are under one checkpoint.
pub fn make(trusted: &TrustedKeys, case: &Case, items: &[Item]) -> Result<Files, EncodeError> {
    let mut files = Files::new();
    for key in public_keys(trusted) {
        files.insert(pem_name(key), key.to_spki_pem().into_bytes());
    }
    files.insert(KEYS_FILE.to_owned(), trusted.to_text().into_bytes());
    files.insert(CASE_FILE.to_owned(), case.to_bytes()?);
    files.insert(README_FILE.to_owned(), README.into());
    files.insert(SCRIPT_FILE.to_owned(), SCRIPT.into());
    if let Some(item) = items.first() {
        files.insert(CHECKPOINT_FILE.to_owned(), item.proof.checkpoint.clone().into_bytes());
    }
    for item in items {
        let name = |end: &str| format!("records/{}.{end}", item.proof.index);
        let envelope =
            Envelope { payload: item.entry.clone(), signatures: item.signatures.clone() };
        files.insert(name("json"), item.entry.clone());
        files.insert(name("dsse.json"), envelope.to_bytes());
        files.insert(name("tlog-proof"), item.proof.to_text().into_bytes());
        if let Some(opening) = &item.opening {
            files.insert(name("disclosures.json"), opening.to_bytes());
        }
        if let Some(ack) = &item.ack {
            files.insert(name("ack.json"), ack.to_envelope()?);
        }
    }
    Ok(files)
}

/// The keys that the bundle brings itself. To verify against them trusts whoever sent it.
#[must_use]
pub fn own_keys(files: &Files) -> Option<TrustedKeys> {
    let text = std::str::from_utf8(files.get(KEYS_FILE)?).ok()?;
    TrustedKeys::parse(text).ok()
}

/// What the sender says of the bundle, as far as it can be read.
#[must_use]
pub fn own_case(files: &Files) -> Option<Case> {
    Case::parse(files.get(CASE_FILE)?).ok()
}

fn public_keys(trusted: &TrustedKeys) -> Vec<&PublicKey> {
    let checkpoint = trusted.checkpoint_keys().iter().map(NamedKey::key);
    let others = trusted.record_keys().iter().chain(trusted.root_keys());
    checkpoint.chain(others).chain(trusted.counterparty_keys()).collect()
}

fn pem_name(key: &PublicKey) -> String {
    format!("keys/{}.pem", key.id())
}
