//! A log of what was taken: durable before it is worked on.
//!
//! ```text
//! FOLDER/<first number>.wal   "adproof wal v1\n", the number of its first batch (8 bytes), batches
//! batch                       length of the payload (4), CRC-32C of length and payload (4), payload
//! payload                     number (8), microseconds of its arrival (8), items
//! item                        label (4 + n), bytes (4 + n)
//! ```
//!
//! Integers are big-endian. A batch is written and synced as one; only the last can be torn. A torn
//! last batch was acknowledged to nobody and is cut off when the log is opened. A damaged batch
//! with whole ones behind it is damage, and the log refuses to open.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 15] = b"adproof wal v1\n";
const HEADER: usize = MAGIC.len() + 8;
const HEAD: usize = 8;

/// Bounds of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalLimits {
    /// A file that has reached this many bytes gets a successor.
    pub segment_bytes: u64,
    /// The longest batch in bytes.
    pub batch_bytes: usize,
}

impl Default for WalLimits {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, batch_bytes: 64 << 20 }
    }
}

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// A file could not be read or written. After a failed write or sync the log refuses
    /// everything until it is opened again.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Bytes in the middle are damaged. Likely cause: the disk, or an edit by hand.
    #[error("{path} is damaged at byte {at}: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// A write or sync failed before.
    #[error("the log failed to write before; open it again")]
    Poisoned,
    /// The batch is longer than the log takes.
    #[error("a batch of {0} bytes is longer than the log takes")]
    TooLong(usize),
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> WalError + '_ {
    |error| WalError::Io { path: path.to_owned(), error }
}

/// What was taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number; the first is 0.
    pub number: u64,
    /// When it arrived, in microseconds since 1970.
    pub arrived_us: i64,
    /// Labels and bytes.
    pub items: Vec<(Box<str>, Vec<u8>)>,
}

/// The log.
#[derive(Debug)]
pub struct Wal {
    folder: PathBuf,
    limits: WalLimits,
    file: File,
    path: PathBuf,
    bytes: u64,
    next: u64,
    poisoned: bool,
    cut_bytes: u64,
}

impl Wal {
    /// Opens the log in `folder`, or makes it. `next` is the number that the next batch has at
    /// least: batches before it may have been forgotten.
    ///
    /// # Errors
    /// The folder cannot be used, or the log is damaged before its last batch.
    pub fn open(folder: &Path, next: u64, limits: WalLimits) -> Result<Self, WalError> {
        fs::create_dir_all(folder).map_err(io_at(folder))?;
        let mut segments = segments(folder)?;
        // A crash may leave a file whose header was not written in full: it holds nothing.
        while let Some((_, path)) = segments.last() {
            let length = fs::metadata(path).map_err(io_at(path))?.len();
            if length >= HEADER as u64 {
                break;
            }
            fs::remove_file(path).map_err(io_at(path))?;
            segments.pop();
        }
        let Some((first, path)) = segments.pop() else {
            return Self::start(folder, next, limits, 0);
        };
        let bytes = fs::read(&path).map_err(io_at(&path))?;
        let (end, last) = scan(&path, first, &bytes, &mut |_| {})?;
        let cut_bytes = (bytes.len() - end) as u64;
        let file = OpenOptions::new().write(true).open(&path).map_err(io_at(&path))?;
        if cut_bytes > 0 {
            file.set_len(end as u64).map_err(io_at(&path))?;
            file.sync_all().map_err(io_at(&path))?;
        }
        if last < next {
            // State that is ahead of its log: the log was removed or restored from a backup.
            return Self::start(folder, next, limits, cut_bytes);
        }
        let mut wal = Self {
            folder: folder.to_owned(),
            limits,
            file,
            path,
            bytes: end as u64,
            next: last,
            poisoned: false,
            cut_bytes,
        };
        io::Seek::seek(&mut wal.file, io::SeekFrom::End(0)).map_err(io_at(&wal.path))?;
        Ok(wal)
    }

    /// The number of the next batch.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of a torn last batch that were cut off on opening.
    #[must_use]
    pub const fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    fn start(
        folder: &Path,
        first: u64,
        limits: WalLimits,
        cut_bytes: u64,
    ) -> Result<Self, WalError> {
        let path = folder.join(format!("{first:020}.wal"));
        let create = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&path)?;
            file.write_all(MAGIC)?;
            file.write_all(&first.to_be_bytes())?;
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(io_at(&path))?;
        let bytes = HEADER as u64;
        let folder = folder.to_owned();
        Ok(Self { folder, limits, file, path, bytes, next: first, poisoned: false, cut_bytes })
    }

    /// Appends a batch and gives its number. When this returns, it is durable.
    ///
    /// # Errors
    /// It could not be written; then nobody knows what the disk holds, and the log is poisoned.
    pub fn append<'i>(
        &mut self,
        arrived_us: i64,
        items: impl Iterator<Item = (&'i str, &'i [u8])>,
    ) -> Result<u64, WalError> {
        if self.poisoned {
            return Err(WalError::Poisoned);
        }
        let mut frame = vec![0; HEAD];
        frame.extend_from_slice(&self.next.to_be_bytes());
        frame.extend_from_slice(&arrived_us.to_be_bytes());
        for (label, bytes) in items {
            for part in [label.as_bytes(), bytes] {
                let length = u32::try_from(part.len());
                let length = length.map_err(|_| WalError::TooLong(part.len()))?;
                frame.extend_from_slice(&length.to_be_bytes());
                frame.extend_from_slice(part);
            }
        }
        let payload = frame.len() - HEAD;
        let length = u32::try_from(payload).ok().filter(|_| payload <= self.limits.batch_bytes);
        let length = length.ok_or(WalError::TooLong(payload))?.to_be_bytes();
        let sum = checksum(length, frame.get(HEAD..).unwrap_or_default());
        if let Some(head) = frame.first_chunk_mut::<HEAD>() {
            let (first, second) = head.split_at_mut(4);
            first.copy_from_slice(&length);
            second.copy_from_slice(&sum.to_be_bytes());
        }
        self.poisoned = true;
        if self.bytes >= self.limits.segment_bytes {
            let fresh = Self::start(&self.folder, self.next, self.limits, self.cut_bytes)?;
            *self = Self { poisoned: true, ..fresh };
        }
        self.file.write_all(&frame).map_err(io_at(&self.path))?;
        self.file.sync_data().map_err(io_at(&self.path))?;
        self.bytes = self.bytes.saturating_add(frame.len() as u64);
        let number = self.next;
        self.next = number.saturating_add(1);
        self.poisoned = false;
        Ok(number)
    }

    /// Reads the batches from number `from` on.
    ///
    /// # Errors
    /// A file cannot be read, or is damaged; or `each` fails.
    pub fn each<E: From<WalError>>(
        &self,
        from: u64,
        mut each: impl FnMut(Batch) -> Result<(), E>,
    ) -> Result<(), E> {
        let segments = segments(&self.folder)?;
        for (index, (first, path)) in segments.iter().enumerate() {
            if segments.get(index + 1).is_some_and(|(next, _)| *next <= from) {
                continue;
            }
            let bytes = fs::read(path).map_err(io_at(path))?;
            let mut result = Ok(());
            scan(path, *first, &bytes, &mut |batch| {
                if result.is_ok() && batch.number >= from {
                    result = each(batch);
                }
            })?;
            result?;
        }
        Ok(())
    }

    /// Forgets files of the log in `folder` that hold nothing from number `from` on.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn forget_before(folder: &Path, from: u64) -> Result<(), WalError> {
        let segments = segments(folder)?;
        for pair in segments.windows(2) {
            if let [(_, path), (next, _)] = pair
                && *next <= from
            {
                fs::remove_file(path).map_err(io_at(path))?;
            }
        }
        Ok(())
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), payload)
}

fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, WalError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_at(folder))? {
        let path = entry.map_err(io_at(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(digits) = name.strip_suffix(".wal")
            && let Ok(first) = digits.parse::<u64>()
            && format!("{first:020}") == digits
        {
            found.push((first, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Goes through the batches of a file. Gives where the last whole one ends, and the number that
/// follows it.
fn scan(
    path: &Path,
    first: u64,
    bytes: &[u8],
    each: &mut dyn FnMut(Batch),
) -> Result<(usize, u64), WalError> {
    let damaged = |at: usize, why| WalError::Damaged { path: path.to_owned(), at: at as u64, why };
    let header = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_first_chunk::<8>());
    if header.map(|(number, _)| u64::from_be_bytes(*number)) != Some(first) {
        return Err(damaged(0, "this is no log of a stream"));
    }
    let (mut at, mut next) = (HEADER, first);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match frame(rest) {
            Some((payload, size)) => {
                let batch = batch(payload).filter(|batch| batch.number == next);
                each(batch.ok_or_else(|| damaged(at, "a batch has another number or shape"))?);
                at += size;
                next = next.saturating_add(1);
            }
            None if follows(rest, next) => {
                return Err(damaged(at, "a batch is damaged and whole ones follow it"));
            }
            None => break,
        }
    }
    Ok((at, next))
}

fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let whole = checksum(*length, payload) == u32::from_be_bytes(*sum);
    whole.then_some((payload, HEAD + payload.len()))
}

/// Whether a later batch is whole anywhere behind a damaged one.
fn follows(bytes: &[u8], damaged: u64) -> bool {
    let Some(rest) = bytes.get(1..) else { return false };
    (0..rest.len()).any(|skip| {
        let part = rest.get(skip..).unwrap_or_default();
        // The number is looked at first: it is cheap, and hardly ever right by chance.
        let number = part.get(HEAD..HEAD + 8).and_then(|bytes| bytes.try_into().ok());
        let number = number.map(u64::from_be_bytes);
        number.is_some_and(|number| number > damaged && number - damaged < 1 << 32)
            && frame(part).is_some()
    })
}

fn batch(payload: &[u8]) -> Option<Batch> {
    let (number, rest) = payload.split_first_chunk::<8>()?;
    let (arrived, mut rest) = rest.split_first_chunk::<8>()?;
    let mut items = Vec::new();
    let part = |rest: &mut &[u8]| -> Option<Vec<u8>> {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (bytes, after) = after.split_at_checked(length)?;
        *rest = after;
        Some(bytes.to_vec())
    };
    while !rest.is_empty() {
        let label = String::from_utf8(part(&mut rest)?).ok()?;
        items.push((label.into_boxed_str(), part(&mut rest)?));
    }
    Some(Batch {
        number: u64::from_be_bytes(*number),
        arrived_us: i64::from_be_bytes(*arrived),
        items,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: WalLimits = WalLimits { segment_bytes: 200, batch_bytes: 1 << 20 };

    fn append(wal: &mut Wal, text: &str) -> u64 {
        let items = [("first", text.as_bytes()), ("", b"\xff".as_slice())];
        wal.append(7, items.into_iter()).unwrap()
    }

    fn numbers(wal: &Wal, from: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        wal.each(from, |batch| {
            assert_eq!(batch.items[1], ("".into(), vec![0xff]));
            numbers.push(batch.number);
            Ok::<_, WalError>(())
        })
        .unwrap();
        numbers
    }

    #[test]
    fn what_was_appended_is_read_again_and_forgotten_by_whole_files() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::open(folder.path(), 0, SMALL).unwrap();
        for number in 0..20 {
            assert_eq!(append(&mut wal, "some text that fills a file"), number);
        }
        drop(wal);
        let mut wal = Wal::open(folder.path(), 0, SMALL).unwrap();
        assert_eq!(numbers(&wal, 0), (0..20).collect::<Vec<_>>());
        assert_eq!(numbers(&wal, 13), (13..20).collect::<Vec<_>>());
        Wal::forget_before(folder.path(), 13).unwrap();
        assert!(segments(folder.path()).unwrap().len() < 5);
        assert_eq!(numbers(&wal, 13), (13..20).collect::<Vec<_>>());
        assert_eq!(append(&mut wal, "more"), 20);
    }

    #[test]
    fn a_last_batch_that_is_torn_at_any_byte_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let limits = WalLimits::default();
        let mut wal = Wal::open(folder.path(), 0, limits).unwrap();
        append(&mut wal, "one");
        append(&mut wal, "two");
        let whole = usize::try_from(wal.bytes).unwrap();
        append(&mut wal, "three");
        let path = wal.path.clone();
        drop(wal);
        let bytes = fs::read(&path).unwrap();
        for end in whole..bytes.len() {
            fs::write(&path, bytes.get(..end).unwrap()).unwrap();
            let mut wal = Wal::open(folder.path(), 0, limits).unwrap();
            assert_eq!(wal.cut_bytes(), (end - whole) as u64);
            assert_eq!(numbers(&wal, 0), [0, 1]);
            assert_eq!(append(&mut wal, "again"), 2);
        }
        for end in 0..HEADER {
            fs::write(&path, bytes.get(..end).unwrap()).unwrap();
            assert_eq!(numbers(&Wal::open(folder.path(), 0, limits).unwrap(), 0), [0; 0]);
        }
    }

    #[test]
    fn damage_in_the_middle_is_refused_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let limits = WalLimits::default();
        let mut wal = Wal::open(folder.path(), 0, limits).unwrap();
        append(&mut wal, "one");
        let end = usize::try_from(wal.bytes).unwrap();
        append(&mut wal, "two");
        let path = wal.path.clone();
        drop(wal);
        let bytes = fs::read(&path).unwrap();
        for at in 0..end {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            fs::write(&path, &bad).unwrap();
            let opened = Wal::open(folder.path(), 0, limits);
            assert!(matches!(opened, Err(WalError::Damaged { .. })), "byte {at}");
        }
    }

    #[test]
    fn a_log_that_was_removed_goes_on_at_the_number_of_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut wal = Wal::open(folder.path(), 9, SMALL).unwrap();
        assert_eq!(append(&mut wal, "one"), 9);
        drop(wal);
        let mut wal = Wal::open(folder.path(), 12, SMALL).unwrap();
        assert_eq!(append(&mut wal, "two"), 12);
        assert_eq!(numbers(&wal, 12), [12]);
        assert!(wal.append(0, [("", vec![0_u8; 2 << 20].as_slice())].into_iter()).is_err());
        assert_eq!(append(&mut wal, "a batch that is too long harms nothing"), 13);
    }
}
