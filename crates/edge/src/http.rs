//! Requests to services that the operator has named: witnesses and time stamp authorities. Tags
//! and what they name go through [`crate::fetch`] and its guard, never through here.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

/// Bounds of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Milliseconds until the whole answer is there.
    pub total_ms: u32,
    /// The longest answer in bytes.
    pub body_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { total_ms: 20_000, body_bytes: 1 << 20 }
    }
}

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The media type, without parameters, in lower case; empty where there is none.
    pub media_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Not a URL that can be asked. Likely cause: a missing `https://`.
    #[error("`{0}` is not an http or https URL")]
    Url(String),
    /// No connection, or it broke. Likely cause: the service is down or the address is wrong.
    #[error("the service cannot be reached: {0}")]
    Unreachable(String),
    /// No whole answer in time.
    #[error("there was no answer within {0} ms")]
    Slow(u32),
    /// The answer is longer than is read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

fn unreachable(why: impl std::fmt::Display) -> HttpError {
    HttpError::Unreachable(why.to_string())
}

/// Asks services, each request over a connection of its own.
#[derive(Clone)]
pub struct HttpClient {
    tls: TlsConnector,
    limits: HttpLimits,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// A client that trusts the Mozilla roots.
    pub fn new(limits: HttpLimits) -> Result<Self, HttpError> {
        let tls = crate::fetch::tls(&[]).map_err(unreachable)?;
        Ok(Self { tls, limits })
    }

    /// Fetches a document.
    pub async fn get(&self, url: &str) -> Result<HttpAnswer, HttpError> {
        self.send(Method::GET, url, "", Bytes::new()).await
    }

    /// Sends a body of a media type.
    pub async fn post(
        &self,
        url: &str,
        media_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<HttpAnswer, HttpError> {
        self.send(Method::POST, url, media_type, body.into()).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<HttpAnswer, HttpError> {
        let parsed = Url::parse(url).map_err(|_| HttpError::Url(url.to_owned()))?;
        let limit = Duration::from_millis(u64::from(self.limits.total_ms));
        let whole = self.exchange(method, &parsed, media_type, body);
        let answer = tokio::time::timeout(limit, whole).await;
        answer.unwrap_or(Err(HttpError::Slow(self.limits.total_ms)))
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        media_type: &str,
        body: Bytes,
    ) -> Result<HttpAnswer, HttpError> {
        let not_a_url = || HttpError::Url(url.to_string());
        let host = match url.host().ok_or_else(not_a_url)? {
            // A socket address has no brackets.
            Host::Ipv6(v6) => v6.to_string(),
            host => host.to_string(),
        };
        let port = url.port_or_known_default().ok_or_else(not_a_url)?;
        let stream = TcpStream::connect((host.as_str(), port)).await.map_err(unreachable)?;
        let request = request(method, url, media_type, body)?;
        match url.scheme() {
            "http" => self.over(stream, request).await,
            "https" => {
                let server = ServerName::try_from(host).map_err(unreachable)?;
                let stream = self.tls.connect(server, stream).await.map_err(unreachable)?;
                self.over(stream, request).await
            }
            _ => Err(not_a_url()),
        }
    }

    async fn over<T>(
        &self,
        stream: T,
        request: Request<Full<Bytes>>,
    ) -> Result<HttpAnswer, HttpError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(unreachable)?;
        let driver = tokio::spawn(connection).abort_handle();
        let answer = self.answer(&mut sender, request).await;
        driver.abort();
        answer
    }

    async fn answer(
        &self,
        sender: &mut http1::SendRequest<Full<Bytes>>,
        request: Request<Full<Bytes>>,
    ) -> Result<HttpAnswer, HttpError> {
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let media_type = response.headers().get(header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type =
            media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let most = self.limits.body_bytes;
        let body = Limited::new(response.into_body(), most).collect().await;
        let body = body.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                HttpError::TooLong(most)
            } else {
                unreachable(error)
            }
        })?;
        Ok(HttpAnswer { status, media_type, body: body.to_bytes().to_vec() })
    }
}

fn request(
    method: Method,
    url: &Url,
    media_type: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, concat!("adproof/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close");
    if !media_type.is_empty() {
        request = request.header(header::CONTENT_TYPE, media_type);
    }
    request.body(Full::new(body)).map_err(unreachable)
}
