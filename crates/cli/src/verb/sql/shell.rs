//! The shell: queries typed one after the other.

use std::io::Write as _;
use std::time::Instant;

use adproof_engine::{Catalog, Cell, Session};
use clap::ValueEnum as _;
use rustyline::error::ReadlineError;
use rustyline::{CompletionType, Config, Editor};

use super::history::History;
use super::typing::{self, Typing};
use super::{FORMATS, SqlArgs, notes, show, split, tables};
use crate::engine;
use crate::out::{Failure, Format, Out};
use crate::text;

const PROMPT: &str = "adproof> ";
/// While a query is not at its end.
const MORE: &str = "     ..> ";

/// The names of each command, what may follow it, and what it does.
pub(super) const COMMANDS: [(&[&str], &str, &str); 6] = [
    (&[".tables", "\\d", "\\dt"], "", "the tables"),
    (&[".schema", "\\d"], "TABLE", "its columns"),
    (&[".functions", "\\df"], "", "the functions"),
    (&[".format"], "FORMAT", "table, json, ndjson or csv for what follows"),
    (&[".help", "\\?"], "", "this help"),
    (&[".quit", ".exit", "\\q"], "", "leaves, as Ctrl-D does"),
];

/// What is asked, and how.
struct Shell<'a> {
    session: &'a Session,
    catalog: &'a Catalog,
    args: &'a SqlArgs,
    format: Format,
}

/// Whether there is more to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ask,
    Leave,
}

/// Asks for queries until there are no more.
pub(super) fn run(
    session: &Session,
    catalog: &Catalog,
    args: &SqlArgs,
    format: Format,
    out: &mut Out,
) -> anyhow::Result<()> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(super::history::ENTRIES)
        .map_err(|error| broken(&error))?
        .build();
    let mut editor = Editor::with_config(config).map_err(|error| broken(&error))?;
    editor.set_helper(Some(Typing::new(session, catalog)));
    watch()?;
    let mut history = History::load(&mut editor, args.no_history, out);
    writeln!(out, "adproof {}. A query ends in `;`. .help explains, .quit leaves.", version())?;
    out.finish()?;
    let mut shell = Shell { session, catalog, args, format };
    // Lines of a query that is not at its end.
    let mut typed = String::new();
    loop {
        match editor.readline(if typed.is_empty() { PROMPT } else { MORE }) {
            Ok(line) => {
                if !typed.is_empty() {
                    typed.push('\n');
                }
                typed.push_str(&line);
            }
            Err(ReadlineError::Interrupted) => {
                typed.clear();
                typing::pending(&mut editor, "");
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(ReadlineError::Signal(_)) => continue,
            Err(error) => return Err(broken(&error).into()),
        }
        if typed.trim().is_empty() {
            typed.clear();
        }
        let is_command = is_command(&typed);
        if typed.is_empty() || !(is_command || split::is_whole(&typed)) {
            typing::pending(&mut editor, &typed);
            continue;
        }
        typing::pending(&mut editor, "");
        history.add(&mut editor, &typed, out);
        if let Some((columns, _)) = editor.dimensions() {
            out.width = usize::from(columns).max(20);
        }
        let answered = if is_command {
            shell.command(typed.trim(), out)
        } else {
            shell.answer(&typed, out).map(|()| Next::Ask)
        };
        out.finish()?;
        match answered {
            Ok(Next::Ask) => {}
            Ok(Next::Leave) => break,
            // An error is told, and the next query is asked for.
            Err(error) => writeln!(anstream::stderr(), "error: {error:#}")?,
        }
        typed.clear();
    }
    Ok(())
}

const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Whether a line is no query: a command, or a word that leaves every shell.
fn is_command(line: &str) -> bool {
    let line = line.trim();
    line.starts_with(['.', '\\']) || is_end(line)
}

fn is_end(line: &str) -> bool {
    let word = line.trim_end_matches(';').trim_end();
    ["quit", "exit"].iter().any(|end| word.eq_ignore_ascii_case(end))
}

impl Shell<'_> {
    fn answer(&self, typed: &str, out: &mut Out) -> anyhow::Result<()> {
        for statement in split::statements(typed) {
            let begun = Instant::now();
            let answered =
                super::answer(self.session, self.catalog, self.args, statement, interrupted())?;
            let Some(answer) = answered else {
                writeln!(out, "\ncancelled")?;
                return Ok(());
            };
            notes(&answer, self.args, out);
            show::answer(&answer, self.format, out)?;
            if self.format == Format::Table {
                let rows = answer.rows.len();
                let plural = if rows == 1 { "row" } else { "rows" };
                writeln!(out, "({rows} {plural}, {:.2} s)", begun.elapsed().as_secs_f64())?;
            }
            out.finish()?;
        }
        Ok(())
    }

    fn command(&mut self, line: &str, out: &mut Out) -> anyhow::Result<Next> {
        if is_end(line) {
            return Ok(Next::Leave);
        }
        let line = line.trim_end_matches(';');
        let mut words = line.split_whitespace();
        let (name, argument) = (words.next().unwrap_or(""), words.next());
        match (name, argument) {
            (".quit" | ".exit" | "\\q", _) => return Ok(Next::Leave),
            (".help" | "\\?" | "\\h", _) => help(out)?,
            (".tables" | "\\dt" | "\\d", None) => self.tables(out)?,
            (".schema", None) => show::answer(&tables::schema(), Format::Table, out)?,
            (".schema" | "\\d", Some(table)) => self.columns(table, out)?,
            (".functions" | "\\df", _) => {
                for line in text::wrap(&self.session.functions().join(", "), out.width) {
                    writeln!(out, "{line}")?;
                }
            }
            (".format", None) => writeln!(out, "{}", self.format)?,
            (".format", Some(format)) => {
                let known = Format::from_str(format, true).ok();
                let Some(known) = known.filter(|format| FORMATS.contains(format)) else {
                    return Err(Failure::new(format!(
                        "there is no format `{}`",
                        text::safe(format)
                    ))
                    .todo(".format table, json, ndjson or csv")
                    .into());
                };
                self.format = known;
            }
            _ => {
                return Err(Failure::new(format!("there is no command `{}`", text::safe(name)))
                    .todo(".help lists them; a query begins with SELECT, WITH, VALUES, EXPLAIN or SHOW")
                    .into());
            }
        }
        Ok(Next::Ask)
    }

    fn tables(&self, out: &mut Out) -> anyhow::Result<()> {
        let rows = self.catalog.tables().map(|(name, table)| {
            let columns = table.columns().map_or(Cell::Null, |columns| {
                let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
                Cell::Text(names.join(", "))
            });
            vec![Cell::Text(name.to_owned()), columns]
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            writeln!(
                out,
                "No table was named: start with --feed, --events, --tags, --ledger or --table."
            )?;
            return Ok(());
        }
        show::answer(&tables::answer(&["table", "columns"], rows), Format::Table, out)
    }

    fn columns(&self, table: &str, out: &mut Out) -> anyhow::Result<()> {
        let known = self.catalog.tables().find(|(name, _)| *name == table);
        let documented = known.and_then(|(_, table)| table.columns());
        let rows = if let Some(columns) = documented {
            let row = |one: &adproof_engine::ColumnDoc| {
                [one.name, tables::kind(one.kind), one.about].map(cell).to_vec()
            };
            columns.iter().map(row).collect()
        } else {
            let found = self.session.columns(table).map_err(engine::explain)?;
            let found = found.ok_or_else(|| {
                Failure::new(format!("there is no table `{}`", text::safe(table)))
                    .todo(".tables lists them")
            })?;
            let row = |column: adproof_engine::Column| {
                vec![Cell::Text(column.name), Cell::Text(column.data_type)]
            };
            found.into_iter().map(row).collect()
        };
        let names: &[&str] =
            if documented.is_some() { &["column", "type", "about"] } else { &["column", "type"] };
        show::answer(&tables::answer(names, rows), Format::Table, out)
    }
}

fn cell(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn help(out: &mut Out) -> anyhow::Result<()> {
    writeln!(out, "A query ends in `;` and may have several lines. Ctrl-C stops it, or drops")?;
    writeln!(out, "what is typed. Tab completes names; the arrows and Ctrl-R bring back what was")?;
    writeln!(out, "typed before.\n")?;
    for (names, argument, about) in COMMANDS {
        let names = names.join(", ");
        let call = if argument.is_empty() { names } else { format!("{names} {argument}") };
        writeln!(out, "  {call:<24}{about}")?;
    }
    Ok(())
}

/// Ends when the person presses Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Where the signal cannot be watched, the query just runs on.
        std::future::pending::<()>().await;
    }
}

/// From now on Ctrl-C ends no process, also between a line and its query.
fn watch() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            // The handler is there once it was asked for.
            biased;
            () = interrupted() => {}
            () = std::future::ready(()) => {}
        }
    });
    Ok(())
}

fn broken(error: &ReadlineError) -> Failure {
    Failure::new(format!("the terminal cannot be used: {error}"))
        .todo("give the query as an argument, with -f FILE, or on standard input")
}
