//! A ledger as a stranger meets it: only HTTP, only the key.

use std::net::SocketAddr;
use std::path::Path;

use adproof_edge::http::{HttpAnswer, HttpClient, HttpLimits};
use adproof_edge::store::{LedgerWriter, Limits as StoreLimits, Published, Signers};
use adproof_ledger::tiled::TiledTree;
use adproof_ledger::tiles::{TileId, TileKind, bundle_hashes};
use adproof_ledger::tree::{
    consistency_proof, inclusion_proof, leaf_hash, root_at, verify_consistency, verify_inclusion,
};
use adproof_ledger::{
    Body, Hash, MemoryKey, NamedKey, RecordTime, Recovery, Signer, VerifiedCheckpoint,
};
use adproof_server::{App, Limits, Page, serve};
use tokio::net::TcpListener;

use crate::common::{app, ask, get, send};

const LOG: &str = "log.example/adproof";

fn writer(root: &Path) -> LedgerWriter {
    let signers = Signers {
        record: Box::new(MemoryKey::from_seed(&[1; 32])),
        checkpoint: Box::new(MemoryKey::from_seed(&[2; 32])),
    };
    LedgerWriter::create(root, LOG, signers, None, StoreLimits::default()).unwrap()
}

fn append(writer: &mut LedgerWriter, count: u64) {
    let time = RecordTime {
        wall_us: 0,
        error_us: 0,
        monotonic_us: 0,
        source: "fixed".into(),
        beacon: None,
    };
    let body = |bytes| Body::Recovery(Recovery { bytes, sha256: Hash::ZERO });
    let batch = (0..count).map(|bytes| (body(bytes), time.clone())).collect();
    writer.append_bodies(batch).unwrap();
}

fn keys() -> [NamedKey; 1] {
    [NamedKey::new(LOG, MemoryKey::from_seed(&[2; 32]).public_key()).unwrap()]
}

async fn start(app: App) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, std::future::pending()));
    address
}

/// A client of tlog-tiles that knows an address and a key.
struct Client {
    http: HttpClient,
    prefix: String,
}

impl Client {
    async fn get(&self, path: &str) -> HttpAnswer {
        self.http.get(&format!("{}/{path}", self.prefix)).await.unwrap()
    }

    async fn checkpoint(&self) -> VerifiedCheckpoint {
        let answer = self.get("checkpoint").await;
        assert_eq!((answer.status, answer.media_type.as_str()), (200, "text/plain"));
        VerifiedCheckpoint::verify(&answer.body, LOG, &keys()).unwrap()
    }

    fn tile(&self, tile: &TileId) -> Option<Vec<u8>> {
        let fetched = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(self.get(&tile.to_string()))
        });
        (fetched.status == 200).then_some(fetched.body)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_recomputes_root_and_proofs_from_tiles_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    let mut writer = writer(&root);
    append(&mut writer, 600);
    let published = Published::open(&root).unwrap();
    let address = start(App::with_ledger(Limits::default(), Page::none(), published)).await;
    let client = Client {
        http: HttpClient::new(HttpLimits::default()).unwrap(),
        prefix: format!("http://{address}/v1/ledger"),
    };
    let mut held: Option<VerifiedCheckpoint> = None;
    for more in [0, 1, 199, 300] {
        // The writer is at work while the stranger reads.
        append(&mut writer, more);
        let checkpoint = client.checkpoint().await;
        let size = checkpoint.size();
        let tree = TiledTree::new(size, |tile| client.tile(tile));
        assert_eq!(root_at(&tree, size), Ok(checkpoint.root()), "{size}");
        for index in [0, 255, 256, 599, size - 1] {
            // The record itself comes out of its bundle, and hashes to the leaf.
            let first = index / 256 * 256;
            let width = u16::try_from((size - first).min(256)).unwrap();
            let bundle = TileId { kind: TileKind::Entries, index: index / 256, width };
            let hashes = bundle_hashes(&client.tile(&bundle).unwrap());
            let place = usize::try_from(index - first).unwrap() * 32;
            let leaf = Hash::new(hashes[place..place + 32].try_into().unwrap());
            let proof = inclusion_proof(&tree, index, size).unwrap();
            verify_inclusion(&leaf, index, size, &proof, &checkpoint.root()).unwrap();
        }
        if let Some(held) = &held {
            let proof = consistency_proof(&tree, held.size(), size).unwrap();
            let (old, new) = ((held.size(), &held.root()), (size, &checkpoint.root()));
            verify_consistency(old, new, &proof).unwrap();
        }
        held = Some(checkpoint);
    }
}

#[tokio::test]
async fn tiles_may_be_kept_and_checkpoints_are_asked_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    let mut writer = writer(&root);
    append(&mut writer, 300);
    let published = Published::open(&root).unwrap();
    let app = App::with_ledger(Limits::default(), Page::none(), published);
    let checkpoint = get(&app, "/v1/ledger/checkpoint").await;
    assert_eq!(checkpoint.header("cache-control"), "no-cache");
    assert_eq!(checkpoint.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(checkpoint.text(), writer.checkpoint());
    let tile = get(&app, "/v1/ledger/tile/0/000").await;
    assert_eq!(tile.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(tile.header("content-type"), "application/octet-stream");
    assert_eq!(tile.header("access-control-allow-origin"), "*");
    assert_eq!(tile.body.len(), 8192);
    // A partial tile is the beginning of the full one.
    let part = get(&app, "/v1/ledger/tile/0/000.p/17").await;
    assert_eq!(part.body, tile.body[..17 * 32]);
    assert_eq!(get(&app, "/v1/ledger/tile/1/000.p/1").await.body.len(), 32);
    let head = ask(&app, axum::http::Method::HEAD, "/v1/ledger/tile/0/000", "", Vec::new()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    let post = ask(&app, axum::http::Method::POST, "/v1/ledger/tile/0/000", "", Vec::new()).await;
    assert_eq!(post.status.as_u16(), 405);
}

#[tokio::test]
async fn entries_are_packed_for_those_who_ask() {
    use std::io::Read as _;
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    append(&mut writer(&root), 300);
    let published = Published::open(&root).unwrap();
    let app = App::with_ledger(Limits::default(), Page::none(), published);
    let plain = get(&app, "/v1/ledger/tile/entries/000").await;
    assert_eq!(plain.header("content-encoding"), "");
    let length = usize::from(u16::from_be_bytes([plain.body[0], plain.body[1]]));
    let hashes = get(&app, "/v1/ledger/tile/0/000").await;
    assert_eq!(hashes.body[..32], *leaf_hash(&plain.body[2..2 + length]).as_bytes());
    for (accepts, packed) in
        [("gzip", true), ("br, gzip;q=0.5", true), ("gzip;q=0", false), ("br", false)]
    {
        let request = axum::http::Request::get("/v1/ledger/tile/entries/000")
            .header("accept-encoding", accepts)
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = send(&app, request).await;
        assert_eq!(answer.header("content-encoding") == "gzip", packed, "{accepts}");
        assert_eq!(answer.header("vary"), "accept-encoding");
        let mut unpacked = answer.body.clone();
        if packed {
            unpacked.clear();
            flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut unpacked).unwrap();
        }
        assert_eq!(unpacked, plain.body);
    }
}

#[tokio::test]
async fn no_path_leads_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    append(&mut writer(&root), 5);
    let published = Published::open(&root).unwrap();
    let app = App::with_ledger(Limits::default(), Page::none(), published);
    for path in [
        "tile/0/000",
        "tile/0/000.p/6",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
        "tile/0/../../log.pub",
        "tile/0/%2e%2e/%2e%2e/log.pub",
        "tile/../checkpoint",
        "tile/..%2fcheckpoint",
        "tile/0/000.p/5%00",
        "tile/0/x018/x446/x744/x073/x709/x551/615",
        "tile/0/000.p/05",
        "tile//0/000.p/5",
        "tile/0/000.p/5/",
        "tile/",
        "log.pub",
        "segments/00000000000000000000.seg",
        "",
    ] {
        let answer = get(&app, &format!("/v1/ledger/{path}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (404, "not-found"),
            "{path}"
        );
    }
    assert_eq!(get(&app, "/v1/ledger/tile/0/000.p/5").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_server_without_a_ledger_says_so() {
    for path in ["/v1/ledger/checkpoint", "/v1/ledger/tile/0/000"] {
        let answer = get(&app(), path).await;
        assert_eq!(answer.problem(), "not-found");
        assert!(answer.text().contains("--ledger"), "{}", answer.text());
    }
}
