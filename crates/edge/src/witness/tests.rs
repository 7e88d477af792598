//! Whatever fails and whenever the witness dies: it never cosigns two trees that do not continue
//! each other.

use std::cell::Cell;
use std::rc::Rc;

use adproof_ledger::tree::{MemoryTree, consistency_proof, leaf_hash, root_at};
use adproof_ledger::{Checkpoint, MemoryKey};

use super::*;

const LOG: &str = "log.example/adproof";
const NAME: &str = "witness.example/w1";

fn leaves(count: u64, salt: u8) -> MemoryTree {
    (0..count).map(|leaf| leaf_hash(&[&leaf.to_be_bytes()[..], &[salt]].concat())).collect()
}

fn request(tree: &MemoryTree, old: u64, new: u64) -> Vec<u8> {
    let root = root_at(tree, new).unwrap();
    let checkpoint = Checkpoint { origin: LOG.to_owned(), size: new, root };
    let request = AddCheckpoint {
        old,
        proof: consistency_proof(tree, old, new).unwrap(),
        checkpoint: checkpoint.sign(&MemoryKey::from_seed(&[5; 32])).unwrap(),
    };
    request.to_text().into_bytes()
}

fn keys() -> Vec<NamedKey> {
    vec![NamedKey::new(LOG, MemoryKey::from_seed(&[5; 32]).public_key()).unwrap()]
}

fn signer() -> Box<dyn Signer> {
    Box::new(MemoryKey::from_seed(&[6; 32]))
}

fn open(folder: &Path) -> Witness {
    Witness::open(folder, NAME, signer(), keys(), Limits::default()).unwrap()
}

fn status(result: Result<String, WitnessError>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(WitnessError::Refused(refusal)) => refusal.status(),
        Err(_) => 500,
    }
}

#[test]
fn what_was_cosigned_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, other) = (leaves(20, 0), leaves(20, 1));
    let witness = open(dir.path());
    assert_eq!(status(witness.add_checkpoint(&request(&tree, 0, 9), 1)), 200);
    drop(witness);
    let witness = open(dir.path());
    assert_eq!(status(witness.add_checkpoint(&request(&other, 0, 9), 2)), 409);
    assert_eq!(status(witness.add_checkpoint(&request(&other, 9, 9), 2)), 409);
    assert_eq!(status(witness.add_checkpoint(&request(&other, 9, 20), 2)), 422);
    assert_eq!(status(witness.add_checkpoint(&request(&tree, 9, 20), 2)), 200);
    // The same again is the same statement at a later time.
    assert_eq!(status(witness.add_checkpoint(&request(&tree, 20, 20), 3)), 200);
    assert_eq!(status(witness.add_checkpoint(&request(&tree, 9, 20), 3)), 409);
}

#[test]
fn two_witnesses_do_not_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let second = Witness::open(dir.path(), NAME, signer(), keys(), Limits::default());
    assert!(matches!(second, Err(OpenError::Store(StoreError::Held(_)))));
}

#[test]
fn a_state_that_cannot_be_trusted_keeps_the_witness_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let tree = leaves(9, 0);
    let witness = open(dir.path());
    witness.add_checkpoint(&request(&tree, 0, 9), 1).unwrap();
    drop(witness);
    let path = dir.path().join(state_path(LOG));
    let note = std::fs::read(&path).unwrap();
    for cut in 0..note.len() {
        std::fs::write(&path, &note[..cut]).unwrap();
        let opened = Witness::open(dir.path(), NAME, signer(), keys(), Limits::default());
        assert!(matches!(opened, Err(OpenError::State { .. })), "cut at {cut}");
    }
}

#[test]
fn bounds_hold_on_both_sides() {
    let dir = tempfile::tempdir().unwrap();
    for (logs, good) in [(1, true), (0, false)] {
        let limits = Limits { logs, ..Limits::default() };
        assert_eq!(Witness::open(dir.path(), NAME, signer(), keys(), limits).is_ok(), good);
    }
    let tree = leaves(20, 0);
    let limits = Limits { evidence: 2, ..Limits::default() };
    let witness = Witness::open(dir.path(), NAME, signer(), keys(), limits).unwrap();
    witness.add_checkpoint(&request(&tree, 0, 9), 1).unwrap();
    for salt in 1..5 {
        assert_eq!(status(witness.add_checkpoint(&request(&leaves(9, salt), 9, 9), 1)), 409);
    }
    assert_eq!(std::fs::read_dir(dir.path().join(EVIDENCE)).unwrap().count(), 2);
}

/// A disk that fails at one step, before or after the step has its effect.
struct Flaky {
    disk: Folder,
    steps: Rc<Cell<usize>>,
    fail_at: usize,
    lost: bool,
}

impl Flaky {
    fn step(&mut self, effect: impl FnOnce(&mut Folder) -> io::Result<()>) -> io::Result<()> {
        self.steps.set(self.steps.get() + 1);
        let failing = self.steps.get() == self.fail_at;
        if !(failing && self.lost) {
            effect(&mut self.disk)?;
        }
        if failing { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }
}

impl Disk for Flaky {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.disk.read(path)
    }
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }
    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| disk.append(path, bytes))
    }
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| disk.write(path, bytes))
    }
    fn write_at(&mut self, path: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.step(|disk| disk.write_at(path, offset, bytes))
    }
    fn truncate(&mut self, path: &str, length: u64) -> io::Result<()> {
        self.step(|disk| disk.truncate(path, length))
    }
    fn sync(&mut self, path: &str) -> io::Result<()> {
        self.step(|disk| disk.sync(path))
    }
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.step(|disk| disk.rename(from, to))
    }
    fn sync_folder(&mut self, folder: &str) -> io::Result<()> {
        self.step(|disk| disk.sync_folder(folder))
    }
    fn boot(&self) -> Option<String> {
        self.disk.boot()
    }
}

#[test]
fn no_failing_step_lets_a_fork_through() {
    let (tree, other) = (leaves(20, 0), leaves(20, 1));
    for lost in [true, false] {
        for fail_at in 5..=9 {
            let dir = tempfile::tempdir().unwrap();
            let steps = Rc::new(Cell::new(0));
            let disk = Flaky { disk: Folder::new(dir.path()), steps, fail_at, lost };
            let witness =
                Witness::open_on(disk, NAME, signer(), keys(), Limits::default()).unwrap();
            // The first four steps keep the first checkpoint; one of the next four fails.
            witness.add_checkpoint(&request(&tree, 0, 5), 1).unwrap();
            let second = witness.add_checkpoint(&request(&tree, 5, 9), 2);
            assert_eq!(second.is_ok(), fail_at == 9);
            if second.is_err() {
                // Nobody knows what is on the disk: nothing is signed, not even what is right.
                for body in [request(&tree, 5, 9), request(&other, 5, 9), request(&tree, 9, 9)] {
                    let again = witness.add_checkpoint(&body, 3);
                    assert!(matches!(again, Err(WitnessError::Poisoned)), "{fail_at} {lost}");
                }
            }
            let flaky = witness.into_disk();
            drop(flaky);
            // After a restart either the old or the new checkpoint is the last, and goes on.
            let witness = open(dir.path());
            let from =
                if status(witness.add_checkpoint(&request(&tree, 9, 9), 4)) == 200 { 9 } else { 5 };
            assert_eq!(status(witness.add_checkpoint(&request(&other, from, 20), 5)), 422);
            assert_eq!(status(witness.add_checkpoint(&request(&tree, from, 20), 6)), 200);
        }
    }
}

#[test]
fn requests_at_once_leave_one_history() {
    let dir = tempfile::tempdir().unwrap();
    let witness = open(dir.path());
    let trees: Vec<MemoryTree> = (0..8).map(|salt| leaves(40, salt)).collect();
    let cosigned: Vec<(usize, u64)> = std::thread::scope(|scope| {
        let ask = |salt: usize| {
            let (witness, tree) = (&witness, &trees[salt]);
            scope.spawn(move || {
                let sizes = [(0, 7), (7, 20), (20, 40)];
                sizes
                    .into_iter()
                    .filter(|(old, new)| {
                        witness.add_checkpoint(&request(tree, *old, *new), 1).is_ok()
                    })
                    .map(|(_, new)| (salt, new))
                    .collect::<Vec<_>>()
            })
        };
        let running: Vec<_> = (0..trees.len()).map(ask).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    // One tree has won, and it alone was cosigned.
    assert_eq!(cosigned.len(), 3, "{cosigned:?}");
    assert!(cosigned.iter().all(|(salt, _)| *salt == cosigned[0].0));
}
