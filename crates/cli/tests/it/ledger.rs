//! `adproof keys`, `adproof ledger` and `adproof bundle`, as the two sides of a dispute use them.

use std::fs;
use std::path::{Path, PathBuf};

use adproof_edge::keys::{Limits as KeyLimits, LogKeys};
use adproof_edge::store::{LedgerWriter, Limits};
use adproof_ledger::frame::{Frames, SEGMENT_HEADER_BYTES, push_frame};
use adproof_ledger::tree::{MemoryTree, leaf_hash};
use adproof_ledger::verify::Limits as VerifyLimits;
use adproof_ledger::{
    Action, Body, Checkpoint, Completeness, DayKey, Decision, Draft, Hash, Input, LegCommitment,
    LegState, Legs, MemoryKey, Opening, Reason, Record, RecordTime, Repro, Value,
};
use tempfile::TempDir;

use crate::run::{Ran, adproof, command, finish};

pub(crate) const LOG: &str = "log.example/adproof";
const SEGMENT: &str = "segments/00000000000000000000.seg";

/// A folder with keys, a ledger of some decisions, and their private disclosures.
pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) openings: Vec<Opening>,
}

fn time(seq: i64) -> RecordTime {
    RecordTime {
        wall_us: 1_780_000_000_000_000 + seq,
        error_us: 500,
        monotonic_us: 1,
        source: "fixed".into(),
        beacon: None,
    }
}

fn draft(keys: &LogKeys, index: u32) -> (Draft, Opening) {
    let subject = keys.evidence().subject(&format!("transaction-{index}"), "1");
    let record_key = keys.evidence().record_key(&DayKey::new([45; 32]), &subject);
    let ip = Value::Text(format!("3fff:100::{index}"));
    let committed: Vec<LegCommitment> = Legs::NAMES
        .iter()
        .map(|leg| record_key.commit(leg, &[("ip", ip.clone())]).unwrap())
        .collect();
    let leg =
        |at: usize| adproof_ledger::Leg { state: LegState::Present, root: committed[at].root };
    let draft = Draft {
        legs: Legs {
            request: leg(0),
            network: leg(1),
            creative: leg(2),
            vast: leg(3),
            execution: leg(4),
            billing: leg(5),
        },
        completeness: Completeness { have: 6, miss: 0, ppm: 1_000_000 },
        dec: Decision {
            action: Action::Observe,
            collateral: Vec::new(),
            expires_us: None,
            held_out: false,
            reasons: vec![Reason {
                gate: "completeness".to_owned(),
                numbers: Vec::new(),
                outcome: "met".to_owned(),
            }],
            scores: Vec::new(),
            subject,
            tag: None,
            target: Some(format!("3fff:100:0:{index}::/64")),
        },
        repro: Repro {
            engine: Hash::of(b"engine"),
            inputs: vec![Input { role: "events".to_owned(), sha256: Hash::of(b"events") }],
            model: Hash::of(b"model"),
            params: Hash::of(b"params"),
            policy: Hash::of(b"policy"),
            ruleset: Hash::of(b"ruleset"),
            seed: 1,
        },
    };
    (draft, Opening::new(subject, &committed))
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::of(5)
    }

    fn of(records: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keys = dir.path().join("keys");
        adproof(&["keys", "new", keys.to_str().unwrap(), "--log", LOG, "--no-passphrase"]).exits(0);
        let mut fixture = Self { dir, openings: Vec::new() };
        let keys = fixture.log_keys();
        let mut drafts = Vec::new();
        for index in 0..records {
            let (draft, opening) = draft(&keys, index);
            drafts.push((draft, time(index.into())));
            fixture.openings.push(opening);
        }
        let mut writer = fixture.writer();
        let last = drafts.split_off(drafts.len().min(3));
        writer.append(drafts).unwrap();
        fs::write(fixture.path("three"), writer.checkpoint()).unwrap();
        writer.append(last).unwrap();
        fs::write(fixture.path("five"), writer.checkpoint()).unwrap();
        writer.close().unwrap();
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn log_keys(&self) -> LogKeys {
        LogKeys::open(&self.path("keys"), None, &KeyLimits::default()).unwrap()
    }

    fn writer(&self) -> LedgerWriter {
        let keys = self.log_keys();
        let heads = keys.heads();
        let (signers, _) = keys.into_signers();
        let root = self.path("ledger");
        let limits = Limits::default();
        LedgerWriter::open_or_create(&root, LOG, signers, Some(&heads), &time(0), limits).unwrap()
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let (ledger, key) = (self.text("ledger"), self.text("keys/log.pub"));
        let mut args = vec!["ledger", "verify", &ledger, "--key", &key];
        args.extend(more);
        adproof(&args)
    }

    /// Reads the frames, lets `change` work on them, and writes them back, checksums mended.
    fn tamper(
        &self,
        change: impl FnOnce(&mut Vec<(Vec<u8>, Vec<adproof_ledger::RecordSignature>)>),
    ) {
        let path = self.path("ledger").join(SEGMENT);
        let bytes = fs::read(&path).unwrap();
        let (header, frames) = bytes.split_at(SEGMENT_HEADER_BYTES);
        let mut records = Frames::new(frames)
            .map(|frame| frame.map(|frame| (frame.entry.to_vec(), frame.signatures)).unwrap())
            .collect();
        change(&mut records);
        let mut bytes = header.to_vec();
        for (entry, signatures) in &records {
            assert!(push_frame(&mut bytes, entry, signatures));
        }
        fs::write(path, bytes).unwrap();
        // An attacker would not leave the tiles to tell.
        fs::remove_dir_all(self.path("ledger").join("tile")).unwrap();
    }
}

#[track_caller]
fn names(ran: Ran, record: u64) {
    let ran = ran.exits(1);
    let line = format!("  record {record}: ");
    let first = ran.stdout.lines().find(|line| line.starts_with("  record "));
    assert!(first.is_some_and(|first| first.starts_with(&line)), "{}", ran.stdout);
}

#[test]
fn an_untouched_ledger_verifies() {
    let fixture = Fixture::new();
    let held = fixture.text("three");
    let ran = fixture.verify(&["--checkpoint", &held]).exits(0);
    assert!(ran.stdout.contains("verified: nothing is wrong"), "{}", ran.stdout);
    // A held checkpoint is no witness, and what cannot be found is said.
    let told = ran.stdout.split_once("not checked:\n").unwrap().1;
    assert!(
        told.starts_with("  no witness: a rewrite by the key holder would not show\n"),
        "{told}"
    );
    assert!(!told.contains("no held checkpoint"), "{told}");
    assert_eq!(ran.stderr, "");
    let json = fixture.verify(&["--output-format", "json"]).exits(0).json();
    assert_eq!(json["schema"], "adproof.ledger-verify/1");
    assert_eq!(json["outcome"], "verified");
    assert_eq!(json["records"], 5);
    assert_eq!(json["checkpoint"]["size"], 5);
    let checks = json["not_checked"].as_array().unwrap().iter().map(|one| one["check"].clone());
    let expected = [
        "witness",
        "held_checkpoint",
        "anchor",
        "window_close",
        "countersignature",
        "re_execution",
    ];
    assert_eq!(checks.collect::<Vec<_>>(), expected);
}

#[test]
fn without_keys_of_ones_own_the_folder_is_trusted_and_that_is_said() {
    let fixture = Fixture::new();
    adproof(&["ledger", "verify", &fixture.text("ledger")])
        .exits(0)
        .says(&["note: verifying with the public keys that lie in the ledger itself"]);
}

#[test]
fn a_flipped_byte_names_its_record() {
    let fixture = Fixture::new();
    let path = fixture.path("ledger").join(SEGMENT);
    let mut bytes = fs::read(&path).unwrap();
    let at = {
        let (_, frames) = bytes.split_at(SEGMENT_HEADER_BYTES);
        let mut frames = Frames::new(frames);
        frames.by_ref().take(2).for_each(drop);
        SEGMENT_HEADER_BYTES + frames.offset() + 100
    };
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    names(fixture.verify(&[]), 2);
}

#[test]
fn an_edit_with_everything_hashed_again_names_its_record() {
    let fixture = Fixture::new();
    let mut leaves = MemoryTree::new();
    fixture.tamper(|records| {
        let mut prev = Hash::ZERO;
        for (entry, _) in records {
            let mut record = Record::parse(entry).unwrap();
            record.prev = prev;
            if let Body::Decision(draft) = &mut record.body
                && record.seq == 3
            {
                draft.dec.action = Action::Block;
            }
            *entry = record.to_bytes().unwrap();
            prev = leaf_hash(entry);
            leaves.push(prev);
        }
    });
    // Root and checkpoint are made again too, with a key that nobody trusts.
    let checkpoint = Checkpoint { origin: LOG.to_owned(), size: 5, root: leaves.root() };
    let note = checkpoint.sign(&MemoryKey::from_seed(&[6; 32])).unwrap();
    fs::write(fixture.path("ledger/checkpoint"), note).unwrap();
    names(fixture.verify(&[]), 3);
    // Not even the folder's own public keys help the attacker.
    names(adproof(&["ledger", "verify", &fixture.text("ledger")]), 3);
    let json = fixture.verify(&["--output-format", "json"]).exits(1).json();
    assert_eq!(json["problems"][0]["record"], 3);
    assert_eq!(json["problems"][0]["fault"], "bad_signature");
    assert_eq!(json["problems"][0]["layer"], "record_signature");
}

#[test]
fn a_deleted_record_is_named() {
    let fixture = Fixture::new();
    fixture.tamper(|records| drop(records.remove(1)));
    names(fixture.verify(&[]), 1);
}

#[test]
fn two_swapped_records_are_named() {
    let fixture = Fixture::new();
    fixture.tamper(|records| records.swap(2, 3));
    names(fixture.verify(&[]), 2);
}

#[test]
fn a_cut_tail_is_named_against_a_held_checkpoint() {
    let fixture = Fixture::new();
    fixture.tamper(|records| records.truncate(3));
    names(fixture.verify(&[]), 3);
    // With the older checkpoint in place nothing shows in the folder itself.
    fs::copy(fixture.path("three"), fixture.path("ledger/checkpoint")).unwrap();
    fixture.verify(&[]).exits(0);
    let held = fixture.text("five");
    names(fixture.verify(&["--checkpoint", &held]), 3);
}

#[test]
fn every_byte_of_a_small_ledger_counts() {
    let fixture = Fixture::of(2);
    let root = fixture.path("ledger");
    let keys = fixture.log_keys();
    let good = |root: &Path| {
        let reader = adproof_edge::store::LedgerReader::open(root).unwrap();
        reader.verify(keys.trusted(), &[], VerifyLimits::default()).unwrap().is_good()
    };
    assert!(good(&root));
    for name in [SEGMENT, "checkpoint", "tile/0/000.p/2", "tile/entries/000.p/2"] {
        let path = root.join(name);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, changed).unwrap();
            assert!(!good(&root), "{name} byte {at}");
        }
        fs::write(&path, bytes).unwrap();
    }
    assert!(good(&root));
}

#[test]
fn a_ledger_that_another_process_holds_is_left_alone() {
    let fixture = Fixture::new();
    let writer = fixture.writer();
    fixture.verify(&[]).exits(2).says(&["another process holds the ledger", "to do: wait until"]);
    drop(writer);
    fixture.verify(&[]).exits(0);
}

#[test]
fn what_cannot_be_checked_is_no_finding() {
    let fixture = Fixture::new();
    let (ledger, nothing) = (fixture.text("ledger"), fixture.text("nothing"));
    adproof(&["ledger", "verify", &nothing]).exits(2).says(&["there is no ledger at"]);
    adproof(&["ledger", "verify", &ledger, "--key", &nothing]).exits(2).says(&["no key file"]);
    fixture.verify(&["--checkpoint", &nothing]).exits(2).says(&["held checkpoint"]);
    let other = fixture.text("other");
    adproof(&["keys", "new", &other, "--log", LOG, "--no-passphrase"]).exits(0);
    let strangers = fixture.text("other/log.pub");
    // Keys of somebody else: everything is wrong.
    adproof(&["ledger", "verify", &ledger, "--key", &strangers]).exits(1);
    adproof(&["ledger", "show", &ledger, "9"]).exits(2).says(&["there is no record 9"]);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new();
    let path = fixture.path("keys/record.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = LogKeys::open(&fixture.path("keys"), None, &KeyLimits::default());
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("may be read by others (mode 0644)"), "{said}");
}

#[test]
fn keys_need_a_passphrase_or_a_word() {
    let fixture = Fixture::new();
    let keys = fixture.text("more");
    let args = ["keys", "new", &keys, "--log", LOG];
    let mut without = command(&args);
    without.env_remove("ADPROOF_PASSPHRASE");
    finish(without).exits(2).says(&["no passphrase", "--no-passphrase"]);
    assert!(!fixture.path("more").exists());
    let mut with = command(&args);
    with.env("ADPROOF_PASSPHRASE", "correct horse");
    finish(with).exits(0);
    let mut again = command(&args);
    again.env("ADPROOF_PASSPHRASE", "correct horse");
    finish(again).exits(2).says(&["there is a key at"]);
    let private = fs::read_to_string(fixture.path("more/record.key")).unwrap();
    assert!(private.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
}

#[test]
fn records_are_listed_shown_and_proved() {
    let fixture = Fixture::new();
    let ledger = fixture.text("ledger");
    let list = adproof(&["ledger", "show", &ledger]).exits(0).stdout;
    assert_eq!(list.lines().count(), 6);
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    let json =
        adproof(&["ledger", "show", &ledger, "2", "--output-format", "json"]).exits(0).json();
    assert_eq!(json["schema"], "adproof.ledger-show/1");
    assert_eq!(json["record"]["dec"]["target"], "3fff:100:0:2::/64");
    let proof = adproof(&["ledger", "prove", &ledger, "2"]).exits(0).stdout;
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nindex 2\n"), "{proof}");
}

#[test]
fn a_bundle_convinces_with_the_right_keys_and_reveals_what_was_chosen() {
    let fixture = Fixture::new();
    let (ledger, key) = (fixture.text("ledger"), fixture.text("keys/log.pub"));
    let (bundle, disclosures) = (fixture.text("dispute.zip"), fixture.text("disclosures.jsonl"));
    let lines: Vec<Vec<u8>> = fixture.openings.iter().map(Opening::to_bytes).collect();
    fs::write(&disclosures, lines.join(&b'\n')).unwrap();
    adproof(&[
        "bundle",
        "make",
        &ledger,
        "3",
        "1",
        "-o",
        &bundle,
        "--disclosures",
        &disclosures,
        "--reveal",
        "network.ip",
    ])
    .exits(0);
    let json = adproof(&["bundle", "verify", &bundle, "--key", &key, "--output-format", "json"]);
    let json = json.exits(0).json();
    assert_eq!(json["outcome"], "verified");
    assert_eq!(json["records"][0]["seq"], 1);
    let revealed = json["records"][0]["revealed"].as_array().unwrap();
    assert_eq!(revealed.len(), 1);
    assert_eq!(revealed[0]["value"], "3fff:100::1");
    adproof(&["bundle", "verify", &bundle]).exits(0).says(&["that lie in the bundle itself"]);
    let other = fixture.text("other");
    adproof(&["keys", "new", &other, "--log", LOG, "--no-passphrase"]).exits(0);
    let strangers = fixture.text("other/log.pub");
    let failed = adproof(&["bundle", "verify", &bundle, "--key", &strangers]).exits(1);
    assert!(failed.stdout.contains("record 1: "), "{}", failed.stdout);
    adproof(&["bundle", "verify", &key]).exits(2).says(&["neither a page nor a zip file"]);
    adproof(&["bundle", "make", &ledger, "9", "-o", &bundle]).exits(2).says(&["no record 9"]);
}

#[test]
fn what_is_exported_verifies_with_ssh_keygen_and_openssl() {
    let fixture = Fixture::new();
    let (ledger, keys) = (fixture.text("ledger"), fixture.text("keys"));
    let (out, public) = (fixture.text("out"), fixture.text("keys/log.pub"));
    let args = ["ledger", "export", &ledger, "2", "4", "--key", &public, "--output", &out];
    adproof(&[&args[..], &["--keys", &keys]].concat()).exits(0);
    let run = |script: &str| {
        let mut command = std::process::Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).env("LOG", LOG);
        let output = command.current_dir(fixture.path("out")).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let ssh = "ssh-keygen -Y verify -f allowed_signers -I $LOG";
    let checkpoint =
        format!("head -n 3 checkpoint | {ssh} -n checkpoint@adproof -s checkpoint.sshsig");
    let record = format!("{ssh} -n record@adproof -s records/4.sshsig < records/4.json");
    let openssl = "
        printf 'DSSEv1 38 application/vnd.adproof.record.v1+json %s ' \
            $(stat -c %s records/2.json) | cat - records/2.json > signed
        cut -d '\"' -f 18 records/2.dsse.json | base64 -d > signature
        openssl pkeyutl -verify -pubin -rawin -in signed -sigfile signature \
            -inkey keys/$(cut -d '\"' -f 14 records/2.dsse.json).pem";
    for script in [&checkpoint, &record, openssl] {
        let (good, said) = run(script);
        assert!(good && (said.contains("Good \"") || said.contains("Verified")), "{said}");
    }
    for name in ["checkpoint", "records/4.json", "records/2.json"] {
        let path = fixture.path("out").join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[25] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    for script in [&checkpoint, &record, openssl] {
        assert!(!run(script).0, "{script}");
    }
    // A folder with something in it is left alone, and without private keys nothing is signed.
    adproof(&args).exits(2).says(&["to do: give a folder that is new or empty"]);
    let other = fixture.text("other");
    let ran =
        adproof(&["ledger", "export", &ledger, "--key", &public, "--output", &other]).exits(0);
    assert!(
        !ran.stdout.contains("sshsig") && ran.stdout.contains("checkpoint\n"),
        "{}",
        ran.stdout
    );
}
