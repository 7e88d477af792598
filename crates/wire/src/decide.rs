//! `adproof.decide/1`, `adproof.decision/1`, `adproof.policy-test/1` and `adproof.rerun/1`.

use std::collections::BTreeMap;

use adproof_model::{Block, Collateral, Digest, Disagreement, LegState, Timestamp};
use adproof_pipeline::{Day, Decided, Recorder};
use adproof_policy::{Policy, PolicyTest, Reason, Rung, TestOutcome};
use schemars::JsonSchema;
use serde::Serialize;

use crate::score::{NOTICE, RejectV1};

/// The JSON Schema of `adproof.decide/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(DecideV1)
}

/// The JSON Schema of `adproof.decision/1`.
#[must_use]
pub fn decision_schema() -> schemars::Schema {
    schemars::schema_for!(DecisionV1)
}

/// The JSON Schema of `adproof.policy-test/1`.
#[must_use]
pub fn policy_test_schema() -> schemars::Schema {
    schemars::schema_for!(PolicyTestV1)
}

/// The JSON Schema of `adproof.rerun/1`.
#[must_use]
pub fn rerun_schema() -> schemars::Schema {
    schemars::schema_for!(RerunV1)
}

/// The door through which evidence leaves the operator. Full addresses and device ids pass it
/// under keyed names, or not at all where there is no key, unless it was opened in plain words.
#[derive(Clone, Copy, Debug)]
pub struct Door<'a> {
    recorder: Option<&'a Recorder>,
    plain: bool,
}

impl<'a> Door<'a> {
    /// A door that hides behind the evidence key, or that `plain` holds open.
    #[must_use]
    pub const fn new(recorder: Option<&'a Recorder>, plain: bool) -> Self {
        Self { recorder, plain }
    }

    fn personal(&self, kind: &str, text: &str) -> Option<String> {
        if self.plain {
            return Some(text.to_owned());
        }
        let keyed = self.recorder?.keyed(kind, text).to_string();
        Some(format!("keyed:{}", keyed.get(..32).unwrap_or(&keyed)))
    }

    /// What an observer saw: addresses and devices are personal, the rest is not.
    fn seen(&self, about: &str, text: &str) -> Option<String> {
        match about {
            "ip" | "ipv4" => self.personal("address", text),
            "device" => self.personal("device", text),
            _ => Some(text.to_owned()),
        }
    }
}

/// What a policy decided about the impressions of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DecideV1 {
    /// Always `adproof.decide/1`.
    #[schemars(extend("const" = "adproof.decide/1"))]
    pub schema: &'static str,
    /// What the entries of feeds are: their publisher's opinion.
    pub notice: &'static str,
    /// The policy.
    pub policy: PolicyV1,
    /// What was read beside the events, as records pin it.
    pub inputs: Vec<PinnedV1>,
    /// Events that were read.
    pub events: u64,
    /// The first lines of the log that were not taken.
    pub rejected: Vec<RejectV1>,
    /// All lines that were not taken.
    pub rejected_total: u64,
    /// The decided days, in order.
    pub days: Vec<DayV1>,
    /// Counts over all days.
    pub summary: SummaryV1,
    /// How many impressions have how much of their evidence, least first.
    pub completeness: Vec<CompletenessCountV1>,
    /// Events that are in no dossier, by reason.
    pub unjoined: BTreeMap<&'static str, u64>,
    /// The blocks that the decisions are about: the strongest action first.
    pub blocks: Vec<BlockDecisionV1>,
    /// The impressions that the policy wants recorded, in the order of their records.
    pub decisions: Vec<DecisionV1>,
    /// The ledger, where one was written.
    pub ledger: Option<LedgerV1>,
}

/// The policy that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyV1 {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file, 64 hex digits.
    pub sha256: String,
    /// Which impressions become records: `notable` or `all`.
    pub record: &'static str,
}

/// An input and its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PinnedV1 {
    /// What it is for.
    pub role: String,
    /// SHA-256: of the file, or of the sorted list of `digest  name` of several.
    pub sha256: String,
}

/// One decided day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DayV1 {
    /// The day in UTC, as a date.
    pub day: String,
    /// SHA-256 of the tally that was scored for it: the feeds, and the log until its decision.
    pub model: String,
    /// Its impressions.
    pub impressions: u64,
    /// Those that became records.
    pub recorded: u64,
}

/// Counts over all impressions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SummaryV1 {
    /// Impressions that were decided.
    pub impressions: u64,
    /// Those that the policy wants recorded.
    pub recorded: u64,
    /// Impressions by action, of all.
    pub actions: BTreeMap<&'static str, u64>,
    /// Actions that are held back by lot.
    pub held_out: u64,
    /// Impressions in which observers contradict each other.
    pub disagreements: u64,
    /// Impressions whose tag would not play or carries a risk.
    pub wrong_tags: u64,
    /// Events whose id was there already.
    pub duplicates: u64,
    /// Legs whose evidence came after the window had closed.
    pub late_legs: u64,
}

/// How many impressions have so much of their evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CompletenessCountV1 {
    /// Legs with evidence.
    pub have: u8,
    /// Applicable legs without.
    pub miss: u8,
    /// Impressions.
    pub impressions: u64,
}

/// One block that decisions are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlockDecisionV1 {
    /// The block.
    pub block: String,
    /// The family of invalid traffic.
    pub family: &'static str,
    /// The strongest action on it.
    pub action: &'static str,
    /// Impressions that were decided by it.
    pub impressions: u64,
    /// Of these, those held back by lot.
    pub held_out: u64,
    /// The recurrence R on the last day, in parts per million.
    pub recurrence_ppm: u32,
    /// Issues that mark it.
    pub issues_seen: u32,
    /// Issues in the window.
    pub issues: u32,
    /// Who else would be hit, as known on the last day.
    pub collateral: Option<CollateralV1>,
    /// Why not more: the gates of the next rung that stayed shut, for its strongest decision.
    pub why_not_more: Vec<ReasonV1>,
}

/// Who else an action would hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CollateralV1 {
    /// `log`, or `no_evidence` for what such a block usually holds.
    pub basis: &'static str,
    /// Distinct unflagged devices.
    pub devices: u64,
    /// Distinct unflagged /64s.
    pub households: u64,
    /// Distinct devices in the whole log.
    pub devices_in_log: u64,
    /// Upper bound of the share of devices, in parts per million.
    pub devices_high_ppm: u32,
}

impl From<&Collateral> for CollateralV1 {
    fn from(collateral: &Collateral) -> Self {
        Self {
            basis: collateral.basis.as_str(),
            devices: collateral.devices,
            households: collateral.households,
            devices_in_log: collateral.devices_in_log,
            devices_high_ppm: collateral.devices_high_ppm,
        }
    }
}

/// What one gate said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReasonV1 {
    /// The rung that it guards.
    pub rung: &'static str,
    /// The gate. A name that ends in `_ppm` is in parts per million.
    pub gate: &'static str,
    /// How it answered.
    #[schemars(extend("enum" = ["passed", "failed", "unknown"]))]
    pub outcome: &'static str,
    /// What was there; a yes or no is 1 or 0; null where nobody knows.
    pub have: Option<i64>,
    /// What it needs.
    pub need: i64,
    /// Whether the number has to stay at or below `need`.
    pub at_most: bool,
    /// The same in words.
    pub text: String,
}

impl From<&Reason> for ReasonV1 {
    fn from(reason: &Reason) -> Self {
        Self {
            rung: reason.rung.as_str(),
            gate: reason.gate,
            outcome: reason.outcome.as_str(),
            have: reason.have,
            need: reason.need,
            at_most: reason.at_most,
            text: reason.to_string(),
        }
    }
}

/// One impression with its decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DecisionV1 {
    /// Always `adproof.decision/1`.
    #[schemars(extend("const" = "adproof.decision/1"))]
    pub schema: &'static str,
    /// The transaction id.
    pub transaction: String,
    /// The impression id.
    pub impression: String,
    /// The keyed name under which its record has it; null where nothing is recorded.
    pub subject: Option<String>,
    /// Which key joined its events.
    pub joined_by: &'static str,
    /// Its earliest time.
    pub anchor: String,
    /// Its address: a keyed name, in plain where that was asked for, null without a key.
    pub address: Option<String>,
    /// The six legs.
    pub legs: Vec<LegV1>,
    /// Share of the applicable legs that have evidence, in parts per million.
    pub completeness_ppm: u32,
    /// What observers contradict each other about.
    pub disagreements: Vec<DisagreementV1>,
    /// Events whose id was there already.
    pub duplicates: u32,
    /// The tag that was served, where its verdict is known.
    pub tag: Option<TagV1>,
    /// How far the policy goes.
    #[schemars(extend("enum" = ["none", "observe", "measure", "review", "throttle", "block"]))]
    pub action: &'static str,
    /// The block that it is about.
    pub target: Option<String>,
    /// Whether it is held back by lot.
    pub held_out: bool,
    /// When it ends by itself.
    pub expires: Option<String>,
    /// Every gate that was tried.
    pub reasons: Vec<ReasonV1>,
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LegV1 {
    /// The leg.
    pub leg: &'static str,
    /// Its state.
    pub state: &'static str,
    /// Events that are its evidence.
    pub events: usize,
    /// Events that came too late to be.
    pub late: usize,
}

/// Observers that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DisagreementV1 {
    /// What about.
    pub about: String,
    /// What each saw.
    pub observations: Vec<ObservationV1>,
}

/// What an observer saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ObservationV1 {
    /// Who.
    pub observer: String,
    /// On which leg.
    pub leg: &'static str,
    /// What: a keyed name for addresses and devices, null without a key.
    pub value: Option<String>,
}

/// A tag and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TagV1 {
    /// Its name.
    pub name: String,
    /// SHA-256 of the document.
    pub sha256: String,
    /// How it fared as a whole.
    pub outcome: &'static str,
    /// Findings of severity error.
    pub errors: u32,
    /// Findings on the risk axis.
    pub risks: u32,
}

/// The ledger that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerV1 {
    /// The log's name.
    pub log: String,
    /// Records in it now.
    pub records: u64,
    /// Records that this run appended.
    pub appended: u64,
    /// Decisions that were in it already.
    pub already: u64,
    /// Impressions that are in it with another decision, which stands.
    pub differing: u64,
    /// Its last checkpoint, as published.
    pub checkpoint: String,
}

impl DecisionV1 {
    /// The document of a decision, through the door.
    #[must_use]
    pub fn new(decided: &Decided, door: Door<'_>) -> Self {
        let (dossier, decision) = (&decided.dossier, &decided.decision);
        let address = dossier.address().map(|address| address.to_string());
        let subject = |recorder: &Recorder| {
            recorder.subject(&dossier.transaction, &dossier.impression).to_string()
        };
        Self {
            schema: "adproof.decision/1",
            transaction: dossier.transaction.to_string(),
            impression: dossier.impression.to_string(),
            subject: door.recorder.map(subject),
            joined_by: dossier.joined_by.as_str(),
            anchor: dossier.anchor.to_string(),
            address: address.and_then(|address| door.personal("address", &address)),
            legs: dossier
                .legs
                .iter()
                .map(|leg| LegV1 {
                    leg: leg.leg.as_str(),
                    state: leg.state.as_str(),
                    events: leg.events.len(),
                    late: leg.late.len(),
                })
                .collect(),
            completeness_ppm: dossier.completeness().ppm,
            disagreements: dossier
                .disagreements
                .iter()
                .map(|found| DisagreementV1::new(found, door))
                .collect(),
            duplicates: dossier.duplicates,
            tag: decided.tag.as_ref().map(|(name, verdict)| TagV1 {
                name: name.to_string(),
                sha256: verdict.document.to_string(),
                outcome: verdict.outcome.as_str(),
                errors: verdict.errors,
                risks: verdict.risks,
            }),
            action: decision.action.as_str(),
            target: decision.target.as_ref().and_then(|block| shown(block, door)),
            held_out: decision.held_out,
            expires: decision.expires.map(|expires| expires.to_string()),
            reasons: decision.reasons.iter().map(Into::into).collect(),
        }
    }
}

/// A block; one that is a single address passes the door as one.
fn shown(block: &Block, door: Door<'_>) -> Option<String> {
    match block {
        Block::Prefix(prefix) if prefix.bit_len() > 64 => {
            door.personal("address", &prefix.first().to_string())
        }
        _ => Some(block.to_string()),
    }
}

impl DisagreementV1 {
    fn new(found: &Disagreement, door: Door<'_>) -> Self {
        let seen = found.observations.iter().map(|one| ObservationV1 {
            observer: one.observer.to_string(),
            leg: one.leg.as_str(),
            value: door.seen(&found.about, &one.value),
        });
        Self { about: found.about.to_string(), observations: seen.collect() }
    }
}

impl DecideV1 {
    /// A document of no day. `inputs` are the roles and digests that records pin.
    #[must_use]
    pub fn new(policy: &Policy, inputs: &[(&str, Digest)]) -> Self {
        let pinned = inputs.iter().map(|(role, digest)| PinnedV1 {
            role: (*role).to_owned(),
            sha256: digest.to_string(),
        });
        Self {
            schema: "adproof.decide/1",
            notice: NOTICE,
            policy: PolicyV1 {
                name: policy.name().to_owned(),
                sha256: policy.digest().to_string(),
                record: policy.record().as_str(),
            },
            inputs: pinned.collect(),
            events: 0,
            rejected: Vec::new(),
            rejected_total: 0,
            days: Vec::new(),
            summary: SummaryV1::default(),
            completeness: Vec::new(),
            unjoined: BTreeMap::new(),
            blocks: Vec::new(),
            decisions: Vec::new(),
            ledger: None,
        }
    }

    /// Adds the counts and blocks of a day.
    pub fn add_day(&mut self, day: &Day) {
        let recorded = day.decided.iter().filter(|decided| decided.recorded).count();
        let midnight = Timestamp::from_day(day.day).to_string();
        self.days.push(DayV1 {
            day: midnight.get(..10).unwrap_or(&midnight).to_owned(),
            model: day.model.to_string(),
            impressions: count(day.decided.len()),
            recorded: count(recorded),
        });
        for unjoined in &day.unjoined {
            *self.unjoined.entry(unjoined.reason.as_str()).or_default() += 1;
        }
        if day.refused > 0 {
            *self.unjoined.entry("too_many_events").or_default() += day.refused;
        }
        for decided in &day.decided {
            self.count(decided);
        }
        self.add_blocks(day);
    }

    /// Adds what the policy wants recorded of a day, through the door.
    pub fn add_decisions(&mut self, day: &Day, door: Door<'_>) {
        let recorded = day.decided.iter().filter(|decided| decided.recorded);
        self.decisions.extend(recorded.map(|decided| DecisionV1::new(decided, door)));
    }

    fn count(&mut self, decided: &Decided) {
        let (summary, dossier) = (&mut self.summary, &decided.dossier);
        summary.impressions += 1;
        summary.recorded += u64::from(decided.recorded);
        *summary.actions.entry(decided.decision.action.as_str()).or_default() += 1;
        summary.held_out += u64::from(decided.decision.held_out);
        summary.disagreements += u64::from(!dossier.disagreements.is_empty());
        let wrong = |(_, tag): &(_, adproof_model::TagVerdict)| !tag.playable() || tag.risks > 0;
        summary.wrong_tags += u64::from(decided.tag.as_ref().is_some_and(wrong));
        summary.duplicates += u64::from(dossier.duplicates);
        let late = dossier.legs.iter().filter(|leg| leg.state == LegState::Late).count();
        summary.late_legs += count(late);
        let share = dossier.completeness();
        let place = self
            .completeness
            .binary_search_by_key(&(share.have, share.miss), |row| (row.have, row.miss));
        match place {
            Ok(at) => {
                if let Some(row) = self.completeness.get_mut(at) {
                    row.impressions += 1;
                }
            }
            Err(at) => self.completeness.insert(
                at,
                CompletenessCountV1 { have: share.have, miss: share.miss, impressions: 1 },
            ),
        }
    }

    fn add_blocks(&mut self, day: &Day) {
        let mut held: BTreeMap<(String, &str), BlockDecisionV1> = std::mem::take(&mut self.blocks)
            .into_iter()
            .map(|block| ((block.block.clone(), block.family), block))
            .collect();
        for decided in &day.decided {
            let decision = &decided.decision;
            let Some(signal) = &decision.signal else {
                continue;
            };
            let family = signal.family.as_str();
            let why_not_more = || {
                let shut = |reason: &&Reason| reason.outcome != adproof_policy::Outcome::Passed;
                decision.reasons.iter().filter(shut).map(Into::into).collect::<Vec<_>>()
            };
            let block =
                held.entry((signal.block.to_string(), family)).or_insert_with(|| BlockDecisionV1 {
                    block: signal.block.to_string(),
                    family,
                    action: decision.action.as_str(),
                    impressions: 0,
                    held_out: 0,
                    recurrence_ppm: 0,
                    issues_seen: 0,
                    issues: 0,
                    collateral: None,
                    why_not_more: why_not_more(),
                });
            block.impressions += 1;
            block.held_out += u64::from(decision.held_out);
            block.recurrence_ppm = signal.recurrence_ppm;
            block.issues_seen = signal.issues_seen;
            block.issues = signal.issues;
            block.collateral = decision.collateral.as_ref().map(Into::into);
            if Some(decision.action) > Rung::named(block.action) {
                block.action = decision.action.as_str();
                block.why_not_more = why_not_more();
            }
        }
        self.blocks = held.into_values().collect();
        self.blocks.sort_by_key(|block| {
            let rung = Rung::named(block.action).unwrap_or_default();
            (
                std::cmp::Reverse((rung, block.recurrence_ppm, block.impressions)),
                block.block.clone(),
            )
        });
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// How policies fare against their own tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyTestV1 {
    /// Always `adproof.policy-test/1`.
    #[schemars(extend("const" = "adproof.policy-test/1"))]
    pub schema: &'static str,
    /// The policies, in the order in which they were given.
    pub policies: Vec<PolicyFileV1>,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that did not.
    pub failed: u64,
}

/// One policy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyFileV1 {
    /// The path under which it was given.
    pub path: String,
    /// The policy.
    pub policy: PolicyV1,
    /// Its tests, in the order of the file.
    pub tests: Vec<TestV1>,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TestV1 {
    /// What it shows.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
    /// Whether it passed.
    pub passed: bool,
    /// The rung that was expected.
    pub expected: &'static str,
    /// The rung that was reached.
    pub reached: &'static str,
    /// The gate that was expected to stop it.
    pub because: Option<String>,
    /// The gates that did.
    pub stopped_by: Vec<ReasonV1>,
}

impl PolicyTestV1 {
    /// Runs the tests of policies.
    #[must_use]
    pub fn run<'a>(policies: impl IntoIterator<Item = (&'a str, &'a Policy)>) -> Self {
        let policies: Vec<PolicyFileV1> = policies
            .into_iter()
            .map(|(path, policy)| PolicyFileV1 {
                path: path.to_owned(),
                policy: PolicyV1 {
                    name: policy.name().to_owned(),
                    sha256: policy.digest().to_string(),
                    record: policy.record().as_str(),
                },
                tests: policy
                    .tests()
                    .iter()
                    .map(|test| TestV1::new(test, &test.run(policy)))
                    .collect(),
            })
            .collect();
        let tests = || policies.iter().flat_map(|policy| &policy.tests);
        let passed = count(tests().filter(|test| test.passed).count());
        let failed = count(tests().filter(|test| !test.passed).count());
        Self { schema: "adproof.policy-test/1", policies, passed, failed }
    }
}

impl TestV1 {
    fn new(test: &PolicyTest, outcome: &TestOutcome) -> Self {
        Self {
            name: test.name.to_string(),
            line: test.line,
            passed: outcome.passed(),
            expected: test.expect.as_str(),
            reached: outcome.action.as_str(),
            because: test.because.as_deref().map(str::to_owned),
            stopped_by: outcome.shut.iter().map(Into::into).collect(),
        }
    }
}

/// What came of running decisions again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RerunV1 {
    /// Always `adproof.rerun/1`.
    #[schemars(extend("const" = "adproof.rerun/1"))]
    pub schema: &'static str,
    /// The log's name.
    pub log: String,
    /// Decisions that were run again.
    pub decisions: u64,
    /// Those that came out the same, byte for byte.
    pub same: u64,
    /// How many of these have evidence that was erased since: their commitments can never be made
    /// again, and all the rest was compared.
    pub erased: u64,
    /// Those that did not, first of all.
    pub differences: Vec<DifferenceV1>,
}

/// A decision that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DifferenceV1 {
    /// The record's place.
    pub seq: u64,
    /// The first field that differs, as a path into the record; `record` where the decision is
    /// not made at all from these inputs.
    pub field: String,
    /// What the record says there, as JSON.
    pub recorded: String,
    /// What came out, as JSON.
    pub rerun: String,
}
