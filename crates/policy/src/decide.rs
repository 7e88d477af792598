//! Climbing the ladder.

use std::fmt;

use adproof_model::{Block, Collateral, Level, Signal, Timestamp};

use crate::facts::{Case, Facts};
use crate::gate::{BuiltIn, Gate, Need};
use crate::policy::Policy;
use crate::rung::Rung;

const DAY_US: i64 = 86_400_000_000;

/// How a gate answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It opened.
    Passed,
    /// It stayed shut.
    Failed,
    /// It stayed shut because nobody knows the number that it compares.
    Unknown,
}

impl Outcome {
    /// The name in records and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What one gate of one rung said, with the numbers that it compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rung that the gate guards.
    pub rung: Rung,
    /// The gate's name.
    pub gate: &'static str,
    /// How it answered.
    pub outcome: Outcome,
    /// What was there, in the gate's unit; a flag is 0 or 1; none where nobody knows.
    pub have: Option<i64>,
    /// What the gate needs.
    pub need: i64,
    /// Whether the number has to stay at or below `need`, instead of at or above.
    pub at_most: bool,
    /// Whether the gate asks yes or no: then `have` is 0 or 1.
    pub flag: bool,
    /// What the number is, in words.
    pub meaning: &'static str,
}

impl Reason {
    fn built_in(rung: Rung, gate: BuiltIn, facts: &Facts) -> Self {
        let open = gate.open(facts);
        Self {
            rung,
            gate: gate.as_str(),
            outcome: if open { Outcome::Passed } else { Outcome::Failed },
            have: Some(i64::from(open)),
            need: 1,
            at_most: false,
            flag: true,
            meaning: gate.meaning(),
        }
    }

    fn gate(rung: Rung, gate: Gate, need: i64, facts: &Facts) -> Self {
        let have = gate.have(facts, need);
        Self {
            rung,
            gate: gate.as_str(),
            outcome: match have {
                None => Outcome::Unknown,
                Some(have) if gate.opens(facts, have, need) => Outcome::Passed,
                Some(_) => Outcome::Failed,
            },
            have,
            need,
            at_most: gate.at_most(),
            flag: gate.need() == Need::Flag,
            meaning: gate.meaning(),
        }
    }

    /// `rung.gate`, as tests of policies and records name it.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.{}", self.rung, self.gate)
    }
}

impl fmt::Display for Reason {
    /// `recurrence_ppm: recurrence R of the block: 90000, needs at least 100000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: ", self.gate, self.meaning)?;
        match self.have {
            None => f.write_str("unknown")?,
            Some(have) if self.flag => {
                return f.write_str(if have == 0 { "no" } else { "yes" });
            }
            Some(have) => write!(f, "{have}")?,
        }
        let bound = if self.at_most { "most" } else { "least" };
        write!(f, ", needs at {bound} {}", self.need)
    }
}

/// What a policy lets be done about one impression, and why not more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How far it goes.
    pub action: Rung,
    /// What it is about; none where nothing is listed.
    pub target: Option<Block>,
    /// What scoring says about the target.
    pub signal: Option<Signal>,
    /// Who else would be hit.
    pub collateral: Option<Collateral>,
    /// Every gate of the rungs that were reached and of the first that was not.
    pub reasons: Vec<Reason>,
    /// Whether the action is held back by lot, so that its effect can be measured.
    pub held_out: bool,
    /// When an action on traffic ends by itself.
    pub expires: Option<Timestamp>,
}

impl Decision {
    /// The first gate that did not open: why not more. None at the top of the ladder.
    #[must_use]
    pub fn stopped_by(&self) -> Option<&Reason> {
        let shut = |reason: &&Reason| reason.outcome != Outcome::Passed;
        self.reasons.iter().find(shut)
    }
}

/// Decides about one impression.
///
/// Every prefix of /64 and wider that scoring knows, every network and every provider is tried.
/// The highest rung wins; among equals, the narrowest block. A single address is never a target:
/// a household changes it daily (RFC 8981).
#[must_use]
pub fn decide(policy: &Policy, case: &Case<'_>) -> Decision {
    let mut best: Option<(Rung, &Signal, Facts, Vec<Reason>)> = None;
    for signal in case.signals {
        if signal.block.level() == Some(Level::P128) {
            continue;
        }
        let facts = Facts::of(policy, case, signal);
        let (action, reasons) = decide_facts(policy, &facts);
        let better = best.as_ref().is_none_or(|(best_action, held, held_facts, _)| {
            let rank = |action: Rung, facts: &Facts, signal: &Signal| {
                (action, facts.prefix_bits, facts.family_counts, signal.recurrence_ppm)
            };
            rank(action, &facts, signal) > rank(*best_action, held_facts, held)
        });
        if better {
            best = Some((action, signal, facts, reasons));
        }
    }
    let nothing = Decision {
        action: Rung::None,
        target: None,
        signal: None,
        collateral: None,
        reasons: Vec::new(),
        held_out: false,
        expires: None,
    };
    let Some((action, signal, _, reasons)) = best else {
        return nothing;
    };
    let ttl_days = policy.rungs.get(&action).and_then(crate::policy::RungGates::ttl_days);
    let collateral = case.collateral.iter().find(|collateral| collateral.block == signal.block);
    let dossier = case.dossier;
    if action == Rung::None {
        return Decision { reasons, ..nothing };
    }
    Decision {
        action,
        target: Some(signal.block.clone()),
        signal: Some(signal.clone()),
        collateral: collateral.cloned(),
        reasons,
        held_out: action.acts_on_traffic()
            && policy.holds_out(&dossier.transaction, &dossier.impression),
        expires: ttl_days.map(|days| case.now.plus_micros(days.saturating_mul(DAY_US))),
    }
}

/// How far facts climb, and every gate that was tried on the way.
#[must_use]
pub fn decide_facts(policy: &Policy, facts: &Facts) -> (Rung, Vec<Reason>) {
    let mut reached = Rung::None;
    let mut reasons = Vec::new();
    for rung in Rung::LADDER {
        let Some(gates) = policy.rungs.get(&rung) else {
            break;
        };
        let from = reasons.len();
        for gate in BuiltIn::ALL {
            if rung >= gate.from_rung() {
                let repeated = (reasons.iter()).any(|told: &Reason| told.gate == gate.as_str());
                if !repeated {
                    reasons.push(Reason::built_in(rung, gate, facts));
                }
            }
        }
        for (gate, need) in gates.iter() {
            reasons.push(Reason::gate(rung, gate, need, facts));
        }
        let tried = reasons.get(from..).unwrap_or_default();
        if tried.iter().any(|told| told.outcome != Outcome::Passed) {
            break;
        }
        reached = rung;
    }
    (reached, reasons)
}
