//! `adproof.ledger-verify/1`, `adproof.ledger-show/1` and `adproof.bundle-verify/1`.

use adproof_ledger::bundle::{BundleRecord, BundleReport};
use adproof_ledger::verify::{Checked, NotChecked, Problem, Report};
use adproof_ledger::{Body, Hash, Record, VerifiedCheckpoint};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// What checking a ledger found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerVerifyV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.ledger-verify/1"))]
    pub schema: &'static str,
    /// The log's name, from the keys that were trusted.
    pub log: String,
    /// `verified` or `failed`.
    #[schemars(extend("enum" = ["verified", "failed"]))]
    pub outcome: &'static str,
    /// Where the trusted keys came from: `given`, or `ledger` when the folder's own were used.
    #[schemars(extend("enum" = ["given", "ledger"]))]
    pub keys: &'static str,
    /// How many records were read.
    pub records: u64,
    /// The root over them, 64 hex digits.
    pub root: String,
    /// The log's own checkpoint, or null where it cannot be trusted.
    pub checkpoint: Option<CheckpointV1>,
    /// How many checkpoints that were held elsewhere were compared.
    pub held: usize,
    /// What else there was to compare with.
    pub checked: CheckedV1,
    /// What this verification could not find. It is no problem: it says what `verified` does not
    /// cover.
    pub not_checked: Vec<NotCheckedV1>,
    /// What is wrong, in the order in which it was met.
    pub problems: Vec<ProblemV1>,
    /// How many problems there are; further ones than those listed were counted only.
    pub problems_total: u64,
}

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckpointV1 {
    /// How many records it covers.
    pub size: u64,
    /// The root over them, 64 hex digits.
    pub root: String,
}

/// What there was to compare with, besides the records and the log's own checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckedV1 {
    /// Checkpoints that witnesses have cosigned.
    pub witnessed: u64,
    /// Checkpoints under a time stamp.
    pub anchored: u64,
    /// Acknowledgements whose signatures fit.
    pub acks: u64,
    /// Acknowledgements by keys that were not given.
    pub acks_of_strangers: u64,
    /// Decisions in the log.
    pub decisions: u64,
    /// Decisions that closed windows sum up.
    pub decisions_in_windows: u64,
}

/// Something that could not be found with what was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotCheckedV1 {
    /// What was not checked, for programs.
    pub check: &'static str,
    /// What would not show, one sentence.
    pub message: String,
}

impl From<&Checked> for CheckedV1 {
    fn from(checked: &Checked) -> Self {
        Self {
            witnessed: checked.witnessed,
            anchored: checked.anchored,
            acks: checked.acks,
            acks_of_strangers: checked.acks_of_strangers,
            decisions: checked.decisions,
            decisions_in_windows: checked.decisions_in_windows,
        }
    }
}

impl From<NotChecked> for NotCheckedV1 {
    fn from(what: NotChecked) -> Self {
        Self { check: what.code(), message: what.to_string() }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProblemV1 {
    /// The record it is about, or null where it is about none.
    pub record: Option<u64>,
    /// What is wrong, for programs.
    pub fault: &'static str,
    /// The layer that found it: `frame`, `form`, `record_signature`, `signed_prev`, `checkpoint`,
    /// `witness`, `anchor`, `countersignature`, `window_close` or `tile`.
    pub layer: &'static str,
    /// What is wrong, one sentence.
    pub message: String,
}

impl From<&VerifiedCheckpoint> for CheckpointV1 {
    fn from(checkpoint: &VerifiedCheckpoint) -> Self {
        Self { size: checkpoint.size(), root: checkpoint.root().to_string() }
    }
}

impl From<&Problem> for ProblemV1 {
    fn from(problem: &Problem) -> Self {
        Self {
            record: problem.record,
            fault: problem.fault.code(),
            layer: problem.fault.layer().code(),
            message: problem.fault.to_string(),
        }
    }
}

impl LedgerVerifyV1 {
    /// The document of a report. `given` says whether the keys came from the caller.
    #[must_use]
    pub fn new(report: &Report, given: bool, held: usize) -> Self {
        Self {
            schema: "adproof.ledger-verify/1",
            log: report.log.clone(),
            outcome: if report.is_good() { "verified" } else { "failed" },
            keys: if given { "given" } else { "ledger" },
            records: report.records,
            root: report.root.to_string(),
            checkpoint: report.checkpoint.as_ref().map(Into::into),
            held,
            checked: (&report.checked).into(),
            not_checked: report.not_checked().into_iter().map(Into::into).collect(),
            problems: report.problems.iter().map(Into::into).collect(),
            problems_total: report.problems_total,
        }
    }
}

/// One record, as it lies in the ledger. It was not verified.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LedgerShowV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.ledger-show/1"))]
    pub schema: &'static str,
    /// The record's place.
    pub seq: u64,
    /// The leaf hash of its bytes, 64 hex digits.
    pub leaf: String,
    /// The ids of the keys that signed it, 64 hex digits each.
    pub signed_by: Vec<String>,
    /// The record: the bytes that were signed are this value without space between its parts.
    pub record: Value,
}

impl LedgerShowV1 {
    /// The document of a record's bytes.
    pub fn new(
        record: &Record,
        leaf: Hash,
        signed_by: Vec<String>,
        bytes: &[u8],
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            schema: "adproof.ledger-show/1",
            seq: record.seq,
            leaf: leaf.to_string(),
            signed_by,
            record: serde_json::from_slice(bytes)?,
        })
    }
}

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
    /// The records that hold.
    pub records: Vec<BundleRecordV1>,
    /// What is wrong.
    pub problems: Vec<BundleProblemV1>,
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
    /// The values that the bundle reveals.
    pub revealed: Vec<RevealedV1>,
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
            revealed: revealed.collect(),
        }
    }
}

impl BundleVerifyV1 {
    /// The document of a report. `given` says whether the keys came from the caller.
    #[must_use]
    pub fn new(log: &str, report: &BundleReport, given: bool) -> Self {
        let problems = report
            .problems
            .iter()
            .map(|(record, fault)| BundleProblemV1 { record: *record, message: fault.to_string() });
        Self {
            schema: "adproof.bundle-verify/1",
            log: log.to_owned(),
            outcome: if report.is_good() { "verified" } else { "failed" },
            keys: if given { "given" } else { "bundle" },
            records: report.records.iter().map(Into::into).collect(),
            problems: problems.collect(),
        }
    }
}

/// The JSON Schema of [`LedgerVerifyV1`].
#[must_use]
pub fn verify_schema() -> schemars::Schema {
    schemars::schema_for!(LedgerVerifyV1)
}

/// The JSON Schema of [`LedgerShowV1`].
#[must_use]
pub fn show_schema() -> schemars::Schema {
    schemars::schema_for!(LedgerShowV1)
}

/// The JSON Schema of [`BundleVerifyV1`].
#[must_use]
pub fn bundle_schema() -> schemars::Schema {
    schemars::schema_for!(BundleVerifyV1)
}
