//! `cargo xtask verifier`: the WebAssembly that a bundle's page checks itself with.
//!
//! It is committed, because the program carries it and a build script cannot build it: that takes
//! another target and another tool. So it has to be the same wherever it is built. The compiler and
//! every dependency are pinned; the paths of the machine, which panics name, are replaced; and no
//! optimiser runs behind the compiler (it saved 0.4 % of the compressed size). `--check` builds it
//! again and compares.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::web::{succeed, target, wasm_bindgen};

const FOLDER: &str = "web/bundle";
const FILES: [&str; 2] = ["verifier.js", "verifier_bg.wasm"];

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let check = crate::check_flag(args)?;
    let root = crate::root()?;
    let built = build(&root)?;
    for name in FILES {
        let path = built.join(name);
        let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let committed = format!("{FOLDER}/{name}");
        crate::generated(&committed, &content, check, "cargo xtask verifier")?;
    }
    Ok(())
}

fn build(root: &Path) -> anyhow::Result<PathBuf> {
    let bindgen = wasm_bindgen(root)?;
    let target = target(root);
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--locked", "--package", "adproof-verifier"])
        .args(["--profile", "verifier", "--target", "wasm32-unknown-unknown"])
        // These flags alone: whatever else the machine sets would show in the result.
        .env("CARGO_ENCODED_RUSTFLAGS", remaps(root)?.join("\u{1f}"))
        .env_remove("RUSTFLAGS");
    succeed(build, root)?;
    let out = target.join("verifier");
    let mut bind = Command::new(bindgen);
    bind.args(["--target", "no-modules", "--no-typescript", "--out-name", "verifier"])
        .args(["--remove-name-section", "--remove-producers-section", "--out-dir"])
        .arg(&out)
        .arg(target.join("wasm32-unknown-unknown/verifier/adproof_verifier.wasm"));
    succeed(bind, root)?;
    Ok(out)
}

/// Where the sources lie, on every machine the same: ours, and each registry's.
fn remaps(root: &Path) -> anyhow::Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let home = home.context("there is neither CARGO_HOME nor a home directory")?;
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut remaps = vec![remap(root, "/adproof")];
    // The last one that fits counts, and a registry lies below no other.
    let registries = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let mut registries: Vec<PathBuf> = registries.map(|entry| entry.path()).collect();
    registries.sort();
    remaps.extend(registries.iter().map(|path| remap(path, "/crates")));
    Ok(remaps)
}
