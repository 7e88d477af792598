use super::Fault;
use super::examine::KeySet;
use crate::change::{KeyAction, KeyChange, Role};
use crate::key::{KeyId, NamedKey, PublicKey};
use crate::trust::TrustedKeys;

/// A key, its role, and the records that it may sign. Checkpoint keys sign sizes instead: a
/// checkpoint of `size` records is signed by a key whose span holds `size`.
#[derive(Clone, Debug)]
struct Span {
    id: KeyId,
    key: PublicKey,
    role: Role,
    from: u64,
    until: u64,
    /// What ended it, and the record that says so.
    ended: Option<(KeyAction, u64)>,
    /// Runs of records that it has signed: first and behind the last.
    signed: Vec<(u64, u64)>,
}

/// The keys of a log as time goes by.
#[derive(Clone, Debug)]
pub(super) struct KeyLife {
    spans: Vec<Span>,
    set: KeySet,
}

impl KeyLife {
    pub(super) fn new(trusted: &TrustedKeys) -> Self {
        let mut life = Self { spans: Vec::new(), set: KeySet::default() };
        for (role, keys) in [
            (Role::Record, trusted.record_keys()),
            (Role::Root, trusted.root_keys()),
            (Role::Counterparty, trusted.counterparty_keys()),
        ] {
            for key in keys {
                life.add(*key, role, 0);
            }
        }
        for key in trusted.checkpoint_keys() {
            life.add(*key.key(), Role::Checkpoint, 0);
        }
        life
    }

    fn add(&mut self, key: PublicKey, role: Role, from: u64) {
        self.set.insert(key);
        let (id, until) = (key.id(), u64::MAX);
        self.spans.push(Span { id, key, role, from, until, ended: None, signed: Vec::new() });
    }

    /// All keys so far, whatever they may sign.
    pub(super) const fn set(&self) -> &KeySet {
        &self.set
    }

    /// The key that may sign record `seq` in a role, and notes that it did.
    pub(super) fn signer(&mut self, role: Role, kid: KeyId, seq: u64) -> Result<PublicKey, Fault> {
        let at = self.find(role, kid, seq)?;
        let span = self.spans.get_mut(at).ok_or(Fault::UntrustedKey(kid))?;
        match span.signed.last_mut() {
            Some((_, end)) if *end == seq => *end = seq.saturating_add(1),
            _ => span.signed.push((seq, seq.saturating_add(1))),
        }
        Ok(span.key)
    }

    /// The key that may sign record `seq` in a role. What a key that was revoked later has signed
    /// stands only where one of `sizes`, those of checkpoints that others have seen, is behind it
    /// and not behind the revocation.
    pub(super) fn stands(
        &self,
        role: Role,
        kid: KeyId,
        seq: u64,
        sizes: &[u64],
    ) -> Result<PublicKey, Fault> {
        let at = self.find(role, kid, seq)?;
        let span = self.spans.get(at).ok_or(Fault::UntrustedKey(kid))?;
        match span.ended {
            Some((KeyAction::Revoke, by))
                if !sizes.iter().any(|size| (seq.saturating_add(1)..=by).contains(size)) =>
            {
                Err(Fault::Revoked { kid, by, records: 1 })
            }
            _ => Ok(span.key),
        }
    }

    fn find(&self, role: Role, kid: KeyId, seq: u64) -> Result<usize, Fault> {
        let mut fault = Fault::UntrustedKey(kid);
        for (at, span) in self.spans.iter().enumerate() {
            if span.role != role || span.id != kid {
                continue;
            }
            if (span.from..span.until).contains(&seq) {
                return Ok(at);
            }
            if let Some((action, by)) = span.ended.filter(|_| seq >= span.until) {
                fault = Fault::EndedKey { kid, action, by };
            }
        }
        Err(fault)
    }

    /// A key of a role that no record revokes, whenever it may sign.
    pub(super) fn unrevoked(&self, role: Role, kid: &KeyId) -> Result<PublicKey, Fault> {
        let mut fault = Fault::UntrustedKey(*kid);
        for span in self.spans.iter().filter(|span| span.role == role && span.id == *kid) {
            match span.ended {
                Some((action @ KeyAction::Revoke, by)) => {
                    fault = Fault::EndedKey { kid: *kid, action, by };
                }
                _ => return Ok(span.key),
            }
        }
        Err(fault)
    }

    /// Whether a key of a role was ever there.
    pub(super) fn knows(&self, role: Role, kid: &KeyId) -> bool {
        self.spans.iter().any(|span| span.role == role && span.id == *kid)
    }

    /// Does what the key record at `seq` says. It takes effect behind `seq` at the earliest: no
    /// record changes who signed those in front of it.
    pub(super) fn change(&mut self, seq: u64, change: &KeyChange) -> Result<(), Fault> {
        if change.role == Role::Evidence {
            // It signs nothing.
            return Ok(());
        }
        let key = PublicKey::from_bytes(change.public.as_bytes())
            .map_err(|_| Fault::KeyChange("the key that it names is no Ed25519 key"))?;
        let kid = key.id();
        let next = seq.saturating_add(1);
        let from = change.from_seq.max(next);
        if change.action == KeyAction::Add {
            if self.spans.iter().any(|span| span.id == kid && span.role != change.role) {
                return Err(Fault::KeyChange("the key that it adds has another role"));
            }
            let revoked =
                |span: &Span| span.id == kid && matches!(span.ended, Some((KeyAction::Revoke, _)));
            if self.spans.iter().any(revoked) {
                return Err(Fault::KeyChange("the key that it adds was revoked before"));
            }
            self.add(key, change.role, from);
            return Ok(());
        }
        let mut found = false;
        // A revocation does not wait, whatever place it names.
        let until = if change.action == KeyAction::Revoke { next } else { from };
        let spans = self.spans.iter_mut();
        for span in spans.filter(|span| span.id == kid && span.role == change.role) {
            found = true;
            let revoked = matches!(span.ended, Some((KeyAction::Revoke, _)));
            if !revoked && (change.action == KeyAction::Revoke || span.ended.is_none()) {
                span.ended = Some((change.action, seq));
                span.until = span.until.min(until);
            }
        }
        if found { Ok(()) } else { Err(Fault::KeyChange("the key that it ends is not there")) }
    }

    /// Keeps a place for a key that ends and is not known: it may sign nothing, and a revoked one
    /// cannot be added later.
    pub(super) fn remember(&mut self, change: &KeyChange) {
        let Ok(key) = PublicKey::from_bytes(change.public.as_bytes()) else {
            return;
        };
        let ends = change.action != KeyAction::Add && change.role != Role::Evidence;
        if ends && !self.spans.iter().any(|span| span.id == key.id()) {
            self.add(key, change.role, u64::MAX);
        }
    }

    /// The keys that may sign a checkpoint of `size` records.
    pub(super) fn checkpoint_keys(&self, log: &str, size: u64) -> Vec<NamedKey> {
        let spans = self.spans.iter().filter(|span| {
            span.role == Role::Checkpoint && (span.from..span.until).contains(&size)
        });
        spans.filter_map(|span| NamedKey::of_role(log, span.role, span.key)).collect()
    }

    /// What revoked keys have signed and no checkpoint from before the revocation covers. `sizes`
    /// are those of the checkpoints that others have seen and that fit the log.
    pub(super) fn doubtful(&self, sizes: &[u64]) -> Vec<(u64, Fault)> {
        let mut doubtful = Vec::new();
        for span in &self.spans {
            let Some((KeyAction::Revoke, by)) = span.ended else {
                continue;
            };
            let older = sizes.iter().copied().filter(|size| *size <= by);
            let safe = older.max().unwrap_or(0);
            let behind = span.signed.iter().map(|(first, end)| (*first.max(&safe), *end));
            let behind = behind.filter(|(first, end)| first < end);
            let records = behind.clone().map(|(first, end)| end - first).sum();
            if let Some((first, _)) = behind.min() {
                doubtful.push((first, Fault::Revoked { kid: span.id, by, records }));
            }
        }
        doubtful
    }
}
