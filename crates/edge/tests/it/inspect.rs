//! Chains over the network, over files and over captures.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use adproof_edge::fetch::{FetchOptions, Fetcher, Guard};
use adproof_edge::har::{Capture, CaptureError};
use adproof_edge::inspect::{
    self, InspectError, Inspection, Map, Mapped, NoNetwork, Replay, Source, offline,
};
use adproof_model::Timestamp;
use adproof_vast::chain::{ChainOutcome, Limits, Macros, Options, Resolver, Start, VastError};

use crate::server::{Reply, Server};

fn fetcher() -> Fetcher {
    let guard = Guard::new(vec!["127.0.0.1".parse().unwrap()]);
    Fetcher::new(FetchOptions { guard, ..FetchOptions::default() }).unwrap()
}

fn options() -> Options {
    let macros = Macros {
        seed: 3,
        timestamp: Some(Timestamp::from_micros(1_780_000_000_000_000)),
        ..Macros::default()
    };
    Options { limits: Limits { hop_ms: 400, first_hop_ms: 400, ..Limits::default() }, macros }
}

async fn walk<S: Source>(start: Start, source: &mut S) -> Inspection {
    inspect::run(Resolver::new(start, options()), source).await.unwrap()
}

async fn follow(server: &Server, path: &str) -> Inspection {
    walk(Start::Url(server.url(path).into()), &mut fetcher()).await
}

fn wrapper(uri: &str) -> String {
    format!(
        "<VAST version=\"3.0\"><Ad><Wrapper><AdSystem>a</AdSystem><VASTAdTagURI><![CDATA[{uri}]]>\
         </VASTAdTagURI><Impression>https://t.example/never</Impression></Wrapper></Ad></VAST>"
    )
}

const INLINE: &str = "<VAST version=\"3.0\"><Ad><InLine><AdTitle>it</AdTitle></InLine></Ad></VAST>";

/// A server whose answers may name its own address.
async fn server(answer: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> Server {
    let own = Arc::new(OnceLock::<SocketAddr>::new());
    let seen = Arc::clone(&own);
    let server = Server::start(move |head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let base = seen.get().map(|address| format!("http://{address}")).unwrap_or_default();
        answer(path, &base)
    })
    .await;
    own.set(server.address).unwrap();
    server
}

/// `/0` to `/n` wrap each other, `/n` is the ad.
async fn chain_of(wrappers: usize) -> Server {
    server(move |path, base| {
        let at: usize = path.trim_start_matches('/').parse().unwrap();
        if at == wrappers {
            Reply::xml(INLINE)
        } else {
            Reply::xml(wrapper(&format!("{base}/{}", at + 1)))
        }
    })
    .await
}

fn ended(inspection: &Inspection) -> (ChainOutcome, Option<VastError>, usize) {
    let chain = &inspection.chain;
    (chain.outcome, chain.vast_error, chain.hops.len())
}

fn fault(inspection: &Inspection) -> &str {
    inspection.chain.first_fault().map_or("", |(_, fault)| &fault.text)
}

#[tokio::test]
async fn five_wrappers_are_followed_and_the_sixth_is_302() {
    let five = chain_of(5).await;
    assert_eq!(ended(&follow(&five, "/0").await), (ChainOutcome::Resolved, None, 6));
    let six = chain_of(6).await;
    let inspection = follow(&six, "/0").await;
    assert_eq!(ended(&inspection), (ChainOutcome::Refused, Some(VastError::WrapperLimit), 6));
    // The document behind the sixth wrapper is never asked for.
    assert_eq!(six.requests(), 6);
}

#[tokio::test]
async fn only_wrapper_addresses_are_requested() {
    let server = server(|path, base| match path {
        "/ad" => Reply::xml(INLINE.replace(
            "<AdTitle>",
            &format!("<Impression>{base}/tracker</Impression><Error>{base}/error</Error><AdTitle>"),
        )),
        _ => Reply::xml(wrapper(&format!("{base}/ad")).replace("https://t.example", base)),
    })
    .await;
    let inspection = follow(&server, "/").await;
    assert_eq!(inspection.chain.ads[0].trackers.len(), 3);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_slow_server_is_301() {
    let server = server(|path, base| match path {
        "/" => Reply::xml(wrapper(&format!("{base}/slow"))),
        _ => Reply::Silence,
    })
    .await;
    let inspection = follow(&server, "/").await;
    assert_eq!(ended(&inspection), (ChainOutcome::Error, Some(VastError::Timeout), 2));
    assert_eq!(fault(&inspection), "no answer within 400 ms");
    assert_eq!(inspection.chain.hops[0].expected_error, Some(VastError::Timeout));
}

#[tokio::test]
async fn a_wrapper_that_leads_inside_is_refused() {
    let server =
        server(|_, _| Reply::xml(wrapper("http://169.254.169.254/latest/meta-data/"))).await;
    let inspection = follow(&server, "/").await;
    assert_eq!(ended(&inspection), (ChainOutcome::Refused, Some(VastError::Wrapper), 2));
    assert_eq!(fault(&inspection), "169.254.169.254 is a link-local address");
}

#[tokio::test]
async fn a_wrapper_loop_behind_cache_busters_is_found() {
    let server = server(|_, base| Reply::xml(wrapper(&format!("{base}/?cb=[CACHEBUSTING]")))).await;
    let inspection = follow(&server, "/").await;
    assert_eq!(ended(&inspection), (ChainOutcome::Refused, Some(VastError::WrapperLimit), 2));
    assert_eq!(fault(&inspection), "a loop: the same document as hop 0");
}

#[tokio::test]
async fn a_loop_whose_documents_differ_ends_at_the_limit() {
    let count = AtomicUsize::new(0);
    let server = server(move |_, base| {
        let id = count.fetch_add(1, Ordering::SeqCst);
        Reply::xml(wrapper(&format!("{base}/?id={id}&cb=[CACHEBUSTING]")))
    })
    .await;
    let inspection = follow(&server, "/").await;
    assert_eq!(ended(&inspection), (ChainOutcome::Refused, Some(VastError::WrapperLimit), 6));
}

#[tokio::test]
async fn redirects_are_hops_of_the_network_and_not_of_the_chain() {
    let server = server(|path, base| match path {
        "/" => Reply::xml(wrapper(&format!("{base}/a"))),
        "/a" => Reply::To("/b".to_owned()),
        _ => Reply::xml(INLINE),
    })
    .await;
    let inspection = follow(&server, "/").await;
    assert_eq!(ended(&inspection), (ChainOutcome::Resolved, None, 2));
    let hop = &inspection.chain.hops[1];
    assert_eq!(hop.network.len(), 2);
    assert_eq!(hop.final_url.as_deref(), Some(&*server.url("/b")));
}

fn captured(start: Start, inspection: &Inspection) -> String {
    let documents = inspection.documents.clone();
    let capture = Capture { name: "a".into(), start, options: options(), documents };
    capture.to_har().unwrap()
}

async fn replayed(har: &str) -> Result<Inspection, InspectError> {
    let capture = Capture::from_har(har.as_bytes()).unwrap();
    let resolver = Resolver::new(capture.start, capture.options);
    inspect::run(resolver, &mut Replay::new(capture.documents)).await
}

#[tokio::test]
async fn a_replay_gives_the_same_chain_and_the_same_capture() {
    let server = server(|path, base| match path.split('?').next().unwrap_or_default() {
        "/ok" => Reply::xml(wrapper(&format!("{base}/latin1?cb=[CACHEBUSTING]&t=[TIMESTAMP]"))),
        "/latin1" => Reply::To("/latin1b".to_owned()),
        "/latin1b" => Reply::xml(
            [
                &b"<?xml version='1.0' encoding='ISO-8859-1'?>"[..],
                INLINE.as_bytes(),
                b"<!--\xe9-->",
            ]
            .concat(),
        ),
        "/slow" => Reply::xml(wrapper(&format!("{base}/silence"))),
        "/silence" => Reply::Silence,
        "/inside" => Reply::xml(wrapper("http://10.0.0.1/")),
        "/gone" => Reply::xml(wrapper(&format!("{base}/404"))),
        "/large" => Reply::Endless,
        _ => Reply::Status(404),
    })
    .await;
    for path in ["/ok", "/slow", "/inside", "/gone", "/large", "/cut"] {
        let start = Start::Url(server.url(path).into());
        let inspection = walk(start.clone(), &mut fetcher()).await;
        let har = captured(start.clone(), &inspection);
        let again = replayed(&har).await.unwrap();
        assert_eq!(again.chain, inspection.chain, "{path}");
        assert_eq!(captured(start, &again), har, "{path}");
    }
    let document = Start::Document(wrapper(&server.url("/ok")).into_bytes());
    let inspection = walk(document.clone(), &mut fetcher()).await;
    assert_eq!(inspection.chain.outcome, ChainOutcome::Resolved);
    let again = replayed(&captured(document, &inspection)).await.unwrap();
    assert_eq!(again.chain, inspection.chain);
}

#[tokio::test]
async fn a_capture_that_was_edited_is_refused() {
    let server = chain_of(1).await;
    let start = Start::Url(server.url("/0").into());
    let inspection = walk(start.clone(), &mut fetcher()).await;
    let har = captured(start, &inspection);
    let asked = format!("\"asked\": \"{}\"", server.url("/1"));
    assert!(har.contains(&asked));
    let other = har.replace(&asked, "\"asked\": \"http://other.example/\"");
    let missing = InspectError::NotCaptured(server.url("/1").into());
    assert_eq!(replayed(&other).await, Err(missing));
    let reading = |text: &str| Capture::from_har(text.as_bytes()).unwrap_err();
    let fewer = har.replacen("\"entries\": 1", "\"entries\": 0", 1);
    assert!(matches!(reading(&fewer), CaptureError::Damaged(_)));
    let more = har.replacen("\"entries\": 1", "\"entries\": 9", 1);
    assert!(matches!(reading(&more), CaptureError::Damaged(_)));
    for text in ["", "{}", "{\"log\":{\"version\":\"1.2\"}}"] {
        assert!(matches!(reading(text), CaptureError::Format(_)), "{text}");
    }
}

fn map(dir: &Path) -> Map {
    format!("https://ads.example/={}", dir.display()).parse().unwrap()
}

#[test]
fn the_shipped_chains_resolve_without_network() {
    let tags = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/tags");
    let ended = |name: &str, options: Options| {
        let tag = std::fs::read(tags.join(name)).unwrap();
        ended(&offline(tag, vec![map(&tags)], options).unwrap())
    };
    let limit = Some(VastError::WrapperLimit);
    assert_eq!(ended("chain-5-1.xml", options()), (ChainOutcome::Resolved, None, 6));
    assert_eq!(ended("chain-6-1.xml", options()), (ChainOutcome::Refused, limit, 6));
    assert_eq!(ended("chain-6-2.xml", options()), (ChainOutcome::Resolved, None, 6));
    let six = Options { limits: Limits { max_wrappers: 6, ..Limits::default() }, ..options() };
    assert_eq!(ended("chain-6-1.xml", six), (ChainOutcome::Resolved, None, 7));
}

#[tokio::test]
async fn a_mapped_folder_is_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let tags = folder.path().join("tags");
    std::fs::create_dir_all(tags.join("sub")).unwrap();
    std::fs::write(folder.path().join("secret.xml"), INLINE).unwrap();
    std::fs::write(tags.join("in.xml"), INLINE).unwrap();
    std::fs::write(tags.join("sub/in.xml"), INLINE).unwrap();
    std::os::unix::fs::symlink("../secret.xml", tags.join("link.xml")).unwrap();
    std::os::unix::fs::symlink("in.xml", tags.join("inside.xml")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(tags.join("fifo")).status().unwrap();
    assert!(fifo.success());
    let outside = "it leads out of the mapped folder";
    for (path, expect) in [
        ("in.xml", ""),
        ("sub/in.xml", ""),
        ("sub/../in.xml", ""),
        ("inside.xml", ""),
        ("in.xml?cb=[CACHEBUSTING]#top", ""),
        ("link.xml", outside),
        ("%2e%2e/secret.xml", "not reachable: secret.xml is missing in the mapped folder"),
        ("sub%2f..%2f..%2fsecret.xml", outside),
        ("%2Fetc/passwd", outside),
        ("..%5csecret.xml", outside),
        ("in.xml%00", outside),
        ("", outside),
        ("none.xml", "not reachable: none.xml is missing in the mapped folder"),
        ("sub", "sub is no file"),
        ("fifo", "fifo is no file"),
    ] {
        let start = Start::Document(wrapper(&format!("https://ads.example/{path}")).into_bytes());
        let mut source = Mapped::new(vec![map(&tags)], NoNetwork);
        let inspection = walk(start, &mut source).await;
        assert_eq!(fault(&inspection), expect, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_mapped_goes_to_the_other_source() {
    let start = Start::Document(wrapper("https://other.example/in.xml").into_bytes());
    let mut source = Mapped::new(vec![map(Path::new("."))], NoNetwork);
    let inspection = walk(start, &mut source).await;
    assert_eq!(fault(&inspection), "the network is not used");
}

#[tokio::test]
async fn a_mapped_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.xml"), INLINE).unwrap();
    let len = u64::try_from(INLINE.len()).unwrap();
    for (max_hop_bytes, expect) in [(len, None), (len - 1, Some(VastError::Wrapper))] {
        let limits = Limits { max_hop_bytes, ..Limits::default() };
        let start = Start::Url("https://ads.example/a.xml".into());
        let resolver = Resolver::new(start, Options { limits, ..options() });
        let mut source = Mapped::new(vec![map(folder.path())], NoNetwork);
        let inspection = inspect::run(resolver, &mut source).await.unwrap();
        assert_eq!(inspection.chain.vast_error, expect);
    }
}
