//! Why a value has no record, and why bytes are none.

use std::fmt;

use crate::record::MAX_RECORD_BYTES;

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
    /// A day that is none of the calendar, or not written as `YYYY-MM-DD`.
    Day,
    /// A window whose end is not behind its beginning.
    Window,
    /// Totals that are not sorted by party, action and currency, or name one triple twice.
    Totals,
    /// A currency that is not three capital letters.
    Currency,
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
            Self::Day => f.write_str("a day is written as YYYY-MM-DD"),
            Self::Window => f.write_str("a window ends behind its beginning"),
            Self::Totals => f.write_str(
                "totals are sorted by party, action and currency, and name each triple once",
            ),
            Self::Currency => f.write_str("a currency is three capital letters (ISO 4217)"),
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
    /// Values that are well formed and cannot stand there: a day outside the calendar, a window
    /// without length, totals out of order, a currency that is none.
    Invalid(EncodeError),
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
            Self::Invalid(error) => error.fmt(f),
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
