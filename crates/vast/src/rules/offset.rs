//! Where an ad break stands: `AdBreak@timeOffset`.

use crate::document::ElementId;
use crate::generated::rules::Id;
use crate::known::Key;
use crate::rules::{macros, mend, time};
use crate::sink::Sink;
use crate::text::Text as _;

/// The place of a break in the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Start,
    Millis(u64),
    Percent(u64),
    /// One of the opportunities that the content has, from 1.
    Position(u64),
    End,
    /// A macro of an ad server: what will stand here is not known.
    Template,
}

/// Why a text is no place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Format,
    Percent,
    PositionZero,
    /// What was meant.
    Keyword(&'static str),
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        if let Some(millis) = time::millis(text) {
            return Ok(Self::Millis(millis));
        }
        if let Some(percent) = text.strip_suffix('%') {
            let number = percent.strip_prefix('-').unwrap_or(percent);
            let (whole, fraction) = number.cut(b'.').unwrap_or((number, "0"));
            return match (time::number(percent), time::number(whole), time::number(fraction)) {
                (Some(percent), ..) if percent <= 100 => Ok(Self::Percent(percent)),
                (_, Some(_), Some(_)) => Err(Fault::Percent),
                _ => Err(Fault::Format),
            };
        }
        if let Some(position) = text.strip_prefix('#') {
            return match time::number(position) {
                Some(0) => Err(Fault::PositionZero),
                Some(position) => Ok(Self::Position(position)),
                None => Err(Fault::Format),
            };
        }
        let any = |words: [&str; 4]| words.iter().any(|word| text.is_like(word));
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            _ if any(["start", "preroll", "pre-roll", "pre"]) => Err(Fault::Keyword("start")),
            _ if any(["end", "postroll", "post-roll", "post"]) => Err(Fault::Keyword("end")),
            _ if macros::begins_with_one(text) => Ok(Self::Template),
            _ => Err(Fault::Format),
        }
    }

    /// What tells it from all others.
    pub(crate) fn key(self) -> Key<'static> {
        match self {
            Self::Start => (0, b"start"),
            Self::Millis(number) => (number, b"ms"),
            Self::Percent(number) => (number, b"%"),
            Self::Position(number) => (number, b"#"),
            Self::End => (0, b"end"),
            Self::Template => (0, b"template"),
        }
    }

    /// Whether it comes before another in every content. Times and percentages are not compared.
    pub(crate) fn precedes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Template, _) | (_, Self::Template) => false,
            (Self::Millis(a), Self::Millis(b))
            | (Self::Percent(a), Self::Percent(b))
            | (Self::Position(a), Self::Position(b)) => a < b,
            (Self::Start, other) => other != Self::Start,
            (this, Self::End) => this != Self::End,
            _ => false,
        }
    }
}

impl Fault {
    pub(crate) fn report(
        &self,
        sink: &mut Sink<'_>,
        id: ElementId,
        range: (u32, u32),
        value: &str,
    ) {
        let value = sink.quote(value);
        match self {
            Self::Format => sink.report(
                Id::TimeoffsetFormat,
                id,
                range,
                format_args!("`{value}` is neither a time, a percentage, `start`, `end` nor `#` and a position"),
            ),
            Self::Percent => sink.report(
                Id::TimeoffsetPercent,
                id,
                range,
                format_args!("`{value}` is no whole percentage from 0 to 100"),
            ),
            Self::PositionZero => sink.report(
                Id::TimeoffsetPositionZero,
                id,
                range,
                format_args!("positions count from `#1`"),
            ),
            Self::Keyword(meant) => sink.report_fix(
                Id::TimeoffsetKeyword,
                id,
                range,
                format_args!("`{value}` must be written `{meant}`"),
                |_| mend::replace("Use the keyword", range, meant),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_five_forms() {
        for (text, place) in [
            ("start", Place::Start),
            ("end", Place::End),
            ("00:10:00", Place::Millis(600_000)),
            ("00:00:00.500", Place::Millis(500)),
            ("0%", Place::Percent(0)),
            ("100%", Place::Percent(100)),
            ("#1", Place::Position(1)),
            ("[OFFSET]", Place::Template),
        ] {
            assert_eq!(Place::parse(text), Ok(place), "{text}");
        }
        for (text, fault) in [
            ("", Fault::Format),
            ("90", Fault::Format),
            ("0:10:00", Fault::Format),
            ("%", Fault::Format),
            ("#", Fault::Format),
            ("#-1", Fault::Format),
            ("101%", Fault::Percent),
            ("12.5%", Fault::Percent),
            ("-5%", Fault::Percent),
            ("#0", Fault::PositionZero),
            ("Start", Fault::Keyword("start")),
            ("post-roll", Fault::Keyword("end")),
        ] {
            assert_eq!(Place::parse(text), Err(fault), "{text}");
        }
    }

    #[test]
    fn places_of_different_kinds_have_no_order_but_for_the_ends() {
        let precedes =
            |a: &str, b: &str| Place::parse(a).unwrap().precedes(Place::parse(b).unwrap());
        assert!(precedes("start", "00:00:00") && precedes("50%", "end") && precedes("#1", "#2"));
        assert!(
            !precedes("50%", "00:10:00") && !precedes("start", "start") && !precedes("end", "#1")
        );
    }
}
