//! Paths of elements for findings: `/VAST/Ad[1]/InLine[1]`.

use std::fmt::Write as _;

use crate::document::{Document, ElementId};
use crate::known::Known;

/// Writes paths. Findings come in the order of the document, so that most of a path is that of the
/// one before.
#[derive(Default)]
pub(crate) struct Paths<'d> {
    text: String,
    /// From the root to the last element asked for.
    steps: Vec<Step>,
    wanted: Vec<ElementId>,
    /// By parent and name, the last element whose place was far to count, and its place.
    far: Known<'d>,
}

struct Step {
    id: ElementId,
    /// Length of the text with this step.
    len: usize,
    place: u32,
}

/// How many siblings are counted before their places are worth remembering.
const NEAR: usize = 256;

impl<'d> Paths<'d> {
    /// The path of an element, valid until the next one is asked for.
    pub(crate) fn of(&mut self, doc: &'d Document<'d>, id: ElementId) -> &str {
        if self.text.capacity() == 0 {
            self.text.reserve(128);
            self.steps.reserve(16);
            self.wanted.reserve(16);
        }
        self.wanted.clear();
        let mut at = id.some();
        // Steps and the elements around an element both come in the order of the document.
        let mut keep = self.steps.len();
        while let Some(id) = at {
            let later = self.steps.iter().take(keep).rev().take_while(|step| step.id > id);
            keep -= later.count();
            if keep.checked_sub(1).and_then(|last| self.steps.get(last)).is_some_and(|s| s.id == id)
            {
                break;
            }
            self.wanted.push(id);
            at = doc.parent(id);
        }
        if at.is_none() {
            keep = 0;
        }
        let mut known = self.steps.get(keep).map(|step| (step.id, step.place));
        self.steps.truncate(keep);
        self.text.truncate(self.steps.last().map_or(0, |step| step.len));
        while let Some(id) = self.wanted.pop() {
            let name = doc.tag(id);
            self.text.push('/');
            self.text.push_str(name);
            let mut place = 1;
            if let Some(parent) = doc.parent(id) {
                known = known.filter(|(sibling, _)| doc.tag(*sibling) == name);
                place = self.place(doc, parent, id, known.take());
                match u8::try_from(place) {
                    // Hardly an element has a tenth sibling of its name.
                    Ok(digit @ 1..=9) => {
                        self.text.push('[');
                        self.text.push(char::from(b'0' + digit));
                        self.text.push(']');
                    }
                    _ => {
                        let _ = write!(self.text, "[{place}]");
                    }
                }
            }
            self.steps.push(Step { id, len: self.text.len(), place });
        }
        &self.text
    }

    /// The place among the siblings of the same name. A hostile document has a hundred thousand.
    fn place(
        &mut self,
        doc: &'d Document<'d>,
        parent: ElementId,
        id: ElementId,
        known: Option<(ElementId, u32)>,
    ) -> u32 {
        if let Some(place) = doc.position(parent, id, known, NEAR) {
            return place;
        }
        let key = (u64::from(parent.0), doc.tag(id).as_bytes());
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let known = self.far.of(key).map(|(id, place)| (ElementId(narrow(id)), narrow(place)));
        let place = doc.position(parent, id, known, usize::MAX).unwrap_or(1);
        self.far.put(key, (u64::from(id.0), u64::from(place)));
        place
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn paths_do_not_depend_on_what_was_asked_before() {
        let rest = "<B/><A><C/><D/><C/></A>".repeat(300);
        let text = format!("<VAST><A><B/></A>{rest}<A/></VAST>");
        let doc = parse(text.as_bytes(), &Limits::default());
        let all: Vec<ElementId> = doc.elements().collect();
        let orders = [all.clone(), all.iter().rev().copied().collect(), {
            let mut mixed = all.clone();
            mixed.sort_by_key(|id| (id.0 * 7919) % 1009);
            mixed
        }];
        for order in orders {
            let mut paths = Paths::default();
            for id in order {
                assert_eq!(paths.of(&doc, id), doc.path(id));
            }
        }
        assert_eq!(doc.path(*all.last().unwrap()), "/VAST/A[302]");
    }
}
