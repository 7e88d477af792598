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
    /// A dead letter that was put back.
    Replay,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { device, inode, offset } => write!(f, "file {device} {inode} {offset}"),
            Self::Passing => f.write_str("passing"),
            Self::Message { sequence } => write!(f, "message {sequence}"),
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
            ("replay", []) => Some(Self::Replay),
            _ => None,
        }
    }
}

/// Everything that was taken of the sources, in little room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: Option<(u64, u64, u64)>,
    /// Sequence numbers as ranges, first and last, sorted and apart.
    messages: Vec<(u64, u64)>,
}

impl Places {
    /// Notes that something was taken.
    pub fn take(&mut self, place: &Place) {
        match *place {
            Place::File { device, inode, offset } => self.file = Some((device, inode, offset)),
            Place::Message { sequence } => self.note(sequence),
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
        let at = self.messages.partition_point(|(first, _)| *first <= sequence);
        let before = at.checked_sub(1).and_then(|at| self.messages.get(at));
        before.is_some_and(|(_, last)| sequence <= *last)
    }

    fn note(&mut self, sequence: u64) {
        if self.has(sequence) {
            return;
        }
        let at = self.messages.partition_point(|(first, _)| *first < sequence);
        let joins_next = self.messages.get(at).is_some_and(|(first, _)| first - 1 == sequence);
        let before = at.checked_sub(1);
        let joins_last = before
            .and_then(|before| self.messages.get(before))
            .is_some_and(|(_, last)| last + 1 == sequence);
        match (joins_last.then_some(before).flatten(), joins_next) {
            (Some(before), true) => {
                let (_, last) = self.messages.remove(at);
                if let Some(range) = self.messages.get_mut(before) {
                    range.1 = last;
                }
            }
            (Some(before), false) => {
                if let Some(range) = self.messages.get_mut(before) {
                    range.1 = sequence;
                }
            }
            (None, true) => {
                if let Some(range) = self.messages.get_mut(at) {
                    range.0 = sequence;
                }
            }
            (None, false) => self.messages.insert(at, (sequence, sequence)),
        }
    }

    pub(super) fn write(&self, writer: &mut BinaryWriter) {
        writer.optional(self.file, |writer, (device, inode, offset)| {
            writer.u64(device);
            writer.u64(inode);
            writer.u64(offset);
        });
        writer.count(self.messages.len());
        for (first, last) in &self.messages {
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
        Ok(Self { file, messages })
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
            Place::Replay,
        ] {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for text in ["", "file 1 2", "message x", "message 1 2", "other"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    #[test]
    fn messages_in_any_order_become_ranges() {
        let mut places = Places::default();
        for sequence in [5, 1, 2, 9, 3, 4, 8, 1, 0] {
            places.take(&Place::Message { sequence });
        }
        assert_eq!(places.messages, [(0, 5), (8, 9)]);
        assert!(places.has(0) && places.has(5) && places.has(8));
        assert!(!places.has(6) && !places.has(10));
        places.take(&Place::Message { sequence: u64::MAX });
        assert!(places.has(u64::MAX) && !places.has(u64::MAX - 1));
        let mut writer = BinaryWriter::new();
        places.write(&mut writer);
        let bytes = writer.into_bytes();
        assert_eq!(Places::read(&mut BinaryReader::new(&bytes)), Ok(places));
    }
}
