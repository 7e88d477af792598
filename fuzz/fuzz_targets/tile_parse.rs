//! Paths of tiles, tiles, bundles of entries and segments: what is read is written as the same
//! bytes, and no size that a stranger names makes arithmetic overflow.
#![no_main]

use adproof_ledger::frame::{Frames, push_frame, split_segment};
use adproof_ledger::tiles::{
    TileId, TileKind, bundle_hashes, bundle_start, first_difference, push_entry, tile_hashes,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(path) = std::str::from_utf8(bytes)
        && let Some(tile) = TileId::parse(path)
    {
        assert_eq!(tile.to_string(), path);
        assert_eq!(tile.nodes().count(), usize::from(tile.width));
        assert!((1..=256).contains(&tile.width));
        let _ = tile.first_record(u64::from(tile.width) - 1);
        assert!(tile.is_within(u64::MAX) || tile.kind != TileKind::Entries);
        assert!(!tile.is_within(0));
    }
    if let Some(hashes) = tile_hashes(bytes) {
        let again: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        assert_eq!(again, bytes);
    }
    let hashes = bundle_hashes(bytes);
    assert_eq!(first_difference(&hashes, &hashes), None);
    let _ = first_difference(&hashes, bytes);
    for count in [0, 1, 2, 256, u16::MAX] {
        if let Some(start) = bundle_start(bytes, count) {
            assert!(bytes.starts_with(start));
            assert_eq!(bundle_hashes(start).len(), usize::from(count) * 32);
        }
    }
    let frames = split_segment(bytes).map_or(bytes, |(_, frames)| frames);
    let (mut again, mut bundle, mut leaves) = (Vec::new(), Vec::new(), 0);
    for frame in Frames::new(frames) {
        let Ok(frame) = frame else { break };
        assert!(push_frame(&mut again, frame.entry, &frame.signatures));
        push_entry(&mut bundle, frame.entry);
        leaves += 1;
    }
    assert!(frames.starts_with(&again));
    assert_eq!(bundle_hashes(&bundle).len(), leaves * 32);
});
