use super::Fault;
use crate::ack::Ack;
use crate::body::{RecordTime, WindowClose};
use crate::change::KeyChange;
use crate::draft::Action;
use crate::dsse::{self, RecordSignature};
use crate::fault::ParseError;
use crate::frame::{Frame, FrameFault};
use crate::hash::Hash;
use crate::key::{KeyId, PublicKey};
use crate::record::{Body, Record};
use crate::tree::leaf_hash;

/// The public keys that were known when it was made: what [`Examined::new`] verifies with.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<(KeyId, PublicKey)>);

impl KeySet {
    pub(super) fn insert(&mut self, key: PublicKey) {
        let id = key.id();
        if self.find(&id).is_none() {
            self.0.push((id, key));
        }
    }

    pub(super) fn find(&self, id: &KeyId) -> Option<&PublicKey> {
        self.0.iter().find(|(other, _)| other == id).map(|(_, key)| key)
    }
}

/// All that one frame tells without its neighbours: parsed, hashed, its signatures verified. This
/// is nearly all the work of a verification, and frames can be examined on many threads; what
/// remains is for [`super::Verifier::take`], in order.
#[derive(Debug)]
pub struct Examined<'f>(pub(super) State<'f>);

#[derive(Debug)]
pub(super) enum State<'f> {
    Damaged(FrameFault),
    NotARecord { leaf: Hash, error: ParseError },
    Record(Box<Parts<'f>>),
}

/// What the order of records is judged by.
#[derive(Debug)]
pub(super) struct Parts<'f> {
    pub(super) frame: &'f Frame<'f>,
    pub(super) leaf: Hash,
    pub(super) seq: u64,
    pub(super) prev: Hash,
    pub(super) kid: KeyId,
    pub(super) log: String,
    pub(super) time: RecordTime,
    pub(super) content: Content,
    /// What the signature is worth; none where the key was not known.
    pub(super) signature: Option<Result<(), Fault>>,
    /// Whether the other party's signature fits; none where the key was not known.
    pub(super) ack: Option<bool>,
}

/// What remains of a body: all but decisions are rare, and a decision only counts.
#[derive(Debug)]
pub(super) enum Content {
    Decision(Action),
    Ack(Ack),
    Key(KeyChange),
    WindowClose(WindowClose),
    Other,
}

impl<'f> Examined<'f> {
    /// The leaf hash; none where the frame is damaged.
    pub(super) const fn leaf(&self) -> Option<Hash> {
        match &self.0 {
            State::Damaged(_) => None,
            State::NotARecord { leaf, .. } => Some(*leaf),
            State::Record(parts) => Some(parts.leaf),
        }
    }

    /// Examines a frame with the keys of [`super::Verifier::keys`]. Where a key has come since,
    /// the signature is verified when the frame is taken.
    #[must_use]
    pub fn new(frame: &'f Result<Frame<'f>, FrameFault>, keys: &KeySet) -> Self {
        let frame = match frame {
            Ok(frame) => frame,
            Err(fault) => return Self(State::Damaged(*fault)),
        };
        let leaf = leaf_hash(frame.entry);
        let Record { log, seq, prev, kid, time, body } = match Record::parse(frame.entry) {
            Ok(record) => record,
            Err(error) => return Self(State::NotARecord { leaf, error }),
        };
        let signature =
            keys.find(&kid).map(|key| check_signature(key, &kid, frame.entry, &frame.signatures));
        let content = match body {
            Body::Decision(draft) => Content::Decision(draft.dec.action),
            Body::Ack(ack) => Content::Ack(ack),
            Body::Key(change) => Content::Key(change),
            Body::WindowClose(window) => Content::WindowClose(window),
            Body::Erase(_) | Body::Recovery(_) => Content::Other,
        };
        let ack = match &content {
            Content::Ack(ack) => keys.find(&ack.kid).map(|key| ack.verify(key).is_ok()),
            _ => None,
        };
        Self(State::Record(Box::new(Parts {
            frame,
            leaf,
            seq,
            prev,
            kid,
            log,
            time,
            content,
            signature,
            ack,
        })))
    }
}

/// Checks the signature of the key that a record names.
pub(super) fn check_signature(
    key: &PublicKey,
    kid: &KeyId,
    entry: &[u8],
    signatures: &[RecordSignature],
) -> Result<(), Fault> {
    let signature = signatures.iter().find(|signature| signature.kid == *kid);
    let signature = signature.ok_or(Fault::Unsigned)?;
    dsse::verify(key, entry, signature).map_err(|_| Fault::BadSignature)
}
