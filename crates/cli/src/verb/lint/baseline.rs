//! Findings that a team knows of: read, applied and written.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use adproof_vast::Limits;
use adproof_wire::baseline::{BaselineError, BaselineV1, Known};
use adproof_wire::lint::DocumentV1;

use crate::input;
use crate::out::Failure;

/// A baseline and the folder that its paths start from.
pub(super) struct Baseline {
    known: Known,
    folder: Folder,
}

/// The folder of a baseline.
pub(super) struct Folder(PathBuf);

/// With a baseline, the bounds on what is said hold for what is left. These hold before that.
pub(super) fn widen(limits: &mut Limits) {
    limits.findings_per_rule = limits.findings_per_rule.max(20_000);
    limits.findings = limits.findings.max(50_000);
}

impl Folder {
    /// The folder that a baseline lies in, or will.
    pub(super) fn of(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        Self(fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf()))
    }

    /// The name of a tag that is the same wherever the folder is and whoever asks from where.
    pub(super) fn name(&self, path: &str) -> String {
        let found = if path == "-" { None } else { fs::canonicalize(path).ok() };
        let within = found.as_deref().and_then(|found| found.strip_prefix(&self.0).ok());
        let path = within.unwrap_or(Path::new(path)).to_string_lossy();
        if cfg!(windows) { path.replace('\\', "/") } else { path.into_owned() }
    }
}

impl Baseline {
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = input::one(file)?.bytes;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new("the baseline cannot be read: it is no UTF-8"))
            .map_err(|failure| failure.at(file.display()).todo(REPAIR))?;
        let baseline = BaselineV1::read(&text).map_err(|error| {
            let place = match &error {
                BaselineError::Syntax { line, .. } => format!("{}:{line}", file.display()),
                _ => file.display().to_string(),
            };
            Failure::new(error.to_string()).at(place).todo(REPAIR)
        })?;
        Ok(Self { known: Known::from(baseline), folder: Folder::of(file) })
    }

    /// Moves the known findings of a document aside; says how many of them it has no more.
    pub(super) fn hide(&self, document: &mut DocumentV1) -> u64 {
        self.known.hide(&self.folder.name(&document.path), document)
    }

    /// Known findings of files that are there no more.
    pub(super) fn of_missing_files(&self) -> u64 {
        let missing = |path: &&str| *path != "-" && !self.folder.0.join(path).exists();
        self.known.paths().filter(missing).map(|path| self.known.count(path)).sum()
    }
}

const REPAIR: &str = "write it anew with --write-baseline, and look at what changed";

/// Holds a document to the bounds on what is said, as the linter does without a baseline.
pub(super) fn cut(document: &mut DocumentV1, limits: &Limits) {
    let mut by_rule: BTreeMap<&str, u32> = BTreeMap::new();
    let mut all = 0;
    let mut truncated = std::mem::take(&mut document.truncated);
    document.findings.retain(|finding| {
        let count = by_rule.entry(finding.rule).or_default();
        let keep = *count < limits.findings_per_rule && all < limits.findings;
        if keep {
            *count += 1;
            all += 1;
        } else {
            let more = truncated.entry(finding.rule).or_default();
            *more = more.saturating_add(1);
        }
        keep
    });
    document.truncated = truncated;
    // What is hidden goes into SARIF; its number is known anyway.
    document.hidden.truncate(usize::try_from(limits.findings).unwrap_or(usize::MAX));
}
