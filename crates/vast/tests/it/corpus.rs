//! A folder of documents from the wild, where there is one, against the verdicts of a schema
//! validator and of another linter.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use adproof_model::{Axis, DocumentOutcome, Severity};
use adproof_vast::{Options, Report, fix, lint, parse, rule};

/// What is known of one document.
struct Row {
    /// libxml2 reads it.
    well_formed: bool,
    /// It is valid by the schema of its version once the namespace is that of the schema.
    valid: Option<bool>,
    /// What the other linter finds.
    peer: BTreeSet<String>,
}

#[test]
#[allow(clippy::print_stderr, reason = "says whether the corpus was there")]
fn documents_from_the_wild_are_read() {
    let Some(folder) = std::env::var_os("ADPROOF_CORPUS").map(PathBuf::from) else {
        eprintln!("ADPROOF_CORPUS names no folder: no document from the wild was read");
        return;
    };
    let rows = yardstick(&folder);
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
        match rows.get(&name) {
            Some(row)
                if row.well_formed && report.verdict.outcome == DocumentOutcome::Malformed =>
            {
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
            finding.rule.starts_with("root-") || finding.rule.ends_with("-instead-of-vast")
        })
    });
    assert!(malformed.is_empty(), "{malformed:#?}");
}

/// The explanations in `tests/corpus/disagreements.tsv` are those that are needed, and no more.
#[test]
#[allow(clippy::print_stderr, reason = "says whether the corpus was there")]
fn every_disagreement_with_the_yardsticks_is_explained() {
    let Some(folder) = std::env::var_os("ADPROOF_CORPUS").map(PathBuf::from) else {
        eprintln!("ADPROOF_CORPUS names no folder: no verdict was compared");
        return;
    };
    let rows = yardstick(&folder);
    let mut found = BTreeSet::new();
    for (name, row) in &rows {
        let bytes = fs::read(folder.join(name)).unwrap();
        for (yardstick, what) in disagreements(&bytes, row) {
            found.insert(format!("{name}\t{yardstick}\t{what}"));
        }
    }
    let list = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/disagreements.tsv");
    if std::env::var_os("ADPROOF_CORPUS_PRINT").is_some() {
        let lines: Vec<&str> = found.iter().map(String::as_str).collect();
        fs::write("/dev/stdout", lines.join("\n") + "\n").unwrap();
        return;
    }
    let text = fs::read_to_string(list).unwrap();
    let reasons: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once(": "))
        .map(|(key, _)| key)
        .collect();
    let mut explained = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (what, reason) = line.rsplit_once('\t').unwrap();
        assert!(reasons.contains(reason), "`{reason}` is no reason of the list: {line}");
        explained.insert(what.to_owned());
    }
    eprintln!("{} documents compared, {} disagreements explained", rows.len(), explained.len());
    let unexplained: Vec<_> = found.difference(&explained).collect();
    let stale: Vec<_> = explained.difference(&found).collect();
    assert!(unexplained.is_empty(), "not explained: {unexplained:#?}");
    assert!(stale.is_empty(), "no longer there: {stale:#?}");
}

/// Where the yardsticks and we differ, after order, macros and the namespace are set aside.
fn disagreements(bytes: &[u8], row: &Row) -> Vec<(&'static str, String)> {
    let mut options = Options::default();
    options.enable(&["spec", "interop", "policy"]).unwrap();
    let all = lint(bytes, &options);
    let mut out = Vec::new();
    let said = spec_rules(&lint(bytes, &Options::default()));
    match row.valid {
        Some(true) if !said.is_empty() => {
            out.push(("schema", format!("stricter: {}", said.join(" "))));
        }
        Some(false) if said.is_empty() && !set_aside(bytes, &all) => {
            out.push(("schema", "laxer".to_owned()));
        }
        _ => {}
    }
    let aliases: BTreeSet<&str> = all
        .findings
        .iter()
        .flat_map(|finding| rule(finding.rule).unwrap().aliases())
        .filter_map(|alias| alias.strip_prefix("vastlint:"))
        .collect();
    for id in row.peer.iter().filter(|id| !aliases.contains(id.as_str())) {
        out.push(("peer", id.clone()));
    }
    out
}

/// The rules of the specification that a document breaks.
fn spec_rules(report: &Report) -> Vec<&'static str> {
    let faults = report
        .findings
        .iter()
        .filter(|finding| finding.axis == Axis::Spec && finding.severity <= Severity::Warning);
    let rules: BTreeSet<&str> = faults.map(|finding| finding.rule).collect();
    rules.into_iter().collect()
}

/// Whether the order of elements, a macro in a URL or the namespace can be why the schema refuses.
fn set_aside(bytes: &[u8], report: &Report) -> bool {
    let doc = parse(bytes, &Options::default().limits);
    let macros = doc.elements().any(|id| {
        let text = doc.content(id);
        text.contains("://") && text.contains(['[', '{', '|', ' ', '%'])
    });
    macros
        || report.findings.iter().any(|finding| {
            matches!(finding.rule, "element-order" | "wrong-namespace" | "missing-namespace")
        })
}

fn yardstick(folder: &Path) -> BTreeMap<String, Row> {
    let Ok(text) = fs::read_to_string(folder.join("yardstick.tsv")) else {
        return BTreeMap::new();
    };
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    rows.map(|row| {
        let known = Row {
            well_formed: row[3] == "yes",
            valid: match row[8] {
                "valid" => Some(true),
                "invalid" => Some(false),
                _ => None,
            },
            peer: row.get(15).map(|rules| peer_rules(rules)).unwrap_or_default(),
        };
        (row[0].to_owned(), known)
    })
    .collect()
}

/// `E:VAST-2.0-url-emptyx3` names a rule and how often it spoke.
fn peer_rules(text: &str) -> BTreeSet<String> {
    let ids = text.split(',').filter_map(|entry| entry.split_once(':')).map(|(_, id)| id);
    ids.map(|id| {
        let (start, count) = id.rsplit_once('x').unwrap_or((id, ""));
        let counted = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        if counted { start } else { id }.to_owned()
    })
    .collect()
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
