//! Open impressions, windows, and the dossiers that come out when a window is decided.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use adproof_model::{
    BinaryError, BinaryReader, BinaryWriter, Dossier, Event, ImpressionKey, JoinKey, Timestamp,
};

use crate::disagree::disagreements;
use crate::evidence::Evidence;
use crate::fallback::Index;
use crate::legs::legs;

const HOUR_US: i64 = 3_600_000_000;

/// When windows close and are decided. Part of what a decision can be run again with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How long after the end of its day a window still takes events as evidence: 24 hours, so
    /// that the reports of the next day are in.
    pub lateness_us: i64,
    /// How long after that the window is decided. What comes in between is late: 48 hours.
    pub grace_us: i64,
    /// How far an event's own clock may run ahead of its receipt: 24 hours.
    pub skew_us: i64,
    /// How far from the anchor an event without ids may lie to join by a fallback key: 5 minutes.
    pub match_us: i64,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            lateness_us: 24 * HOUR_US,
            grace_us: 48 * HOUR_US,
            skew_us: 24 * HOUR_US,
            match_us: HOUR_US / 12,
        }
    }
}

impl Windows {
    /// The last instant whose events are evidence for impressions of `day`.
    #[must_use]
    pub const fn closes(&self, day: i64) -> Timestamp {
        Timestamp::from_day(day.saturating_add(1)).plus_micros(self.lateness_us)
    }

    /// The last instant that decisions about `day` know of.
    #[must_use]
    pub const fn decided(&self, day: i64) -> Timestamp {
        self.closes(day).plus_micros(self.grace_us)
    }
}

/// Bounds. Beyond them events are handed back with the reason; nothing is dropped in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Events of one impression: 256.
    pub events_per_impression: usize,
    /// Impressions open at once: 4,000,000.
    pub open_impressions: usize,
    /// Events without ids that wait for their day to close: 100,000.
    pub unkeyed_events: usize,
    /// Days for which the ids of decided impressions are remembered, so that a straggler does not
    /// open the impression again: 7.
    pub remember_days: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_per_impression: 256,
            open_impressions: 4_000_000,
            unkeyed_events: 100_000,
            remember_days: 7,
        }
    }
}

/// Why an event is in no dossier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It was received after its window had been decided.
    AfterDecision,
    /// Its time lies too far after its receipt.
    FromTheFuture,
    /// It lacks ids, and no impression of its day shares the fallback keys.
    NoImpression,
    /// It lacks ids, and several impressions of its day share the fallback keys.
    Ambiguous,
    /// Its impression has more events than are kept.
    TooManyEvents,
    /// More impressions are open than are kept.
    TooManyImpressions,
    /// More events without ids wait than are kept.
    TooManyUnkeyed,
}

impl Reason {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::AfterDecision,
        Self::FromTheFuture,
        Self::NoImpression,
        Self::Ambiguous,
        Self::TooManyEvents,
        Self::TooManyImpressions,
        Self::TooManyUnkeyed,
    ];

    /// A number for kept state; it never changes its meaning.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The reason with this number.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The name used in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AfterDecision => "after_decision",
            Self::FromTheFuture => "from_the_future",
            Self::NoImpression => "no_impression",
            Self::Ambiguous => "ambiguous",
            Self::TooManyEvents => "too_many_events",
            Self::TooManyImpressions => "too_many_impressions",
            Self::TooManyUnkeyed => "too_many_unkeyed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AfterDecision => "it was received after its window had been decided",
            Self::FromTheFuture => "its time lies too far after its receipt",
            Self::NoImpression => {
                "it has no transaction and impression id, and no impression shares its other keys"
            }
            Self::Ambiguous => {
                "it has no transaction and impression id, and several impressions share its other keys"
            }
            Self::TooManyEvents => "its impression has more events than are kept",
            Self::TooManyImpressions => "more impressions are open than are kept",
            Self::TooManyUnkeyed => "more events without ids wait for their day than are kept",
        })
    }
}

/// An event that is in no dossier, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unjoined {
    /// The event.
    pub event: Event,
    /// Why.
    pub reason: Reason,
}

/// One decided day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Its dossiers, by anchor, transaction and impression.
    pub dossiers: Vec<Dossier>,
    /// Events that turned out to be in no dossier, in canonical order.
    pub unjoined: Vec<Unjoined>,
    /// Events that were not kept because their impression has too many.
    pub refused: u64,
}

/// What is known of an impression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    /// It is open.
    Open(Evidence),
    /// It was decided with this day.
    Decided(i64),
}

/// Writes the key of an event's impression, where it names both.
fn write_key(buffer: &mut Vec<u8>, event: &Event) -> bool {
    let named = |text: &Option<Box<str>>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
    let both = named(&event.transaction) && named(&event.impression);
    if let (true, Some(transaction), Some(impression)) =
        (both, &event.transaction, &event.impression)
    {
        ImpressionKey::write(buffer, transaction, impression);
    }
    both
}

fn read_key(reader: &mut BinaryReader<'_>) -> Result<ImpressionKey, BinaryError> {
    Ok(ImpressionKey::new(&reader.text()?, &reader.text()?))
}

/// The open impressions.
#[derive(Clone, Debug, Default)]
pub struct Join {
    windows: Windows,
    limits: Limits,
    /// In no order: whatever is written down or handed out is sorted first.
    impressions: HashMap<ImpressionKey, Known>,
    /// How many of them are open.
    open: usize,
    unkeyed: BTreeMap<i64, Vec<Event>>,
    unkeyed_count: usize,
    /// No open impression and no waiting event is of an earlier day.
    earliest: Option<i64>,
    /// The bytes of the key that is looked for.
    key: Vec<u8>,
}

impl Join {
    /// A join with nothing in it.
    #[must_use]
    pub fn new(windows: Windows, limits: Limits) -> Self {
        Self { windows, limits, ..Self::default() }
    }

    /// Takes an event, or hands it back with the reason.
    ///
    /// # Errors
    /// The event belongs to no impression that is open.
    #[allow(clippy::result_large_err, reason = "the event is handed back, not dropped")]
    pub fn push(&mut self, event: Event) -> Result<(), Unjoined> {
        let refuse = |event, reason| Err(Unjoined { event, reason });
        let day = event.time.day();
        if event.received > self.windows.decided(day) {
            return refuse(event, Reason::AfterDecision);
        }
        if event.time > event.received.plus_micros(self.windows.skew_us) {
            return refuse(event, Reason::FromTheFuture);
        }
        if !write_key(&mut self.key, &event) {
            if self.unkeyed_count >= self.limits.unkeyed_events {
                return refuse(event, Reason::TooManyUnkeyed);
            }
            self.unkeyed_count += 1;
            self.unkeyed.entry(day).or_default().push(event);
            self.note_day(day);
            return Ok(());
        }
        match self.impressions.get_mut(&*self.key) {
            Some(Known::Decided(_)) => return refuse(event, Reason::AfterDecision),
            Some(Known::Open(evidence)) => evidence.push(event, self.limits.events_per_impression),
            None if self.open >= self.limits.open_impressions => {
                return refuse(event, Reason::TooManyImpressions);
            }
            None => {
                let mut evidence = Evidence::default();
                evidence.push(event, self.limits.events_per_impression);
                let key = ImpressionKey::from_written(&self.key);
                self.impressions.insert(key, Known::Open(evidence));
                self.open += 1;
            }
        }
        self.note_day(day);
        Ok(())
    }

    /// What two parts of a log know together. Meant for parts nothing of which has been decided.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        #[allow(clippy::iter_over_hash_type, reason = "in any order they come to the same")]
        for (key, known) in other.impressions {
            match (self.impressions.get_mut(&key), known) {
                (Some(Known::Open(held)), Known::Open(evidence)) => {
                    held.merge(evidence, self.limits.events_per_impression);
                }
                // A decision stands.
                (Some(Known::Decided(_)), _) => {}
                (held, known) => {
                    self.open -= usize::from(held.is_some());
                    self.open += usize::from(matches!(known, Known::Open(_)));
                    self.impressions.insert(key, known);
                }
            }
        }
        for (day, events) in other.unkeyed {
            self.unkeyed.entry(day).or_default().extend(events);
        }
        self.unkeyed_count += other.unkeyed_count;
        self.earliest = match (self.earliest, other.earliest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self
    }

    /// Writes what is open and what is remembered: equal bytes for equal states. Windows and limits
    /// are not in it.
    pub fn write(&self, writer: &mut BinaryWriter) {
        let mut sorted: Vec<_> = self.impressions.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        let name = |writer: &mut BinaryWriter, key: &ImpressionKey| {
            let (transaction, impression) = key.names();
            writer.text(transaction);
            writer.text(impression);
        };
        writer.count(self.open);
        for (key, known) in &sorted {
            if let Known::Open(evidence) = known {
                name(writer, key);
                evidence.write(writer);
            }
        }
        writer.count(self.unkeyed_count);
        for events in self.unkeyed.values() {
            let mut events: Vec<&Event> = events.iter().collect();
            events.sort_unstable();
            for event in events {
                writer.event(event);
            }
        }
        writer.count(sorted.len().saturating_sub(self.open));
        for (key, known) in &sorted {
            if let Known::Decided(day) = known {
                name(writer, key);
                writer.i64(*day);
            }
        }
        writer.optional(self.earliest, BinaryWriter::i64);
    }

    /// Reads what [`Join::write`] wrote, to go on with these windows and limits.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn read(
        windows: Windows,
        limits: Limits,
        reader: &mut BinaryReader<'_>,
    ) -> Result<Self, BinaryError> {
        let mut join = Self::new(windows, limits);
        for _ in 0..reader.count()? {
            let key = read_key(reader)?;
            let before = join.impressions.insert(key, Known::Open(Evidence::read(reader)?));
            if before.is_some() {
                return Err(BinaryError::Invalid("impressions apart"));
            }
            join.open += 1;
        }
        join.unkeyed_count = reader.count()?;
        for _ in 0..join.unkeyed_count {
            let event = reader.event()?;
            join.unkeyed.entry(event.time.day()).or_default().push(event);
        }
        for _ in 0..reader.count()? {
            let key = read_key(reader)?;
            if join.impressions.insert(key, Known::Decided(reader.i64()?)).is_some() {
                return Err(BinaryError::Invalid("impressions apart"));
            }
        }
        join.earliest = reader.optional(BinaryReader::i64)?;
        Ok(join)
    }

    /// The next window that is due when everything received before `watermark` has been pushed.
    pub fn close(&mut self, watermark: Timestamp) -> Option<Window> {
        let day = self.earliest?;
        (self.windows.decided(day) < watermark).then(|| self.decide(day))
    }

    /// The next window in order, due or not: for the end of a log.
    pub fn finish(&mut self) -> Option<Window> {
        self.earliest.map(|day| self.decide(day))
    }

    /// Impressions that are open.
    #[must_use]
    pub const fn open(&self) -> usize {
        self.open
    }

    fn note_day(&mut self, day: i64) {
        self.earliest = Some(self.earliest.map_or(day, |earliest| earliest.min(day)));
    }

    fn decide(&mut self, day: i64) -> Window {
        let mut impressions = Vec::new();
        let mut next = None::<i64>;
        let mut see = |later: i64| next = Some(next.map_or(later, |next| next.min(later)));
        // What is decided now is remembered in its place; what was decided long ago is forgotten.
        let oldest = day.saturating_sub(self.limits.remember_days);
        self.impressions.retain(|key, known| {
            let evidence = match known {
                Known::Decided(decided) => return *decided >= oldest,
                Known::Open(evidence) => evidence,
            };
            // An impression is opened by an event, so it has an anchor.
            let anchor = evidence.anchor().unwrap_or(Timestamp::from_day(day));
            if anchor.day() > day {
                see(anchor.day());
                return true;
            }
            impressions.push(Impression {
                anchor,
                key: key.clone(),
                evidence: std::mem::take(evidence),
                joined_by: JoinKey::TransactionImpression,
            });
            *known = Known::Decided(day);
            true
        });
        self.open = self.open.saturating_sub(impressions.len());
        let waiting = self.unkeyed.remove(&day).unwrap_or_default();
        self.unkeyed_count = self.unkeyed_count.saturating_sub(waiting.len());
        if let Some(later) = self.unkeyed.keys().next() {
            see(*later);
        }
        self.earliest = next;

        impressions.sort_unstable_by(|a, b| (a.anchor, &a.key).cmp(&(b.anchor, &b.key)));
        let mut unjoined = self.attach(day, &mut impressions, waiting);
        let mut dossiers = Vec::with_capacity(impressions.len());
        let mut refused = 0_u64;
        for impression in impressions {
            refused = refused.saturating_add(impression.evidence.refused());
            dossiers.push(self.dossier(impression, &mut unjoined));
        }
        unjoined.sort_unstable();
        Window { day, dossiers, unjoined, refused }
    }

    /// Joins events without ids by the fallback keys.
    fn attach(
        &self,
        day: i64,
        impressions: &mut [Impression],
        mut waiting: Vec<Event>,
    ) -> Vec<Unjoined> {
        if waiting.is_empty() {
            return Vec::new();
        }
        waiting.sort_unstable();
        let index = Index::new(
            self.windows.decided(day),
            impressions.iter().map(|impression| (impression.anchor, &impression.evidence)),
        );
        let mut unjoined = Vec::new();
        for event in waiting {
            let found = index.find(&event, self.windows.match_us);
            match found.map(|(at, key)| (impressions.get_mut(at), key)) {
                Ok((Some(impression), key)) => {
                    impression.joined_by = impression.joined_by.max(key);
                    let limit = self.limits.events_per_impression;
                    impression.evidence.push(event, limit);
                }
                Ok((None, _)) => unjoined.push(Unjoined { event, reason: Reason::NoImpression }),
                Err(reason) => unjoined.push(Unjoined { event, reason }),
            }
        }
        unjoined
    }

    fn dossier(&self, impression: Impression, unjoined: &mut Vec<Unjoined>) -> Dossier {
        let Impression { anchor, key, evidence, joined_by } = impression;
        let (closes, decided) =
            (self.windows.closes(anchor.day()), self.windows.decided(anchor.day()));
        let known = evidence.known(decided);
        unjoined.extend(
            known.after.into_iter().map(|event| Unjoined { event, reason: Reason::AfterDecision }),
        );
        let (in_time, late): (Vec<Event>, Vec<Event>) =
            (known.events.into_iter()).partition(|event| event.received <= closes);
        let disagreements = disagreements(&in_time, &known.reused);
        let (transaction, impression) = key.names();
        Dossier {
            transaction: transaction.into(),
            impression: impression.into(),
            joined_by,
            anchor,
            legs: legs(in_time, late),
            disagreements,
            duplicates: u32::try_from(known.duplicates).unwrap_or(u32::MAX),
        }
    }
}

struct Impression {
    anchor: Timestamp,
    key: ImpressionKey,
    evidence: Evidence,
    joined_by: JoinKey,
}
