use std::fmt;

use crate::commit::OpenError;
use crate::fault::ParseError;
use crate::verify::RecordError;

/// What is wrong with one record of a bundle, or with the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BundleFault {
    /// A file is missing. Likely cause: the bundle was made by hand, or cut.
    NoFile(String),
    /// The envelope is not what this program writes.
    Envelope(ParseError),
    /// The record beside the envelope is another one.
    OtherRecord,
    /// The file is no tlog-proof.
    Proof,
    /// The proof is under another checkpoint than the bundle's.
    OtherCheckpoint,
    /// The record with its proof does not hold.
    Record(RecordError),
    /// The record in front is there too, and this one does not name it.
    BrokenLink,
    /// The disclosures cannot be read.
    Disclosures(ParseError),
    /// The disclosures are of another impression than the record.
    OtherSubject,
    /// The disclosures open nothing of the leg.
    Opening {
        /// The leg.
        leg: String,
        /// Why.
        error: OpenError,
    },
    /// The other party's statement cannot be read.
    AckUnread(ParseError),
    /// The other party's statement is about other bytes than the record's.
    OtherAck,
    /// The signature of the other party's statement does not fit.
    AckSignature,
    /// What the sender says of the bundle cannot be read.
    Case(ParseError),
    /// The sender says that the record was erased, and the record that it names says nothing such.
    NotErased(u64),
    /// A file with a key for openssl is not that of the key in log.pub.
    OtherKey(String),
    /// A text that is the same in every bundle is another one here.
    OtherText(String),
    /// A file that no bundle has.
    StrangeFile(String),
    /// There is no record at all.
    Empty,
}

impl fmt::Display for BundleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile(name) => write!(f, "the file {name} is missing"),
            Self::Envelope(error) => write!(f, "its envelope: {error}"),
            Self::OtherRecord => f.write_str("the record beside its envelope is another one"),
            Self::Proof => f.write_str("its proof is no tlog-proof"),
            Self::OtherCheckpoint => f.write_str("its proof is under another checkpoint"),
            Self::Record(error) => error.fmt(f),
            Self::BrokenLink => f.write_str("it does not name the record in front of it"),
            Self::Disclosures(error) => write!(f, "its disclosures: {error}"),
            Self::OtherSubject => f.write_str("its disclosures are of another impression"),
            Self::Opening { leg, error } => write!(f, "the leg `{leg}`: {error}"),
            Self::AckUnread(error) => write!(f, "the other party's statement: {error}"),
            Self::OtherAck => f.write_str("the other party's statement is about another record"),
            Self::AckSignature => {
                f.write_str("the signature of the other party's statement does not fit")
            }
            Self::Case(error) => write!(f, "what the sender says of the bundle: {error}"),
            Self::NotErased(by) => write!(
                f,
                "it is said to be erased by record {by}, which is not there or erases nothing"
            ),
            Self::OtherKey(name) => write!(f, "the file {name} is not the key of that name"),
            Self::OtherText(name) => write!(
                f,
                "the file {name} is not the one that adproof writes: do not run or believe it"
            ),
            Self::StrangeFile(name) => write!(f, "the file {name} has no place in a bundle"),
            Self::Empty => f.write_str("there is no record in it"),
        }
    }
}

impl std::error::Error for BundleFault {}
