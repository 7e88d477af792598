use std::collections::BTreeMap;

use adproof_model::{Axis, Digest, DocumentKind, DocumentOutcome, Finding, Severity, TagVerdict};
use sha2::{Digest as _, Sha256};

use crate::document::{Document, State};
use crate::findings::Findings;
use crate::generated::structure::{name, ty};
use crate::sink::{Heard, Sink};
use crate::{Options, Version, parse, rules, ruleset_digest};

/// The version of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentVersion {
    /// What `version` says, as written.
    pub declared: Option<Box<str>>,
    /// The version by which the document was judged; none when it is no VAST.
    pub effective: Option<Version>,
}

/// What the rules say of a document.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checked<'a> {
    /// The kind of the document.
    pub kind: DocumentKind,
    /// Its version.
    pub version: DocumentVersion,
    /// How it fared as a whole.
    pub outcome: DocumentOutcome,
    /// What was found, in the order of the places.
    pub findings: Findings<'a>,
    /// Findings beyond the bounds, counted by rule.
    pub truncated: BTreeMap<&'static str, u32>,
    /// Findings that comments of the document silence, counted by rule.
    pub suppressed: BTreeMap<&'static str, u32>,
    /// The name of the encoding that the document was read in.
    pub encoding: &'static str,
}

/// What the rules say of a document, with the digests that a record pins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What the rest of the product needs to know.
    pub verdict: TagVerdict,
    /// Bytes of the document.
    pub bytes: u64,
    /// The version of the document.
    pub version: DocumentVersion,
    /// What was found, in the order of the places.
    pub findings: Vec<Finding>,
    /// Findings beyond the bounds, counted by rule.
    pub truncated: BTreeMap<&'static str, u32>,
    /// Findings that comments of the document silence, counted by rule.
    pub suppressed: BTreeMap<&'static str, u32>,
    /// The name of the encoding that the document was read in.
    pub encoding: &'static str,
}

impl Report {
    /// How many findings have a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Judges a document, takes its digest and writes every finding down.
#[must_use]
pub fn lint(bytes: &[u8], options: &Options) -> Report {
    let Checked { kind, version, outcome, findings, truncated, suppressed, encoding } =
        check(bytes, options);
    let findings: Vec<Finding> = findings.iter().collect();
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let errors = || findings.iter().filter(|finding| finding.severity == Severity::Error);
    let mut error_rules: Vec<&'static str> = errors().map(|finding| finding.rule).collect();
    error_rules.sort_unstable();
    error_rules.dedup();
    let verdict = TagVerdict {
        document: Digest::new(Sha256::digest(bytes).into()),
        ruleset: ruleset_digest(),
        kind,
        outcome,
        errors: narrow(count(Severity::Error)),
        warnings: narrow(count(Severity::Warning)),
        risks: narrow(findings.iter().filter(|finding| finding.axis == Axis::Risk).count()),
        error_rules,
    };
    let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Report { verdict, bytes, version, findings, truncated, suppressed, encoding }
}

/// Judges a document: one pass over the text, one over the arena. What a finding says is written
/// down when somebody reads it.
#[must_use]
pub fn check<'a>(bytes: &'a [u8], options: &Options) -> Checked<'a> {
    let doc = parse(bytes, &options.limits);
    let version = versions(&doc);
    let Heard { noted, truncated, suppressed } = judge(&doc, options);
    let outcome = match doc.state {
        State::Refused => DocumentOutcome::Refused,
        State::Malformed => DocumentOutcome::Malformed,
        State::Whole if noted.list.is_empty() => DocumentOutcome::Clean,
        State::Whole => DocumentOutcome::Findings,
    };
    let (kind, encoding) = (doc.kind, doc.encoding());
    let findings = Findings { doc, noted };
    Checked { kind, version, outcome, findings, truncated, suppressed, encoding }
}

/// What the rules say of a document that has been read.
fn judge(doc: &Document<'_>, options: &Options) -> Heard {
    let mut sink = Sink::new(doc, options);
    rules::xml::problems(doc, &mut sink);
    for id in doc.elements() {
        let Some(element) = doc.element(id) else {
            continue;
        };
        if element.ty == ty::VAST {
            let declared = doc.attr_raw(element, name::VERSION);
            let effective = effective(doc, declared);
            sink.set_version(effective);
        } else if matches!(element.ty, ty::AD_BREAK | ty::VMAP_TRACKING_EVENTS) {
            // What follows embedded VAST is judged as VMAP, whatever that VAST was.
            sink.set_version(Version::V4_3);
        } else if element.ty == ty::DAAST {
            // What both have in common DAAST took from VAST 3.0.
            sink.set_version(Version::V3_0);
        }
        rules::element(doc, &mut sink, id, element);
    }
    sink.finish()
}

/// The version of the first VAST element; of VMAP the embedded ones are judged by their own.
fn versions(doc: &Document<'_>) -> DocumentVersion {
    let root = doc.elements.first().filter(|_| doc.kind != DocumentKind::Unknown);
    let Some(root) = root else {
        return DocumentVersion::default();
    };
    let declared = doc.attr_raw(root, name::VERSION);
    let effective = (doc.kind == DocumentKind::Vast).then(|| effective(doc, declared));
    DocumentVersion { declared: declared.map(rules::quoted), effective }
}

/// The declared version, or where none is known the oldest that has every element of the document.
fn effective(doc: &Document<'_>, declared: Option<&str>) -> Version {
    if let Some(version) = declared.map(str::trim_ascii).and_then(Version::declared) {
        return version;
    }
    let sets = doc.elements.iter().filter_map(|element| {
        let parent = doc.element(element.parent)?;
        parent.ty.info().children.get(usize::from(element.row)).map(|row| row.versions)
    });
    let common =
        sets.fold(u8::MAX, |common, set| if common & set == 0 { common } else { common & set });
    Version::oldest(common).unwrap_or(Version::V2_0)
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
