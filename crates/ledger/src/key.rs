//! Keys: Ed25519, verified strictly. One key has one role.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::change::Role;
use crate::hash::Hash;

/// Names a key: SHA-256 of its SubjectPublicKeyInfo in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Hash);

impl KeyId {
    /// Wraps the 32 bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Hash::new(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What stands in front of the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The signature type of Ed25519 in C2SP signed notes.
const NOTE_ED25519: u8 = 1;

/// An Ed25519 public key in canonical encoding and of full order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why bytes or text are not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a point of the curve, not in its canonical encoding, or of low order. Likely cause: a
    /// typing error, or somebody made a key under which anything verifies.
    NotAPublicKey,
    /// Not of the form `name+hash+key`. Likely cause: a line of another kind of key file.
    NotAVkey,
    /// The hash in a vkey is not that of its name and key. Likely cause: one of them was changed.
    WrongHash,
    /// A vkey of another kind than Ed25519.
    OtherAlgorithm(u8),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPublicKey => f.write_str("not an Ed25519 public key"),
            Self::NotAVkey => f.write_str("not a key of the form name+hash+key"),
            Self::WrongHash => f.write_str("the hash in the key is not that of its name and bytes"),
            Self::OtherAlgorithm(kind) => {
                write!(f, "a key of kind {kind}, only Ed25519 (kind 1) is known")
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// A signature does not fit. Likely cause: the bytes were changed after they were signed, or
/// another key signed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not fit the bytes and the key")
    }
}

impl std::error::Error for BadSignature {}

impl PublicKey {
    /// From the 32 bytes of RFC 8032.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPublicKey)?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if key.is_weak() || !canonical {
            return Err(KeyError::NotAPublicKey);
        }
        Ok(Self(key))
    }

    /// The 32 bytes of RFC 8032.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Hash::of_parts(&[&SPKI_PREFIX, self.as_bytes()]))
    }

    /// Verifies strictly: RFC 8032 without cofactor, no point of low order, no second encoding.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        let signature = Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).map_err(|_| BadSignature)
    }

    /// SubjectPublicKeyInfo in DER (RFC 8410).
    #[must_use]
    pub fn to_spki_der(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.as_bytes()].concat()
    }

    /// SubjectPublicKeyInfo in PEM: what `openssl pkeyutl -pubin` reads.
    #[must_use]
    pub fn to_spki_pem(&self) -> String {
        let body = BASE64.encode(self.to_spki_der());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// One line of OpenSSH: what `authorized_keys` and `allowed_signers` hold.
    #[must_use]
    pub fn to_openssh(&self, comment: &str) -> String {
        let mut blob = Vec::with_capacity(51);
        for part in [b"ssh-ed25519".as_slice(), self.as_bytes()] {
            // Both parts are shorter than a byte counts.
            blob.extend_from_slice(&[0, 0, 0]);
            blob.push(u8::try_from(part.len()).unwrap_or(0));
            blob.extend_from_slice(part);
        }
        format!("ssh-ed25519 {} {comment}", BASE64.encode(blob))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", Hash::new(*self.as_bytes()))
    }
}

/// A public key with a name, as C2SP signed notes have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    name: String,
    key: PublicKey,
}

impl NamedKey {
    /// Gives a key a name; the name must be one that a note can hold.
    #[must_use]
    pub fn new(name: &str, key: PublicKey) -> Option<Self> {
        crate::record::is_log_name(name).then(|| Self { name: name.to_owned(), key })
    }

    /// The key of a role in a log: the checkpoint key has the log's own name, as C2SP recommends,
    /// and every other key has its role behind it.
    #[must_use]
    pub fn of_role(log: &str, role: Role, key: PublicKey) -> Option<Self> {
        match role {
            Role::Checkpoint => Self::new(log, key),
            _ => Self::new(&format!("{log}/{}", role.as_str()), key),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// What the key is for, as its name says.
    #[must_use]
    pub fn role(&self) -> Role {
        crate::trust::split_role(&self.name).1
    }

    /// The log that the key is of, as its name says.
    #[must_use]
    pub fn log(&self) -> &str {
        crate::trust::split_role(&self.name).0
    }

    /// The four bytes that name the key in a note.
    #[must_use]
    pub fn note_id(&self) -> [u8; 4] {
        vkey_id(&self.name, NOTE_ED25519, self.key.as_bytes())
    }

    /// The C2SP text form `name+hash+key`.
    #[must_use]
    pub fn to_vkey(&self) -> String {
        vkey_text(&self.name, NOTE_ED25519, self.key.as_bytes())
    }

    /// Reads the C2SP text form.
    pub fn parse_vkey(text: &str) -> Result<Self, KeyError> {
        let (name, kind, material) = split_vkey(text)?;
        if kind != NOTE_ED25519 {
            return Err(KeyError::OtherAlgorithm(kind));
        }
        let key: &[u8; 32] = material.as_slice().try_into().map_err(|_| KeyError::NotAVkey)?;
        Self::new(name, PublicKey::from_bytes(key)?).ok_or(KeyError::NotAVkey)
    }
}

/// The four bytes that name a key in a note: of its name, its signature type and its bytes.
pub(crate) fn vkey_id(name: &str, kind: u8, material: &[u8]) -> [u8; 4] {
    let hash = Hash::of_parts(&[name.as_bytes(), b"\n", &[kind], material]);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// The text form of a key of any signature type.
pub(crate) fn vkey_text(name: &str, kind: u8, material: &[u8]) -> String {
    let id = u32::from_be_bytes(vkey_id(name, kind, material));
    let bytes = [&[kind], material].concat();
    format!("{name}+{id:08x}+{}", BASE64.encode(bytes))
}

/// Takes the text form apart into name, signature type and key bytes, and checks its hash.
pub(crate) fn split_vkey(text: &str) -> Result<(&str, u8, Vec<u8>), KeyError> {
    // Base64 has plus signs, names and hashes have none.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::NotAVkey);
    };
    let mut bytes = BASE64.decode(key).map_err(|_| KeyError::NotAVkey)?;
    if bytes.is_empty() || !crate::record::is_log_name(name) {
        return Err(KeyError::NotAVkey);
    }
    let kind = bytes.remove(0);
    let expected = u32::from_be_bytes(vkey_id(name, kind, &bytes));
    if id != format!("{expected:08x}") {
        return Err(KeyError::WrongHash);
    }
    Ok((name, kind, bytes))
}

/// Why a signer did not sign.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The device or service that holds the key cannot be reached or refuses. Likely cause: it is
    /// locked, unplugged, or its token has run out.
    Unavailable(String),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the signing key is not available: {why}"),
        }
    }
}

impl std::error::Error for SignError {}

/// Something that holds an Ed25519 key and signs with it: a key in memory, a PKCS#11 token, a
/// cloud key.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// The key's id.
    fn key_id(&self) -> KeyId {
        self.public_key().id()
    }

    /// Signs as RFC 8032 says.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// A key in memory, overwritten when it is dropped.
pub struct MemoryKey(SigningKey);

impl MemoryKey {
    /// From the 32 bytes of an RFC 8032 private key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }
}

impl Signer for MemoryKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for MemoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryKey({})", self.key_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vkeys_print_and_parse_back() {
        let key = MemoryKey::from_seed(&[7; 32]).public_key();
        let named = NamedKey::of_role("log.example/adproof", Role::Record, key).unwrap();
        assert_eq!(named.name(), "log.example/adproof/record");
        assert_eq!(NamedKey::parse_vkey(&named.to_vkey()), Ok(named));
    }

    #[test]
    fn a_published_vkey_is_read() {
        // The key of the Go checksum database.
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(NamedKey::parse_vkey(text).unwrap().to_vkey(), text);
    }

    #[test]
    fn changed_vkeys_are_refused() {
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        for index in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[index] ^= 1;
            if let Ok(changed) = String::from_utf8(changed) {
                assert!(NamedKey::parse_vkey(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn weak_and_second_encodings_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut beyond_p = [0xff; 32];
        beyond_p[0] = 0xf0;
        beyond_p[31] = 0x7f;
        for bytes in [[0; 32], identity, beyond_p, [2; 32]] {
            assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::NotAPublicKey));
        }
    }
}
