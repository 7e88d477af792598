//! The tables that the arguments name.

mod decisions;
mod feeds;
mod findings;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use adproof_engine::{Answer, Catalog, Cell, Column, Loaded, Named, SourceFormat, Table};
use adproof_feeds::{AsnTable, Limits};

use super::SqlArgs;
use crate::out::Out;
use crate::verb::score::unread;
use crate::{engine, input};

/// Everything that queries may name.
pub(super) fn catalog(args: &SqlArgs, out: &Out) -> anyhow::Result<Catalog> {
    let mut catalog = Catalog::default();
    let notes = Notes::new(out);
    let mut add = |name: &str, table| catalog.add(name, table).map_err(engine::explain);
    if !args.feeds.is_empty() {
        let given = feeds::Given::new(args, &notes);
        add("indicators", Named::Loaded(feeds::indicators(given.clone())))?;
        add("blocks", Named::Loaded(feeds::blocks(given)))?;
    }
    if !args.events.is_empty() {
        let logs = input::files(&args.events, is_log)?;
        add("events", Named::Events(logs.clone()))?;
        add("rejects", Named::Rejects(logs))?;
    }
    if !args.tags.is_empty() {
        add("findings", Named::Loaded(findings::table(args.tags.clone(), notes.clone())))?;
    }
    if let Some(ledger) = &args.ledger {
        add("decisions", Named::Loaded(decisions::table(ledger.clone())))?;
    }
    for table in files(&args.tables)? {
        catalog.add_files(table).map_err(engine::explain)?;
    }
    for (name, todo) in [
        ("indicators", "name feeds with --feed"),
        ("blocks", "name feeds with --feed"),
        ("events", "name event logs with --events"),
        ("rejects", "name event logs with --events"),
        ("findings", "name VAST tags with --tags"),
        ("decisions", "name a ledger with --ledger"),
    ] {
        catalog.absent(name, todo);
    }
    if let Some(path) = &args.asn {
        let table = input::one(path)?;
        let table = AsnTable::read(&table.name, &table.bytes, &Limits::default());
        let table = table.map_err(|error| unread(&error))?;
        if table.rejected_total() > 0 {
            notes.say(format!(
                "note: {} rows of {} were not taken",
                table.rejected_total(),
                path.display()
            ));
        }
        catalog.set_asn(Arc::new(table), path.canonicalize().ok());
    }
    Ok(catalog)
}

/// The tables that adproof defines, a row a column.
pub(super) fn schema() -> Answer {
    let tables = [
        ("indicators", Some(feeds::INDICATORS)),
        ("blocks", Some(Loaded::blocks(|| Ok(adproof_signal::Scoring::default())).columns())),
        ("events", Named::Events(Vec::new()).columns()),
        ("rejects", Named::Rejects(Vec::new()).columns()),
        ("findings", Some(findings::FINDINGS)),
        ("decisions", Some(decisions::DECISIONS)),
    ];
    let rows = tables.into_iter().flat_map(|(table, columns)| {
        columns.unwrap_or_default().iter().map(move |column| {
            let texts = [table, column.name, kind(column.kind), column.about];
            texts.map(|text| Cell::Text(text.to_owned())).to_vec()
        })
    });
    answer(&["table", "column", "type", "about"], rows.collect())
}

/// Rows of text as an answer.
pub(super) fn answer(columns: &[&str], rows: Vec<Vec<Cell>>) -> Answer {
    let columns = columns
        .iter()
        .map(|name| Column { name: (*name).to_owned(), data_type: "Utf8".to_owned() });
    Answer { columns: columns.collect(), rows, truncated: false, rejects: false }
}

/// What a column holds, in the words of SQL.
pub(super) fn kind(kind: adproof_engine::Kind) -> &'static str {
    use adproof_engine::Kind;
    match kind {
        Kind::Text => "text",
        Kind::Int => "integer",
        Kind::Bool => "boolean",
        Kind::Time => "timestamp",
        Kind::Address => "16 bytes",
        Kind::Texts => "list of text",
        _ => "value",
    }
}

/// Notes to the person from threads that read tables. Each is said once.
#[derive(Clone, Debug)]
struct Notes {
    said: Arc<Mutex<Vec<String>>>,
    quiet: bool,
}

impl Notes {
    fn new(out: &Out) -> Self {
        Self { said: Arc::default(), quiet: out.is_quiet() }
    }

    fn say(&self, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !said.contains(&text) {
            if !self.quiet {
                use std::io::Write as _;
                let _ = writeln!(anstream::stderr(), "{text}");
            }
            said.push(text);
        }
    }
}

fn is_log(path: &Path) -> bool {
    SourceFormat::of(path).is_some()
}

/// The tables that `--table` names.
pub(super) fn files(given: &[String]) -> anyhow::Result<Vec<Table>> {
    let mut tables = Vec::new();
    for text in given {
        // A path that holds `=` is told from a name by what stands before it.
        let named = text.split_once('=').filter(|(name, _)| !name.contains(['/', '.', '\\']));
        if let Some((name, path)) = named {
            let files = input::files(&[PathBuf::from(path)], is_log)?;
            tables.push(Table::new(name, files).map_err(engine::explain)?);
        } else {
            for file in input::files(&[PathBuf::from(text)], is_log)? {
                let name = Table::name_of(&file);
                tables.push(Table::new(name, vec![file]).map_err(engine::explain)?);
            }
        }
    }
    Ok(tables)
}
