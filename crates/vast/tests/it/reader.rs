//! Our reader against quick-xml: what it refuses we never call whole, and what both read is the
//! same.

use adproof_model::DocumentOutcome;
use adproof_vast::{Document, ElementId, Limits, Options, lint, parse};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::laws::nearly_text;

/// Name and value of the attributes of a tag.
type Attributes = Vec<(String, String)>;

/// An element: its tag, its attributes, and the text directly inside.
type Line = (String, Attributes, String);

type Lines = Vec<Line>;

/// The document as quick-xml reads it with every check on; none where it refuses.
fn reference(text: &str) -> Option<Lines> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_comments = true;
    config.check_end_names = true;
    config.allow_unmatched_ends = false;
    config.allow_dangling_amp = false;
    let (mut lines, mut open, mut roots) = (Lines::new(), Vec::new(), 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                roots += usize::from(open.is_empty());
                open.push(lines.len());
                lines.push(line(&tag)?);
            }
            Event::Empty(tag) => {
                roots += usize::from(open.is_empty());
                lines.push(line(&tag)?);
            }
            Event::End(_) => {
                open.pop()?;
            }
            Event::Text(text) => push(&mut lines, open.last(), &text)?,
            Event::CData(text) => push(&mut lines, open.last(), &text)?,
            Event::GeneralRef(name) => {
                let c = match &*name {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "apos" => '\'',
                    _ => name.resolve_char_ref().ok()??,
                };
                push(&mut lines, open.last(), c.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return None,
            Event::Eof => return (open.is_empty() && roots == 1).then_some(lines),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
}

fn line(tag: &quick_xml::events::BytesStart<'_>) -> Option<Line> {
    let name = tag.name().into_inner().to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        attributes.push((attribute.key.into_inner().to_owned(), attribute.value.into_owned()));
    }
    Some((name, attributes, String::new()))
}

/// Text outside of the root is none.
fn push(lines: &mut Lines, open: Option<&usize>, text: &str) -> Option<()> {
    match open {
        Some(place) => lines[*place].2.push_str(text),
        None if text.trim_ascii().is_empty() => {}
        None => return None,
    }
    Some(())
}

fn ours(doc: &Document<'_>) -> Lines {
    let line = |id: ElementId| {
        let attributes = doc
            .attribute_names(id)
            .map(|name| (name.to_owned(), doc.attribute(id, name).unwrap().into_owned()))
            .collect();
        (doc.tag(id).to_owned(), attributes, doc.content(id).into_owned())
    };
    doc.elements().map(line).collect()
}

fn whole(text: &str) -> bool {
    let outcome = lint(text.as_bytes(), &Options::default()).verdict.outcome;
    matches!(outcome, DocumentOutcome::Clean | DocumentOutcome::Findings)
}

fn compare(text: &str) {
    if !whole(text) {
        return;
    }
    let expected = reference(text).unwrap_or_else(|| panic!("quick-xml refuses {text:?}"));
    let expected: Lines = expected
        .into_iter()
        .map(|(name, attributes, content)| {
            let plain = |value: String| {
                value
                    .replace("&lt;", "<")
                    .replace("&#10;", "\n")
                    .replace("&quot;", "\"")
                    .replace("&amp;", "&")
            };
            let attributes = attributes.into_iter().map(|(key, value)| (key, plain(value)));
            (name, attributes.collect(), content.trim_ascii().to_owned())
        })
        .collect();
    assert_eq!(ours(&parse(text.as_bytes(), &Limits::default())), expected, "{text:?}");
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
