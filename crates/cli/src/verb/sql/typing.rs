//! What helps while a query is typed: names are completed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use adproof_engine::{Catalog, Session};
use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};

use super::FORMATS;
use super::shell::COMMANDS;

/// Words of SQL that are worth a key.
const KEYWORDS: [&str; 46] = [
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "SELECT",
    "SHOW",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
];

/// Knows the names that may be typed.
pub(super) struct Typing<'a> {
    session: &'a Session,
    tables: BTreeSet<String>,
    functions: Vec<String>,
    /// Columns by table. Those of files are looked up once somebody asks for them.
    columns: RefCell<BTreeMap<String, Vec<String>>>,
    /// The lines of the query before the one that is typed.
    before: RefCell<String>,
}

/// Says which lines of the query were typed before.
pub(super) fn pending(editor: &mut Editor<Typing<'_>, FileHistory>, before: &str) {
    if let Some(typing) = editor.helper() {
        before.clone_into(&mut typing.before.borrow_mut());
    }
}

impl<'a> Typing<'a> {
    pub(super) fn new(session: &'a Session, catalog: &Catalog) -> Self {
        let documented = catalog.tables().filter_map(|(name, table)| {
            let columns = table.columns()?.iter().map(|column| column.name.to_owned());
            Some((name.to_owned(), columns.collect()))
        });
        Self {
            session,
            tables: catalog.tables().map(|(name, _)| name.to_owned()).collect(),
            functions: session.functions(),
            columns: RefCell::new(documented.collect()),
            before: RefCell::default(),
        }
    }

    /// The columns of a table. A file whose columns cannot be told has none here.
    fn columns(&self, table: &str) -> Vec<String> {
        if !self.tables.contains(table) {
            return Vec::new();
        }
        let mut known = self.columns.borrow_mut();
        let columns = known.entry(table.to_owned()).or_insert_with(|| {
            let found = self.session.columns(table).ok().flatten().unwrap_or_default();
            found.into_iter().map(|column| column.name).collect()
        });
        columns.clone()
    }

    fn names(&self, query: &Query<'_>) -> BTreeSet<String> {
        if let Some(table) = query.of {
            return self.columns(table).iter().map(|name| quoted(name)).collect();
        }
        let mut names: BTreeSet<String> = self.tables.clone();
        if query.wants_table() {
            names.insert("recurrence(".to_owned());
            return names;
        }
        let in_query = self.tables.iter().filter(|table| query.words.contains(table.as_str()));
        let in_query: Vec<&String> = in_query.collect();
        // Before a query names a table, any column may be meant that costs nothing to know.
        let known: Vec<String> = self.columns.borrow().keys().cloned().collect();
        for table in if in_query.is_empty() { known.iter().collect() } else { in_query } {
            names.extend(self.columns(table).iter().map(|name| quoted(name)));
        }
        names.extend(self.functions.iter().map(|name| format!("{name}(")));
        let lower = query.word.starts_with(|c: char| c.is_ascii_lowercase());
        names.extend(KEYWORDS.map(
            |word| {
                if lower { word.to_ascii_lowercase() } else { word.to_owned() }
            },
        ));
        names
    }
}

/// A name as it is written in a query.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What stands before the cursor.
struct Query<'a> {
    /// What is completed.
    word: &'a str,
    /// Where it begins, within the line.
    start: usize,
    /// The table whose column it is, as in `table.column`.
    of: Option<&'a str>,
    /// All words of the query.
    words: BTreeSet<&'a str>,
    last: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn of(before: &'a str, line: &'a str) -> Self {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let start = line
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_name(*c))
            .last()
            .map_or(line.len(), |(at, _)| at);
        // A name may be quoted, and is completed with its quotes.
        let opened = line.get(..start).unwrap_or("").ends_with('"');
        let start = if opened { start.saturating_sub(1) } else { start };
        let (head, word) = line.split_at_checked(start).unwrap_or((line, ""));
        let of = head.strip_suffix('.').map(|head| {
            let at = head.rfind(|c| !is_name(c)).map_or(0, |at| at.saturating_add(1));
            head.get(at..).unwrap_or("")
        });
        let all = || before.split(|c| !is_name(c)).chain(head.split(|c| !is_name(c)));
        let words = || all().filter(|word| !word.is_empty());
        Self { word, start, of, words: words().collect(), last: words().next_back() }
    }

    fn wants_table(&self) -> bool {
        self.last
            .is_some_and(|last| ["FROM", "JOIN"].iter().any(|word| last.eq_ignore_ascii_case(word)))
    }
}

fn begins(name: &str, word: &str) -> bool {
    name.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

impl Completer for Typing<'_> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let line = line.get(..position).unwrap_or(line);
        let before = self.before.borrow();
        if before.is_empty() && line.starts_with(['.', '\\']) {
            let Some((command, argument)) = line.split_once(' ') else {
                let names = COMMANDS.iter().flat_map(|(names, ..)| names.iter());
                let names: BTreeSet<&str> =
                    names.copied().filter(|name| begins(name, line)).collect();
                return Ok((0, names.into_iter().map(str::to_owned).collect()));
            };
            let given: Vec<String> = match command {
                ".format" => FORMATS.iter().map(ToString::to_string).collect(),
                ".schema" | "\\d" => self.tables.iter().cloned().collect(),
                _ => Vec::new(),
            };
            let start = line.len().saturating_sub(argument.len());
            return Ok((start, given.into_iter().filter(|one| begins(one, argument)).collect()));
        }
        let query = Query::of(&before, line);
        if query.word.is_empty() && query.of.is_none() && !query.wants_table() {
            return Ok((position, Vec::new()));
        }
        let names = self.names(&query).into_iter();
        Ok((query.start, names.filter(|name| begins(name, query.word)).collect()))
    }
}

impl Helper for Typing<'_> {}

impl Highlighter for Typing<'_> {}

impl Hinter for Typing<'_> {
    type Hint = String;
}

impl Validator for Typing<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_completed_is_told_from_what_stands_before_it() {
        for (before, line, word, of, wants_table) in [
            ("", "sel", "sel", None, false),
            ("", "SELECT * FROM ", "", None, true),
            ("SELECT *", "from ev", "ev", None, true),
            ("", "SELECT events.ti", "ti", Some("events"), false),
            ("", "SELECT count(ti", "ti", None, false),
            ("", "SELECT \"I", "\"I", None, false),
        ] {
            let query = Query::of(before, line);
            assert_eq!((query.word, query.of), (word, of), "{line}");
            assert_eq!(query.wants_table(), wants_table, "{line}");
            assert_eq!(query.start.saturating_add(word.len()), line.len(), "{line}");
        }
    }

    #[test]
    fn names_are_quoted_where_a_query_needs_it() {
        for (name, written) in [
            ("ip", "ip"),
            ("IP", "\"IP\""),
            ("a b", "\"a b\""),
            ("1x", "\"1x\""),
            ("a\"", "\"a\"\"\""),
        ] {
            assert_eq!(quoted(name), written);
        }
    }
}
