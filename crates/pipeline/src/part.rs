//! One of several processes that share a stream: what is its part, and what it has seen.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use adproof_join::{Join, Limits, Windows};
use adproof_model::{BinaryError, BinaryReader, BinaryWriter, Digest, Event, Timestamp};
use adproof_signal::{Sightings, Tally};
use sha2::{Digest as _, Sha256};

use crate::live;
use crate::reorder::Reorder;

const MAGIC: &[u8] = b"adproof part v1\n";

/// A part of all events by their address: of an IPv6 address the first 32 bits decide, of an IPv4
/// address the first 16. What has no address is in part 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    index: u32,
    of: u32,
}

impl Part {
    /// Everything.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Part `index` of `of`, counted from 0; none where there is no such part.
    #[must_use]
    pub const fn new(index: u32, of: u32) -> Option<Self> {
        if index < of { Some(Self { index, of }) } else { None }
    }

    /// Which part it is, and of how many.
    #[must_use]
    pub const fn numbers(self) -> (u32, u32) {
        (self.index, self.of)
    }

    /// Whether lines that are no events belong here: one part has to keep them.
    #[must_use]
    pub const fn is_first(self) -> bool {
        self.index == 0
    }

    /// Whether an event belongs here.
    #[must_use]
    pub fn holds(self, event: &Event) -> bool {
        let block = match event.ip.map(|ip| ip.to_canonical()) {
            None => return self.is_first(),
            Some(IpAddr::V6(v6)) => u64::try_from(v6.to_bits() >> 96).unwrap_or(0),
            // Apart from every /32 of IPv6.
            Some(IpAddr::V4(v4)) => 1 << 32 | u64::from(v4.to_bits() >> 16),
        };
        // Fibonacci hashing: neighbours fall apart, and any program can compute it.
        let mixed = block.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (mixed * u64::from(self.of)) >> 32 == u64::from(self.index)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write a part as 0/3, 1/3 or 2/3";
        let (index, of) = text.split_once('/').ok_or(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong);
        Self::new(number(index)?, number(of)?).ok_or(wrong)
    }
}

/// What a process has seen of its part. It decides nothing: the legs of one impression may lie in
/// several parts.
#[derive(Clone, Debug)]
pub struct Tallied {
    part: Part,
    seen: Sightings,
    accepted: u64,
    newest: Option<Timestamp>,
}

impl Tallied {
    /// Nothing seen.
    #[must_use]
    pub fn new(part: Part) -> Self {
        Self { part, seen: Sightings::default(), accepted: 0, newest: None }
    }

    /// Which part it is.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// Takes an event of this part, in any order.
    pub fn push(&mut self, event: &Event) {
        self.seen.add(event);
        self.accepted += 1;
        self.newest = self.newest.max(Some(event.received));
    }

    /// Impressions, and events that were taken.
    #[must_use]
    pub fn counts(&self) -> (usize, u64) {
        (self.seen.len(), self.accepted)
    }

    /// The newest receipt that was seen.
    #[must_use]
    pub const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The state: equal bytes for equal states, whatever led to them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = BinaryWriter::new();
        writer.bytes(MAGIC);
        writer.u32(self.part.index);
        writer.u32(self.part.of);
        writer.u64(self.accepted);
        writer.optional(self.newest, BinaryWriter::time);
        self.seen.write(&mut writer);
        writer.into_bytes()
    }

    /// Goes on from [`Tallied::to_bytes`].
    ///
    /// # Errors
    /// The bytes are something else. Likely cause: the state of a stream that decides.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BinaryError> {
        let mut reader = BinaryReader::new(bytes);
        if reader.bytes()? != MAGIC {
            return Err(BinaryError::Invalid("tally of a part"));
        }
        let part = Part::new(reader.u32()?, reader.u32()?);
        let part = part.ok_or(BinaryError::Invalid("part"))?;
        let accepted = reader.u64()?;
        let newest = reader.optional(BinaryReader::time)?;
        let seen = Sightings::read(&mut reader)?;
        reader.end()?;
        Ok(Self { part, seen, accepted, newest })
    }

    /// What the state of any stream has seen: of one that tallies its part, or of one that decides.
    ///
    /// # Errors
    /// The bytes are no state of this version.
    pub fn of_state(bytes: &[u8]) -> Result<Self, BinaryError> {
        let mut reader = BinaryReader::new(bytes);
        let magic = reader.bytes()?;
        if magic == MAGIC {
            return Self::from_bytes(bytes);
        }
        if magic != live::MAGIC {
            return Err(BinaryError::Invalid("stream state of this version"));
        }
        let accepted = reader.u64()?;
        let waiting = Reorder::read(0, usize::MAX, &mut reader)?;
        // What is open was seen as well; it is read to come to what follows it.
        Join::read(Windows::default(), Limits::default(), &mut reader)?;
        let mut seen = Sightings::read(&mut reader)?;
        for event in waiting.waiting() {
            seen.add(event);
        }
        Ok(Self { part: Part::WHOLE, seen, accepted, newest: waiting.newest() })
    }

    /// Both in one. Which part it is says nothing any more.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            part: Part::WHOLE,
            seen: self.seen.merge(other.seen),
            accepted: self.accepted.saturating_add(other.accepted),
            newest: self.newest.max(other.newest),
        }
    }

    /// The canonical tally of the feeds and of everything that was seen, the same bytes as any
    /// other way to make it, with its SHA-256.
    #[must_use]
    pub fn model(&self, feeds: &Tally) -> (Vec<u8>, Digest) {
        let mut tally = feeds.clone();
        tally.expose_sightings(&self.seen);
        let bytes = tally.to_bytes();
        let digest = Digest::new(Sha256::digest(&bytes).into());
        (bytes, digest)
    }
}

#[cfg(test)]
mod tests {
    use adproof_model::LegDetail;

    use super::*;

    fn event(ip: &str) -> Event {
        Event {
            received: Timestamp::from_micros(5),
            id: ip.into(),
            time: Timestamp::from_micros(1),
            observer: "ads.example".into(),
            transaction: None,
            impression: None,
            ip: ip.parse().ok(),
            user_agent: None,
            device: None,
            bundle: None,
            detail: LegDetail::Request { ssai: 0 },
        }
    }

    #[test]
    fn every_event_is_in_one_part_and_a_block_in_one() {
        let of = 5;
        let part = |event: &Event| {
            let holds: Vec<u32> =
                (0..of).filter(|index| Part::new(*index, of).unwrap().holds(event)).collect();
            assert_eq!(holds.len(), 1, "{event:?}");
            holds[0]
        };
        let mut sizes = [0; 5];
        for block in 0..1_000 {
            let first = part(&event(&format!("2001:{block:x}::1")));
            assert_eq!(first, part(&event(&format!("2001:{block:x}:ffff::2"))));
            sizes[usize::try_from(first).unwrap()] += 1;
        }
        assert!(sizes.iter().all(|size| (150..250).contains(size)), "{sizes:?}");
        assert_eq!(part(&event("")), 0);
        assert_eq!(part(&event("192.0.2.1")), part(&event("::ffff:192.0.77.1")));
        assert!(Part::WHOLE.holds(&event("")) && Part::WHOLE.holds(&event("2001::")));
    }

    #[test]
    fn parts_are_read_as_people_write_them() {
        assert_eq!("1/3".parse(), Ok(Part { index: 1, of: 3 }));
        assert_eq!(Part { index: 1, of: 3 }.to_string(), "1/3");
        for wrong in ["", "3/3", "0/0", "1", "a/2", "1/2/3", "-1/2"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_state_goes_on_and_other_bytes_are_refused() {
        let mut tallied = Tallied::new(Part::new(1, 2).unwrap());
        tallied.push(&event("2001:db8::1"));
        let bytes = tallied.to_bytes();
        let read = Tallied::from_bytes(&bytes).unwrap();
        assert_eq!((read.to_bytes(), read.counts()), (bytes.clone(), (1, 1)));
        for end in 0..bytes.len() {
            assert!(Tallied::of_state(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert!(Tallied::from_bytes(&[&*bytes, b"x"].concat()).is_err());
    }
}
