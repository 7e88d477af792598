use std::cell::RefCell;
use std::collections::BTreeMap;

use adproof_ledger::tiles::{TileId, tile_hashes};
use adproof_ledger::tree::{NodeId, Nodes};
use adproof_ledger::{Frontier, Hash, full_tile, node_of_tile};

use super::disk::Disk;

/// A tile's bytes; none where they cannot be had, for whatever reason.
pub(super) fn read_tile(disk: &impl Disk, tile: &TileId) -> Option<Vec<u8>> {
    disk.read(&tile.to_string()).ok().flatten()
}

/// The hashes of a tree from its tiles, and its right edge from memory. They are what somebody
/// wrote into files: a proof made of them has to be checked.
pub(super) struct StoredNodes<'d, D> {
    disk: &'d D,
    edge: &'d Frontier,
    known: RefCell<BTreeMap<TileId, Vec<Hash>>>,
}

impl<'d, D: Disk> StoredNodes<'d, D> {
    pub(super) fn new(disk: &'d D, edge: &'d Frontier) -> Self {
        Self { disk, edge, known: RefCell::default() }
    }
}

impl<D: Disk> Nodes for StoredNodes<'_, D> {
    fn node(&self, id: NodeId) -> Option<Hash> {
        let tile = full_tile(id);
        self.edge.node(id).or_else(|| {
            let mut known = self.known.borrow_mut();
            let hashes = known.entry(tile).or_insert_with(|| {
                let bytes = read_tile(self.disk, &tile);
                bytes.as_deref().and_then(tile_hashes).unwrap_or_default()
            });
            node_of_tile(id, hashes)
        })
    }
}
