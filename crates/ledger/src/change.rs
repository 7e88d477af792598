//! The life of keys, as `key` records tell it.

use crate::canon::{Reader, Writer};
use crate::fault::ParseError;
use crate::hash::Hash;

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
    /// Signs acknowledgements: the other party's key.
    Counterparty,
    /// Opens the evidence. It is for encryption and signs nothing.
    Evidence,
}

impl Role {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("record", Self::Record),
        ("checkpoint", Self::Checkpoint),
        ("root", Self::Root),
        ("witness", Self::Witness),
        ("counterparty", Self::Counterparty),
        ("evidence", Self::Evidence),
    ];

    /// The name in records and key names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize].0
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(other, _)| *other == name).map(|(_, role)| *role)
    }
}

/// The body of a `key` record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// What happens.
    pub action: KeyAction,
    /// From which record on. A change takes effect behind its own record at the earliest; for a
    /// revocation this is what the operator says about when the key was lost.
    pub from_seq: u64,
    /// The public key: Ed25519, or X25519 where the role is [`Role::Evidence`].
    pub public: Hash,
    /// Why, in words.
    pub reason: String,
    /// What the key is for.
    pub role: Role,
}

impl KeyChange {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.object(|fields| {
            fields.text("action", self.action.as_str());
            fields.count("from_seq", self.from_seq);
            fields.hash("public", &self.public);
            fields.text("reason", &self.reason);
            fields.text("role", self.role.as_str());
        });
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
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
