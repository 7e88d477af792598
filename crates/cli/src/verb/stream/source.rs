//! Where a stream comes from, as people write it.

use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use adproof_edge::stream::{Nats, Origin};

/// A source as `--source` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// An address to listen on, and how it was written.
    Http(String),
    /// A JetStream consumer.
    Nats(Nats),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" || text == "stdin:" {
            return Ok(Self::Stdin);
        }
        if let Some(rest) = text.strip_prefix("http:") {
            let address = rest.trim_start_matches('/').trim_end_matches('/');
            return if address.is_empty() {
                Err("say where to listen: http://127.0.0.1:8080".to_owned())
            } else {
                Ok(Self::Http(address.to_owned()))
            };
        }
        if text.starts_with("nats:") || text.starts_with("tls:") {
            return nats(text).map(Self::Nats);
        }
        match text.strip_prefix("file:").unwrap_or(text) {
            "" => Err("a source has a name".to_owned()),
            path => Ok(Self::File(PathBuf::from(path))),
        }
    }
}

/// `nats://host:port/STREAM?consumer=NAME&dead=SUBJECT&wait=SECONDS`.
fn nats(text: &str) -> Result<Nats, String> {
    let shape = "write it as nats://host:4222/STREAM?consumer=NAME&dead=SUBJECT";
    let (scheme, rest) = text.split_once("://").ok_or(shape)?;
    let (host, rest) = rest.split_once('/').ok_or(shape)?;
    let (stream, query) = rest.split_once('?').unwrap_or((rest, ""));
    if host.is_empty() || stream.is_empty() {
        return Err(shape.to_owned());
    }
    let mut nats = Nats {
        server: format!("{scheme}://{host}"),
        stream: stream.to_owned(),
        consumer: "adproof".to_owned(),
        wait: Duration::from_secs(30),
        dead_subject: None,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("consumer", name)) if !name.is_empty() => name.clone_into(&mut nats.consumer),
            Some(("dead", name)) if !name.is_empty() => nats.dead_subject = Some(name.to_owned()),
            Some(("wait", text)) => {
                let seconds = text.parse().ok().filter(|seconds| (1..=3_600).contains(seconds));
                nats.wait = Duration::from_secs(seconds.ok_or("wait is 1 to 3600 seconds")?);
            }
            _ => return Err(format!("`{pair}` is not known; {shape}")),
        }
    }
    Ok(nats)
}

impl Source {
    /// What the edge opens.
    pub(super) fn origin(&self, follow: bool) -> Result<Origin, String> {
        match self {
            _ if follow && !matches!(self, Self::File(_)) => {
                Err("only a file can be followed beyond its end".to_owned())
            }
            Self::Stdin => Ok(Origin::Stdin),
            Self::File(path) if follow => Ok(Origin::Follow(path.clone())),
            Self::File(path) => Ok(Origin::File(path.clone())),
            Self::Http(address) => {
                let mut found = address.to_socket_addrs().map_err(|error| error.to_string())?;
                found.next().map(Origin::Http).ok_or_else(|| "no such address".to_owned())
            }
            Self::Nats(nats) => Ok(Origin::Nats(nats.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Source>().unwrap();
        assert_eq!(read("-"), Source::Stdin);
        assert_eq!(read("stdin:"), Source::Stdin);
        assert_eq!(read("a/log.jsonl"), Source::File("a/log.jsonl".into()));
        assert_eq!(read("file:a/log.jsonl"), Source::File("a/log.jsonl".into()));
        assert_eq!(read("http://127.0.0.1:8080/"), Source::Http("127.0.0.1:8080".into()));
        let expected = Nats {
            server: "nats://h:4222".into(),
            stream: "EVENTS".into(),
            consumer: "c".into(),
            wait: Duration::from_secs(9),
            dead_subject: Some("dead.events".into()),
        };
        let text = "nats://h:4222/EVENTS?consumer=c&dead=dead.events&wait=9";
        assert_eq!(read(text), Source::Nats(expected));
        for wrong in [
            "",
            "file:",
            "http:",
            "nats:x",
            "nats://h/",
            "nats://h/S?x=1",
            "nats://h/S?wait=0",
            "nats:///S",
        ] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }
}
