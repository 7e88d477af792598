//! Every bound, on both sides: silent at it, said and counted beyond it.

use adproof_vast::{Limits, Options, Report, lint};

fn at(text: &str, set: impl FnOnce(&mut Limits)) -> Report {
    let mut options = Options::default();
    set(&mut options.limits);
    lint(text.as_bytes(), &options)
}

fn count(report: &Report, rule: &str) -> usize {
    report.findings.iter().filter(|finding| finding.rule == rule).count()
}

/// Silent with this much room, said once with one less.
fn check(text: &str, rule: &str, room: u32, set: impl Fn(&mut Limits, u32)) {
    let enough = at(text, |limits| set(limits, room));
    assert_eq!(count(&enough, rule), 0, "{rule}: {:?}", enough.findings);
    let beyond = at(text, |limits| set(limits, room - 1));
    assert_eq!(count(&beyond, rule), 1, "{rule}: {:?}", beyond.findings);
}

#[test]
fn bounds_on_reading_hold_on_both_sides() {
    let deep = "<VAST version='4.2'><Ad id='a'><InLine/></Ad></VAST>";
    let len = u32::try_from(deep.len()).unwrap();
    check(deep, "limit-document-bytes", len, |limits, room| limits.bytes = room);
    check(deep, "limit-depth", 3, |limits, room| limits.depth = room);
    check(deep, "limit-elements", 3, |limits, room| limits.elements = room);
    check(deep, "limit-attributes", 2, |limits, room| limits.attributes = room);
    let named = "<VAST version='4.2' xmlns:a='urn:a' xmlns:b='urn:b'/>";
    check(named, "limit-namespaces", 2, |limits, room| limits.namespaces = room);
    let silent = "<VAST version='4.2'><!-- adproof-ignore url-empty --><Error/><!-- adproof-ignore url-empty --><Error/></VAST>";
    check(silent, "limit-suppressions", 2, |limits, room| limits.directives = room);
}

#[test]
fn bounds_on_findings_count_what_they_leave_out() {
    let text = "<VAST version='4.2'><Error/><Error/><Error/></VAST>";
    let set: [fn(&mut Limits, u32); 2] =
        [|limits, room| limits.findings = room, |limits, room| limits.findings_per_rule = room];
    for set in set {
        let whole = at(text, |limits| set(limits, 3));
        assert_eq!((count(&whole, "url-empty"), whole.truncated.len()), (3, 0));
        assert_eq!(count(&whole, "limit-findings"), 0);
        let cut = at(text, |limits| set(limits, 2));
        assert_eq!((count(&cut, "url-empty"), cut.truncated.get("url-empty")), (2, Some(&1)));
        assert_eq!(count(&cut, "limit-findings"), 1);
    }
}

#[test]
fn excerpts_and_fixes_are_bounded() {
    let text = "<VAST version='abcdef'><error></error></VAST>";
    let message = |report: &Report| {
        let mut found = report.findings.iter();
        found.find(|finding| finding.rule == "root-version-unknown").unwrap().message.clone()
    };
    assert!(message(&at(text, |limits| limits.excerpt = 6)).contains("`abcdef`"));
    assert!(message(&at(text, |limits| limits.excerpt = 5)).contains("`abcde…`"));
    let mends = |report: &Report| {
        report.findings.iter().any(|found| found.rule == "wrong-case" && found.fix.is_some())
    };
    assert!(mends(&at(text, |limits| limits.edits = 2)));
    assert!(!mends(&at(text, |limits| limits.edits = 1)));
}

#[test]
fn a_large_bad_tag_gives_a_small_report() {
    let ad = "<Ad sequence='x' nope='1'><InLine><Impression>ftp://user:pass@127.0.0.1/a b?x=1&amp;y=[nope]</Impression><Creatives><Creative><Linear skipoffset='5'><Duration>30</Duration><MediaFiles><MediaFile type='banana' width='-1'>javascript:x</MediaFile></MediaFiles></Linear></Creative></Creatives></InLine></Ad>";
    let text = format!("<VAST version='4.2'>{}</VAST>", ad.repeat(2_700_000 / ad.len()));
    let report = lint(text.as_bytes(), &Options::default());
    assert!(report.findings.len() > 500 && !report.truncated.is_empty());
    // What a finding is in JSON: its texts, and at most half a kilobyte of names and numbers.
    let size: usize = report
        .findings
        .iter()
        .map(|finding| {
            let edits = finding.fix.iter().flat_map(|fix| &fix.edits);
            let edits: usize = edits.map(|edit| edit.text.len() + 60).sum();
            500 + finding.message.len() + finding.path.len() + edits
        })
        .sum();
    assert!(size < 1_000_000, "{size} bytes");
}
