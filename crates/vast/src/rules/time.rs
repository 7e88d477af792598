//! Durations and offsets.

use crate::document::{Document, Element, ElementId, UNCLOSED};
use crate::generated::rules::Id;
use crate::generated::structure::{name, ty};
use crate::rules::{mend, name_range};
use crate::sink::Sink;
use crate::text::Text as _;

/// Milliseconds of `HH:MM:SS` or `HH:MM:SS.mmm`.
pub(crate) fn millis(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let colon = bytes.iter().position(|byte| *byte == b':').filter(|digits| *digits >= 2)?;
    let hours = number(text.get(..colon)?)?;
    let two = |tens: u8, ones: u8| {
        let digit = |byte: u8| Some(u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?));
        Some(digit(tens)? * 10 + digit(ones)?).filter(|number| *number < 60)
    };
    let [m1, m2, b':', s1, s2, fraction @ ..] = bytes.get(colon + 1..)? else {
        return None;
    };
    let millis = match fraction {
        [] => 0,
        [b'.', digits @ ..] if digits.len() == 3 => number(text.get(text.len() - 3..)?)?,
        _ => return None,
    };
    let clock = two(*m1, *m2)? * 60_000 + two(*s1, *s2)? * 1_000 + millis;
    hours.checked_mul(3_600_000)?.checked_add(clock)
}

/// Digits only; `parse` would take a sign, and is a long routine.
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) fn number(text: &str) -> Option<u64> {
    /// So many digits are never too large, and hardly a number has more.
    const SAFE: usize = 19;
    let digit = |byte: &u8| byte.checked_sub(b'0').filter(|digit| *digit < 10).map(u64::from);
    let bytes = text.as_bytes();
    let (head, tail) = bytes.split_at_checked(SAFE).unwrap_or((bytes, &[]));
    let mut number = digit(head.first()?)?;
    for byte in head.get(1..)? {
        number = number.wrapping_mul(10).wrapping_add(digit(byte)?);
    }
    for byte in tail {
        number = number.checked_mul(10)?.checked_add(digit(byte)?)?;
    }
    Some(number)
}

/// An offset into a linear creative.
pub(crate) enum Offset {
    Millis(u64),
    /// Of the duration; whether digits follow a point.
    Percent {
        whole: u64,
        fraction: bool,
    },
}

impl Offset {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some(percent) = text.strip_suffix('%') else {
            return millis(text).map(Self::Millis);
        };
        let (whole, digits) =
            percent.cut(b'.').map_or((percent, None), |(whole, digits)| (whole, Some(digits)));
        if digits.is_some_and(|digits| number(digits).is_none()) {
            return None;
        }
        // `100.5%` is beyond the end as well.
        let beyond = digits.is_some_and(|digits| digits.bytes().any(|byte| byte != b'0'));
        let whole = number(whole)?;
        let whole = if whole == 100 && beyond { 101 } else { whole };
        Some(Self::Percent { whole, fraction: digits.is_some() })
    }
}

/// An offset that can be read, after saying what is wrong with it.
fn offset(
    sink: &mut Sink<'_>,
    id: ElementId,
    range: (u32, u32),
    value: &str,
    form: Id,
) -> Option<Offset> {
    let offset = Offset::parse(value);
    match offset {
        None => {
            let quoted = sink.quote(value);
            sink.report(
                form,
                id,
                range,
                format_args!("`{quoted}` is neither HH:MM:SS, HH:MM:SS.mmm nor a percentage"),
            );
        }
        Some(Offset::Percent { whole: 101.., .. }) => {
            let quoted = sink.quote(value);
            sink.report(
                Id::PercentOver100,
                id,
                range,
                format_args!("`{quoted}` of the duration is never reached"),
            );
        }
        Some(Offset::Percent { fraction: true, .. }) => sink.report(
            Id::PercentWithFraction,
            id,
            range,
            format_args!("many players read whole percentages only"),
        ),
        Some(_) => {}
    }
    offset
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
            sink.report_fix(
                Id::DurationFormat,
                id,
                range,
                format_args!("`{quoted}` is no duration of the form HH:MM:SS or HH:MM:SS.mmm"),
                |doc| {
                    // Where it is written in parts or with references, there is nothing to replace.
                    let clock =
                        padded(&content).filter(|_| doc.slice(range.0, range.1) == content)?;
                    mend::replace("Fill in the zeros", range, &clock)
                },
            );
        }
        Some(0) => sink.report(Id::DurationZero, id, range, format_args!("the duration is zero")),
        Some(1..1_000) => sink.report(
            Id::DurationUnderASecond,
            id,
            range,
            format_args!("the ad lasts less than a second; seconds may stand as milliseconds"),
        ),
        Some(3_600_000..) => sink.report(
            Id::DurationOverAnHour,
            id,
            range,
            format_args!("the ad lasts an hour or more; minutes may stand as hours"),
        ),
        Some(_) => {}
    }
}

/// `H:M:S.m` with all its zeros.
fn padded(text: &str) -> Option<String> {
    let (clock, fraction) =
        text.cut(b'.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut fields = clock.split(':');
    let mut field = || fields.next().filter(|field| field.len() <= 2).and_then(number);
    let (hours, minutes, seconds) = (field()?, field()?, field()?);
    if fields.next().is_some() {
        return None;
    }
    let whole = format!("{hours:02}:{minutes:02}:{seconds:02}");
    let clock = match fraction {
        None => whole,
        Some(digits) if digits.len() <= 3 => {
            number(digits)?;
            format!("{whole}.{digits:0<3}")
        }
        Some(_) => return None,
    };
    millis(&clock).map(|_| clock)
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
    match offset(sink, id, range, value, Id::SkipoffsetFormat) {
        Some(Offset::Millis(0) | Offset::Percent { whole: 0, fraction: false }) => sink.report(
            Id::SkipoffsetZero,
            id,
            range,
            format_args!("the ad can be skipped before it begins"),
        ),
        Some(Offset::Percent { whole: 100, .. }) => at_end(sink, id, range),
        Some(Offset::Millis(offset)) => {
            let duration = doc
                .children(id)
                .find(|child| doc.element(*child).is_some_and(|child| child.ty == ty::DURATION));
            let duration = duration
                .and_then(|duration| millis(&doc.content(duration)))
                .filter(|duration| *duration > 0);
            if duration.is_some_and(|duration| offset > duration) {
                let quoted = sink.quote(value);
                sink.report(
                    Id::SkipoffsetBeyondDuration,
                    id,
                    range,
                    format_args!("the ad can be skipped after `{quoted}`, when it is over"),
                );
            } else if duration == Some(offset) {
                at_end(sink, id, range);
            }
        }
        _ => {}
    }
}

fn at_end(sink: &mut Sink<'_>, id: ElementId, range: (u32, u32)) {
    sink.report(
        Id::SkipoffsetAtEnd,
        id,
        range,
        format_args!("the ad can be skipped at its last moment only"),
    );
}

/// `Linear` of a wrapper: the form of its skip offset. The duration is not known here.
pub(crate) fn wrapper_skip_offset(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
) {
    if let Some(attribute) = doc.attr(element, name::SKIPOFFSET) {
        let range = (attribute.value_start, attribute.value_end);
        let value = doc.slice(range.0, range.1).trim_ascii();
        offset(sink, id, range, value, Id::SkipoffsetFormat);
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
    let Some(attribute) = doc.attr(element, name::OFFSET) else {
        if doc.attr_raw(element, name::EVENT) == Some("progress") {
            sink.report_on(
                Id::ProgressWithoutOffset,
                id,
                format_args!("the event `progress` has no `offset`"),
            );
        }
        return;
    };
    let range = (attribute.value_start, attribute.value_end);
    let value = doc.slice(range.0, range.1).trim_ascii();
    offset(sink, id, range, value, Id::ProgressOffsetFormat);
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
    fn loose_durations_are_filled_with_zeros() {
        for (text, expect) in [
            ("0:00:30", Some("00:00:30")),
            ("0:0:5.5", Some("00:00:05.500")),
            ("00:00:30.", None),
            ("0:30", None),
            ("0:00:75", None),
            ("000:00:30", None),
        ] {
            assert_eq!(padded(text).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn offsets_are_times_or_percentages() {
        for text in ["25%", "0%", "100%", "33.3%", "00:00:05"] {
            assert!(Offset::parse(text).is_some(), "{text}");
        }
        for text in ["%", "-5%", "5", "5s", "33.%"] {
            assert!(Offset::parse(text).is_none(), "{text}");
        }
    }
}
