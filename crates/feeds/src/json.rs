//! Feeds in JSON: an object a line, an array of objects, a STIX bundle, a MISP event.

use serde_json::{Map, Value};

use crate::alias::{self, Field};
use crate::cell::{self, Cell};
use crate::feed::Undated;
use crate::table::{Collector, Named, Raw, bounded};
use crate::{FeedFault, FeedFormat, Limits, Searched, misp, stix};

/// Names under which an object may date its feed.
const DATES: [&str; 6] = ["issue", "issued", "date", "published", "week", "month"];

pub(crate) type Object = Map<String, Value>;

/// Reads text that starts with a brace or a bracket.
pub(crate) fn read<'l>(text: &str, limits: &'l Limits) -> Result<Undated<'l>, FeedFault> {
    let first = text.lines().find(|line| !cell::is_blank(line));
    let first = cell::trim(first.unwrap_or(""));
    let alone = cell::trim(text) == first;
    // One object a line, unless the only line is a document of another format.
    if !alone && matches!(serde_json::from_str(first), Ok(Value::Object(_))) {
        return lines(text, limits);
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) if object.get("type") == Some(&"bundle".into()) => {
            Ok(stix::read(&object, limits))
        }
        Ok(Value::Object(object)) if misp::is_event(&object) => Ok(misp::read(&object, limits)),
        Ok(Value::Object(_)) if alone => lines(text, limits),
        Ok(Value::Array(items)) => {
            let rows = (1..).zip(items.into_iter().map(Ok));
            rows_of(rows, limits)
        }
        Ok(_) => Err(FeedFault::OtherKind {
            what: "a JSON document that is neither a STIX bundle nor a MISP event",
            remedy: "export it as JSON lines, one object with an address in each line",
        }),
        Err(error) => Err(FeedFault::Json {
            detail: error.to_string().split(" at line ").next().unwrap_or("").into(),
            line: error.line() as u64,
            column: error.column() as u64,
        }),
    }
}

fn lines<'l>(text: &str, limits: &'l Limits) -> Result<Undated<'l>, FeedFault> {
    let whole = text.ends_with('\n');
    let count = text.lines().count() as u64;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !cell::is_blank(line));
    let rows = lines.map(|(number, line)| {
        let line = cell::trim(line);
        if line.len() > limits.line_bytes {
            let reason = format!("longer than {} bytes", limits.line_bytes);
            return (number, Err((line.to_owned(), reason)));
        }
        let value = serde_json::from_str(line).map_err(|error| {
            let reason = if error.is_eof() && number == count && !whole {
                "the file was cut in the middle of this line".to_owned()
            } else {
                let text = error.to_string();
                let what = text.split(" at line ").next().unwrap_or("");
                format!("not JSON: {what} (column {})", error.column())
            };
            (line.to_owned(), reason)
        });
        (number, value)
    });
    rows_of(rows, limits)
}

/// A row's value, or the text that could not be read and why.
type RowValue = Result<Value, (String, String)>;

fn rows_of(
    rows: impl Iterator<Item = (u64, RowValue)>,
    limits: &Limits,
) -> Result<Undated<'_>, FeedFault> {
    let mut collector = Collector::new(limits);
    let mut preamble = Vec::new();
    let mut searched = Searched { sheet: None, rows: 0, row: None, columns: Vec::new() };
    let mut named = false;
    for (number, value) in rows {
        if number > limits.rows {
            return Err(FeedFault::Limit { what: "rows", limit: limits.rows });
        }
        searched.rows = number;
        let object = match value {
            Ok(Value::Object(object)) => object,
            Ok(other) => {
                collector.reject(number, "line", &other.to_string(), "not a JSON object");
                continue;
            }
            Err((text, reason)) => {
                collector.reject(number, "line", &text, &reason);
                continue;
            }
        };
        if object.contains_key("leg") && object.contains_key("observer") {
            return Err(FeedFault::EVENT_LOG);
        }
        let date = DATES.iter().find_map(|name| object.get(*name)?.as_str());
        if let Some(date) = date.filter(|_| preamble.len() < 100) {
            preamble.push(bounded(date, 100).to_owned());
        }
        if searched.row.is_none() {
            searched.row = Some(number);
            let keys = object.keys().take(20).map(|key| bounded(key, 40).into());
            searched.columns = keys.collect();
        }
        named |= take(&mut collector, number, &object);
    }
    if !named && searched.row.is_some() {
        return Err(FeedFault::NoAddressColumn { searched: vec![searched] });
    }
    Ok(Undated::new(FeedFormat::Jsonl, collector, preamble))
}

/// The values of an object by the field that their keys name.
pub(crate) struct Fields<'o> {
    best: Vec<(Field, usize, &'o str, Cell<'o>)>,
}

impl<'o> Fields<'o> {
    pub(crate) fn of(object: &'o Object) -> Self {
        let mut best: Vec<(Field, usize, &'o str, Cell<'o>)> = Vec::new();
        for (key, value) in object {
            let cell = match value {
                Value::String(text) => Cell::text(text.as_str()),
                Value::Number(number) => Cell::Number(number.as_f64().unwrap_or(f64::NAN)),
                Value::Bool(value) => Cell::Bool(*value),
                Value::Null => Cell::Blank,
                Value::Array(_) | Value::Object(_) => continue,
            };
            // STIX and others mark fields of their own with an `x_`.
            let name = key.strip_prefix("x_").unwrap_or(key);
            let Some((field, rank)) = alias::field_of(name) else {
                continue;
            };
            match best.iter_mut().find(|found| found.0 == field) {
                Some(found) if rank < found.1 => *found = (field, rank, key, cell),
                Some(_) => {}
                None => best.push((field, rank, key, cell)),
            }
        }
        Self { best }
    }

    pub(crate) fn named(&self, field: Field) -> Option<Named<'_>> {
        let found = self.best.iter().find(|found| found.0 == field)?;
        Some(Named { column: found.2, cell: &found.3 })
    }

    pub(crate) fn text(&self, field: Field) -> String {
        self.named(field).map_or_else(String::new, |named| named.cell.trimmed())
    }
}

/// Takes one object; whether it has an address field at all.
fn take(collector: &mut Collector<'_>, row: u64, object: &Object) -> bool {
    let fields = Fields::of(object);
    let Some(address) = fields.named(Field::Address) else {
        collector.reject(row, "line", "", "no address in this object");
        return false;
    };
    collector.take(&Raw {
        row,
        address,
        fraud_type: fields.text(Field::Type),
        probability: fields.named(Field::Probability),
        provider: fields.text(Field::Provider),
        asn: fields.named(Field::Asn),
        ip_type: fields.text(Field::IpType),
    });
    true
}
