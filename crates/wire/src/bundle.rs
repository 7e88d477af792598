//! `adproof.bundle-verify/1`.

use adproof_ledger::Body;
use adproof_ledger::bundle::{AckState, BundleRecord, BundleReport, Case};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ledger::CheckpointV1;

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
    /// The records that hold.
    pub records: Vec<BundleRecordV1>,
    /// What is wrong.
    pub problems: Vec<BundleProblemV1>,
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
            records: report.records.iter().map(Into::into).collect(),
            problems,
        }
    }
}

/// The JSON Schema of [`BundleVerifyV1`].
#[must_use]
pub fn bundle_schema() -> schemars::Schema {
    schemars::schema_for!(BundleVerifyV1)
}
