//! What to judge by: the settings of `adproof.toml`, overridden by the command line.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use adproof_vast::profile::Profile;
use adproof_vast::{Limits, Options, UnknownRule};
use clap::ValueEnum as _;
use globset::{GlobBuilder, GlobMatcher};

use super::{AtLeast, FORMATS, LintArgs};
use crate::config::{self, Config};
use crate::out::{Failure, Format};
use crate::text;
use crate::verb::profiles;

use super::baseline::Baseline;

/// What to judge by.
pub(super) struct Settings {
    pub(super) options: Options,
    /// Bounds on what is said, which hold after a baseline has hidden what is known.
    pub(super) limits: Limits,
    pub(super) baseline: Option<Baseline>,
    pub(super) format: Option<Format>,
    pub(super) rules_url: Option<String>,
    pub(super) profiles: Vec<&'static Profile>,
    per_file: Vec<PerFile>,
}

/// Selectors that are silent in some files.
struct PerFile {
    pattern: GlobMatcher,
    /// Whether the pattern is about the name of a file wherever it lies.
    name_only: bool,
    selectors: Vec<String>,
}

impl Settings {
    pub(super) fn new(args: &LintArgs) -> anyhow::Result<Self> {
        let config = config::discover(&std::env::current_dir()?)?;
        let lint = &config.lint;
        let asked = if args.profile.is_empty() { &lint.profile } else { &args.profile };
        let mut options = Options::default();
        // An error names the place that the selector came from.
        let or = |given: &[String], found: &[String], setting: &str| {
            if given.is_empty() {
                (found.to_vec(), config.place(&format!("[lint] {setting}")))
            } else {
                (given.to_vec(), format!("--{setting}"))
            }
        };
        let (select, place) = or(&args.select, &lint.select, "select");
        if !select.is_empty() {
            options.select(&select).map_err(|error| unknown(&error, &place))?;
        }
        let (enable, place) = or(&args.enable, &lint.enable, "enable");
        options.enable(&enable).map_err(|error| unknown(&error, &place))?;
        let (ignore, place) = or(&args.ignore, &lint.ignore, "ignore");
        options.ignore(&ignore).map_err(|error| unknown(&error, &place))?;
        let configured = lint.severity.as_deref().map(|text| AtLeast::from_str(text, true));
        let configured = configured.transpose().map_err(|_| {
            Failure::new("the severity is none of `error`, `warning` and `info`")
                .at(config.place("[lint] severity"))
        })?;
        if let Some(severity) = args.severity.or(configured) {
            options.at_least = severity.into();
        }
        options.unsafe_fixes = args.unsafe_fixes || lint.unsafe_fixes;
        options.suppressions = !args.no_suppressions && lint.suppressions.unwrap_or(true);
        lint.limits.apply(&mut options.limits);
        let mut limits = Limits::default();
        lint.limits.apply(&mut limits);
        let baseline = args
            .baseline
            .clone()
            .or_else(|| lint.baseline.as_ref().map(|file| config.folder().join(file)))
            .filter(|_| args.write_baseline.is_none());
        let baseline = baseline.map(|file| Baseline::read(&file)).transpose()?;
        if baseline.is_some() || args.write_baseline.is_some() {
            super::baseline::widen(&mut options.limits);
        }
        Ok(Self {
            options,
            limits,
            baseline,
            format: format(&config)?,
            rules_url: rules_url(&config)?,
            profiles: profiles::named(asked)?,
            per_file: per_file(&config)?,
        })
    }

    /// What to judge a file by.
    pub(super) fn options(&self, path: &Path) -> Cow<'_, Options> {
        if self.per_file.is_empty() {
            return Cow::Borrowed(&self.options);
        }
        let mut options = self.options.clone();
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        for PerFile { pattern, name_only, selectors } in &self.per_file {
            let matches = if *name_only {
                path.file_name().is_some_and(|name| pattern.is_match(name))
            } else {
                pattern.is_match(&full)
            };
            if matches {
                // They were tried when the settings were read.
                let _ = options.ignore(selectors);
            }
        }
        Cow::Owned(options)
    }
}

fn unknown(error: &UnknownRule, place: &str) -> Failure {
    let names = || adproof_vast::rules().iter().map(|rule| rule.id);
    let axes = ["spec", "interop", "policy", "risk", "limit"];
    let todo = match text::nearest(&error.0, names().chain(axes)) {
        Some(name) => format!("did you mean `{name}`? `adproof rules` lists all"),
        None => "list the rules with `adproof rules`".to_owned(),
    };
    Failure::new(error.to_string()).at(place).todo(todo)
}

fn format(config: &Config) -> anyhow::Result<Option<Format>> {
    let Some(name) = &config.lint.output_format else {
        return Ok(None);
    };
    let known = FORMATS.into_iter().find(|format| format.to_string() == *name);
    if known.is_none() {
        let names: Vec<String> = FORMATS.iter().map(ToString::to_string).collect();
        return Err(Failure::new("lint has no such output format")
            .at(config.place("[lint] output-format"))
            .todo(format!("use one of: {}", names.join(", ")))
            .into());
    }
    Ok(known)
}

/// The address of the rules' pages, with a `/` at its end.
fn rules_url(config: &Config) -> anyhow::Result<Option<String>> {
    let Some(url) = &config.lint.rules_url else {
        return Ok(None);
    };
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    if rest.is_none_or(|rest| rest.is_empty() || !rest.chars().all(plain)) {
        return Err(Failure::new("the address of the rules' pages is no http or https address")
            .at(config.place("[lint] rules-url"))
            .todo("give the address of the folder with ID.html in it")
            .into());
    }
    Ok(Some(format!("{}/", url.trim_end_matches('/'))))
}

fn per_file(config: &Config) -> anyhow::Result<Vec<PerFile>> {
    let mut all = Vec::new();
    for (text, selectors) in &config.lint.per_file_ignores {
        let place = config.place("[lint.per-file-ignores]");
        let name_only = !text.contains('/');
        let whole: PathBuf = if name_only { text.into() } else { config.folder().join(text) };
        let pattern = GlobBuilder::new(&whole.to_string_lossy())
            .literal_separator(true)
            .build()
            .map_err(|error| {
                Failure::new(format!("the pattern `{text}` cannot be read: {}", error.kind()))
                    .at(&place)
            })?
            .compile_matcher();
        Options::default().ignore(selectors).map_err(|error| unknown(&error, &place))?;
        all.push(PerFile { pattern, name_only, selectors: selectors.clone() });
    }
    Ok(all)
}
