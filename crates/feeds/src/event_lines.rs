use adproof_model::{Event, Reject};

use crate::Limits;
use crate::cell;
use crate::event::RawEvent;
use crate::table::reject_of;

/// Reads events from lines of JSON as their bytes arrive.
///
/// It is an iterator that may yield again after `None`: push bytes, take what there is, push more.
/// After [`EventLines::finish`] a last line without a newline is taken too. It never holds more
/// than the longest allowed line beyond what was pushed.
#[derive(Debug)]
pub struct EventLines {
    limits: Limits,
    buffer: Vec<u8>,
    start: usize,
    /// How far the buffer was searched for the next newline.
    searched: usize,
    line: u64,
    /// The rest of a line that is too long is passed over.
    skipping: bool,
    finished: bool,
}

impl EventLines {
    /// A reader at the start of a log.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            line: 0,
            skipping: false,
            finished: false,
        }
    }

    /// Takes more bytes of the log; where they are cut does not matter.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.searched = self.searched.saturating_sub(self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that no more bytes come.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// The lines passed so far, blank ones included.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.line
    }

    /// The bounds of the next line in the buffer, and whether its newline is there.
    fn next_line(&mut self) -> Option<(usize, usize, bool)> {
        let from = self.searched.max(self.start);
        let rest = self.buffer.get(from..).unwrap_or(&[]);
        if let Some(at) = memchr::memchr(b'\n', rest) {
            let end = from + at;
            let start = std::mem::replace(&mut self.start, end + 1);
            self.searched = self.start;
            return Some((start, end, true));
        }
        self.searched = self.buffer.len();
        if self.finished && self.start < self.buffer.len() {
            let start = std::mem::replace(&mut self.start, self.buffer.len());
            return Some((start, self.buffer.len(), false));
        }
        None
    }

    fn judge(&self, start: usize, end: usize, whole: bool) -> Option<Result<Event, Reject>> {
        let line = self.buffer.get(start..end).unwrap_or(&[]);
        judge(line, self.line, whole, &self.limits)
    }
}

/// Reads one line of a log with its newline; nothing where the line is blank. A line without one
/// was cut, or is the last.
/// `number` is the line's, from 1, for a reject to name.
#[must_use]
pub fn read_event_line(line: &[u8], number: u64, limits: &Limits) -> Option<Result<Event, Reject>> {
    judge(line, number, line.ends_with(b"\n"), limits)
}

fn judge(line: &[u8], number: u64, whole: bool, limits: &Limits) -> Option<Result<Event, Reject>> {
    let line = match number {
        1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        _ => line,
    };
    let line = line.trim_ascii();
    if line.is_empty() {
        return None;
    }
    let reject = |column: &str, value: &str, reason: &str| {
        Some(Err(reject_of(limits, number, column, value, reason)))
    };
    let shown = || String::from_utf8_lossy(line.get(..line.len().min(400)).unwrap_or(line));
    if line.len() > limits.line_bytes {
        let reason = format!("longer than {} bytes", limits.line_bytes);
        return reject("line", &shown(), &reason);
    }
    if !line.starts_with(b"{") {
        return reject("line", &shown(), "not a JSON object");
    }
    let raw: RawEvent<'_> = match serde_json::from_slice(line) {
        Ok(raw) => raw,
        Err(error) if error.is_eof() && !whole => {
            return reject("line", &shown(), "the log was cut in the middle of this line");
        }
        Err(error) if error.is_eof() => {
            return reject("line", &shown(), "the line ends in the middle of an object");
        }
        Err(error) => return reject("line", &shown(), &json_reason(&error)),
    };
    match raw.judge(limits) {
        Ok(event) => Some(Ok(event)),
        Err(unfit) => reject(unfit.column, cell::trim(&unfit.value), &unfit.reason),
    }
}

impl Iterator for EventLines {
    type Item = Result<Event, Reject>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((start, end, whole)) = self.next_line() else {
                let held = self.buffer.len().saturating_sub(self.start);
                if held <= self.limits.line_bytes {
                    return None;
                }
                // The line is too long already: say so once and let go of it.
                let line = self.buffer.get(self.start..).unwrap_or(&[]);
                let start = line.get(..400).unwrap_or(line);
                let shown = String::from_utf8_lossy(start).into_owned();
                self.buffer.clear();
                (self.start, self.searched) = (0, 0);
                if std::mem::replace(&mut self.skipping, true) {
                    return None;
                }
                let reason = format!("longer than {} bytes", self.limits.line_bytes);
                let row = self.line + 1;
                return Some(Err(reject_of(&self.limits, row, "line", &shown, &reason)));
            };
            self.line += 1;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if let Some(item) = self.judge(start, end, whole) {
                return Some(item);
            }
        }
    }
}

/// What the JSON reader says, without the line number that it always takes for 1.
pub(crate) fn json_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    let mut what = what.to_owned();
    for rust in ["expected i64", "expected u32", "expected u16", "expected u8"] {
        what = what.replace(rust, "expected a whole number");
    }
    format!("not an event: {what} (column {})", error.column())
}
