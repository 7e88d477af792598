use super::StoreError;
use super::disk::{Disk, replace};

const FILE: &str = "tiled";
const MAGIC: &str = "adproof tiled v1";

/// How far the tiles can be relied on. They are written without a sync: a killed process leaves
/// them whole, a loss of power may not.
#[derive(Debug, Default)]
pub(super) struct Tiled {
    /// The tiles of that many records have been synced.
    pub(super) settled: u64,
    /// Under which start of the system those behind were written.
    boot: String,
}

impl Tiled {
    /// What the ledger says; where it says nothing, nothing can be relied on.
    pub(super) fn read(disk: &impl Disk) -> Self {
        let bytes = disk.read(FILE).ok().flatten().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.split('\n');
        let parts = (lines.next(), lines.next(), lines.next(), lines.next());
        let (Some(MAGIC), Some(settled), Some(boot), Some("")) = parts else {
            return Self::default();
        };
        Self { settled: settled.parse().unwrap_or(0), boot: boot.to_owned() }
    }

    /// Whether the system still runs that wrote them.
    pub(super) fn is_of(&self, disk: &impl Disk) -> bool {
        disk.boot().is_some_and(|boot| boot == self.boot)
    }

    /// Says that the tiles of `settled` records are synced, and all others written by the system
    /// that runs now.
    pub(super) fn write(disk: &mut impl Disk, settled: u64) -> Result<(), StoreError> {
        let boot = disk.boot().unwrap_or_default();
        let text = format!("{MAGIC}\n{settled}\n{boot}\n");
        replace(disk, FILE, text.as_bytes()).map_err(StoreError::io(format!("writing {FILE}")))
    }
}
