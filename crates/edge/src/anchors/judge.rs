//! What outsiders say of a ledger, judged by what the verifier trusts.

use std::collections::BTreeMap;

use adproof_ledger::bundle::{self, Files, Stamp as Word};
use adproof_ledger::ots::{Attestation, BlockHeader, OtsError, OtsLimits, Receipt};
use adproof_ledger::policy::Policy;
use adproof_ledger::verify::{KeyHistory, Standing, TimeStamp};
use adproof_ledger::{Hash, PolicyReport, VerifiedCheckpoint};

use super::rfc3161::{self, Stamp, TokenError, TokenLimits};
use super::{Kept, Token, TokenKind};

/// Whom the verifier trusts. Nothing of it comes from the ledger's folder.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The keys of the log, as its key records tell.
    pub keys: &'a KeyHistory,
    /// The witnesses, and how many of them must have cosigned.
    pub policy: Option<&'a Policy>,
    /// Root certificates of time stamp authorities, in DER.
    pub roots: &'a [Vec<u8>],
    /// Headers of Bitcoin blocks, with their heights.
    pub headers: &'a [(u32, BlockHeader)],
}

/// What a time stamp says, or why it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It shows that the checkpoint was there by a time.
    Stands {
        /// µs since 1970-01-01T00:00:00Z.
        not_after_us: i64,
        /// Whose word that is, for people.
        by: String,
    },
    /// It is not known to the verifier: no root or no block header was given for it.
    NotKnown(String),
    /// It does not hold.
    Fails(String),
}

/// One time stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// How many records its checkpoint covers.
    pub size: u64,
    /// What it is.
    pub kind: TokenKind,
    /// Its file, below the folder.
    pub file: String,
    /// What it says.
    pub verdict: Verdict,
}

/// What outsiders say.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Checkpoints that somebody besides the log has seen.
    pub seen: Vec<(VerifiedCheckpoint, Standing)>,
    /// Times, for the clocks of the records.
    pub stamps: Vec<TimeStamp>,
    /// All time stamps.
    pub anchors: Vec<Anchor>,
    /// Checkpoints that are kept and that the log's keys have not signed.
    pub strange: Vec<u64>,
    /// What the policy says of the ledger's own checkpoint.
    pub policy: Option<PolicyReport>,
    /// The largest checkpoint that meets the policy.
    pub met_at: Option<u64>,
}

impl Outside {
    /// Whether nothing of it is wrong: the policy is met where there is one, and no time stamp
    /// fails.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let fails = |anchor: &Anchor| matches!(anchor.verdict, Verdict::Fails(_));
        self.policy.as_ref().is_none_or(PolicyReport::is_met) && !self.anchors.iter().any(fails)
    }
}

/// Judges what is kept beside a ledger. `current` is the ledger's own checkpoint with the lines of
/// its witnesses, where it could be verified.
#[must_use]
pub fn judge(kept: &[Kept], current: Option<&VerifiedCheckpoint>, trust: &Trust<'_>) -> Outside {
    let mut outside = Outside {
        // A policy that nothing can be held against is not met.
        policy: trust.policy.map(|policy| match current {
            Some(current) => policy.judge(current),
            None => PolicyReport { log_known: false, quorum_met: false, witnesses: Vec::new() },
        }),
        ..Outside::default()
    };
    for one in kept {
        let Ok(checkpoint) = trust.keys.checkpoint(&one.cosigned()) else {
            outside.strange.push(one.size);
            continue;
        };
        if checkpoint.size() != one.size {
            outside.strange.push(one.size);
            continue;
        }
        let met = trust.policy.filter(|policy| !policy.demands_nothing());
        if met.is_some_and(|policy| policy.judge(&checkpoint).is_met()) {
            outside.met_at = Some(one.size);
            outside.seen.push((checkpoint.clone(), Standing::Witnessed));
        }
        let mut anchored = false;
        for token in &one.tokens {
            let (verdict, stamp) = match token.kind {
                TokenKind::Rfc3161 => judge_token(one, token, trust.roots),
                TokenKind::OpenTimestamps => judge_receipt(one, token, trust.headers),
            };
            anchored |= stamp.is_some();
            outside.stamps.extend(stamp);
            let (size, kind, file) = (one.size, token.kind, token.name.clone());
            outside.anchors.push(Anchor { size, kind, file, verdict });
        }
        if anchored {
            outside.seen.push((checkpoint, Standing::Anchored));
        }
    }
    outside
}

/// Judges the time stamps in a bundle, by the names of their files. Receipts for which no header
/// was given are left to the bundle's own check, which says what they lead to.
#[must_use]
pub fn judge_bundle(
    files: &Files,
    roots: &[Vec<u8>],
    headers: &[(u32, BlockHeader)],
) -> BTreeMap<String, Word> {
    let mut words = BTreeMap::new();
    for (name, stamped, stamp) in bundle::stamp_files(files) {
        let of = |kind| {
            let token = Token { kind, name: name.to_owned(), bytes: stamp.to_vec() };
            let (checkpoint, cosignatures) = (stamped.to_vec(), Vec::new());
            (Kept { size: 0, checkpoint, cosignatures, tokens: Vec::new() }, token)
        };
        let is_token = name.rsplit_once('.').is_some_and(|(_, end)| end == "tsr");
        let verdict = if is_token {
            let (kept, token) = of(TokenKind::Rfc3161);
            judge_token(&kept, &token, roots).0
        } else {
            let (kept, token) = of(TokenKind::OpenTimestamps);
            judge_receipt(&kept, &token, headers).0
        };
        let word = match verdict {
            Verdict::Stands { not_after_us, by } => Word::Stands { not_after_us, by },
            Verdict::Fails(why) => Word::Fails(why),
            Verdict::NotKnown(_) if !is_token => continue,
            Verdict::NotKnown(why) => Word::NotKnown(why),
        };
        words.insert(name.to_owned(), word);
    }
    words
}

fn judge_token(kept: &Kept, token: &Token, roots: &[Vec<u8>]) -> (Verdict, Option<TimeStamp>) {
    if roots.is_empty() {
        let why = "no root of its authority was given".to_owned();
        return (Verdict::NotKnown(why), None);
    }
    let limits = TokenLimits::default();
    match rfc3161::verify(&token.bytes, &kept.checkpoint, None, roots, &limits) {
        Ok(stamp) => {
            let time = time_of(kept.size, token, &stamp);
            let not_after_us = stamp.not_after_us();
            (Verdict::Stands { not_after_us, by: stamp.authority }, Some(time))
        }
        Err(error @ TokenError::UnknownRoot) => (Verdict::NotKnown(error.to_string()), None),
        Err(error) => (Verdict::Fails(error.to_string()), None),
    }
}

fn time_of(size: u64, token: &Token, stamp: &Stamp) -> TimeStamp {
    TimeStamp {
        size,
        not_after_us: stamp.not_after_us(),
        beacon: Some((Hash::of(&token.bytes), stamp.not_before_us())),
    }
}

fn judge_receipt(
    kept: &Kept,
    token: &Token,
    headers: &[(u32, BlockHeader)],
) -> (Verdict, Option<TimeStamp>) {
    let receipt = match Receipt::parse(&token.bytes, &OtsLimits::default()) {
        Ok(receipt) if receipt.digest == Hash::of(&kept.checkpoint) => receipt,
        Ok(_) => return (Verdict::Fails("it is over something else".to_owned()), None),
        Err(error) => return (Verdict::Fails(error.to_string()), None),
    };
    let mut verdict = Verdict::NotKnown(waiting(&receipt));
    for (height, header) in headers {
        match receipt.verify(&kept.checkpoint, *height, header) {
            Ok(()) => {
                let latest = header.time_s.saturating_add(BlockHeader::ACCURACY_S);
                let not_after_us = i64::from(latest) * 1_000_000;
                let by = format!("Bitcoin block {height}, {}", header.hash());
                let stamp = TimeStamp { size: kept.size, not_after_us, beacon: None };
                return (Verdict::Stands { not_after_us, by }, Some(stamp));
            }
            Err(OtsError::NoAttestation { .. }) => {}
            Err(error) => verdict = Verdict::Fails(error.to_string()),
        }
    }
    (verdict, None)
}

fn waiting(receipt: &Receipt) -> String {
    let heights: Vec<String> = receipt
        .attestations
        .iter()
        .filter_map(|attestation| match attestation {
            Attestation::Bitcoin { height, root: Some(_) } => Some(height.to_string()),
            _ => None,
        })
        .collect();
    if heights.is_empty() {
        "it is pending: no block has it yet".to_owned()
    } else {
        format!("the header of block {} was not given", heights.join(" or "))
    }
}
