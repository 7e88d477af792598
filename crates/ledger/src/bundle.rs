//! Dispute bundles: everything that a stranger needs to check some records, as named files.
//!
//! ```text
//! README.txt                       what this is and how to check it with openssl
//! log.pub                          the log's public keys as C2SP vkeys
//! keys/<key id>.pem                the same keys for openssl
//! checkpoint                       the signed checkpoint
//! records/<seq>.json               the record, byte for byte as it was signed
//! records/<seq>.dsse.json          the record and its signatures as a DSSE envelope
//! records/<seq>.tlog-proof         its place under the checkpoint
//! records/<seq>.disclosures.json   the values that this bundle reveals, where it reveals any
//! ```

use std::collections::BTreeMap;
use std::fmt;

use crate::commit::{Disclosure, OpenError, Opening, open};
use crate::draft::Legs;
use crate::dsse::{Envelope, RecordSignature, pre_authentication_encoding};
use crate::fault::ParseError;
use crate::key::{NamedKey, PublicKey};
use crate::proof::TlogProof;
use crate::trust::TrustedKeys;
use crate::verify::{RecordError, VerifiedRecord};

/// The file with the log's public keys.
pub const KEYS_FILE: &str = "log.pub";

/// The file with the checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";

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
}

/// Puts records into a bundle. All proofs are under one checkpoint.
#[must_use]
pub fn make(trusted: &TrustedKeys, items: &[Item]) -> Files {
    let mut files = Files::new();
    let checkpoint_keys = trusted.checkpoint_keys().iter().map(NamedKey::key);
    let keys: Vec<&PublicKey> =
        checkpoint_keys.chain(trusted.record_keys()).chain(trusted.root_keys()).collect();
    for key in keys {
        files.insert(format!("keys/{}.pem", key.id()), key.to_spki_pem().into_bytes());
    }
    files.insert(KEYS_FILE.to_owned(), trusted.to_text().into_bytes());
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
    }
    files.insert("README.txt".to_owned(), readme(items).into_bytes());
    files
}

fn readme(items: &[Item]) -> String {
    let seqs: Vec<String> = items.iter().map(|item| item.proof.index.to_string()).collect();
    let example = seqs.first().map_or("0", String::as_str);
    let length = items.first().map_or(0, |item| item.entry.len());
    let prefix = pre_authentication_encoding(&[]);
    let prefix = String::from_utf8_lossy(&prefix);
    let prefix = prefix.trim_end().trim_end_matches('0');
    format!(
        "A dispute bundle of adproof. Records: {}.

Check all of it, with keys that you have from the log's operator and not from this file:

  adproof bundle verify --key log.pub BUNDLE.zip

Check one record's signature without adproof (bash and openssl 3):

  printf '{prefix}{length} ' | cat - records/{example}.json > signed
  # The signature is the field `sig` of records/{example}.dsse.json, in base64; `keyid` names the
  # file in keys/.
  base64 -d <<< SIG > signature
  openssl pkeyutl -verify -pubin -inkey keys/KEYID.pem -rawin -in signed -sigfile signature

The files *.tlog-proof and checkpoint are C2SP tlog-proofs and a C2SP checkpoint: any client of
these formats checks them. A record lists what was decided and why; addresses and devices stand in
it as salted digests, and *.disclosures.json opens those that this bundle reveals. Entries of a
feed are its publisher's opinion.
",
        seqs.join(", ")
    )
}

/// What is wrong with one record of a bundle, or with the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleFault {
    /// A file is missing. Likely cause: the bundle was made by hand, or cut.
    NoFile(String),
    /// The envelope is not what this program writes.
    Envelope(ParseError),
    /// The record beside the envelope is another one.
    OtherRecord,
    /// The file is no tlog-proof.
    Proof,
    /// The proof is under another checkpoint than the bundle's.
    OtherCheckpoint,
    /// The record with its proof does not hold.
    Record(RecordError),
    /// The disclosures cannot be read.
    Disclosures(ParseError),
    /// The disclosures open nothing of the leg.
    Opening {
        /// The leg.
        leg: String,
        /// Why.
        error: OpenError,
    },
    /// A file that no bundle has.
    StrangeFile(String),
    /// There is no record at all.
    Empty,
}

impl fmt::Display for BundleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile(name) => write!(f, "the file {name} is missing"),
            Self::Envelope(error) => write!(f, "its envelope: {error}"),
            Self::OtherRecord => f.write_str("the record beside its envelope is another one"),
            Self::Proof => f.write_str("its proof is no tlog-proof"),
            Self::OtherCheckpoint => f.write_str("its proof is under another checkpoint"),
            Self::Record(error) => error.fmt(f),
            Self::Disclosures(error) => write!(f, "its disclosures: {error}"),
            Self::Opening { leg, error } => write!(f, "the leg `{leg}`: {error}"),
            Self::StrangeFile(name) => write!(f, "the file {name} has no place in a bundle"),
            Self::Empty => f.write_str("there is no record in it"),
        }
    }
}

impl std::error::Error for BundleFault {}

/// One record of a bundle that holds, and what it reveals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRecord {
    /// The record.
    pub verified: VerifiedRecord,
    /// The values that are revealed, by leg.
    pub revealed: Vec<(String, Disclosure)>,
}

/// What checking a bundle found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleReport {
    /// The records that hold, by place.
    pub records: Vec<BundleRecord>,
    /// What is wrong, with the record where it is about one.
    pub problems: Vec<(Option<u64>, BundleFault)>,
}

impl BundleReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.problems.is_empty()
    }
}

/// The keys that the bundle brings itself. To verify against them trusts whoever sent it.
#[must_use]
pub fn own_keys(files: &Files) -> Option<TrustedKeys> {
    let text = std::str::from_utf8(files.get(KEYS_FILE)?).ok()?;
    TrustedKeys::parse(text).ok()
}

/// Checks every record of a bundle against keys that the caller brings.
#[must_use]
pub fn verify(files: &Files, trusted: &TrustedKeys) -> BundleReport {
    let mut report = BundleReport { records: Vec::new(), problems: Vec::new() };
    let mut seqs = Vec::new();
    for name in files.keys() {
        match place(name) {
            Place::Record(seq) => seqs.push(seq),
            Place::Known => {}
            Place::Strange => {
                report.problems.push((None, BundleFault::StrangeFile(name.clone())));
            }
        }
    }
    seqs.sort_unstable();
    seqs.dedup();
    if seqs.is_empty() {
        report.problems.push((None, BundleFault::Empty));
    }
    for seq in seqs {
        match verify_record(files, trusted, seq) {
            Ok(record) => report.records.push(record),
            Err(fault) => report.problems.push((Some(seq), fault)),
        }
    }
    report
}

enum Place {
    Record(u64),
    Known,
    Strange,
}

fn place(name: &str) -> Place {
    if matches!(name, KEYS_FILE | CHECKPOINT_FILE | "README.txt") || name.starts_with("keys/") {
        return Place::Known;
    }
    let record = name.strip_prefix("records/").and_then(|rest| {
        let (digits, end) = rest.split_once('.')?;
        let seq: u64 = digits.parse().ok()?;
        let known = matches!(end, "json" | "dsse.json" | "tlog-proof" | "disclosures.json");
        (known && seq.to_string() == digits).then_some(seq)
    });
    record.map_or(Place::Strange, Place::Record)
}

fn verify_record(
    files: &Files,
    trusted: &TrustedKeys,
    seq: u64,
) -> Result<BundleRecord, BundleFault> {
    let file = |name: String| files.get(&name).ok_or(BundleFault::NoFile(name));
    let envelope = Envelope::parse(file(format!("records/{seq}.dsse.json"))?)
        .map_err(BundleFault::Envelope)?;
    if *file(format!("records/{seq}.json"))? != envelope.payload {
        return Err(BundleFault::OtherRecord);
    }
    let proof = TlogProof::parse(file(format!("records/{seq}.tlog-proof"))?)
        .map_err(|_| BundleFault::Proof)?;
    if proof.checkpoint.as_bytes() != file(CHECKPOINT_FILE.to_owned())?.as_slice() {
        return Err(BundleFault::OtherCheckpoint);
    }
    if proof.index != seq {
        let error = RecordError::OtherPlace { proof: proof.index, record: seq };
        return Err(BundleFault::Record(error));
    }
    let verified = VerifiedRecord::verify(trusted, &envelope.payload, &envelope.signatures, &proof)
        .map_err(BundleFault::Record)?;
    let revealed = match files.get(&format!("records/{seq}.disclosures.json")) {
        Some(bytes) => reveal(&verified, bytes)?,
        None => Vec::new(),
    };
    Ok(BundleRecord { verified, revealed })
}

fn reveal(
    verified: &VerifiedRecord,
    bytes: &[u8],
) -> Result<Vec<(String, Disclosure)>, BundleFault> {
    let opening = Opening::parse(bytes).map_err(BundleFault::Disclosures)?;
    let legs = verified.record().decision().map(|draft| draft.legs);
    let mut revealed = Vec::new();
    for leg in opening.legs {
        let root = legs.as_ref().and_then(|legs: &Legs| {
            legs.named().into_iter().find(|(name, _)| *name == leg.leg).map(|(_, leg)| leg.root)
        });
        let fault = |error| BundleFault::Opening { leg: leg.leg.clone(), error };
        let root = root.ok_or_else(|| fault(OpenError::OtherRoot))?;
        open(&root, &leg.digests, &leg.disclosures).map_err(fault)?;
        let name = &leg.leg;
        revealed.extend(leg.disclosures.into_iter().map(|one| (name.clone(), one)));
    }
    Ok(revealed)
}
