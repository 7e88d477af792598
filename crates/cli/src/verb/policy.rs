//! `adproof policy`: checks policies, runs their tests, explains them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_model::Family;
use adproof_policy::{BuiltIn, Gate, Need, Policy, Rung};
use adproof_wire::decide::PolicyTestV1;
use anstyle::{AnsiColor, Style};
use clap::{Args, Subcommand};

use super::decide::load::read_policy;
use crate::input;
use crate::out::{Exit, Format, Out};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Arguments of `adproof policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    verb: PolicyVerb,
}

#[derive(Debug, Subcommand)]
enum PolicyVerb {
    /// Reads policies and says what is wrong, and where.
    Check(FilesArgs),
    /// Runs the tests that policies carry.
    Test(FilesArgs),
    /// Says in words what a policy allows, rung by rung.
    Explain(FilesArgs),
}

/// Policy files.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  adproof policy check policy.toml
  adproof policy test rules/policy/ datasets/policies/
  adproof policy explain rules/policy/default.toml")]
struct FilesArgs {
    /// Policies: files, folders (their .toml), globs, or `-`.
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,
}

pub(crate) fn run(args: &PolicyArgs, out: &mut Out) -> anyhow::Result<Exit> {
    match &args.verb {
        PolicyVerb::Check(args) => check(args, out),
        PolicyVerb::Test(args) => test(args, out),
        PolicyVerb::Explain(args) => explain(args, out),
    }
}

fn read(args: &FilesArgs) -> anyhow::Result<Vec<(String, Policy)>> {
    let is_policy = |path: &Path| input::has_extension(path, &["toml"]);
    let inputs = input::expand(&args.policies, is_policy)?;
    inputs.into_iter().map(|input| Ok((input.name.clone(), read_policy(&input)?))).collect()
}

fn check(args: &FilesArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    for (path, policy) in read(args)? {
        writeln!(
            out,
            "{path}: `{}` is a policy with {} tests",
            policy.name(),
            policy.tests().len()
        )?;
        writeln!(out, "  sha256 {}", policy.digest())?;
    }
    Ok(Exit::Clean)
}

fn test(args: &FilesArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json])?;
    let policies = read(args)?;
    let document = PolicyTestV1::run(policies.iter().map(|(path, policy)| (&**path, policy)));
    if format == Format::Json {
        out.json(&document)?;
    } else {
        show(&document, out)?;
    }
    Ok(if document.failed > 0 { Exit::Findings } else { Exit::Clean })
}

fn show(document: &PolicyTestV1, out: &mut Out) -> anyhow::Result<()> {
    for file in &document.policies {
        writeln!(out, "{BOLD}{}{BOLD:#}", file.path)?;
        if file.tests.is_empty() {
            writeln!(out, "  it has no tests")?;
        }
        for test in &file.tests {
            if test.passed {
                writeln!(out, "  {GOOD}ok{GOOD:#}    {}", test.name)?;
                continue;
            }
            writeln!(out, "  {BAD}fails{BAD:#} {}", test.name)?;
            let because = test.because.as_deref();
            let because = because.map_or_else(String::new, |gate| format!(", stopped by {gate}"));
            writeln!(out, "        {}:{}", file.path, test.line)?;
            writeln!(
                out,
                "        expected {}{because}; it reaches {}",
                test.expected, test.reached
            )?;
            for reason in &test.stopped_by {
                writeln!(out, "        {}.{}", reason.rung, reason.text)?;
            }
        }
    }
    writeln!(out, "\n{} passed, {} failed", document.passed, document.failed)?;
    Ok(())
}

fn explain(args: &FilesArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    for (path, policy) in read(args)? {
        writeln!(out, "{BOLD}{}{BOLD:#}, {path}", policy.name())?;
        let families: Vec<&str> = policy.families().iter().copied().map(Family::as_str).collect();
        writeln!(out, "  counts {} invalid traffic", families.join(", "))?;
        let kinds: Vec<&str> = policy.corroborated_by().names().collect();
        writeln!(out, "  takes as corroboration: {}", kinds.join(", "))?;
        writeln!(out, "  records {} impressions", policy.record().as_str())?;
        for prefix in policy.treat_as_global() {
            writeln!(out, "  treats {prefix} as globally routed, which it is not")?;
        }
        for (rung, gates) in policy.rungs() {
            let from = built_in(rung);
            writeln!(out, "\n{BOLD}{rung}{BOLD:#}")?;
            for (gate, need) in gates.iter() {
                writeln!(out, "  {}", in_words(gate, need))?;
            }
            for gate in from {
                writeln!(out, "  {DIM}{}: {} (every policy){DIM:#}", gate, gate.meaning())?;
            }
            if rung.acts_on_traffic() && policy.holdout_ppm() > 0 {
                let ppm = policy.holdout_ppm();
                writeln!(out, "  {DIM}{ppm} ppm of it is held back by lot{DIM:#}")?;
            }
        }
        for sign_off in policy.sign_offs() {
            writeln!(out, "\n{} signed {} off: {}", sign_off.by, sign_off.block, sign_off.reason)?;
        }
    }
    Ok(Exit::Clean)
}

/// The gates of every policy that guard a rung first.
fn built_in(rung: Rung) -> impl Iterator<Item = BuiltIn> {
    BuiltIn::ALL.into_iter().filter(move |gate| gate.from_rung() == rung)
}

fn in_words(gate: Gate, need: i64) -> String {
    let meaning = gate.meaning();
    match gate.need() {
        Need::Flag => format!("{gate}: {meaning}"),
        Need::Number { .. } => {
            let bound = if gate.at_most() { "at most" } else { "at least" };
            let bound = if gate == Gate::TtlDays { "" } else { bound };
            format!("{gate}: {meaning}: {bound} {need}").replace(":  ", ": ")
        }
    }
}
