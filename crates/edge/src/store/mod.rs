//! The ledger on a disk: one writer, many readers, and what is left after a crash.
//!
//! # Files
//!
//! ```text
//! LEDGER/
//!   lock                      held by the writer, shared by readers
//!   log.pub                   the log's public keys as C2SP vkeys
//!   checkpoint                the last published checkpoint (C2SP signed note)
//!   checkpoint.new            the one before it: the next one overwrites it, and both change places
//!   segments/<first seq>.seg  the records: the only truth
//!   tile/…                    C2SP tlog-tiles: derived, mended when the ledger is opened
//!   tiled                     how far the tiles can be relied on after a loss of power
//!   cut/<seq>-<bytes>.bin     torn tails that were cut off
//!   index.redb                the records by what they say: derived, never the truth
//! HEADS/
//!   <SHA-256 of the log's name>.checkpoint   the last two checkpoints, written in turn
//!   <SHA-256 of the log's name>.lock         held by the writer
//! ```
//!
//! The second folder lies beside the keys, outside of the ledger. The checkpoint in it is compared
//! and swapped, so that neither a ledger restored from a backup nor a copy can sign a second
//! history.
//!
//! # A batch, as a state machine
//!
//! ```text
//!             ┌────────────── any step fails ──────────────► Poisoned
//!             │
//! Ready ── append frames ─► Written ── fdatasync ─► Durable ── full tiles ─► Tiled
//!   ▲                                                                          │
//!   │                                                              sign checkpoint
//!   │                                                                          ▼
//!   └── acknowledge ◄─ Published ◄── rename ◄── Kept ◄── swap, fdatasync ◄── Signed
//! ```
//!
//! A record is acknowledged when its batch is `Published`, never earlier. `Poisoned` is final:
//! after a failed write or sync nobody knows what the disk holds (a second `fsync` may report
//! success for pages that were dropped), so the writer refuses everything until it is opened
//! again.
//!
//! Two syncs a batch, in this order, and why no third is needed:
//!
//! 1. **The frames**, before anything is signed over them: a checkpoint over records that were
//!    lost could never be met again, and its key would have to sign a second history.
//! 2. **The checkpoint, in the second place**, before anybody can see it: else a ledger restored
//!    from a backup could contradict what was seen. The file has two slots that are overwritten in
//!    turn, so one `fdatasync` does, and a torn write leaves the checkpoint in front of it.
//!
//! The file `checkpoint` gets into place in one step, without a sync: a process that dies leaves it
//! whole, and should a loss of power tear it or bring the old one back, opening publishes the copy
//! of the second place, or signs the same tree again. Without a second place it is synced, with its
//! name. Tiles are written in front of the checkpoint that covers them, for those who fetch them,
//! and synced later, when nobody waits: they are derived. Full ones are not relied on but through
//! the root of a signed checkpoint, and are made again where that fails, or where the power may
//! have been lost.
//!
//! # Opening, by what is found
//!
//! Opening does not read the log. It takes the hashes of the tree's right edge from the full
//! tiles, reads the last segments from the last group of 256 records on, and compares the root
//! with the checkpoint, whose signature by its own key it has verified: no other records can
//! lead to that root, whatever lies in the tiles. So the tree is continued as it was signed, even
//! if somebody has changed an older record since; *that* shows when the log is verified, which
//! reads and checks every byte. Where the tiles do not lead to the root, all records are read.
//!
//! After a restart of the system (another boot id than the file `tiled` names) every tile behind
//! the last sync of tiles is compared with its records, because a loss of power may have torn it.
//!
//! | found | done |
//! |---|---|
//! | frames up to the checkpoint are whole and lead to its root | go on |
//! | a bad frame in the last segment in front of the checkpoint's end, or another root | refuse: [`StoreError::Damaged`], [`StoreError::OtherRoot`] |
//! | whole, linked and signed frames behind the checkpoint (crash after `Written`) | keep and publish them |
//! | a bad frame behind it (torn write) | save it under `cut/`, cut, publish, write a `recovery` record |
//! | `checkpoint` is not a note, and the second place holds one (loss of power after `Kept`) | publish that |
//! | the second place is ahead, and the frames lead to it (crash after `Kept`) | publish it |
//! | the second place is ahead, and the frames do not lead to it | refuse: [`StoreError::OlderThanHead`] |
//! | the second place is behind (keys restored from a backup), or empty | swap forward |
//!
//! Readers take the shared lock, so they never see a batch half-way.

mod commit;
mod disk;
mod error;
mod group;
mod heads;
mod index;
mod lock;
mod nodes;
mod open;
mod published;
mod reader;
mod sign;
mod ticket;
mod tiled;
mod verify;
mod writer;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod killed;

pub(crate) use disk::replace;
pub use disk::{Disk, Folder};
pub use error::StoreError;
pub use group::{GroupLimits, LedgerGroup};
pub use index::{FoundBy, HashPrefix, Query};
pub(crate) use lock::Lock;
pub use published::Published;
pub use reader::{LedgerReader, OwnedFrame, is_key_record};
pub use ticket::{Outcome, Ticket};
pub use verify::Progress;
pub use writer::{Appended, LedgerWriter, Limits, Opened, Signers};

/// The file with the log's public keys.
pub const KEYS_FILE: &str = "log.pub";
/// The file with the last published checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";

const SEGMENTS: &str = "segments";
const CUT: &str = "cut";

fn segment_path(first_seq: u64) -> String {
    format!("{SEGMENTS}/{first_seq:020}.seg")
}

fn segment_first(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let first: u64 = digits.parse().ok()?;
    (format!("{first:020}") == digits).then_some(first)
}
