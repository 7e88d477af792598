//! Where output goes: formats, colour, exit codes, and errors that say what, where and what to do.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::GlobalArgs;

/// How a verb ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing is wrong.
    Clean,
    /// The tool worked and found something: lint errors, a failed verification, a failed test.
    Findings,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Findings => Self::from(1),
        }
    }
}

/// Output formats. Each verb names those that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document with a `schema` field.
    Json,
    /// One JSON document a line.
    Ndjson,
    /// Comma-separated values with a header.
    Csv,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML, for the test reports of CI systems.
    Junit,
    /// Workflow commands of GitHub Actions: annotations of a pull request.
    Github,
    /// One self-contained page.
    Html,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// Bytes that are written at once.
const BUFFER: usize = 1 << 16;

/// Buffered standard output that knows the format and whether a person reads it.
pub(crate) struct Out {
    writer: BufWriter<anstream::AutoStream<io::StdoutLock<'static>>>,
    format: Option<Format>,
    quiet: bool,
    /// Whether colours are shown; otherwise they are stripped from what is written.
    pub(crate) styled: bool,
    /// Columns for text, 80 where no terminal says otherwise.
    pub(crate) width: usize,
}

impl Out {
    pub(crate) fn from_args(args: &GlobalArgs) -> Self {
        let stdout = anstream::AutoStream::auto(io::stdout());
        let styled = stdout.current_choice() != anstream::ColorChoice::Never;
        Self {
            writer: BufWriter::with_capacity(BUFFER, stdout.lock()),
            format: args.output_format,
            quiet: args.quiet,
            styled,
            width: terminal_width(),
        }
    }

    /// The format that the settings name. The command line wins over it.
    pub(crate) fn prefer(&mut self, format: Format) {
        self.format.get_or_insert(format);
    }

    /// The chosen format, if the verb has it; the first of `allowed` when none was chosen.
    pub(crate) fn format(&mut self, allowed: &[Format]) -> anyhow::Result<Format> {
        let default = allowed.first().copied().unwrap_or(Format::Table);
        let chosen = self.format.unwrap_or(default);
        if allowed.contains(&chosen) {
            if matches!(chosen, Format::Json | Format::Ndjson | Format::Sarif) && self.is_fresh() {
                // All of it is data: nothing in it is a style that a pipe should not see.
                let stdout = anstream::AutoStream::always_ansi(io::stdout());
                self.writer = BufWriter::with_capacity(BUFFER, stdout.lock());
            }
            return Ok(chosen);
        }
        let names: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        Err(Failure::new(format!("this verb has no output format `{chosen}`"))
            .at("--output-format")
            .todo(format!("use one of: {}", names.join(", ")))
            .into())
    }

    /// Whether nothing waits to be written.
    fn is_fresh(&self) -> bool {
        self.writer.buffer().is_empty()
    }

    /// Writes much text that has no colours in it, as it is.
    pub(crate) fn plain(&mut self, text: &str) -> io::Result<()> {
        self.writer.flush()?;
        io::stdout().lock().write_all(text.as_bytes())
    }

    /// Writes one JSON document, indented, with a newline at its end.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut self.writer, document)?;
        self.writer.write_all(b"\n")?;
        Ok(())
    }

    /// Writes one JSON document on one line.
    pub(crate) fn json_line(&mut self, document: &impl Serialize) -> anyhow::Result<()> {
        serde_json::to_writer(&mut self.writer, document)?;
        self.writer.write_all(b"\n")?;
        Ok(())
    }

    /// A note to the person, on standard error, unless `--quiet`.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Whether notes are not wanted.
    #[cfg(feature = "engine")]
    pub(crate) const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A bar on standard error for work of `len` steps; hidden off a terminal, by `--quiet`, and
    /// where the output itself moves on the terminal.
    pub(crate) fn progress(&self, len: u64) -> ProgressBar {
        if self.quiet || io::stdout().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(len);
        let style =
            // The width of a rate is the number of its decimals.
            ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len}, {per_sec:0}, {eta}");
        style.into_iter().fold(bar, ProgressBar::with_style)
    }

    /// A bar on standard error for work on bytes, with an estimate of what is left; hidden off a
    /// terminal and by `--quiet`. It is cleared before anything is printed.
    pub(crate) fn bytes_bar(&self) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let template = "{wide_bar} {percent}%, {msg}, {decimal_bytes_per_sec}, {eta} left";
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template(template);
        style.into_iter().fold(bar, ProgressBar::with_style)
    }

    /// A line on standard error that is written over and over; hidden off a terminal and by
    /// `--quiet`.
    pub(crate) fn status(&self) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let line = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{msg}");
        style.into_iter().fold(line, ProgressBar::with_style)
    }

    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        self.writer.flush()?;
        Ok(())
    }
}

impl Write for Out {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writer.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.filter(|columns| (40..=400).contains(columns)).unwrap_or(80)
}

/// An error for people: what is wrong, where, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    place: Option<String>,
    todo: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), place: None, todo: None }
    }

    pub(crate) fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    pub(crate) fn todo(mut self, todo: impl Into<String>) -> Self {
        self.todo = Some(todo.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(place) = &self.place {
            write!(f, "\n  where: {place}")?;
        }
        if let Some(todo) = &self.todo {
            write!(f, "\n  to do: {todo}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Reports an error on standard error and gives the exit code: 2, or 0 when the reader of our
/// output has gone away.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_broken_pipe) {
        return ExitCode::SUCCESS;
    }
    let _ = writeln!(anstream::stderr(), "adproof: {error:#}");
    ExitCode::from(2)
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    io.or(json) == Some(io::ErrorKind::BrokenPipe)
}
