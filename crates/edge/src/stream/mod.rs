//! Events that arrive: from standard input, a file that grows, HTTP, or a JetStream stream.
//!
//! A source runs on a thread of its own and hands whole lines over. A [`Gate`] counts what is on
//! its way: above its high mark the source waits, so a pipe blocks its writer, a file waits, HTTP
//! answers 503 and a broker keeps its messages. Memory does not grow. SIGINT and SIGTERM end the
//! stream between two batches.
//!
//! What arrives carries its [`Place`], so that a source can go on behind it after a stop, and a
//! [`Receipt`], which tells its sender that it is durable. [`Keep`] is what a stream keeps on its
//! disk.

mod dead;
mod file;
mod gate;
mod http;
mod keep;
mod lines;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod place;
mod wal;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

pub use dead::{DeadLetter, DeadLetters, NewLetter};
pub use gate::Gate;
pub use keep::{Keep, KeepError, Kept, Taker};
pub use metrics::{Metrics, Standing};
pub use place::{Place, Places};
pub use wal::{Batch, Wal, WalError, WalLimits};

/// Bounds of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that are read at once.
    pub chunk_bytes: usize,
    /// Bytes that may be on their way between the source and whoever works on them.
    pub held_bytes: usize,
    /// The source waits above so many hundredths of that …
    pub high_percent: u8,
    /// … and goes on below so many.
    pub low_percent: u8,
    /// The longest line; of a longer one so many bytes and one more are handed over.
    pub line_bytes: usize,
    /// The longest body of one HTTP request.
    pub body_bytes: usize,
    /// The most bytes that are worked on together.
    pub batch_bytes: usize,
    /// Messages that a broker may have handed over without hearing back.
    pub messages: usize,
    /// How often a file is asked whether it has grown.
    pub poll: Duration,
    /// How long a stream may stay silent before it ends; none waits for ever.
    pub idle: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            chunk_bytes: 64 << 10,
            held_bytes: 16 << 20,
            high_percent: 80,
            low_percent: 30,
            line_bytes: 64 << 10,
            body_bytes: 8 << 20,
            batch_bytes: 1 << 20,
            messages: 4_096,
            poll: Duration::from_millis(20),
            idle: None,
        }
    }
}

/// Where events come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// Standard input, to its end.
    Stdin,
    /// A file, to its end.
    File(PathBuf),
    /// A file that grows; the stream goes on until it is stopped or idle.
    Follow(PathBuf),
    /// Requests `POST /v1/events` to this address.
    Http(SocketAddr),
    /// Messages of a JetStream stream.
    Nats(Nats),
}

/// A durable pull consumer of a JetStream stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nats {
    /// The server: `nats://host:port`.
    pub server: String,
    /// The stream.
    pub stream: String,
    /// The durable consumer; it is made where there is none.
    pub consumer: String,
    /// How long the broker waits for an acknowledgement before it delivers again; each time longer.
    pub wait: Duration,
    /// The subject that poison messages are published to, with the reason in a header; none leaves
    /// them in the state folder alone. A process that is killed in between may leave a letter in
    /// the state folder only: that is the whole list.
    pub dead_subject: Option<String>,
}

/// What arrived.
#[derive(Debug)]
pub enum Arrival {
    /// Whole lines, in the order of their arrival. Never empty.
    Lines(Vec<Taken>),
    /// The followed file was replaced; what follows is of the new one.
    Rotated,
    /// The followed file was cut; it is read from its start again.
    Truncated,
    /// The broker went away; it is asked again until it is back.
    Away(String),
    /// Nothing more comes.
    End(End),
}

/// Lines that came together.
#[derive(Debug)]
pub struct Taken {
    /// Where they stood.
    pub place: Place,
    /// The lines; the last may lack its newline.
    pub lines: Vec<u8>,
    /// Tells their sender what became of them.
    pub receipt: Receipt,
}

/// Tells a sender what became of what it sent. Dropped without a word, a broker delivers it again
/// and an HTTP client gets 503.
#[derive(Debug, Default)]
pub struct Receipt(Option<Answer>);

#[derive(Debug)]
enum Answer {
    Http(tokio::sync::oneshot::Sender<u64>),
    #[cfg(feature = "nats")]
    Nats(nats::Ticket),
}

impl Receipt {
    /// What was sent is durable, and so is everything that was decided by it. `refused` lines of
    /// it are no events; they are kept as dead letters.
    pub fn acknowledge(self, refused: u64) {
        match self.0 {
            // Who asked may be gone; what it sent is durable all the same.
            Some(Answer::Http(sender)) => drop(sender.send(refused)),
            #[cfg(feature = "nats")]
            Some(Answer::Nats(ticket)) => ticket.acknowledge(),
            None => {}
        }
    }

    /// Why a broker's message is poison: its bytes go to the dead-letter subject as well.
    pub fn poison(&self, reason: &str, bytes: &[u8]) {
        match &self.0 {
            #[cfg(feature = "nats")]
            Some(Answer::Nats(ticket)) => ticket.poison(reason, bytes),
            _ => {
                let _ = (reason, bytes);
            }
        }
    }
}

/// Why nothing more comes.
#[derive(Debug)]
pub enum End {
    /// The input came to its end.
    Eof,
    /// Nothing arrived for as long as the limits allow.
    Idle,
    /// The process was asked to stop.
    Stopped,
    /// The input could not be read.
    Failed(io::Error),
}

/// Set by SIGINT or SIGTERM, or by whoever holds it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A stop that SIGINT and SIGTERM set. A second signal ends the process at once, as if nobody
    /// had listened.
    pub fn on_signals() -> io::Result<Self> {
        let stop = Self::default();
        let set = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                first_signal().await;
                set.set();
                first_signal().await;
                std::process::exit(130);
            });
        })?;
        Ok(stop)
    }

    /// Asks to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
async fn first_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => if result.is_err() {
            std::future::pending::<()>().await;
        },
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn first_signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Stream {
    arrivals: Receiver<Arrival>,
    /// What was received and does not go with what was handed over.
    next: Option<Arrival>,
    gate: Gate,
    stop: Stop,
    limits: Limits,
    heard: Instant,
    address: Option<SocketAddr>,
}

/// What a source's thread works with.
struct Sink {
    arrivals: Sender<Arrival>,
    gate: Gate,
    stop: Stop,
    limits: Limits,
}

impl Sink {
    /// Hands lines over when there is room; false when nobody listens any more.
    fn lines(&self, place: Place, lines: Vec<u8>) -> bool {
        self.gate.wait() && self.hand(Taken { place, lines, receipt: Receipt::default() })
    }

    /// Hands lines over at once.
    fn hand(&self, taken: Taken) -> bool {
        self.gate.enter(taken.lines.len());
        self.tell(Arrival::Lines(vec![taken]))
    }

    fn tell(&self, arrival: Arrival) -> bool {
        self.arrivals.send(arrival).is_ok()
    }
}

impl Stream {
    /// Starts to read behind what was taken before. A file is opened and an address bound at once,
    /// so that a wrong one is an error here.
    ///
    /// # Errors
    /// The source cannot be opened.
    pub fn open(origin: &Origin, places: &Places, stop: Stop, limits: Limits) -> io::Result<Self> {
        let (send, arrivals) = channel();
        let gate = Gate::new(limits.held_bytes, limits.high_percent, limits.low_percent);
        let sink = Sink { arrivals: send, gate: gate.clone(), stop: stop.clone(), limits };
        let mut address = None;
        match origin {
            Origin::Stdin => file::stdin(sink)?,
            Origin::File(path) => file::whole(path, places, sink)?,
            Origin::Follow(path) => file::follow(path, places, sink)?,
            Origin::Http(at) => address = Some(http::serve(*at, sink)?),
            #[cfg(feature = "nats")]
            Origin::Nats(nats) => nats::consume(nats.clone(), places.clone(), sink)?,
            #[cfg(not(feature = "nats"))]
            Origin::Nats(_) => {
                return Err(io::Error::other("this build cannot speak to NATS (feature `nats`)"));
            }
        }
        Ok(Self { arrivals, next: None, gate, stop, limits, heard: Instant::now(), address })
    }

    /// The address that an HTTP source listens on.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// How much is on its way.
    #[must_use]
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Waits for what comes next, at most `most`; none when that has passed. Lines that have
    /// arrived are handed over together, up to the bound of a batch. After [`Arrival::End`] nothing
    /// comes. Whoever is done with lines says so with [`Stream::done`].
    pub fn wait(&mut self, most: Duration) -> Option<Arrival> {
        let first = match self.next.take() {
            Some(next) => next,
            None => self.receive(most)?,
        };
        let Arrival::Lines(mut lines) = first else { return Some(first) };
        let mut bytes: usize = lines.iter().map(|taken| taken.lines.len()).sum();
        while bytes < self.limits.batch_bytes {
            match self.arrivals.try_recv() {
                Ok(Arrival::Lines(more)) => {
                    bytes += more.iter().map(|taken| taken.lines.len()).sum::<usize>();
                    lines.extend(more);
                }
                Ok(other) => {
                    self.next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        Some(Arrival::Lines(lines))
    }

    fn receive(&mut self, most: Duration) -> Option<Arrival> {
        // A signal is answered within this time also while nothing arrives.
        const LOOK_UP: Duration = Duration::from_millis(50);
        let until = Instant::now().checked_add(most);
        loop {
            if self.stop.is_set() {
                return Some(Arrival::End(End::Stopped));
            }
            match self.arrivals.recv_timeout(LOOK_UP.min(most)) {
                Ok(arrival) => {
                    self.heard = Instant::now();
                    return Some(arrival);
                }
                // A thread that was told to stop may have ended before we look up. Any other says why
                // it ends before it does.
                Err(RecvTimeoutError::Disconnected) if self.stop.is_set() => {
                    return Some(Arrival::End(End::Stopped));
                }
                Err(RecvTimeoutError::Disconnected) => return Some(Arrival::End(End::Eof)),
                Err(RecvTimeoutError::Timeout) => {
                    if self.limits.idle.is_some_and(|idle| self.heard.elapsed() >= idle) {
                        return Some(Arrival::End(End::Idle));
                    }
                    if until.is_some_and(|until| Instant::now() >= until) {
                        return None;
                    }
                }
            }
        }
    }

    /// So many bytes of lines are worked on: the source may hand over as many more.
    pub fn done(&self, bytes: usize) {
        self.gate.leave(bytes);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.gate.abandon();
    }
}

#[cfg(test)]
mod tests;
