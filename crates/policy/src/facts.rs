//! What a decision rests on: a case, and the plain numbers that the gates compare.

use std::net::IpAddr;

use adproof_model::scope::{self, Scope};
use adproof_model::{
    AddressLabel, Basis, Block, Collateral, Dossier, Execution, Leg, LegDetail, LegState, Signal,
    SignalClass, TagVerdict, Timestamp,
};

use crate::policy::Policy;

/// One impression and everything that is known about it and its address.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The evidence.
    pub dossier: &'a Dossier,
    /// What scoring says about the blocks that hold the address, narrowest first.
    pub signals: &'a [Signal],
    /// Who else an action on those blocks would hit.
    pub collateral: &'a [Collateral],
    /// The verdict on the tag that was served, where the tag is known.
    pub tag: Option<&'a TagVerdict>,
    /// The lower bound of the precision that a backtest of this policy found, where there is one.
    pub backtest_precision_ppm: Option<u32>,
    /// The instant that the decision is made for: what it knows of, and where times to live begin.
    pub now: Timestamp,
}

/// Evidence other than a feed that points the same way, by kind.
#[allow(clippy::struct_excessive_bools, reason = "a set of four")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corroboration {
    /// The tag would not play, or carries a risk.
    pub tag: bool,
    /// Observers contradict each other about who or what was there.
    pub disagreement: bool,
    /// Playback failed, or completed without playing.
    pub execution: bool,
    /// It was billed although nothing was played.
    pub billing: bool,
}

impl Corroboration {
    /// Every kind.
    pub const ALL: Self = Self { tag: true, disagreement: true, execution: true, billing: true };

    /// How many kinds point the same way.
    #[must_use]
    pub fn count(self) -> u8 {
        [self.tag, self.disagreement, self.execution, self.billing].into_iter().map(u8::from).sum()
    }

    /// The names of the kinds that do.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .zip([self.tag, self.disagreement, self.execution, self.billing])
            .filter_map(|(name, is)| is.then_some(name))
    }

    /// The kinds, as policies name them.
    pub const NAMES: [&'static str; 4] = ["tag", "disagreement", "execution", "billing"];

    pub(crate) fn set(&mut self, name: &str) -> bool {
        match name {
            "tag" => self.tag = true,
            "disagreement" => self.disagreement = true,
            "execution" => self.execution = true,
            "billing" => self.billing = true,
            _ => return false,
        }
        true
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self {
            tag: self.tag && other.tag,
            disagreement: self.disagreement && other.disagreement,
            execution: self.execution && other.execution,
            billing: self.billing && other.billing,
        }
    }

    /// What the legs of a dossier and the verdict on its tag say.
    #[must_use]
    pub fn of(dossier: &Dossier, tag: Option<&TagVerdict>) -> Self {
        let execution = dossier.leg(Leg::Execution);
        let reports = || {
            execution.events.iter().filter_map(|event| match event.detail {
                LegDetail::Execution { outcome, played_ms } => Some((outcome, played_ms)),
                _ => None,
            })
        };
        let failed = |(outcome, _): &(Execution, u32)| matches!(outcome, Execution::Failed(_));
        let hollow = |report: &(Execution, u32)| *report == (Execution::Completed, 0);
        let played = reports().any(|report| !failed(&report) && !hollow(&report));
        // What was withheld or is late may still show playback: only its absence speaks.
        let unplayed = match execution.state {
            LegState::Present => !played,
            LegState::Absent => true,
            _ => false,
        };
        Self {
            tag: tag.is_some_and(|tag| !tag.playable() || tag.risks > 0),
            disagreement: dossier
                .disagreements
                .iter()
                .any(|found| TELLING.contains(&&*found.about)),
            execution: reports().any(|report| failed(&report) || hollow(&report)),
            billing: dossier.leg(Leg::Billing).state == LegState::Present && unplayed,
        }
    }
}

/// Disagreements that speak about who was there. One about a price, a creative or a tag is a
/// matter between sellers and says nothing against a subscriber.
const TELLING: [&str; 6] = ["bundle", "device", "event_id", "ip", "ipv4", "outcome"];

/// What collateral tells the gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollateralFacts {
    /// Whether the figure comes from the operator's own log.
    pub from_log: bool,
    /// The upper bound of the share of devices that would be hit.
    pub devices_high_ppm: u32,
}

/// The numbers that the gates compare, for one block. Tests in a policy file state them directly.
#[allow(clippy::struct_excessive_bools, reason = "each answers one gate")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whether the address counts as globally routed.
    pub global: bool,
    /// Whether the address is egress that many subscribers share.
    pub shared_egress: bool,
    /// Whether the policy counts the family.
    pub family_counts: bool,
    /// The length of the block's prefix; none for a network or a provider.
    pub prefix_bits: Option<u8>,
    /// Issues that mark the block.
    pub issues_seen: u32,
    /// How many issues ago the block was last marked.
    pub last_seen_ago: u32,
    /// The recurrence R.
    pub recurrence_ppm: u32,
    /// Whether the block has a rank.
    pub ranked: bool,
    /// Whether a narrower block explains all marks of this one.
    pub explained: bool,
    /// Independent feeds that list the block.
    pub sources: u32,
    /// Events of this impression in the own log that come from the block.
    pub own_events: u32,
    /// Other kinds of evidence that point the same way, of those that the policy counts.
    pub corroboration: Corroboration,
    /// The share of the impression's applicable legs that has evidence.
    pub completeness_ppm: u32,
    /// Who else would be hit, where somebody looked.
    pub collateral: Option<CollateralFacts>,
    /// What a backtest found.
    pub backtest_precision_ppm: Option<u32>,
    /// Whether a person signed the block off.
    pub sign_off: bool,
}

impl Facts {
    /// The facts of a case about one of its blocks.
    #[must_use]
    pub fn of(policy: &Policy, case: &Case<'_>, signal: &Signal) -> Self {
        let address = case.dossier.address();
        let collateral = case.collateral.iter().find(|collateral| collateral.block == signal.block);
        let prefix = match &signal.block {
            Block::Prefix(prefix) => Some(*prefix),
            Block::Asn(_) | Block::Provider(_) => None,
        };
        let inside = |ip: IpAddr| match (prefix, ip) {
            (Some(prefix), IpAddr::V6(ip)) => prefix.contains(ip.to_bits()),
            // Whoever looked the block up found the address in it.
            (None, _) => true,
            _ => false,
        };
        let own_events = case
            .dossier
            .legs
            .iter()
            .flat_map(|leg| &leg.events)
            .filter(|event| event.ip.is_some_and(inside))
            .count();
        Self {
            global: address.is_some_and(|address| policy.treats_as_global(address)),
            shared_egress: shared_egress(case.dossier),
            family_counts: policy.families.contains(&signal.family),
            prefix_bits: prefix.map(adproof_model::Prefix::bit_len),
            issues_seen: signal.issues_seen,
            last_seen_ago: signal.last_seen_ago,
            recurrence_ppm: signal.recurrence_ppm,
            ranked: signal.class == SignalClass::Ranked,
            explained: signal.explained_by.is_some(),
            sources: signal.sources,
            own_events: u32::try_from(own_events).unwrap_or(u32::MAX),
            corroboration: Corroboration::of(case.dossier, case.tag).and(policy.corroborated_by),
            completeness_ppm: case.dossier.completeness().ppm,
            collateral: collateral.map(|collateral| CollateralFacts {
                from_log: collateral.basis == Basis::Log,
                devices_high_ppm: collateral.devices_high_ppm,
            }),
            backtest_precision_ppm: case.backtest_precision_ppm,
            sign_off: policy.signed_off(&signal.block, case.now),
        }
    }
}

/// Whether an observer or the address itself says that many subscribers share it.
fn shared_egress(dossier: &Dossier) -> bool {
    let observed = dossier
        .leg(Leg::Network)
        .events
        .iter()
        .any(|event| matches!(event.detail, LegDetail::Network { shared_egress: true, .. }));
    let labelled = match dossier.address() {
        Some(IpAddr::V6(address)) => matches!(
            scope::of_v6(address).1,
            Some(AddressLabel::Nat64 | AddressLabel::Teredo | AddressLabel::SixToFour)
        ),
        _ => false,
    };
    observed || labelled
}

pub(crate) fn is_global(address: IpAddr) -> bool {
    scope::of(address) == Scope::Global
}
