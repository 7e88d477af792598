//! From named values to the root that stands in a record.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use zeroize::Zeroizing;

use super::keyed::Keyed;
use super::{MIN_DIGESTS, RecordKey, root_of};
use crate::canon::Writer;
use crate::fault::EncodeError;
use crate::hash::{Hash, INITIAL, finish, pad};

/// Commits to the legs of one record and keeps nothing of their values. What opens them is made
/// again from the same values, when somebody asks for it: [`RecordKey::commit`].
pub struct Committer<'k> {
    keyed: &'k Keyed,
    texts: Texts,
    digests: Vec<Hash>,
}

/// The values of one leg, as they come.
pub struct Values<'c> {
    secrets: &'c mut Secrets,
    texts: &'c mut Texts,
    digests: &'c mut Vec<Hash>,
    error: Option<EncodeError>,
}

impl RecordKey {
    /// Commits to one leg after the other.
    #[must_use]
    pub const fn committer(&self) -> Committer<'_> {
        Committer { keyed: &self.0, texts: Texts::new(), digests: Vec::new() }
    }
}

impl Committer<'_> {
    /// The root of a leg with the values that `each` adds: that of [`RecordKey::commit`] over the
    /// same values.
    ///
    /// # Errors
    /// A value has no canonical form.
    pub fn root(
        &mut self,
        leg: &str,
        each: impl FnOnce(&mut Values<'_>),
    ) -> Result<Hash, EncodeError> {
        self.digests.clear();
        let mut secrets = Secrets::new(self.keyed, leg);
        let mut values = Values {
            secrets: &mut secrets,
            texts: &mut self.texts,
            digests: &mut self.digests,
            error: None,
        };
        each(&mut values);
        if let Some(error) = values.error {
            return Err(error);
        }
        secrets.fill_up(&mut self.digests);
        Ok(root_of(&self.digests, &mut self.texts.text))
    }
}

impl Values<'_> {
    /// Adds a text. A name may be there more than once.
    pub fn text(&mut self, name: &str, text: &str) {
        let salt = self.secrets.salt();
        match self.texts.digest(&salt, name, |writer| writer.text(text)) {
            Ok(digest) => self.digests.push(digest),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
    }
}

/// The salts and decoys of a leg: the bytes that the one-step key derivation of NIST SP 800-56C
/// gives with SHA-256 from the leg's own key, `H(counter ‖ key)` for the counters from 1 on. The
/// first bytes are the salts, in the order of the values; each decoy is one whole hash behind them.
pub(super) struct Secrets {
    /// Counter and key as the hash takes them in: one block.
    block: Zeroizing<[u8; 64]>,
    counter: u32,
    /// The second half of the last hash, until a salt uses it.
    spare: Option<[u8; 16]>,
}

impl Secrets {
    pub(super) fn new(keyed: &Keyed, leg: &str) -> Self {
        let key = Zeroizing::new(keyed.derive("adproof leg v1", &[leg.as_bytes()]));
        let mut block = Zeroizing::new([0; 64]);
        block[4..36].copy_from_slice(key.as_slice());
        // The padding behind 36 bytes, 288 bits.
        (block[36], block[62], block[63]) = (0x80, 1, 32);
        Self { block, counter: 0, spare: None }
    }

    fn hash(&mut self) -> [u8; 32] {
        self.counter += 1;
        self.block[..4].copy_from_slice(&self.counter.to_be_bytes());
        *finish(INITIAL, self.block.as_slice()).as_bytes()
    }

    pub(super) fn salt(&mut self) -> [u8; 16] {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let hash = self.hash();
        let (mut first, mut second) = ([0; 16], [0; 16]);
        first.copy_from_slice(&hash[..16]);
        second.copy_from_slice(&hash[16..]);
        self.spare = Some(second);
        first
    }

    /// Adds decoys up to a power of two, and sorts.
    pub(super) fn fill_up(&mut self, digests: &mut Vec<Hash>) {
        let wanted = digests.len().next_power_of_two().max(MIN_DIGESTS);
        while digests.len() < wanted {
            digests.push(Hash::new(self.hash()));
        }
        digests.sort_unstable();
    }
}

/// Buffers for the text form of disclosures.
pub(super) struct Texts {
    json: Vec<u8>,
    text: Vec<u8>,
}

impl Texts {
    pub(super) const fn new() -> Self {
        Self { json: Vec::new(), text: Vec::new() }
    }

    /// The text form of a disclosure, as bytes of ASCII.
    pub(super) fn write(
        &mut self,
        salt: &[u8; 16],
        name: &str,
        value: impl FnOnce(&mut Writer),
    ) -> Result<&mut Vec<u8>, EncodeError> {
        let mut writer = Writer::over(std::mem::take(&mut self.json));
        let mut encoded = [0; 22];
        // 16 bytes are 22 characters.
        let _ = BASE64URL.encode_slice(salt, &mut encoded);
        writer.triple(&encoded, name, value);
        self.json = writer.finish()?;
        // What is there is overwritten, so it need not be cleared first.
        self.text.resize(self.json.len().div_ceil(3) * 4, 0);
        let length = BASE64URL.encode_slice(&self.json, &mut self.text);
        self.text.truncate(length.map_err(|_| EncodeError::TooLong { bytes: self.json.len() })?);
        Ok(&mut self.text)
    }

    /// The digest that stands among those of its leg: SHA-256 of the text form.
    pub(super) fn digest(
        &mut self,
        salt: &[u8; 16],
        name: &str,
        value: impl FnOnce(&mut Writer),
    ) -> Result<Hash, EncodeError> {
        let text = self.write(salt, name, value)?;
        pad(text, 0);
        Ok(finish(INITIAL, text))
    }
}
