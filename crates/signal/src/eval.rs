//! Levels from narrow to wide: posteriors, chance, excess, ranks, and what explains what.

use std::collections::BTreeMap;

use adproof_model::{Family, IssueId, Level};

use crate::excess::{self, Devices, Excess, Shares};
use crate::num::{count32, count64, float, from_milli, from_ppm, ppm};
use crate::params::Params;
use crate::rank::{self, Group};
use crate::rows::{NONE, Row, Table, level_index};
use crate::score::Unranked;
use crate::special::{beta_quantile, binomial_tail};

/// What is known of a row beside its marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eval {
    pub(crate) unranked: Option<Unranked>,
    /// Issues that reported narrower blocks explain.
    pub(crate) explained: u64,
    /// Marks inside of reported narrower blocks.
    pub(crate) explained_marks: u32,
    /// Devices of the own log inside of reported narrower blocks.
    pub(crate) explained_devices: Devices,
    /// The narrower block that explains most: issues, level, row.
    pub(crate) explainer: Option<(u32, usize, u32)>,
    pub(crate) seen: u32,
    pub(crate) open: u32,
    pub(crate) posterior: usize,
    pub(crate) chance: f64,
    pub(crate) excess: Option<Excess>,
}

/// A posterior that many rows may share. The neighbours' rate and weight are rounded to integers
/// first, so that equal keys mean equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PosteriorKey {
    pub(crate) seen: u32,
    pub(crate) open: u32,
    pub(crate) rate_ppm: u32,
    pub(crate) weight_milli: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Posterior {
    pub(crate) key: PosteriorKey,
    pub(crate) recurrence_ppm: u32,
    pub(crate) mean_ppm: u32,
    pub(crate) high_ppm: u32,
    pub(crate) attainable_ppm: u32,
    pub(crate) rank: rank::Interval,
}

impl PosteriorKey {
    /// α and β with `seen` of `open` issues.
    pub(crate) fn beta(self, params: &Params, seen: u32, open: u32) -> (f64, f64) {
        let rate = from_ppm(self.rate_ppm);
        let weight = from_milli(self.weight_milli);
        let misses = f64::from(open.saturating_sub(seen));
        (
            from_milli(params.prior_alpha_milli.max(1)) + weight * rate + f64::from(seen),
            from_milli(params.prior_beta_milli.max(1)) + weight * (1.0 - rate) + misses,
        )
    }
}

pub(crate) struct Scored {
    pub(crate) family: Family,
    pub(crate) table: Table,
    pub(crate) evals: [Vec<Eval>; 7],
    pub(crate) posteriors: [Vec<Posterior>; 7],
    /// Dispersion of each level, where exposure is known.
    pub(crate) shapes: [f64; 7],
}

/// Return rate and weight of the neighbours, ring by ring from the widest.
pub(crate) struct Neighbours {
    /// The level of each ring, and the rate (ppm) and weight (thousandths) once it is in.
    pub(crate) rings: Vec<(Level, u32, u32)>,
}

impl Neighbours {
    fn last(&self) -> (u32, u32) {
        self.rings.last().map_or((0, 0), |(_, rate, weight)| (*rate, *weight))
    }
}

pub(crate) fn root_mean(params: &Params) -> f64 {
    let alpha = from_milli(params.prior_alpha_milli.max(1));
    alpha / (alpha + from_milli(params.prior_beta_milli.max(1)))
}

/// Returns and chances to return of the rows of a level, summed over each wider block.
pub(crate) struct Returns {
    sums: [Vec<(u64, u64)>; 7],
}

impl Returns {
    fn own(eval: &Eval) -> (u64, u64) {
        let opportunities = eval.open.saturating_sub(1);
        match eval.seen.checked_sub(1) {
            Some(returns) => (u64::from(returns), u64::from(opportunities)),
            None => (0, 0),
        }
    }

    pub(crate) fn of(rows: &[Row], evals: &[Eval], table: &Table) -> Self {
        let mut sums: [Vec<(u64, u64)>; 7] =
            std::array::from_fn(|level| vec![(0, 0); table.rows.get(level).map_or(0, Vec::len)]);
        for (row, eval) in rows.iter().zip(evals) {
            let (returns, chances) = Self::own(eval);
            for (sums, parent) in sums.iter_mut().zip(row.parents) {
                let slot = usize::try_from(parent).ok().and_then(|at| sums.get_mut(at));
                if let Some((sum_returns, sum_chances)) = slot {
                    *sum_returns += returns;
                    *sum_chances += chances;
                }
            }
        }
        Self { sums }
    }

    pub(crate) fn neighbours(&self, row: &Row, eval: &Eval, params: &Params) -> Neighbours {
        let mut inner = Self::own(eval);
        let mut rings = Vec::new();
        for ((level, parent), sums) in Level::ALL.into_iter().zip(row.parents).zip(&self.sums) {
            if parent == NONE {
                continue;
            }
            let at = usize::try_from(parent).ok().and_then(|at| sums.get(at));
            let sum = at.copied().unwrap_or(inner);
            let ring = (sum.0.saturating_sub(inner.0), sum.1.saturating_sub(inner.1));
            rings.push((level, ring));
            inner = sum;
        }
        let bound = from_milli(params.neighbour_weight_milli);
        let (mut rate, mut observed) = (root_mean(params), 0_u64);
        let through = |(level, (returns, chances)): (Level, (u64, u64))| {
            if chances > 0 {
                let returns = float(returns.min(chances));
                rate = (returns + bound * rate) / (float(chances) + bound);
                observed += chances;
            }
            let most = u64::from(params.neighbour_weight_milli);
            let weight = most.min(observed.saturating_mul(1_000));
            (level, ppm(rate), u32::try_from(weight).unwrap_or(u32::MAX))
        };
        Neighbours { rings: rings.into_iter().rev().map(through).collect() }
    }
}

impl Scored {
    pub(crate) fn new(
        table: Table,
        family: Family,
        issues: &[IssueId],
        params: &Params,
        shares: Option<&Shares>,
    ) -> Self {
        let blank = Eval {
            unranked: None,
            explained: 0,
            explained_marks: 0,
            explained_devices: Devices::default(),
            explainer: None,
            seen: 0,
            open: 0,
            posterior: 0,
            chance: 1.0,
            excess: None,
        };
        let evals =
            std::array::from_fn(|level| vec![blank; table.rows.get(level).map_or(0, Vec::len)]);
        let mut scored = Self {
            family,
            table,
            evals,
            posteriors: std::array::from_fn(|_| Vec::new()),
            shapes: [1.0; 7],
        };
        for level in Level::ALL {
            scored.level(level, issues, params, shares);
        }
        scored
    }

    fn level(
        &mut self,
        level: Level,
        issues: &[IssueId],
        params: &Params,
        shares: Option<&Shares>,
    ) {
        let at = level_index(level);
        let n = count32(issues.len());
        let all = u64::MAX.checked_shr(64 - n.min(64)).unwrap_or(0);
        let rows = self.table.rows.get(at).map_or(&[][..], Vec::as_slice);
        let mut evals = self.evals.get_mut(at).map(std::mem::take).unwrap_or_default();
        for (row, eval) in rows.iter().zip(&mut evals) {
            eval.seen = (row.mask & !eval.explained).count_ones();
            eval.open = (all & !eval.explained).count_ones();
        }
        let returns = Returns::of(rows, &evals, &self.table);
        let keys: Vec<PosteriorKey> = rows
            .iter()
            .zip(&evals)
            .map(|(row, eval)| {
                let (rate_ppm, weight_milli) = returns.neighbours(row, eval, params).last();
                PosteriorKey {
                    seen: eval.seen,
                    open: eval.open,
                    rate_ppm: if weight_milli == 0 { 0 } else { rate_ppm },
                    weight_milli,
                }
            })
            .collect();
        let posteriors = posteriors(&keys, n, params, draw_seed(params, level, self.family));
        for (key, eval) in keys.iter().zip(&mut evals) {
            let found = posteriors.binary_search_by_key(key, |posterior| posterior.key);
            eval.posterior = found.unwrap_or(0);
            eval.chance = chance(*key, params);
        }
        if let Some(shares) = shares {
            let observed: Vec<(u64, Option<Devices>)> = rows
                .iter()
                .zip(&evals)
                .enumerate()
                .map(|(index, (row, eval))| {
                    let marks = row.marks.saturating_sub(eval.explained_marks);
                    let devices = self.devices(shares, level, row, index);
                    (u64::from(marks), devices.map(|all| all.minus(eval.explained_devices)))
                })
                .collect();
            let (shape, judged) = excess::judge(&observed, shares.all());
            for (eval, excess) in evals.iter_mut().zip(judged) {
                eval.excess = excess;
            }
            if let Some(slot) = self.shapes.get_mut(at) {
                *slot = shape;
            }
        }
        let bound = discovery_bound(&evals, params);
        for eval in &mut evals {
            let posterior = posteriors.get(eval.posterior);
            eval.unranked = unranked(eval, posterior, level, self.family, n, bound, params);
        }
        explain(&self.table, &mut self.evals, level, rows, &evals);
        if let Some(slot) = self.evals.get_mut(at) {
            *slot = evals;
        }
        if let Some(slot) = self.posteriors.get_mut(at) {
            *slot = posteriors;
        }
    }

    /// The rows of a level with what is known of them.
    pub(crate) fn rows(&self, level: Level) -> impl Iterator<Item = (&Row, &Eval, &Posterior)> {
        let at = level_index(level);
        let rows = self.table.rows.get(at).into_iter().flatten();
        let evals = self.evals.get(at).into_iter().flatten();
        let posteriors = self.posteriors.get(at);
        rows.zip(evals)
            .filter_map(move |(row, eval)| Some((row, eval, posteriors?.get(eval.posterior)?)))
    }

    /// The sums that neighbours of a level's rows come from.
    pub(crate) fn returns(&self, level: Level) -> Returns {
        let at = level_index(level);
        let rows = self.table.rows.get(at).map_or(&[][..], Vec::as_slice);
        let evals = self.evals.get(at).map_or(&[][..], Vec::as_slice);
        Returns::of(rows, evals, &self.table)
    }

    /// The shape of a level's marks against exposure.
    pub(crate) fn shape(&self, level: Level) -> f64 {
        self.shapes.get(level_index(level)).copied().unwrap_or(1.0)
    }

    /// The own log's devices in a block, if it holds any. The log knows no providers: a
    /// provider's devices are those of the networks that feeds file under it.
    fn devices(&self, shares: &Shares, level: Level, row: &Row, index: usize) -> Option<Devices> {
        if level != Level::Provider {
            return shares.of_key(row.key);
        }
        let networks = self.table.rows.get(level_index(Level::Asn))?;
        let mut all = None;
        for network in networks {
            let parent = network.parents.get(level_index(Level::Provider)).copied();
            if parent.and_then(|parent| usize::try_from(parent).ok()) == Some(index)
                && let Some(devices) = shares.of_key(network.key)
            {
                all = Some(devices.plus(all.unwrap_or_default()));
            }
        }
        all
    }
}

fn draw_seed(params: &Params, level: Level, family: Family) -> u64 {
    let table = u64::from(crate::marks::family_code(family)) * 7 + count64(level_index(level));
    params.seed ^ table.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// One posterior for each distinct key, sorted by key.
fn posteriors(keys: &[PosteriorKey], n: u32, params: &Params, seed: u64) -> Vec<Posterior> {
    let mut counts: BTreeMap<PosteriorKey, u64> = BTreeMap::new();
    for key in keys {
        *counts.entry(*key).or_default() += 1;
    }
    let groups: Vec<Group> = counts
        .iter()
        .map(|(key, count)| Group {
            posterior: key.beta(params, key.seen, key.open),
            newcomer: key.beta(params, 1, n),
            count: *count,
        })
        .collect();
    let ranks = rank::intervals(&groups, params.draws, seed);
    counts
        .iter()
        .zip(ranks)
        .map(|((key, _), rank)| {
            let (a, b) = key.beta(params, key.seen, key.open);
            let (best_a, best_b) = key.beta(params, n, n);
            Posterior {
                key: *key,
                recurrence_ppm: ppm(beta_quantile(a, b, 0.05)),
                mean_ppm: ppm(a / (a + b)),
                high_ppm: ppm(beta_quantile(a, b, 0.95)),
                attainable_ppm: ppm(beta_quantile(best_a, best_b, 0.05)),
                rank,
            }
        })
        .collect()
}

/// The chance that a block which one issue marks returns as often as it did, at the rate of the
/// root prior or of its neighbours, whichever is higher.
fn chance(key: PosteriorKey, params: &Params) -> f64 {
    let rate = root_mean(params).max(from_ppm(key.rate_ppm));
    match (key.seen.checked_sub(1), key.open.checked_sub(1)) {
        (Some(returns), Some(chances)) => {
            binomial_tail(u64::from(chances), rate, u64::from(returns))
        }
        _ => 1.0,
    }
}

/// Benjamini and Hochberg's bound for the table: chances up to it are discoveries.
fn discovery_bound(evals: &[Eval], params: &Params) -> f64 {
    let mut chances: Vec<f64> =
        evals.iter().filter(|eval| eval.seen > 0).map(|eval| eval.chance).collect();
    chances.sort_by(f64::total_cmp);
    let step = from_ppm(params.false_discovery_ppm) / float(count64(chances.len().max(1)));
    chances
        .iter()
        .zip(1_u64..)
        .filter(|(chance, place)| **chance <= step * float(*place))
        .map(|(chance, _)| *chance)
        .last()
        .unwrap_or(-1.0)
}

fn unranked(
    eval: &Eval,
    posterior: Option<&Posterior>,
    level: Level,
    family: Family,
    n: u32,
    bound: f64,
    params: &Params,
) -> Option<Unranked> {
    let wide = level > params.presence_level;
    let unexcused = |excess: Excess| {
        excess.chance_ppm > params.significance_ppm
            || wide && excess.low_ppm < u64::from(params.excess_ppm)
    };
    if n < 2 {
        Some(Unranked::OneIssue)
    } else if !Params::ranks(family) {
        Some(Unranked::SelfDeclared)
    } else if eval.seen == 0 {
        Some(Unranked::Explained)
    } else if wide && eval.excess.is_none() {
        Some(Unranked::NoExposure)
    } else if eval.chance > bound {
        Some(Unranked::Chance)
    } else if eval.excess.is_some_and(unexcused) {
        Some(Unranked::NoExcess)
    } else if posterior.is_none_or(|posterior| posterior.rank.covers_most) {
        Some(Unranked::RankUnclear)
    } else {
        None
    }
}

/// Ranked blocks explain, from the /64 on: that is the narrowest unit that outlives a day, and an
/// address inside of it is the same party.
fn explain(table: &Table, wider: &mut [Vec<Eval>; 7], level: Level, rows: &[Row], evals: &[Eval]) {
    if level < Level::P64 {
        return;
    }
    let at = level_index(level);
    for (index, (row, eval)) in rows.iter().zip(evals).enumerate() {
        if eval.unranked.is_some() {
            continue;
        }
        for (parents_level, (parent, evals)) in row.parents.iter().zip(wider.iter_mut()).enumerate()
        {
            let parent = usize::try_from(*parent).ok();
            let rows = table.rows.get(parents_level);
            let (Some(outer), Some(held)) = (
                parent.and_then(|parent| rows?.get(parent)),
                parent.and_then(|parent| evals.get_mut(parent)),
            ) else {
                continue;
            };
            held.explained |= row.mask;
            held.explained_marks =
                held.explained_marks.saturating_add(row.marks.saturating_sub(eval.explained_marks));
            if let Some(excess) = eval.excess {
                held.explained_devices = held
                    .explained_devices
                    .plus(Devices { all: excess.devices, flagged: excess.flagged_devices });
            }
            let shared = (row.mask & outer.mask).count_ones();
            if held.explainer.is_none_or(|(most, _, _)| shared > most) {
                held.explainer = Some((shared, at, count32(index)));
            }
        }
    }
}
