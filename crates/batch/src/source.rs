//! Blocks of whole rows, cut from logs one after the other.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use adproof_feeds::{Limits, TrafficLog};
use adproof_model::Digest;
use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

#[cfg(feature = "parquet")]
use crate::parquet::{self, Table};
use crate::place::{self, Opened};
use crate::{BatchError, Options, Piece, Progress, Span};

/// A block of whole rows.
#[derive(Debug)]
pub(crate) struct Block {
    /// Which log.
    pub(crate) log: usize,
    /// Which block, counted over all logs.
    pub(crate) number: u64,
    /// Lines of the header, before the first block of a log.
    pub(crate) lines_before: u64,
    pub(crate) rows: Rows,
}

/// Where the rows of a block are.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// In the buffer, as text.
    Text(Arc<TrafficLog>),
    /// In a row group.
    #[cfg(feature = "parquet")]
    Group(Arc<Table>, usize),
}

/// What a thread does next.
#[derive(Debug)]
pub(crate) enum Task {
    Read(Block),
    /// Compute the digest of a log of which only parts are read.
    #[cfg(feature = "parquet")]
    Hash(usize, Arc<Table>),
}

pub(crate) struct Source<'a> {
    paths: &'a [PathBuf],
    options: &'a Options,
    progress: &'a Arc<Progress>,
    /// The log that comes next.
    next: usize,
    blocks: u64,
    open: Option<Open>,
    /// Of each log, once it is known.
    pub(crate) digests: Vec<Option<Digest>>,
    /// What is read of a log, where it is not the whole.
    piece: Option<&'a Piece>,
    /// What was read of it.
    pub(crate) span: Span,
}

enum Open {
    Text(Text),
    #[cfg(feature = "parquet")]
    Groups(Groups),
}

struct Text {
    reader: Box<dyn Read + Send>,
    seen: Arc<Mutex<Seen>>,
    form: Arc<TrafficLog>,
    /// What was read beyond the last block.
    tail: Vec<u8>,
    ended: bool,
    lines_before: u64,
    /// Where the last block ended in the log, and where the rows of a piece end: with the first
    /// one that reaches so far.
    at: u64,
    until: Option<u64>,
    /// Whether a block had to end within a row.
    torn: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(
        paths: &'a [PathBuf],
        piece: Option<&'a Piece>,
        options: &'a Options,
        progress: &'a Arc<Progress>,
    ) -> Self {
        let digests = vec![None; paths.len()];
        let span = Span { from: 0, to: 0, exact: true };
        Self { paths, options, progress, next: 0, blocks: 0, open: None, digests, piece, span }
    }

    /// What comes next. A block of text is cut into `buffer`.
    pub(crate) fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Task>, BatchError> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(path) = self.paths.get(self.next) else {
                    return Ok(None);
                };
                let open = Open::new(path, self.piece, self.options, self.progress)?;
                self.span.from = open.at();
                self.open = Some(open);
                self.next += 1;
                continue;
            };
            let log = self.next - 1;
            let number = self.blocks;
            #[cfg_attr(
                not(feature = "parquet"),
                allow(clippy::infallible_destructuring_match, reason = "there are others then")
            )]
            let open = match open {
                Open::Text(text) => text,
                #[cfg(feature = "parquet")]
                Open::Groups(groups) => {
                    let Some(task) = groups.next(log, number, self.progress) else {
                        self.span.to = groups.next as u64;
                        self.open = None;
                        continue;
                    };
                    self.blocks += u64::from(matches!(task, Task::Read(_)));
                    return Ok(Some(task));
                }
            };
            let path = self.paths.get(log).map_or(Path::new(""), |path| path);
            let unreadable = |source| place::unreadable(path, source);
            let limits = &self.options.limits;
            open.cut(buffer, self.options.block_bytes, limits).map_err(unreadable)?;
            if buffer.is_empty() {
                let digest = open.seen.lock().map_err(|_| BatchError::Thread)?.digest();
                if let Some(slot) = self.digests.get_mut(log) {
                    *slot = digest;
                }
                self.span = Span { from: self.span.from, to: open.at, exact: !open.torn };
                self.open = None;
                continue;
            }
            let block = Block {
                log,
                number,
                lines_before: std::mem::take(&mut open.lines_before),
                rows: Rows::Text(Arc::clone(&open.form)),
            };
            self.blocks += 1;
            return Ok(Some(Task::Read(block)));
        }
    }
}

/// Bytes of a log that are looked at to see what it is.
const HEAD: usize = 1 << 18;

/// Whether a file is a log of traffic, by its header or its first line. A log with legs, and what
/// has neither times nor addresses, is none.
pub fn is_traffic(path: &Path, limits: &Limits) -> Result<bool, BatchError> {
    let unreadable = |source| place::unreadable(path, source);
    let log = Opened::at(path).map_err(unreadable)?.reader();
    let mut head = Vec::new();
    fill(&mut *unpacked(log).map_err(unreadable)?, &mut head, HEAD).map_err(unreadable)?;
    #[cfg(feature = "parquet")]
    if head.starts_with(&parquet::MAGIC) {
        return Ok(Table::open(path, limits)?.is_some());
    }
    Ok(matches!(TrafficLog::sniff(&head, limits), Ok(Some(_))))
}

impl Open {
    fn new(
        path: &Path,
        piece: Option<&Piece>,
        options: &Options,
        progress: &Arc<Progress>,
    ) -> Result<Self, BatchError> {
        #[cfg(feature = "parquet")]
        if let Some(groups) = Groups::new(path, piece, options)? {
            return Ok(Self::Groups(groups));
        }
        let mut text = Text::new(path, piece, options, progress)?;
        if let Some(piece) = piece.filter(|piece| piece.from > 0) {
            text.skip(path, piece.from).map_err(|source| place::unreadable(path, source))?;
        }
        Ok(Self::Text(text))
    }

    /// Where the next row is: a byte of a text, a row group of a table.
    fn at(&self) -> u64 {
        match self {
            Self::Text(text) => text.at,
            #[cfg(feature = "parquet")]
            Self::Groups(groups) => groups.next as u64,
        }
    }
}

/// The row groups of a log in Parquet.
#[cfg(feature = "parquet")]
struct Groups {
    table: Arc<Table>,
    /// Bytes that each counts for in the progress; the last one for all the rest of the file.
    bytes: Vec<u64>,
    next: usize,
    hash: bool,
}

#[cfg(feature = "parquet")]
impl Groups {
    /// Nothing where the file is no Parquet.
    fn new(
        path: &Path,
        piece: Option<&Piece>,
        options: &Options,
    ) -> Result<Option<Self>, BatchError> {
        let unreadable = |source| place::unreadable(path, source);
        if path == Path::new("-") {
            return Ok(None);
        }
        let magic = place::magic(path).map_err(unreadable)?;
        if magic.as_deref() != Some(&parquet::MAGIC) {
            return Ok(None);
        }
        let table = Table::open(path, &options.limits)?
            .ok_or_else(|| BatchError::Legs { path: path.into() })?;
        let mut bytes: Vec<u64> = table.groups().collect();
        let sum = bytes.iter().fold(0_u64, |sum, bytes| sum.saturating_add(*bytes));
        if let Some(last) = bytes.last_mut() {
            *last = last.saturating_add(table.bytes().saturating_sub(sum));
        }
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        bytes.truncate(piece.and_then(|piece| piece.until).map_or(usize::MAX, place));
        let next = piece.map_or(0, |piece| place(piece.from));
        Ok(Some(Self { table: Arc::new(table), bytes, next, hash: options.digest }))
    }

    fn next(&mut self, log: usize, number: u64, progress: &Progress) -> Option<Task> {
        if std::mem::take(&mut self.hash) {
            return Some(Task::Hash(log, Arc::clone(&self.table)));
        }
        let group = self.next;
        let bytes = self.bytes.get(group)?;
        progress.bytes.fetch_add(*bytes, Ordering::Relaxed);
        self.next += 1;
        let rows = Rows::Group(Arc::clone(&self.table), group);
        Some(Task::Read(Block { log, number, lines_before: 0, rows }))
    }
}

impl Text {
    fn new(
        path: &Path,
        piece: Option<&Piece>,
        options: &Options,
        progress: &Arc<Progress>,
    ) -> Result<Self, BatchError> {
        let unreadable = |source| place::unreadable(path, source);
        let seen = Arc::new(Mutex::new(Seen {
            hash: options.digest.then(Sha256::new),
            progress: Arc::clone(progress),
        }));
        let bytes: Box<dyn Read + Send> = if path == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Opened::at(path).map_err(unreadable)?.reader()
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
        let until = piece.and_then(|piece| piece.until);
        let (at, form) = (start as u64, Arc::new(form));
        Ok(Self { reader, seen, form, tail, ended, lines_before, at, until, torn: false })
    }

    /// Goes behind the newline at or after the byte before `from`, where a row begins unless the
    /// newline is one within quotes.
    fn skip(&mut self, path: &Path, from: u64) -> io::Result<()> {
        self.at = from.saturating_sub(1);
        let bytes = Opened::at(path)?.reader_from(self.at)?;
        self.reader = Box::new(Watched { bytes, seen: Arc::clone(&self.seen) });
        self.lines_before = 0;
        loop {
            self.tail.clear();
            self.ended = fill(&mut *self.reader, &mut self.tail, HEAD)?;
            let newline = self.tail.iter().position(|byte| *byte == b'\n');
            let passed = newline.map_or(self.tail.len(), |newline| newline + 1);
            self.at += passed as u64;
            if newline.is_some() || self.ended {
                self.tail.drain(..passed);
                return Ok(());
            }
        }
    }

    /// Whole rows into `buffer`; nothing at the end.
    fn cut(&mut self, buffer: &mut Vec<u8>, bytes: usize, limits: &Limits) -> io::Result<()> {
        buffer.clear();
        let left = self.until.map(|until| until.saturating_sub(self.at));
        if left == Some(0) {
            return Ok(());
        }
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
                let mut end = if self.ended || whole == 0 { buffer.len() } else { whole };
                self.torn |= !self.ended && whole == 0;
                if let Some(left) = left.and_then(|left| usize::try_from(left).ok())
                    && left < end
                {
                    end = self.form.rows_to(buffer.get(..end).unwrap_or(buffer), left);
                }
                self.tail.extend_from_slice(buffer.get(end..).unwrap_or(&[]));
                buffer.truncate(end);
                self.at += end as u64;
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

/// The digest of all bytes of a log.
pub(crate) fn digest(file: &mut dyn Read) -> io::Result<Digest> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 18]);
    loop {
        let read = file.read(&mut buffer)?;
        match buffer.get(..read) {
            None | Some([]) => return Ok(Digest::new(hash.finalize().into())),
            Some(bytes) => hash.update(bytes),
        }
    }
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
    Ok(if kind.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, whole)))
    } else if kind == ZSTD {
        Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(1 << 18, whole))?)
    } else {
        Box::new(whole)
    })
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a file with these first bytes is unpacked before it is read.
pub(crate) fn is_packed(magic: &[u8]) -> bool {
    magic.starts_with(&GZIP) || magic.starts_with(&ZSTD)
}
