//! Prints the JSON Schema of every document, as one object from file stem to schema.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let documents: serde_json::Map<String, serde_json::Value> = adproof_wire::schemas()
        .into_iter()
        .map(|(stem, schema)| (stem.to_owned(), schema.to_value()))
        .collect();
    let text = serde_json::Value::Object(documents).to_string();
    std::io::stdout().lock().write_all(text.as_bytes())
}
