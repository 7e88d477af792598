use adproof_model::{Basis, Block, Collateral};

use crate::census::{Totals, totals};
use crate::exposure::Record;
use crate::num::{float, from_ppm};
use crate::params::Params;
use crate::rows::{self, Key, level_index};
use crate::special::beta_quantile;
use crate::tally::Tally;

/// Who else an action on a block would hit, from the own log.
///
/// The share of devices is given by its one-sided 95 % Clopper–Pearson upper bound: nobody seen
/// among `n` devices still means at most about `3/n`. Without a log, or where the log cannot tell
/// the block (a provider whose networks no feed names), the figure is structural: how many
/// households such a block holds (RIPE-690: a /64 is one link).
#[must_use]
pub fn collateral(tally: &Tally, block: &Block, params: &Params) -> Collateral {
    let run = tally.sealed();
    let records = run.records();
    let all = totals(records);
    let inside = match block {
        _ if all.devices == 0 => None,
        Block::Prefix(prefix) => {
            let start = records.partition_point(|record| record.address < prefix.bits());
            let end = records.partition_point(|record| record.address <= prefix.last_bits());
            Some(totals(records.get(start..end).unwrap_or_default()))
        }
        Block::Asn(asn) => of_networks(records, &[*asn]),
        Block::Provider(name) => of_networks(records, &networks(tally, name, params)),
    };
    match inside {
        Some(inside) => measured(block, &inside, &all),
        None => structural(block),
    }
}

/// The networks that feeds file under a provider.
fn networks(tally: &Tally, name: &str, params: &Params) -> Vec<u32> {
    let marks = tally.marks();
    let mut networks = Vec::new();
    for family in adproof_model::Family::ALL {
        let table = rows::table(&marks, family, params.window());
        let level = level_index(adproof_model::Level::Asn);
        for row in table.rows.get(level).into_iter().flatten() {
            let provider = row.provider.checked_sub(1).and_then(|id| usize::try_from(id).ok());
            let found = provider.and_then(|id| marks.names.get(id));
            if let (Key::Asn(asn), Some(found)) = (row.key, found)
                && **found == *name
            {
                networks.push(asn);
            }
        }
    }
    networks
}

fn of_networks(records: &[Record], networks: &[u32]) -> Option<Totals> {
    // A log without networks says nothing about one; a log with networks that lacks this one says
    // that nobody was seen there.
    let known = records.iter().any(|record| record.asn != 0);
    if networks.is_empty() || !known {
        return None;
    }
    Some(totals(records.iter().filter(|record| networks.contains(&record.asn))))
}

fn measured(block: &Block, inside: &Totals, all: &Totals) -> Collateral {
    let identified = crate::num::float(all.identified_impressions);
    let coverage = if all.impressions == 0 { 0.0 } else { identified / float(all.impressions) };
    Collateral {
        block: block.clone(),
        basis: Basis::Log,
        devices: inside.unflagged_devices,
        households: inside.unflagged_households,
        impressions: inside.impressions.saturating_sub(inside.flagged_impressions),
        revenue_micros: i64::try_from(inside.unflagged_revenue_micros)
            .unwrap_or(if inside.unflagged_revenue_micros < 0 { i64::MIN } else { i64::MAX }),
        devices_in_log: all.devices,
        devices_high_ppm: upper_bound_ppm(inside.unflagged_devices, all.devices),
        coverage_ppm: crate::num::ppm(coverage),
    }
}

/// The one-sided 95 % Clopper–Pearson upper bound of `k` of `n`, rounded up so that it stays a
/// bound; everything when `n` is 0.
fn upper_bound_ppm(k: u64, n: u64) -> u32 {
    if k >= n {
        return 1_000_000;
    }
    let bound = beta_quantile(float(k + 1), float(n - k), 0.95);
    let nearest = crate::num::ppm(bound);
    if from_ppm(nearest) < bound { nearest.saturating_add(1).min(1_000_000) } else { nearest }
}

fn structural(block: &Block) -> Collateral {
    let households = match block {
        Block::Prefix(prefix) => {
            let bits = 64_u32.saturating_sub(u32::from(prefix.bit_len()));
            1_u64.checked_shl(bits).unwrap_or(u64::MAX)
        }
        // A network or a provider holds at least the usual allocation of one /32.
        Block::Asn(_) | Block::Provider(_) => 1 << 32,
    };
    Collateral {
        block: block.clone(),
        basis: Basis::Structural,
        devices: households,
        households,
        impressions: 0,
        revenue_micros: 0,
        devices_in_log: 0,
        devices_high_ppm: 1_000_000,
        coverage_ppm: 0,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a closed form to compare with, on one machine")]
mod tests {
    use super::*;

    #[test]
    fn upper_bounds_are_those_of_clopper_and_pearson() {
        // 0 of n: 1 − 0.05^(1/n), at most 3/n.
        for n in [1_u64, 10, 100, 1_000, 1_000_000] {
            let exact = 1.0 - 0.05_f64.powf(1.0 / float(n));
            let bound = f64::from(upper_bound_ppm(0, n)) / 1e6;
            assert!((bound - exact).abs() < 2e-6, "{n}: {bound} {exact}");
            assert!(bound <= 3.0 / float(n) + 1e-6);
        }
        // 5 of 100, published: 0.1023 (one-sided 95 %).
        assert_eq!(upper_bound_ppm(5, 100) / 100, 1_022);
        assert_eq!(upper_bound_ppm(7, 7), 1_000_000);
        assert_eq!(upper_bound_ppm(0, 0), 1_000_000);
    }
}
