//! Rank intervals from seeded draws.
//!
//! Blocks with the same posterior have the same distribution of ranks, so draws are made for
//! groups of equal posteriors, with a bounded number of samples a group that stand for all of its
//! blocks. A table of 200,000 blocks costs no more than one of a few hundred.
//!
//! Each draw also holds one newcomer a block: a block with the same neighbours that one issue
//! marks. A feed shows only what its publisher listed, and a short table of blocks that all recur
//! would otherwise say nothing about any of them.

use crate::rng::Rng;

/// Blocks with the same posterior.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// α and β of the posterior.
    pub(crate) posterior: (f64, f64),
    /// α and β of the posterior of a newcomer with the same neighbours.
    pub(crate) newcomer: (f64, f64),
    /// How many blocks.
    pub(crate) count: u64,
}

/// Where a group's blocks rank, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    /// 5 % quantile among the listed blocks.
    pub(crate) low: u64,
    /// 95 % quantile among the listed blocks.
    pub(crate) high: u64,
    /// Whether the interval covers most of the table of listed blocks and newcomers.
    pub(crate) covers_most: bool,
}

const SAMPLES_A_DRAW: usize = 10_000;
const SAMPLES_A_GROUP: usize = 32;

struct Sample {
    value: f64,
    weight: u64,
    listed: bool,
    /// The group that this sample ranks, for the first sample of each.
    ranks: Option<usize>,
}

/// The rank interval of each group's blocks.
pub(crate) fn intervals(groups: &[Group], draws: u32, seed: u64) -> Vec<Interval> {
    let draws = draws.max(20);
    let mut rng = Rng::new(seed);
    let share = SAMPLES_A_DRAW / (2 * groups.len()).max(1);
    let per_group = crate::num::count64(share.clamp(1, SAMPLES_A_GROUP));
    let mut ranks: Vec<(Vec<u64>, Vec<u64>)> = vec![(Vec::new(), Vec::new()); groups.len()];
    let mut samples = Vec::new();
    for _ in 0..draws {
        samples.clear();
        for (index, group) in groups.iter().enumerate() {
            for (listed, (a, b)) in [(true, group.posterior), (false, group.newcomer)] {
                let number = per_group.min(group.count).max(1);
                for i in 0..number {
                    samples.push(Sample {
                        value: rng.beta(a, b),
                        weight: group.count / number + u64::from(i < group.count % number),
                        listed,
                        ranks: (listed && i == 0).then_some(index),
                    });
                }
            }
        }
        samples.sort_by(|left, right| right.value.total_cmp(&left.value));
        let (mut above_listed, mut above) = (0_u64, 0_u64);
        for sample in &samples {
            if let Some((among_listed, among_all)) =
                sample.ranks.and_then(|index| ranks.get_mut(index))
            {
                // The blocks that this sample stands for share its value: the middle is theirs.
                let middle = 1 + sample.weight.saturating_sub(1) / 2;
                among_listed.push(above_listed + middle);
                among_all.push(above + middle);
            }
            above += sample.weight;
            above_listed += if sample.listed { sample.weight } else { 0 };
        }
    }
    let table: u64 = groups.iter().map(|group| group.count).sum();
    let interval = |(mut listed, mut all): (Vec<u64>, Vec<u64>)| {
        let (low, high) = middle_ninety(&mut listed);
        let (low_all, high_all) = middle_ninety(&mut all);
        Interval {
            low,
            high,
            covers_most: 2 * (high_all - low_all) > (2 * table).saturating_sub(1),
        }
    };
    ranks.into_iter().map(interval).collect()
}

/// The 5 % and 95 % quantiles, never inverted.
fn middle_ninety(ranks: &mut [u64]) -> (u64, u64) {
    ranks.sort_unstable();
    let cut = ranks.len() / 20;
    let low = ranks.get(cut).copied().unwrap_or(1);
    let high =
        ranks.len().checked_sub(cut + 1).and_then(|index| ranks.get(index)).copied().unwrap_or(low);
    (low, high.max(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(k: f64, n: f64, count: u64) -> Group {
        Group { posterior: (1.0 + k, 9.0 + n - k), newcomer: (2.0, 8.0 + n), count }
    }

    #[test]
    fn what_recurs_stands_out_and_what_does_not_covers_the_table() {
        let groups = [group(10.0, 12.0, 1), group(1.0, 12.0, 100)];
        let found = intervals(&groups, 400, 1);
        assert_eq!((found[0].low, found[0].high), (1, 1));
        assert!(!found[0].covers_most && found[1].covers_most);
        assert!(found[1].low < 10 && found[1].high > 90);
    }

    #[test]
    fn a_short_table_of_blocks_that_recur_is_not_unclear_for_being_short() {
        for count in [1, 2, 3, 8] {
            let found = intervals(&[group(12.0, 12.0, count)], 400, 1);
            assert!(!found[0].covers_most, "{count}");
            let found = intervals(&[group(1.0, 12.0, count)], 400, 1);
            assert!(found[0].covers_most, "{count}");
        }
    }

    #[test]
    fn large_tables_cost_what_their_groups_cost() {
        let groups = [group(9.0, 12.0, 3), group(2.0, 12.0, 1_000), group(1.0, 12.0, 2_000_000)];
        let found = intervals(&groups, 400, 1);
        assert!(found[0].high < 100, "{found:?}");
        assert!(found[2].covers_most);
    }
}
