use adproof_model::Reject;

use crate::Limits;
use crate::table::reject_of;

/// The first rejects, bounded, and how many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rejects {
    pub(crate) kept: Vec<Reject>,
    pub(crate) total: u64,
}

impl Rejects {
    pub(crate) fn push(
        &mut self,
        limits: &Limits,
        row: u64,
        column: &str,
        value: &str,
        reason: &str,
    ) {
        self.take(limits, reject_of(limits, row, column, value, reason));
    }

    pub(crate) fn take(&mut self, limits: &Limits, reject: Reject) {
        self.total += 1;
        if self.kept.len() < limits.rejects {
            self.kept.push(reject);
        }
    }
}
