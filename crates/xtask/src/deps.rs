//! The dependency rules of ARCHITECTURE.md, checked on the resolved graph.
//!
//! Arrows between our crates point down only, the pure crates reach nothing that does I/O, keeps
//! time or draws randomness, and the heavy engines stay behind their feature.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// What each of our crates may depend on, of our crates. A crate that is not here may not exist.
const ALLOWED: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("ledger", &[]),
    ("vast", &["model"]),
    ("signal", &["model"]),
    ("join", &["model"]),
    ("policy", &["model"]),
    ("feeds", &["model"]),
    ("pipeline", &["model", "join", "ledger", "policy", "signal", "vast"]),
    ("wire", &["model", "feeds", "join", "ledger", "pipeline", "policy", "signal", "vast"]),
    ("objects", &[]),
    ("batch", &["model", "feeds", "objects", "signal"]),
    ("engine", &["model", "batch", "feeds", "join", "objects", "signal", "wire"]),
    ("edge", &["model", "feeds", "ledger", "pipeline", "vast"]),
    ("server", &["model", "edge", "feeds", "ledger", "policy", "signal", "vast", "wire"]),
    ("verifier", &["ledger"]),
    ("wasm", &["model", "feeds", "ledger", "policy", "signal", "vast", "wire"]),
];

/// Crates that must build for wasm32-unknown-unknown and hold no effect.
pub(crate) const PURE: &[&str] =
    &["model", "vast", "signal", "join", "policy", "pipeline", "ledger", "feeds", "wire"];

/// What no pure crate may reach, directly or not, in its normal dependencies.
const BANNED_FROM_PURE: &[&str] = &[
    "tokio",
    "async-std",
    "reqwest",
    "hyper",
    "axum",
    "rustix",
    "libc",
    "mio",
    "rand",
    "getrandom",
    "chrono",
    "time",
    "jiff",
    "tempfile",
    "rayon",
    "datafusion",
    "polars",
];

/// Exceptions: who, what, and why it breaks nothing.
const EXCEPTIONS: &[(&str, &str)] = &[
    // zip draws randomness only when it writes encrypted entries, which nobody here does.
    ("feeds", "getrandom"),
    ("wire", "getrandom"),
];

/// What the default build of the binary may not reach.
const BANNED_FROM_DEFAULT: &[&str] = &["datafusion", "polars", "arrow", "ballista", "object_store"];

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    let metadata = metadata()?;
    let mut faults = Vec::new();
    between_our_crates(&metadata, &mut faults)?;
    for name in PURE {
        for banned in reached(&format!("adproof-{name}"), &["--target", "wasm32-unknown-unknown"])?
        {
            let banned = banned.as_str();
            if BANNED_FROM_PURE.contains(&banned) && !EXCEPTIONS.contains(&(name, banned)) {
                faults.push(format!("{name} is pure but reaches {banned}"));
            }
        }
    }
    for crate_name in reached("adproof", &[])? {
        if BANNED_FROM_DEFAULT.contains(&crate_name.as_str()) {
            faults.push(format!("the default build of adproof reaches {crate_name}"));
        }
    }
    if faults.is_empty() {
        println!("dependency rules hold");
        return Ok(());
    }
    bail!("dependency rules are broken:\n  {}", faults.join("\n  "))
}

fn metadata() -> anyhow::Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .current_dir(crate::root()?)
        .output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")
}

fn between_our_crates(metadata: &Value, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.iter().copied().collect();
    let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    for package in packages {
        let text = |key| package.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(name) = text("name").strip_prefix("adproof-") else {
            continue;
        };
        let Some(may) = allowed.get(name) else {
            if !matches!(name, "benches" | "benches-cluster" | "benches-stream" | "vast-wasm") {
                faults.push(format!("{name} has no row in the dependency rules"));
            }
            continue;
        };
        for dependency in
            package.get("dependencies").and_then(Value::as_array).into_iter().flatten()
        {
            // Tests may look at anything; what ships may not.
            if dependency.get("kind").and_then(Value::as_str) == Some("dev") {
                continue;
            }
            let other = dependency.get("name").and_then(Value::as_str).unwrap_or_default();
            if let Some(other) = other.strip_prefix("adproof-")
                && !may.contains(&other)
            {
                faults.push(format!("{name} may not depend on {other}"));
            }
        }
    }
    Ok(())
}

/// The names of everything that a package reaches through normal dependencies.
fn reached(package: &str, extra: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"])
        .args(["--package", package])
        .args(extra)
        .current_dir(crate::root()?)
        .output()?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| *name != package).map(str::to_owned).collect())
}
