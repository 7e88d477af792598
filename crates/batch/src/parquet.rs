//! Logs in Parquet: row groups are read on all threads, and of each only the columns that count.

use std::fs::File;
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

use crate::pages::Pages;
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
        let unreadable = |source| BatchError::Unreadable { path: path.into(), source };
        let damaged = |error: ParquetError| unreadable(io::Error::other(error));
        let file = File::open(path).map_err(unreadable)?;
        let stamp = Stamp::of(&file).map_err(unreadable)?;
        // What the writer's language called its types does not matter here: text stays where it
        // was decoded, whatever it was.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let found = ArrowReaderMetadata::load(&file, options.clone()).map_err(damaged)?;
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
        mut after: impl FnMut(&mut S, u64, u64) -> Result<(), BatchError>,
    ) -> Result<(), BatchError> {
        let unreadable = |source| BatchError::Unreadable { path: self.path.clone(), source };
        // Each thread has a place in the file of its own.
        let file = self.reopen()?;
        let reading = file.try_clone().map_err(unreadable)?;
        let all = self.metadata.metadata().row_groups().get(group);
        let all = all.map_or(0, |group| usize::try_from(group.num_rows()).unwrap_or(0));
        let mut given = 0;
        let shared = Arc::new(file.try_clone().map_err(unreadable)?);
        let (columns, places) = (self.columns.columns(), self.columns.places());
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
            return self.check(&reading);
        }
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let places = self.columns.places().iter().copied();
        let wanted = ProjectionMask::roots(self.metadata.parquet_schema(), places);
        let batches = builder
            .with_row_groups(vec![group])
            .with_projection(wanted)
            .with_batch_size(BATCH_ROWS)
            .with_offset(given)
            .build()
            .map_err(|error| unreadable(io::Error::other(error)))?;
        let mut before = given as u64;
        for batch in batches {
            let batch = batch.map_err(|error| unreadable(io::Error::other(error)))?;
            let taken = columns::read(&self.columns, &batch, before, sink);
            let rows = batch.num_rows() as u64;
            before += rows;
            after(sink, taken, rows)?;
        }
        self.check(&reading)
    }

    /// The digest of the file's bytes.
    pub(crate) fn digest(&self) -> Result<Digest, BatchError> {
        let unreadable = |source| BatchError::Unreadable { path: self.path.clone(), source };
        let mut file = self.reopen()?;
        let digest = crate::source::digest(&mut file).map_err(unreadable)?;
        self.check(&file)?;
        Ok(digest)
    }

    /// Opens the same file once more, and refuses another one in its place.
    fn reopen(&self) -> Result<File, BatchError> {
        let unreadable = |source| BatchError::Unreadable { path: self.path.clone(), source };
        let file = File::open(&self.path).map_err(unreadable)?;
        self.check(&file)?;
        Ok(file)
    }

    fn check(&self, file: &File) -> Result<(), BatchError> {
        let stamp = Stamp::of(file)
            .map_err(|source| BatchError::Unreadable { path: self.path.clone(), source })?;
        if stamp != self.stamp {
            return Err(BatchError::Changed { path: self.path.clone() });
        }
        Ok(())
    }
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
