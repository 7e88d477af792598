//! Every step of the store fails, once before and once after its effect; then the power goes, and
//! what was not synced is lost, kept or torn. Whatever happens, an acknowledged record stays, the
//! ledger opens, verifies, and takes further records.

use std::io;
use std::sync::{Arc, Mutex};

use adproof_ledger::frame::{Frames, split_segment};
use adproof_ledger::tiles::TileId;
use adproof_ledger::verify::{Limits as VerifyLimits, Verifier};
use adproof_ledger::{
    Body, Hash, KeyAction, KeyChange, MemoryKey, RecordTime, Recovery, Report, Role, TrustedKeys,
    VerifiedCheckpoint,
};

mod group;
mod memory;

use memory::{Crash, Disks, Effect, MemoryDisk, Plan, Shared};

use super::disk::Disk;
use super::writer::{Limits, Signers};
use super::{
    Appended, CHECKPOINT_FILE, KEYS_FILE, LedgerWriter, SEGMENTS, StoreError, segment_first,
    segment_path,
};

const LOG: &str = "log.example/adproof";

fn signers() -> Signers {
    Signers {
        record: Box::new(MemoryKey::from_seed(&[1; 32])),
        checkpoint: Box::new(MemoryKey::from_seed(&[2; 32])),
    }
}

fn now() -> RecordTime {
    RecordTime {
        wall_us: 1_780_000_000_000_000,
        error_us: 1000,
        monotonic_us: 5,
        source: "fixed".into(),
        beacon: None,
    }
}

/// Small records: what they say does not matter here.
fn batch(count: u64) -> Vec<(Body, RecordTime)> {
    let body = |bytes| Body::Recovery(Recovery { bytes, sha256: Hash::ZERO });
    (0..count).map(|bytes| (body(bytes), now())).collect()
}

/// A body with an integer beyond those of a record.
fn no_record() -> Body {
    Body::Key(KeyChange {
        action: KeyAction::Add,
        from_seq: u64::MAX,
        public: Hash::ZERO,
        reason: String::new(),
        role: Role::Record,
    })
}

fn limits() -> Limits {
    Limits { segment_bytes: 2000, unsynced_records: 0 }
}

fn disks(plan: &Arc<Mutex<Plan>>) -> Disks {
    let disk = || MemoryDisk { plan: Arc::clone(plan), ..MemoryDisk::default() };
    (disk(), Some(disk()))
}

fn crash((disk, second): Disks, crash: Crash) -> Disks {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let second = second.map(|second| second.crash(crash, &plan));
    (disk.crash(crash, &plan), second)
}

fn with_plan((mut disk, second): Disks, plan: &Arc<Mutex<Plan>>) -> Disks {
    disk.plan = Arc::clone(plan);
    let second = second.map(|mut second| {
        second.plan = Arc::clone(plan);
        second
    });
    (disk, second)
}

fn verify(disk: &MemoryDisk, held: &[String]) -> Report {
    let keys = disk.read(KEYS_FILE).unwrap().unwrap();
    let trusted = TrustedKeys::parse(std::str::from_utf8(&keys).unwrap()).unwrap();
    let mut verifier = Verifier::new(&trusted, VerifyLimits::default());
    for note in held {
        let keys = trusted.checkpoint_keys();
        let checkpoint = VerifiedCheckpoint::verify(note.as_bytes(), LOG, keys).unwrap();
        verifier = verifier.held(checkpoint);
    }
    for name in disk.list(SEGMENTS).unwrap() {
        let first = segment_first(&name).unwrap();
        let bytes = disk.read(&segment_path(first)).unwrap().unwrap();
        let (seq, frames) = split_segment(&bytes).unwrap();
        assert_eq!((seq, first), (verifier.next_seq(), seq));
        Frames::new(frames).for_each(|frame| verifier.frame(&frame));
    }
    verifier.tiles(|tile| disk.read(&tile.to_string()).unwrap());
    verifier.finish(&disk.read(CHECKPOINT_FILE).unwrap().unwrap())
}

/// What the writer has promised.
#[derive(Clone, Default)]
struct Promised {
    acknowledged: Vec<Appended>,
    checkpoints: Vec<String>,
}

impl Promised {
    /// Opens the ledger and appends, until something fails.
    fn work(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let mut writer = LedgerWriter::open_on(shared.handles(), signers(), &now(), limits())?;
        self.checkpoints.push(writer.checkpoint().to_owned());
        for count in [4, 1, 5] {
            match writer.append_bodies(batch(count)) {
                Ok(appended) => {
                    self.acknowledged.extend(appended);
                    self.checkpoints.push(writer.checkpoint().to_owned());
                }
                Err(error) => {
                    let again = writer.append_bodies(batch(1));
                    assert!(matches!(again, Err(StoreError::Poisoned)), "{again:?}");
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn check(&self, disks: Disks) {
        let mut writer = LedgerWriter::open_on(disks, signers(), &now(), limits()).unwrap();
        for record in &self.acknowledged {
            assert!(record.seq < writer.size(), "record {} was lost", record.seq);
        }
        writer.append_bodies(batch(3)).unwrap();
        let (disk, _) = writer.into_disks();
        let report = verify(&disk, &self.checkpoints);
        assert!(report.is_good(), "{:?}", report.problems);
    }
}

/// A ledger that stands shortly before its first full tile.
fn base() -> (Disks, Promised) {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let large = Limits::default();
    let mut writer = LedgerWriter::create_on(disks(&plan), LOG, signers(), large).unwrap();
    let acknowledged = writer.append_bodies(batch(250)).unwrap();
    let promised = Promised { acknowledged, checkpoints: vec![writer.checkpoint().to_owned()] };
    (crash(writer.into_disks(), Crash::Kept), promised)
}

/// Does something on disks that fail at every step in turn, in every way, until it goes through;
/// after each failure the power goes and `check` looks at what is left. Gives the steps.
fn table(
    start: &Disks,
    mut work: impl FnMut(&Shared) -> Result<Promised, (Promised, StoreError)>,
    check: impl Fn(&Promised, Disks),
) -> usize {
    let mut step = 1;
    loop {
        for effect in [Effect::Lost, Effect::Persisted] {
            for how in Crash::ALL {
                let plan =
                    Arc::new(Mutex::new(Plan { fail_at: Some((step, effect)), ..Plan::default() }));
                let shared = Shared::new(with_plan(start.clone(), &plan));
                match work(&shared) {
                    Ok(_) => return step - 1,
                    Err((promised, _)) => check(&promised, crash(shared.into_inner(), how)),
                }
            }
        }
        step += 1;
    }
}

#[test]
fn no_failing_step_of_a_batch_loses_an_acknowledged_record() {
    let (start, before) = base();
    let work = |shared: &Shared| {
        let mut promised = before.clone();
        match promised.work(shared) {
            Ok(()) => Ok(promised),
            Err(error) => Err((promised, error)),
        }
    };
    let steps = table(&start, work, Promised::check);
    assert!(steps > 30, "{steps} steps");
}

#[test]
fn a_last_batch_that_is_cut_at_any_byte_is_kept_as_far_as_it_is_whole() {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let large = Limits::default();
    let mut writer = LedgerWriter::create_on(disks(&plan), LOG, signers(), large).unwrap();
    writer.append_bodies(batch(3)).unwrap();
    let (mut disk, mut second) = writer.into_disks();
    let before = (disk.clone(), second.clone());
    let path = segment_path(0);
    let length = |disk: &MemoryDisk| disk.read(&path).unwrap().unwrap().len();
    let mut ends = vec![length(&disk)];
    for count in 1..=3 {
        let writer = LedgerWriter::open_on(before.clone(), signers(), &now(), large);
        let mut writer = writer.unwrap();
        writer.append_bodies(batch(count)).unwrap();
        (disk, second) = writer.into_disks();
        ends.push(length(&disk));
    }
    let content = disk.read(&path).unwrap().unwrap();
    for cut in ends[0]..ends[3] {
        // The checkpoint covers the batch: what is missing was acknowledged.
        let mut published = disk.clone();
        let inode = published.inode(&path);
        published.content[inode].truncate(cut);
        let shared = Shared::new((published, second.clone()));
        let opened = LedgerWriter::open_on(shared.handles(), signers(), &now(), large);
        let error = opened.err().expect("refused");
        assert!(matches!(error, StoreError::Damaged { .. }), "{cut}: {error}");
        assert_eq!(shared.0.lock().unwrap().content[inode], content[..cut], "{cut}");

        // It does not: whole records stand, the rest is saved.
        let (mut unpublished, second) = before.clone();
        let inode = unpublished.inode(&path);
        unpublished.content[inode] = content[..cut].to_vec();
        let writer = LedgerWriter::open_on((unpublished, second), signers(), &now(), large);
        let writer = writer.unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        let left = cut - ends[whole];
        let opened = writer.opened();
        assert_eq!((opened.kept, opened.cut_bytes), (whole as u64, left as u64), "{cut}");
        assert_eq!(writer.size(), 3 + whole as u64 + u64::from(left > 0), "{cut}");
        let (disk, _) = writer.into_disks();
        assert!(verify(&disk, &[]).is_good(), "{cut}");
    }
}

#[test]
fn a_failed_sync_stops_the_writer_even_if_the_next_would_succeed() {
    let (start, promised) = base();
    // The second step of a batch is the sync of its frames, whose pages the system may have dropped.
    for effect in [Effect::Lost, Effect::Persisted] {
        let shared = Shared::new(with_plan(start.clone(), &Arc::default()));
        let handles = shared.handles();
        let mut writer = LedgerWriter::open_on(handles, signers(), &now(), limits()).unwrap();
        // A batch fills the segment, and one begins the next.
        writer.append_bodies(batch(1)).unwrap();
        let plan = Arc::clone(&shared.0.lock().unwrap().plan);
        let next = plan.lock().unwrap().steps + 2;
        plan.lock().unwrap().fail_at = Some((next, effect));
        let error = writer.append_bodies(batch(2)).unwrap_err();
        assert!(error.to_string().starts_with("syncing segments/"), "{error}");
        plan.lock().unwrap().dead = false;
        let again = writer.append_bodies(batch(1)).unwrap_err();
        assert!(matches!(again, StoreError::Poisoned), "{again}");
        assert!(matches!(writer.close(), Err(StoreError::Poisoned)));
        promised.check(crash(shared.into_inner(), Crash::Lost));
    }
}

#[test]
fn a_ledger_is_opened_from_its_last_group_unless_the_power_may_have_failed() {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let large = Limits::default();
    let mut writer = LedgerWriter::create_on(disks(&plan), LOG, signers(), large).unwrap();
    writer.append_bodies(batch(600)).unwrap();
    let left = writer.into_disks();
    let opened = |disks: Disks| {
        let writer = LedgerWriter::open_on(disks, signers(), &now(), large).unwrap();
        assert_eq!(writer.size(), 600);
        let from = writer.opened().read_from;
        let (disk, _) = writer.into_disks();
        assert!(verify(&disk, &[]).is_good());
        (from, disk)
    };
    assert_eq!(opened(crash(left.clone(), Crash::Killed)).0, 512);
    // A tile that is not what its records hash to does not lead to the root that was signed.
    let mut damaged = left.clone();
    let inode = damaged.0.inode("tile/0/001");
    damaged.0.content[inode][77] ^= 1;
    let (from, mended) = opened(damaged);
    assert_eq!(from, 0);
    assert_eq!(mended.read("tile/0/001").unwrap(), left.0.read("tile/0/001").unwrap());
    // After a loss of power every tile is compared, also those that the root does not depend on.
    let mut torn = crash(left.clone(), Crash::Kept);
    let inode = torn.0.inode("tile/entries/000");
    torn.0.content[inode].truncate(1000);
    let (from, mended) = opened(torn);
    assert_eq!(from, 0);
    assert_eq!(mended.read("tile/entries/000").unwrap(), left.0.read("tile/entries/000").unwrap());
    // From then on the tiles can be relied on.
    assert_eq!(opened((mended, left.1)).0, 512);
}

#[test]
fn after_a_loss_of_power_only_the_tiles_behind_the_last_sync_are_compared() {
    let plan = Arc::new(Mutex::new(Plan::default()));
    let bounds = Limits { unsynced_records: 512, ..Limits::default() };
    let mut writer = LedgerWriter::create_on(disks(&plan), LOG, signers(), bounds).unwrap();
    // The word about synced tiles is given every 64 groups of 256 records.
    for _ in 0..69 {
        writer.append_bodies(batch(256)).unwrap();
    }
    let left = writer.into_disks();
    for how in [Crash::Lost, Crash::Torn, Crash::Hollow] {
        let left = crash(left.clone(), how);
        let opened = LedgerWriter::open_on(left, signers(), &now(), bounds).unwrap();
        let size = 69 * 256;
        assert_eq!((opened.size(), opened.opened().read_from), (size, 64 * 256), "{how:?}");
        let (disk, _) = opened.into_disks();
        for tile in TileId::changed(0, size).filter(TileId::is_full) {
            assert!(disk.read(&tile.to_string()).unwrap().is_some_and(|tile| !tile.is_empty()));
        }
    }
}

#[test]
fn a_torn_batch_is_cut_saved_and_told() {
    let (start, _) = base();
    let mut writer = LedgerWriter::open_on(start, signers(), &now(), Limits::default()).unwrap();
    let size = writer.size();
    writer.append_bodies(batch(1)).unwrap();
    let (mut disk, second) = writer.into_disks();
    // The checkpoint of the second before, and a frame of which the power left a part.
    let torn = b"\0\0\x01\0half a frame";
    let path = segment_path(0);
    disk.append(&path, torn).unwrap();
    let writer = LedgerWriter::open_on((disk, second), signers(), &now(), limits()).unwrap();
    assert_eq!(writer.opened().cut_bytes, 16);
    // The recovery record stands behind the record that was published.
    assert_eq!(writer.size(), size + 2);
    let (disk, _) = writer.into_disks();
    let cut = format!("cut/{:020}-16.bin", size + 1);
    assert_eq!(disk.read(&cut).unwrap().as_deref(), Some(&torn[..]));
    assert!(verify(&disk, &[]).is_good());
}

#[test]
fn damage_in_front_of_the_checkpoint_is_never_repaired() {
    let ((disk, second), _) = base();
    let path = segment_path(0);
    let length = disk.read(&path).unwrap().unwrap().len();
    for at in [30, length / 2, length - 1] {
        let mut disk = disk.clone();
        let inode = disk.inode(&path);
        disk.content[inode][at] ^= 1;
        let opened = LedgerWriter::open_on((disk, second.clone()), signers(), &now(), limits());
        let error = opened.err().expect("refused");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_restored_backup_signs_no_second_history() {
    let (backup, _) = base();
    let mut writer = LedgerWriter::open_on(backup.clone(), signers(), &now(), limits()).unwrap();
    writer.append_bodies(batch(2)).unwrap();
    let (_, second) = writer.into_disks();
    let restored = LedgerWriter::open_on((backup.0, second), signers(), &now(), limits());
    let error = restored.err().expect("refused");
    assert!(matches!(error, StoreError::OlderThanHead { ledger: 250, signed: 252 }), "{error}");
}

#[test]
fn a_copy_that_is_written_with_the_same_keys_is_noticed() {
    let (start, _) = base();
    let shared = Shared::new(start);
    let handles = shared.handles();
    let mut writer = LedgerWriter::open_on(handles, signers(), &now(), limits()).unwrap();
    let name = shared.1.lock().unwrap().names.keys().next().unwrap().clone();
    shared.1.lock().unwrap().write(&name, b"another head").unwrap();
    let error = writer.append_bodies(batch(1)).unwrap_err();
    assert!(matches!(error, StoreError::SecondPlaceChanged), "{error}");
}

#[test]
fn a_full_disk_leaves_the_ledger_as_it_was() {
    let (start, promised) = base();
    let mut full = 0;
    for step in 1.. {
        let shared = Shared::new(with_plan(start.clone(), &Arc::default()));
        let handles = shared.handles();
        let mut writer = LedgerWriter::open_on(handles, signers(), &now(), limits()).unwrap();
        {
            let disk = shared.0.lock().unwrap();
            let mut plan = disk.plan.lock().unwrap();
            plan.fail_at = Some((plan.steps + step, Effect::Lost));
            plan.kind = Some(io::ErrorKind::StorageFull);
        }
        let Err(error) = writer.append_bodies(batch(2)) else { break };
        full = step;
        match &error {
            StoreError::Io { error, .. } => assert_eq!(error.kind(), io::ErrorKind::StorageFull),
            other => panic!("{other}"),
        }
        promised.check(crash(shared.into_inner(), Crash::Killed));
    }
    assert!(full >= 6, "{full} steps");
}

#[test]
fn a_draft_that_has_no_record_leaves_the_writer_usable() {
    let (start, _) = base();
    let mut writer = LedgerWriter::open_on(start, signers(), &now(), limits()).unwrap();
    let refused = writer.append_bodies(vec![(no_record(), now())]);
    assert!(matches!(refused, Err(StoreError::Append(_))));
    assert_eq!(writer.append_bodies(batch(1)).unwrap()[0].seq, 250);
}

#[test]
fn making_a_ledger_can_be_tried_again_after_any_failure() {
    let start = disks(&Arc::new(Mutex::new(Plan::default())));
    let work = |shared: &Shared| {
        let made = LedgerWriter::create_on(shared.handles(), LOG, signers(), limits());
        match made {
            Ok(_) => Ok(Promised::default()),
            Err(error) => Err((Promised::default(), error)),
        }
    };
    let check = |promised: &Promised, left: Disks| {
        if left.0.read(CHECKPOINT_FILE).unwrap().is_some() {
            promised.check(left);
        } else {
            let made = LedgerWriter::create_on(left, LOG, signers(), limits());
            made.unwrap().append_bodies(batch(1)).unwrap();
        }
    };
    let steps = table(&start, work, check);
    assert!(steps > 10, "{steps} steps");
}

#[test]
fn opening_after_a_crash_can_itself_crash() {
    let (start, promised) = base();
    // A batch that was written whole and not published, and a torn one behind it.
    let before = start.clone();
    let mut writer = LedgerWriter::open_on(start, signers(), &now(), Limits::default()).unwrap();
    writer.append_bodies(batch(7)).unwrap();
    let (mut disk, _) = writer.into_disks();
    disk.append(&segment_path(0), b"torn").unwrap();
    let old = before.0.read(CHECKPOINT_FILE).unwrap().unwrap();
    disk.write(CHECKPOINT_FILE, &old).unwrap();
    let start = crash((disk, before.1), Crash::Kept);
    let work = |shared: &Shared| {
        let opened = LedgerWriter::open_on(shared.handles(), signers(), &now(), limits());
        match opened {
            Ok(writer) => {
                assert_eq!((writer.opened().kept, writer.opened().cut_bytes), (7, 4));
                Ok(promised.clone())
            }
            Err(error) => Err((promised.clone(), error)),
        }
    };
    let steps = table(&start, work, Promised::check);
    assert!(steps > 15, "{steps} steps");
}
