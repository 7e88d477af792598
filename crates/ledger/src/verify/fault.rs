use std::fmt;

use crate::change::KeyAction;
use crate::fault::ParseError;
use crate::frame::FrameFault;
use crate::key::KeyId;
use crate::note::NoteError;

/// What finds a change. Each layer finds what the ones in front of it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// Segments, frames and their checksums. They find accidents; whoever edits on purpose can
    /// mend them.
    Frame,
    /// The one canonical form of a record.
    Form,
    /// The signature over the record, by a key that may sign it.
    RecordSignature,
    /// The log's name, the place and the hash of the record in front, all inside the signed bytes.
    SignedPrev,
    /// A signed checkpoint over the tree: the log's own, or one that the verifier held.
    Checkpoint,
    /// A checkpoint that a witness has cosigned.
    Witness,
    /// A checkpoint under a time stamp.
    Anchor,
    /// What the other party has signed.
    Countersignature,
    /// The sums of a closed window.
    WindowClose,
    /// The tiles that are served over HTTP.
    Tile,
}

impl Layer {
    /// A name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Form => "form",
            Self::RecordSignature => "record_signature",
            Self::SignedPrev => "signed_prev",
            Self::Checkpoint => "checkpoint",
            Self::Witness => "witness",
            Self::Anchor => "anchor",
            Self::Countersignature => "countersignature",
            Self::WindowClose => "window_close",
            Self::Tile => "tile",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Frame => "frame",
            Self::Form => "canonical form",
            Self::RecordSignature => "record signature",
            Self::SignedPrev => "signed prev",
            Self::Checkpoint => "checkpoint",
            Self::Witness => "witness",
            Self::Anchor => "anchor",
            Self::Countersignature => "countersignature",
            Self::WindowClose => "window close",
            Self::Tile => "tile",
        })
    }
}

/// Whose word a checkpoint is, besides that of the log that signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Standing {
    /// The log's alone: it lies beside the records.
    Own,
    /// The verifier has held it since it was published.
    Held,
    /// Enough witnesses have cosigned it.
    Witnessed,
    /// A time stamp shows that it was there by then.
    Anchored,
}

impl Standing {
    const fn layer(self) -> Layer {
        match self {
            Self::Own | Self::Held => Layer::Checkpoint,
            Self::Witnessed => Layer::Witness,
            Self::Anchored => Layer::Anchor,
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "log's own",
            Self::Held => "held",
            Self::Witnessed => "witnessed",
            Self::Anchored => "anchored",
        })
    }
}

/// Something that is wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record it is about, where it is about one.
    pub record: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    /// One sentence that names the record and the layer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(record) = self.record {
            write!(f, "record {record}: ")?;
        }
        write!(f, "{} [{}]", self.fault, self.fault.layer())
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The frame on the disk is damaged or cut.
    Damaged(FrameFault),
    /// The bytes are not a record.
    NotARecord(ParseError),
    /// Another record stands in this one's place.
    Missing {
        /// The place of the record that stands there.
        found: u64,
    },
    /// The record stands behind one that should follow it, or is there twice.
    OutOfPlace,
    /// The record does not name the one in front of it: one of both was changed, left out or
    /// moved.
    BrokenLink,
    /// The record is of another log.
    OtherLog(String),
    /// The record names a key that may not sign it.
    UntrustedKey(KeyId),
    /// The record names a key whose time was over.
    EndedKey {
        /// The key.
        kid: KeyId,
        /// Whether it was retired or revoked.
        action: KeyAction,
        /// The record that says so.
        by: u64,
    },
    /// The record carries no signature of the key that it names.
    Unsigned,
    /// The signature does not fit: the record was changed after it was signed, or somebody
    /// without the key has signed it.
    BadSignature,
    /// The key that signed was revoked later, and no checkpoint that somebody else has seen shows
    /// that the record was there before.
    Revoked {
        /// The key.
        kid: KeyId,
        /// The record that revokes it.
        by: u64,
        /// How many records it is so with, this one and later ones.
        records: u64,
    },
    /// A key record that the root has signed changes nothing: the key is none, has another role,
    /// or is not there.
    KeyChange(&'static str),
    /// The record is not there although a checkpoint covers it: the tail was cut off.
    CutOff {
        /// How many records the checkpoint covers.
        size: u64,
        /// Whose word the checkpoint is.
        standing: Standing,
    },
    /// The checkpoint does not cover this record and those behind it.
    NotCovered,
    /// There is no checkpoint, or it cannot be trusted.
    Checkpoint(NoteError),
    /// The records do not hash to the root that the checkpoint signs.
    OtherRoot {
        /// How many records the checkpoint covers.
        size: u64,
        /// Whose word the checkpoint is. If it is not the log's alone, both are proof of a fork.
        standing: Standing,
    },
    /// The other party's signature on an acknowledgement does not fit.
    AckSignature(KeyId),
    /// The other party has acknowledged other bytes than stand in this place now.
    AckedOther {
        /// The other party's key.
        kid: KeyId,
        /// The record that holds the acknowledgement; none for one from a file.
        ack: Option<u64>,
    },
    /// The other party has acknowledged a record that is not there.
    AckedNone {
        /// The other party's key.
        kid: KeyId,
        /// The place that the acknowledgement names.
        seq: u64,
    },
    /// A closed window counts other decisions than its records hold: some were left out, or were
    /// counted twice.
    WindowCount {
        /// The action.
        action: &'static str,
        /// How many the window counts.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// A closed window sums up records that are not there, or that an earlier one has summed up.
    WindowRange,
    /// The record's clock shows a time before a time stamp that was there when it was written: the
    /// clock was set back.
    ClockBack {
        /// By how much at least, µs.
        by_us: i64,
        /// How many records it is so with, this one and later ones.
        records: u64,
    },
    /// The record's clock shows a time after a time stamp that covers it.
    ClockAhead {
        /// By how much at least, µs.
        by_us: i64,
        /// How many records it is so with, this one and later ones.
        records: u64,
    },
    /// A tile does not hold what the records hash to.
    Tile(String),
    /// A segment is missing, has another name than its content, or no header.
    Segment(String),
}

impl Fault {
    /// A name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged(_) => "damaged",
            Self::NotARecord(_) => "not_a_record",
            Self::Missing { .. } => "missing",
            Self::OutOfPlace => "out_of_place",
            Self::BrokenLink => "broken_link",
            Self::OtherLog(_) => "other_log",
            Self::UntrustedKey(_) => "untrusted_key",
            Self::EndedKey { .. } => "ended_key",
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::Revoked { .. } => "revoked",
            Self::KeyChange(_) => "key_change",
            Self::CutOff { .. } => "cut_off",
            Self::NotCovered => "not_covered",
            Self::Checkpoint(_) => "checkpoint",
            Self::OtherRoot { .. } => "other_root",
            Self::AckSignature(_) => "ack_signature",
            Self::AckedOther { .. } => "acked_other",
            Self::AckedNone { .. } => "acked_none",
            Self::WindowCount { .. } => "window_count",
            Self::WindowRange => "window_range",
            Self::ClockBack { .. } => "clock_back",
            Self::ClockAhead { .. } => "clock_ahead",
            Self::Tile(_) => "tile",
            Self::Segment(_) => "segment",
        }
    }

    /// The layer that found it.
    #[must_use]
    pub const fn layer(&self) -> Layer {
        match self {
            Self::Damaged(_) | Self::Segment(_) => Layer::Frame,
            Self::NotARecord(_) => Layer::Form,
            Self::UntrustedKey(_)
            | Self::EndedKey { .. }
            | Self::Unsigned
            | Self::BadSignature
            | Self::KeyChange(_) => Layer::RecordSignature,
            Self::Missing { .. } | Self::OutOfPlace | Self::BrokenLink | Self::OtherLog(_) => {
                Layer::SignedPrev
            }
            Self::Revoked { .. } | Self::NotCovered | Self::Checkpoint(_) => Layer::Checkpoint,
            Self::CutOff { standing, .. } | Self::OtherRoot { standing, .. } => standing.layer(),
            Self::AckSignature(_) | Self::AckedOther { .. } | Self::AckedNone { .. } => {
                Layer::Countersignature
            }
            Self::WindowCount { .. } | Self::WindowRange => Layer::WindowClose,
            Self::ClockBack { .. } | Self::ClockAhead { .. } => Layer::Anchor,
            Self::Tile(_) => Layer::Tile,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(fault) => fault.fmt(f),
            Self::NotARecord(error) => error.fmt(f),
            Self::Missing { found } => {
                write!(f, "it is missing; record {found} stands in its place")
            }
            Self::OutOfPlace => f.write_str("it stands behind a record that should follow it"),
            Self::BrokenLink => {
                f.write_str("it does not follow the record in front of it as that is now")
            }
            Self::OtherLog(log) => write!(f, "it is of the log `{log}`"),
            Self::UntrustedKey(kid) => {
                write!(f, "it names the key {kid}, which is not trusted to sign it")
            }
            Self::EndedKey { kid, action, by } => {
                let ended = if *action == KeyAction::Revoke { "revoked" } else { "retired" };
                write!(f, "it names the key {kid}, which record {by} has {ended}")
            }
            Self::Unsigned => f.write_str("it has no signature of the key that it names"),
            Self::BadSignature => f.write_str(
                "its signature does not fit: it was changed after it was signed, or signed \
                 without the key",
            ),
            Self::Revoked { kid, by, records } => {
                write!(f, "the key {kid} that signed it was revoked by record {by}, and no ")?;
                f.write_str("witnessed, anchored or held checkpoint from before that covers it")?;
                if *records > 1 {
                    write!(f, " (nor {} later ones)", records - 1)?;
                }
                Ok(())
            }
            Self::KeyChange(why) => f.write_str(why),
            Self::CutOff { size, standing } => write!(
                f,
                "it is missing, and so is what followed: the {standing} checkpoint covers {size} \
                 records",
            ),
            Self::NotCovered => {
                f.write_str("the signed checkpoint covers neither it nor what follows")
            }
            Self::Checkpoint(error) => write!(f, "the checkpoint: {error}"),
            Self::OtherRoot { size, standing } => write!(
                f,
                "the first {size} records are not those that the {standing} checkpoint signs",
            ),
            Self::AckSignature(kid) => {
                write!(f, "the signature of the other party's key {kid} does not fit")
            }
            Self::AckedOther { kid, ack: Some(ack) } => write!(
                f,
                "it is not what the other party's key {kid} has acknowledged in record {ack}"
            ),
            Self::AckedOther { kid, ack: None } => {
                write!(f, "it is not what the other party's key {kid} has acknowledged")
            }
            Self::AckedNone { kid, seq } => write!(
                f,
                "the other party's key {kid} has acknowledged record {seq}, which is not there"
            ),
            Self::WindowCount { action, said, found } => write!(
                f,
                "the closed window counts {said} decisions `{action}`, its records hold {found}"
            ),
            Self::WindowRange => f.write_str(
                "the closed window sums up records that are not in front of it, or that another \
                 has summed up",
            ),
            Self::ClockBack { by_us, records } => write!(
                f,
                "its clock is {} behind a time stamp that was there before it, and so with \
                 {records} in all: the clock was set back",
                Seconds(*by_us)
            ),
            Self::ClockAhead { by_us, records } => write!(
                f,
                "its clock is {} ahead of a time stamp over it, and so with {records} in all",
                Seconds(*by_us)
            ),
            Self::Tile(path) => write!(f, "{path} does not hold what the records hash to"),
            Self::Segment(path) => write!(f, "the segment {path} is not what its name says"),
        }
    }
}

/// Microseconds, as seconds for people.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0.rem_euclid(1_000_000))
    }
}
