//! How a stream stands, for whoever watches it: Prometheus' text format over HTTP.
//!
//! The figures of the work are noted by whoever does it, after each batch. How much is on its way,
//! and how old things are, is looked up when somebody asks: it shows also while the work stands
//! still because nobody takes its results.

use std::fmt::Write;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};

use super::gate::Gate;
use super::http::{accept, say};

/// Upper ends of the buckets of the time from arrival to durability, in microseconds.
const BUCKETS_US: [u64; 10] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000];

/// How the work of a stream stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Events that were taken.
    pub events: u64,
    /// Lines that are no events.
    pub refused: u64,
    /// Events whose place in the order had passed.
    pub misplaced: u64,
    /// Impressions that are open, or, where nothing is decided, that were seen.
    pub impressions: u64,
    /// Events that wait for their place.
    pub waiting: u64,
    /// Days that were decided since the start.
    pub days: u64,
    /// Impressions that were decided since the start.
    pub decisions: u64,
    /// The newest receipt that was seen, in microseconds since 1970: the watermark.
    pub newest_us: Option<i64>,
    /// Records in the ledger, where there is one.
    pub records: Option<u64>,
    /// Batches that the state file does not hold yet.
    pub behind: u64,
}

/// What is told to whoever asks.
#[derive(Debug)]
pub struct Metrics {
    gate: Gate,
    noted: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    standing: Standing,
    /// When the state was last written down; the start at first.
    checkpoint: Instant,
    /// Batches by the time from their arrival to their durability; the last is for all above.
    durable: [u64; BUCKETS_US.len() + 1],
    durable_sum_us: u64,
}

impl Metrics {
    /// Nothing noted.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        let noted = Noted {
            standing: Standing::default(),
            checkpoint: Instant::now(),
            durable: [0; BUCKETS_US.len() + 1],
            durable_sum_us: 0,
        };
        Self { gate, noted: Mutex::new(noted) }
    }

    /// What was noted before a thread panicked is whole: each change is one assignment.
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how the work stands.
    pub fn stands(&self, standing: Standing) {
        self.noted().standing = standing;
    }

    /// Notes that a batch and all that it decided are durable, so long after its arrival.
    pub fn durable(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        let mut noted = self.noted();
        let bucket = BUCKETS_US.partition_point(|end| *end < micros);
        if let Some(count) = noted.durable.get_mut(bucket) {
            *count += 1;
        }
        noted.durable_sum_us = noted.durable_sum_us.saturating_add(micros);
    }

    /// Notes that the state was written down.
    pub fn checkpointed(&self) {
        self.noted().checkpoint = Instant::now();
    }

    /// Answers `GET /metrics` at an address until this is dropped, and gives the address.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn serve(self: &Arc<Self>, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let metrics = Arc::downgrade(self);
        thread::Builder::new().name("metrics".to_owned()).spawn(move || {
            let asked = metrics.clone();
            let answers = move |request: hyper::Request<hyper::body::Incoming>| {
                let text = asked.upgrade().map(|metrics| metrics.render());
                async move {
                    match (request.method(), request.uri().path(), text) {
                        (_, _, None) => {
                            say(StatusCode::SERVICE_UNAVAILABLE, "the stream has ended")
                        }
                        (&Method::GET, "/metrics", Some(text)) => {
                            let mut response = say(StatusCode::OK, text.trim_end());
                            let kind = HeaderValue::from_static("text/plain; version=0.0.4");
                            response.headers_mut().insert(CONTENT_TYPE, kind);
                            response
                        }
                        _ => say(StatusCode::NOT_FOUND, "the figures are at GET /metrics"),
                    }
                }
            };
            // Without a listener the stream goes on, unwatched.
            drop(runtime.block_on(accept(listener, move || metrics.strong_count() == 0, answers)));
        })?;
        Ok(bound)
    }

    /// The figures as Prometheus reads them.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_us = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let (held, closings) = self.gate.held();
        let closed = u64::from(!self.gate.is_open());
        let noted = self.noted();
        let one = &noted.standing;
        let mut figure = |name: &str, kind: &str, help: &str, value: i128| {
            writeln!(
                out,
                "# HELP adproof_stream_{name} {help}\n\
                 # TYPE adproof_stream_{name} {kind}\n\
                 adproof_stream_{name} {value}"
            )
        };
        let counters = [
            ("events_total", "Events that were taken.", one.events),
            ("refused_total", "Lines that are no events; they are dead letters.", one.refused),
            ("misplaced_total", "Events whose place in the order had passed.", one.misplaced),
            ("days_total", "Days that were decided.", one.days),
            ("decisions_total", "Impressions that were decided.", one.decisions),
            ("gate_closings_total", "How often the source was made to wait.", closings),
        ];
        for (name, help, value) in counters {
            figure(name, "counter", help, value.into())?;
        }
        let held = i128::try_from(held).unwrap_or(i128::MAX);
        let age = i128::from(noted.checkpoint.elapsed().as_secs());
        let gauges = [
            (
                "impressions",
                "Impressions that are open or, where none is decided, seen.",
                one.impressions.into(),
            ),
            (
                "waiting_events",
                "Events that wait for their place in the order.",
                one.waiting.into(),
            ),
            ("in_flight_bytes", "Bytes between the source and the ledger.", held),
            ("gate_closed", "1 while the source waits.", closed.into()),
            ("batches_behind", "Batches that the state file does not hold yet.", one.behind.into()),
            ("checkpoint_age_seconds", "Since the state was last written down.", age),
        ];
        for (name, help, value) in gauges {
            figure(name, "gauge", help, value)?;
        }
        if let Some(newest) = one.newest_us {
            let lag = now_us.saturating_sub(newest) / 1_000_000;
            figure(
                "watermark_seconds",
                "gauge",
                "The newest receipt, since 1970.",
                (newest / 1_000_000).into(),
            )?;
            figure("lag_seconds", "gauge", "From the newest receipt to now.", lag.into())?;
        }
        if let Some(records) = one.records {
            figure("ledger_records", "gauge", "Records in the ledger.", records.into())?;
        }
        let name = "adproof_stream_durable_microseconds";
        writeln!(
            out,
            "# HELP {name} From the arrival of a batch until all that it decided is durable.\n\
             # TYPE {name} histogram"
        )?;
        let mut total = 0;
        for (index, count) in noted.durable.iter().enumerate() {
            total += count;
            let end = BUCKETS_US.get(index).map_or("+Inf".to_owned(), u64::to_string);
            writeln!(out, "{name}_bucket{{le=\"{end}\"}} {total}")?;
        }
        writeln!(out, "{name}_sum {}\n{name}_count {total}", noted.durable_sum_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, name: &str) -> i128 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    }

    #[test]
    fn every_figure_has_a_kind_and_backpressure_shows() {
        let gate = Gate::new(100, 80, 30);
        let metrics = Metrics::new(gate.clone());
        metrics.stands(Standing {
            events: 7,
            newest_us: Some(5_000_000),
            records: Some(9),
            ..Standing::default()
        });
        metrics.durable(Duration::from_millis(1));
        metrics.durable(Duration::from_micros(1_001));
        metrics.durable(Duration::from_mins(1));
        gate.enter(81);
        let text = metrics.render();
        for (name, expected) in [
            ("adproof_stream_events_total", 7),
            ("adproof_stream_in_flight_bytes", 81),
            ("adproof_stream_gate_closed", 1),
            ("adproof_stream_gate_closings_total", 1),
            ("adproof_stream_watermark_seconds", 5),
            ("adproof_stream_ledger_records", 9),
            ("adproof_stream_durable_microseconds_bucket{le=\"1000\"}", 1),
            ("adproof_stream_durable_microseconds_bucket{le=\"2500\"}", 2),
            ("adproof_stream_durable_microseconds_bucket{le=\"+Inf\"}", 3),
            ("adproof_stream_durable_microseconds_sum", 60_002_001),
        ] {
            assert_eq!(value(&text, name), expected, "{name}");
        }
        assert!(value(&text, "adproof_stream_lag_seconds") > 1_000_000_000);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split([' ', '{']).next().unwrap();
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let typed = format!("# TYPE {} ", family.unwrap_or(name));
            assert!(text.contains(&typed), "{line}");
        }
        gate.leave(60);
        assert_eq!(value(&metrics.render(), "adproof_stream_gate_closed"), 0);
    }

    #[test]
    fn whoever_asks_over_http_is_answered_until_the_stream_ends() {
        use std::io::{Read as _, Write as _};
        let metrics = Arc::new(Metrics::new(Gate::new(100, 80, 30)));
        let address = metrics.serve("127.0.0.1:0".parse().unwrap()).unwrap();
        let ask = |path: &str| {
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            client.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            answer
        };
        let answer = ask("/metrics");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("version=0.0.4"), "{answer}");
        assert!(answer.ends_with("adproof_stream_durable_microseconds_count 0\n"), "{answer}");
        assert!(ask("/").starts_with("HTTP/1.1 404"));
    }
}
