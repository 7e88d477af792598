//! A row in any form, and what is wrong with it.

use std::borrow::Cow;
use std::net::IpAddr;

use adproof_model::Timestamp;
use serde::Deserialize;

use super::{Column, TrafficRow};
use crate::Limits;
use crate::address;
use crate::event_lines::json_reason;

/// A field that keeps its row from being taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) column: String,
    pub(super) value: String,
    pub(super) reason: String,
}

/// A row that owns its device.
#[derive(Debug, Default)]
pub(super) struct Owned {
    address: u128,
    day: i32,
    device: Vec<u8>,
    asn: Option<u32>,
    impressions: Option<u32>,
    revenue_micros: i64,
    currency: Option<[u8; 3]>,
    flagged: bool,
}

impl Owned {
    pub(super) fn borrowed(&self) -> TrafficRow<'_> {
        TrafficRow {
            address: self.address,
            day: self.day,
            device: &self.device,
            asn: self.asn.filter(|asn| *asn != 0),
            impressions: self.impressions.unwrap_or(1),
            revenue_micros: self.revenue_micros,
            currency: self.currency,
            flagged: self.flagged,
        }
    }

    /// Takes a cell; the reason where it does not fit. Blank cells say nothing.
    fn take(&mut self, column: Column, text: &str, limits: &Limits) -> Result<(), String> {
        if text.len() > limits.cell_bytes {
            return Err(format!("longer than {} bytes", limits.cell_bytes));
        }
        match column {
            Column::Time => self.day = day(text)?,
            Column::Address => {
                let address = address::parse_ip(text).map_err(|fault| fault.to_string())?;
                self.address = match address {
                    IpAddr::V6(v6) => v6.to_bits(),
                    IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
                };
            }
            Column::Device => {
                if !is_withheld(text.as_bytes()) {
                    self.device = text.as_bytes().to_vec();
                }
            }
            Column::Asn => {
                let digits = text.strip_prefix("AS").unwrap_or(text);
                self.asn = Some(digits.parse().map_err(|_| "not an AS number")?);
            }
            Column::Impressions => {
                let count = text.parse().map_err(|_| "not a number from 0 to 4294967295")?;
                self.impressions = Some(count);
            }
            Column::Revenue => {
                let micros: i64 = text.parse().map_err(|_| "not whole micro-units")?;
                if !(-limits.money_micros..=limits.money_micros).contains(&micros) {
                    return Err(format!("beyond {} micro-units for one row", limits.money_micros));
                }
                self.revenue_micros = micros;
            }
            Column::Currency => {
                let code = <[u8; 3]>::try_from(text.as_bytes()).ok();
                let code = code.filter(|code| code.iter().all(u8::is_ascii_uppercase));
                self.currency = Some(code.ok_or("not a currency code of ISO 4217, such as USD")?);
            }
            Column::Flagged => {
                self.flagged = match text.to_ascii_lowercase().as_str() {
                    "true" | "1" | "yes" => true,
                    "false" | "0" | "no" => false,
                    _ => return Err("not true or false".to_owned()),
                };
            }
            Column::Other => {}
        }
        Ok(())
    }
}

/// Players send an advertising id of zeros when the user has limited tracking. A short one is a
/// number of somebody's own.
fn is_withheld(id: &[u8]) -> bool {
    id.len() >= 16 && id.iter().all(|byte| matches!(byte, b'0' | b'-'))
}

/// Whether a device id means itself as it is written.
#[inline]
pub(super) fn is_plain_device(id: &[u8]) -> bool {
    let (Some(first), Some(last)) = (id.first(), id.last()) else {
        return true;
    };
    // Most ids begin with something else than a zero, and then it is not all zeros.
    let shown = |byte: &u8| (0x21..0x7f).contains(byte);
    shown(first)
        && shown(last)
        && (!matches!(first, b'0' | b'-') || !is_withheld(id))
        && id.len() <= 64
        && id.is_ascii()
}

/// The UTC day of a time: RFC 3339, without a zone as UTC, a date, or seconds, milliseconds or
/// microseconds since 1970.
fn day(text: &str) -> Result<i32, String> {
    let micros = |text: &str| text.parse().ok().map(Timestamp::micros);
    let found = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: Option<i64> = text.parse().ok();
        number.and_then(|number| match text.len() {
            ..=10 => number.checked_mul(1_000_000),
            13 => number.checked_mul(1_000),
            16 => Some(number),
            _ => None,
        })
    } else if text.len() == 10 {
        micros(&format!("{text}T00:00:00Z"))
    } else {
        micros(text).or_else(|| micros(&format!("{text}Z")))
    };
    let day = found.map(|micros| Timestamp::from_micros(micros).day());
    day.and_then(|day| i32::try_from(day).ok()).ok_or_else(|| {
        "not a time: RFC 3339 such as 2026-05-31T08:15:30Z, or seconds since 1970".to_owned()
    })
}

pub(super) fn cells(
    cells: &[Cow<'_, [u8]>],
    columns: &[Column],
    names: &[Box<str>],
    limits: &Limits,
) -> Result<Owned, Unfit> {
    if cells.len() != columns.len() {
        return Err(Unfit {
            column: "line".into(),
            value: String::from_utf8_lossy(&cells.join(&b'|')).into_owned(),
            reason: format!("{} cells under a header of {}", cells.len(), columns.len()),
        });
    }
    let mut row = Owned::default();
    for ((cell, column), name) in cells.iter().zip(columns).zip(names) {
        if *column == Column::Other {
            continue;
        }
        let unfit = |reason: String| Unfit {
            column: name.to_string(),
            value: String::from_utf8_lossy(cell).into_owned(),
            reason,
        };
        let text = std::str::from_utf8(cell).map_err(|_| unfit("not UTF-8".to_owned()))?.trim();
        if text.is_empty() {
            if matches!(column, Column::Address | Column::Time) {
                return Err(unfit("missing".to_owned()));
            }
            continue;
        }
        row.take(*column, text, limits).map_err(unfit)?;
    }
    Ok(row)
}

/// A value of JSON that may be text or a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scalar<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Number(i64),
    Flag(bool),
    Null,
}

/// The fields of a line, under the names that a header may have.
#[derive(Debug, Default, Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, alias = "ts", alias = "timestamp", alias = "date")]
    time: Option<Scalar<'a>>,
    #[serde(borrow, default, alias = "ipv6", alias = "address")]
    ip: Option<Scalar<'a>>,
    #[serde(borrow, default, alias = "ifa", alias = "device_id")]
    device: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    asn: Option<Scalar<'a>>,
    #[serde(borrow, default, alias = "count")]
    impressions: Option<Scalar<'a>>,
    #[serde(borrow, default, alias = "amount_micros", alias = "price_micros")]
    revenue_micros: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    currency: Option<Scalar<'a>>,
    #[serde(borrow, default, alias = "invalid", alias = "ivt")]
    flagged: Option<Scalar<'a>>,
}

pub(super) fn line(text: &[u8], limits: &Limits) -> Result<Owned, Unfit> {
    let whole = |reason: String| Unfit {
        column: "line".into(),
        value: String::from_utf8_lossy(text.get(..400).unwrap_or(text)).into_owned(),
        reason,
    };
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(whole("not a JSON object".to_owned()));
    }
    let line: Line<'_> =
        serde_json::from_slice(text).map_err(|error| whole(json_reason(&error)))?;
    let mut row = Owned::default();
    for (column, value) in [
        (Column::Time, line.time),
        (Column::Address, line.ip),
        (Column::Device, line.device),
        (Column::Asn, line.asn),
        (Column::Impressions, line.impressions),
        (Column::Revenue, line.revenue_micros),
        (Column::Currency, line.currency),
        (Column::Flagged, line.flagged),
    ] {
        let text = match value {
            Some(Scalar::Text(text)) => text,
            Some(Scalar::Number(number)) => Cow::Owned(number.to_string()),
            Some(Scalar::Flag(flag)) => Cow::Owned(flag.to_string()),
            Some(Scalar::Null) | None => Cow::Borrowed(""),
        };
        let text = text.trim();
        let unfit = |reason: String| Unfit {
            column: column.name().to_owned(),
            value: text.to_owned(),
            reason,
        };
        if text.is_empty() {
            if matches!(column, Column::Address | Column::Time) {
                return Err(unfit("missing".to_owned()));
            }
            continue;
        }
        row.take(column, text, limits).map_err(unfit)?;
    }
    Ok(row)
}
