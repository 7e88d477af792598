//! `adproof bundle`: page and zip file, and the script that needs nothing of adproof's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use adproof_edge::bundle::{Limits, page, unpack};
use adproof_ledger::Opening;
use adproof_ledger::bundle::{Files, inline};

use crate::ledger::Fixture;
use crate::run::adproof;

/// Everything that verify.sh may call besides the shell.
const TOOLS: [&str; 13] = [
    "base64", "cat", "cp", "dirname", "head", "mktemp", "mv", "od", "openssl", "rm", "tail", "tr",
    "wc",
];

/// A way to change a bundle.
type Tamper<'a> = Box<dyn Fn(&mut Files) + 'a>;

/// The bundle of the records 1, 2 and 4.
fn files(fixture: &Fixture) -> Files {
    let (ledger, bundle) = (fixture.text("ledger"), fixture.text("case.zip"));
    adproof(&["bundle", "make", &ledger, "1", "2", "4", "--case", "c", "-o", &bundle]).exits(0);
    unpack(&fs::read(&bundle).unwrap(), &Limits::default()).unwrap()
}

/// Writes files below a folder and runs the script in it, from elsewhere, with the tools alone.
fn script(fixture: &Fixture, name: &str, files: &Files, keys: Option<&Path>) -> Output {
    let keys: Vec<&Path> = keys.into_iter().collect();
    run_script(&fixture.path("."), name, files, &keys)
}

/// The same in any folder, with any arguments.
pub(crate) fn run_script(root: &Path, name: &str, files: &Files, args: &[&Path]) -> Output {
    let folder = root.join(name);
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let tools = root.join("tools");
    if !tools.exists() {
        fs::create_dir(&tools).unwrap();
        for tool in TOOLS {
            std::os::unix::fs::symlink(on_path(tool), tools.join(tool)).unwrap();
        }
    }
    Command::new(on_path("sh"))
        .arg(folder.join("verify.sh"))
        .args(args)
        .env_clear()
        .env("PATH", &tools)
        .current_dir(root)
        .output()
        .unwrap()
}

fn on_path(tool: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{tool} is not installed"))
}

fn edit(files: &mut Files, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[name].clone()).unwrap();
    assert!(text.contains(from), "{name}: {text}");
    files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
}

/// Puts another record into an envelope: what somebody does who edits and has no key.
fn repack(files: &mut Files, seq: u64) {
    use base64::Engine as _;
    let name = format!("records/{seq}.dsse.json");
    let envelope: serde_json::Value = serde_json::from_slice(&files[&name]).unwrap();
    let payload = envelope["payload"].as_str().unwrap().to_owned();
    let record = &files[&format!("records/{seq}.json")];
    let new = base64::engine::general_purpose::STANDARD.encode(record);
    edit(files, &name, &payload, &new);
}

#[test]
fn openssl_and_coreutils_verify_a_bundle() {
    let fixture = Fixture::new();
    let files = files(&fixture);
    let keys = Path::new("keys/log.pub");
    let output = script(&fixture, "good", &files, Some(keys));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        said.lines().take(5).collect::<Vec<_>>(),
        [
            "ok      the checkpoint over 5 records, signed by log.example/adproof",
            "ok      record 1: its signature, its place in the tree",
            "ok      record 2: its signature, its place in the tree, its link to record 1",
            "ok      record 4: its signature, its place in the tree",
            "verified: nothing is wrong",
        ]
    );
    let own = script(&fixture, "good", &files, None);
    assert!(own.status.success());
    assert!(String::from_utf8_lossy(&own.stdout).starts_with("note: using the keys in the bundle"));
}

#[test]
fn the_script_refuses_what_was_tampered_with_and_so_does_the_command() {
    let fixture = Fixture::new();
    let good = files(&fixture);
    let other = fixture.text("other");
    adproof(&["keys", "new", &other, "--log", crate::ledger::LOG, "--no-passphrase"]).exits(0);
    let foreign = fs::read(fixture.path("other/log.pub")).unwrap();
    let copies: Vec<(&str, &str, Tamper<'_>)> = vec![
        (
            "edited",
            "record 2: the record beside its envelope is another one",
            Box::new(|files| {
                edit(files, "records/2.json", "\"observe\"", "\"block\"");
            }),
        ),
        (
            "repacked",
            "record 2: its signature does not fit",
            Box::new(|files| {
                edit(files, "records/2.json", "\"observe\"", "\"block\"");
                repack(files, 2);
            }),
        ),
        (
            "dropped",
            "record 4: records/4.tlog-proof is missing",
            Box::new(|files| {
                files.remove("records/4.tlog-proof");
            }),
        ),
        (
            "moved",
            "record 4: its proof is for another place",
            Box::new(|files| {
                let proof = files["records/2.tlog-proof"].clone();
                files.insert("records/4.tlog-proof".to_owned(), proof);
            }),
        ),
        (
            "other proof",
            "record 4: its proof does not lead to the root",
            Box::new(|files| {
                let proof = String::from_utf8(files["records/4.tlog-proof"].clone()).unwrap();
                let hash = proof.lines().nth(2).unwrap();
                let zero = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
                edit(files, "records/4.tlog-proof", hash, zero);
            }),
        ),
        (
            "renamed",
            "record 3: it names another place",
            Box::new(|files| {
                for end in ["json", "dsse.json", "tlog-proof"] {
                    let content = files.remove(&format!("records/4.{end}")).unwrap();
                    files.insert(format!("records/3.{end}"), content);
                }
            }),
        ),
        (
            "checkpoint",
            "the signature of the checkpoint does not fit",
            Box::new(|files| {
                edit(files, "checkpoint", "\n5\n", "\n6\n");
            }),
        ),
        (
            "shrunk",
            "record 4: the checkpoint does not cover it",
            Box::new(|files| {
                let three = fs::read(fixture.path("three")).unwrap();
                files.insert("checkpoint".to_owned(), three);
            }),
        ),
        (
            "strange",
            "records/x.json has no place",
            Box::new(|files| {
                files.insert("records/x.json".to_owned(), b"{}".to_vec());
            }),
        ),
    ];
    let keys = fixture.path("keys/log.pub");
    for (name, told, tamper) in copies {
        let mut files = good.clone();
        tamper(&mut files);
        let output = script(&fixture, name, &files, Some(&keys));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(told) && said.contains("do not rely"), "{name}: {said}");
        fs::write(fixture.path("bad.html"), page::write(&files)).unwrap();
        let (bad, key) = (fixture.text("bad.html"), fixture.text("keys/log.pub"));
        adproof(&["bundle", "verify", &bad, "--key", &key]).exits(1);
    }
    // A whole second log of that name, with keys of its own in the bundle.
    let mut files = good.clone();
    files.insert("log.pub".to_owned(), foreign);
    let output = script(&fixture, "foreign", &files, None);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("not signed with a key that you trust"), "{said}");
    assert!(said.contains("record 1: it names a key that may not sign it"), "{said}");
}

#[test]
fn a_case_gives_a_page_and_a_zip_file_of_the_same_files() {
    let fixture = Fixture::new();
    let (ledger, key) = (fixture.text("ledger"), fixture.text("keys/log.pub"));
    let private = fixture.text("private.jsonl");
    let lines: Vec<Vec<u8>> = fixture.openings.iter().map(Opening::to_bytes).collect();
    fs::write(&private, lines.join(&b'\n')).unwrap();
    let base = fixture.text("2026-117");
    let mut args = vec!["bundle", "make", &ledger, "3", "4", "--case", "2026/117", "--for", "B"];
    args.extend(["-o", &base, "--disclosures", &private, "--reveal", "network.ip"]);
    adproof(&args).exits(0);
    let html = fs::read(fixture.path("2026-117.html")).unwrap();
    let zip = fs::read(fixture.path("2026-117.zip")).unwrap();
    let of_page = page::read(&html, &inline::Limits::default()).unwrap();
    assert_eq!(of_page.files, unpack(&zip, &Limits::default()).unwrap());
    assert_eq!(String::from_utf8(html).unwrap(), page::write(&of_page.files));

    let page = fixture.text("2026-117.html");
    let json = adproof(&["bundle", "verify", &page, "--key", &key, "--output-format", "json"]);
    let json = json.exits(0).json();
    assert_eq!((&json["case"], &json["for"]), (&"2026/117".into(), &"B".into()));
    assert_eq!(json["page"]["code"], "own");
    assert_eq!(json["records"][1]["linked"], true);
    assert_eq!(json["records"][1]["revealed"][0]["value"], "3fff:100::4");
    let text = adproof(&["bundle", "verify", &page, "--key", &key]).exits(0).stdout;
    assert!(text.contains("a rewrite by the key's holder would not show"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_page_whose_own_code_was_edited_is_refused_though_its_data_holds() {
    let fixture = Fixture::new();
    let files = files(&fixture);
    let path = fixture.text("edited.html");
    fs::write(&path, page::write(&files).replace("Failed: do not rely", "Verified: rely")).unwrap();
    let key = fixture.text("keys/log.pub");
    let ran = adproof(&["bundle", "verify", &path, "--key", &key]).exits(1);
    let said = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("page UNKNOWN: not one that adproof writes"), "{said}");
    assert!(said.contains("FAILED: 1 problem"), "{said}");
    let json = adproof(&["bundle", "verify", &path, "--key", &key, "--output-format", "json"]);
    let json = json.exits(1).json();
    assert_eq!(json["page"]["code"], "unknown");
    assert_eq!(json["records"].as_array().unwrap().len(), 3);
}

#[test]
fn one_form_is_written_where_the_name_says_so_and_a_case_must_name_a_file() {
    let fixture = Fixture::new();
    let ledger = fixture.text("ledger");
    let html = fixture.text("one.html");
    adproof(&["bundle", "make", &ledger, "0", "-o", &html]).exits(0);
    assert!(!fixture.path("one.zip").exists() && !fixture.path("one.html.zip").exists());
    adproof(&["bundle", "make", &ledger, "0"]).exits(2).says(&["--case"]);
    adproof(&["bundle", "make", &ledger, "0", "--case", "///"]).exits(2).says(&["gives no name"]);
}
