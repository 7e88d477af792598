//! Record v1: the signed bytes, and the strict parser that accepts nothing else.

use std::fmt;

use crate::canon::{ObjectReader, Reader, Writer};
use crate::draft::{Completeness, Decision, Draft, Legs, Repro};
use crate::hash::Hash;
use crate::key::KeyId;
use crate::tree::leaf_hash;

/// The longest record in bytes. A tlog-tiles entry bundle has 16 bits for the length.
pub const MAX_RECORD_BYTES: usize = 65_535;

/// The longest name of a log in bytes.
pub const MAX_LOG_NAME_BYTES: usize = 256;

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name of the log: the origin line of its checkpoints.
    pub log: String,
    /// The record's place, from 0.
    pub seq: u64,
    /// The leaf hash of the record before; [`Hash::ZERO`] for the first.
    pub prev: Hash,
    /// The key that signs it.
    pub kid: KeyId,
    /// When it was written.
    pub time: RecordTime,
    /// What it says.
    pub body: Body,
}

/// What a record says. Further types (acknowledgement, closed window, erasure) get their own
/// variant and their own name in `typ`; a verifier refuses what it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// `decision`: what was decided about one impression.
    Decision(Box<Draft>),
    /// `key`: a key is added, retired or revoked. Signed by the root key.
    Key(KeyChange),
    /// `recovery`: a torn tail was cut off when the log was opened.
    Recovery(Recovery),
}

impl Body {
    /// The value of `typ`.
    #[must_use]
    pub const fn typ(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Key(_) => "key",
            Self::Recovery(_) => "recovery",
        }
    }
}

/// When a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordTime {
    /// µs since 1970-01-01T00:00:00Z by the source.
    pub wall_us: i64,
    /// How far the clock may be off, µs.
    pub error_us: i64,
    /// µs since the process started.
    pub monotonic_us: i64,
    /// Whose clock: `system`, `fixed` and so on.
    pub source: String,
    /// The hash of the last time stamp token: the record is not older than it.
    pub beacon: Option<[u8; 32]>,
}

/// What happens to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAction {
    /// It may sign from `from_seq` on.
    Add,
    /// It may no longer sign from `from_seq` on; what it signed before stands.
    Retire,
    /// It is not to be trusted: what it signed stands only under a checkpoint that somebody else
    /// held before.
    Revoke,
}

impl KeyAction {
    const NAMES: [(&'static str, Self); 3] =
        [("add", Self::Add), ("retire", Self::Retire), ("revoke", Self::Revoke)];

    /// The name in a record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// What a key is for. One key has one role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Signs records.
    Record,
    /// Signs checkpoints.
    Checkpoint,
    /// Signs key records.
    Root,
    /// Countersigns the checkpoints of others.
    Witness,
}

impl Role {
    const NAMES: [(&'static str, Self); 4] = [
        ("record", Self::Record),
        ("checkpoint", Self::Checkpoint),
        ("root", Self::Root),
        ("witness", Self::Witness),
    ];

    /// The name in records and key names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }
}

/// The body of a `key` record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// What happens.
    pub action: KeyAction,
    /// From which record on.
    pub from_seq: u64,
    /// The Ed25519 public key.
    pub public: Hash,
    /// Why, in words.
    pub reason: String,
    /// What the key is for.
    pub role: Role,
}

/// The body of a `recovery` record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes that were cut off.
    pub bytes: u64,
    /// SHA-256 of the bytes that were cut off.
    pub sha256: Hash,
}

/// Why a value has no record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// An integer beyond 2⁵³ − 1. Likely cause: a count or an amount in too fine a unit.
    IntegerTooLarge {
        /// The field.
        field: &'static str,
    },
    /// The record is longer than [`MAX_RECORD_BYTES`]. Likely cause: too many reasons or inputs.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// The log's name is empty, too long or holds a space, a plus or a control character.
    LogName,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IntegerTooLarge { field } => {
                write!(f, "`{field}` is beyond the integers of a record (2^53 - 1)")
            }
            Self::TooLong { bytes } => {
                write!(f, "the record has {bytes} bytes, at most {MAX_RECORD_BYTES} fit")
            }
            Self::LogName => f.write_str(
                "the name of a log is 1 to 256 bytes without spaces, plus signs and controls",
            ),
        }
    }
}

impl std::error::Error for EncodeError {}

/// Why bytes are not a record, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The byte at which the parser stopped.
    pub at: usize,
    /// What is wrong there.
    pub fault: ParseFault,
}

/// What is wrong with bytes that are not a record. The likely cause of all of them is that the
/// bytes were changed, or were written by another version or another program.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseFault {
    /// Longer than [`MAX_RECORD_BYTES`].
    TooLong,
    /// Something else stands where this should.
    Expected(&'static str),
    /// A field is missing.
    Missing(&'static str),
    /// A field that version 1 does not have, or not in a record of this type.
    Unknown(Box<str>),
    /// A field is there twice.
    Duplicate(Box<str>),
    /// A field stands after one that sorts behind it.
    OutOfOrder(Box<str>),
    /// A value that this enumeration does not have.
    UnknownName(Box<str>),
    /// A number with a fraction or an exponent.
    Float,
    /// An integer beyond 2⁵³ − 1.
    IntegerTooLarge,
    /// An integer that this field cannot hold.
    OutOfRange(&'static str),
    /// Text that is not UTF-8.
    NotUtf8,
    /// Bytes after the record.
    TrailingBytes,
    /// A version of the format that this program does not know.
    Version(i64),
    /// The log's name has no valid form.
    LogName,
    /// The bytes are not those that this record is written as.
    NotCanonical,
}

impl fmt::Display for ParseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "it is longer than {MAX_RECORD_BYTES} bytes"),
            Self::Expected(what) => write!(f, "`{what}` should stand there"),
            Self::Missing(name) => write!(f, "the field `{name}` is missing"),
            Self::Unknown(name) => write!(f, "the field `{name}` has no place there"),
            Self::Duplicate(name) => write!(f, "the field `{name}` is there twice"),
            Self::OutOfOrder(name) => write!(f, "the field `{name}` is not in its sorted place"),
            Self::UnknownName(name) => write!(f, "`{name}` is none of the names of this field"),
            Self::Float => f.write_str("numbers are integers, without fraction or exponent"),
            Self::IntegerTooLarge => f.write_str("an integer is beyond 2^53 - 1"),
            Self::OutOfRange(name) => write!(f, "the integer does not fit `{name}`"),
            Self::NotUtf8 => f.write_str("text is not UTF-8"),
            Self::TrailingBytes => f.write_str("bytes follow the end of the record"),
            Self::Version(version) => write!(f, "version {version} is not known, only 1 is"),
            Self::LogName => f.write_str("the log's name has no valid form"),
            Self::NotCanonical => f.write_str("the bytes are not in canonical form"),
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a record at byte {}: {}", self.at, self.fault)
    }
}

impl std::error::Error for ParseError {}

/// Whether a log may have this name: what a signed note allows as the name of a key.
#[must_use]
pub fn is_log_name(name: &str) -> bool {
    (1..=MAX_LOG_NAME_BYTES).contains(&name.len())
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl Record {
    /// The canonical bytes: what is hashed and signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        if !is_log_name(&self.log) {
            return Err(EncodeError::LogName);
        }
        let mut writer = Writer::new();
        self.write(&mut writer);
        let bytes = writer.finish()?;
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(EncodeError::TooLong { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            if let Body::Decision(draft) = &self.body {
                draft.write_head(fields);
            }
            if let Body::Key(change) = &self.body {
                change.write(fields.key("key"));
            }
            fields.hex("kid", self.kid.as_bytes());
            if let Body::Decision(draft) = &self.body {
                draft.write_legs(fields);
            }
            fields.text("log", &self.log);
            fields.hash("prev", &self.prev);
            if let Body::Recovery(recovery) = &self.body {
                recovery.write(fields.key("recovery"));
            }
            if let Body::Decision(draft) = &self.body {
                draft.write_repro(fields);
            }
            fields.count("seq", self.seq);
            self.time.write(fields.key("time"));
            fields.text("typ", self.body.typ());
            fields.int("v", 1_i64);
        });
    }

    /// Reads exactly the bytes that [`Record::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(ParseError { at: MAX_RECORD_BYTES, fault: ParseFault::TooLong });
        }
        let mut reader = Reader::new(bytes);
        let record = reader.object(Self::read)?;
        reader.end()?;
        // The reader accepts canonical bytes only; this line is the promise itself.
        if record.to_bytes().ok().as_deref() == Some(bytes) {
            Ok(record)
        } else {
            Err(ParseError { at: 0, fault: ParseFault::NotCanonical })
        }
    }

    fn read(fields: &mut ObjectReader<'_, '_>) -> Result<Self, ParseError> {
        let body = BodyReader::of(fields)?;
        let kid = KeyId::new(*fields.hash("kid")?.as_bytes());
        let legs = match &body {
            BodyReader::Decision(..) => Some(Legs::read(fields.key("legs")?)?),
            _ => None,
        };
        let log = fields.text("log")?;
        if !is_log_name(&log) {
            return Err(ParseError { at: 0, fault: ParseFault::LogName });
        }
        let prev = fields.hash("prev")?;
        let body = match (body, legs) {
            (BodyReader::Decision(completeness, dec), Some(legs)) => {
                Body::Decision(Box::new(Draft {
                    legs,
                    completeness,
                    dec: *dec,
                    repro: Repro::read(fields.key("repro")?)?,
                }))
            }
            (BodyReader::Key(change), _) => Body::Key(change),
            _ => Body::Recovery(Recovery::read(fields.key("recovery")?)?),
        };
        let seq = fields.number("seq")?;
        let time = RecordTime::read(fields.key("time")?)?;
        fields.name("typ", &[(body.typ(), ())])?;
        let version = fields.key("v")?;
        let at = version.fault(ParseFault::Float).at;
        match version.int()? {
            1 => {}
            other => {
                return Err(ParseError { at, fault: ParseFault::Version(other) });
            }
        }
        Ok(Self { log, seq, prev, kid, time, body })
    }

    /// The decision, if it is one.
    #[must_use]
    pub fn decision(&self) -> Option<&Draft> {
        match &self.body {
            Body::Decision(draft) => Some(draft),
            _ => None,
        }
    }
}

/// What the fields in front of `kid` tell about the type. `typ` itself sorts behind them.
enum BodyReader {
    Decision(Completeness, Box<Decision>),
    Key(KeyChange),
    Other,
}

impl BodyReader {
    fn of(fields: &mut ObjectReader<'_, '_>) -> Result<Self, ParseError> {
        if let Some(reader) = fields.optional("completeness") {
            let completeness = Completeness::read(reader)?;
            let dec = Decision::read(fields.key("dec")?)?;
            return Ok(Self::Decision(completeness, Box::new(dec)));
        }
        match fields.optional("key") {
            Some(reader) => KeyChange::read(reader).map(Self::Key),
            None => Ok(Self::Other),
        }
    }
}

impl RecordTime {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            let beacon = self.beacon.map(Hash::new);
            fields.optional_hash("beacon", beacon.as_ref());
            fields.int("error_us", self.error_us);
            fields.int("monotonic_us", self.monotonic_us);
            fields.text("source", &self.source);
            fields.int("wall_us", self.wall_us);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                beacon: fields.optional_hash("beacon")?.map(|hash| *hash.as_bytes()),
                error_us: fields.int("error_us")?,
                monotonic_us: fields.int("monotonic_us")?,
                source: fields.text("source")?,
                wall_us: fields.int("wall_us")?,
            })
        })
    }
}

impl KeyChange {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("action", self.action.as_str());
            fields.count("from_seq", self.from_seq);
            fields.hash("public", &self.public);
            fields.text("reason", &self.reason);
            fields.text("role", self.role.as_str());
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self {
                action: fields.name("action", &KeyAction::NAMES)?,
                from_seq: fields.number("from_seq")?,
                public: fields.hash("public")?,
                reason: fields.text("reason")?,
                role: fields.name("role", &Role::NAMES)?,
            })
        })
    }
}

impl Recovery {
    fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.count("bytes", self.bytes);
            fields.hash("sha256", &self.sha256);
        });
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        reader.object(|fields| {
            Ok(Self { bytes: fields.number("bytes")?, sha256: fields.hash("sha256")? })
        })
    }
}

/// The leaf hash of a record's bytes: what the next record names as `prev`.
#[must_use]
pub fn record_hash(bytes: &[u8]) -> Hash {
    leaf_hash(bytes)
}
