//! `adproof.ledger-verify/1` and `adproof.ledger-show/1`; `adproof.bundle-verify/1` is in `bundle`.

use adproof_ledger::verify::{Checked, NotChecked, Problem, Report, TimeBound};
use adproof_ledger::{Cosigned, Hash, PolicyReport, Record, VerifiedCheckpoint};
use adproof_model::Timestamp;
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
    /// What the given policy says of the log's own checkpoint, or null where none was given.
    pub policy: Option<PolicyV1>,
    /// Time stamps that are kept beside the log, smallest checkpoint first.
    pub anchors: Vec<AnchorV1>,
    /// What time stamps that stand say of when records were written.
    pub times: Vec<TimeBoundV1>,
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

/// What a C2SP tlog-policy says of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyV1 {
    /// Whether the checkpoint is accepted.
    pub met: bool,
    /// Whether one of the policy's logs has signed it, or the policy names none.
    pub log_known: bool,
    /// Whether enough witnesses have cosigned.
    pub quorum_met: bool,
    /// What each witness says, in the policy's order.
    pub witnesses: Vec<WitnessV1>,
}

impl From<&PolicyReport> for PolicyV1 {
    fn from(report: &PolicyReport) -> Self {
        let witnesses = report.witnesses.iter().map(|(name, cosigned)| WitnessV1 {
            name: name.clone(),
            state: match cosigned {
                Cosigned::At { .. } => "cosigned",
                Cosigned::Missing => "missing",
                Cosigned::Bad => "bad",
                _ => "other_algorithm",
            },
            time_s: match cosigned {
                Cosigned::At { time_s } => Some(*time_s),
                _ => None,
            },
        });
        Self {
            met: report.is_met(),
            log_known: report.log_known,
            quorum_met: report.quorum_met,
            witnesses: witnesses.collect(),
        }
    }
}

/// What one witness says of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WitnessV1 {
    /// Its name in the policy.
    pub name: String,
    /// `cosigned`, `missing`, `bad` where its signature does not fit, or `other_algorithm`.
    #[schemars(extend("enum" = ["cosigned", "missing", "bad", "other_algorithm"]))]
    pub state: &'static str,
    /// When it cosigned, in seconds since 1970-01-01T00:00:00Z, or null.
    pub time_s: Option<u64>,
}

/// A time stamp over a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnchorV1 {
    /// How many records the checkpoint covers.
    pub size: u64,
    /// `rfc3161` or `opentimestamps`.
    #[schemars(extend("enum" = ["rfc3161", "opentimestamps"]))]
    pub kind: &'static str,
    /// Its file.
    pub file: String,
    /// `stands`, `not_known` where no root or block header was given for it, or `fails`.
    #[schemars(extend("enum" = ["stands", "not_known", "fails"]))]
    pub verdict: &'static str,
    /// The checkpoint was there by then, RFC 3339, or null.
    pub not_after: Option<String>,
    /// The same in microseconds since 1970-01-01T00:00:00Z.
    pub not_after_us: Option<i64>,
    /// Whose word it is, or why it says nothing.
    pub message: String,
}

/// What time stamps say of when records were written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeBoundV1 {
    /// `not_after` of the records in front of `record`, or `not_before` of `record` and those
    /// behind it.
    #[schemars(extend("enum" = ["not_after", "not_before"]))]
    pub bound: &'static str,
    /// The place of a record.
    pub record: u64,
    /// The time, RFC 3339.
    pub at: String,
    /// The same in microseconds since 1970-01-01T00:00:00Z.
    pub at_us: i64,
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
            policy: None,
            anchors: Vec::new(),
            times: report.times.iter().filter_map(TimeBoundV1::of).collect(),
            not_checked: report.not_checked().into_iter().map(Into::into).collect(),
            problems: report.problems.iter().map(Into::into).collect(),
            problems_total: report.problems_total,
        }
    }
}

impl LedgerVerifyV1 {
    /// Adds what outsiders say. `good` says whether that is nothing wrong.
    #[must_use]
    pub fn with_outside(
        mut self,
        policy: Option<PolicyV1>,
        anchors: Vec<AnchorV1>,
        good: bool,
    ) -> Self {
        self.policy = policy;
        self.anchors = anchors;
        if !good {
            self.outcome = "failed";
        }
        self
    }
}

impl TimeBoundV1 {
    fn of(bound: &TimeBound) -> Option<Self> {
        let (bound, record, at_us) = match bound {
            // The records in front of this one.
            TimeBound::NotAfter { size, at_us } => ("not_after", *size, *at_us),
            TimeBound::NotBefore { seq, at_us } => ("not_before", *seq, *at_us),
            _ => return None,
        };
        Some(Self { bound, record, at: Timestamp::from_micros(at_us).to_string(), at_us })
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
    /// The record that says that this one's evidence was erased; null where that is not so, or
    /// where no keys were given to tell.
    pub erased_by: Option<u64>,
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
            erased_by: None,
            record: serde_json::from_slice(bytes)?,
        })
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
