//! A compact binary form, for state that a process keeps for itself between two runs.
//!
//! Integers are big-endian and of fixed width, text is UTF-8 behind its length in bytes (`u32`),
//! what is optional stands behind a byte that is 0 or 1. There is one way to write a value, and
//! the reader takes nothing else: no other byte for a flag, no text that is not UTF-8.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Event, Execution, Leg, LegDetail, Timestamp};

/// Why bytes are not what was expected. Likely cause: the file was cut or damaged, or another
/// version wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BinaryError {
    /// They end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// They go on after the end.
    #[error("bytes follow the end")]
    Trailing,
    /// A value cannot be what it should be.
    #[error("the bytes hold no {0}")]
    Invalid(&'static str),
}

/// Writes values one after the other.
#[derive(Clone, Debug, Default)]
pub struct BinaryWriter(Vec<u8>);

impl BinaryWriter {
    /// Nothing written.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes a byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Writes a flag.
    pub fn flag(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Writes 16 bits.
    pub fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes 32 bits.
    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes 64 bits.
    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes 64 bits with a sign.
    pub fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes 128 bits.
    pub fn u128(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Writes how many values follow.
    pub fn count(&mut self, count: usize) {
        self.u64(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Writes bytes behind their number.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// Writes text. What is longer than 4 GiB is cut, at a character.
    pub fn text(&mut self, text: &str) {
        let most = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        let text = text.get(..text.floor_char_boundary(most)).unwrap_or(text);
        self.u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Writes what may be missing.
    pub fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn optional_text(&mut self, text: Option<&str>) {
        self.optional(text, Self::text);
    }

    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => {
                self.u8(4);
                self.u32(v4.to_bits());
            }
            IpAddr::V6(v6) => {
                self.u8(6);
                self.u128(v6.to_bits());
            }
        }
    }

    /// Writes an instant.
    pub fn time(&mut self, time: Timestamp) {
        self.i64(time.micros());
    }

    /// Writes an event.
    pub fn event(&mut self, event: &Event) {
        self.time(event.received);
        self.text(&event.id);
        self.time(event.time);
        self.text(&event.observer);
        self.optional_text(event.transaction.as_deref());
        self.optional_text(event.impression.as_deref());
        self.optional(event.ip, Self::address);
        self.optional_text(event.user_agent.as_deref());
        self.optional_text(event.device.as_deref());
        self.optional_text(event.bundle.as_deref());
        self.detail(&event.detail);
    }

    fn detail(&mut self, detail: &LegDetail) {
        let leg = |leg: Leg| u8::try_from(leg.index()).unwrap_or(u8::MAX);
        match detail {
            LegDetail::Request { ssai } => {
                self.u8(leg(Leg::Request));
                self.u8(*ssai);
            }
            LegDetail::Network { asn, shared_egress } => {
                self.u8(leg(Leg::Network));
                self.optional(*asn, Self::u32);
                self.flag(*shared_egress);
            }
            LegDetail::Creative { creative, price_micros, currency } => {
                self.u8(leg(Leg::Creative));
                self.text(creative);
                self.i64(*price_micros);
                self.text(currency);
            }
            LegDetail::Vast { tag } => {
                self.u8(leg(Leg::Vast));
                self.text(tag);
            }
            LegDetail::Execution { outcome, played_ms } => {
                self.u8(leg(Leg::Execution));
                match outcome {
                    Execution::Started => self.u8(0),
                    Execution::Completed => self.u8(1),
                    Execution::Failed(code) => {
                        self.u8(2);
                        self.u16(*code);
                    }
                }
                self.u32(*played_ms);
            }
            LegDetail::Billing { amount_micros, currency } => {
                self.u8(leg(Leg::Billing));
                self.i64(*amount_micros);
                self.text(currency);
            }
            LegDetail::Withheld { leg: withheld, redacted } => {
                self.u8(WITHHELD);
                self.u8(leg(*withheld));
                self.flag(*redacted);
            }
        }
    }
}

/// Stands where a leg's place would stand.
const WITHHELD: u8 = 6;

/// Reads what [`BinaryWriter`] wrote. It never reserves more than the bytes that are left allow.
#[derive(Clone, Debug)]
pub struct BinaryReader<'b>(&'b [u8]);

impl<'b> BinaryReader<'b> {
    /// From the first byte.
    #[must_use]
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Refuses what follows.
    ///
    /// # Errors
    /// Bytes follow.
    pub const fn end(&self) -> Result<(), BinaryError> {
        if self.0.is_empty() { Ok(()) } else { Err(BinaryError::Trailing) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BinaryError> {
        let (head, rest) = self.0.split_first_chunk().ok_or(BinaryError::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], BinaryError> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(BinaryError::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    /// Reads a byte.
    ///
    /// # Errors
    /// This and the other readers say what is wrong with the bytes.
    pub fn u8(&mut self) -> Result<u8, BinaryError> {
        self.array().map(|[byte]| byte)
    }

    /// Reads a flag.
    ///
    /// # Errors
    /// The byte is neither 0 nor 1.
    pub fn flag(&mut self) -> Result<bool, BinaryError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(BinaryError::Invalid("flag")),
        }
    }

    /// Reads 16 bits.
    ///
    /// # Errors
    /// The bytes end.
    pub fn u16(&mut self) -> Result<u16, BinaryError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Reads 32 bits.
    ///
    /// # Errors
    /// The bytes end.
    pub fn u32(&mut self) -> Result<u32, BinaryError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Reads 64 bits.
    ///
    /// # Errors
    /// The bytes end.
    pub fn u64(&mut self) -> Result<u64, BinaryError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads 64 bits with a sign.
    ///
    /// # Errors
    /// The bytes end.
    pub fn i64(&mut self) -> Result<i64, BinaryError> {
        self.array().map(i64::from_be_bytes)
    }

    /// Reads 128 bits.
    ///
    /// # Errors
    /// The bytes end.
    pub fn u128(&mut self) -> Result<u128, BinaryError> {
        self.array().map(u128::from_be_bytes)
    }

    /// Reads how many values follow, each of at least one byte.
    ///
    /// # Errors
    /// There are fewer bytes than that.
    pub fn count(&mut self) -> Result<usize, BinaryError> {
        let count = usize::try_from(self.u64()?).map_err(|_| BinaryError::Truncated)?;
        if count > self.0.len() { Err(BinaryError::Truncated) } else { Ok(count) }
    }

    /// Reads bytes behind their number.
    ///
    /// # Errors
    /// The bytes end.
    pub fn bytes(&mut self) -> Result<&'b [u8], BinaryError> {
        let count = self.count()?;
        self.take(count)
    }

    /// Reads text.
    ///
    /// # Errors
    /// The bytes end, or are not UTF-8.
    pub fn text(&mut self) -> Result<Box<str>, BinaryError> {
        let length = usize::try_from(self.u32()?).map_err(|_| BinaryError::Truncated)?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(Into::into).map_err(|_| BinaryError::Invalid("text"))
    }

    /// Reads what may be missing.
    ///
    /// # Errors
    /// What `read` says.
    pub fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, BinaryError>,
    ) -> Result<Option<T>, BinaryError> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    fn address(&mut self) -> Result<IpAddr, BinaryError> {
        match self.u8()? {
            4 => Ok(IpAddr::V4(Ipv4Addr::from_bits(self.u32()?))),
            6 => Ok(IpAddr::V6(Ipv6Addr::from_bits(self.u128()?))),
            _ => Err(BinaryError::Invalid("address")),
        }
    }

    /// Reads an instant.
    ///
    /// # Errors
    /// The bytes end.
    pub fn time(&mut self) -> Result<Timestamp, BinaryError> {
        self.i64().map(Timestamp::from_micros)
    }

    /// Reads an event.
    ///
    /// # Errors
    /// The bytes end, or are no event.
    pub fn event(&mut self) -> Result<Event, BinaryError> {
        Ok(Event {
            received: self.time()?,
            id: self.text()?,
            time: self.time()?,
            observer: self.text()?,
            transaction: self.optional(Self::text)?,
            impression: self.optional(Self::text)?,
            ip: self.optional(Self::address)?,
            user_agent: self.optional(Self::text)?,
            device: self.optional(Self::text)?,
            bundle: self.optional(Self::text)?,
            detail: self.detail()?,
        })
    }

    fn leg(byte: u8) -> Result<Leg, BinaryError> {
        let leg = Leg::ALL.get(usize::from(byte)).copied();
        leg.ok_or(BinaryError::Invalid("leg"))
    }

    fn detail(&mut self) -> Result<LegDetail, BinaryError> {
        let byte = self.u8()?;
        if byte == WITHHELD {
            let leg = Self::leg(self.u8()?)?;
            return Ok(LegDetail::Withheld { leg, redacted: self.flag()? });
        }
        Ok(match Self::leg(byte)? {
            Leg::Request => LegDetail::Request { ssai: self.u8()? },
            Leg::Network => {
                LegDetail::Network { asn: self.optional(Self::u32)?, shared_egress: self.flag()? }
            }
            Leg::Creative => LegDetail::Creative {
                creative: self.text()?,
                price_micros: self.i64()?,
                currency: self.text()?,
            },
            Leg::Vast => LegDetail::Vast { tag: self.text()? },
            Leg::Execution => LegDetail::Execution {
                outcome: match self.u8()? {
                    0 => Execution::Started,
                    1 => Execution::Completed,
                    2 => Execution::Failed(self.u16()?),
                    _ => return Err(BinaryError::Invalid("outcome")),
                },
                played_ms: self.u32()?,
            },
            Leg::Billing => {
                LegDetail::Billing { amount_micros: self.i64()?, currency: self.text()? }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(detail: LegDetail, ip: Option<&str>) -> Event {
        Event {
            received: Timestamp::from_micros(-7),
            id: "é1".into(),
            time: Timestamp::from_micros(i64::MAX),
            observer: "ads.example".into(),
            transaction: Some("t".into()),
            impression: None,
            ip: ip.and_then(|text| text.parse().ok()),
            user_agent: Some("".into()),
            device: None,
            bundle: Some("bundle".into()),
            detail,
        }
    }

    fn events() -> Vec<Event> {
        vec![
            event(LegDetail::Request { ssai: 3 }, Some("3fff::1")),
            event(LegDetail::Network { asn: Some(64500), shared_egress: true }, Some("192.0.2.1")),
            event(LegDetail::Network { asn: None, shared_egress: false }, None),
            event(
                LegDetail::Creative {
                    creative: "c".into(),
                    price_micros: -1,
                    currency: "EUR".into(),
                },
                None,
            ),
            event(LegDetail::Vast { tag: "a.xml".into() }, None),
            event(LegDetail::Execution { outcome: Execution::Started, played_ms: 1 }, None),
            event(LegDetail::Execution { outcome: Execution::Completed, played_ms: 2 }, None),
            event(LegDetail::Execution { outcome: Execution::Failed(405), played_ms: 0 }, None),
            event(LegDetail::Billing { amount_micros: 7, currency: "USD".into() }, None),
            event(LegDetail::Withheld { leg: Leg::Billing, redacted: true }, None),
        ]
    }

    #[test]
    fn every_kind_of_event_comes_back_and_a_cut_anywhere_is_refused() {
        for event in events() {
            let mut writer = BinaryWriter::new();
            writer.event(&event);
            let bytes = writer.into_bytes();
            let mut reader = BinaryReader::new(&bytes);
            assert_eq!(reader.event(), Ok(event));
            assert_eq!(reader.end(), Ok(()));
            for cut in 0..bytes.len() {
                let short = bytes.get(..cut).unwrap_or_default();
                assert_eq!(BinaryReader::new(short).event(), Err(BinaryError::Truncated), "{cut}");
            }
        }
    }

    #[test]
    fn other_bytes_are_refused_by_name() {
        assert_eq!(BinaryReader::new(&[2]).flag(), Err(BinaryError::Invalid("flag")));
        assert_eq!(BinaryReader::new(&[0, 0, 0, 1, 255]).text(), Err(BinaryError::Invalid("text")));
        assert_eq!(BinaryReader::new(&[255; 9]).count(), Err(BinaryError::Truncated));
        assert_eq!(BinaryReader::new(&[1]).end(), Err(BinaryError::Trailing));
    }
}
