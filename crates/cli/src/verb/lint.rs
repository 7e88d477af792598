//! `adproof lint`: what is wrong with tags, where, and what to change.

mod baseline;
mod queue;
mod settings;
mod show;
mod table;
mod verdicts;
mod work;
mod write;

use std::path::{Path, PathBuf};

use adproof_model::Severity;
use clap::{Args, ValueEnum};

use crate::input;
use crate::out::{Exit, Failure, Format, Out};

use settings::Settings;

/// Arguments of `adproof lint`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  adproof lint tag.xml
  adproof lint tags/ 'more/*.xml' --severity warning
  curl -s https://ads.example/tag | adproof lint -
  adproof lint tag.xml --profile roku,ima
  adproof lint tag.xml --fix-dry-run
  adproof lint tags/ --write-baseline known.json
  adproof lint tags/ --baseline known.json --output-format sarif > lint.sarif

A selector is the id of a rule, an axis (spec, interop, policy, risk, limit) or
the beginning of an id with `*`. `adproof rules` lists them; `adproof rules ID`
explains one. `adproof profiles` lists the players and platforms that --profile
takes. A comment `<!-- adproof-ignore RULE: why -->` silences a rule for the
next element, `<!-- adproof-ignore-file RULE: why -->` for the whole tag.

`adproof.toml` above the working folder may hold [lint] select, enable, ignore,
severity, profile, unsafe-fixes, suppressions, baseline, output-format and
rules-url, [lint.per-file-ignores] with a list of selectors for each pattern,
and [lint.limits].

Of the formats, github annotates a pull request, junit fails one test an error,
sarif is for code scanning. Exit codes: 0 no error was found, 1 errors were
found or a profile fails, 2 the tool could not do its work.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct LintArgs {
    /// Tags: files, folders (their .xml, .vast and .vmap), globs, or `-`.
    #[arg(required = true, value_name = "TAG")]
    tags: Vec<PathBuf>,

    /// Mend what has one right form, in place.
    #[arg(long)]
    fix: bool,

    /// Show what `--fix` would change, as a diff.
    #[arg(long, conflicts_with = "fix")]
    fix_dry_run: bool,

    /// With a fix option: also mend what may change what some player does.
    #[arg(long)]
    unsafe_fixes: bool,

    /// Only these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    select: Vec<String>,

    /// These rules, too, which are off by default.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    enable: Vec<String>,

    /// Not these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    ignore: Vec<String>,

    /// Also say whether the tag plays with these profiles; `all` asks all.
    #[arg(long, value_name = "PROFILE", value_delimiter = ',', conflicts_with = "fix_dry_run")]
    profile: Vec<String>,

    /// Only findings that are at least this bad.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    severity: Option<AtLeast>,

    /// Hide the findings that are recorded here.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Record all findings here, for `--baseline`, instead of showing them.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["baseline", "fix_dry_run"])]
    write_baseline: Option<PathBuf>,

    /// Report what comments in the tags silence, too.
    #[arg(long)]
    no_suppressions: bool,
}

/// How bad a finding must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AtLeast {
    /// Errors only.
    Error,
    /// Errors and warnings.
    Warning,
    /// Everything.
    Info,
}

impl From<AtLeast> for Severity {
    fn from(severity: AtLeast) -> Self {
        match severity {
            AtLeast::Error => Self::Error,
            AtLeast::Warning => Self::Warning,
            AtLeast::Info => Self::Info,
        }
    }
}

const FORMATS: [Format; 6] =
    [Format::Table, Format::Json, Format::Ndjson, Format::Sarif, Format::Junit, Format::Github];

pub(crate) fn run(args: &LintArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let settings = Settings::new(args)?;
    // A file stays as it is when the output could not be written.
    let format = if args.fix_dry_run {
        out.format(&[Format::Table])?
    } else {
        if let Some(format) = settings.format {
            out.prefer(format);
        }
        out.format(&FORMATS)?
    };
    let tags = input::many_files(&args.tags, is_tag)?;
    if args.fix_dry_run {
        return work::dry_run(&tags, &settings, out);
    }
    if args.fix && tags.iter().any(|tag| tag == Path::new("-")) {
        return Err(Failure::new("standard input cannot be mended in place")
            .todo("save it to a file, or see the change with --fix-dry-run")
            .into());
    }
    match &args.write_baseline {
        Some(file) => work::record(&tags, &settings, args.fix, file, out),
        None => work::lint(&tags, &settings, args.fix, format, out),
    }
}

fn is_tag(path: &Path) -> bool {
    input::has_extension(path, &["xml", "vast", "vmap"])
}
