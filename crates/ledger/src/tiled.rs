//! A tree whose hashes are in tiles somewhere else: what a client of a log needs to compute a root
//! or a proof from a checkpoint and the tiles alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::frontier::{full_tile, node_of_tile};
use crate::hash::Hash;
use crate::tiles::{TILE_HEIGHT, TILE_WIDTH, TileId, TileKind, tile_hashes};
use crate::tree::{NodeId, Nodes};

/// The nodes of a tree of a known size, read from tiles as they are asked for, each tile once.
///
/// Nothing is verified here: a root that is computed from the tiles is compared with the signed
/// one, and a proof is verified like any other.
#[derive(Debug)]
pub struct TiledTree<F> {
    size: u64,
    fetch: F,
    tiles: RefCell<BTreeMap<TileId, Option<Rc<[Hash]>>>>,
}

impl<F: Fn(&TileId) -> Option<Vec<u8>>> TiledTree<F> {
    /// A tree of `size` leaves whose tiles `fetch` brings.
    pub const fn new(size: u64, fetch: F) -> Self {
        Self { size, fetch, tiles: RefCell::new(BTreeMap::new()) }
    }

    /// How many tiles were asked for.
    #[must_use]
    pub fn fetched(&self) -> usize {
        self.tiles.borrow().len()
    }

    fn tile(&self, level: u8, index: u64) -> Option<Rc<[Hash]>> {
        let first = index.checked_mul(u64::from(TILE_WIDTH))?;
        let count = self.size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))?;
        let width = count.checked_sub(first)?.min(u64::from(TILE_WIDTH));
        let width = u16::try_from(width).ok().filter(|width| *width > 0)?;
        let tile = TileId { kind: TileKind::Hashes { level }, index, width };
        if let Some(known) = self.tiles.borrow().get(&tile) {
            return known.clone();
        }
        let hashes = (self.fetch)(&tile)
            .and_then(|bytes| tile_hashes(&bytes))
            .filter(|hashes| hashes.len() == usize::from(width))
            .map(Rc::from);
        self.tiles.borrow_mut().insert(tile, hashes.clone());
        hashes
    }
}

impl<F: Fn(&TileId) -> Option<Vec<u8>>> Nodes for TiledTree<F> {
    fn node(&self, id: NodeId) -> Option<Hash> {
        let tile = full_tile(id);
        let TileKind::Hashes { level } = tile.kind else {
            return None;
        };
        node_of_tile(id, &self.tile(level, tile.index)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{
        MemoryTree, consistency_proof, inclusion_proof, leaf_hash, root_at, verify_inclusion,
    };

    fn tree(size: u64) -> MemoryTree {
        (0..size).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect()
    }

    #[test]
    fn roots_and_proofs_from_tiles_are_those_of_the_tree() {
        for size in [1, 2, 255, 256, 257, 511, 512, 1000, 65_536, 66_000] {
            let tree = tree(size);
            let tiled = TiledTree::new(size, |tile| tile.hash_bytes(&tree));
            assert_eq!(root_at(&tiled, size), Ok(tree.root()), "{size}");
            for index in [0, size / 3, size / 2, size - 1] {
                let proof = inclusion_proof(&tiled, index, size).unwrap();
                let leaf = leaf_hash(&index.to_be_bytes());
                assert!(verify_inclusion(&leaf, index, size, &proof, &tree.root()).is_ok());
                let expected = consistency_proof(&tree, index, size);
                assert_eq!(consistency_proof(&tiled, index, size), expected);
            }
        }
    }

    #[test]
    fn a_proof_in_a_large_tree_needs_few_tiles() {
        let tree = tree(66_000);
        let tiled = TiledTree::new(66_000, |tile| tile.hash_bytes(&tree));
        inclusion_proof(&tiled, 70, 66_000).unwrap();
        assert!(tiled.fetched() <= 5, "{}", tiled.fetched());
    }

    #[test]
    fn tiles_that_are_missing_or_of_another_width_give_no_hash() {
        let tree = tree(300);
        let none = TiledTree::new(300, |_| None);
        assert!(root_at(&none, 300).is_err());
        let cut = TiledTree::new(300, |tile| {
            tile.hash_bytes(&tree).map(|bytes| bytes[..bytes.len() - 32].to_vec())
        });
        assert!(root_at(&cut, 300).is_err());
        let larger = TiledTree::new(u64::MAX, |tile| tile.hash_bytes(&tree));
        assert!(root_at(&larger, u64::MAX).is_err());
    }
}
