//! Fixes that more than one rule offers.

use std::borrow::Cow;

use crate::document::{
    Attribute, Document, Element, ElementId, PartKind, SELF_CLOSING, reference_at,
};
use crate::sink::{TextEdit, TextFix};
use crate::text::Text as _;

/// Puts the text of an element into CDATA and decodes its references, which CDATA would not.
pub(crate) fn wrap_in_cdata(doc: &Document<'_>, id: ElementId) -> Option<TextFix> {
    let mut parts =
        doc.parts(id).filter(|part| !doc.slice(part.start, part.end).trimmed().is_empty());
    let part = parts.next()?;
    if part.kind == PartKind::Cdata || parts.next().is_some() || doc.children(id).next().is_some() {
        return None;
    }
    let (start, end) = doc.content_range(id)?;
    let text = doc.slice(start, end);
    if memchr::memchr(b'>', text.as_bytes()).is_some() && text.holds("]]>") {
        return None;
    }
    let mut edits: Vec<TextEdit> = Vec::new();
    let mut opening = Cow::Borrowed("<![CDATA[");
    for at in memchr::memchr_iter(b'&', text.as_bytes()) {
        let Some((name, c)) = reference_at(text.get(at + 1..)?) else {
            continue;
        };
        // `]]&gt;` would close the section, in whatever way its brackets are written.
        if c == ']' || c == '>' && text.get(..at)?.ends_with(']') {
            return None;
        }
        let from = start.checked_add(u32::try_from(at).ok()?)?;
        let to = from.checked_add(u32::try_from(name.len()).ok()?)?.checked_add(2)?;
        if from == start {
            // An insertion and a replacement at one place would be two edits that touch.
            opening.to_mut().push(c);
            edits.push((from, to, std::mem::take(&mut opening)));
        } else {
            edits.push((from, to, c.to_string().into()));
        }
    }
    if !opening.is_empty() {
        edits.insert(0, (start, start, opening));
    }
    match edits.last_mut().filter(|(from, to, _)| *to == end && from != to) {
        Some((_, _, text)) => *text = format!("{text}]]>").into(),
        None => edits.push((end, end, "]]>".into())),
    }
    Some(TextFix::safe("Put the text into CDATA", edits))
}

/// Replaces every `&amp;` of an element's CDATA by `&`.
pub(crate) fn decode_ampersands(doc: &Document<'_>, id: ElementId) -> Option<TextFix> {
    let mut edits = Vec::new();
    for part in doc.parts(id).filter(|part| part.kind == PartKind::Cdata) {
        let text = doc.slice(part.start, part.end);
        for at in text.places_of("&amp;") {
            let from = part.start.checked_add(u32::try_from(at).ok()?)?;
            edits.push((from, from.checked_add(5)?, "&".into()));
        }
    }
    Some(TextFix::safe("Write `&` inside CDATA", edits))
}

/// What the fix of a wrong case does.
pub(crate) const CASE: &str = "Correct the case of the name";

/// Gives an element another name, in its start tag and in its end tag.
pub(crate) fn rename_element(doc: &Document<'_>, id: ElementId, name: &str) -> Option<TextFix> {
    let element = doc.element(id)?;
    let written = u32::try_from(doc.name(id).len()).ok()?;
    let start_end = element.start.checked_add(1)?.checked_add(u32::from(element.name_len))?;
    let mut edits = vec![(start_end.checked_sub(written)?, start_end, name.to_owned().into())];
    if !element.has(SELF_CLOSING) {
        let end_tag = doc.slice(element.open_end, element.end);
        let at = u32::try_from(end_tag.last_place_of("</")?).ok()?;
        let tag = doc.tag(id);
        if !end_tag.get(usize::try_from(at).ok()? + 2..)?.starts_with(tag) {
            return None;
        }
        let end = element
            .open_end
            .checked_add(at)?
            .checked_add(2)?
            .checked_add(u32::from(element.name_len))?;
        edits.push((end.checked_sub(written)?, end, name.to_owned().into()));
    }
    Some(TextFix::safe(CASE, edits))
}

/// Replaces a range of the text.
#[allow(clippy::unnecessary_wraps, reason = "a fix may not exist, and callers pass it on")]
pub(crate) fn replace(
    title: &'static str,
    (start, end): (u32, u32),
    text: &str,
) -> Option<TextFix> {
    Some(TextFix::safe(title, vec![(start, end, text.to_owned().into())]))
}

/// Gives an element an attribute that it lacks, before all others.
pub(crate) fn insert_attribute(
    title: &'static str,
    element: &Element,
    attribute: &str,
) -> Option<TextFix> {
    let at = element.start.checked_add(1)?.checked_add(u32::from(element.name_len))?;
    Some(TextFix::safe(title, vec![(at, at, format!(" {attribute}").into())]))
}

/// Escapes every ampersand of a range that begins no reference.
pub(crate) fn escape_ampersands(doc: &Document<'_>, (start, end): (u32, u32)) -> Option<TextFix> {
    let mut edits = Vec::new();
    for (at, reference) in crate::references::references(doc.slice(start, end)) {
        if matches!(reference, crate::references::Reference::Bare) {
            let from = start.checked_add(u32::try_from(at).ok()?)?;
            edits.push((from, from.checked_add(1)?, "&amp;".into()));
        }
    }
    Some(TextFix::safe("Escape the ampersands", edits))
}

/// Takes an element away, with the space before it on its line.
pub(crate) fn remove_element(doc: &Document<'_>, id: ElementId) -> Option<TextFix> {
    let element = doc.element(id)?;
    let start = line_start(doc, element.start)?;
    Some(TextFix::safe("Remove the element", vec![(start, element.end, "".into())]))
}

/// Where the white space before a place begins, up to and with one line break.
pub(crate) fn line_start(doc: &Document<'_>, at: u32) -> Option<u32> {
    let before = doc.slice(0, at);
    let trimmed = before.trim_end_matches([' ', '\t']);
    let trimmed =
        trimmed.strip_suffix('\n').map_or(trimmed, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    u32::try_from(trimmed.len()).ok()
}

/// Takes an attribute away whose place is the text now. A text that says something else stays,
/// and so does the attribute.
pub(crate) fn attribute_to_text(
    doc: &Document<'_>,
    id: ElementId,
    attribute: &Attribute,
) -> Option<TextFix> {
    let element = doc.element(id)?;
    let value = doc.slice(attribute.value_start, attribute.value_end).trimmed();
    let text = doc.content(id);
    let mut edits = remove_attribute(doc, attribute)?.edits;
    if text.is_empty() && !element.has(SELF_CLOSING) && !value.is_empty() {
        let end_tag = doc.slice(element.open_end, element.end).last_place_of("</")?;
        let close = element.open_end.checked_add(u32::try_from(end_tag).ok()?)?;
        if doc.children(id).next().is_some() {
            return None;
        }
        edits.push((element.open_end, close, value.to_owned().into()));
    } else if text.is_empty() || text != doc.attribute_value(attribute).trimmed() {
        return None;
    }
    Some(TextFix::safe("Move the id into the text", edits))
}

/// Takes an attribute away, with the space before it and the quote behind its value.
pub(crate) fn remove_attribute(doc: &Document<'_>, attribute: &Attribute) -> Option<TextFix> {
    let start = u32::try_from(doc.slice(0, attribute.name_start).trim_end().len()).ok()?;
    let end = attribute.value_end.checked_add(1)?;
    Some(TextFix::safe("Remove the attribute", vec![(start, end, "".into())]))
}
