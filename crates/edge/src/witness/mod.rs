//! A small C2SP witness: it cosigns the checkpoints of logs that it knows, and never two trees of
//! one log that do not continue each other.
//!
//! # A request, as a state machine
//!
//! ```text
//! Known ── judge ─► Judged ── write, sync, rename, sync folder ─► Kept ── sign ─► answer
//!   ▲                 │ refused: answer                 │ fails
//!   └─────────────────┘                                 └─► Poisoned: nothing is signed for this
//!                                                           log until the witness starts again
//! ```
//!
//! One lock covers `Judged` to `Kept`, so that the comparison with the last checkpoint and its
//! replacement are one step. A witness that dies behind `Kept` has promised what it never said:
//! the log asks again with the size that it is told.

mod client;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use adproof_ledger::note::UnverifiedNote;
use adproof_ledger::witness::{AddCheckpoint, LatestCosigned, Refusal, judge};
use adproof_ledger::{
    Hash, NamedKey, NoteError, SignError, Signer, VerifiedCheckpoint, WitnessKey, cosign,
};

pub use client::{Submission, SubmitError, submit};

use crate::store::{Disk, Folder, Lock, StoreError, replace};

/// Bounds of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most logs.
    pub logs: usize,
    /// The most requests that are kept as evidence of a log that misbehaves.
    pub evidence: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { logs: 1000, evidence: 100 }
    }
}

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// The protocol refuses the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was written for this log may or may not be on the disk. Start the witness again.
    #[error("an earlier write failed; the witness must be started again")]
    Poisoned,
    /// The new checkpoint could not be kept, so it was not cosigned.
    #[error("the checkpoint could not be kept: {0}")]
    Io(#[from] io::Error),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Why a witness does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process uses the folder, or it cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More logs than a witness serves.
    #[error("there are more logs than the {0} that a witness serves")]
    TooManyLogs(usize),
    /// The name cannot be that of a key.
    #[error("`{0}` cannot be the name of a witness")]
    Name(String),
    /// What was cosigned last cannot be read any more. The witness would not know what it has
    /// promised, so it does not start.
    #[error("{path}: what was cosigned last cannot be trusted: {error}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: NoteError,
    },
}

/// A witness and what it has cosigned last, on a disk.
pub struct Witness<D: Disk = Folder> {
    key: WitnessKey,
    signer: Box<dyn Signer>,
    logs: BTreeMap<String, Vec<NamedKey>>,
    limits: Limits,
    state: Mutex<State<D>>,
    #[allow(dead_code, reason = "held for as long as the witness lives")]
    lock: Option<Lock>,
}

impl<D: Disk> std::fmt::Debug for Witness<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Witness").field("key", &self.key).finish_non_exhaustive()
    }
}

struct State<D> {
    disk: D,
    /// None where a write failed.
    latest: BTreeMap<String, Option<LatestCosigned>>,
    evidence: usize,
}

impl Witness {
    /// Starts a witness named `name` that serves the logs with these keys and keeps its state in
    /// `folder`. A log may have several keys, which have one name.
    pub fn open(
        folder: &Path,
        name: &str,
        signer: Box<dyn Signer>,
        logs: Vec<NamedKey>,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        std::fs::create_dir_all(folder)
            .map_err(StoreError::io(format!("making the folder {}", folder.display())))?;
        let lock = Lock::exclusive(folder)?;
        let mut witness = Self::open_on(Folder::new(folder), name, signer, logs, limits)?;
        witness.lock = Some(lock);
        Ok(witness)
    }
}

impl<D: Disk> Witness<D> {
    fn open_on(
        disk: D,
        name: &str,
        signer: Box<dyn Signer>,
        keys: Vec<NamedKey>,
        limits: Limits,
    ) -> Result<Self, OpenError> {
        let key = WitnessKey::new(name, signer.public_key());
        let key = key.ok_or_else(|| OpenError::Name(name.to_owned()))?;
        let mut logs = BTreeMap::<String, Vec<NamedKey>>::new();
        for key in keys {
            logs.entry(key.name().to_owned()).or_default().push(key);
        }
        if logs.len() > limits.logs {
            return Err(OpenError::TooManyLogs(limits.logs));
        }
        let mut latest = BTreeMap::new();
        for (origin, keys) in &logs {
            let path = state_path(origin);
            let note = disk.read(&path).map_err(StoreError::io(format!("reading {path}")))?;
            let known = match note {
                None => LatestCosigned::never(),
                Some(note) => {
                    let verified = VerifiedCheckpoint::verify(&note, origin, keys);
                    let verified = verified
                        .map_err(|error| OpenError::State { path: PathBuf::from(path), error })?;
                    LatestCosigned { size: verified.size(), root: verified.root() }
                }
            };
            latest.insert(origin.clone(), Some(known));
        }
        let evidence = disk.list(EVIDENCE).map_err(StoreError::io("listing the evidence"))?.len();
        let state = Mutex::new(State { disk, latest, evidence });
        Ok(Self { key, signer, logs, limits, state, lock: None })
    }

    /// The key that logs and verifiers put into their policies.
    #[must_use]
    pub const fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The logs that are served.
    pub fn logs(&self) -> impl Iterator<Item = &str> {
        self.logs.keys().map(String::as_str)
    }

    /// Answers `add-checkpoint`: the cosignature's line. `now_s` is the time, in seconds since
    /// 1970-01-01T00:00:00Z.
    pub fn add_checkpoint(&self, body: &[u8], now_s: u64) -> Result<String, WitnessError> {
        let request = AddCheckpoint::parse(body).map_err(|_| {
            Refusal::BadRequest("the body is not an old size, a consistency proof and a checkpoint")
        })?;
        let note = UnverifiedNote::parse(request.checkpoint.as_bytes());
        let origin = note.as_ref().map_or("", UnverifiedNote::claimed_origin);
        let keys = self.logs.get(origin);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = match state.latest.get(origin) {
            Some(Some(latest)) => *latest,
            Some(None) => return Err(WitnessError::Poisoned),
            None => LatestCosigned::never(),
        };
        let new = match judge(&request, keys.map(Vec::as_slice), &latest) {
            Ok(new) => new,
            Err(refusal) => {
                state.keep_evidence(&request, &refusal, &self.limits);
                return Err(refusal.into());
            }
        };
        if new.size() > latest.size {
            // Until the write is known to be durable nobody knows what was promised.
            state.latest.insert(origin.to_owned(), None);
            let path = state_path(origin);
            replace(&mut state.disk, &path, request.checkpoint.as_bytes())?;
            let kept = LatestCosigned { size: new.size(), root: new.root() };
            state.latest.insert(origin.to_owned(), Some(kept));
        }
        // Still under the lock: the time of a cosignature is that of the largest tree.
        Ok(cosign::cosign(&new, self.key.name(), self.signer.as_ref(), now_s)?)
    }

    #[cfg(test)]
    fn into_disk(self) -> D {
        self.state.into_inner().unwrap().disk
    }
}

const EVIDENCE: &str = "evidence";

impl<D: Disk> State<D> {
    /// A log that has signed what does not continue its own past has made the proof of it itself.
    fn keep_evidence(&mut self, request: &AddCheckpoint, refusal: &Refusal, limits: &Limits) {
        let forked = matches!(refusal, Refusal::Conflict { fork: true, .. });
        if !forked && *refusal != Refusal::NotConsistent || self.evidence >= limits.evidence {
            return;
        }
        let text = request.to_text();
        let path = format!("{EVIDENCE}/{}", Hash::of(text.as_bytes()));
        // Not to have it harms nobody; the answer is the same.
        if self.disk.read(&path).is_ok_and(|known| known.is_none())
            && self.disk.write(&path, text.as_bytes()).is_ok()
        {
            self.evidence += 1;
        }
    }
}

/// A log's name may hold slashes, its hash does not.
fn state_path(origin: &str) -> String {
    format!("{}.checkpoint", Hash::of(origin.as_bytes()))
}
