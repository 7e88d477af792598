//! What a stream does with its events: decides, or only counts.

use std::collections::BTreeMap;
use std::io::Write as _;

use adproof_edge::stream::Standing;
use adproof_model::{BinaryError, Block, Event, Level};
use adproof_pipeline::{Day, Disorder, Inputs, Live, Tallied};
use adproof_wire::decide::{DecideV1, DecisionV1, Door, LedgerV1};

use crate::out::{Format, Out};
use crate::verb::decide::{Given, Journal};

/// What is done with events.
pub(super) enum Work {
    /// Impressions are decided and recorded.
    Deciding(Box<Deciding>),
    /// A part of the stream is tallied, and nothing is decided.
    Tallying(Box<Tallied>),
}

impl Work {
    /// Takes an event, and makes durable what it made due. False where its place has passed.
    pub(super) fn push(&mut self, event: Event, out: &mut Out) -> anyhow::Result<bool> {
        match self {
            Self::Deciding(work) => work.push(event, out),
            Self::Tallying(tallied) => {
                tallied.push(&event);
                Ok(true)
            }
        }
    }

    /// Nothing more comes: decides what is open.
    pub(super) fn finish(&mut self, out: &mut Out) -> anyhow::Result<()> {
        match self {
            Self::Deciding(work) => work.finish(out),
            Self::Tallying(_) => Ok(()),
        }
    }

    /// The state, as it is kept.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Deciding(work) => work.machine.to_bytes(),
            Self::Tallying(tallied) => tallied.to_bytes(),
        }
    }

    /// Goes on from a state that was kept.
    pub(super) fn resume(&mut self, state: &[u8]) -> Result<(), BinaryError> {
        match self {
            Self::Deciding(work) => {
                work.machine = Live::from_bytes(work.inputs.clone(), work.disorder, state)?;
            }
            Self::Tallying(tallied) => **tallied = Tallied::from_bytes(state)?,
        }
        Ok(())
    }

    /// What was taken before, for people.
    pub(super) fn before(&self) -> String {
        match self {
            Self::Deciding(work) => {
                let open = work.machine.pipeline().open();
                format!("{} events before, {open} impressions open", work.machine.accepted())
            }
            Self::Tallying(tallied) => {
                let (seen, events) = tallied.counts();
                format!("{events} events before, {seen} impressions seen")
            }
        }
    }

    /// How it stands; what was refused is counted by others.
    pub(super) fn standing(&self) -> Standing {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match self {
            Self::Deciding(work) => Standing {
                impressions: number(work.machine.pipeline().open()),
                waiting: number(work.machine.waiting()),
                days: number(work.document.days.len()),
                decisions: work.decisions,
                newest_us: work.machine.newest().map(adproof_model::Timestamp::micros),
                records: work.journal.as_ref().map(Journal::size),
                ..Standing::default()
            },
            Self::Tallying(tallied) => Standing {
                impressions: number(tallied.counts().0),
                newest_us: tallied.newest().map(adproof_model::Timestamp::micros),
                ..Standing::default()
            },
        }
    }

    /// The block of the last decided day with the most listed impressions, for people.
    pub(super) fn block(&self) -> &str {
        match self {
            Self::Deciding(work) => &work.block,
            Self::Tallying(_) => "",
        }
    }

    /// Impressions that are open and events that wait, where impressions are decided.
    pub(super) fn open(&self) -> Option<(usize, usize)> {
        match self {
            Self::Deciding(work) => Some((work.machine.pipeline().open(), work.machine.waiting())),
            Self::Tallying(_) => None,
        }
    }

    /// Events in no dossier, by reason.
    pub(super) fn unjoined(&self) -> BTreeMap<String, u64> {
        match self {
            Self::Deciding(work) => {
                let unjoined = work.document.unjoined.iter();
                unjoined.map(|(reason, count)| ((*reason).to_owned(), *count)).collect()
            }
            Self::Tallying(_) => BTreeMap::new(),
        }
    }

    /// Where the ledger stands.
    pub(super) fn head(&self) -> Option<LedgerV1> {
        match self {
            Self::Deciding(work) => work.journal.as_ref().map(Journal::head),
            Self::Tallying(_) => None,
        }
    }

    /// Leaves the ledger in order.
    pub(super) fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Deciding(work) => work.journal.map_or(Ok(()), Journal::close),
            Self::Tallying(_) => Ok(()),
        }
    }
}

/// The pipeline with its ledger.
pub(super) struct Deciding {
    document: DecideV1,
    machine: Live,
    inputs: Inputs,
    disorder: Disorder,
    journal: Option<Journal>,
    decisions: u64,
    block: String,
    format: Format,
    plain: bool,
}

impl Deciding {
    pub(super) fn new(
        given: Given,
        journal: Option<Journal>,
        disorder: Disorder,
        (format, plain): (Format, bool),
    ) -> Self {
        Self {
            document: DecideV1::new(&given.inputs.policy, &given.pinned),
            machine: Live::new(given.inputs.clone(), disorder),
            inputs: given.inputs,
            disorder,
            journal,
            decisions: 0,
            block: String::new(),
            format,
            plain,
        }
    }

    fn push(&mut self, event: Event, out: &mut Out) -> anyhow::Result<bool> {
        self.document.events += 1;
        let Ok(days) = self.machine.push(event) else { return Ok(false) };
        for day in &days {
            self.tell(day, out)?;
        }
        Ok(true)
    }

    fn finish(&mut self, out: &mut Out) -> anyhow::Result<()> {
        for day in self.machine.finish() {
            self.tell(&day, out)?;
        }
        Ok(())
    }

    /// Makes a day durable, then tells of it.
    fn tell(&mut self, day: &Day, out: &mut Out) -> anyhow::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.write(day)?;
        }
        self.document.add_day(day);
        let decided = u64::try_from(day.decided.len()).unwrap_or(u64::MAX);
        self.decisions = self.decisions.saturating_add(decided);
        self.note_block(day);
        if self.format == Format::Ndjson {
            let door = Door::new(self.journal.as_ref().map(Journal::recorder), self.plain);
            for decided in day.decided.iter().filter(|decided| decided.recorded) {
                out.json_line(&DecisionV1::new(decided, door))?;
            }
        } else if let Some(told) = self.document.days.last() {
            writeln!(
                out,
                "{}  {} impressions, {} recorded",
                told.day, told.impressions, told.recorded
            )?;
        }
        out.flush()?;
        Ok(())
    }

    fn note_block(&mut self, day: &Day) {
        let mut blocks = BTreeMap::<&Block, u64>::new();
        for decided in &day.decided {
            for signal in &decided.signals {
                if signal.level() == Some(Level::P64) {
                    *blocks.entry(&signal.block).or_default() += 1;
                }
            }
        }
        if let Some((block, hits)) = blocks.into_iter().max_by_key(|(_, hits)| *hits) {
            self.block = format!("top {block} {hits}");
        }
    }
}
