//! OpenSSH's signature format (PROTOCOL.sshsig), so that `ssh-keygen -Y verify` checks what a log
//! has signed.
//!
//! It is a second signature by the same key, over other bytes: the preamble, the namespace and the
//! SHA-512 of the message. What is signed as a note, as DSSE and as SSHSIG begins differently, so
//! no signature of one kind is ever one of another. A log does not need it to be verified; it is
//! made when somebody asks for it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha512};

use crate::key::{PublicKey, SignError, Signer};

/// The namespace of a checkpoint's text.
pub const CHECKPOINT_NAMESPACE: &str = "checkpoint@adproof";

/// The namespace of a record's bytes.
pub const RECORD_NAMESPACE: &str = "record@adproof";

const MAGIC: &[u8] = b"SSHSIG";
const KEY_TYPE: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
/// What `ssh-keygen` writes.
const LINE_BYTES: usize = 70;
/// A signature has under 300 bytes; the rest is room for a long namespace.
const MAX_TEXT_BYTES: usize = 4096;

/// Why a text is not this key's signature of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SshsigError {
    /// Not an armored signature of Ed25519 over SHA-512 in version 1. Likely cause: another kind
    /// of file or key.
    NotASignature,
    /// It was made for another purpose. Likely cause: a record's signature beside a checkpoint.
    OtherNamespace,
    /// Another key has made it.
    OtherKey,
    /// The signature does not fit. Likely cause: the message was changed.
    BadSignature,
}

impl fmt::Display for SshsigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotASignature => "it is not an SSH signature of Ed25519",
            Self::OtherNamespace => "the SSH signature is for another purpose",
            Self::OtherKey => "another key has made the SSH signature",
            Self::BadSignature => "the SSH signature does not fit",
        })
    }
}

impl std::error::Error for SshsigError {}

/// Signs a message for a purpose, as `ssh-keygen -Y sign -n NAMESPACE` does.
pub fn sign(signer: &dyn Signer, namespace: &str, message: &[u8]) -> Result<String, SignError> {
    let signature = signer.sign(&signed_bytes(namespace, message))?;
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    push(&mut blob, &strings(&[KEY_TYPE, signer.public_key().as_bytes()]));
    push(&mut blob, namespace.as_bytes());
    push(&mut blob, b"");
    push(&mut blob, HASH);
    push(&mut blob, &strings(&[KEY_TYPE, &signature]));
    let mut text = BEGIN.to_owned();
    for (index, digit) in BASE64.encode(blob).chars().enumerate() {
        if index > 0 && index.is_multiple_of(LINE_BYTES) {
            text.push('\n');
        }
        text.push(digit);
    }
    text.push('\n');
    text.push_str(END);
    Ok(text)
}

/// Verifies an armored signature, strictly.
pub fn verify(
    key: &PublicKey,
    namespace: &str,
    message: &[u8],
    text: &str,
) -> Result<(), SshsigError> {
    let (blob_key, blob_namespace, signature) = parse(text).ok_or(SshsigError::NotASignature)?;
    if blob_namespace != namespace.as_bytes() {
        return Err(SshsigError::OtherNamespace);
    }
    if blob_key != *key.as_bytes() {
        return Err(SshsigError::OtherKey);
    }
    key.verify(&signed_bytes(namespace, message), &signature).map_err(|_| SshsigError::BadSignature)
}

/// The bytes that Ed25519 signs.
fn signed_bytes(namespace: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(strings(&[namespace.as_bytes(), b"", HASH, &Sha512::digest(message)]));
    bytes
}

fn push(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(part);
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        push(&mut out, part);
    }
    out
}

/// The key, the namespace and the signature.
fn parse(text: &str) -> Option<([u8; 32], Vec<u8>, [u8; 64])> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let digits: String = body.split('\n').collect();
    let blob = BASE64.decode(digits).ok()?;
    let mut rest = blob.strip_prefix(MAGIC)?.strip_prefix(&1_u32.to_be_bytes())?;
    let mut key = take(&mut rest)?;
    let namespace = take(&mut rest)?.to_vec();
    // What is reserved is ignored by those who do not know it, and is not signed as something else.
    let reserved = take(&mut rest)?;
    let hash = take(&mut rest)?;
    let mut signature = take(&mut rest)?;
    let types = (take(&mut key)?, take(&mut signature)?);
    if types != (KEY_TYPE, KEY_TYPE) || hash != HASH || !rest.is_empty() || !reserved.is_empty() {
        return None;
    }
    let (public, made) = (take(&mut key)?, take(&mut signature)?);
    if !key.is_empty() || !signature.is_empty() {
        return None;
    }
    Some((public.try_into().ok()?, namespace, made.try_into().ok()?))
}

fn take<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (part, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::MemoryKey;

    #[test]
    fn a_signature_holds_for_its_message_key_and_purpose() {
        let (key, other) = (MemoryKey::from_seed(&[1; 32]), MemoryKey::from_seed(&[2; 32]));
        let (public, stranger) = (key.public_key(), other.public_key());
        let text = sign(&key, CHECKPOINT_NAMESPACE, b"message").unwrap();
        let check = |key, namespace, message: &[u8]| verify(key, namespace, message, &text);
        assert_eq!(check(&public, CHECKPOINT_NAMESPACE, b"message"), Ok(()));
        let refused = Err(SshsigError::BadSignature);
        assert_eq!(check(&public, CHECKPOINT_NAMESPACE, b"massage"), refused);
        let refused = Err(SshsigError::OtherNamespace);
        assert_eq!(check(&public, RECORD_NAMESPACE, b"message"), refused);
        let refused = Err(SshsigError::OtherKey);
        assert_eq!(check(&stranger, CHECKPOINT_NAMESPACE, b"message"), refused);
    }

    #[test]
    fn no_changed_byte_verifies() {
        let key = MemoryKey::from_seed(&[1; 32]);
        let text = sign(&key, RECORD_NAMESPACE, b"message").unwrap();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            let result = verify(&key.public_key(), RECORD_NAMESPACE, b"message", &changed);
            assert!(result.is_err(), "byte {at}");
        }
        let long = text.replace("-----END", &format!("{}-----END", "\n".repeat(MAX_TEXT_BYTES)));
        let result = verify(&key.public_key(), RECORD_NAMESPACE, b"message", &long);
        assert_eq!(result, Err(SshsigError::NotASignature));
    }
}
