//! The commands of FORMAT.md, as they stand there, with the real tools. A tool that is missing is a
//! failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::published::folder;

/// One block of the page: the files that it checks, each with how much of it, and the script.
struct Block {
    checks: Vec<(String, usize)>,
    script: String,
}

fn blocks() -> Vec<Block> {
    let page = include_str!("../../FORMAT.md");
    let blocks = page.split("\n```sh checks=").skip(1);
    let blocks = blocks.map(|block| {
        let (checks, rest) = block.split_once('\n').unwrap();
        let (script, _) = rest.split_once("\n```").unwrap();
        Block { checks: checks.split(',').map(check).collect(), script: script.to_owned() }
    });
    blocks.collect()
}

/// `name`, or `name:bytes` where the rest of the file is not this block's.
fn check(text: &str) -> (String, usize) {
    let (name, bytes) = text.split_once(':').unwrap_or((text, "1000000"));
    (name.to_owned(), bytes.parse().unwrap())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

fn scratch(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    copy(&folder(), &path);
    path
}

/// Whether the script ends well, and all that it says.
fn run(script: &str, folder: &Path) -> (bool, String) {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .output()
        .expect("bash is installed");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn the_page_verifies_with_each_tool() {
    let scripts: Vec<String> = blocks().into_iter().map(|block| block.script).collect();
    assert_eq!(scripts.len(), 7);
    for tool in ["openssl pkeyutl -verify", "ssh-keygen -Y verify", "sha256sum"] {
        assert!(scripts.iter().any(|script| script.contains(tool)), "{tool}");
    }
    let folder = scratch("commands");
    for script in scripts {
        let (good, said) = run(&script, &folder);
        assert!(good, "{script}\n{said}");
        assert!(!said.contains("not found"), "{script}\n{said}");
    }
}

#[test]
fn the_page_refuses_what_was_changed() {
    let folder = scratch("commands-changed");
    for block in blocks() {
        for (name, most) in &block.checks {
            let path = folder.join(name);
            let bytes = fs::read(&path).unwrap();
            let places = (1..6).map(|part| part * bytes.len().min(*most) / 6);
            for at in places.filter(|at| bytes[*at] != b'\n') {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(&path, changed).unwrap();
                let (good, said) = run(&block.script, &folder);
                assert!(!good, "{name} byte {at}: {}\n{said}", block.script);
            }
            fs::write(&path, bytes).unwrap();
        }
    }
}
