use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::run::{adproof, command};

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = command(&["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("listening on http://")
            .and_then(|rest| rest.strip_suffix("/\n"))
            .unwrap_or_else(|| panic!("{line}"))
            .to_owned();
        Self { child, address }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a signal and gives the exit code and standard error.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let code = self.child.wait().unwrap().code();
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (code, errors)
    }
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[test]
fn says_where_it_listens_answers_and_stops_when_asked() {
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(&[]);
        assert!(server.ask(HEALTH).starts_with("HTTP/1.1 200 OK\r\n"));
        let (code, errors) = server.end(signal);
        assert_eq!(code, Some(0), "{errors}");
        assert!(errors.ends_with("adproof: stopped\n"), "{errors}");
    }
}

#[test]
fn limits_of_the_command_line_are_the_limits_of_the_server() {
    let server = Server::start(&["--max-body", "7", "--quiet"]);
    let lint = |body: &str| {
        let length = body.len();
        server.ask(&format!(
            "POST /v1/lint HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
    };
    assert!(lint("<VAST/>").starts_with("HTTP/1.1 200"));
    assert!(lint("<VAST />").starts_with("HTTP/1.1 413"));
    assert_eq!(server.end("-TERM"), (Some(0), String::new()));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = Server::start(&[]);
    adproof(&["serve", "--listen", &server.address]).exits(2).says(&[
        "cannot listen",
        &server.address,
        "port 0",
    ]);
    server.end("-TERM");
}

#[test]
fn a_folder_that_is_no_page_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    adproof(&["serve", "--page", path]).exits(2).says(&["no index.html", "--page", "xtask web"]);
    let missing = folder.path().join("missing");
    adproof(&["serve", "--page", missing.to_str().unwrap()])
        .exits(2)
        .says(&["cannot read", "missing"]);
}

#[test]
fn limits_of_zero_and_other_formats_are_refused() {
    for flag in ["--max-body", "--max-requests", "--workers", "--timeout-ms"] {
        adproof(&["serve", flag, "0"]).exits(2).says(&["whole number from 1"]);
    }
    adproof(&["serve", "--output-format", "csv"]).exits(2).says(&["no output format `csv`"]);
}
