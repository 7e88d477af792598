use std::num::NonZeroUsize;
use std::time::Duration;

/// Every bound of the server. Each has an answer of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request body. More is a 413.
    pub body_bytes: usize,
    /// Requests with a body that are in hand at once. More is a 503 with `Retry-After`, so that
    /// memory stays below this times `body_bytes` and a small multiple.
    pub in_flight: usize,
    /// Requests that compute at once; others wait for their turn within `work_time`.
    pub workers: usize,
    /// Open connections. More wait in the listen queue of the system.
    pub connections: usize,
    /// Bytes of a request's line and headers. More closes the connection with a 431.
    pub head_bytes: usize,
    /// Time for a request's line and headers, and for an idle connection. More closes it.
    pub head_time: Duration,
    /// Time for the whole body. More is a 408.
    pub body_time: Duration,
    /// Time from the whole body to the answer. More is a 503.
    pub work_time: Duration,
    /// Age of a connection. An older one ends after the request in hand.
    pub connection_time: Duration,
    /// Time that a stop, or a connection that is too old, leaves to requests in hand.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            in_flight: 32,
            workers: std::thread::available_parallelism().map_or(2, NonZeroUsize::get),
            connections: 512,
            head_bytes: 32 << 10,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(20),
            work_time: Duration::from_secs(30),
            connection_time: Duration::from_mins(10),
            stop_time: Duration::from_secs(10),
        }
    }
}
