use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;

use adproof_join::{Join, Limits as JoinLimits, Unjoined, Window, Windows};
use adproof_model::{
    BinaryError, BinaryReader, BinaryWriter, Block, Collateral, Digest, Dossier, Event, Leg,
    LegDetail, LegState, Signal, TagVerdict,
};
use adproof_policy::{Case, Decision, Policy, Record, Rung, decide};
use adproof_signal::{Params, Scoring, Sightings, Tally, collateral, score};
use sha2::{Digest as _, Sha256};

/// What goes into a run beside its events. All of it is pinned in each record.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The policy.
    pub policy: Policy,
    /// What the feeds mark.
    pub feeds: Tally,
    /// How scoring weighs.
    pub params: Params,
    /// Verdicts by the names that events give their tags.
    pub tags: BTreeMap<Box<str>, TagVerdict>,
    /// When windows close and are decided.
    pub windows: Windows,
    /// Bounds of the join.
    pub limits: JoinLimits,
}

/// One impression with what was decided about it and all that the decision rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The evidence.
    pub dossier: Dossier,
    /// What scoring says about the blocks that hold its address, narrowest first.
    pub signals: Vec<Signal>,
    /// Who else an action on those blocks would hit.
    pub collateral: Vec<Collateral>,
    /// The tag that was served, and its verdict.
    pub tag: Option<(Box<str>, TagVerdict)>,
    /// The decision.
    pub decision: Decision,
    /// Whether the policy wants a record of it.
    pub recorded: bool,
}

/// One decided day.
#[derive(Clone, Debug)]
pub struct Day {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Its impressions, by anchor, transaction and impression.
    pub decided: Vec<Decided>,
    /// Events that are in no dossier, with the reason, in canonical order.
    pub unjoined: Vec<Unjoined>,
    /// Events that were not kept because their impression has too many.
    pub refused: u64,
    /// SHA-256 of the canonical tally that was scored: feeds, and the log until the decision.
    pub model: Digest,
    /// What scoring said.
    pub scoring: Scoring,
}

/// The state machine: open impressions, and what the log has shown so far.
#[derive(Clone, Debug)]
pub struct Pipeline {
    inputs: Inputs,
    join: Join,
    seen: Sightings,
    unjoined: Vec<Unjoined>,
}

/// The order in which events are pushed.
#[must_use]
pub fn canonical_order(a: &Event, b: &Event) -> Ordering {
    (a.received, &a.id).cmp(&(b.received, &b.id)).then_with(|| a.cmp(b))
}

impl Pipeline {
    /// Nothing pushed.
    #[must_use]
    pub fn new(inputs: Inputs) -> Self {
        let join = Join::new(inputs.windows, inputs.limits);
        Self { inputs, join, seen: Sightings::default(), unjoined: Vec::new() }
    }

    /// Writes everything that was pushed and is not decided, and what the log has shown so far:
    /// equal bytes for equal states. What the run was given is not in it.
    pub fn write(&self, writer: &mut BinaryWriter) {
        self.join.write(writer);
        self.seen.write(writer);
        writer.count(self.unjoined.len());
        let mut unjoined: Vec<&Unjoined> = self.unjoined.iter().collect();
        unjoined.sort_unstable();
        for one in unjoined {
            writer.event(&one.event);
            writer.u8(one.reason.code());
        }
    }

    /// Goes on from what [`Pipeline::write`] wrote. The same events pushed from there on give the
    /// same days, byte for byte, as if nothing had happened in between.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(inputs: Inputs, reader: &mut BinaryReader<'_>) -> Result<Self, BinaryError> {
        let join = Join::read(inputs.windows, inputs.limits, reader)?;
        let seen = Sightings::read(reader)?;
        let mut unjoined = Vec::new();
        for _ in 0..reader.count()? {
            let event = reader.event()?;
            let reason = adproof_join::Reason::of_code(reader.u8()?);
            unjoined
                .push(Unjoined { event, reason: reason.ok_or(BinaryError::Invalid("reason"))? });
        }
        Ok(Self { inputs, join, seen, unjoined })
    }

    /// What the run was given.
    #[must_use]
    pub const fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Takes the next event in canonical order. Days that its receipt makes due are decided first
    /// and returned.
    pub fn push(&mut self, event: Event) -> Vec<Day> {
        let mut days = Vec::new();
        while let Some(window) = self.join.close(event.received) {
            days.push(self.decide(window));
        }
        self.seen.add(&event);
        if let Err(unjoined) = self.join.push(event) {
            self.unjoined.push(unjoined);
        }
        days
    }

    /// Decides what is still open, at the end of a log.
    pub fn finish(&mut self) -> Vec<Day> {
        let mut days = Vec::new();
        while let Some(window) = self.join.finish() {
            days.push(self.decide(window));
        }
        days
    }

    /// Runs a whole log, in any order.
    pub fn batch(&mut self, mut events: Vec<Event>) -> Vec<Day> {
        events.sort_unstable_by(canonical_order);
        let mut days = Vec::new();
        for event in events {
            days.append(&mut self.push(event));
        }
        days.append(&mut self.finish());
        days
    }

    /// Impressions that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.join.open()
    }

    /// Events in no dossier that no day has given out yet.
    pub fn take_unjoined(&mut self) -> Vec<Unjoined> {
        std::mem::take(&mut self.unjoined)
    }

    /// The feeds and everything that was pushed: the same bytes as any other way to tally them.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = self.inputs.feeds.clone();
        tally.expose_sightings(&self.seen);
        tally.seal();
        tally
    }

    fn decide(&mut self, window: Window) -> Day {
        let tally = self.tally();
        let scoring = score(&tally, &self.inputs.params);
        let model = Digest::new(Sha256::digest(tally.to_bytes()).into());
        let mut hit = BTreeMap::<Block, Collateral>::new();
        let mut decided = Vec::with_capacity(window.dossiers.len());
        for dossier in window.dossiers {
            decided.push(self.decide_one(dossier, window.day, &scoring, &tally, &mut hit));
        }
        let mut unjoined = self.take_unjoined();
        unjoined.extend(window.unjoined);
        unjoined.sort_unstable();
        Day { day: window.day, decided, unjoined, refused: window.refused, model, scoring }
    }

    fn decide_one(
        &self,
        dossier: Dossier,
        day: i64,
        scoring: &Scoring,
        tally: &Tally,
        hit: &mut BTreeMap<Block, Collateral>,
    ) -> Decided {
        let Inputs { policy, params, tags, windows, .. } = &self.inputs;
        let signals = match dossier.address() {
            Some(IpAddr::V6(address)) => scoring.signals_for(address.to_bits()),
            _ => Vec::new(),
        };
        let mut weighed = Vec::new();
        for signal in &signals {
            let figure = hit
                .entry(signal.block.clone())
                .or_insert_with(|| collateral(tally, &signal.block, params));
            if !weighed.contains(figure) {
                weighed.push(figure.clone());
            }
        }
        let tag = served_tag(&dossier)
            .and_then(|name| tags.get(name).map(|verdict| (name.into(), verdict.clone())));
        let case = Case {
            dossier: &dossier,
            signals: &signals,
            collateral: &weighed,
            tag: tag.as_ref().map(|(_, verdict)| verdict),
            backtest_precision_ppm: None,
            now: windows.decided(day),
        };
        let decision = decide(policy, &case);
        let wrong_tag = case.tag.is_some_and(|tag| !tag.playable() || tag.risks > 0);
        let recorded = policy.record() == Record::All
            || decision.action > Rung::None
            || wrong_tag
            || !dossier.disagreements.is_empty();
        Decided { dossier, signals, collateral: weighed, tag, decision, recorded }
    }
}

/// The name of the tag that was served: the first in canonical order, where observers disagree.
fn served_tag(dossier: &Dossier) -> Option<&str> {
    let leg = dossier.leg(Leg::Vast);
    (leg.state == LegState::Present).then_some(())?;
    leg.events.iter().find_map(|event| match &event.detail {
        LegDetail::Vast { tag } => Some(&**tag),
        _ => None,
    })
}
