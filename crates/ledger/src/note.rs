//! C2SP signed notes and the checkpoints that they carry.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::hash::Hash;
use crate::key::{NamedKey, SignError, Signer};

/// The longest note in bytes.
pub const MAX_NOTE_BYTES: usize = 1 << 20;

/// The most signatures of one note.
pub const MAX_NOTE_SIGNATURES: usize = 64;

/// A note before anybody has checked its signatures: its text must not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedNote<'b> {
    text: &'b str,
    signatures: Vec<NoteSignature<'b>>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteSignature<'b> {
    pub(crate) name: &'b str,
    pub(crate) id: [u8; 4],
    pub(crate) signature: Vec<u8>,
}

/// Why bytes are not a note, or not one to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteError {
    /// Not UTF-8, with control characters, too long, or without the blank line and signatures.
    /// Likely cause: another kind of file, or a file that was cut.
    NotANote,
    /// A signature of a known key does not fit. Likely cause: the text was changed.
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// No known key has signed. Likely cause: the wrong key file, or another log's note.
    NoKnownKey,
    /// The note's text is not a checkpoint.
    NotACheckpoint,
    /// The checkpoint is of another log.
    OtherLog {
        /// The log that it names.
        origin: String,
    },
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANote => f.write_str("it is not a signed note"),
            Self::BadSignature { name } => {
                write!(f, "the signature of `{name}` does not fit the text")
            }
            Self::NoKnownKey => f.write_str("no trusted key has signed it"),
            Self::NotACheckpoint => f.write_str("the note is not a checkpoint"),
            Self::OtherLog { origin } => write!(f, "it is a checkpoint of `{origin}`"),
        }
    }
}

impl std::error::Error for NoteError {}

impl<'b> UnverifiedNote<'b> {
    /// Splits a note into its text and its signatures.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, NoteError> {
        Self::split(bytes).ok_or(NoteError::NotANote)
    }

    fn split(bytes: &'b [u8]) -> Option<Self> {
        if bytes.len() > MAX_NOTE_BYTES {
            return None;
        }
        let note = std::str::from_utf8(bytes).ok()?;
        if note.bytes().any(|byte| byte < 32 && byte != b'\n') {
            return None;
        }
        let (text, lines) = note.split_at(note.rfind("\n\n")? + 1);
        let lines = lines.strip_prefix('\n')?.strip_suffix('\n')?;
        let signatures: Vec<_> = lines
            .split('\n')
            .take(MAX_NOTE_SIGNATURES + 1)
            .map(NoteSignature::parse)
            .collect::<Option<_>>()?;
        (signatures.len() <= MAX_NOTE_SIGNATURES).then_some(Self { text, signatures })
    }

    /// The name of the log that the note claims to be a checkpoint of: good for finding the keys
    /// to verify it with, and for nothing else.
    #[must_use]
    pub fn claimed_origin(&self) -> &'b str {
        self.text.split('\n').next().unwrap_or_default()
    }

    /// How many records the note claims to cover: good for serving what is asked for, and for
    /// nothing else.
    #[must_use]
    pub fn claimed_size(&self) -> Option<u64> {
        Checkpoint::parse(self.text).map(|checkpoint| checkpoint.size)
    }

    pub(crate) fn signatures(&self) -> &[NoteSignature<'b>] {
        &self.signatures
    }

    /// The text, if at least one of `keys` has signed it and no signature of theirs is wrong.
    pub fn verify(&self, keys: &[NamedKey]) -> Result<&'b str, NoteError> {
        let mut verified = false;
        for signature in &self.signatures {
            let Some(key) = keys
                .iter()
                .find(|key| key.name() == signature.name && key.note_id() == signature.id)
            else {
                continue;
            };
            let bytes: Option<&[u8; 64]> = signature.signature.as_slice().try_into().ok();
            let valid = bytes.is_some_and(|bytes| {
                let text = self.text.as_bytes();
                key.key().verify(text, bytes).is_ok()
            });
            if !valid {
                let name = signature.name.to_owned();
                return Err(NoteError::BadSignature { name });
            }
            verified = true;
        }
        if verified { Ok(self.text) } else { Err(NoteError::NoKnownKey) }
    }
}

/// Whether a note may have a signature of this name: not empty, and neither a space nor a plus. A
/// note of others may hold names that no key of ours can have.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+')
}

impl<'b> NoteSignature<'b> {
    pub(crate) fn parse(line: &'b str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        if !is_key_name(name) {
            return None;
        }
        let bytes = BASE64.decode(signature).ok()?;
        let (id, signature) =
            bytes.split_first_chunk::<4>().filter(|(_, rest)| !rest.is_empty())?;
        Some(Self { name, id: *id, signature: signature.to_vec() })
    }

    /// The line, with its newline.
    pub(crate) fn to_text(&self) -> String {
        let bytes = [self.id.as_slice(), &self.signature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(bytes))
    }
}

/// Signs a text that ends in a newline. The name is the key's name in the note.
fn sign_note(text: &str, name: &str, signer: &dyn Signer) -> Result<String, SignError> {
    let Some(key) = NamedKey::new(name, signer.public_key()) else {
        // A checkpoint's origin was checked when it was made.
        return Err(SignError::Unavailable(format!("`{name}` names no key")));
    };
    let mut bytes = key.note_id().to_vec();
    bytes.extend_from_slice(&signer.sign(text.as_bytes())?);
    Ok(format!("{text}\n\u{2014} {name} {}\n", BASE64.encode(bytes)))
}

/// The size and root of a log at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many records it has.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let root = BASE64.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Signs it as a C2SP note under the log's name.
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, SignError> {
        sign_note(&self.to_text(), &self.origin, signer)
    }

    fn parse(text: &str) -> Option<Self> {
        // Lines that follow are extensions: signed, not empty, and without meaning here.
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let parsed: u64 = size.parse().ok()?;
        if parsed.to_string() != size || origin.is_empty() || lines.any(str::is_empty) {
            return None;
        }
        let root: [u8; 32] = BASE64.decode(root).ok()?.try_into().ok()?;
        Some(Self { origin: origin.to_owned(), size: parsed, root: Hash::new(root) })
    }
}

/// The size that an unverified checkpoint claims: good for choosing the keys to verify it with.
pub(crate) fn size_of(bytes: &[u8]) -> Result<u64, NoteError> {
    let text = UnverifiedNote::parse(bytes)?.text;
    Checkpoint::parse(text).map(|checkpoint| checkpoint.size).ok_or(NoteError::NotACheckpoint)
}

/// A checkpoint that a trusted key has signed. It can only be made by verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedCheckpoint {
    checkpoint: Checkpoint,
    note: Box<str>,
}

impl VerifiedCheckpoint {
    /// Verifies a checkpoint of the log `log` against the keys that may sign for it.
    pub fn verify(bytes: &[u8], log: &str, keys: &[NamedKey]) -> Result<Self, NoteError> {
        let text = UnverifiedNote::parse(bytes)?.verify(keys)?;
        let checkpoint = Checkpoint::parse(text).ok_or(NoteError::NotACheckpoint)?;
        if checkpoint.origin != log {
            return Err(NoteError::OtherLog { origin: checkpoint.origin });
        }
        // A note that was parsed is UTF-8.
        let note = String::from_utf8_lossy(bytes).into();
        Ok(Self { checkpoint, note })
    }

    /// How many records it covers.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// The root over them.
    #[must_use]
    pub const fn root(&self) -> Hash {
        self.checkpoint.root
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    /// The text that was signed.
    #[must_use]
    pub fn text(&self) -> &str {
        let end = self.note.rfind("\n\n").map_or(0, |at| at + 1);
        self.note.get(..end).unwrap_or_default()
    }

    /// The whole note, with all its signatures.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::MemoryKey;

    const LOG: &str = "log.example/adproof";

    fn signed() -> (String, [NamedKey; 1]) {
        let signer = MemoryKey::from_seed(&[5; 32]);
        let checkpoint = Checkpoint { origin: LOG.to_owned(), size: 12, root: Hash::of(b"root") };
        let key = NamedKey::new(LOG, signer.public_key()).unwrap();
        (checkpoint.sign(&signer).unwrap(), [key])
    }

    #[test]
    fn a_published_note_verifies() {
        // The example of the signed-note documentation of Go.
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key = NamedKey::parse_vkey(
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        )
        .unwrap();
        let note = UnverifiedNote::parse(note.as_bytes()).unwrap();
        assert!(note.verify(&[key]).is_ok());
    }

    #[test]
    fn a_checkpoint_is_read_back_only_with_its_key_and_log() {
        let (note, keys) = signed();
        let verified = VerifiedCheckpoint::verify(note.as_bytes(), LOG, &keys).unwrap();
        assert_eq!((verified.size(), verified.note()), (12, note.as_str()));
        let other = VerifiedCheckpoint::verify(note.as_bytes(), "log.example/other", &keys);
        assert!(matches!(other, Err(NoteError::OtherLog { .. })));
        let unknown = VerifiedCheckpoint::verify(note.as_bytes(), LOG, &[]);
        assert_eq!(unknown, Err(NoteError::NoKnownKey));
    }

    #[test]
    fn no_flipped_bit_verifies() {
        let (note, keys) = signed();
        for index in 0..note.len() {
            for bit in 0..8 {
                let mut changed = note.as_bytes().to_vec();
                changed[index] ^= 1 << bit;
                let result = VerifiedCheckpoint::verify(&changed, LOG, &keys);
                assert!(result.is_err(), "byte {index} bit {bit}");
            }
        }
    }

    #[test]
    fn signatures_of_strangers_are_passed_over_and_counted() {
        let (note, keys) = signed();
        let stranger = format!("\u{2014} stranger {}\n", BASE64.encode([1; 68]));
        let most = note.clone() + &stranger.repeat(MAX_NOTE_SIGNATURES - 1);
        assert!(VerifiedCheckpoint::verify(most.as_bytes(), LOG, &keys).is_ok());
        let more = most + &stranger;
        let refused = VerifiedCheckpoint::verify(more.as_bytes(), LOG, &keys);
        assert_eq!(refused, Err(NoteError::NotANote));
    }
}
