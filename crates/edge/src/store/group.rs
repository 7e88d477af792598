use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adproof_ledger::{
    AppendError, Body, Chain, Hash, RecordTime, SignedRecord, Signer, UnsignedRecord,
};

use super::StoreError;
use super::commit::Committer;
use super::disk::{Disk, Folder};
use super::sign::{sign_all, threads};
use super::writer::{Appended, LedgerWriter, Rest, new_beacon};

/// Bounds of a group commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// The most records of a batch; one submission with more is a batch of its own.
    pub batch_records: usize,
    /// The most records that wait; whoever submits more is held up until there is room.
    pub queue_records: usize,
    /// For how long a batch that is not full waits for more. Without it a batch takes what has come
    /// while the one before was signed and synced.
    pub linger: Duration,
}

impl Default for GroupLimits {
    fn default() -> Self {
        Self { batch_records: 512, queue_records: 4096, linger: Duration::ZERO }
    }
}

/// What became of a submission. The error is shared by all that were in one batch.
pub type Outcome = Result<Vec<Appended>, Arc<StoreError>>;

/// Appends records for any number of threads: what they submit is put into batches, each of which
/// is signed on all cores while the one before is brought to the disk.
///
/// Records of one submission follow each other; submissions of one thread keep their order.
pub struct LedgerGroup<D: Disk = Folder> {
    shared: Arc<Shared>,
    maker: Option<JoinHandle<Made>>,
    committer: Option<JoinHandle<Committer<D>>>,
    /// The writer without its parts; see [`LedgerGroup::close`].
    rest: Option<Rest>,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    limits: GroupLimits,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Submission>,
    records: usize,
    closed: bool,
    /// A step of the commit failed: nothing is taken any more.
    poisoned: bool,
    /// The hash of the last time stamp, as it was when the last batch was committed.
    beacon: Option<Hash>,
}

struct Submission {
    bodies: Vec<(Body, RecordTime)>,
    promise: Promise,
}

/// A claim to the outcome of a submission.
#[derive(Clone, Debug, Default)]
pub struct Ticket(Arc<(Mutex<Option<Outcome>>, Condvar)>);

impl Ticket {
    /// Waits until the records are durable and published, or have failed.
    pub fn wait(&self) -> Outcome {
        let (outcome, changed) = &*self.0;
        let mut outcome = lock(outcome);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            outcome = changed.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The outcome, if there is one yet.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        lock(&self.0.0).clone()
    }
}

/// The other side of a ticket. Whoever drops it has not kept it.
struct Promise(Ticket);

impl Promise {
    fn settle(&self, outcome: Outcome) {
        let (settled, changed) = &*self.0.0;
        let mut settled = lock(settled);
        if settled.is_none() {
            *settled = Some(outcome);
            changed.notify_all();
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Err(Arc::new(StoreError::Poisoned)));
    }
}

/// A batch that is signed: its records, and how many of them each promise is for.
type Batch = (Vec<SignedRecord>, Vec<(Promise, usize)>);

impl<D: Disk + Send + 'static> LedgerGroup<D> {
    /// Puts threads to work with a writer.
    pub fn start(writer: LedgerWriter<D>, limits: GroupLimits) -> Result<Self, StoreError> {
        let (committer, chain, rest) = writer.into_parts();
        let signer = Arc::clone(&rest.signer);
        let beacon = new_beacon(&committer.disk, None);
        let queue = Mutex::new(Queue { beacon, ..Queue::default() });
        let shared = Arc::new(Shared { queue, changed: Condvar::new(), limits });
        let start = Made { chain, carried: rest.carried };
        // No batch waits between both threads: what is not being signed is still taking records.
        let (to, batches) = mpsc::sync_channel::<Batch>(0);
        let commit = {
            let shared = Arc::clone(&shared);
            move || bring(committer, &batches, &shared)
        };
        let make = {
            let shared = Arc::clone(&shared);
            move || make(start, signer.as_ref(), &to, &shared)
        };
        let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
        let io = || StoreError::io("starting a thread");
        let committer = spawn("ledger-commit").spawn(commit).map_err(io())?;
        let maker = spawn("ledger-sign").spawn(make).map_err(io())?;
        Ok(Self { shared, maker: Some(maker), committer: Some(committer), rest: Some(rest) })
    }

    /// Submits a record.
    #[must_use = "the ticket tells whether it is durable"]
    pub fn submit(&self, body: Body, time: RecordTime) -> Ticket {
        self.submit_all(vec![(body, time)])
    }

    /// Submits records that belong into one batch: all of them are appended, or none.
    #[must_use = "the ticket tells whether they are durable"]
    pub fn submit_all(&self, bodies: Vec<(Body, RecordTime)>) -> Ticket {
        let ticket = Ticket::default();
        let promise = Promise(ticket.clone());
        let mut queue = lock(&self.shared.queue);
        while queue.records >= self.shared.limits.queue_records && queue.takes() {
            queue = self.shared.wait(queue);
        }
        if queue.takes() {
            queue.records += bodies.len();
            queue.waiting.push_back(Submission { bodies, promise });
            drop(queue);
            self.shared.changed.notify_all();
        }
        ticket
    }

    /// Waits until everything that was submitted is on the disk, or has failed, and gives the
    /// writer back.
    pub fn close(mut self) -> Result<LedgerWriter<D>, StoreError> {
        self.end();
        let parts = (self.maker.take(), self.committer.take(), self.rest.take());
        let (Some(maker), Some(committer), Some(mut rest)) = parts else {
            return Err(StoreError::Poisoned);
        };
        match (maker.join(), committer.join()) {
            (Ok(Made { chain, carried }), Ok(committer)) => {
                rest.carried = carried;
                Ok(rest.join(committer, chain))
            }
            _ => Err(StoreError::Poisoned),
        }
    }
}

impl<D: Disk> LedgerGroup<D> {
    fn end(&self) {
        lock(&self.shared.queue).closed = true;
        self.shared.changed.notify_all();
    }
}

impl<D: Disk> Drop for LedgerGroup<D> {
    fn drop(&mut self) {
        self.end();
        if let Some(maker) = self.maker.take() {
            let _ = maker.join();
        }
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}

impl Queue {
    const fn takes(&self) -> bool {
        !self.closed && !self.poisoned
    }
}

impl Shared {
    fn wait<'q>(&self, queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner)
    }

    /// The submissions of the next batch, and the beacon; none when there will be no more.
    fn next(&self) -> Option<(Vec<Submission>, Option<Hash>)> {
        let mut queue = lock(&self.queue);
        while queue.waiting.is_empty() {
            if queue.closed || queue.poisoned {
                return None;
            }
            queue = self.wait(queue);
        }
        let deadline = Instant::now() + self.limits.linger;
        while queue.records < self.limits.batch_records && queue.takes() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut batch, mut records) = (Vec::new(), 0);
        while let Some(next) = queue.waiting.front() {
            if !batch.is_empty() && records + next.bodies.len() > self.limits.batch_records {
                break;
            }
            records += next.bodies.len();
            batch.extend(queue.waiting.pop_front());
        }
        queue.records = queue.records.saturating_sub(records);
        let beacon = queue.beacon;
        drop(queue);
        self.changed.notify_all();
        Some((batch, beacon))
    }

    /// Takes nothing any more, and fails what waits.
    fn poison(&self, error: Option<StoreError>) {
        let mut queue = lock(&self.queue);
        queue.poisoned = true;
        let waiting = std::mem::take(&mut queue.waiting);
        drop(queue);
        self.changed.notify_all();
        let error = Arc::new(error.unwrap_or(StoreError::Poisoned));
        for submission in waiting {
            submission.promise.settle(Err(Arc::clone(&error)));
        }
    }
}

/// Where the making of records stands.
struct Made {
    chain: Chain,
    /// The beacon that a record has carried.
    carried: Option<Hash>,
}

/// Makes and signs batches until there are no more.
fn make(
    Made { mut chain, mut carried }: Made,
    signer: &dyn Signer,
    to: &mpsc::SyncSender<Batch>,
    shared: &Shared,
) -> Made {
    let kid = signer.key_id();
    while let Some((mut submissions, beacon)) = shared.next() {
        let before = (chain.clone(), carried);
        let first = submissions.iter_mut().find_map(|one| one.bodies.first_mut());
        if let (Some((_, time)), Some(beacon)) = (first, beacon.filter(|new| carried != Some(*new)))
        {
            time.beacon.get_or_insert(*beacon.as_bytes());
            carried = Some(beacon);
        }
        let (mut records, mut promises) = (Vec::new(), Vec::new());
        for Submission { bodies, promise } in submissions {
            let mark = chain.clone();
            let prepare = |(body, time)| chain.prepare(kid, body, time);
            match bodies.into_iter().map(prepare).collect::<Result<Vec<UnsignedRecord>, _>>() {
                Ok(some) => {
                    promises.push((promise, some.len()));
                    records.extend(some);
                }
                Err(error) => {
                    chain = mark;
                    if records.is_empty() {
                        carried = before.1;
                    }
                    promise.settle(Err(Arc::new(AppendError::Encode(error).into())));
                }
            }
        }
        let batch = match sign_all(records, signer, threads()) {
            Ok(records) => (records, promises),
            Err(error) => {
                // Nothing was written, and later batches may find the signer back.
                (chain, carried) = before;
                fail(&promises, AppendError::Sign(error).into());
                continue;
            }
        };
        if to.send(batch).is_err() {
            break;
        }
    }
    Made { chain, carried }
}

/// Brings batches to the disk until there are no more, or one fails.
fn bring<D: Disk>(
    mut committer: Committer<D>,
    batches: &mpsc::Receiver<Batch>,
    shared: &Shared,
) -> Committer<D> {
    for (records, promises) in batches {
        let done = if records.is_empty() { Ok(()) } else { committer.commit(&records) };
        if let Err(error) = done {
            fail(&promises, error);
            shared.poison(None);
            break;
        }
        lock(&shared.queue).beacon = new_beacon(&committer.disk, None);
        let mut places = records.iter().map(Appended::of);
        for (promise, count) in promises {
            promise.settle(Ok(places.by_ref().take(count).collect()));
        }
        if let Err(error) = committer.tidy() {
            // Those who asked have their answer; the next one hears of it.
            shared.poison(Some(error));
            break;
        }
    }
    committer
}

fn fail(promises: &[(Promise, usize)], error: StoreError) {
    let error = Arc::new(error);
    for (promise, _) in promises {
        promise.settle(Err(Arc::clone(&error)));
    }
}

/// What a thread that panicked held is whole: every change under a lock is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
