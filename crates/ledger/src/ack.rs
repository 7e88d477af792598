//! What the other party says to a record, under its own key.
//!
//! The statement names the record by log, place and leaf hash, so it holds for these bytes and no
//! others. It travels as a DSSE envelope of its own, which `openssl` verifies; it is also logged
//! as an `ack` record, and then whoever rewrites the log has to make it again, which takes the
//! other party's key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::canon::{ObjectReader, Reader, Writer};
use crate::dsse::{self, RecordSignature};
use crate::fault::{EncodeError, ParseError, ParseFault};
use crate::hash::Hash;
use crate::key::{BadSignature, KeyId, PublicKey, SignError, Signer};
use crate::record::is_log_name;

/// The type of an acknowledgement, inside the signed bytes.
pub const ACK_PAYLOAD_TYPE: &str = "application/vnd.adproof.ack.v1+json";

/// How the other party stands to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stance {
    /// It has the record, and says nothing about what it thinks of it.
    Received,
    /// It agrees.
    Agreed,
    /// It does not.
    Disputed,
}

impl Stance {
    /// The names with their values.
    pub const NAMES: [(&'static str, Self); 3] =
        [("received", Self::Received), ("agreed", Self::Agreed), ("disputed", Self::Disputed)];

    /// The name in a statement.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }

    /// The stance of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(other, _)| *other == name).map(|(_, stance)| *stance)
    }
}

/// What the other party signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckStatement {
    /// The leaf hash of the record.
    pub leaf: Hash,
    /// The log that the record is in.
    pub log: String,
    /// Why, in words; may be empty.
    pub reason: String,
    /// The record's place.
    pub seq: u64,
    /// How the other party stands to it.
    pub stance: Stance,
    /// When it was signed, µs since 1970-01-01T00:00:00Z by the other party's clock.
    pub time_us: i64,
}

/// A statement with the signature of the other party.
#[derive(Clone, PartialEq, Eq)]
pub struct Ack {
    /// The key that signed.
    pub kid: KeyId,
    /// The Ed25519 signature over the pre-authentication encoding of the statement.
    pub signature: [u8; 64],
    /// The statement.
    pub statement: AckStatement,
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ack({:?} by {})", self.statement, self.kid)
    }
}

/// Why a statement was not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckError {
    /// The statement has no canonical bytes.
    Encode(EncodeError),
    /// The signer did not sign.
    Sign(SignError),
}

impl fmt::Display for AckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Sign(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AckError {}

impl AckStatement {
    /// The canonical bytes: the payload that is signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        if !is_log_name(&self.log) {
            return Err(EncodeError::LogName);
        }
        let mut writer = Writer::new();
        writer.object(|fields| {
            fields.hash("leaf", &self.leaf);
            fields.text("log", &self.log);
            fields.text("reason", &self.reason);
            fields.count("seq", self.seq);
            fields.text("stance", self.stance.as_str());
            fields.int("time_us", self.time_us);
        });
        writer.finish()
    }

    /// Reads exactly what [`AckStatement::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let statement = reader.object(|fields| {
            Ok(Self {
                leaf: fields.hash("leaf")?,
                log: log(fields)?,
                reason: fields.text("reason")?,
                seq: fields.number("seq")?,
                stance: fields.name("stance", &Stance::NAMES)?,
                time_us: fields.int("time_us")?,
            })
        })?;
        reader.end()?;
        Ok(statement)
    }

    /// Signs it with the other party's key.
    pub fn sign(self, signer: &dyn Signer) -> Result<Ack, AckError> {
        let payload = self.to_bytes().map_err(AckError::Encode)?;
        let message = dsse::encode(ACK_PAYLOAD_TYPE, &payload);
        let signature = signer.sign(&message).map_err(AckError::Sign)?;
        Ok(Ack { kid: signer.key_id(), signature, statement: self })
    }
}

fn log(fields: &mut ObjectReader<'_, '_>) -> Result<String, ParseError> {
    let log = fields.text("log")?;
    if is_log_name(&log) { Ok(log) } else { Err(ParseError { at: 0, fault: ParseFault::LogName }) }
}

impl Ack {
    /// Verifies the signature, strictly.
    pub fn verify(&self, key: &PublicKey) -> Result<(), BadSignature> {
        let payload = self.statement.to_bytes().map_err(|_| BadSignature)?;
        if key.id() != self.kid {
            return Err(BadSignature);
        }
        key.verify(&dsse::encode(ACK_PAYLOAD_TYPE, &payload), &self.signature)
    }

    /// The statement as a DSSE envelope: the file that travels alone.
    pub fn to_envelope(&self) -> Result<Vec<u8>, EncodeError> {
        let payload = self.statement.to_bytes()?;
        let signature = RecordSignature { kid: self.kid, signature: self.signature };
        Ok(dsse::write_envelope(ACK_PAYLOAD_TYPE, &payload, &[signature]))
    }

    /// Reads exactly what [`Ack::to_envelope`] writes. Nothing is verified.
    pub fn parse_envelope(bytes: &[u8]) -> Result<Self, ParseError> {
        let (payload, signatures) = dsse::read_envelope(ACK_PAYLOAD_TYPE, bytes)?;
        let [one] = signatures.as_slice() else {
            return Err(ParseError { at: 0, fault: ParseFault::Expected("one signature") });
        };
        let statement = AckStatement::parse(&payload)?;
        Ok(Self { kid: one.kid, signature: one.signature, statement })
    }

    pub(crate) fn write(&self, writer: &mut Writer) {
        let statement = &self.statement;
        if !is_log_name(&statement.log) {
            writer.fail(EncodeError::LogName);
        }
        writer.object(|fields| {
            fields.hex("kid", self.kid.as_bytes());
            fields.hash("leaf", &statement.leaf);
            fields.text("log", &statement.log);
            fields.text("reason", &statement.reason);
            fields.count("seq", statement.seq);
            fields.text("signature", &BASE64.encode(self.signature));
            fields.text("stance", statement.stance.as_str());
            fields.int("time_us", statement.time_us);
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            let kid = KeyId::new(*fields.hash("kid")?.as_bytes());
            let (leaf, log) = (fields.hash("leaf")?, log(fields)?);
            let (reason, seq) = (fields.text("reason")?, fields.number("seq")?);
            let signature = dsse::signature(&fields.text("signature")?)?;
            let stance = fields.name("stance", &Stance::NAMES)?;
            let time_us = fields.int("time_us")?;
            let statement = AckStatement { leaf, log, reason, seq, stance, time_us };
            Ok(Self { kid, signature, statement })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::MemoryKey;

    fn statement() -> AckStatement {
        AckStatement {
            leaf: Hash::of(b"leaf"),
            log: "log.example/adproof".to_owned(),
            reason: "not \"ours\"".to_owned(),
            seq: 7,
            stance: Stance::Disputed,
            time_us: 1_780_000_000_000_000,
        }
    }

    #[test]
    fn a_statement_verifies_with_its_key_and_as_it_was_signed() {
        let (key, other) = (MemoryKey::from_seed(&[1; 32]), MemoryKey::from_seed(&[2; 32]));
        let ack = statement().sign(&key).unwrap();
        assert_eq!(ack.verify(&key.public_key()), Ok(()));
        assert_eq!(ack.verify(&other.public_key()), Err(BadSignature));
        let agreed = AckStatement { stance: Stance::Agreed, ..statement() };
        let changed = Ack { statement: agreed, ..ack };
        assert_eq!(changed.verify(&key.public_key()), Err(BadSignature));
    }

    #[test]
    fn statements_and_envelopes_print_and_parse_back() {
        let bytes = statement().to_bytes().unwrap();
        assert_eq!(AckStatement::parse(&bytes), Ok(statement()));
        let ack = statement().sign(&MemoryKey::from_seed(&[1; 32])).unwrap();
        let file = ack.to_envelope().unwrap();
        assert_eq!(Ack::parse_envelope(&file).as_ref(), Ok(&ack));
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert_ne!(Ack::parse_envelope(&changed).as_ref(), Ok(&ack), "byte {at}");
        }
    }

    #[test]
    fn a_record_is_no_acknowledgement_and_a_file_has_one_signature() {
        let ack = statement().sign(&MemoryKey::from_seed(&[1; 32])).unwrap();
        let one = RecordSignature { kid: ack.kid, signature: ack.signature };
        let payload = statement().to_bytes().unwrap();
        for (kind, signatures) in [
            (dsse::PAYLOAD_TYPE, vec![one]),
            (ACK_PAYLOAD_TYPE, vec![]),
            (ACK_PAYLOAD_TYPE, vec![one; 2]),
        ] {
            let file = dsse::write_envelope(kind, &payload, &signatures);
            assert!(Ack::parse_envelope(&file).is_err(), "{kind}");
        }
    }

    #[test]
    fn names_and_stances_agree() {
        for (name, stance) in Stance::NAMES {
            assert_eq!((stance.as_str(), Stance::from_name(name)), (name, Some(stance)));
        }
        assert_eq!(Stance::from_name("Agreed"), None);
    }
}
