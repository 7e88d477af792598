//! What another party counts: one row a window, party, verdict and currency.

use std::borrow::Cow;
use std::collections::BTreeSet;

use adproof_model::{Reject, Timestamp};
use serde_json::Value;

use crate::cell::{self, Cell, Row};
use crate::reject::Rejects;
use crate::table::bounded;
use crate::{FeedError, FeedFault, Limits, alias, delimited, text};

/// The largest count or sum: what a record can hold.
const MAX: i64 = (1 << 53) - 1;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimRow {
    /// The beginning of the window.
    pub from: Timestamp,
    /// The end, not within the window.
    pub to: Timestamp,
    /// Who reported the bill; empty where there was none.
    pub party: Box<str>,
    /// The verdict: an action of the policy.
    pub action: Box<str>,
    /// The currency by ISO 4217; `XXX` where nothing was billed.
    pub currency: Box<str>,
    /// How many impressions.
    pub count: u64,
    /// What was billed in micro-units, where the row says so.
    pub amount_micros: Option<i64>,
}

/// The rows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The rows, in the order of the file.
    pub rows: Vec<ClaimRow>,
    /// The first rows that were not taken, bounded.
    pub rejected: Vec<Reject>,
    /// All rows that were not taken.
    pub rejected_total: u64,
}

/// Reads CSV with a header, or JSON lines, with the fields `from`, `to`, `party`, `action` (or
/// `verdict`), `currency`, `count` and, where there is one, `amount_micros` or `amount` (whole
/// units with up to six decimals). Times are RFC 3339, or days, which begin at midnight UTC.
pub fn read_claims(name: &str, bytes: &[u8], limits: &Limits) -> Result<Claims, FeedError> {
    read(bytes, limits).map_err(|fault| FeedError::new(name, fault))
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Claims, FeedFault> {
    let text = text::of_table(bytes, limits)?;
    let mut taking =
        Taking { rows: Vec::new(), seen: BTreeSet::new(), rejects: Rejects::default() };
    if text.trim_start().starts_with('{') {
        for (index, line) in text.lines().enumerate() {
            if !cell::is_blank(line) {
                let row = (index as u64).saturating_add(1);
                taking.take(limits, row, json(line))?;
            }
        }
    } else {
        table(&text, limits, &mut taking)?;
    }
    let Taking { rows, rejects, .. } = taking;
    Ok(Claims { rows, rejected: rejects.kept, rejected_total: rejects.total })
}

/// A value that is not taken: column, value, reason.
type Fault = (&'static str, String, &'static str);

struct Taking {
    rows: Vec<ClaimRow>,
    /// What was counted, without the figures.
    seen: BTreeSet<ClaimRow>,
    rejects: Rejects,
}

impl Taking {
    fn take(
        &mut self,
        limits: &Limits,
        number: u64,
        row: Result<ClaimRow, Fault>,
    ) -> Result<(), FeedFault> {
        if self.rows.len() as u64 >= limits.rows {
            return Err(FeedFault::Limit { what: "rows", limit: limits.rows });
        }
        let row = row.and_then(|row| {
            if self.seen.insert(ClaimRow { count: 0, amount_micros: None, ..row.clone() }) {
                Ok(row)
            } else {
                let value = format!("{} {} {}", row.party, row.action, row.currency);
                Err(("party", value, "these decisions are counted in an earlier row"))
            }
        });
        match row {
            Ok(row) => self.rows.push(row),
            Err((column, value, reason)) => {
                self.rejects.push(limits, number, column, &value, reason);
            }
        }
        Ok(())
    }
}

const FIELDS: [&str; 8] =
    ["from", "to", "party", "action", "currency", "count", "amount_micros", "amount"];

fn names(field: &'static str) -> &'static [&'static str] {
    match field {
        "from" => &["from", "windowfrom", "start", "begin"],
        "to" => &["to", "windowto", "end"],
        "party" => &["party", "observer", "seller", "buyer"],
        "action" => &["action", "verdict", "decision"],
        "currency" => &["currency", "cur"],
        "count" => &["count", "impressions", "decisions"],
        "amount_micros" => &["amountmicros"],
        _ => &["amount"],
    }
}

fn table(text: &str, limits: &Limits, taking: &mut Taking) -> Result<(), FeedFault> {
    let first = text.lines().find(|line| !cell::is_blank(line)).unwrap_or_default();
    let delimiter = [b',', b';', b'\t', b'|']
        .into_iter()
        .max_by_key(|delimiter| first.bytes().filter(|byte| byte == delimiter).count())
        .unwrap_or(b',');
    let mut header: Option<[Option<usize>; 8]> = None;
    delimited::each_row(text, delimiter, limits, |row| {
        if row.is_blank() {
            return Ok(true);
        }
        let Some(columns) = &header else {
            header = Some(columns(&row)?);
            return Ok(true);
        };
        let value = |field: &str| {
            let at = FIELDS.iter().position(|name| *name == field);
            let column = at.and_then(|at| columns.get(at).copied().flatten());
            column.map(|column| Cow::Owned(row.cell(column).trimmed()))
        };
        taking.take(limits, row.number, claim(value))?;
        Ok(true)
    })
}

fn columns(row: &Row<'_>) -> Result<[Option<usize>; 8], FeedFault> {
    let seen: Vec<String> = row.cells.iter().map(Cell::trimmed).collect();
    let folded: Vec<String> = seen.iter().map(|name| alias::fold(name)).collect();
    let columns =
        FIELDS.map(|field| folded.iter().position(|name| names(field).contains(&name.as_str())));
    let missing = FIELDS.iter().zip(columns).take(6).find(|(_, column)| column.is_none());
    match missing {
        Some((column, _)) => Err(FeedFault::NoColumn {
            column,
            seen: seen.iter().take(40).map(|name| bounded(name, 40).into()).collect(),
        }),
        None => Ok(columns),
    }
}

fn json(line: &str) -> Result<ClaimRow, Fault> {
    let Ok(Value::Object(object)) = serde_json::from_str(line) else {
        return Err(("line", line.to_owned(), "not a JSON object"));
    };
    let value = |field: &'static str| {
        let find = |(key, _): &(&String, &Value)| names(field).contains(&alias::fold(key).as_str());
        match object.iter().find(find)?.1 {
            Value::String(text) => Some(Cow::Owned(text.clone())),
            Value::Null => None,
            other => Some(Cow::Owned(other.to_string())),
        }
    };
    claim(value)
}

fn claim<'v>(value: impl Fn(&'static str) -> Option<Cow<'v, str>>) -> Result<ClaimRow, Fault> {
    let text = |field| value(field).unwrap_or_default().trim().to_owned();
    let fault = |field, reason| move |text: String| (field, text, reason);
    let from = text("from");
    let from = instant(&from).ok_or_else(|| fault("from", "not a time or a day")(from))?;
    let to = text("to");
    let to = instant(&to).ok_or_else(|| fault("to", "not a time or a day")(to))?;
    if from >= to {
        return Err(("to", to.to_string(), "the window ends before it begins"));
    }
    let count = text("count");
    let whole = |text: &str| text.parse::<i64>().ok().filter(|value| value.abs() <= MAX);
    let count = whole(&count).and_then(|count| u64::try_from(count).ok()).ok_or(count);
    let count = count.map_err(fault("count", "not a whole number from 0 to 2^53-1"))?;
    let amount_micros = match (text("amount_micros"), text("amount")) {
        (micros, _) if !micros.is_empty() => {
            let reason = "not a whole number of micro-units";
            Some(whole(&micros).ok_or_else(|| fault("amount_micros", reason)(micros))?)
        }
        (_, amount) if !amount.is_empty() => {
            let reason = "not an amount with at most six decimals";
            Some(micros(&amount).ok_or_else(|| fault("amount", reason)(amount))?)
        }
        _ => None,
    };
    let currency = text("currency");
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(("currency", currency, "not a code of ISO 4217"));
    }
    let (party, action) = (text("party").into(), text("action").into());
    Ok(ClaimRow { from, to, party, action, currency: currency.into(), count, amount_micros })
}

/// RFC 3339, or a day.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

/// Whole units with up to six decimals, exactly.
fn micros(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > 6 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<6}").parse().ok()?;
    let value = whole.checked_mul(1_000_000)?.checked_add(part).filter(|value| *value <= MAX)?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        read_claims("theirs.csv", text.as_bytes(), &Limits::default()).unwrap()
    }

    const HEADER: &str = "from,to,party,verdict,currency,count,amount\n";

    #[test]
    fn a_table_and_lines_say_the_same() {
        let table = claims(&format!(
            "{HEADER}2026-05-27,2026-06-03,b.example,review,USD,7,1.25\n\
             2026-05-27T00:00:00Z,2026-06-03,,none,XXX,2,\n"
        ));
        let lines = claims(
            "{\"from\":\"2026-05-27\",\"to\":\"2026-06-03\",\"party\":\"b.example\",\
             \"action\":\"review\",\"currency\":\"USD\",\"count\":7,\"amount_micros\":1250000}\n\
             {\"from\":\"2026-05-27\",\"to\":\"2026-06-03\",\"party\":\"\",\"action\":\"none\",\
             \"currency\":\"XXX\",\"count\":\"2\",\"amount_micros\":null}\n",
        );
        assert_eq!(table.rejected, []);
        assert_eq!(table, lines);
        assert_eq!(table.rows[0].amount_micros, Some(1_250_000));
        assert_eq!(table.rows[1].amount_micros, None);
    }

    #[test]
    fn rows_that_cannot_be_taken_are_told_with_their_place() {
        let text = format!(
            "{HEADER}yesterday,2026-06-03,b,review,USD,7,1\n\
             2026-06-03,2026-06-03,b,review,USD,7,1\n\
             2026-05-27,2026-06-03,b,review,usd,7,1\n\
             2026-05-27,2026-06-03,b,review,USD,-7,1\n\
             2026-05-27,2026-06-03,b,review,USD,9007199254740992,1\n\
             2026-05-27,2026-06-03,b,review,USD,7,1.2345678\n\
             2026-05-27,2026-06-03,b,review,USD,7,1\n\
             2026-05-27,2026-06-03,b,review,USD,8,1\n"
        );
        let claims = claims(&text);
        assert_eq!(claims.rows.len(), 1);
        let told: Vec<(u64, &str)> =
            claims.rejected.iter().map(|one| (one.row, &*one.column)).collect();
        let columns = ["from", "to", "currency", "count", "count", "amount", "party"];
        let rows = [2, 3, 4, 5, 6, 7, 9];
        assert_eq!(told, rows.into_iter().zip(columns).collect::<Vec<_>>());
    }

    #[test]
    fn a_file_of_another_kind_is_an_error() {
        for (text, word) in [("", "empty"), ("a,b\n1,2\n", "from"), ("PK\u{3}\u{4}x", "archive")] {
            let error = read_claims("theirs", text.as_bytes(), &Limits::default()).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn amounts_are_exact() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1.5", Some(-1_500_000)),
            ("9007199254.740991", Some(MAX)),
            ("9007199254.740992", None),
            ("1e3", None),
            (".5", None),
            ("1,5", None),
            ("", None),
        ] {
            assert_eq!(micros(text), value, "{text}");
        }
    }
}
