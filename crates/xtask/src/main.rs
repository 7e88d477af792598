//! Developer commands: what is generated, checked, built and tested.
//!
//! `cargo xtask` alone lists them. Nothing here ships.

mod check;
mod datasets;
mod deps;
mod purity;
mod rules;
mod schemas;
mod test;
mod tools;
mod verifier;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

/// One command: its name, what it does, and the function that does it.
type Command = (&'static str, &'static str, fn(&[String]) -> anyhow::Result<()>);

const COMMANDS: &[Command] = &[
    ("test", "everything that must hold, with what it needs installed first", test::run),
    ("tools", "what the tests need, where it is missing", test::tools),
    ("check", "generated files fresh, dependency rules, licences and bans", check::run),
    ("deps", "only the dependency rules between crates", deps::run),
    ("web", "the page in web/dist", web::run),
    ("wasm-bench", "size and speed of the linter alone as WebAssembly", web::wasm_bench),
];

/// Commands that write committed files. Each takes `--check`, and `cargo xtask check` runs them all.
const GENERATORS: &[Command] = &[
    ("datasets", "the example data from its seed", datasets::run),
    ("purity", "the calls that pure crates may not make, one clippy.toml each", purity::run),
    ("rules", "the tables of the linter from rules/vast/ and rules/profiles/", rules::run),
    ("schemas", "JSON Schemas and the OpenAPI document from the wire types", schemas::run),
    ("verifier", "the WebAssembly that a bundle's page checks itself with", verifier::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        return usage();
    };
    let mut known = COMMANDS.iter().chain(GENERATORS);
    let Some((_, _, command)) = known.find(|(known, _, _)| known == name) else {
        return usage();
    };
    match command(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo xtask COMMAND");
    for (name, what, _) in COMMANDS {
        eprintln!("  {name:<10} {what}");
    }
    eprintln!("generators, each with --check:");
    for (name, what, _) in GENERATORS {
        eprintln!("  {name:<10} {what}");
    }
    ExitCode::from(2)
}

/// The top of the repository.
fn root() -> anyhow::Result<PathBuf> {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).map(PathBuf::from).context("xtask lies two folders below the top")
}

/// Writes a generated file, or with `check` says that it is stale and how to mend it.
fn generated(path: &str, content: &[u8], check: bool, repair: &str) -> anyhow::Result<()> {
    let file = root()?.join(path);
    let fresh = std::fs::read(&file).is_ok_and(|current| current == content);
    if fresh {
        return Ok(());
    }
    if check {
        anyhow::bail!("{path} is stale; run `{repair}` and commit the result");
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    std::fs::write(&file, content).with_context(|| format!("writing {path}"))?;
    println!("wrote {path}");
    Ok(())
}

/// Whether `--check` was asked for; anything else is refused.
fn check_flag(args: &[String]) -> anyhow::Result<bool> {
    match args {
        [] => Ok(false),
        [flag] if flag == "--check" => Ok(true),
        _ => anyhow::bail!("the only option is --check"),
    }
}
