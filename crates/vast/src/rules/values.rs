//! Values of attributes against the grammar that the structure table gives them.

use crate::document::{Document, Element, ElementId};
use crate::generated::rules::Id;
use crate::rule::FixKind;
use crate::rules::{mend, time, tracking};
use crate::sink::{Sink, TextFix};
use crate::structure::{Kind, Type, event};
use crate::text::Text as _;

/// Judges every attribute whose value has a grammar.
pub(crate) fn check(
    doc: &Document<'_>,
    sink: &mut Sink<'_>,
    id: ElementId,
    element: &Element,
    info: &Type,
) {
    for attribute in doc.attributes_in(element) {
        let Some(row) = info.attrs.get(usize::from(attribute.row)) else {
            continue;
        };
        if row.kind == Kind::String {
            continue;
        }
        let range = (attribute.value_start, attribute.value_end);
        let raw = doc.slice(range.0, range.1);
        if raw.as_bytes().first().is_some_and(|byte| matches!(byte, b'[' | b'$' | b'%' | b'{')) {
            // A macro of an ad server: what will stand here is not known.
            continue;
        }
        if row.kind == Kind::Event {
            tracking_event(sink, id, raw, range);
            continue;
        }
        let trimmed = raw.trim_ascii();
        let expected = match row.kind {
            Kind::Integer if time::number(trimmed).is_none() => {
                "a whole number that is not negative"
            }
            Kind::Decimal if !is_decimal(trimmed) => "a number",
            Kind::Boolean if !matches!(trimmed, "true" | "false" | "1" | "0") => {
                "`true` or `false`"
            }
            Kind::Time if time::millis(trimmed).is_none() => {
                "a time of the form HH:MM:SS or HH:MM:SS.mmm"
            }
            Kind::Uri if trimmed.is_empty() => "a URI",
            Kind::OneOf(values) if !values.contains(&trimmed) => {
                let (name, quoted) = (row.name.as_str(), sink.quote(raw));
                let list = List(values);
                sink.report_fix(
                    row.value,
                    id,
                    range,
                    format_args!("`{name}` is `{quoted}`; it must be {list}"),
                    |_| in_other_case(row.value, values, range, trimmed),
                );
                continue;
            }
            Kind::Currency if !is_currency(trimmed) => {
                let quoted = sink.quote(raw);
                sink.report_fix(
                    Id::PricingCurrencyInvalid,
                    id,
                    range,
                    format_args!("`{quoted}` is no currency of three letters (ISO 4217)"),
                    |_| {
                        let right = trimmed.to_ascii_uppercase();
                        is_currency(&right).then(|| {
                            mend::replace("Write the currency in capitals", range, &right)
                        })?
                    },
                );
                continue;
            }
            _ => continue,
        };
        let (name, quoted) = (row.name.as_str(), sink.quote(raw));
        sink.report_fix(
            row.value,
            id,
            range,
            format_args!("`{name}` is `{quoted}`; it must be {expected}"),
            |_| match row.kind {
                Kind::Boolean => in_other_case(row.value, &["true", "false"], range, trimmed),
                _ => None,
            },
        );
    }
}

/// A value that is right but for its case. Only of rules whose pages promise a fix.
fn in_other_case(
    rule: Id,
    values: &[&'static str],
    range: (u32, u32),
    written: &str,
) -> Option<TextFix> {
    if rule.rule().fix == FixKind::None {
        return None;
    }
    let right = values.iter().find(|value| value.is_like(written))?;
    mend::replace("Correct the case of the value", range, right)
}

/// `Tracking@event` of a creative.
fn tracking_event(sink: &mut Sink<'_>, id: ElementId, name: &str, range: (u32, u32)) {
    let version = sink.version();
    match event(name) {
        Some(event) if event.versions & version.bit() != 0 => {}
        _ if tracking::nearly(sink, id, name, range) => {}
        Some(_) => sink.report(
            Id::TrackingEventNotInVersion,
            id,
            range,
            format_args!("VAST {version} has no event `{name}`"),
        ),
        None => {
            let quoted = sink.quote(name);
            sink.report(
                Id::TrackingEventUnknown,
                id,
                range,
                format_args!("no version of VAST has an event `{quoted}`"),
            );
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.cut(b'.').unwrap_or((text, "0"));
    time::number(whole).is_some() && time::number(fraction).is_some()
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `a`, `b` or `c`.
struct List(&'static [&'static str]);

impl std::fmt::Display for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (place, value) in self.0.iter().enumerate() {
            let between = match place {
                0 => "",
                _ if place + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{between}`{value}`")?;
        }
        Ok(())
    }
}
