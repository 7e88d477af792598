//! Keys at rest: one folder, one file a role, readable by their owner alone.
//!
//! ```text
//! KEYS/                mode 0700
//!   record.key         Ed25519, PKCS#8 PEM, encrypted unless told otherwise; mode 0600
//!   checkpoint.key     the same
//!   root.key           the same; signs the changes of keys, best kept somewhere else
//!   evidence.key       X25519 in the same form: the secret that salts derive from
//!   record.signer      in place of record.key: the command of a program that holds the key
//!   log.pub            the public halves as C2SP vkeys: what others verify with
//!   evidence.pub       the public half of the evidence key
//!   people/            the keys of persons and days, see [`crate::people`]
//!   heads/             the last checkpoint of the ledger that is written with these keys
//! ```
//!
//! No file format is our own: `openssl pkey` opens each key, encrypted or not, and what `age -p`
//! has encrypted is read, too. The cost of a passphrase is read from the file and bounded before
//! it is paid. [`external`] tells how a program is asked to sign.

mod error;
pub mod external;
mod file;
mod folder;
mod memory;
mod pkcs8;
mod rotation;

pub use error::KeysError;
pub use external::{ExternalSigner, SignerCommand, SignerLimits};
pub use file::Passphrase;
pub use folder::{
    Access, LOG_ROLES, LogKeys, Protection, PublicHalf, PublicKeys, RoleKey, add_public,
    adopt_signer, create, heads, open_role, public_keys, read_key, read_public,
};
pub use memory::{MemoryLock, guard_memory, keys_are_read};
pub use rotation::Rotation;

/// The file with the public keys.
pub const PUBLIC_FILE: &str = "log.pub";

const HEADS: &str = "heads";
const PEOPLE: &str = "people";

/// Bounds of key files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key file in bytes.
    pub file_bytes: u64,
    /// The binary logarithm of scrypt's N for new files. With r = 8, 14 takes 16 MiB; `openssl`
    /// refuses more than 32 MiB.
    pub scrypt_log_n: u8,
    /// Scrypt's p for new files: how often that memory is gone through.
    pub scrypt_lanes: u16,
    /// The most memory that is given to scrypt for a PKCS#8 file that is read, in bytes.
    pub max_kdf_bytes: u64,
    /// The most that scrypt may go through for such a file, memory times p, in bytes.
    pub max_kdf_work: u64,
    /// The most rounds of PBKDF2 for such a file.
    pub max_pbkdf2_rounds: u32,
    /// The binary logarithm of the highest N that is paid for a file of age; 20 takes 1 GiB.
    pub max_age_log_n: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 64 << 10,
            scrypt_log_n: 14,
            scrypt_lanes: 5,
            max_kdf_bytes: 256 << 20,
            max_kdf_work: 1 << 30,
            max_pbkdf2_rounds: 10_000_000,
            max_age_log_n: 20,
        }
    }
}

#[cfg(test)]
mod tests;
