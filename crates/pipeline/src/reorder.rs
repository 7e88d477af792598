use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::vec;

use adproof_model::{BinaryError, BinaryReader, BinaryWriter, Event, Timestamp};

use crate::run::canonical_order;

/// Events of about a second wait together, in no order: they are sorted when their turn comes.
const BUCKET_BITS: u32 = 20;

/// Brings a stream into canonical order within a bound of time and of memory.
///
/// An event is released once something was received `horizon_us` after it, or when the buffer is
/// full. One that comes after its place has passed is handed back: it would make the result depend
/// on the order of arrival. A horizon of the largest disorder of the source loses nothing.
#[derive(Clone, Debug)]
pub struct Reorder {
    horizon_us: i64,
    capacity: usize,
    /// What waits behind `front`, by bucket.
    waiting: BTreeMap<i64, Vec<Event>>,
    /// The events of all buckets up to `opened`, sorted, as they were when it was opened …
    front: vec::IntoIter<Event>,
    /// … and those that came to these buckets since.
    late: BinaryHeap<Reverse<Ordered>>,
    opened: Option<i64>,
    held: usize,
    newest: Option<Timestamp>,
    /// What was released last: when it was received, and its id.
    released: Option<Timestamp>,
    released_id: String,
}

/// An event that is compared in canonical order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ordered(Event);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        canonical_order(&self.0, &other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const fn bucket(received: Timestamp) -> i64 {
    received.micros() >> BUCKET_BITS
}

impl Reorder {
    /// A buffer that waits `horizon_us` and holds at most `capacity` events.
    #[must_use]
    pub fn new(horizon_us: i64, capacity: usize) -> Self {
        Self {
            horizon_us,
            capacity,
            waiting: BTreeMap::new(),
            front: Vec::new().into_iter(),
            late: BinaryHeap::new(),
            opened: None,
            held: 0,
            newest: None,
            released: None,
            released_id: String::new(),
        }
    }

    /// Takes an event, or hands it back because its place has passed.
    ///
    /// # Errors
    /// The event comes before one that was released.
    #[allow(clippy::result_large_err, reason = "the event is handed back, not dropped")]
    pub fn push(&mut self, event: Event) -> Result<(), Event> {
        let place = (event.received, &*event.id);
        if self.released.is_some_and(|released| place < (released, &*self.released_id)) {
            return Err(event);
        }
        self.newest = self.newest.max(Some(event.received));
        let bucket = bucket(event.received);
        if self.opened.is_some_and(|opened| bucket <= opened) {
            self.late.push(Reverse(Ordered(event)));
        } else {
            self.waiting.entry(bucket).or_default().push(event);
        }
        self.held += 1;
        Ok(())
    }

    /// The next event whose place is certain.
    pub fn pop(&mut self) -> Option<Event> {
        let received = self.first()?.received;
        let due = self.newest.is_some_and(|newest| received.plus_micros(self.horizon_us) < newest);
        (due || self.held > self.capacity).then(|| self.take()).flatten()
    }

    /// The next event, certain or not: for the end of a stream.
    pub fn drain(&mut self) -> Option<Event> {
        self.take()
    }

    /// What waits, in no order.
    pub fn waiting(&self) -> impl Iterator<Item = &Event> {
        let late = self.late.iter().map(|Reverse(Ordered(event))| event);
        self.front.as_slice().iter().chain(late).chain(self.waiting.values().flatten())
    }

    /// Writes what waits and how far the order is: equal bytes for equal states. Horizon and
    /// capacity are not in it.
    pub fn write(&self, writer: &mut BinaryWriter) {
        writer.count(self.held);
        let mut sorted: Vec<&Event> = self.waiting().collect();
        sorted.sort_unstable_by(|a, b| canonical_order(a, b));
        for event in sorted {
            writer.event(event);
        }
        writer.optional(self.newest, BinaryWriter::time);
        writer.optional(self.released, |writer, received| {
            writer.time(received);
            writer.text(&self.released_id);
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
            reorder.waiting.entry(bucket(event.received)).or_default().push(event);
        }
        reorder.newest = reader.optional(BinaryReader::time)?;
        let released = reader.optional(|reader| Ok((reader.time()?, reader.text()?)))?;
        if let Some((received, id)) = released {
            (reorder.released, reorder.released_id) = (Some(received), id.into());
        }
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

    /// The next event, where it stands. Opens the next bucket when the last one is used up.
    fn first(&mut self) -> Option<&Event> {
        if self.front.as_slice().is_empty() && self.late.is_empty() {
            let (bucket, mut events) = self.waiting.pop_first()?;
            events.sort_unstable_by(canonical_order);
            self.front = events.into_iter();
            self.opened = Some(bucket);
        }
        match (self.front.as_slice().first(), self.late.peek()) {
            (Some(front), Some(Reverse(Ordered(late)))) => {
                Some(if canonical_order(late, front).is_lt() { late } else { front })
            }
            (front, late) => front.or_else(|| late.map(|Reverse(Ordered(event))| event)),
        }
    }

    fn take(&mut self) -> Option<Event> {
        self.first()?;
        let from_late = match (self.front.as_slice().first(), self.late.peek()) {
            (Some(front), Some(Reverse(Ordered(late)))) => canonical_order(late, front).is_lt(),
            (front, _) => front.is_none(),
        };
        let event = if from_late {
            self.late.pop().map(|Reverse(Ordered(event))| event)
        } else {
            self.front.next()
        }?;
        self.held -= 1;
        self.released = Some(event.received);
        self.released_id.clear();
        self.released_id.push_str(&event.id);
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

    /// What the buffer promises, said plainly.
    fn plainly(horizon: i64, capacity: usize, events: &[Event]) -> (Vec<Event>, Vec<Event>) {
        let (mut waiting, mut out, mut back) = (Vec::<Event>::new(), Vec::<Event>::new(), vec![]);
        let mut newest = i64::MIN;
        for event in events {
            let place = |event: &Event| (event.received, event.id.clone());
            if out.last().is_some_and(|last| place(event) < place(last)) {
                back.push(event.clone());
                continue;
            }
            newest = newest.max(event.received.micros());
            waiting.push(event.clone());
            waiting.sort_by(canonical_order);
            while waiting.first().is_some_and(|first| {
                first.received.micros() + horizon < newest || waiting.len() > capacity
            }) {
                out.push(waiting.remove(0));
            }
        }
        out.append(&mut waiting);
        (out, back)
    }

    #[test]
    fn over_many_buckets_the_order_is_that_of_a_plain_sort() {
        let mut dice = 7_u64;
        let mut throw = |below: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from((dice >> 33) % below).unwrap()
        };
        for (horizon, capacity) in [(0, 50), (3_000_000, 40), (500, usize::MAX), (9 << 20, 7)] {
            let events: Vec<Event> = (0..600)
                .map(|index| {
                    let received = index * 50_000 - 15_000_000 + throw(8_000_000);
                    event(&format!("{}", throw(400)), received >> (8 * throw(3)) << 4)
                })
                .collect();
            let mut buffer = Reorder::new(horizon, capacity);
            let (mut out, mut back) = (Vec::new(), Vec::new());
            for (index, event) in events.iter().enumerate() {
                back.extend(buffer.push(event.clone()).err());
                while let Some(event) = buffer.pop() {
                    out.push(event);
                }
                if index % 97 == 0 {
                    let mut writer = BinaryWriter::new();
                    buffer.write(&mut writer);
                    let bytes = writer.into_bytes();
                    let reader = &mut BinaryReader::new(&bytes);
                    buffer = Reorder::read(horizon, capacity, reader).unwrap();
                    let mut writer = BinaryWriter::new();
                    buffer.write(&mut writer);
                    assert_eq!(writer.into_bytes(), bytes);
                }
            }
            while let Some(event) = buffer.drain() {
                out.push(event);
            }
            assert!((out, back) == plainly(horizon, capacity, &events), "{horizon} {capacity}");
        }
    }
}
