//! What becomes of whole documents, good and bad.

use std::fs;
use std::path::PathBuf;

use adproof_model::{DocumentKind, DocumentOutcome, Severity};
use adproof_vast::{Options, Report, Version, fix, lint};

fn run(bytes: &[u8]) -> Report {
    lint(bytes, &Options::default())
}

fn rules_of(report: &Report) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

fn tag(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets/tags");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn shipped_good_tags_have_no_error() {
    for name in [
        "good-linear-30.xml",
        "good-linear-15.xml",
        "good-vast2-inline.xml",
        "good-mezzanine-4-0.xml",
        "ctv-pod.xml",
        "simid-interactive.xml",
        "omid-verification.xml",
        "companions-and-icons.xml",
        "nonlinear-overlay.xml",
        "utf16-title.xml",
        "latin1-title.xml",
        "no-ad.xml",
        "vmap-breaks.xml",
    ] {
        let report = run(&tag(name));
        let bad: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.severity <= Severity::Warning)
            .collect();
        assert!(bad.is_empty(), "{name}: {bad:#?}");
        assert!(report.verdict.playable(), "{name}");
    }
}

#[test]
fn shipped_bad_tags_say_what_is_wrong() {
    assert_eq!(rules_of(&run(&tag("broken-no-media.xml"))), ["linear-without-mediafiles"]);
    assert_eq!(
        rules_of(&run(&tag("risky-url.xml"))),
        [
            "url-with-credentials",
            "url-http-tracker",
            "url-host-special",
            "url-http-tracker",
            "url-host-special",
            "url-scheme-dangerous"
        ]
    );
    let broken = run(&tag("creative-broken.xml"));
    assert_eq!(broken.verdict.outcome, DocumentOutcome::Malformed);
    assert_eq!(
        rules_of(&broken),
        ["bare-ampersand", "duration-format", "mediafile-without-type", "xml-not-well-formed"]
    );
}

#[test]
fn double_encoded_trackers_are_mended() {
    let before = tag("double-encoded-trackers.xml");
    assert!(!run(&before).findings.is_empty());
    let fixed = fix(&before, &Options::default());
    assert!(fixed.report.findings.is_empty(), "{:#?}", fixed.report.findings);
    let again = fix(&fixed.bytes, &Options::default());
    assert_eq!(again.bytes, fixed.bytes);
    assert!(again.applied.is_empty());
}

#[test]
fn fixes_keep_the_encoding() {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><VAST version=\"4.2\"><error>https://e.example/?ü=1&amp;c=[ERRORCODE]</error></VAST>";
    let bytes: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let fixed = fix(&bytes, &Options::default());
    let units = fixed.bytes[2..].as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    let text: String = char::decode_utf16(units).map(Result::unwrap).collect();
    assert!(
        text.ends_with("<Error><![CDATA[https://e.example/?ü=1&c=[ERRORCODE]]]></Error></VAST>"),
        "{text}"
    );
}

#[test]
fn every_prefix_of_a_tag_is_judged() {
    let bytes = tag("omid-verification.xml");
    // The last byte is a line end, without which the document is whole.
    for end in 0..bytes.len() - 1 {
        let report = run(&bytes[..end]);
        assert_ne!(report.verdict.outcome, DocumentOutcome::Clean, "{end}");
        assert!(!report.verdict.playable(), "{end}");
        for finding in &report.findings {
            assert!(finding.span.end as usize <= end, "{end}: {finding:?}");
        }
    }
}

#[test]
fn a_tag_of_five_megabytes_is_refused_and_one_of_four_is_read() {
    let body = "<Error><![CDATA[https://e.example/?c=[ERRORCODE]]]></Error>";
    let of = |len: usize| {
        let mut text = String::from("<VAST version=\"4.2\">");
        while text.len() < len {
            text.push_str(body);
        }
        text.push_str("</VAST>");
        text.into_bytes()
    };
    let refused = run(&of(5 << 20));
    assert_eq!(refused.verdict.outcome, DocumentOutcome::Refused);
    assert_eq!(rules_of(&refused), ["limit-document-bytes"]);
    assert!(refused.findings[0].message.contains("4194304"), "{}", refused.findings[0].message);
    assert_eq!(run(&of((4 << 20) - 200)).verdict.outcome, DocumentOutcome::Clean);
}

#[test]
fn a_hundred_thousand_faults_are_counted_and_a_few_listed() {
    let text = format!("<VAST version=\"4.2\">{}</VAST>", "<Ad/>".repeat(100_000));
    let report = run(text.as_bytes());
    assert_eq!(report.count(Severity::Error), 100);
    assert_eq!(report.truncated.get("ad-without-inline-or-wrapper"), Some(&99_900));
    assert_eq!(rules_of(&report).iter().filter(|rule| **rule == "limit-findings").count(), 1);
}

#[test]
fn an_empty_response_is_an_outcome_and_no_fault() {
    for text in [
        "<VAST version=\"3.0\"/>",
        "<VAST version=\"4.2\"></VAST>",
        "<?xml version='1.0'?>\n<VAST version='2.0'></VAST>\n",
    ] {
        assert_eq!(run(text.as_bytes()).verdict.outcome, DocumentOutcome::Clean, "{text}");
    }
}

#[test]
fn the_version_is_inferred_where_none_is_declared() {
    let of = |text: &str| run(text.as_bytes()).version;
    let declared = of("<VAST version=' 4.1 '/>");
    assert_eq!(
        (declared.declared.as_deref(), declared.effective),
        (Some(" 4.1 "), Some(Version::V4_1))
    );
    assert_eq!(of("<VAST/>").effective, Some(Version::V2_0));
    assert_eq!(
        of("<VAST><Ad><InLine><AdServingId/></InLine></Ad></VAST>").effective,
        Some(Version::V4_1)
    );
    assert_eq!(
        of("<VAST version='9'><Ad><InLine><Pricing/></InLine></Ad></VAST>").effective,
        Some(Version::V3_0)
    );
    assert_eq!(of("<html/>").effective, None);
}

#[test]
fn a_draft_version_has_no_errors() {
    let report = run(b"<VAST version='4.4'><Ad/></VAST>");
    assert_eq!(rules_of(&report), ["ad-without-inline-or-wrapper"]);
    assert_eq!(report.findings[0].severity, Severity::Warning);
}

#[test]
fn prefixes_are_resolved() {
    let text = "<vmap:VMAP xmlns:vmap='http://www.iab.net/videosuite/vmap' version='1.0'><vmap:AdBreak timeOffset='start' breakType='linear'><x:Y xmlns:x='urn:x'/><vmap:Nope/></vmap:AdBreak></vmap:VMAP>";
    let report = run(text.as_bytes());
    assert_eq!(report.verdict.kind, DocumentKind::Vmap);
    assert_eq!(rules_of(&report), ["vmap-unknown-element"]);
    assert_eq!(&*report.findings[0].path, "/vmap:VMAP/vmap:AdBreak[1]/vmap:Nope[1]");
}

#[test]
fn unclosed_elements_name_what_was_expected() {
    let report = run(b"<VAST version='4.2'><Ad><InLine><AdSystem>x</AdSystem></Ad></VAST>");
    assert_eq!(rules_of(&report), ["xml-not-well-formed"]);
    assert_eq!(&*report.findings[0].message, "expected </InLine>, found </Ad>");
}

#[test]
fn json_with_a_bom_and_html_pages_are_recognised() {
    for (text, rule) in [
        ("\u{feff}{\"adm\":\"<VAST version=\\\"4.2\\\"/>\"}", "json-escaped"),
        ("\"<VAST version=\\\"4.2\\\">\"", "json-escaped"),
        ("<HTML><body>login</body></HTML>", "html-instead-of-vast"),
        ("  \n", "document-empty"),
        ("\u{feff}", "document-empty"),
        ("PK\u{3}\u{4}", "compressed-instead-of-vast"),
        ("<rss version='2.0'/>", "root-not-vast"),
    ] {
        let report = run(text.as_bytes());
        assert_eq!(rules_of(&report), [rule], "{text}");
        assert_eq!(report.verdict.outcome, DocumentOutcome::Malformed, "{text}");
    }
}

#[test]
fn entities_are_never_expanded() {
    let text = "<!DOCTYPE VAST [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><VAST version='4.2'><Error>&b;</Error></VAST>";
    let report = run(text.as_bytes());
    assert_eq!(report.verdict.outcome, DocumentOutcome::Refused);
    assert_eq!(report.verdict.risks, 2);
    assert!(rules_of(&report).contains(&"entity-expansion"));
    assert!(rules_of(&report).contains(&"entity-reference"));
}

#[test]
fn a_wrong_namespace_hides_nothing_of_a_schedule() {
    let text = "<v:VMAP xmlns:v='https://www.iab.net/vmap' version='1.0'><v:AdBreak timeOffset='#0' breakType='linear'><v:AdSource/></v:AdBreak></v:VMAP>";
    let report = run(text.as_bytes());
    assert_eq!(
        rules_of(&report),
        ["vmap-namespace-wrong", "timeoffset-position-zero", "adsource-empty"]
    );
}

#[test]
fn a_draft_inside_a_schedule_lowers_no_fault_of_the_schedule() {
    let text = "<VMAP xmlns='http://www.iab.net/videosuite/vmap' version='1.0'><AdBreak timeOffset='start' breakType='linear'><AdSource><VASTAdData><VAST xmlns='' version='4.4'/></VASTAdData></AdSource></AdBreak><AdBreak breakType='linear'><AdSource/></AdBreak></VMAP>";
    let report = run(text.as_bytes());
    assert_eq!(report.count(Severity::Error), 2, "{:?}", report.findings);
}

#[test]
fn compressed_bytes_are_named_without_a_word_on_their_encoding() {
    for bytes in [&b"\x1f\x8b\x08\0\xff\xc3"[..], b"\xff\xd8\xff\xe0", b"\0\0\0\x18ftypmp42"] {
        assert_eq!(rules_of(&run(bytes)).len(), 1, "{bytes:?}");
    }
}

#[test]
fn an_element_in_the_wrong_case_is_known_though_an_attribute_has_its_name() {
    let text = "<VAST version='4.2'><Ad><InLine><Creatives><Creative><Linear><duration>00:00:30</duration></Linear></Creative></Creatives></InLine></Ad></VAST>";
    let report = run(text.as_bytes());
    let named = report
        .findings
        .iter()
        .any(|finding| &*finding.message == "<duration> is spelled <Duration>");
    assert!(named, "{:#?}", report.findings);
}
