//! `adproof stream` from a real JetStream broker.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::decide::Desk;
use crate::run::adproof;
use crate::stream::forget;
use crate::stream_state::{args, decisions, ends_within, log, said, spawn};

/// A broker with JetStream on loopback, ended with the test.
pub(crate) struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    pub(crate) fn start(folder: &Path, port: u16) -> Self {
        let child = Command::new("nats-server")
            .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server runs; it is in Debian's package nats-server");
        let broker = Self { child, port };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "the broker listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        broker
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn client(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut client = Client { reader: BufReader::new(stream.try_clone().unwrap()), stream };
        client.line();
        client.send(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB inbox 1\r\n");
        client
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The broker's text protocol, as far as the test needs it.
pub(crate) struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line
    }

    /// Publishes and waits for the broker's answer.
    pub(crate) fn ask(&mut self, subject: &str, payload: &[u8]) -> Value {
        let head = format!("PUB {subject} inbox {}\r\n", payload.len());
        self.send(&[head.as_bytes(), payload, b"\r\n"].concat());
        loop {
            let line = self.line();
            if line.starts_with("PING") {
                self.send(b"PONG\r\n");
            }
            if let Some(rest) = line.strip_prefix("MSG inbox 1 ") {
                let length: usize = rest.split_whitespace().last().unwrap().parse().unwrap();
                let mut answer = vec![0; length + 2];
                self.reader.read_exact(&mut answer).unwrap();
                return serde_json::from_slice(&answer[..length]).unwrap();
            }
        }
    }

    pub(crate) fn make_stream(&mut self, name: &str, subject: &str) {
        let config = json!({"name": name, "subjects": [subject], "storage": "file"});
        let subject = format!("$JS.API.STREAM.CREATE.{name}");
        let answer = self.ask(&subject, config.to_string().as_bytes());
        assert!(answer["error"].is_null(), "{answer}");
    }

    fn messages(&mut self, name: &str) -> u64 {
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{name}"), b"");
        info["state"]["messages"].as_u64().unwrap()
    }

    /// What nobody has acknowledged yet, delivered or not.
    pub(crate) fn open(&mut self, name: &str, consumer: &str) -> u64 {
        let info = self.ask(&format!("$JS.API.CONSUMER.INFO.{name}.{consumer}"), b"");
        info["num_pending"].as_u64().unwrap() + info["num_ack_pending"].as_u64().unwrap()
    }
}

#[test]
fn a_broker_keeps_what_is_not_durable_and_delivers_it_again() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    let expected = decisions(&desk, "calm");
    forget(&desk);

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut broker = Broker::start(&desk.path("broker"), port);
    let mut client = broker.client();
    client.make_stream("EVENTS", "events.>");
    client.make_stream("DEAD", "dead.>");
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let poison = lines.iter().filter(|line| **line == "no event").count();
    // Some messages hold one line and some several.
    for (index, chunk) in lines.chunks(3).enumerate() {
        let message = chunk.join("\n");
        let answer = client.ask(&format!("events.{}", index % 4), message.as_bytes());
        assert!(answer["seq"].as_u64().is_some(), "{answer}");
    }

    let source = format!("nats://127.0.0.1:{port}/EVENTS?consumer=adproof&dead=dead.events&wait=1");
    // Idle for longer than the broker's longest pause between two deliveries: what is idle is over.
    let more = ["--idle", "14", "--batch", "2000", "--held", "20000", "--checkpoint", "0"];
    let args = args(&desk, &source, "state", "ledger", &more);
    // Killed while messages are on their way.
    for millis in [150, 300, 450, 600] {
        let mut child = spawn(&args);
        let code = ends_within(&mut child, Duration::from_millis(millis));
        assert!(code.is_none(), "exit code {code:?}: {}", said(&mut child));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // The broker goes away and comes back while a stream runs.
    let mut child = spawn(&args);
    let code = ends_within(&mut child, Duration::from_millis(500));
    assert!(code.is_none(), "exit code {code:?}: {}", said(&mut child));
    broker.stop();
    std::thread::sleep(Duration::from_millis(300));
    let broker = Broker::start(&desk.path("broker"), port);
    let code = ends_within(&mut child, Duration::from_mins(2));
    assert_eq!(code, Some(0), "it ends when nothing comes: {}", said(&mut child));

    // What was delivered to a process that died comes back after a few seconds, to a
    // stream that is still there; what it had made durable is known and only acknowledged.
    let mut client = broker.client();
    let until = Instant::now() + Duration::from_secs(100);
    while client.open("EVENTS", "adproof") > 0 {
        assert!(Instant::now() < until, "every message is acknowledged");
        let mut child = spawn(&args);
        assert_eq!(ends_within(&mut child, Duration::from_mins(1)), Some(0));
    }
    assert!(decisions(&desk, "ledger") == expected, "the decisions differ");
    let state = desk.at("state");
    let list = adproof(&["stream", "dlq", "list", "--state", &state, "--output-format", "ndjson"]);
    let letters = list.stdout.lines().filter(|line| line.contains("no event")).count();
    assert_eq!(letters, poison, "letters are lost or there twice");
    let dead = client.messages("DEAD");
    assert!(dead > 0 && dead <= u64::try_from(poison).unwrap(), "{dead} of {poison} letters");
    // Each with every byte as it came, and with the reason.
    for seq in 1..=dead {
        let ask = json!({ "seq": seq }).to_string();
        let answer = client.ask("$JS.API.STREAM.MSG.GET.DEAD", ask.as_bytes());
        let bytes_of = |name: &str| {
            let text = answer["message"][name].as_str().unwrap();
            BASE64.decode(text).unwrap()
        };
        assert_eq!(bytes_of("data"), b"no event");
        let headers = String::from_utf8(bytes_of("hdrs")).unwrap();
        assert!(headers.contains("Adproof-Reason: not a JSON object"), "{headers}");
    }
}

/// More than a broker sends ahead to one client: it must not be asked for all at once.
#[test]
fn long_messages_arrive_within_the_bound_of_what_is_held() {
    let desk = Desk::new();
    let log = log(&desk);
    adproof(&args(&desk, &log, "calm-state", "calm", &[])).exits(0);
    forget(&desk);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broker = Broker::start(&desk.path("broker"), port);
    let mut client = broker.client();
    client.make_stream("EVENTS", "events.>");
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rest = "\n".repeat(600_000);
    let chunk = lines.len().div_ceil(180);
    for chunk in lines.chunks(chunk) {
        let answer = client.ask("events.1", format!("{}{rest}", chunk.join("\n")).as_bytes());
        assert!(answer["seq"].as_u64().is_some(), "{answer}");
    }
    let source = format!("nats://127.0.0.1:{port}/EVENTS?consumer=adproof&wait=60");
    let mut child = spawn(&args(&desk, &source, "state", "ledger", &["--idle", "3"]));
    let code = ends_within(&mut child, Duration::from_mins(3));
    assert_eq!(code, Some(0), "{}", said(&mut child));
    assert_eq!(client.open("EVENTS", "adproof"), 0, "every message is acknowledged");
    assert!(decisions(&desk, "ledger") == decisions(&desk, "calm"));
}

#[test]
fn a_broker_that_is_not_there_is_an_error_that_names_it() {
    let desk = Desk::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let source = format!("nats://127.0.0.1:{port}/EVENTS");
    let ran = adproof(&args(&desk, &source, "state", "ledger", &[])).exits(2);
    ran.says(&["JetStream stream EVENTS", &format!("127.0.0.1:{port}")]);
    let broker = Broker::start(&desk.path("broker"), port);
    let ran = adproof(&args(&desk, &source, "state", "ledger", &[])).exits(2);
    ran.says(&["JetStream stream EVENTS", "not found"]);
    drop(broker);
}
