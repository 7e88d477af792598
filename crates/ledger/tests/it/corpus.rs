//! What the fuzzers start from is read without a panic, and read strictly. `UPDATE_VECTOR=1` writes
//! the seeds again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use adproof_ledger::cosign::cosign;
use adproof_ledger::frame::{push_frame, segment_header};
use adproof_ledger::note::UnverifiedNote;
use adproof_ledger::sshsig::{self, RECORD_NAMESPACE};
use adproof_ledger::tiles::{TileId, TileKind, bundle_hashes, push_entry};
use adproof_ledger::tree::{self, MemoryTree};
use adproof_ledger::witness::AddCheckpoint;
use adproof_ledger::{
    Body, Hash, NamedKey, Record, Recovery, Signer as _, TlogProof, VerifiedCheckpoint, WitnessKey,
};

use crate::sample::{LOG, bodies, checkpoint_key, draft, log_of, record_key, root_key, trusted};

type Seeds = BTreeMap<String, Vec<u8>>;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

fn records() -> Seeds {
    let first = log_of(vec![Body::Decision(Box::new(draft(0)))]);
    let mut all = vec![Body::Decision(Box::new(draft(0)))];
    all.extend(bodies(first.records[0].leaf));
    let log = log_of(all);
    let mut frames = Vec::new();
    let recovery = &log.records[5];
    assert!(push_frame(&mut frames, &recovery.bytes, &recovery.signatures));
    let mut seeds = Seeds::new();
    seeds.insert("frames".to_owned(), frames);
    seeds.insert("checkpoint".to_owned(), log.checkpoint.into_bytes());
    for record in log.records {
        let typ = Record::parse(&record.bytes).unwrap().body.typ();
        seeds.insert(typ.to_owned(), record.bytes);
    }
    seeds
}

fn notes() -> Seeds {
    let log = log_of(vec![Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO }); 3]);
    let trusted = trusted();
    let keys = trusted.checkpoint_keys();
    let note = VerifiedCheckpoint::verify(log.checkpoint.as_bytes(), LOG, keys).unwrap();
    let line = cosign(&note, "witness.example", &checkpoint_key(), 1_780_000_000).unwrap();
    let leaves: MemoryTree = log.records.iter().map(|record| record.leaf).collect();
    let proof = TlogProof {
        index: 1,
        hashes: tree::inclusion_proof(&leaves, 1, 3).unwrap(),
        checkpoint: log.checkpoint.clone(),
    };
    let request = AddCheckpoint {
        old: 2,
        proof: tree::consistency_proof(&leaves, 2, 3).unwrap(),
        checkpoint: log.checkpoint.clone(),
    };
    let key = checkpoint_key().public_key();
    let witness = WitnessKey::new("witness.example", root_key().public_key()).unwrap();
    let vkey = NamedKey::new(LOG, key).unwrap().to_vkey();
    let policy = format!(
        "log {vkey} https://log.example/\nwitness w {}\ngroup g 1 w\nquorum g\n",
        witness.to_vkey()
    );
    let Some(Body::Ack(ack)) = bodies(Hash::of(b"leaf")).into_iter().next() else {
        panic!("the first is an ack")
    };
    let sshsig = sshsig::sign(&record_key(), RECORD_NAMESPACE, b"message").unwrap();
    let seeds = [
        ("cosigned", (log.checkpoint.clone() + &line).into_bytes()),
        ("checkpoint", log.checkpoint.into_bytes()),
        ("proof", proof.to_text().into_bytes()),
        ("request", request.to_text().into_bytes()),
        ("vkey", vkey.into_bytes()),
        ("witness", witness.to_vkey().into_bytes()),
        ("keys", trusted.to_text().into_bytes()),
        ("policy", policy.into_bytes()),
        ("ack", ack.to_envelope().unwrap()),
        ("sshsig", sshsig.into_bytes()),
        ("name", b"log.example".to_vec()),
    ];
    seeds.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

fn tiles() -> Seeds {
    let log = log_of(vec![Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO }); 3]);
    let leaves: MemoryTree = log.records.iter().map(|record| record.leaf).collect();
    let (mut segment, mut entries) = (segment_header(0).to_vec(), Vec::new());
    for record in &log.records {
        assert!(push_frame(&mut segment, &record.bytes, &record.signatures));
        push_entry(&mut entries, &record.bytes);
    }
    let mut seeds = Seeds::new();
    seeds.insert("segment".to_owned(), segment);
    seeds.insert("entries".to_owned(), entries);
    for (index, tile) in TileId::changed(0, 3).enumerate() {
        seeds.insert(format!("path-{index}"), tile.to_string().into_bytes());
        if let TileKind::Hashes { level } = tile.kind {
            seeds.insert(format!("tile-{level}"), tile.hash_bytes(&leaves).unwrap());
        }
    }
    let far = TileId { kind: TileKind::Hashes { level: 3 }, index: 1_234_067, width: 256 };
    seeds.insert("path-far".to_owned(), far.to_string().into_bytes());
    seeds
}

/// The files of a corpus, after writing the seeds where that was asked for.
fn corpus(target: &str, seeds: Seeds) -> Vec<Vec<u8>> {
    let folder = folder(target);
    if std::env::var_os("UPDATE_VECTOR").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    fs::read_dir(&folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn the_corpus_of_records_is_read() {
    let mut read = 0;
    for bytes in corpus("record_parse", records()) {
        if let Ok(record) = Record::parse(&bytes) {
            assert_eq!(record.to_bytes().unwrap(), bytes);
            read += 1;
        }
    }
    assert!(read >= 6, "one record of each type is among them");
}

#[test]
fn the_corpus_of_notes_is_read() {
    let read = corpus("note_parse", notes());
    let notes = read.iter().filter(|bytes| UnverifiedNote::parse(bytes).is_ok()).count();
    let proofs = read.iter().filter(|bytes| TlogProof::parse(bytes).is_ok()).count();
    assert!(notes >= 2 && proofs >= 1, "{notes} notes and {proofs} proofs");
}

#[test]
fn the_corpus_of_tiles_is_read() {
    let read = corpus("tile_parse", tiles());
    let text = read.iter().filter_map(|bytes| std::str::from_utf8(bytes).ok());
    assert!(text.filter_map(TileId::parse).count() >= 3);
    assert!(read.iter().any(|bytes| bundle_hashes(bytes).len() == 3 * 32));
}
