//! SARIF 2.1.0: findings for code scanning and editors.
//!
//! Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::lint::{DocumentV1, FindingV1};

/// A SARIF log with one run.
#[derive(Clone, Debug, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Clone, Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Clone, Debug, Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct RuleProperties {
    tags: [&'static str; 1],
    citation: String,
}

#[derive(Clone, Debug, Serialize)]
struct Text {
    text: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<SarifFix>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Clone, Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    byte_offset: u32,
    byte_length: u32,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifFix {
    description: Text,
    artifact_changes: [Change; 1],
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    artifact_location: ArtifactLocation,
    replacements: Vec<Replacement>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Bytes,
    inserted_content: Text,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Bytes {
    byte_offset: u32,
    byte_length: u32,
}

impl Sarif {
    /// From the documents of a lint run.
    #[must_use]
    pub fn new(documents: &[DocumentV1]) -> Self {
        let findings = || documents.iter().flat_map(|document| &document.findings);
        let used: BTreeSet<&'static str> = findings().map(|finding| finding.rule).collect();
        let index: Vec<&'static str> = used.into_iter().collect();
        let results = documents
            .iter()
            .flat_map(|document| {
                let uri = uri(&document.path);
                let index = &index;
                document.findings.iter().map(move |finding| outcome(&uri, index, finding))
            })
            .collect();
        let rules = index.iter().filter_map(|id| adproof_vast::rule(id)).map(descriptor).collect();
        let version = env!("CARGO_PKG_VERSION");
        Self {
            schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
            version: "2.1.0",
            runs: [Run {
                tool: Tool {
                    driver: Driver { name: "adproof", version, semantic_version: version, rules },
                },
                column_kind: "utf16CodeUnits",
                results,
            }],
        }
    }
}

fn descriptor(rule: &'static adproof_vast::Rule) -> Descriptor {
    Descriptor {
        id: rule.id,
        short_description: Text { text: rule.title.to_owned() },
        full_description: Text { text: rule.why().to_owned() },
        help: Help { text: rule.why(), markdown: rule.page() },
        default_configuration: Configuration { level: level(rule.severity.as_str()) },
        properties: RuleProperties {
            tags: [rule.axis.as_str()],
            citation: rule.citation.to_string(),
        },
    }
}

fn outcome(uri: &str, index: &[&'static str], finding: &FindingV1) -> Outcome {
    let span = finding.span;
    let place = || ArtifactLocation { uri: uri.to_owned() };
    let fix = finding.fix.as_ref().map(|fix| SarifFix {
        description: Text { text: fix.title.clone() },
        artifact_changes: [Change {
            artifact_location: place(),
            replacements: fix
                .edits
                .iter()
                .map(|edit| Replacement {
                    deleted_region: Bytes {
                        byte_offset: edit.start,
                        byte_length: edit.end.saturating_sub(edit.start),
                    },
                    inserted_content: Text { text: edit.text.clone() },
                })
                .collect(),
        }],
    });
    let logical = LogicalLocation { fully_qualified_name: finding.path.clone(), kind: "element" };
    Outcome {
        rule_id: finding.rule,
        rule_index: index.binary_search(&finding.rule).unwrap_or_default(),
        level: level(finding.severity),
        message: Text { text: finding.message.clone() },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: place(),
                region: Region {
                    start_line: span.line,
                    start_column: span.column,
                    byte_offset: span.start,
                    byte_length: span.end.saturating_sub(span.start),
                },
            },
            logical_locations: if finding.path.is_empty() { Vec::new() } else { vec![logical] },
        }],
        fixes: fix.into_iter().collect(),
    }
}

fn level(severity: &str) -> &'static str {
    match severity {
        "error" => "error",
        "warning" => "warning",
        _ => "note",
    }
}

/// A path as a URI reference: what URIs do not allow is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'\\' => out.push('/'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
