//! Files as tables: local ones, and objects in buckets. Only those that were named are ever opened.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adproof_objects::{Object, ObjectError, ObjectUrl};
use datafusion::arrow::csv::reader::Format;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::config::JsonOptions;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::execution::session_state::SessionState;

use crate::{EngineError, Limits};

/// A format that scans read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Parquet.
    Parquet,
}

impl SourceFormat {
    /// The format that the file's name says: `.csv`, `.jsonl` or `.ndjson`, `.parquet`, in any
    /// case.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }

    fn options(self, limits: &Limits) -> ListingOptions {
        let format: Arc<dyn FileFormat> = match self {
            Self::Csv => Arc::new(
                CsvFormat::default()
                    .with_has_header(true)
                    // A user agent may hold a quoted line break, and a scan that splits a file
                    // at line breaks would cut the row there.
                    .with_newlines_in_values(true),
            ),
            Self::Jsonl => Arc::new(JsonFormat::default().with_options(JsonOptions {
                schema_infer_max_rec: Some(limits.inferred_rows),
                ..JsonOptions::default()
            })),
            Self::Parquet => Arc::new(ParquetFormat::default()),
        };
        // Each file is named; its ending was looked at above.
        ListingOptions::new(format).with_file_extension("")
    }
}

/// A table of a query: its name and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    name: String,
    paths: Vec<PathBuf>,
}

impl Table {
    /// A table with a name of lower-case letters, digits and `_`, so that it needs no quotes.
    pub fn new(name: impl Into<String>, paths: Vec<PathBuf>) -> Result<Self, EngineError> {
        let name = name.into();
        let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !plain || name.is_empty() || name.as_bytes().first().is_some_and(u8::is_ascii_digit) {
            return Err(EngineError::TableName { name });
        }
        if paths.is_empty() {
            return Err(EngineError::NoFile { table: name });
        }
        Ok(Self { name, paths })
    }

    /// The name that a path gives a table: its stem in lower case, with `_` for what is neither
    /// letter nor digit, and `t_` before a digit.
    #[must_use]
    pub fn name_of(path: &Path) -> String {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut name: String = stem
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        if !name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
            name.insert_str(0, "t_");
        }
        name
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The files.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The table over all files, with the columns that they have in common.
    pub(crate) async fn open(
        &self,
        state: &SessionState,
        limits: &Limits,
    ) -> Result<Arc<ListingTable>, EngineError> {
        let mut first: Option<(File, Schema)> = None;
        let mut urls = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            let file = File::locate(path).await?;
            let schema = file.infer(state, limits).await?;
            urls.push(file.url.clone());
            first = Some(match first {
                None => (file, schema.as_ref().clone()),
                Some((kept, so_far)) => {
                    let merged = merge(kept.format, file.format, so_far, &schema);
                    let merged = merged.map_err(|reason| EngineError::Mixed {
                        table: self.name.clone(),
                        path: path.clone(),
                        reason,
                    })?;
                    (kept, merged)
                }
            });
        }
        let Some((file, schema)) = first else {
            return Err(EngineError::NoFile { table: self.name.clone() });
        };
        let config = ListingTableConfig::new_with_multi_paths(urls)
            .with_listing_options(file.format.options(limits))
            .with_schema(Arc::new(schema));
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

/// One file that is there and whose format is known.
pub(crate) struct File {
    path: PathBuf,
    pub(crate) format: SourceFormat,
    url: ListingTableUrl,
    /// What it is in its bucket, as it was when it was located.
    pub(crate) object: Option<Object>,
}

/// Runs what waits for a store or a disk where that holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|join| EngineError::Task(join.to_string()))?
}

impl File {
    pub(crate) async fn locate(path: &Path) -> Result<Self, EngineError> {
        if !adproof_objects::is_object(path) {
            return Self::locate_here(path);
        }
        let failed = {
            let path = path.to_path_buf();
            move |error| EngineError::Object { path, error }
        };
        let format = SourceFormat::of(path)
            .ok_or_else(|| EngineError::Format { path: path.to_path_buf() })?;
        let name = ObjectUrl::of(path).map_err(ObjectError::from);
        let name = name.map_err(failed.clone())?;
        let url = name.to_url().ok_or_else(|| {
            let bucket = name.bucket().to_owned();
            EngineError::Object {
                path: path.to_path_buf(),
                error: ObjectError::NoBucket { bucket },
            }
        })?;
        let object = blocking(move || Object::open(name).map_err(failed)).await?;
        if object.bytes() == 0 {
            return Err(EngineError::Empty { path: path.to_path_buf() });
        }
        let url = ListingTableUrl::try_new(url, None)?;
        Ok(Self { path: path.to_path_buf(), format, url, object: Some(object) })
    }

    fn locate_here(path: &Path) -> Result<Self, EngineError> {
        let unreadable = |source| EngineError::Unreadable { path: path.to_path_buf(), source };
        let format = SourceFormat::of(path)
            .ok_or_else(|| EngineError::Format { path: path.to_path_buf() })?;
        // Opening tells a missing file, a folder and missing permissions from one another before
        // a scan hides them in its own words.
        let opened = std::fs::File::open(path).map_err(unreadable)?;
        let metadata = opened.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        if metadata.len() == 0 {
            return Err(EngineError::Empty { path: path.to_path_buf() });
        }
        let absolute = std::fs::canonicalize(path).map_err(unreadable)?;
        let url = url::Url::from_file_path(&absolute)
            .map_err(|()| unreadable(std::io::ErrorKind::InvalidFilename.into()))?;
        Ok(Self {
            path: path.to_path_buf(),
            format,
            // Never through `ListingTableUrl::parse`, which takes brackets in a file's name for
            // a pattern and other schemes for stores.
            url: ListingTableUrl::try_new(url, None)?,
            object: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its bytes. To be read where waiting holds up nobody.
    pub(crate) fn reader(&self) -> Result<Box<dyn Read + Send>, EngineError> {
        if let Some(object) = &self.object {
            return Ok(Box::new(object.reader()));
        }
        let opened = std::fs::File::open(&self.path);
        let unreadable = |source| EngineError::Unreadable { path: self.path.clone(), source };
        Ok(Box::new(opened.map_err(unreadable)?))
    }

    /// The columns as the file has them.
    pub(crate) async fn infer(
        &self,
        state: &SessionState,
        limits: &Limits,
    ) -> Result<SchemaRef, EngineError> {
        if self.format == SourceFormat::Csv {
            return self.infer_csv(limits.inferred_rows).await;
        }
        let options = self.format.options(limits);
        Ok(options.infer_schema(state, &self.url).await?)
    }

    /// The columns of a CSV file, with types that the first `rows` rows allow; all text for none.
    ///
    /// DataFusion's own inference cuts the file into pieces at line breaks, also at those within
    /// quotes, and then finds rows of different lengths.
    pub(crate) async fn infer_csv(&self, rows: usize) -> Result<SchemaRef, EngineError> {
        let (bytes, path) = (self.reader()?, self.path.clone());
        let schema = blocking(move || {
            let form = Format::default().with_header(true);
            let inferred = form.infer_schema(std::io::BufReader::new(bytes), Some(rows));
            inferred.map(|(schema, _)| schema).map_err(|error| EngineError::read(&path, &error))
        })
        .await?;
        let fields = schema.fields().iter().map(|field| match field.data_type() {
            DataType::Null => Field::new(field.name(), DataType::Utf8, true),
            kind => Field::new(field.name(), kind.clone(), true),
        });
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }

    /// A file of lines as a table with one column of text, a row a line that is not empty.
    pub(crate) fn open_lines(
        &self,
        schema: SchemaRef,
        limits: &Limits,
    ) -> Result<Arc<ListingTable>, EngineError> {
        let format = CsvFormat::default()
            .with_has_header(false)
            // No text holds it but as an escape: a line that does fails its query.
            .with_delimiter(0x1f)
            // What ends a row begins no cell, so nothing is ever quoted.
            .with_quote(b'\n')
            .with_terminator(Some(b'\n'))
            .with_newlines_in_values(false);
        let options = self.format.options(limits).with_file_extension("");
        let options = ListingOptions { format: Arc::new(format), ..options };
        let config = ListingTableConfig::new(self.url.clone())
            .with_listing_options(options)
            .with_schema(schema);
        Ok(Arc::new(ListingTable::try_new(config)?))
    }

    /// The file as a table of exactly these columns.
    pub(crate) fn open_as(
        &self,
        schema: SchemaRef,
        limits: &Limits,
    ) -> Result<Arc<ListingTable>, EngineError> {
        let config = ListingTableConfig::new(self.url.clone())
            .with_listing_options(self.format.options(limits))
            .with_schema(schema);
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

/// The columns of two files of a table, or why they are no one table.
fn merge(
    format: SourceFormat,
    other: SourceFormat,
    left: Schema,
    right: &Schema,
) -> Result<Schema, String> {
    if format != other {
        return Err(format!("one is {format:?} and the other is {other:?}"));
    }
    if format != SourceFormat::Csv {
        return Schema::try_merge([left, right.clone()]).map_err(|error| error.to_string());
    }
    // Columns of CSV are read by position, so another order would be read wrong in silence.
    let names = |schema: &Schema| -> Vec<String> {
        let names = schema.fields().iter().map(|field| field.name().clone());
        names.collect()
    };
    let (here, there) = (names(&left), names(right));
    if here != there {
        return Err(format!("its columns are {}, not {}", there.join(", "), here.join(", ")));
    }
    let fields: Vec<Field> = left
        .fields()
        .iter()
        .zip(right.fields())
        .map(|(a, b)| {
            // One file has numbers where another has words: text holds both.
            let kind =
                if a.data_type() == b.data_type() { a.data_type().clone() } else { DataType::Utf8 };
            Field::new(a.name(), kind, true)
        })
        .collect();
    Ok(Schema::new(fields))
}
