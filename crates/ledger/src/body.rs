//! The smaller parts of a record: its time, and the bodies that tell of closed windows, erased
//! evidence and repaired files.

use std::borrow::Cow;

use crate::canon::{Reader, Writer};
use crate::draft::Action;
use crate::fault::{EncodeError, ParseError, ParseFault};
use crate::hash::Hash;

/// When a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTime {
    /// µs since 1970-01-01T00:00:00Z by the source.
    pub wall_us: i64,
    /// How far the clock may be off, µs.
    pub error_us: i64,
    /// µs since the process started.
    pub monotonic_us: i64,
    /// Whose clock: `system`, `fixed` and so on.
    pub source: Cow<'static, str>,
    /// The hash of the last time stamp token: the record is not older than it.
    pub beacon: Option<[u8; 32]>,
}

impl RecordTime {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            let beacon = self.beacon.map(Hash::new);
            fields.optional_hash("beacon", beacon.as_ref());
            fields.int("error_us", self.error_us);
            fields.int("monotonic_us", self.monotonic_us);
            fields.text("source", &self.source);
            fields.int("wall_us", self.wall_us);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                beacon: fields.optional_hash("beacon")?.map(|hash| *hash.as_bytes()),
                error_us: fields.int("error_us")?,
                monotonic_us: fields.int("monotonic_us")?,
                source: fields.text("source")?.into(),
                wall_us: fields.int("wall_us")?,
            })
        })
    }
}

/// The body of a `recovery` record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes that were cut off.
    pub bytes: u64,
    /// SHA-256 of the bytes that were cut off.
    pub sha256: Hash,
}

impl Recovery {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.count("bytes", self.bytes);
            fields.hash("sha256", &self.sha256);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self { bytes: fields.number("bytes")?, sha256: fields.hash("sha256")? })
        })
    }
}

/// The body of a `window-close` record: what was decided in a span of time, summed up, so that
/// what somebody left out shows when two parties compare their sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowClose {
    /// The beginning, µs since 1970-01-01T00:00:00Z.
    pub from_us: i64,
    /// The records that it sums up: every decision among them is counted once, and nothing else.
    pub records: RecordRange,
    /// The end, not within the window. Behind the beginning.
    pub to_us: i64,
    /// The sums, sorted by party, action and currency (their texts by bytes), each triple once.
    pub totals: Vec<Total>,
}

/// Records in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    /// How many.
    pub count: u64,
    /// The place of the first.
    pub first: u64,
}

/// The sum over the decisions of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// What was decided.
    pub action: Action,
    /// The sum of what was billed, in millionths of the currency.
    pub amount_micros: i64,
    /// How many decisions.
    pub count: u64,
    /// The currency by ISO 4217; `XXX` where nothing was billed.
    pub currency: String,
    /// Who is billed or bills, by the name that both sides use. Empty where nobody is known.
    pub party: String,
}

impl WindowClose {
    /// Puts sums in order.
    pub fn sort(totals: &mut [Total]) {
        totals.sort_by(|a, b| a.order().cmp(&b.order()));
    }

    fn check(&self) -> Result<(), EncodeError> {
        let currency = |total: &Total| {
            total.currency.len() == 3
                && total.currency.bytes().all(|byte| byte.is_ascii_uppercase())
        };
        if self.from_us >= self.to_us {
            Err(EncodeError::Window)
        } else if !self.totals.iter().all(currency) {
            Err(EncodeError::Currency)
        } else if !self.totals.is_sorted_by(|a, b| a.order() < b.order()) {
            Err(EncodeError::Totals)
        } else {
            Ok(())
        }
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        if let Err(error) = self.check() {
            writer.fail(error);
        }
        writer.object(|fields| {
            fields.int("from_us", self.from_us);
            fields.key("records").object(|fields| {
                fields.count("count", self.records.count);
                fields.count("first", self.records.first);
            });
            fields.int("to_us", self.to_us);
            fields.key("totals").array(&self.totals, |writer, total| total.write(writer));
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let window = reader.object(|fields| {
            Ok(Self {
                from_us: fields.int("from_us")?,
                records: fields.key("records")?.object(|fields| {
                    Ok(RecordRange {
                        count: fields.number("count")?,
                        first: fields.number("first")?,
                    })
                })?,
                to_us: fields.int("to_us")?,
                totals: fields.key("totals")?.array(Total::read)?,
            })
        })?;
        window.check().map_err(|error| invalid(start, error))?;
        Ok(window)
    }
}

fn invalid(at: usize, error: EncodeError) -> ParseError {
    ParseError { at, fault: ParseFault::Invalid(error) }
}

impl Total {
    fn order(&self) -> (&str, &'static str, &str) {
        (&self.party, self.action.as_str(), &self.currency)
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("action", self.action.as_str());
            fields.int("amount_micros", self.amount_micros);
            fields.count("count", self.count);
            fields.text("currency", &self.currency);
            fields.text("party", &self.party);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                action: fields.name("action", &Action::NAMES)?,
                amount_micros: fields.int("amount_micros")?,
                count: fields.number("count")?,
                currency: fields.text("currency")?,
                party: fields.text("party")?,
            })
        })
    }
}

/// The body of an `erase` record: the evidence of one subject and day can never be opened again.
/// The records stay as they are, and so does every proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erase {
    /// The day (UTC) whose key it was: `YYYY-MM-DD`.
    pub day: String,
    /// The id of the key that was destroyed.
    pub key: Hash,
    /// Why, in words.
    pub reason: String,
    /// How many records it opened.
    pub records: u64,
}

impl Erase {
    pub(crate) fn write(&self, writer: &mut Writer) {
        if !is_day(&self.day) {
            writer.fail(EncodeError::Day);
        }
        writer.object(|fields| {
            fields.text("day", &self.day);
            fields.hash("key", &self.key);
            fields.text("reason", &self.reason);
            fields.count("records", self.records);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.at();
        let erase = reader.object(|fields| {
            Ok(Self {
                day: fields.text("day")?,
                key: fields.hash("key")?,
                reason: fields.text("reason")?,
                records: fields.number("records")?,
            })
        })?;
        if is_day(&erase.day) { Ok(erase) } else { Err(invalid(start, EncodeError::Day)) }
    }
}

/// Whether a text is a day of the Gregorian calendar from 0001-01-01 on, as `YYYY-MM-DD`.
#[must_use]
pub fn is_day(text: &str) -> bool {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text.as_bytes() else {
        return false;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |value, digit| {
            digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0'))
        })
    };
    let (Some(year), Some(month), Some(day)) =
        (number(&[y0, y1, y2, y3]), number(&[m0, m1]), number(&[d0, d1]))
    else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for day in ["2026-01-31", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert!(is_day(day), "{day}");
        }
        for day in [
            "",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-1-01",
            "0000-01-01",
            "2026-01-00",
            "2026/01/01",
            "2026-01-011",
            "+026-01-01",
        ] {
            assert!(!is_day(day), "{day}");
        }
    }
}
