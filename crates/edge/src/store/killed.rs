//! The real thing: a process that is killed while it appends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use adproof_ledger::verify::Limits as VerifyLimits;
use adproof_ledger::{Body, Hash, MemoryKey, RecordTime, Recovery};

use super::writer::{Limits, Signers};
use super::{LedgerReader, LedgerWriter, StoreError};

const LOG: &str = "log.example/adproof";
const LEDGER: &str = "ADPROOF_TEST_LEDGER";

fn now() -> RecordTime {
    RecordTime {
        wall_us: 0,
        error_us: 0,
        monotonic_us: 0,
        source: "fixed".to_owned(),
        beacon: None,
    }
}

fn open(dir: &Path) -> Result<LedgerWriter, StoreError> {
    let signers = Signers {
        record: Box::new(MemoryKey::from_seed(&[1; 32])),
        checkpoint: Box::new(MemoryKey::from_seed(&[2; 32])),
    };
    let heads = dir.join("heads");
    let limits = Limits { segment_bytes: 50_000 };
    let root = dir.join("ledger");
    LedgerWriter::open_or_create(&root, LOG, signers, Some(&heads), &now(), limits)
}

#[test]
#[ignore = "the process that the test below starts and kills"]
fn child() {
    let Some(dir) = std::env::var_os(LEDGER) else { return };
    let mut writer = open(Path::new(&dir)).unwrap();
    let body = || Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO });
    loop {
        let batch = (0..40).map(|_| (body(), now())).collect();
        let appended = writer.append_bodies(batch).unwrap();
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "acknowledged {}", appended[39].seq).unwrap();
        stdout.flush().unwrap();
    }
}

#[test]
fn a_killed_writer_leaves_every_acknowledged_record_and_no_lock() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::killed::child", "--ignored", "--nocapture"])
            .env(LEDGER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines {
            // The test harness writes to the same line before the first.
            if let Some((_, seq)) = line.unwrap().rsplit_once("acknowledged ") {
                acknowledged.push(seq.parse::<u64>().unwrap());
            }
            if acknowledged.len() == 3 + round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let last = *acknowledged.last().unwrap();
        let writer = open(dir.path()).unwrap();
        assert!(writer.size() > last, "record {last} was lost");
        writer.close().unwrap();
        let reader = LedgerReader::open(&dir.path().join("ledger")).unwrap();
        let trusted = reader.own_keys().unwrap();
        let report = reader.verify(&trusted, &[], VerifyLimits::default()).unwrap();
        assert!(report.is_good(), "{:?}", report.problems);
    }
}
