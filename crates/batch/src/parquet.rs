//! Logs in Parquet: row groups are read on all threads, and of each only the columns that count.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_feeds::{Limits, TrafficColumns, TrafficSink};
use adproof_model::Digest;
use adproof_signal::Row;
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use crate::pages::Pages;
#[cfg(feature = "s3")]
use crate::pieces::Pieces;
use crate::place::{self, Opened};
use crate::stamp::Stamp;
use crate::{BatchError, columns};

/// What every file in Parquet begins with.
pub(crate) const MAGIC: [u8; 4] = *b"PAR1";

/// Rows that are decoded at once: what they hold stays in a core's cache.
const BATCH_ROWS: usize = 2_048;

/// A file whose footer was read.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    stamp: Stamp,
    metadata: ArrowReaderMetadata,
    columns: TrafficColumns,
}

impl Table {
    /// Reads what a file says of itself; nothing where it is an event log with legs.
    pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Option<Self>, BatchError> {
        let unreadable = |source| place::unreadable(path, source);
        let damaged = |error| damaged(path, error);
        let log = Opened::at(path).map_err(unreadable)?;
        let stamp = Stamp::of(&log).map_err(unreadable)?;
        // What the writer's language called its types does not matter here: text stays where it
        // was decoded, whatever it was.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let found = match log {
            Opened::File(file) => ArrowReaderMetadata::load(&file, options.clone()),
            #[cfg(feature = "s3")]
            Opened::Object(object) => Pieces::tail(object)
                .and_then(|tail| ArrowReaderMetadata::load(&tail, options.clone())),
        };
        let found = found.map_err(damaged)?;
        let names: Vec<String> =
            found.schema().fields().iter().map(|field| field.name().clone()).collect();
        let no_log = |fault| BatchError::NoLog { path: path.into(), fault };
        let Some(columns) = TrafficColumns::of_names(&names, limits).map_err(no_log)? else {
            return Ok(None);
        };
        for (column, place) in columns.columns().iter().zip(columns.places()) {
            let Some(field) = found.schema().fields().get(*place) else { continue };
            if !columns::is_readable(*column, field.data_type()) {
                return Err(BatchError::ColumnType {
                    path: path.into(),
                    column: field.name().clone(),
                    kind: field.data_type().to_string(),
                });
            }
        }
        let schema = Schema::new(found.schema().fields().iter().map(viewed).collect::<Vec<_>>());
        let options = options.with_schema(Arc::new(schema));
        let metadata =
            ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options).map_err(damaged)?;
        Ok(Some(Self { path: path.into(), stamp, metadata, columns }))
    }

    /// Bytes of its row groups as they lie on disk.
    pub(crate) fn groups(&self) -> impl Iterator<Item = u64> {
        let groups = self.metadata.metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.compressed_size()).unwrap_or(0))
    }

    /// Bytes of the file.
    pub(crate) const fn bytes(&self) -> u64 {
        self.stamp.bytes
    }

    /// Reads a row group. Rows that need no judging go to `add`. `after` is called between batches with how many rows were taken and how
    /// many were seen since it was called last.
    pub(crate) fn read<S: TrafficSink>(
        &self,
        group: usize,
        sink: &mut S,
        add: impl Fn(&mut S, &Row),
        after: impl FnMut(&mut S, u64, u64) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        let places = self.columns.places().iter().copied();
        let wanted = ProjectionMask::roots(self.metadata.parquet_schema(), places);
        // Each thread has a place in the file of its own.
        match self.reopen()? {
            Opened::File(file) => {
                let twin = || file.try_clone().map_err(|error| self.unreadable(error));
                let (again, reading) = (twin()?, twin()?);
                self.rows([file, again], group, wanted, sink, add, after)?;
                self.check(&Opened::File(reading))
            }
            #[cfg(feature = "s3")]
            Opened::Object(object) => {
                let columns = Pieces::fetch(object, self.ranges(group, &wanted));
                let columns = columns.map_err(|error| damaged(&self.path, error))?;
                self.rows([columns.clone(), columns], group, wanted, sink, add, after)
            }
        }
    }

    /// Reads the rows of a group from its bytes, which are given twice: plain pages and all else are
    /// read by different readers.
    fn rows<S: TrafficSink, R: ChunkReader + 'static>(
        &self,
        [bytes, again]: [R; 2],
        group: usize,
        wanted: ProjectionMask,
        sink: &mut S,
        add: impl Fn(&mut S, &Row),
        mut after: impl FnMut(&mut S, u64, u64) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        let all = self.metadata.metadata().row_groups().get(group);
        let all = all.map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0));
        let mut given = 0;
        let (columns, places) = (self.columns.columns(), self.columns.places());
        let shared = Arc::new(again);
        if let Some(mut pages) = Pages::open(&shared, &self.metadata, group, columns, places) {
            while given < all {
                let rows = BATCH_ROWS.min(all - given);
                if !pages.give(rows, |row| add(sink, row)) {
                    break;
                }
                given += rows;
                after(sink, rows as u64, rows as u64)?;
            }
        }
        if given == all {
            return Ok(());
        }
        let batches =
            ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(wanted)
                .with_batch_size(BATCH_ROWS)
                .with_offset(given)
                .build()
                .map_err(|error| damaged(&self.path, error))?;
        let mut before = given as u64;
        for batch in batches {
            let batch = batch.map_err(|error| self.unreadable(io::Error::other(error)))?;
            let taken = columns::read(&self.columns, &batch, before, sink);
            let rows = batch.num_rows() as u64;
            before += rows;
            after(sink, taken, rows)?;
        }
        Ok(())
    }

    /// Where the columns of a row group lie in the file.
    #[cfg(feature = "s3")]
    fn ranges(&self, group: usize, wanted: &ProjectionMask) -> Vec<std::ops::Range<u64>> {
        let Some(group) = self.metadata.metadata().row_groups().get(group) else {
            return Vec::new();
        };
        let of = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
        let columns = group.columns().iter().enumerate();
        let wanted = columns.filter(|(leaf, _)| wanted.leaf_included(*leaf));
        wanted
            .map(|(_, column)| {
                let first = column.dictionary_page_offset().filter(|offset| *offset > 0);
                let start = of(first.unwrap_or(i64::MAX).min(column.data_page_offset()));
                start..start.saturating_add(of(column.compressed_size()))
            })
            .collect()
    }

    /// The digest of the file's bytes.
    pub(crate) fn digest(&self) -> Result<Digest, BatchError> {
        let log = self.reopen()?;
        let again = match &log {
            Opened::File(file) => {
                Some(Opened::File(file.try_clone().map_err(|error| self.unreadable(error))?))
            }
            // Each request asks for the version that was opened.
            #[cfg(feature = "s3")]
            Opened::Object(_) => None,
        };
        let digest = crate::source::digest(&mut log.reader());
        let digest = digest.map_err(|error| self.unreadable(error))?;
        again.map_or(Ok(()), |log| self.check(&log))?;
        Ok(digest)
    }

    /// Opens the same file once more, and refuses another one in its place.
    fn reopen(&self) -> Result<Opened, BatchError> {
        let log = Opened::at(&self.path).map_err(|error| self.unreadable(error))?;
        self.check(&log)?;
        Ok(log)
    }

    fn check(&self, log: &Opened) -> Result<(), BatchError> {
        let stamp = Stamp::of(log).map_err(|error| self.unreadable(error))?;
        if stamp != self.stamp {
            return Err(BatchError::Changed { path: self.path.clone() });
        }
        Ok(())
    }

    fn unreadable(&self, error: io::Error) -> BatchError {
        place::unreadable(&self.path, error)
    }
}

/// What a reader of Parquet says; it may have it from the bucket.
fn damaged(path: &Path, error: ParquetError) -> BatchError {
    let source = match error {
        ParquetError::External(inner) => io::Error::other(inner),
        error => io::Error::other(error),
    };
    place::unreadable(path, source)
}

/// Text is looked at where it was decoded instead of being copied into one piece.
fn viewed(field: &Arc<Field>) -> Field {
    let kind = match field.data_type() {
        DataType::Utf8 => DataType::Utf8View,
        DataType::Binary => DataType::BinaryView,
        kind => kind.clone(),
    };
    field.as_ref().clone().with_data_type(kind)
}
