//! A key gives way to another in three steps, each of which can be done again after a crash.
//!
//! ```text
//! KEYS/record.key.new appears ─► the log says so, signed by the root ─► record.key is the new one
//! ```
//!
//! Between the first and the last nobody can open the key of that role: one that the log has
//! retired must not sign.

use std::path::{Path, PathBuf};

use adproof_ledger::{PublicKey, Role};

use super::external::SignerCommand;
use super::folder::{self, Access, Protection};
use super::{KeysError, Limits, file};

/// A key that gives way, and the one that comes.
#[derive(Debug)]
pub struct Rotation {
    folder: PathBuf,
    role: Role,
    log: String,
    /// The key that has signed so far; none where an earlier attempt has put it away.
    pub old: Option<PublicKey>,
    /// The key that will.
    pub new: PublicKey,
}

pub(super) fn is_pending(folder: &Path, role: Role) -> bool {
    pending(folder, role).iter().any(|path| path.exists())
}

fn pending(folder: &Path, role: Role) -> [PathBuf; 2] {
    let name = role.as_str();
    [folder.join(format!("{name}.key.new")), folder.join(format!("{name}.signer.new"))]
}

impl Rotation {
    /// Makes the new key, or takes the one that an earlier attempt has made.
    pub fn begin(
        folder: &Path,
        log: &str,
        role: Role,
        (access, protection): (&Access, &Protection),
        limits: &Limits,
    ) -> Result<Self, KeysError> {
        let [new_key, new_signer] = pending(folder, role);
        if !is_pending(folder, role) {
            let command = access.signers.iter().find(|(other, _)| *other == role);
            if let Some((_, command)) = command {
                write_command(&new_signer, command)?;
            } else {
                let seed = folder::random()?;
                let text = folder::seal(folder::kind(role), &seed, protection, limits)?;
                file::write_new(&new_key, text.as_bytes())?;
            }
        }
        let of = |key: &Path, signer: &Path| {
            folder::open_signer(key, signer, role, access, limits).map(|key| key.public_key())
        };
        let new = of(&new_key, &new_signer)?;
        let current = (folder::key_path(folder, role), folder::signer_path(folder, role));
        let old = match of(&current.0, &current.1) {
            Ok(old) => Some(old),
            Err(KeysError::NoFile(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { folder: folder.to_owned(), role, log: log.to_owned(), old, new })
    }

    /// Opens the key that has signed so far, although it gives way: the log has to be written to
    /// once more.
    pub fn old_signer(
        &self,
        access: &Access,
        limits: &Limits,
    ) -> Result<Box<dyn adproof_ledger::Signer>, KeysError> {
        let key = folder::key_path(&self.folder, self.role);
        let signer = folder::signer_path(&self.folder, self.role);
        folder::open_signer(&key, &signer, self.role, access, limits)
    }

    /// Opens the key that comes, before it is in its place.
    pub fn new_signer(
        &self,
        access: &Access,
        limits: &Limits,
    ) -> Result<Box<dyn adproof_ledger::Signer>, KeysError> {
        let [key, signer] = pending(&self.folder, self.role);
        folder::open_signer(&key, &signer, self.role, access, limits)
    }

    /// Puts the new key into the place of the old one, which stays beside it under its id.
    pub fn finish(self, limits: &Limits) -> Result<(), KeysError> {
        let line = folder::named(&self.log, self.role, self.new);
        folder::add_public(&self.folder, &self.log, line, limits)?;
        let id = self.old.map_or_else(String::new, |old| old.id().to_string());
        let id = id.get(..16).unwrap_or("unknown");
        let current = [
            (folder::key_path(&self.folder, self.role), "key"),
            (folder::signer_path(&self.folder, self.role), "signer"),
        ];
        for (path, kind) in current {
            if path.exists() {
                let name = format!("{}-{id}.{kind}.old", self.role.as_str());
                file::rename(&path, &self.folder.join(name))?;
            }
        }
        for new in pending(&self.folder, self.role) {
            if new.exists() {
                file::rename(&new, &new.with_extension(""))?;
            }
        }
        Ok(())
    }
}

fn write_command(path: &Path, command: &SignerCommand) -> Result<(), KeysError> {
    file::write_new(path, format!("{command}\n").as_bytes())
}
