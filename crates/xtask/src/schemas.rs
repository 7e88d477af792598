//! JSON Schemas of every document that other programs rely on, and the OpenAPI document.
//!
//! They come from examples of the crates that own the types, so that this crate depends on none
//! of ours and can generate what they need to build.

use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

const REPAIR: &str = "cargo xtask schemas";

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let check = crate::check_flag(args)?;
    let mut stale = Vec::new();
    for (package, folder) in
        [("adproof-wire", "crates/wire/schemas"), ("adproof-server", "crates/server")]
    {
        let documents = example(package)?;
        let documents = documents.as_object().context("the example prints one JSON object")?;
        for (stem, document) in documents {
            let mut text = serde_json::to_string_pretty(document)?;
            text.push('\n');
            let path = format!("{folder}/{stem}.json");
            if let Err(error) = crate::generated(&path, text.as_bytes(), check, REPAIR) {
                stale.push(format!("{error:#}"));
            }
        }
    }
    if stale.is_empty() { Ok(()) } else { bail!("{}", stale.join("\n")) }
}

/// Runs the example `documents` of a package: one JSON object, from file stem to document.
fn example(package: &str) -> anyhow::Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", package, "--example", "documents"])
        .current_dir(crate::root()?)
        .output()?;
    if !output.status.success() {
        bail!("{package}: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{package}: no JSON"))
}
