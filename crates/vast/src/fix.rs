use std::collections::BTreeMap;

use adproof_model::{Fix, Span};

use crate::sort::order;
use crate::{Findings, Limits, Options, Report, Rule, check, lint};

/// A document with its fixes applied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fixed {
    /// The mended bytes, in the encoding of the input; equal to the input where nothing was mended.
    pub bytes: Vec<u8>,
    /// How many findings of each rule were mended.
    pub applied: BTreeMap<&'static str, u32>,
    /// What the rules say of the mended document.
    pub report: Report,
}

/// How often a document is judged again: a fix may uncover what another fix mends. Each round
/// mends at least one finding, so this is a bound against mistakes, not a limit that is met.
const ROUNDS: u32 = 16;

/// Applies every safe fix, and where the options ask for them the unsafe ones, as edits of the
/// original bytes, and judges the result. What no edit names stays as it was, byte for byte; fixing
/// the result again changes nothing.
#[must_use]
pub fn fix(bytes: &[u8], options: &Options) -> Fixed {
    let (bytes, applied) = mend(bytes, options);
    let report = lint(&bytes, options);
    Fixed { bytes, applied, report }
}

/// What [`fix`] does, without judging the result: the mended bytes, and how many findings of each
/// rule were mended.
#[must_use]
pub fn mend(bytes: &[u8], options: &Options) -> (Vec<u8>, BTreeMap<&'static str, u32>) {
    let mut bytes = bytes.to_vec();
    let mut applied = BTreeMap::new();
    let mut unbounded = options.clone();
    // The bounds on what is said must not bound what is mended.
    unbounded.limits = Limits {
        findings_per_rule: u32::MAX,
        findings: u32::MAX,
        edits: u32::MAX,
        ..options.limits
    };
    for _ in 0..ROUNDS {
        let findings = check(&bytes, &unbounded).findings;
        let Some(mended) = apply(&bytes, &findings, options.unsafe_fixes, &mut applied) else {
            break;
        };
        drop(findings);
        bytes = mended;
    }
    (bytes, applied)
}

/// Applies the fixes that do not touch each other; none when there is none.
fn apply(
    bytes: &[u8],
    findings: &Findings<'_>,
    unsafe_fixes: bool,
    applied: &mut BTreeMap<&'static str, u32>,
) -> Option<Vec<u8>> {
    // A fix owns everything from its first edit to its last.
    let encoding = findings.document().encoding;
    let wanted = findings.fixes().filter(|(_, fix)| fix.safe || unsafe_fixes);
    let fixes: Vec<(Span, &Rule, Fix)> = wanted
        .filter_map(|(rule, fix)| {
            let start = fix.edits.first()?.span.start;
            let end = fix.edits.iter().map(|edit| edit.span.end).max()?;
            Some((Span::new(start, end), rule, fix))
        })
        .collect();
    let mut chosen: Vec<(Span, Vec<u8>)> = Vec::new();
    let mut free = None;
    let span = |at: usize| fixes.get(at).map(|(whole, ..)| *whole);
    for at in order(fixes.len(), &mut |a, b| span(a) > span(b)) {
        let Some((whole, rule, fix)) = fixes.get(at) else {
            continue;
        };
        // Two insertions at one place touch, too; what has to wait is found again in the next round.
        if free.is_some_and(|free| whole.start <= free) {
            continue;
        }
        let texts: Option<Vec<Vec<u8>>> =
            fix.edits.iter().map(|edit| encoding.encode(&edit.text)).collect();
        let Some(texts) = texts else {
            continue;
        };
        free = Some(whole.end);
        chosen.extend(fix.edits.iter().map(|edit| edit.span).zip(texts));
        let count = applied.get(rule.id).copied().unwrap_or(0_u32);
        applied.insert(rule.id, count.saturating_add(1));
    }
    if chosen.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len() + chosen.len() * 16);
    let mut at = 0;
    let span = |at: usize| chosen.get(at).map(|(span, _)| *span);
    for place in order(chosen.len(), &mut |a, b| span(a) > span(b)) {
        let (span, text) = chosen.get(place)?;
        out.extend_from_slice(bytes.get(at..span.start as usize)?);
        out.extend_from_slice(text);
        at = span.end as usize;
    }
    out.extend_from_slice(bytes.get(at..)?);
    Some(out)
}
