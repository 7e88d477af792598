use std::net::SocketAddr;
use std::time::{Duration, Instant};

use adproof_server::{App, Limits, Page, Stopped, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Stopped>,
}

async fn start(limits: Limits) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let app = App::new(limits, Page::none());
    let ended = tokio::spawn(serve(listener, app, async {
        let _ = stopped.await;
    }));
    Running { address, stop, ended }
}

impl Running {
    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(self) -> Stopped {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap()
    }
}

async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut all))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(all).unwrap()
}

#[tokio::test]
async fn a_client_gets_its_answer() {
    let server = start(Limits::default()).await;
    let stream = server
        .say("POST /v1/lint HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 7\r\n\r\n<VAST/>")
        .await;
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("adproof.lint/1"));
    assert_eq!(server.stop().await, Stopped { cut: 0 });
}

#[tokio::test]
async fn headers_that_trickle_close_the_connection() {
    let limits = Limits { head_time: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    let mut stream = server.say("GET /healthz HTTP/1.1\r\nhost:").await;
    let begun = Instant::now();
    let trickle = async {
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if stream.write_all(b"x").await.is_err() {
                break;
            }
        }
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        all
    };
    let answer = tokio::time::timeout(Duration::from_secs(5), trickle).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let limits = Limits { head_time: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    assert_eq!(rest(server.say("").await).await, "");
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = start(Limits { head_bytes: 8 << 10, ..Limits::default() }).await;
    let fits = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n",
        "y".repeat(4 << 10)
    );
    assert!(rest(server.say(&fits).await).await.starts_with("HTTP/1.1 200"));
    let long = format!("GET /healthz HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(9 << 10));
    assert!(rest(server.say(&long).await).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_a_400() {
    let server = start(Limits::default()).await;
    let mut stream =
        server.say("POST /v1/lint HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n<VAST").await;
    stream.shutdown().await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.is_empty() || answer.contains("body-cut"), "{answer}");
    let malformed = server
        .say("POST /v1/lint HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
        .await;
    assert!(rest(malformed).await.contains("body-cut"));
    // The server is none the worse for it.
    let next = server.say("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(rest(next).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let server = start(Limits { connections: 1, ..Limits::default() }).await;
    let first = server.say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let second = server.say("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let waiting = tokio::spawn(rest(second));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert!(waiting.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_old_connection_ends_after_its_request() {
    let limits = Limits { connection_time: Duration::from_millis(100), ..Limits::default() };
    let server = start(limits).await;
    let stream = server.say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(rest(stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_lets_the_request_in_hand_end() {
    let server = start(Limits::default()).await;
    let idle = server.say("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut busy =
        server.say("POST /v1/lint HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n<VAS").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    assert!(rest(idle).await.starts_with("HTTP/1.1 200"));
    assert!(!stopping.is_finished());
    assert!(TcpStream::connect(address).await.is_err());
    busy.write_all(b"T/>").await.unwrap();
    let answer = rest(busy).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"));
    assert_eq!(stopping.await.unwrap(), Stopped { cut: 0 });
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let server = start(Limits { stop_time: Duration::from_millis(100), ..Limits::default() }).await;
    let stuck =
        server.say("POST /v1/lint HTTP/1.1\r\nhost: x\r\ncontent-length: 7\r\n\r\n<VAS").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    assert_eq!(server.stop().await, Stopped { cut: 1 });
    assert!(begun.elapsed() < Duration::from_secs(3));
    drop(stuck);
}
