//! Prints the OpenAPI document, as one object from file stem to document.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let documents = serde_json::json!({ "openapi": adproof_server::openapi() });
    std::io::stdout().lock().write_all(documents.to_string().as_bytes())
}
