//! Tools that the tests need. What is missing is installed: Debian packages by apt-get, cargo
//! tools into target/tools, node packages by npm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The pinned version of cargo-deny.
pub(crate) const CARGO_DENY: &str = "0.20.2";
/// The pinned version of cargo-nextest.
pub(crate) const CARGO_NEXTEST: &str = "0.9.143";

/// A cargo tool from PATH or target/tools, installed there when it is in neither.
pub(crate) fn cargo_tool(name: &str, version: &str) -> anyhow::Result<PathBuf> {
    if let Some(found) = on_path(name) {
        return Ok(found);
    }
    let tools = crate::root()?.join("target/tools");
    let binary = tools.join("bin").join(name);
    if binary.is_file() {
        return Ok(binary);
    }
    println!("installing {name} {version} into target/tools");
    let status = Command::new(env!("CARGO"))
        .args(["install", name, "--version", version, "--locked", "--quiet", "--root"])
        .arg(&tools)
        .env_remove("CARGO_TARGET_DIR")
        .status()?;
    if !status.success() || !binary.is_file() {
        bail!("{name} {version} could not be installed; install it by hand and run this again");
    }
    Ok(binary)
}

/// The package with which the second verifier checks signatures, pinned.
const PYTHON_PACKAGE: &str = "cryptography==50.0.2";

/// A Python of its own in target/tools/python, with the one package that the second verifier needs.
pub(crate) fn python() -> anyhow::Result<()> {
    let folder = crate::root()?.join("target/tools/python");
    let python = folder.join("bin/python3");
    let has_package = || {
        let mut command = Command::new(&python);
        command.args(["-c", "import importlib.metadata as m; print(m.version('cryptography'))"]);
        let version = command.output().ok().filter(|output| output.status.success());
        version
            .is_some_and(|output| PYTHON_PACKAGE.as_bytes().ends_with(output.stdout.trim_ascii()))
    };
    if has_package() {
        return Ok(());
    }
    println!("installing {PYTHON_PACKAGE} into target/tools/python");
    if !python.is_file() && !venv(&folder)? {
        // Debian keeps the part that makes one in a package of its own.
        debian_packages(&["python3-venv"])?;
        if !venv(&folder)? {
            bail!("python3 -m venv {} failed", folder.display());
        }
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYTHON_PACKAGE]);
    if !pip.status().context("running pip")?.success() || !has_package() {
        bail!("pip could not install {PYTHON_PACKAGE}; install it by hand and run this again");
    }
    Ok(())
}

fn venv(folder: &Path) -> anyhow::Result<bool> {
    let mut python = Command::new("python3");
    let status = python.args(["-m", "venv", "--clear"]).arg(folder).status();
    Ok(status.context("running python3 -m venv")?.success())
}

/// Makes sure that each program is there, from its Debian package where it is not.
pub(crate) fn debian(programs: &[(&str, &str)]) -> anyhow::Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| on_path(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    debian_packages(&missing)
}

fn debian_packages(missing: &[&str]) -> anyhow::Result<()> {
    println!("installing Debian packages: {}", missing.join(" "));
    let apt = |args: &[&str]| -> anyhow::Result<bool> {
        let sudo = on_path("sudo").filter(|_| !is_root());
        let mut command = match sudo {
            Some(sudo) => {
                let mut command = Command::new(sudo);
                command.arg("apt-get");
                command
            }
            None => Command::new("apt-get"),
        };
        let status = command.args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
        Ok(status.context("running apt-get")?.success())
    };
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(missing);
    if !apt(&["update", "--quiet"])? || !apt(&install)? {
        bail!("apt-get could not install {}; install them and run this again", missing.join(" "));
    }
    Ok(())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// The first file of that name on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}
