//! Fetches documents from strangers without being led anywhere.
//!
//! Every request is one connection: the [`Guard`] checks the address text, the name is looked up
//! once, the guard checks every address that came back, and the connection goes to one of these
//! very addresses. Redirects are followed here, each one through the same door. There is no
//! proxy, no cookie, no pool and no second look-up in which an answer could change.

mod body;
mod connect;
mod guard;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use adproof_model::Timestamp;
use adproof_vast::chain::{Cors, Fetch, FetchFault, NetworkHop, Response};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

pub(crate) use connect::tls;
pub use guard::{AllowNet, AllowNetError, Guard};

/// Bounds of one fetch, beside those that the request itself states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchLimits {
    /// Redirects on the way to one document.
    pub max_redirects: u32,
    /// Milliseconds until a connection stands, TLS included.
    pub connect_ms: u32,
    /// How many times larger than on the wire a body may become.
    pub max_ratio: u64,
    /// Bytes of the headers of an answer, names and values.
    pub max_head_bytes: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { max_redirects: 10, connect_ms: 3_000, max_ratio: 100, max_head_bytes: 64 << 10 }
    }
}

/// A name look-up that is on its way.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks names up. What it answers is checked, and is all that is connected to.
pub trait Names: Send + Sync {
    /// The addresses of a host.
    fn lookup<'a>(&'a self, host: &'a str) -> Lookup<'a>;
}

/// The names as the operating system knows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn lookup<'a>(&'a self, host: &'a str) -> Lookup<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// How documents are fetched.
#[derive(Clone)]
pub struct FetchOptions {
    /// Where it may go.
    pub guard: Guard,
    /// The bounds.
    pub limits: FetchLimits,
    /// `X-Device-IP`, as a server that stitches ads would send it.
    pub device_ip: Option<IpAddr>,
    /// `X-Device-User-Agent`, likewise.
    pub device_ua: Option<String>,
    /// Certificates (DER) that are trusted beside the Mozilla roots.
    pub extra_roots: Vec<Vec<u8>>,
    /// Who knows names.
    pub names: Arc<dyn Names>,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            guard: Guard::default(),
            limits: FetchLimits::default(),
            device_ip: None,
            device_ua: None,
            extra_roots: Vec::new(),
            names: Arc::new(SystemNames),
        }
    }
}

/// The options make no fetcher.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetcherError {
    /// The device's user agent has characters that no header may hold.
    #[error("the device's user agent cannot be sent as a header")]
    DeviceUserAgent,
    /// A root is no certificate, or the TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// One HTTP request and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When it began.
    pub started: Timestamp,
    /// What was sent, names in lower case.
    pub request_headers: Vec<(String, String)>,
    /// What came back, names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// Address, status, peer, duration, bytes on the wire.
    pub hop: NetworkHop,
}

/// A document as it was fetched, or why it was not, with every exchange on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The address that was asked for.
    pub asked: Box<str>,
    /// The exchanges, in order. Empty when the document came from a file.
    pub exchanges: Vec<Exchange>,
    /// The body, decompressed.
    pub body: Result<Vec<u8>, FetchFault>,
}

impl Fetched {
    /// What the chain's resolver takes.
    #[must_use]
    pub fn response(&self) -> Response {
        let last = self.exchanges.last();
        let header = |name: &str| {
            last.and_then(|exchange| {
                let found = exchange.response_headers.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| Box::<str>::from(value.as_str()))
            })
        };
        let cors = Cors {
            allow_origin: header("access-control-allow-origin"),
            allow_credentials: header("access-control-allow-credentials"),
        };
        Response {
            network: self.exchanges.iter().map(|e| e.hop.clone()).collect(),
            final_url: last.map(|exchange| exchange.hop.url.clone()),
            content_type: header("content-type"),
            cors: (cors != Cors::default()).then_some(cors),
            body: self.body.clone(),
        }
    }
}

/// What one exchange led to.
enum Answer {
    Body(Vec<u8>),
    Redirect(Url),
}

/// Fetches documents over http and https.
pub struct Fetcher {
    guard: Guard,
    limits: FetchLimits,
    headers: HeaderMap,
    names: Arc<dyn Names>,
    tls: tokio_rustls::TlsConnector,
}

impl Fetcher {
    /// A fetcher with these options.
    pub fn new(options: FetchOptions) -> Result<Self, FetcherError> {
        let mut headers = HeaderMap::new();
        let agent = concat!("adproof/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        let accept = "application/xml, text/xml, */*;q=0.5";
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let device =
            |text: &str| HeaderValue::from_str(text).map_err(|_| FetcherError::DeviceUserAgent);
        if let Some(ip) = options.device_ip {
            let name = HeaderName::from_static("x-device-ip");
            headers.insert(name, device(&ip.to_string())?);
        }
        if let Some(agent) = &options.device_ua {
            let name = HeaderName::from_static("x-device-user-agent");
            headers.insert(name, device(agent)?);
        }
        Ok(Self {
            guard: options.guard,
            limits: options.limits,
            headers,
            names: options.names,
            tls: connect::tls(&options.extra_roots)?,
        })
    }

    /// Fetches a document. What goes wrong is part of the answer.
    pub async fn fetch(&self, need: &Fetch) -> Fetched {
        let deadline = Instant::now() + Duration::from_millis(u64::from(need.timeout_ms));
        let mut exchanges = Vec::new();
        let body = self.follow(need, deadline, &mut exchanges).await;
        Fetched { asked: need.url.clone(), exchanges, body }
    }

    async fn follow(
        &self,
        need: &Fetch,
        deadline: Instant,
        exchanges: &mut Vec<Exchange>,
    ) -> Result<Vec<u8>, FetchFault> {
        let mut url =
            Url::parse(&need.url).map_err(|error| FetchFault::Refused(error.to_string().into()))?;
        for _ in 0..=self.limits.max_redirects {
            let mut exchange = Exchange {
                started: now(),
                request_headers: Vec::new(),
                response_headers: Vec::new(),
                hop: NetworkHop {
                    url: url.as_str().into(),
                    status: None,
                    remote_ip: None,
                    tls: None,
                    ms: 0,
                    bytes: 0,
                },
            };
            let began = Instant::now();
            let once = self.once(&url, need.max_bytes, &mut exchange);
            let answer = match tokio::time::timeout_at(deadline, once).await {
                Ok(answer) => answer,
                Err(_) => Err(FetchFault::Timeout(need.timeout_ms)),
            };
            exchange.hop.ms = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
            exchanges.push(exchange);
            match answer? {
                Answer::Body(body) => return Ok(body),
                Answer::Redirect(next) => url = next,
            }
        }
        let text = format!("more than {} redirects", self.limits.max_redirects);
        Err(FetchFault::Refused(text.into()))
    }

    /// One request: checked, connected to a checked address, answered.
    async fn once(
        &self,
        url: &Url,
        max_bytes: u64,
        exchange: &mut Exchange,
    ) -> Result<Answer, FetchFault> {
        let mut link = self.connect(url, &mut exchange.hop).await?;
        let mut headers = self.headers.clone();
        headers.insert(header::HOST, connect::host_header(url)?);
        exchange.request_headers = readable(&headers);
        let response = link.send(url, headers).await?;
        let status = response.status();
        exchange.hop.status = Some(status.as_u16());
        // hyper's own bound is on its buffer, and may be passed by one read.
        let head: usize =
            response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if head > self.limits.max_head_bytes {
            let text = format!("headers of more than {} bytes", self.limits.max_head_bytes);
            return Err(FetchFault::Refused(text.into()));
        }
        exchange.response_headers = readable(response.headers());
        if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            let target = response
                .headers()
                .get(header::LOCATION)
                .and_then(|value| value.to_str().ok())
                .ok_or_else(|| {
                    FetchFault::Unreachable(format!("{status} without a Location").into())
                })?;
            let next = url.join(target).map_err(|_| {
                FetchFault::Unreachable("the Location of a redirect is no URL".into())
            })?;
            return Ok(Answer::Redirect(next));
        }
        if !status.is_success() {
            return Err(FetchFault::Status(status.as_u16()));
        }
        let read = body::Reader::new(response.headers(), max_bytes, self.limits.max_ratio)?;
        let body = read.all(response.into_body(), &mut exchange.hop.bytes).await?;
        Ok(Answer::Body(body))
    }
}

/// Header names and values as text; a byte that is no text becomes U+FFFD.
fn readable(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
