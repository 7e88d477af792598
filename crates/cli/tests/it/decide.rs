//! `adproof decide`: decisions, their records, and what happens when something is in the way.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::run::{Ran, adproof};

pub(crate) const FIXED: &str = "fixed:2026-06-05T00:00:00Z";

pub(crate) fn dataset(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name);
    path.canonicalize().unwrap().display().to_string()
}

/// `--feed … --tags … --policy …` for the shipped data.
pub(crate) fn given() -> Vec<String> {
    [
        "--feed".to_owned(),
        dataset("."),
        "--asn".to_owned(),
        dataset("asn.csv"),
        "--tags".to_owned(),
        dataset("tags"),
        "--policy".to_owned(),
        dataset("policies/demo.toml"),
    ]
    .into()
}

/// A folder with keys in it.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { folder };
        adproof(&["keys", "new", &desk.at("keys"), "--log", "localhost/try", "--no-passphrase"])
            .exits(0);
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// `--ledger … --keys … --clock …`.
    pub(crate) fn journal(&self, ledger: &str) -> Vec<String> {
        ["--ledger", &self.at(ledger), "--keys", &self.at("keys"), "--clock", FIXED]
            .map(str::to_owned)
            .into()
    }

    /// The first lines of the shipped log.
    pub(crate) fn events(&self, lines: usize) -> String {
        let log = std::fs::read_to_string(dataset("events.jsonl")).unwrap();
        let some: String = log.lines().take(lines).flat_map(|line| [line, "\n"]).collect();
        std::fs::write(self.path("events.jsonl"), some).unwrap();
        self.at("events.jsonl")
    }

    /// Decides into a ledger and gives what it told as JSON.
    pub(crate) fn decide(&self, events: &str, ledger: &str, more: &[&str]) -> Ran {
        let mut args = vec!["decide".to_owned(), "--events".to_owned(), events.to_owned()];
        args.extend(given());
        args.extend(self.journal(ledger));
        args.extend(more.iter().map(|arg| (*arg).to_owned()));
        adproof(&args)
    }
}

/// Every file of a folder with its bytes.
pub(crate) fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn verify(ledger: &str) -> Ran {
    adproof(&["ledger", "verify", ledger, "--output-format", "json"])
}

#[test]
fn the_shipped_story_is_decided_and_no_more() {
    let events = dataset("events.jsonl");
    let mut args = vec!["decide".to_owned(), "--events".to_owned(), events];
    args.extend(given());
    args.extend(["--output-format", "json"].map(str::to_owned));
    let told = adproof(&args).exits(0).json();
    assert_eq!(told["schema"], "adproof.decide/1");
    assert_eq!(told["summary"]["impressions"], 5000);
    assert_eq!(told["ledger"], Value::Null);
    let block = |index: usize| {
        let block = &told["blocks"][index];
        let why = block["why_not_more"][0]["gate"].clone();
        [block["action"].clone(), block["block"].clone(), why]
    };
    assert_eq!(block(0), ["review", "3fff:10:42:7::/64", "sources"]);
    assert_eq!(block(1), ["review", "3fff:20:4::/48", "sources"]);
    // A crawler that recurs in every issue, and a relay: measured and no more.
    assert_eq!(block(2), ["measure", "3fff:90:0:7::/64", "family"]);
    assert_eq!(block(3), ["measure", "3fff:c0:1:1::/64", "shared_egress"]);
    // No carrier as a whole.
    for block in told["blocks"].as_array().unwrap() {
        assert!(!block["block"].as_str().unwrap().ends_with("::/32"), "{block}");
    }
    // Nothing personal: no address and no device id without a key.
    for decision in told["decisions"].as_array().unwrap() {
        assert_eq!(decision["address"], Value::Null);
    }
}

#[test]
fn addresses_are_keyed_names_until_plain_ones_are_asked_for() {
    let desk = Desk::new();
    let events = desk.events(3_000);
    let first = |more: &[&str]| {
        let ran = desk.decide(&events, "ledger", more).exits(0);
        let told = ran.json();
        told["decisions"][0]["address"].as_str().unwrap().to_owned()
    };
    let hidden = first(&["--init", "--output-format", "json"]);
    assert!(hidden.starts_with("keyed:"), "{hidden}");
    assert_eq!(hidden, first(&["--output-format", "json"]), "the same name for the same address");
    let plain = first(&["--output-format", "json", "--plain-addresses"]);
    assert!(plain.starts_with("3fff:"), "{plain}");
}

#[test]
fn decisions_are_records_that_verify_and_are_made_once() {
    let desk = Desk::new();
    let events = desk.events(3_000);
    let more = ["--init", "--output-format", "json", "--disclosures", &desk.at("private.jsonl")];
    let told = desk.decide(&events, "ledger", &more).exits(0).json();
    let recorded = told["summary"]["recorded"].as_u64().unwrap();
    assert!(recorded > 0);
    assert_eq!(told["ledger"]["appended"], recorded);
    assert_eq!(verify(&desk.at("ledger")).exits(0).json()["records"], recorded);
    let private = std::fs::read_to_string(desk.path("private.jsonl")).unwrap();
    assert_eq!(private.lines().count() as u64, recorded);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let bits = std::fs::metadata(desk.path("private.jsonl")).unwrap().permissions().mode();
        assert_eq!(bits & 0o777, 0o600);
    }
    let before = content(&desk.path("ledger"));
    let second = desk.decide(&events, "ledger", &["--output-format", "json"]).exits(0).json();
    assert_eq!(second["ledger"]["appended"], 0);
    assert_eq!(second["ledger"]["already"], recorded);
    assert_eq!(before, content(&desk.path("ledger")));
}

#[test]
fn a_ledger_is_made_only_when_told() {
    let desk = Desk::new();
    let events = desk.events(50);
    desk.decide(&events, "none", &[]).exits(2).says(&["there is no ledger", "--init"]);
    assert!(!desk.path("none").exists());
    desk.decide(&events, "none", &["--keys", &desk.at("nokeys")]).exits(2);
}

#[test]
fn what_is_in_the_way_is_named() {
    let desk = Desk::new();
    let events = desk.events(50);
    let with = |policy: &str, tags: &str, log: &str| {
        let feed = dataset("ioc-ipv6-2026-05.xlsx");
        let args = ["decide", "--events", log, "--feed", &feed, "--tags", tags, "--policy", policy];
        adproof(&args)
    };
    let demo = dataset("policies/demo.toml");
    let tags = dataset("tags");
    let gate = desk.at("gate.toml");
    let text = "version = 1\nname = \"x\"\n[rung.observe]\nlisted = true\nlissted = true\n";
    std::fs::write(&gate, text).unwrap();
    with(&gate, &tags, &events).exits(2).says(&[
        "unknown gate `lissted`",
        "recurrence_ppm",
        "gate.toml:5:1",
    ]);
    with(&desk.at("no.toml"), &tags, &events).exits(2).says(&["does not exist"]);
    with(&demo, &desk.at("notags"), &events).exits(2).says(&["does not exist"]);
    with(&demo, &tags, &desk.at("nolog")).exits(2).says(&["does not exist"]);
    std::fs::write(desk.path("empty.jsonl"), "").unwrap();
    with(&demo, &tags, &desk.at("empty.jsonl")).exits(2).says(&["is empty"]);
}

#[cfg(unix)]
#[test]
fn keys_that_others_may_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let events = desk.events(50);
    let key = desk.path("keys").join("record.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    desk.decide(&events, "ledger", &["--init"]).exits(2).says(&["chmod 600"]);
    assert!(!desk.path("ledger").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_for_the_output_is_an_error_and_the_records_are_safe() {
    let desk = Desk::new();
    let events = desk.events(3_000);
    let mut args = vec!["decide".to_owned(), "--events".to_owned(), events];
    args.extend(given());
    args.extend(desk.journal("ledger"));
    args.extend(["--init", "--output-format", "json"].map(str::to_owned));
    let mut command = crate::run::command(&args);
    command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", String::from_utf8_lossy(&ended.stderr));
    verify(&desk.at("ledger")).exits(0);
}
