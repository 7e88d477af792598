//! `adproof rules`: what the linter knows, and why.

use std::io::Write as _;

use adproof_vast::{FixKind, Rule, Version};
use adproof_wire::rules::RuleV1;
use anstyle::Style;
use clap::Args;

use crate::out::{Exit, Failure, Format, Out};
use crate::text::{nearest, wrap};

/// Arguments of `adproof rules`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  adproof rules
  adproof rules --axis risk --fixable
  adproof rules url-double-encoded
  adproof rules --output-format json | jq length

As JSON it is an array of rules, each with its page, its source and its
examples; with an ID it is that rule alone.")]
pub(crate) struct RulesArgs {
    /// Explain this rule: why it matters, a bad and a good example.
    #[arg(value_name = "ID")]
    id: Option<String>,

    /// Only rules of this kind.
    #[arg(long, conflicts_with = "id", value_parser = ["spec", "interop", "policy", "risk", "limit"])]
    axis: Option<String>,

    /// Only rules that `adproof lint --fix` can mend, with or without --unsafe-fixes.
    #[arg(long, conflicts_with = "id")]
    fixable: bool,
}

pub(crate) fn run(args: &RulesArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Ndjson])?;
    if let Some(id) = &args.id {
        let rule = adproof_vast::rule(id).ok_or_else(|| unknown(id))?;
        match format {
            Format::Json => out.json(&RuleV1::with_page(rule))?,
            Format::Ndjson => out.json_line(&RuleV1::with_page(rule))?,
            _ => page(rule, out)?,
        }
        return Ok(Exit::Clean);
    }
    let rules: Vec<&Rule> = adproof_vast::rules()
        .iter()
        .filter(|rule| args.axis.as_ref().is_none_or(|axis| rule.axis.as_str() == axis))
        .filter(|rule| !args.fixable || rule.fix != FixKind::None)
        .collect();
    match format {
        Format::Json => {
            out.json(&rules.into_iter().map(RuleV1::with_page).collect::<Vec<RuleV1>>())?;
        }
        Format::Ndjson => {
            for rule in rules {
                out.json_line(&RuleV1::with_page(rule))?;
            }
        }
        _ => list(&rules, out)?,
    }
    Ok(Exit::Clean)
}

fn unknown(id: &str) -> Failure {
    let ids = || adproof_vast::rules().iter().map(|rule| rule.id);
    // Without a near one, the rule that shares the longest beginning is likely the one meant.
    let shared = |other: &str| other.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
    let near = nearest(id, ids())
        .or_else(|| ids().max_by_key(|other| shared(other)).filter(|other| shared(other) >= 3));
    let todo = match near {
        Some(near) => format!("did you mean `{near}`? `adproof rules` lists all"),
        None => "list the rules with `adproof rules`".to_owned(),
    };
    Failure::new(format!("no rule is named `{id}`")).todo(todo)
}

fn list(rules: &[&Rule], out: &mut Out) -> anyhow::Result<()> {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    for rule in rules {
        let fix = match rule.fix {
            FixKind::None => " ",
            FixKind::Safe => "*",
            FixKind::Unsafe => "!",
        };
        let off = if rule.default_on { "" } else { " off" };
        let line = format!("{:<width$} {:<7} {:<7} {fix}{off}", rule.id, rule.severity, rule.axis);
        writeln!(out, "{}", line.trim_end())?;
    }
    let off = rules.iter().filter(|rule| !rule.default_on).count();
    writeln!(
        out,
        "\n{} rules, {off} of them off by default (`adproof lint --enable RULE`)\n\
         * `adproof lint --fix` mends it; ! with --unsafe-fixes, too",
        rules.len()
    )?;
    Ok(())
}

/// The page of a rule, broken to the width of the terminal.
fn page(rule: &Rule, out: &mut Out) -> anyhow::Result<()> {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let width = out.width;
    writeln!(out, "{bold}{}{bold:#}", rule.id)?;
    for line in wrap(rule.title(), width) {
        writeln!(out, "{line}")?;
    }
    let fix = match rule.fix {
        FixKind::None => "",
        FixKind::Safe => "; --fix mends it",
        FixKind::Unsafe => "; --fix --unsafe-fixes mends it",
    };
    let off = if rule.default_on { "" } else { "; off unless --enable names it" };
    let mut facts = vec![
        format!("{} {}{fix}{off}", rule.axis, rule.severity),
        format!("VAST {}", versions(rule)),
        format!("Source: {}", rule.citation()),
    ];
    if !rule.aliases().is_empty() {
        facts.push(format!("Also known as {}", rule.aliases().join(", ")));
    }
    writeln!(out)?;
    for line in facts.iter().flat_map(|fact| wrap(fact, width.saturating_sub(2))) {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)?;
    let (mut code, mut paragraph) = (false, String::new());
    for line in rule.page().trim_end().lines().chain([""]) {
        let fence = line.starts_with("```");
        let heading = if code { None } else { line.strip_prefix("## ") };
        if code || fence || heading.is_some() || line.is_empty() {
            for line in wrap(&paragraph, width) {
                writeln!(out, "{line}")?;
            }
            if !paragraph.is_empty() {
                writeln!(out)?;
            }
            paragraph.clear();
        } else {
            paragraph.push_str(line);
            paragraph.push(' ');
        }
        if fence {
            code = !code;
            if !code {
                writeln!(out)?;
            }
        } else if code {
            for line in code_lines(line, width.saturating_sub(4)) {
                writeln!(out, "    {dim}{line}{dim:#}")?;
            }
        } else if let Some(heading) = heading {
            writeln!(out, "{bold}{heading}{bold:#}")?;
        }
    }
    Ok(())
}

/// A line of code, broken at spaces where it has some: an address stays whole, to be copied.
fn code_lines(line: &str, room: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let mut lines: Vec<String> = Vec::new();
    for word in line.trim_start().split(' ') {
        match lines.last_mut() {
            Some(last) if last.chars().count() + 1 + word.chars().count() <= room => {
                last.push(' ');
                last.push_str(word);
            }
            last => {
                let indent = indent + if last.is_some() { 4 } else { 0 };
                lines.push(format!("{}{word}", " ".repeat(indent)));
            }
        }
    }
    lines
}

/// `2.0 to 4.4`, or the versions one by one where some between are left out.
fn versions(rule: &Rule) -> String {
    let versions: Vec<Version> = rule.versions().collect();
    let all = Version::ALL;
    let place = |version: &Version| all.iter().position(|known| known == version);
    match versions.as_slice() {
        [first, .., last]
            if place(last)
                .zip(place(first))
                .is_some_and(|(last, first)| last + 1 - first == versions.len()) =>
        {
            format!("{} to {}", first.as_str(), last.as_str())
        }
        _ => versions.iter().map(|version| version.as_str()).collect::<Vec<_>>().join(", "),
    }
}
