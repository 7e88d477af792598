use super::{
    BundleFault, CASE_FILE, CHECKPOINT_FILE, Case, Files, KEYS_FILE, README, README_FILE, SCRIPT,
    SCRIPT_FILE, own_keys, pem_name, public_keys,
};
use crate::ack::Ack;
use crate::commit::{Disclosure, OpenError, Opening, open};
use crate::draft::Legs;
use crate::dsse::Envelope;
use crate::key::KeyId;
use crate::proof::TlogProof;
use crate::record::Body;
use crate::trust::TrustedKeys;
use crate::verify::{RecordError, VerifiedRecord};

/// One record of a bundle that holds, and what it reveals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRecord {
    /// The record.
    pub verified: VerifiedRecord,
    /// Its bytes, as they were signed.
    pub entry: Vec<u8>,
    /// Whether the record in front is in the bundle, holds, and is the one that this one names.
    pub linked: bool,
    /// The values that are revealed, by leg.
    pub revealed: Vec<(String, Disclosure)>,
    /// The place of the record that says that its evidence was erased, by the sender's word.
    pub erased_by: Option<u64>,
    /// What the other party has signed about it in a file of its own.
    pub ack: Option<(Ack, AckState)>,
    /// For an `ack` record: what its inner signature is worth.
    pub inner_ack: Option<AckState>,
}

/// What the other party's signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckState {
    /// A key that is trusted as the other party's has signed it.
    Holds,
    /// No trusted key has this id, so nobody can tell.
    UnknownKey(KeyId),
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

    /// The record of a place, if it holds.
    #[must_use]
    pub fn record(&self, seq: u64) -> Option<&BundleRecord> {
        let at = self.records.binary_search_by_key(&seq, |one| one.verified.record().seq).ok()?;
        self.records.get(at)
    }
}

/// Checks every record of a bundle against keys that the caller brings.
#[must_use]
pub fn verify(files: &Files, trusted: &TrustedKeys) -> BundleReport {
    let mut report = BundleReport { records: Vec::new(), problems: Vec::new() };
    let mut seqs = Vec::new();
    for (name, bytes) in files {
        match place(name) {
            Place::Record(seq) => seqs.push(seq),
            Place::Constant(text) if text.as_bytes() != bytes.as_slice() => {
                report.problems.push((None, BundleFault::OtherText(name.clone())));
            }
            Place::Known | Place::Constant(_) => {}
            Place::Strange => {
                report.problems.push((None, BundleFault::StrangeFile(name.clone())));
            }
        }
    }
    key_files(files, &mut report);
    seqs.sort_unstable();
    seqs.dedup();
    if seqs.is_empty() {
        report.problems.push((None, BundleFault::Empty));
    }
    for seq in seqs {
        match verify_record(files, trusted, seq) {
            Ok(record) => link(&mut report, seq, record),
            Err(fault) => report.problems.push((Some(seq), fault)),
        }
    }
    case(files, &mut report);
    report
}

enum Place {
    Record(u64),
    Constant(&'static str),
    Known,
    Strange,
}

fn place(name: &str) -> Place {
    match name {
        KEYS_FILE | CHECKPOINT_FILE | CASE_FILE => return Place::Known,
        README_FILE => return Place::Constant(README),
        SCRIPT_FILE => return Place::Constant(SCRIPT),
        _ if name.starts_with("keys/") => return Place::Known,
        _ => {}
    }
    let record = name.strip_prefix("records/").and_then(|rest| {
        let (digits, end) = rest.split_once('.')?;
        let seq: u64 = digits.parse().ok()?;
        let known =
            matches!(end, "json" | "dsse.json" | "tlog-proof" | "disclosures.json" | "ack.json");
        (known && seq.to_string() == digits).then_some(seq)
    });
    record.map_or(Place::Strange, Place::Record)
}

/// The files for openssl hold the keys of log.pub and no others: whoever checks with openssl must
/// not come to another end than whoever checks with this.
fn key_files(files: &Files, report: &mut BundleReport) {
    let own = own_keys(files);
    let expected = own.as_ref().map(public_keys).unwrap_or_default();
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with("keys/")) {
        let same = |key: &&crate::key::PublicKey| {
            pem_name(key) == *name && key.to_spki_pem().as_bytes() == bytes.as_slice()
        };
        if !expected.iter().any(same) {
            report.problems.push((None, BundleFault::OtherKey(name.clone())));
        }
    }
}

/// Takes a record that holds; where the one in front does too, it must be the one that is named.
fn link(report: &mut BundleReport, seq: u64, mut record: BundleRecord) {
    let front = seq.checked_sub(1).and_then(|front| report.record(front));
    if let Some(front) = front {
        if front.verified.leaf() != record.verified.record().prev {
            report.problems.push((Some(seq), BundleFault::BrokenLink));
            return;
        }
        record.linked = true;
    }
    report.records.push(record);
}

fn case(files: &Files, report: &mut BundleReport) {
    // Its absence says nothing: no check rests on what the sender says.
    let Some(bytes) = files.get(CASE_FILE) else {
        return;
    };
    let case = match Case::parse(bytes) {
        Ok(case) => case,
        Err(error) => {
            report.problems.push((None, BundleFault::Case(error)));
            return;
        }
    };
    for erased in case.erased {
        let says = report.record(erased.by).map(|one| &one.verified.record().body);
        if !matches!(says, Some(Body::Erase(_))) {
            report.problems.push((Some(erased.record), BundleFault::NotErased(erased.by)));
        }
        for one in &mut report.records {
            if one.verified.record().seq == erased.record {
                one.erased_by = Some(erased.by);
            }
        }
    }
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
    let ack = match files.get(&format!("records/{seq}.ack.json")) {
        Some(bytes) => Some(acknowledged(&verified, trusted, bytes)?),
        None => None,
    };
    let inner_ack = match &verified.record().body {
        Body::Ack(ack) => Some(ack_state(ack, trusted)?),
        _ => None,
    };
    let entry = envelope.payload;
    Ok(BundleRecord { verified, entry, linked: false, revealed, erased_by: None, ack, inner_ack })
}

fn reveal(
    verified: &VerifiedRecord,
    bytes: &[u8],
) -> Result<Vec<(String, Disclosure)>, BundleFault> {
    let opening = Opening::parse(bytes).map_err(BundleFault::Disclosures)?;
    let draft = verified.record().decision();
    if draft.is_none_or(|draft| draft.dec.subject != opening.subject) {
        return Err(BundleFault::OtherSubject);
    }
    let legs = draft.map(|draft| draft.legs);
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

fn acknowledged(
    verified: &VerifiedRecord,
    trusted: &TrustedKeys,
    bytes: &[u8],
) -> Result<(Ack, AckState), BundleFault> {
    let ack = Ack::parse_envelope(bytes).map_err(BundleFault::AckUnread)?;
    let (statement, record) = (&ack.statement, verified.record());
    let about = statement.leaf == verified.leaf()
        && statement.seq == record.seq
        && statement.log == record.log;
    if !about {
        return Err(BundleFault::OtherAck);
    }
    let state = ack_state(&ack, trusted)?;
    Ok((ack, state))
}

fn ack_state(ack: &Ack, trusted: &TrustedKeys) -> Result<AckState, BundleFault> {
    match trusted.counterparty_keys().iter().find(|key| key.id() == ack.kid) {
        Some(key) => {
            ack.verify(key).map(|()| AckState::Holds).map_err(|_| BundleFault::AckSignature)
        }
        None => Ok(AckState::UnknownKey(ack.kid)),
    }
}
