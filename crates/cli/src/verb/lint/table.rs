//! Findings for people: the line of the tag, a caret, and what to do.

use std::io::Write as _;
use std::ops::Range;

use adproof_vast::Limits;
use adproof_wire::lint::{DocumentV1, FindingV1, SummaryV1};
use adproof_wire::place::Lines;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use crate::out::Out;

/// The narrowest place in which a line of a tag still says something.
const NARROWEST: usize = 40;

/// Bytes of a line that is shown with its true columns. Tags without line ends are longer, and
/// laying out each of them whole for each finding would take minutes.
const LONGEST: usize = 4096;

/// All findings of one document.
pub(super) fn document(document: &DocumentV1, bytes: &[u8], out: &mut Out) -> anyhow::Result<()> {
    if document.findings.is_empty() {
        return Ok(());
    }
    // The bounds of the linter said already whether the document is read at all.
    let limits = Limits::default();
    let parsed = adproof_vast::parse(bytes, &limits);
    let lines: Vec<&str> = parsed.text().split('\n').collect();
    let mut places = Lines::new(bytes, document.encoding);
    let width = out.width.max(NARROWEST);
    let renderer = Renderer::styled().term_width(width);
    for finding in &document.findings {
        let span = finding.span;
        let (end_line, end_column) = places.place(span.end);
        let line = lines
            .get(span.line.saturating_sub(1) as usize)
            .copied()
            .unwrap_or("")
            .trim_end_matches('\r');
        let start = byte_of(line, span.column);
        let end = if end_line == span.line { byte_of(line, end_column) } else { line.len() };
        let text = renderer.render(&[group(document, finding, line, start..end.max(start), width)]);
        writeln!(out, "{text}\n")?;
    }
    for (rule, count) in &document.truncated {
        writeln!(out, "{}: {count} more of `{rule}`", document.path)?;
    }
    if !document.truncated.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn group<'a>(
    document: &'a DocumentV1,
    finding: &'a FindingV1,
    line: &'a str,
    span: Range<usize>,
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
    let snippet = Snippet::source(line)
        .line_start(finding.span.line as usize)
        .path((!cut).then_some(document.path.as_str()))
        .fold(false)
        .annotation(AnnotationKind::Primary.span(span));
    let group = level.primary_title(title).id(finding.rule).element(snippet);
    let group = if cut {
        // Of a piece of a line the snippet does not know the column.
        let (line, column) = (finding.span.line, finding.span.column);
        group.element(Level::NOTE.message(note(&format!("{}:{line}:{column}", document.path))))
    } else {
        group
    };
    let group = if finding.path.is_empty() {
        group
    } else {
        group.element(Level::NOTE.message(note(&finding.path)))
    };
    match &finding.fix {
        Some(fix) => {
            group.element(Level::HELP.message(note(&format!("{}: --fix does it", fix.title))))
        }
        None => group,
    }
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

/// How many findings there are over all documents.
pub(super) fn summary(summary: SummaryV1, documents: usize, out: &mut Out) -> anyhow::Result<()> {
    let count =
        |count: u64, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let documents = count(u64::try_from(documents).unwrap_or(u64::MAX), "document");
    if summary == SummaryV1::default() {
        writeln!(out, "{documents}, no finding")?;
    } else {
        let parts = [
            count(summary.error, "error"),
            count(summary.warning, "warning"),
            count(summary.info, "note"),
        ];
        writeln!(out, "{documents}: {}", parts.join(", "))?;
    }
    Ok(())
}

/// The change of one document as a unified diff.
pub(super) fn diff(name: &str, before: &str, after: &str, out: &mut Out) -> anyhow::Result<()> {
    let diff = TextDiff::from_lines(before, after);
    let paint = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    let (minus, plus) = (paint(AnsiColor::Red), paint(AnsiColor::Green));
    writeln!(out, "--- {name}\n+++ {name}")?;
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        writeln!(out, "{}", hunk.header())?;
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ("-", minus),
                ChangeTag::Insert => ("+", plus),
                ChangeTag::Equal => (" ", Style::new()),
            };
            let line = change.value().trim_end_matches(['\n', '\r']);
            writeln!(out, "{style}{sign}{line}{style:#}")?;
        }
    }
    Ok(())
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
