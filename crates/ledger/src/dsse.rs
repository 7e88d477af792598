//! DSSE: what is signed is the record's bytes together with their type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::canon::{Reader, Writer};
use crate::fault::{ParseError, ParseFault};
use crate::frame::MAX_SIGNATURES;
use crate::key::{BadSignature, KeyId, PublicKey, SignError, Signer};
use crate::record::MAX_RECORD_BYTES;

/// The type of a record, inside the signed bytes.
pub const PAYLOAD_TYPE: &str = "application/vnd.adproof.record.v1+json";

/// The pre-authentication encoding of DSSE v1 over a record: the exact bytes that Ed25519 signs.
/// `openssl` and any DSSE client verify a record over them.
#[must_use]
pub fn pre_authentication_encoding(payload: &[u8]) -> Vec<u8> {
    encode(PAYLOAD_TYPE, payload)
}

/// The pre-authentication encoding of DSSE v1 over a payload of some type.
#[must_use]
pub fn encode(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
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

/// A record and its signatures as a DSSE envelope: what other programs read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The record's canonical bytes.
    pub payload: Vec<u8>,
    /// The signatures; the writer's is the first.
    pub signatures: Vec<RecordSignature>,
}

impl Envelope {
    /// The envelope as canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write_envelope(PAYLOAD_TYPE, &self.payload, &self.signatures)
    }

    /// Reads exactly what [`Envelope::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (payload, signatures) = read_envelope(PAYLOAD_TYPE, bytes)?;
        Ok(Self { payload, signatures })
    }
}

/// An envelope as canonical JSON.
pub(crate) fn write_envelope(
    payload_type: &'static str,
    payload: &[u8],
    signatures: &[RecordSignature],
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.object(|fields| {
        fields.text("payload", &BASE64.encode(payload));
        fields.text("payloadType", payload_type);
        fields.key("signatures").array(signatures, |writer, one| {
            writer.object(|fields| {
                fields.hex("keyid", one.kid.as_bytes());
                fields.text("sig", &BASE64.encode(one.signature));
            });
        });
    });
    // Text and hex always have a canonical form.
    writer.finish().unwrap_or_default()
}

/// Reads exactly what [`write_envelope`] writes: the payload and its signatures.
pub(crate) fn read_envelope(
    payload_type: &'static str,
    bytes: &[u8],
) -> Result<(Vec<u8>, Vec<RecordSignature>), ParseError> {
    let error = |fault| ParseError { at: 0, fault };
    if bytes.len() > 2 * MAX_RECORD_BYTES {
        return Err(error(ParseFault::TooLong));
    }
    let mut reader = Reader::new(bytes);
    let envelope = reader.object(|fields| {
        let payload = fields.text("payload")?;
        let payload = BASE64.decode(payload).map_err(|_| error(ParseFault::Expected("base64")))?;
        fields.name("payloadType", &[(payload_type, ())])?;
        let signatures = fields.key("signatures")?.array(|reader| {
            reader.object(|fields| {
                let kid = KeyId::new(*fields.hash("keyid")?.as_bytes());
                let signature = signature(&fields.text("sig")?)?;
                Ok(RecordSignature { kid, signature })
            })
        })?;
        Ok((payload, signatures))
    })?;
    reader.end()?;
    if envelope.1.len() > MAX_SIGNATURES {
        return Err(error(ParseFault::TooLong));
    }
    Ok(envelope)
}

/// A signature from base64.
pub(crate) fn signature(text: &str) -> Result<[u8; 64], ParseError> {
    let bytes = BASE64.decode(text).unwrap_or_default();
    let expected = ParseFault::Expected("64 bytes in base64");
    bytes.try_into().map_err(|_| ParseError { at: 0, fault: expected })
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

    #[test]
    fn envelopes_print_and_parse_back() {
        let one = RecordSignature { kid: KeyId::new([1; 32]), signature: [2; 64] };
        for count in [0, 1, MAX_SIGNATURES, MAX_SIGNATURES + 1] {
            let envelope = Envelope { payload: b"{}".to_vec(), signatures: vec![one; count] };
            let read = Envelope::parse(&envelope.to_bytes());
            assert_eq!(read.ok(), (count <= MAX_SIGNATURES).then_some(envelope));
        }
    }
}
