//! RFC 3161 time stamps over a checkpoint: the request, and the verification of the response.
//!
//! Signatures and certificate chains are checked by the library that checks those of TLS (webpki
//! over ring); what is read here is the envelope around them. Verified is, in this order: that the
//! authority granted the request, that the token is over this checkpoint and carries the nonce that
//! was asked with, that the signed attributes are over this content, that they name the certificate,
//! that the signature is that certificate's, that it is for time stamps and for nothing else, and
//! that it leads to a root that the verifier trusts, at the time that the token states.

use std::time::Duration;

use adproof_ledger::Hash;
use adproof_model::Timestamp;
use ring::digest;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithms};

use super::cms::{
    Attributes, Certificate, SHA256, SHA384, SHA512, SignedData, TIME_STAMPING, TST_INFO,
    algorithm_of, digest_of,
};
use super::der::{
    BOOLEAN, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, SET, Value, context,
    value,
};

/// Bounds of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLimits {
    /// The longest response in bytes.
    pub bytes: usize,
    /// The most certificates in it.
    pub certificates: usize,
}

impl Default for TokenLimits {
    fn default() -> Self {
        Self { bytes: 256 << 10, certificates: 16 }
    }
}

/// Why a response is no time stamp of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not an RFC 3161 response or token, or one that was cut or changed.
    #[error("it is not an RFC 3161 response with a token")]
    NotAToken,
    /// Longer than is read, or with more certificates.
    #[error("it is larger than is read")]
    TooLarge,
    /// The authority has refused.
    #[error("the authority has refused: status {0}")]
    Refused(u8),
    /// The token is over something else. Likely cause: it is for another checkpoint.
    #[error("it is over something else than this checkpoint")]
    OtherImprint,
    /// The token does not carry the nonce of the request. Likely cause: it is an older response.
    #[error("it does not carry the nonce of the request")]
    OtherNonce,
    /// A hash or signature algorithm that is not known, or no longer good enough.
    #[error("it uses an algorithm that is not accepted")]
    Algorithm,
    /// The signed attributes are over another content.
    #[error("its signed attributes are over another content")]
    OtherContent,
    /// The certificate that signed is not in the token, or not the one that the token names.
    #[error("the certificate that signed it is not there, or not the one that it names")]
    NoCertificate,
    /// The signature does not fit. Likely cause: the token was changed.
    #[error("its signature does not fit")]
    BadSignature,
    /// The certificate is not for time stamps alone (RFC 3161, section 2.3).
    #[error("the certificate that signed it is not one for time stamps alone")]
    OtherUse,
    /// The certificate leads to no root that the verifier trusts. Likely cause: the token is of
    /// another authority.
    #[error("its certificate does not lead to a trusted root")]
    UnknownRoot,
    /// The certificate leads to a trusted root, but not at the stated time, or not with the rights
    /// that it needs. Likely cause: a certificate had expired.
    #[error("its certificate was not good at {at}: {why}")]
    Chain {
        /// The time that the token states.
        at: String,
        /// What the chain's verification says.
        why: String,
    },
    /// A root is not a certificate.
    #[error("a trusted root is not a certificate")]
    NotARoot,
}

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// When, µs since 1970-01-01T00:00:00Z.
    pub time_us: i64,
    /// How far the authority's clock may be off, µs; 0 where it does not say.
    pub accuracy_us: i64,
    /// The common name of the authority's certificate, for people; empty where it has none.
    pub authority: String,
}

impl Stamp {
    /// What was stamped is not younger than this.
    #[must_use]
    pub const fn not_after_us(&self) -> i64 {
        self.time_us.saturating_add(self.accuracy_us)
    }

    /// What carries the hash of the token is not older than this.
    #[must_use]
    pub const fn not_before_us(&self) -> i64 {
        self.time_us.saturating_sub(self.accuracy_us)
    }
}

/// What the library of TLS accepts, but for signatures with parameters that nobody here has met.
const ALGORITHMS: [(&[u8], &dyn SignatureVerificationAlgorithm); 12] = [
    (SHA256, algorithms::RSA_PKCS1_2048_8192_SHA256),
    (SHA384, algorithms::RSA_PKCS1_2048_8192_SHA384),
    (SHA512, algorithms::RSA_PKCS1_2048_8192_SHA512),
    (SHA256, algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY),
    (SHA384, algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY),
    (SHA512, algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY),
    (SHA256, algorithms::ECDSA_P256_SHA256),
    (SHA384, algorithms::ECDSA_P256_SHA384),
    (SHA256, algorithms::ECDSA_P384_SHA256),
    (SHA384, algorithms::ECDSA_P384_SHA384),
    (SHA512, algorithms::ED25519),
    (SHA256, algorithms::ED25519),
];

/// A request for a time stamp over these bytes, with the certificate wanted in the answer.
#[must_use]
pub fn request(stamped: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    let hash = Hash::of(stamped);
    let algorithm = value(SEQUENCE, &[&value(OID, &[SHA256]), &[0x05, 0x00]]);
    let imprint = value(SEQUENCE, &[&algorithm, &value(OCTET_STRING, &[hash.as_bytes()])]);
    // Positive, and the shortest form: the first byte is between 1 and 127.
    let [first, rest @ ..] = nonce;
    let nonce = value(INTEGER, &[&[first & 0x7f | 0x40], &rest]);
    value(SEQUENCE, &[&[INTEGER, 1, 1], &imprint, &nonce, &[BOOLEAN, 1, 0xff]])
}

/// The nonce of a request, as it is in the token.
#[must_use]
pub fn nonce_of(request: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::one(request, SEQUENCE)?;
    reader.take(INTEGER)?;
    reader.take(SEQUENCE)?;
    reader.optional(OID);
    reader.optional(INTEGER).map(|nonce| nonce.content.to_vec())
}

/// A nonce for a request.
pub fn new_nonce() -> Result<[u8; 8], getrandom::Error> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce)?;
    Ok(nonce)
}

/// The certificates in a PEM file, as DER.
pub fn roots_of_pem(pem: &[u8]) -> Result<Vec<Vec<u8>>, TokenError> {
    let roots = CertificateDer::pem_slice_iter(pem)
        .map(|der| der.map(|der| der.to_vec()).map_err(|_| TokenError::NotARoot))
        .collect::<Result<Vec<_>, _>>()?;
    if roots.is_empty() { Err(TokenError::NotARoot) } else { Ok(roots) }
}

/// Verifies a response, or a token alone, over `stamped`. `nonce` is that of the request, where it
/// is known. `roots` are certificates in DER that the verifier trusts.
pub fn verify(
    response: &[u8],
    stamped: &[u8],
    nonce: Option<&[u8]>,
    roots: &[Vec<u8>],
    limits: &TokenLimits,
) -> Result<Stamp, TokenError> {
    if response.len() > limits.bytes {
        return Err(TokenError::TooLarge);
    }
    let token = token_of(response)?;
    let message = SignedData::read(token).ok_or(TokenError::NotAToken)?;
    let info = TstInfo::read(message.content).ok_or(TokenError::NotAToken)?;
    let imprint = digest_of(info.algorithm).ok_or(TokenError::Algorithm)?;
    if digest::digest(imprint, stamped).as_ref() != info.imprint {
        return Err(TokenError::OtherImprint);
    }
    if nonce.is_some() && info.nonce != nonce {
        return Err(TokenError::OtherNonce);
    }
    let signer = message.signer;
    let attributes = Attributes::read(signer.attributes).ok_or(TokenError::NotAToken)?;
    let digest = digest_of(signer.digest).ok_or(TokenError::Algorithm)?;
    if attributes.content_type != TST_INFO
        || digest::digest(digest, message.content).as_ref() != attributes.message_digest
    {
        return Err(TokenError::OtherContent);
    }
    let mut certificates = Vec::new();
    let mut reader = Reader::new(message.certificates);
    while !reader.is_empty() {
        if certificates.len() == limits.certificates {
            return Err(TokenError::TooLarge);
        }
        let certificate = reader.next().ok_or(TokenError::NotAToken)?;
        // Other forms than X.509 have other tags and sign nothing here.
        if certificate.tag == SEQUENCE {
            certificates.push(certificate.whole);
        }
    }
    let found = certificates.iter().copied().filter(|der| attributes.names(der));
    let certificate = found
        .filter_map(|der| Some((der, Certificate::read(der)?)))
        .find(|(_, certificate)| certificate.is(&signer));
    let (der, certificate) = certificate.ok_or(TokenError::NoCertificate)?;
    let end = CertificateDer::from(der);
    let entity = EndEntityCert::try_from(&end).map_err(|_| TokenError::NoCertificate)?;
    // RFC 5652, section 5.4: signed is the set, not the tag that stands for it in the message.
    let bytes = value(SET, &[signer.attributes]);
    let fits = ALGORITHMS
        .iter()
        .filter(|(digest, _)| *digest == signer.digest)
        .any(|(_, one)| entity.verify_signature(*one, &bytes, signer.signature).is_ok());
    if !fits {
        return Err(TokenError::BadSignature);
    }
    if !certificate.is_for_time_stamps_alone() {
        return Err(TokenError::OtherUse);
    }
    chain(&entity, &certificates, roots, info.time_us)?;
    Ok(Stamp {
        time_us: info.time_us,
        accuracy_us: info.accuracy_us,
        authority: certificate.common_name(),
    })
}

fn chain(
    entity: &EndEntityCert<'_>,
    certificates: &[&[u8]],
    roots: &[Vec<u8>],
    time_us: i64,
) -> Result<(), TokenError> {
    let roots: Vec<CertificateDer<'_>> =
        roots.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let anchors = roots
        .iter()
        .map(|der| anchor_from_trusted_cert(der).map_err(|_| TokenError::NotARoot))
        .collect::<Result<Vec<_>, _>>()?;
    let between: Vec<CertificateDer<'_>> =
        certificates.iter().map(|der| CertificateDer::from(*der)).collect();
    let seconds = u64::try_from(time_us.div_euclid(1_000_000)).unwrap_or(0);
    let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    // The use of the certificate itself is checked more strictly than this, by the caller.
    let usage = KeyUsage::required_if_present(TIME_STAMPING);
    let known = webpki::ALL_VERIFICATION_ALGS;
    let verified = entity.verify_for_usage(known, &anchors, &between, time, usage, None, None);
    verified.map(drop).map_err(|error| match error {
        // The second is a root of the same name with another key.
        webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
            TokenError::UnknownRoot
        }
        error => TokenError::Chain {
            at: Timestamp::from_micros(time_us).to_string(),
            why: error.to_string(),
        },
    })
}

/// The token in a response; a token alone is taken too.
fn token_of(response: &[u8]) -> Result<&[u8], TokenError> {
    let mut reader = Reader::one(response, SEQUENCE).ok_or(TokenError::NotAToken)?;
    let first = reader.next().ok_or(TokenError::NotAToken)?;
    if first.tag == OID {
        return Ok(response);
    }
    let status = Reader::new(first.content).take(INTEGER).ok_or(TokenError::NotAToken)?;
    match (first.tag, status.content) {
        // Granted, and granted with changes.
        (SEQUENCE, [0 | 1]) => {}
        (SEQUENCE, [status]) => return Err(TokenError::Refused(*status)),
        _ => return Err(TokenError::NotAToken),
    }
    let token = reader.take(SEQUENCE).ok_or(TokenError::NotAToken)?;
    reader.end().ok_or(TokenError::NotAToken)?;
    Ok(token.whole)
}

/// RFC 3161, section 2.4.2.
struct TstInfo<'b> {
    algorithm: &'b [u8],
    imprint: &'b [u8],
    time_us: i64,
    accuracy_us: i64,
    nonce: Option<&'b [u8]>,
}

impl<'b> TstInfo<'b> {
    fn read(content: &'b [u8]) -> Option<Self> {
        let mut reader = Reader::one(content, SEQUENCE)?;
        if reader.take(INTEGER)?.content != [1] {
            return None;
        }
        reader.take(OID)?;
        let mut imprint = reader.inside(SEQUENCE)?;
        let algorithm = algorithm_of(&mut imprint)?;
        let hash = imprint.take(OCTET_STRING)?.content;
        reader.take(INTEGER)?;
        let time_us = generalized_time(reader.take(GENERALIZED_TIME)?.content)?;
        let accuracy_us = match reader.optional(SEQUENCE) {
            Some(accuracy) => accuracy_of(accuracy)?,
            None => 0,
        };
        reader.optional(BOOLEAN);
        let nonce = reader.optional(INTEGER).map(|nonce| nonce.content);
        reader.optional(context(0));
        // Extensions of the token: none is known, and a critical one would have to be.
        if reader.optional(context(1)).is_some() {
            return None;
        }
        reader.end()?;
        Some(Self { algorithm, imprint: hash, time_us, accuracy_us, nonce })
    }
}

/// Seconds, [0] milliseconds and [1] microseconds, each of which may be left out.
fn accuracy_of(accuracy: Value<'_>) -> Option<i64> {
    let mut reader = Reader::new(accuracy.content);
    let mut total = 0_i64;
    for (tag, unit) in [(INTEGER, 1_000_000), (0x80, 1000), (0x81, 1)] {
        let Some(part) = reader.optional(tag) else { continue };
        let mut number = 0_i64;
        for digit in part.content.iter().take(8) {
            number = number.checked_mul(256)?.checked_add(i64::from(*digit))?;
        }
        // A negative number has its highest bit set.
        if part.content.first().is_none_or(|first| *first > 0x7f) || part.content.len() > 8 {
            return None;
        }
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    reader.end()?;
    Some(total)
}

/// `YYYYMMDDhhmmss[.s…]Z`: µs since 1970.
fn generalized_time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = |range| whole.get(range).unwrap_or_default();
    let rfc3339 = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4),
        part(4..6),
        part(6..8),
        part(8..10),
        part(10..12),
        part(12..14)
    );
    let time: Timestamp = rfc3339.parse().ok()?;
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    time.micros().checked_add(micros.parse().ok()?)
}
