//! `adproof.lint/1`: what the rules say of tags.

use std::collections::BTreeMap;
use std::io;

use adproof_model::{Finding, Severity, Span};
use adproof_vast::profile::Profile;
use adproof_vast::{Limits, Report, rule};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::indented::Indented;
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
    /// Findings that comments in the document silence, counted by rule.
    pub suppressed: BTreeMap<&'static str, u32>,
    /// How many findings a baseline hides.
    pub baselined: u32,
    /// What the profiles that were asked for make of it, in the order asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub profiles: Vec<VerdictV1>,
    /// The findings that a baseline hides.
    #[serde(skip)]
    pub hidden: Vec<FindingV1>,
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
    /// The same for the same fault on another line: 32 hex digits over rule, element and the text
    /// that it is about.
    pub fingerprint: String,
    /// Where the rule comes from.
    pub citation: String,
    /// Ids of the same check elsewhere; `adproof rules` lists all that a rule has.
    pub aliases: Vec<&'static str>,
    /// How to mend it, where that is known.
    pub fix: Option<FixV1>,
}

/// A place in the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
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
    /// The line of `end`.
    #[schemars(range(min = 1))]
    pub end_line: u32,
    /// The column of `end`.
    #[schemars(range(min = 1))]
    pub end_column: u32,
}

impl SpanV1 {
    pub(crate) fn new(span: Span, lines: &mut Lines<'_>) -> Self {
        let (line, column) = lines.place(span.start);
        let (end_line, end_column) = lines.place(span.end);
        Self { start: span.start, end: span.end, line, column, end_line, end_column }
    }
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
    /// The same bytes with their lines.
    #[serde(skip)]
    pub span: SpanV1,
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

/// Writes the document of a run, as [`crate::text`] writes it, from pieces that were made apart:
/// each holds one or more entries as [`entry`] appends them. What they add up to is asked for when
/// the last piece is there.
pub fn write<P: AsRef<[u8]>>(
    pieces: impl IntoIterator<Item = P>,
    summary: impl FnOnce() -> SummaryV1,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let ruleset = adproof_vast::ruleset_digest();
    write!(out, "{{\n  \"schema\": \"adproof.lint/1\",\n  \"ruleset\": \"sha256:{ruleset}\",\n")?;
    out.write_all(b"  \"documents\": [")?;
    let mut some = false;
    for piece in pieces {
        let piece = piece.as_ref();
        // The first entry of all has none before it.
        let begin = usize::from(!some);
        out.write_all(piece.get(begin..).unwrap_or_default())?;
        some |= !piece.is_empty();
    }
    out.write_all(if some { b"\n  ],\n" } else { b"],\n" })?;
    let SummaryV1 { error, warning, info } = summary();
    writeln!(
        out,
        "  \"summary\": {{\n    \"error\": {error},\n    \"warning\": {warning},\n    \"info\": {info}\n  }}\n}}"
    )
}

/// Appends a document to a piece of the list of documents.
pub fn entry(document: &DocumentV1, piece: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let indented = Indented::at(2);
    piece.push(b',');
    indented.line(piece).map_err(serde_json::Error::io)?;
    document.serialize(&mut serde_json::Serializer::with_formatter(piece, indented))
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
                .map(|finding| FindingV1::new(finding, bytes, &mut lines))
                .collect(),
            truncated: report.truncated.clone(),
            suppressed: report.suppressed.clone(),
            baselined: 0,
            profiles: Vec::new(),
            hidden: Vec::new(),
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
    fn new(finding: &Finding, bytes: &[u8], lines: &mut Lines<'_>) -> Self {
        let rule = rule(finding.rule);
        let span = SpanV1::new(finding.span, lines);
        Self {
            rule: finding.rule,
            axis: finding.axis.as_str(),
            severity: finding.severity.as_str(),
            message: finding.message.to_string(),
            path: finding.path.to_string(),
            span,
            fingerprint: fingerprint(finding, bytes),
            citation: rule.map(|rule| rule.citation().to_string()).unwrap_or_default(),
            aliases: rule
                .map(|rule| rule.aliases().iter().copied().take(ALIASES).collect())
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
                        span: SpanV1::new(edit.span, lines),
                    })
                    .collect(),
                safe: fix.safe,
            }),
        }
    }
}

/// 128 bits of SHA-256 over the rule, the element and the bytes that the finding is about, each
/// with its length. Lines and columns have no part in it.
fn fingerprint(finding: &Finding, bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"adproof/finding/1\0");
    let text = finding.span.slice(bytes).unwrap_or_default();
    for part in [finding.rule.as_bytes(), finding.path.as_bytes(), text] {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let mut hex = adproof_model::Digest::new(hash.finalize().into()).to_string();
    hex.truncate(32);
    hex
}

#[cfg(test)]
pub(crate) mod tests {
    use adproof_vast::Options;

    use super::*;

    /// What the rules say of a tag, by default options.
    pub(crate) fn document(path: &str, tag: &str) -> DocumentV1 {
        let report = adproof_vast::lint(tag.as_bytes(), &Options::default());
        DocumentV1::new(path, tag.as_bytes(), &report)
    }

    #[test]
    fn a_fingerprint_survives_new_lines_above() {
        let tag = "<VAST version=\"4.2\"><Nope/></VAST>";
        let moved = tag.replace("<Nope/>", "\n\n\n   <Nope/>");
        let (a, b) = (document("a.xml", tag), document("a.xml", &moved));
        assert_ne!(a.findings[0].span, b.findings[0].span);
        assert_eq!(a.findings[0].fingerprint, b.findings[0].fingerprint);
        let other = document("a.xml", &tag.replace("Nope", "None"));
        assert_ne!(a.findings[0].fingerprint, other.findings[0].fingerprint);
    }

    #[test]
    fn a_stream_is_the_whole_document() {
        let documents = [
            document("a.xml", "<VAST/>"),
            document("b.xml", "<VAST version=\"4.2\"/>"),
            document(",c.xml", "<VAST>,"),
        ];
        for count in 0..=documents.len() {
            let documents = &documents[..count];
            let whole = LintV1::of(documents.to_vec());
            for together in 1..=3 {
                let piece = |documents: &[DocumentV1]| {
                    let mut piece = Vec::new();
                    for one in documents {
                        entry(one, &mut piece).unwrap();
                    }
                    piece
                };
                let mut streamed = Vec::new();
                let pieces = documents.chunks(together).map(piece).chain([Vec::new()]);
                write(pieces, || whole.summary, &mut streamed).unwrap();
                assert_eq!(String::from_utf8(streamed).unwrap(), crate::text(&whole).unwrap());
            }
        }
    }

    /// A tag that breaks rules wherever it can.
    pub(crate) fn broken(len: usize, line_end: &str) -> String {
        let mut text = String::from("<VAST version=\"4.2\">");
        while text.len() < len {
            text.push_str("<Ad><InLine><Impression>http://10.0.0.1/?a=1&amp;b=2&amp;c=3&amp;d=4&amp;e=5&amp;f=[nope] x</Impression><Nope/><Creatives><Creative><Linear skipoffset='x'><mediafiles a='b'><MediaFile type='banana'><![CDATA[//x/&amp;&amp;&amp;&amp;&amp;&amp;&amp;&amp;]]></MediaFile></mediafiles></Linear></Creative></Creatives></InLine></Ad>");
            text.push_str(line_end);
        }
        text + "</VAST>"
    }

    #[test]
    fn a_bad_tag_of_2_7_megabytes_gives_less_than_one_of_json() {
        for line_end in ["", "\n"] {
            let tag = broken(2_700_000, line_end);
            let report = adproof_vast::lint(tag.as_bytes(), &Options::default());
            let lint = LintV1::new([("tag.xml", tag.as_bytes(), &report)]);
            assert!(report.findings.len() >= 300, "{}", report.findings.len());
            assert!(!report.truncated.is_empty());
            let text = crate::text(&lint).unwrap();
            assert!(text.len() < 1_000_000, "{}", text.len());
        }
    }

    #[test]
    fn no_tag_fills_more_than_the_bounds() {
        // Every text of a finding is bounded: messages, paths, aliases and edits.
        let deep = "<a>".repeat(3000);
        let long = format!(
            "<VAST version=\"{}\"><Nope{}/></VAST>",
            "9".repeat(100_000),
            "x".repeat(100_000)
        );
        for tag in [deep, long, format!("<VAST>{}", "<Ad><InLine>".repeat(50_000))] {
            let report = adproof_vast::lint(tag.as_bytes(), &Options::default());
            let lint = LintV1::new([("tag.xml", tag.as_bytes(), &report)]);
            let text = crate::text(&lint).unwrap();
            assert!(text.len() < 1_000_000, "{}", text.len());
        }
        assert_eq!(Limits::default().findings, 800);
    }
}
