//! The socket: connections with bounds on number, age and the time of their headers, and a stop
//! that lets requests in hand end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::app::App;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Connections that were cut because they did not end in time.
    pub cut: usize,
}

/// Serves until `stop` is ready. Then nothing new is accepted, idle connections close, requests
/// in hand end within `Limits::stop_time`, and what is left is cut.
pub async fn serve(listener: TcpListener, app: App, stop: impl Future<Output = ()>) -> Stopped {
    let places = app.shared.limits.connections.clamp(1, 65_536);
    let open = Arc::new(Semaphore::new(places));
    let cut = Arc::new(AtomicUsize::new(0));
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        // A place is held before a connection is taken, so that more wait in the listen queue.
        let accepted = async {
            let place = Arc::clone(&open).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match (place, stream) {
            (Ok(place), Ok((stream, _))) => {
                app.shared.metrics.connected();
                let (app, stopped, cut) = (app.clone(), stopped.clone(), Arc::clone(&cut));
                tokio::spawn(async move {
                    if !connection(stream, app, stopped).await {
                        cut.fetch_add(1, Ordering::Relaxed);
                    }
                    drop(place);
                });
            }
            // Out of descriptors or a connection that was gone at once: breathe and go on.
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let before = cut.load(Ordering::Relaxed);
    // Each connection keeps its own time; when all places are free, all connections have ended.
    let all = u32::try_from(places).unwrap_or(u32::MAX);
    let _ = open.acquire_many(all).await;
    Stopped { cut: cut.load(Ordering::Relaxed).saturating_sub(before) }
}

/// Serves one connection; false when it had to be cut.
async fn connection(stream: TcpStream, app: App, mut stopped: watch::Receiver<bool>) -> bool {
    let limits = app.shared.limits.clone();
    // Answers are small and complete; waiting to fill a packet only adds delay.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(app.router());
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        // hyper refuses buffers below 8 KiB.
        .max_buf_size(limits.head_bytes.max(8 << 10))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let should_end = async {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => {}
            () = tokio::time::sleep(limits.connection_time) => {}
        }
    };
    // A connection that breaks is the client's affair; there is nobody left to tell.
    tokio::select! {
        _ = connection.as_mut() => return true,
        () = should_end => {}
    }
    connection.as_mut().graceful_shutdown();
    tokio::time::timeout(limits.stop_time, connection).await.is_ok()
}

/// Ready when the process is asked to stop: SIGINT, and SIGTERM where there is one. It listens
/// from this call on, not from its first poll. Call it within a runtime.
pub fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    async move {
        #[cfg(unix)]
        {
            let [mut interrupt, mut terminate] = signals.map(Result::ok);
            tokio::select! {
                () = received(interrupt.as_mut()) => {}
                () = received(terminate.as_mut()) => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Without a handler a signal ends the process, so there is nothing to wait for.
#[cfg(unix)]
async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
