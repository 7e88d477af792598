//! Ads, creatives and what identifies and bills them.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::known::Known;
use crate::rules::{name_range, time};
use crate::sink::Sink;
use crate::text::Text as _;

/// `VAST`: places in the pod are positive and unique. Ads without a place may stand beside a pod.
pub(crate) fn sequence(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, _: &Element) {
    let mut taken = Taken::default();
    for ad in doc.children(id) {
        let attribute = doc
            .element(ad)
            .filter(|ad| ad.ty == ty::AD)
            .and_then(|element| doc.attr(element, name::SEQUENCE));
        let Some(attribute) = attribute else {
            continue;
        };
        let range = (attribute.value_start, attribute.value_end);
        match time::number(doc.slice(range.0, range.1).trimmed()) {
            Some(0) => sink.report(
                Id::SequenceZero,
                ad,
                range,
                format_args!("places in a pod count from 1"),
            ),
            Some(place) if !taken.insert(place) => {
                sink.report(
                    Id::SequenceDuplicate,
                    ad,
                    range,
                    format_args!("another ad of the pod has the place {place} already"),
                );
            }
            // The value as such is judged with all other numbers.
            _ => {}
        }
    }
}

/// Places of a pod: a bit each, and a list only of what is beyond any pod.
#[derive(Default)]
struct Taken<'t> {
    /// The places of nearly all pods.
    first: u64,
    bits: Vec<u64>,
    others: Known<'t>,
}

impl Taken<'_> {
    /// False when the place was taken already.
    fn insert(&mut self, place: u64) -> bool {
        let Some(word) = usize::try_from(place / 64).ok().filter(|word| *word < 1024) else {
            return self.others.is_new((place, b""));
        };
        if word > self.bits.len() {
            self.bits.resize(word.next_power_of_two(), 0);
        }
        let bit = 1_u64 << (place % 64);
        let bits = match word.checked_sub(1) {
            None => Some(&mut self.first),
            Some(word) => self.bits.get_mut(word),
        };
        bits.is_some_and(|bits| {
            let free = *bits & bit == 0;
            *bits |= bit;
            free
        })
    }
}

/// `InLine` and `Wrapper`: the same impression counted twice.
pub(crate) fn impressions(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    // Most ads have each of their children once.
    if element.twice == 0 || !sink.hears(Id::ImpressionDuplicate) {
        return;
    }
    super::repeated(doc, id, ty::IMPRESSION, &[], &mut |impression| {
        sink.report_on(
            Id::ImpressionDuplicate,
            impression,
            format_args!("this ad calls the same impression URL twice"),
        );
    });
}

/// `Linear` of an inline ad: without quartiles nobody knows how much was watched.
pub(crate) fn quartiles(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let heard = sink.hears(Id::LinearWithoutQuartiles) || sink.hears(Id::LinearWithoutTracking);
    if element.has(UNCLOSED) || !heard {
        return;
    }
    let events = doc
        .children(id)
        .filter(|child| doc.element(*child).is_some_and(|child| child.ty == ty::TRACKING_EVENTS));
    let tracked = events.flat_map(|events| doc.children(events));
    let mut any = false;
    for event in tracked.filter_map(|tracking| doc.attr_raw(doc.element(tracking)?, name::EVENT)) {
        if matches!(event, "firstQuartile" | "midpoint" | "thirdQuartile" | "complete" | "progress")
        {
            return;
        }
        any = true;
    }
    if !any {
        sink.report_on(
            Id::LinearWithoutTracking,
            id,
            format_args!("nothing of this ad is tracked but that it was served"),
        );
    }
    if any {
        sink.report_on(
            Id::LinearWithoutQuartiles,
            id,
            format_args!("events are tracked, but none that says how far the ad was watched"),
        );
    }
}

/// `UniversalAdId`: the form of an Ad-ID.
pub(crate) fn universal_ad_id(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let registry = doc.attr_raw(element, name::ID_REGISTRY).unwrap_or("").trimmed();
    if !registry.is_like("ad-id.org") {
        return;
    }
    let value = doc.content(id);
    let range = doc.content_range(id).unwrap_or_else(|| name_range(element));
    if !value.is_empty() && !value.is_like("unknown") && !is_ad_id(&value) {
        let quoted = sink.quote(&value);
        sink.report(
            Id::AdIdForm,
            id,
            range,
            format_args!(
                "`{quoted}` is no Ad-ID: four letters or digits, seven more, and H or D at most"
            ),
        );
    }
}

/// Four of the advertiser, seven of the creative, and `H` for HD or `D` for 3D.
pub(crate) fn is_ad_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((head, tail)) = bytes.split_at_checked(11) else {
        return false;
    };
    let starts = head.first().is_some_and(u8::is_ascii_alphabetic);
    starts
        && head.iter().all(u8::is_ascii_alphanumeric)
        && matches!(tail, [] | [b'H' | b'D' | b'h' | b'd'])
}

/// `Pricing`: a number.
pub(crate) fn pricing(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let value = doc.content(id);
    let (whole, fraction) =
        value.cut(b'.').map_or((value.as_ref(), "0"), |(whole, fraction)| (whole, fraction));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && (fraction.is_empty() || !value.has(b'.')));
    // A price may be encrypted for a macro to stand in for it.
    if !number && !value.starts_with(['[', '$', '%']) {
        let quoted = sink.quote(&value);
        let range = doc.content_range(id).unwrap_or_else(|| name_range(element));
        sink.report(Id::PricingNotANumber, id, range, format_args!("`{quoted}` is no price"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ad_ids_have_eleven_characters_and_a_mark() {
        for text in ["ABCD1234567", "ABCD1234567H", "A1CD00000AAD"] {
            assert!(is_ad_id(text), "{text}");
        }
        for text in [
            "",
            "ABCD123456",
            "ABCD1234567X",
            "ABCD1234567HH",
            "1BCD1234567",
            "ABCD-234567",
            "ÄBCD1234567",
        ] {
            assert!(!is_ad_id(text), "{text}");
        }
    }
}
