//! `adproof lint`: what is wrong with tags, where, and what to change.

mod table;
mod verdicts;
mod write;

use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use adproof_model::Severity;
use adproof_vast::{Fixed, Options, Report};
use adproof_wire::lint::{DocumentV1, LintV1, SummaryV1};
use adproof_wire::sarif::Sarif;
use clap::{Args, ValueEnum};

use crate::config;
use crate::input::{self, Input};
use crate::out::{Exit, Failure, Format, Out};
use crate::verb::profiles;

/// Arguments of `adproof lint`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  adproof lint tag.xml
  adproof lint tags/ 'more/*.xml' --severity warning
  curl -s https://ads.example/tag | adproof lint -
  adproof lint tag.xml --profile roku,ima
  adproof lint tag.xml --fix-dry-run
  adproof lint tags/ --output-format sarif > lint.sarif

A selector is the id of a rule, an axis (spec, interop, policy, risk, limit) or the
beginning of an id with `*`. `adproof rules` lists them; `adproof rules ID` explains one.
`adproof profiles` lists the players and platforms that --profile takes.
`adproof.toml` above the working folder may hold [lint] select, ignore, severity and profile.

Exit codes: 0 no error was found, 1 errors were found or a profile fails, 2 the tool could
not do its work.")]
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

    /// Only these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    select: Vec<String>,

    /// Not these rules.
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    ignore: Vec<String>,

    /// Also say whether the tag plays with these profiles; `all` asks all.
    #[arg(long, value_name = "PROFILE", value_delimiter = ',', conflicts_with = "fix_dry_run")]
    profile: Vec<String>,

    /// Only findings that are at least this bad.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    severity: Option<AtLeast>,
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

pub(crate) fn run(args: &LintArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let settings = config::discover(&std::env::current_dir()?)?.lint;
    let asked = if args.profile.is_empty() { &settings.profile } else { &args.profile };
    let profiles = profiles::named(asked)?;
    let options = options(args, settings)?;
    let inputs = input::expand(&args.tags, is_tag)?;
    if args.fix_dry_run {
        out.format(&[Format::Table])?;
        return dry_run(&inputs, &options, out);
    }
    let format = out.format(&[Format::Table, Format::Json, Format::Ndjson, Format::Sarif])?;
    let (inputs, reports) = if args.fix {
        fix(inputs, &options, out)?
    } else {
        let reports = in_parallel(&inputs, out, |input| adproof_vast::lint(&input.bytes, &options));
        (inputs, reports)
    };
    let tags: Vec<(&Input, &Report)> = inputs.iter().zip(&reports).collect();
    let documents = in_parallel(&tags, out, |(input, report)| {
        let document = DocumentV1::new(&input.name, &input.bytes, report);
        if profiles.is_empty() {
            document
        } else {
            document.judged(&input.bytes, &profiles, &options.limits)
        }
    });
    let failed = documents.iter().any(DocumentV1::fails);
    show(&inputs, documents, format, out)?;
    Ok(if failed { Exit::Findings } else { exit(&reports) })
}

fn exit(reports: &[Report]) -> Exit {
    let errors = reports.iter().any(|report| report.verdict.errors > 0);
    if errors { Exit::Findings } else { Exit::Clean }
}

fn is_tag(path: &Path) -> bool {
    input::has_extension(path, &["xml", "vast", "vmap"])
}

/// The settings of `adproof.toml`, overridden by the command line.
fn options(args: &LintArgs, settings: config::Lint) -> anyhow::Result<Options> {
    let mut options = Options::default();
    let or = |given: &[String], found: Vec<String>| {
        if given.is_empty() { found } else { given.to_vec() }
    };
    let select = or(&args.select, settings.select);
    if !select.is_empty() {
        options.select(&select).map_err(|error| unknown(&error))?;
    }
    options.ignore(&or(&args.ignore, settings.ignore)).map_err(|error| unknown(&error))?;
    let configured = settings.severity.map(|text| AtLeast::from_str(&text, true)).transpose();
    let configured = configured.map_err(|_| {
        Failure::new("the severity is none of `error`, `warning` and `info`")
            .at(format!("{} [lint] severity", config::FILE_NAME))
    })?;
    if let Some(severity) = args.severity.or(configured) {
        options.at_least = severity.into();
    }
    Ok(options)
}

fn unknown(error: &adproof_vast::UnknownRule) -> Failure {
    Failure::new(error.to_string()).todo("list the rules with `adproof rules`")
}

fn show(
    inputs: &[Input],
    documents: Vec<DocumentV1>,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<()> {
    match format {
        Format::Json => out.json(&LintV1::of(documents)),
        Format::Ndjson => {
            for document in documents {
                out.json_line(&LintV1::of([document]))?;
            }
            Ok(())
        }
        Format::Sarif => out.json(&Sarif::new(&documents)),
        _ => {
            let mut summary = SummaryV1::default();
            for (input, document) in inputs.iter().zip(&documents) {
                summary.add(document);
                table::document(document, &input.bytes, out)?;
                verdicts::document(document, out)?;
            }
            table::summary(summary, documents.len(), out)
        }
    }
}

/// Mends the files in place; what is reported is what remains.
fn fix(
    inputs: Vec<Input>,
    options: &Options,
    out: &Out,
) -> anyhow::Result<(Vec<Input>, Vec<Report>)> {
    if inputs.iter().any(|input| input.name == "-") {
        return Err(Failure::new("standard input cannot be mended in place")
            .todo("save it to a file, or see the change with --fix-dry-run")
            .into());
    }
    let fixed = in_parallel(&inputs, out, |input| adproof_vast::fix(&input.bytes, options));
    let (mut mended, mut files) = (0, 0);
    let mut pairs = (Vec::with_capacity(inputs.len()), Vec::with_capacity(inputs.len()));
    for (input, fixed) in inputs.into_iter().zip(fixed) {
        let Fixed { bytes, applied, report, .. } = fixed;
        if bytes != input.bytes {
            write::replace(Path::new(&input.name), &bytes)?;
            mended += applied.values().sum::<u32>();
            files += 1;
        }
        pairs.0.push(Input { name: input.name, bytes });
        pairs.1.push(report);
    }
    if mended > 0 {
        out.note(format_args!("mended {mended} finding{} in {files} file{}", s(mended), s(files)));
    }
    Ok(pairs)
}

/// Shows the change that `--fix` would make.
fn dry_run(inputs: &[Input], options: &Options, out: &mut Out) -> anyhow::Result<Exit> {
    let fixed = in_parallel(inputs, out, |input| adproof_vast::fix(&input.bytes, options));
    let limits = options.limits;
    for (input, fixed) in inputs.iter().zip(&fixed) {
        if fixed.bytes != input.bytes {
            let (before, after) = (
                adproof_vast::parse(&input.bytes, &limits),
                adproof_vast::parse(&fixed.bytes, &limits),
            );
            table::diff(&input.name, before.text(), after.text(), out)?;
        }
    }
    let mended: u32 = fixed.iter().flat_map(|fixed| fixed.applied.values()).sum();
    if mended == 0 {
        writeln!(out, "nothing to mend")?;
    } else {
        out.note(format_args!("--fix would mend {mended} finding{}", s(mended)));
    }
    let errors =
        inputs.iter().any(|input| adproof_vast::lint(&input.bytes, options).verdict.errors > 0);
    Ok(if errors { Exit::Findings } else { Exit::Clean })
}

fn s(count: u32) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Runs over all inputs with one thread a core; results are in the order of the inputs.
fn in_parallel<I: Sync, T: Send>(inputs: &[I], out: &Out, work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let bar = out.progress(u64::try_from(inputs.len()).unwrap_or(u64::MAX));
    let work = |input: &I| {
        let done = work(input);
        bar.inc(1);
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let share = inputs.len().div_ceil(threads).max(1);
    let results = std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = inputs
            .chunks(share)
            .map(|inputs| scope.spawn(move || inputs.iter().map(work).collect::<Vec<T>>()))
            .collect();
        running
            .into_iter()
            .flat_map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    bar.finish_and_clear();
    results
}
