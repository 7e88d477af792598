//! A whole log, committed, from which other programs are checked: every type of record, a key that
//! comes and one that goes, tiles, proofs, an acknowledgement and signatures for `ssh-keygen`. All
//! of it follows from the seeds in `sample.rs`. `UPDATE_VECTOR=1` writes the files again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use adproof_ledger::dsse::{Envelope, pre_authentication_encoding};
use adproof_ledger::frame::{push_frame, segment_header};
use adproof_ledger::sshsig::{self, CHECKPOINT_NAMESPACE, RECORD_NAMESPACE};
use adproof_ledger::tiles::{TileId, TileKind, push_entry};
use adproof_ledger::tree::{self, MemoryTree};
use adproof_ledger::verify::{Limits, Verifier};
use adproof_ledger::{
    Ack, Body, Chain, Hash, KeyAction, MemoryKey, NamedKey, Record, RecordRange, Role,
    SignedRecord, Signer, TlogProof, TrustedKeys, WindowClose,
};

use crate::sample::{
    LOG, bodies, change, checkpoint_key, commitments, counterparty_key, draft, frames, record_key,
    root_key, sign, time, total,
};

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) const SEGMENT: &str = "segments/00000000000000000000.seg";

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vector/log")
}

pub(crate) fn second_record_key() -> MemoryKey {
    MemoryKey::from_seed(&[55; 32])
}

fn roles() -> [(Role, MemoryKey); 4] {
    [
        (Role::Checkpoint, checkpoint_key()),
        (Role::Record, record_key()),
        (Role::Root, root_key()),
        (Role::Counterparty, counterparty_key()),
    ]
}

pub(crate) fn trusted() -> TrustedKeys {
    let keys = roles().map(|(role, key)| NamedKey::of_role(LOG, role, key.public_key()).unwrap());
    TrustedKeys::new(keys).unwrap()
}

/// The records: decisions, and between them one of each other type.
pub(crate) fn records() -> Vec<SignedRecord> {
    let mut chain = Chain::new(LOG).unwrap();
    let mut records: Vec<SignedRecord> = Vec::new();
    let decision = |seq| Body::Decision(Box::new(draft(seq)));
    for seq in 0..11 {
        let mut rare = bodies(records.first().map_or(Hash::ZERO, |first| first.leaf)).into_iter();
        let body = match seq {
            3 => change(KeyAction::Add, &second_record_key(), 4),
            5 => rare.next().unwrap(),
            6 => Body::WindowClose(WindowClose {
                from_us: 1_780_000_000_000_000,
                records: RecordRange { count: 6, first: 0 },
                to_us: 1_780_003_600_000_000,
                totals: vec![
                    total("agency.example", "EUR", 1, 990_000),
                    total("agency.example", "USD", 2, 2_500_000),
                    total("buyer.example", "EUR", 1, 1_250_000),
                ],
            }),
            7 => rare.nth(3).unwrap(),
            8 => rare.nth(4).unwrap(),
            9 => change(KeyAction::Retire, &record_key(), 10),
            _ => decision(seq),
        };
        let signer: &dyn Signer = match (&body, seq) {
            (Body::Key(_), _) => &root_key(),
            (_, 4 | 10) => &second_record_key(),
            _ => &record_key(),
        };
        records.push(chain.append(signer, body, &time(seq)).unwrap());
    }
    records
}

fn segment(records: &[SignedRecord]) -> Vec<u8> {
    let mut bytes = segment_header(0).to_vec();
    for record in records {
        assert!(push_frame(&mut bytes, &record.bytes, &record.signatures));
    }
    bytes
}

/// What a verifier reads: the segment, the checkpoint, the keys and the tiles.
pub(crate) fn log_files(records: &[SignedRecord], checkpoint: &str) -> Files {
    let leaves: MemoryTree = records.iter().map(|record| record.leaf).collect();
    let mut files = Files::new();
    files.insert(SEGMENT.to_owned(), segment(records));
    files.insert("checkpoint".to_owned(), checkpoint.as_bytes().to_vec());
    files.insert("log.pub".to_owned(), trusted().to_text().into_bytes());
    for tile in TileId::changed(0, leaves.size()) {
        let bytes = match tile.kind {
            TileKind::Hashes { .. } => tile.hash_bytes(&leaves).unwrap(),
            TileKind::Entries => {
                let mut bundle = Vec::new();
                for record in records {
                    push_entry(&mut bundle, &record.bytes);
                }
                bundle
            }
        };
        files.insert(tile.to_string(), bytes);
    }
    files
}

fn files() -> Files {
    let records = records();
    let checkpoint = sign(&records, &checkpoint_key());
    let mut files = log_files(&records, &checkpoint);
    let mut put =
        |name: String, bytes: &[u8]| assert!(files.insert(name, bytes.to_vec()).is_none());
    let text = checkpoint.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let signed = sshsig::sign(&checkpoint_key(), CHECKPOINT_NAMESPACE, text.as_bytes()).unwrap();
    put("checkpoint.sshsig".to_owned(), signed.as_bytes());
    let mut signers = String::new();
    for (role, key) in roles() {
        let public = key.public_key();
        put(format!("keys/{}.pem", public.id()), public.to_spki_pem().as_bytes());
        let namespace = match role {
            Role::Checkpoint => CHECKPOINT_NAMESPACE,
            Role::Record => RECORD_NAMESPACE,
            _ => continue,
        };
        let key = public.to_openssh(role.as_str());
        writeln!(signers, "{LOG} namespaces=\"{namespace}\" {key}").unwrap();
    }
    let second = second_record_key().public_key();
    put(format!("keys/{}.pem", second.id()), second.to_spki_pem().as_bytes());
    put("allowed_signers".to_owned(), signers.as_bytes());
    let leaves: MemoryTree = records.iter().map(|record| record.leaf).collect();
    let size = leaves.size();
    for record in &records {
        let envelope =
            Envelope { payload: record.bytes.clone(), signatures: record.signatures.clone() };
        let hashes = tree::inclusion_proof(&leaves, record.seq, size).unwrap();
        let proof = TlogProof { index: record.seq, hashes, checkpoint: checkpoint.clone() };
        put(format!("records/{}.json", record.seq), &record.bytes);
        put(format!("records/{}.dsse.json", record.seq), &envelope.to_bytes());
        put(format!("records/{}.tlog-proof", record.seq), proof.to_text().as_bytes());
    }
    let record = &records[2].bytes;
    let signed = sshsig::sign(&record_key(), RECORD_NAMESPACE, record).unwrap();
    put("records/2.sshsig".to_owned(), signed.as_bytes());
    let Body::Ack(ack) = Record::parse(&records[5].bytes).unwrap().body else { panic!("an ack") };
    put("ack.dsse.json".to_owned(), &ack.to_envelope().unwrap());
    put("values.txt".to_owned(), values(&records, &leaves).as_bytes());
    files
}

/// Every intermediate value, one a line, for whoever looks for the step that differs.
fn values(records: &[SignedRecord], leaves: &MemoryTree) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(out, "{name} = {value}").unwrap();
    };
    for (role, key) in roles() {
        let public = key.public_key();
        let name = role.as_str();
        line(&format!("{name} public"), &Hash::new(*public.as_bytes()));
        line(&format!("{name} kid"), &public.id());
        line(&format!("{name} vkey"), &NamedKey::of_role(LOG, role, public).unwrap().to_vkey());
    }
    for record in records {
        let seq = record.seq;
        line(&format!("record {seq} bytes"), &record.bytes.len());
        line(&format!("record {seq} sha256"), &Hash::of(&record.bytes));
        let signed = pre_authentication_encoding(&record.bytes);
        line(&format!("record {seq} signed sha256"), &Hash::of(&signed));
        line(&format!("record {seq} leaf"), &record.leaf);
    }
    for size in 0..=leaves.size() {
        line(&format!("root of {size}"), &tree::root_at(leaves, size).unwrap());
    }
    for (old, new) in [(1, 11), (4, 11), (6, 11), (8, 11), (3, 7)] {
        let proof = tree::consistency_proof(leaves, old, new).unwrap();
        let proof: Vec<String> = proof.iter().map(ToString::to_string).collect();
        line(&format!("consistency {old} {new}"), &proof.join(" "));
    }
    let network = commitments(2).into_iter().find(|leg| leg.leg == "network").unwrap();
    for disclosure in &network.disclosures {
        line(&format!("record 2 network {}", disclosure.name()), &disclosure.to_text().unwrap());
        line(
            &format!("record 2 network {} digest", disclosure.name()),
            &disclosure.digest().unwrap(),
        );
    }
    for (index, digest) in network.digests.iter().enumerate() {
        line(&format!("record 2 network sorted digest {index}"), digest);
    }
    line("record 2 network root", &network.root);
    out
}

#[test]
fn the_published_log_is_what_this_version_writes_and_verifies() {
    let (folder, files) = (folder(), files());
    if std::env::var_os("UPDATE_VECTOR").is_some() {
        for (name, bytes) in &files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    for (name, bytes) in &files {
        let committed = fs::read(folder.join(name)).unwrap_or_default();
        assert!(
            committed == *bytes,
            "{name} is stale: UPDATE_VECTOR=1 cargo test -p adproof-ledger --test it published"
        );
    }
    let (trusted, records) = (trusted(), records());
    let mut verifier = Verifier::new(&trusted, Limits::default());
    frames(&records).for_each(|frame| verifier.frame(&frame));
    let report = verifier.finish(&files["checkpoint"]);
    assert!(report.is_good(), "{:?}", report.problems);
    assert_eq!((report.checked.acks, report.checked.decisions_in_windows), (1, 4));
    let ack = Ack::parse_envelope(&files["ack.dsse.json"]).unwrap();
    assert_eq!(ack.verify(&trusted.counterparty_keys()[0]), Ok(()));
}
