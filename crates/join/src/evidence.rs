//! What is known of one impression: a bag of events.

use std::collections::BTreeSet;

use adproof_model::{BinaryError, BinaryReader, BinaryWriter, Event, Timestamp};

/// The events of one impression with how often each was pushed: the `limit` first of them in
/// canonical order.
///
/// A commutative monoid: pushing the same events in any order, or merging parts of them, gives
/// the same value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Sorted, each once. There are hardly ever more than ten, and they come nearly in order.
    events: Vec<(Event, u64)>,
    refused: u64,
}

impl Evidence {
    pub(crate) fn push(&mut self, event: Event, limit: usize) {
        self.insert(event, 1, limit);
    }

    pub(crate) fn merge(&mut self, other: Self, limit: usize) {
        self.refused = self.refused.saturating_add(other.refused);
        for (event, times) in other.events {
            self.insert(event, times, limit);
        }
    }

    fn insert(&mut self, event: Event, times: u64, limit: usize) {
        let behind_all = self.events.last().is_none_or(|(last, _)| *last < event);
        let found = if behind_all {
            Err(self.events.len())
        } else {
            self.events.binary_search_by(|(held, _)| held.cmp(&event))
        };
        match found {
            Ok(at) => {
                if let Some((_, held)) = self.events.get_mut(at) {
                    *held = held.saturating_add(times);
                }
            }
            Err(at) => self.events.insert(at, (event, times)),
        }
        if self.events.len() > limit
            && let Some((_, times)) = self.events.pop()
        {
            self.refused = self.refused.saturating_add(times);
        }
    }

    pub(crate) fn write(&self, writer: &mut BinaryWriter) {
        writer.count(self.events.len());
        for (event, times) in &self.events {
            writer.event(event);
            writer.u64(*times);
        }
        writer.u64(self.refused);
    }

    pub(crate) fn read(reader: &mut BinaryReader<'_>) -> Result<Self, BinaryError> {
        let mut evidence = Self::default();
        for _ in 0..reader.count()? {
            let (event, times) = (reader.event()?, reader.u64()?);
            if evidence.events.last().is_some_and(|(last, _)| *last >= event) {
                return Err(BinaryError::Invalid("events in order"));
            }
            evidence.events.push((event, times));
        }
        evidence.refused = reader.u64()?;
        Ok(evidence)
    }

    /// The earliest time: it places the impression in its window.
    pub(crate) fn anchor(&self) -> Option<Timestamp> {
        self.iter().map(|event| event.time).min()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|(event, _)| event)
    }

    /// Events that were not kept because the impression has too many.
    pub(crate) const fn refused(&self) -> u64 {
        self.refused
    }

    /// What was received up to `decided`, one event an id, and what came after.
    pub(crate) fn known(self, decided: Timestamp) -> Known {
        let mut known = Known::default();
        for (event, times) in self.events {
            if event.received > decided {
                for _ in 0..times {
                    known.after.push(event.clone());
                }
                continue;
            }
            known.duplicates = known.duplicates.saturating_add(times - 1);
            // Canonical order: the first to be received is the one that is kept.
            // There are few: looking at each is cheaper than an index.
            match known.events.iter().find(|held| held.id == event.id) {
                None => known.events.push(event),
                Some(first) => {
                    known.duplicates = known.duplicates.saturating_add(1);
                    if !same_content(first, &event) {
                        known.reused.insert(event.id);
                    }
                }
            }
        }
        known
    }
}

/// The evidence as it stands at a decision.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// In canonical order, one an id.
    pub(crate) events: Vec<Event>,
    /// Events whose id was there already.
    pub(crate) duplicates: u64,
    /// Ids that came with differing contents.
    pub(crate) reused: BTreeSet<Box<str>>,
    /// Received after the decision.
    pub(crate) after: Vec<Event>,
}

/// Whether two events say the same. When each was received does not matter.
fn same_content(a: &Event, b: &Event) -> bool {
    a.time == b.time
        && a.observer == b.observer
        && a.ip == b.ip
        && a.user_agent == b.user_agent
        && a.device == b.device
        && a.bundle == b.bundle
        && a.detail == b.detail
}
