//! The keys of persons and days: what is destroyed when somebody's evidence is erased.
//!
//! ```text
//! KEYS/people/                 mode 0700
//!   lock                       held by the one process that writes
//!   2026-06-01.keys            slots of 64 bytes: the person's keyed name, the key; mode 0600
//!   2026-06-01.records         slots of 64 bytes: the record's subject, the person; mode 0600
//! ```
//!
//! Names are keyed hashes: the folder tells nobody's device or address. A key alone opens nothing;
//! salts and the private side of a record derive from it *and* the log's evidence key, which lies
//! encrypted beside it.
//!
//! A key is durable before a record that depends on it is. To erase one, its slot is overwritten
//! with zeros in place and synced; the name stays, so that no new key is drawn for that person and
//! day. A copy of this folder would keep what was erased: leave it out of backups, or let them
//! expire. File systems that write elsewhere (copy on write, snapshots, flash) may keep the old
//! block for a while, so encrypt the disk below.

mod seal;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use adproof_ledger::{DayKey, Hash, is_day};
use zeroize::Zeroizing;

use crate::held::patiently;

pub use seal::{SealError, Sealed};

const LOCK: &str = "lock";
const SLOT: usize = 64;
const HALF: usize = 32;

/// Bounds of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest file of a day in bytes: 64 a person, and 64 a record.
    pub day_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { day_bytes: 4 << 30 }
    }
}

/// Why the keys of persons cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PeopleError {
    /// There is no folder of them. Likely cause: the ledger was written by an older version, or
    /// the folder was not restored with the keys.
    #[error("there are no keys of persons at {0}")]
    NoFolder(PathBuf),
    /// Another process writes there.
    #[error("another process writes to {0}")]
    Held(PathBuf),
    /// Others than the owner may read the file.
    #[error("the file {path} may be read by others (mode {mode:04o})")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Longer than is read.
    #[error("the file {path} has more than {most} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        most: u64,
    },
    /// It was opened for reading.
    #[error("the keys of persons were opened for reading alone")]
    ReadOnly,
    /// A text is not a day.
    #[error("`{0}` is not a day such as 2026-06-01")]
    NotADay(String),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> PeopleError {
    let path = path.to_owned();
    move |error| PeopleError::Io { path, error }
}

/// What there is of a person's key of a day.
#[derive(Debug)]
pub enum Found {
    /// The key.
    Key(DayKey),
    /// It was destroyed.
    Erased,
    /// There never was one.
    Unknown,
}

/// A key's place and content in memory.
#[derive(Debug)]
struct Slot {
    /// The slot's number in its file, or none before it is written.
    at: Option<u64>,
    key: Zeroizing<[u8; HALF]>,
}

impl Slot {
    fn is_erased(&self) -> bool {
        *self.key == [0; HALF]
    }
}

#[derive(Debug, Default)]
struct Day {
    keys: BTreeMap<Hash, Slot>,
    /// How many slots the file of keys has.
    slots: u64,
    /// The person of each record's subject.
    records: BTreeMap<Hash, Hash>,
    new_keys: Vec<Hash>,
    new_records: Vec<Hash>,
}

/// The keys of persons and days of one log.
#[derive(Debug)]
pub struct People {
    folder: PathBuf,
    limits: Limits,
    /// Held as long as this lives; none where it was opened for reading.
    lock: Option<File>,
    days: BTreeMap<String, Day>,
}

impl People {
    /// Opens the folder for reading and writing, and makes it where there is none.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, PeopleError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(io_error(folder))?;
        let path = folder.join(LOCK);
        let lock = private().create(true).truncate(false).open(&path).map_err(io_error(&path))?;
        match patiently(|| lock.try_lock()) {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(PeopleError::Held(folder.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(io_error(&path)(error)),
        }
        Ok(Self { folder: folder.to_owned(), limits, lock: Some(lock), days: BTreeMap::new() })
    }

    /// Opens the folder for reading.
    pub fn read(folder: &Path, limits: Limits) -> Result<Self, PeopleError> {
        if !folder.is_dir() {
            return Err(PeopleError::NoFolder(folder.to_owned()));
        }
        Ok(Self { folder: folder.to_owned(), limits, lock: None, days: BTreeMap::new() })
    }

    /// The key that a record of this subject depends on, drawn where there is none; none where it
    /// was destroyed. [`People::sync`] before the record is written.
    pub fn key(
        &mut self,
        day: &str,
        person: &Hash,
        subject: &Hash,
    ) -> Result<Option<DayKey>, PeopleError> {
        if self.lock.is_none() {
            return Err(PeopleError::ReadOnly);
        }
        let day = self.day(day)?;
        if !day.keys.contains_key(person) {
            let mut key = Zeroizing::new([0; HALF]);
            getrandom::fill(key.as_mut_slice()).map_err(PeopleError::Random)?;
            day.keys.insert(*person, Slot { at: None, key });
            day.new_keys.push(*person);
        }
        if day.records.insert(*subject, *person) != Some(*person) {
            day.new_records.push(*subject);
        }
        Ok(day.keys.get(person).filter(|slot| !slot.is_erased()).map(|slot| DayKey::new(*slot.key)))
    }

    /// What there is of a person's key of a day.
    pub fn find(&mut self, day: &str, person: &Hash) -> Result<Found, PeopleError> {
        Ok(match self.day(day)?.keys.get(person) {
            None => Found::Unknown,
            Some(slot) if slot.is_erased() => Found::Erased,
            Some(slot) => Found::Key(DayKey::new(*slot.key)),
        })
    }

    /// The day and person of a record, by its subject.
    pub fn of_record(&mut self, subject: &Hash) -> Result<Option<(String, Hash)>, PeopleError> {
        for day in self.days()? {
            if let Some(person) = self.day(&day)?.records.get(subject) {
                return Ok(Some((day, *person)));
            }
        }
        Ok(None)
    }

    /// The days that there are keys of.
    pub fn days(&self) -> Result<Vec<String>, PeopleError> {
        let mut days: Vec<String> = self.days.keys().cloned().collect();
        for entry in fs::read_dir(&self.folder).map_err(io_error(&self.folder))? {
            let name = entry.map_err(io_error(&self.folder))?.file_name();
            let day = name.to_str().and_then(|name| name.strip_suffix(".keys"));
            days.extend(day.filter(|day| is_day(day)).map(str::to_owned));
        }
        days.sort();
        days.dedup();
        Ok(days)
    }

    /// The persons of a day, erased ones too.
    pub fn persons(&mut self, day: &str) -> Result<Vec<Hash>, PeopleError> {
        Ok(self.day(day)?.keys.keys().copied().collect())
    }

    /// How many records depend on a person's key of a day.
    pub fn records(&mut self, day: &str, person: &Hash) -> Result<u64, PeopleError> {
        let records = &self.day(day)?.records;
        let count = records.values().filter(|other| *other == person).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// Makes new keys durable. When this returns, records may depend on them.
    pub fn sync(&mut self) -> Result<(), PeopleError> {
        for (name, day) in &mut self.days {
            if !day.new_keys.is_empty() {
                let mut bytes = Zeroizing::new(Vec::with_capacity(day.new_keys.len() * SLOT));
                for person in &day.new_keys {
                    let Some(slot) = day.keys.get_mut(person) else {
                        continue;
                    };
                    bytes.extend_from_slice(person.as_bytes());
                    bytes.extend_from_slice(slot.key.as_slice());
                    slot.at = Some(day.slots);
                    day.slots += 1;
                }
                append(&self.folder.join(format!("{name}.keys")), &bytes)?;
                day.new_keys.clear();
            }
            if !day.new_records.is_empty() {
                let mut bytes = Vec::with_capacity(day.new_records.len() * SLOT);
                for subject in &day.new_records {
                    if let Some(person) = day.records.get(subject) {
                        bytes.extend_from_slice(subject.as_bytes());
                        bytes.extend_from_slice(person.as_bytes());
                    }
                }
                append(&self.folder.join(format!("{name}.records")), &bytes)?;
                day.new_records.clear();
            }
        }
        Ok(())
    }

    /// Destroys a person's key of a day: overwritten in place and synced before this returns.
    /// Whether there was one to destroy.
    pub fn erase(&mut self, day: &str, person: &Hash) -> Result<bool, PeopleError> {
        if self.lock.is_none() {
            return Err(PeopleError::ReadOnly);
        }
        // Nothing may be written behind the erasure from memory.
        self.sync()?;
        let path = self.folder.join(format!("{day}.keys"));
        let Some(slot) = self.day(day)?.keys.get_mut(person) else {
            return Ok(false);
        };
        if slot.is_erased() {
            return Ok(false);
        }
        let at = slot.at.unwrap_or(0) * count(SLOT) + count(HALF);
        let file = private().open(&path).map_err(io_error(&path))?;
        write_at(&file, at).and_then(|()| file.sync_all()).map_err(io_error(&path))?;
        slot.key = Zeroizing::new([0; HALF]);
        Ok(true)
    }

    fn day(&mut self, name: &str) -> Result<&mut Day, PeopleError> {
        if !is_day(name) {
            return Err(PeopleError::NotADay(name.to_owned()));
        }
        if !self.days.contains_key(name) {
            let day = self.load(name)?;
            self.days.insert(name.to_owned(), day);
        }
        Ok(self.days.entry(name.to_owned()).or_default())
    }

    fn load(&self, name: &str) -> Result<Day, PeopleError> {
        let mut day = Day::default();
        let path = self.folder.join(format!("{name}.keys"));
        let bytes = Zeroizing::new(read(&path, self.limits.day_bytes)?);
        let (slots, torn) = bytes.as_chunks::<SLOT>();
        if self.lock.is_some() {
            cut(&path, torn.len(), bytes.len())?;
        }
        for (at, slot) in slots.iter().enumerate() {
            let (person, key) = halves(slot);
            // A file that grew before its content was there holds zeros: no record depends on it.
            if person != [0; HALF] {
                let slot = Slot { at: Some(count(at)), key: Zeroizing::new(key) };
                day.keys.insert(Hash::new(person), slot);
            }
        }
        day.slots = count(slots.len());
        let path = self.folder.join(format!("{name}.records"));
        let bytes = read(&path, self.limits.day_bytes)?;
        let (slots, torn) = bytes.as_chunks::<SLOT>();
        if self.lock.is_some() {
            cut(&path, torn.len(), bytes.len())?;
        }
        for slot in slots {
            let (subject, person) = halves(slot);
            day.records.insert(Hash::new(subject), Hash::new(person));
        }
        Ok(day)
    }
}

fn halves(slot: &[u8; SLOT]) -> ([u8; HALF], [u8; HALF]) {
    let (mut front, mut back) = ([0; HALF], [0; HALF]);
    front.copy_from_slice(&slot[..HALF]);
    back.copy_from_slice(&slot[HALF..]);
    (front, back)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn append(path: &Path, bytes: &[u8]) -> Result<(), PeopleError> {
    let is_new = !path.exists();
    let mut options = private();
    let mut file = options.create(true).append(true).open(path).map_err(io_error(path))?;
    file.write_all(bytes).and_then(|()| file.sync_data()).map_err(io_error(path))?;
    match path.parent().filter(|_| is_new && cfg!(unix)) {
        Some(folder) => {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(path))
        }
        None => Ok(()),
    }
}

/// Cuts off a slot that was not written as a whole: it was never acknowledged.
fn cut(path: &Path, torn: usize, length: usize) -> Result<(), PeopleError> {
    if torn == 0 {
        return Ok(());
    }
    let file = private().open(path).map_err(io_error(path))?;
    let whole = count(length.saturating_sub(torn));
    file.set_len(whole).and_then(|()| file.sync_all()).map_err(io_error(path))
}

fn write_at(mut file: &File, at: u64) -> io::Result<()> {
    use std::io::Seek as _;
    file.seek(io::SeekFrom::Start(at))?;
    file.write_all(&[0; HALF])
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, PeopleError> {
    use std::io::Read as _;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(path)(error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = file.metadata().map_err(io_error(path))?.mode();
        if mode & 0o077 != 0 {
            return Err(PeopleError::TooOpen { path: path.to_owned(), mode: mode & 0o7777 });
        }
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io_error(path))?;
    if count(bytes.len()) > most {
        return Err(PeopleError::TooLong { path: path.to_owned(), most });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
