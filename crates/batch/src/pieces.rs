//! Parts of an object as a file: a row group is fetched by the ranges of its columns, at once.

use std::io::{Cursor, Read};
use std::ops::Range;

use adproof_objects::Object;
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Bytes at the end of a file that hold its footer, mostly.
const TAIL: u64 = 256 << 10;

/// What was fetched of an object, in no order.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    object: Object,
    pieces: Vec<(u64, Bytes)>,
}

impl Pieces {
    /// The end of an object.
    pub(crate) fn tail(object: Object) -> Result<Self, ParquetError> {
        let from = object.bytes().saturating_sub(TAIL);
        let range = from..object.bytes();
        Self::fetch(object, vec![range])
    }

    /// Some ranges of it.
    pub(crate) fn fetch(object: Object, ranges: Vec<Range<u64>>) -> Result<Self, ParquetError> {
        let end = object.bytes();
        if ranges.iter().any(|range| range.start > range.end || range.end > end) {
            return Err(ParquetError::General("a column is not within the file".to_owned()));
        }
        let starts: Vec<u64> = ranges.iter().map(|range| range.start).collect();
        let bytes = object.read_all(ranges).map_err(external)?;
        Ok(Self { object, pieces: starts.into_iter().zip(bytes).collect() })
    }

    /// What was fetched from a place on.
    fn held(&self, start: u64) -> Option<Bytes> {
        self.pieces.iter().find_map(|(from, bytes)| {
            let skipped = usize::try_from(start.checked_sub(*from)?).ok()?;
            (skipped < bytes.len()).then(|| bytes.slice(skipped..))
        })
    }
}

fn external(error: adproof_objects::ObjectError) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl Length for Pieces {
    fn len(&self) -> u64 {
        self.object.bytes()
    }
}

impl ChunkReader for Pieces {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        match self.held(start) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes))),
            None => Err(ParquetError::General("a page is not within its column".to_owned())),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if let Some(held) = self.held(start).filter(|held| held.len() >= length) {
            return Ok(held.slice(..length));
        }
        let end = u64::try_from(length).ok().and_then(|length| start.checked_add(length));
        match end.filter(|end| *end <= self.len()) {
            Some(end) => self.object.read(start..end).map_err(external),
            None => Err(ParquetError::EOF("the file ends before what it says it holds".to_owned())),
        }
    }
}
