//! `adproof.ledger-ack/1`, `adproof.ledger-close/1` and `adproof.reconcile/1`: what two parties
//! say to each other's records and sums.

use adproof_ledger::{Ack, RecordRange, Total, WindowClose};
use adproof_model::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::score::RejectV1;

/// What became of the other party's statements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerAckV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.ledger-ack/1"))]
    pub schema: &'static str,
    /// The log's name.
    pub log: String,
    /// The statements, in the order in which they were given.
    pub acks: Vec<AckV1>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AckV1 {
    /// The file.
    pub path: String,
    /// The record that it is about.
    pub record: u64,
    /// `received`, `agreed` or `disputed`.
    #[schemars(extend("enum" = ["received", "agreed", "disputed"]))]
    pub stance: &'static str,
    /// Why, in the other party's words.
    pub reason: String,
    /// The key that signed, 64 hex digits.
    pub kid: String,
    /// When it was signed, by the other party's clock (RFC 3339).
    pub time: String,
    /// `recorded`, `already` there, `refused`, or `not_recorded` because another was refused.
    #[schemars(extend("enum" = ["recorded", "already", "refused", "not_recorded"]))]
    pub outcome: &'static str,
    /// The `ack` record, or null.
    pub at: Option<u64>,
    /// Why it was refused, or null.
    pub message: Option<String>,
}

impl AckV1 {
    /// The document of a statement.
    #[must_use]
    pub fn new(
        path: &str,
        ack: &Ack,
        outcome: &'static str,
        message: Option<String>,
        at: Option<u64>,
    ) -> Self {
        let statement = &ack.statement;
        Self {
            path: path.to_owned(),
            record: statement.seq,
            stance: statement.stance.as_str(),
            reason: statement.reason.clone(),
            kid: ack.kid.to_string(),
            time: time(statement.time_us),
            outcome,
            at,
            message,
        }
    }
}

impl LedgerAckV1 {
    /// The document of some statements.
    #[must_use]
    pub fn new(log: &str, acks: Vec<AckV1>) -> Self {
        Self { schema: "adproof.ledger-ack/1", log: log.to_owned(), acks }
    }
}

fn time(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string()
}

/// A window that was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerCloseV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.ledger-close/1"))]
    pub schema: &'static str,
    /// The log's name.
    pub log: String,
    /// The `window-close` record, or null where nothing was written.
    pub record: Option<u64>,
    /// The window.
    pub window: WindowV1,
    /// Decisions in it.
    pub decisions: u64,
    /// Decisions among them whose impressions are older than the window: they came too late for
    /// theirs.
    pub late: u64,
    /// Decisions of this window that stand behind one of the next: they go to the next window.
    pub left_over: u64,
    /// Decisions whose party and amount are not known: nothing opens them, or they were erased.
    pub unknown: u64,
    /// Decisions whose evidence was erased.
    pub erased: u64,
    /// Decisions with more than one bill, of which the first was counted.
    pub more_bills: u64,
}

/// A closed window and its sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WindowV1 {
    /// The beginning (RFC 3339).
    pub from: String,
    /// The end, not within the window (RFC 3339).
    pub to: String,
    /// The place of the first record that it sums up.
    pub first: u64,
    /// How many records it sums up.
    pub count: u64,
    /// The sums, by party, action and currency.
    pub totals: Vec<TotalV1>,
}

/// The sum over the decisions of one kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct TotalV1 {
    /// Who reported the bill; empty where there was none.
    pub party: String,
    /// What was decided.
    pub action: String,
    /// The currency by ISO 4217; `XXX` where nothing was billed.
    pub currency: String,
    /// How many decisions.
    pub count: u64,
    /// The sum of what was billed, in millionths of the currency.
    pub amount_micros: i64,
}

impl From<&Total> for TotalV1 {
    fn from(total: &Total) -> Self {
        Self {
            party: total.party.clone(),
            action: total.action.as_str().to_owned(),
            currency: total.currency.clone(),
            count: total.count,
            amount_micros: total.amount_micros,
        }
    }
}

impl From<&WindowClose> for WindowV1 {
    fn from(window: &WindowClose) -> Self {
        let RecordRange { first, count } = window.records;
        Self {
            from: time(window.from_us),
            to: time(window.to_us),
            first,
            count,
            totals: window.totals.iter().map(Into::into).collect(),
        }
    }
}

/// Our sums beside those of the other party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReconcileV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.reconcile/1"))]
    pub schema: &'static str,
    /// The log's name.
    pub log: String,
    /// `within` where every row is within the tolerance, else `beyond`.
    #[schemars(extend("enum" = ["within", "beyond"]))]
    pub outcome: &'static str,
    /// The tolerance that the outcome is about, in parts per million.
    pub tolerance_ppm: u32,
    /// The rows, by window, party, action and currency.
    pub rows: Vec<ReconcileRowV1>,
    /// Rows within 5 %.
    pub within_5: u64,
    /// Rows within 10 %.
    pub within_10: u64,
    /// Rows that only the ledger has: the other party left them out.
    pub only_ours: u64,
    /// Rows that only the other party has: the ledger has no such decisions.
    pub only_theirs: u64,
    /// Closed windows of which the other party says nothing. They were not compared.
    pub windows_not_compared: Vec<SpanV1>,
    /// Windows that the other party counts and the ledger has not closed.
    pub windows_not_closed: Vec<SpanV1>,
    /// Rows of the other party that were not taken.
    pub rejected: Vec<RejectV1>,
}

/// A span of time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SpanV1 {
    /// The beginning (RFC 3339).
    pub from: String,
    /// The end, not within it (RFC 3339).
    pub to: String,
}

impl SpanV1 {
    /// From two instants in µs since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn new(from_us: i64, to_us: i64) -> Self {
        Self { from: time(from_us), to: time(to_us) }
    }
}

/// One kind of decisions in one window, as both sides count it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReconcileRowV1 {
    /// The window.
    #[serde(flatten)]
    pub window: SpanV1,
    /// Who reported the bill.
    pub party: String,
    /// What was decided.
    pub action: String,
    /// The currency.
    pub currency: String,
    /// How many the ledger counts, or null where it has no such decisions.
    pub count_ours: Option<u64>,
    /// How many the other party counts, or null where it left them out.
    pub count_theirs: Option<u64>,
    /// What the ledger sums up, in millionths, or null.
    pub amount_micros_ours: Option<i64>,
    /// What the other party sums up, in millionths, or null where it gave none.
    pub amount_micros_theirs: Option<i64>,
    /// Theirs less ours.
    pub count_difference: i64,
    /// Theirs less ours in millionths, or null where the other party gave none.
    pub amount_micros_difference: Option<i64>,
    /// The larger of both differences as a share of the smaller of the two figures, in parts per
    /// million, rounded up, so that it holds whichever side's figure controls. Null where one of
    /// them is zero and the other is not.
    pub discrepancy_ppm: Option<u64>,
    /// Whether that is at most 5 %.
    pub within_5: bool,
    /// Whether that is at most 10 %.
    pub within_10: bool,
}

/// The JSON Schema of [`LedgerAckV1`].
#[must_use]
pub fn ack_schema() -> schemars::Schema {
    schemars::schema_for!(LedgerAckV1)
}

/// The JSON Schema of [`LedgerCloseV1`].
#[must_use]
pub fn close_schema() -> schemars::Schema {
    schemars::schema_for!(LedgerCloseV1)
}

/// The JSON Schema of [`ReconcileV1`].
#[must_use]
pub fn reconcile_schema() -> schemars::Schema {
    schemars::schema_for!(ReconcileV1)
}
