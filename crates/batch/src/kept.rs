//! What earlier runs read, so that a run that was killed goes on where it was.
//!
//! Each log is kept once it was read to its end: its records as a sorted run in canonical bytes,
//! and its rows that were not taken. The file that says so is written last and moved into place in
//! one step; until then, nothing is there. It names the digests of the others, so that a disk that
//! lost part of them makes the log be read again instead of being believed.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use adproof_feeds::{Counts, Limits};
use adproof_model::{Digest, Reject};
use adproof_signal::Grain;
use sha2::{Digest as _, Sha256};

use crate::place::{self, Opened};
use crate::runs::{Traffic, merged};
use crate::stamp::Stamp;
use crate::{BatchError, Log, RejectTo};

/// The form of what is kept. A reader that takes other rows raises it.
const FORM: &[u8] = b"adproof kept log 1\n";

/// Bytes at either end of a log by which it is known, beside its size and its time.
const ENDS: u64 = 1 << 16;

/// A folder that one run at a time keeps logs in.
pub(crate) struct Kept {
    folder: PathBuf,
    /// What the reading of all logs depends on.
    base: Sha256,
    /// Held as long as the run lasts.
    _lock: File,
}

/// A log as it is known to a folder.
pub(crate) struct Known {
    name: String,
    stamp: Stamp,
}

impl Known {
    /// Bytes of the log.
    pub(crate) const fn bytes(&self) -> u64 {
        self.stamp.bytes
    }
}

/// What was kept of a log.
pub(crate) struct Found {
    pub(crate) run: File,
    pub(crate) counts: Counts,
    pub(crate) sha256: Option<Digest>,
    rejects: PathBuf,
}

impl Kept {
    pub(crate) fn open(folder: &Path, grain: &Grain, limits: &Limits) -> Result<Self, BatchError> {
        let failed = |source| BatchError::Resume { path: folder.into(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BatchError::Busy { path: folder.into() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let mut base = Sha256::new();
        base.update(FORM);
        base.update(grain.fingerprint());
        base.update(format!("{limits:?}"));
        Ok(Self { folder: folder.into(), base, _lock: lock })
    }

    /// A file by its size, its time and its ends; an object by its name, its size and its tag.
    pub(crate) fn know(&self, path: &Path, digest: bool) -> Result<Known, BatchError> {
        let unreadable = |source| place::unreadable(path, source);
        let opened = Opened::at(path).map_err(unreadable)?;
        let stamp = Stamp::of(&opened).map_err(unreadable)?;
        let mut hash = self.base.clone();
        hash.update([u8::from(digest)]);
        hash.update(stamp.to_string());
        #[cfg_attr(
            not(feature = "s3"),
            allow(irrefutable_let_patterns, reason = "there are others then")
        )]
        if let Opened::File(mut file) = opened {
            let mut end = Vec::new();
            for from in [0, stamp.bytes.saturating_sub(ENDS)] {
                end.clear();
                file.seek(SeekFrom::Start(from)).map_err(unreadable)?;
                (&file).take(ENDS).read_to_end(&mut end).map_err(unreadable)?;
                hash.update(&end);
            }
        }
        let name = Digest::new(hash.finalize().into()).to_string();
        Ok(Known { name: name.get(..32).unwrap_or(&name).to_owned(), stamp })
    }

    fn at(&self, known: &Known, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", known.name))
    }

    /// What was kept of a log; nothing where it is not there or not whole.
    pub(crate) fn find(&self, known: &Known) -> Option<Found> {
        let mut done = Vec::new();
        let file = File::open(self.at(known, "done")).ok()?;
        file.take(1 << 10).read_to_end(&mut done).ok()?;
        let mut rest = done.strip_prefix(FORM)?;
        let mut number = || {
            let (bytes, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            Some(u64::from_le_bytes(*bytes))
        };
        let counts = Counts { rows: number()?, rejected: number()?, lines: number()? };
        let (known_digest, rest) = rest.split_first()?;
        let (sha256, rest) = rest.split_first_chunk::<32>()?;
        let (run_digest, rest) = rest.split_first_chunk::<32>()?;
        let (rejects_digest, rest) = rest.split_first_chunk::<32>()?;
        let rejects = self.at(known, "rejects");
        let run = File::open(self.at(known, "run")).ok()?;
        let whole = rest.is_empty()
            && digest_of(&run).ok()? == *run_digest
            && digest_of(&File::open(&rejects).ok()?).ok()? == *rejects_digest;
        let sha256 = (*known_digest == 1).then(|| Digest::new(*sha256));
        whole.then_some(Found { run, counts, sha256, rejects })
    }

    /// A file for the rows of a log that are not taken.
    pub(crate) fn rejects(&self, known: &Known) -> Result<RejectsOut, BatchError> {
        let path = self.at(known, "rejects");
        let file = File::create(&path).map_err(|source| self.failed(source))?;
        Ok(RejectsOut { out: Hashed::new(file), error: None })
    }

    /// Keeps a log that was read.
    pub(crate) fn keep(
        &self,
        path: &Path,
        known: &Known,
        traffic: &mut Traffic,
        log: &Log,
        rejects: RejectsOut,
    ) -> Result<File, BatchError> {
        let failed = |source| self.failed(source);
        let now = Opened::at(path).and_then(|log| Stamp::of(&log));
        if now.map_err(|error| place::unreadable(path, error))? != known.stamp {
            return Err(BatchError::Changed { path: path.into() });
        }
        let rejects = match rejects.error {
            Some(error) => return Err(failed(error)),
            None => rejects.out.finish().map_err(failed)?,
        };
        let run = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.at(known, "run"))
            .map_err(failed)?;
        let mut out = Hashed::new(run.try_clone().map_err(failed)?);
        merged(traffic, &mut out).map_err(failed)?;
        let digest = out.finish().map_err(failed)?;
        let mut done = FORM.to_vec();
        for number in [log.counts.rows, log.counts.rejected, log.counts.lines] {
            done.extend(number.to_le_bytes());
        }
        done.push(u8::from(log.sha256.is_some()));
        done.extend(log.sha256.map_or([0; 32], |sha256| *sha256.as_bytes()));
        done.extend(digest);
        done.extend(rejects);
        let (part, place) = (self.at(known, "part"), self.at(known, "done"));
        let write = || {
            let mut file = File::create(&part)?;
            file.write_all(&done)?;
            file.sync_all()?;
            fs::rename(&part, &place)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(failed)?;
        Ok(run)
    }

    fn failed(&self, source: io::Error) -> BatchError {
        BatchError::Resume { path: self.folder.clone(), source }
    }
}

impl Found {
    /// Tells of the rows that were not taken as they were told of then. Returns the first of them.
    pub(crate) fn retell(
        &self,
        path: &Path,
        kept: usize,
        tell: RejectTo<'_>,
    ) -> io::Result<Vec<Reject>> {
        let mut bytes = BufReader::new(File::open(&self.rejects)?);
        let mut first = Vec::new();
        for _ in 0..self.counts.rejected {
            let mut row = [0; 8];
            bytes.read_exact(&mut row)?;
            let mut text = || -> io::Result<Box<str>> {
                let mut len = [0; 4];
                bytes.read_exact(&mut len)?;
                let mut text = String::new();
                let len = u64::from(u32::from_le_bytes(len));
                bytes.by_ref().take(len).read_to_string(&mut text)?;
                Ok(text.into())
            };
            let (column, value, reason) = (text()?, text()?, text()?);
            let reject = Reject { row: u64::from_le_bytes(row), column, value, reason };
            tell(path, &reject);
            if first.len() < kept {
                first.push(reject);
            }
        }
        Ok(first)
    }
}

/// Writes rows that were not taken.
pub(crate) struct RejectsOut {
    out: Hashed,
    error: Option<io::Error>,
}

impl RejectsOut {
    pub(crate) fn add(&mut self, reject: &Reject) {
        if self.error.is_none() {
            self.error = self.write(reject).err();
        }
    }

    fn write(&mut self, reject: &Reject) -> io::Result<()> {
        self.out.write_all(&reject.row.to_le_bytes())?;
        for text in [&reject.column, &reject.value, &reject.reason] {
            let len = u32::try_from(text.len()).map_err(io::Error::other)?;
            self.out.write_all(&len.to_le_bytes())?;
            self.out.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

/// A file whose bytes are hashed on their way.
struct Hashed {
    hash: Sha256,
    file: BufWriter<File>,
}

impl Hashed {
    fn new(file: File) -> Self {
        Self { hash: Sha256::new(), file: BufWriter::with_capacity(1 << 18, file) }
    }

    /// The digest, once all is on the disk.
    fn finish(self) -> io::Result<[u8; 32]> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(self.hash.finalize().into())
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn digest_of(mut file: &File) -> io::Result<[u8; 32]> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(hash.finalize().into()),
            Some(bytes) => hash.update(bytes),
        }
    }
}
