//! What is signed is checked by a tool that is not ours. A missing openssl is a failure.

use std::fs;
use std::path::Path;
use std::process::Command;

use adproof_ledger::dsse::pre_authentication_encoding;
use adproof_ledger::{PublicKey, Signer as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::sample::{checkpoint_key, log, record_key};

fn verifies(dir: &Path, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let path = |name: &str| dir.join(name);
    fs::write(path("key.pem"), key.to_spki_pem()).unwrap();
    fs::write(path("message"), message).unwrap();
    fs::write(path("signature"), signature).unwrap();
    let status = Command::new("openssl")
        .args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"])
        .arg(path("key.pem"))
        .arg("-in")
        .arg(path("message"))
        .arg("-sigfile")
        .arg(path("signature"))
        .output()
        .expect("openssl is installed")
        .status;
    status.success()
}

fn folder(name: &str) -> std::path::PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&dir).unwrap();
    dir
}

#[test]
fn openssl_verifies_a_record() {
    let log = log(1);
    let record = &log.records[0];
    let key = record_key().public_key();
    let signature = record.signatures[0].signature;
    let dir = folder("openssl-record");
    let message = pre_authentication_encoding(&record.bytes);
    assert!(verifies(&dir, &key, &message, &signature));
    assert!(!verifies(&dir, &key, &record.bytes, &signature));
}

#[test]
fn openssl_verifies_a_checkpoint() {
    let log = log(2);
    let (text, line) = log.checkpoint.split_once("\n\n").unwrap();
    let signature = line.trim_end().rsplit(' ').next().unwrap();
    let signature = BASE64.decode(signature).unwrap();
    let key = checkpoint_key().public_key();
    let dir = folder("openssl-checkpoint");
    let text = format!("{text}\n");
    // The first four bytes name the key.
    assert!(verifies(&dir, &key, text.as_bytes(), &signature[4..]));
    assert!(!verifies(&dir, &key, text.trim_end().as_bytes(), &signature[4..]));
}
