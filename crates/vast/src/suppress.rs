//! Comments that silence rules: `<!-- adproof-ignore RULE, RULE: why -->` for the next element and
//! what is in it, `<!-- adproof-ignore-file RULE -->` for the document.

use crate::document::{Directive, Document, ElementId};
use crate::generated::rules::{Id, RULES};
use crate::options::apply;
use crate::sink::Sink;

/// What one comment silences.
pub(crate) struct Silence {
    rules: Vec<bool>,
    /// The range of the text in which it holds.
    start: u32,
    end: u32,
    pub(crate) comment: (u32, u32),
    pub(crate) parent: ElementId,
    pub(crate) used: bool,
}

impl Silence {
    pub(crate) fn covers(&self, id: Id, at: u32) -> bool {
        (self.start..=self.end).contains(&at)
            && self.rules.get(id.index()).copied().unwrap_or(false)
    }
}

/// Reads the comments; what they name wrongly is reported.
pub(crate) fn silences(doc: &Document<'_>, sink: &mut Sink<'_>) -> Vec<Silence> {
    doc.directives.iter().filter_map(|directive| silence(doc, sink, directive)).collect()
}

fn silence(doc: &Document<'_>, sink: &mut Sink<'_>, directive: &Directive) -> Option<Silence> {
    // Without the `-->`.
    let words = doc.slice(directive.text, directive.end.saturating_sub(3));
    let comment = (directive.start, directive.end);
    let (words, whole) = match words.strip_prefix("-file") {
        Some(words) => (words, true),
        None => (words, false),
    };
    let list = words.split(':').next().unwrap_or(words);
    let mut rules = vec![false; RULES.len()];
    let mut named = false;
    if words.is_empty() || words.starts_with(|c: char| c.is_ascii_whitespace()) {
        let words = list.split(|c: char| c == ',' || c.is_ascii_whitespace());
        for word in words.filter(|word| !word.is_empty()) {
            named = true;
            if apply(&mut rules, word, true).is_err() {
                let word = sink.quote(word);
                sink.report(
                    Id::SuppressionInvalid,
                    directive.parent,
                    comment,
                    format_args!("no rule is named `{word}`"),
                );
            }
        }
    }
    if !named {
        sink.report(
            Id::SuppressionInvalid,
            directive.parent,
            comment,
            format_args!(
                "expected `adproof-ignore` or `adproof-ignore-file` and the rules to silence"
            ),
        );
        return None;
    }
    // What speaks of these comments is not silenced by them.
    for id in [Id::SuppressionInvalid, Id::SuppressionUnused, Id::LimitSuppressions] {
        if let Some(rule) = rules.get_mut(id.index()) {
            *rule = false;
        }
    }
    let (start, end) = if whole {
        (0, u32::MAX)
    } else {
        let next = doc.element(directive.next);
        let next = next.filter(|next| next.parent == directive.parent);
        // Without an element after it there is nothing that it could silence.
        next.map_or((1, 0), |next| (next.start, next.end.saturating_sub(1)))
    };
    if !rules.contains(&true) {
        return None;
    }
    let parent = directive.parent;
    Some(Silence { rules, start, end, comment, parent, used: false })
}
