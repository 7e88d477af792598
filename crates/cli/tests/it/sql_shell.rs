//! The shell of `adproof sql`, typed into on a real terminal.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::run::{adproof_with_stdin, dataset};

/// Time for one thing to appear.
const BOUND: Duration = Duration::from_mins(1);

const PROMPT: &str = "adproof> ";

/// The binary on a terminal of 80 columns that `script` makes.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    /// What was looked at already.
    seen: usize,
}

impl Terminal {
    fn start(args: &str, state: &Path) -> Self {
        let binary = env!("CARGO_BIN_EXE_adproof");
        let command = format!("stty cols 80 rows 24; exec '{binary}' {args}");
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env("XDG_STATE_HOME", state)
            .env("TERM", "xterm")
            .env_remove("COLUMNS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`script` of the package bsdutils runs");
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let (mut from, to) = (child.stdout.take().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                to.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        let keys = child.stdin.take().unwrap();
        Self { child, keys, shown, seen: 0 }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// What was shown since this was asked last, without what moves and colours.
    fn text(&self) -> String {
        let shown = self.shown.lock().unwrap();
        let text = String::from_utf8_lossy(&shown[self.seen..]).replace('\r', "");
        let mut plain = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            let end =
                after.find(|c: char| c.is_ascii_alphabetic()).map_or(after.len(), |at| at + 1);
            rest = &after[end..];
        }
        plain + rest
    }

    /// Waits until all of the texts are shown, and gives what is.
    #[track_caller]
    fn shows(&mut self, texts: &[&str]) -> String {
        let until = Instant::now() + BOUND;
        loop {
            let text = self.text();
            if texts.iter().all(|wanted| text.contains(wanted)) {
                self.seen = self.shown.lock().unwrap().len();
                return text;
            }
            assert!(Instant::now() < until, "{texts:?} is not in:\n{text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks, and waits for the next prompt.
    #[track_caller]
    fn asks(&mut self, keys: &str, texts: &[&str]) -> String {
        self.types(keys);
        let mut shown = self.shows(texts);
        // The prompt stands in what was typed, too; the last line is the one that waits.
        let until = Instant::now() + BOUND;
        while !shown.ends_with(PROMPT) {
            assert!(Instant::now() < until, "no prompt after:\n{shown}");
            std::thread::sleep(Duration::from_millis(10));
            shown.push_str(&self.text());
            self.seen = self.shown.lock().unwrap().len();
        }
        shown
    }

    /// Ends it by Ctrl-D, and gives its exit code.
    fn ends(mut self) -> Option<i32> {
        self.types("\u{4}");
        let until = Instant::now() + BOUND;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn args() -> String {
    format!("sql --events '{}'", dataset("events.jsonl").display())
}

#[test]
fn queries_are_typed_completed_answered_and_cancelled() {
    let state = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&args(), state.path());
    terminal.shows(&["A query ends in `;`", PROMPT]);
    terminal.types("SELECT 1 AS a,\n");
    terminal.shows(&["     ..> "]);
    let shown = terminal.asks("'x;' AS b;\n", &["(1 row, "]);
    assert!(shown.contains(" a  b\n 1  x;\n"), "{shown}");
    // A terminal says what is pasted.
    let pasted = "\u{1b}[200~SELECT 2 AS c;\nSELECT\n'y' AS d;\u{1b}[201~\n";
    let shown = terminal.asks(pasted, &[" c\n 2\n(1 row, ", " d\n y\n(1 row, "]);
    assert!(shown.ends_with(PROMPT), "{shown}");
    // Tables after FROM, columns of the table that is named, functions, keywords, commands.
    terminal.types("SELECT cou\tleg) AS legs FROM eve\t");
    terminal.shows(&["SELECT count", "FROM events"]);
    // Two names begin so: the second key lists them.
    terminal.types(" whe\t\t");
    terminal.shows(&["when", "where"]);
    terminal.types("r\t obs\t = 'none' OR impr\t IS NOT NULL;\n");
    let shown = terminal.shows(&["observer = 'none' OR impression IS NOT", "legs", "(1 row, "]);
    assert!(!shown.contains("error"), "{shown}");
    terminal.asks(".sch\t rej\t\n", &["rejects", "why the row is no event"]);
    let tables = terminal.asks("\\d\n", &["events", "rejects"]);
    assert!(tables.lines().all(|line| line.chars().count() <= 80), "{tables}");
    terminal.asks(".help\n", &[".format FORMAT", "Ctrl-C"]);
    // An error is told, and the next query is answered.
    terminal.asks("SELECT nope;\n", &["error:", "nope"]);
    terminal.asks(".tabels\n", &["there is no command `.tabels`", ".help"]);
    terminal.asks("DROP TABLE events;\n", &["only queries are answered"]);
    terminal.asks(".format csv\n", &[]);
    terminal.asks("SELECT 7 AS seven, ',' AS comma;\n", &["seven,comma\n7,\",\"\n"]);
    terminal.asks(".format table\n", &[]);

    terminal.types("SELECT count(*) FROM generate_series(1, 1000000000000);\n");
    let until = Instant::now() + BOUND;
    while !terminal.text().contains("cancelled") {
        assert!(Instant::now() < until, "{}", terminal.text());
        terminal.types("\u{3}");
        std::thread::sleep(Duration::from_millis(500));
    }
    terminal.asks("", &["cancelled"]);
    terminal.asks("SELECT 40 + 2 AS answer;\n", &["42", "(1 row, "]);
    // What is typed is dropped, of all lines.
    terminal.types("SELECT 'dropped',\n");
    terminal.shows(&["     ..> "]);
    terminal.asks("'also'\u{3}", &["'also'"]);
    let shown = terminal.asks("SELECT 'kept' AS word;\n", &["(1 row, "]);
    assert!(shown.contains(" word\n kept\n"), "{shown}");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn what_was_typed_comes_back_in_the_next_shell_and_is_nobody_elses() {
    let state = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(&args(), state.path());
    terminal.shows(&[PROMPT]);
    terminal.types("SELECT 'first' AS\n");
    terminal.shows(&["     ..> "]);
    terminal.asks("word;\n", &["(1 row, "]);
    assert_eq!(terminal.ends(), Some(0));
    let file = state.path().join("adproof/sql-history");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let folder = state.path().join("adproof");
    assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);

    let mut terminal = Terminal::start(&args(), state.path());
    terminal.shows(&[PROMPT]);
    terminal.types("\u{1b}[A");
    terminal.shows(&["SELECT 'first' AS", "word;"]);
    let shown = terminal.asks("\n", &["(1 row, "]);
    assert!(shown.contains(" word\n first\n"), "{shown}");
    terminal.types("exit\n");
    assert_eq!(terminal.ends(), Some(0));

    let before = fs::read_to_string(&file).unwrap();
    assert_eq!(before.lines().last(), Some("exit"));
    let mut terminal = Terminal::start(&format!("{} --no-history", args()), state.path());
    terminal.shows(&[PROMPT]);
    terminal.asks("SELECT 2 AS two;\n", &["(1 row, "]);
    assert_eq!(terminal.ends(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), before);

    // Where nothing can be kept, that is said once, and the shell works.
    let no_folder = state.path().join("file");
    fs::write(&no_folder, "").unwrap();
    let mut terminal = Terminal::start(&args(), &no_folder);
    let mut shown = terminal.shows(&[PROMPT]);
    shown += &terminal.asks("SELECT 3 AS three;\n", &["(1 row, "]);
    shown += &terminal.asks("SELECT 4 AS four;\n", &["(1 row, "]);
    assert_eq!(shown.matches("no history is kept").count(), 1, "{shown}");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn off_a_terminal_queries_are_read_from_standard_input() {
    let ran = adproof_with_stdin(&["sql"], b"SELECT 1 AS a;\n-- and\nSELECT 2 AS b\n").exits(0);
    assert_eq!(ran.stdout, " a\n 1\n\n b\n 2\n");
    adproof_with_stdin(&["sql"], b"\n").exits(2).says(&["there is no query", "-f FILE"]);
    let ran = adproof_with_stdin(&["sql", "--output-format", "csv"], b"SELECT 1 AS a").exits(0);
    assert_eq!(ran.stdout, "a\n1\n");
}
