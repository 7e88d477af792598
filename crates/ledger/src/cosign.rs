//! C2SP tlog-cosignature: what witnesses say of a checkpoint, and when they said it.
//!
//! A cosignature is a statement that, at its time, no larger tree of this log was known to the
//! witness, and that every smaller one is the beginning of this one. Kind 4, Ed25519, is what this
//! crate signs and verifies. Keys of other kinds can stand in a policy; what they sign counts as
//! not witnessed.

use std::fmt;

use crate::key::{KeyError, PublicKey, SignError, Signer, split_vkey, vkey_id, vkey_text};
use crate::note::{NoteError, NoteSignature, UnverifiedNote, VerifiedCheckpoint};

/// The signature type of timestamped Ed25519 cosignatures in C2SP signed notes.
const COSIGNATURE_ED25519: u8 = 4;

/// Bytes of a cosignature behind the key's id: the time and the Ed25519 signature.
const COSIGNATURE_BYTES: usize = 8 + 64;

/// The public key of a witness, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: WitnessKeyKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum WitnessKeyKind {
    Ed25519(PublicKey),
    Other { kind: u8, material: Vec<u8> },
}

impl WitnessKey {
    /// Gives an Ed25519 key a name; the name must be one that a note can hold.
    #[must_use]
    pub fn new(name: &str, key: PublicKey) -> Option<Self> {
        crate::record::is_log_name(name)
            .then(|| Self { name: name.to_owned(), key: WitnessKeyKind::Ed25519(key) })
    }

    /// Reads the C2SP text form. A key of kind 1 signs notes, not cosignatures, and is refused.
    pub fn parse_vkey(text: &str) -> Result<Self, KeyError> {
        let (name, kind, material) = split_vkey(text)?;
        let key = match kind {
            COSIGNATURE_ED25519 => {
                let key: &[u8; 32] =
                    material.as_slice().try_into().map_err(|_| KeyError::NotAVkey)?;
                WitnessKeyKind::Ed25519(PublicKey::from_bytes(key)?)
            }
            // Those that sign whole notes, and the tree heads of static-ct-api.
            1 | 2 | 5 => return Err(KeyError::OtherAlgorithm(kind)),
            kind => WitnessKeyKind::Other { kind, material },
        };
        Ok(Self { name: name.to_owned(), key })
    }

    /// The C2SP text form.
    #[must_use]
    pub fn to_vkey(&self) -> String {
        vkey_text(&self.name, self.kind(), self.material())
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 key, or none where it is of a kind that this crate does not verify.
    #[must_use]
    pub const fn key(&self) -> Option<&PublicKey> {
        match &self.key {
            WitnessKeyKind::Ed25519(key) => Some(key),
            WitnessKeyKind::Other { .. } => None,
        }
    }

    /// The signature type: 4 is Ed25519, 6 is ML-DSA-44.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match &self.key {
            WitnessKeyKind::Ed25519(_) => COSIGNATURE_ED25519,
            WitnessKeyKind::Other { kind, .. } => *kind,
        }
    }

    pub(crate) fn material(&self) -> &[u8] {
        match &self.key {
            WitnessKeyKind::Ed25519(key) => key.as_bytes(),
            WitnessKeyKind::Other { material, .. } => material,
        }
    }

    /// The four bytes that name the key in a note.
    #[must_use]
    pub fn note_id(&self) -> [u8; 4] {
        vkey_id(&self.name, self.kind(), self.material())
    }

    fn signed(&self, line: &NoteSignature<'_>) -> bool {
        line.name == self.name && line.id == self.note_id()
    }
}

/// What the note of a checkpoint says of one witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cosigned {
    /// The witness has cosigned.
    At {
        /// When, in seconds since 1970-01-01T00:00:00Z, by the witness's clock.
        time_s: u64,
    },
    /// There is no cosignature of this witness.
    Missing,
    /// There is one, and it does not fit the checkpoint. Likely cause: it was made for another
    /// checkpoint, or it was changed.
    Bad,
    /// The key is of a kind that this crate does not verify.
    OtherAlgorithm(u8),
}

impl fmt::Display for Cosigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At { time_s } => write!(f, "cosigned at {time_s} seconds since 1970"),
            Self::Missing => f.write_str("no cosignature"),
            Self::Bad => f.write_str("a cosignature that does not fit"),
            Self::OtherAlgorithm(kind) => {
                write!(f, "a key of kind {kind}, only Ed25519 (kind 4) is verified")
            }
        }
    }
}

/// The exact bytes that a witness signs for the text of a checkpoint.
#[must_use]
pub fn cosigned_message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// Cosigns a checkpoint whose consistency the witness has checked: the signature line, with its
/// newline. `time_s` is now, in seconds since 1970-01-01T00:00:00Z.
pub fn cosign(
    checkpoint: &VerifiedCheckpoint,
    name: &str,
    signer: &dyn Signer,
    time_s: u64,
) -> Result<String, SignError> {
    let Some(key) = WitnessKey::new(name, signer.public_key()) else {
        return Err(SignError::Unavailable(format!("`{name}` cannot be the name of a key")));
    };
    let message = cosigned_message(checkpoint.text(), time_s);
    let mut signature = time_s.to_be_bytes().to_vec();
    signature.extend_from_slice(&signer.sign(message.as_bytes())?);
    Ok(NoteSignature { name, id: key.note_id(), signature }.to_text())
}

/// What each of `witnesses` says of the checkpoint, in their order. Signatures of others are
/// passed over.
#[must_use]
pub fn check_cosignatures(
    checkpoint: &VerifiedCheckpoint,
    witnesses: &[WitnessKey],
) -> Vec<Cosigned> {
    let note = UnverifiedNote::parse(checkpoint.note().as_bytes());
    let lines = note.as_ref().map(UnverifiedNote::signatures).unwrap_or_default();
    witnesses.iter().map(|witness| check(checkpoint.text(), witness, lines)).collect()
}

fn check(text: &str, witness: &WitnessKey, lines: &[NoteSignature<'_>]) -> Cosigned {
    let Some(key) = witness.key() else {
        return Cosigned::OtherAlgorithm(witness.kind());
    };
    // The last of several is the newest. One that does not fit spoils them all.
    let mut found = Cosigned::Missing;
    for line in lines.iter().filter(|line| witness.signed(line)) {
        match time_of(text, key, &line.signature) {
            Some(time_s) => found = Cosigned::At { time_s },
            None => return Cosigned::Bad,
        }
    }
    found
}

fn time_of(text: &str, key: &PublicKey, signature: &[u8]) -> Option<u64> {
    let signature: &[u8; COSIGNATURE_BYTES] = signature.try_into().ok()?;
    let (time, signature) = signature.split_first_chunk::<8>()?;
    let time_s = u64::from_be_bytes(*time);
    // The specification ends there.
    i64::try_from(time_s).ok()?;
    let message = cosigned_message(text, time_s);
    key.verify(message.as_bytes(), signature.try_into().ok()?).ok()?;
    Some(time_s)
}

/// Keeps the lines of a witness's answer that are good cosignatures of the checkpoint by one of
/// `witnesses`, and gives them as text to put behind the checkpoint's note. What others signed is
/// left out, as the protocol demands.
pub fn accept_cosignatures(
    checkpoint: &VerifiedCheckpoint,
    witnesses: &[WitnessKey],
    answer: &[u8],
) -> Result<String, NoteError> {
    let mut note = checkpoint.text().as_bytes().to_vec();
    note.push(b'\n');
    note.extend_from_slice(answer);
    let parsed = UnverifiedNote::parse(&note)?;
    let mut kept = String::new();
    for line in parsed.signatures() {
        let Some(witness) = witnesses.iter().find(|witness| witness.signed(line)) else {
            continue;
        };
        let key = witness.key().ok_or(NoteError::NoKnownKey)?;
        if time_of(checkpoint.text(), key, &line.signature).is_none() {
            return Err(NoteError::BadSignature { name: witness.name.clone() });
        }
        kept.push_str(&line.to_text());
    }
    if kept.is_empty() { Err(NoteError::NoKnownKey) } else { Ok(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;
    use crate::key::{MemoryKey, NamedKey};
    use crate::note::Checkpoint;

    const LOG: &str = "log.example/adproof";

    fn checkpoint(size: u64) -> VerifiedCheckpoint {
        let signer = MemoryKey::from_seed(&[5; 32]);
        let checkpoint = Checkpoint { origin: LOG.to_owned(), size, root: Hash::of(b"root") };
        let note = checkpoint.sign(&signer).unwrap();
        let keys = [NamedKey::new(LOG, signer.public_key()).unwrap()];
        VerifiedCheckpoint::verify(note.as_bytes(), LOG, &keys).unwrap()
    }

    fn with(checkpoint: &VerifiedCheckpoint, lines: &str) -> VerifiedCheckpoint {
        let keys = [NamedKey::new(LOG, MemoryKey::from_seed(&[5; 32]).public_key()).unwrap()];
        let note = format!("{}{lines}", checkpoint.note());
        VerifiedCheckpoint::verify(note.as_bytes(), LOG, &keys).unwrap()
    }

    fn witness(name: &str, seed: u8) -> (WitnessKey, MemoryKey) {
        let signer = MemoryKey::from_seed(&[seed; 32]);
        (WitnessKey::new(name, signer.public_key()).unwrap(), signer)
    }

    #[test]
    fn the_message_is_that_of_the_specification() {
        let text = "example.com/behind-the-sofa\n20852163\n\
                    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        assert_eq!(
            cosigned_message(text, 1_679_315_147),
            "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
             CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
        );
    }

    #[test]
    fn a_cosignature_is_read_back_with_its_time_and_by_its_key_only() {
        let (key, signer) = witness("witness.example/w1", 6);
        let (stranger, _) = witness("witness.example/w1", 7);
        let plain = checkpoint(9);
        let line = cosign(&plain, key.name(), &signer, 1_679_315_147).unwrap();
        let cosigned = with(&plain, &line);
        assert_eq!(
            check_cosignatures(&cosigned, &[key.clone(), stranger.clone()]),
            [Cosigned::At { time_s: 1_679_315_147 }, Cosigned::Missing]
        );
        assert_eq!(check_cosignatures(&plain, &[key]), [Cosigned::Missing]);
        let refused = accept_cosignatures(&plain, &[stranger], line.as_bytes());
        assert_eq!(refused, Err(NoteError::NoKnownKey));
    }

    #[test]
    fn a_cosignature_of_another_checkpoint_is_bad() {
        let (key, signer) = witness("witness.example/w1", 6);
        let line = cosign(&checkpoint(8), key.name(), &signer, 1).unwrap();
        let moved = with(&checkpoint(9), &line);
        assert_eq!(check_cosignatures(&moved, std::slice::from_ref(&key)), [Cosigned::Bad]);
        let refused = accept_cosignatures(&checkpoint(9), &[key], line.as_bytes());
        assert!(matches!(refused, Err(NoteError::BadSignature { .. })));
    }

    #[test]
    fn a_time_beyond_the_specification_is_bad() {
        let (key, signer) = witness("witness.example/w1", 6);
        let plain = checkpoint(9);
        for (time_s, good) in [(u64::MAX >> 1, true), (1 << 63, false)] {
            let line = cosign(&plain, key.name(), &signer, time_s).unwrap();
            let found = check_cosignatures(&with(&plain, &line), std::slice::from_ref(&key));
            assert_eq!(found == [Cosigned::At { time_s }], good);
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_leaves_a_good_cosignature() {
        let (key, signer) = witness("w.example", 6);
        let plain = checkpoint(9);
        let line = cosign(&plain, key.name(), &signer, 7).unwrap();
        let keys = [key];
        assert_eq!(accept_cosignatures(&plain, &keys, line.as_bytes()).as_ref(), Ok(&line));
        for index in 0..line.len() {
            let cut = &line.as_bytes()[..index];
            assert!(accept_cosignatures(&plain, &keys, cut).is_err(), "cut at {index}");
            for bit in 0..8 {
                let mut changed = line.as_bytes().to_vec();
                changed[index] ^= 1 << bit;
                let result = accept_cosignatures(&plain, &keys, &changed);
                assert!(result.is_err(), "byte {index} bit {bit}");
            }
        }
    }

    #[test]
    fn the_vkey_of_a_public_witness_is_read() {
        let text = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
        assert_eq!(WitnessKey::parse_vkey(text).unwrap().to_vkey(), text);
    }

    #[test]
    fn vkeys_print_and_parse_back_and_say_what_they_sign() {
        let (key, signer) = witness("witness.example/w1", 6);
        assert_eq!(WitnessKey::parse_vkey(&key.to_vkey()), Ok(key.clone()));
        assert!(NamedKey::parse_vkey(&key.to_vkey()).is_err());
        let signs_notes = NamedKey::new("witness.example/w1", signer.public_key()).unwrap();
        assert_ne!(signs_notes.note_id(), key.note_id());
        let refused = WitnessKey::parse_vkey(&signs_notes.to_vkey());
        assert_eq!(refused, Err(KeyError::OtherAlgorithm(1)));
        let other = vkey_text("pq.example", 6, &[9; 1312]);
        let other = WitnessKey::parse_vkey(&other).unwrap();
        assert_eq!(check_cosignatures(&checkpoint(1), &[other]), [Cosigned::OtherAlgorithm(6)]);
    }
}
