//! Lines that a stream did not take.

use adproof_model::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::JsonSchema;
use serde::Serialize;

/// The JSON Schema of `adproof.dlq/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(DeadLetterV1)
}

/// A line that a stream did not take.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DeadLetterV1 {
    /// Always `adproof.dlq/1`.
    #[schemars(extend("const" = "adproof.dlq/1"))]
    pub schema: &'static str,
    /// Its number; the first is 0.
    pub number: u64,
    /// When it arrived, RFC 3339.
    pub arrived: String,
    /// The field that is wrong; `line` for the whole.
    pub column: String,
    /// Why it was not taken.
    pub reason: String,
    /// The line as text, with U+FFFD for what is not UTF-8.
    pub text: String,
    /// The line, byte for byte, in base64.
    pub base64: String,
    /// Whether it was put back into the stream.
    pub replayed: bool,
}

impl DeadLetterV1 {
    /// The document of a line.
    #[must_use]
    pub fn new(
        number: u64,
        arrived: Timestamp,
        column: &str,
        reason: &str,
        bytes: &[u8],
        replayed: bool,
    ) -> Self {
        Self {
            schema: "adproof.dlq/1",
            number,
            arrived: arrived.to_string(),
            column: column.to_owned(),
            reason: reason.to_owned(),
            text: String::from_utf8_lossy(bytes).into_owned(),
            base64: BASE64.encode(bytes),
            replayed,
        }
    }
}
