//! Work that computes, off the threads that speak to the network, and no more of it than agreed.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;
use crate::problem::Problem;

/// Admission and turns.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    admission: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// Held by a request from before its body is read until its work has ended.
pub(crate) struct Admitted {
    _place: OwnedSemaphorePermit,
}

impl Work {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            admission: Arc::new(Semaphore::new(limits.in_flight)),
            turns: Arc::new(Semaphore::new(limits.workers.max(1))),
        }
    }

    /// Lets a request in, or says that the server is busy.
    pub(crate) fn admit(&self) -> Result<Admitted, Problem> {
        Arc::clone(&self.admission)
            .try_acquire_owned()
            .map(|place| Admitted { _place: place })
            .map_err(|_| {
                Problem::busy("The server has as many requests in hand as it takes. Try again.")
            })
    }

    /// Runs `job` when it has its turn. A job that takes too long is answered with a 503; it
    /// cannot be stopped, so it keeps its turn and its admission until it ends, and every job
    /// ends because every reader is bounded.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        admitted: Admitted,
        limits: &Limits,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turns = Arc::clone(&self.turns);
        let all = async move {
            let turn = turns.acquire_owned().await.map_err(|_| Problem::internal())?;
            tokio::task::spawn_blocking(move || {
                let result = job();
                drop((turn, admitted));
                result
            })
            .await
            .map_err(|_| Problem::internal())
        };
        tokio::time::timeout(limits.work_time, all).await.unwrap_or_else(|_| {
            Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-slow",
                format!("The answer was not ready after {} ms.", limits.work_time.as_millis()),
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("5")))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_is_a_500_and_gives_its_place_back() {
        let limits = Limits { in_flight: 1, workers: 1, ..Limits::default() };
        let work = Work::new(&limits);
        let admitted = work.admit().unwrap();
        let result: Result<(), _> = work.run(admitted, &limits, || panic!("a fault")).await;
        assert_eq!(result, Err(Problem::internal()));
        let admitted = work.admit().unwrap();
        assert_eq!(work.run(admitted, &limits, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_job_past_its_time_keeps_its_place_until_it_ends() {
        let limits =
            Limits { in_flight: 1, work_time: Duration::from_millis(20), ..Limits::default() };
        let work = Work::new(&limits);
        let (release, held) = mpsc::channel::<()>();
        let job = move || {
            let _ = held.recv();
        };
        assert!(work.run(work.admit().unwrap(), &limits, job).await.is_err());
        assert!(work.admit().is_err());
        release.send(()).unwrap();
        while work.admit().is_err() {
            tokio::task::yield_now().await;
        }
    }
}
