//! Our sums beside those of the other party.

use std::collections::{BTreeMap, BTreeSet};

use adproof_ledger::WindowClose;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// The window's beginning, µs since 1970-01-01T00:00:00Z.
    pub from_us: i64,
    /// The window's end.
    pub to_us: i64,
    /// Who reported the bill.
    pub party: String,
    /// What was decided.
    pub action: String,
    /// The currency.
    pub currency: String,
}

/// What one side counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// How many decisions.
    pub count: u64,
    /// What was billed in millionths, where it is known.
    pub amount_micros: Option<i64>,
}

/// One kind of decisions, as both sides count it. A side that lacks it has left it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The kind.
    pub kind: Kind,
    /// What the ledger counts.
    pub ours: Option<Figure>,
    /// What the other party counts.
    pub theirs: Option<Figure>,
}

impl Compared {
    /// The larger of the differences of counts and amounts, as a share of the smaller figure in
    /// parts per million, rounded up: so it holds whichever side's figure controls. None where one
    /// figure is zero and the other is not, or where their signs differ.
    #[must_use]
    pub fn discrepancy_ppm(&self) -> Option<u64> {
        let (ours, theirs) = (self.ours.unwrap_or(NOTHING), self.theirs.unwrap_or(NOTHING));
        let counts = share_ppm(ours.count.into(), theirs.count.into())?;
        let amounts = match (ours.amount_micros, theirs.amount_micros) {
            (Some(ours), Some(theirs)) => share_ppm(ours.into(), theirs.into())?,
            _ => 0,
        };
        Some(counts.max(amounts))
    }

    /// Whether the difference is at most so many parts per million.
    #[must_use]
    pub fn is_within(&self, ppm: u32) -> bool {
        self.discrepancy_ppm().is_some_and(|found| found <= ppm.into())
    }
}

const NOTHING: Figure = Figure { count: 0, amount_micros: Some(0) };

fn share_ppm(one: i128, other: i128) -> Option<u64> {
    let (difference, base) = (one.abs_diff(other), one.unsigned_abs().min(other.unsigned_abs()));
    if difference == 0 {
        return Some(0);
    }
    if base == 0 || one.signum() != other.signum() {
        return None;
    }
    // Both are below 2⁶⁵.
    u64::try_from(difference.checked_mul(1_000_000)?.div_ceil(base)).ok()
}

/// What comparing found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// The kinds, in order.
    pub rows: Vec<Compared>,
    /// Closed windows of which the other party says nothing.
    pub not_compared: Vec<(i64, i64)>,
    /// Windows that the other party counts and the ledger has not closed.
    pub not_closed: Vec<(i64, i64)>,
}

/// Compares the windows of which the other party says something.
#[must_use]
pub fn reconcile(windows: &[WindowClose], theirs: &BTreeMap<Kind, Figure>) -> Reconciled {
    let closed: BTreeSet<(i64, i64)> =
        windows.iter().map(|window| (window.from_us, window.to_us)).collect();
    let told: BTreeSet<(i64, i64)> = theirs.keys().map(|kind| (kind.from_us, kind.to_us)).collect();
    let mut rows = BTreeMap::<Kind, (Option<Figure>, Option<Figure>)>::new();
    for window in windows.iter().filter(|window| told.contains(&(window.from_us, window.to_us))) {
        for total in &window.totals {
            let kind = Kind {
                from_us: window.from_us,
                to_us: window.to_us,
                party: total.party.clone(),
                action: total.action.as_str().to_owned(),
                currency: total.currency.clone(),
            };
            let amount_micros = Some(total.amount_micros);
            rows.entry(kind).or_default().0 = Some(Figure { count: total.count, amount_micros });
        }
    }
    for (kind, figure) in theirs {
        rows.entry(kind.clone()).or_default().1 = Some(*figure);
    }
    let rows = rows.into_iter().map(|(kind, (ours, theirs))| Compared { kind, ours, theirs });
    Reconciled {
        rows: rows.collect(),
        not_compared: closed.difference(&told).copied().collect(),
        not_closed: told.difference(&closed).copied().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(ours: Option<(u64, i64)>, theirs: Option<(u64, Option<i64>)>) -> Compared {
        let kind = Kind {
            from_us: 0,
            to_us: 1,
            party: String::new(),
            action: "review".to_owned(),
            currency: "USD".to_owned(),
        };
        let ours = ours.map(|(count, amount)| Figure { count, amount_micros: Some(amount) });
        let theirs = theirs.map(|(count, amount_micros)| Figure { count, amount_micros });
        Compared { kind, ours, theirs }
    }

    #[test]
    fn tolerances_hold_at_their_edge_and_not_behind_it() {
        for (ours, theirs, five, ten) in [
            (100, 100, true, true),
            (100, 105, true, true),
            (105, 100, true, true),
            (100, 106, false, true),
            (100, 110, false, true),
            (110, 100, false, true),
            (100, 111, false, false),
            (0, 1, false, false),
        ] {
            let row = compared(Some((ours, 0)), Some((theirs, None)));
            assert_eq!((row.is_within(50_000), row.is_within(100_000)), (five, ten), "{row:?}");
        }
    }

    #[test]
    fn the_larger_difference_counts_and_what_one_side_lacks_is_beyond() {
        let ppm = |ours, theirs| compared(ours, theirs).discrepancy_ppm();
        assert_eq!(ppm(Some((10, 1_000)), Some((10, Some(1_070)))), Some(70_000));
        assert_eq!(ppm(Some((10, 1_000)), Some((10, None))), Some(0));
        assert_eq!(ppm(Some((10, 1_000)), None), None);
        assert_eq!(ppm(None, Some((10, None))), None);
        assert_eq!(ppm(Some((1, -5)), Some((1, Some(5)))), None);
        // One third, rounded up.
        assert_eq!(ppm(Some((3, 0)), Some((4, None))), Some(333_334));
        assert_eq!(ppm(Some((1, i64::MAX)), Some((1, Some(1)))), None);
    }
}
