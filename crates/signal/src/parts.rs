//! A tally in parts, so that many processes can merge tallies of their own, each some parts of all.

use std::num::NonZeroU32;

use crate::exposure::{Record, Run};
use crate::marks::MarkSet;
use crate::tally::Tally;

impl Tally {
    /// What the feeds mark, without the operator's own log.
    #[must_use]
    pub fn marks_only(&self) -> Self {
        Self::from_parts(self.mark_set().clone(), Run::default())
    }

    /// Its own log in so many parts by network, with the number of each part that is not empty.
    ///
    /// The parts of one number of several tallies can be merged apart from all others: the merge of
    /// all parts, in any order, has the exposure of the merge of the tallies. What feeds mark is in
    /// no part. Networks are spread evenly, whatever their addresses.
    #[must_use]
    pub fn into_parts(self, count: NonZeroU32) -> Vec<(u32, Self)> {
        let mut parts: Vec<Vec<Record>> = Vec::new();
        parts.resize_with(usize::try_from(count.get()).unwrap_or(usize::MAX), Vec::new);
        for record in self.into_records() {
            let part = usize::try_from(part_of(record.network(), count)).ok();
            if let Some(part) = part.and_then(|part| parts.get_mut(part)) {
                part.push(record);
            }
        }
        let parts = (0..count.get()).zip(parts).filter(|(_, records)| !records.is_empty());
        parts
            .map(|(number, records)| {
                (number, Self::from_parts(MarkSet::default(), Run::from_sorted(records)))
            })
            .collect()
    }

    /// The merge of many tallies, in time that grows with the logarithm of how many there are.
    #[must_use]
    pub fn merge_all(mut tallies: Vec<Self>) -> Self {
        while tallies.len() > 1 {
            let mut rest = tallies.into_iter();
            let mut merged = Vec::with_capacity(rest.len().div_ceil(2));
            while let Some(left) = rest.next() {
                merged.push(match rest.next() {
                    Some(right) => left.merge(right),
                    None => left,
                });
            }
            tallies = merged;
        }
        tallies.pop().unwrap_or_default()
    }
}

/// The part that a network is in: the upper bits of a mixed number, so that neighbours are apart.
fn part_of(network: u64, count: NonZeroU32) -> u64 {
    // SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
    let mut mixed = network.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let part = (u128::from(mixed) * u128::from(count.get())) >> 64;
    u64::try_from(part).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Exposure;

    fn exposure() -> impl Strategy<Value = Exposure> {
        (0_u128..40, 0_u128..3, 0_u128..5, 0_i64..200, any::<bool>()).prop_map(
            |(network, host, device, day, flagged)| Exposure {
                address: 0x3fff << 112 | network << 64 | host,
                asn: Some(64_496),
                device,
                day,
                impressions: 1,
                revenue_micros: 7,
                flagged,
            },
        )
    }

    proptest! {
        #[test]
        fn parts_merge_apart_to_the_merge_of_the_whole(
            logs in prop::collection::vec(prop::collection::vec(exposure(), 0..60), 0..5),
            count in 1_u32..9,
        ) {
            let count = NonZeroU32::new(count).unwrap();
            let tally = |log: &Vec<Exposure>| {
                let mut tally = Tally::empty();
                for exposure in log {
                    tally.expose(*exposure);
                }
                tally
            };
            let whole = logs.iter().map(tally).fold(Tally::empty(), Tally::merge);
            let mut apart = std::collections::BTreeMap::<u32, Vec<Tally>>::new();
            for (number, part) in logs.iter().flat_map(|log| tally(log).into_parts(count)) {
                prop_assert!(number < count.get() && part.has_exposure());
                apart.entry(number).or_default().push(part);
            }
            let merged = apart.into_values().map(Tally::merge_all).collect();
            prop_assert_eq!(Tally::merge_all(merged).to_bytes(), whole.to_bytes());
        }
    }

    #[test]
    fn networks_are_spread_evenly_and_marks_stay_behind() {
        let mut tally = Tally::empty();
        tally.ingest(&adproof_model::IssueId::parse("2026-05").unwrap());
        let marks = tally.clone();
        for network in 0..4_000_u128 {
            let address = 0x3fff << 112 | network << 64;
            let exposure = Exposure {
                address,
                asn: None,
                device: 0,
                day: 1,
                impressions: 1,
                revenue_micros: 0,
                flagged: false,
            };
            tally.expose(exposure);
        }
        assert_eq!(tally.marks_only(), marks);
        let parts = tally.into_parts(NonZeroU32::new(8).unwrap());
        assert_eq!(parts.len(), 8);
        for (number, part) in parts {
            let bytes = part.to_bytes().len();
            assert!((30_000..43_000).contains(&bytes), "part {number} has {bytes} bytes");
            assert_eq!(part.marks_only(), Tally::empty());
        }
    }
}
