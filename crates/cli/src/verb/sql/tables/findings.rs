//! `findings`: what the linter says of tags.

use std::path::{Path, PathBuf};

use adproof_engine::{Cell, ColumnDoc, Kind, Loaded, Stopped};
use adproof_wire::lint::{DocumentV1, FindingV1};

use super::Notes;
use crate::input;

pub(super) const FINDINGS: &[ColumnDoc] = &[
    ColumnDoc::new("path", Kind::Text, "the tag's file"),
    ColumnDoc::new("sha256", Kind::Text, "SHA-256 of its bytes"),
    ColumnDoc::new("kind", Kind::Text, "VAST, VMAP, DAAST or unknown"),
    ColumnDoc::new("version", Kind::Text, "the version by which it was judged"),
    ColumnDoc::new("outcome", Kind::Text, "clean, findings, malformed or refused"),
    ColumnDoc::new("rule", Kind::Text, "the rule's id; null for a tag without findings"),
    ColumnDoc::new("axis", Kind::Text, "spec, interop, policy, risk or limit"),
    ColumnDoc::new("severity", Kind::Text, "error, warning or info"),
    ColumnDoc::new("message", Kind::Text, "what is wrong, one sentence"),
    ColumnDoc::new("element", Kind::Text, "the element: /VAST/Ad[1]/InLine[1]"),
    ColumnDoc::new("line", Kind::Int, "its line, from 1"),
    ColumnDoc::new("column", Kind::Int, "its column, from 1, as editors count"),
    ColumnDoc::new("fingerprint", Kind::Text, "the same for the same fault on another line"),
    ColumnDoc::new("citation", Kind::Text, "where the rule comes from"),
    ColumnDoc::new("fix", Kind::Text, "how to mend it, where that is known"),
];

/// The table: a row a finding, and one for each tag without findings.
pub(super) fn table(tags: Vec<PathBuf>, notes: Notes) -> Loaded {
    Loaded::new(FINDINGS, move |rows| {
        let is_tag = |path: &Path| input::has_extension(path, &["xml", "vast", "vmap"]);
        let options = adproof_vast::Options::default();
        for path in input::files(&tags, is_tag)? {
            let tag = input::one(&path)?;
            let report = adproof_vast::lint(&tag.bytes, &options);
            let document = DocumentV1::new(&tag.name, &tag.bytes, &report);
            let beyond: u32 = document.truncated.values().sum();
            if beyond > 0 {
                notes.say(format!(
                    "note: {beyond} more findings of {} are beyond the bound for one tag",
                    crate::text::safe(&tag.name)
                ));
            }
            let mut push = |finding| -> Result<(), Stopped> { rows.push(row(&document, finding)) };
            if document.findings.is_empty() {
                push(None)?;
            }
            for finding in &document.findings {
                push(Some(finding))?;
            }
        }
        Ok(())
    })
}

fn row(document: &DocumentV1, finding: Option<&FindingV1>) -> Vec<Cell> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let of = |of: fn(&FindingV1) -> &str| finding.map_or(Cell::Null, |finding| text(of(finding)));
    let int = |of: fn(&FindingV1) -> u32| {
        finding.map_or(Cell::Null, |finding| Cell::Int(of(finding).into()))
    };
    let fix = finding.and_then(|finding| finding.fix.as_ref());
    vec![
        text(&document.path),
        text(&document.sha256),
        text(document.kind),
        document.version.effective.map_or(Cell::Null, text),
        text(document.outcome),
        of(|finding| finding.rule),
        of(|finding| finding.axis),
        of(|finding| finding.severity),
        of(|finding| &finding.message),
        of(|finding| &finding.path),
        int(|finding| finding.span.line),
        int(|finding| finding.span.column),
        of(|finding| &finding.fingerprint),
        of(|finding| &finding.citation),
        fix.map_or(Cell::Null, |fix| text(&fix.title)),
    ]
}
