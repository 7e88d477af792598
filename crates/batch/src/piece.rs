//! A log in pieces, so that several machines read it.
//!
//! A text is cut at bytes, and a piece begins behind the first newline from there. Whether that is
//! where a row begins, nobody knows who has not read all before it: the newline may stand within
//! quotes. So a piece says where its rows began and ended, and whoever puts pieces together looks
//! whether each began where the one before ended. If all did, they are the log, by induction from
//! its start; if not, it is read whole.

use std::path::Path;
use std::sync::Arc;

use adproof_feeds::Limits;
use adproof_model::Digest;
use adproof_signal::Grain;

#[cfg(feature = "parquet")]
use crate::parquet::{self, Table};
use crate::place::{self, Opened};
use crate::source;
use crate::stamp::Stamp;
use crate::work::read_part;
use crate::{BatchError, Options, Progress, RejectTo, Traffic};

/// A piece of a log: bytes of a text, row groups of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its start.
    pub from: u64,
    /// Its end, if that is not the end of the log.
    pub until: Option<u64>,
}

/// Which rows a piece turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where the first row begins: a byte of a text, a row group of a table.
    pub from: u64,
    /// Where the last row ends.
    pub to: u64,
    /// Whether the rows are the same wherever the log is cut. A row of a table that is longer than
    /// a row may be is given up at a newline that may stand within quotes.
    pub exact: bool,
}

/// A log that can be read in pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// By what the log is known: its size and its time, or its tag in a bucket.
    pub stamp: String,
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// Cuts a log into pieces of about so many bytes; nothing where it is too short, packed, or no
/// file of a known length.
pub fn cut(path: &Path, piece_bytes: u64, limits: &Limits) -> Result<Option<Cut>, BatchError> {
    let unreadable = |source| place::unreadable(path, source);
    let stamp = Opened::at(path).and_then(|log| Stamp::of(&log)).map_err(unreadable)?;
    let Some(magic) = place::magic(path).map_err(unreadable)? else { return Ok(None) };
    if stamp.bytes / 2 < piece_bytes.max(1) {
        return Ok(None);
    }
    let starts: Vec<u64> = match magic.as_slice() {
        #[cfg(feature = "parquet")]
        magic if magic == parquet::MAGIC => {
            let Some(table) = Table::open(path, limits)? else { return Ok(None) };
            groups(table.groups(), piece_bytes)
        }
        magic if source::is_packed(magic) => return Ok(None),
        _ => {
            // Pieces of one size, so that nobody waits for the last.
            let count = stamp.bytes.div_ceil(piece_bytes);
            let each = stamp.bytes.div_ceil(count);
            (0..count).map(|piece| piece.saturating_mul(each)).collect()
        }
    };
    #[cfg(not(feature = "parquet"))]
    let _ = limits;
    let ends = starts.iter().skip(1).map(|end| Some(*end)).chain([None]);
    let pieces = starts.iter().zip(ends).map(|(from, until)| Piece { from: *from, until });
    let pieces: Vec<Piece> = pieces.collect();
    Ok((pieces.len() > 1).then_some(Cut { stamp: stamp.to_string(), pieces }))
}

/// The row groups with which pieces begin.
#[cfg(feature = "parquet")]
fn groups(bytes: impl Iterator<Item = u64>, piece_bytes: u64) -> Vec<u64> {
    let (mut starts, mut held) = (Vec::new(), piece_bytes);
    for (group, bytes) in (0..).zip(bytes) {
        if held >= piece_bytes {
            starts.push(group);
            held = 0;
        }
        held = held.saturating_add(bytes);
    }
    starts
}

/// Reads a piece of a log as [`read`](crate::read) reads the whole. Lines and rows are counted
/// from its start; the digest is not computed.
pub fn read_piece(
    path: &Path,
    stamp: &str,
    piece: &Piece,
    grain: &Grain,
    options: &Options,
    rejects: RejectTo<'_>,
) -> Result<(Traffic, Span), BatchError> {
    let options = Options { digest: false, resume: None, ..options.clone() };
    same(path, stamp)?;
    let progress = Arc::<Progress>::default();
    let paths = [path.to_path_buf()];
    let read = read_part(&paths, Some(piece), grain, &options, &progress, rejects)?;
    same(path, stamp)?;
    Ok(read)
}

/// The digest of a log of which others read pieces.
pub fn digest(path: &Path, stamp: &str) -> Result<Digest, BatchError> {
    same(path, stamp)?;
    let digest = Opened::at(path).and_then(|log| source::digest(&mut log.reader()));
    let digest = digest.map_err(|source| place::unreadable(path, source))?;
    same(path, stamp)?;
    Ok(digest)
}

/// Refuses a file that is not the one that was cut.
fn same(path: &Path, stamp: &str) -> Result<(), BatchError> {
    let now = Opened::at(path).and_then(|log| Stamp::of(&log));
    let now = now.map_err(|source| place::unreadable(path, source))?;
    if now.to_string() == stamp { Ok(()) } else { Err(BatchError::Changed { path: path.into() }) }
}
