//! Answers in each output format.

use std::collections::BTreeSet;
use std::io::Write as _;

use adproof_engine::{Answer, Cell};
use adproof_wire::sql::{SqlColumnV1, SqlV1};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde_json::{Map, Number, Value};

use crate::out::{Failure, Format, Out};

/// Prints an answer.
pub(super) fn answer(answer: &Answer, format: Format, out: &mut Out) -> anyhow::Result<()> {
    match format {
        Format::Json => {
            let names = unique_names(answer)?;
            let rows = answer.rows.iter().map(|row| object(&names, row)).collect();
            let columns = answer.columns.iter().map(|column| SqlColumnV1 {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
            });
            out.json(&SqlV1::new(columns.collect(), rows, answer.truncated))
        }
        Format::Ndjson => {
            let names = unique_names(answer)?;
            for row in &answer.rows {
                out.json_line(&object(&names, row))?;
            }
            Ok(())
        }
        Format::Csv => csv(answer, out),
        _ => table(answer, out),
    }
}

/// The columns' names, which are the keys of a JSON object and so must differ.
fn unique_names(answer: &Answer) -> anyhow::Result<Vec<&str>> {
    let mut seen = BTreeSet::new();
    let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
    match names.iter().find(|name| !seen.insert(**name)) {
        None => Ok(names),
        Some(name) => Err(Failure::new(format!("two columns are named `{name}`"))
            .at("the query")
            .todo("name them apart with AS")
            .into()),
    }
}

fn object(names: &[&str], row: &[Cell]) -> Map<String, Value> {
    names.iter().map(|name| (*name).to_owned()).zip(row.iter().map(value)).collect()
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Bool(truth) => Value::Bool(*truth),
        Cell::Int(number) => (*number).into(),
        Cell::UInt(number) => (*number).into(),
        Cell::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Cell::Text(text) => Value::String(text.clone()),
        Cell::Bytes(bytes) => Value::String(hex(bytes)),
        Cell::List(cells) => cells.iter().map(value).collect(),
        Cell::Object(fields) => {
            let fields = fields.iter().map(|(name, cell)| (name.clone(), value(cell)));
            Value::Object(fields.collect())
        }
        _ => Value::Null,
    }
}

/// A cell as people and CSV read it. Null is empty.
fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.clone(),
        Cell::Bytes(bytes) => hex(bytes),
        Cell::Float(number) => number.to_string(),
        cell => value(cell).to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn csv(answer: &Answer, out: &mut Out) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(answer.columns.iter().map(|column| column.name.as_str()))?;
    for row in &answer.rows {
        writer.write_record(row.iter().map(text))?;
    }
    writer.flush()?;
    Ok(())
}

fn table(answer: &Answer, out: &mut Out) -> anyhow::Result<()> {
    let width = u16::try_from(out.width).unwrap_or(u16::MAX);
    let mut table = comfy_table::Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(answer.columns.iter().map(|column| printable(&column.name)));
    for row in &answer.rows {
        table.add_row(row.iter().map(|cell| {
            let aligned = match cell {
                Cell::Int(_) | Cell::UInt(_) | Cell::Float(_) => CellAlignment::Right,
                _ => CellAlignment::Left,
            };
            comfy_table::Cell::new(printable(&text(cell))).set_alignment(aligned)
        }));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Without control characters but line breaks: a log's text must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
