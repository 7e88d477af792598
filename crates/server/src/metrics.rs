//! Counters in the Prometheus text format. Labels come from the routes and never from a request,
//! so that nobody can make the registry grow.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the duration buckets, in microseconds.
const BUCKETS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000, 30_000_000];

#[derive(Clone, Debug, Default)]
struct Durations {
    // The last is for everything above.
    buckets: [u64; BUCKETS_US.len() + 1],
    sum_us: u64,
}

impl Durations {
    fn add(&mut self, took_us: u64) {
        let index = BUCKETS_US.partition_point(|end| *end < took_us);
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
        }
        self.sum_us = self.sum_us.saturating_add(took_us);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, u16), u64>>,
    durations: Mutex<BTreeMap<String, Durations>>,
    in_flight: AtomicI64,
    connections: AtomicU64,
}

/// Counts a request as in flight until it is dropped, also when the client has gone away.
pub(crate) struct InFlight<'a>(&'a AtomicI64);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn record(&self, route: &str, status: u16, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        *lock(&self.requests).entry((route.to_owned(), status)).or_default() += 1;
        lock(&self.durations).entry(route.to_owned()).or_default().add(took_us);
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut impl Write) -> std::fmt::Result {
        writeln!(
            out,
            "# HELP adproof_http_requests_total Answered requests by route and status.\n\
             # TYPE adproof_http_requests_total counter"
        )?;
        for ((route, status), count) in &*lock(&self.requests) {
            writeln!(
                out,
                "adproof_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}"
            )?;
        }
        let name = "adproof_http_request_duration_microseconds";
        writeln!(
            out,
            "# HELP {name} Time from the head of a request to the head of its answer.\n\
             # TYPE {name} histogram"
        )?;
        for (route, durations) in &*lock(&self.durations) {
            let mut total = 0;
            for (index, count) in durations.buckets.iter().enumerate() {
                total += count;
                let end = BUCKETS_US.get(index).map_or("+Inf".to_owned(), u64::to_string);
                writeln!(out, "{name}_bucket{{route=\"{route}\",le=\"{end}\"}} {total}")?;
            }
            writeln!(out, "{name}_sum{{route=\"{route}\"}} {}", durations.sum_us)?;
            writeln!(out, "{name}_count{{route=\"{route}\"}} {total}")?;
        }
        writeln!(
            out,
            "# HELP adproof_http_in_flight Requests in hand, this one among them.\n\
             # TYPE adproof_http_in_flight gauge\n\
             adproof_http_in_flight {}\n\
             # HELP adproof_http_connections_total Accepted connections.\n\
             # TYPE adproof_http_connections_total counter\n\
             adproof_http_connections_total {}",
            self.in_flight.load(Ordering::Relaxed),
            self.connections.load(Ordering::Relaxed),
        )
    }
}

/// A poisoned lock holds counters that are still good.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let metrics = Metrics::default();
        for took_us in [100, 101, 40_000_000] {
            metrics.record("/x", 200, Duration::from_micros(took_us));
        }
        let text = metrics.render();
        for line in [
            "adproof_http_requests_total{route=\"/x\",status=\"200\"} 3",
            "adproof_http_request_duration_microseconds_bucket{route=\"/x\",le=\"100\"} 1",
            "adproof_http_request_duration_microseconds_bucket{route=\"/x\",le=\"250\"} 2",
            "adproof_http_request_duration_microseconds_bucket{route=\"/x\",le=\"30000000\"} 2",
            "adproof_http_request_duration_microseconds_bucket{route=\"/x\",le=\"+Inf\"} 3",
            "adproof_http_request_duration_microseconds_sum{route=\"/x\"} 40000201",
            "adproof_http_request_duration_microseconds_count{route=\"/x\"} 3",
        ] {
            assert!(text.lines().any(|have| have == line), "{line}\n{text}");
        }
    }

    #[test]
    fn in_flight_goes_back_when_a_request_is_dropped() {
        let metrics = Metrics::default();
        let first = metrics.begin();
        drop(metrics.begin());
        assert!(metrics.render().contains("\nadproof_http_in_flight 1\n"));
        drop(first);
        assert!(metrics.render().contains("\nadproof_http_in_flight 0\n"));
    }
}
