//! What a stream keeps on its disk, so that a stop anywhere loses nothing and repeats nothing.
//!
//! ```text
//! STATE/
//!   lock      held by the one stream that writes here
//!   taken/    what was taken and is not yet in `state`: see [`super::wal`]
//!   dead/     lines that were not taken, with the reason
//!   state     the stream's state, and up to where of `taken` and of its source it goes
//! ```
//!
//! # The order
//!
//! ```text
//! source ─► taken (write, fdatasync) ─► dead letters, decisions, ledger (fdatasync) ─► acknowledge
//!                                                     │
//!                                       now and then: state (write aside, fsync, rename, fsync)
//!                                                     └─► forget what lies before it in `taken`
//! ```
//!
//! After a stop the state is read, what was taken behind it is worked on again, and the source
//! goes on behind the last thing that was taken. Working on something twice is harmless: a ledger
//! records an impression once, and the letters of a batch are kept once.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use adproof_model::{BinaryError, BinaryReader, BinaryWriter};

use super::dead::{DeadLetters, NewLetter};
use super::place::{Place, Places};
use super::wal::{Batch, Wal, WalError, WalLimits};
use crate::held::patiently;

const MAGIC: &[u8] = b"adproof stream state v1\n";
const STATE: &str = "state";
const TAKEN: &str = "taken";

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// Another process writes there.
    #[error("another process holds the state in {0}")]
    Held(PathBuf),
    /// A log in it cannot be used.
    #[error(transparent)]
    Log(#[from] WalError),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The state file is not whole. Likely cause: the disk, or another version wrote it.
    #[error("the state {path} cannot be read: {why}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: BinaryError,
    },
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> KeepError + '_ {
    |error| KeepError::Io { path: path.to_owned(), error }
}

/// The state folder of a stream, for whoever works on what was taken.
#[derive(Debug)]
pub struct Keep {
    folder: PathBuf,
    dead: DeadLetters,
    /// Up to where of each source everything was worked on.
    places: Places,
    /// The batch that is worked on next.
    next: u64,
    /// The first batch that the state file does not cover.
    covered: u64,
    #[allow(dead_code, reason = "held for its lock")]
    lock: File,
}

/// The state folder, for whoever takes what arrives. It may be another thread.
#[derive(Debug)]
pub struct Taker {
    taken: Wal,
    /// The first batch that the state file did not cover when the folder was opened.
    covered: u64,
}

impl Taker {
    /// Makes what arrived durable, and gives the batch's number.
    ///
    /// # Errors
    /// It could not be made durable.
    pub fn take(&mut self, arrived_us: i64, items: &[(Place, &[u8])]) -> Result<u64, KeepError> {
        let labels: Vec<String> = items.iter().map(|(place, _)| place.to_string()).collect();
        let parts = labels.iter().zip(items).map(|(label, (_, bytes))| (&**label, *bytes));
        Ok(self.taken.append(arrived_us, parts)?)
    }

    /// Bytes of a torn last batch that were cut off on opening; nobody was told it was taken.
    #[must_use]
    pub const fn cut_bytes(&self) -> u64 {
        self.taken.cut_bytes()
    }

    /// Gives the batches that were taken behind the state, in order and one after the other: they
    /// may be more than memory holds.
    ///
    /// # Errors
    /// They cannot be read, or `each` fails.
    pub fn behind<E: From<KeepError>>(
        &self,
        mut each: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let read = self.taken.each(self.covered, |batch| {
            each(batch).map_err(|error| {
                failed = Some(error);
                // Never told: the error beside it is.
                WalError::Poisoned
            })
        });
        match failed {
            Some(error) => Err(error),
            None => read.map_err(|error| KeepError::from(error).into()),
        }
    }
}

/// What a stream goes on from.
#[derive(Debug)]
pub struct Kept {
    /// Up to where of each source everything was taken: sources go on behind it.
    pub places: Places,
    /// The state as it was written down; none when there is none yet.
    pub state: Option<Vec<u8>>,
    /// How many batches were taken behind it: see [`Taker::behind`].
    pub behind: u64,
}

impl Keep {
    /// Opens a state folder, or makes it.
    ///
    /// # Errors
    /// It cannot be used, is held by another process, or is damaged.
    pub fn open(folder: &Path, limits: WalLimits) -> Result<(Self, Taker, Kept), KeepError> {
        fs::create_dir_all(folder).map_err(io_at(folder))?;
        let lock = lock(folder)?;
        let (mut covered, mut worked_on, mut state) = (0, Places::default(), None);
        let path = folder.join(STATE);
        match fs::read(&path) {
            Ok(bytes) => {
                let read = read_state(&bytes);
                let read = read.map_err(|why| KeepError::State { path: path.clone(), why })?;
                (covered, worked_on) = (read.0, read.1);
                state = Some(read.2.to_vec());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_at(&path)(error)),
        }
        let taken = Wal::open(&folder.join(TAKEN), covered, limits)?;
        let dead = DeadLetters::open(&folder.join("dead"), limits)?;
        let mut behind = 0_u64;
        let mut places = worked_on.clone();
        taken.each(covered, |batch| {
            for (label, _) in &batch.items {
                if let Some(place) = Place::parse(label) {
                    places.take(&place);
                }
            }
            behind += 1;
            Ok::<_, WalError>(())
        })?;
        let folder = folder.to_owned();
        let keep = Self { folder, dead, places: worked_on, next: covered, covered, lock };
        Ok((keep, Taker { taken, covered }, Kept { places, state, behind }))
    }

    /// The letters.
    #[must_use]
    pub const fn dead(&self) -> &DeadLetters {
        &self.dead
    }

    /// Batches that were worked on since the state was last written down.
    #[must_use]
    pub const fn behind(&self) -> u64 {
        self.next.saturating_sub(self.covered)
    }

    /// Notes that a batch was worked on: the next state covers it.
    pub fn worked_on(&mut self, batch: u64, places: impl IntoIterator<Item = Place>) {
        self.next = batch.saturating_add(1);
        for place in places {
            self.places.take(&place);
        }
    }

    /// Keeps the letters of a batch, once.
    ///
    /// # Errors
    /// They could not be made durable.
    pub fn bury(
        &mut self,
        batch: u64,
        arrived_us: i64,
        letters: &[NewLetter],
    ) -> Result<(), KeepError> {
        Ok(self.dead.keep(batch, arrived_us, letters)?)
    }

    /// Puts letters back into the stream: they are the next batch that it works on.
    ///
    /// # Errors
    /// It could not be made durable.
    pub fn replay(
        &mut self,
        taker: &mut Taker,
        now_us: i64,
        numbers: &[u64],
    ) -> Result<usize, KeepError> {
        let wanted = |number| numbers.contains(&number);
        let letters = self.dead.list()?;
        let letters: Vec<_> = letters.into_iter().filter(|one| wanted(one.number)).collect();
        if letters.is_empty() {
            return Ok(0);
        }
        let lines: Vec<Vec<u8>> =
            letters.iter().map(|letter| [&*letter.bytes, b"\n"].concat()).collect();
        let items: Vec<_> = lines.iter().map(|line| (Place::Replay, &**line)).collect();
        taker.take(now_us, &items)?;
        self.dead.replayed(now_us, letters.iter().map(|letter| letter.number).collect())?;
        Ok(letters.len())
    }

    /// Writes the state down, of which every batch that was worked on is a part, and forgets those.
    ///
    /// # Errors
    /// It could not be made durable; the earlier state stands.
    pub fn checkpoint(&mut self, state: &[u8]) -> Result<(), KeepError> {
        let mut writer = BinaryWriter::new();
        writer.bytes(MAGIC);
        writer.u64(self.next);
        self.places.write(&mut writer);
        writer.bytes(state);
        let mut bytes = writer.into_bytes();
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
        let (path, aside) = (self.folder.join(STATE), self.folder.join("state.new"));
        let write = || -> io::Result<()> {
            let mut file = private(&aside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&aside, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(io_at(&path))?;
        self.covered = self.next;
        Ok(Wal::forget_before(&self.folder.join(TAKEN), self.covered)?)
    }
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn lock(folder: &Path) -> Result<File, KeepError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(io_at(&path))?;
    match patiently(|| file.try_lock()) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(KeepError::Held(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(io_at(&path)(error)),
    }
}

fn read_state(bytes: &[u8]) -> Result<(u64, Places, &[u8]), BinaryError> {
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(BinaryError::Truncated)?;
    if crc32c::crc32c(body) != u32::from_be_bytes(*sum) {
        return Err(BinaryError::Invalid("checksum that fits"));
    }
    let mut reader = BinaryReader::new(body);
    if reader.bytes()? != MAGIC {
        return Err(BinaryError::Invalid("state of this version"));
    }
    let next = reader.u64()?;
    let places = Places::read(&mut reader)?;
    let state = reader.bytes()?;
    reader.end()?;
    Ok((next, places, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(offset: u64) -> Place {
        Place::File { device: 1, inode: 2, offset }
    }

    fn open(folder: &Path) -> (Keep, Taker, Kept) {
        Keep::open(folder, WalLimits { segment_bytes: 100, ..WalLimits::default() }).unwrap()
    }

    fn behind(taker: &Taker) -> Vec<Batch> {
        let mut batches = Vec::new();
        taker
            .behind(|batch| {
                batches.push(batch);
                Ok::<_, KeepError>(())
            })
            .unwrap();
        batches
    }

    #[test]
    fn what_was_taken_is_there_after_a_stop_until_the_state_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keep, mut taker, kept) = open(folder.path());
        assert!(kept.state.is_none() && kept.behind == 0);
        let first = taker.take(1, &[(file(5), b"one\n")]).unwrap();
        taker.take(2, &[(file(9), b"two\n"), (file(20), b"three\n")]).unwrap();
        keep.worked_on(first, [file(5)]);
        keep.checkpoint(b"state one").unwrap();
        drop((keep, taker));
        for _ in 0..2 {
            let (keep, taker, kept) = open(folder.path());
            assert_eq!(kept.state.as_deref(), Some(b"state one".as_slice()));
            assert_eq!(kept.behind, 1);
            assert_eq!(behind(&taker)[0].items[1].1, b"three\n");
            assert_eq!(kept.places.file(), Some((1, 2, 20)));
            assert_eq!((keep.behind(), keep.places.file()), (0, Some((1, 2, 5))));
        }
        let (mut keep, taker, _) = open(folder.path());
        keep.worked_on(behind(&taker)[0].number, [file(9), file(20)]);
        keep.checkpoint(b"state two").unwrap();
        drop((keep, taker));
        let (_, _, kept) = open(folder.path());
        assert_eq!((kept.state.as_deref(), kept.behind), (Some(b"state two".as_slice()), 0));
        assert_eq!(kept.places.file(), Some((1, 2, 20)));
    }

    #[test]
    fn a_state_that_is_cut_or_changed_anywhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keep, taker, _) = open(folder.path());
        keep.checkpoint(b"state").unwrap();
        drop((keep, taker));
        let path = folder.path().join(STATE);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            assert!(Keep::open(folder.path(), WalLimits::default()).is_err(), "byte {at}");
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(Keep::open(folder.path(), WalLimits::default()).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn one_stream_writes_and_letters_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keep, mut taker, _) = open(folder.path());
        let other = Keep::open(folder.path(), WalLimits::default());
        assert!(matches!(other, Err(KeepError::Held(_))));
        let letter = NewLetter {
            line: 1,
            column: "line".into(),
            reason: "no".into(),
            bytes: b"{}".to_vec(),
        };
        let batch = taker.take(1, &[(file(3), b"{}\n")]).unwrap();
        keep.bury(batch, 1, &[letter]).unwrap();
        assert_eq!(keep.replay(&mut taker, 5, &[0, 7]).unwrap(), 1);
        assert!(keep.dead().list().unwrap()[0].replayed);
        drop((keep, taker));
        let (_, taker, _) = open(folder.path());
        assert_eq!(behind(&taker)[1].items, [("replay".into(), b"{}\n".to_vec())]);
    }
}
