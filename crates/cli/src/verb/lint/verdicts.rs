//! What profiles make of a tag, for people: one line a profile, and its reasons.

use std::fmt::{self, Write as _};

use adproof_wire::lint::DocumentV1;
use adproof_wire::profiles::{ReasonV1, VerdictV1};
use anstyle::Style;

use crate::text;
use crate::verb::profiles::effect;

const BOLD: Style = Style::new().bold();

/// The width of what stands before a reason.
const INDENT: usize = 12;

/// The verdicts on one document.
pub(super) fn document(document: &DocumentV1, width: usize, out: &mut String) -> fmt::Result {
    for verdict in &document.profiles {
        let code = verdict.vast_error.map(|code| format!(", VAST error {code}"));
        let code = code.unwrap_or_default();
        let taken = verdict.profile.len() + verdict.verdict.len() + code.len() + 3;
        let path = text::clip_start(&document.path, width.saturating_sub(taken).max(8));
        let (style, word) = effect(verdict.verdict);
        let name = verdict.profile;
        writeln!(out, "{path}: {BOLD}{name}{BOLD:#} {style}{word}{style:#}{code}")?;
        reasons(verdict, width, out)?;
    }
    if !document.profiles.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn reasons(verdict: &VerdictV1, width: usize, out: &mut String) -> fmt::Result {
    let room = width.saturating_sub(INDENT);
    for reason in &verdict.reasons {
        let (style, weight) = effect(reason.weight);
        for (place, line) in text::wrap(&said(reason), room).iter().enumerate() {
            let weight = if place == 0 { weight } else { "" };
            writeln!(out, "  {style}{weight:<9}{style:#} {line}")?;
        }
    }
    Ok(())
}

/// The message, where it is, and what asks for it.
fn said(reason: &ReasonV1) -> String {
    let mut parts = Vec::new();
    if !reason.path.is_empty() {
        parts.push(format!("line {}", reason.span.line));
    }
    if reason.places > 1 {
        parts.push(format!("{} places", reason.places));
    }
    if let Some(requirement) = &reason.requirement {
        parts.push(requirement.rule.unwrap_or(requirement.check).to_owned());
    }
    if parts.is_empty() {
        return reason.message.clone();
    }
    format!("{} ({})", reason.message, parts.join(", "))
}
