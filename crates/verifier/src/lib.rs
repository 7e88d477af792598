//! The verifier that a bundle's page carries: `crates/ledger` and nothing else, as WebAssembly.
//!
//! `cargo xtask verifier` builds it into `web/bundle`, from where it becomes part of the program.
//! Its dependencies are few on purpose: the module is committed, and changes only when the ledger's
//! formats or their check do.

use adproof_ledger::bundle::page_report;
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

/// Checks the files that lie in a page, see [`adproof_ledger::bundle::inline`]. `keys` are vkeys
/// that the reader brings, `policy` the witnesses that the reader trusts. Gives the JSON of [`page_report`].
#[wasm_bindgen]
#[expect(clippy::needless_pass_by_value, reason = "JavaScript gives its string away")]
pub fn check(files: &str, keys: Option<String>, policy: Option<String>) -> Result<String, JsError> {
    Ok(page_report(files, keys.as_deref(), policy.as_deref())?)
}
