//! From evaluated rows to the list that is reported.

use std::collections::BTreeMap;

use adproof_model::{Block, IssueId, Level, SignalClass};

use crate::eval::{Eval, Posterior, Returns, Scored};
use crate::marks::Marks;
use crate::num::{count32, float, from_ppm, millinats, ppm};
use crate::params::Params;
use crate::rows::{Key, Row, level_index};
use crate::score::{BlockScore, Contribution, Scoring, Term};

/// Days after which a listing weighs half.
const fn half_life_days(level: Level) -> u32 {
    match level {
        Level::P128 => 2,
        Level::P64 => 30,
        Level::P56 | Level::P48 => 60,
        Level::P32 | Level::Asn | Level::Provider => 90,
    }
}

/// A row that may be reported.
struct Candidate<'a> {
    scored: &'a Scored,
    level: Level,
    row: &'a Row,
    eval: &'a Eval,
    posterior: &'a Posterior,
    order_ppm: u32,
}

pub(crate) fn assemble(
    marks: &Marks,
    issues: Vec<IssueId>,
    all: &[Scored],
    params: &Params,
) -> Scoring {
    let mut candidates = Vec::new();
    let mut single_addresses = 0_u64;
    for scored in all {
        for level in Level::ALL {
            for (row, eval, posterior) in scored.rows(level) {
                if level == Level::P128 && row.mask.count_ones() < params.address_issues {
                    single_addresses += 1;
                    continue;
                }
                candidates.push(Candidate {
                    scored,
                    level,
                    row,
                    eval,
                    posterior,
                    order_ppm: order(posterior.recurrence_ppm, level, row, &issues),
                });
            }
        }
    }
    candidates.sort_by(|left, right| {
        let rank = |one: &Candidate<'_>| {
            (
                one.eval.unranked.is_some(),
                std::cmp::Reverse(one.order_ppm),
                one.level,
                std::cmp::Reverse(one.row.indicators),
                one.row.key,
                one.scored.family,
            )
        };
        rank(left).cmp(&rank(right))
    });
    let mut cut: BTreeMap<Level, u64> = BTreeMap::new();
    for candidate in candidates.iter().skip(params.max_blocks) {
        *cut.entry(candidate.level).or_default() += 1;
    }
    candidates.truncate(params.max_blocks);
    let n = count32(issues.len());
    let mut returns: BTreeMap<(usize, Level), Returns> = BTreeMap::new();
    let blocks = candidates
        .iter()
        .map(|one| {
            let table = (one.scored.family as usize, one.level);
            let returns = returns.entry(table).or_insert_with(|| one.scored.returns(one.level));
            block_score(marks, one, n, returns, params)
        })
        .collect();
    Scoring::new(issues, blocks, cut, single_addresses)
}

fn order(recurrence_ppm: u32, level: Level, row: &Row, issues: &[IssueId]) -> u32 {
    let day = |ago: u32| {
        let issue = usize::try_from(ago).ok().and_then(|ago| issues.get(ago));
        issue.map_or(0, IssueId::last_day)
    };
    let age = day(0).saturating_sub(day(row.mask.trailing_zeros())).max(0);
    let halvings = float(u64::try_from(age).unwrap_or(0)) / f64::from(half_life_days(level));
    ppm(from_ppm(recurrence_ppm) * libm::exp2(-halvings))
}

fn name(marks: &Marks, provider: u32) -> Option<Box<str>> {
    let at = usize::try_from(provider.checked_sub(1)?).ok()?;
    marks.names.get(at).cloned()
}

fn block(marks: &Marks, key: Key) -> Block {
    match key {
        Key::Prefix(prefix) => Block::Prefix(prefix),
        Key::Asn(asn) => Block::Asn(asn),
        Key::Provider(id) => Block::Provider(name(marks, id).unwrap_or_default()),
    }
}

fn block_score(
    marks: &Marks,
    one: &Candidate<'_>,
    n: u32,
    returns: &Returns,
    params: &Params,
) -> BlockScore {
    let Candidate { scored, level, row, eval, posterior, .. } = *one;
    let narrow = |rank: u64| u32::try_from(rank).unwrap_or(u32::MAX);
    let explained_by = eval.explainer.and_then(|(_, level, index)| {
        let row = scored.table.rows.get(level)?;
        let row = row.get(usize::try_from(index).ok()?)?;
        Some(block(marks, row.key))
    });
    let table = scored.table.rows.get(level_index(level)).map_or(0, Vec::len);
    BlockScore {
        block: block(marks, row.key),
        level,
        family: scored.family,
        provider: name(marks, row.provider),
        asn: Some(row.asn).filter(|asn| *asn != 0),
        class: match eval.unranked {
            None => SignalClass::Ranked,
            Some(_) => SignalClass::Insufficient,
        },
        unranked: eval.unranked,
        indicators: row.indicators,
        issues: n,
        issues_seen: row.mask.count_ones(),
        issues_unexplained: eval.seen,
        last_seen_ago: row.mask.trailing_zeros(),
        recurrence_ppm: posterior.recurrence_ppm,
        mean_ppm: posterior.mean_ppm,
        high_ppm: posterior.high_ppm,
        attainable_ppm: posterior.attainable_ppm,
        explained_by,
        rank: (narrow(posterior.rank.low), narrow(posterior.rank.high)),
        ranked_among: count32(table),
        chance_ppm: ppm(eval.chance),
        excess: eval.excess,
        contributions: contributions(one, returns, params),
        sources: row.sources.count_ones(),
        order_ppm: one.order_ppm,
    }
}

/// The logit of the mean, told as a walk from the root prior to the posterior. Each stop is
/// rounded to milli-nats before differences are taken, so that the terms sum to the rounded logit
/// of the mean, exactly.
fn contributions(one: &Candidate<'_>, returns: &Returns, params: &Params) -> Vec<Contribution> {
    let key = one.posterior.key;
    let logit = |(a, b): (f64, f64)| millinats(libm::log(a / b));
    let mut stops = Vec::with_capacity(10);
    let mut ring_key = crate::eval::PosteriorKey { rate_ppm: 0, weight_milli: 0, ..key };
    stops.push((Term::Root, logit(ring_key.beta(params, 0, 0))));
    for (level, rate_ppm, weight_milli) in returns.neighbours(one.row, one.eval, params).rings {
        ring_key.rate_ppm = rate_ppm;
        ring_key.weight_milli = weight_milli;
        stops.push((Term::Neighbours(level), logit(ring_key.beta(params, 0, 0))));
    }
    let last = logit(key.beta(params, key.seen, key.open));
    if let Some(excess) = one.eval.excess {
        let (a, b) = key.beta(params, 0, 0);
        let open = f64::from(key.open);
        let at = |share: f64| logit((a + open * share, b + open * (1.0 - share)));
        let shape = one.scored.shape(one.level);
        let expected = float(excess.expected_marks_ppm) / 1e6;
        let a_issue = expected / open.max(1.0);
        // The chance that an issue marks the block at all: of a Poisson count, then of a negative
        // binomial one.
        let poisson = -libm::expm1(-a_issue);
        let clumped = -libm::expm1(-shape * libm::log1p(a_issue / shape));
        stops.push((Term::Recurrence, at(poisson)));
        stops.push((Term::Dispersion, at(clumped)));
        stops.push((Term::Excess, last));
    } else {
        stops.push((Term::Recurrence, last));
    }
    let mut before = 0;
    stops
        .into_iter()
        .map(|(term, stop)| {
            let millinats = stop - before;
            before = stop;
            Contribution { term, millinats }
        })
        .collect()
}
