//! `cargo xtask web`: the page in web/dist, from the WebAssembly crate, web/ and the datasets.
//!
//! The result is a folder of plain files with relative addresses: any static server shows it, and
//! so does `adproof serve --page web/dist`. `cargo xtask web rules` writes only the rules' pages,
//! which need no WebAssembly.

mod rules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::tools;

/// The version of the crate `wasm-bindgen` in Cargo.toml; the tool must be of exactly that one.
const WASM_BINDGEN: &str = "0.2.130";

/// What the compiler emits for wasm32-unknown-unknown by itself. They are named one by one
/// because "all features" would let the optimiser emit what browsers do not run yet.
const WASM_FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    // Not emitted by itself, but in every browser since 2023; `module` asks for it.
    "--enable-simd",
];

/// Files of web/ that are the page, and what the samples are copied from.
const SOURCES: &[&str] = &["html", "css", "js", "svg"];

pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let root = crate::root()?;
    let dist = root.join("web/dist");
    match args {
        [] => {}
        [only] if only == "rules" => {
            fs::create_dir_all(&dist)?;
            copy_sources(&root.join("web"), &dist)?;
            return rule_pages(&root, &dist);
        }
        _ => bail!("the only argument is `rules`"),
    }
    if dist.exists() {
        fs::remove_dir_all(&dist).context("emptying web/dist")?;
    }
    fs::create_dir_all(&dist)?;
    wasm(&root, &dist)?;
    copy_sources(&root.join("web"), &dist)?;
    copy_samples(&root.join("datasets"), &dist.join("samples"))?;
    rule_pages(&root, &dist)?;
    sizes(&dist)
}

fn rule_pages(root: &Path, dist: &Path) -> anyhow::Result<()> {
    let folder = dist.join("rules");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("emptying web/dist/rules")?;
    }
    fs::create_dir_all(&folder)?;
    let pages = rules::pages(&crate::rules::read_rules(&root.join("rules/vast"))?)?;
    for (name, html) in &pages {
        fs::write(dist.join(name), html).with_context(|| format!("writing {name}"))?;
    }
    println!("{} pages of rules", pages.len());
    Ok(())
}

fn wasm(root: &Path, dist: &Path) -> anyhow::Result<()> {
    let page = Recipe { profile: "web", flags: &[], effort: "-Os" };
    module(root, "adproof-wasm", &page, "web", dist)
}

/// How a module is compiled.
struct Recipe {
    /// Cargo's profile.
    profile: &'static str,
    /// Of the compiler, beside those that all modules have.
    flags: &'static [&'static str],
    /// Of the optimiser after it.
    effort: &'static str,
}

/// Size and speed at once: all that makes code fast, but few copies of it. Only short functions are
/// inlined and no loop is unrolled, because most of the linter's code runs once in a document if at
/// all. With `opt-level = "s"` it is larger and a quarter slower.
const LINTER: Recipe = Recipe {
    profile: "web-lint",
    flags: &[
        "-C no-vectorize-slp",
        "-C llvm-args=-inline-threshold=80",
        "-C llvm-args=-inlinehint-threshold=90",
        "-C llvm-args=-unroll-runtime=false",
        "-C llvm-args=-unroll-threshold=40",
    ],
    effort: "-Oz",
};

/// Bytes of the linter as WebAssembly that a page has to load at most, compressed by gzip.
const LINTER_BYTES: usize = 150_000;

/// Size of the linter alone as WebAssembly, and its time in V8 beside the native time.
pub(crate) fn wasm_bench(args: &[String]) -> anyhow::Result<()> {
    if !args.is_empty() {
        bail!("this command takes no arguments");
    }
    let root = crate::root()?;
    let out = target(&root).join("wasm-bench");
    fs::create_dir_all(&out)?;
    module(&root, "adproof-vast-wasm", &LINTER, "nodejs", &out)?;
    let bytes = compressed(&out.join("adproof_bg.wasm"))?;
    if bytes > LINTER_BYTES {
        bail!("the linter has {bytes} bytes when compressed; at most {LINTER_BYTES} are promised");
    }
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", "adproof-vast-wasm", "--profile", "dist"])
        .args(["--example", "native"]);
    succeed(build, &root)?;
    let mut run = Command::new("node");
    run.arg(root.join("benches/wasm/run.mjs"))
        .arg(out.join("adproof.js"))
        .arg(target(&root).join("dist/examples/native"));
    succeed(run, &root)
}

/// Builds a package as WebAssembly into a folder, with its glue for `kind` of host.
fn module(
    root: &Path,
    package: &str,
    Recipe { profile, flags, effort }: &Recipe,
    kind: &str,
    out: &Path,
) -> anyhow::Result<()> {
    let flags = [&["-C target-feature=+simd128"], *flags].concat().join(" ");
    let bindgen = wasm_bindgen(root)?;
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", package, "--profile", profile])
        .args(["--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
    succeed(build, root)?;
    let compiled = format!("wasm32-unknown-unknown/{profile}/{}.wasm", package.replace('-', "_"));
    let mut bind = Command::new(bindgen);
    bind.args(["--target", kind, "--no-typescript", "--out-name", "adproof", "--out-dir"])
        .arg(out)
        .arg(target(root).join(compiled));
    succeed(bind, root)?;
    let module = out.join("adproof_bg.wasm");
    let optimiser = root.join("web/node_modules/binaryen/bin/wasm-opt");
    if !optimiser.is_file() {
        println!(
            "wasm-opt is not there, so the module stays as it was built; `npm ci` in web/ brings it"
        );
        return Ok(());
    }
    let before = fs::metadata(&module)?.len();
    let mut optimise = Command::new("node");
    optimise
        .arg(optimiser)
        .args(WASM_FEATURES)
        .args([*effort, "--output"])
        .arg(&module)
        .arg(&module);
    succeed(optimise, root)?;
    println!("wasm-opt: {before} to {} bytes", fs::metadata(&module)?.len());
    Ok(())
}

pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// The tool of exactly the crate's version: its format changes with every release.
pub(crate) fn wasm_bindgen(root: &Path) -> anyhow::Result<PathBuf> {
    let tools = root.join("target/tools");
    let own = tools.join("bin/wasm-bindgen");
    let found = tools::on_path("wasm-bindgen").into_iter().chain(Some(own.clone()));
    for candidate in found {
        let output = Command::new(&candidate).arg("--version").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        if version.is_ok_and(|text| text.split_whitespace().nth(1) == Some(WASM_BINDGEN)) {
            return Ok(candidate);
        }
    }
    println!("installing wasm-bindgen-cli {WASM_BINDGEN} into target/tools");
    let mut install = Command::new(env!("CARGO"));
    // The lock file it ships with names versions that no longer build together.
    install
        .args(["install", "wasm-bindgen-cli", "--version", WASM_BINDGEN, "--quiet", "--root"])
        .arg(&tools)
        .env_remove("CARGO_TARGET_DIR");
    succeed(install, root)?;
    Ok(own)
}

fn copy_sources(web: &Path, dist: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(web)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|text| text.to_str()).unwrap_or_default();
        if let Some(name) = path.file_name()
            && path.is_file()
            && SOURCES.contains(&extension)
        {
            fs::copy(&path, dist.join(name))?;
        }
    }
    Ok(())
}

/// The broken tag, and the issues of the feed under the names that the page asks for.
fn copy_samples(datasets: &Path, samples: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(samples)?;
    let copy = |from: PathBuf, name: &str| -> anyhow::Result<()> {
        fs::copy(&from, samples.join(name))
            .with_context(|| format!("copying {}", from.display()))?;
        Ok(())
    };
    copy(datasets.join("tags").join(SAMPLE_TAG), "tag.xml")?;
    let mut issues = Vec::new();
    for entry in fs::read_dir(datasets)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if name.starts_with("ioc-ipv6-") {
            copy(path, &name)?;
            issues.push(name);
        }
    }
    issues.sort();
    let list = serde_json::to_vec(&issues)?;
    fs::write(samples.join("issues.json"), list)?;
    Ok(())
}

/// A tag with faults of several kinds.
const SAMPLE_TAG: &str = "creative-broken.xml";

fn sizes(dist: &Path) -> anyhow::Result<()> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dist)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    println!("{:>9}  {:>9}  web/dist", "bytes", "gzip -9");
    let (mut raw_total, mut small_total) = (0, 0);
    for path in files {
        let raw = fs::metadata(&path)?.len();
        let small = compressed(&path)?;
        raw_total += raw;
        small_total += small;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        println!("{raw:>9}  {small:>9}  {name}");
    }
    println!("{raw_total:>9}  {small_total:>9}  in all, without samples");
    Ok(())
}

/// The size of a file after `gzip -9`.
fn compressed(path: &Path) -> anyhow::Result<usize> {
    let gzip = Command::new("gzip").arg("-9c").arg(path).stderr(Stdio::inherit()).output();
    Ok(gzip.context("running gzip")?.stdout.len())
}

pub(crate) fn succeed(mut command: Command, folder: &Path) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(folder)
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("running {program}"))?;
    if !status.success() {
        bail!("{program} ended with {status}");
    }
    Ok(())
}
