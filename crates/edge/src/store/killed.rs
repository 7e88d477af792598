//! The real thing: a process that is killed at any moment while several threads append.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use adproof_ledger::tree::leaf_hash;
use adproof_ledger::verify::Limits as VerifyLimits;
use adproof_ledger::{Body, Hash, MemoryKey, RecordTime, Recovery};

use super::writer::{Limits, Signers};
use super::{Appended, GroupLimits, LedgerGroup, LedgerReader, LedgerWriter, StoreError};

const LOG: &str = "log.example/adproof";
const LEDGER: &str = "ADPROOF_TEST_LEDGER";
/// Raises the number of rounds; the default is what every run does.
const ROUNDS: &str = "ADPROOF_TEST_KILLS";
/// Rounds of one ledger: it is killed, opened and continued, and at the end verified.
const ROUNDS_OF_ONE: u64 = 21;

fn now() -> RecordTime {
    RecordTime { wall_us: 0, error_us: 0, monotonic_us: 0, source: "fixed".into(), beacon: None }
}

fn open(dir: &Path) -> Result<LedgerWriter, StoreError> {
    let signers = Signers {
        record: Box::new(MemoryKey::from_seed(&[1; 32])),
        checkpoint: Box::new(MemoryKey::from_seed(&[2; 32])),
    };
    let heads = dir.join("heads");
    let limits = Limits { segment_bytes: 20_000, unsynced_records: 256 };
    let root = dir.join("ledger");
    LedgerWriter::open_or_create(&root, LOG, signers, Some(&heads), &now(), limits)
}

#[test]
#[ignore = "the process that the test below starts and kills"]
fn child() {
    let Some(dir) = std::env::var_os(LEDGER) else { return };
    let limits = GroupLimits { batch_records: 24, ..GroupLimits::default() };
    let group = LedgerGroup::start(open(Path::new(&dir)).unwrap(), limits).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let body = || Body::Recovery(Recovery { bytes: 1, sha256: Hash::ZERO });
                    let submission = (0..4).map(|_| (body(), now())).collect();
                    let appended = group.submit_all(submission).wait().unwrap();
                    let line = |one: Appended| format!("acknowledged {} {}\n", one.seq, one.leaf);
                    let lines: String = appended.into_iter().map(line).collect();
                    std::io::stdout().lock().write_all(lines.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// Splitmix64: where the child is killed is chosen anew in each round and the same in each run, as
/// far as the scheduler lets it.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Starts a child, kills it, and gives what it has acknowledged.
fn killed(dir: &Path, state: &mut u64) -> Vec<(u64, Hash)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::killed::child", "--ignored", "--nocapture"])
        .env(LEDGER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    // One in eight dies before it has acknowledged anything, perhaps before there is a ledger.
    let wanted = random(state) % 8 * 6;
    let mut acknowledged = Vec::new();
    let mut read = |acknowledged: &mut Vec<_>| {
        let mut line = String::new();
        let length = lines.read_line(&mut line).unwrap();
        // The test harness writes to the same line before the first; the last may be cut.
        if let Some((_, place)) = line.rsplit_once("acknowledged ")
            && let Some((seq, leaf)) = place.trim_end().split_once(' ')
            && let Some(leaf) = Hash::from_hex(leaf)
        {
            acknowledged.push((seq.parse().unwrap(), leaf));
        }
        length > 0
    };
    while u64::try_from(acknowledged.len()).unwrap() < wanted && read(&mut acknowledged) {}
    // Anywhere within the next few batches.
    let until = Instant::now() + Duration::from_micros(random(state) % 4000);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    while read(&mut acknowledged) {}
    child.wait().unwrap();
    acknowledged
}

/// A process that the other thread starts has this one's lock until it has become its own program.
fn once_free<T>(mut open: impl FnMut() -> Result<T, StoreError>) -> T {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match open() {
            Err(error) if error.is_transient() && Instant::now() < until => thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

/// Kills, opens and continues one ledger, and gives how often it had something to put in order.
fn rounds(seed: u64, count: u64) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut recovered) = (seed, 0);
    for _ in 0..count {
        let acknowledged = killed(dir.path(), &mut state);
        let writer = once_free(|| open(dir.path()));
        let opened = writer.opened();
        recovered += u64::from(opened.kept > 0 || opened.cut_bytes > 0);
        let size = writer.size();
        writer.close().unwrap();
        let reader = once_free(|| LedgerReader::open(&dir.path().join("ledger")));
        let least = acknowledged.iter().map(|(seq, _)| *seq).min().unwrap_or(size);
        let mut leaves = Vec::new();
        reader.each_from(least, |_, frame| leaves.push(leaf_hash(&frame.entry))).unwrap();
        for (seq, leaf) in acknowledged {
            let found = leaves.get(usize::try_from(seq - least).unwrap());
            assert_eq!(found, Some(&leaf), "record {seq} was acknowledged; {size} are there");
        }
    }
    let reader = once_free(|| LedgerReader::open(&dir.path().join("ledger")));
    let trusted = reader.own_keys().unwrap();
    let report = reader.verify(&trusted, &[], VerifyLimits::default()).unwrap();
    assert!(report.is_good(), "{:?}", report.problems);
    recovered
}

#[test]
fn a_writer_killed_at_any_moment_leaves_every_acknowledged_record_and_no_lock() {
    let wanted = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(504);
    let ledgers: u64 = u64::div_ceil(wanted, ROUNDS_OF_ONE);
    let recovered: u64 = thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            let seeds = (0..ledgers).filter(move |seed| seed % 2 == half);
            scope.spawn(move || seeds.map(|seed| rounds(seed, ROUNDS_OF_ONE)).sum::<u64>())
        });
        halves.into_iter().map(|half| half.join().unwrap()).sum()
    });
    // Else the kills came where nothing was under way.
    assert!(recovered > 0);
}
