//! Where checks report: selection, versions, bounds and counts are decided here, once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use adproof_model::{Edit, Finding, Fix, Severity};

use crate::document::{Document, ElementId};
use crate::generated::rules::Id;
use crate::parse::Quoted;
use crate::path::Paths;
use crate::suppress::{self, Silence};
use crate::{Options, Version};

/// A fix in offsets of the text.
pub(crate) struct TextFix {
    pub(crate) title: &'static str,
    pub(crate) edits: Vec<(u32, u32, Box<str>)>,
    /// It may change what some player does: `--unsafe-fixes` only.
    pub(crate) danger: bool,
}

impl TextFix {
    /// Edits that keep the meaning of the tag for every player.
    pub(crate) fn safe(title: &'static str, edits: Vec<(u32, u32, Box<str>)>) -> Self {
        Self { title, edits, danger: false }
    }

    /// Edits that may change what some player does.
    #[allow(dead_code, reason = "rules with such fixes use it")]
    pub(crate) fn dangerous(title: &'static str, edits: Vec<(u32, u32, Box<str>)>) -> Self {
        Self { title, edits, danger: true }
    }
}

/// What was found.
pub(crate) struct Findings {
    /// In the order of their places.
    pub(crate) listed: Vec<Finding>,
    /// Left out because of a bound, by rule.
    pub(crate) truncated: BTreeMap<&'static str, u32>,
    /// Silenced by the document, by rule.
    pub(crate) suppressed: BTreeMap<&'static str, u32>,
}

pub(crate) struct Sink<'d> {
    pub(crate) doc: &'d Document<'d>,
    options: &'d Options,
    version: Version,
    findings: Vec<Finding>,
    /// How many findings each rule has.
    counts: Vec<(Id, u32)>,
    dropped: BTreeMap<Id, u32>,
    silences: Vec<Silence>,
    suppressed: BTreeMap<&'static str, u32>,
    paths: Paths<'d>,
    /// Where messages are written.
    message: String,
}

impl<'d> Sink<'d> {
    pub(crate) fn new(doc: &'d Document<'d>, options: &'d Options) -> Self {
        let mut sink = Self {
            doc,
            options,
            version: Version::V4_3,
            findings: Vec::new(),
            counts: Vec::new(),
            dropped: BTreeMap::new(),
            silences: Vec::new(),
            suppressed: BTreeMap::new(),
            paths: Paths::default(),
            message: String::new(),
        };
        if options.suppressions && !doc.directives.is_empty() {
            sink.silences = suppress::silences(doc, &mut sink);
        }
        sink
    }

    /// The version by which what follows is judged.
    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether a rule would be heard. Checks that cost time ask first.
    pub(crate) fn hears(&self, id: Id) -> bool {
        let rule = id.rule();
        rule.versions & self.version.bit() != 0
            && rule.severity <= self.options.at_least
            && self.options.enabled(id)
    }

    /// Reports a fault of an element at a range of the text.
    #[cold]
    #[inline(never)]
    pub(crate) fn report(
        &mut self,
        id: Id,
        element: ElementId,
        (start, end): (u32, u32),
        message: fmt::Arguments<'_>,
    ) {
        if self.takes(id, start) {
            self.push(id, element, (start, end), message, None);
        }
    }

    /// Reports a fault that can be mended.
    #[cold]
    pub(crate) fn report_fix(
        &mut self,
        id: Id,
        element: ElementId,
        (start, end): (u32, u32),
        message: fmt::Arguments<'_>,
        fix: impl FnOnce(&Document<'d>) -> Option<TextFix>,
    ) {
        if !self.takes(id, start) {
            return;
        }
        let fix = fix(self.doc).filter(|fix| fix.edits.len() <= self.options.limits.edits as usize);
        self.push(id, element, (start, end), message, fix);
    }

    /// Whether a finding of a rule at a place is to be written down.
    #[inline(never)]
    fn takes(&mut self, id: Id, start: u32) -> bool {
        self.hears(id) && !self.silenced(id, start) && self.room(id)
    }

    #[inline(never)]
    fn push(
        &mut self,
        id: Id,
        element: ElementId,
        (start, end): (u32, u32),
        message: fmt::Arguments<'_>,
        fix: Option<TextFix>,
    ) {
        let rule = id.rule();
        let severity = if self.version.is_draft() {
            rule.severity.max(Severity::Warning)
        } else {
            rule.severity
        };
        if self.findings.is_empty() {
            self.findings.reserve(16);
            self.message.reserve(128);
        }
        let doc = self.doc;
        let message = if let Some(text) = message.as_str() {
            Cow::Borrowed(text)
        } else {
            // Written to where there is room, so that there is one allocation.
            self.message.clear();
            let _ = self.message.write_fmt(message);
            Cow::Owned(self.message.as_str().to_owned())
        };
        self.findings.push(Finding {
            span: doc.span(start, end),
            rule: rule.id,
            axis: rule.axis,
            severity,
            message,
            path: self.paths.of(doc, element).into(),
            fix: fix.map(|fix| Fix {
                title: fix.title,
                safe: !fix.danger,
                edits: fix
                    .edits
                    .into_iter()
                    .map(|(start, end, text)| Edit { span: doc.span(start, end), text })
                    .collect(),
            }),
        });
    }

    /// Whether a comment of the document silences a rule at a place.
    fn silenced(&mut self, id: Id, at: u32) -> bool {
        let Some(silence) = self.silences.iter_mut().find(|silence| silence.covers(id, at)) else {
            return false;
        };
        silence.used = true;
        let count = self.suppressed.entry(id.rule().id).or_default();
        *count = count.saturating_add(1);
        true
    }

    fn room(&mut self, id: Id) -> bool {
        let limits = &self.options.limits;
        // A document breaks few of the rules.
        let known = self.counts.iter().position(|(counted, _)| *counted == id);
        let place = known.unwrap_or_else(|| {
            self.counts.push((id, 0));
            self.counts.len() - 1
        });
        let Some((_, count)) = self.counts.get_mut(place) else {
            return false;
        };
        if *count < limits.findings_per_rule && self.findings.len() < limits.findings as usize {
            *count += 1;
            return true;
        }
        self.drop(id, 1);
        false
    }

    /// Counts what is left out.
    pub(crate) fn drop(&mut self, id: Id, count: u32) {
        let dropped = self.dropped.entry(id).or_default();
        *dropped = dropped.saturating_add(count);
    }

    /// A piece of the document for a message.
    pub(crate) fn quote<'t>(&self, text: &'t str) -> Quoted<'t> {
        Quoted { text, limit: self.options.limits.excerpt }
    }

    /// The findings in the order of their places, and what was left out by rule.
    pub(crate) fn finish(mut self) -> Findings {
        for silence in
            std::mem::take(&mut self.silences).into_iter().filter(|silence| !silence.used)
        {
            self.report(
                Id::SuppressionUnused,
                silence.parent,
                silence.comment,
                format_args!("this comment silences nothing"),
            );
        }
        let left_out = self.dropped.values().fold(0_u32, |sum, count| sum.saturating_add(*count));
        if left_out > 0 && self.hears(Id::LimitFindings) {
            let rule = Id::LimitFindings.rule();
            self.findings.push(Finding {
                span: self.doc.span(0, 0),
                rule: rule.id,
                axis: rule.axis,
                severity: rule.severity,
                message: format!("{left_out} more findings are counted, not listed").into(),
                path: "".into(),
                fix: None,
            });
        }
        if !self.findings.is_sorted() {
            self.findings.sort();
        }
        let dropped = self.dropped.into_iter().map(|(id, count)| (id.rule().id, count)).collect();
        Findings { listed: self.findings, truncated: dropped, suppressed: self.suppressed }
    }
}
