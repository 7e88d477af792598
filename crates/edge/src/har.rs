//! Captures of a resolved chain as HAR 1.2, and back.
//!
//! Any HAR viewer shows the exchanges. What HAR has no place for stands in `log._adproof`: where
//! the chain started, the bounds and macros, which exchanges made which document, and why a
//! document failed. All numbers are integers, so that a capture of a replay is the same text.

use std::collections::BTreeMap;

use adproof_model::Timestamp;
use adproof_vast::chain::{FetchFault, Limits, Macros, NetworkHop, Options, Start};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::fetch::{Exchange, Fetched};

/// Everything that one resolution took in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The name under which the first document was given: an address or a path.
    pub name: Box<str>,
    /// Where it started.
    pub start: Start,
    /// Bounds and macros.
    pub options: Options,
    /// The documents, in the order in which they were needed.
    pub documents: Vec<Fetched>,
}

/// The text is no capture of ours.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// No HAR, or a HAR of another program: `log._adproof` is missing.
    #[error("no capture made by adproof: {0}")]
    Format(#[from] serde_json::Error),
    /// A part contradicts another: the file was edited or cut.
    #[error("a damaged capture: {0}")]
    Damaged(&'static str),
}

impl Capture {
    /// The capture as HAR text.
    ///
    /// # Errors
    /// None that is known: all values are text and integers.
    pub fn to_har(&self) -> Result<String, serde_json::Error> {
        let entries = self.documents.iter().flat_map(entries_of).collect();
        let har = Har {
            log: Log {
                version: "1.2".to_owned(),
                creator: Creator {
                    name: "adproof".to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                },
                entries,
                adproof: Own::of(self),
            },
        };
        let mut text = serde_json::to_string_pretty(&har)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a capture.
    ///
    /// # Errors
    /// When it is no capture that [`Self::to_har`] wrote.
    pub fn from_har(text: &[u8]) -> Result<Self, CaptureError> {
        let log = serde_json::from_slice::<Har>(text)?.log;
        let mut entries = log.entries.into_iter();
        let mut documents = Vec::new();
        for document in log.adproof.documents {
            documents.push(document.read(&mut entries)?);
        }
        if entries.next().is_some() {
            return Err(CaptureError::Damaged("an entry belongs to no document"));
        }
        Ok(Self {
            name: log.adproof.name,
            start: log.adproof.start.read()?,
            options: log.adproof.options.read()?,
            documents,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Har {
    log: Log,
}

#[derive(Serialize, Deserialize)]
struct Log {
    version: String,
    creator: Creator,
    entries: Vec<Entry>,
    #[serde(rename = "_adproof")]
    adproof: Own,
}

#[derive(Serialize, Deserialize)]
struct Creator {
    name: String,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: String,
    time: u32,
    request: Request,
    response: Answer,
    cache: Empty,
    timings: Timings,
    #[serde(rename = "serverIPAddress", skip_serializing_if = "Option::is_none")]
    server_ip_address: Option<String>,
    #[serde(rename = "_tls", skip_serializing_if = "Option::is_none")]
    tls: Option<Box<str>>,
}

#[derive(Serialize, Deserialize)]
struct Empty {}

#[derive(Serialize, Deserialize)]
struct Timings {
    send: u32,
    wait: u32,
    receive: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: Box<str>,
    http_version: String,
    cookies: [(); 0],
    headers: Vec<Pair>,
    query_string: Vec<Pair>,
    headers_size: i64,
    body_size: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    /// 0 when no answer came, as browsers write it.
    status: u16,
    status_text: String,
    http_version: String,
    cookies: [(); 0],
    headers: Vec<Pair>,
    content: Content,
    #[serde(rename = "redirectURL")]
    redirect_url: String,
    headers_size: i64,
    body_size: u64,
}

#[derive(Serialize, Deserialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    size: u64,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
}

/// What HAR has no place for.
#[derive(Serialize, Deserialize)]
struct Own {
    name: Box<str>,
    start: OwnStart,
    options: OwnOptions,
    documents: Vec<OwnDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OwnStart {
    Url(Box<str>),
    Document(Content),
}

#[derive(Serialize, Deserialize)]
struct OwnOptions {
    max_wrappers: u32,
    max_documents: u32,
    max_fan_out: u32,
    max_hop_bytes: u64,
    max_total_bytes: u64,
    max_trackers: u32,
    first_hop_ms: u32,
    hop_ms: u32,
    total_ms: u32,
    seed: u64,
    timestamp: Option<String>,
    macros: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct OwnDocument {
    asked: Box<str>,
    /// How many of the entries, in order, made this document.
    entries: usize,
    /// The document itself when it came from a file and no entry holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Content>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<OwnFault>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
enum OwnFault {
    Timeout(u32),
    Status(u16),
    Unreachable(Box<str>),
    Refused(Box<str>),
    TooBig(u64),
}

fn pairs(headers: &[(String, String)]) -> Vec<Pair> {
    let pair = |(name, value): &(String, String)| Pair { name: name.clone(), value: value.clone() };
    headers.iter().map(pair).collect()
}

fn unpaired(headers: Vec<Pair>) -> Vec<(String, String)> {
    headers.into_iter().map(|pair| (pair.name, pair.value)).collect()
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let found = headers.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value.as_str())
}

impl Content {
    fn of(body: &[u8], mime_type: &str) -> Self {
        let (text, encoding) = match std::str::from_utf8(body) {
            Ok(text) => (text.to_owned(), None),
            Err(_) => (BASE64_STANDARD.encode(body), Some("base64".to_owned())),
        };
        Self {
            size: u64::try_from(body.len()).unwrap_or(u64::MAX),
            mime_type: mime_type.to_owned(),
            text: Some(text),
            encoding,
        }
    }

    fn read(self) -> Result<Vec<u8>, CaptureError> {
        let text = self.text.unwrap_or_default();
        match self.encoding.as_deref() {
            None => Ok(text.into_bytes()),
            Some("base64") => BASE64_STANDARD
                .decode(text)
                .map_err(|_| CaptureError::Damaged("a body is no base64")),
            Some(_) => Err(CaptureError::Damaged("a body has an unknown encoding")),
        }
    }
}

fn entries_of(document: &Fetched) -> Vec<Entry> {
    let last = document.exchanges.len();
    let body = |at: usize| match &document.body {
        Ok(body) if at == last => Some(body.as_slice()),
        _ => None,
    };
    let numbered = document.exchanges.iter().zip(1..);
    numbered.map(|(exchange, at)| entry(exchange, body(at))).collect()
}

fn entry(exchange: &Exchange, body: Option<&[u8]>) -> Entry {
    let hop = &exchange.hop;
    let mime_type = header(&exchange.response_headers, "content-type");
    let query = Url::parse(&hop.url).ok();
    let query_string = query
        .iter()
        .flat_map(Url::query_pairs)
        .map(|(name, value)| Pair { name: name.into_owned(), value: value.into_owned() });
    let content = match body {
        Some(body) => Content::of(body, mime_type),
        None => Content { mime_type: mime_type.to_owned(), ..Content::default() },
    };
    Entry {
        started_date_time: exchange.started.to_string(),
        time: hop.ms,
        request: Request {
            method: "GET".to_owned(),
            url: hop.url.clone(),
            http_version: "HTTP/1.1".to_owned(),
            cookies: [],
            headers: pairs(&exchange.request_headers),
            query_string: query_string.collect(),
            headers_size: -1,
            body_size: 0,
        },
        response: Answer {
            status: hop.status.unwrap_or(0),
            status_text: String::new(),
            http_version: "HTTP/1.1".to_owned(),
            cookies: [],
            headers: pairs(&exchange.response_headers),
            content,
            redirect_url: header(&exchange.response_headers, "location").to_owned(),
            headers_size: -1,
            body_size: hop.bytes,
        },
        cache: Empty {},
        timings: Timings { send: 0, wait: hop.ms, receive: 0 },
        server_ip_address: hop.remote_ip.map(|ip| ip.to_string()),
        tls: hop.tls.clone(),
    }
}

impl Entry {
    /// The exchange, and the content of its answer.
    fn read(self) -> Result<(Exchange, Content), CaptureError> {
        let started = self.started_date_time.parse();
        let remote_ip = self.server_ip_address.map(|ip| ip.parse()).transpose();
        let exchange = Exchange {
            started: started.map_err(|_| CaptureError::Damaged("a time is none"))?,
            request_headers: unpaired(self.request.headers),
            response_headers: unpaired(self.response.headers),
            hop: NetworkHop {
                url: self.request.url,
                status: (self.response.status != 0).then_some(self.response.status),
                remote_ip: remote_ip.map_err(|_| CaptureError::Damaged("a peer is no address"))?,
                tls: self.tls,
                ms: self.time,
                bytes: self.response.body_size,
            },
        };
        Ok((exchange, self.response.content))
    }
}

impl OwnDocument {
    fn of(document: &Fetched) -> Self {
        let file = match &document.body {
            Ok(body) if document.exchanges.is_empty() => Some(Content::of(body, "")),
            _ => None,
        };
        let fault = document.body.as_ref().err().map(|fault| match fault {
            FetchFault::Timeout(ms) => OwnFault::Timeout(*ms),
            FetchFault::Status(status) => OwnFault::Status(*status),
            FetchFault::Unreachable(why) => OwnFault::Unreachable(why.clone()),
            FetchFault::Refused(why) => OwnFault::Refused(why.clone()),
            FetchFault::TooBig(bytes) => OwnFault::TooBig(*bytes),
            other => OwnFault::Unreachable(other.to_string().into()),
        });
        Self { asked: document.asked.clone(), entries: document.exchanges.len(), file, fault }
    }

    fn read(self, entries: &mut impl Iterator<Item = Entry>) -> Result<Fetched, CaptureError> {
        let mut exchanges = Vec::new();
        let mut last = self.file;
        for _ in 0..self.entries {
            let entry = entries.next();
            let entry = entry.ok_or(CaptureError::Damaged("an entry is missing"))?;
            let (exchange, content) = entry.read()?;
            exchanges.push(exchange);
            last = Some(content);
        }
        let body = match self.fault {
            Some(fault) => Err(match fault {
                OwnFault::Timeout(ms) => FetchFault::Timeout(ms),
                OwnFault::Status(status) => FetchFault::Status(status),
                OwnFault::Unreachable(why) => FetchFault::Unreachable(why),
                OwnFault::Refused(why) => FetchFault::Refused(why),
                OwnFault::TooBig(bytes) => FetchFault::TooBig(bytes),
            }),
            None => Ok(last.ok_or(CaptureError::Damaged("a document has no body"))?.read()?),
        };
        Ok(Fetched { asked: self.asked, exchanges, body })
    }
}

impl OwnStart {
    fn read(self) -> Result<Start, CaptureError> {
        Ok(match self {
            Self::Url(url) => Start::Url(url),
            Self::Document(content) => Start::Document(content.read()?),
        })
    }
}

impl OwnOptions {
    fn read(self) -> Result<Options, CaptureError> {
        let timestamp = self.timestamp.map(|text| text.parse::<Timestamp>()).transpose();
        Ok(Options {
            limits: Limits {
                max_wrappers: self.max_wrappers,
                max_documents: self.max_documents,
                max_fan_out: self.max_fan_out,
                max_hop_bytes: self.max_hop_bytes,
                max_total_bytes: self.max_total_bytes,
                max_trackers: self.max_trackers,
                first_hop_ms: self.first_hop_ms,
                hop_ms: self.hop_ms,
                total_ms: self.total_ms,
            },
            macros: Macros {
                seed: self.seed,
                timestamp: timestamp.map_err(|_| CaptureError::Damaged("a time is none"))?,
                values: self.macros,
            },
        })
    }
}

impl Own {
    fn of(capture: &Capture) -> Self {
        let Options { limits, macros } = &capture.options;
        Self {
            name: capture.name.clone(),
            start: match &capture.start {
                Start::Url(url) => OwnStart::Url(url.clone()),
                Start::Document(bytes) => OwnStart::Document(Content::of(bytes, "")),
            },
            options: OwnOptions {
                max_wrappers: limits.max_wrappers,
                max_documents: limits.max_documents,
                max_fan_out: limits.max_fan_out,
                max_hop_bytes: limits.max_hop_bytes,
                max_total_bytes: limits.max_total_bytes,
                max_trackers: limits.max_trackers,
                first_hop_ms: limits.first_hop_ms,
                hop_ms: limits.hop_ms,
                total_ms: limits.total_ms,
                seed: macros.seed,
                timestamp: macros.timestamp.map(|time| time.to_string()),
                macros: macros.values.clone(),
            },
            documents: capture.documents.iter().map(OwnDocument::of).collect(),
        }
    }
}
