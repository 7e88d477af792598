//! `adproof sql`: one read-only query over files.

use std::num::NonZeroUsize;

use clap::Args;

use crate::out::{Exit, Out};

/// Arguments of `adproof sql`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is written and nothing is fetched: only queries are answered (SELECT,
WITH, VALUES, EXPLAIN, SHOW), over the files that are named.

Functions beside those of SQL:
  ipv6_prefix(address, length)  the block that holds the address, as 16 bytes
  ipv6_text(bytes)              the same as text (RFC 5952)
  tally(address, device, time [, asn [, impressions
    [, revenue_micros [, flagged]]]])
                                an aggregate: what scoring starts from

Examples:
  adproof sql --table events=events.jsonl \\
    'SELECT leg, count(*) FROM events GROUP BY leg'
  adproof sql --table 'feeds/*.csv' 'SHOW TABLES'
  adproof sql --table log=logs/ --output-format csv \\
    'SELECT ipv6_text(ipv6_prefix(ip, 64)) AS block,
       count(DISTINCT ifa) AS devices
     FROM log GROUP BY block ORDER BY devices DESC LIMIT 20'
  adproof sql --cluster df://10.0.0.5:50050 -t 'log=/mnt/logs/*.parquet' \\
    'SELECT count(*) FROM log'")]
pub(crate) struct SqlArgs {
    /// The query; `-` reads it from standard input.
    query: String,

    /// A table over a file, folder or glob (CSV, JSONL, Parquet). Without NAME= each file is a
    /// table of its own, named by its stem: lower case, `_` for what is no letter or digit.
    #[arg(long = "table", short, value_name = "[NAME=]PATH")]
    tables: Vec<String>,

    /// Rows of the answer; more are cut, with a note.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_rows: usize,

    /// Memory that sorts, joins and groups may hold together, in MiB, before they spill to
    /// temporary files.
    #[arg(long, value_name = "MIB", default_value = "2048")]
    max_memory: NonZeroUsize,

    /// Time for the answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    timeout_ms: u64,

    /// Partitions and threads [default: the number of cores].
    #[arg(long, value_name = "N")]
    partitions: Option<NonZeroUsize>,

    /// Lets the workers of a cluster answer: df://HOST:PORT of its coordinator. They open the
    /// files under the same paths.
    #[arg(long, value_name = "URL")]
    cluster: Option<String>,
}

#[cfg(not(feature = "engine"))]
pub(crate) fn run(_args: &SqlArgs, _out: &mut Out) -> anyhow::Result<Exit> {
    Err(crate::engine::missing("`adproof sql`").into())
}

#[cfg(feature = "engine")]
pub(crate) use with_engine::run;

#[cfg(feature = "engine")]
mod with_engine {
    use std::collections::BTreeSet;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};

    use adproof_engine::{Answer, Cell, EngineOptions, Limits, SourceFormat, Table};
    use adproof_wire::sql::{SqlColumnV1, SqlV1};
    use comfy_table::{CellAlignment, ContentArrangement, presets};
    use serde_json::{Map, Number, Value};

    use super::{Exit, Out, SqlArgs};
    use crate::out::{Failure, Format};
    use crate::{engine, input};

    pub(crate) fn run(args: &SqlArgs, out: &mut Out) -> anyhow::Result<Exit> {
        let format = out.format(&[Format::Table, Format::Json, Format::Ndjson, Format::Csv])?;
        let query = if args.query == "-" {
            String::from_utf8(input::one(Path::new("-"))?.bytes).map_err(|_| {
                Failure::new("the query is not UTF-8").at("-").todo("write it in UTF-8")
            })?
        } else {
            args.query.clone()
        };
        let options = options(args);
        let answer = answer(args, &query, &options)?;
        if answer.truncated {
            out.note(format_args!(
                "note: there are more than {} rows; --max-rows gives more",
                args.max_rows
            ));
        }
        match format {
            Format::Json => {
                let names = unique_names(&answer)?;
                let rows = answer.rows.iter().map(|row| object(&names, row)).collect();
                let columns = answer.columns.iter().map(|column| SqlColumnV1 {
                    name: column.name.clone(),
                    data_type: column.data_type.clone(),
                });
                out.json(&SqlV1::new(columns.collect(), rows, answer.truncated))?;
            }
            Format::Ndjson => {
                let names = unique_names(&answer)?;
                for row in &answer.rows {
                    out.json_line(&object(&names, row))?;
                }
            }
            Format::Csv => csv(&answer, out)?,
            _ => table(&answer, out)?,
        }
        Ok(Exit::Clean)
    }

    #[cfg(not(feature = "cluster"))]
    fn answer(args: &SqlArgs, query: &str, options: &EngineOptions) -> anyhow::Result<Answer> {
        if args.cluster.is_some() {
            return Err(engine::without_cluster("`--cluster`").into());
        }
        let tables = tables(&args.tables)?;
        Ok(adproof_engine::sql(query, &tables, options).map_err(engine::explain)?)
    }

    #[cfg(feature = "cluster")]
    fn answer(args: &SqlArgs, query: &str, options: &EngineOptions) -> anyhow::Result<Answer> {
        let tables = tables(&args.tables)?;
        let answer = match &args.cluster {
            None => adproof_engine::sql(query, &tables, options),
            Some(url) => {
                let coordinator = engine::coordinator(url, "--cluster")?;
                let partitions = args.partitions.unwrap_or(engine::CLUSTER_PARTITIONS);
                let options = EngineOptions { partitions, ..*options };
                adproof_engine::cluster::sql(&coordinator, query, &tables, &options)
            }
        };
        Ok(answer.map_err(engine::explain)?)
    }

    fn options(args: &SqlArgs) -> EngineOptions {
        let default = EngineOptions::default();
        EngineOptions {
            partitions: args.partitions.unwrap_or(default.partitions),
            limits: Limits {
                rows: args.max_rows,
                memory_bytes: args.max_memory.get().saturating_mul(1 << 20),
                time_ms: args.timeout_ms,
                ..default.limits
            },
        }
    }

    fn tables(given: &[String]) -> anyhow::Result<Vec<Table>> {
        let readable = |path: &Path| SourceFormat::of(path).is_some();
        let mut tables = Vec::new();
        for text in given {
            // A path that holds `=` is told from a name by what stands before it.
            let named = text.split_once('=').filter(|(name, _)| !name.contains(['/', '.', '\\']));
            if let Some((name, path)) = named {
                let files = input::files(&[PathBuf::from(path)], readable)?;
                tables.push(Table::new(name, files).map_err(engine::explain)?);
            } else {
                for file in input::files(&[PathBuf::from(text)], readable)? {
                    let name = Table::name_of(&file);
                    tables.push(Table::new(name, vec![file]).map_err(engine::explain)?);
                }
            }
        }
        Ok(tables)
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
}
