//! The C2SP tlog-tiles layout: the tree and the records as static files.

use std::fmt;

use crate::hash::Hash;
use crate::tree::{NodeId, Nodes, leaf_hash};

/// Hashes in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u8 = 8;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Hashes of subtrees of 256^`level` leaves.
    Hashes {
        /// The tile's level; tiles of level 0 hold leaf hashes.
        level: u8,
    },
    /// Records, each with its length in front as 16 bits.
    Entries,
}

/// One tile of a tree of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// What it holds.
    pub kind: TileKind,
    /// Its place within the level.
    pub index: u64,
    /// How many hashes or records it holds: 1 to 256.
    pub width: u16,
}

impl TileId {
    /// The hash tiles of a tree, lowest level first.
    pub fn of_tree(size: u64) -> impl Iterator<Item = Self> {
        Self::changed(0, size).filter(|tile| matches!(tile.kind, TileKind::Hashes { .. }))
    }

    /// The tiles that a tree of `new` leaves has and a tree of `old` leaves has not.
    pub fn changed(old: u64, new: u64) -> impl Iterator<Item = Self> {
        let levels = (0..TILE_HEIGHT).map(|level| {
            let shift = u32::from(level) * u32::from(TILE_HEIGHT);
            (TileKind::Hashes { level }, shift)
        });
        levels.chain([(TileKind::Entries, 0)]).flat_map(move |(kind, shift)| {
            let (old, new) = (old >> shift, new >> shift);
            let width = u64::from(TILE_WIDTH);
            let tiles = if old == new { 0..0 } else { old / width..new.div_ceil(width) };
            tiles.map(move |index| Self {
                kind,
                index,
                // At most 256.
                width: u16::try_from((new - index * width).min(width)).unwrap_or(TILE_WIDTH),
            })
        })
    }

    /// Reads exactly the paths that a tile is written as: nothing else reaches a disk.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes { level: level.parse().ok().filter(|l| *l < TILE_HEIGHT)? },
        };
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => {
                (groups, width.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width))?)
            }
            None => (rest, TILE_WIDTH),
        };
        let mut index = 0_u64;
        for group in groups.split('/') {
            let digits: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(digits)?;
        }
        let tile = Self { kind, index, width };
        // Trees end at 2⁶⁴ leaves: there is no tile behind.
        if index > u64::MAX >> tile.shift() >> TILE_HEIGHT {
            return None;
        }
        // The form itself is what `to_string` says it is.
        (tile.to_string() == path).then_some(tile)
    }

    /// Whether a tree of `size` leaves has all that the tile holds.
    #[must_use]
    pub fn is_within(&self, size: u64) -> bool {
        let end = self
            .index
            .checked_mul(u64::from(TILE_WIDTH))
            .and_then(|first| first.checked_add(u64::from(self.width)));
        end.is_some_and(|end| end <= size >> self.shift())
    }

    /// The binary logarithm of how many records lie below one of its hashes.
    const fn shift(&self) -> u32 {
        match self.kind {
            TileKind::Hashes { level } => level as u32 * TILE_HEIGHT as u32,
            TileKind::Entries => 0,
        }
    }

    /// Whether it is full: it will never change again.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The subtrees whose hashes it holds, first to last.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        let level = match self.kind {
            TileKind::Hashes { level } => level * TILE_HEIGHT,
            TileKind::Entries => 0,
        };
        let first = self.index * u64::from(TILE_WIDTH);
        (first..first + u64::from(self.width)).map(move |index| NodeId { level, index })
    }

    /// The first record below one of its hashes.
    #[must_use]
    pub fn first_record(&self, place: u64) -> u64 {
        let first = self.index.saturating_mul(u64::from(TILE_WIDTH)).saturating_add(place);
        // What would be shifted out is behind every record.
        first.saturating_mul(1 << self.shift())
    }

    /// A hash tile's bytes, or none where a hash is not known.
    #[must_use]
    pub fn hash_bytes(&self, nodes: &impl Nodes) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::from(self.width) * 32);
        for id in self.nodes() {
            bytes.extend_from_slice(nodes.node(id)?.as_bytes());
        }
        Some(bytes)
    }
}

impl fmt::Display for TileId {
    /// The path below the log's prefix: `tile/0/x001/067.p/12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let digits = self.index.to_string();
        let padded = format!("{digits:0>width$}", width = digits.len().div_ceil(3) * 3);
        let (groups, _) = padded.as_bytes().as_chunks::<3>();
        for (index, group) in groups.iter().enumerate() {
            let x = if index + 1 < groups.len() { "x" } else { "" };
            let slash = if index > 0 { "/" } else { "" };
            write!(f, "{slash}{x}{}", String::from_utf8_lossy(group))?;
        }
        if self.is_full() { Ok(()) } else { write!(f, ".p/{}", self.width) }
    }
}

/// The place of the first hash in which a hash tile differs from what it should hold.
#[must_use]
pub fn first_difference(expected: &[u8], found: &[u8]) -> Option<u64> {
    if expected == found {
        return None;
    }
    let (expected, _) = expected.as_chunks::<32>();
    let (found, _) = found.as_chunks::<32>();
    let same = expected.iter().zip(found).take_while(|(a, b)| a == b);
    // What is too much behind the last hash counts as the last hash.
    let place = same.count().min(expected.len().saturating_sub(1));
    u64::try_from(place).ok()
}

/// The leaf hashes of the records in an entry bundle, one behind the other. What is left behind
/// the last whole record follows as it is.
#[must_use]
pub fn bundle_hashes(bundle: &[u8]) -> Vec<u8> {
    let (mut hashes, mut rest) = (Vec::new(), bundle);
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((entry, behind)) = behind.split_at_checked(length) else {
            break;
        };
        hashes.extend_from_slice(leaf_hash(entry).as_bytes());
        rest = behind;
    }
    hashes.extend_from_slice(rest);
    hashes
}

/// The first `count` records of an entry bundle, or none where it has fewer whole ones.
#[must_use]
pub fn bundle_start(bundle: &[u8], count: u16) -> Option<&[u8]> {
    let mut end = 0_usize;
    for _ in 0..count {
        let (length, _) = bundle.get(end..)?.split_first_chunk::<2>()?;
        end = end.checked_add(2)?.checked_add(usize::from(u16::from_be_bytes(*length)))?;
    }
    bundle.get(..end)
}

/// Appends one record to an entry bundle. Records are at most 65,535 bytes.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
}

/// The hashes of a hash tile.
#[must_use]
pub fn tile_hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.iter().copied().map(Hash::new).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(old: u64, new: u64) -> Vec<String> {
        TileId::changed(old, new).map(|tile| tile.to_string()).collect()
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = TileId { kind: TileKind::Hashes { level: 0 }, index: 1_234_067, width: 256 };
        assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    }

    #[test]
    fn only_the_paths_that_are_written_are_read() {
        for tile in TileId::changed(0, 70_000).chain(TileId::changed(69_990, 69_999)) {
            assert_eq!(TileId::parse(&tile.to_string()), Some(tile));
        }
        let far = "tile/7/x018/x446/x744/x073/x709/x551/615";
        assert_eq!(TileId::parse(far), None);
        for path in [
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/8/000",
            "tile/00/000",
            "tile/0/0",
            "tile/0/x000",
            "tile/0/x000/000",
            "tile/0/x001/+67",
            "tile/0/001/067",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/1/",
            "tile/0/000/",
            "tile/0/../0/000",
            "tile/0/..",
            "tile//000",
            "/tile/0/000",
            "tile/-1/000",
            "tile/Entries/000",
            "tile/entries/000.P/1",
            "tile",
            "",
        ] {
            assert_eq!(TileId::parse(path), None, "{path}");
        }
    }

    #[test]
    fn a_tile_is_within_a_tree_that_has_all_of_it() {
        let within = |path: &str, size| TileId::parse(path).unwrap().is_within(size);
        assert!(within("tile/0/000.p/255", 255) && !within("tile/0/000.p/255", 254));
        assert!(within("tile/entries/000", 256) && !within("tile/entries/000", 255));
        assert!(within("tile/1/000.p/2", 512) && !within("tile/1/000.p/2", 511));
    }

    #[test]
    fn the_start_of_a_bundle_has_whole_records_only() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"one");
        push_entry(&mut bundle, b"");
        assert_eq!(bundle_start(&bundle, 1), Some(&bundle[..5]));
        assert_eq!(bundle_start(&bundle, 2), Some(&bundle[..]));
        assert_eq!(bundle_start(&bundle, 3), None);
        assert_eq!(bundle_start(&bundle[..6], 2), None);
    }

    #[test]
    fn a_tree_of_70000_has_the_tiles_that_the_specification_counts() {
        let tiles: Vec<TileId> = TileId::of_tree(70_000).collect();
        let of = |level| {
            let tiles = tiles.iter().filter(move |tile| tile.kind == TileKind::Hashes { level });
            tiles.map(|tile| tile.width).collect::<Vec<_>>()
        };
        assert_eq!((of(0).len(), of(0)[273]), (274, 112));
        assert_eq!(of(1), [256, 17]);
        assert_eq!(of(2), [1]);
        assert!(of(3).is_empty());
    }

    #[test]
    fn no_path_leads_behind_the_largest_tree_or_to_a_width_that_is_none() {
        let path = |index: u64| TileId { kind: TileKind::Entries, index, width: 256 }.to_string();
        assert!(TileId::parse(&path(u64::MAX >> 8)).is_some());
        assert_eq!(TileId::parse(&path((u64::MAX >> 8) + 1)), None);
        assert!(TileId::parse("tile/7/000").is_some());
        assert_eq!(TileId::parse("tile/7/001"), None);
        assert!(TileId::parse("tile/0/000.p/255").is_some());
        for width in [0, 256, 257, 65_535] {
            assert_eq!(TileId::parse(&format!("tile/0/000.p/{width}")), None, "{width}");
        }
        let last = TileId::parse("tile/7/000.p/255").unwrap();
        assert_eq!((last.nodes().count(), last.first_record(254)), (255, 254 << 56));
        assert_eq!(last.first_record(256), u64::MAX);
    }

    #[test]
    fn an_append_changes_the_right_edge_only() {
        assert_eq!(paths(0, 0), [""; 0]);
        assert_eq!(paths(0, 1), ["tile/0/000.p/1", "tile/entries/000.p/1"]);
        assert_eq!(
            paths(255, 257),
            [
                "tile/0/000",
                "tile/0/001.p/1",
                "tile/1/000.p/1",
                "tile/entries/000",
                "tile/entries/001.p/1"
            ]
        );
        assert_eq!(paths(256, 256), [""; 0]);
    }
}
