//! The right edge of a log's tiles: all that is needed to append to it.

use crate::hash::Hash;
use crate::tiles::{TILE_HEIGHT, TILE_WIDTH, TileId, TileKind, tile_hashes};
use crate::tree::{CompactTree, MissingNode, NodeId, Nodes, node_hash};

const WIDTH: u64 = TILE_WIDTH as u64;

/// A tree of which only the right edge is in memory: its peaks, and the hashes of the tiles that
/// are not full yet. That is at most 255 hashes for each of eight levels, whatever the tree's size.
///
/// Read back from tiles, it is worth nothing until its root is compared with that of a checkpoint:
/// then no other tiles can have led to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    tree: CompactTree,
    /// The hashes of the last tile of each level, lowest first; fewer than 256 each.
    open: Vec<Vec<Hash>>,
}

impl Frontier {
    /// The edge of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree of `size` leaves, a multiple of 256: then its full tiles hold all that
    /// is needed. `read` gives the bytes of a hash tile.
    pub fn load(
        size: u64,
        mut read: impl FnMut(&TileId) -> Option<Vec<u8>>,
    ) -> Result<Self, MissingNode> {
        let mut frontier = Self::new();
        let levels = (0..TILE_HEIGHT).take_while(|level| size >> shift(*level) > 0);
        for level in levels {
            let nodes = size >> shift(level);
            let mut hashes = Vec::new();
            for index in nodes - nodes % WIDTH..nodes {
                let missing = MissingNode(NodeId { level: level * TILE_HEIGHT, index });
                let below = level.checked_sub(1).ok_or(missing)?;
                let kind = TileKind::Hashes { level: below };
                let bytes = read(&TileId { kind, index, width: TILE_WIDTH });
                let below = bytes.as_deref().and_then(tile_hashes);
                let below = below.filter(|hashes| hashes.len() == usize::from(TILE_WIDTH));
                hashes.push(subtree(&below.ok_or(missing)?));
            }
            frontier.open.push(hashes);
        }
        frontier.tree = CompactTree::from_peaks(size, frontier.peaks());
        Ok(frontier)
    }

    /// The roots of the complete subtrees that the tree consists of, largest first.
    fn peaks(&self) -> Vec<Hash> {
        let mut peaks = Vec::new();
        for hashes in self.open.iter().rev() {
            let mut rest = hashes.as_slice();
            while let Some(height) = rest.len().checked_ilog2() {
                let (peak, behind) = rest.split_at(1 << height);
                peaks.push(subtree(peak));
                rest = behind;
            }
        }
        peaks
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Appends a leaf and hands each hash tile that is now full to `full`, lowest level first.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(TileId, &[Hash])) {
        let open = &mut self.open;
        self.tree.push(leaf, |id, hash| {
            let level = id.level / TILE_HEIGHT;
            if !id.level.is_multiple_of(TILE_HEIGHT) {
                return;
            }
            let place = usize::from(level);
            if open.len() <= place {
                open.push(Vec::with_capacity(usize::from(TILE_WIDTH)));
            }
            let Some(hashes) = open.get_mut(place) else { return };
            hashes.push(hash);
            if hashes.len() == usize::from(TILE_WIDTH) {
                let kind = TileKind::Hashes { level };
                full(TileId { kind, index: id.index / WIDTH, width: TILE_WIDTH }, hashes);
                hashes.clear();
            }
        });
    }

    /// The hash tiles that are not full yet, lowest level first.
    pub fn partial(&self) -> impl Iterator<Item = (TileId, &[Hash])> {
        (0..TILE_HEIGHT).zip(&self.open).filter_map(|(level, hashes)| {
            let width = u16::try_from(hashes.len()).ok().filter(|width| *width > 0)?;
            let index = (self.size() >> shift(level)) / WIDTH;
            Some((TileId { kind: TileKind::Hashes { level }, index, width }, hashes.as_slice()))
        })
    }
}

impl Nodes for Frontier {
    /// What the tiles that are not full yet tell; the full ones are elsewhere.
    fn node(&self, id: NodeId) -> Option<Hash> {
        let level = id.level / TILE_HEIGHT;
        let hashes = self.open.get(usize::from(level))?;
        let open = (self.size() >> shift(level)) / WIDTH;
        (full_tile(id).index == open).then(|| node_of_tile(id, hashes)).flatten()
    }
}

/// The tile, when it is full, from whose hashes a node's hash can be computed.
#[must_use]
pub const fn full_tile(id: NodeId) -> TileId {
    let kind = TileKind::Hashes { level: id.level / TILE_HEIGHT };
    let index = id.index >> (TILE_HEIGHT - id.level % TILE_HEIGHT);
    TileId { kind, index, width: TILE_WIDTH }
}

/// A node's hash from the hashes of its tile ([`full_tile`]), full or not; none where the tile
/// does not reach so far.
#[must_use]
pub fn node_of_tile(id: NodeId, hashes: &[Hash]) -> Option<Hash> {
    let width = 1 << (id.level % TILE_HEIGHT);
    let place = usize::try_from(id.index % (WIDTH / width)).ok()?;
    let width = usize::try_from(width).ok()?;
    hashes.get(place * width..(place + 1) * width).map(subtree)
}

/// Bytes of a hash tile.
#[must_use]
pub fn hash_tile(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn shift(level: u8) -> u32 {
    u32::from(level) * u32::from(TILE_HEIGHT)
}

/// The root of a complete subtree over `hashes`, whose number is a power of two.
fn subtree(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::ZERO,
        [one] => *one,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&subtree(left), &subtree(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tree::{MemoryTree, leaf_hash};

    #[test]
    fn the_edge_has_the_root_of_the_whole_tree_at_every_size_and_gives_its_full_tiles() {
        let mut tiles = BTreeMap::new();
        let (mut tree, mut edge) = (MemoryTree::new(), Frontier::new());
        for n in 0..66_000_u32 {
            let leaf = leaf_hash(&n.to_be_bytes());
            tree.push(leaf);
            edge.push(leaf, |tile, hashes| {
                tiles.insert(tile, hash_tile(hashes));
            });
            if n % 251 == 0 || n > 65_500 {
                assert_eq!(edge.root(), tree.root(), "{n}");
            }
        }
        let all: BTreeMap<_, _> = tiles
            .iter()
            .map(|(tile, bytes)| (*tile, bytes.clone()))
            .chain(edge.partial().map(|(tile, hashes)| (tile, hash_tile(hashes))))
            .collect();
        let wanted = TileId::of_tree(66_000);
        let wanted: BTreeMap<_, _> =
            wanted.map(|tile| (tile, tile.hash_bytes(&tree).unwrap())).collect();
        assert!(all == wanted);
    }

    #[test]
    fn it_is_read_back_from_full_tiles_and_goes_on_as_before() {
        let mut tiles = BTreeMap::new();
        let (mut edge, mut tree) = (Frontier::new(), MemoryTree::new());
        for n in 0..132_000_u32 {
            if n % 256 == 0 && (!(3000..130_000).contains(&n) || n % 65_536 < 513) {
                let loaded = Frontier::load(n.into(), |tile| tiles.get(tile).cloned()).unwrap();
                assert_eq!((loaded.size(), loaded.root()), (edge.size(), edge.root()), "{n}");
                edge = loaded;
            }
            let leaf = leaf_hash(&n.to_be_bytes());
            tree.push(leaf);
            edge.push(leaf, |tile, hashes| {
                tiles.insert(tile, hash_tile(hashes));
            });
        }
        assert_eq!(edge.root(), tree.root());
        for (tile, hashes) in edge.partial() {
            assert_eq!(tile.hash_bytes(&tree).unwrap(), hash_tile(hashes));
            for id in tile.nodes() {
                assert_eq!(edge.node(id), tree.node(id));
                let parent = NodeId { level: id.level + 3, index: id.index >> 3 };
                assert!(edge.node(parent).is_none_or(|hash| Some(hash) == tree.node(parent)));
            }
        }
        assert_eq!(edge.node(NodeId { level: 0, index: 5 }), None);
    }

    #[test]
    fn a_missing_or_short_tile_is_named() {
        let missing = Frontier::load(512, |_| None).unwrap_err();
        assert_eq!(missing, MissingNode(NodeId { level: 8, index: 0 }));
        assert!(Frontier::load(512, |_| Some(vec![0; 32 * 255])).is_err());
        assert_eq!(Frontier::load(0, |_| None).unwrap(), Frontier::new());
    }
}
