use std::collections::BTreeMap;

use crate::generated::rules::Id;

/// How often something befell findings of each rule. A document breaks few of the rules.
#[derive(Debug, Default)]
pub(crate) struct Counts(Vec<(Id, u32)>);

impl Counts {
    /// Counts so many more.
    pub(crate) fn add(&mut self, id: Id, count: u32) {
        let known = self.0.iter_mut().find(|(counted, _)| *counted == id);
        match known {
            Some((_, known)) => *known = known.saturating_add(count),
            None => self.0.push((id, count)),
        }
    }

    /// All counts together.
    pub(crate) fn total(&self) -> u32 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Each rule and its count.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, u32)> {
        self.0.iter().copied()
    }

    /// By the rule's name.
    pub(crate) fn named(&self) -> BTreeMap<&'static str, u32> {
        // Collecting would sort first, with code of its own for that.
        let mut named = BTreeMap::new();
        for (id, count) in self.iter() {
            named.insert(id.rule().id, count);
        }
        named
    }
}
