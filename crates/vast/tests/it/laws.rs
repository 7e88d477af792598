//! Laws that hold for any bytes.

use adproof_model::Span;
use adproof_vast::profile::{Outcome, profiles, verdicts};
use adproof_vast::{Limits, Options, fix, lint, parse};
use proptest::prelude::*;

/// Pieces that make documents which are nearly right.
const PIECES: [&str; 56] = [
    "<VAST version=\"4.2\">",
    "<VAST version=\"3.0\" xmlns=\"http://www.example.com/vast\">",
    "</VAST>",
    "<Ad id=\"a\" sequence=\"1\">",
    "</Ad>",
    "<InLine>",
    "</InLine>",
    "<Wrapper>",
    "</Wrapper>",
    "<Creatives><Creative>",
    "</Creative></Creatives>",
    "<Linear skipoffset='5'>",
    "</Linear>",
    "<MediaFiles>",
    "</MediaFiles>",
    "<mediafile delivery=\"progressive\" Type=\"video/mp4\" width=\"1\" height=\"1\">",
    "</mediafile>",
    "<MediaFile type=\"video/mp4\"/>",
    "<Impression>",
    "</Impression>",
    "<![CDATA[https://a.example/?a=1&amp;b=2]]>",
    "<![CDATA[ ]]>",
    "https://a.example/?a=1&b=2",
    "https://a.example/?a=1&amp;b=2",
    "&amp;&lt;&#10;&",
    "http://127.0.0.1/[cachebusting]%%X%%",
    "<error>https://e.example/</error>",
    "<!-- c -->",
    "<!-- -- -->",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE VAST>",
    "é😀",
    "\r\n",
    " ",
    "&b;",
    "]]>",
    "<a b=c d=\"&\" d='1'>",
    "<x:y xmlns:x=\"urn:x\">",
    "<Extensions><Extension><Any/></Extension></Extensions>",
    "<TrackingEvents><Tracking event=\"Start\" offset=\"0%\">",
    "</Tracking></TrackingEvents>",
    "<HTMLResource>&lt;b&gt;]&gt;</HTMLResource>",
    "<![CDATA[HTTPS://a.example\\b\n[[ERRORCODE]][ cachebusting ][ IFA ]]]>",
    "<![CDATA[\"https://a.example/\"]]>",
    "<Duration>0:0:5.5</Duration>",
    "<![CDATA[https://a.example/?x=%5BERRORCODE%5D]>",
    "<![CDATA[https://a.example/?x=%5bIFA%5D\n]>]]>",
    "<Duration>0:30</Duration>",
    "<vast version=\"4.2\">",
    "</vast>",
    "&eacute;&nbsp;",
    "&#1;&#xfffe;",
    "<vmap:VMAP version=\"1.0\" xmlns:vmap=\"urn:x\">",
    "<AdBreak timeOffset='Start' breakType='Linear, display' repeatAfter=\"0\">",
    "<AdSource><CustomAdData>a&amp;b</CustomAdData><VASTData></VASTData></AdSource>",
    "<DAAST version='1.1'><Ad><Wrapper><VASTAdTagURI>a</VASTAdTagURI><VideoClicks></VideoClicks>",
];

/// Markup in any order.
pub(crate) fn nearly_text() -> impl Strategy<Value = String> {
    prop::collection::vec(0..PIECES.len(), 0..40)
        .prop_map(|pieces| pieces.into_iter().map(|piece| PIECES[piece]).collect())
}

fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let encoding = prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
    (nearly_text(), encoding).prop_map(|(text, encoding)| match encoding {
        1 => {
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
        }
        2 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        3 => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
        _ => text.into_bytes(),
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => nearly(), 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn inside(span: Span, bytes: &[u8]) {
    let cut = span.slice(bytes);
    assert!(cut.is_some(), "{span:?} of {}", bytes.len());
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(
            text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize),
            "{span:?}"
        );
    }
}

/// Bytes of UTF-16 or of Latin-1 as text; none for what has no simple form here.
fn decoded(encoding: &str, bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match encoding {
        "UTF-16LE" => u16::from_le_bytes,
        "UTF-16BE" => u16::from_be_bytes,
        "windows-1252" if !bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) => {
            return Some(bytes.iter().copied().map(char::from).collect());
        }
        _ => return None,
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty(), "half a unit was cut out");
    let units = pairs.iter().map(|pair| unit(*pair));
    // The input itself may have half of a pair.
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn spans_lie_inside_and_cut_out_what_they_name(bytes in any_bytes()) {
        let doc = parse(&bytes, &Limits::default());
        for id in doc.elements() {
            let (element, tag) = (doc.element_span(id), doc.tag_span(id));
            inside(element, &bytes);
            inside(tag, &bytes);
            prop_assert!(element.start == tag.start && tag.end <= element.end);
            if let Some(content) = doc.content_span(id) {
                inside(content, &bytes);
                prop_assert!(element.start < content.start && content.end <= element.end);
            }
            if doc.encoding() == "UTF-8" && std::str::from_utf8(&bytes).is_ok() {
                let cut = std::str::from_utf8(tag.slice(&bytes).unwrap()).unwrap();
                let named = cut.strip_prefix('<').is_some_and(|cut| cut.starts_with(doc.tag(id)));
                prop_assert!(named && cut.ends_with('>'));
            } else if let Some(cut) = decoded(doc.encoding(), tag.slice(&bytes).unwrap()) {
                // What was cut out is whole characters of the encoding.
                let named = cut.strip_prefix('<').is_some_and(|cut| cut.starts_with(doc.tag(id)));
                prop_assert!(named && cut.ends_with('>'), "{cut}");
            }
        }
        for finding in lint(&bytes, &Options::default()).findings {
            inside(finding.span, &bytes);
            for edit in finding.fix.into_iter().flat_map(|fix| fix.edits) {
                inside(edit.span, &bytes);
            }
        }
    }

    #[test]
    fn lint_is_deterministic(bytes in any_bytes()) {
        prop_assert_eq!(lint(&bytes, &Options::default()), lint(&bytes, &Options::default()));
    }

    #[test]
    fn verdicts_of_profiles_are_deterministic_bounded_and_point_inside(bytes in any_bytes()) {
        let profiles: Vec<_> = profiles().iter().collect();
        let (first, again) = (
            verdicts(&bytes, &profiles, &Limits::default()),
            verdicts(&bytes, &profiles, &Limits::default()),
        );
        prop_assert_eq!(format!("{first:?}"), format!("{again:?}"));
        for verdict in &first {
            prop_assert_eq!(verdict.outcome == Outcome::Plays, verdict.reasons.is_empty());
            prop_assert!(verdict.vast_error.is_none() || verdict.outcome == Outcome::Fails);
            prop_assert!(verdict.reasons.len() <= verdict.profile.requirements.len() + 4);
            for reason in &verdict.reasons {
                inside(reason.span, &bytes);
                prop_assert!(reason.places > 0 && reason.message.chars().count() < 200);
            }
        }
    }

    #[test]
    fn fixing_converges_and_adds_no_error(bytes in any_bytes()) {
        let options = Options::default();
        let before = lint(&bytes, &options);
        let once = fix(&bytes, &options);
        let twice = fix(&once.bytes, &options);
        prop_assert_eq!(&once.bytes, &twice.bytes);
        prop_assert!(twice.applied.is_empty());
        prop_assert!(once.applied.is_empty() == (once.bytes == bytes));
        let uncovers = [
            "bare-ampersand",
            "wrong-case",
            "root-wrong-case",
            "html-entity",
            "attribute-without-quotes",
            "attributes-without-space",
            "xml-declaration-not-first",
        ];
        if !uncovers.iter().any(|rule| once.applied.contains_key(rule)) {
            // They let more of the document be read, which may show what was hidden.
            prop_assert!(once.report.verdict.errors <= before.verdict.errors);
        }
    }

    #[test]
    fn reports_stay_inside_their_bounds(bytes in any_bytes()) {
        let mut options = Options::default();
        options.limits.findings = 5;
        options.limits.findings_per_rule = 2;
        options.limits.elements = 6;
        options.limits.depth = 3;
        options.limits.attributes = 4;
        options.limits.excerpt = 8;
        let report = lint(&bytes, &options);
        prop_assert!(report.findings.len() <= 6);
        for rule in adproof_vast::rules() {
            prop_assert!(report.findings.iter().filter(|finding| finding.rule == rule.id).count() <= 2);
        }
        prop_assert!(report.findings.iter().all(|finding| finding.message.chars().count() < 200));
    }
}
