//! Tables that are no files: rows that somebody reads and hands over.

pub(crate) mod blocks;
mod catalog;
mod log;
mod rows;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

pub(crate) use catalog::Lazy;
pub use catalog::{Catalog, Named};
pub use rows::{Rows, Stopped};
pub(crate) use rows::{loaded, to_batch};

/// A column of a table that adproof defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnDoc {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What it says, in a few words.
    pub about: &'static str,
}

impl ColumnDoc {
    /// A column.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about }
    }
}

/// What the values of a column are. Any may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Text: [`Cell::Text`](crate::Cell::Text).
    Text,
    /// An integer: [`Cell::Int`](crate::Cell::Int).
    Int,
    /// A truth value: [`Cell::Bool`](crate::Cell::Bool).
    Bool,
    /// An instant: [`Cell::Int`](crate::Cell::Int) in microseconds since 1970-01-01T00:00:00Z.
    Time,
    /// An address in network order: [`Cell::Bytes`](crate::Cell::Bytes) of 16 bytes.
    Address,
    /// A list of texts: [`Cell::List`](crate::Cell::List).
    Texts,
}

impl Kind {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Address => DataType::FixedSizeBinary(16),
            Self::Texts => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        }
    }
}

pub(crate) fn columns_schema(columns: &[ColumnDoc]) -> SchemaRef {
    let fields = columns.iter().map(|one| Field::new(one.name, one.kind.data_type(), true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Why rows could not be had.
pub type LoadError = Box<dyn Error + Send + Sync>;

type Load = dyn Fn(&mut Rows) -> Result<(), LoadError> + Send + Sync;

/// A table whose rows somebody reads and hands over, each time that a query asks for them, on a
/// thread of its own. What nobody asks for is never read.
#[derive(Clone)]
pub struct Loaded {
    columns: &'static [ColumnDoc],
    load: Arc<Load>,
}

impl Loaded {
    /// A table of these columns. `load` pushes the rows, one cell a column.
    pub fn new(
        columns: &'static [ColumnDoc],
        load: impl Fn(&mut Rows) -> Result<(), LoadError> + Send + Sync + 'static,
    ) -> Self {
        Self { columns, load: Arc::new(load) }
    }

    /// The columns.
    #[must_use]
    pub const fn columns(&self) -> &'static [ColumnDoc] {
        self.columns
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}
