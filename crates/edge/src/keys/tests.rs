// Modes of files are a matter of Unix.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use adproof_ledger::{Role, Signer as _};

use super::*;

const LOG: &str = "log.example/adproof";
const RECORD_FILE: &str = "record.key";
const CHECKPOINT_FILE: &str = "checkpoint.key";
const ROOT_FILE: &str = "root.key";
const EVIDENCE_FILE: &str = "evidence.key";

fn quick() -> Limits {
    Limits { scrypt_log_n: 4, scrypt_lanes: 1, ..Limits::default() }
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
    assert!(plain.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
}

#[test]
fn only_the_owner_may_read_private_files() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    LogKeys::create(&folder, LOG, &Protection::Plain, &quick()).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for name in [RECORD_FILE, CHECKPOINT_FILE, ROOT_FILE, EVIDENCE_FILE] {
        let path = folder.join(name);
        assert_eq!(mode(&path), 0o600, "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = match name {
            ROOT_FILE => open_role(&folder, Role::Root, &Access::default(), &quick()).map(drop),
            _ => LogKeys::open(&folder, None, &quick()).map(drop),
        };
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
    let open = |limits: &Limits| LogKeys::open(dir.path(), Some(&passphrase("x")), limits);
    // N = 16 and r = 8 take 16 KiB.
    let at = Limits { max_kdf_bytes: 16 << 10, max_kdf_work: 16 << 10, ..quick() };
    assert!(open(&at).is_ok());
    for below in [
        Limits { max_kdf_bytes: (16 << 10) - 1, ..at },
        Limits { max_kdf_work: (16 << 10) - 1, ..at },
    ] {
        assert!(matches!(open(&below), Err(KeysError::TooMuchWork { .. })));
    }
}

/// An encrypted key with these parameters of scrypt, or PBKDF2 where there is only one.
fn hostile(costs: &[u64]) -> String {
    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            length @ 0..128 => out.push(u8::try_from(length).unwrap()),
            length => out.extend([0x81, u8::try_from(length).unwrap()]),
        }
        out.extend(content);
        out
    }
    fn int(value: u64) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let skip = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
        let mut content = bytes[skip..].to_vec();
        if content[0] >= 128 {
            content.insert(0, 0);
        }
        tlv(2, &content)
    }
    let scrypt = costs.len() == 3;
    let costs: Vec<u8> = costs.iter().flat_map(|cost| int(*cost)).collect();
    let oid: &[u8] = if scrypt {
        &[0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11]
    } else {
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12]
    };
    let sha256 = tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 9]);
    let prf = if scrypt { Vec::new() } else { tlv(0x30, &[sha256, tlv(5, &[])].concat()) };
    let params = tlv(0x30, &[tlv(4, &[7; 16]), costs, prf].concat());
    let kdf = tlv(0x30, &[tlv(6, oid), params].concat());
    let aes = tlv(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42]);
    let cipher = tlv(0x30, &[aes, tlv(4, &[9; 16])].concat());
    let pbes2 = tlv(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13]);
    let scheme = tlv(0x30, &[pbes2, tlv(0x30, &[kdf, cipher].concat())].concat());
    let der = tlv(0x30, &[scheme, tlv(4, &[1; 64])].concat());
    let body = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(der)
    };
    let lines: Vec<&str> = (0..body.len().div_ceil(64))
        .map(|at| &body[at * 64..body.len().min(at * 64 + 64)])
        .collect();
    let label = "ENCRYPTED PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn hostile_costs_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let path = dir.path().join(RECORD_FILE);
    let open = |costs: &[u64]| {
        fs::write(&path, hostile(costs)).unwrap();
        let begun = std::time::Instant::now();
        let refused = LogKeys::open(dir.path(), Some(&passphrase("x")), &Limits::default());
        assert!(begun.elapsed() < Duration::from_secs(5), "{costs:?}");
        refused.unwrap_err()
    };
    for costs in [
        vec![1 << 22, 8, 1],
        vec![1 << 40, 8, 1],
        vec![1 << 63, 8, 1],
        vec![2, 65_535, 65_535],
        vec![1 << 14, 8, 65_535],
        vec![10_000_001],
        vec![u64::from(u32::MAX)],
    ] {
        let error = open(&costs);
        assert!(matches!(error, KeysError::TooMuchWork { .. }), "{costs:?}: {error}");
    }
    for costs in [
        vec![0, 8, 1],
        vec![1, 8, 1],
        vec![3, 8, 1],
        vec![u64::MAX, 8, 1],
        vec![16, 0, 1],
        vec![16, 8, 0],
        vec![16, 65_536, 1],
        vec![0],
        vec![u64::MAX],
    ] {
        let error = open(&costs);
        assert!(matches!(error, KeysError::NotAKey { .. }), "{costs:?}: {error}");
    }
    // What it may cost is paid, and does not open.
    for costs in [vec![16, 8, 1], vec![1000]] {
        let error = open(&costs);
        assert!(matches!(error, KeysError::WrongPassphrase(_)), "{costs:?}: {error}");
    }
}

#[test]
fn a_key_file_cut_or_changed_at_any_byte_gives_no_other_key() {
    let dir = tempfile::tempdir().unwrap();
    for protection in [Protection::Plain, Protection::Passphrase(passphrase("x"))] {
        let folder = dir.path().join(format!("{protection:?}"));
        LogKeys::create(&folder, LOG, &protection, &quick()).unwrap();
        let access = Access::passphrase(Some(&passphrase("x")));
        let open = || open_role(&folder, Role::Record, &access, &quick());
        let key = open().unwrap().signer.public_key();
        let path = folder.join(RECORD_FILE);
        let whole = fs::read(&path).unwrap();
        // The last line break may be missing.
        for length in 0..whole.len() - 1 {
            fs::write(&path, &whole[..length]).unwrap();
            let error = open().err().unwrap_or_else(|| panic!("{length} bytes were a key"));
            assert!(matches!(error, KeysError::NotAKey { .. }), "{length}: {error}");
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, &changed).unwrap();
            if let Ok(other) = open() {
                assert_eq!(other.signer.public_key(), key, "byte {at}");
            }
        }
    }
}

#[test]
fn a_changed_evidence_key_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let path = dir.path().join(EVIDENCE_FILE);
    fs::remove_file(&path).unwrap();
    let other = dir.path().join("other");
    LogKeys::create(&other, LOG, &Protection::Plain, &quick()).unwrap();
    fs::rename(other.join(EVIDENCE_FILE), &path).unwrap();
    let mixed = LogKeys::open(dir.path(), None, &quick());
    assert!(matches!(mixed, Err(KeysError::Public { .. })));
}

#[test]
fn keys_that_age_has_encrypted_are_read_and_their_work_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let keys = LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    for name in [RECORD_FILE, CHECKPOINT_FILE, EVIDENCE_FILE] {
        let path = dir.path().join(name);
        let plain = fs::read(&path).unwrap();
        let mut recipient = age::scrypt::Recipient::new("x".to_owned().into());
        recipient.set_work_factor(4);
        let sealed = age::encrypt_and_armor(&recipient, &plain).unwrap();
        fs::write(&path, sealed).unwrap();
    }
    let read = LogKeys::open(dir.path(), Some(&passphrase("x")), &quick()).unwrap();
    assert_eq!(read.trusted(), keys.trusted());
    assert_eq!(read.evidence().subject("t", "i"), keys.evidence().subject("t", "i"));
    let wrong = LogKeys::open(dir.path(), Some(&passphrase("y")), &quick());
    assert!(matches!(wrong, Err(KeysError::WrongPassphrase(_))));
    let below = Limits { max_age_log_n: 3, ..quick() };
    let refused = LogKeys::open(dir.path(), Some(&passphrase("x")), &below);
    assert!(matches!(refused, Err(KeysError::TooMuchWork { .. })));
    // As evidence keys were: the 32 bytes alone.
    fs::remove_file(dir.path().join("evidence.pub")).unwrap();
    fs::write(dir.path().join(EVIDENCE_FILE), [7; 32]).unwrap();
    assert!(LogKeys::open(dir.path(), Some(&passphrase("x")), &quick()).is_ok());
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

fn openssl(args: &[&str], files: &[&Path]) -> String {
    let output = Command::new("openssl").args(args).args(files).output().expect("openssl runs");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn openssl_opens_our_keys_as_they_are_made_and_agrees_on_the_public_halves() {
    let dir = tempfile::tempdir().unwrap();
    let secret = Protection::Passphrase(passphrase("correct horse"));
    // The cost that ships, because openssl has a bound of its own.
    for (name, protection) in [("plain", Protection::Plain), ("sealed", secret)] {
        let folder = dir.path().join(name);
        let halves = create(&folder, LOG, &LOG_ROLES, &protection, &Limits::default()).unwrap();
        for (role, half) in LOG_ROLES.iter().zip(halves) {
            let file = folder.join(format!("{}.key", role.as_str()));
            let args = ["pkey", "-passin", "pass:correct horse", "-pubout", "-in"];
            assert_eq!(openssl(&args, &[&file]), half.to_spki_pem(), "{name} {role:?}");
        }
    }
}

#[test]
fn keys_that_openssl_has_made_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    openssl(&["genpkey", "-algorithm", "ed25519", "-out"], &[&plain]);
    let public = openssl(&["pkey", "-pubout", "-in"], &[&plain]);
    for (index, how) in [
        vec!["-nocrypt"],
        vec!["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA256"],
        vec!["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-iter", "5000"],
        vec!["-scrypt"],
    ]
    .iter()
    .enumerate()
    {
        let file = dir.path().join(format!("{index}.key"));
        let to = ["pkcs8", "-topk8", "-passout", "pass:x", "-in", plain.to_str().unwrap()];
        let args = [&to[..], how, &["-out"]].concat();
        openssl(&args, &[&file]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let secret = passphrase("x");
        let seed = folder::read_seed(&file, pkcs8::Kind::Ed25519, Some(&secret), &quick()).unwrap();
        let key = adproof_ledger::MemoryKey::from_seed(&seed).public_key();
        assert_eq!(key.to_spki_pem(), public, "{how:?}");
    }
    // What is too weak or too old to be read is said by name.
    let file = dir.path().join("old.key");
    let to = ["pkcs8", "-topk8", "-passout", "pass:x", "-in", plain.to_str().unwrap()];
    for how in [["-v2", "des3"], ["-v1", "PBE-SHA1-3DES"]] {
        openssl(&[&to[..], &how, &["-out"]].concat(), &[&file]);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let secret = passphrase("x");
        let refused = folder::read_seed(&file, pkcs8::Kind::Ed25519, Some(&secret), &quick());
        assert!(
            matches!(refused, Err(KeysError::Scheme { .. } | KeysError::NotAKey { .. })),
            "{how:?}"
        );
    }
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

#[test]
fn keys_of_single_roles_are_made_and_opened_on_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("theirs");
    let roles = [Role::Counterparty];
    let made = create(&folder, LOG, &roles, &Protection::Plain, &quick()).unwrap();
    let opened = open_role(&folder, Role::Counterparty, &Access::default(), &quick()).unwrap();
    assert_eq!(made, [PublicHalf::Signing(opened.public.clone())]);
    assert_eq!(opened.public.name(), format!("{LOG}/counterparty"));
    assert_eq!(
        public_keys(&folder, &quick()).unwrap().signing,
        std::slice::from_ref(&opened.public)
    );
    // The other side takes the line into its own folder, and can go on opening its keys.
    let ours = dir.path().join("ours");
    LogKeys::create(&ours, LOG, &Protection::Plain, &quick()).unwrap();
    add_public(&ours, LOG, [opened.public.clone()], &quick()).unwrap();
    let keys = LogKeys::open(&ours, None, &quick()).unwrap();
    assert_eq!(keys.trusted().counterparty_keys(), [*opened.public.key()]);
    let other = add_public(&ours, "other.example", [opened.public], &quick());
    assert!(matches!(other, Err(KeysError::Public { .. })));
}

#[test]
fn where_one_key_cannot_be_made_none_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(ROOT_FILE), "in the way").unwrap();
    let refused = LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick());
    assert!(matches!(refused, Err(KeysError::Exists(_))));
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [ROOT_FILE]);
}

/// A signer in Python that calls openssl, with something wrong after `faults_from` signatures.
fn script(dir: &Path, body: &str) -> SignerCommand {
    let path = dir.join("signer.py");
    let text = format!(
        "import base64, subprocess, sys, time, os\n\
         KEY = sys.argv[1]\n\
         def run(*args, data=None):\n\
        \x20   return subprocess.run(['openssl', *args], input=data, capture_output=True,\n\
        \x20                         check=True).stdout\n\
         def public():\n\
        \x20   der = run('pkey', '-in', KEY, '-pubout', '-outform', 'DER')\n\
        \x20   return 'ok ' + base64.b64encode(der).decode()\n\
         def sign(message):\n\
        \x20   name = KEY + '.message'\n\
        \x20   open(name, 'wb').write(message)\n\
        \x20   made = run('pkeyutl', '-sign', '-inkey', KEY, '-rawin', '-in', name)\n\
        \x20   return 'ok ' + base64.b64encode(made).decode()\n\
         for line in sys.stdin:\n\
        \x20   words = line.split()\n\
        \x20   if words[0] == 'public':\n\
        \x20       print(public(), flush=True)\n\
        \x20       continue\n\
        \x20   kid, message = words[1], base64.b64decode(words[2])\n\
         {body}\n"
    );
    fs::write(&path, text).unwrap();
    let key = dir.join("held.pem");
    if !key.exists() {
        openssl(&["genpkey", "-algorithm", "ed25519", "-out"], &[&key]);
    }
    format!("python3 '{}' \"{}\"", path.display(), key.display()).parse().unwrap()
}

const HONEST: &str = "    print(sign(message), flush=True)";

#[test]
fn an_external_program_signs_and_its_signatures_are_those_of_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let command = script(dir.path(), HONEST);
    let signer = ExternalSigner::start(command, SignerLimits::default()).unwrap();
    // Longer than a pipe holds.
    for message in [b"one".to_vec(), vec![7; 200_000]] {
        let signature = signer.sign(&message).unwrap();
        assert_eq!(signer.public_key().verify(&message, &signature), Ok(()));
    }
}

#[test]
fn what_an_external_program_does_wrong_is_told_and_never_used() {
    for (body, told) in [
        ("    print('ok ' + 'A' * 86 + '==', flush=True)", "does not verify"),
        ("    print(sign(message + b'x'), flush=True)", "does not verify"),
        ("    print('ok AAAA', flush=True)", "its answer is none"),
        ("    print('yes', flush=True)", "its answer is none: `yes`"),
        ("    print('error the token is locked', flush=True)", "refuses: the token is locked"),
        ("    sys.exit(3)", "it ended without an answer (exit status: 3)"),
        ("    os.kill(os.getpid(), 9)", "it ended without an answer (signal: 9"),
        ("    sys.stdout.write('ok A'); sys.stdout.flush(); sys.exit(0)", "cut off or too long"),
        ("    print('ok ' + 'A' * 100000, flush=True)", "cut off or too long"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let signer =
            ExternalSigner::start(script(dir.path(), body), SignerLimits::default()).unwrap();
        let error = signer.sign(b"message").unwrap_err().to_string();
        assert!(error.contains(told), "{body}: {error}");
    }
}

#[test]
fn a_program_that_does_not_answer_costs_the_time_limit() {
    let dir = tempfile::tempdir().unwrap();
    let key = adproof_ledger::MemoryKey::from_seed(&[3; 32]).public_key();
    let answer = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(key.to_spki_der())
    };
    let path = dir.path().join("silent.sh");
    fs::write(&path, format!("read line; echo ok {answer}; exec sleep 600")).unwrap();
    let limits = SignerLimits { answer: Duration::from_secs(3), ..SignerLimits::default() };
    let command = format!("sh '{}'", path.display()).parse().unwrap();
    let signer = ExternalSigner::start(command, limits).unwrap();
    // More than a pipe holds, and nobody reads it.
    let error = signer.sign(&vec![1; 200_000]).unwrap_err().to_string();
    assert!(error.contains("it gave no answer in 3s"), "{error}");
}

#[test]
fn a_program_that_died_is_started_again_for_the_next_message() {
    let dir = tempfile::tempdir().unwrap();
    let once = "    flag = KEY + '.died'\n    \
                if not os.path.exists(flag):\n        \
                open(flag, 'w').close()\n        sys.exit(1)\n    \
                print(sign(message), flush=True)";
    let signer = ExternalSigner::start(script(dir.path(), once), SignerLimits::default()).unwrap();
    assert!(signer.sign(b"message").is_err());
    assert!(signer.sign(b"message").is_ok());
}

#[test]
fn programs_that_cannot_be_asked_are_told() {
    let start = |text: &str| {
        let command: SignerCommand = text.parse().unwrap();
        ExternalSigner::start(command, SignerLimits::default()).unwrap_err().to_string()
    };
    assert!(start("/nonexistent/signer").contains("cannot be started"));
    assert!(start("true").contains("it ended without an answer (exit status: 0)"));
    assert!(start("echo ok MCowBQYDK2VwAyEA").contains("is not the Ed25519 key"));
    // The key of low order under which anything verifies.
    let weak = format!("echo ok MCowBQYDK2VwAyEA{}=", "A".repeat(43));
    assert!(start(&weak).contains("is not the Ed25519 key"));
}

#[test]
fn commands_are_split_into_words_and_nothing_else_is_done_to_them() {
    let command: SignerCommand = r#" a 'b  c'"d" $HOME "" \n "#.parse().unwrap();
    assert_eq!(format!("{command:?}"), {
        let words = r#"program: "a", args: ["b  cd", "$HOME", "", "\\n"]"#;
        let text = r#""a 'b  c'\"d\" $HOME \"\" \\n""#;
        format!("SignerCommand {{ text: {text}, {words} }}")
    });
    assert_eq!(" ".parse::<SignerCommand>(), Err(external::NotACommand::Empty));
    assert_eq!("a 'b".parse::<SignerCommand>(), Err(external::NotACommand::Unclosed));
}

#[test]
fn a_folder_names_the_program_that_holds_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    let roles = [Role::Checkpoint, Role::Evidence];
    create(&folder, LOG, &roles, &Protection::Plain, &quick()).unwrap();
    let command = script(dir.path(), HONEST);
    let half = adopt_signer(&folder, LOG, Role::Record, &command, &quick()).unwrap();
    let keys = LogKeys::open(&folder, None, &quick()).unwrap();
    assert_eq!(half, PublicHalf::Signing(keys_line(&keys)));
    assert_eq!(mode(&folder.join("record.signer")), 0o600);
    let again = adopt_signer(&folder, LOG, Role::Record, &command, &quick());
    assert!(matches!(again, Err(KeysError::Exists(_))));
    // Who may write the command can have it do anything.
    let path = folder.join("record.signer");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o620)).unwrap();
    let wide = LogKeys::open(&folder, None, &quick());
    assert!(matches!(wide, Err(KeysError::TooOpen { mode: 0o620, .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    // Another key behind the same command is not the log's.
    openssl(&["genpkey", "-algorithm", "ed25519", "-out"], &[&dir.path().join("held.pem")]);
    let other = LogKeys::open(&folder, None, &quick());
    assert!(matches!(other, Err(KeysError::Public { .. })));
}

fn keys_line(keys: &LogKeys) -> adproof_ledger::NamedKey {
    folder::named(LOG, Role::Record, keys.trusted().record_keys()[0]).unwrap()
}

#[test]
fn a_rotation_can_be_done_again_from_wherever_it_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let keys = LogKeys::create(dir.path(), LOG, &Protection::Plain, &quick()).unwrap();
    let old = keys.trusted().record_keys()[0];
    let access = Access::default();
    let how = (&access, &Protection::Plain);
    let begin = || Rotation::begin(dir.path(), LOG, Role::Record, how, &quick()).unwrap();
    let first = begin();
    assert_eq!(first.old, Some(old));
    // Nobody signs with a key that may be retired by now.
    let pending = LogKeys::open(dir.path(), None, &quick());
    assert!(matches!(pending, Err(KeysError::Unfinished { role: "record", .. })));
    let second = begin();
    assert_eq!((second.old, second.new), (first.old, first.new));
    let new = second.new;
    // As after a crash between the two renames.
    fs::rename(dir.path().join(RECORD_FILE), dir.path().join("away")).unwrap();
    let third = begin();
    assert_eq!((third.old, third.new), (None, new));
    fs::rename(dir.path().join("away"), dir.path().join(RECORD_FILE)).unwrap();
    begin().finish(&quick()).unwrap();
    let keys = LogKeys::open(dir.path(), None, &quick()).unwrap();
    assert_eq!(keys.trusted().record_keys(), [old, new]);
    let id = old.id().to_string();
    let kept = dir.path().join(format!("record-{}.key.old", &id[..16]));
    assert_eq!(mode(&kept), 0o600);
}
