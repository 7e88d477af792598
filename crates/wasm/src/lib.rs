//! JavaScript conversions over the pure crates: bytes and options in, the text of a JSON document
//! out, byte for byte what the command line writes.

use adproof_model::Severity;
use adproof_vast::Options;
use adproof_wire::lint::LintV1;
use adproof_wire::rules::RulesV1;
use adproof_wire::score::{Request, Source};
use serde::Deserialize;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// The version of adproof.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// The rules of the linter as `adproof.rules/1`.
#[wasm_bindgen]
pub fn rules() -> Result<String, JsError> {
    Ok(adproof_wire::text(&RulesV1::all())?)
}

/// What `lint` takes besides the bytes.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LintOptions {
    name: String,
    select: Option<Vec<String>>,
    ignore: Vec<String>,
    severity: String,
}

impl Default for LintOptions {
    fn default() -> Self {
        Self {
            name: "tag.xml".to_owned(),
            select: None,
            ignore: Vec::new(),
            severity: Severity::Info.as_str().to_owned(),
        }
    }
}

/// What the rules say of one tag, as `adproof.lint/1`. `options` is JSON:
/// `{"name", "select": [rule], "ignore": [rule], "severity"}`, each of them optional.
#[wasm_bindgen]
pub fn lint(bytes: &[u8], options: &str) -> Result<String, JsError> {
    let given: LintOptions = serde_json::from_str(options)?;
    let mut options = Options::default();
    if let Some(select) = &given.select {
        options.select(select)?;
    }
    options.ignore(&given.ignore)?;
    options.at_least = Severity::named(&given.severity)
        .ok_or_else(|| JsError::new("`severity` is one of error, warning, info"))?;
    let report = adproof_vast::lint(bytes, &options);
    Ok(adproof_wire::text(&LintV1::new([(given.name.as_str(), bytes, &report)]))?)
}

/// A file by name and content.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct Named {
    name: String,
    bytes: Vec<u8>,
}

#[wasm_bindgen]
impl Named {
    /// The name may date an issue of a feed: `feed-2026-05.csv`.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(name: String, bytes: Vec<u8>) -> Self {
        Self { name, bytes }
    }
}

/// How the blocks that these issues of feeds list recur, as `adproof.score/1`.
#[wasm_bindgen]
#[expect(clippy::needless_pass_by_value, reason = "JavaScript gives its array away")]
pub fn score(feeds: Vec<Named>) -> Result<String, JsError> {
    let feeds = feeds.iter().map(|file| Source { name: &file.name, bytes: &file.bytes }).collect();
    let scored = adproof_wire::score::run(Request { feeds, ..Request::default() })?;
    Ok(adproof_wire::text(&scored.document)?)
}
