//! Our reader against quick-xml: what it refuses we never call whole, and what both read is the
//! same.

use adproof_model::DocumentOutcome;
use adproof_vast::{Limits, Options, lint, parse};
use proptest::prelude::*;

use crate::laws::nearly_text;
use crate::reference;

fn whole(text: &str) -> bool {
    let outcome = lint(text.as_bytes(), &Options::default()).verdict.outcome;
    matches!(outcome, DocumentOutcome::Clean | DocumentOutcome::Findings)
}

fn compare(text: &str) {
    if !whole(text) {
        return;
    }
    let expected = reference::read(text).unwrap_or_else(|| panic!("quick-xml refuses {text:?}"));
    let doc = parse(text.as_bytes(), &Limits::default());
    assert_eq!(reference::lines(&doc), expected, "{text:?}");
}

#[test]
fn what_quick_xml_refuses_is_not_whole() {
    for text in [
        "<VAST version=\"4.2\"",
        "<VAST version=\"4.2\"/",
        "<VAST version=\"4.2>",
        "<VAST version='4.2' version='4.2'/>",
        "<VAST version=4.2/>",
        "<VAST version/>",
        "<VAST version='4.2'id='a'/>",
        "<VAST></VAST",
        "<VAST></vast>",
        "<VAST></VAST></VAST>",
        "<VAST><!-- a -- b --></VAST>",
        "<VAST><!-- a ---></VAST>",
        "<VAST><!-- a</VAST>",
        "<VAST><![CDATA[ a</VAST>",
        "<VAST><![CDAT[ a]]></VAST>",
        "<VAST><? a</VAST>",
        "<VAST><</VAST>",
        "<VAST><1/></VAST>",
        "<VAST>&</VAST>",
        "<VAST>&nope;</VAST>",
        "<VAST>&#0;</VAST>",
        "<VAST>&#x110000;</VAST>",
        "<VAST>&#+65;</VAST>",
        "<VAST>]]></VAST>",
        "<VAST/><VAST/>",
        "<VAST/>text",
        "text<VAST/>",
        "<?p?>text<VAST/>",
        "<!-- c -->text<VAST/>",
        "<VAST/> <!-- c --> &amp;",
        " <?xml version='1.0'?><VAST/>",
        "<VAST><Ad <InLine/></Ad></VAST>",
    ] {
        assert!(!whole(text), "{text}");
    }
}

#[test]
fn what_is_whole_is_read_as_quick_xml_reads_it() {
    for text in [
        "<VAST version='4.2'/>",
        "<VAST\n\tversion = '4.2'\r\n></VAST >",
        "<VAST><Error><![CDATA[a]]> \n <![CDATA[b]]></Error></VAST>",
        "<VAST><Error>a<!-- c -->b</Error></VAST>",
        "<VAST><Error>a &lt; b &#10; &#x41;</Error></VAST>",
        "<VAST><Error a='&lt;&amp;&quot;'>x</Error>\n</VAST>\n<!-- c -->\n<?p?>",
        "<?xml version=\"1.0\"?><VAST><Ad><![CDATA[]]></Ad></VAST>",
        "<VAST><Error><![CDATA[a]]]]><![CDATA[>b]]></Error></VAST>",
        "<VAST><Error><![CDATA[<x a='>'>]]></Error></VAST>",
        "<VAST><é.-1 ü='>'/></VAST>",
    ] {
        assert!(whole(text), "{text}");
        compare(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn nearly_right_documents_are_read_alike(text in nearly_text()) {
        compare(&text);
    }
}
