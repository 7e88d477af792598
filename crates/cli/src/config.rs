//! `adproof.toml`: settings of the linter, found by walking up from the working folder.
//!
//! Policy and keys are never found this way: whoever decides or signs names them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::out::Failure;
use crate::text;

/// The file's name.
pub(crate) const FILE_NAME: &str = "adproof.toml";

/// What the file may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// Where it was found; none for the defaults.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// Settings of `adproof lint`.
    #[serde(default)]
    pub(crate) lint: Lint,
}

/// Settings of `adproof lint`; the command line wins over each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Lint {
    /// Only these rules.
    #[serde(default)]
    pub(crate) select: Vec<String>,
    /// These rules, too, that are off by default.
    #[serde(default)]
    pub(crate) enable: Vec<String>,
    /// All but these rules.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// What these profiles make of each tag.
    #[serde(default)]
    pub(crate) profile: Vec<String>,
    /// Only findings of this severity or worse: `error`, `warning`, `info`.
    pub(crate) severity: Option<String>,
    /// `--fix` also does what may change what some player does.
    #[serde(default)]
    pub(crate) unsafe_fixes: bool,
    /// Whether comments in a tag may silence rules; they may by default.
    pub(crate) suppressions: Option<bool>,
    /// Findings that are known, from the folder of this file.
    pub(crate) baseline: Option<PathBuf>,
    /// The format of the output.
    pub(crate) output_format: Option<String>,
    /// Where the pages of the rules are published.
    pub(crate) rules_url: Option<String>,
    /// Selectors that are silent in files that a pattern matches.
    #[serde(default)]
    pub(crate) per_file_ignores: BTreeMap<String, Vec<String>>,
    /// Bounds on what is read and said.
    #[serde(default)]
    pub(crate) limits: Limits,
}

/// Bounds on what is read and said of one tag; see `adproof_vast::Limits`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Limits {
    bytes: Option<u32>,
    depth: Option<u32>,
    elements: Option<u32>,
    attributes: Option<u32>,
    namespaces: Option<u32>,
    findings_per_rule: Option<u32>,
    findings: Option<u32>,
    excerpt: Option<u32>,
    directives: Option<u32>,
    edits: Option<u32>,
}

impl Limits {
    /// Sets the bounds that are given.
    pub(crate) fn apply(self, limits: &mut adproof_vast::Limits) {
        for (given, limit) in [
            (self.bytes, &mut limits.bytes),
            (self.depth, &mut limits.depth),
            (self.elements, &mut limits.elements),
            (self.attributes, &mut limits.attributes),
            (self.namespaces, &mut limits.namespaces),
            (self.findings_per_rule, &mut limits.findings_per_rule),
            (self.findings, &mut limits.findings),
            (self.excerpt, &mut limits.excerpt),
            (self.directives, &mut limits.directives),
            (self.edits, &mut limits.edits),
        ] {
            *limit = given.unwrap_or(*limit);
        }
    }
}

impl Config {
    /// A place in the file, for errors.
    pub(crate) fn place(&self, setting: &str) -> String {
        let file = self.file.as_deref().unwrap_or(Path::new(FILE_NAME));
        format!("{} {setting}", file.display())
    }

    /// The folder that relative paths start from.
    pub(crate) fn folder(&self) -> &Path {
        self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }
}

/// The nearest `adproof.toml` at or above `folder`, read; the defaults where there is none.
pub(crate) fn discover(folder: &Path) -> anyhow::Result<Config> {
    find(folder).map_or_else(|| Ok(Config::default()), |file| read(&file))
}

fn find(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(FILE_NAME)).find(|file| file.is_file())
}

fn read(file: &Path) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("reading the settings in {}", file.display()))?;
    let config: Config = toml::from_str(&text).map_err(|error| {
        let message = error.message();
        let todo = match meant(message) {
            Some(name) => {
                format!("did you mean `{name}`? `adproof lint --help` names the settings")
            }
            None => {
                "mend that line; the settings are described by `adproof lint --help`".to_owned()
            }
        };
        Failure::new(format!("the settings cannot be read: {message}"))
            .at(place(file, &text, error.span().map_or(0, |span| span.start)))
            .todo(todo)
    })?;
    Ok(Config { file: Some(file.to_path_buf()), ..config })
}

/// The known setting that an unknown one is nearest to, from serde's message: the unknown name
/// comes first, then all known ones, each in backticks.
fn meant(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let given = names.next()?;
    text::nearest(given, names)
}

fn place(file: &Path, text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or_default();
    format!("{}:{}", file.display(), before.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_wins_and_none_is_the_default() {
        let top = tempfile::tempdir().unwrap();
        let inner = top.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(top.path().join(FILE_NAME), "[lint]\nignore = [\"url-not-https\"]\n")
            .unwrap();
        assert_eq!(discover(&inner).unwrap().lint.ignore, ["url-not-https"]);
        std::fs::write(inner.join(FILE_NAME), "").unwrap();
        assert_eq!(discover(&inner).unwrap().lint, Lint::default());
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_line_and_the_one_that_was_meant() {
        let top = tempfile::tempdir().unwrap();
        for (text, parts) in [
            ("[lint]\nselct = []\n", ["selct", "adproof.toml:2", "did you mean `select`"]),
            ("[lint.limits]\n\nbyte = 1\n", ["byte", "adproof.toml:3", "did you mean `bytes`"]),
            ("[lnt]\n", ["lnt", "adproof.toml:1", "did you mean `lint`"]),
            ("[lint]\ncolour = 1\n", ["colour", "adproof.toml:2", "mend that line"]),
            ("[lint]\nselect = 7\n", ["invalid type", "adproof.toml:2", "mend that line"]),
        ] {
            std::fs::write(top.path().join(FILE_NAME), text).unwrap();
            let error = discover(top.path()).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "{part} is not in:\n{error}");
            }
        }
    }
}
