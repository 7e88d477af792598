//! `adproof ledger verify A B`: whether two checkpoints are of one history.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use adproof_edge::store::LedgerReader;
use adproof_ledger::fork::{Fork, Relation, relation};
use adproof_ledger::note::MAX_NOTE_BYTES;
use adproof_ledger::verify::KeyHistory;
use adproof_ledger::{TrustedKeys, VerifiedCheckpoint, tree};

use super::changes::ChangesArgs;
use super::shown::{read_file, trusted_of};
use crate::keyring::store_failure;
use crate::out::{Exit, Failure, Format, Out};

/// One of the two: a ledger, or a checkpoint alone.
struct Side<'p> {
    path: &'p Path,
    ledger: Option<LedgerReader>,
    checkpoint: VerifiedCheckpoint,
}

impl<'p> Side<'p> {
    fn read(path: &'p Path, trusted: &TrustedKeys, shown: &KeyHistory) -> anyhow::Result<Self> {
        let ledger = path.is_dir().then(|| LedgerReader::open(path).map_err(store_failure));
        let ledger = ledger.transpose()?;
        let bytes = match &ledger {
            Some(ledger) => ledger.checkpoint().to_vec(),
            None => read_file(path, MAX_NOTE_BYTES)?,
        };
        let keys = ledger.as_ref().map(|ledger| ledger.key_history(trusted).map_err(store_failure));
        let keys = keys.transpose()?;
        let checkpoint = keys.as_ref().unwrap_or(shown).checkpoint(&bytes).map_err(|error| {
            Failure::new(format!("the checkpoint cannot be trusted: {error}"))
                .at(path.display())
                .todo("give a ledger or a checkpoint of this log, and its keys with --key")
        })?;
        Ok(Self { path, ledger, checkpoint })
    }
}

pub(super) fn run(
    (one, other): (&Path, &Path),
    (keys, changes): (&[PathBuf], &ChangesArgs),
    out: &mut Out,
) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    let folder = [one, other].into_iter().find(|path| path.is_dir());
    let trusted = trusted_of(keys, folder, out)?;
    // What a ledger tells of its keys is good for a checkpoint beside it too.
    let shown = match folder {
        Some(folder) => {
            let ledger = LedgerReader::open(folder).map_err(store_failure)?;
            ledger.key_history(&trusted).map_err(store_failure)?
        }
        None => changes.follow(&trusted)?,
    };
    let one = Side::read(one, &trusted, &shown)?;
    let other = Side::read(other, &trusted, &shown)?;
    for side in [&one, &other] {
        let (size, root) = (side.checkpoint.size(), side.checkpoint.root());
        writeln!(out, "{}\n  {size} records, root {root}", side.path.display())?;
    }
    writeln!(out)?;
    match relation(&one.checkpoint, &other.checkpoint) {
        Relation::Same => {
            writeln!(out, "verified: both are the same tree")?;
            Ok(Exit::Clean)
        }
        Relation::Fork(fork) => tell_fork(&fork, out),
        _ => tell_sizes(one, other, out),
    }
}

fn tell_fork(fork: &Fork, out: &mut Out) -> anyhow::Result<Exit> {
    let (log, size) = (fork.origin(), fork.size());
    writeln!(out, "FORK: the key of {log} has signed two different trees of {size} records.")?;
    writeln!(out, "One of them was shown to somebody and not to you. The two signed notes below")?;
    writeln!(out, "prove it to everybody who has the log's key; nothing else is needed.\n")?;
    out.write_all(fork.to_text().as_bytes())?;
    Ok(Exit::Findings)
}

/// Of two sizes: the records themselves tell whether one continues the other.
fn tell_sizes(one: Side<'_>, other: Side<'_>, out: &mut Out) -> anyhow::Result<Exit> {
    let (old, new) =
        if one.checkpoint.size() < other.checkpoint.size() { (one, other) } else { (other, one) };
    let Some(ledger) = &new.ledger else {
        return Err(Failure::new(format!(
            "one has {} records and the other {}: whether one continues the other shows only in \
             the ledger or a consistency proof",
            old.checkpoint.size(),
            new.checkpoint.size()
        ))
        .at(new.path.display())
        .todo(
            "give the ledger's folder in place of the larger checkpoint, or ask for a proof \
             (`adproof ledger prove --consistency`) and check it with `adproof ledger \
             verify-proof`",
        )
        .into());
    };
    let records = ledger.tree().map_err(store_failure)?;
    let root = |checkpoint: &VerifiedCheckpoint| tree::root_at(&records, checkpoint.size()).ok();
    if root(&new.checkpoint) != Some(new.checkpoint.root()) {
        writeln!(out, "FAILED: the records in {} are not those that its", new.path.display())?;
        writeln!(out, "checkpoint signs; run `adproof ledger verify` on it")?;
        return Ok(Exit::Findings);
    }
    if root(&old.checkpoint) != Some(old.checkpoint.root()) {
        let size = old.checkpoint.size();
        writeln!(out, "FORK: the first {size} records of {} are not those", new.path.display())?;
        writeln!(out, "that the key of {} signed before:\n", old.checkpoint.origin())?;
        out.write_all(old.checkpoint.note().as_bytes())?;
        writeln!(out)?;
        out.write_all(new.checkpoint.note().as_bytes())?;
        return Ok(Exit::Findings);
    }
    let more = new.checkpoint.size().saturating_sub(old.checkpoint.size());
    writeln!(out, "verified: {} continues {}", new.path.display(), old.path.display())?;
    writeln!(out, "with {more} records more")?;
    Ok(Exit::Clean)
}
