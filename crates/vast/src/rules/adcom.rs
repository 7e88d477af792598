//! Signals of AdCOM in a tag: how the ad was sold, for those who do not see the bid.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::media::{begins_with_macro, value, value_range};
use crate::rules::{name_range, time};
use crate::sink::Sink;

const SIGNALS: [&str; 4] = ["plcmt", "pos", "playbackmethod", "attr"];

/// Codes from here on are agreed between vendors.
const VENDOR: i64 = 500;

/// `Extension` with `ext="adcom"`: one signal, named by its type.
pub(crate) fn extension(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let kind = doc.attr(element, name::TYPE);
    let named = value(doc, kind);
    let known = SIGNALS.contains(&named);
    if !known && let Some(kind) = kind {
        let quoted = sink.quote(named);
        sink.report(
            Id::AdcomTypeUnknown,
            id,
            value_range(kind),
            format_args!("`{quoted}` is no signal; it is plcmt, pos, playbackmethod or attr"),
        );
    } else if !known {
        sink.report_on(
            Id::AdcomTypeUnknown,
            id,
            format_args!("the extension has no `type` that names its signal"),
        );
    }
    let mut any = false;
    for child in doc.children(id) {
        let Some(of) = doc.element(child).filter(|of| of.ty == ty::ADCOM_SIGNAL) else {
            continue;
        };
        any = true;
        let signal = of.name.as_str();
        if known && signal != named {
            sink.report(
                Id::AdcomTypeMismatch,
                child,
                name_range(of),
                format_args!("the extension is of the type `{named}`, but carries <{signal}>"),
            );
        }
    }
    if !any && known && !element.has(UNCLOSED) {
        sink.report_on(
            Id::AdcomWithoutSignal,
            id,
            format_args!("the extension says `{named}`, but holds no <{named}>"),
        );
    }
}

/// A number that may have a sign.
fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) => 0_i64.checked_sub_unsigned(time::number(digits)?),
        None => 0_i64.checked_add_unsigned(time::number(text.strip_prefix('+').unwrap_or(text))?),
    }
}

/// One signal: a number of a list of AdCOM.
pub(crate) fn signal(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let text = doc.content(id);
    if begins_with_macro(&text) {
        return;
    }
    let range = doc.content_range(id).unwrap_or_else(|| name_range(element));
    let signal = element.name.as_str();
    let Some(number) = integer(&text) else {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdcomNotANumber,
            id,
            range,
            format_args!("<{signal}> is `{quoted}`; AdCOM numbers its values"),
        );
        return;
    };
    let (rule, least, most) = match element.name {
        name::PLCMT => (Id::AdcomPlcmtUnknown, 1, 9),
        name::PLAYBACKMETHOD => (Id::AdcomPlaybackmethodUnknown, 1, 11),
        name::POS => (Id::AdcomPosUnknown, 0, 17),
        _ => (Id::AdcomAttrNotPortfolio, 19, 23),
    };
    if (least..=most).contains(&number) || number >= VENDOR {
        return;
    }
    sink.report(
        rule,
        id,
        range,
        format_args!("<{signal}> is {number}; the list has {least} to {most}"),
    );
}

/// `Extensions`: the signals of all extensions together.
pub(crate) fn extensions(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let mut signals = Signals::default();
    // No child that the table knows: no extension.
    if element.seen == 0 {
        return;
    }
    for child in doc.children(id) {
        if doc.element(child).is_some_and(|child| child.ty == ty::ADCOM_EXTENSION) {
            signals.read(doc, sink, child);
        }
    }
    signals.judge(sink);
}

/// An extension that carries all signals itself.
pub(crate) fn container(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    let mut signals = Signals::default();
    signals.read(doc, sink, id);
    signals.judge(sink);
    if let Some((format @ 1..5, id, range)) = signals.format {
        sink.report(
            Id::PortfolioPlcmtNotCtv,
            id,
            range,
            format_args!("plcmt {format} is none of the CTV formats, which are 5 to 9"),
        );
    }
}

/// The first of each signal, and where it stands.
#[derive(Default)]
struct Signals {
    format: Option<(i64, ElementId, (u32, u32))>,
    position: Option<(i64, ElementId, (u32, u32))>,
    playback: Option<(i64, ElementId, (u32, u32))>,
    /// How much moves: static, limited or full motion.
    motion: Option<(i64, ElementId, (u32, u32))>,
}

impl Signals {
    fn read(&mut self, doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId) {
        for child in doc.children(id) {
            let Some(of) = doc.element(child).filter(|of| of.ty == ty::ADCOM_SIGNAL) else {
                continue;
            };
            let Some(number) = integer(&doc.content(child)) else {
                continue;
            };
            let range = doc.content_range(child).unwrap_or((of.start, of.open_end));
            let slot = match of.name {
                name::PLCMT => &mut self.format,
                name::POS => &mut self.position,
                name::PLAYBACKMETHOD => &mut self.playback,
                _ if (21..=23).contains(&number) => &mut self.motion,
                _ => continue,
            };
            match slot {
                None => *slot = Some((number, child, range)),
                Some((first, _, _)) if *first == number => {}
                Some((first, _, _)) => sink.report(
                    Id::AdcomSignalsDisagree,
                    child,
                    range,
                    format_args!("{} is {number} here and {first} before", of.name.as_str()),
                ),
            }
        }
    }

    fn judge(&self, sink: &mut Sink<'_>) {
        let Some((format, _, _)) = self.format else {
            return;
        };
        let named = match format {
            5 => "a pause ad",
            6 => "a screensaver",
            7 => "an overlay",
            8 => "a squeezeback",
            9 => "an in-scene ad",
            1..5 => "no CTV format",
            _ => return,
        };
        let places: &[i64] = match format {
            5 | 6 => &[7, 8],
            7 => &[5, 9, 10, 14, 15],
            8 => &[11, 12, 13, 16, 17],
            _ => &[],
        };
        if let Some((place, id, range)) = self.position
            && (1..VENDOR).contains(&place)
            && !places.is_empty()
            && !places.contains(&place)
        {
            sink.report(
                Id::AdcomPosContradictsPlcmt,
                id,
                range,
                format_args!("plcmt {format} is {named}, which has no position {place}"),
            );
        }
        if let Some((method, id, range)) = self.playback {
            let of_format = match method {
                8 | 9 => Some(5),
                10 | 11 => Some(6),
                _ => None,
            };
            let of_other = of_format.is_some_and(|of| of != format);
            let needs_own = matches!(format, 5 | 6) && (1..8).contains(&method);
            if of_other || needs_own {
                sink.report(
                    Id::AdcomPlaybackmethodContradictsPlcmt,
                    id,
                    range,
                    format_args!(
                        "plcmt {format} is {named}, which does not begin by method {method}"
                    ),
                );
            }
        }
    }
}
