//! Durations and offsets.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::name_range;
use crate::sink::Sink;

/// Milliseconds of `HH:MM:SS` or `HH:MM:SS.mmm`.
pub(crate) fn millis(text: &str) -> Option<u64> {
    let (clock, fraction) =
        text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut fields = clock.split(':');
    let (hours, minutes, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    if fields.next().is_some() || hours.len() < 2 || minutes.len() != 2 || seconds.len() != 2 {
        return None;
    }
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    if minutes > 59 || seconds > 59 {
        return None;
    }
    let fraction = match fraction {
        Some(digits) if digits.len() == 3 => number(digits)?,
        Some(_) => return None,
        None => 0,
    };
    hours.checked_mul(3_600_000)?.checked_add(minutes * 60_000 + seconds * 1_000 + fraction)
}

/// Digits only; `parse` alone would take a sign.
pub(crate) fn number(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// An offset into a linear creative.
enum Offset {
    Millis(u64),
    /// Up to the whole duration.
    Percent,
}

impl Offset {
    fn parse(text: &str) -> Option<Self> {
        if let Some(percent) = text.strip_suffix('%') {
            let whole = percent.split_once('.').map_or(percent, |(whole, _)| whole);
            let fraction =
                percent.split_once('.').is_none_or(|(_, digits)| number(digits).is_some());
            return number(whole).filter(|whole| *whole <= 100 && fraction).map(|_| Self::Percent);
        }
        millis(text).map(Self::Millis)
    }
}

/// `Duration`.
pub(crate) fn duration(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    if element.has(UNCLOSED) {
        return;
    }
    let content = doc.content(id);
    let range = doc.content_range(id).unwrap_or_else(|| name_range(element));
    match millis(&content) {
        None => {
            let quoted = sink.quote(&content);
            sink.report(
                Id::DurationFormat,
                id,
                range,
                format_args!("`{quoted}` is no duration of the form HH:MM:SS or HH:MM:SS.mmm"),
            );
        }
        Some(0) => sink.report(Id::DurationZero, id, range, format_args!("the duration is zero")),
        Some(_) => {}
    }
}

/// `Linear`: the skip offset against the duration.
pub(crate) fn skip_offset(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    let Some(attribute) = doc.attr(element, name::SKIPOFFSET) else {
        if skip_event(doc, id).is_some() {
            let range = name_range(element);
            sink.report(
                Id::SkipEventWithoutOffset,
                id,
                range,
                format_args!("the skip event is tracked, but <Linear> has no `skipoffset`"),
            );
        }
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let value = doc.slice(range.0, range.1).trim_ascii();
    let quoted = || crate::parse::excerpt(value, 40);
    match Offset::parse(value) {
        None => sink.report(
            Id::SkipoffsetFormat,
            id,
            range,
            format_args!("`{}` is neither HH:MM:SS, HH:MM:SS.mmm nor a percentage", quoted()),
        ),
        Some(Offset::Millis(offset)) => {
            let duration = doc
                .children(id)
                .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::DURATION));
            if let Some(duration) = duration
                .and_then(|duration| millis(&doc.content(duration)))
                .filter(|duration| *duration > 0)
                && offset > duration
            {
                sink.report(
                    Id::SkipoffsetBeyondDuration,
                    id,
                    range,
                    format_args!("the ad can be skipped after `{}`, when it is over", quoted()),
                );
            }
        }
        Some(Offset::Percent) => {}
    }
}

fn skip_event(doc: &Document<'_>, linear: ElementId) -> Option<ElementId> {
    let events = doc
        .children(linear)
        .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::TRACKING_EVENTS))?;
    doc.children(events).find(|tracking| {
        doc.element(*tracking)
            .is_some_and(|tracking| doc.attr_raw(tracking, name::EVENT) == Some("skip"))
    })
}

/// `Tracking`: progress needs an offset that can be read.
pub(crate) fn progress(doc: &Document<'_>, sink: &mut Sink<'_>, id: ElementId, element: &Element) {
    let offset = doc.attr(element, name::OFFSET);
    let Some(attribute) = offset else {
        if doc.attr_raw(element, name::EVENT) == Some("progress") {
            sink.report(
                Id::ProgressWithoutOffset,
                id,
                name_range(element),
                format_args!("the event `progress` has no `offset`"),
            );
        }
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let value = doc.slice(range.0, range.1).trim_ascii();
    if Offset::parse(value).is_none() {
        let quoted = sink.quote(value);
        sink.report(
            Id::ProgressOffsetFormat,
            id,
            range,
            format_args!("`{quoted}` is neither HH:MM:SS, HH:MM:SS.mmm nor a percentage"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_form() {
        for (text, expect) in [
            ("00:00:30", Some(30_000)),
            ("00:00:30.500", Some(30_500)),
            ("100:00:00", Some(360_000_000)),
            ("30", None),
            ("0:00:30", None),
            ("00:00:60", None),
            ("00:60:00", None),
            ("00:00:30.5", None),
            ("00:00:+3", None),
            ("00:00:30:00", None),
            ("99999999999999999999:00:00", None),
            ("", None),
        ] {
            assert_eq!(millis(text), expect, "{text}");
        }
    }

    #[test]
    fn offsets_are_times_or_percentages() {
        for text in ["25%", "0%", "100%", "33.3%", "00:00:05"] {
            assert!(Offset::parse(text).is_some(), "{text}");
        }
        for text in ["%", "101%", "-5%", "5", "5s", "33.%"] {
            assert!(Offset::parse(text).is_none(), "{text}");
        }
    }
}
