//! Workflow commands of GitHub Actions: findings as annotations of a pull request.
//!
//! Source: GitHub Docs, Workflow commands for GitHub Actions; the escapes are those of the
//! toolkit that the runner's parser belongs to.

use std::fmt::{self, Write};

use crate::lint::DocumentV1;
use crate::plain::plain;

/// Writes one command a finding, one a profile that fails, and one for what the bounds left out.
pub fn write(document: &DocumentV1, out: &mut impl Write) -> fmt::Result {
    let file = property(&document.path);
    for finding in &document.findings {
        let span = finding.span;
        write!(out, "::{} file={file},line={}", command(finding.severity), span.line)?;
        // A range of columns is only understood within one line.
        if span.end_line == span.line {
            let end = span.end_column.max(span.column);
            write!(out, ",col={},endColumn={end}", span.column)?;
        } else {
            write!(out, ",endLine={}", span.end_line)?;
        }
        writeln!(out, ",title={}::{}", property(finding.rule), data(&finding.message))?;
    }
    for verdict in document.profiles.iter().filter(|verdict| verdict.verdict == "fails") {
        let why = verdict.reasons.first();
        let line = why.map_or(1, |why| why.span.line);
        let why = why.map_or("it does not play", |why| &why.message);
        let profile = property(verdict.profile);
        writeln!(out, "::error file={file},line={line},title={profile} fails::{}", data(why))?;
    }
    for (rule, count) in &document.truncated {
        writeln!(out, "::notice file={file},title={}::{count} more like this", property(rule))?;
    }
    Ok(())
}

fn command(severity: &str) -> &'static str {
    match severity {
        "error" => "error",
        "warning" => "warning",
        _ => "notice",
    }
}

/// Text after the `::`. A line end would begin a command of the tag's own choice.
fn data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c => out.push(c),
        }
    }
    out
}

/// The value of a property: `:` and `,` would end it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::tests::document;

    fn commands(path: &str, tag: &str) -> String {
        let mut out = String::new();
        write(&document(path, tag), &mut out).unwrap();
        out
    }

    #[test]
    fn a_finding_is_one_command() {
        let out = commands("tags/a.xml", "<VAST version=\"4.2\">\n<Ad>\n</VAST>");
        let line = out.lines().next().unwrap();
        assert!(line.starts_with("::error file=tags/a.xml,line="), "{line}");
        assert!(line.contains(",title="), "{line}");
    }

    #[test]
    fn neither_a_tag_nor_its_name_gives_commands() {
        let path = "a,line=9::x\n::set-output name=a::b%.xml";
        let tag = "<VAST version=\"4.2\"><Ad id='1'><InLine>\n::stop-commands::x\r\n<N\u{85}ope a='::error::'/></InLine></Ad></VAST>";
        let out = commands(path, tag);
        assert!(out.lines().count() >= 2, "{out}");
        for line in out.lines() {
            let rest = ["::error ", "::warning ", "::notice "]
                .iter()
                .find_map(|start| line.strip_prefix(start))
                .unwrap_or_else(|| panic!("{line}"));
            let start = "file=a%2Cline=9%3A%3Ax%0A%3A%3Aset-output name=a%3A%3Ab%25.xml,line=";
            assert!(rest.starts_with(start), "{line}");
        }
        assert!(!out.contains('\r') && !out.contains('\u{85}'));
    }
}
