//! What outsiders say of a ledger's checkpoints, kept beside the ledger.
//!
//! ```text
//! LEDGER/anchors/
//!   <size>/checkpoint      a checkpoint, word for word as the log has signed it: what is stamped
//!   <size>/cosignatures    lines of witnesses; behind `checkpoint` they make the cosigned note
//!   <size>/request.tsq     the RFC 3161 request that was written last, with its nonce
//!   <size>/<hash>.tsr      RFC 3161 responses
//!   <size>/<hash>.ots      OpenTimestamps receipts
//!   beacon                 SHA-256 of the last response or receipt: the next record carries it
//! ```
//!
//! All of it can be lost without harm to the ledger, and none of it is trusted: whoever verifies
//! brings the keys of the witnesses, the roots of the time stamp authorities and the block headers.

mod cms;
mod der;
mod judge;
pub mod rfc3161;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use adproof_ledger::note::{MAX_NOTE_SIGNATURES, UnverifiedNote};
use adproof_ledger::{Hash, VerifiedCheckpoint};

pub use judge::{Anchor, Outside, Trust, Verdict, judge, judge_bundle};

use crate::store::{Disk as _, Folder, replace};

/// The folder within a ledger.
pub const FOLDER: &str = "anchors";

const CHECKPOINT: &str = "checkpoint";
const COSIGNATURES: &str = "cosignatures";
const REQUEST: &str = "request.tsq";
const BEACON: &str = "beacon";
const LOCK: &str = "lock";

/// Bounds of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest file in bytes.
    pub file_bytes: u64,
    /// The most checkpoints; the newest count.
    pub checkpoints: usize,
    /// The most responses and receipts of one checkpoint.
    pub tokens: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 1 << 20, checkpoints: 10_000, tokens: 64 }
    }
}

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorsError {
    /// Another checkpoint of this size is kept already: the log has signed two trees.
    #[error("another checkpoint of {size} records is kept at {path}: the log has forked")]
    Fork {
        /// The size.
        size: u64,
        /// The one that is kept.
        path: PathBuf,
    },
    /// More than is read. Likely cause: somebody else fills the folder.
    #[error("{path} holds more than is read")]
    TooMuch {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// What a response or a receipt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenKind {
    /// An RFC 3161 response.
    Rfc3161,
    /// An OpenTimestamps receipt.
    OpenTimestamps,
}

impl TokenKind {
    const fn extension(self) -> &'static str {
        match self {
            Self::Rfc3161 => "tsr",
            Self::OpenTimestamps => "ots",
        }
    }
}

/// A response or a receipt, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A checkpoint and what outsiders say of it. Nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How many records it claims to cover.
    pub size: u64,
    /// The note, as the log has signed it: what is stamped.
    pub checkpoint: Vec<u8>,
    /// Lines of witnesses.
    pub cosignatures: Vec<u8>,
    /// Responses and receipts.
    pub tokens: Vec<Token>,
}

impl Kept {
    /// The note with the lines of the witnesses.
    #[must_use]
    pub fn cosigned(&self) -> Vec<u8> {
        [self.checkpoint.as_slice(), &self.cosignatures].concat()
    }
}

/// The folder of one ledger.
#[derive(Clone, Debug)]
pub struct Anchors {
    root: PathBuf,
    limits: Limits,
}

impl Anchors {
    /// The folder of the ledger at `ledger`. It is made when something is kept.
    #[must_use]
    pub fn of(ledger: &Path, limits: Limits) -> Self {
        Self { root: ledger.join(FOLDER), limits }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The sizes of the checkpoints that are kept, smallest first.
    pub fn sizes(&self) -> Result<Vec<u64>, AnchorsError> {
        let names = Folder::new(&self.root).list("").map_err(self.io(""))?;
        let mut sizes: Vec<u64> = names
            .iter()
            .filter_map(|name| {
                let size = name.parse().ok()?;
                (folder_of(size) == *name).then_some(size)
            })
            .collect();
        let extra = sizes.len().saturating_sub(self.limits.checkpoints);
        sizes.drain(..extra);
        Ok(sizes)
    }

    /// What is kept of the checkpoint of `size` records.
    pub fn read(&self, size: u64) -> Result<Option<Kept>, AnchorsError> {
        let folder = folder_of(size);
        let Some(checkpoint) = self.file(&format!("{folder}/{CHECKPOINT}"))? else {
            return Ok(None);
        };
        let cosignatures = self.file(&format!("{folder}/{COSIGNATURES}"))?.unwrap_or_default();
        let names = Folder::new(&self.root).list(&folder).map_err(self.io(&folder))?;
        let mut tokens = Vec::new();
        for name in names {
            let kind = [TokenKind::Rfc3161, TokenKind::OpenTimestamps]
                .into_iter()
                .find(|kind| name.strip_suffix(kind.extension()).is_some_and(|s| s.ends_with('.')));
            let Some(kind) = kind else { continue };
            if tokens.len() == self.limits.tokens {
                return Err(AnchorsError::TooMuch { path: self.root.join(folder) });
            }
            let bytes = self.file(&format!("{folder}/{name}"))?.unwrap_or_default();
            tokens.push(Token { kind, name, bytes });
        }
        Ok(Some(Kept { size, checkpoint, cosignatures, tokens }))
    }

    /// All that is kept, smallest checkpoint first.
    pub fn all(&self) -> Result<Vec<Kept>, AnchorsError> {
        let kept = self.sizes()?.into_iter().map(|size| self.read(size));
        kept.filter_map(Result::transpose).collect()
    }

    /// Keeps a checkpoint, so that what is said of it has a place.
    pub fn keep(&self, checkpoint: &VerifiedCheckpoint) -> Result<(), AnchorsError> {
        let _lock = self.lock()?;
        self.keep_locked(checkpoint)
    }

    fn keep_locked(&self, checkpoint: &VerifiedCheckpoint) -> Result<(), AnchorsError> {
        let path = format!("{}/{CHECKPOINT}", folder_of(checkpoint.size()));
        match self.file(&path)? {
            // The same tree may have been signed again, with another key.
            Some(kept) if same_text(&kept, checkpoint) => Ok(()),
            Some(_) => {
                Err(AnchorsError::Fork { size: checkpoint.size(), path: self.root.join(path) })
            }
            None => self.write(&path, checkpoint.note().as_bytes()),
        }
    }

    /// Keeps the lines of witnesses for a checkpoint. Lines that are there already stay once; a
    /// newer line of the same key takes the older one's place.
    pub fn add_cosignatures(
        &self,
        checkpoint: &VerifiedCheckpoint,
        lines: &str,
    ) -> Result<(), AnchorsError> {
        let _lock = self.lock()?;
        self.keep_locked(checkpoint)?;
        let path = format!("{}/{COSIGNATURES}", folder_of(checkpoint.size()));
        let kept = self.file(&path)?.unwrap_or_default();
        let kept = String::from_utf8_lossy(&kept);
        let newer: Vec<Signed<'_>> = lines.lines().map(signed_by).collect();
        let mut all: String = kept
            .lines()
            .filter(|line| !newer.contains(&signed_by(line)))
            .flat_map(|line| [line, "\n"])
            .collect();
        all.push_str(lines);
        // One line is the log's own; a note with more lines than this would not be read.
        if all.lines().count() >= MAX_NOTE_SIGNATURES {
            return Err(AnchorsError::TooMuch { path: self.root.join(path) });
        }
        self.write(&path, all.as_bytes())
    }

    /// Keeps the request whose nonce the response has to carry.
    pub fn keep_request(&self, size: u64, request: &[u8]) -> Result<PathBuf, AnchorsError> {
        let _lock = self.lock()?;
        let path = format!("{}/{REQUEST}", folder_of(size));
        self.write(&path, request)?;
        Ok(self.root.join(path))
    }

    /// The request that was written last for a checkpoint.
    pub fn request(&self, size: u64) -> Result<Option<Vec<u8>>, AnchorsError> {
        self.file(&format!("{}/{REQUEST}", folder_of(size)))
    }

    /// Keeps a verified response or receipt. With `beacon`, the next record will carry its hash.
    pub fn add(
        &self,
        checkpoint: &VerifiedCheckpoint,
        kind: TokenKind,
        bytes: &[u8],
        beacon: bool,
    ) -> Result<PathBuf, AnchorsError> {
        let _lock = self.lock()?;
        self.keep_locked(checkpoint)?;
        let hash = Hash::of(bytes);
        let name = format!("{hash}.{}", kind.extension());
        let path = format!("{}/{name}", folder_of(checkpoint.size()));
        self.write(&path, bytes)?;
        if beacon {
            self.write(BEACON, format!("{hash}\n").as_bytes())?;
        }
        Ok(self.root.join(path))
    }

    /// What the next record carries.
    pub fn beacon(&self) -> Result<Option<Hash>, AnchorsError> {
        let text = self.file(BEACON)?.unwrap_or_default();
        Ok(Hash::from_hex(String::from_utf8_lossy(&text).trim_end()))
    }

    fn lock(&self) -> Result<File, AnchorsError> {
        std::fs::create_dir_all(&self.root).map_err(self.io(""))?;
        let path = self.root.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(path);
        let file = file.map_err(self.io(LOCK))?;
        file.lock().map_err(self.io(LOCK))?;
        Ok(file)
    }

    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, AnchorsError> {
        use io::Read as _;
        let file = match File::open(self.root.join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(path)(error)),
        };
        let mut bytes = Vec::new();
        let most = self.limits.file_bytes;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(self.io(path))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
            Ok(Some(bytes))
        } else {
            Err(AnchorsError::TooMuch { path: self.root.join(path) })
        }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), AnchorsError> {
        replace(&mut Folder::new(&self.root), path, bytes).map_err(self.io(path))
    }

    fn io(&self, path: &str) -> impl FnOnce(io::Error) -> AnchorsError {
        let path = self.root.join(path);
        move |error| AnchorsError::Io { path, error }
    }
}

/// Whose a signature line is: everything but the signature.
type Signed<'l> = Option<(&'l str, Option<&'l str>)>;

/// The name, and the first 30 of the 32 bits of the key's id, which is how many the first five
/// characters of base64 hold.
fn signed_by(line: &str) -> Signed<'_> {
    line.rsplit_once(' ').map(|(name, signature)| (name, signature.get(..5)))
}

/// Sorted names are sorted sizes.
fn folder_of(size: u64) -> String {
    format!("{size:020}")
}

/// The file in a ledger with the lines of witnesses for a checkpoint of `size` records.
pub(crate) fn cosignatures_path(size: u64) -> String {
    format!("{FOLDER}/{}/{COSIGNATURES}", folder_of(size))
}

/// The file in a ledger with the hash that the next record carries.
pub(crate) fn beacon_path() -> String {
    format!("{FOLDER}/{BEACON}")
}

fn same_text(kept: &[u8], checkpoint: &VerifiedCheckpoint) -> bool {
    UnverifiedNote::parse(kept).is_ok() && kept.starts_with(checkpoint.text().as_bytes())
}
