//! Events from a JetStream stream: a durable pull consumer.
//!
//! A message is acknowledged when its lines, and everything that was decided by them, are durable.
//! One that was taken before (its acknowledgement was lost, or the process died in between) is
//! known by its sequence number and acknowledged again, not worked on again. What is not
//! acknowledged in time is delivered again, each time later. When the broker goes away it is asked
//! again, with pauses that grow to a bound.

use std::io;
use std::thread;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::{self, AckKind, Message};
use async_nats::{Client, ConnectOptions, HeaderMap, Subject};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Answer, Arrival, End, Nats, Place, Places, Receipt, Sink, Taken};

/// How many times longer the broker waits at each delivery; the last is repeated.
const BACK_OFF: [u32; 4] = [1, 2, 4, 10];
/// Pauses between two attempts to reach the broker.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);
/// Bytes that one request for messages may ask for at least: no broker takes longer messages, and
/// one that is longer than the request would stop the stream.
const FEWEST_BYTES: usize = 8 << 20;
/// How long one request for messages stays open.
const FETCH: Duration = Duration::from_millis(500);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Tells the broker what became of messages.
#[derive(Debug)]
pub(super) struct Ticket {
    /// Where the broker listens for what became of each.
    replies: Vec<Subject>,
    words: UnboundedSender<Word>,
}

#[derive(Debug)]
enum Word {
    Acknowledge(Vec<Subject>),
    Again(Vec<Subject>),
    Poison { reason: String, bytes: Vec<u8> },
}

impl Ticket {
    pub(super) fn acknowledge(mut self) {
        // Without a listener the source has ended; the broker delivers again.
        let _ = self.words.send(Word::Acknowledge(std::mem::take(&mut self.replies)));
    }

    pub(super) fn poison(&self, reason: &str, bytes: &[u8]) {
        let word = Word::Poison { reason: reason.to_owned(), bytes: bytes.to_vec() };
        let _ = self.words.send(word);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.replies.is_empty() {
            let _ = self.words.send(Word::Again(std::mem::take(&mut self.replies)));
        }
    }
}

/// Messages that follow each other, as one text: what is taken one by one costs more than it is.
#[derive(Default)]
struct Run {
    first: u64,
    last: u64,
    lines: Vec<u8>,
    replies: Vec<Subject>,
}

impl Run {
    fn takes(&self, sequence: u64, payload: &[u8], most: usize) -> bool {
        !self.replies.is_empty()
            && self.last.checked_add(1) == Some(sequence)
            && self.lines.len().saturating_add(payload.len()) < most
            // Only the first bytes of what is taken together may be a byte order mark.
            && !payload.starts_with(b"\xef\xbb\xbf")
    }

    fn add(&mut self, sequence: u64, payload: &[u8], reply: Subject) {
        if self.replies.is_empty() {
            self.first = sequence;
        } else if !self.lines.is_empty() && !self.lines.ends_with(b"\n") {
            self.lines.push(b'\n');
        }
        self.last = sequence;
        self.lines.extend_from_slice(payload);
        self.replies.push(reply);
    }
}

/// Starts to consume. The server is reached before this returns.
pub(super) fn consume(nats: Nats, places: Places, sink: Sink) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let consumer = runtime.block_on(connect(&nats)).map_err(|error| {
        io::Error::other(format!(
            "the JetStream stream {} of {}: {error}",
            nats.stream, nats.server
        ))
    })?;
    thread::Builder::new().name("source".to_owned()).spawn(move || {
        let mut source = Source { nats, places, sink, run: Run::default() };
        if let Err(error) = runtime.block_on(source.run(consumer)) {
            let failed = End::Failed(io::Error::other(error.to_string()));
            source.sink.tell(Arrival::End(failed));
        }
    })?;
    Ok(())
}

/// Whether a request ended because the next message would have gone beyond its bytes. It is asked
/// for again.
fn is_full(error: &Error) -> bool {
    error.to_string().contains("Message Size Exceeds MaxBytes")
}

struct Connected {
    client: Client,
    jetstream: jetstream::Context,
    consumer: PullConsumer,
}

async fn connect(nats: &Nats) -> Result<Connected, Error> {
    let options = ConnectOptions::new()
        .name("adproof stream")
        .connection_timeout(Duration::from_secs(3))
        .max_reconnects(None);
    let client = options.connect(&nats.server).await?;
    let jetstream = jetstream::new(client.clone());
    let stream = jetstream.get_stream(&nats.stream).await?;
    let config = pull::Config {
        durable_name: Some(nats.consumer.clone()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: nats.wait,
        backoff: BACK_OFF.map(|times| nats.wait.saturating_mul(times)).to_vec(),
        // Without end; older servers want a number beside a back-off.
        max_deliver: 1_000_000_000,
        max_ack_pending: 65_536,
        ..pull::Config::default()
    };
    let consumer = stream.get_or_create_consumer(&nats.consumer, config).await?;
    Ok(Connected { client, jetstream, consumer })
}

impl Connected {
    async fn tell(&self, replies: Vec<Subject>, kind: AckKind) -> Result<(), Error> {
        for reply in replies {
            self.client.publish(reply, kind.into()).await?;
        }
        Ok(())
    }
}

struct Source {
    nats: Nats,
    places: Places,
    sink: Sink,
    /// What is about to be handed over.
    run: Run,
}

impl Source {
    async fn run(&mut self, first: Connected) -> Result<(), Error> {
        let (words, mut heard) = unbounded_channel();
        let mut connected = Some(first);
        let mut pause = FIRST_PAUSE;
        loop {
            if self.sink.stop.is_set() || self.sink.gate.is_abandoned() {
                return Ok(());
            }
            let here = match connected.take() {
                Some(here) => here,
                None => match connect(&self.nats).await {
                    Ok(here) => here,
                    Err(error) => {
                        self.sink.tell(Arrival::Away(error.to_string()));
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LAST_PAUSE);
                        continue;
                    }
                },
            };
            let turned = self.turn(&here, &words, &mut heard).await;
            // What is noted as handed over is, also where the broker went away in between.
            self.hand_over(&words);
            match turned {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    connected = Some(here);
                }
                Err(error) => {
                    self.sink.tell(Arrival::Away(error.to_string()));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }

    /// Asks for messages once, hands them over, and passes on what became of earlier ones.
    async fn turn(
        &mut self,
        here: &Connected,
        words: &UnboundedSender<Word>,
        heard: &mut UnboundedReceiver<Word>,
    ) -> Result<(), Error> {
        self.pass_on(here, heard).await?;
        if !self.sink.gate.is_open() {
            // The broker keeps its messages; acknowledgements go on.
            tokio::time::sleep(Duration::from_millis(2)).await;
            return Ok(());
        }
        // Bounded in bytes as well: a broker cuts off whoever has too much on its way, and what is
        // handed over has to be held.
        let bytes = self.sink.limits.held_bytes.max(FEWEST_BYTES);
        let messages_at_once = self.sink.limits.messages;
        let batch = here.consumer.fetch().max_messages(messages_at_once).max_bytes(bytes);
        let mut messages = batch.messages().await?;
        let mut any = false;
        loop {
            let message = if let Some(message) = messages.next().now_or_never() {
                message
            } else {
                // What is here does not wait for a message that may not come.
                self.hand_over(words);
                messages.next().await
            };
            match message {
                None => break,
                Some(Err(error)) if any && is_full(&error) => break,
                Some(message) => self.take(message?, words)?,
            }
            any = true;
        }
        self.hand_over(words);
        if any {
            return Ok(());
        }
        // Nothing there: wait for the first one, and listen for words meanwhile.
        let mut waiting = here
            .consumer
            .batch()
            .max_messages(messages_at_once)
            .max_bytes(bytes)
            .expires(FETCH)
            .messages()
            .await?;
        loop {
            tokio::select! {
                message = waiting.next() => match message {
                    None => return Ok(()),
                    Some(Err(error)) if any && is_full(&error) => return Ok(()),
                    Some(message) => {
                        self.take(message?, words)?;
                        self.hand_over(words);
                        any = true;
                    }
                },
                Some(word) = heard.recv() => self.say(here, word).await?,
            }
        }
    }

    fn take(&mut self, message: Message, words: &UnboundedSender<Word>) -> Result<(), Error> {
        let sequence = message.info()?.stream_sequence;
        let message = message.message;
        let Some(reply) = message.reply else { return Ok(()) };
        if self.places.has(sequence) {
            Ticket { replies: vec![reply], words: words.clone() }.acknowledge();
            return Ok(());
        }
        if !self.run.takes(sequence, &message.payload, self.sink.limits.chunk_bytes) {
            self.hand_over(words);
        }
        self.run.add(sequence, &message.payload, reply);
        // Noted when it is handed over: should it come to nothing, only this process forgets it.
        self.places.take(&Place::Message { sequence });
        Ok(())
    }

    /// Hands over what was taken together.
    fn hand_over(&mut self, words: &UnboundedSender<Word>) {
        let Run { first, last, lines, replies } = std::mem::take(&mut self.run);
        let place = match replies.len() {
            0 => return,
            1 => Place::Message { sequence: first },
            _ => Place::Messages { first, last },
        };
        let ticket = Ticket { replies, words: words.clone() };
        self.sink.hand(Taken { place, lines, receipt: Receipt(Some(Answer::Nats(ticket))) });
    }

    async fn pass_on(
        &mut self,
        here: &Connected,
        heard: &mut UnboundedReceiver<Word>,
    ) -> Result<(), Error> {
        while let Ok(word) = heard.try_recv() {
            self.say(here, word).await?;
        }
        Ok(())
    }

    async fn say(&mut self, here: &Connected, word: Word) -> Result<(), Error> {
        match word {
            Word::Acknowledge(replies) => here.tell(replies, AckKind::Ack).await,
            Word::Again(replies) => here.tell(replies, AckKind::Nak(Some(self.nats.wait))).await,
            Word::Poison { reason, bytes } => {
                let Some(subject) = self.nats.dead_subject.clone() else { return Ok(()) };
                let mut headers = HeaderMap::new();
                // A header is one line.
                let reason: String =
                    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                headers.insert("Adproof-Reason", reason.as_str());
                here.jetstream.publish_with_headers(subject, headers, bytes.into()).await?.await?;
                Ok(())
            }
        }
    }
}
