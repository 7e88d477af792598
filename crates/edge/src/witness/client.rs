//! Asks a witness to cosign.

use adproof_ledger::witness::AddCheckpoint;
use adproof_ledger::{Hash, NoteError, VerifiedCheckpoint, WitnessKey, cosign};

use crate::http::{HttpAnswer, HttpClient, HttpError};

/// How often a witness that names another size is asked again.
const TRIES: usize = 3;

/// What is asked of whom.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The checkpoint, as the log has signed it.
    pub checkpoint: &'a VerifiedCheckpoint,
    /// The witness's key.
    pub witness: &'a WitnessKey,
    /// Its submission prefix.
    pub url: &'a str,
    /// The size that it is thought to have cosigned last; 0 where nothing is known.
    pub old: u64,
}

/// Why a witness has not cosigned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// There was no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The witness refuses. 403: it does not trust the log's key. 404: it does not know the log.
    /// 422: what it cosigned last is not the beginning of this log.
    #[error("the witness refuses with status {status}: {why}")]
    Refused {
        /// The status code.
        status: u16,
        /// What it says, on one line.
        why: String,
    },
    /// The witness has cosigned a larger checkpoint of this log. Likely cause: the ledger was
    /// restored from a backup, or somebody else signs with its keys.
    #[error("the witness has cosigned {cosigned} records, this checkpoint has {size}")]
    Ahead {
        /// What it has cosigned.
        cosigned: u64,
        /// The size of this checkpoint.
        size: u64,
    },
    /// The witness has cosigned another tree of the same size: the log has forked.
    #[error("the witness has cosigned another tree of {0} records: the log has forked")]
    Fork(u64),
    /// The answer is no good cosignature of this checkpoint by this key.
    #[error("the answer is not a cosignature: {0}")]
    NotACosignature(NoteError),
    /// No proof could be made from the size that the witness names.
    #[error("there is no consistency proof from {0} records")]
    NoProof(u64),
    /// The witness named one size after another.
    #[error("the witness named another size each time it was asked")]
    Unsettled,
}

/// Submits a checkpoint and gives the lines of the witness. `proof` makes the consistency proof
/// from a smaller size.
pub async fn submit(
    http: &HttpClient,
    submission: &Submission<'_>,
    proof: impl Fn(u64) -> Option<Vec<Hash>>,
) -> Result<String, SubmitError> {
    let size = submission.checkpoint.size();
    let url = format!("{}/add-checkpoint", submission.url.trim_end_matches('/'));
    let mut old = submission.old.min(size);
    for _ in 0..TRIES {
        let request = AddCheckpoint {
            old,
            proof: proof(old).ok_or(SubmitError::NoProof(old))?,
            checkpoint: submission.checkpoint.note().to_owned(),
        };
        let answer = http.post(&url, "text/plain; charset=utf-8", request.to_text()).await?;
        match answer.status {
            200 => {
                let witness = std::slice::from_ref(submission.witness);
                return cosign::accept_cosignatures(submission.checkpoint, witness, &answer.body)
                    .map_err(SubmitError::NotACosignature);
            }
            409 => match cosigned_size(&answer) {
                Some(cosigned) if cosigned > size => {
                    return Err(SubmitError::Ahead { cosigned, size });
                }
                Some(cosigned) if cosigned == old => return Err(SubmitError::Fork(size)),
                Some(cosigned) => old = cosigned,
                None => return Err(refused(&answer)),
            },
            _ => return Err(refused(&answer)),
        }
    }
    Err(SubmitError::Unsettled)
}

fn cosigned_size(answer: &HttpAnswer) -> Option<u64> {
    if answer.media_type != "text/x.tlog.size" {
        return None;
    }
    std::str::from_utf8(&answer.body).ok()?.strip_suffix('\n')?.parse().ok()
}

fn refused(answer: &HttpAnswer) -> SubmitError {
    let text = String::from_utf8_lossy(&answer.body);
    let why = text.chars().filter(|c| !c.is_control()).take(200).collect();
    SubmitError::Refused { status: answer.status, why }
}
