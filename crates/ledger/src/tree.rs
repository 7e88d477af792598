//! The Merkle tree of RFC 6962: hashes, roots, inclusion and consistency proofs.

use std::fmt;

use crate::hash::{Hash, INITIAL, finish};

/// The hash of a leaf: SHA-256 of 0x00 and the entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let Ok(digest) = <&[u8; 32]>::try_from(entry) else {
        return Hash::of_parts(&[&[0], entry]);
    };
    // 33 bytes are one block: 264 bits.
    let mut block = [0; 64];
    block[1..33].copy_from_slice(digest);
    block[33] = 0x80;
    block[62..].copy_from_slice(&264_u16.to_be_bytes());
    finish(INITIAL, &block)
}

/// The hash of an inner node: SHA-256 of 0x01 and both children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    // 65 bytes are two blocks: 520 bits.
    let mut blocks = [0; 128];
    blocks[0] = 1;
    blocks[1..33].copy_from_slice(left.as_bytes());
    blocks[33..65].copy_from_slice(right.as_bytes());
    blocks[65] = 0x80;
    blocks[126..].copy_from_slice(&520_u16.to_be_bytes());
    finish(INITIAL, &blocks)
}

/// The root of the empty tree: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    Hash::of(b"")
}

/// A complete subtree: 2^`level` leaves, the `index`-th of its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The height; leaves have 0.
    pub level: u8,
    /// The place among the nodes of its level.
    pub index: u64,
}

/// Where the hashes of complete subtrees come from: memory, or tiles on a disk.
pub trait Nodes {
    /// The hash, or none where it is not known.
    fn node(&self, id: NodeId) -> Option<Hash>;
}

/// The complete subtrees that a tree of some size consists of: all that is needed to append and
/// to know the root. At most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactTree {
    size: u64,
    /// Largest first; one for each bit that is set in `size`.
    peaks: Vec<Hash>,
}

impl CompactTree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf and hands each subtree that is now complete to `completed`, leaf first.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(NodeId, Hash)) {
        let mut hash = leaf;
        let mut index = self.size;
        let mut level = 0;
        completed(NodeId { level, index }, hash);
        while index & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            index >>= 1;
            completed(NodeId { level, index }, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }

    /// The tree of a size with these peaks, largest first.
    pub(crate) const fn from_peaks(size: u64, peaks: Vec<Hash>) -> Self {
        Self { size, peaks }
    }

    /// The tree of a size, its peaks read from `nodes`.
    pub fn load(size: u64, nodes: &impl Nodes) -> Result<Self, MissingNode> {
        let mut peaks = Vec::new();
        let mut start = 0;
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            let id = NodeId { level, index: start >> level };
            peaks.push(nodes.node(id).ok_or(MissingNode(id))?);
            start += 1 << level;
        }
        Ok(Self { size, peaks })
    }
}

/// All complete subtrees in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    levels: Vec<Vec<Hash>>,
    compact: CompactTree,
}

impl MemoryTree {
    /// The empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let levels = &mut self.levels;
        self.compact.push(leaf, |id, hash| {
            if levels.len() <= usize::from(id.level) {
                levels.push(Vec::new());
            }
            // Subtrees become complete in the order of their index.
            if let Some(level) = levels.get_mut(usize::from(id.level)) {
                level.push(hash);
            }
        });
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.compact.size()
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.compact.root()
    }
}

impl Extend<Hash> for MemoryTree {
    fn extend<T: IntoIterator<Item = Hash>>(&mut self, leaves: T) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

impl FromIterator<Hash> for MemoryTree {
    fn from_iter<T: IntoIterator<Item = Hash>>(leaves: T) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}

impl Nodes for MemoryTree {
    fn node(&self, id: NodeId) -> Option<Hash> {
        let level = self.levels.get(usize::from(id.level))?;
        level.get(usize::try_from(id.index).ok()?).copied()
    }
}

/// A subtree's hash is not known. Likely cause: the tree is smaller than was said, or a tile is
/// missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingNode(pub NodeId);

impl fmt::Display for MissingNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeId { level, index } = self.0;
        write!(f, "the hash of subtree {index} of height {level} is missing")
    }
}

impl std::error::Error for MissingNode {}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The hash of the leaves `start..end`; `start` is a multiple of the first subtree's size.
fn range_hash(nodes: &impl Nodes, start: u64, end: u64) -> Result<Hash, MissingNode> {
    let size = end - start;
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        let id = NodeId { level: u8::try_from(level).unwrap_or(u8::MAX), index: start >> level };
        return nodes.node(id).ok_or(MissingNode(id));
    }
    let middle = start + split(size);
    Ok(node_hash(&range_hash(nodes, start, middle)?, &range_hash(nodes, middle, end)?))
}

/// The root of the first `size` leaves.
pub fn root_at(nodes: &impl Nodes, size: u64) -> Result<Hash, MissingNode> {
    if size == 0 { Ok(empty_root()) } else { range_hash(nodes, 0, size) }
}

/// The proof that leaf `index` is in the tree of `size` leaves (RFC 6962, section 2.1.1), from
/// the leaf's sibling up. Empty when the index is not in the tree.
pub fn inclusion_proof(
    nodes: &impl Nodes,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, MissingNode> {
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while index < size && end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// A proof does not lead to the root. Likely cause: it belongs to another record, another tree
/// size or another log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadProof;

impl fmt::Display for BadProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the proof does not lead to the root")
    }
}

impl std::error::Error for BadProof {}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root (RFC 9162,
/// section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), BadProof> {
    if index >= size {
        return Err(BadProof);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(BadProof);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(BadProof) }
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC
/// 6962, section 2.1.2). Empty for equal sizes and for an empty old tree.
pub fn consistency_proof(nodes: &impl Nodes, old: u64, new: u64) -> Result<Vec<Hash>, MissingNode> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    // The old tree's own root is known to the verifier when it is one complete subtree.
    if start != 0 {
        proof.push(range_hash(nodes, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the tree of `old` leaves is the beginning of the tree of `new` leaves (RFC 9162,
/// section 2.1.4.2).
pub fn verify_consistency(
    old: (u64, &Hash),
    new: (u64, &Hash),
    proof: &[Hash],
) -> Result<(), BadProof> {
    let ((old, old_root), (new, new_root)) = (old, new);
    if old == new {
        let same = proof.is_empty() && old_root == new_root;
        return if same { Ok(()) } else { Err(BadProof) };
    }
    if old == 0 {
        let empty = proof.is_empty() && *old_root == empty_root();
        return if empty { Ok(()) } else { Err(BadProof) };
    }
    if old > new {
        return Err(BadProof);
    }
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let mut rest = proof.iter();
    let seed = if old.is_power_of_two() { old_root } else { rest.next().ok_or(BadProof)? };
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for sibling in rest {
        if last == 0 {
            return Err(BadProof);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(BadProof) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(size: u8) -> MemoryTree {
        (0..size).map(|n| leaf_hash(&[n])).collect()
    }

    /// The definition of RFC 6962, section 2.1, word for word.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let size = u64::try_from(leaves.len()).unwrap();
                let (left, right) = leaves.split_at(usize::try_from(split(size)).unwrap());
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    #[test]
    fn leaves_and_nodes_are_the_hashes_of_what_is_written_out() {
        for length in 0..100 {
            let entry = vec![7; length];
            assert_eq!(leaf_hash(&entry), Hash::of(&[&[0], &*entry].concat()));
        }
        let (left, right) = (Hash::of(b"left"), Hash::of(b"right"));
        let both = [&[1], left.as_bytes().as_slice(), right.as_bytes()].concat();
        assert_eq!(node_hash(&left, &right), Hash::of(&both));
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves: Vec<Hash> = (0..70).map(|n| leaf_hash(&[n])).collect();
        let all = tree(70);
        for size in 0..=70_u8 {
            let expected = mth(&leaves[..usize::from(size)]);
            assert_eq!(tree(size).root(), expected, "{size}");
            assert_eq!(root_at(&all, size.into()), Ok(expected), "{size}");
            let loaded = CompactTree::load(size.into(), &all).unwrap();
            assert_eq!(loaded.root(), expected, "{size}");
        }
    }

    #[test]
    fn roots_are_those_of_the_published_vectors() {
        // The inputs and roots that Certificate Transparency implementations share.
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let tree: MemoryTree = inputs.iter().map(|input| leaf_hash(input)).collect();
        assert_eq!(
            tree.root().to_string(),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
        assert_eq!(
            root_at(&tree, 3).unwrap().to_string(),
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
        );
    }

    #[test]
    fn every_leaf_has_a_proof_that_holds_for_nothing_else() {
        for size in 1..=33_u8 {
            let tree = tree(size);
            let (n, root) = (u64::from(size), tree.root());
            for index in 0..n {
                let leaf = tree.node(NodeId { level: 0, index }).unwrap();
                let proof = inclusion_proof(&tree, index, n).unwrap();
                assert_eq!(verify_inclusion(&leaf, index, n, &proof, &root), Ok(()));
                for other in (0..n + 2).filter(|other| *other != index) {
                    assert!(verify_inclusion(&leaf, other, n, &proof, &root).is_err());
                }
                let mut longer = proof.clone();
                longer.push(root);
                assert!(verify_inclusion(&leaf, index, n, &longer, &root).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify_inclusion(&leaf, index, n, shorter, &root).is_err());
                }
            }
        }
    }

    #[test]
    fn every_beginning_has_a_consistency_proof_that_holds_for_nothing_else() {
        let all = tree(33);
        for new in 1..=33 {
            let new_root = root_at(&all, new).unwrap();
            for old in 0..=new {
                let old_root = root_at(&all, old).unwrap();
                let proof = consistency_proof(&all, old, new).unwrap();
                let check = |old_root, new_root, proof: &[Hash]| {
                    verify_consistency((old, old_root), (new, new_root), proof)
                };
                assert_eq!(check(&old_root, &new_root, &proof), Ok(()), "{old} {new}");
                assert!(check(&Hash::ZERO, &new_root, &proof).is_err());
                if old > 0 {
                    assert!(check(&old_root, &Hash::ZERO, &proof).is_err());
                }
                let mut longer = proof.clone();
                longer.push(new_root);
                assert!(check(&old_root, &new_root, &longer).is_err());
            }
        }
    }
}
