//! Events over HTTP: `POST /v1/events` with JSON lines, answered when they are durable.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use super::{Answer, Arrival, End, Place, Receipt, Sink, Taken};

/// Connections that are open at once; more wait to be accepted.
const CONNECTIONS: usize = 256;
/// How long a client may take for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// How long a client may take for its body, and how long it waits for its lines to be durable.
const BODY: Duration = Duration::from_mins(1);
/// How long the source waits for room before it says that there is none.
const ROOM: Duration = Duration::from_millis(200);

/// Listens, and says on which address.
pub(super) fn serve(address: SocketAddr, sink: Sink) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let builder = thread::Builder::new().name("source".to_owned());
    builder.spawn(move || {
        let sink = Arc::new(sink);
        let ends = {
            let sink = Arc::clone(&sink);
            move || sink.stop.is_set() || sink.gate.is_abandoned()
        };
        let answers = {
            let sink = Arc::clone(&sink);
            move |request| {
                let sink = Arc::clone(&sink);
                async move { answer(request, &sink).await }
            }
        };
        if let Err(error) = runtime.block_on(accept(listener, ends, answers)) {
            sink.tell(Arrival::End(End::Failed(error)));
        }
    })?;
    Ok(bound)
}

/// Answers requests until `ends`.
pub(super) async fn accept<A, F>(
    listener: TcpListener,
    ends: impl Fn() -> bool,
    answers: A,
) -> io::Result<()>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let connection = tokio::time::timeout(Duration::from_millis(200), listener.accept()).await;
        if ends() {
            return Ok(());
        }
        let stream = match connection {
            Err(_) => continue,
            // One connection that fails to open is its client's trouble; a listener that is out of
            // file descriptors is asked again.
            Ok(Err(_)) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
            Ok(Ok((stream, _))) => stream,
        };
        let answers = answers.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answers(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle hears nothing and was promised nothing.
            drop(served.await);
            drop(permit);
        });
    }
}

async fn answer(request: Request<Incoming>, sink: &Sink) -> Response<Full<Bytes>> {
    if request.uri().path() != "/v1/events" {
        return say(StatusCode::NOT_FOUND, "events are sent to POST /v1/events");
    }
    if request.method() != Method::POST {
        return say(StatusCode::METHOD_NOT_ALLOWED, "events are sent with POST");
    }
    if !sink.gate.is_open() {
        tokio::time::sleep(ROOM).await;
        if !sink.gate.is_open() {
            return busy();
        }
    }
    let body = Limited::new(request.into_body(), sink.limits.body_bytes).collect();
    let lines = match tokio::time::timeout(BODY, body).await {
        Err(_) => return say(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let most = format!("a request may have {} bytes; send several", sink.limits.body_bytes);
            return say(StatusCode::PAYLOAD_TOO_LARGE, &most);
        }
        Ok(Err(_)) => return say(StatusCode::BAD_REQUEST, "the body ended too early"),
        Ok(Ok(body)) => body.to_bytes().to_vec(),
    };
    if lines.is_empty() {
        return say(StatusCode::BAD_REQUEST, "the body holds no line");
    }
    let (sender, done) = oneshot::channel();
    let receipt = Receipt(Some(Answer::Http(sender)));
    if !sink.hand(Taken { place: Place::Passing, lines, receipt }) {
        return busy();
    }
    match tokio::time::timeout(BODY, done).await {
        Ok(Ok(refused)) => {
            let text = format!("{{\"durable\":true,\"refused\":{refused}}}\n");
            let mut response = Response::new(Full::new(Bytes::from(text)));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        _ => busy(),
    }
}

fn busy() -> Response<Full<Bytes>> {
    let mut response =
        say(StatusCode::SERVICE_UNAVAILABLE, "the stream cannot take more now; send it again");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn say(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
