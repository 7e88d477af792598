//! SARIF 2.1.0: findings for code scanning and editors.
//!
//! Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0. The sections
//! below are of that document.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::lint::{DocumentV1, FindingV1, SpanV1};
use crate::stream::Stream;

/// Where findings of a run are explained, and what they are counted by.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The address under which `ID.html` is the page of a rule, with a `/` at its end. Without it
    /// a rule's `helpUri` is where its source is published.
    pub rules_url: Option<String>,
}

/// A SARIF log with one run, written once, each document as soon as it is there.
#[derive(Debug)]
pub struct Sarif<I> {
    settings: Settings,
    documents: RefCell<Option<I>>,
}

impl<I> Sarif<I> {
    /// From the documents of a lint run.
    pub fn new<D>(documents: D, settings: Settings) -> Self
    where
        D: IntoIterator<Item = DocumentV1, IntoIter = I>,
    {
        Self { settings, documents: RefCell::new(Some(documents.into_iter())) }
    }
}

impl<I: Iterator<Item = DocumentV1>> Serialize for Sarif<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut log = serializer.serialize_struct("Sarif", 3)?;
        log.serialize_field(
            "$schema",
            "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        )?;
        log.serialize_field("version", "2.1.0")?;
        log.serialize_field("runs", &[Run(self)])?;
        log.end()
    }
}

struct Run<'a, I>(&'a Sarif<I>);

/// What is known of a run when its last result is written.
#[derive(Default)]
struct Seen {
    artifacts: Vec<Artifact>,
    /// The rules of the results, each with its index.
    rules: BTreeMap<&'static str, usize>,
    truncated: BTreeMap<&'static str, u64>,
    suppressed: BTreeMap<&'static str, u64>,
    baselined: u64,
}

impl<I: Iterator<Item = DocumentV1>> Serialize for Run<'_, I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seen = RefCell::new(Seen::default());
        let documents = self.0.documents.borrow_mut().take();
        let results = documents.into_iter().flatten().flat_map(|document| {
            let mut seen = seen.borrow_mut();
            seen.results(&document)
        });
        let mut run = serializer.serialize_struct("Run", 6)?;
        run.serialize_field("columnKind", "utf16CodeUnits")?;
        run.serialize_field("results", &Stream::new(results))?;
        let seen = seen.into_inner();
        run.serialize_field("artifacts", &seen.artifacts)?;
        run.serialize_field("invocations", &[Invocation { execution_successful: true }])?;
        run.serialize_field(
            "properties",
            &RunProperties {
                truncated: &seen.truncated,
                suppressed: &seen.suppressed,
                baselined: seen.baselined,
            },
        )?;
        // After the results, because only now it is known which rules they name.
        run.serialize_field("tool", &Tool::new(&seen.rules, &self.0.settings))?;
        run.end()
    }
}

impl Seen {
    fn results(&mut self, document: &DocumentV1) -> Vec<Outcome> {
        let place = ArtifactLocation { uri: uri(&document.path), index: self.artifacts.len() };
        // §3.27.23: where one result of a run says whether it is suppressed, all of them do.
        let shown = document.findings.iter().map(|finding| (finding, Vec::new()));
        let hidden = document.hidden.iter().map(|finding| (finding, vec![BASELINE]));
        let results = shown
            .chain(hidden)
            .map(|(finding, suppressions)| {
                let next = self.rules.len();
                let index = *self.rules.entry(finding.rule).or_insert(next);
                outcome(&place, index, finding, suppressions)
            })
            .collect();
        for (rule, count) in &document.truncated {
            *self.truncated.entry(rule).or_default() += u64::from(*count);
        }
        for (rule, count) in &document.suppressed {
            *self.suppressed.entry(rule).or_default() += u64::from(*count);
        }
        self.baselined += u64::from(document.baselined);
        self.artifacts.push(Artifact {
            location: place,
            length: document.bytes,
            roles: ["analysisTarget"],
            mime_type: "application/xml",
            encoding: document.encoding,
            hashes: Hashes { sha256: document.sha256.clone() },
        });
        results
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    location: ArtifactLocation,
    length: u64,
    roles: [&'static str; 1],
    mime_type: &'static str,
    encoding: &'static str,
    hashes: Hashes,
}

#[derive(Serialize)]
struct Hashes {
    #[serde(rename = "sha-256")]
    sha256: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
}

/// Counts by rule of what is in no result.
#[derive(Serialize)]
struct RunProperties<'a> {
    truncated: &'a BTreeMap<&'static str, u64>,
    suppressed: &'a BTreeMap<&'static str, u64>,
    baselined: u64,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

impl Tool {
    fn new(used: &BTreeMap<&'static str, usize>, settings: &Settings) -> Self {
        let mut used: Vec<(usize, &str)> = used.iter().map(|(id, index)| (*index, *id)).collect();
        used.sort_unstable();
        let rules = used
            .into_iter()
            .filter_map(|(_, id)| adproof_vast::rule(id))
            .map(|rule| descriptor(rule, settings))
            .collect();
        let version = env!("CARGO_PKG_VERSION");
        Self { driver: Driver { name: "adproof", version, semantic_version: version, rules } }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    help: Help,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    enabled: bool,
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: [&'static str; 1],
    citation: String,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Text,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints,
    suppressions: Vec<Suppression>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<SarifFix>,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "adproofFinding/v1")]
    finding: String,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    justification: &'static str,
}

const BASELINE: Suppression =
    Suppression { kind: "external", justification: "recorded in the baseline" };

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Clone, Serialize)]
struct ArtifactLocation {
    uri: String,
    index: usize,
}

/// The same range as text and as bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
    end_line: u32,
    end_column: u32,
    byte_offset: u32,
    byte_length: u32,
}

impl From<SpanV1> for Region {
    fn from(span: SpanV1) -> Self {
        Self {
            start_line: span.line,
            start_column: span.column,
            end_line: span.end_line,
            end_column: span.end_column,
            byte_offset: span.start,
            byte_length: span.end.saturating_sub(span.start),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifFix {
    description: Text,
    artifact_changes: [Change; 1],
    properties: FixProperties,
}

#[derive(Serialize)]
struct FixProperties {
    safe: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    artifact_location: ArtifactLocation,
    replacements: Vec<Replacement>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    deleted_region: Region,
    inserted_content: Text,
}

fn descriptor(rule: &'static adproof_vast::Rule, settings: &Settings) -> Descriptor {
    let page = settings.rules_url.as_ref().map(|url| format!("{url}{}.html", rule.id));
    Descriptor {
        id: rule.id,
        short_description: Text { text: rule.title().to_owned() },
        full_description: Text { text: rule.why().to_owned() },
        help: Help { text: rule.why(), markdown: rule.page() },
        help_uri: page.or_else(|| published(rule.citation().document).map(str::to_owned)),
        default_configuration: Configuration {
            enabled: rule.default_on,
            level: level(rule.severity.as_str()),
        },
        properties: RuleProperties {
            tags: [rule.axis.as_str()],
            citation: rule.citation().to_string(),
        },
    }
}

/// Where the document that a rule cites is published.
fn published(document: &str) -> Option<&'static str> {
    const PUBLISHED: &[(&str, &str)] = &[
        ("VAST ", "https://iabtechlab.com/standards/vast/"),
        ("SIMID ", "https://interactiveadvertisingbureau.github.io/SIMID/"),
        ("OM SDK", "https://iabtechlab.com/standards/open-measurement-sdk/"),
        ("VMAP", "https://www.iab.com/guidelines/vmap/"),
        ("DAAST", "https://www.iab.com/guidelines/daast/"),
        ("Extensible Markup Language", "https://www.w3.org/TR/xml/"),
        ("Namespaces in XML", "https://www.w3.org/TR/xml-names/"),
        ("W3C Mixed Content", "https://www.w3.org/TR/mixed-content/"),
        ("Ad-ID", "https://www.ad-id.org/"),
        ("RFC 3986", "https://www.rfc-editor.org/rfc/rfc3986"),
        ("RFC 5646", "https://www.rfc-editor.org/rfc/rfc5646"),
        ("RFC 6838", "https://www.rfc-editor.org/rfc/rfc6838"),
        ("RFC 6890", "https://www.rfc-editor.org/rfc/rfc6890"),
    ];
    let found = PUBLISHED.iter().find(|(start, _)| document.starts_with(start));
    found.map(|(_, address)| *address)
}

fn outcome(
    place: &ArtifactLocation,
    rule_index: usize,
    finding: &FindingV1,
    suppressions: Vec<Suppression>,
) -> Outcome {
    let fix = finding.fix.as_ref().map(|fix| SarifFix {
        description: Text { text: unlinked(&fix.title) },
        artifact_changes: [Change {
            artifact_location: place.clone(),
            replacements: fix
                .edits
                .iter()
                .map(|edit| Replacement {
                    deleted_region: edit.span.into(),
                    inserted_content: Text { text: edit.text.clone() },
                })
                .collect(),
        }],
        properties: FixProperties { safe: fix.safe },
    });
    let logical = LogicalLocation { fully_qualified_name: finding.path.clone(), kind: "element" };
    Outcome {
        rule_id: finding.rule,
        rule_index,
        level: level(finding.severity),
        message: Text { text: unlinked(&finding.message) },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: place.clone(),
                region: finding.span.into(),
            },
            logical_locations: if finding.path.is_empty() { Vec::new() } else { vec![logical] },
        }],
        partial_fingerprints: Fingerprints { finding: finding.fingerprint.clone() },
        suppressions,
        fixes: fix.into_iter().collect(),
    }
}

/// A message quotes a stranger's text, and `[text](address)` in a message is a link (§3.11.6).
fn unlinked(text: &str) -> String {
    text.replace("](", "] (")
}

fn level(severity: &str) -> &'static str {
    match severity {
        "error" => "error",
        "warning" => "warning",
        _ => "note",
    }
}

/// A path as a URI: what URIs do not allow is percent-encoded, and an absolute path gets the
/// scheme `file` (§3.4.3).
fn uri(path: &str) -> String {
    let drive =
        matches!(path.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    let windows = drive || path.starts_with(r"\\") || cfg!(windows);
    // On Unix a backslash is a character of a name.
    let path = if windows { path.replace('\\', "/") } else { path.to_owned() };
    let mut out = String::with_capacity(path.len() + 8);
    let rest = if drive {
        let (letter, rest) = path.split_at(2);
        let _ = write!(out, "file:///{letter}");
        rest
    } else if windows && let Some(rest) = path.strip_prefix("//") {
        // A share is the host of the address.
        out.push_str("file://");
        rest
    } else if path.starts_with('/') {
        out.push_str("file://");
        path.as_str()
    } else {
        path.strip_prefix("./").unwrap_or(&path)
    };
    for byte in rest.bytes() {
        match byte {
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::lint::tests::{broken, document};

    fn valid(documents: Vec<DocumentV1>, settings: Settings) -> Value {
        let mut schema: Value =
            serde_json::from_str(include_str!("../tests/sarif/sarif-schema-2.1.0.json")).unwrap();
        // A stray `]` makes this no pattern for readers that are strict. We write no language.
        for object in ["run", "toolComponent"] {
            schema["definitions"][object]["properties"]["language"]["pattern"] = "^".into();
        }
        let schema = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
        let log = serde_json::to_value(Sarif::new(documents, settings)).unwrap();
        let errors: Vec<String> = schema
            .iter_errors(&log)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        log
    }

    #[test]
    fn hostile_names_and_tags_are_valid() {
        let tag = "<VAST version=\"4.2\"><Ad id=\"[x](https://evil.example)\"><InLine><Nope a=\"]]>\u{1}{0}\u{202e}\"/><Impression>[x](https://evil.example) &amp; &nope;</Impression></InLine></Ad></VAST>";
        let names = [
            "a b.xml",
            "é/日本.xml",
            "100%.xml",
            "%41.xml",
            "a:b.xml",
            r"C:\tags\a b.xml",
            r"\\host\share\a.xml",
            "/abs/a?b#c.xml",
            "./x.xml",
            "-",
            "a\u{1}\n.xml",
            "[x](y).xml",
            "\"<>^`{|}",
            "..",
            "//x",
        ];
        let documents = names.iter().map(|name| document(name, tag)).collect();
        let log = valid(documents, Settings::default());
        let run = &log["runs"][0];
        assert!(run["results"].as_array().unwrap().len() > names.len());
        for result in run["results"].as_array().unwrap() {
            assert!(!result["message"]["text"].as_str().unwrap().contains("]("));
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
            let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            let index = usize::try_from(place["index"].as_u64().unwrap()).unwrap();
            assert_eq!(run["artifacts"][index]["location"]["uri"], place["uri"]);
        }
    }

    #[test]
    fn a_hidden_finding_is_a_suppressed_result() {
        let mut document = document("a.xml", "<VAST version=\"4.2\"><Nope/></VAST>");
        let shown = document.findings.len();
        document.hidden = document.findings.split_off(1);
        document.baselined = 1;
        document.suppressed.insert("url-http", 3);
        document.truncated.insert("url-http", 5);
        let settings = Settings { rules_url: Some("https://rules.example.com/r/".to_owned()) };
        let log = valid(vec![document], settings);
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), shown);
        assert_eq!(results[0]["suppressions"], serde_json::json!([]));
        for result in &results[1..] {
            assert_eq!(result["suppressions"][0]["kind"], "external");
        }
        assert_eq!(
            log["runs"][0]["properties"],
            serde_json::json!({"truncated": {"url-http": 5}, "suppressed": {"url-http": 3}, "baselined": 1})
        );
        let rule = &log["runs"][0]["tool"]["driver"]["rules"][0];
        let page = format!("https://rules.example.com/r/{}.html", rule["id"].as_str().unwrap());
        assert_eq!(rule["helpUri"], page);
    }

    #[test]
    fn fixes_and_encodings_are_valid_and_every_rule_has_a_valid_descriptor() {
        let tag = "<VAST version=\"4.2\"><Ad><InLine><Impression><![CDATA[https://example.com/?a=1&amp;b=2]]></Impression></InLine></Ad></VAST>";
        let log = valid(vec![document("a.xml", tag)], Settings::default());
        let results = log["runs"][0]["results"].as_array().unwrap();
        let mended =
            results.iter().find(|result| result["ruleId"] == "url-double-encoded").unwrap();
        let region = &mended["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"];
        let at = usize::try_from(region["byteOffset"].as_u64().unwrap()).unwrap();
        let len = usize::try_from(region["byteLength"].as_u64().unwrap()).unwrap();
        assert!("&amp;".contains(&tag[at..at + len]), "{region}");
        assert_eq!(region["startColumn"], at + 1);
        assert_eq!(log["runs"][0]["artifacts"][0]["encoding"], "UTF-8");
        let mut all = document("a.xml", tag);
        let pattern = all.findings[0].clone();
        all.findings = adproof_vast::rules()
            .iter()
            .map(|rule| FindingV1 { rule: rule.id, ..pattern.clone() })
            .collect();
        let log = valid(vec![all], Settings::default());
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), adproof_vast::rules().len());
    }

    #[test]
    fn a_bad_tag_of_2_7_megabytes_is_valid_and_bounded() {
        let log = valid(vec![document("a.xml", &broken(2_700_000, ""))], Settings::default());
        assert!(crate::text(&log).unwrap().len() < 2_000_000);
    }

    #[test]
    fn paths_become_addresses() {
        for (path, address) in [
            ("tags/a b.xml", "tags/a%20b.xml"),
            ("./a.xml", "a.xml"),
            ("100%.xml", "100%25.xml"),
            ("a:b.xml", "a%3Ab.xml"),
            ("/tags/é.xml", "file:///tags/%C3%A9.xml"),
            (r"C:\tags\a b.xml", "file:///C:/tags/a%20b.xml"),
            (r"\\host\share\a.xml", "file://host/share/a.xml"),
        ] {
            assert_eq!(uri(path), address);
        }
        if cfg!(unix) {
            assert_eq!(uri(r"a\b.xml"), "a%5Cb.xml");
        }
    }
}
