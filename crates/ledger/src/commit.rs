//! Salted commitments to evidence, in the manner of SD-JWT (RFC 9901).
//!
//! A leg's evidence is a list of named values. Each becomes a disclosure, `[salt, name, value]`,
//! whose digest says nothing without its salt. The digests are filled up with decoys so that their
//! number says little, sorted, and hashed into one root, which stands in the record. To show
//! one value to one reader, give its disclosure and the leg's digests; the rest stays hidden.
//!
//! Salts derive from a record key, and that one from two secrets: the log's evidence key, and the
//! key of one person's evidence of one day. So a second run over the same evidence comes to the same
//! roots, nobody without both can guess an address or a device and check the guess, and when the
//! key of a person and day is destroyed, what the records commit to can never be opened again,
//! though every signature and every proof still holds.

mod keyed;
mod leg;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use zeroize::Zeroizing;

use self::keyed::Keyed;
use self::leg::{Secrets, Texts};
use crate::canon::{Reader, Writer};
use crate::fault::{EncodeError, ParseError, ParseFault};
use crate::hash::{Hash, INITIAL, finish, pad};
use crate::record::MAX_RECORD_BYTES;

pub use self::leg::{Committer, Values};

/// The fewest digests of a leg; their number is always a power of two.
pub const MIN_DIGESTS: usize = 8;

/// The most digests of a leg.
pub const MAX_DIGESTS: usize = 4096;

/// The secret that salts derive from. Whoever has it can test guesses about every record.
pub struct EvidenceKey(Keyed);

impl EvidenceKey {
    /// Wraps 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Keyed::new(&Zeroizing::new(bytes)))
    }

    /// The keyed name of an impression: the same for the same impression, and meaningless to
    /// whoever lacks the key.
    #[must_use]
    pub fn subject(&self, transaction: &str, impression: &str) -> Hash {
        let parts = [transaction.as_bytes(), impression.as_bytes()];
        Hash::new(self.0.derive("adproof subject v1", &parts))
    }

    /// The keyed name of a person or household: a device id, or an address where there is none. It
    /// finds the key of a day and stands in no record.
    #[must_use]
    pub fn person(&self, text: &str) -> Hash {
        Hash::new(self.0.derive("adproof person v1", &[text.as_bytes()]))
    }

    /// Names the key of a person's evidence of a day in an `erase` record. It does not depend on
    /// the key, so that it can be told after the key is gone.
    #[must_use]
    pub fn day_key_id(&self, person: &Hash, day: &str) -> Hash {
        let parts = [person.as_bytes().as_slice(), day.as_bytes()];
        Hash::new(self.0.derive("adproof day key id v1", &parts))
    }

    /// The key of one subject's record.
    #[must_use]
    pub fn record_key(&self, day: &DayKey, subject: &Hash) -> RecordKey {
        let half = Zeroizing::new(self.0.derive("adproof record key v2", &[subject.as_bytes()]));
        let parts = [day.0.as_slice(), subject.as_bytes()];
        let key = Zeroizing::new(Keyed::new(&half).derive("adproof record key v2", &parts));
        RecordKey(Keyed::new(&key))
    }

    /// The key of a record that commits to nothing, because its person's key was destroyed before.
    #[must_use]
    pub fn empty_record_key(&self, subject: &Hash) -> RecordKey {
        let key = self.0.derive("adproof empty record v1", &[subject.as_bytes()]);
        RecordKey(Keyed::new(&Zeroizing::new(key)))
    }
}

/// The key of one person's evidence of one day: 32 random bytes, kept apart from the evidence key
/// so that it can be destroyed on its own.
pub struct DayKey(Zeroizing<[u8; 32]>);

impl DayKey {
    /// Wraps 32 random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for DayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DayKey")
    }
}

impl fmt::Debug for EvidenceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EvidenceKey")
    }
}

/// The secret that the salts of one record derive from.
pub struct RecordKey(Keyed);

impl RecordKey {
    /// Commits to the named values of one leg, with everything that opens it. A name may be there
    /// more than once.
    pub fn commit(
        &self,
        leg: &'static str,
        values: &[(&str, Value)],
    ) -> Result<LegCommitment, EncodeError> {
        let (mut secrets, mut texts) = (Secrets::new(&self.0, leg), Texts::new());
        let mut disclosures = Vec::with_capacity(values.len());
        let mut digests = Vec::with_capacity(values.len().next_power_of_two().max(MIN_DIGESTS));
        for (name, value) in values {
            let salt = secrets.salt();
            let disclosure = Disclosure { salt, name: (*name).to_owned(), value: value.clone() };
            digests.push(disclosure.digest_with(&mut texts)?);
            disclosures.push(disclosure);
        }
        secrets.fill_up(&mut digests);
        Ok(LegCommitment { leg, root: digests_root(&digests), digests, disclosures })
    }

    /// The key that the private side of the record is encrypted with where it is kept.
    #[must_use]
    pub fn sealing_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.derive("adproof seal v1", &[]))
    }

    /// The nonce for one plaintext under the sealing key: another text has another one.
    #[must_use]
    pub fn sealing_nonce(&self, plaintext: &[u8]) -> [u8; 12] {
        let mut nonce = [0; 12];
        let derived = self.0.derive("adproof seal nonce v1", &[plaintext]);
        nonce.copy_from_slice(&derived[..12]);
        nonce
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey")
    }
}

/// A value that can be disclosed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Text.
    Text(String),
    /// An integer, |n| ≤ 2⁵³ − 1.
    Int(i64),
}

impl Value {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Text(text) => writer.text(text),
            Self::Int(value) => writer.int("value", *value),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.pad(text),
            Self::Int(value) => value.fmt(f),
        }
    }
}

/// What one leg of a record commits to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegCommitment {
    /// The leg's name.
    pub leg: &'static str,
    /// The root that stands in the record.
    pub root: Hash,
    /// The digests of all disclosures and decoys, sorted.
    pub digests: Vec<Hash>,
    /// The disclosures, in the order of the values. Private: each opens one value.
    pub disclosures: Vec<Disclosure>,
}

/// What stands in front of a leg's digests where they are hashed: a leaf of the log's tree begins
/// with 0, a node with 1 (RFC 6962).
const LEG_PREFIX: [u8; 1] = [2];

/// The root over sorted digests. Whoever opens a leg has all of them, so nothing is proved by a tree
/// over them that one hash does not prove.
#[must_use]
pub fn digests_root(digests: &[Hash]) -> Hash {
    let mut message = Vec::new();
    root_of(digests, &mut message)
}

/// The same, with a buffer for what is hashed.
fn root_of(digests: &[Hash], message: &mut Vec<u8>) -> Hash {
    message.clear();
    message.extend_from_slice(&LEG_PREFIX);
    message.extend(digests.iter().flat_map(Hash::as_bytes));
    pad(message, 0);
    finish(INITIAL, message)
}

/// One value with the salt that opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Disclosure {
    salt: [u8; 16],
    name: String,
    value: Value,
}

impl Disclosure {
    /// The value's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The text form of SD-JWT: base64url of the JSON array of salt, name and value.
    pub fn to_text(&self) -> Result<String, EncodeError> {
        let mut texts = Texts::new();
        let text = texts.write(&self.salt, &self.name, |writer| self.value.write(writer))?;
        Ok(text.iter().copied().map(char::from).collect())
    }

    /// Reads exactly what [`Disclosure::to_text`] writes.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let error = |fault| ParseError { at: 0, fault };
        if text.len() > MAX_RECORD_BYTES {
            return Err(error(ParseFault::TooLong));
        }
        let bytes = BASE64URL.decode(text).map_err(|_| error(ParseFault::Expected("base64url")))?;
        let mut reader = Reader::new(&bytes);
        let (mut salt, mut name) = (None, None);
        let mut values = reader.array(|reader| {
            if salt.is_none() {
                salt = Some(reader.text()?);
                return Ok(None);
            }
            if name.is_none() {
                name = Some(reader.text()?);
                return Ok(None);
            }
            reader.text_or_int().map(Some)
        })?;
        reader.end()?;
        let salt = salt.and_then(|salt| BASE64URL.decode(salt).ok()?.try_into().ok());
        let salt = salt.ok_or_else(|| error(ParseFault::Expected("a salt of 128 bits")))?;
        let value = values.pop().flatten().filter(|_| values.len() == 2);
        let (Some(name), Some(value)) = (name, value) else {
            return Err(error(ParseFault::Expected("three items")));
        };
        Ok(Self { salt, name, value })
    }

    /// The digest that stands among those of its leg: SHA-256 of the text form.
    pub fn digest(&self) -> Result<Hash, EncodeError> {
        self.digest_with(&mut Texts::new())
    }

    fn digest_with(&self, texts: &mut Texts) -> Result<Hash, EncodeError> {
        texts.digest(&self.salt, &self.name, |writer| self.value.write(writer))
    }
}

impl fmt::Debug for Disclosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither salt nor value belongs into a log by accident.
        write!(f, "Disclosure({})", self.name)
    }
}

/// What opens some legs of one record: for each leg all digests, and the disclosures that are
/// shown. With every disclosure it is the private side of a record; a bundle holds a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The subject of the record: [`crate::Decision::subject`].
    pub subject: Hash,
    /// The legs.
    pub legs: Vec<LegOpening>,
}

/// What opens one leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegOpening {
    /// The leg's name.
    pub leg: String,
    /// All its digests, sorted.
    pub digests: Vec<Hash>,
    /// The disclosures that are shown.
    pub disclosures: Vec<Disclosure>,
}

impl Opening {
    /// The private side of a record: everything that its legs commit to.
    #[must_use]
    pub fn new(subject: Hash, legs: &[LegCommitment]) -> Self {
        let legs = legs.iter().map(|leg| LegOpening {
            leg: leg.leg.to_owned(),
            digests: leg.digests.clone(),
            disclosures: leg.disclosures.clone(),
        });
        Self { subject, legs: legs.collect() }
    }

    /// Keeps the disclosures that are chosen, and the legs that have one.
    #[must_use]
    pub fn reveal(&self, chosen: impl Fn(&str, &str) -> bool) -> Self {
        let legs = self.legs.iter().filter_map(|leg| {
            let disclosures = leg.disclosures.iter();
            let shown = disclosures.filter(|one| chosen(&leg.leg, one.name()));
            let disclosures: Vec<Disclosure> = shown.cloned().collect();
            (!disclosures.is_empty()).then(|| LegOpening { disclosures, ..leg.clone() })
        });
        Self { subject: self.subject, legs: legs.collect() }
    }

    /// Canonical JSON, one line.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.object(|fields| {
            fields.key("legs").array(&self.legs, |writer, leg| {
                writer.object(|fields| {
                    fields.key("digests").array(&leg.digests, |writer, one| {
                        writer.text(&one.to_string());
                    });
                    fields.key("disclosures").array(&leg.disclosures, |writer, one| {
                        match one.to_text() {
                            Ok(text) => writer.text(&text),
                            Err(error) => writer.fail(error),
                        }
                    });
                    fields.text("leg", &leg.leg);
                });
            });
            fields.hash("subject", &self.subject);
        });
        // Disclosures exist only where they have a canonical form.
        writer.finish().unwrap_or_default()
    }

    /// Reads exactly what [`Opening::to_bytes`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        let opening = reader.object(|fields| {
            let legs = fields.key("legs")?.array(|reader| {
                reader.object(|fields| {
                    let digests = fields.key("digests")?.array(Reader::hash)?;
                    let disclosures = fields
                        .key("disclosures")?
                        .array(|reader| Disclosure::parse(&reader.text()?))?;
                    Ok(LegOpening { digests, disclosures, leg: fields.text("leg")? })
                })
            })?;
            Ok(Self { legs, subject: fields.hash("subject")? })
        })?;
        reader.end()?;
        Ok(opening)
    }
}

/// Why a disclosure does not open a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// The digests do not hash to the leg's root. Likely cause: they belong to another record.
    OtherRoot,
    /// The digests are not sorted, repeat, or are too many.
    BadDigests,
    /// The disclosure's digest is not among them. Likely cause: salt, name or value was changed.
    NotCommitted,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherRoot => "the digests are not those that the record commits to",
            Self::BadDigests => "the digests are not a sorted list without repeats",
            Self::NotCommitted => "the record does not commit to this disclosure",
        })
    }
}

impl std::error::Error for OpenError {}

/// Checks that a record commits to each of `disclosures` in the leg with this root.
pub fn open(root: &Hash, digests: &[Hash], disclosures: &[Disclosure]) -> Result<(), OpenError> {
    if digests.len() > MAX_DIGESTS || !digests.is_sorted_by(|a, b| a < b) {
        return Err(OpenError::BadDigests);
    }
    if digests_root(digests) != *root {
        return Err(OpenError::OtherRoot);
    }
    for disclosure in disclosures {
        let digest = disclosure.digest().map_err(|_| OpenError::NotCommitted)?;
        digests.binary_search(&digest).map_err(|_| OpenError::NotCommitted)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commitment() -> LegCommitment {
        let key = EvidenceKey::new([9; 32]);
        let subject = key.subject("t-1", "i-1");
        let values = [
            ("ip", Value::from("3fff:100::1")),
            ("asn", Value::from(64496)),
            ("ip", Value::from("3fff:100::1")),
        ];
        key.record_key(&DayKey::new([8; 32]), &subject).commit("network", &values).unwrap()
    }

    #[test]
    fn a_disclosure_opens_the_leg_that_commits_to_it() {
        let leg = commitment();
        assert_eq!(leg.digests.len(), MIN_DIGESTS);
        assert_eq!(open(&leg.root, &leg.digests, &leg.disclosures), Ok(()));
    }

    #[test]
    fn the_root_is_one_hash_over_all_digests() {
        for count in 0..70_u8 {
            let digests: Vec<Hash> = (0..count).map(|one| Hash::of(&[one])).collect();
            let whole: Vec<u8> = LEG_PREFIX
                .into_iter()
                .chain(digests.iter().flat_map(|one| *one.as_bytes()))
                .collect();
            assert_eq!(digests_root(&digests), Hash::of(&whole), "{count}");
        }
    }

    #[test]
    fn salts_and_decoys_are_the_stream_of_the_legs_key() {
        let key = EvidenceKey::new([9; 32]);
        let record = key.record_key(&DayKey::new([8; 32]), &key.subject("t-1", "i-1"));
        let leg_key = record.0.derive("adproof leg v1", &[b"network"]);
        let block = |counter: u32| {
            Hash::of(&[counter.to_be_bytes().as_slice(), &leg_key].concat()).as_bytes().to_vec()
        };
        for values in 0..9_u32 {
            let all = vec![("ip", Value::from("3fff:100::1")); values as usize];
            let leg = record.commit("network", &all).unwrap();
            let salts: Vec<u8> = leg.disclosures.iter().flat_map(|one| one.salt).collect();
            let hashes = values.div_ceil(2);
            let stream: Vec<u8> = (1..=hashes).flat_map(block).collect();
            assert_eq!(salts, stream[..salts.len()]);
            let decoys = u32::try_from(leg.digests.len()).unwrap() - values;
            for number in 1..=decoys {
                let decoy = Hash::new(block(hashes + number).try_into().unwrap());
                assert!(leg.digests.contains(&decoy), "{values} values, decoy {number}");
            }
        }
    }

    #[test]
    fn no_two_values_of_a_leg_share_a_salt_and_legs_differ() {
        let key = EvidenceKey::new([9; 32]);
        let record = key.record_key(&DayKey::new([8; 32]), &key.subject("t-1", "i-1"));
        let values = vec![("ip", Value::from("3fff:100::1")); 17];
        let mut salts = std::collections::BTreeSet::new();
        for leg in ["network", "billing"] {
            let whole = record.commit(leg, &values).unwrap();
            salts.extend(whole.disclosures.iter().map(|one| one.salt));
        }
        assert_eq!(salts.len(), 34);
    }

    #[test]
    fn what_keeps_nothing_comes_to_the_same_roots() {
        let key = EvidenceKey::new([9; 32]);
        let record = key.record_key(&DayKey::new([8; 32]), &key.subject("t-1", "i-1"));
        let mut committer = record.committer();
        for count in [0, 1, 7, 8, 9, 40] {
            let texts: Vec<String> = (0..count).map(|n| format!("\u{1}\"é {n}")).collect();
            let values: Vec<_> =
                texts.iter().map(|text| ("na\"me", Value::from(&**text))).collect();
            let root = committer.root("execution", |leg| {
                for text in &texts {
                    leg.text("na\"me", text);
                }
            });
            let whole = record.commit("execution", &values).unwrap();
            assert_eq!(root, Ok(whole.root), "{count}");
            assert_eq!(open(&whole.root, &whole.digests, &whole.disclosures), Ok(()));
        }
    }

    #[test]
    fn equal_values_have_different_digests_and_a_second_run_has_the_same() {
        let leg = commitment();
        let digest = |index: usize| leg.disclosures[index].digest().unwrap();
        assert_ne!(digest(0), digest(2));
        assert_eq!(leg, commitment());
    }

    #[test]
    fn every_secret_counts() {
        let root = |evidence: u8, day: u8, subject: &str| {
            let key = EvidenceKey::new([evidence; 32]);
            let subject = Hash::of(subject.as_bytes());
            let record = key.record_key(&DayKey::new([day; 32]), &subject);
            let leg = record.commit("network", &[("ip", Value::from("3fff:100::1"))]).unwrap();
            (leg.root, *record.sealing_key(), record.sealing_nonce(b"text"))
        };
        let one = root(1, 2, "s");
        assert_eq!(one, root(1, 2, "s"));
        for other in [root(9, 2, "s"), root(1, 9, "s"), root(1, 2, "t")] {
            assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2);
        }
        let key = EvidenceKey::new([1; 32]);
        let person = key.person("device");
        assert_ne!(person, key.person("3fff::1"));
        assert_ne!(key.day_key_id(&person, "2026-06-01"), key.day_key_id(&person, "2026-06-02"));
    }

    #[test]
    fn a_changed_disclosure_opens_nothing() {
        let leg = commitment();
        let mut changed = leg.disclosures[0].clone();
        changed.value = Value::from("3fff:100::2");
        let open = open(&leg.root, &leg.digests, &[changed]);
        assert_eq!(open, Err(OpenError::NotCommitted));
    }

    #[test]
    fn other_digests_open_nothing() {
        let mut leg = commitment();
        leg.digests.pop();
        assert_eq!(open(&leg.root, &leg.digests, &[]), Err(OpenError::OtherRoot));
        leg.digests.reverse();
        assert_eq!(open(&leg.root, &leg.digests, &[]), Err(OpenError::BadDigests));
    }

    #[test]
    fn openings_print_and_parse_back_and_show_what_is_chosen() {
        let all = Opening::new(Hash::of(b"subject"), &[commitment()]);
        assert_eq!(Opening::parse(&all.to_bytes()).as_ref(), Ok(&all));
        let some = all.reveal(|leg, name| (leg, name) == ("network", "asn"));
        assert_eq!(some.legs[0].disclosures.len(), 1);
        assert_eq!(some.legs[0].digests, all.legs[0].digests);
        assert!(all.reveal(|_, name| name == "ua").legs.is_empty());
    }

    #[test]
    fn disclosures_print_and_parse_back() {
        for disclosure in commitment().disclosures {
            let text = disclosure.to_text().unwrap();
            assert_eq!(Disclosure::parse(&text).as_ref(), Ok(&disclosure));
            assert!(Disclosure::parse(&text[1..]).is_err());
        }
    }
}
