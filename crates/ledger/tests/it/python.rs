//! A second verifier, in another language and from FORMAT.md alone, accepts what we write and
//! refuses what an attacker left. It runs in `target/tools/python`, which `cargo xtask tools`
//! makes; a missing one is a failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use adproof_ledger::{Body, Chain, Hash, Recovery};

use crate::attack::{Attack, all};
use crate::published::{Files, SEGMENT, folder, log_files};
use crate::sample::{LOG, checkpoint_key, record_key, sign, time};

fn write(root: &Path, name: &str, files: &Files) -> PathBuf {
    let folder = root.join(name.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    for (name, bytes) in files.iter().filter(|(name, _)| !name.starts_with("tile")) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// What it says of each ledger, in order.
fn verify(ledgers: &[PathBuf]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../target/tools/python/bin/python3");
    assert!(python.exists(), "there is no {}; run `cargo xtask tools`", python.display());
    let output = Command::new(python)
        .arg(root.join("tests/python/verify.py"))
        .arg(folder().join("log.pub"))
        .args(ledgers)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told.lines().count(), ledgers.len(), "{}", String::from_utf8_lossy(&output.stderr));
    told.lines().map(|line| line.rsplit_once('/').unwrap().1.to_owned()).collect()
}

fn scratch(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&root);
    root
}

#[test]
fn it_is_short() {
    let text = include_str!("../python/verify.py");
    assert!(text.lines().count() <= 200, "{}", text.lines().count());
}

#[test]
fn it_accepts_our_log_and_refuses_each_attack_at_the_same_record() {
    let root = scratch("python-attacks");
    // It is given no checkpoint of others and no acknowledgement, so it cannot find what needs one.
    let attacks: Vec<_> = all().into_iter().filter(Attack::stands_alone).collect();
    assert!(attacks.len() >= 35, "{}", attacks.len());
    let mut ledgers = vec![folder()];
    ledgers.extend(attacks.iter().map(|attack| write(&root, attack.name, &attack.files)));
    let told = verify(&ledgers);
    assert_eq!(told[0], "log: verified 11 records");
    for (attack, told) in attacks.iter().zip(&told[1..]) {
        let (_, told) = told.split_once(": ").unwrap();
        assert_eq!(told.starts_with("FAILED "), attack.fails(), "{attack:?}: {told}");
        // Of two records that do not fit each other it names the second, and what it cannot judge
        // it refuses where it stands.
        let elsewhere = ["twice", "replayed", "acknowledged", "revocation", "stolen"];
        let same = attack.record().is_none_or(|record| {
            told.starts_with(&format!("FAILED record {record}: "))
                || told.starts_with("FAILED checkpoint: ")
                || elsewhere.iter().any(|name| attack.name.contains(name))
        });
        assert!(same || !attack.fails(), "{attack:?}: {told}");
    }
}

#[test]
fn it_refuses_every_flipped_byte() {
    let root = scratch("python-bytes");
    // Two short records: the flips are many.
    let mut chain = Chain::new(LOG).unwrap();
    let mut append = |bytes| {
        let body = Body::Recovery(Recovery { bytes, sha256: Hash::ZERO });
        chain.append(&record_key(), body, &time(1)).unwrap()
    };
    let records = [append(1), append(2)];
    let files = log_files(&records, &sign(&records, &checkpoint_key()));
    let mut ledgers = vec![write(&root, "good", &files)];
    for name in [SEGMENT, "checkpoint"] {
        for at in 0..files[name].len() {
            let mut changed = files.clone();
            changed.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            ledgers.push(write(&root, &format!("{} {at}", &name[..5]), &changed));
        }
    }
    let told = verify(&ledgers);
    assert_eq!(told[0], "good: verified 2 records");
    for line in &told[1..] {
        assert!(line.contains(": FAILED "), "{line}");
    }
    assert!(told.len() > 1000);
}
