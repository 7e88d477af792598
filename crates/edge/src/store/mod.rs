//! The ledger on a disk: one writer, many readers, and what is left after a crash.
//!
//! # Files
//!
//! ```text
//! LEDGER/
//!   lock                      held by the writer, shared by readers
//!   log.pub                   the log's public keys as C2SP vkeys
//!   checkpoint                the last published checkpoint (C2SP signed note)
//!   segments/<first seq>.seg  the records: the only truth
//!   tile/…                    C2SP tlog-tiles: derived, rebuilt when the ledger is opened
//!   cut/<seq>-<bytes>.bin     torn tails that were cut off
//! ```
//!
//! Beside the keys, outside of the ledger, lies a second copy of the last checkpoint. It is
//! compared and swapped, so that neither a ledger restored from a backup nor a copy can sign a
//! second history.
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
//!   └── acknowledge ◄─ Published ◄── rename, sync folder ◄── Kept ◄── swap in the second place
//! ```
//!
//! A record is acknowledged when its batch is `Published`, never earlier. `Poisoned` is final:
//! after a failed write or sync nobody knows what the disk holds (a second `fsync` may report
//! success for pages that were dropped), so the writer refuses everything until it is opened
//! again.
//!
//! # Opening, by what is found
//!
//! | found | done |
//! |---|---|
//! | frames up to the checkpoint are whole and hash to its root | go on |
//! | a bad frame in front of the checkpoint's end, or another root | refuse: [`StoreError::Damaged`], [`StoreError::OtherRoot`] |
//! | whole, linked and signed frames behind the checkpoint (crash after `Written`) | keep and publish them |
//! | a bad frame behind it (torn write) | save it under `cut/`, cut, publish, write a `recovery` record |
//! | the second place is ahead, and the frames lead to it (crash after `Kept`) | publish it |
//! | the second place is ahead, and the frames do not lead to it | refuse: [`StoreError::OlderThanHead`] |
//! | the second place is behind (keys restored from a backup), or empty | swap forward |
//!
//! Readers take the shared lock, so they never see a batch half-way.

mod disk;
mod error;
mod lock;
mod reader;
mod writer;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod killed;

pub use disk::{Disk, Folder};
pub use error::StoreError;
pub use reader::{LedgerReader, OwnedFrame};
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
