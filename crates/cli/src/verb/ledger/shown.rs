//! What a ledger shows without its lock, so that these verbs also work while a writer appends.

use std::path::{Path, PathBuf};

use adproof_edge::anchors::{Anchors, AnchorsError, Limits as AnchorLimits};
use adproof_edge::keys::{Limits as KeyLimits, read_public};
use adproof_edge::store::{KEYS_FILE, Published};
use adproof_ledger::note::MAX_NOTE_BYTES;
use adproof_ledger::policy::{Policy, PolicyLimits, PolicyReport};
use adproof_ledger::tiled::TiledTree;
use adproof_ledger::tiles::TileId;
use adproof_ledger::verify::KeyHistory;
use adproof_ledger::{AddCheckpoint, Cosigned, TrustedKeys, VerifiedCheckpoint, tree};
use adproof_model::Timestamp;

use crate::keyring::{keys_failure, read_trusted, store_failure};
use crate::out::{Failure, Out};
use crate::text::safe;

/// A ledger as strangers see it.
pub(super) struct Shown {
    pub(super) published: Published,
    /// The log's keys, as its key records tell.
    pub(super) keys: KeyHistory,
    /// As the log alone has signed it.
    pub(super) plain: VerifiedCheckpoint,
    /// With the lines of its witnesses.
    pub(super) cosigned: VerifiedCheckpoint,
    pub(super) anchors: Anchors,
}

impl Shown {
    pub(super) fn open(folder: &Path, keys: &[PathBuf], out: &Out) -> anyhow::Result<Self> {
        let published = Published::open(folder).map_err(store_failure)?;
        let trusted = trusted_of(keys, Some(folder), out)?;
        // The folder's own file has the keys of all times.
        let keys = match keys {
            [] => KeyHistory::new(&trusted),
            _ => published.key_history(&trusted).map_err(store_failure)?,
        };
        let read = |note: &[u8]| {
            keys.checkpoint(note).map_err(|error| {
                Failure::new(format!("the checkpoint of the ledger: {error}"))
                    .at(folder.join("checkpoint").display())
                    .todo("run `adproof ledger verify` to see what is wrong")
            })
        };
        let plain = read(&published.plain().map_err(store_failure)?)?;
        let cosigned = read(&published.checkpoint().map_err(store_failure)?)?;
        let anchors = Anchors::of(folder, AnchorLimits::default());
        Ok(Self { published, keys, plain, cosigned, anchors })
    }

    /// The tree under the checkpoint, from the tiles.
    pub(super) fn tree(&self) -> TiledTree<impl Fn(&TileId) -> Option<Vec<u8>>> {
        let tile = |tile: &TileId| self.published.tile(tile).ok().flatten();
        TiledTree::new(self.plain.size(), tile)
    }

    /// The proof that the checkpoint continues its first `old` records, checked against its root.
    pub(super) fn consistency(&self, old: u64) -> Option<Vec<adproof_ledger::Hash>> {
        let (tree, new) = (self.tree(), &self.plain);
        let root = tree::root_at(&tree, old).ok()?;
        let proof = tree::consistency_proof(&tree, old, new.size()).ok()?;
        tree::verify_consistency((old, &root), (new.size(), &new.root()), &proof).ok()?;
        Some(proof)
    }
}

/// The keys to trust: those that were given, or those that lie in the folder, with a note.
pub(super) fn trusted_of(
    keys: &[PathBuf],
    folder: Option<&Path>,
    out: &Out,
) -> anyhow::Result<TrustedKeys> {
    if let Some(trusted) = read_trusted(keys)? {
        return Ok(trusted);
    }
    let Some(folder) = folder else {
        return Err(Failure::new("there are no keys to verify with")
            .todo("give the log's public keys with --key, as `adproof keys export` writes them")
            .into());
    };
    out.note(
        "note: verifying with the public keys that lie in the ledger itself. Whoever can replace \
         its records can replace these too; give the keys that you hold with --key.",
    );
    read_public(&folder.join(KEYS_FILE), &KeyLimits::default()).map_err(keys_failure)
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read_file(path: &Path, most: usize) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let cannot = |what: String| Failure::new(what).at(path.display());
    let file = std::fs::File::open(path).map_err(|error| {
        cannot(format!("the file cannot be read: {error}")).todo("check the path and its rights")
    })?;
    let mut bytes = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(|error| {
        cannot(format!("the file cannot be read: {error}")).todo("check the path and its rights")
    })?;
    if bytes.len() > most {
        return Err(cannot(format!("the file is longer than {most} bytes"))
            .todo("check that it is the right file")
            .into());
    }
    Ok(bytes)
}

/// Reads a policy.
pub(crate) fn read_policy(path: &Path) -> anyhow::Result<Policy> {
    let limits = PolicyLimits::default();
    let bytes = read_file(path, limits.bytes)?;
    Policy::parse(&bytes, &limits).map_err(|error| {
        Failure::new(format!("the policy cannot be used: {error}"))
            .at(path.display())
            .todo("see https://c2sp.org/tlog-policy for its form")
            .into()
    })
}

/// The checkpoints that are kept beside a ledger and meet a policy, smallest first.
fn meeting(
    folder: &Path,
    keys: &KeyHistory,
    policy: &Policy,
) -> anyhow::Result<Vec<VerifiedCheckpoint>> {
    let anchors = Anchors::of(folder, AnchorLimits::default());
    let kept = anchors.all().map_err(|error| anchors_failure(&error))?;
    let read = kept.iter().filter_map(|kept| keys.checkpoint(&kept.cosigned()).ok());
    Ok(read.filter(|checkpoint| policy.judge(checkpoint).is_met()).collect())
}

/// The newest checkpoint that is kept beside a ledger, meets a policy and covers a record.
pub(crate) fn meeting_over(
    folder: &Path,
    trusted: &TrustedKeys,
    (path, policy): (&Path, &Policy),
    seq: u64,
) -> anyhow::Result<VerifiedCheckpoint> {
    let met = meeting(folder, &KeyHistory::new(trusted), policy)?;
    met.into_iter().rev().find(|checkpoint| checkpoint.size() > seq).ok_or_else(|| {
        Failure::new(format!("no checkpoint over record {seq} meets the policy"))
            .at(path.display())
            .todo("ask the witnesses: `adproof ledger witness submit`")
            .into()
    })
}

/// The proof that a ledger continues `old`: a file with a checkpoint, or a number of records.
pub(super) fn consistency_proof(folder: &Path, old: &str, out: &Out) -> anyhow::Result<String> {
    let shown = Shown::open(folder, &[], out)?;
    let size = if let Ok(size) = old.parse() {
        size
    } else {
        let path = Path::new(old);
        let note = read_file(path, MAX_NOTE_BYTES)?;
        let held = shown.keys.checkpoint(&note).map_err(|error| {
            Failure::new(format!("the older checkpoint cannot be trusted: {error}"))
                .at(path.display())
                .todo("give a checkpoint of this log, or a number of records")
        })?;
        held.size()
    };
    let records = shown.plain.size();
    let proof = shown.consistency(size).filter(|_| size <= records).ok_or_else(|| {
        Failure::new(format!("there is no proof from {size} records to {records}"))
            .at(folder.display())
            .todo("run `adproof ledger verify` to see whether tiles are missing or wrong")
    })?;
    let checkpoint = shown.cosigned.note().to_owned();
    Ok(AddCheckpoint { old: size, proof, checkpoint }.to_text())
}

/// What a policy says of a checkpoint, one line each.
pub(super) fn policy_lines(report: &PolicyReport) -> Vec<String> {
    let mut lines: Vec<String> = report
        .witnesses
        .iter()
        .map(|(name, cosigned)| format!("witness     {}: {}", safe(name), cosigned_text(*cosigned)))
        .collect();
    let (some, all) = (report.cosigned(), report.witnesses.len());
    lines.push(match (report.log_known, report.quorum_met) {
        (false, _) => "policy      NOT MET: it does not list this log".to_owned(),
        (true, true) => format!("policy      met: witnessed by {some} of {all}"),
        (true, false) => format!("policy      NOT MET: witnessed by {some} of {all}"),
    });
    lines
}

pub(crate) fn cosigned_text(cosigned: Cosigned) -> String {
    match cosigned {
        Cosigned::At { time_s } => format!("cosigned {}", time_of(time_s)),
        other => other.to_string(),
    }
}

/// A time in seconds since 1970, for people.
pub(super) fn time_of(time_s: u64) -> String {
    let micros = i64::try_from(time_s).ok().and_then(|time_s| time_s.checked_mul(1_000_000));
    micros.map_or_else(|| time_s.to_string(), |us| Timestamp::from_micros(us).to_string())
}

pub(crate) fn anchors_failure(error: &AnchorsError) -> anyhow::Error {
    let todo = match error {
        AnchorsError::Fork { .. } => {
            "keep both checkpoints: together they prove that the log signed two histories"
        }
        _ => "check the path and its rights",
    };
    Failure::new(error.to_string()).todo(todo).into()
}
