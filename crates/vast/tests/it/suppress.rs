//! Comments that silence rules.

use adproof_vast::{Options, Report, lint};

fn run(body: &str) -> Report {
    let mut options = Options::default();
    options.suppressions = true;
    lint(format!("<VAST version=\"4.2\">{body}</VAST>").as_bytes(), &options)
}

fn rules_of(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

const HTTP: &str = "<Error><![CDATA[http://a.example/?c=[ERRORCODE]]]></Error>";

#[test]
fn a_comment_silences_the_next_element_and_no_other() {
    let report = run(&format!("<!-- adproof-ignore url-http-tracker -->{HTTP}{HTTP}"));
    assert_eq!(rules_of(&report), ["url-http-tracker"]);
    assert_eq!(report.suppressed.get("url-http-tracker"), Some(&1));
    assert!(rules_of(&run(&format!("<!--adproof-ignore-file policy-->{HTTP}{HTTP}"))).is_empty());
}

#[test]
fn a_comment_silences_what_is_inside_the_next_element() {
    let report = run("<!-- adproof-ignore ad-*, missing-element: known --><Ad><InLine/></Ad><Ad/>");
    let rules = rules_of(&report);
    assert!(!rules.contains(&"missing-element"), "{rules:?}");
    assert_eq!(rules.last(), Some(&"ad-without-inline-or-wrapper"));
}

#[test]
fn a_strangers_comment_silences_nothing() {
    let text =
        format!("<VAST version=\"4.2\"><!-- adproof-ignore-file risk, policy -->{HTTP}</VAST>");
    assert_eq!(rules_of(&lint(text.as_bytes(), &Options::default())), ["url-http-tracker"]);
}

#[test]
fn a_comment_that_is_last_or_that_names_nothing_is_said() {
    assert_eq!(rules_of(&run("<Ad><!-- adproof-ignore url-http-tracker --></Ad>")).len(), 2);
    for body in [
        "<!-- adproof-ignore -->",
        "<!-- adproof-ignore-files url-http-tracker -->",
        "<!--adproof-ignored-->",
    ] {
        assert_eq!(rules_of(&run(body)), ["suppression-invalid"], "{body}");
    }
    assert_eq!(
        rules_of(&run("<!-- adproof-ignore-file suppression-* nope -->")),
        ["suppression-invalid"]
    );
}
