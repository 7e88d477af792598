use std::collections::BTreeMap;

use adproof_model::{BinaryError, BinaryReader, BinaryWriter, Event, Timestamp};

/// Brings a stream into canonical order within a bound of time and of memory.
///
/// An event is released once something was received `horizon_us` after it, or when the buffer is
/// full. One that comes after its place has passed is handed back: it would make the result depend
/// on the order of arrival. A horizon of the largest disorder of the source loses nothing.
#[derive(Clone, Debug)]
pub struct Reorder {
    horizon_us: i64,
    capacity: usize,
    waiting: BTreeMap<(Timestamp, Box<str>), Vec<Event>>,
    held: usize,
    newest: Option<Timestamp>,
    released: Option<(Timestamp, Box<str>)>,
}

impl Reorder {
    /// A buffer that waits `horizon_us` and holds at most `capacity` events.
    #[must_use]
    pub const fn new(horizon_us: i64, capacity: usize) -> Self {
        Self {
            horizon_us,
            capacity,
            waiting: BTreeMap::new(),
            held: 0,
            newest: None,
            released: None,
        }
    }

    /// Takes an event, or hands it back because its place has passed.
    ///
    /// # Errors
    /// The event comes before one that was released.
    #[allow(clippy::result_large_err, reason = "the event is handed back, not dropped")]
    pub fn push(&mut self, event: Event) -> Result<(), Event> {
        let key = (event.received, event.id.clone());
        if self.released.as_ref().is_some_and(|released| key < *released) {
            return Err(event);
        }
        self.newest = self.newest.max(Some(event.received));
        self.waiting.entry(key).or_default().push(event);
        self.held += 1;
        Ok(())
    }

    /// The next event whose place is certain.
    pub fn pop(&mut self) -> Option<Event> {
        let ((received, _), _) = self.waiting.first_key_value()?;
        let due = self.newest.is_some_and(|newest| received.plus_micros(self.horizon_us) < newest);
        (due || self.held > self.capacity).then(|| self.take()).flatten()
    }

    /// The next event, certain or not: for the end of a stream.
    pub fn drain(&mut self) -> Option<Event> {
        self.take()
    }

    /// Writes what waits and how far the order is: equal bytes for equal states. Horizon and
    /// capacity are not in it.
    pub fn write(&self, writer: &mut BinaryWriter) {
        writer.count(self.held);
        for events in self.waiting.values() {
            let mut events: Vec<&Event> = events.iter().collect();
            events.sort_unstable();
            for event in events {
                writer.event(event);
            }
        }
        writer.optional(self.newest, BinaryWriter::time);
        writer.optional(self.released.as_ref(), |writer, (received, id)| {
            writer.time(*received);
            writer.text(id);
        });
    }

    /// Reads what [`Reorder::write`] wrote, to go on with this horizon and capacity.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(
        horizon_us: i64,
        capacity: usize,
        reader: &mut BinaryReader<'_>,
    ) -> Result<Self, BinaryError> {
        let mut reorder = Self::new(horizon_us, capacity);
        reorder.held = reader.count()?;
        for _ in 0..reorder.held {
            let event = reader.event()?;
            let key = (event.received, event.id.clone());
            reorder.waiting.entry(key).or_default().push(event);
        }
        reorder.newest = reader.optional(BinaryReader::time)?;
        reorder.released = reader.optional(|reader| Ok((reader.time()?, reader.text()?)))?;
        Ok(reorder)
    }

    /// The newest receipt that was seen: events up to `horizon` before it have been released.
    #[must_use]
    pub const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Events that wait.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.held
    }

    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.held == 0
    }

    fn take(&mut self) -> Option<Event> {
        let mut entry = self.waiting.first_entry()?;
        // Events of one id may differ in the rest; the smallest goes first.
        let events = entry.get_mut();
        let least = (0..events.len()).min_by(|a, b| events.get(*a).cmp(&events.get(*b)))?;
        let event = events.swap_remove(least);
        if events.is_empty() {
            entry.remove();
        }
        self.held -= 1;
        self.released = Some((event.received, event.id.clone()));
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use adproof_model::LegDetail;

    use super::*;

    fn event(id: &str, received: i64) -> Event {
        Event {
            received: Timestamp::from_micros(received),
            id: id.into(),
            time: Timestamp::from_micros(received),
            observer: "ads.example".into(),
            transaction: None,
            impression: None,
            ip: None,
            user_agent: None,
            device: None,
            bundle: None,
            detail: LegDetail::Request { ssai: 0 },
        }
    }

    fn ids(mut buffer: Reorder, events: &[(&str, i64)]) -> (Vec<String>, Vec<String>) {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        for (id, received) in events {
            if let Err(event) = buffer.push(event(id, *received)) {
                back.push(event.id.into());
            }
            while let Some(event) = buffer.pop() {
                out.push(event.id.into());
            }
        }
        while let Some(event) = buffer.drain() {
            out.push(event.id.into());
        }
        assert!(buffer.is_empty());
        (out, back)
    }

    #[test]
    fn disorder_within_the_horizon_is_undone() {
        let (out, back) = ids(Reorder::new(10, 100), &[("c", 7), ("a", 1), ("d", 9), ("b", 3)]);
        assert_eq!(out, ["a", "b", "c", "d"]);
        assert!(back.is_empty());
    }

    #[test]
    fn what_comes_after_its_place_is_handed_back() {
        let (out, back) = ids(Reorder::new(10, 100), &[("a", 1), ("z", 100), ("b", 0)]);
        assert_eq!(out, ["a", "z"]);
        assert_eq!(back, ["b"]);
        let (out, back) = ids(Reorder::new(10, 100), &[("b", 1), ("z", 100), ("a", 2)]);
        assert_eq!(out, ["b", "a", "z"], "a place that has not passed is still free");
        assert!(back.is_empty());
    }

    #[test]
    fn a_full_buffer_releases_its_oldest() {
        let (out, back) = ids(Reorder::new(1_000, 2), &[("a", 3), ("b", 2), ("c", 1), ("d", 0)]);
        assert_eq!(out, ["c", "b", "a"]);
        assert_eq!(back, ["d"]);
        let (out, back) = ids(Reorder::new(1_000, 4), &[("a", 3), ("b", 2), ("c", 1), ("d", 0)]);
        assert_eq!(out, ["d", "c", "b", "a"]);
        assert!(back.is_empty());
    }
}
