//! `cargo xtask check`: whatever is generated is fresh, the dependency rules hold, and so do the
//! licence and ban rules of deny.toml.

use std::process::Command;

use anyhow::bail;

use crate::{GENERATORS, deps, tools};

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    let check = ["--check".to_owned()];
    let mut faults = Vec::new();
    for (name, _, generator) in GENERATORS {
        if let Err(error) = generator(&check) {
            faults.push(format!("{name}: {error:#}"));
        }
    }
    if let Err(error) = deps::run(&[]) {
        faults.push(format!("{error:#}"));
    }
    if let Err(error) = deny() {
        faults.push(format!("{error:#}"));
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("\n{}", faults.join("\n"))
}

/// Advisories need a database from the network and are left to whoever has one; licences, bans
/// and sources are decided from the lock file alone.
fn deny() -> anyhow::Result<()> {
    let cargo_deny = tools::cargo_tool("cargo-deny", tools::CARGO_DENY)?;
    let status = Command::new(cargo_deny)
        .args(["--all-features", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .current_dir(crate::root()?)
        .status()?;
    if !status.success() {
        bail!("cargo deny found something; its words are above");
    }
    Ok(())
}
