//! Works on what was taken: decides what is due, makes it durable, tells of it, acknowledges.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use adproof_edge::stream::{
    Arrival, End, Gate, Keep, KeepError, Kept, Metrics, NewLetter, Standing, Stream, Taker,
};
use adproof_feeds::Limits;
use adproof_model::Event;
use adproof_pipeline::Part as Share;
use adproof_wire::decide::LedgerV1;

use super::intake::{self, Given as Handed, Part, Read};
use super::status::Status;
use super::work::Work;
use crate::out::{Failure, Out};

/// Rejected lines that are told when the stream ends.
const FIRST_REJECTS: usize = 3;
/// Batches behind the state file after which it is written whatever the time.
const MOST_BEHIND: u64 = 4_096;

/// How a stream is bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
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
    /// Impressions that are open, and events that wait for their place.
    pub(super) open: Option<(usize, usize)>,
}

/// A running stream.
pub(super) struct Live {
    work: Work,
    keep: Option<Keep>,
    bounds: Bounds,
    told: Told,
    events: u64,
    lines: u64,
    written: Written,
    metrics: Arc<Metrics>,
    status: Status,
}

/// The state file, as it was last written.
struct Written {
    at: Instant,
    /// Its size, and what was taken since.
    state_bytes: usize,
    since_bytes: usize,
}

impl Live {
    pub(super) fn new(
        work: Work,
        keep: Option<Keep>,
        bounds: Bounds,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            work,
            keep,
            bounds,
            told: Told::default(),
            events: 0,
            lines: 0,
            written: Written { at: Instant::now(), state_bytes: 0, since_bytes: 0 },
            metrics,
            status: Status::hidden(),
        }
    }

    /// Goes on from what a state folder holds.
    pub(super) fn resume(
        &mut self,
        kept: &Kept,
        taker: &Taker,
        folder: &Path,
        out: &mut Out,
    ) -> anyhow::Result<()> {
        if let Some(state) = &kept.state {
            self.work.resume(state).map_err(|error| {
                Failure::new(format!("the stream's state cannot be read: {error}"))
                    .at(folder.display())
                    .todo("run the version that wrote it, or move the folder aside and run over the whole log")
            })?;
            self.written.state_bytes = state.len();
            out.note(format_args!(
                "going on: {}, {} batches to work on again",
                self.work.before(),
                kept.behind
            ));
        }
        let limits = Limits::default();
        taker.behind(|batch| self.work(Read::again(batch, &limits), out))
    }

    /// Takes what arrives until nothing more does.
    pub(super) fn run(
        &mut self,
        stream: Stream,
        taker: Option<Taker>,
        part: Share,
        out: &mut Out,
    ) -> anyhow::Result<End> {
        let gate = stream.gate().clone();
        self.status = Status::new(out);
        let given = intake::start(stream, taker, part)?;
        let end = self.take(&given, &gate, out);
        self.status.clear();
        let end = end?;
        if matches!(end, End::Eof | End::Idle) {
            self.work.finish(out)?;
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
                    let (bytes, arrived_us) = (read.held(), read.arrived_us);
                    self.work(read, out)?;
                    gate.leave(bytes);
                    self.metrics.durable(since(arrived_us));
                }
                Some(Handed::Failed(error)) => return Err(error.into()),
                Some(Handed::Other(Arrival::End(End::Failed(error)))) => return Err(error.into()),
                Some(Handed::Other(Arrival::End(end))) => return Ok(end),
                Some(Handed::Other(arrival)) => notice(&arrival, out),
            }
            if self.is_due() {
                self.checkpoint()?;
            }
            let standing = self.standing();
            self.status.tell(&standing, gate, self.work.block());
            self.metrics.stands(standing);
        }
    }

    /// Whether the state is to be written down. It is written whole, so a large one waits until as
    /// much was taken since: then writing it costs no more than taking did.
    fn is_due(&self) -> bool {
        let Some(keep) = &self.keep else { return false };
        let worth = self.written.since_bytes >= self.written.state_bytes;
        let time = self.written.at.elapsed() >= self.bounds.checkpoint;
        let always = self.bounds.checkpoint.is_zero();
        keep.behind() > 0 && (always || worth && (time || keep.behind() >= MOST_BEHIND))
    }

    fn standing(&self) -> Standing {
        Standing {
            events: self.events,
            refused: self.told.rejected,
            misplaced: self.told.misplaced,
            behind: self.keep.as_ref().map_or(0, Keep::behind),
            ..self.work.standing()
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
            let Part { place, bytes, lines, receipt, .. } = part;
            let start = self.lines;
            self.written.since_bytes = self.written.since_bytes.saturating_add(bytes.len());
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
        event: Event,
        arrived_us: i64,
        out: &mut Out,
    ) -> anyhow::Result<Option<(String, String)>> {
        let ahead = event.received.micros().saturating_sub(arrived_us);
        if ahead > self.bounds.ahead_us {
            let reason =
                format!("received {} s ahead of the clock, see --ahead", ahead / 1_000_000);
            return Ok(self.refuse("received".to_owned(), reason));
        }
        self.events += 1;
        if !self.work.push(event, out)? {
            self.told.misplaced += 1;
            let reason = "it came after its place in the order had passed; see --horizon";
            return Ok(Some(("received".to_owned(), reason.to_owned())));
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

    fn checkpoint(&mut self) -> Result<(), KeepError> {
        if let Some(keep) = &mut self.keep {
            let state = self.work.to_bytes();
            keep.checkpoint(&state)?;
            self.metrics.checkpointed();
            (self.written.state_bytes, self.written.since_bytes) = (state.len(), 0);
        }
        self.written.at = Instant::now();
        Ok(())
    }

    pub(super) fn told(&self) -> Told {
        Told { unjoined: self.work.unjoined(), open: self.work.open(), ..self.told.clone() }
    }

    /// Events that were taken, and what has become of them.
    pub(super) fn stands(&self) -> (u64, &Work) {
        (self.events, &self.work)
    }

    pub(super) fn head(&self) -> Option<LedgerV1> {
        self.work.head()
    }

    pub(super) fn close(self) -> anyhow::Result<()> {
        self.work.close()
    }
}

/// How long ago an instant was by the wall clock; nothing where that was set back.
fn since(arrived_us: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let arrived = Duration::from_micros(u64::try_from(arrived_us).unwrap_or(0));
    now.saturating_sub(arrived)
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
