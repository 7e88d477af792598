//! Works on what was taken: decides what is due, makes it durable, tells of it, acknowledges.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use adproof_edge::stream::{Arrival, End, Gate, Keep, KeepError, Kept, NewLetter, Stream, Taker};
use adproof_feeds::Limits;
use adproof_pipeline::{Day, Disorder, Inputs};
use adproof_wire::decide::{DecideV1, DecisionV1, Door, LedgerV1};

use super::intake::{self, Given as Handed, Part, Read};
use super::status::Status;
use crate::out::{Failure, Format, Out};
use crate::verb::decide::{Given, Journal};

/// Rejected lines that are told when the stream ends.
const FIRST_REJECTS: usize = 3;
/// Batches behind the state file after which it is written whatever the time.
const MOST_BEHIND: u64 = 4_096;

/// How a stream is bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How far events may be out of order.
    pub(super) disorder: Disorder,
    /// How far ahead of its arrival an event may say that it was received, in microseconds.
    pub(super) ahead_us: i64,
    /// How often the state is written down.
    pub(super) checkpoint: Duration,
}

/// What is told when the stream ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Lines that are no events.
    pub(super) rejected: u64,
    /// The first of them, with the line and the reason.
    pub(super) first_rejects: Vec<(u64, String)>,
    /// Events whose place in the order had passed.
    pub(super) misplaced: u64,
    /// Events in no dossier, by reason.
    pub(super) unjoined: BTreeMap<String, u64>,
    /// Impressions that are open.
    pub(super) open: usize,
    /// Events that wait for their place.
    pub(super) waiting: usize,
}

/// A running stream.
pub(super) struct Live {
    document: DecideV1,
    machine: adproof_pipeline::Live,
    inputs: Inputs,
    journal: Option<Journal>,
    keep: Option<Keep>,
    bounds: Bounds,
    told: Told,
    lines: u64,
    written: Instant,
    format: Format,
    plain: bool,
    status: Status,
}

impl Live {
    pub(super) fn new(
        given: Given,
        journal: Option<Journal>,
        keep: Option<Keep>,
        bounds: Bounds,
        (format, plain): (Format, bool),
    ) -> Self {
        Self {
            document: DecideV1::new(&given.inputs.policy, &given.pinned),
            machine: adproof_pipeline::Live::new(given.inputs.clone(), bounds.disorder),
            inputs: given.inputs,
            journal,
            keep,
            bounds,
            told: Told::default(),
            lines: 0,
            written: Instant::now(),
            format,
            plain,
            status: Status::hidden(),
        }
    }

    /// Goes on from what a state folder holds.
    pub(super) fn resume(
        &mut self,
        kept: Kept,
        folder: &Path,
        out: &mut Out,
    ) -> anyhow::Result<()> {
        if let Some(state) = &kept.state {
            let inputs = self.inputs.clone();
            let disorder = self.bounds.disorder;
            self.machine = adproof_pipeline::Live::from_bytes(inputs, disorder, state)
                .map_err(|error| {
                    Failure::new(format!("the stream's state cannot be read: {error}"))
                        .at(folder.display())
                        .todo("run the version that wrote it, or move the folder aside and run over the whole log")
                })?;
            out.note(format_args!(
                "going on: {} events before, {} impressions open, {} batches to work on again",
                self.machine.accepted(),
                self.machine.pipeline().open(),
                kept.behind.len()
            ));
        }
        let limits = Limits::default();
        for batch in kept.behind {
            self.work(Read::again(batch, &limits), out)?;
        }
        Ok(())
    }

    /// Takes what arrives until nothing more does.
    pub(super) fn run(
        &mut self,
        stream: Stream,
        taker: Option<Taker>,
        out: &mut Out,
    ) -> anyhow::Result<End> {
        let gate = stream.gate().clone();
        self.status = Status::new(out);
        let given = intake::start(stream, taker)?;
        let end = self.take(&given, &gate, out);
        self.status.clear();
        let end = end?;
        if matches!(end, End::Eof | End::Idle) {
            for day in self.machine.finish() {
                self.tell(&day, out)?;
            }
        }
        self.checkpoint()?;
        Ok(end)
    }

    fn take(
        &mut self,
        given: &std::sync::mpsc::Receiver<Handed>,
        gate: &Gate,
        out: &mut Out,
    ) -> anyhow::Result<End> {
        loop {
            let handed = match given.recv_timeout(Status::EVERY) {
                Ok(handed) => Some(handed),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return Ok(End::Stopped),
            };
            match handed {
                None => {}
                Some(Handed::Read(read)) => {
                    let bytes = read.parts.iter().map(|part| part.bytes.len()).sum();
                    self.work(read, out)?;
                    gate.leave(bytes);
                }
                Some(Handed::Failed(error)) => return Err(error.into()),
                Some(Handed::Other(Arrival::End(End::Failed(error)))) => return Err(error.into()),
                Some(Handed::Other(Arrival::End(end))) => return Ok(end),
                Some(Handed::Other(arrival)) => notice(&arrival, out),
            }
            if self.keep.as_ref().is_some_and(|keep| {
                keep.behind() > 0 && self.written.elapsed() >= self.bounds.checkpoint
                    || keep.behind() >= MOST_BEHIND
            }) {
                self.checkpoint()?;
            }
            self.status.tell(&self.machine, gate, &self.told, &self.document);
        }
    }

    /// Works on a batch. When this returns, everything that it decided is durable, and whoever
    /// sent it has heard.
    fn work(&mut self, read: Read, out: &mut Out) -> anyhow::Result<()> {
        let mut letters = Vec::new();
        let mut answers = Vec::with_capacity(read.parts.len());
        let mut places = Vec::with_capacity(read.parts.len());
        let before = self.lines;
        for part in read.parts {
            let refused = letters.len();
            let Part { place, bytes, lines, receipt } = part;
            let start = self.lines;
            for line in lines {
                self.lines = start.saturating_add(line.number);
                let text = bytes.get(line.at).unwrap_or_default();
                let number = self.lines - before;
                let refused = match line.said {
                    Err(reject) => {
                        self.refuse(reject.column.to_string(), reject.reason.to_string())
                    }
                    Ok(event) => self.push(event, read.arrived_us, out)?,
                };
                if let Some((column, reason)) = refused {
                    receipt.poison(&reason, text);
                    letters.push(NewLetter { line: number, column, reason, bytes: text.to_vec() });
                }
            }
            self.lines = start.saturating_add(count(&bytes));
            answers.push((receipt, letters.len() - refused));
            places.push(place);
        }
        if let Some(keep) = &mut self.keep {
            keep.bury(read.number, read.arrived_us, &letters)?;
            keep.worked_on(read.number, places);
        }
        for (receipt, refused) in answers {
            receipt.acknowledge(u64::try_from(refused).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Takes an event, and makes durable what it made due. Gives the field and the reason where it
    /// is refused.
    fn push(
        &mut self,
        event: adproof_model::Event,
        arrived_us: i64,
        out: &mut Out,
    ) -> anyhow::Result<Option<(String, String)>> {
        let ahead = event.received.micros().saturating_sub(arrived_us);
        if ahead > self.bounds.ahead_us {
            let reason =
                format!("received {} s ahead of the clock, see --ahead", ahead / 1_000_000);
            return Ok(self.refuse("received".to_owned(), reason));
        }
        self.document.events += 1;
        let Ok(days) = self.machine.push(event) else {
            self.told.misplaced += 1;
            let reason = "it came after its place in the order had passed; see --horizon";
            return Ok(Some(("received".to_owned(), reason.to_owned())));
        };
        for day in &days {
            self.tell(day, out)?;
        }
        Ok(None)
    }

    #[allow(clippy::unnecessary_wraps, reason = "one of two ways to refuse a line")]
    fn refuse(&mut self, column: String, reason: String) -> Option<(String, String)> {
        self.told.rejected += 1;
        if self.told.first_rejects.len() < FIRST_REJECTS {
            self.told.first_rejects.push((self.lines, reason.clone()));
        }
        Some((column, reason))
    }

    /// Makes a day durable, then tells of it.
    fn tell(&mut self, day: &Day, out: &mut Out) -> anyhow::Result<()> {
        if let Some(journal) = &mut self.journal {
            journal.write(day)?;
        }
        self.document.add_day(day);
        self.status.decided(day);
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

    fn checkpoint(&mut self) -> Result<(), KeepError> {
        if let Some(keep) = &mut self.keep {
            keep.checkpoint(&self.machine.to_bytes())?;
        }
        self.written = Instant::now();
        Ok(())
    }

    pub(super) fn told(&self) -> Told {
        let mut told = self.told.clone();
        let unjoined = self.document.unjoined.iter();
        told.unjoined = unjoined.map(|(reason, count)| (reason.to_string(), *count)).collect();
        told.open = self.machine.pipeline().open();
        told.waiting = self.machine.waiting();
        told
    }

    pub(super) fn head(&self) -> Option<LedgerV1> {
        self.journal.as_ref().map(Journal::head)
    }

    pub(super) fn close(self) -> anyhow::Result<()> {
        self.journal.map_or(Ok(()), Journal::close)
    }
}

/// Lines of a part, blank ones included.
fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.split_inclusive(|byte| *byte == b'\n').count()).unwrap_or(u64::MAX)
}

fn notice(arrival: &Arrival, out: &Out) {
    match arrival {
        Arrival::Rotated => out.note("note: the log was rotated; going on with the new file"),
        Arrival::Truncated => {
            out.note("note: the log was cut; reading it from its start again");
        }
        Arrival::Away(why) => {
            out.note(format_args!("note: the broker cannot be reached, asking again: {why}"));
        }
        Arrival::Lines(_) | Arrival::End(_) => {}
    }
}
