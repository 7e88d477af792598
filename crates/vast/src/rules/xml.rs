//! What the parser met: XML, encoding and bounds.

use adproof_model::DocumentKind;

use crate::document::{Document, Problem};
use crate::generated::rules::Id;
use crate::references::html_entity;
use crate::rules::{characters, mend, prolog};
use crate::sink::{Sink, TextFix};
use crate::text::Text as _;

/// Reports the problems of the parser.
pub(crate) fn problems(doc: &Document<'_>, sink: &mut Sink<'_>) {
    for problem in &doc.problems {
        let range = (problem.start, problem.end);
        let message = format_args!("{}", problem.message);
        sink.report_fix(problem.rule, problem.element, range, message, |doc| fix(doc, problem));
    }
    for (rule, count) in doc.dropped.iter() {
        sink.drop(rule, count);
    }
    prolog::check(doc, sink);
    characters::check(doc, sink);
}

fn fix(doc: &Document<'_>, problem: &Problem) -> Option<TextFix> {
    match problem.rule {
        Id::BareAmpersand => ampersand(doc, problem),
        Id::XmlDeclarationNotFirst => prolog::declaration_first(doc, problem.start),
        Id::HtmlEntity => {
            let name = doc.slice(problem.start, problem.end);
            let name = name.strip_prefix('&')?.strip_suffix(';')?;
            let range = (problem.start, problem.end);
            mend::replace("Write the character itself", range, html_entity(name)?)
        }
        Id::RootWrongCase => {
            let right = if doc.kind == DocumentKind::Vmap { "VMAP" } else { "VAST" };
            mend::rename_element(doc, problem.element, right)
        }
        Id::AttributeWithoutQuotes => quotes(doc, problem),
        Id::AttributesWithoutSpace => {
            let at = problem.start;
            Some(TextFix::safe("Insert a space", vec![(at, at, " ".into())]))
        }
        _ => None,
    }
}

/// Puts quotes around a value that has none.
fn quotes(doc: &Document<'_>, problem: &Problem) -> Option<TextFix> {
    let written = doc.slice(problem.start, problem.end);
    let (name, value) = written.cut(b'=')?;
    let lead = value.len().checked_sub(value.trim_ascii_start().len())?;
    let value = value.trim_ascii_start();
    if value.is_empty() || value.ends_with('/') || value.contains(['"', '\'', '&', '=']) {
        return None;
    }
    let at = u32::try_from(name.len().checked_add(1)?.checked_add(lead)?).ok()?;
    let start = problem.start.checked_add(at)?;
    let quoted = format!("\"{value}\"");
    mend::replace("Put the value in quotes", (start, problem.end), &quoted)
}

/// In an attribute it is escaped; text goes into CDATA as a whole.
fn ampersand(doc: &Document<'_>, problem: &Problem) -> Option<TextFix> {
    let element = doc.element(problem.element)?;
    if problem.start >= element.open_end {
        return mend::wrap_in_cdata(doc, problem.element);
    }
    let inside = |attribute: &&crate::document::Attribute| {
        (attribute.value_start..attribute.value_end).contains(&problem.start)
    };
    let attribute = doc.attributes_in(element).iter().find(inside)?;
    mend::escape_ampersands(doc, (attribute.value_start, attribute.value_end))
}
