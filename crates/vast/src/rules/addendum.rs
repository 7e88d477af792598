//! Extensions of the CTV Addendum 2024: what VAST 4 has, for tags of 2.0 and 3.0.

use crate::Version;
use crate::document::{Document, Element, ElementId, PartKind, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{ancestor, begins_with_macro, value, value_range};
use crate::rules::{mend, name_range};
use crate::sink::Sink;
use crate::structure::{STANDARD, TypeId};
use crate::text::Text as _;

/// Creatives and files among which a binding is looked for. A tag that has more is a list, and
/// looking through a list for each extension would cost its square.
const MOST: usize = 64;
/// Children of any kind among which those creatives and files are.
const NEAR: usize = 256;

/// `Extension` or `CreativeExtension` whose type the addendum names.
pub(crate) fn extension(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let Some(standard) = STANDARD.iter().find(|(_, ty)| *ty == element.ty).map(|(name, _)| *name)
    else {
        return;
    };
    type_case(doc, sink, id, element, standard);
    let of_creative = doc.name(id) == "CreativeExtension";
    location(doc, sink, id, element, standard, of_creative);
    let payload = match element.ty {
        ty::UNIVERSAL_AD_ID_EXTENSION => ty::EXTENSION_UNIVERSAL_AD_ID,
        ty::MEZZANINE_EXTENSION => ty::EXTENSION_MEZZANINE,
        ty::INTERACTIVE_CREATIVE_FILE_EXTENSION => ty::EXTENSION_INTERACTIVE_CREATIVE_FILE,
        _ => ty::EXTENSION_ICON,
    };
    let (mut found, mut other, mut creative) = (None, false, None);
    let mut count = 0_u32;
    for child in doc.children(id) {
        match doc.element(child).map(|child| child.ty) {
            Some(ty) if ty == payload => {
                found = found.or(Some(child));
                count += 1;
            }
            Some(ty::EXTENSION_CREATIVE_ID) => creative = Some(child),
            _ => other |= doc.name(child) != "CreativeId",
        }
    }
    if (count != 1 || other) && !element.has(UNCLOSED) {
        sink.report_on(
            Id::CtvExtensionPayload,
            id,
            format_args!("an extension of the type `{standard}` holds exactly one <{standard}>"),
        );
    }
    if let Some(found) = found.filter(|_| !of_creative) {
        binding(doc, sink, id, found, creative);
    }
}

/// Players compare the type byte by byte.
fn type_case(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    standard: &'static str,
) {
    let Some(attribute) = doc.attr(element, name::TYPE) else {
        return;
    };
    let range = value_range(attribute);
    let written = doc.slice(range.0, range.1);
    // The page of the mezzanine extension itself once wrote it small.
    if written == standard || written == "mezzanine" {
        return;
    }
    let quoted = sink.quote(written);
    sink.report_fix(
        Id::CtvExtensionTypeCase,
        id,
        range,
        format_args!("`{quoted}` must be written `{standard}`"),
        |_| mend::replace("Write the type as it is defined", range, standard),
    );
}

/// Where each version puts what the extension carries.
fn location(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    standard: &str,
    of_creative: bool,
) {
    if !sink.hears(Id::CtvExtensionLocation) {
        return;
    }
    let version = sink.version();
    let interactive = element.ty == ty::INTERACTIVE_CREATIVE_FILE_EXTENSION;
    let icon = element.ty == ty::ICON_EXTENSION;
    let place = if ancestor(doc, id, ty::IN_LINE).is_none() {
        "only in an InLine ad"
    } else if version >= Version::V4_0 && interactive && of_creative {
        return;
    } else if version >= Version::V4_0 || version == Version::V3_0 && icon {
        "as an element of its own, not as an extension"
    } else if version == Version::V3_0 && !of_creative {
        "as a <CreativeExtension>"
    } else if version == Version::V2_0 && of_creative {
        "as an <Extension> of the ad"
    } else {
        return;
    };
    sink.report_on(
        Id::CtvExtensionLocation,
        id,
        format_args!("VAST {version} has `{standard}` {place}"),
    );
}

/// What of the ad the extension is about.
fn binding(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    payload: ElementId,
    creative: Option<ElementId>,
) {
    let Some(of) = doc.element(payload) else {
        return;
    };
    let own = doc.attr(of, name::CREATIVE_ID_ALT).or_else(|| doc.attr(of, name::MEDIA_FILE_ID));
    let Some(inline) = ancestor(doc, id, ty::IN_LINE) else {
        return;
    };
    let named = value(doc, own);
    let (text, at, range);
    let wanted = if named.is_empty() {
        let Some(creative) = creative else {
            if of.ty != ty::EXTENSION_ICON && creatives(doc, inline).len() > 1 {
                sink.report(
                    Id::CtvBindingImplicit,
                    payload,
                    name_range(of),
                    format_args!("nothing says which of the creatives this is about: the first is"),
                );
            }
            return;
        };
        text = doc.content(creative);
        at = creative;
        range = doc.content_range(creative).unwrap_or((of.start, of.open_end));
        text.as_ref()
    } else {
        at = payload;
        range = own.map_or((of.start, of.open_end), value_range);
        named
    };
    if begins_with_macro(wanted) {
        return;
    }
    let by_file = own.is_some_and(|own| own.name == name::MEDIA_FILE_ID) && !named.is_empty();
    let mut among = if by_file { files(doc, inline) } else { creatives(doc, inline) };
    among.truncate(MOST);
    let named = |id: &&ElementId| {
        let id = doc.element(**id).and_then(|element| doc.attr_raw(element, name::ID));
        id.is_some_and(|id| id.trimmed() == wanted)
    };
    let matches = among.iter().filter(named).count();
    if matches == 1 || among.len() == MOST {
        return;
    }
    let what = if by_file { "media file" } else { "creative" };
    let quoted = sink.quote(wanted);
    let fault = if matches == 0 { "is no" } else { "is the id of more than one" };
    sink.report(
        Id::CtvBindingUnmatched,
        at,
        range,
        format_args!("`{quoted}` {fault} {what} of this ad"),
    );
}

/// The children of a type, among the first.
fn of_type(doc: &Document<'_>, id: ElementId, ty: TypeId) -> Vec<ElementId> {
    doc.children(id)
        .take(NEAR)
        .filter(|child| doc.element(*child).is_some_and(|child| child.ty == ty))
        .collect()
}

/// The first creatives of an inline ad.
pub(crate) fn creatives(doc: &Document<'_>, inline: ElementId) -> Vec<ElementId> {
    let list = of_type(doc, inline, ty::CREATIVES).first().copied();
    list.map_or_else(Vec::new, |list| of_type(doc, list, ty::CREATIVE))
}

/// The first media files of an inline ad: at least so many as are compared, if there are.
fn files(doc: &Document<'_>, inline: ElementId) -> Vec<ElementId> {
    let mut found = Vec::new();
    for creative in creatives(doc, inline).into_iter().take(MOST) {
        for linear in of_type(doc, creative, ty::LINEAR) {
            for files in of_type(doc, linear, ty::MEDIA_FILES) {
                found.extend(of_type(doc, files, ty::MEDIA_FILE));
                if found.len() >= MOST {
                    return found;
                }
            }
        }
    }
    found
}

/// `UniversalAdId` in an extension.
pub(crate) fn universal_ad_id(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    if doc.content(id).is_empty() && !element.has(UNCLOSED) {
        sink.report_on(
            Id::CtvUniversaladidEmpty,
            id,
            format_args!("<UniversalAdId> is empty; an ad that no registry knows says `unknown`"),
        );
    }
    let Some(attribute) = doc.attr(element, name::ID_REGISTRY) else {
        return;
    };
    let registry = value(doc, Some(attribute));
    let unknown = doc.content(id).is_like("unknown");
    if registry.is_empty() && !unknown {
        sink.report(
            Id::CtvUniversaladidWithoutRegistry,
            id,
            value_range(attribute),
            format_args!("the id comes from no registry"),
        );
    } else if !registry.is_empty() && !is_registry(registry) && !begins_with_macro(registry) {
        let quoted = sink.quote(registry);
        sink.report(
            Id::CtvUniversaladidRegistryForm,
            id,
            value_range(attribute),
            format_args!("`{quoted}` is no root domain of a registry, such as `ad-id.org`"),
        );
    }
}

/// A root domain, or a name of one word: registries are known by both.
fn is_registry(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(word)
}

/// `InteractiveCreativeFile` in an extension: the page is named, or stands here.
pub(crate) fn interactive(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let api = doc.attr(element, name::API_FRAMEWORK);
    if !value(doc, api).is_like("SIMID") {
        sink.report(
            Id::CtvInteractiveNotSimid,
            id,
            api.map_or_else(|| name_range(element), value_range),
            format_args!("the extension carries SIMID only; `apiFramework` must be `SIMID`"),
        );
    }
    if element.has(UNCLOSED) {
        return;
    }
    let html = doc
        .children(id)
        .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::HTMLRESOURCE));
    let page = html.is_some_and(|html| {
        doc.parts(html).any(|part| {
            part.kind == PartKind::Cdata && !doc.slice(part.start, part.end).trimmed().is_empty()
        })
    });
    let url = !doc.content(id).is_empty();
    if url == html.is_some() || html.is_some() && !page {
        // Nothing at all is an empty URL, which is said where all URLs are judged.
        if !url && html.is_none() && element.first_child.some().is_none() {
            return;
        }
        sink.report_on(
            Id::CtvInteractivePayload,
            id,
            format_args!("the file is either a URL or a page in CDATA in <HTMLResource>"),
        );
    }
}
