//! JUnit XML: one test suite a document, as test dashboards of CI systems read it.
//!
//! There is no standard; this is the common part of what Jenkins, GitLab, Azure DevOps and GitHub
//! actions read. What is an error fails, as it does by the exit code; a warning or a note is a
//! test that passes and says something.

use std::fmt::{self, Write};

use crate::lint::{DocumentV1, FindingV1};
use crate::plain::plain;

/// What stands before the suites.
pub const HEAD: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"adproof lint\">\n";

/// What stands after the suites.
pub const TAIL: &str = "</testsuites>\n";

/// Writes the suite of one document.
pub fn write(document: &DocumentV1, out: &mut impl Write) -> fmt::Result {
    let failures = document.findings.iter().filter(|finding| finding.severity == "error").count();
    let fails = document.profiles.iter().filter(|verdict| verdict.verdict == "fails").count();
    let failures = failures + fails;
    let tests = document.findings.len() + document.truncated.len() + document.profiles.len();
    let path = escape(&document.path);
    writeln!(
        out,
        "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"0\">",
        tests.max(1)
    )?;
    if tests == 0 {
        writeln!(out, "    <testcase name=\"lint\" classname=\"{path}\" time=\"0\"/>")?;
    }
    for finding in &document.findings {
        case(&path, finding, out)?;
    }
    for verdict in &document.profiles {
        let reasons: Vec<String> =
            verdict.reasons.iter().map(|reason| escape(&reason.message)).collect();
        let tag = if verdict.verdict == "fails" { "failure" } else { "system-out" };
        writeln!(
            out,
            "    <testcase name=\"plays with {profile}\" classname=\"{path}\" time=\"0\">\n      <{tag}>{}: {}</{tag}>\n    </testcase>",
            verdict.verdict,
            reasons.join("\n"),
            profile = verdict.profile,
        )?;
    }
    for (rule, count) in &document.truncated {
        writeln!(
            out,
            "    <testcase name=\"{rule} (more)\" classname=\"{path}\" time=\"0\">\n      <system-out>{count} more of this rule</system-out>\n    </testcase>"
        )?;
    }
    writeln!(out, "  </testsuite>")
}

fn case(path: &str, finding: &FindingV1, out: &mut impl Write) -> fmt::Result {
    let FindingV1 { rule, severity, span, .. } = finding;
    let (line, column) = (span.line, span.column);
    let message = escape(&finding.message);
    writeln!(
        out,
        "    <testcase name=\"{rule} at {line}:{column}\" classname=\"{path}\" file=\"{path}\" line=\"{line}\" time=\"0\">"
    )?;
    let said = format!(
        "{path}:{line}:{column}: {severity}: {message}\n{}\n{}",
        escape(&finding.path),
        escape(&finding.citation)
    );
    if *severity == "error" {
        writeln!(
            out,
            "      <failure type=\"{rule}\" message=\"{}\">{said}</failure>",
            attribute(&finding.message)
        )?;
    } else {
        writeln!(out, "      <system-out>{said}</system-out>")?;
    }
    writeln!(out, "    </testcase>")
}

/// Characters that XML has, none of them markup. `>` is escaped too, for `]]>`.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
    out
}

/// As [`escape`], with the line ends that a reader of attributes would make spaces.
fn attribute(text: &str) -> String {
    escape(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;
    use quick_xml::events::Event;

    use super::*;
    use crate::lint::tests::document;

    fn report(documents: &[DocumentV1]) -> String {
        let mut out = HEAD.to_owned();
        for document in documents {
            write(document, &mut out).unwrap();
        }
        out + TAIL
    }

    /// Names of elements with their attributes, in order; a text that is no XML fails.
    fn elements(text: &str) -> Vec<(String, Vec<(String, String)>)> {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = true;
        let mut found = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(tag) | Event::Empty(tag) => {
                    let attributes = tag.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        let value = quick_xml::escape::unescape(&attribute.value);
                        let name = attribute.key.as_ref().to_owned();
                        (name, value.unwrap().into_owned())
                    });
                    let name = tag.name().as_ref().to_owned();
                    found.push((name, attributes.collect()));
                }
                Event::Eof => return found,
                _ => {}
            }
        }
    }

    #[test]
    fn errors_fail_and_counts_agree() {
        let broken = document(
            "a.xml",
            "<VAST version=\"3.0\"><Ad id=\"1\"><InLine><AdSystem>x</AdSystem><AdTitle>t</AdTitle><Impression>http://example.com/i</Impression><Creatives><Creative><Linear><Duration>00:00:10</Duration></Linear></Creative></Creatives></InLine></Ad></VAST>",
        );
        let clean = document("b.xml", "<VAST version=\"4.2\"/>");
        let found = elements(&report(&[broken.clone(), clean]));
        let count = |name: &str| found.iter().filter(|(found, _)| found == name).count();
        assert_eq!(count("testsuite"), 2);
        let errors = broken.findings.iter().filter(|finding| finding.severity == "error").count();
        assert!(errors > 0);
        assert_eq!(count("failure"), errors);
        let suite = &found.iter().find(|(name, _)| name == "testsuite").unwrap().1;
        let value = |key: &str| &suite.iter().find(|(name, _)| name == key).unwrap().1;
        assert_eq!(*value("failures"), errors.to_string());
        assert_eq!(*value("tests"), broken.findings.len().to_string());
        assert_eq!(count("testcase"), broken.findings.len() + 1);
    }

    #[test]
    fn hostile_names_and_tags_stay_text() {
        let path = "a\"><x>&]]>\u{1}\u{202e}\u{ffff}\n.xml";
        let tag = "<VAST version=\"]]>&#x1;&quot;\"><N]]>\u{1}\u{b}\u{7f}/><Ad><InLine><Impression>http://example.com/]]>\u{8}</Impression></InLine></Ad></VAST>";
        let text = report(&[document(path, tag)]);
        let controls = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(controls), "{text:?}");
        assert!(!text.contains("]]>"));
        let names: std::collections::BTreeSet<String> =
            elements(&text).into_iter().map(|(name, _)| name).collect();
        let known = ["failure", "system-out", "testcase", "testsuite", "testsuites"];
        assert!(names.iter().all(|name| known.contains(&name.as_str())), "{names:?}");
    }
}
