use super::outside::{self, BundleAnchor, BundleWitnesses, Outside};
use super::{
    BundleFault, CASE_FILE, CHECKPOINT_FILE, Case, Files, KEYS_FILE, POLICY_FILE, README,
    README_FILE, SCRIPT, SCRIPT_FILE, own_keys, pem_name, public_keys,
};
use crate::ack::Ack;
use crate::change::{KeyAction, Role};
use crate::commit::{Disclosure, OpenError, Opening, open};
use crate::draft::Legs;
use crate::dsse::Envelope;
use crate::key::KeyId;
use crate::note::{NoteError, VerifiedCheckpoint};
use crate::proof::TlogProof;
use crate::record::Body;
use crate::trust::TrustedKeys;
use crate::verify::{Fault, KeyHistory, RecordError, VerifiedRecord};

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
    /// The key was revoked, by the record of this place: anybody may have signed.
    Revoked(u64),
}

/// What checking a bundle found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleReport {
    /// The records that hold, by place.
    pub records: Vec<BundleRecord>,
    /// What is wrong, with the record where it is about one.
    pub problems: Vec<(Option<u64>, BundleFault)>,
    /// The bundle's checkpoint, where it can be trusted.
    pub checkpoint: Option<VerifiedCheckpoint>,
    /// What witnesses say, where the reader or the bundle has a policy that names some.
    pub witnesses: Option<BundleWitnesses>,
    /// Older checkpoints that outsiders have seen, by size.
    pub anchors: Vec<BundleAnchor>,
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
    verify_with(files, trusted, &Outside::default())
}

/// The same, and against what outsiders say.
#[must_use]
pub fn verify_with(files: &Files, trusted: &TrustedKeys, outside: &Outside<'_>) -> BundleReport {
    let mut problems = Vec::new();
    let mut seqs = Vec::new();
    for (name, bytes) in files {
        match place(name) {
            Place::Record(seq) => seqs.push(seq),
            Place::Constant(text) if text.as_bytes() != bytes.as_slice() => {
                problems.push((None, BundleFault::OtherText(name.clone())));
            }
            Place::Known | Place::Constant(_) => {}
            Place::Strange => problems.push((None, BundleFault::StrangeFile(name.clone()))),
        }
    }
    key_files(files, &mut problems);
    seqs.sort_unstable();
    seqs.dedup();
    if seqs.is_empty() {
        problems.push((None, BundleFault::Empty));
    }
    let keys = Keys::of(files, trusted, &seqs, outside);
    problems.extend(keys.seen.faults.iter().map(|fault| (None, fault.clone())));
    let mut report = BundleReport {
        records: Vec::new(),
        problems,
        checkpoint: keys.checkpoint.as_ref().ok().cloned(),
        witnesses: keys.seen.witnesses.clone(),
        anchors: keys.seen.anchors.clone(),
    };
    for seq in seqs {
        let record = verify_record(files, &keys.history, keys.checkpoint.as_ref(), seq);
        match (record, keys.broken) {
            (Ok(_), Some(by)) => {
                report.problems.push((Some(seq), BundleFault::KeysUnknown(by)));
            }
            (Ok(record), None) => link(&mut report, seq, record),
            (Err(fault), _) => report.problems.push((Some(seq), fault)),
        }
    }
    case(files, &mut report);
    policy(outside, &mut report);
    report
}

/// The keys as the bundle's key records tell, the checkpoint that one of them signs, and what
/// outsiders say of it.
struct Keys {
    history: KeyHistory,
    checkpoint: Result<VerifiedCheckpoint, NoteError>,
    seen: outside::Seen,
    /// A key record that does not hold: then nobody can tell whose keys the others are, because it
    /// may have brought one as well as ended one.
    broken: Option<u64>,
}

impl Keys {
    fn of(files: &Files, trusted: &TrustedKeys, seqs: &[u64], outside: &Outside<'_>) -> Self {
        let is_change = |seq: &u64| {
            let record = files.get(&format!("records/{seq}.json"));
            record.is_some_and(|bytes| bytes.ends_with(b"\"typ\":\"key\",\"v\":1}"))
        };
        let changes: Vec<u64> = seqs.iter().copied().filter(is_change).collect();
        let mut keys = KeyHistory::new(trusted);
        let mut broken = None;
        for seq in &changes {
            let envelope = files.get(&format!("records/{seq}.dsse.json"));
            let envelope = envelope.and_then(|bytes| Envelope::parse(bytes).ok());
            let followed =
                envelope.is_some_and(|one| keys.follow(&one.payload, &one.signatures).is_ok());
            if !followed {
                broken = broken.or(Some(*seq));
            }
        }
        let note = files.get(CHECKPOINT_FILE).map(Vec::as_slice).unwrap_or_default();
        let checkpoint = keys.checkpoint(note);
        let mut seen = outside::Seen::default();
        if let Ok(checkpoint) = &checkpoint {
            seen = outside::seen(files, &keys, checkpoint, outside);
        }
        for size in &seen.sizes {
            keys.seen(*size);
        }
        let fails = |seq: &&u64| verify_record(files, &keys, checkpoint.as_ref(), **seq).is_err();
        let broken = broken.or_else(|| changes.iter().find(fails).copied());
        Self { history: keys, checkpoint, seen, broken }
    }
}

/// What the reader demands of witnesses. Decisions and sums are what money hangs on; what the log
/// says of keys and statements may have come behind the last checkpoint that was witnessed.
fn policy(outside: &Outside<'_>, report: &mut BundleReport) {
    if outside.policy.is_none_or(crate::policy::Policy::demands_nothing) {
        return;
    }
    let met_at = report.witnesses.as_ref().and_then(|witnesses| witnesses.met_at);
    let covered = |one: &BundleRecord| {
        let record = one.verified.record();
        let counts = matches!(record.body, Body::Decision(_) | Body::WindowClose(_));
        !counts || met_at.is_some_and(|size| record.seq < size)
    };
    if met_at.is_none() || !report.records.iter().all(covered) {
        report.problems.push((None, BundleFault::PolicyNotMet));
    }
}

enum Place {
    Record(u64),
    Constant(&'static str),
    Known,
    Strange,
}

fn place(name: &str) -> Place {
    match name {
        KEYS_FILE | CHECKPOINT_FILE | CASE_FILE | POLICY_FILE => return Place::Known,
        README_FILE => return Place::Constant(README),
        SCRIPT_FILE => return Place::Constant(SCRIPT),
        _ if name.starts_with("keys/") || outside::place(name).is_some() => return Place::Known,
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
fn key_files(files: &Files, problems: &mut Vec<(Option<u64>, BundleFault)>) {
    let own = own_keys(files);
    let expected = own.as_ref().map(public_keys).unwrap_or_default();
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with("keys/")) {
        let same = |key: &&crate::key::PublicKey| {
            pem_name(key) == *name && key.to_spki_pem().as_bytes() == bytes.as_slice()
        };
        if !expected.iter().any(same) {
            problems.push((None, BundleFault::OtherKey(name.clone())));
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
    keys: &KeyHistory,
    checkpoint: Result<&VerifiedCheckpoint, &NoteError>,
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
    let (entry, signatures) = (&envelope.payload, &envelope.signatures);
    let verified = VerifiedRecord::under(keys, entry, signatures, &proof, checkpoint)
        .map_err(BundleFault::Record)?;
    let revealed = match files.get(&format!("records/{seq}.disclosures.json")) {
        Some(bytes) => reveal(&verified, bytes)?,
        None => Vec::new(),
    };
    let ack = match files.get(&format!("records/{seq}.ack.json")) {
        Some(bytes) => Some(acknowledged(&verified, keys, bytes)?),
        None => None,
    };
    let inner_ack = match &verified.record().body {
        Body::Ack(ack) => Some(ack_state(ack, keys, Some(seq))?),
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
    keys: &KeyHistory,
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
    let state = ack_state(&ack, keys, None)?;
    Ok((ack, state))
}

/// What the other party's signature is worth, in the record at `place` or in a file.
fn ack_state(ack: &Ack, keys: &KeyHistory, place: Option<u64>) -> Result<AckState, BundleFault> {
    let key = match (keys.counterparty(&ack.kid), place) {
        (None, _) => return Ok(AckState::UnknownKey(ack.kid)),
        (Some(_), Some(seq)) => keys.signer(Role::Counterparty, ack.kid, seq),
        (Some(key), None) => key,
    };
    match key {
        Ok(key) => {
            ack.verify(&key).map(|()| AckState::Holds).map_err(|_| BundleFault::AckSignature)
        }
        Err(Fault::EndedKey { action: KeyAction::Revoke, by, .. } | Fault::Revoked { by, .. }) => {
            Ok(AckState::Revoked(by))
        }
        Err(fault) => Err(BundleFault::Record(RecordError::Record(fault))),
    }
}
