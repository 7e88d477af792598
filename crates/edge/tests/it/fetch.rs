//! The fetcher against servers that mean no good.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adproof_edge::fetch::{
    FetchLimits, FetchOptions, Fetched, Fetcher, FetcherError, Guard, Lookup, Names,
};
use adproof_vast::chain::{Fetch, FetchFault};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{Reply, Server};

fn need(url: &str) -> Fetch {
    Fetch { hop: 0, url: url.into(), timeout_ms: 5_000, max_bytes: 100_000 }
}

fn options(allow: &[&str]) -> FetchOptions {
    let allow = allow.iter().map(|text| text.parse().unwrap()).collect();
    FetchOptions { guard: Guard::new(allow), ..FetchOptions::default() }
}

fn fetcher(allow: &[&str]) -> Fetcher {
    Fetcher::new(options(allow)).unwrap()
}

const LOOPBACK: &[&str] = &["127.0.0.1"];

async fn fetch(url: &str) -> Fetched {
    fetcher(LOOPBACK).fetch(&need(url)).await
}

fn refused(text: &str) -> Result<Vec<u8>, FetchFault> {
    Err(FetchFault::Refused(text.into()))
}

/// Answers names from a list, the next one at each look-up; the last one stays.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let each = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self { answers: answers.iter().map(each).collect(), asked: AtomicUsize::new(0) })
    }
}

impl Names for Scripted {
    fn lookup<'a>(&'a self, _host: &'a str) -> Lookup<'a> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let found = self.answers[at].clone();
        Box::pin(async move { Ok(found) })
    }
}

#[tokio::test]
async fn a_document_is_fetched_and_its_way_recorded() {
    let headers = "Content-Type: text/xml\r\nAccess-Control-Allow-Origin: *\r\n";
    let server = Server::start(move |_| Reply::Body(b"<VAST/>".to_vec(), headers.to_owned())).await;
    let fetched = fetch(&server.url("/a?b=[c]")).await;
    assert_eq!(fetched.body, Ok(b"<VAST/>".to_vec()));
    let response = fetched.response();
    assert_eq!(response.content_type.as_deref(), Some("text/xml"));
    let cors = response.cors.unwrap();
    assert_eq!((cors.allow_origin.as_deref(), cors.allow_credentials), (Some("*"), None));
    let [hop] = &response.network[..] else { panic!("{:?}", response.network) };
    assert_eq!(hop.status, Some(200));
    assert_eq!(hop.remote_ip, Some(server.address.ip()));
    assert_eq!((hop.tls.as_deref(), hop.bytes), (None, 7));
}

#[tokio::test]
async fn loopback_and_private_addresses_are_refused_unless_allowed() {
    let server = Server::start(|_| Reply::xml("<VAST/>")).await;
    let port = server.address.port();
    // The port alone is reason enough, so take one that is open to all.
    for (url, why) in [
        ("http://127.0.0.1/", "127.0.0.1 is a loopback address"),
        ("http://0x7f.1/", "127.0.0.1 is a loopback address"),
        ("http://2130706433/", "127.0.0.1 is a loopback address"),
        ("http://[::1]/", "::1 is a loopback address"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1 is a loopback address"),
        ("http://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1 is a loopback address"),
        ("http://169.254.169.254/latest/", "169.254.169.254 is a link-local address"),
        ("http://10.0.0.1/", "10.0.0.1 is a private address"),
        ("https://user:pw@ads.example/", "the URL carries credentials"),
        ("ftp://ads.example/", "ftp is neither http nor https"),
    ] {
        let fetched = fetcher(&[]).fetch(&need(url)).await;
        assert_eq!(fetched.body, refused(why), "{url}");
        assert_eq!(fetched.exchanges[0].hop.remote_ip, None, "{url}");
    }
    let fetched = fetcher(&[]).fetch(&need(&server.url("/"))).await;
    assert_eq!(fetched.body, refused(&format!("port {port} is not one that ads are served from")));
    assert_eq!(server.requests(), 0);
    assert!(fetch(&server.url("/")).await.body.is_ok());
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused_at_the_second_hop() {
    let server = Server::start(|_| Reply::To("http://10.0.0.1/secret".to_owned())).await;
    let fetched = fetch(&server.url("/")).await;
    assert_eq!(fetched.body, refused("10.0.0.1 is a private address"));
    let way: Vec<(&str, Option<u16>)> =
        fetched.exchanges.iter().map(|e| (&*e.hop.url, e.hop.status)).collect();
    assert_eq!(way, [(&*server.url("/"), Some(302)), ("http://10.0.0.1/secret", None)]);
}

#[tokio::test]
async fn redirects_lead_neither_to_other_schemes_nor_to_credentials() {
    for (target, why) in [
        ("file:///etc/passwd", "file is neither http nor https"),
        ("gopher://127.0.0.1/", "gopher is neither http nor https"),
        ("http://a:b@127.0.0.1/", "the URL carries credentials"),
    ] {
        let server = Server::start(move |_| Reply::To(target.to_owned())).await;
        assert_eq!(fetch(&server.url("/")).await.body, refused(why));
    }
}

#[tokio::test]
async fn redirects_are_followed_and_counted() {
    let server = Server::start(|head| match head {
        _ if head.starts_with("GET /2 ") => Reply::xml("<VAST/>"),
        _ if head.starts_with("GET /1 ") => Reply::To("2".to_owned()),
        _ => Reply::To("/1".to_owned()),
    })
    .await;
    let fetched = fetch(&server.url("/")).await;
    assert_eq!(fetched.body, Ok(b"<VAST/>".to_vec()));
    assert_eq!(fetched.exchanges.len(), 3);
    assert_eq!(fetched.response().final_url.as_deref(), Some(&*server.url("/2")));
    let limited = |max_redirects| {
        let limits = FetchLimits { max_redirects, ..FetchLimits::default() };
        Fetcher::new(FetchOptions { limits, ..options(LOOPBACK) }).unwrap()
    };
    assert!(limited(2).fetch(&need(&server.url("/"))).await.body.is_ok());
    assert_eq!(
        limited(1).fetch(&need(&server.url("/"))).await.body,
        refused("more than 1 redirects")
    );
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = Server::start(|_| Reply::To("/".to_owned())).await;
    let fetched = fetch(&server.url("/")).await;
    assert_eq!(fetched.body, refused("more than 10 redirects"));
    assert_eq!(server.requests(), 11);
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_each_time() {
    let server = Server::start(|head| {
        if head.starts_with("GET /once ") {
            Reply::xml("<VAST/>")
        } else {
            Reply::To("/once".to_owned())
        }
    })
    .await;
    let port = server.address.port();
    let guard = Guard::new(vec!["127.0.0.1".parse().unwrap()]).with_ports(vec![port]);
    let names = Scripted::new(&[&["127.0.0.1"], &["127.0.0.1"], &["10.0.0.1"]]);
    let options = FetchOptions { guard, names: names.clone(), ..FetchOptions::default() };
    let client = Fetcher::new(options).unwrap();
    let at = |path: &str| need(&format!("http://ads.example:{port}{path}"));
    // One look-up for one connection: the answer cannot change between check and use.
    assert!(client.fetch(&at("/once")).await.body.is_ok());
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    let fetched = client.fetch(&at("/")).await;
    assert_eq!(fetched.body, refused("ads.example: 10.0.0.1 is a private address"));
    assert_eq!((names.asked.load(Ordering::SeqCst), server.requests()), (3, 2));
}

#[tokio::test]
async fn a_name_with_one_private_address_is_not_asked() {
    let names = Scripted::new(&[&["8.8.8.8", "10.0.0.1"]]);
    let client = Fetcher::new(FetchOptions { names, ..options(&[]) }).unwrap();
    let fetched = client.fetch(&need("http://ads.example/")).await;
    assert_eq!(fetched.body, refused("ads.example: 10.0.0.1 is a private address"));
    assert_eq!(fetched.exchanges[0].hop.remote_ip, None);
}

#[tokio::test]
async fn a_name_without_address_is_unreachable() {
    let names = Scripted::new(&[&[]]);
    let client = Fetcher::new(FetchOptions { names, ..options(&[]) }).unwrap();
    let fetched = client.fetch(&need("http://ads.example/")).await;
    assert_eq!(fetched.body, Err(FetchFault::Unreachable("ads.example has no address".into())));
}

#[tokio::test]
async fn a_server_that_does_not_answer_times_out() {
    let server = Server::start(|_| Reply::Silence).await;
    let began = Instant::now();
    let need = Fetch { timeout_ms: 200, ..need(&server.url("/")) };
    let fetched = fetcher(LOOPBACK).fetch(&need).await;
    assert_eq!(fetched.body, Err(FetchFault::Timeout(200)));
    assert_eq!(fetched.exchanges[0].hop.status, None);
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn time_runs_over_redirects_too() {
    let server = Server::start(|head| {
        if head.starts_with("GET /slow ") { Reply::Silence } else { Reply::To("/slow".to_owned()) }
    })
    .await;
    let need = Fetch { timeout_ms: 200, ..need(&server.url("/")) };
    let fetched = fetcher(LOOPBACK).fetch(&need).await;
    assert_eq!(fetched.body, Err(FetchFault::Timeout(200)));
    assert_eq!(fetched.exchanges.len(), 2);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_bound_and_no_further() {
    let server = Server::start(|head| match head {
        _ if head.starts_with("GET /endless ") => Reply::Endless,
        _ => Reply::xml(vec![b' '; 1_000]),
    })
    .await;
    let at = |path: &str, max_bytes| Fetch { max_bytes, ..need(&server.url(path)) };
    let client = fetcher(LOOPBACK);
    assert_eq!(client.fetch(&at("/", 1_000)).await.body.map(|body| body.len()), Ok(1_000));
    assert_eq!(client.fetch(&at("/", 999)).await.body, Err(FetchFault::TooBig(999)));
    let endless = client.fetch(&at("/endless", 100_000)).await;
    assert_eq!(endless.body, Err(FetchFault::TooBig(100_000)));
    assert!(endless.exchanges[0].hop.bytes < 1_000_000);
}

fn gzip(body: &[u8]) -> Reply {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    Reply::Body(encoder.finish().unwrap(), "Content-Encoding: gzip\r\n".to_owned())
}

#[tokio::test]
async fn gzip_is_undone_within_bounds() {
    let server = Server::start(|head| match head {
        _ if head.starts_with("GET /bomb ") => gzip(&vec![0; 4 << 20]),
        _ if head.starts_with("GET /dense ") => gzip(&vec![0; 200_000]),
        _ if head.starts_with("GET /cut ") => match gzip(b"<VAST/>") {
            Reply::Body(mut body, headers) => {
                body.truncate(body.len() - 9);
                Reply::Body(body, headers)
            }
            other => other,
        },
        _ if head.starts_with("GET /brotli ") => {
            Reply::Body(b"x".to_vec(), "Content-Encoding: br\r\n".to_owned())
        }
        _ => gzip(b"<VAST/>"),
    })
    .await;
    let at = |path: &str, max_bytes| Fetch { max_bytes, ..need(&server.url(path)) };
    let plain = fetcher(LOOPBACK);
    assert_eq!(plain.fetch(&at("/", 100)).await.body, Ok(b"<VAST/>".to_vec()));
    let bomb = plain.fetch(&at("/bomb", 1 << 20)).await;
    assert_eq!(bomb.body, Err(FetchFault::TooBig(1 << 20)));
    let dense = plain.fetch(&at("/dense", 1 << 20)).await;
    assert_eq!(dense.body, refused("it expands more than 100 times"));
    let limits = FetchLimits { max_ratio: 2_000, ..FetchLimits::default() };
    let lenient = Fetcher::new(FetchOptions { limits, ..options(LOOPBACK) }).unwrap();
    assert!(lenient.fetch(&at("/dense", 1 << 20)).await.body.is_ok());
    let unreachable = |text: &str| Err(FetchFault::Unreachable(text.into()));
    assert_eq!(plain.fetch(&at("/cut", 100)).await.body, unreachable("its gzip is broken"));
    assert_eq!(
        plain.fetch(&at("/brotli", 100)).await.body,
        unreachable("it answers in a content encoding that was not asked for")
    );
}

#[tokio::test]
async fn statuses_without_a_document_are_faults() {
    let server = Server::start(|head| match head {
        _ if head.starts_with("GET /204 ") => Reply::Status(204),
        _ if head.starts_with("GET /404 ") => Reply::Status(404),
        _ if head.starts_with("GET /304 ") => Reply::Status(304),
        _ => Reply::Cut,
    })
    .await;
    assert_eq!(fetch(&server.url("/204")).await.body, Ok(Vec::new()));
    assert_eq!(fetch(&server.url("/404")).await.body, Err(FetchFault::Status(404)));
    assert_eq!(fetch(&server.url("/304")).await.body, Err(FetchFault::Status(304)));
    assert!(matches!(fetch(&server.url("/cut")).await.body, Err(FetchFault::Unreachable(_))));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let address = Server::start(|_| Reply::Silence).await.address;
    // The server is gone: dropping it closed the port.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let fetched = fetch(&format!("http://{address}/")).await;
    assert!(matches!(fetched.body, Err(FetchFault::Unreachable(_))), "{:?}", fetched.body);
}

#[tokio::test]
async fn headers_are_bounded() {
    let server = Server::start(|head| {
        let len: usize = head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        // What the server adds: `content-length: 7`, and the name of this header.
        let value = "a".repeat(len - "content-length7".len() - "x-long".len());
        Reply::Body(b"<VAST/>".to_vec(), format!("X-Long: {value}\r\n"))
    })
    .await;
    assert!(fetch(&server.url("/65536")).await.body.is_ok());
    let over = refused("headers of more than 65536 bytes");
    assert_eq!(fetch(&server.url("/65537")).await.body, over);
    let fetched = fetch(&server.url("/1000000")).await;
    assert!(matches!(fetched.body, Err(FetchFault::Unreachable(_))), "{:?}", fetched.body);
}

#[tokio::test]
async fn device_headers_are_sent_only_when_given_and_cookies_never() {
    let server = Server::start(|head| {
        Reply::Body(head.as_bytes().to_vec(), "Set-Cookie: id=1\r\n".to_owned())
    })
    .await;
    let head = |fetched: Fetched| String::from_utf8(fetched.body.unwrap()).unwrap().to_lowercase();
    let plain = fetcher(LOOPBACK);
    for _ in 0..2 {
        let head = head(plain.fetch(&need(&server.url("/"))).await);
        assert!(!head.contains("x-device") && !head.contains("cookie"), "{head}");
        assert!(head.contains(&format!("host: {}", server.address)), "{head}");
    }
    let device = FetchOptions {
        device_ip: Some("2001:db8::7".parse().unwrap()),
        device_ua: Some("Mozilla/5.0 (TV)".to_owned()),
        ..options(LOOPBACK)
    };
    let head = head(Fetcher::new(device).unwrap().fetch(&need(&server.url("/"))).await);
    assert!(head.contains("x-device-ip: 2001:db8::7"), "{head}");
    assert!(head.contains("x-device-user-agent: mozilla/5.0 (tv)"), "{head}");
    let bad = FetchOptions { device_ua: Some("a\r\nb: c".to_owned()), ..options(&[]) };
    assert!(matches!(Fetcher::new(bad), Err(FetcherError::DeviceUserAgent)));
}

fn tls(name: &str) -> (TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let der = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), der.to_vec())
}

#[tokio::test]
async fn https_needs_a_certificate_that_is_trusted_and_fits() {
    let (acceptor, root) = tls("ads.example");
    let server = Server::start_with(|_| Reply::xml("<VAST/>"), Some(acceptor)).await;
    let port = server.address.port();
    let client = |roots: Vec<Vec<u8>>| {
        let names = Scripted::new(&[&["127.0.0.1"]]);
        let allow = ["ads.example", "other.example"];
        let options = FetchOptions { names, extra_roots: roots, ..options(&allow) };
        Fetcher::new(options).unwrap()
    };
    let url = format!("https://ads.example:{port}/");
    let fetched = client(vec![root.clone()]).fetch(&need(&url)).await;
    assert_eq!(fetched.body, Ok(b"<VAST/>".to_vec()));
    assert_eq!(fetched.exchanges[0].hop.tls.as_deref(), Some("1.3"));
    let untrusted = client(Vec::new()).fetch(&need(&url)).await;
    assert!(matches!(untrusted.body, Err(FetchFault::Unreachable(_))), "{:?}", untrusted.body);
    let other = format!("https://other.example:{port}/");
    let misnamed = client(vec![root]).fetch(&need(&other)).await;
    assert!(matches!(misnamed.body, Err(FetchFault::Unreachable(_))), "{:?}", misnamed.body);
    assert!(matches!(
        Fetcher::new(FetchOptions { extra_roots: vec![b"none".to_vec()], ..options(&[]) }),
        Err(FetcherError::Tls(_))
    ));
}
