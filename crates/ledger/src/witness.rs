//! C2SP tlog-witness: the request `add-checkpoint`, and what a witness must answer.
//!
//! The request's body is also the portable form of a consistency proof: an old size, the proof,
//! and the signed checkpoint that it leads to.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::hash::Hash;
use crate::key::NamedKey;
use crate::note::{MAX_NOTE_BYTES, NoteError, UnverifiedNote, VerifiedCheckpoint};
use crate::tree::{self, BadProof};

/// The most hashes of a consistency proof that a client may send.
pub const MAX_PROOF_LINES: usize = 63;

/// A checkpoint and the proof that it continues a smaller one, before anybody has checked either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// How many records the smaller checkpoint covers.
    pub old: u64,
    /// The consistency proof of RFC 6962, section 2.1.2.
    pub proof: Vec<Hash>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

/// The bytes are not a request of the protocol. Likely cause: another kind of file, or a file that
/// was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARequest;

impl fmt::Display for NotARequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not an old size, a consistency proof and a checkpoint")
    }
}

impl std::error::Error for NotARequest {}

impl AddCheckpoint {
    /// The longest body in bytes.
    pub const MAX_BYTES: usize = MAX_NOTE_BYTES + 8192;

    /// The request's body.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            text.push_str(&BASE64.encode(hash.as_bytes()));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads a request's body.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotARequest> {
        Self::read(bytes).ok_or(NotARequest)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > Self::MAX_BYTES {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, checkpoint) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof: Vec<Hash> = lines
            .take(MAX_PROOF_LINES + 1)
            .map(|line| Some(Hash::new(BASE64.decode(line).ok()?.try_into().ok()?)))
            .collect::<Option<_>>()?;
        let fits = proof.len() <= MAX_PROOF_LINES;
        fits.then(|| Self { old, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Checks that the checkpoint continues `old`, which the caller has held.
    pub fn continues(
        &self,
        old: &VerifiedCheckpoint,
        keys: &[NamedKey],
    ) -> Result<VerifiedCheckpoint, ContinueError> {
        let new = VerifiedCheckpoint::verify(self.checkpoint.as_bytes(), old.origin(), keys)
            .map_err(ContinueError::Checkpoint)?;
        if self.old != old.size() {
            return Err(ContinueError::OtherSize { proof: self.old, held: old.size() });
        }
        tree::verify_consistency((old.size(), &old.root()), (new.size(), &new.root()), &self.proof)
            .map_err(|BadProof| ContinueError::NotConsistent)?;
        Ok(new)
    }
}

/// A size as the protocol writes it: digits, no leading zero.
fn decimal(digits: &str) -> Option<u64> {
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// Why a consistency proof does not show that one checkpoint continues another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContinueError {
    /// The newer checkpoint cannot be trusted.
    Checkpoint(NoteError),
    /// The proof begins at another size than the checkpoint that was held.
    OtherSize {
        /// Where the proof begins.
        proof: u64,
        /// The size of the checkpoint that was held.
        held: u64,
    },
    /// The proof does not lead from one root to the other. Likely cause: it belongs to other
    /// checkpoints, or the log was written anew.
    NotConsistent,
}

impl fmt::Display for ContinueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(error) => write!(f, "the newer checkpoint: {error}"),
            Self::OtherSize { proof, held } => {
                write!(f, "the proof begins at {proof} records, the held checkpoint has {held}")
            }
            Self::NotConsistent => {
                f.write_str("the proof does not lead from the held checkpoint to the newer one")
            }
        }
    }
}

impl std::error::Error for ContinueError {}

/// What a witness has cosigned last for one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatestCosigned {
    /// How many records that checkpoint covers.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl LatestCosigned {
    /// What a witness knows of a log that it has never cosigned: the empty tree.
    #[must_use]
    pub fn never() -> Self {
        Self { size: 0, root: tree::empty_root() }
    }
}

/// Why a witness does not cosign. Each has its own answer in the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// 400: the body has another form, or the old size is above the checkpoint's.
    BadRequest(&'static str),
    /// 403: no trusted key has signed the checkpoint.
    NotSigned(NoteError),
    /// 404: the witness does not know this log.
    UnknownLog,
    /// 409: the old size is not that of the checkpoint that was cosigned last, or the size is the
    /// same and the root is another.
    Conflict {
        /// The size of the checkpoint that was cosigned last: the answer's body.
        size: u64,
        /// Whether the log has signed two trees of one size.
        fork: bool,
    },
    /// 422: the proof does not lead from the last checkpoint to this one.
    NotConsistent,
}

impl Refusal {
    /// The status code of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::NotConsistent => 422,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(why) => f.write_str(why),
            Self::NotSigned(error) => write!(f, "the checkpoint: {error}"),
            Self::UnknownLog => f.write_str("this witness does not know the log"),
            Self::Conflict { size, fork: false } => {
                write!(f, "the checkpoint that was cosigned last covers {size} records")
            }
            Self::Conflict { size, fork: true } => {
                write!(f, "another tree of {size} records was cosigned: the log has forked")
            }
            Self::NotConsistent => {
                f.write_str("the proof does not lead from the checkpoint that was cosigned last")
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// Judges a request in the order that the protocol demands. `keys` are those that may sign for the
/// log that the checkpoint names, none where the log is not known. What comes back may be
/// cosigned once it has been kept in place of `latest`.
pub fn judge(
    request: &AddCheckpoint,
    keys: Option<&[NamedKey]>,
    latest: &LatestCosigned,
) -> Result<VerifiedCheckpoint, Refusal> {
    let note = UnverifiedNote::parse(request.checkpoint.as_bytes())
        .map_err(|_| Refusal::BadRequest("the checkpoint is not a signed note"))?;
    let keys = keys.ok_or(Refusal::UnknownLog)?;
    let origin = note.claimed_origin();
    let new = match VerifiedCheckpoint::verify(request.checkpoint.as_bytes(), origin, keys) {
        Ok(new) => new,
        Err(NoteError::NotACheckpoint) => {
            return Err(Refusal::BadRequest("the note is not a checkpoint"));
        }
        Err(error) => return Err(Refusal::NotSigned(error)),
    };
    if request.old > new.size() {
        return Err(Refusal::BadRequest("the old size is above the checkpoint's"));
    }
    if request.old != latest.size {
        return Err(Refusal::Conflict { size: latest.size, fork: false });
    }
    if latest.size == new.size() && latest.root != new.root() {
        return Err(Refusal::Conflict { size: latest.size, fork: true });
    }
    let old = (latest.size, &latest.root);
    tree::verify_consistency(old, (new.size(), &new.root()), &request.proof)
        .map_err(|BadProof| Refusal::NotConsistent)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{MemoryKey, Signer as _};
    use crate::note::Checkpoint;
    use crate::tree::{MemoryTree, consistency_proof, leaf_hash, root_at};

    const LOG: &str = "log.example/adproof";

    fn leaves(count: u64, salt: u8) -> MemoryTree {
        (0..count).map(|leaf| leaf_hash(&[&leaf.to_be_bytes()[..], &[salt]].concat())).collect()
    }

    fn keys() -> Vec<NamedKey> {
        vec![NamedKey::new(LOG, MemoryKey::from_seed(&[5; 32]).public_key()).unwrap()]
    }

    fn request(tree: &MemoryTree, old: u64, new: u64) -> AddCheckpoint {
        let root = root_at(tree, new).unwrap();
        let checkpoint = Checkpoint { origin: LOG.to_owned(), size: new, root };
        AddCheckpoint {
            old,
            proof: consistency_proof(tree, old, new).unwrap(),
            checkpoint: checkpoint.sign(&MemoryKey::from_seed(&[5; 32])).unwrap(),
        }
    }

    fn at(tree: &MemoryTree, size: u64) -> LatestCosigned {
        LatestCosigned { size, root: root_at(tree, size).unwrap() }
    }

    #[test]
    fn the_request_of_the_specification_is_read_and_written_back() {
        let text = "old 20852014\n\
            PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
            jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
            5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
            /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
            \n\
            example.com/behind-the-sofa\n\
            20852163\n\
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
            \n\
            \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            \u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
        let request = AddCheckpoint::parse(text.as_bytes()).unwrap();
        assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
        assert_eq!(request.to_text(), text);
        for cut in 0..text.find("\n\n").unwrap() + 2 {
            assert!(AddCheckpoint::parse(&text.as_bytes()[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn at_most_63_hashes_are_read() {
        for (count, fits) in [(63, true), (64, false)] {
            let request =
                AddCheckpoint { old: 1, proof: vec![Hash::ZERO; count], checkpoint: "x".into() };
            assert_eq!(AddCheckpoint::parse(request.to_text().as_bytes()).is_ok(), fits);
        }
        for old in ["old 01", "old +1", "old -1", "old ", "old 1 ", "Old 1"] {
            assert!(AddCheckpoint::parse(format!("{old}\n\nx").as_bytes()).is_err(), "{old}");
        }
    }

    #[test]
    fn a_log_that_grows_is_cosigned_at_every_size() {
        let (tree, keys) = (leaves(40, 0), keys());
        for old in 0..=40 {
            for new in old..=40 {
                let latest = if old == 0 { LatestCosigned::never() } else { at(&tree, old) };
                let verified = judge(&request(&tree, old, new), Some(&keys), &latest);
                assert_eq!(verified.map(|verified| verified.size()), Ok(new), "{old} {new}");
            }
        }
    }

    #[test]
    fn each_refusal_has_the_status_of_the_protocol() {
        let (tree, other, keys) = (leaves(20, 0), leaves(20, 1), keys());
        let latest = at(&tree, 9);
        let status = |request: &AddCheckpoint, keys: Option<&[NamedKey]>| {
            judge(request, keys, &latest).map_err(|refusal| refusal.status())
        };
        let good = request(&tree, 9, 20);
        assert!(status(&good, Some(&keys)).is_ok());
        assert_eq!(status(&good, None).unwrap_err(), 404);
        assert_eq!(status(&good, Some(&[])).unwrap_err(), 403);
        let mut above = request(&tree, 9, 9);
        above.old = 10;
        assert_eq!(status(&above, Some(&keys)).unwrap_err(), 400);
        let no_note = AddCheckpoint { checkpoint: "text\n".to_owned(), ..good.clone() };
        assert_eq!(status(&no_note, Some(&keys)).unwrap_err(), 400);
        let stale = judge(&request(&tree, 8, 20), Some(&keys), &latest);
        assert_eq!(stale.unwrap_err(), Refusal::Conflict { size: 9, fork: false });
        let fork = judge(&request(&other, 9, 9), Some(&keys), &latest);
        assert_eq!(fork.unwrap_err(), Refusal::Conflict { size: 9, fork: true });
        assert_eq!(status(&request(&other, 9, 20), Some(&keys)).unwrap_err(), 422);
        let mut longer = good.clone();
        longer.proof.push(Hash::ZERO);
        assert_eq!(status(&longer, Some(&keys)).unwrap_err(), 422);
    }

    #[test]
    fn a_first_request_carries_no_proof() {
        let (tree, keys) = (leaves(20, 0), keys());
        let mut first = request(&tree, 0, 20);
        assert!(judge(&first, Some(&keys), &LatestCosigned::never()).is_ok());
        first.proof.push(Hash::ZERO);
        let refused = judge(&first, Some(&keys), &LatestCosigned::never());
        assert_eq!(refused.unwrap_err(), Refusal::NotConsistent);
    }

    #[test]
    fn a_proof_shows_that_one_held_checkpoint_leads_to_another() {
        let (tree, other, keys) = (leaves(20, 0), leaves(20, 1), keys());
        let held = |tree: &MemoryTree, size| {
            let note = request(tree, size, size).checkpoint;
            VerifiedCheckpoint::verify(note.as_bytes(), LOG, &keys).unwrap()
        };
        let proof = request(&tree, 9, 20);
        assert_eq!(proof.continues(&held(&tree, 9), &keys).unwrap().size(), 20);
        let wrong = proof.continues(&held(&other, 9), &keys);
        assert_eq!(wrong.unwrap_err(), ContinueError::NotConsistent);
        let sized = proof.continues(&held(&tree, 8), &keys);
        assert_eq!(sized.unwrap_err(), ContinueError::OtherSize { proof: 9, held: 8 });
    }
}
