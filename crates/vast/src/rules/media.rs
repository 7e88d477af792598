//! Media files: whether a player could choose and play one.

mod audience;
mod codecs;
mod files;
mod kinds;
mod numbers;
mod rendition;

pub(crate) use files::{ancestor, files};
pub(crate) use kinds::{Class, begins_with_macro, ending_of, essence, is_media_type};
use numbers::file_size;

use crate::document::{Attribute, Document, Element, ElementId};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{mend, name_range};
use crate::sink::{Sink, TextFix};
use crate::text::Text as _;

/// The attributes of a file, found in one pass.
#[derive(Clone, Copy, Default)]
struct File<'d> {
    kind: Option<&'d Attribute>,
    delivery: Option<&'d Attribute>,
    width: Option<&'d Attribute>,
    height: Option<&'d Attribute>,
    bitrate: Option<&'d Attribute>,
    low: Option<&'d Attribute>,
    high: Option<&'d Attribute>,
    codec: Option<&'d Attribute>,
    api: Option<&'d Attribute>,
    scalable: Option<&'d Attribute>,
    keeps_ratio: Option<&'d Attribute>,
    media_type: Option<&'d Attribute>,
}

impl<'d> File<'d> {
    fn read(doc: &'d Document<'_>, element: &Element) -> Self {
        let mut file = Self::default();
        for attribute in doc.attributes_in(element) {
            let slot = match attribute.name {
                name::TYPE => &mut file.kind,
                name::DELIVERY => &mut file.delivery,
                name::WIDTH => &mut file.width,
                name::HEIGHT => &mut file.height,
                name::BITRATE => &mut file.bitrate,
                name::MIN_BITRATE => &mut file.low,
                name::MAX_BITRATE => &mut file.high,
                name::CODEC => &mut file.codec,
                name::API_FRAMEWORK => &mut file.api,
                name::SCALABLE => &mut file.scalable,
                name::MAINTAIN_ASPECT_RATIO => &mut file.keeps_ratio,
                name::MEDIA_TYPE => &mut file.media_type,
                _ => continue,
            };
            *slot = Some(attribute);
        }
        file
    }
}

/// The range of an attribute's value.
pub(crate) const fn value_range(attribute: &Attribute) -> (u32, u32) {
    (attribute.value_start, attribute.value_end)
}

/// The value of an attribute as written, without outer space.
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) fn value<'d>(doc: &'d Document<'_>, attribute: Option<&Attribute>) -> &'d str {
    attribute
        .map_or("", |attribute| doc.slice(attribute.value_start, attribute.value_end).trimmed())
}

/// `MediaFile` and `Mezzanine`, wherever they stand.
pub(crate) fn file(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let file = File::read(doc, element);
    let class = kind(doc, sink, id, element, &file);
    numbers::sizes(doc, sink, id, &file, class);
    numbers::bitrates(doc, sink, id, element, &file, class);
    if let Some(codec) = file.codec {
        codecs::codec(doc, sink, id, codec, value(doc, file.kind), class);
    }
    if file.media_type.is_some() {
        media_type(doc, sink, id, file.media_type);
    }
    if element.ty == ty::MEDIA_FILE || element.ty == ty::NON_LINEAR_MEDIA_FILE {
        framework(doc, sink, id, element, &file, class);
        scaling(doc, sink, id, &file);
    }
}

/// The type of the file, and whether delivery and ending agree with it.
fn kind(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    file: &File<'_>,
) -> Class {
    let Some(attribute) = file.kind else {
        return Class::Other;
    };
    let range = value_range(attribute);
    let written = doc.slice(range.0, range.1);
    if written == "video/mp4" {
        let ending = kinds::ending(doc, sink, id, written, range);
        delivery(doc, sink, id, element, file, (Class::Video, ending));
        return Class::Video;
    }
    let essence = essence(written);
    if kinds::begins_with_macro(essence) {
        return Class::Other;
    }
    if let Some(right) = kinds::misspelt(written, essence) {
        let quoted = sink.quote(written);
        sink.report_fix(
            Id::MediafileTypeMisspelt,
            id,
            range,
            format_args!("`{quoted}` is not how the type is written; it is `{right}`"),
            |_| mend::replace("Write the type as it is registered", range, right),
        );
        return Class::of(right);
    }
    if !is_media_type(essence) {
        let quoted = sink.quote(written);
        sink.report(
            Id::MediafileTypeInvalid,
            id,
            range,
            format_args!("`{quoted}` is no media type such as `video/mp4`"),
        );
        return Class::Other;
    }
    let class = Class::of(essence);
    if class != Class::Hls && kinds::has_capitals(essence) {
        wrong_case(sink, id, range, written, essence);
    }
    let linear = element.ty == ty::MEDIA_FILE;
    match class {
        Class::Image if linear => {
            sink.report(
                Id::MediafileImage,
                id,
                range,
                format_args!("a linear media file is an image, which players do not show as video"),
            );
            return class;
        }
        Class::Flash => {
            sink.report(
                Id::MediafileFlash,
                id,
                range,
                format_args!("no player in use plays Flash"),
            );
            return class;
        }
        Class::Obsolete if linear => {
            let quoted = sink.quote(essence);
            sink.report(
                Id::MediafileTypeObsolete,
                id,
                range,
                format_args!("browsers, phones and televisions do not play `{quoted}`"),
            );
        }
        Class::Script | Class::Html if linear && file.api.is_none() => sink.report(
            Id::MediafileScriptWithoutApi,
            id,
            range,
            format_args!("the file is code, but no `apiFramework` says what could run it"),
        ),
        _ => {}
    }
    let ending = kinds::ending(doc, sink, id, essence, range);
    delivery(doc, sink, id, element, file, (class, ending));
    class
}

/// Types do not depend on case, but many players compare them byte by byte.
fn wrong_case(sink: &mut Sink<'_>, id: ElementId, range: (u32, u32), written: &str, essence: &str) {
    let quoted = sink.quote(essence);
    sink.report_fix(
        Id::MediafileTypeWrongCase,
        id,
        range,
        format_args!("players that compare types byte by byte do not know `{quoted}`"),
        |_| {
            let end = range.0.checked_add(u32::try_from(essence.len()).ok()?)?;
            // Outer space is a fault of its own; then the essence does not begin the value.
            written.starts_with(essence).then(|| {
                let small = essence.to_ascii_lowercase();
                TextFix::safe("Write the type in small letters", vec![(range.0, end, small.into())])
            })
        },
    );
}

/// Whether the file is fetched in the way that its kind needs.
fn delivery(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    file: &File<'_>,
    (class, ending): (Class, Option<&'static str>),
) {
    let Some(attribute) = file.delivery else {
        return;
    };
    let range = value_range(attribute);
    let mezzanine = matches!(element.ty, ty::MEZZANINE | ty::EXTENSION_MEZZANINE);
    match (value(doc, Some(attribute)), class) {
        (delivery, Class::Hls | Class::Dash) if mezzanine => sink.report(
            Id::MezzanineStreaming,
            id,
            file.kind.map_or(range, value_range),
            format_args!(
                "a mezzanine is one file to transcode from; a playlist delivered as `{}` is none",
                crate::parse::excerpt(delivery, 20)
            ),
        ),
        ("streaming", _) if mezzanine => sink.report(
            Id::MezzanineStreaming,
            id,
            range,
            format_args!("a mezzanine is one file to transcode from; it is not streamed"),
        ),
        ("progressive", Class::Hls) => sink.report_fix(
            Id::HlsMarkedProgressive,
            id,
            range,
            format_args!("an HLS playlist is streamed; `delivery` must be `streaming`"),
            |_| mend::replace("Say that it is streamed", range, "streaming"),
        ),
        ("progressive", Class::Dash) => sink.report_fix(
            Id::DashMarkedProgressive,
            id,
            range,
            format_args!("a DASH manifest is streamed; `delivery` must be `streaming`"),
            |_| mend::replace("Say that it is streamed", range, "streaming"),
        ),
        ("streaming", Class::Video | Class::Audio) if ending.is_some() => {
            let ending = ending.unwrap_or("");
            // A streaming protocol other than that of the web may well carry such a file.
            if doc.content(id).begins_like("http") {
                sink.report_fix(
                    Id::FileMarkedStreaming,
                    id,
                    range,
                    format_args!("a `.{ending}` file is downloaded, not streamed"),
                    |_| {
                        let edit = (range.0, range.1, "progressive".into());
                        Some(TextFix::dangerous("Say that it is downloaded", vec![edit]))
                    },
                );
            }
        }
        _ => {}
    }
}

/// What the file needs to be run.
fn framework(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    file: &File<'_>,
    class: Class,
) {
    let Some(attribute) = file.api else {
        return;
    };
    let range = value_range(attribute);
    let api = value(doc, Some(attribute));
    if api.is_like("VPAID") {
        sink.report(
            Id::Vpaid,
            id,
            range,
            format_args!("this file is VPAID, which televisions, apps and many browsers refuse"),
        );
        if matches!(class, Class::Video | Class::Audio) {
            sink.report(
                Id::VpaidOnVideo,
                id,
                range,
                format_args!("the file is marked as VPAID, but its type is no program"),
            );
        }
    } else if api.is_like("SIMID") {
        sink.report(
            Id::SimidInMediafile,
            id,
            range,
            format_args!("SIMID stands in <InteractiveCreativeFile>, not in <MediaFile>"),
        );
    } else {
        let quoted = sink.quote(api);
        sink.report(
            Id::MediafileApiframeworkDeprecated,
            id,
            if api.is_empty() { name_range(element) } else { range },
            format_args!("`{quoted}` belongs to an <InteractiveCreativeFile> since VAST 4.0"),
        );
    }
}

/// What a player may do with the picture when the screen has another size.
fn scaling(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, file: &File<'_>) {
    let (Some(scalable), Some(keeps)) = (file.scalable, file.keeps_ratio) else {
        return;
    };
    let no = |text: &str| matches!(text, "false" | "0");
    if !no(value(doc, Some(keeps))) {
        return;
    }
    if no(value(doc, Some(scalable))) {
        sink.report(
            Id::MediafileNotScalable,
            id,
            value_range(scalable),
            format_args!("the file may neither be scaled nor keep its shape"),
        );
    } else {
        sink.report(
            Id::MediafileDistorted,
            id,
            value_range(keeps),
            format_args!("the file may be scaled without keeping its shape"),
        );
    }
}

fn media_type(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    attribute: Option<&Attribute>,
) {
    let Some(attribute) = attribute else {
        return;
    };
    let written = value(doc, Some(attribute));
    let known = ["2D", "3D", "360", "180", "VR"];
    if !known.iter().any(|known| known.is_like(written)) && !kinds::begins_with_macro(written) {
        let quoted = sink.quote(written);
        sink.report(
            Id::MediafileMediatypeUnknown,
            id,
            value_range(attribute),
            format_args!("`{quoted}` is none of 2D, 3D and 360"),
        );
    }
}
