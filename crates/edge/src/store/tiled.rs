use adproof_ledger::tiles::{TILE_HEIGHT, TILE_WIDTH, TileId, TileKind};

use super::StoreError;
use super::commit::Committer;
use super::disk::{Disk, replace};

const FILE: &str = "tiled";
const MAGIC: &str = "adproof tiled v1";
const WIDTH: u64 = TILE_WIDTH as u64;
/// The most groups of 256 records whose tiles are synced behind one batch: more than a batch of
/// usual size fills, so that the syncs keep up, and few enough that nobody notices.
const GROUPS_A_BATCH: usize = 4;
/// The word is given again after so many records; it takes syncs of its own.
const TOLD_EVERY: u64 = 64 * WIDTH;

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

impl<D: Disk> Committer<D> {
    /// Syncs some of the tiles that were written a while ago, and which the system has mostly
    /// written by itself since. Nothing waits for it: it only bounds how much is read again after
    /// a loss of power.
    pub(super) fn tidy(&mut self) -> Result<(), StoreError> {
        if self.poisoned {
            return Ok(());
        }
        self.poisoned = true;
        for _ in 0..GROUPS_A_BATCH {
            let end = self.settled + WIDTH;
            if end + self.limits.unsynced_records > self.edge.size() {
                break;
            }
            let mut synced = full_with(end / WIDTH).map(|tile| self.sync_tile(&tile.to_string()));
            if !synced.try_fold(true, |all, one| one.map(|there| all && there))? {
                break;
            }
            self.settled = end;
        }
        if self.settled >= self.told + TOLD_EVERY {
            Tiled::write(&mut self.disk, self.settled)?;
            self.told = self.settled;
        }
        self.poisoned = false;
        Ok(())
    }

    /// The tile's content, its name, and the names of the folders above it. False where somebody
    /// has taken it away: then it cannot be relied on, and is made again when that matters.
    fn sync_tile(&mut self, path: &str) -> Result<bool, StoreError> {
        let io = || StoreError::io(format!("syncing {path}"));
        match self.disk.sync(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            synced => synced.map_err(io())?,
        }
        let mut rest = path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            self.disk.sync_folder(folder).map_err(io())?;
            rest = folder;
        }
        self.disk.sync_folder("").map_err(io())?;
        Ok(true)
    }
}

/// The tiles that became full with the `group`-th group of 256 records, from 1.
fn full_with(group: u64) -> impl Iterator<Item = TileId> {
    let entries = TileId { kind: TileKind::Entries, index: group - 1, width: TILE_WIDTH };
    let hashes = (0..TILE_HEIGHT).map_while(move |level| {
        let groups = WIDTH.checked_pow(level.into())?;
        group.is_multiple_of(groups).then(|| TileId {
            kind: TileKind::Hashes { level },
            index: group / groups - 1,
            width: TILE_WIDTH,
        })
    });
    std::iter::once(entries).chain(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_that_is_full_belongs_to_one_group() {
        let size = 256 * 256 * 3;
        let mut given: Vec<TileId> = (1..=size / 256).flat_map(full_with).collect();
        let mut wanted: Vec<TileId> = TileId::changed(0, size).filter(TileId::is_full).collect();
        given.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(given, wanted);
    }
}
