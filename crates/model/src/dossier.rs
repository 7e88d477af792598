use std::net::IpAddr;

use crate::{Event, Leg, Timestamp};

/// The state of one leg of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegState {
    /// Evidence arrived in time.
    Present,
    /// No evidence.
    Absent,
    /// Evidence arrived after the window had closed. It is kept and named, not used.
    Late,
    /// The holder refused to give it.
    Refused,
    /// The holder gave it with its content withheld.
    Redacted,
    /// It was there and its key has been destroyed.
    Erased,
    /// This impression has no such leg.
    NotApplicable,
}

impl LegState {
    /// The name used in records and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Late => "late",
            Self::Refused => "refused",
            Self::Redacted => "redacted",
            Self::Erased => "erased",
            Self::NotApplicable => "not_applicable",
        }
    }
}

/// Which key joined an impression's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JoinKey {
    /// Transaction and impression id.
    TransactionImpression,
    /// Advertising id, bundle and time.
    DeviceBundleTime,
    /// /64, user agent and time.
    SubnetAgentTime,
}

impl JoinKey {
    /// The name used in records and outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransactionImpression => "transaction_impression",
            Self::DeviceBundleTime => "device_bundle_time",
            Self::SubnetAgentTime => "subnet_agent_time",
        }
    }
}

/// One leg and the events that are its evidence, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegEvidence {
    /// The leg.
    pub leg: Leg,
    /// Its state.
    pub state: LegState,
    /// The events that were received in time, in canonical order, duplicates removed.
    pub events: Vec<Event>,
    /// The events that were received after the window had closed: kept and named, not used.
    pub late: Vec<Event>,
}

/// What an observer saw.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation {
    /// Who saw it.
    pub observer: Box<str>,
    /// On which leg.
    pub leg: Leg,
    /// What it saw, as text.
    pub value: Box<str>,
}

/// Observers that contradict each other. It is evidence of its own, never averaged away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    /// What they disagree about: `ip`, `device`, `price`, `creative` and so on.
    pub about: Box<str>,
    /// What each saw, sorted.
    pub observations: Vec<Observation>,
}

/// How many of the applicable legs have evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Completeness {
    /// Legs that are present.
    pub have: u8,
    /// Applicable legs that are not.
    pub miss: u8,
    /// `have / (have + miss)` in parts per million, rounded down; 0 when nothing applies.
    pub ppm: u32,
}

impl Completeness {
    /// Computed from the states of the legs.
    #[must_use]
    pub fn of(states: impl IntoIterator<Item = LegState>) -> Self {
        let (mut have, mut miss) = (0_u8, 0_u8);
        for state in states {
            match state {
                LegState::Present => have = have.saturating_add(1),
                LegState::NotApplicable => {}
                _ => miss = miss.saturating_add(1),
            }
        }
        let all = u32::from(have) + u32::from(miss);
        let ppm = (u32::from(have) * 1_000_000).checked_div(all).unwrap_or(0);
        Self { have, miss, ppm }
    }
}

/// All evidence about one impression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dossier {
    /// The transaction id, or the text of the key that joined it.
    pub transaction: Box<str>,
    /// The impression id, or the text of the key that joined it.
    pub impression: Box<str>,
    /// Which key joined it.
    pub joined_by: JoinKey,
    /// The earliest event time: it places the impression in its window.
    pub anchor: Timestamp,
    /// One entry a leg, in the order of [`Leg::ALL`].
    pub legs: [LegEvidence; 6],
    /// What observers disagree about, sorted.
    pub disagreements: Vec<Disagreement>,
    /// Events with an id that was there already.
    pub duplicates: u32,
}

impl Dossier {
    /// Completeness, computed from the states of the legs.
    #[must_use]
    pub fn completeness(&self) -> Completeness {
        Completeness::of(self.legs.iter().map(|leg| leg.state))
    }

    /// One leg.
    #[must_use]
    pub fn leg(&self, leg: Leg) -> &LegEvidence {
        let [request, network, creative, vast, execution, billing] = &self.legs;
        match leg {
            Leg::Request => request,
            Leg::Network => network,
            Leg::Creative => creative,
            Leg::Vast => vast,
            Leg::Execution => execution,
            Leg::Billing => billing,
        }
    }

    /// The address that scoring looks up: the network leg's where it is present, otherwise the
    /// first present leg's that saw one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let present = |leg: &&LegEvidence| leg.state == LegState::Present;
        let of = |leg: &LegEvidence| leg.events.iter().find_map(|event| event.ip);
        Some(self.leg(Leg::Network))
            .filter(present)
            .and_then(of)
            .or_else(|| self.legs.iter().filter(present).find_map(of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completeness_counts_applicable_legs_only() {
        use LegState::{Absent, Late, NotApplicable, Present};
        let of = |states: &[LegState]| Completeness::of(states.iter().copied());
        assert_eq!(of(&[]), Completeness { have: 0, miss: 0, ppm: 0 });
        assert_eq!(of(&[Present, Absent, Late]), Completeness { have: 1, miss: 2, ppm: 333_333 });
        assert_eq!(
            of(&[Present, NotApplicable]),
            Completeness { have: 1, miss: 0, ppm: 1_000_000 }
        );
    }
}
