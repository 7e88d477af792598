//! `adproof.bundle-verify/1`.

use adproof_ledger::Body;
use adproof_ledger::bundle::{AckState, BundleRecord, BundleReport, Case, PolicyOf, Stamp};
use adproof_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ledger::{AnchorV1, CheckpointV1, PolicyV1};

/// What checking a bundle found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleVerifyV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.bundle-verify/1"))]
    pub schema: &'static str,
    /// The log's name, from the keys that were trusted.
    pub log: String,
    /// `verified` or `failed`.
    #[schemars(extend("enum" = ["verified", "failed"]))]
    pub outcome: &'static str,
    /// Where the trusted keys came from: `given`, or `bundle` when its own were used.
    #[schemars(extend("enum" = ["given", "bundle"]))]
    pub keys: &'static str,
    /// The name of the dispute, by the sender's word.
    pub case: Option<String>,
    /// Who the bundle was made for, by the sender's word.
    #[serde(rename = "for")]
    pub recipient: Option<String>,
    /// The page that it came in, or null for a zip file.
    pub page: Option<BundlePageV1>,
    /// The checkpoint that all records are under, or null where it cannot be trusted.
    pub checkpoint: Option<CheckpointV1>,
    /// What witnesses say, or null where nobody says who they are.
    pub witnesses: Option<BundleWitnessesV1>,
    /// Time stamps over this checkpoint and older ones that it continues.
    pub anchors: Vec<AnchorV1>,
    /// How many of its records change the log's keys. Whether the log has more, only the whole log
    /// tells.
    pub key_changes: u64,
    /// The records that hold.
    pub records: Vec<BundleRecordV1>,
    /// What is wrong.
    pub problems: Vec<BundleProblemV1>,
}

/// What witnesses say of a bundle's checkpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleWitnessesV1 {
    /// Whose list of witnesses it is: the `reader`'s, or the `sender`'s, who lists whom it wants.
    #[schemars(extend("enum" = ["reader", "sender"]))]
    pub policy_of: &'static str,
    /// What the policy says of the bundle's checkpoint.
    pub policy: PolicyV1,
    /// The size of the largest checkpoint in the bundle that meets the policy, or null.
    pub met_at: Option<u64>,
}

/// The page that a bundle came in: its own code, without the files in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundlePageV1 {
    /// Whose it is: of this version, of an earlier one, or unknown, which is a problem.
    #[schemars(extend("enum" = ["own", "earlier", "unknown"]))]
    pub code: &'static str,
    /// The version that wrote it, where it is known.
    pub version: Option<String>,
    /// SHA-256 of the page without files, 64 hex digits.
    pub sha256: String,
}

/// A record of a bundle that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleRecordV1 {
    /// Its place in the log.
    pub seq: u64,
    /// Its type.
    pub typ: &'static str,
    /// What was decided, where it is a decision.
    pub action: Option<&'static str>,
    /// The leaf hash of its bytes, 64 hex digits.
    pub leaf: String,
    /// The checkpoint over it.
    pub checkpoint: CheckpointV1,
    /// Whether the record in front is in the bundle too and is the one that this one names.
    pub linked: bool,
    /// The values that the bundle reveals.
    pub revealed: Vec<RevealedV1>,
    /// The record that says that its evidence was erased, by the sender's word.
    pub erased_by: Option<u64>,
    /// What the other party has signed about it, in a file of its own.
    pub ack: Option<BundleAckV1>,
}

/// What the other party has signed about a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleAckV1 {
    /// How it stands to the record.
    #[schemars(extend("enum" = ["received", "agreed", "disputed"]))]
    pub stance: &'static str,
    /// Why, in its words.
    pub reason: String,
    /// When, µs since 1970-01-01T00:00:00Z by its clock.
    pub time_us: i64,
    /// The id of its key, 64 hex digits.
    pub key: String,
    /// Whether that key is among the trusted ones, so that the signature could be checked.
    pub checked: bool,
}

/// A value that a bundle reveals and a record commits to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RevealedV1 {
    /// The leg of evidence.
    pub leg: String,
    /// The value's name.
    pub name: String,
    /// The value, as text.
    pub value: String,
}

/// Something that is wrong with a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BundleProblemV1 {
    /// The record it is about, or null where it is about the bundle.
    pub record: Option<u64>,
    /// What is wrong, one sentence.
    pub message: String,
}

impl From<&BundleRecord> for BundleRecordV1 {
    fn from(one: &BundleRecord) -> Self {
        let record = one.verified.record();
        let action = match &record.body {
            Body::Decision(draft) => Some(draft.dec.action.as_str()),
            _ => None,
        };
        let revealed = one.revealed.iter().map(|(leg, disclosure)| RevealedV1 {
            leg: leg.clone(),
            name: disclosure.name().to_owned(),
            value: disclosure.value().to_string(),
        });
        Self {
            seq: record.seq,
            typ: record.body.typ(),
            action,
            leaf: one.verified.leaf().to_string(),
            checkpoint: one.verified.checkpoint().into(),
            linked: one.linked,
            revealed: revealed.collect(),
            erased_by: one.erased_by,
            ack: one.ack.as_ref().map(|(ack, state)| BundleAckV1 {
                stance: ack.statement.stance.as_str(),
                reason: ack.statement.reason.clone(),
                time_us: ack.statement.time_us,
                key: ack.kid.to_string(),
                checked: *state == AckState::Holds,
            }),
        }
    }
}

impl BundleVerifyV1 {
    /// The document of a report. `given` says whether the keys came from the caller; a page that
    /// nobody knows is a problem like any other.
    #[must_use]
    pub fn new(
        log: &str,
        report: &BundleReport,
        given: bool,
        case: Option<&Case>,
        page: Option<BundlePageV1>,
    ) -> Self {
        let edited = page.iter().filter(|page| page.code == "unknown").map(|page| {
            let message = format!(
                "the page around the files is not one that adproof writes: it was edited, or a \
                 newer version made it; believe nothing that it shows (sha256 {})",
                page.sha256
            );
            BundleProblemV1 { record: None, message }
        });
        let found = report
            .problems
            .iter()
            .map(|(record, fault)| BundleProblemV1 { record: *record, message: fault.to_string() });
        let problems: Vec<BundleProblemV1> = edited.chain(found).collect();
        let case_name = case.map(|case| case.case.clone()).filter(|name| !name.is_empty());
        Self {
            schema: "adproof.bundle-verify/1",
            log: log.to_owned(),
            outcome: if problems.is_empty() { "verified" } else { "failed" },
            keys: if given { "given" } else { "bundle" },
            case: case_name,
            recipient: case.and_then(|case| case.recipient.clone()),
            page,
            checkpoint: report.checkpoint.as_ref().map(Into::into),
            witnesses: report.witnesses.as_ref().map(|witnesses| BundleWitnessesV1 {
                policy_of: match witnesses.policy_of {
                    PolicyOf::Reader => "reader",
                    _ => "sender",
                },
                policy: (&witnesses.report).into(),
                met_at: witnesses.met_at,
            }),
            anchors: anchors(report),
            key_changes: key_changes(report),
            records: report.records.iter().map(Into::into).collect(),
            problems,
        }
    }
}

fn anchors(report: &BundleReport) -> Vec<AnchorV1> {
    let stamps = report.anchors.iter().flat_map(|anchor| {
        anchor.stamps.iter().map(|(file, stamp)| (anchor.checkpoint.size(), file, stamp))
    });
    let documents = stamps.map(|(size, file, stamp)| {
        let (verdict, not_after_us, message) = match stamp {
            Stamp::Stands { not_after_us, by } => ("stands", Some(*not_after_us), by.clone()),
            Stamp::NotKnown(why) => ("not_known", None, why.clone()),
            Stamp::Fails(why) => ("fails", None, why.clone()),
            _ => ("not_known", None, String::new()),
        };
        AnchorV1 {
            size,
            kind: match file.rsplit_once('.') {
                Some((_, "tsr")) => "rfc3161",
                _ => "opentimestamps",
            },
            file: file.clone(),
            verdict,
            not_after: not_after_us.map(|us| Timestamp::from_micros(us).to_string()),
            not_after_us,
            message,
        }
    });
    documents.collect()
}

fn key_changes(report: &BundleReport) -> u64 {
    let bodies = report.records.iter().map(|one| &one.verified.record().body);
    let changes = bodies.filter(|body| matches!(body, Body::Key(_))).count();
    u64::try_from(changes).unwrap_or(u64::MAX)
}

/// The JSON Schema of [`BundleVerifyV1`].
#[must_use]
pub fn bundle_schema() -> schemars::Schema {
    schemars::schema_for!(BundleVerifyV1)
}
