//! Proves every rule file: the bad example gives exactly one finding, the good one none, the fix
//! does what the page says, and the rule is silent outside of its versions.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use adproof_vast::{FixKind, Limits, Options, Version, fix, lint, rules};

/// One rule file.
struct Page {
    id: String,
    meta: toml::Table,
    bad: String,
    good: String,
    fixed: Option<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../rules/vast")
}

fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path).unwrap();
            let (front, body) = text.strip_prefix("+++\n").unwrap().split_once("\n+++\n").unwrap();
            pages.push(Page {
                id: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                meta: front.parse().unwrap(),
                bad: example(body, "Bad").unwrap(),
                good: example(body, "Good").unwrap(),
                fixed: example(body, "Fixed"),
            });
        }
    }
    pages.sort_by(|a, b| a.id.cmp(&b.id));
    pages
}

fn example(body: &str, heading: &str) -> Option<String> {
    let (_, section) = body.split_once(&format!("\n## {heading}\n\n```xml\n"))?;
    let end = section.find("\n```").map_or(0, |end| end);
    Some(if section.starts_with("```") { String::new() } else { unescaped(&section[..end]) })
}

/// Characters that cannot be seen are written `\\u{1f}` in examples.
fn unescaped(text: &str) -> String {
    let mut pieces = text.split("\\u{");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_once('}').unwrap();
        out.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        out.push_str(rest);
    }
    out
}

impl Page {
    fn text(&self, key: &str) -> Option<&str> {
        self.meta.get(key).and_then(toml::Value::as_str)
    }

    fn also(&self) -> Vec<&str> {
        let list = self.meta.get("also").and_then(toml::Value::as_array);
        list.map(|list| list.iter().map(|id| id.as_str().unwrap()).collect()).unwrap_or_default()
    }

    fn options(&self) -> Options {
        let mut options = Options::default();
        options.enable(&[&self.id]).unwrap();
        options.suppressions = true;
        options.unsafe_fixes = self.text("fix") == Some("unsafe");
        let limits: BTreeMap<String, u32> = self
            .meta
            .get("limits")
            .and_then(toml::Value::as_table)
            .map(|table| {
                table
                    .iter()
                    .map(|(key, value)| {
                        (key.clone(), u32::try_from(value.as_integer().unwrap()).unwrap())
                    })
                    .collect()
            })
            .unwrap_or_default();
        for (key, value) in limits {
            let Limits {
                bytes, depth, elements, attributes, namespaces, findings, directives, ..
            } = &mut options.limits;
            *match key.as_str() {
                "bytes" => bytes,
                "depth" => depth,
                "elements" => elements,
                "attributes" => attributes,
                "namespaces" => namespaces,
                "findings" => findings,
                "directives" => directives,
                other => panic!("{}: no limit `{other}`", self.id),
            } = value;
        }
        options
    }

    /// An example as a whole document of a version.
    fn document(&self, example: &str, version: Option<&str>) -> String {
        let declared = self.text("example_version").unwrap_or("4.2");
        match self.text("frame") {
            None => match version {
                Some(version) => example.replace(
                    &format!("<VAST version=\"{declared}\""),
                    &format!("<VAST version=\"{version}\""),
                ),
                None => example.to_owned(),
            },
            Some(frame) => {
                let frame =
                    fs::read_to_string(folder().join("frames").join(format!("{frame}.xml")))
                        .unwrap();
                frame
                    .replace("{version}", version.unwrap_or(declared))
                    .replace("{example}", example)
            }
        }
    }
}

fn found(document: &str, options: &Options) -> Vec<String> {
    lint(document.as_bytes(), options)
        .findings
        .iter()
        .map(|finding| format!("{}: {}", finding.rule, finding.message))
        .collect()
}

#[test]
fn a_bad_example_breaks_its_rule_once_and_no_other() {
    let mut wrong = Vec::new();
    for page in pages() {
        let report = lint(page.document(&page.bad, None).as_bytes(), &page.options());
        let mut rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
        let mut expected = page.also();
        expected.push(&page.id);
        rules.sort_unstable();
        expected.sort_unstable();
        if rules != expected {
            wrong.push(format!(
                "{}: {:#?}",
                page.id,
                report
                    .findings
                    .iter()
                    .map(|f| format!("{}: {}", f.rule, f.message))
                    .collect::<Vec<_>>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_good_example_is_clean() {
    let mut wrong = Vec::new();
    for page in pages() {
        let mut found = found(&page.document(&page.good, None), &page.options());
        found.retain(|finding| {
            !page.also().iter().any(|also| finding.starts_with(&format!("{also}:")))
        });
        if !found.is_empty() {
            wrong.push(format!("{}: {found:#?}", page.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_fix_gives_what_its_page_says_and_leaves_nothing() {
    for page in pages() {
        let rule = adproof_vast::rule(&page.id).unwrap();
        assert_eq!(rule.fix.as_str(), page.text("fix").unwrap_or("none"), "{}", page.id);
        assert_eq!(rule.fix != FixKind::None, page.fixed.is_some(), "{}", page.id);
        let bad = page.document(&page.bad, None);
        let mended = fix(bad.as_bytes(), &page.options());
        let Some(fixed) = &page.fixed else {
            assert!(
                !mended.applied.contains_key(page.id.as_str()),
                "{} has a fix that its page does not show",
                page.id
            );
            continue;
        };
        assert_eq!(
            String::from_utf8(mended.bytes).unwrap(),
            page.document(fixed, None),
            "{}",
            page.id
        );
        assert_eq!(mended.applied.get(page.id.as_str()), Some(&1), "{}", page.id);
        assert!(mended.report.findings.is_empty(), "{}: {:?}", page.id, mended.report.findings);
    }
}

#[test]
fn a_rule_is_silent_outside_of_its_versions() {
    for page in pages() {
        let rule = adproof_vast::rule(&page.id).unwrap();
        let speaks: Vec<Version> = rule.versions().collect();
        assert!(!speaks.is_empty(), "{}", page.id);
        for version in Version::ALL.into_iter().filter(|version| !speaks.contains(version)) {
            let document = page.document(&page.bad, Some(version.as_str()));
            let found = found(&document, &page.options());
            assert!(
                !found.iter().any(|finding| finding.starts_with(&format!("{}:", page.id))),
                "{} speaks in {version}",
                page.id
            );
        }
    }
}

#[test]
fn every_rule_is_cited_and_says_why_it_matters() {
    let pages = pages();
    assert_eq!(
        pages.iter().map(|page| page.id.as_str()).collect::<Vec<_>>(),
        rules().iter().map(|rule| rule.id).collect::<Vec<_>>()
    );
    for rule in rules() {
        assert!(
            !rule.citation().document.is_empty() && !rule.citation().section.is_empty(),
            "{}",
            rule.id
        );
        assert!(rule.why().len() > 60, "{} does not say why", rule.id);
        assert!(rule.page().contains("## Bad"), "{}", rule.id);
        assert!(rule.aliases().iter().all(|alias| alias.contains(':')), "{}", rule.id);
    }
}
