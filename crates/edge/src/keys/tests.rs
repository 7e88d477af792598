// Modes of files are a matter of Unix.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::*;

const LOG: &str = "log.example/adproof";

fn quick() -> Limits {
    Limits { work_factor: 4, ..Limits::default() }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keys_are_read_back_with_their_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    let secret = Protection::Passphrase(passphrase("correct horse"));
    let made = LogKeys::create(&folder, LOG, &secret, &quick()).unwrap();
    let read = LogKeys::open(&folder, Some(&passphrase("correct horse")), &quick()).unwrap();
    assert_eq!(made.trusted(), read.trusted());
    assert_eq!(made.evidence().subject("t", "i"), read.evidence().subject("t", "i"));
    let wrong = LogKeys::open(&folder, Some(&passphrase("battery")), &quick());
    assert!(matches!(wrong, Err(KeysError::WrongPassphrase(_))));
    let none = LogKeys::open(&folder, None, &quick());
    assert!(matches!(none, Err(KeysError::NeedsPassphrase(_))));
    let plain = fs::read_to_string(folder.join(RECORD_FILE)).unwrap();
    assert!(plain.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
}

#[test]
fn only_the_owner_may_read_private_files() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    LogKeys::create(&folder, LOG, &Protection::Plain, &quick()).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for name in [RECORD_FILE, CHECKPOINT_FILE, EVIDENCE_FILE] {
        let path = folder.join(name);
        assert_eq!(mode(&path), 0o600, "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = LogKeys::open(&folder, None, &quick());
        assert!(matches!(refused, Err(KeysError::TooOpen { mode: 0o640, .. })), "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(LogKeys::open(&folder, None, &quick()).is_ok());
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let again = LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick());
    assert!(matches!(again, Err(KeysError::Exists(_))));
}

#[test]
fn the_work_that_a_file_asks_for_is_bounded_before_it_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let secret = Protection::Passphrase(passphrase("x"));
    LogKeys::create(dir.path(), LOG, &secret, &quick()).unwrap();
    let at = Limits { max_work_factor: 4, ..quick() };
    assert!(LogKeys::open(dir.path(), Some(&passphrase("x")), &at).is_ok());
    let below = Limits { max_work_factor: 3, ..quick() };
    let refused = LogKeys::open(dir.path(), Some(&passphrase("x")), &below);
    assert!(matches!(refused, Err(KeysError::TooMuchWork { asked: 4, most: 3, .. })));
}

#[test]
fn a_key_file_that_is_too_long_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let path = dir.path().join(RECORD_FILE);
    let length = fs::metadata(dir.path().join(PUBLIC_FILE)).unwrap().len();
    let limits = |file_bytes| Limits { file_bytes, ..quick() };
    assert!(LogKeys::open(dir.path(), None, &limits(length)).is_ok());
    let refused = LogKeys::open(dir.path(), None, &limits(length - 1));
    assert!(matches!(refused, Err(KeysError::NotAKey { .. })));
    fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").unwrap();
    let refused = LogKeys::open(dir.path(), None, &quick());
    assert!(matches!(refused, Err(KeysError::NotAKey { .. })));
}

#[test]
fn keys_of_another_log_beside_them_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    for folder in [&one, &other] {
        LogKeys::create(folder, LOG, &Protection::Plain, &quick()).unwrap();
    }
    fs::copy(other.join(PUBLIC_FILE), one.join(PUBLIC_FILE)).unwrap();
    let mixed = LogKeys::open(&one, None, &quick());
    assert!(matches!(mixed, Err(KeysError::Public { .. })));
}

#[test]
fn a_passphrase_file_gives_its_first_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("passphrase");
    fs::write(&path, "correct horse\nnot this\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open = Passphrase::from_file(&path, &quick());
    assert!(matches!(open, Err(KeysError::TooOpen { .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Passphrase::from_file(&path, &quick()).is_ok());
    fs::write(&path, "\n").unwrap();
    let empty = Passphrase::from_file(&path, &quick());
    assert!(matches!(empty, Err(KeysError::EmptyPassphrase)));
}

#[test]
fn openssl_reads_the_private_key_and_agrees_on_the_public_one() {
    let dir = tempfile::tempdir().unwrap();
    let keys = LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let output = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(dir.path().join(RECORD_FILE))
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "{output:?}");
    let pem = String::from_utf8(output.stdout).unwrap();
    assert_eq!(pem, keys.trusted().record_keys()[0].to_spki_pem());
}

#[test]
fn ssh_keygen_reads_the_openssh_line() {
    let dir = tempfile::tempdir().unwrap();
    let keys = LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let path = dir.path().join("record.ssh");
    let line = keys.trusted().record_keys()[0].to_openssh(LOG);
    fs::write(&path, line + "\n").unwrap();
    let output = Command::new("ssh-keygen")
        .args(["-l", "-f"])
        .arg(&path)
        .output()
        .expect("ssh-keygen is installed");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("(ED25519)"));
}
