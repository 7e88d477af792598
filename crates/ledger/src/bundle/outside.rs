//! What outsiders say of a bundle's checkpoint and of older ones, and what that is worth.

use std::collections::BTreeMap;

use super::fault::AnchorFault;
use super::{BundleFault, CHECKPOINT_FILE, Files, POLICY_FILE};
use crate::cosign::Cosigned;
use crate::hash::Hash;
use crate::note::VerifiedCheckpoint;
use crate::ots::{Attestation, OtsLimits, Receipt};
use crate::policy::{Policy, PolicyLimits, PolicyReport};
use crate::tree;
use crate::verify::KeyHistory;
use crate::witness::AddCheckpoint;

/// Where the checkpoints lie that outsiders have seen.
pub(super) const ANCHORS: &str = "anchors/";

/// What the reader brings besides keys, and what a caller has found of time stamps.
#[derive(Clone, Debug, Default)]
pub struct Outside<'a> {
    /// The witnesses that the reader trusts. The bundle must then be under checkpoints that meet
    /// it; without it the bundle's own policy says who witnesses, by the sender's word.
    pub policy: Option<&'a Policy>,
    /// Whether the sender is believed: with the bundle's own keys, its own policy counts too, and
    /// all that is shown is that the bundle fits together.
    pub believe_sender: bool,
    /// What the caller has found of time stamps, by the names of their files. What is not here is
    /// judged as far as this crate can.
    pub stamps: BTreeMap<String, Stamp>,
    /// Bounds.
    pub limits: CheckLimits,
}

/// Bounds of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckLimits {
    /// The most checkpoints besides the bundle's own.
    pub anchors: usize,
}

impl Default for CheckLimits {
    fn default() -> Self {
        Self { anchors: 64 }
    }
}

/// What a time stamp over a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// It shows that the checkpoint was there by a time.
    Stands {
        /// µs since 1970-01-01T00:00:00Z.
        not_after_us: i64,
        /// Whose word that is, for people.
        by: String,
    },
    /// What it needs to be judged was not there; in words, what that is.
    NotKnown(String),
    /// It does not hold.
    Fails(String),
}

/// Whose list of witnesses it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyOf {
    /// The reader brought it.
    Reader,
    /// It lies in the bundle: that these are witnesses, and independent, is the sender's word.
    Sender,
}

/// What witnesses say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleWitnesses {
    /// Whose list of witnesses it is.
    pub policy_of: PolicyOf,
    /// What each says of the bundle's checkpoint.
    pub report: PolicyReport,
    /// The size of the largest checkpoint in the bundle that meets the policy; none where none
    /// does, or the policy demands nothing.
    pub met_at: Option<u64>,
}

/// A checkpoint that outsiders have seen and that the bundle's own continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleAnchor {
    /// The checkpoint, with the lines of its witnesses.
    pub checkpoint: VerifiedCheckpoint,
    /// Whether it meets the policy that was asked.
    pub witnessed: bool,
    /// Its time stamps, by the names of their files.
    pub stamps: Vec<(String, Stamp)>,
}

/// What stands besides the log's word.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) witnesses: Option<BundleWitnesses>,
    pub(super) anchors: Vec<BundleAnchor>,
    pub(super) faults: Vec<BundleFault>,
    /// Sizes of checkpoints that count as seen by somebody else.
    pub(super) sizes: Vec<u64>,
}

/// The size and the rest of a name below `anchors/`.
pub(super) fn place(name: &str) -> Option<(u64, &str)> {
    let (digits, file) = name.strip_prefix(ANCHORS)?.split_once('/')?;
    let size: u64 = digits.parse().ok()?;
    let known = match file.split_once('.') {
        None => matches!(file, "checkpoint" | "cosignatures" | "consistency"),
        Some((hash, end)) => matches!(end, "tsr" | "ots") && Hash::from_hex(hash).is_some(),
    };
    (known && folder(size) == format!("{ANCHORS}{digits}/")).then_some((size, file))
}

/// The folder of a checkpoint. Sorted names are sorted sizes.
pub(super) fn folder(size: u64) -> String {
    format!("{ANCHORS}{size:020}/")
}

/// The bundle's own policy, as far as it can be read.
#[must_use]
pub fn own_policy(files: &Files) -> Option<Policy> {
    Policy::parse(files.get(POLICY_FILE)?, &PolicyLimits::default()).ok()
}

/// The time stamps in a bundle that only other programs can judge (RFC 3161), and receipts: the
/// name of each file, what was stamped, and the stamp.
pub fn stamp_files(files: &Files) -> impl Iterator<Item = (&str, &[u8], &[u8])> {
    files.iter().filter_map(|(name, bytes)| {
        let (size, file) = place(name)?;
        let stamped = files.get(&format!("{}{CHECKPOINT_FILE}", folder(size)))?;
        file.contains('.').then_some((name.as_str(), stamped.as_slice(), bytes.as_slice()))
    })
}

pub(super) fn seen(
    files: &Files,
    keys: &KeyHistory,
    current: &VerifiedCheckpoint,
    outside: &Outside<'_>,
) -> Seen {
    let mut seen = Seen::default();
    let own = match files.get(POLICY_FILE) {
        Some(bytes) => match Policy::parse(bytes, &PolicyLimits::default()) {
            Ok(policy) => Some(policy),
            Err(error) => {
                seen.faults.push(BundleFault::Policy(error));
                None
            }
        },
        None => None,
    };
    let (policy, policy_of) = match outside.policy {
        Some(policy) => (Some(policy), PolicyOf::Reader),
        None => (own.as_ref(), PolicyOf::Sender),
    };
    let meets = |checkpoint: &VerifiedCheckpoint| {
        let policy = policy.filter(|policy| !policy.demands_nothing());
        policy.is_some_and(|policy| policy.judge(checkpoint).is_met())
    };
    let mut met_at = meets(current).then(|| current.size());
    let mut sizes: Vec<u64> =
        files.keys().filter_map(|name| place(name)).map(|(size, _)| size).collect();
    sizes.dedup();
    if sizes.len() > outside.limits.anchors {
        let fault = AnchorFault::TooMany { found: sizes.len(), most: outside.limits.anchors };
        seen.faults.push(BundleFault::Anchor { size: current.size(), fault });
        sizes.clear();
    }
    for size in sizes {
        let checkpoint = match linked(files, keys, current, size) {
            Ok(checkpoint) => checkpoint,
            Err(fault) => {
                seen.faults.push(BundleFault::Anchor { size, fault });
                continue;
            }
        };
        let witnessed = meets(&checkpoint);
        let stamps = stamps(files, size, outside);
        for (file, stamp) in &stamps {
            if let Stamp::Fails(why) = stamp {
                let fault = BundleFault::Stamp { file: file.clone(), why: why.clone() };
                seen.faults.push(fault);
            }
        }
        if stamps.iter().any(|(_, stamp)| matches!(stamp, Stamp::Stands { .. })) {
            seen.sizes.push(size);
        }
        if witnessed {
            met_at = met_at.max(Some(size));
        }
        seen.anchors.push(BundleAnchor { checkpoint, witnessed, stamps });
    }
    if policy_of == PolicyOf::Reader || outside.believe_sender {
        let witnessed = seen.anchors.iter().filter(|anchor| anchor.witnessed);
        seen.sizes.extend(witnessed.map(|anchor| anchor.checkpoint.size()));
        seen.sizes.extend(meets(current).then(|| current.size()));
    }
    seen.witnesses = policy.map(|policy| {
        let report = policy.judge(current);
        for (name, said) in &report.witnesses {
            if *said == Cosigned::Bad {
                seen.faults.push(BundleFault::Cosignature(name.clone()));
            }
        }
        BundleWitnesses { policy_of, report, met_at }
    });
    seen
}

/// The checkpoint of `size` records, signed by a key that may, and the beginning of the bundle's.
fn linked(
    files: &Files,
    keys: &KeyHistory,
    current: &VerifiedCheckpoint,
    size: u64,
) -> Result<VerifiedCheckpoint, AnchorFault> {
    let file = |name: &str| files.get(&format!("{}{name}", folder(size)));
    let plain = file(CHECKPOINT_FILE).ok_or(AnchorFault::NoFile("checkpoint"))?;
    let lines = file("cosignatures").map(Vec::as_slice).unwrap_or_default();
    // Without the lines of witnesses it must be a note too: that is what is stamped.
    keys.checkpoint(plain).map_err(AnchorFault::Checkpoint)?;
    let note = [plain.as_slice(), lines].concat();
    let checkpoint = keys.checkpoint(&note).map_err(AnchorFault::Checkpoint)?;
    if checkpoint.size() != size {
        return Err(AnchorFault::OtherSize(checkpoint.size()));
    }
    if size == current.size() {
        let same = checkpoint.root() == current.root();
        return if same { Ok(checkpoint) } else { Err(AnchorFault::Fork) };
    }
    let proof = file("consistency").ok_or(AnchorFault::NoFile("consistency"))?;
    let proof = AddCheckpoint::parse(proof).map_err(|_| AnchorFault::NotLinked)?;
    let note = files.get(CHECKPOINT_FILE).map(Vec::as_slice).unwrap_or_default();
    if proof.old != size || proof.checkpoint.as_bytes() != note {
        return Err(AnchorFault::NotLinked);
    }
    let (old, new) = ((size, &checkpoint.root()), (current.size(), &current.root()));
    tree::verify_consistency(old, new, &proof.proof).map_err(|_| AnchorFault::NotLinked)?;
    Ok(checkpoint)
}

fn stamps(files: &Files, size: u64, outside: &Outside<'_>) -> Vec<(String, Stamp)> {
    let prefix = folder(size);
    let stamped = files.get(&format!("{prefix}{CHECKPOINT_FILE}"));
    let mut stamps = Vec::new();
    for (name, bytes) in files.range(prefix.clone()..).take_while(|(n, _)| n.starts_with(&prefix)) {
        let Some((stem, end)) = name.rsplit_once('.') else {
            continue;
        };
        let stamp = match outside.stamps.get(name) {
            _ if !stem.ends_with(&Hash::of(bytes).to_string()) => {
                Stamp::Fails("it is not the one that its name says".to_owned())
            }
            Some(stamp) => stamp.clone(),
            None if end == "ots" => receipt(bytes, stamped.map(Vec::as_slice)),
            None => Stamp::NotKnown("no root of its authority was given".to_owned()),
        };
        stamps.push((name.clone(), stamp));
    }
    stamps
}

/// What a receipt leads to, for whoever can look the block up.
fn receipt(bytes: &[u8], stamped: Option<&[u8]>) -> Stamp {
    let receipt = match Receipt::parse(bytes, &OtsLimits::default()) {
        Ok(receipt) => receipt,
        Err(error) => return Stamp::Fails(error.to_string()),
    };
    if stamped.map(Hash::of) != Some(receipt.digest) {
        return Stamp::Fails("it is over something else".to_owned());
    }
    let block = receipt.attestations.iter().find_map(|attestation| match attestation {
        Attestation::Bitcoin { height, root: Some(root) } => Some((height, root)),
        _ => None,
    });
    Stamp::NotKnown(match block {
        // Block explorers show it the other way round.
        Some((height, root)) => {
            let mut shown = *root;
            shown.reverse();
            let shown = Hash::new(shown);
            format!(
                "it leads to the Merkle root {shown} of Bitcoin block {height}: compare it with that \
                 block's header"
            )
        }
        None => "it is pending: no block has it yet".to_owned(),
    })
}
