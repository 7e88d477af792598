//! What every running stream is given: a source, its bounds, a state folder, and who watches.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adproof_edge::stream::{
    End, Keep, KeepError, Kept, Limits, Metrics, Origin, Places, Stop, Stream, Taker, WalLimits,
};
use adproof_pipeline::Part;
use clap::Args;

use super::live::{Bounds, Live};
use super::source::Source;
use super::state_failure;
use super::work::Work;
use crate::out::{Failure, Out};

/// Where a stream comes from, and its bounds.
#[derive(Debug, Args)]
pub(super) struct FromArgs {
    /// Where events come from, as JSON lines: a file, `-`, `http://ADDRESS:PORT` to listen for
    /// `POST /v1/events`, or `nats://HOST:PORT/STREAM?consumer=NAME`, with `&dead=SUBJECT`.
    #[arg(long, visible_alias = "events", value_name = "SOURCE")]
    pub(super) source: Source,

    /// Goes on when the end of the file is reached, also when it is rotated or cut.
    #[arg(long)]
    pub(super) follow: bool,

    /// Ends when nothing arrived for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,

    /// Writes the state down so often; in between, what was taken is kept to be worked on again.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, requires = "state")]
    checkpoint: u64,

    /// How far ahead of this machine's clock an event may have been received, in seconds. What is
    /// further ahead is refused: one such line would close every window.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    ahead: u32,

    /// Bytes that may be on their way between the source and the ledger.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    held: usize,

    /// The source waits above so many hundredths of --held …
    #[arg(long, value_name = "PERCENT", default_value_t = 80,
          value_parser = clap::value_parser!(u8).range(1..=100))]
    high: u8,

    /// … and goes on below so many.
    #[arg(long, value_name = "PERCENT", default_value_t = 30,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    low: u8,

    /// Bytes that are taken, made durable and worked on together, at most.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    batch: usize,

    /// Answers `GET /metrics` at this address in Prometheus' text format.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
}

impl FromArgs {
    /// What the edge opens.
    pub(super) fn origin(&self) -> anyhow::Result<Origin> {
        self.source.origin(self.follow).map_err(|error| {
            Failure::new(format!("the source cannot be used: {error}"))
                .at(if self.follow { "--follow" } else { "--source" })
                .todo("leave --follow out, or name a source as `adproof stream --help` writes it")
                .into()
        })
    }

    fn limits(&self) -> Limits {
        Limits {
            idle: self.idle.map(Duration::from_secs),
            held_bytes: self.held,
            high_percent: self.high,
            low_percent: self.low.min(self.high),
            batch_bytes: self.batch.max(1),
            chunk_bytes: self.batch.clamp(1, Limits::default().chunk_bytes),
            ..Limits::default()
        }
    }
}

/// An open source, and what is kept of it.
pub(super) struct Opened {
    source: Stream,
    state: Option<(PathBuf, Keep, Taker, Kept)>,
    metrics: Arc<Metrics>,
}

impl Opened {
    /// Opens the state folder, then the source behind what was taken of it.
    pub(super) fn open(args: &FromArgs, state: Option<&Path>) -> anyhow::Result<Self> {
        Self::open_origin(args, &args.origin()?, state)
    }

    /// Opens a source that is not quite the one that was named.
    pub(super) fn open_origin(
        args: &FromArgs,
        origin: &Origin,
        state: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let stop = Stop::on_signals()?;
        let state = match state {
            Some(folder) => {
                let opened = Keep::open(folder, WalLimits::default());
                let (keep, taker, kept) = opened.map_err(|error| state_failure(folder, &error))?;
                Some((folder.to_owned(), keep, taker, kept))
            }
            None => None,
        };
        let places =
            state.as_ref().map_or_else(Places::default, |(_, _, _, kept)| kept.places.clone());
        let source = Stream::open(origin, &places, stop, args.limits()).map_err(|error| {
            Failure::new(format!("the event log cannot be read: {error}"))
                .at(source_name(args))
                .todo("give a file of JSON lines, `-`, or an address as --help writes it")
        })?;
        let metrics = Arc::new(Metrics::new(source.gate().clone()));
        Ok(Self { source, state, metrics })
    }

    /// The state that is kept, if there is one.
    pub(super) fn kept(&self) -> Option<&[u8]> {
        self.state.as_ref().and_then(|(_, _, _, kept)| kept.state.as_deref())
    }

    /// Works until nothing more comes, and gives what came of it.
    pub(super) fn run(
        self,
        work: Work,
        part: Part,
        args: &FromArgs,
        out: &mut Out,
    ) -> anyhow::Result<(Live, anyhow::Result<End>)> {
        if let Some(address) = args.metrics {
            let bound = self.metrics.serve(address).map_err(|error| {
                Failure::new(format!("the figures cannot be served: {error}"))
                    .at(format!("--metrics {address}"))
                    .todo("give an address of this machine and a port that is free")
            })?;
            out.note(format_args!("figures at http://{bound}/metrics"));
        }
        let bounds = Bounds {
            ahead_us: i64::from(args.ahead) * 1_000_000,
            checkpoint: Duration::from_secs(args.checkpoint),
        };
        let (mut taker, mut resume, mut keep, mut state) = (None, None, None, None);
        if let Some((folder, kept_by, takes, kept)) = self.state {
            if takes.cut_bytes() > 0 {
                let cut = takes.cut_bytes();
                out.note(format_args!("note: {cut} bytes that were half written are cut off"));
            }
            state = Some(folder.clone());
            resume = Some((folder, kept));
            (keep, taker) = (Some(kept_by), Some(takes));
        }
        let mut live = Live::new(work, keep, bounds, self.metrics);
        if let (Some((folder, kept)), Some(taker)) = (resume, &taker) {
            live.resume(&kept, taker, &folder, out)?;
        }
        if let Some(address) = self.source.address() {
            out.note(format_args!("listening on http://{address}/v1/events"));
        }
        let end = live.run(self.source, taker, part, out);
        // What could not be written is told with the folder, and with what to do.
        let end = end.map_err(|error| match (error.downcast::<KeepError>(), &state) {
            (Ok(error), Some(folder)) => state_failure(folder, &error),
            (Ok(error), None) => error.into(),
            (Err(error), _) => error,
        });
        Ok((live, end))
    }
}

/// The source, for people.
pub(super) fn source_name(args: &FromArgs) -> String {
    match &args.source {
        Source::Stdin => "standard input".to_owned(),
        Source::File(path) => path.display().to_string(),
        Source::Http(address) => address.clone(),
        Source::Nats(nats) => nats.server.clone(),
    }
}
