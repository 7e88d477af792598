use adproof_ledger::{
    Action, Collateral, Completeness, DayKey, Decision, Draft, EncodeError, EvidenceKey, Hash,
    Input, Legs, MAX_INT, Number, Opening, Reason, RecordKey, Repro, Score, Tag, Value,
};
use adproof_ledger::{Leg as CommittedLeg, LegState as RecordedState};
use adproof_model::{Block, Digest, Dossier, Leg, LegEvidence, LegState, Level, Signal};
use adproof_policy::Rung;
use adproof_signal::Params;
use sha2::{Digest as _, Sha256};

use crate::evidence::Texts;
use crate::run::{Day, Decided};

/// Characters of a provider's name in a record.
const NAME_CHARS: usize = 200;

/// Names the engine: the same for every build of one version.
#[must_use]
pub fn engine_digest() -> Digest {
    let name = concat!("adproof engine ", env!("CARGO_PKG_VERSION"));
    Digest::new(Sha256::digest(name).into())
}

/// One digest for a set of files, independent of their order and of where they lie: SHA-256 over
/// the sorted lines `digest  name`, as `sha256sum` writes them.
#[must_use]
pub fn manifest_digest<'a>(files: impl IntoIterator<Item = (&'a str, Digest)>) -> Digest {
    let mut lines: Vec<String> =
        files.into_iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    lines.sort_unstable();
    Digest::new(Sha256::digest(lines.concat()).into())
}

/// Turns decisions into records before they have a place, and pins what they came from.
#[derive(Debug)]
pub struct Recorder {
    evidence: EvidenceKey,
    inputs: Vec<Input>,
    params: Hash,
    policy: Hash,
    ruleset: Hash,
    seed: u64,
}

impl Recorder {
    /// `inputs` are the roles and digests of what was read beside the events: feeds, tags, tables.
    /// The events themselves are pinned by the commitments of each leg and by the model.
    #[must_use]
    pub fn new(
        evidence: EvidenceKey,
        inputs: &[(&str, Digest)],
        params: &Params,
        policy: &adproof_policy::Policy,
        ruleset: Digest,
    ) -> Self {
        let params: [u8; 32] = Sha256::digest(params.to_canonical_bytes()).into();
        let input = |(role, digest): &(&str, Digest)| Input {
            role: (*role).to_owned(),
            sha256: hash(*digest),
        };
        Self {
            evidence,
            inputs: inputs.iter().map(input).collect(),
            params: Hash::new(params),
            policy: hash(policy.digest()),
            ruleset: hash(ruleset),
            seed: policy.seed(),
        }
    }

    /// A name for something personal that leaves the operator: the same for the same text, and
    /// meaningless to whoever lacks the evidence key.
    #[must_use]
    pub fn keyed(&self, kind: &str, text: &str) -> Hash {
        self.evidence.subject(&format!("output {kind}"), text)
    }

    /// The keyed name of an impression, as its record has it.
    #[must_use]
    pub fn subject(&self, transaction: &str, impression: &str) -> Hash {
        self.evidence.subject(transaction, impression)
    }

    /// What every record of this run pins, for a day's model.
    #[must_use]
    pub fn repro(&self, model: Digest) -> Repro {
        Repro {
            engine: hash(engine_digest()),
            inputs: self.inputs.clone(),
            model: hash(model),
            params: self.params,
            policy: self.policy,
            ruleset: self.ruleset,
            seed: self.seed,
        }
    }

    /// Whose evidence a decision rests on, as a keyed name: the device, or the address where none
    /// is known, or the impression alone.
    #[must_use]
    pub fn person(&self, dossier: &Dossier) -> Hash {
        let events = || dossier.legs.iter().flat_map(|leg| &leg.events);
        if let Some(device) = events().find_map(|event| event.device.as_deref()) {
            return self.evidence.person(device);
        }
        if let Some(ip) = events().find_map(|event| event.ip) {
            return self.evidence.person(&ip.to_string());
        }
        self.evidence.person(&format!("{} {}", dossier.transaction, dossier.impression))
    }

    /// The record of a decision, and the private side that opens its commitments. `key` is that of
    /// the decision's person and day; where it was destroyed there is none, and then the record
    /// commits to nothing: its legs are `erased`.
    ///
    /// # Errors
    /// The evidence does not fit into a record: text or numbers beyond its bounds.
    pub fn record(
        &self,
        day: &Day,
        decided: &Decided,
        key: Option<&DayKey>,
    ) -> Result<Recorded, EncodeError> {
        let dossier = &decided.dossier;
        let subject = self.evidence.subject(&dossier.transaction, &dossier.impression);
        let record_key = match key {
            Some(key) => self.evidence.record_key(key, &subject),
            None => self.evidence.empty_record_key(&subject),
        };
        let mut roots = [Hash::ZERO; 6];
        let (mut committer, mut texts) = (record_key.committer(), Texts::default());
        for (root, leg) in roots.iter_mut().zip(&dossier.legs) {
            *root = committer.root(leg.leg.as_str(), |values| {
                if key.is_some() {
                    texts.each(leg, &mut |name, text| values.text(name, text));
                }
            })?;
        }
        let mut legs = legs(&dossier.legs, &roots);
        let mut completeness = dossier.completeness();
        if key.is_none() {
            completeness = erase(&mut legs);
        }
        let draft = Draft {
            legs,
            completeness: Completeness {
                have: completeness.have,
                miss: completeness.miss,
                ppm: completeness.ppm,
            },
            dec: decision(decided, subject),
            repro: self.repro(day.model),
        };
        Ok(Recorded { draft, key: record_key, commits: key.is_some() })
    }
}

/// A decision before it has a place, with what belongs to it and stays private.
#[derive(Debug)]
pub struct Recorded {
    /// The decision.
    pub draft: Draft,
    /// What the opening is encrypted with where it is kept.
    pub key: RecordKey,
    /// Whether it commits to anything: not where its person's key was destroyed.
    commits: bool,
}

impl Recorded {
    /// What opens its commitments; none where it commits to nothing. It is made from the evidence
    /// again: hardly any record is asked for it, and it is as large as the evidence.
    ///
    /// # Errors
    /// The evidence does not fit into a record, and so it has none.
    pub fn opening(&self, dossier: &Dossier) -> Result<Option<Opening>, EncodeError> {
        if !self.commits {
            return Ok(None);
        }
        let mut texts = Texts::default();
        let mut commitments = Vec::with_capacity(dossier.legs.len());
        for leg in &dossier.legs {
            let mut values = Vec::new();
            texts.each(leg, &mut |name, text| values.push((name, Value::from(text))));
            commitments.push(self.key.commit(leg.leg.as_str(), &values)?);
        }
        Ok(Some(Opening::new(self.draft.dec.subject, &commitments)))
    }
}

/// Every leg that had something of a person is told as erased.
fn erase(legs: &mut Legs) -> adproof_model::Completeness {
    for leg in [
        &mut legs.request,
        &mut legs.network,
        &mut legs.creative,
        &mut legs.vast,
        &mut legs.execution,
        &mut legs.billing,
    ] {
        if matches!(leg.state, RecordedState::Present | RecordedState::Late) {
            leg.state = RecordedState::Erased;
        }
    }
    adproof_model::Completeness::of(legs.named().map(|(_, leg)| match leg.state {
        RecordedState::Present => LegState::Present,
        RecordedState::NotApplicable => LegState::NotApplicable,
        _ => LegState::Absent,
    }))
}

fn hash(digest: Digest) -> Hash {
    Hash::new(*digest.as_bytes())
}

fn legs(evidence: &[LegEvidence; 6], roots: &[Hash; 6]) -> Legs {
    let found = |leg: Leg| evidence.iter().zip(roots).find(|(found, _)| found.leg == leg);
    let of = |leg: Leg| {
        let (state, root) = found(leg)
            .map_or((RecordedState::Absent, Hash::ZERO), |(evidence, root)| {
                (state(evidence.state), *root)
            });
        CommittedLeg { state, root }
    };
    Legs {
        request: of(Leg::Request),
        network: of(Leg::Network),
        creative: of(Leg::Creative),
        vast: of(Leg::Vast),
        execution: of(Leg::Execution),
        billing: of(Leg::Billing),
    }
}

const fn state(state: LegState) -> RecordedState {
    match state {
        LegState::Present => RecordedState::Present,
        LegState::Absent => RecordedState::Absent,
        LegState::Late => RecordedState::Late,
        LegState::Refused => RecordedState::Refused,
        LegState::Redacted => RecordedState::Redacted,
        LegState::Erased => RecordedState::Erased,
        LegState::NotApplicable => RecordedState::NotApplicable,
    }
}

fn decision(decided: &Decided, subject: Hash) -> Decision {
    let made = &decided.decision;
    let weighed = |signal: &&Signal| signal.level() != Some(Level::P128);
    Decision {
        action: action(made.action),
        collateral: decided
            .collateral
            .iter()
            .filter(|figure| figure.block.level() != Some(Level::P128))
            .map(|figure| Collateral {
                basis: figure.basis.as_str().to_owned(),
                block: block_text(&figure.block),
                coverage_ppm: figure.coverage_ppm,
                devices: figure.devices,
                devices_high_ppm: figure.devices_high_ppm,
                devices_in_log: figure.devices_in_log,
                households: figure.households,
                impressions: figure.impressions,
                revenue_micros: figure.revenue_micros.clamp(-MAX_INT, MAX_INT),
            })
            .collect(),
        expires_us: made.expires.map(|expires| expires.micros().clamp(-MAX_INT, MAX_INT)),
        held_out: made.held_out,
        reasons: made.reasons.iter().map(reason).collect(),
        scores: decided.signals.iter().filter(weighed).map(score).collect(),
        subject,
        tag: decided.tag.as_ref().map(|(_, verdict)| Tag {
            document: hash(verdict.document),
            errors: verdict.errors,
            outcome: verdict.outcome.as_str().to_owned(),
            risks: verdict.risks,
        }),
        target: made.target.as_ref().map(block_text),
    }
}

/// A block as a record writes it. A provider's name comes from a feed, so it is cut: a record has a
/// bound, and no name of a stranger's may keep a decision from being recorded.
fn block_text(block: &Block) -> String {
    block.to_string().chars().take(NAME_CHARS).collect()
}

const fn action(rung: Rung) -> Action {
    match rung {
        Rung::None => Action::None,
        Rung::Observe => Action::Observe,
        Rung::Measure => Action::Measure,
        Rung::Review => Action::Review,
        Rung::Throttle => Action::Throttle,
        Rung::Block => Action::Block,
    }
}

fn reason(reason: &adproof_policy::Reason) -> Reason {
    let unit = if reason.gate.ends_with("_ppm") { "_ppm" } else { "" };
    let bound = if reason.at_most { "at_most" } else { "at_least" };
    let number = |name: &str, value| Number { name: format!("{name}{unit}"), value };
    let have = reason.have.map(|have| number("have", have));
    Reason {
        gate: reason.id(),
        numbers: have.into_iter().chain([number(bound, reason.need)]).collect(),
        outcome: reason.outcome.as_str().to_owned(),
    }
}

fn score(signal: &Signal) -> Score {
    Score {
        attainable_ppm: signal.attainable_ppm,
        block: block_text(&signal.block),
        class: signal.class.as_str().to_owned(),
        explained_by: signal.explained_by.as_ref().map(|block| match block {
            // A record names no single address.
            Block::Prefix(prefix) => prefix.widen(64).to_string(),
            other => block_text(other),
        }),
        family: signal.family.as_str().to_owned(),
        high_ppm: signal.high_ppm,
        indicators: signal.indicators,
        issues: signal.issues,
        issues_seen: signal.issues_seen,
        mean_ppm: signal.mean_ppm,
        recurrence_ppm: signal.recurrence_ppm,
    }
}
