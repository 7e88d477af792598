//! Documents as quick-xml reads them, and as we do, in one form.

use adproof_vast::{Document, ElementId};
use quick_xml::Reader;
use quick_xml::events::Event;

/// Name and value of the attributes of a tag.
type Attributes = Vec<(String, String)>;

/// An element: its tag, its attributes, and the text directly inside.
type Line = (String, Attributes, String);

pub type Lines = Vec<Line>;

/// The document as quick-xml reads it with every check on; none where it refuses.
pub fn read(text: &str) -> Option<Lines> {
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
            Event::Eof if open.is_empty() && roots == 1 => break,
            Event::Eof | Event::DocType(_) => return None,
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
    for (_, _, content) in &mut lines {
        *content = content.trim_ascii().to_owned();
    }
    Some(lines)
}

fn line(tag: &quick_xml::events::BytesStart<'_>) -> Option<Line> {
    let name = tag.name().into_inner().to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let value = quick_xml::escape::unescape(&attribute.value).ok()?.into_owned();
        attributes.push((attribute.key.into_inner().to_owned(), value));
    }
    Some((name, attributes, String::new()))
}

/// Text outside of the root is none.
fn push(lines: &mut Lines, open: Option<&usize>, text: &str) -> Option<()> {
    match open {
        Some(place) => lines.get_mut(*place)?.2.push_str(text),
        None if text.trim_ascii().is_empty() => {}
        None => return None,
    }
    Some(())
}

/// The document as we read it.
pub fn lines(doc: &Document<'_>) -> Lines {
    let line = |id: ElementId| {
        let attributes = doc
            .attribute_names(id)
            .map(|name| (name.to_owned(), doc.attribute(id, name).unwrap_or_default().into_owned()))
            .collect();
        (doc.tag(id).to_owned(), attributes, doc.content(id).into_owned())
    };
    doc.elements().map(line).collect()
}
