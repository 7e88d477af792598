//! `adproof keys`: made, refused, handed out, held by others, rotated and revoked.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adproof_edge::bundle::{SentLimits, read_sent};
use adproof_ledger::bundle::Files;
use tempfile::TempDir;

use serde_json::Value as Json;

use crate::bundle::run_script;
use crate::decide::{Desk, FIXED, given};
use crate::run::{Ran, adproof, command, finish};

const LOG: &str = "log.example/adproof";

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn at(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).display().to_string()
}

/// `adproof ARGS` with a passphrase in the environment.
fn with_passphrase(passphrase: &str, args: &[&str]) -> Ran {
    let mut command = command(args);
    command.env("ADPROOF_PASSPHRASE", passphrase);
    finish(command)
}

fn tool(program: &str, args: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_form_of_every_role_is_taken_by_the_tools_that_it_is_for() {
    let dir = dir();
    let keys = at(&dir, "keys");
    let roles = ["record", "checkpoint", "root", "witness", "evidence", "counterparty"];
    let mut args = vec!["keys", "new", &keys, "--log", LOG, "--output-format", "json"];
    for role in roles {
        args.extend(["--role", role]);
    }
    let made = with_passphrase("correct horse", &args).exits(0).json();
    assert_eq!(made["schema"], "adproof.keys/1");
    for (role, key) in roles.into_iter().zip(made["keys"].as_array().unwrap()) {
        assert_eq!(key["role"], role);
        let file = dir.path().join("keys").join(format!("{role}.key"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{role}");
        let file = file.display().to_string();
        let open = ["pkey", "-passin", "pass:correct horse", "-pubout", "-in", &file];
        let spki = tool("openssl", &open, "");
        assert_eq!(key["spki"], spki.as_str(), "{role}");
        let export =
            |format: &str| adproof(&["keys", "export", &keys, "--role", role, "--format", format]);
        assert!(export("spki").exits(0).stdout.ends_with(&spki), "{role}");
        tool("openssl", &["pkey", "-pubin", "-noout"], &export("spki").stdout);
        if role == "evidence" {
            export("openssh").exits(2).says(&["an evidence key has no such form"]);
            continue;
        }
        let line = export("openssh").exits(0).stdout;
        assert!(tool("ssh-keygen", &["-l", "-f", "-"], &line).contains("(ED25519)"), "{role}");
        let vkey = export("vkey").exits(0).stdout;
        let parsed = adproof_ledger::NamedKey::parse_vkey(vkey.trim_end()).unwrap();
        assert_eq!(parsed.key().to_spki_pem(), spki, "{role}");
        assert_eq!(parsed.role().as_str(), role);
    }
}

#[test]
fn what_is_wrong_with_a_key_file_is_said_with_what_to_do() {
    let desk = Desk::new();
    let events = desk.events(1);
    let file = desk.path("keys/record.key");
    let whole = fs::read(&file).unwrap();
    let decide = || desk.decide(&events, "ledger", &["--init"]);
    for (mode, told) in [(0o640, "mode 0640"), (0o604, "mode 0604"), (0o622, "mode 0622")] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        decide().exits(2).says(&["may be read by others", told, "chmod 600"]);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for length in [0, 1, 27, 28, 60, whole.len() / 2, whole.len() - 2] {
        fs::write(&file, &whole[..length]).unwrap();
        decide().exits(2).says(&["is not an Ed25519 private key in PKCS#8 PEM"]);
    }
    fs::write(&file, vec![b'-'; 65 << 10]).unwrap();
    decide().exits(2).says(&["it is too long"]);
    fs::remove_file(&file).unwrap();
    decide().exits(2).says(&["there is no key file", "record.key"]);
    // A key of another log is whole and still not the one.
    let other = Desk::new();
    fs::copy(other.path("keys/record.key"), &file).unwrap();
    decide().exits(2).says(&["the record key is not among them"]);
}

#[test]
fn passphrases_are_needed_and_wrong_ones_told() {
    let dir = dir();
    let keys = at(&dir, "keys");
    adproof(&["keys", "new", &keys, "--log", LOG]).exits(2).says(&[
        "there is no passphrase",
        "ADPROOF_PASSPHRASE",
        "--no-passphrase",
    ]);
    with_passphrase("", &["keys", "new", &keys, "--log", LOG]).exits(2).says(&["is empty"]);
    assert!(!Path::new(&keys).join("record.key").exists());
    let wide = at(&dir, "wide");
    fs::write(&wide, "secret\n").unwrap();
    fs::set_permissions(&wide, fs::Permissions::from_mode(0o644)).unwrap();
    let new = ["keys", "new", &keys, "--log", LOG, "--passphrase-file", &wide];
    adproof(&new).exits(2).says(&["may be read by others (mode 0644)"]);
    fs::set_permissions(&wide, fs::Permissions::from_mode(0o600)).unwrap();
    adproof(&new).exits(0);
    adproof(&new).exits(2).says(&["there is a key at", "never overwritten"]);
    let mut journal = vec!["decide", "--events", "/dev/null", "--ledger", "l", "--keys", &keys];
    let given = given();
    journal.extend(given.iter().map(String::as_str));
    adproof(&journal).exits(2).says(&["is encrypted and no passphrase was given"]);
    with_passphrase("Secret", &journal).exits(2).says(&["the passphrase does not open"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is_one() {
    let dir = dir();
    adproof(&["keys", "new", &at(&dir, "keys"), "--log", LOG, "--no-passphrase"]).exits(0);
    let keys = at(&dir, "keys");
    let mut export = command(&["keys", "export", &keys]);
    let mut child = export.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut export = command(&["keys", "export", &keys]);
    export.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let output = export.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    // A limit on the size of files stands in for a full disk: nothing half is left behind.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let binary = env!("CARGO_BIN_EXE_adproof");
    let full = at(&dir, "full");
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", binary, "keys", "new", &full, "--log", LOG]);
    bash.arg("--no-passphrase").stdin(Stdio::null());
    let ran = finish(bash).exits(2);
    assert!(ran.stderr.contains("record.key"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(&full).unwrap().count(), 0);
}

/// The value of a field of `/proc/PID/…`.
fn field(pid: u32, file: &str, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim().to_owned()
}

#[test]
fn a_process_that_signs_dumps_no_core_and_locks_its_keys_or_says_that_it_cannot() {
    let desk = Desk::new();
    let mut args = vec!["stream".to_owned(), "--events".to_owned(), "-".to_owned()];
    args.extend(given());
    args.extend(desk.journal("ledger"));
    args.push("--init".to_owned());
    let mut child = command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = child.id();
    let begun = Instant::now();
    // The ledger is there when the keys have been read.
    while !desk.path("ledger/checkpoint").exists() {
        assert!(begun.elapsed() < Duration::from_mins(2), "no ledger");
        std::thread::sleep(Duration::from_millis(20));
    }
    let core = field(pid, "limits", "Max core file size");
    let locked = field(pid, "status", "VmLck:");
    drop(child.stdin.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(child.wait().unwrap().success(), "{told}");
    assert_eq!(core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let is_locked = !locked.starts_with('0') && !locked.is_empty();
    let is_told = told.contains("the system does not keep keys out of swap");
    assert!(is_locked != is_told, "VmLck {locked}, told: {told}");
}

fn verify(desk: &Desk, key: &str) -> Ran {
    adproof(&["ledger", "verify", &desk.at("ledger"), "--key", key])
}

#[test]
fn keys_come_and_go_and_whoever_trusts_the_root_follows() {
    let desk = Desk::new();
    let (keys, ledger) = (desk.at("keys"), desk.at("ledger"));
    let events = desk.events(3_000);
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    // What a verifier got on the first day, and never again.
    let first = desk.at("first.pub");
    fs::copy(desk.path("keys/log.pub"), &first).unwrap();
    let change = |verb: &str, more: &[&str]| {
        let mut args = vec!["keys", verb, &keys];
        args.extend(more);
        args.extend(["--ledger", &ledger, "--clock", FIXED, "--output-format", "json"]);
        adproof(&args)
    };
    let plain = "--no-passphrase";
    let rotated = change("rotate", &["--role", "record", plain, "--reason", "yearly"]).exits(0);
    let rotated = rotated.json();
    let told = |at: usize| {
        let record = &rotated["records"][at];
        (record["action"].as_str().unwrap().to_owned(), record["role"].clone())
    };
    assert_eq!(told(0), ("add".to_owned(), "record".into()));
    assert_eq!(told(1), ("retire".to_owned(), "record".into()));
    change("rotate", &["--role", "checkpoint", plain]).exits(0);
    // The new keys write on.
    let log = crate::decide::dataset("events.jsonl");
    desk.decide(&log, "ledger", &[]).exits(0);
    verify(&desk, &first).exits(0);
    verify(&desk, &desk.at("keys/log.pub")).exits(0);
    behind_rotations(&desk, &first);
    // The key that writes now is lost: what it has signed is doubtful from here on.
    let lost = change("revoke", &["--role", "record", plain, "--reason", "laptop lost"]).exits(0);
    let kid = lost.json()["records"][1]["kid"].as_str().unwrap().to_owned();
    let ran = verify(&desk, &first).exits(1);
    assert!(ran.stdout.contains("revoked") && ran.stdout.contains(&kid[..16]), "{}", ran.stdout);
    // The old one of all is revoked by its id, though it signs nothing any more.
    let retired = rotated["records"][1]["kid"].as_str().unwrap();
    change("revoke", &["--kid", &retired[..12], plain]).exits(0);
    change("revoke", &["--kid", "ffff", plain]).exits(2).says(&["there is no key `ffff`"]);
    // A root of somebody else changes nothing.
    let theirs = desk.at("theirs");
    let roles = ["keys", "new", &theirs, "--log", "localhost/try", "--role", "root", plain];
    adproof(&roles).exits(0);
    change("rotate", &["--role", "record", plain, "--root", &theirs])
        .exits(2)
        .says(&["this root key is not that of the log"]);
    assert!(!desk.path("keys/record.key.new").exists());
}

/// Bundles, proofs and checkpoints from behind rotations, for whoever holds the first keys or the
/// root alone.
fn behind_rotations(desk: &Desk, first: &str) {
    let at = |name: &str| desk.at(name);
    let ledger = at("ledger");
    let shown = adproof(&["ledger", "show", &ledger, "--output-format", "ndjson"]).exits(0);
    let records: Vec<Json> =
        shown.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = records.last().unwrap()["record"]["seq"].to_string();
    let changes: Vec<String> = records
        .iter()
        .filter(|record| record["record"]["typ"] == "key")
        .map(|record| record["record"]["seq"].to_string())
        .collect();
    assert_eq!(changes.len(), 4);
    let keys = fs::read_to_string(first).unwrap();
    let root = keys.lines().find(|line| line.contains("/root+")).unwrap();
    fs::write(desk.path("root.pub"), format!("{root}\n")).unwrap();
    let bundle = at("behind.zip");
    adproof(&["bundle", "make", &ledger, &last, "-o", &bundle]).exits(0);
    for keys in [first, &at("root.pub"), &at("keys/log.pub")] {
        let ran = adproof(&["bundle", "verify", &bundle, "--key", keys]).exits(0);
        assert!(ran.stdout.contains("the bundle shows 4 changes"), "{}", ran.stdout);
    }
    // openssl and coreutils come to the same end.
    let files = read_sent(&fs::read(&bundle).unwrap(), &SentLimits::default()).unwrap().files;
    let dir = desk.path(".");
    let script = |name: &str, files: &Files| {
        let output = run_script(&dir, name, files, &[Path::new("root.pub")]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = script("behind", &files);
    assert_eq!(code, Some(0), "{said}");
    // Without the record that brought its key, nothing vouches for the last one.
    let mut fewer = files.clone();
    fewer.retain(|name, _| !name.starts_with(&format!("records/{}.", changes[0])));
    let (code, said) = script("fewer", &fewer);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains(&format!("record {last}: it names a key that may not sign it")),
        "{said}"
    );
    // A change that the root has not signed changes nothing.
    let mut forged = files;
    let name = format!("records/{}.dsse.json", changes[2]);
    let text = String::from_utf8(forged[&name].clone()).unwrap();
    let place = text.find("\"sig\":\"").unwrap() + 10;
    let other = if text.as_bytes()[place] == b'A' { "B" } else { "A" };
    forged.insert(name, format!("{}{other}{}", &text[..place], &text[place + 1..]).into_bytes());
    let (code, said) = script("forged", &forged);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("its signature does not fit"), "{said}");
    // A proof alone needs the records that changed the keys.
    let (proof, record) = (at("p"), at("r"));
    adproof(&["ledger", "prove", &ledger, &last, "-o", &proof, "--record", &record]).exits(0);
    let mut verify = vec!["ledger", "verify-proof", &proof, "--record", &record, "--key", first];
    adproof(&verify).exits(1);
    let files: Vec<String> = changes.iter().map(|seq| at(&format!("change-{seq}"))).collect();
    for (seq, file) in changes.iter().zip(&files) {
        adproof(&["ledger", "prove", &ledger, seq, "--record", file, "-o", &at("ignored")])
            .exits(0);
        verify.extend(["--key-record", file]);
    }
    adproof(&verify).exits(0);
    // The ledger's own records tell by themselves.
    let held = at("held");
    adproof(&["ledger", "checkpoint", &ledger, "--key", first, "-o", &held]).exits(0);
    adproof(&["ledger", "checkpoint", &held, "--key", first]).exits(1);
    let mut check = vec!["ledger", "checkpoint", &held, "--key", first];
    for file in &files {
        check.extend(["--key-record", file]);
    }
    adproof(&check).exits(0);
    adproof(&["ledger", "verify", &ledger, "--key", first, "--checkpoint", &held]).exits(0);
    adproof(&["ledger", "verify", &ledger, &held, "--key", first]).exits(0);
    adproof(&["ledger", "export", &ledger, &last, "--key", first, "-o", &at("out")]).exits(0);
}

#[test]
fn a_rotation_that_was_cut_off_keeps_everybody_from_signing_until_it_is_done() {
    let desk = Desk::new();
    let events = desk.events(400);
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    let (keys, ledger) = (desk.at("keys"), desk.at("ledger"));
    // As after a crash behind the first step.
    let new = desk.at("new");
    let make = ["keys", "new", &new, "--log", "localhost/try", "--role", "record"];
    adproof(&[&make[..], &["--no-passphrase"]].concat()).exits(0);
    fs::rename(desk.path("new/record.key"), desk.path("keys/record.key.new")).unwrap();
    desk.decide(&events, "ledger", &[]).exits(2).says(&[
        "a change of the record key",
        "keys rotate --role record",
        "goes on",
    ]);
    let rotate = ["keys", "rotate", &keys, "--role", "record", "--ledger", &ledger];
    adproof(&[&rotate[..], &["--no-passphrase"]].concat()).exits(0);
    let more = desk.events(3_000);
    desk.decide(&more, "ledger", &[]).exits(0);
    verify(&desk, &desk.at("keys/log.pub")).exits(0);
    let old = fs::read_dir(desk.path("keys")).unwrap();
    let old = old.filter(|entry| {
        entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".key.old")
    });
    assert_eq!(old.count(), 1);
}

/// A program that signs with a key file through openssl, as a wrapper around an HSM would.
fn signer(desk: &Desk, name: &str, flaw: &str) -> String {
    let key = desk.at(&format!("{name}.pem"));
    tool("openssl", &["genpkey", "-algorithm", "ed25519", "-out", &key], "");
    let script = desk.path(&format!("{name}.sh"));
    let text = format!(
        "while read -r verb kid message; do\n\
         case $verb in\n\
         public) echo \"ok $(openssl pkey -in '{key}' -pubout -outform DER | base64 -w0)\" ;;\n\
         sign) printf %s \"$message\" | base64 -d > '{key}.message'\n\
         {flaw}\n\
         echo \"ok $(openssl pkeyutl -sign -inkey '{key}' -rawin -in '{key}.message' \
         | base64 -w0)\" ;;\n\
         esac\ndone\n"
    );
    fs::write(&script, text).unwrap();
    format!("record=bash '{}'", script.display())
}

#[test]
fn a_program_signs_records_and_what_it_does_wrong_writes_nothing() {
    let desk = Desk::new();
    let events = desk.events(400);
    fs::remove_dir_all(desk.path("keys")).unwrap();
    let keys = desk.at("keys");
    let honest = signer(&desk, "honest", "");
    let new = ["keys", "new", &keys, "--log", "localhost/try", "--no-passphrase"];
    adproof(&[&new[..], &["--signer", &honest]].concat()).exits(0);
    assert!(!desk.path("keys/record.key").exists());
    desk.decide(&events, "ledger", &["--init"]).exits(0);
    let first = verify(&desk, &desk.at("keys/log.pub")).exits(0).stdout;
    // In place of what the folder says: the same key behind a program that fails.
    let more = desk.events(3_000);
    for (flaw, told) in [
        ("echo error the token is locked; continue", "the token is locked"),
        ("echo ok $(head -c 64 /dev/zero | base64 -w0); continue", "does not verify"),
        ("exit 4", "ended without an answer (exit status: 4)"),
    ] {
        let bad = signer(&desk, "bad", flaw);
        fs::copy(desk.path("honest.pem"), desk.path("bad.pem")).unwrap();
        desk.decide(&more, "ledger", &["--signer", &bad]).exits(2).says(&[told]);
    }
    let stranger = signer(&desk, "stranger", "");
    desk.decide(&more, "ledger", &["--signer", &stranger])
        .exits(2)
        .says(&["the record key is not among them"]);
    assert_eq!(verify(&desk, &desk.at("keys/log.pub")).exits(0).stdout, first);
    // A key that a program holds gives way to another one.
    let next = signer(&desk, "next", "");
    let ledger = desk.at("ledger");
    let rotate = ["keys", "rotate", &keys, "--role", "record", "--ledger", &ledger];
    adproof(&[&rotate[..], &["--no-passphrase", "--signer", &next]].concat()).exits(0);
    desk.decide(&more, "ledger", &[]).exits(0);
    verify(&desk, &desk.at("keys/log.pub")).exits(0);
}
