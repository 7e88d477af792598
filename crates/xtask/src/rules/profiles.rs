//! `rules/profiles/*.toml` to const data: what players, stitchers and platforms say that they take.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use super::structure::{Structure, hex};
use super::{camel, variant};

/// What cannot be looked at in one document.
const NOTES: [&str; 3] = ["note", "nonlinear", "timeouts"];

/// One file, with what it takes over.
pub(super) struct Profile {
    meta: Meta,
    requirements: Vec<Requirement>,
    /// The whole file, for the digest.
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    id: String,
    title: String,
    /// `player`, `stitcher`, `platform` or `standard`.
    kind: String,
    about: String,
    /// Profiles whose requirements apply, too.
    #[serde(default)]
    extends: Vec<String>,
    /// The pages that state the requirements, by a short name.
    source: BTreeMap<String, Source>,
    requirement: Vec<Table>,
    /// What the harness proves; see rules/profiles/README.md.
    #[serde(rename = "test")]
    _tests: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    title: String,
    url: String,
    #[serde(default)]
    date: Option<String>,
}

impl Profile {
    /// Whether it has a requirement of this check of its own.
    fn says(&self, check: &str) -> bool {
        // Each rule is a check of its own.
        let kind = |check: &str| {
            let until = if check.starts_with("Check::Rule(") { ')' } else { '(' };
            check.split(until).next().unwrap_or(check).to_owned()
        };
        self.requirements.iter().any(|own| kind(&own.check) == kind(check))
    }
}

/// One requirement as Rust.
struct Requirement {
    check: String,
    effect: &'static str,
    vast_error: Option<u16>,
    whole: bool,
    why: String,
    source: String,
}

/// Reads all profiles. `rules` are the ids that a requirement may name.
pub(super) fn read(
    source: &Path,
    rules: &BTreeSet<&str>,
    structure: &Structure,
) -> Result<Vec<Profile>> {
    let mut profiles = Vec::new();
    for entry in fs::read_dir(source).with_context(|| format!("reading {}", source.display()))? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let profile =
            parse(text, rules, structure).with_context(|| format!("in {}", path.display()))?;
        ensure!(
            path.file_stem().is_some_and(|stem| stem == profile.meta.id.as_str()),
            "{}: the id is `{}`; it must be the name of the file",
            path.display(),
            profile.meta.id
        );
        profiles.push(profile);
    }
    profiles.sort_by(|a, b| a.meta.id.cmp(&b.meta.id));
    for profile in &profiles {
        for id in &profile.meta.extends {
            let base = profiles.iter().find(|other| other.meta.id == *id);
            let base = base.with_context(|| format!("{}: no profile `{id}`", profile.meta.id))?;
            ensure!(
                base.meta.extends.is_empty(),
                "{}: `{id}` takes over others itself; name those instead",
                profile.meta.id
            );
        }
    }
    Ok(profiles)
}

fn parse(text: String, rules: &BTreeSet<&str>, structure: &Structure) -> Result<Profile> {
    let mut meta: Meta = toml::from_str(&text)?;
    ensure!(
        !meta.id.is_empty()
            && meta.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
        "an id is kebab case"
    );
    for (name, source) in &meta.source {
        ensure!(
            source.url.starts_with("https://") && !source.title.is_empty(),
            "the source `{name}` needs a title and an address with https"
        );
    }
    let mut requirements = Vec::new();
    for table in std::mem::take(&mut meta.requirement) {
        let what = table.get("check").and_then(Value::as_str).unwrap_or("without a check");
        let what = what.to_owned();
        let requirement = requirement(table, &meta.source, rules, structure);
        requirements.push(requirement.with_context(|| format!("the requirement `{what}`"))?);
    }
    let cited: BTreeSet<&str> = requirements.iter().map(|one| one.source.as_str()).collect();
    for name in meta.source.keys() {
        ensure!(cited.contains(name.as_str()), "nothing cites the source `{name}`");
    }
    Ok(Profile { meta, requirements, text })
}

fn requirement(
    mut table: Table,
    sources: &BTreeMap<String, Source>,
    rules: &BTreeSet<&str>,
    structure: &Structure,
) -> Result<Requirement> {
    let fields = &mut table;
    let name = text(fields, "check")?;
    let effect = variant(&text(fields, "effect")?, &["Fails", "Degrades", "Note"])?;
    ensure!(
        NOTES.contains(&name.as_str()) == (effect == "Note"),
        "`note` is the effect of what cannot be looked at: {NOTES:?}"
    );
    let vast_error = match number(fields, "error")? {
        None => None,
        Some(code) => Some(u16::try_from(code).ok().filter(|code| (100..=999).contains(code)))
            .map(|code| code.context("an error code of VAST has three digits"))
            .transpose()?,
    };
    let whole = match fields.remove("whole") {
        None => false,
        Some(Value::Boolean(whole)) => whole,
        Some(_) => bail!("`whole` is true or false"),
    };
    let why = text(fields, "why")?;
    ensure!(why.len() > 20 && why.ends_with('.'), "`why` is a sentence or more");
    let source = text(fields, "source")?;
    ensure!(sources.contains_key(&source), "no source is named `{source}`");
    let check = check(&name, fields, rules, structure)?;
    let left: Vec<&String> = table.keys().collect();
    ensure!(left.is_empty(), "the check `{name}` takes no {left:?}");
    Ok(Requirement { check, effect, vast_error, whole, why, source })
}

/// The `Check` of `adproof-vast` for a check of a file.
fn check(
    name: &str,
    fields: &mut Table,
    rules: &BTreeSet<&str>,
    structure: &Structure,
) -> Result<String> {
    Ok(match name {
        "rule" => {
            let rule = text(fields, "rule")?;
            ensure!(rules.contains(rule.as_str()), "no rule is named `{rule}`");
            format!("Check::Rule(Id::{})", camel(&rule))
        }
        "readable" => "Check::Readable".to_owned(),
        "kinds" => {
            let kinds = strings(fields, "accepts")?.into_iter().map(|kind| match kind.as_str() {
                "VAST" => Ok("DocumentKind::Vast"),
                "VMAP" => Ok("DocumentKind::Vmap"),
                other => bail!("`{other}` is no kind of document"),
            });
            let kinds: Vec<&str> = kinds.collect::<Result<_>>()?;
            format!("Check::Kinds(&[{}])", kinds.join(", "))
        }
        "versions" => {
            let mut mask = 0_u8;
            for version in strings(fields, "accepts")? {
                let bit = structure.versions.iter().position(|known| *known == version);
                mask |= 1 << bit.with_context(|| format!("`{version}` is no version"))?;
            }
            format!("Check::Versions({})", hex(mask))
        }
        "wrappers" => format!("Check::Wrappers({})", needed(fields, "at_most")?),
        "no-pod" => "Check::NoPod".to_owned(),
        "single-ad" => "Check::SingleAd".to_owned(),
        "creative" => "Check::Creative".to_owned(),
        "linear" => "Check::Linear".to_owned(),
        "nonlinear" => "Check::NonLinear".to_owned(),
        "no-nonlinear" => "Check::NoNonLinear".to_owned(),
        "durations" => match fields.remove("seconds") {
            Some(Value::Array(all)) => {
                let all = all.iter().map(|one| Ok(grouped(millis(one)?)));
                let all: Vec<String> = all.collect::<Result<_>>()?;
                format!("Check::DurationsMs(&[{}])", all.join(", "))
            }
            Some(_) => bail!("`seconds` is a list"),
            None => {
                let low = optional(fields, "min_seconds", millis)?.unwrap_or(0);
                let high = optional(fields, "max_seconds", millis)?;
                format!("Check::DurationRangeMs({}, {})", grouped(low), bound(high))
            }
        },
        "media-types" if fields.contains_key("refuses") => {
            format!("Check::NoMediaTypes(&{:?})", strings(fields, "refuses")?)
        }
        "media-types" => format!("Check::MediaTypes(&{:?})", strings(fields, "accepts")?),
        "delivery" => format!("Check::Delivery({:?})", text(fields, "accepts")?),
        "renditions" => format!("Check::Renditions({})", needed(fields, "at_least")?),
        "bitrate" => {
            let low = number(fields, "min_kbps")?.unwrap_or(0);
            format!("Check::BitrateKbps({}, {})", grouped(low), bound(number(fields, "max_kbps")?))
        }
        "dimensions" => {
            let (width, height) = (needed(fields, "min_width")?, needed(fields, "min_height")?);
            format!("Check::Dimensions({width}, {height})")
        }
        "file-size" => format!("Check::FileBytes({})", grouped(needed(fields, "max_bytes")?)),
        "https" => {
            let urls = strings(fields, "of")?.into_iter().map(|of| {
                let known = ["Tags", "Media", "Code", "Trackers", "Clicks"];
                Ok(format!("Urls::{}", variant(&of, &known)?))
            });
            let urls: Vec<String> = urls.collect::<Result<_>>()?;
            format!("Check::Https(&[{}])", urls.join(", "))
        }
        "universal-ad-id" => "Check::UniversalAdId".to_owned(),
        "mezzanine" => "Check::Mezzanine".to_owned(),
        "no-vpaid" => {
            let when = variant(&text(fields, "when")?, &["Only", "Present", "Mentioned"])?;
            format!("Check::NoVpaid(Vpaid::{when})")
        }
        "no-simid" => "Check::NoSimid".to_owned(),
        "no-verification" => "Check::NoVerification".to_owned(),
        "no-skip" => "Check::NoSkip".to_owned(),
        "timeouts" => {
            let mut of =
                |key| Ok::<u64, anyhow::Error>(optional(fields, key, millis)?.unwrap_or(0));
            let (first, wrapper, media) =
                (of("first_seconds")?, of("wrapper_seconds")?, of("media_seconds")?);
            let (first, wrapper, media) = (grouped(first), grouped(wrapper), grouped(media));
            format!("Check::TimeoutsMs({first}, {wrapper}, {media})")
        }
        "note" => "Check::Note".to_owned(),
        other => bail!("no check is named `{other}`"),
    })
}

/// `generated/profiles.rs`.
pub(super) fn to_rust(profiles: &[Profile]) -> Result<String> {
    let mut out = String::from(
        "// Generated by `cargo xtask rules` from rules/profiles/. Do not edit.\n\n\
         use adproof_model::{Digest, DocumentKind};\n\n\
         use crate::generated::rules::Id;\n\
         use crate::profile::{Check, Effect, Profile, ProfileKind, Requirement, Source, Urls, Vpaid};\n\n",
    );
    let mut sources = BTreeMap::new();
    for profile in profiles {
        for (name, source) in &profile.meta.source {
            let place = sources.len();
            let text =
                format!("Source::new({:?}, {:?}, {:?}),", source.title, source.url, source.date);
            sources.insert((profile.meta.id.as_str(), name.as_str()), (place, text));
        }
    }
    let mut rows: Vec<&(usize, String)> = sources.values().collect();
    rows.sort();
    writeln!(
        out,
        "\n/// The pages that requirements cite.\nstatic SOURCES: [Source; {}] = [",
        rows.len()
    )?;
    for (_, row) in rows {
        writeln!(out, "{row}")?;
    }
    writeln!(
        out,
        "];\n\n/// All profiles, sorted by id.\npub(crate) static PROFILES: [Profile; {}] = [",
        profiles.len()
    )?;
    for profile in profiles {
        let meta = &profile.meta;
        let over = profiles.iter().filter(|other| meta.extends.contains(&other.meta.id));
        let with_base: Vec<&Profile> = std::iter::once(profile).chain(over).collect();
        let kind = variant(&meta.kind, &["Player", "Stitcher", "Platform", "Standard"])?;
        writeln!(
            out,
            "Profile {{ id: {:?}, title: {:?}, kind: ProfileKind::{kind}, about: {:?}, \
             digest: Digest::new({:?}), requirements: &[",
            meta.id,
            meta.title,
            one_line(&meta.about),
            digest(&with_base)
        )?;
        for from in &with_base {
            let own = std::ptr::eq(*from, profile);
            // What a profile says itself takes the place of what it takes over.
            let kept = from.requirements.iter().filter(|one| own || !profile.says(&one.check));
            for one in kept {
                let (place, _) = sources
                    .get(&(from.meta.id.as_str(), one.source.as_str()))
                    .context("a source is missing")?;
                writeln!(
                    out,
                    "Requirement {{ check: {}, effect: Effect::{}, vast_error: {:?}, whole: {}, why: {:?}, \
                     source: &SOURCES[{place}], from: {:?} }},",
                    one.check,
                    one.effect,
                    one.vast_error,
                    one.whole,
                    one_line(&one.why),
                    from.meta.id
                )?;
            }
        }
        out.push_str("] },\n");
    }
    out.push_str("];\n");
    Ok(out)
}

/// SHA-256 over a file and those that it takes over. Other profiles have no part in it.
fn digest(profiles: &[&Profile]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"adproof/profile/1\0");
    for profile in profiles {
        super::add(&mut hash, &profile.meta.id, &profile.text);
    }
    hash.finalize().into()
}

/// Lines of a file are broken where its author's screen ended.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn text(fields: &mut Table, key: &str) -> Result<String> {
    match fields.remove(key) {
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => bail!("`{key}` is a text"),
        None => bail!("`{key}` is missing"),
    }
}

fn strings(fields: &mut Table, key: &str) -> Result<Vec<String>> {
    let Some(Value::Array(list)) = fields.remove(key) else {
        bail!("`{key}` is a list of texts");
    };
    ensure!(!list.is_empty(), "`{key}` is empty");
    list.into_iter()
        .map(|one| match one {
            Value::String(text) => Ok(text),
            _ => bail!("`{key}` is a list of texts"),
        })
        .collect()
}

fn optional<T>(
    fields: &mut Table,
    key: &str,
    of: impl Fn(&Value) -> Result<T>,
) -> Result<Option<T>> {
    fields.remove(key).map(|value| of(&value).with_context(|| format!("`{key}`"))).transpose()
}

fn number(fields: &mut Table, key: &str) -> Result<Option<u64>> {
    optional(fields, key, |value| {
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        number.context("it is a whole number")
    })
}

fn needed(fields: &mut Table, key: &str) -> Result<u64> {
    number(fields, key)?.with_context(|| format!("`{key}` is missing"))
}

/// Milliseconds of whole seconds: sources state nothing finer.
fn millis(value: &Value) -> Result<u64> {
    let seconds = value.as_integer().and_then(|seconds| u64::try_from(seconds).ok());
    let ms = seconds.and_then(|seconds| seconds.checked_mul(1000));
    ms.context("it is a whole number of seconds")
}

fn bound(high: Option<u64>) -> String {
    high.map_or_else(|| "u64::MAX".to_owned(), grouped)
}

/// `10_000`: a number as clippy wants it in generated code.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && digits.len() > 4 {
            out.push('_');
        }
        out.push(digit);
    }
    out
}
