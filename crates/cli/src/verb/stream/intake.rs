//! The thread that takes what arrives: makes it durable, then reads it as events.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use adproof_edge::clock::{Clock as _, SystemClock};
use adproof_edge::stream::{Arrival, Batch, KeepError, Place, Receipt, Stream, Taken, Taker};
use adproof_feeds::{Limits, read_event_line};
use adproof_model::{Event, Reject};
use adproof_pipeline::Part as Share;

/// Batches that are ready while another is worked on.
const READY: usize = 2;

/// What was taken together, read.
pub(super) struct Read {
    /// Its number in the log of what was taken; 0 where there is no state folder.
    pub(super) number: u64,
    /// When it arrived, in microseconds since 1970.
    pub(super) arrived_us: i64,
    /// What came from one place.
    pub(super) parts: Vec<Part>,
}

/// Lines that came from one place.
pub(super) struct Part {
    pub(super) place: Place,
    pub(super) bytes: Vec<u8>,
    pub(super) lines: Vec<Line>,
    pub(super) receipt: Receipt,
    /// Bytes as they came, those of other parts of the stream included.
    held: usize,
}

/// One line that is not blank.
pub(super) struct Line {
    /// Where it stands in the bytes of its part, without its newline.
    pub(super) at: Range<usize>,
    /// The line of its part, from 1.
    pub(super) number: u64,
    /// What it says.
    pub(super) said: Result<Event, Reject>,
}

impl Part {
    fn read(place: Place, bytes: Vec<u8>, receipt: Receipt, limits: &Limits) -> Self {
        let (mut lines, mut start, mut number) = (Vec::new(), 0, 0_u64);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            number += 1;
            let length = line.strip_suffix(b"\n").unwrap_or(line).len();
            if let Some(said) = read_event_line(line, number, limits) {
                lines.push(Line { at: start..start + length, number, said });
            }
            start += line.len();
        }
        let held = bytes.len();
        Self { place, bytes, lines, receipt, held }
    }

    /// Leaves out the lines that another process works on.
    fn share(mut self, share: Share) -> Self {
        if share == Share::WHOLE {
            return self;
        }
        let all = std::mem::take(&mut self.bytes);
        let (mut own, mut lines) = (Vec::new(), Vec::new());
        for line in self.lines {
            let holds = match &line.said {
                Ok(event) => share.holds(event),
                Err(_) => share.is_first(),
            };
            let text = all.get(line.at).filter(|_| holds);
            if let Some(text) = text {
                let start = own.len();
                own.extend_from_slice(text);
                own.push(b'\n');
                let number = u64::try_from(lines.len()).unwrap_or(u64::MAX).saturating_add(1);
                lines.push(Line { at: start..start + text.len(), number, said: line.said });
            }
        }
        Self { bytes: own, lines, ..self }
    }
}

impl Read {
    /// Bytes that the gate counts for it.
    pub(super) fn held(&self) -> usize {
        self.parts.iter().map(|part| part.held).sum()
    }

    /// A batch that was taken before a stop.
    pub(super) fn again(batch: Batch, limits: &Limits) -> Self {
        let parts = batch.items.into_iter().map(|(label, bytes)| {
            let place = Place::parse(&label).unwrap_or(Place::Passing);
            Part::read(place, bytes, Receipt::default(), limits)
        });
        Self { number: batch.number, arrived_us: batch.arrived_us, parts: parts.collect() }
    }
}

/// What the thread hands over.
pub(super) enum Given {
    /// Lines, durable where there is a state folder.
    Read(Read),
    /// Anything else that arrived.
    Other(Arrival),
    /// What arrived could not be made durable.
    Failed(KeepError),
}

/// Starts the thread. It ends after it has handed over the end, or when nobody listens any more.
pub(super) fn start(
    mut stream: Stream,
    mut taker: Option<Taker>,
    share: Share,
) -> std::io::Result<Receiver<Given>> {
    let (send, given) = sync_channel(READY);
    thread::Builder::new().name("intake".to_owned()).spawn(move || {
        let clock = SystemClock::default();
        let limits = Limits::default();
        while step(&mut stream, taker.as_mut(), &clock, (&limits, share), &send) {}
    })?;
    Ok(given)
}

fn step(
    stream: &mut Stream,
    taker: Option<&mut Taker>,
    clock: &SystemClock,
    (limits, share): (&Limits, Share),
    send: &SyncSender<Given>,
) -> bool {
    let lines = match stream.wait(Duration::from_secs(1)) {
        None => return true,
        Some(Arrival::Lines(lines)) => lines,
        Some(other) => {
            let last = matches!(other, Arrival::End(_));
            return send.send(Given::Other(other)).is_ok() && !last;
        }
    };
    let arrived_us = clock.now().wall_us;
    let read = |one: Taken| Part::read(one.place, one.lines, one.receipt, limits).share(share);
    let mut number = 0;
    let parts: Vec<Part> = if let Some(taker) = taker {
        // Whose a line is must be known before it is kept, and only then.
        let (lines, parts) = if share == Share::WHOLE {
            (lines, Vec::new())
        } else {
            (Vec::new(), lines.into_iter().map(read).collect::<Vec<_>>())
        };
        let whole = lines.iter().map(|one| (one.place, &*one.lines));
        let shared = parts.iter().map(|part| (part.place, &*part.bytes));
        let items: Vec<_> = whole.chain(shared).collect();
        match taker.take(arrived_us, &items) {
            Ok(given) => number = given,
            Err(error) => {
                let _ = send.send(Given::Failed(error));
                return false;
            }
        }
        drop(items);
        parts.into_iter().chain(lines.into_iter().map(read)).collect()
    } else {
        lines.into_iter().map(read).collect()
    };
    let read = Read { number, arrived_us, parts };
    send.send(Given::Read(read)).is_ok()
}
