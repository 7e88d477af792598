//! Findings for people: the line of the tag, a caret, and what to do.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::ops::Range;

use adproof_vast::Limits;
use adproof_wire::lint::{DocumentV1, FindingV1, FixV1, SpanV1, SummaryV1};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::show::{Look, Tally, s};
use crate::out::Out;
use crate::text::safe;

/// The narrowest place in which a line of a tag still says something.
const NARROWEST: usize = 40;

/// Bytes of a line that is shown with its true columns. Tags without line ends are longer, and
/// laying out each of them whole for each finding would take minutes.
const LONGEST: usize = 4096;

/// All findings of one document.
pub(super) fn document(
    document: &DocumentV1,
    bytes: &[u8],
    Look { width, styled, .. }: Look,
    out: &mut String,
) -> fmt::Result {
    if document.findings.is_empty() {
        return Ok(());
    }
    // The bounds of the linter said already whether the document is read at all.
    let limits = Limits::default();
    let parsed = adproof_vast::parse(bytes, &limits);
    let text = Text::new(parsed.text(), bytes, document.encoding);
    let width = width.max(NARROWEST);
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(width);
    let path = safe(&document.path);
    for finding in &document.findings {
        let place = text.line(finding.span);
        let help = finding.fix.as_ref().map(|fix| help(fix, &text, width));
        let text = renderer.render(&[group(&path, finding, place, help, width)]);
        // Between a place and a snippet that does not know it, the renderer marks a gap.
        let no_gap =
            |line: &&str| !line.contains(":::") || strip_str(line).to_string().trim() != ":::";
        for line in text.lines().filter(no_gap) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    for (rule, count) in &document.truncated {
        writeln!(out, "{path}: {count} more of `{rule}`")?;
    }
    if !document.truncated.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

/// Columns before the text of a help.
const INDENT: usize = 14;

/// The text of a document, to find lines in.
struct Text<'a> {
    whole: &'a str,
    lines: Vec<&'a str>,
    /// Bytes before the text, where each byte of the text is a byte of the document: a place is
    /// then known without counting columns, of which a tag on one line has millions.
    before: Option<usize>,
}

impl<'a> Text<'a> {
    fn new(text: &'a str, bytes: &[u8], encoding: &str) -> Self {
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let same = encoding == "UTF-8" && bytes.get(mark..) == Some(text.as_bytes());
        Self { whole: text, lines: text.split('\n').collect(), before: same.then_some(mark) }
    }

    /// The line that a span begins in, and where in it the span lies.
    fn line(&self, span: SpanV1) -> (&'a str, Range<usize>) {
        let index = span.line.saturating_sub(1) as usize;
        let line = self.lines.get(index).copied().unwrap_or("").trim_end_matches('\r');
        let in_line = |offset: u32, column: u32| match self.before {
            Some(before) => {
                let begin = line.as_ptr().addr().saturating_sub(self.whole.as_ptr().addr());
                let at = (offset as usize).saturating_sub(before).saturating_sub(begin);
                line.floor_char_boundary(at.min(line.len()))
            }
            None => byte_of(line, column),
        };
        let start = in_line(span.start, span.column);
        let end = if span.end_line == span.line {
            in_line(span.end, span.end_column)
        } else {
            line.len()
        };
        (line, start..end.max(start))
    }

    /// What a fix changes, before and after, with some of what stands around it on the line. None
    /// where that does not fit into `room` characters.
    fn change(&self, fix: &FixV1, room: usize) -> Option<(String, String)> {
        let at = |offset: u32| (offset as usize).checked_sub(self.before?);
        let (first, last) = (fix.edits.first()?, fix.edits.last()?);
        let (start, end) = (at(first.start)?, at(last.end)?);
        let within = |from: usize, to: usize| self.whole.get(from..to);
        let mut after = String::new();
        let mut done = start;
        for edit in &fix.edits {
            after.push_str(within(done, at(edit.start)?)?);
            after.push_str(&edit.text);
            done = at(edit.end)?;
        }
        let before = within(start, end)?;
        let longer = before.chars().count().max(after.chars().count());
        let around = room.checked_sub(longer)? / 2;
        if before.contains('\n') || after.contains('\n') || around < 4 {
            return None;
        }
        let left = within(0, start)?.chars().rev().take_while(|c| *c != '\n').take(around.min(24));
        let left: String = left.collect::<Vec<char>>().into_iter().rev().collect();
        let right = within(end, self.whole.len())?.chars();
        let right: String =
            right.take_while(|c| !matches!(c, '\r' | '\n')).take(around.min(24)).collect();
        let shown = |middle: &str| safe(format!("{left}{middle}{right}").replace('\t', " ").trim());
        Some((shown(before), shown(&after)))
    }
}

fn group<'a>(
    path: &'a str,
    finding: &'a FindingV1,
    (line, span): (&'a str, Range<usize>),
    help: Option<String>,
    width: usize,
) -> Group<'a> {
    let level = match finding.severity {
        "error" => Level::ERROR,
        "warning" => Level::WARNING,
        _ => Level::INFO,
    };
    // The first line of a title begins with `warning[rule]: `.
    let head = finding.severity.len() + finding.rule.len() + 4;
    let title = wrap(&finding.message, width, head);
    let gutter = finding.span.line.to_string().len() + 10;
    let note = |text: &str| wrap(text, width.saturating_sub(gutter), 0);
    let cut = line.len() > LONGEST;
    let (line, span) = if cut { window(line, span) } else { (line, span) };
    let snippet = Snippet::source(harmless(line))
        .line_start(finding.span.line as usize)
        .path((!cut).then_some(path))
        .fold(false)
        .annotation(AnnotationKind::Primary.span(span));
    let group = Group::with_title(level.primary_title(title).id(finding.rule));
    let group = if cut {
        // Of a piece of a line the snippet does not know the column.
        let (line, column) = (finding.span.line as usize, finding.span.column as usize);
        group.element(Origin::path(path).line(line).char_column(column))
    } else {
        group
    };
    let group = group.element(snippet);
    let group = if finding.path.is_empty() {
        group
    } else {
        group.element(Level::NOTE.message(note(&finding.path)))
    };
    match help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// What mends a finding, how to ask for it, and what it makes of the tag.
fn help(fix: &FixV1, text: &Text<'_>, width: usize) -> String {
    let room = width.saturating_sub(INDENT);
    let how = if fix.safe { "--fix does it" } else { "--fix --unsafe-fixes does it" };
    let mut help = wrap(&format!("{}: {how}", fix.title), room, 0);
    if let Some((before, after)) = text.change(fix, room.saturating_sub(2)) {
        let _ = write!(help, "\n- {before}\n+ {after}");
    }
    help
}

/// The byte of a line at a column of UTF-16 units, from 1.
fn byte_of(line: &str, column: u32) -> usize {
    let mut units = 1_u32;
    for (at, c) in line.char_indices() {
        if units >= column {
            return at;
        }
        units = units.saturating_add(if c.len_utf16() == 2 { 2 } else { 1 });
    }
    line.len()
}

/// A piece of a long line around the beginning of a span, and the span within it.
fn window(line: &str, span: Range<usize>) -> (&str, Range<usize>) {
    let start = line.floor_char_boundary(span.start.saturating_sub(LONGEST / 4));
    let end = line.floor_char_boundary(span.start.saturating_add(LONGEST / 4));
    let cut = line.get(start..end).unwrap_or("");
    let shift = |at: usize| at.saturating_sub(start).min(cut.len());
    (cut, shift(span.start)..shift(span.end))
}

/// Breaks a text at spaces, or at `/` in a long path, so that no line is wider than `width`;
/// `head` columns of the first line are taken.
fn wrap(text: &str, width: usize, head: usize) -> String {
    let mut out = String::new();
    let mut used = head;
    for word in text.split_inclusive([' ', '/']) {
        let len = word.trim_end().chars().count();
        if used > 0 && used + len > width {
            if out.ends_with(' ') {
                out.pop();
            }
            out.push('\n');
            used = head.min(width / 2);
        }
        for c in word.chars() {
            // Not even a single word may be wider than the screen.
            if used >= width {
                out.push('\n');
                used = head.min(width / 2);
            }
            out.push(c);
            used += 1;
        }
    }
    out
}

/// Without characters that could steer a terminal and that the renderer does not replace. Each is
/// replaced by one of the same length, so that places stay.
fn harmless(line: &str) -> Cow<'_, str> {
    let steers = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    if line.contains(steers) {
        let replace = |c: char| match c {
            c if !steers(c) => c,
            c if c.len_utf8() == 2 => '\u{b7}',
            _ => '\u{fffd}',
        };
        line.chars().map(replace).collect()
    } else {
        Cow::Borrowed(line)
    }
}

/// How many findings there are over all documents.
pub(super) fn summary(tally: &Tally, out: &mut Out) -> anyhow::Result<()> {
    let summary = tally.summary;
    let count = |count: u64, name: &str| format!("{count} {name}{}", s(count));
    let documents = count(tally.documents, "document");
    let mut text = if summary == SummaryV1::default() {
        format!("{documents}, no finding")
    } else {
        let parts = [
            count(summary.error, "error"),
            count(summary.warning, "warning"),
            count(summary.info, "note"),
        ];
        format!("{documents}: {}", parts.join(", "))
    };
    if tally.suppressed > 0 {
        let _ = write!(text, "; {} suppressed by comments", tally.suppressed);
    }
    writeln!(out, "{text}")?;
    Ok(())
}

/// The change of one document as a unified diff.
pub(super) fn diff(name: &str, before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let paint = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    let (minus, plus) = (paint(AnsiColor::Red), paint(AnsiColor::Green));
    let name = safe(name);
    let mut out = format!("--- {name}\n+++ {name}\n");
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        let _ = writeln!(out, "{}", hunk.header());
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ("-", minus),
                ChangeTag::Insert => ("+", plus),
                ChangeTag::Equal => (" ", Style::new()),
            };
            let line = change.value().trim_end_matches(['\n', '\r']);
            let _ = writeln!(out, "{style}{sign}{}{style:#}", visible(line));
        }
    }
    out
}

/// A line of a tag with its tabs, and without what could steer a terminal.
fn visible(line: &str) -> String {
    line.split('\t').map(safe).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_never_wider_than_asked_for() {
        let text =
            "the quick brown fox/jumps/over the lazydogthatisverylongindeedandgoesonandon and on";
        for width in [10, 20, 40] {
            for (place, line) in wrap(text, width, 6).lines().enumerate() {
                let head = if place == 0 { 6 } else { 0 };
                assert!(head + line.chars().count() <= width, "{line}");
            }
        }
    }

    #[test]
    fn columns_of_utf16_are_found_again() {
        assert_eq!(byte_of("é😀x", 1), 0);
        assert_eq!(byte_of("é😀x", 2), 2);
        assert_eq!(byte_of("é😀x", 4), 6);
        assert_eq!(byte_of("é😀x", 99), 7);
    }

    #[test]
    fn a_window_keeps_what_it_is_about() {
        let line = format!("{}MARK{}", "é".repeat(9000), "b".repeat(9000));
        let (text, span) = window(&line, 18_000..18_004);
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert_eq!(text.get(span), Some("MARK"));
    }
}
