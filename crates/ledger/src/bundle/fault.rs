use std::fmt;

use crate::commit::OpenError;
use crate::fault::ParseError;
use crate::note::NoteError;
use crate::policy::PolicyError;
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
    /// The record of this place changes keys and does not hold, so whose keys the others are signed
    /// with is not known.
    KeysUnknown(u64),
    /// The policy in the bundle cannot be read.
    Policy(PolicyError),
    /// No checkpoint in the bundle that covers its decisions meets the policy that the reader gave.
    PolicyNotMet,
    /// The checkpoint carries a line of a witness that does not fit it.
    Cosignature(String),
    /// A checkpoint that outsiders have seen is none, or is not the beginning of the bundle's.
    Anchor {
        /// How many records it is said to cover.
        size: u64,
        /// What is wrong.
        fault: AnchorFault,
    },
    /// A time stamp does not hold.
    Stamp {
        /// Its file.
        file: String,
        /// What is wrong.
        why: String,
    },
}

/// What is wrong with a checkpoint below `anchors/`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnchorFault {
    /// There are more of them than are read. Likely cause: made to exhaust whoever opens it.
    TooMany {
        /// How many there are.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// A file is missing.
    NoFile(&'static str),
    /// It cannot be trusted.
    Checkpoint(NoteError),
    /// It covers another number of records than its folder says.
    OtherSize(u64),
    /// Nothing shows that the bundle's checkpoint continues it.
    NotLinked,
    /// Both are signed, have one size, and different roots: the log has signed two histories.
    Fork,
}

impl fmt::Display for AnchorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { found, most } => {
                write!(f, "there are {found} checkpoints besides, at most {most} are read")
            }
            Self::NoFile(name) => write!(f, "its file {name} is missing"),
            Self::Checkpoint(error) => error.fmt(f),
            Self::OtherSize(size) => write!(f, "it covers {size} records"),
            Self::NotLinked => {
                f.write_str("nothing shows that the checkpoint of the bundle continues it")
            }
            Self::Fork => f.write_str(
                "FORK: it and the checkpoint of the bundle are both signed and have different \
                 roots; together they prove that the log signed two histories",
            ),
        }
    }
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
            Self::KeysUnknown(by) => write!(
                f,
                "whose key has signed it is not known, because record {by} about keys does not hold"
            ),
            Self::Policy(error) => write!(f, "the policy in the bundle: {error}"),
            Self::PolicyNotMet => f.write_str(
                "no checkpoint in it that covers its decisions meets the policy that you gave",
            ),
            Self::Cosignature(name) => {
                write!(f, "the line of the witness `{name}` does not fit the checkpoint")
            }
            Self::Anchor { size, fault } => write!(f, "the checkpoint of {size} records: {fault}"),
            Self::Stamp { file, why } => write!(f, "the time stamp {file}: {why}"),
        }
    }
}

impl std::error::Error for BundleFault {}
