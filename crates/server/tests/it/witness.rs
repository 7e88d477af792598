//! A witness over HTTP, and the client that asks it.

use std::net::SocketAddr;
use std::path::Path;

use adproof_edge::http::{HttpClient, HttpLimits};
use adproof_edge::witness::{Limits as WitnessLimits, Submission, SubmitError, Witness, submit};
use adproof_ledger::tree::{MemoryTree, consistency_proof, leaf_hash, root_at};
use adproof_ledger::witness::AddCheckpoint;
use adproof_ledger::{
    Checkpoint, Cosigned, MemoryKey, NamedKey, Signer, VerifiedCheckpoint, WitnessKey, cosign,
};
use adproof_server::{App, Limits, serve};
use tokio::net::TcpListener;

use crate::common::{get, post};

const LOG: &str = "log.example/adproof";
const NAME: &str = "witness.example/w1";

fn key(seed: u8) -> MemoryKey {
    MemoryKey::from_seed(&[seed; 32])
}

fn leaves(count: u64, salt: u8) -> MemoryTree {
    (0..count).map(|leaf| leaf_hash(&[&leaf.to_be_bytes()[..], &[salt]].concat())).collect()
}

fn checkpoint(tree: &MemoryTree, size: u64) -> VerifiedCheckpoint {
    let root = root_at(tree, size).unwrap();
    let note = Checkpoint { origin: LOG.to_owned(), size, root }.sign(&key(5)).unwrap();
    let keys = [NamedKey::new(LOG, key(5).public_key()).unwrap()];
    VerifiedCheckpoint::verify(note.as_bytes(), LOG, &keys).unwrap()
}

fn request(tree: &MemoryTree, old: u64, new: u64) -> String {
    AddCheckpoint {
        old,
        proof: consistency_proof(tree, old, new).unwrap(),
        checkpoint: checkpoint(tree, new).note().to_owned(),
    }
    .to_text()
}

fn witness(folder: &Path) -> App {
    let logs = vec![NamedKey::new(LOG, key(5).public_key()).unwrap()];
    let witness = Witness::open(folder, NAME, Box::new(key(6)), logs, WitnessLimits::default());
    App::witness(Limits::default(), witness.unwrap())
}

fn witness_key() -> WitnessKey {
    WitnessKey::new(NAME, key(6).public_key()).unwrap()
}

async fn start(app: App) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, app, std::future::pending()));
    address
}

#[tokio::test]
async fn answers_are_those_of_the_protocol() {
    let dir = tempfile::tempdir().unwrap();
    let app = witness(dir.path());
    let (tree, other) = (leaves(20, 0), leaves(20, 1));
    let ask = async |body: String| post(&app, "/add-checkpoint", "", body).await;
    let first = ask(request(&tree, 0, 9)).await;
    assert_eq!(first.status.as_u16(), 200);
    assert!(first.text().starts_with("\u{2014} witness.example/w1 "), "{}", first.text());
    let conflict = ask(request(&tree, 0, 20)).await;
    assert_eq!((conflict.status.as_u16(), conflict.text()), (409, "9\n"));
    assert_eq!(conflict.header("content-type"), "text/x.tlog.size");
    let fork = ask(request(&other, 9, 9)).await;
    assert_eq!((fork.status.as_u16(), fork.text()), (409, "9\n"));
    assert_eq!(ask(request(&other, 9, 20)).await.status.as_u16(), 422);
    let stranger = request(&tree, 9, 20).replace(LOG, "log.example/unknown");
    assert_eq!(ask(stranger).await.status.as_u16(), 404);
    let unsigned = request(&tree, 9, 20).replace("\n20\n", "\n19\n");
    assert_eq!(ask(unsigned).await.status.as_u16(), 403);
    let above = request(&tree, 9, 9).replace("old 9\n", "old 10\n");
    assert_eq!(ask(above).await.status.as_u16(), 400);
    assert_eq!(ask("no request".to_owned()).await.status.as_u16(), 400);
    assert_eq!(ask("x".repeat(AddCheckpoint::MAX_BYTES + 1)).await.status.as_u16(), 413);
    assert_eq!(get(&app, "/add-checkpoint").await.status.as_u16(), 405);
    assert_eq!(get(&app, "/").await.status.as_u16(), 404);
    assert_eq!(ask(request(&tree, 9, 20)).await.status.as_u16(), 200);
}

#[tokio::test]
async fn the_client_finds_the_size_that_the_witness_knows() {
    let dir = tempfile::tempdir().unwrap();
    let address = start(witness(dir.path())).await;
    let url = format!("http://{address}/");
    let http = HttpClient::new(HttpLimits::default()).unwrap();
    let (tree, other) = (leaves(40, 0), leaves(40, 1));
    let (good, strange) = (witness_key(), WitnessKey::new(NAME, key(7).public_key()).unwrap());
    let ask = async |tree: &MemoryTree, size: u64, old: u64, witness: &WitnessKey| {
        let checkpoint = checkpoint(tree, size);
        let submission = Submission { checkpoint: &checkpoint, witness, url: &url, old };
        let proof = |old| consistency_proof(tree, old, size).ok();
        let lines = submit(&http, &submission, proof).await?;
        let note = format!("{}{lines}", checkpoint.note());
        let keys = [NamedKey::new(LOG, key(5).public_key()).unwrap()];
        let cosigned = VerifiedCheckpoint::verify(note.as_bytes(), LOG, &keys).unwrap();
        Ok(cosign::check_cosignatures(&cosigned, std::slice::from_ref(witness)))
    };
    for (size, old) in [(9, 0), (20, 0), (30, 3), (40, 30), (40, 0)] {
        let cosigned = ask(&tree, size, old, &good).await.unwrap();
        assert!(matches!(cosigned[..], [Cosigned::At { time_s }] if time_s > 1_700_000_000));
    }
    let ahead = ask(&tree, 39, 0, &good).await;
    assert_eq!(ahead, Err(SubmitError::Ahead { cosigned: 40, size: 39 }));
    assert_eq!(ask(&other, 40, 40, &good).await, Err(SubmitError::Fork(40)));
    assert_eq!(ask(&other, 40, 0, &good).await, Err(SubmitError::Fork(40)));
    let wrong = ask(&tree, 40, 40, &strange).await;
    assert!(matches!(wrong, Err(SubmitError::NotACosignature(_))), "{wrong:?}");
    let nobody = Submission {
        checkpoint: &checkpoint(&tree, 40),
        witness: &good,
        url: "http://127.0.0.1:9/",
        old: 0,
    };
    let unreachable = submit(&http, &nobody, |_| None).await;
    assert_eq!(unreachable, Err(SubmitError::NoProof(0)));
    let unreachable = submit(&http, &nobody, |_| Some(Vec::new())).await;
    assert!(matches!(unreachable, Err(SubmitError::Http(_))), "{unreachable:?}");
}
