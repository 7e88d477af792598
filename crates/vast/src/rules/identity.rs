//! What names an ad, a creative and those who serve them.

use std::borrow::Cow;

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::findings::Mend;
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::url::{self, AMPERSAND, BEYOND_ASCII, BRACKET, DOLLAR, ODD, PERCENT, SPACE};
use crate::rules::{name_range, text_hash, writing};
use crate::sink::Sink;
use crate::sort::sorted_by;
use crate::structure::TypeId;
use crate::text::Text as _;

/// Texts that people read in reports, and ids that are joined with the logs of others.
pub(crate) fn text(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let is_id = match element.ty {
        ty::AD_SERVING_ID | ty::UNIVERSAL_AD_ID => true,
        ty::AD_TITLE | ty::AD_SYSTEM | ty::ADVERTISER | ty::DESCRIPTION => false,
        _ => return,
    };
    let Some((text, range)) = doc.content_with_range(id) else {
        if !element.has(UNCLOSED) && element.first_child.some().is_none() {
            empty(doc, sink, id, element);
        }
        return;
    };
    let classes = url::classes(&text);
    if classes & (BRACKET | PERCENT | DOLLAR | ODD) != 0 && is_unfilled(&text) {
        let rule = if is_id { Id::IdNotFilled } else { Id::TextNotFilled };
        let quoted = sink.quote(&text);
        sink.report(rule, id, range, format_args!("`{quoted}` is a macro that nobody replaced"));
    } else if classes & ODD != 0 && has_markup(&text) {
        let (name, quoted) = (element.ty.info().element_name(), sink.quote(&text));
        sink.report(
            Id::TextWithMarkup,
            id,
            range,
            format_args!("<{name}> holds markup instead of text: `{quoted}`"),
        );
    } else if element.ty == ty::AD_TITLE && is_one_of(&text, &TITLES) {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdtitlePlaceholder,
            id,
            range,
            format_args!("the title `{quoted}` names no ad"),
        );
    } else if element.ty == ty::AD_SYSTEM && is_one_of(&text, &SYSTEMS) {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdsystemPlaceholder,
            id,
            range,
            format_args!("`{quoted}` names no ad server"),
        );
    } else if element.ty == ty::AD_SERVING_ID
        && classes & SPACE != 0
        && text.bytes().any(|byte| byte.is_ascii_whitespace())
    {
        let quoted = sink.quote(&text);
        sink.report(
            Id::AdservingidWithSpace,
            id,
            range,
            format_args!("the id `{quoted}` has space in it"),
        );
    }
    if element.ty == ty::AD_SERVING_ID && is_id_of_ad(doc, element, &text) {
        sink.report(
            Id::AdservingidIsAdId,
            id,
            range,
            format_args!("the id of this serving is the id of the ad"),
        );
    }
    if classes & (AMPERSAND | BEYOND_ASCII) != 0 {
        writing::check(sink, id, element, range, &text);
    }
    if element.ty == ty::AD_SYSTEM && doc.attr(element, name::VERSION).is_none() {
        sink.report_on(
            Id::AdsystemWithoutVersion,
            id,
            format_args!("<AdSystem> does not say which version of the ad server answered"),
        );
    }
}

/// An element whose text is its only use.
fn empty(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if matches!(element.ty, ty::ADVERTISER | ty::DESCRIPTION) {
        sink.report_named(
            Id::OptionalElementEmpty,
            id,
            name_range(element),
            ("<", "> is optional and says nothing"),
            Mend::Removed,
        );
    } else if element.ty != ty::UNIVERSAL_AD_ID || doc.attr(element, name::ID_VALUE).is_none() {
        let range = name_range(element);
        sink.report_named(Id::ElementEmpty, id, range, ("<", "> is empty"), Mend::Not);
    }
}

/// Titles that name nothing.
const TITLES: [&str; 21] = [
    "ad",
    "title",
    "ad title",
    "adtitle",
    "untitled",
    "test",
    "testing",
    "test ad",
    "unknown",
    "n/a",
    "none",
    "null",
    "undefined",
    "placeholder",
    "default",
    "tbd",
    "todo",
    "my ad",
    "video ad",
    "sample",
    "nan",
];

/// Ad servers that are none.
const SYSTEMS: [&str; 15] = [
    "ad system",
    "adsystem",
    "ad server",
    "adserver",
    "system",
    "unknown",
    "n/a",
    "none",
    "null",
    "undefined",
    "placeholder",
    "default",
    "test",
    "testing",
    "tbd",
];

fn is_one_of(text: &str, known: &[&str]) -> bool {
    text.len() <= 12 && known.iter().any(|known| known.is_like(text))
}

/// Whether a macro stands where its value should: `${X}`, `%%X%%`, `{{X}}` anywhere, `[X]` alone,
/// because people write brackets into titles.
pub(crate) fn is_unfilled(text: &str) -> bool {
    let bracketed = |text: &str| {
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        })
    };
    let between = |open: &str, close: &str| {
        text.cut_at(open).is_some_and(|(_, rest)| {
            rest.place_of(close).is_some_and(|at| {
                rest.get(..at).is_some_and(|name| {
                    !name.is_empty()
                        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
                })
            })
        })
    };
    text.bytes().any(|byte| matches!(byte, b'$' | b'%' | b'{'))
        && (between("${", "}") || between("%%", "%%") || between("{{", "}}"))
        || bracketed(text)
}

/// `<` before a letter, `/` or `!`.
fn has_markup(text: &str) -> bool {
    memchr::memchr_iter(b'<', text.as_bytes()).any(|at| {
        text.as_bytes()
            .get(at + 1)
            .is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!'))
    })
}

/// `VAST`: ids that more than one ad has.
pub(crate) fn ads(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.twice == 0 {
        return;
    }
    let of_type = |parent: ElementId, wanted: TypeId| {
        doc.children(parent)
            .filter_map(|child| Some((child, doc.element(child)?)))
            .filter(move |(_, element)| element.ty == wanted)
    };
    let count = of_type(id, ty::AD).count().min(4096);
    if count < 2 {
        return;
    }
    let list = || Vec::with_capacity(count);
    let (mut ids, mut servings, mut played) = (list(), list(), list());
    for (ad, element) in of_type(id, ty::AD) {
        if let Some(attribute) = doc.attr(element, name::ID) {
            let range = (attribute.value_start, attribute.value_end);
            let value = doc.slice(range.0, range.1).trimmed();
            ids.push((("", Cow::Borrowed(value)), ad, range));
        }
        let in_pod = doc.attr(element, name::SEQUENCE).is_some();
        for (inline, _) in of_type(ad, ty::IN_LINE) {
            for (child, found) in of_type(inline, ty::AD_SERVING_ID) {
                servings.push((("", doc.content(child)), child, name_range(found)));
            }
            for (list, _) in of_type(inline, ty::CREATIVES).filter(|_| in_pod) {
                for (creative, _) in of_type(list, ty::CREATIVE) {
                    // Companions travel with their video and repeat its id.
                    let video = of_type(creative, ty::LINEAR).next().is_some();
                    if let Some((child, found)) = of_type(creative, ty::UNIVERSAL_AD_ID).next()
                        && video
                    {
                        let registry =
                            doc.attr_raw(found, name::ID_REGISTRY).unwrap_or("").trimmed();
                        played.push(((registry, doc.content(child)), child, name_range(found)));
                    }
                }
            }
        }
    }
    for_repeated(&ids, &mut |ad, range, value| {
        let quoted = sink.quote(value);
        sink.report(
            Id::AdIdDuplicate,
            ad,
            range,
            format_args!("an ad before this one has the id `{quoted}`, too"),
        );
    });
    for_repeated(&servings, &mut |serving, range, _| {
        sink.report(
            Id::AdservingidReused,
            serving,
            range,
            format_args!("an ad before this one has the same AdServingId"),
        );
    });
    for_repeated(&played, &mut |universal, range, _| {
        sink.report(
            Id::PodRepeatsCreative,
            universal,
            range,
            format_args!("an ad before this one of the pod plays the same creative"),
        );
    });
}

/// A value within its namespace, the element that has it and where that is shown.
pub(crate) type Named<'d> = ((&'d str, Cow<'d, str>), ElementId, (u32, u32));

/// What is done with an element, where it is shown, and its value.
type Report<'r> = dyn FnMut(ElementId, (u32, u32), &str) + 'r;

/// Every element whose value an element before it has. What names nothing repeats nothing.
pub(crate) fn for_repeated(all: &[Named<'_>], report: &mut Report<'_>) {
    if all_differ(all) {
        return;
    }
    let all: Vec<&Named<'_>> = all.iter().collect();
    let all = sorted_by(&all, |a, b| a.0.cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut again: Vec<&Named<'_>> = Vec::new();
    for pair in all.windows(2) {
        if let [(before, ..), after] = pair
            && *before == after.0
            && !after.0.1.is_empty()
            && !after.0.1.is_like("unknown")
            && !is_unfilled(&after.0.1)
        {
            again.push(after);
        }
    }
    // The places of findings are found fast in the order of the document.
    for (value, id, range) in sorted_by(&again, |a, b| a.1.cmp(&b.1)) {
        report(*id, *range, &value.1);
    }
}

/// Whether all values are surely different. Mostly they are, and then so are their hashes, which
/// are compared without reading texts again.
fn all_differ(all: &[Named<'_>]) -> bool {
    /// Steps from the place of a hash to a free one, of which half are free.
    const STEPS: usize = 64;
    let mut slots = vec![0_u64; (all.len() * 2).next_power_of_two()];
    all.iter().all(|((space, value), ..)| {
        let hash = text_hash(space.as_bytes()).rotate_left(1) ^ text_hash(value.as_bytes());
        let last = slots.len() - 1;
        let first = usize::try_from(hash >> 40).unwrap_or(0);
        for step in 0..STEPS {
            match slots.get_mut((first + step) & last) {
                Some(free) if *free == 0 => {
                    // Zero is taken for another hash: that is no more than a wrong suspicion.
                    *free = hash.max(1);
                    return true;
                }
                Some(other) if *other == hash => return false,
                _ => {}
            }
        }
        false
    })
}

/// Whether an ad has this text as its id.
fn is_id_of_ad(doc: &Document<'_>, inside: &Element, text: &str) -> bool {
    let body = doc.element(inside.parent);
    let ad = body.and_then(|body| doc.element(body.parent)).filter(|ad| ad.ty == ty::AD);
    ad.is_some_and(|ad| doc.attr_raw(ad, name::ID).is_some_and(|id| id.trimmed() == text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_macro_is_told_from_a_title_in_brackets() {
        for text in ["${AD_ID}", "%%TITLE%%", "a-{{campaign.name}}", "[ADSERVINGID]", "%%a%%b"] {
            assert!(is_unfilled(text), "{text}");
        }
        for text in ["", "[]", "[Sponsored] Shoes", "100% wool", "${", "%%%%", "5 $ {}", "[ad]"] {
            assert!(!is_unfilled(text), "{text}");
        }
    }

    #[test]
    fn markup_is_told_from_a_heart() {
        assert!(has_markup("<b>Shoes</b>") && has_markup("a <!-- b") && has_markup("</i>"));
        assert!(!has_markup("I <3 shoes") && !has_markup("<") && !has_markup("1 < 2"));
    }
}
