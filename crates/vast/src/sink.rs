//! Where checks report: selection, versions, bounds and counts are decided here, once.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use adproof_model::Severity;

use crate::counts::Counts;
use crate::document::{Document, ElementId};
use crate::findings::{Mend, Message, Note, Noted};
use crate::generated::rules::{Id, RULES};
use crate::parse::{NO_ELEMENT, Quoted};
use crate::rules::name_range;
use crate::suppress::{self, Silence};
use crate::{Options, Version};

/// A replacement in offsets of the text.
pub(crate) type TextEdit = (u32, u32, Cow<'static, str>);

/// A fix in offsets of the text.
#[derive(Clone, Debug)]
pub(crate) struct TextFix {
    pub(crate) title: &'static str,
    pub(crate) edits: Vec<TextEdit>,
    /// It may change what some player does: `--unsafe-fixes` only.
    pub(crate) danger: bool,
}

impl TextFix {
    /// Edits that keep the meaning of the tag for every player.
    pub(crate) fn safe(title: &'static str, edits: Vec<TextEdit>) -> Self {
        Self { title, edits, danger: false }
    }

    /// Edits that may change what some player does.
    #[allow(dead_code, reason = "rules with such fixes use it")]
    pub(crate) fn dangerous(title: &'static str, edits: Vec<TextEdit>) -> Self {
        Self { title, edits, danger: true }
    }
}

/// What was found.
pub(crate) struct Heard {
    /// In the order of their places.
    pub(crate) noted: Noted,
    /// Left out because of a bound, by rule.
    pub(crate) truncated: BTreeMap<&'static str, u32>,
    /// Silenced by the document, by rule.
    pub(crate) suppressed: BTreeMap<&'static str, u32>,
}

pub(crate) struct Sink<'d> {
    pub(crate) doc: &'d Document<'d>,
    options: &'d Options,
    version: Version,
    noted: Noted,
    /// How many findings each rule has; empty before the first.
    counts: Vec<u32>,
    dropped: Counts,
    silences: Vec<Silence>,
    suppressed: Counts,
    /// Where the last host stands of which there was nothing to say.
    pub(crate) plain_host: (u32, u32),
    /// How often a check had something to say, heard or not.
    pub(crate) said: u32,
}

impl<'d> Sink<'d> {
    pub(crate) fn new(doc: &'d Document<'d>, options: &'d Options) -> Self {
        let mut sink = Self {
            doc,
            options,
            version: Version::V4_3,
            noted: Noted { edits: options.limits.edits, ..Noted::default() },
            counts: Vec::new(),
            dropped: Counts::default(),
            silences: Vec::new(),
            suppressed: Counts::default(),
            plain_host: (0, 0),
            said: 0,
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
            let message = self.noted.say(message);
            self.note(id, element, (start, end), message, Mend::Not);
        }
    }

    /// Reports a fault of an element as a whole, at its name.
    #[cold]
    #[inline(never)]
    pub(crate) fn report_on(&mut self, id: Id, element: ElementId, message: fmt::Arguments<'_>) {
        let range = self.doc.element(element).map_or((0, 0), name_range);
        self.report(id, element, range, message);
    }

    /// Reports a fault that can be mended.
    #[cold]
    #[inline]
    pub(crate) fn report_fix(
        &mut self,
        id: Id,
        element: ElementId,
        range: (u32, u32),
        message: fmt::Arguments<'_>,
        fix: impl Fn(&Document<'d>) -> Option<TextFix>,
    ) {
        self.push(id, element, range, message, &fix);
    }

    /// Reports a fault whose fix is made when somebody asks for it.
    #[cold]
    #[inline(never)]
    pub(crate) fn report_mend(
        &mut self,
        id: Id,
        element: ElementId,
        (start, end): (u32, u32),
        message: fmt::Arguments<'_>,
        mend: Mend,
    ) {
        if self.takes(id, start) {
            let message = self.noted.say(message);
            self.note(id, element, (start, end), message, mend);
        }
    }

    /// Reports a fault in a sentence whose only variable part is the name that the structure table
    /// gives the element.
    #[cold]
    #[inline(never)]
    pub(crate) fn report_named(
        &mut self,
        id: Id,
        element: ElementId,
        (start, end): (u32, u32),
        (before, after): (&'static str, &'static str),
        mend: Mend,
    ) {
        if self.takes(id, start) {
            self.note(id, element, (start, end), Message::Named(before, after), mend);
        }
    }

    /// Whether a finding of a rule at a place is to be written down.
    #[inline(never)]
    fn takes(&mut self, id: Id, start: u32) -> bool {
        self.said = self.said.wrapping_add(1);
        self.hears(id) && !self.silenced(id, start) && self.room(id)
    }

    /// One routine for all fixes, however they are made.
    #[cold]
    #[inline(never)]
    fn push(
        &mut self,
        id: Id,
        element: ElementId,
        range: (u32, u32),
        message: fmt::Arguments<'_>,
        fix: &dyn Fn(&Document<'d>) -> Option<TextFix>,
    ) {
        if !self.takes(id, range.0) {
            return;
        }
        let fix = fix(self.doc).filter(|fix| fix.edits.len() <= self.options.limits.edits as usize);
        let mend = fix.map_or(Mend::Not, |fix| {
            let place = u32::try_from(self.noted.fixes.len()).unwrap_or(u32::MAX);
            self.noted.fixes.push(fix);
            Mend::Listed(place)
        });
        let message = self.noted.say(message);
        self.note(id, element, range, message, mend);
    }

    #[inline(never)]
    fn note(
        &mut self,
        id: Id,
        element: ElementId,
        (start, end): (u32, u32),
        message: Message,
        mend: Mend,
    ) {
        let rule = id.rule();
        let severity = if self.version.is_draft() {
            rule.severity.max(Severity::Warning)
        } else {
            rule.severity
        };
        let span = self.doc.span(start, end);
        self.noted.insert(Note { span, message, element, mend, rule: id, severity });
    }

    /// Whether a comment of the document silences a rule at a place.
    fn silenced(&mut self, id: Id, at: u32) -> bool {
        let Some(silence) = self.silences.iter_mut().find(|silence| silence.covers(id, at)) else {
            return false;
        };
        silence.used = true;
        self.suppressed.add(id, 1);
        true
    }

    fn room(&mut self, id: Id) -> bool {
        let limits = &self.options.limits;
        if self.counts.is_empty() {
            self.counts = vec![0; RULES.len()];
        }
        let Some(count) = self.counts.get_mut(id.index()) else {
            return false;
        };
        if *count < limits.findings_per_rule && self.noted.list.len() < limits.findings as usize {
            *count += 1;
            return true;
        }
        self.drop(id, 1);
        false
    }

    /// Counts what is left out.
    pub(crate) fn drop(&mut self, id: Id, count: u32) {
        self.dropped.add(id, count);
    }

    /// A piece of the document for a message.
    pub(crate) fn quote<'t>(&self, text: &'t str) -> Quoted<'t> {
        Quoted { text, limit: self.options.limits.excerpt }
    }

    /// The findings in the order of their places, and what was left out by rule.
    pub(crate) fn finish(mut self) -> Heard {
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
        let left_out = self.dropped.total();
        if left_out > 0 && self.hears(Id::LimitFindings) {
            // Ours, not the document's: no draft makes it less.
            self.version = Version::V4_3;
            let message = format_args!("{left_out} more findings are counted, not listed");
            let message = self.noted.say(message);
            self.note(Id::LimitFindings, NO_ELEMENT, (0, 0), message, Mend::Not);
        }
        self.noted.sort(self.doc);
        let (truncated, suppressed) = (self.dropped.named(), self.suppressed.named());
        Heard { noted: self.noted, truncated, suppressed }
    }
}
