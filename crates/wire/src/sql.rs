//! `adproof.sql/1`: the answer to a query.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

/// The answer to a query: columns and rows as the query names and orders them.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SqlV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.sql/1"))]
    pub schema: &'static str,
    /// The columns, in order. No two have the same name.
    pub columns: Vec<SqlColumnV1>,
    /// One object a row, keyed by column. Bytes are lower-case hexadecimal; times, dates and
    /// decimals are text; a number that is not finite is null.
    pub rows: Vec<Map<String, Value>>,
    /// Whether there are more rows than were asked for.
    pub truncated: bool,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SqlColumnV1 {
    /// Its name.
    pub name: String,
    /// Its Arrow type, such as `Int64` or `FixedSizeBinary(16)`.
    #[serde(rename = "type")]
    pub data_type: String,
}

impl SqlV1 {
    /// A document over rows that have the columns as their keys.
    #[must_use]
    pub fn new(columns: Vec<SqlColumnV1>, rows: Vec<Map<String, Value>>, truncated: bool) -> Self {
        Self { schema: "adproof.sql/1", columns, rows, truncated }
    }
}

/// The JSON Schema of [`SqlV1`].
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(SqlV1)
}
