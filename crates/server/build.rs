//! With the feature `page`: lists the files of web/dist, to be part of the program.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_PAGE").is_none() {
        return Ok(());
    }
    let dist = Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../../web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    list(&dist, "", &mut files).map_err(|error| {
        format!("{}: {error}; the feature `page` needs `cargo xtask web` first", dist.display())
    })?;
    files.sort();
    let mut out = String::from(
        "/// Each file by its name in the page.\npub(crate) static FILES: &[(&str, &[u8])] = &[\n",
    );
    for (name, path) in files {
        let path = fs::canonicalize(path)?;
        let path = path.to_str().ok_or("the path of the project is no text")?;
        writeln!(out, "({name:?}, include_bytes!({path:?}).as_slice()),")?;
    }
    out.push_str("];\n");
    let to = PathBuf::from(std::env::var("OUT_DIR")?).join("built_in.rs");
    fs::write(to, out)?;
    Ok(())
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push((name, entry.path()));
        }
    }
    Ok(())
}
