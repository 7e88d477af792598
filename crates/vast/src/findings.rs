//! Findings as they are kept: places in the document. Paths and fixes are written when somebody
//! reads them, because most findings are counted, filtered or hidden before anybody does.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use adproof_model::{Edit, Finding, Fix, Severity, Span};

use crate::Rule;
use crate::document::{Document, ElementId};
use crate::generated::rules::Id;
use crate::path::Paths;
use crate::rules::mend;
use crate::sink::TextFix;
use crate::sort::sorted_by;

/// What was found in a document, in the order of the places.
///
/// It holds the document, so that each finding can be written down in full when it is asked for.
pub struct Findings<'a> {
    pub(crate) doc: Document<'a>,
    pub(crate) noted: Noted,
}

/// Findings without their document.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) list: Vec<Note>,
    /// The messages that are not constant, one after the other.
    pub(crate) words: String,
    /// The fixes that were made where the fault was found.
    pub(crate) fixes: Vec<TextFix>,
    /// Edits of one fix; a finding that needs more is shown without its fix.
    pub(crate) edits: u32,
}

/// One finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) span: Span,
    pub(crate) message: Message,
    pub(crate) element: ElementId,
    pub(crate) mend: Mend,
    pub(crate) rule: Id,
    pub(crate) severity: Severity,
}

/// What a finding says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Constant(&'static str),
    /// What stands before and after the name of the element.
    Named(&'static str, &'static str),
    /// A range of the words.
    Written(u32, u32),
}

/// How a finding is mended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mend {
    Not,
    /// The element's text goes into CDATA.
    Cdata,
    /// `&amp;` in the element's CDATA becomes `&`.
    Ampersands,
    /// The element is removed.
    Removed,
    /// A place in the list of fixes.
    Listed(u32),
}

impl Note {
    /// What findings are ordered by before their words.
    fn place(&self) -> (u64, Id, Severity) {
        let span = u64::from(self.span.start) << 32 | u64::from(self.span.end);
        (span, self.rule, self.severity)
    }
}

impl<'a> Findings<'a> {
    /// The document in which it was found.
    #[must_use]
    pub fn document(&self) -> &Document<'a> {
        &self.doc
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.noted.list.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.noted.list.is_empty()
    }

    /// The rule of each finding.
    #[must_use]
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &'static Rule> {
        self.noted.list.iter().map(|note| note.rule.rule())
    }

    /// Each finding, written down in full.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Finding> {
        let mut paths = Paths::default();
        let mut last: Option<(ElementId, Arc<str>)> = None;
        self.noted.list.iter().map(move |note| {
            // An element seldom has one fault.
            let known = last.as_ref().filter(|(element, _)| *element == note.element);
            let path = known.map_or_else(
                || paths.of(&self.doc, note.element).into(),
                |(_, path)| Arc::clone(path),
            );
            last = Some((note.element, Arc::clone(&path)));
            self.write(note, path)
        })
    }

    /// The fixes, each with the rule whose fault it mends.
    pub(crate) fn fixes(&self) -> impl Iterator<Item = (&'static Rule, Fix)> {
        let notes = self.noted.list.iter();
        notes.filter_map(|note| Some((note.rule.rule(), self.noted.fix(&self.doc, note)?)))
    }

    fn write(&self, note: &Note, path: Arc<str>) -> Finding {
        let rule = note.rule.rule();
        Finding {
            span: note.span,
            rule: rule.id,
            axis: rule.axis,
            severity: note.severity,
            message: match note.message {
                Message::Constant(text) => Cow::Borrowed(text),
                _ => Cow::Owned(self.noted.message(&self.doc, note).into_owned()),
            },
            path,
            fix: self.noted.fix(&self.doc, note),
        }
    }
}

impl fmt::Debug for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Noted {
    /// Writes a message down, unless it is constant.
    pub(crate) fn say(&mut self, message: fmt::Arguments<'_>) -> Message {
        if let Some(text) = message.as_str() {
            return Message::Constant(text);
        }
        if self.words.is_empty() {
            self.words.reserve(1024);
        }
        let at = |words: &String| u32::try_from(words.len()).unwrap_or(u32::MAX);
        let from = at(&self.words);
        let _ = self.words.write_fmt(message);
        Message::Written(from, at(&self.words))
    }

    /// Adds a finding. Mostly it comes after all others, or a few places before the last: a list
    /// of its children is judged before them. What is farther away is for [`Noted::sort`].
    pub(crate) fn insert(&mut self, note: Note) {
        const NEAR: usize = 32;
        if self.list.is_empty() {
            self.list.reserve(32);
        }
        let place = note.place();
        let last = self.list.iter().rev().take(NEAR);
        let at = self.list.len() - last.take_while(|other| other.place() > place).count();
        self.list.insert(at, note);
    }

    fn message(&self, doc: &Document<'_>, note: &Note) -> Cow<'_, str> {
        match note.message {
            Message::Constant(text) => Cow::Borrowed(text),
            Message::Named(before, after) => {
                let name = doc.element(note.element).map_or("", |e| e.ty.info().element_name());
                Cow::Owned([before, name, after].concat())
            }
            Message::Written(start, end) => {
                Cow::Borrowed(self.words.get(start as usize..end as usize).unwrap_or(""))
            }
        }
    }

    fn fix(&self, doc: &Document<'_>, note: &Note) -> Option<Fix> {
        let made = match note.mend {
            Mend::Not => return None,
            Mend::Listed(place) => self.fixes.get(place as usize)?.clone(),
            Mend::Cdata => mend::wrap_in_cdata(doc, note.element)?,
            Mend::Ampersands => mend::decode_ampersands(doc, note.element)?,
            Mend::Removed => mend::remove_element(doc, note.element)?,
        };
        if made.edits.len() > self.edits as usize {
            return None;
        }
        let edits = made.edits.into_iter();
        let edit = |(start, end, text)| Edit { span: doc.span(start, end), text };
        Some(Fix { title: made.title, safe: !made.danger, edits: edits.map(edit).collect() })
    }

    /// Puts the findings into the order of their places, which is the order of [`Finding`].
    pub(crate) fn sort(&mut self, doc: &Document<'_>) {
        if self.list.is_sorted_by(|a, b| a.place() < b.place()) {
            return;
        }
        let mut paths = Paths::default();
        let compare = |a: &Note, b: &Note| {
            a.place()
                .cmp(&b.place())
                .then_with(|| self.message(doc, a).cmp(&self.message(doc, b)))
                .then_with(|| self.order(doc, &mut paths, a, b))
        };
        self.list = sorted_by(&self.list, compare);
    }

    /// The order of two findings that say the same of the same place.
    fn order<'d>(
        &self,
        doc: &'d Document<'d>,
        paths: &mut Paths<'d>,
        a: &Note,
        b: &Note,
    ) -> Ordering {
        let by_path = if a.element == b.element {
            Ordering::Equal
        } else {
            let path = paths.of(doc, a.element).to_owned();
            path.as_str().cmp(paths.of(doc, b.element))
        };
        by_path.then_with(|| self.fix(doc, a).cmp(&self.fix(doc, b)))
    }
}
