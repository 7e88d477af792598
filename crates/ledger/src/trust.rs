//! Which keys may sign what in one log.

use std::fmt;

use crate::change::Role;
use crate::key::{KeyError, KeyId, NamedKey, PublicKey};

/// The keys that a verifier trusts for one log. They come from the verifier, never from the
/// material that is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKeys {
    log: String,
    checkpoint: Vec<NamedKey>,
    record: Vec<PublicKey>,
    root: Vec<PublicKey>,
    counterparty: Vec<PublicKey>,
}

/// Why a list of keys cannot be trusted with a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// A line is not a key.
    Line {
        /// The line, from 1.
        line: usize,
        /// Why it is not.
        error: KeyError,
    },
    /// The keys are of more than one log. Likely cause: files of two logs were mixed.
    TwoLogs(String, String),
    /// No key may sign checkpoints, or none may sign records, and there is no root key that could
    /// name one. Likely cause: only a part of the exported keys was given.
    NoKey(Role),
    /// One key has two roles. A thief of one would have both.
    TwoRoles(KeyId),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, error } => write!(f, "line {line}: {error}"),
            Self::TwoLogs(one, other) => {
                write!(f, "the keys are of two logs, `{one}` and `{other}`")
            }
            Self::NoKey(role) => write!(f, "there is no {} key among them", role.as_str()),
            Self::TwoRoles(kid) => write!(f, "the key {kid} has two roles"),
        }
    }
}

impl std::error::Error for TrustError {}

impl TrustedKeys {
    /// Reads lines of C2SP vkeys. Empty lines and lines that begin with `#` are passed over. The
    /// name of a key says its role: the log's own name signs checkpoints, `…/record` records,
    /// `…/root` key records and `…/counterparty` acknowledgements.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = NamedKey::parse_vkey(line)
                .map_err(|error| TrustError::Line { line: index + 1, error })?;
            keys.push(key);
        }
        Self::new(keys)
    }

    /// From named keys.
    pub fn new(keys: impl IntoIterator<Item = NamedKey>) -> Result<Self, TrustError> {
        let mut trusted = Self {
            log: String::new(),
            checkpoint: Vec::new(),
            record: Vec::new(),
            root: Vec::new(),
            counterparty: Vec::new(),
        };
        let mut seen: Vec<(KeyId, Role)> = Vec::new();
        for key in keys {
            let (log, role) = split_role(key.name());
            if trusted.log.is_empty() {
                log.clone_into(&mut trusted.log);
            } else if trusted.log != log {
                return Err(TrustError::TwoLogs(trusted.log, log.to_owned()));
            }
            let kid = key.key().id();
            match seen.iter().find(|(other, _)| *other == kid) {
                Some((_, other)) if *other == role => continue,
                Some(_) => return Err(TrustError::TwoRoles(kid)),
                None => seen.push((kid, role)),
            }
            match role {
                Role::Checkpoint => trusted.checkpoint.push(key),
                Role::Record => trusted.record.push(*key.key()),
                Role::Root => trusted.root.push(*key.key()),
                Role::Counterparty => trusted.counterparty.push(*key.key()),
                // Witnesses have names of their own and stand in a policy; the evidence key is no
                // matter of a verifier.
                Role::Witness | Role::Evidence => {}
            }
        }
        // Whoever trusts a root takes the others from the log's key records.
        if trusted.root.is_empty() && trusted.checkpoint.is_empty() {
            return Err(TrustError::NoKey(Role::Checkpoint));
        }
        if trusted.root.is_empty() && trusted.record.is_empty() {
            return Err(TrustError::NoKey(Role::Record));
        }
        Ok(trusted)
    }

    /// The log's name.
    #[must_use]
    pub fn log(&self) -> &str {
        &self.log
    }

    /// The keys that sign checkpoints.
    #[must_use]
    pub fn checkpoint_keys(&self) -> &[NamedKey] {
        &self.checkpoint
    }

    /// The keys that sign records.
    #[must_use]
    pub fn record_keys(&self) -> &[PublicKey] {
        &self.record
    }

    /// The keys that sign key records.
    #[must_use]
    pub fn root_keys(&self) -> &[PublicKey] {
        &self.root
    }

    /// The other parties' keys, which sign acknowledgements.
    #[must_use]
    pub fn counterparty_keys(&self) -> &[PublicKey] {
        &self.counterparty
    }

    /// The lines of C2SP vkeys that [`TrustedKeys::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let named = |role: Role, key: &PublicKey| NamedKey::of_role(&self.log, role, *key);
        let record = self.record.iter().filter_map(|key| named(Role::Record, key));
        let root = self.root.iter().filter_map(|key| named(Role::Root, key));
        let counterparty =
            self.counterparty.iter().filter_map(|key| named(Role::Counterparty, key));
        let keys = self.checkpoint.iter().cloned().chain(record).chain(root).chain(counterparty);
        keys.map(|key| key.to_vkey() + "\n").collect()
    }
}

/// The log and the role that a key's name says.
pub(crate) fn split_role(name: &str) -> (&str, Role) {
    for (_, role) in Role::NAMES.iter().filter(|(_, role)| *role != Role::Checkpoint) {
        let log = name
            .strip_suffix(role.as_str())
            .and_then(|log| log.strip_suffix('/'))
            .filter(|log| !log.is_empty());
        if let Some(log) = log {
            return (log, *role);
        }
    }
    (name, Role::Checkpoint)
}

/// Whether a log of this name can have keys whose names say their roles.
#[must_use]
pub fn is_plain_log_name(name: &str) -> bool {
    crate::record::is_log_name(name) && split_role(name).1 == Role::Checkpoint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{MemoryKey, Signer as _};

    fn key(log: &str, role: Role, seed: u8) -> NamedKey {
        let key = MemoryKey::from_seed(&[seed; 32]).public_key();
        NamedKey::of_role(log, role, key).unwrap()
    }

    #[test]
    fn names_say_roles_and_text_is_read_back() {
        let keys = [
            key("log.example", Role::Checkpoint, 1),
            key("log.example", Role::Record, 2),
            key("log.example", Role::Root, 3),
            key("log.example", Role::Counterparty, 4),
        ];
        let trusted = TrustedKeys::new(keys).unwrap();
        let text = format!("# the keys of a log\n\n{}", trusted.to_text());
        assert_eq!(TrustedKeys::parse(&text), Ok(trusted));
    }

    #[test]
    fn mixed_partial_and_doubled_keys_are_refused() {
        let checkpoint = key("a.example", Role::Checkpoint, 1);
        let record = key("a.example", Role::Record, 2);
        let of = |keys: [&NamedKey; 2]| TrustedKeys::new(keys.map(Clone::clone));
        assert_eq!(of([&checkpoint, &checkpoint]), Err(TrustError::NoKey(Role::Record)));
        assert_eq!(of([&record, &record]), Err(TrustError::NoKey(Role::Checkpoint)));
        // A root alone is enough: the log's key records name the others.
        let root = key("a.example", Role::Root, 3);
        assert!(of([&root, &root]).is_ok());
        assert!(matches!(
            of([&checkpoint, &key("b.example", Role::Record, 2)]),
            Err(TrustError::TwoLogs(..))
        ));
        assert!(matches!(
            of([&checkpoint, &key("a.example", Role::Record, 1)]),
            Err(TrustError::TwoRoles(_))
        ));
        assert!(matches!(
            TrustedKeys::parse("# keys\nnonsense"),
            Err(TrustError::Line { line: 2, .. })
        ));
    }
}
