//! DSSE: what is signed is the record's bytes together with their type.

use crate::key::{BadSignature, KeyId, PublicKey, SignError, Signer};

/// The type of a record, inside the signed bytes.
pub const PAYLOAD_TYPE: &str = "application/vnd.adproof.record.v1+json";

/// The pre-authentication encoding of DSSE v1: the exact bytes that Ed25519 signs. `openssl` and
/// any DSSE client verify a record over them.
#[must_use]
pub fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    let mut bytes = Vec::with_capacity(head.len() + payload.len());
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// One signature of a record. A countersignature is one more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordSignature {
    /// Who signed.
    pub kid: KeyId,
    /// The Ed25519 signature over the pre-authentication encoding.
    pub signature: [u8; 64],
}

impl std::fmt::Debug for RecordSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordSignature({})", self.kid)
    }
}

/// Signs a record's bytes.
pub fn sign(signer: &dyn Signer, record: &[u8]) -> Result<RecordSignature, SignError> {
    Ok(RecordSignature {
        kid: signer.key_id(),
        signature: signer.sign(&pre_authentication_encoding(record))?,
    })
}

/// Verifies one signature of a record's bytes.
pub fn verify(
    key: &PublicKey,
    record: &[u8],
    signature: &RecordSignature,
) -> Result<(), BadSignature> {
    if key.id() != signature.kid {
        return Err(BadSignature);
    }
    key.verify(&pre_authentication_encoding(record), &signature.signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        assert_eq!(
            pre_authentication_encoding(b"{}"),
            b"DSSEv1 38 application/vnd.adproof.record.v1+json 2 {}"
        );
    }
}
