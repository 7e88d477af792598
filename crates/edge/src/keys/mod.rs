//! Keys at rest: one folder, one file a role, readable by their owner alone.
//!
//! ```text
//! KEYS/                mode 0700
//!   record.key         Ed25519, PKCS#8 PEM, encrypted with age unless told otherwise; mode 0600
//!   checkpoint.key     the same
//!   evidence.key       32 random bytes, encrypted in the same way; mode 0600
//!   log.pub            the public halves as C2SP vkeys: what others verify with
//!   heads/             the last checkpoint of the ledger that is written with these keys
//! ```
//!
//! No file format is our own: `age -d` opens what is encrypted, `openssl pkey` reads what is
//! inside. The cost of the passphrase is read from the file and bounded before it is paid.

mod file;
mod memory;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use adproof_ledger::{
    EvidenceKey, MemoryKey, NamedKey, Role, Signer as _, TrustError, TrustedKeys, is_plain_log_name,
};
use zeroize::Zeroizing;

pub use file::Passphrase;
pub use memory::{MemoryLock, guard_memory};

use crate::store::Signers;

/// The file with the public keys.
pub const PUBLIC_FILE: &str = "log.pub";

const RECORD_FILE: &str = "record.key";
const CHECKPOINT_FILE: &str = "checkpoint.key";
const EVIDENCE_FILE: &str = "evidence.key";
const HEADS: &str = "heads";

/// Bounds of key files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key file in bytes.
    pub file_bytes: u64,
    /// The binary logarithm of scrypt's cost for new files; 17 takes 128 MiB and half a second.
    pub work_factor: u8,
    /// The highest cost that is paid for a file that is read; 20 takes 1 GiB.
    pub max_work_factor: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 64 << 10, work_factor: 17, max_work_factor: 20 }
    }
}

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// There is no key file. Likely cause: a wrong path, or the keys were never made.
    #[error("there is no key file {0}")]
    NoFile(PathBuf),
    /// There is a key where a new one should be made.
    #[error("there is a key at {0} already")]
    Exists(PathBuf),
    /// Others than the owner may read or write the file.
    #[error("the key file {path} may be read by others (mode {mode:04o})")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is encrypted and no passphrase was given.
    #[error("the key file {0} is encrypted and no passphrase was given")]
    NeedsPassphrase(PathBuf),
    /// The passphrase is wrong, or the file was changed.
    #[error("the passphrase does not open {0}")]
    WrongPassphrase(PathBuf),
    /// The file asks for more work than is bearable.
    #[error("the key file {path} asks for a work factor of {asked}, at most {most} is paid")]
    TooMuchWork {
        /// The file.
        path: PathBuf,
        /// The binary logarithm of the cost that it asks for.
        asked: u8,
        /// The bound.
        most: u8,
    },
    /// The content is no key of the kind that was expected.
    #[error("{path} is not {expected}")]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// The public keys do not go with each other or with the private ones.
    #[error("the public keys {path}: {why}")]
    Public {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The name cannot be that of a log.
    #[error("`{0}` cannot be the name of a log")]
    LogName(String),
    /// The passphrase is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl KeysError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}

/// How private keys lie on the disk.
#[derive(Debug)]
pub enum Protection {
    /// Encrypted with age under a passphrase.
    Passphrase(Passphrase),
    /// Readable for everyone who reads the disk. Chosen in words, never by default.
    Plain,
}

/// Reads one private key: Ed25519, PKCS#8 PEM, encrypted or not.
pub fn read_key(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<MemoryKey, KeysError> {
    let content = file::read(path, passphrase, limits)?;
    file::from_pkcs8_pem(path, &content).map(|seed| MemoryKey::from_seed(&seed))
}

/// The private keys of one log, in memory.
#[derive(Debug)]
pub struct LogKeys {
    trusted: TrustedKeys,
    record: MemoryKey,
    checkpoint: MemoryKey,
    evidence: EvidenceKey,
    folder: PathBuf,
}

impl LogKeys {
    /// Makes the keys of the log `log` in `folder`. Nothing is overwritten.
    pub fn create(
        folder: &Path,
        log: &str,
        protection: &Protection,
        limits: &Limits,
    ) -> Result<Self, KeysError> {
        if !is_plain_log_name(log) {
            return Err(KeysError::LogName(log.to_owned()));
        }
        for name in [RECORD_FILE, CHECKPOINT_FILE, EVIDENCE_FILE, PUBLIC_FILE] {
            let path = folder.join(name);
            if path.exists() {
                return Err(KeysError::Exists(path));
            }
        }
        file::make_folder(folder)?;
        let (record, checkpoint, evidence) = (random()?, random()?, random()?);
        let write = |name: &str, content: &[u8]| {
            file::write(&folder.join(name), content, protection, limits)
        };
        write(RECORD_FILE, file::to_pkcs8_pem(&record).as_bytes())?;
        write(CHECKPOINT_FILE, file::to_pkcs8_pem(&checkpoint).as_bytes())?;
        write(EVIDENCE_FILE, evidence.as_slice())?;
        let record = MemoryKey::from_seed(&record);
        let checkpoint = MemoryKey::from_seed(&checkpoint);
        let trusted = public_halves(log, &record, &checkpoint);
        let path = folder.join(PUBLIC_FILE);
        let trusted = trusted.map_err(|error| public_error(&path, &error))?;
        fs::write(&path, trusted.to_text()).map_err(KeysError::io(&path))?;
        Ok(Self {
            trusted,
            record,
            checkpoint,
            evidence: EvidenceKey::new(*evidence),
            folder: folder.to_owned(),
        })
    }

    /// Reads the keys in `folder`.
    pub fn open(
        folder: &Path,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
    ) -> Result<Self, KeysError> {
        let trusted = read_public(&folder.join(PUBLIC_FILE), limits)?;
        let seed = |name: &str| {
            let path = folder.join(name);
            let content = file::read(&path, passphrase, limits)?;
            file::from_pkcs8_pem(&path, &content).map(|seed| MemoryKey::from_seed(&seed))
        };
        let (record, checkpoint) = (seed(RECORD_FILE)?, seed(CHECKPOINT_FILE)?);
        let path = folder.join(PUBLIC_FILE);
        let own = public_halves(trusted.log(), &record, &checkpoint);
        let own = own.map_err(|error| public_error(&path, &error))?;
        if own != trusted {
            return Err(KeysError::Public {
                path,
                why: "they are not those of the private keys beside them".to_owned(),
            });
        }
        let path = folder.join(EVIDENCE_FILE);
        let evidence = file::read(&path, passphrase, limits)?;
        let evidence: &[u8; 32] = evidence.as_slice().try_into().map_err(|_| {
            let expected = "an evidence key: 32 bytes";
            KeysError::NotAKey { path, expected }
        })?;
        Ok(Self {
            trusted,
            record,
            checkpoint,
            evidence: EvidenceKey::new(*evidence),
            folder: folder.to_owned(),
        })
    }

    /// The log's name.
    #[must_use]
    pub fn log(&self) -> &str {
        self.trusted.log()
    }

    /// The public halves.
    #[must_use]
    pub const fn trusted(&self) -> &TrustedKeys {
        &self.trusted
    }

    /// The key that salts derive from.
    #[must_use]
    pub const fn evidence(&self) -> &EvidenceKey {
        &self.evidence
    }

    /// The folder of the ledger's second checkpoint.
    #[must_use]
    pub fn heads(&self) -> PathBuf {
        self.folder.join(HEADS)
    }

    /// Gives the signing keys to a writer and keeps the evidence key.
    #[must_use]
    pub fn into_signers(self) -> (Signers, EvidenceKey) {
        let signers =
            Signers { record: Box::new(self.record), checkpoint: Box::new(self.checkpoint) };
        (signers, self.evidence)
    }
}

fn random() -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeysError::Random)?;
    Ok(bytes)
}

fn public_halves(
    log: &str,
    record: &MemoryKey,
    checkpoint: &MemoryKey,
) -> Result<TrustedKeys, TrustError> {
    let keys = [
        NamedKey::of_role(log, Role::Checkpoint, checkpoint.public_key()),
        NamedKey::of_role(log, Role::Record, record.public_key()),
    ];
    TrustedKeys::new(keys.into_iter().flatten())
}

fn public_error(path: &Path, error: &TrustError) -> KeysError {
    KeysError::Public { path: path.to_owned(), why: error.to_string() }
}

/// Reads a file of C2SP vkeys.
pub fn read_public(path: &Path, limits: &Limits) -> Result<TrustedKeys, KeysError> {
    let bytes = file::read_bounded(path, limits)?;
    let text = String::from_utf8_lossy(&bytes);
    TrustedKeys::parse(&text).map_err(|error| public_error(path, &error))
}

#[cfg(test)]
mod tests;
