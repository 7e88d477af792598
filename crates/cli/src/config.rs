//! `adproof.toml`: settings of the linter, found by walking up from the working folder.
//!
//! Policy and keys are never found this way: whoever decides or signs names them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

use crate::out::Failure;

/// The file's name.
pub(crate) const FILE_NAME: &str = "adproof.toml";

/// What the file may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
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
    /// All but these rules.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// What these profiles make of each tag.
    #[serde(default)]
    pub(crate) profile: Vec<String>,
    /// Only findings of this severity or worse: `error`, `warning`, `info`.
    pub(crate) severity: Option<String>,
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
    toml::from_str(&text).map_err(|error| {
        Failure::new(format!("the settings cannot be read: {}", error.message()))
            .at(place(file, &text, error.span().map_or(0, |span| span.start)))
            .todo("mend that line; the settings are described by `adproof lint --help`")
            .into()
    })
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
        assert_eq!(discover(&inner).unwrap(), Config::default());
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_line() {
        let top = tempfile::tempdir().unwrap();
        std::fs::write(top.path().join(FILE_NAME), "[lint]\nselct = []\n").unwrap();
        let error = discover(top.path()).unwrap_err().to_string();
        assert!(error.contains("selct") && error.contains("adproof.toml:2"), "{error}");
    }
}
