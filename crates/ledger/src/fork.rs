//! Two checkpoints of one log: one history, or the proof that there are two.

use crate::note::VerifiedCheckpoint;

/// How two checkpoints stand to each other, as far as they alone can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relation {
    /// They are of one size and one root.
    Same,
    /// They are of one size and two roots.
    Fork(Fork),
    /// They are of two sizes: a consistency proof or the records tell more.
    TwoSizes,
    /// They are of two logs.
    TwoLogs,
}

/// Two trees of one size that one log has signed: whoever has the log's key can check it, and
/// nobody but the key's holder can have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    one: VerifiedCheckpoint,
    other: VerifiedCheckpoint,
}

/// Compares two checkpoints.
#[must_use]
pub fn relation(one: &VerifiedCheckpoint, other: &VerifiedCheckpoint) -> Relation {
    if one.origin() != other.origin() {
        Relation::TwoLogs
    } else if one.size() != other.size() {
        Relation::TwoSizes
    } else if one.root() == other.root() {
        Relation::Same
    } else {
        Relation::Fork(Fork { one: one.clone(), other: other.clone() })
    }
}

impl Fork {
    /// The log.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.one.origin()
    }

    /// How many records both trees have.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.one.size()
    }

    /// Both signed notes, word for word, with an empty line between them.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}", self.one.note(), self.other.note())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::key::{MemoryKey, NamedKey, Signer as _};
    use crate::note::Checkpoint;

    fn checkpoint(log: &str, size: u64, root: &[u8]) -> VerifiedCheckpoint {
        let signer = MemoryKey::from_seed(&[5; 32]);
        let note = Checkpoint { origin: log.to_owned(), size, root: Hash::of(root) };
        let note = note.sign(&signer).unwrap();
        let keys = [NamedKey::new(log, signer.public_key()).unwrap()];
        VerifiedCheckpoint::verify(note.as_bytes(), log, &keys).unwrap()
    }

    #[test]
    fn one_size_and_two_roots_are_a_fork_and_nothing_else_is() {
        let one = checkpoint("a.example", 9, b"one");
        let other = checkpoint("a.example", 9, b"other");
        assert_eq!(relation(&one, &one), Relation::Same);
        assert_eq!(relation(&one, &checkpoint("a.example", 8, b"one")), Relation::TwoSizes);
        assert_eq!(relation(&one, &checkpoint("b.example", 9, b"one")), Relation::TwoLogs);
        let Relation::Fork(fork) = relation(&one, &other) else {
            panic!("a fork was missed");
        };
        assert_eq!((fork.origin(), fork.size()), ("a.example", 9));
        assert!(fork.to_text().contains(one.note()) && fork.to_text().ends_with(other.note()));
    }
}
