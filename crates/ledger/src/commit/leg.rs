//! From named values to the root that stands in a record.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::keyed::{Keyed, Message};
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
    keyed: &'c Keyed,
    salts: Message,
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
        let mut values = Values {
            keyed: self.keyed,
            salts: salts(leg),
            texts: &mut self.texts,
            digests: &mut self.digests,
            error: None,
        };
        each(&mut values);
        if let Some(error) = values.error {
            return Err(error);
        }
        fill_up(self.keyed, leg, &mut self.digests);
        Ok(root_of(&mut self.digests))
    }
}

impl Values<'_> {
    /// Adds a text. A name may be there more than once.
    pub fn text(&mut self, name: &str, text: &str) {
        let salt = salt(self.keyed, &mut self.salts, self.digests.len());
        match self.texts.digest(&salt, name, |writer| writer.text(text)) {
            Ok(digest) => self.digests.push(digest),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
    }
}

/// The message whose HMAC is the salt of a leg's value, by the value's number.
pub(super) fn salts(leg: &str) -> Message {
    Message::new("adproof salt v1", &[leg.as_bytes(), &[0; 8]])
}

pub(super) fn salt(keyed: &Keyed, salts: &mut Message, number: usize) -> [u8; 16] {
    let mut salt = [0; 16];
    salt.copy_from_slice(&keyed.mac(salts.number(number))[..16]);
    salt
}

/// Adds decoys up to a power of two, and sorts.
pub(super) fn fill_up(keyed: &Keyed, leg: &str, digests: &mut Vec<Hash>) {
    let mut decoys = Message::new("adproof decoy v1", &[leg.as_bytes(), &[0; 8]]);
    let wanted = digests.len().next_power_of_two().max(MIN_DIGESTS);
    for number in digests.len()..wanted {
        digests.push(Hash::new(keyed.mac(decoys.number(number))));
    }
    digests.sort_unstable();
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
        self.text.clear();
        self.text.resize(self.json.len() * 4 / 3 + 4, 0);
        let length = BASE64URL.encode_slice(&self.json, &mut self.text).unwrap_or(0);
        self.text.truncate(length);
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
