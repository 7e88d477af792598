//! Rows of an answer in plain types, so that who prints them needs no Arrow.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::EngineError;

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The columns, in order. Two may have the same name.
    pub columns: Vec<Column>,
    /// The rows; each has one cell a column.
    pub rows: Vec<Vec<Cell>>,
    /// Whether there are more rows than [`Limits::rows`](crate::Limits::rows).
    pub truncated: bool,
    /// Whether rows of event logs were left out because they are no events: `rejects` lists them.
    pub rejects: bool,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its Arrow type, such as `Int64` or `FixedSizeBinary(16)`.
    pub data_type: String,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cell {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A floating point number, which only a query's own arithmetic makes.
    Float(f64),
    /// Text, and everything that has only a text form: times, decimals, intervals.
    Text(String),
    /// Bytes: blocks and tallies.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Cell>),
    /// An object, its fields in order.
    Object(Vec<(String, Cell)>),
}

impl Answer {
    pub(crate) fn of(
        schema: &Schema,
        batches: &[RecordBatch],
        limit: usize,
    ) -> Result<Self, EngineError> {
        let fields = schema.fields().iter();
        let columns = fields
            .map(|field| Column {
                name: field.name().clone(),
                data_type: field.data_type().to_string(),
            })
            .collect();
        let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let mut rows = Vec::with_capacity(total.min(limit));
        for batch in batches {
            for row in 0..batch.num_rows().min(limit.saturating_sub(rows.len())) {
                let cells = batch.columns().iter().map(|array| cell(array, row));
                let cells: Result<Vec<Cell>, ArrowError> = cells.collect();
                rows.push(cells.map_err(|error| EngineError::Query(error.to_string()))?);
            }
        }
        Ok(Self { columns, rows, truncated: total > limit, rejects: false })
    }
}

fn cell(array: &ArrayRef, row: usize) -> Result<Cell, ArrowError> {
    if array.is_null(row) {
        return Ok(Cell::Null);
    }
    macro_rules! integer {
        ($cell:ident, $kind:ty) => {
            Cell::$cell(array.as_primitive::<$kind>().value(row).into())
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Bool(array.as_boolean().value(row)),
        DataType::Int8 => integer!(Int, Int8Type),
        DataType::Int16 => integer!(Int, Int16Type),
        DataType::Int32 => integer!(Int, Int32Type),
        DataType::Int64 => integer!(Int, Int64Type),
        DataType::UInt8 => integer!(UInt, UInt8Type),
        DataType::UInt16 => integer!(UInt, UInt16Type),
        DataType::UInt32 => integer!(UInt, UInt32Type),
        DataType::UInt64 => integer!(UInt, UInt64Type),
        DataType::Float32 => integer!(Float, Float32Type),
        DataType::Float64 => integer!(Float, Float64Type),
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).to_owned()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).to_owned()),
        DataType::Binary => Cell::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::LargeBinary => Cell::Bytes(array.as_binary::<i64>().value(row).to_vec()),
        DataType::BinaryView => Cell::Bytes(array.as_binary_view().value(row).to_vec()),
        DataType::FixedSizeBinary(_) => {
            Cell::Bytes(array.as_fixed_size_binary().value(row).to_vec())
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row))?,
        DataType::Struct(fields) => {
            let values = array.as_struct().columns().iter();
            let values = values.zip(fields).map(|(values, field)| {
                cell(values, row).map(|value| (field.name().clone(), value))
            });
            Cell::Object(values.collect::<Result<_, _>>()?)
        }
        _ => {
            let formatter = ArrayFormatter::try_new(array, &FormatOptions::default())?;
            Cell::Text(formatter.value(row).try_to_string()?)
        }
    })
}

fn list(values: &ArrayRef) -> Result<Cell, ArrowError> {
    let cells = (0..values.len()).map(|row| cell(values, row));
    Ok(Cell::List(cells.collect::<Result<_, _>>()?))
}
