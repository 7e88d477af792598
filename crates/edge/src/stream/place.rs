//! Where in its source something stood, so that the source can go on behind it.

use std::fmt;

use adproof_model::{BinaryError, BinaryReader, BinaryWriter};

/// The place of something that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A file, and how many of its bytes are taken.
    File {
        /// The file system.
        device: u64,
        /// The file in it, whatever it is called.
        inode: u64,
        /// Bytes from its start.
        offset: u64,
    },
    /// Standard input or HTTP, which cannot go back.
    Passing,
    /// A message of a JetStream stream.
    Message {
        /// Its sequence number in the stream.
        sequence: u64,
    },
    /// Messages of a JetStream stream that follow each other.
    Messages {
        /// The sequence number of the first …
        first: u64,
        /// … and of the last.
        last: u64,
    },
    /// A dead letter that was put back.
    Replay,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { device, inode, offset } => write!(f, "file {device} {inode} {offset}"),
            Self::Passing => f.write_str("passing"),
            Self::Message { sequence } => write!(f, "message {sequence}"),
            Self::Messages { first, last } => write!(f, "messages {first} {last}"),
            Self::Replay => f.write_str("replay"),
        }
    }
}

impl Place {
    /// Reads the text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = words.next()?;
        let numbers = words.map(|word| word.parse().ok()).collect::<Option<Vec<u64>>>()?;
        match (kind, &*numbers) {
            ("file", [device, inode, offset]) => {
                Some(Self::File { device: *device, inode: *inode, offset: *offset })
            }
            ("passing", []) => Some(Self::Passing),
            ("message", [sequence]) => Some(Self::Message { sequence: *sequence }),
            ("messages", [first, last]) if first <= last => {
                Some(Self::Messages { first: *first, last: *last })
            }
            ("replay", []) => Some(Self::Replay),
            _ => None,
        }
    }
}

/// Everything that was taken of the sources, in little room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: Option<(u64, u64, u64)>,
    messages: Ranges,
}

impl Places {
    /// Notes that something was taken.
    pub fn take(&mut self, place: &Place) {
        match *place {
            Place::File { device, inode, offset } => self.file = Some((device, inode, offset)),
            Place::Message { sequence } => self.messages.add(sequence, sequence),
            Place::Messages { first, last } => self.messages.add(first, last),
            Place::Passing | Place::Replay => {}
        }
    }

    /// Device, inode and offset of the last thing that was taken of a file.
    #[must_use]
    pub const fn file(&self) -> Option<(u64, u64, u64)> {
        self.file
    }

    /// Whether a message was taken before.
    #[must_use]
    pub fn has(&self, sequence: u64) -> bool {
        self.messages.has(sequence)
    }

    pub(super) fn write(&self, writer: &mut BinaryWriter) {
        writer.optional(self.file, |writer, (device, inode, offset)| {
            writer.u64(device);
            writer.u64(inode);
            writer.u64(offset);
        });
        writer.count(self.messages.0.len());
        for (first, last) in &self.messages.0 {
            writer.u64(*first);
            writer.u64(*last);
        }
    }

    pub(super) fn read(reader: &mut BinaryReader<'_>) -> Result<Self, BinaryError> {
        let file = reader.optional(|reader| Ok((reader.u64()?, reader.u64()?, reader.u64()?)))?;
        let mut messages = Vec::new();
        for _ in 0..reader.count()? {
            messages.push((reader.u64()?, reader.u64()?));
        }
        let apart = messages.windows(2).all(|pair| match pair {
            [(_, last), (first, _)] => last < first,
            _ => true,
        });
        if !apart || messages.iter().any(|(first, last)| first > last) {
            return Err(BinaryError::Invalid("ranges of messages"));
        }
        Ok(Self { file, messages: Ranges(messages) })
    }
}

/// A set of numbers as ranges, first and last, sorted and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn has(&self, number: u64) -> bool {
        let at = self.0.partition_point(|(first, _)| *first <= number);
        let before = at.checked_sub(1).and_then(|at| self.0.get(at));
        before.is_some_and(|(_, last)| number <= *last)
    }

    /// Adds the numbers `first..=last`.
    pub(super) fn add(&mut self, first: u64, last: u64) {
        // Ranges that overlap the new one, or lie right beside it, become one with it.
        let from = self.0.partition_point(|(_, end)| *end < first.saturating_sub(1));
        let to = self.0.partition_point(|(start, _)| *start <= last.saturating_add(1));
        if let Some(one) = self.0.get_mut(from)
            && to == from + 1
        {
            *one = (one.0.min(first), one.1.max(last));
            return;
        }
        let joined = self.0.get(from..to).unwrap_or_default();
        let first = joined.first().map_or(first, |(start, _)| first.min(*start));
        let last = joined.last().map_or(last, |(_, end)| last.max(*end));
        self.0.splice(from..to.max(from), [(first, last)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for place in [
            Place::File { device: 1, inode: u64::MAX, offset: 0 },
            Place::Passing,
            Place::Message { sequence: 7 },
            Place::Messages { first: 7, last: u64::MAX },
            Place::Replay,
        ] {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for text in ["", "file 1 2", "message x", "message 1 2", "messages 2 1", "other"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn messages_in_any_order_become_ranges() {
        let mut places = Places::default();
        for sequence in [5, 1, 2, 9, 3, 4, 8, 1, 0] {
            places.take(&Place::Message { sequence });
        }
        assert_eq!(places.messages.0, [(0, 5), (8, 9)]);
        assert!(places.has(0) && places.has(5) && places.has(8));
        assert!(!places.has(6) && !places.has(10));
        places.take(&Place::Message { sequence: u64::MAX });
        assert!(places.has(u64::MAX) && !places.has(u64::MAX - 1));
        let mut writer = BinaryWriter::new();
        places.write(&mut writer);
        let bytes = writer.into_bytes();
        assert_eq!(Places::read(&mut BinaryReader::new(&bytes)), Ok(places));
    }

    #[test]
    fn ranges_are_a_set_of_numbers() {
        let mut dice = 7_u64;
        let mut throw = |below: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (dice >> 33) % below
        };
        for _ in 0..200 {
            let (mut ranges, mut plain) = (Ranges::default(), std::collections::BTreeSet::new());
            for _ in 0..20 {
                let first = throw(60);
                let last = first + throw(8);
                ranges.add(first, last);
                plain.extend(first..=last);
                assert!((0..80).all(|number| ranges.has(number) == plain.contains(&number)));
                assert!(ranges.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            }
        }
    }
}
