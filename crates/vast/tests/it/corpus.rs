//! A folder of documents from the wild, where there is one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use adproof_model::DocumentOutcome;
use adproof_vast::{Options, fix, lint};

#[test]
#[allow(clippy::print_stderr, reason = "says whether the corpus was there")]
fn documents_from_the_wild_are_read() {
    let Some(folder) = std::env::var_os("ADPROOF_CORPUS").map(PathBuf::from) else {
        eprintln!("ADPROOF_CORPUS names no folder: no document from the wild was read");
        return;
    };
    let well_formed = yardstick(&folder);
    let mut files = Vec::new();
    walk(&folder, &mut files);
    files.sort();
    let (mut malformed, mut unlisted) = (Vec::new(), 0);
    for path in &files {
        let bytes = fs::read(path).unwrap();
        let report = lint(&bytes, &Options::default());
        let fixed = fix(&bytes, &Options::default());
        assert_eq!(fix(&fixed.bytes, &Options::default()).bytes, fixed.bytes, "{}", path.display());
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        match well_formed.get(&name) {
            Some(true) if report.verdict.outcome == DocumentOutcome::Malformed => {
                malformed.push((name, report.findings));
            }
            Some(_) => {}
            None => unlisted += 1,
        }
    }
    eprintln!("{} documents read, {unlisted} of them in no yardstick", files.len());
    malformed.retain(|(_, findings)| {
        // Well-formed XML of another kind is still no VAST.
        !findings.iter().any(|finding| {
            matches!(
                finding.rule,
                "root-not-vast" | "html-instead-of-vast" | "vast-1-instead-of-vast"
            )
        })
    });
    assert!(malformed.is_empty(), "{malformed:#?}");
}

/// Which files libxml2 finds well-formed.
fn yardstick(folder: &Path) -> BTreeMap<String, bool> {
    let Ok(text) = fs::read_to_string(folder.join("yardstick.tsv")) else {
        return BTreeMap::new();
    };
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter_map(|row| Some(((*row.first()?).to_owned(), *row.get(3)? == "yes"))).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            files.push(path);
        }
    }
}
