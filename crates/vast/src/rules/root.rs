//! The root and its ads.

use crate::Version;
use crate::document::{Document, Element, ElementId, UNCLOSED, UNKNOWN};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::parse::VAST_NAMESPACE;
use crate::rules::{mend, name_range};
use crate::sink::{Sink, TextFix};
use crate::text::Text as _;

/// `VAST`: version, namespace, ads beside an error.
pub(crate) fn vast(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if let Some(attribute) = doc.attr(element, name::VERSION) {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1);
        if Version::declared(value.trimmed()).is_none() {
            let (value, effective) = (sink.quote(value), sink.version());
            sink.report(
                Id::RootVersionUnknown,
                id,
                range,
                format_args!("`{value}` is no version of VAST; judged as {effective}"),
            );
        }
    }
    for attribute in doc.attributes_in(element) {
        let value = doc.slice(attribute.value_start, attribute.value_end);
        if doc.attribute_name(attribute) == "xmlns" && value != VAST_NAMESPACE {
            let range = (attribute.value_start, attribute.value_end);
            let value = sink.quote(value);
            sink.report_fix(
                Id::WrongNamespace,
                id,
                range,
                format_args!("`{value}` is not the namespace of VAST, {VAST_NAMESPACE}"),
                |_| mend::replace("Name the namespace of VAST", range, VAST_NAMESPACE),
            );
        }
    }
    schema(doc, sink, id, element);
    let of = |ty| move |child: &ElementId| doc.element(*child).is_some_and(|child| child.ty == ty);
    if doc.children(id).any(|child| of(ty::AD)(&child))
        && let Some(error) = doc.children(id).find(of(ty::ERROR))
        && let Some(element) = doc.element(error)
    {
        sink.report(
            Id::RootErrorBesideAd,
            error,
            name_range(element),
            format_args!(
                "<VAST> has both <Ad> and <Error>; <Error> stands for a response without an ad"
            ),
        );
    }
}

/// The namespace and the schema that the root names.
fn schema(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if sink.hears(Id::RootWithoutNamespace)
        && !doc.slice(element.start, element.open_end).holds("xmlns=")
        && !doc.tag(id).has(b':')
    {
        let (_, at) = name_range(element);
        sink.report_fix(
            Id::RootWithoutNamespace,
            id,
            name_range(element),
            format_args!("<VAST> names no namespace; that of VAST 4 is {VAST_NAMESPACE}"),
            |_| {
                let text = format!(" xmlns=\"{VAST_NAMESPACE}\"");
                Some(TextFix::dangerous("Name the namespace of VAST", vec![(at, at, text.into())]))
            },
        );
    }
    let declared =
        doc.attr_raw(element, name::VERSION).and_then(|version| version.trimmed().get(..1));
    for attribute in doc.attributes_in(element) {
        if !doc.attribute_name(attribute).ends_with("chemaLocation") {
            continue;
        }
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1);
        if let Some((major, declared)) = schema_version(value).zip(declared)
            && major != declared
        {
            let version = sink.version();
            sink.report(
                Id::SchemaLocationContradictsVersion,
                id,
                range,
                format_args!("the schema is of VAST {major}, and the tag declares {version}"),
            );
        }
    }
}

/// The digit behind `vast` in the name of a schema file.
fn schema_version(location: &str) -> Option<&str> {
    let file = location.trimmed().rsplit(['/', ' ', '\n', '\t']).next()?;
    let rest = file.get(..4).filter(|head| head.is_like("vast"))?;
    let rest = file.get(rest.len()..)?.trim_start_matches(['_', '-', 'v', 'V']);
    rest.get(..1).filter(|digit| matches!(*digit, "2" | "3" | "4"))
}

/// `Ad`: exactly one of InLine and Wrapper.
pub(crate) fn ad(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let mut inline = None;
    let mut wrapper = None;
    for child in doc.children(id) {
        match doc.element(child) {
            Some(found) if found.ty == ty::IN_LINE => inline = Some(child),
            Some(found) if found.ty == ty::WRAPPER => wrapper = Some((child, name_range(found))),
            Some(found) if found.has(UNKNOWN) => return,
            _ => {}
        }
    }
    match (inline, wrapper) {
        (None, None) => {
            sink.report_on(
                Id::AdWithoutInlineOrWrapper,
                id,
                format_args!("<Ad> has neither <InLine> nor <Wrapper>"),
            );
        }
        (Some(_), Some((wrapper, range))) => {
            sink.report(
                Id::AdWithInlineAndWrapper,
                wrapper,
                range,
                format_args!("<Ad> has both <InLine> and <Wrapper>"),
            );
        }
        _ => {}
    }
}
