//! One connection to an address that was checked.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use adproof_vast::chain::{FetchFault, NetworkHop};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, crypto};
use url::{Host, Url};

use super::Fetcher;

/// Trusts the Mozilla roots and those given.
pub(crate) fn tls(extra: &[Vec<u8>]) -> Result<TlsConnector, tokio_rustls::rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for der in extra {
        roots.add(CertificateDer::from(der.clone()))?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// `Host` of a request.
pub(super) fn host_header(url: &Url) -> Result<HeaderValue, FetchFault> {
    let host = url.host_str().unwrap_or_default();
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::from_str(&text).map_err(|_| unreachable("the host is no header"))
}

fn unreachable(why: impl Display) -> FetchFault {
    FetchFault::Unreachable(why.to_string().into())
}

/// A connection for one request. Dropping it closes it.
pub(super) struct Link {
    sender: http1::SendRequest<Empty<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    async fn over<T>(stream: T, max_head_bytes: usize) -> Result<Self, FetchFault>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            // hyper refuses a smaller buffer than this.
            .max_buf_size(max_head_bytes.max(8 << 10))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        let driver = tokio::spawn(connection).abort_handle();
        Ok(Self { sender, driver })
    }

    pub(super) async fn send(
        &mut self,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response<Incoming>, FetchFault> {
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut request = Request::get(target).body(Empty::new()).map_err(unreachable)?;
        *request.headers_mut() = headers;
        self.sender.send_request(request).await.map_err(unreachable)
    }
}

impl Fetcher {
    /// Looks the host up, checks every address, connects to the first that answers.
    pub(super) async fn connect(
        &self,
        url: &Url,
        hop: &mut NetworkHop,
    ) -> Result<Link, FetchFault> {
        let refused = |why: String| FetchFault::Refused(why.into());
        self.guard.check_url(url).map_err(refused)?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(refused("the URL has no host".to_owned()));
        };
        let (name, found) = match host {
            Host::Ipv4(v4) => (v4.to_string(), vec![IpAddr::V4(v4)]),
            Host::Ipv6(v6) => (v6.to_string(), vec![IpAddr::V6(v6)]),
            Host::Domain(name) => {
                let found = self.names.lookup(name).await;
                let found = found.map_err(|_| unreachable(format!("{name} has no address")))?;
                (name.to_owned(), found)
            }
        };
        self.guard.check_addresses(&name, port, &found).map_err(|why| {
            refused(if why.starts_with(&name) { why } else { format!("{name}: {why}") })
        })?;
        let limit = Duration::from_millis(u64::from(self.limits.connect_ms));
        let standing = tokio::time::timeout(limit, self.open(url, &name, port, &found, hop)).await;
        standing.unwrap_or(Err(FetchFault::Timeout(self.limits.connect_ms)))
    }

    async fn open(
        &self,
        url: &Url,
        name: &str,
        port: u16,
        found: &[IpAddr],
        hop: &mut NetworkHop,
    ) -> Result<Link, FetchFault> {
        let mut last = unreachable(format!("{name} has no address"));
        for address in found {
            let stream = match TcpStream::connect(SocketAddr::new(*address, port)).await {
                Ok(stream) => stream,
                Err(error) => {
                    last = unreachable(error.kind());
                    continue;
                }
            };
            hop.remote_ip = Some(*address);
            let max_head_bytes = self.limits.max_head_bytes;
            if url.scheme() == "http" {
                return Link::over(stream, max_head_bytes).await;
            }
            let server = ServerName::try_from(name.to_owned()).map_err(unreachable)?;
            let stream = self.tls.connect(server, stream).await.map_err(unreachable)?;
            hop.tls = match stream.get_ref().1.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => Some("1.3".into()),
                Some(ProtocolVersion::TLSv1_2) => Some("1.2".into()),
                _ => None,
            };
            return Link::over(stream, max_head_bytes).await;
        }
        Err(last)
    }
}
