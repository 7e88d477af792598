//! The policy file: its shape, and the checks that turn it into a [`Policy`].

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use adproof_model::{Digest, Family, Prefix, Timestamp};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use sha2::{Digest as _, Sha256};
use toml::Spanned;

use crate::facts::{CollateralFacts, Corroboration, Facts};
use crate::gate::{Gate, Need};
use crate::policy::{Policy, Record, RungGates};
use crate::rung::Rung;
use crate::testing::PolicyTest;

/// The longest policy that is read.
const MAX_BYTES: usize = 1 << 20;

/// A policy file that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PolicyError {
    /// What is wrong and what would be right.
    pub message: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl PolicyError {
    fn new(text: &str, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        let start = span.map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Self {
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column: in_line.chars().count() + 1,
        }
    }
}

/// A person's agreement to block a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOff {
    /// The block, exactly.
    pub block: Prefix,
    /// Who signed.
    pub by: Box<str>,
    /// Why.
    pub reason: Box<str>,
    /// The last day on which it holds, as days since 1970-01-01.
    pub until_day: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: Spanned<i64>,
    name: Spanned<String>,
    #[serde(default)]
    treat_as_global: Vec<Spanned<String>>,
    #[serde(default)]
    families: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    corroborated_by: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    record: Option<Spanned<String>>,
    #[serde(default)]
    holdout: Holdout,
    rung: BTreeMap<Spanned<RungName>, BTreeMap<GateName, Spanned<GateValue>>>,
    #[serde(default)]
    sign_off: Vec<SignOffFile>,
    #[serde(default)]
    test: Vec<Spanned<TestFile>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Holdout {
    #[serde(default)]
    share_ppm: Option<Spanned<i64>>,
    #[serde(default)]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignOffFile {
    block: Spanned<String>,
    by: Spanned<String>,
    reason: Spanned<String>,
    until: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    name: String,
    given: GivenFile,
    expect: Spanned<String>,
    #[serde(default)]
    because: Option<Spanned<String>>,
}

/// Facts as a test states them. What it leaves out is what speaks for nothing.
#[allow(clippy::struct_excessive_bools, reason = "each is a field of the file")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenFile {
    #[serde(default = "yes")]
    global: bool,
    #[serde(default)]
    shared_egress: bool,
    #[serde(default)]
    family: Option<Spanned<String>>,
    #[serde(default = "subnet")]
    prefix_bits: u8,
    #[serde(default)]
    issues_seen: u32,
    #[serde(default)]
    last_seen_ago: u32,
    #[serde(default)]
    recurrence_ppm: u32,
    #[serde(default)]
    ranked: bool,
    #[serde(default)]
    explained: bool,
    #[serde(default)]
    sources: u32,
    #[serde(default)]
    own_events: u32,
    #[serde(default)]
    corroborated_by: Vec<Spanned<String>>,
    #[serde(default = "all")]
    completeness_ppm: u32,
    #[serde(default)]
    collateral_high_ppm: Option<u32>,
    #[serde(default)]
    collateral_from_log: bool,
    #[serde(default)]
    backtest_precision_ppm: Option<u32>,
    #[serde(default)]
    sign_off: bool,
}

const fn yes() -> bool {
    true
}

const fn subnet() -> u8 {
    64
}

const fn all() -> u32 {
    1_000_000
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct RungName(Rung);

impl TryFrom<String> for RungName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let found = Rung::LADDER.into_iter().find(|rung| rung.as_str() == text);
        found.map(Self).ok_or_else(|| {
            let names = Rung::LADDER.map(Rung::as_str).join(", ");
            format!("unknown rung `{text}`; the rungs are: {names}")
        })
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct GateName(Gate);

impl TryFrom<String> for GateName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Gate::named(&text).map(Self).ok_or_else(|| {
            let names: Vec<&str> = Gate::all().map(Gate::as_str).collect();
            format!("unknown gate `{text}`; the gates are: {}", names.join(", "))
        })
    }
}

enum GateValue {
    Flag(bool),
    Number(i64),
}

impl<'de> Deserialize<'de> for GateValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = GateValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or a whole number")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<GateValue, E> {
                Ok(GateValue::Flag(value))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<GateValue, E> {
                Ok(GateValue::Number(value))
            }
        }

        deserializer.deserialize_any(Either)
    }
}

/// Turns parts of the file into parts of the policy; knows the text for its errors.
struct Checker<'a> {
    text: &'a str,
}

pub(crate) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let checker = Checker { text };
    if text.len() > MAX_BYTES {
        return Err(checker.error(None, format!("a policy has at most {MAX_BYTES} bytes")));
    }
    let file: File = toml::from_str(text)
        .map_err(|error| checker.error(error.span(), error.message().trim()))?;
    checker.policy(file)
}

impl Checker<'_> {
    fn error(&self, span: Option<Range<usize>>, message: impl Into<String>) -> PolicyError {
        PolicyError::new(self.text, span, message)
    }

    fn policy(&self, file: File) -> Result<Policy, PolicyError> {
        if *file.version.get_ref() != 1 {
            let span = Some(file.version.span());
            return Err(self.error(span, "this adproof reads policies of version 1"));
        }
        if file.name.get_ref().trim().is_empty() {
            return Err(self.error(Some(file.name.span()), "a policy has a name"));
        }
        let families = match &file.families {
            None => vec![Family::Sivt, Family::Givt],
            Some(names) => names.iter().map(|name| self.family(name)).collect::<Result<_, _>>()?,
        };
        let corroborated_by = match &file.corroborated_by {
            None => Corroboration::ALL,
            Some(names) => self.corroboration(names)?,
        };
        let record = match &file.record {
            None => Record::default(),
            Some(name) => [Record::Notable, Record::All]
                .into_iter()
                .find(|record| record.as_str() == name.get_ref())
                .ok_or_else(|| self.error(Some(name.span()), "record is `notable` or `all`"))?,
        };
        let mut rungs = BTreeMap::new();
        for (name, gates) in file.rung {
            let span = name.span();
            let rung = name.into_inner().0;
            rungs.insert(rung, self.rung(rung, span, gates)?);
        }
        self.ladder(&rungs)?;
        let mut sign_offs = Vec::new();
        for sign_off in &file.sign_off {
            sign_offs.push(self.sign_off(sign_off)?);
        }
        let mut policy = Policy {
            name: file.name.into_inner().into(),
            digest: Digest::new(Sha256::digest(self.text).into()),
            treat_as_global: file
                .treat_as_global
                .iter()
                .map(|text| self.prefix(text))
                .collect::<Result<_, _>>()?,
            families,
            corroborated_by,
            record,
            holdout_ppm: self.share(file.holdout.share_ppm.as_ref())?,
            seed: file.holdout.seed,
            rungs,
            sign_offs,
            tests: Vec::new(),
        };
        for test in file.test {
            let test = self.test(&policy, test)?;
            policy.tests.push(test);
        }
        Ok(policy)
    }

    fn family(&self, name: &Spanned<String>) -> Result<Family, PolicyError> {
        let found = Family::ALL.into_iter().find(|family| family.as_str() == name.get_ref());
        found.ok_or_else(|| {
            let names = Family::ALL.map(Family::as_str).join(", ");
            let message = format!("unknown family `{}`; the families are: {names}", name.get_ref());
            self.error(Some(name.span()), message)
        })
    }

    fn corroboration(&self, names: &[Spanned<String>]) -> Result<Corroboration, PolicyError> {
        let mut kinds = Corroboration::default();
        for name in names {
            if !kinds.set(name.get_ref()) {
                let known = Corroboration::NAMES.join(", ");
                let message =
                    format!("unknown evidence `{}`; the kinds are: {known}", name.get_ref());
                return Err(self.error(Some(name.span()), message));
            }
        }
        Ok(kinds)
    }

    fn prefix(&self, text: &Spanned<String>) -> Result<Prefix, PolicyError> {
        let parsed = text.get_ref().parse();
        parsed.map_err(|error: adproof_model::PrefixParseError| {
            self.error(Some(text.span()), error.to_string())
        })
    }

    fn share(&self, share: Option<&Spanned<i64>>) -> Result<u32, PolicyError> {
        let Some(share) = share else {
            return Ok(0);
        };
        let ppm = u32::try_from(*share.get_ref()).ok();
        ppm.filter(|ppm| *ppm <= 1_000_000).ok_or_else(|| {
            let message = "a share is between 0 and 1000000 parts per million";
            self.error(Some(share.span()), message)
        })
    }

    fn rung(
        &self,
        rung: Rung,
        span: Range<usize>,
        gates: BTreeMap<GateName, Spanned<GateValue>>,
    ) -> Result<RungGates, PolicyError> {
        let mut checked = RungGates::default();
        for (GateName(gate), value) in gates {
            let need = match (gate.need(), value.get_ref()) {
                (Need::Flag, GateValue::Flag(true)) => 1,
                (Need::Flag, _) => {
                    let message = format!("gate `{gate}` takes `true`; leave it out to open it");
                    return Err(self.error(Some(value.span()), message));
                }
                (Need::Number { min, max }, GateValue::Number(number))
                    if (min..=max).contains(number) =>
                {
                    *number
                }
                (Need::Number { min, max }, _) => {
                    let message = format!("gate `{gate}` takes a whole number from {min} to {max}");
                    return Err(self.error(Some(value.span()), message));
                }
            };
            checked.gates.insert(gate, need);
        }
        if checked.gates.is_empty() {
            let message = format!("rung `{rung}` has no gate: everybody would reach it");
            return Err(self.error(Some(span), message));
        }
        if rung.acts_on_traffic() && checked.ttl_days().is_none() {
            let message = format!("rung `{rung}` acts on traffic, so it needs `ttl_days`");
            return Err(self.error(Some(span), message));
        }
        Ok(checked)
    }

    /// A ladder has no hole: a rung that nobody can stand on hides those above it.
    fn ladder(&self, rungs: &BTreeMap<Rung, RungGates>) -> Result<(), PolicyError> {
        let missing = Rung::LADDER.into_iter().find(|rung| !rungs.contains_key(rung));
        let top = rungs.keys().next_back();
        match (missing, top) {
            (Some(missing), Some(top)) if missing < *top => {
                let message =
                    format!("rung `{top}` cannot be reached: rung `{missing}` below it is missing");
                Err(self.error(None, message))
            }
            (_, None) => Err(self.error(None, "a policy has at least the rung `observe`")),
            _ => Ok(()),
        }
    }

    fn sign_off(&self, file: &SignOffFile) -> Result<SignOff, PolicyError> {
        for text in [&file.by, &file.reason] {
            if text.get_ref().trim().is_empty() {
                let message = "a sign-off says who signed and why";
                return Err(self.error(Some(text.span()), message));
            }
        }
        let midnight = format!("{}T00:00:00Z", file.until.get_ref());
        let until: Timestamp = midnight.parse().map_err(|_| {
            let message = "a sign-off ends on a day, written as \"2026-06-30\"";
            self.error(Some(file.until.span()), message)
        })?;
        Ok(SignOff {
            block: self.prefix(&file.block)?,
            by: file.by.get_ref().as_str().into(),
            reason: file.reason.get_ref().as_str().into(),
            until_day: until.day(),
        })
    }

    fn test(&self, policy: &Policy, test: Spanned<TestFile>) -> Result<PolicyTest, PolicyError> {
        let line = self.error(Some(test.span()), "").line;
        let test = test.into_inner();
        let expect = Rung::named(test.expect.get_ref()).ok_or_else(|| {
            let names = Rung::LADDER.map(Rung::as_str).join(", ");
            let message = format!("a test expects `none` or one of the rungs: {names}");
            self.error(Some(test.expect.span()), message)
        })?;
        let given = test.given;
        let family = given.family.as_ref().map(|name| self.family(name));
        let family = family.transpose()?.unwrap_or(Family::Sivt);
        let corroboration = self.corroboration(&given.corroborated_by)?;
        let collateral = given.collateral_high_ppm.map(|ppm| CollateralFacts {
            from_log: given.collateral_from_log,
            devices_high_ppm: ppm,
        });
        Ok(PolicyTest {
            name: test.name.into(),
            line,
            given: Facts {
                global: given.global,
                shared_egress: given.shared_egress,
                family_counts: policy.families.contains(&family),
                prefix_bits: Some(given.prefix_bits).filter(|bits| *bits > 0),
                issues_seen: given.issues_seen,
                last_seen_ago: given.last_seen_ago,
                recurrence_ppm: given.recurrence_ppm,
                ranked: given.ranked,
                explained: given.explained,
                sources: given.sources,
                own_events: given.own_events,
                corroboration: corroboration.and(policy.corroborated_by),
                completeness_ppm: given.completeness_ppm,
                collateral,
                backtest_precision_ppm: given.backtest_precision_ppm,
                sign_off: given.sign_off,
            },
            expect,
            because: test.because.map(|gate| gate.into_inner().into()),
        })
    }
}
