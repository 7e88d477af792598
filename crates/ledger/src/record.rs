//! Record v1: the signed bytes, and the strict parser that accepts nothing else.

use crate::ack::Ack;
use crate::body::{Erase, RecordTime, Recovery, WindowClose};
use crate::canon::{Fields, ObjectReader, Reader, Writer};
use crate::change::KeyChange;
use crate::draft::{Completeness, Decision, Draft, Legs, Repro, WrittenDraft};
use crate::fault::{EncodeError, ParseError, ParseFault};
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

/// What a record says. A further type gets its own variant and its own name in `typ`; a verifier
/// refuses what it does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// `decision`: what was decided about one impression.
    Decision(Box<Draft>),
    /// `ack`: what the other party says to a record, under its own key.
    Ack(Ack),
    /// `key`: a key is added, retired or revoked. Signed by the root key.
    Key(KeyChange),
    /// `window-close`: the sums over the decisions of a span of time.
    WindowClose(WindowClose),
    /// `erase`: the key of one subject's evidence of one day was destroyed.
    Erase(Erase),
    /// `recovery`: a torn tail was cut off when the log was opened.
    Recovery(Recovery),
}

impl Body {
    /// The value of `typ`.
    #[must_use]
    pub const fn typ(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Ack(_) => "ack",
            Self::Key(_) => "key",
            Self::WindowClose(_) => "window-close",
            Self::Erase(_) => "erase",
            Self::Recovery(_) => "recovery",
        }
    }
}

/// Whether a log may have this name: what a signed note allows as the name of a key.
#[must_use]
pub fn is_log_name(name: &str) -> bool {
    (1..=MAX_LOG_NAME_BYTES).contains(&name.len())
        && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

/// What a record is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A body.
    Body(Body),
    /// A decision that was written ahead.
    Written(WrittenDraft),
}

impl From<Body> for Content {
    fn from(body: Body) -> Self {
        Self::Body(body)
    }
}

impl From<WrittenDraft> for Content {
    fn from(draft: WrittenDraft) -> Self {
        Self::Written(draft)
    }
}

/// Everything of a record but what it says.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) log: &'p str,
    pub(crate) seq: u64,
    pub(crate) prev: &'p Hash,
    pub(crate) kid: &'p KeyId,
    pub(crate) time: &'p RecordTime,
}

impl Place<'_> {
    /// The canonical bytes of the record with this body.
    pub(crate) fn bytes(self, body: &Body) -> Result<Vec<u8>, EncodeError> {
        self.object(body.typ(), |part, fields| match (part, body) {
            // Bodies stand under names of their own, each at its sorted place.
            (Part::Head, Body::Ack(ack)) => ack.write(fields.key("ack")),
            (Part::Head, Body::Decision(draft)) => draft.write_head(fields),
            (Part::Head, Body::Erase(erase)) => erase.write(fields.key("erase")),
            (Part::Head, Body::Key(change)) => change.write(fields.key("key")),
            (Part::Legs, Body::Decision(draft)) => draft.write_legs(fields),
            (Part::Repro, Body::Decision(draft)) => draft.write_repro(fields),
            (Part::Repro, Body::Recovery(recovery)) => recovery.write(fields.key("recovery")),
            (Part::Window, Body::WindowClose(window)) => window.write(fields.key("window")),
            _ => {}
        })
    }

    /// The same with a decision that was written ahead.
    pub(crate) fn bytes_around(self, draft: &WrittenDraft) -> Result<Vec<u8>, EncodeError> {
        self.object("decision", |part, fields| match part {
            Part::Head => fields.written("dec", draft.head()),
            Part::Legs => fields.written("legs", draft.legs()),
            Part::Repro => fields.written("repro", draft.repro()),
            Part::Window => {}
        })
    }

    fn object(
        self,
        typ: &'static str,
        body: impl Fn(Part, &mut Fields<'_>),
    ) -> Result<Vec<u8>, EncodeError> {
        if !is_log_name(self.log) {
            return Err(EncodeError::LogName);
        }
        let mut writer = Writer::new();
        writer.object(|fields| {
            body(Part::Head, fields);
            fields.hex("kid", self.kid.as_bytes());
            body(Part::Legs, fields);
            fields.text("log", self.log);
            fields.hash("prev", self.prev);
            body(Part::Repro, fields);
            fields.count("seq", self.seq);
            self.time.write(fields.key("time"));
            fields.text("typ", typ);
            fields.int("v", 1_i64);
            body(Part::Window, fields);
        });
        let bytes = writer.finish()?;
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(EncodeError::TooLong { bytes: bytes.len() });
        }
        Ok(bytes)
    }
}

/// The places where a body stands among a record's sorted keys.
#[derive(Clone, Copy)]
enum Part {
    Head,
    Legs,
    Repro,
    Window,
}

impl Record {
    /// The canonical bytes: what is hashed and signed.
    pub fn to_bytes(&self) -> Result<Vec<u8>, EncodeError> {
        let Self { log, seq, prev, kid, time, body } = self;
        Place { log, seq: *seq, prev, kid, time }.bytes(body)
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
        let head = Head::read(fields)?;
        let kid = KeyId::new(*fields.hash("kid")?.as_bytes());
        let legs = match &head {
            Head::Decision(..) => Some(Legs::read(fields.key("legs")?)?),
            _ => None,
        };
        let log = fields.text("log")?;
        if !is_log_name(&log) {
            return Err(ParseError { at: 0, fault: ParseFault::LogName });
        }
        let prev = fields.hash("prev")?;
        let body = match (head, legs) {
            (Head::Decision(completeness, dec), Some(legs)) => {
                let repro = Repro::read(fields.key("repro")?)?;
                Some(Body::Decision(Box::new(Draft { legs, completeness, dec: *dec, repro })))
            }
            (Head::Body(body), _) => Some(body),
            _ => match fields.optional("recovery") {
                Some(reader) => Some(Body::Recovery(Recovery::read(reader)?)),
                None => None,
            },
        };
        let seq = fields.number("seq")?;
        let time = RecordTime::read(fields.key("time")?)?;
        // A body that is still to come can only be that of a closed window.
        let typ = body.as_ref().map_or("window-close", Body::typ);
        fields.name("typ", &[(typ, ())])?;
        let version = fields.key("v")?;
        let at = version.at();
        match version.int()? {
            1 => {}
            other => {
                return Err(ParseError { at, fault: ParseFault::Version(other) });
            }
        }
        let body = match body {
            Some(body) => body,
            None => Body::WindowClose(WindowClose::read(fields.key("window")?)?),
        };
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
enum Head {
    Decision(Completeness, Box<Decision>),
    Body(Body),
    Other,
}

impl Head {
    fn read(fields: &mut ObjectReader<'_, '_>) -> Result<Self, ParseError> {
        if let Some(reader) = fields.optional("completeness") {
            let completeness = Completeness::read(reader)?;
            let dec = Decision::read(fields.key("dec")?)?;
            return Ok(Self::Decision(completeness, Box::new(dec)));
        }
        if let Some(reader) = fields.optional("ack") {
            return Ack::read(reader).map(|ack| Self::Body(Body::Ack(ack)));
        }
        if let Some(reader) = fields.optional("erase") {
            return Erase::read(reader).map(|erase| Self::Body(Body::Erase(erase)));
        }
        match fields.optional("key") {
            Some(reader) => KeyChange::read(reader).map(|key| Self::Body(Body::Key(key))),
            None => Ok(Self::Other),
        }
    }
}

/// The leaf hash of a record's bytes: what the next record names as `prev`.
#[must_use]
pub fn record_hash(bytes: &[u8]) -> Hash {
    leaf_hash(bytes)
}
