use std::fmt;

use adproof_ledger::{Hash, Opening, RecordKey, is_day};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const NONCE: usize = 12;

/// The private side of a record as it is kept: encrypted (ChaCha20-Poly1305, RFC 8439) under a key
/// that derives from the record key. Once the key of its person and day is destroyed, it is noise.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    day: String,
    person: String,
    /// The nonce and the ciphertext, base64.
    #[serde(rename = "sealed")]
    content: String,
    subject: String,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} {})", self.day, self.subject)
    }
}

/// Why a line cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The line is not one that this program writes.
    #[error("it is not a line of sealed disclosures")]
    NotSealed,
    /// The key does not fit. Likely cause: the keys are those of another log, or the line was
    /// changed.
    #[error("the keys do not open it: they are another log's, or it was changed")]
    WrongKey,
}

impl Sealed {
    /// Encrypts what opens a record's commitments.
    pub fn new(
        key: &RecordKey,
        day: &str,
        person: &Hash,
        opening: &Opening,
    ) -> Result<Self, SealError> {
        let plaintext = Zeroizing::new(opening.to_bytes());
        let subject = opening.subject.to_string();
        // The nonce derives from the text: one text a nonce, and the same bytes in a second run.
        let nonce = key.sealing_nonce(&plaintext);
        let payload = Payload { msg: &plaintext, aad: subject.as_bytes() };
        let ciphertext = cipher(key).encrypt(Nonce::from_slice(&nonce), payload);
        let ciphertext = ciphertext.map_err(|_| SealError::WrongKey)?;
        let content = BASE64.encode([nonce.as_slice(), &ciphertext].concat());
        Ok(Self { day: day.to_owned(), person: person.to_string(), content, subject })
    }

    /// One line of JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        // Text alone always has a form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, SealError> {
        let sealed: Self = serde_json::from_str(line).map_err(|_| SealError::NotSealed)?;
        let whole = is_day(&sealed.day)
            && Hash::from_hex(&sealed.person).is_some()
            && Hash::from_hex(&sealed.subject).is_some();
        if whole { Ok(sealed) } else { Err(SealError::NotSealed) }
    }

    /// The day whose key it takes.
    #[must_use]
    pub fn day(&self) -> &str {
        &self.day
    }

    /// The person whose key it takes.
    #[must_use]
    pub fn person(&self) -> Option<Hash> {
        Hash::from_hex(&self.person)
    }

    /// The record that it opens.
    #[must_use]
    pub fn subject(&self) -> Option<Hash> {
        Hash::from_hex(&self.subject)
    }

    /// Decrypts it.
    pub fn open(&self, key: &RecordKey) -> Result<Opening, SealError> {
        let bytes = BASE64.decode(&self.content).map_err(|_| SealError::NotSealed)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE).ok_or(SealError::NotSealed)?;
        let payload = Payload { msg: ciphertext, aad: self.subject.as_bytes() };
        let plaintext = cipher(key).decrypt(Nonce::from_slice(nonce), payload);
        let plaintext = Zeroizing::new(plaintext.map_err(|_| SealError::WrongKey)?);
        Opening::parse(&plaintext).map_err(|_| SealError::NotSealed)
    }
}

fn cipher(key: &RecordKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(Key::from_slice(key.sealing_key().as_slice()))
}
