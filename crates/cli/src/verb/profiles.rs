//! `adproof profiles`: who takes which tags, and who says so.

use std::io::Write as _;

use adproof_vast::profile::{Profile, profile, profiles};
use adproof_wire::profiles::{ProfilesV1, RequirementV1};
use anstyle::{AnsiColor, Style};
use clap::Args;

use crate::out::{Exit, Failure, Format, Out};
use crate::text;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Arguments of `adproof profiles`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  adproof profiles
  adproof profiles roku
  adproof lint tag.xml --profile roku,ima")]
pub(crate) struct ProfilesArgs {
    /// Show what this profile requires, each with the page that says so.
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(crate) fn run(args: &ProfilesArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let format = out.format(&[Format::Table, Format::Json, Format::Ndjson])?;
    let document = match &args.id {
        None => ProfilesV1::all(),
        Some(id) => ProfilesV1::one(&id.to_ascii_lowercase()).ok_or_else(|| unknown(id))?,
    };
    match (format, &args.id) {
        (Format::Json, _) => out.json(&document)?,
        (Format::Ndjson, _) => {
            for profile in &document.profiles {
                out.json_line(profile)?;
            }
        }
        (_, None) => list(&document, out)?,
        (_, Some(_)) => page(&document, out)?,
    }
    Ok(Exit::Clean)
}

/// The profiles of these names, each once, in the order given; `all` is all of them.
pub(crate) fn named<S: AsRef<str>>(names: &[S]) -> Result<Vec<&'static Profile>, Failure> {
    let mut chosen: Vec<&'static Profile> = Vec::new();
    for name in names {
        let name = name.as_ref();
        let found: Vec<&'static Profile> = if name == "all" {
            profiles().iter().collect()
        } else {
            profile(&name.to_ascii_lowercase()).map(|one| vec![one]).ok_or_else(|| unknown(name))?
        };
        for one in found {
            if !chosen.iter().any(|known| known.id == one.id) {
                chosen.push(one);
            }
        }
    }
    Ok(chosen)
}

fn unknown(id: &str) -> Failure {
    let given = id.to_ascii_lowercase();
    let near = profiles()
        .iter()
        .map(|profile| (text::distance(&given, profile.id), profile.id))
        .filter(|(changes, id)| *changes <= id.len() / 2 || id.contains(&given))
        .min();
    let todo = match near {
        Some((_, near)) if !given.is_empty() => {
            format!("did you mean `{near}`? `adproof profiles` lists all")
        }
        _ => "list the profiles with `adproof profiles`".to_owned(),
    };
    Failure::new(format!("no profile is named `{}`", text::clip(id, 40))).todo(todo)
}

fn list(document: &ProfilesV1, out: &mut Out) -> anyhow::Result<()> {
    for profile in &document.profiles {
        let title = text::clip(profile.title, out.width.saturating_sub(31));
        writeln!(out, "{BOLD}{:<19}{BOLD:#} {:<10} {title}", profile.id, profile.kind)?;
    }
    writeln!(
        out,
        "\n{} profiles; `adproof profiles ID` shows what one requires, and who says so",
        document.profiles.len()
    )?;
    Ok(())
}

fn page(document: &ProfilesV1, out: &mut Out) -> anyhow::Result<()> {
    for profile in &document.profiles {
        writeln!(out, "{BOLD}{}{BOLD:#}  {}\n", profile.id, profile.title)?;
        for line in text::wrap(profile.about, out.width) {
            writeln!(out, "{line}")?;
        }
        let (own, over): (Vec<_>, Vec<_>) =
            profile.requirements.iter().partition(|one| one.from == profile.id);
        for requirement in own {
            writeln!(out)?;
            one(requirement, out)?;
        }
        let mut from: Vec<&str> = over.iter().map(|one| one.from).collect();
        from.dedup();
        for id in from {
            let count = over.iter().filter(|one| one.from == id).count();
            writeln!(
                out,
                "\nand {count} requirements of the profile {id}: `adproof profiles {id}`"
            )?;
        }
    }
    Ok(())
}

fn one(requirement: &RequirementV1, out: &mut Out) -> anyhow::Result<()> {
    let room = out.width.saturating_sub(10);
    let code = requirement.vast_error.map(|code| format!(", VAST error {code}"));
    let whole = if requirement.whole { ", for the whole response" } else { "" };
    let head = format!("{}{}{whole}", requirement.requires, code.unwrap_or_default());
    let (style, effect) = effect(requirement.effect);
    for (place, line) in text::wrap(&head, room).iter().enumerate() {
        let effect = if place == 0 { effect } else { "" };
        writeln!(out, "{style}{effect:<9}{style:#} {BOLD}{line}{BOLD:#}")?;
    }
    for line in text::wrap(requirement.why, room) {
        writeln!(out, "{:10}{line}", "")?;
    }
    let source = &requirement.source;
    let date = source.date.map(|date| format!(" ({date})")).unwrap_or_default();
    for line in text::wrap(&format!("{}{date}", source.title), room) {
        writeln!(out, "{:10}{DIM}{line}{DIM:#}", "")?;
    }
    writeln!(out, "{:10}{DIM}{}{DIM:#}", "", source.url)?;
    Ok(())
}

/// The colour of an effect, a weight or a verdict.
pub(crate) fn effect(name: &'static str) -> (Style, &'static str) {
    let style = match name {
        "fails" => AnsiColor::Red.on_default().bold(),
        "degrades" | "degraded" => AnsiColor::Yellow.on_default(),
        "plays" => AnsiColor::Green.on_default(),
        _ => DIM,
    };
    (style, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_recognised() {
        let ids =
            |names: &[&str]| named(names).unwrap().iter().map(|one| one.id).collect::<Vec<_>>();
        assert_eq!(ids(&["roku", "IMA", "roku"]), ["roku", "ima"]);
        assert_eq!(ids(&["all"]).len(), profiles().len());
        for (given, near) in [("rokku", "roku"), ("media-tailor", "mediatailor"), ("ctv", "-ctv")] {
            let error = named(&[given]).unwrap_err().to_string();
            assert!(error.contains("did you mean") && error.contains(near), "{error}");
        }
        for given in ["", "zzzzzzzzzzzzzzzz"] {
            let error = named(&[given]).unwrap_err().to_string();
            assert!(error.contains("list the profiles"), "{error}");
        }
    }
}
