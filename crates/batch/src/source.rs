//! Blocks of whole rows, cut from logs one after the other.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use adproof_feeds::{Limits, TrafficLog};
use adproof_model::Digest;
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::{BatchError, Options, Progress};

/// A block of whole rows.
#[derive(Debug)]
pub(crate) struct Block {
    /// Which log.
    pub(crate) log: usize,
    /// Which block, counted over all logs.
    pub(crate) number: u64,
    /// Lines of the header, before the first block of a log.
    pub(crate) lines_before: u64,
    pub(crate) form: Arc<TrafficLog>,
}

pub(crate) struct Source<'a> {
    paths: &'a [PathBuf],
    options: &'a Options,
    progress: &'a Arc<Progress>,
    /// The log that comes next.
    next: usize,
    blocks: u64,
    open: Option<Open>,
    /// Of the logs that were read to their end.
    pub(crate) digests: Vec<Option<Digest>>,
}

struct Open {
    reader: Box<dyn Read + Send>,
    seen: Arc<Mutex<Seen>>,
    form: Arc<TrafficLog>,
    /// What was read beyond the last block.
    tail: Vec<u8>,
    ended: bool,
    lines_before: u64,
}

impl<'a> Source<'a> {
    pub(crate) fn new(
        paths: &'a [PathBuf],
        options: &'a Options,
        progress: &'a Arc<Progress>,
    ) -> Self {
        Self { paths, options, progress, next: 0, blocks: 0, open: None, digests: Vec::new() }
    }

    /// Cuts the next block into `buffer`.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Block>, BatchError> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(path) = self.paths.get(self.next) else {
                    return Ok(None);
                };
                self.open = Some(Open::new(path, self.options, self.progress)?);
                self.next += 1;
                continue;
            };
            let log = self.next - 1;
            let path = self.paths.get(log).map_or(Path::new(""), |path| path);
            let unreadable = |source| BatchError::Unreadable { path: path.into(), source };
            let limits = &self.options.limits;
            open.cut(buffer, self.options.block_bytes, limits).map_err(unreadable)?;
            if buffer.is_empty() {
                let digest = open.seen.lock().map_err(|_| BatchError::Thread)?.digest();
                self.digests.push(digest);
                self.open = None;
                continue;
            }
            let block = Block {
                log,
                number: self.blocks,
                lines_before: std::mem::take(&mut open.lines_before),
                form: Arc::clone(&open.form),
            };
            self.blocks += 1;
            return Ok(Some(block));
        }
    }
}

/// Bytes of a log that are looked at to see what it is.
const HEAD: usize = 1 << 18;

/// Whether a file is a log of traffic, by its header or its first line. A log with legs, and what
/// has neither times nor addresses, is none.
pub fn is_traffic(path: &Path, limits: &Limits) -> Result<bool, BatchError> {
    let unreadable = |source| BatchError::Unreadable { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    fill(&mut *unpacked(file).map_err(unreadable)?, &mut head, HEAD).map_err(unreadable)?;
    Ok(matches!(TrafficLog::sniff(&head, limits), Ok(Some(_))))
}

impl Open {
    fn new(path: &Path, options: &Options, progress: &Arc<Progress>) -> Result<Self, BatchError> {
        let unreadable = |source| BatchError::Unreadable { path: path.into(), source };
        let seen = Arc::new(Mutex::new(Seen {
            hash: options.digest.then(Sha256::new),
            progress: Arc::clone(progress),
        }));
        let bytes: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(File::open(path).map_err(unreadable)?)
        };
        let raw = Watched { bytes, seen: Arc::clone(&seen) };
        let mut reader = unpacked(raw).map_err(unreadable)?;
        let mut tail = Vec::new();
        let ended = fill(&mut *reader, &mut tail, HEAD).map_err(unreadable)?;
        let no_log = |fault| BatchError::NoLog { path: path.into(), fault };
        let (form, start) = TrafficLog::sniff(&tail, &options.limits)
            .map_err(no_log)?
            .ok_or_else(|| BatchError::Legs { path: path.into() })?;
        let head = tail.drain(..start);
        let lines_before = head.filter(|byte| *byte == b'\n').count() as u64;
        Ok(Self { reader, seen, form: Arc::new(form), tail, ended, lines_before })
    }

    /// Whole rows into `buffer`; nothing at the end.
    fn cut(&mut self, buffer: &mut Vec<u8>, bytes: usize, limits: &Limits) -> io::Result<()> {
        buffer.clear();
        buffer.append(&mut self.tail);
        let mut wanted = bytes;
        loop {
            if !self.ended {
                let missing = wanted.saturating_sub(buffer.len());
                self.ended = fill(&mut *self.reader, buffer, missing)?;
            }
            let whole = self.form.whole_rows(buffer);
            // A row that is longer than a row may be is cut where it is: it will be rejected.
            let too_long = buffer.len() > bytes.saturating_add(limits.line_bytes);
            if self.ended || whole > 0 || too_long {
                let end = if self.ended || whole == 0 { buffer.len() } else { whole };
                self.tail.extend_from_slice(buffer.get(end..).unwrap_or(&[]));
                buffer.truncate(end);
                return Ok(());
            }
            wanted = wanted.saturating_add(bytes);
        }
    }
}

/// Reads up to `bytes` more; whether the end was reached.
fn fill(reader: &mut dyn Read, buffer: &mut Vec<u8>, bytes: usize) -> io::Result<bool> {
    let want = u64::try_from(bytes).unwrap_or(u64::MAX);
    let read = reader.take(want).read_to_end(buffer)?;
    Ok(read < bytes)
}

/// What is known of the bytes that were read so far.
struct Seen {
    hash: Option<Sha256>,
    progress: Arc<Progress>,
}

impl Seen {
    fn digest(&mut self) -> Option<Digest> {
        self.hash.take().map(|hash| Digest::new(hash.finalize().into()))
    }
}

/// A log's bytes as they lie on disk, hashed on their way.
struct Watched {
    bytes: Box<dyn Read + Send>,
    seen: Arc<Mutex<Seen>>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        let Ok(mut seen) = self.seen.lock() else {
            return Err(io::Error::other("a thread failed"));
        };
        seen.progress.bytes.fetch_add(read as u64, Ordering::Relaxed);
        if let Some(hash) = &mut seen.hash {
            hash.update(buffer.get(..read).unwrap_or(&[]));
        }
        Ok(read)
    }
}

/// The bytes of a log, unpacked where its first bytes say so.
fn unpacked(mut raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(4);
    fill(&mut raw, &mut magic, 4)?;
    let kind = magic.as_slice().first_chunk::<4>().copied().unwrap_or_default();
    let whole = io::Cursor::new(magic).chain(raw);
    Ok(match kind {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(1 << 18, whole))?)
        }
        _ => Box::new(whole),
    })
}
