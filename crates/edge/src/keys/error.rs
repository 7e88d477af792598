use std::io;
use std::path::{Path, PathBuf};

use adproof_ledger::SignError;

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
    #[error("the key file {path} asks for {asked}, which is more than is paid")]
    TooMuchWork {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        asked: String,
    },
    /// The file is encrypted in a way that is not read.
    #[error("the key file {path} is encrypted with {scheme}, which is not read")]
    Scheme {
        /// The file.
        path: PathBuf,
        /// How.
        scheme: String,
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
    /// An external signer cannot be used.
    #[error("the signer of the {role} key: {error}")]
    Signer {
        /// The key's role.
        role: &'static str,
        /// What it did.
        error: SignError,
    },
    /// A change of keys was cut off.
    #[error("a change of the {role} key in {folder} was cut off")]
    Unfinished {
        /// The key's role.
        role: &'static str,
        /// The folder.
        folder: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// A key could not be encrypted. Likely cause: a cost that the system cannot bear.
    #[error("the key could not be encrypted")]
    Seal,
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
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { path, error }
    }
}
