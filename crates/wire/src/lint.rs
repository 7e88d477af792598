//! `adproof.lint/1`: what the rules say of tags.

use std::collections::BTreeMap;

use adproof_model::{Finding, Severity};
use adproof_vast::profile::Profile;
use adproof_vast::{Limits, Report, rule};
use schemars::JsonSchema;
use serde::Serialize;

use crate::place::Lines;
use crate::profiles::{self, VerdictV1};

/// The JSON Schema of `adproof.lint/1`.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(LintV1)
}

/// What the rules say of one or more tags.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LintV1 {
    /// Always `adproof.lint/1`.
    #[schemars(extend("const" = "adproof.lint/1"))]
    pub schema: &'static str,
    /// The digest of the rule set: `sha256:` and 64 hex digits.
    pub ruleset: String,
    /// One entry a document, in the order in which they were given.
    pub documents: Vec<DocumentV1>,
    /// Findings over all documents.
    pub summary: SummaryV1,
}

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SummaryV1 {
    /// Findings that are errors.
    pub error: u64,
    /// Findings that are warnings.
    pub warning: u64,
    /// Findings that are worth knowing.
    pub info: u64,
}

/// One document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DocumentV1 {
    /// The path or the name under which it was given.
    pub path: String,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// What it is by its root element.
    #[schemars(extend("enum" = ["VAST", "VMAP", "DAAST", "unknown"]))]
    pub kind: &'static str,
    /// The name of the encoding it was read in.
    pub encoding: &'static str,
    /// Its version.
    pub version: VersionV1,
    /// How it fared as a whole.
    #[schemars(extend("enum" = ["clean", "findings", "malformed", "refused"]))]
    pub outcome: &'static str,
    /// What was found, in the order of the places.
    pub findings: Vec<FindingV1>,
    /// Findings beyond the bounds, counted by rule.
    pub truncated: BTreeMap<&'static str, u32>,
    /// What the profiles that were asked for make of it, in the order asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub profiles: Vec<VerdictV1>,
}

/// The version of a document.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct VersionV1 {
    /// What the attribute `version` says.
    pub declared: Option<String>,
    /// The version by which the document was judged.
    pub effective: Option<&'static str>,
}

/// One finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FindingV1 {
    /// The rule's id.
    pub rule: &'static str,
    /// What kind of fault it is.
    #[schemars(extend("enum" = ["spec", "interop", "policy", "risk", "limit"]))]
    pub axis: &'static str,
    /// How bad it is.
    #[schemars(extend("enum" = ["error", "warning", "info"]))]
    pub severity: &'static str,
    /// What is wrong here, one sentence.
    pub message: String,
    /// The element, with positions: `/VAST/Ad[1]/InLine[1]`.
    pub path: String,
    /// The bytes that it is about.
    pub span: SpanV1,
    /// Where the rule comes from.
    pub citation: String,
    /// Ids of the same check elsewhere; `adproof rules` lists all that a rule has.
    pub aliases: Vec<&'static str>,
    /// How to mend it, where that is known.
    pub fix: Option<FixV1>,
}

/// A place in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SpanV1 {
    /// The first byte of the input as given, from 0.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// The line of the first byte, from 1.
    #[schemars(range(min = 1))]
    pub line: u32,
    /// The column of the first byte, from 1, in UTF-16 code units as editors count.
    #[schemars(range(min = 1))]
    pub column: u32,
}

/// A way to mend a finding.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FixV1 {
    /// What it does, in the imperative.
    pub title: String,
    /// Replacements of bytes of the input, sorted, never overlapping.
    pub edits: Vec<EditV1>,
    /// Whether it keeps the meaning of the tag for every player.
    pub safe: bool,
}

/// One replacement.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EditV1 {
    /// The first byte that is replaced.
    pub start: u32,
    /// One past the last; equal to `start` where text is inserted.
    pub end: u32,
    /// What stands there afterwards.
    pub text: String,
}

/// How many aliases a finding carries. Rules that cover a family have dozens, all on their page.
const ALIASES: usize = 3;

impl LintV1 {
    /// From reports, each with the name and the bytes of its document.
    #[must_use]
    pub fn new<'a>(reports: impl IntoIterator<Item = (&'a str, &'a [u8], &'a Report)>) -> Self {
        let documents = reports.into_iter();
        Self::of(documents.map(|(path, bytes, report)| DocumentV1::new(path, bytes, report)))
    }

    /// From documents that were judged.
    #[must_use]
    pub fn of(documents: impl IntoIterator<Item = DocumentV1>) -> Self {
        let documents: Vec<DocumentV1> = documents.into_iter().collect();
        let mut summary = SummaryV1::default();
        for document in &documents {
            summary.add(document);
        }
        Self {
            schema: "adproof.lint/1",
            ruleset: format!("sha256:{}", adproof_vast::ruleset_digest()),
            documents,
            summary,
        }
    }
}

impl SummaryV1 {
    /// Counts the findings of a document, those beyond the bounds included.
    pub fn add(&mut self, document: &DocumentV1) {
        for finding in &document.findings {
            *self.of(finding.severity) += 1;
        }
        for (id, count) in &document.truncated {
            let severity = rule(id).map_or("error", |rule| rule.severity.as_str());
            *self.of(severity) += u64::from(*count);
        }
    }

    fn of(&mut self, severity: &str) -> &mut u64 {
        match severity {
            "error" => &mut self.error,
            "warning" => &mut self.warning,
            _ => &mut self.info,
        }
    }
}

impl DocumentV1 {
    /// From one report, with the name and the bytes of its document.
    #[must_use]
    pub fn new(path: &str, bytes: &[u8], report: &Report) -> Self {
        let mut lines = Lines::new(bytes, report.encoding);
        Self {
            path: path.to_owned(),
            sha256: report.verdict.document.to_string(),
            bytes: report.bytes,
            kind: report.verdict.kind.as_str(),
            encoding: report.encoding,
            version: VersionV1 {
                declared: report.version.declared.as_deref().map(str::to_owned),
                effective: report.version.effective.map(adproof_vast::Version::as_str),
            },
            outcome: report.verdict.outcome.as_str(),
            findings: report
                .findings
                .iter()
                .map(|finding| FindingV1::new(finding, &mut lines))
                .collect(),
            truncated: report.truncated.clone(),
            profiles: Vec::new(),
        }
    }

    /// With what profiles make of the document.
    #[must_use]
    pub fn judged(mut self, bytes: &[u8], profiles: &[&'static Profile], limits: &Limits) -> Self {
        self.profiles = profiles::verdicts(bytes, self.encoding, profiles, limits);
        self
    }

    /// Whether a profile that was asked for says that the ads do not play.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.profiles.iter().any(|verdict| verdict.verdict == "fails")
    }

    /// How many findings have a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity.as_str()).count()
    }
}

impl FindingV1 {
    fn new(finding: &Finding, lines: &mut Lines<'_>) -> Self {
        let rule = rule(finding.rule);
        let (line, column) = lines.place(finding.span.start);
        Self {
            rule: finding.rule,
            axis: finding.axis.as_str(),
            severity: finding.severity.as_str(),
            message: finding.message.to_string(),
            path: finding.path.to_string(),
            span: SpanV1 { start: finding.span.start, end: finding.span.end, line, column },
            citation: rule.map(|rule| rule.citation.to_string()).unwrap_or_default(),
            aliases: rule
                .map(|rule| rule.aliases.iter().copied().take(ALIASES).collect())
                .unwrap_or_default(),
            fix: finding.fix.as_ref().map(|fix| FixV1 {
                title: fix.title.to_string(),
                edits: fix
                    .edits
                    .iter()
                    .map(|edit| EditV1 {
                        start: edit.span.start,
                        end: edit.span.end,
                        text: edit.text.to_string(),
                    })
                    .collect(),
                safe: fix.safe,
            }),
        }
    }
}
