//! `adproof.keys/1` and `adproof.key-change/1`.

use adproof_ledger::{KeyChange, KeyId};
use schemars::JsonSchema;
use serde::Serialize;

/// The public halves of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeysV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.keys/1"))]
    pub schema: &'static str,
    /// The name of the log.
    pub log: String,
    /// The keys, one a role.
    pub keys: Vec<KeyV1>,
}

/// One public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyV1 {
    /// What it is for: `record`, `checkpoint`, `root`, `witness`, `counterparty` or `evidence`.
    pub role: &'static str,
    /// SHA-256 of the SubjectPublicKeyInfo in DER, 64 hex digits. Null for an evidence key, which
    /// signs nothing.
    pub kid: Option<String>,
    /// SubjectPublicKeyInfo in PEM (RFC 8410).
    pub spki: String,
    /// The line of OpenSSH, or null where the key has none.
    pub openssh: Option<String>,
    /// The C2SP vkey, or null where the key has none.
    pub vkey: Option<String>,
}

/// Key records that were appended to a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyChangeV1 {
    /// The document's type and version.
    #[schemars(extend("const" = "adproof.key-change/1"))]
    pub schema: &'static str,
    /// The name of the log.
    pub log: String,
    /// The records, in their order.
    pub records: Vec<KeyRecordV1>,
}

/// One key record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyRecordV1 {
    /// Its place in the log.
    pub seq: u64,
    /// `add`, `retire` or `revoke`.
    pub action: &'static str,
    /// What the key is for.
    pub role: &'static str,
    /// The key, 64 hex digits.
    pub kid: String,
    /// From which record on it holds.
    pub from_seq: u64,
    /// Why, in words.
    pub reason: String,
}

impl KeyRecordV1 {
    /// The document of a change that stands at `seq`.
    #[must_use]
    pub fn new(seq: u64, kid: KeyId, change: &KeyChange) -> Self {
        Self {
            seq,
            action: change.action.as_str(),
            role: change.role.as_str(),
            kid: kid.to_string(),
            from_seq: change.from_seq,
            reason: change.reason.clone(),
        }
    }
}

impl KeyChangeV1 {
    /// The document of some changes.
    #[must_use]
    pub fn new(log: &str, records: Vec<KeyRecordV1>) -> Self {
        Self { schema: "adproof.key-change/1", log: log.to_owned(), records }
    }
}

/// The JSON Schema of [`KeysV1`].
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(KeysV1)
}

/// The JSON Schema of [`KeyChangeV1`].
#[must_use]
pub fn change_schema() -> schemars::Schema {
    schemars::schema_for!(KeyChangeV1)
}
