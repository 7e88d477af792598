//! `adproof rules`: what the linter knows, and why.

use std::io::Write as _;

use adproof_wire::rules::RulesV1;
use clap::Args;

use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof rules`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  adproof rules
  adproof rules url-double-encoded
  adproof rules --output-format json")]
pub(crate) struct RulesArgs {
    /// Explain this rule: why it matters, a bad and a good example.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) fn run(args: &RulesArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Ndjson])?;
    let rules = match &args.id {
        None => RulesV1::all(),
        Some(id) => RulesV1::one(id).ok_or_else(|| unknown(id))?,
    };
    match (format, &args.id) {
        (Format::Json, _) => out.json(&rules)?,
        (Format::Ndjson, _) => {
            for rule in &rules.rules {
                out.json_line(rule)?;
            }
        }
        (_, None) => list(&rules, out)?,
        (_, Some(_)) => page(&rules, out)?,
    }
    Ok(Exit::Clean)
}

fn unknown(id: &str) -> Failure {
    // The rule that shares the longest beginning is most likely the one that was meant.
    let shared = |other: &str| other.bytes().zip(id.bytes()).take_while(|(a, b)| a == b).count();
    let near = adproof_vast::rules()
        .iter()
        .max_by_key(|rule| shared(rule.id))
        .filter(|rule| shared(rule.id) >= 3);
    let todo = match near {
        Some(rule) => format!("did you mean `{}`? `adproof rules` lists all", rule.id),
        None => "list the rules with `adproof rules`".to_owned(),
    };
    Failure::new(format!("no rule is named `{id}`")).todo(todo)
}

fn list(rules: &RulesV1, out: &mut Out) -> anyhow::Result<()> {
    for rule in &rules.rules {
        let mark = if rule.fix == "none" { " " } else { "*" };
        writeln!(out, "{:<44} {:<7} {:<8} {mark}", rule.id, rule.severity, rule.axis)?;
    }
    writeln!(out, "\n{} rules; * can be mended with `adproof lint --fix`", rules.rules.len())?;
    Ok(())
}

fn page(rules: &RulesV1, out: &mut Out) -> anyhow::Result<()> {
    for rule in &rules.rules {
        writeln!(out, "{}\n{}\n", rule.id, rule.title)?;
        writeln!(out, "  {} {}, {}", rule.axis, rule.severity, rule.citation)?;
        writeln!(out, "  VAST {}", rule.versions.join(", "))?;
        for alias in &rule.aliases {
            writeln!(out, "  {alias}")?;
        }
        writeln!(out, "\n{}", rule.page.unwrap_or_default().trim_end())?;
    }
    Ok(())
}
