//! The same faults while several threads append.

use std::thread;

use super::*;
use crate::store::{GroupLimits, LedgerGroup};

const LIMITS: GroupLimits =
    GroupLimits { batch_records: 6, queue_records: 8, linger: std::time::Duration::ZERO };

impl Promised {
    /// Three threads append through a group, until something fails.
    fn work_together(&mut self, shared: &Shared) -> Result<(), StoreError> {
        let writer = LedgerWriter::open_on(shared.handles(), signers(), &now(), limits())?;
        self.checkpoints.push(writer.checkpoint().to_owned());
        let group = LedgerGroup::start(writer, LIMITS)?;
        let submit = || {
            let (mut acknowledged, mut failed) = (Vec::new(), false);
            for count in [1, 3, 2] {
                match group.submit_all(batch(count)).wait() {
                    Ok(appended) => {
                        assert!(!failed, "taken after a failure");
                        acknowledged.extend(appended);
                    }
                    Err(_) => failed = true,
                }
            }
            acknowledged
        };
        let acknowledged: Vec<_> = thread::scope(|scope| {
            let threads = [(); 3].map(|()| scope.spawn(submit));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        self.acknowledged.extend(&acknowledged);
        let mut writer = group.close()?;
        self.checkpoints.push(writer.checkpoint().to_owned());
        if acknowledged.len() == 18 {
            assert_eq!(writer.append_bodies(batch(1))?[0].seq, writer.size() - 1);
            return Ok(());
        }
        let again = writer.append_bodies(batch(1));
        assert!(matches!(again, Err(StoreError::Poisoned)), "{again:?}");
        Err(StoreError::Poisoned)
    }
}

#[test]
fn no_failing_step_loses_what_a_group_has_acknowledged_or_leaves_somebody_waiting() {
    let (start, before) = base();
    let work = |shared: &Shared| {
        let mut promised = before.clone();
        match promised.work_together(shared) {
            Ok(()) => Ok(promised),
            Err(error) => Err((promised, error)),
        }
    };
    let steps = table(&start, work, Promised::check);
    assert!(steps > 20, "{steps} steps");
}

#[test]
fn a_draft_that_has_no_record_is_refused_alone() {
    let (start, _) = base();
    let writer = LedgerWriter::open_on(start, signers(), &now(), limits()).unwrap();
    let group = LedgerGroup::start(writer, LIMITS).unwrap();
    let tickets = [batch(2), vec![(no_record(), now()), batch(1).remove(0)], batch(1)];
    let tickets = tickets.map(|some| group.submit_all(some));
    let outcomes = tickets.map(|ticket| ticket.wait());
    assert_eq!(outcomes[0].as_ref().unwrap().len(), 2);
    let refused = outcomes[1].as_ref().unwrap_err();
    assert!(matches!(**refused, StoreError::Append(_)), "{refused}");
    assert_eq!(outcomes[2].as_ref().unwrap()[0].seq, 252);
    assert_eq!(group.close().unwrap().size(), 253);
}

#[test]
fn a_group_that_is_dropped_brings_everything_to_the_disk_first() {
    let (start, _) = base();
    let shared = Shared::new(start);
    let writer = LedgerWriter::open_on(shared.handles(), signers(), &now(), limits()).unwrap();
    let group = LedgerGroup::start(writer, LIMITS).unwrap();
    let tickets: Vec<_> = (0..20).map(|_| group.submit_all(batch(1))).collect();
    drop(group);
    assert!(tickets.iter().all(|ticket| ticket.outcome().unwrap().is_ok()));
    let opened = LedgerWriter::open_on(shared.handles(), signers(), &now(), limits()).unwrap();
    assert_eq!((opened.size(), opened.opened().kept), (270, 0));
}
