use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use adproof_ledger::{
    AppendError, Chain, Content, Hash, RecordTime, SignedRecord, Signer, UnsignedRecord,
};

use super::StoreError;
use super::commit::Committer;
use super::disk::{Disk, Folder};
use super::sign::{sign_all, threads};
use super::ticket::{Promise, Ticket, lock};
use super::writer::{Appended, LedgerWriter, Rest, new_beacon};

/// Bounds of a group commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupLimits {
    /// Signing pauses when so many records wait for the disk; a batch holds at most
    /// 128 more, or one submission that is larger.
    pub batch_records: usize,
    /// The most records that wait; whoever submits more is held up until there is room.
    pub queue_records: usize,
    /// For how long signing waits for more records than have come. Without it, it takes what there
    /// is.
    pub linger: Duration,
}

/// The most records that are signed at once: some milliseconds of work, after which the disk may
/// have them. One submission with more is signed as a whole.
const SIGN_RECORDS: usize = 128;

impl Default for GroupLimits {
    fn default() -> Self {
        Self { batch_records: 512, queue_records: 4096, linger: Duration::ZERO }
    }
}

/// Appends records for any number of threads: what they submit is signed on all cores, without a
/// pause, while what was signed before is brought to the disk. A batch is what has been signed when
/// the disk is done with the one before, so batches grow with the time that a sync takes.
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
    /// Told to those who submit: there may be room.
    room: Condvar,
    /// Told to the signing thread: there may be something to sign, or room for it.
    work: Condvar,
    /// Told to the thread at the disk: something is signed.
    signed: Condvar,
    limits: GroupLimits,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Submission>,
    records: usize,
    /// How many are being signed.
    signing: usize,
    /// What is signed, and not yet being brought to the disk.
    signed: Batch,
    /// Nothing will be signed any more.
    made: bool,
    closed: bool,
    /// A step of the commit failed: nothing is taken any more.
    poisoned: bool,
    /// The hash of the last time stamp, as it was when the last batch was committed.
    beacon: Option<Hash>,
}

struct Submission {
    contents: Vec<(Content, RecordTime)>,
    promise: Promise,
}

/// Signed records, and how many of them each promise is for.
#[derive(Default)]
struct Batch {
    records: Vec<SignedRecord>,
    promises: Vec<(Promise, usize)>,
}

impl<D: Disk + Send + 'static> LedgerGroup<D> {
    /// Puts threads to work with a writer.
    pub fn start(writer: LedgerWriter<D>, limits: GroupLimits) -> Result<Self, StoreError> {
        let (committer, chain, rest) = writer.into_parts();
        let signer = Arc::clone(&rest.signer);
        let beacon = new_beacon(&committer.disk, None);
        let queue = Mutex::new(Queue { beacon, ..Queue::default() });
        let shared = Arc::new(Shared {
            queue,
            room: Condvar::new(),
            work: Condvar::new(),
            signed: Condvar::new(),
            limits,
        });
        let start = Made { chain, carried: rest.carried };
        let commit = {
            let falling = Falling(Arc::clone(&shared));
            move || bring(committer, &falling.0)
        };
        let make = {
            let ending = Ending(Arc::clone(&shared));
            move || make(start, signer.as_ref(), &ending.0)
        };
        let spawn = |name: &str| thread::Builder::new().name(name.to_owned());
        let io = || StoreError::io("starting a thread");
        let committer = spawn("ledger-commit").spawn(commit).map_err(io())?;
        let maker = spawn("ledger-sign").spawn(make).map_err(io())?;
        Ok(Self { shared, maker: Some(maker), committer: Some(committer), rest: Some(rest) })
    }

    /// Submits a record.
    #[must_use = "the ticket tells whether it is durable"]
    pub fn submit(&self, content: impl Into<Content>, time: RecordTime) -> Ticket {
        self.submit_all(vec![(content, time)])
    }

    /// Submits records that belong into one batch: all of them are appended, or none.
    #[must_use = "the ticket tells whether they are durable"]
    pub fn submit_all<C: Into<Content>>(&self, contents: Vec<(C, RecordTime)>) -> Ticket {
        let contents = contents.into_iter();
        let contents: Vec<_> = contents.map(|(one, time)| (one.into(), time)).collect();
        let ticket = Ticket::default();
        let promise = Promise(ticket.clone());
        let mut queue = lock(&self.shared.queue);
        while queue.records >= self.shared.limits.queue_records && queue.takes() {
            queue = wait(&self.shared.room, queue);
        }
        if queue.takes() {
            queue.records += contents.len();
            queue.waiting.push_back(Submission { contents, promise });
            drop(queue);
            self.shared.work.notify_one();
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
        self.shared.all();
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

    /// Whether a batch had better be joined by what is about to be signed. Every batch costs two
    /// syncs, however small it is; half of all that is under way suffices for the other half to be
    /// signed while it is on its way.
    fn pays_to_wait(&self, limits: GroupLimits) -> bool {
        let signed = self.signed.records.len();
        signed < limits.batch_records && signed < self.signing + self.records
    }
}

impl Shared {
    /// Wakes everybody: the end is near.
    fn all(&self) {
        self.room.notify_all();
        self.work.notify_all();
        self.signed.notify_all();
    }

    /// The submissions that are signed next, and the beacon; none when there will be no more.
    fn next(&self) -> Option<(Vec<Submission>, Option<Hash>)> {
        let mut queue = lock(&self.queue);
        while !queue.poisoned
            && (queue.signed.records.len() >= self.limits.batch_records
                || (queue.waiting.is_empty() && !queue.closed))
        {
            queue = wait(&self.work, queue);
        }
        if queue.poisoned || queue.waiting.is_empty() {
            return None;
        }
        let deadline = Instant::now() + self.limits.linger;
        while queue.records < SIGN_RECORDS && queue.takes() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.work.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (mut some, mut records) = (Vec::new(), 0);
        while let Some(next) = queue.waiting.front() {
            if !some.is_empty() && records + next.contents.len() > SIGN_RECORDS {
                break;
            }
            records += next.contents.len();
            some.extend(queue.waiting.pop_front());
        }
        queue.records = queue.records.saturating_sub(records);
        queue.signing = records;
        let beacon = queue.beacon;
        drop(queue);
        self.room.notify_all();
        Some((some, beacon))
    }

    /// Hands signed records over to the disk.
    fn hand_over(&self, records: Vec<SignedRecord>, promises: Vec<(Promise, usize)>) {
        let mut queue = lock(&self.queue);
        queue.signing = 0;
        // What comes too late fails as its promises are dropped.
        if !queue.poisoned {
            queue.signed.records.extend(records);
            queue.signed.promises.extend(promises);
        }
        drop(queue);
        self.signed.notify_one();
    }

    /// All that is signed; none when there will be no more.
    fn batch(&self) -> Option<Batch> {
        let mut queue = lock(&self.queue);
        while !queue.made && (queue.signed.promises.is_empty() || queue.pays_to_wait(self.limits)) {
            queue = wait(&self.signed, queue);
        }
        let batch = std::mem::take(&mut queue.signed);
        drop(queue);
        self.work.notify_one();
        (!batch.promises.is_empty()).then_some(batch)
    }

    /// Takes nothing any more, and fails what waits.
    fn poison(&self, error: Option<StoreError>) {
        let mut queue = lock(&self.queue);
        queue.poisoned = true;
        let waiting = std::mem::take(&mut queue.waiting);
        let signed = std::mem::take(&mut queue.signed);
        drop(queue);
        self.all();
        let error = Arc::new(error.unwrap_or(StoreError::Poisoned));
        let signed = signed.promises.into_iter().map(|(promise, _)| promise);
        for promise in signed.chain(waiting.into_iter().map(|submission| submission.promise)) {
            promise.settle(Err(Arc::clone(&error)));
        }
    }
}

/// Says that nothing will be signed any more, however the signing thread has ended.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        lock(&self.0.queue).made = true;
        self.0.signed.notify_one();
    }
}

/// Lets nobody wait for a disk that nobody brings anything to any more.
struct Falling(Arc<Shared>);

impl Drop for Falling {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.poison(None);
        }
    }
}

/// Where the making of records stands.
struct Made {
    chain: Chain,
    /// The beacon that a record has carried.
    carried: Option<Hash>,
}

/// Makes and signs records until there are no more.
fn make(Made { mut chain, mut carried }: Made, signer: &dyn Signer, shared: &Shared) -> Made {
    let kid = signer.key_id();
    while let Some((mut submissions, beacon)) = shared.next() {
        let before = (chain.clone(), carried);
        let first = submissions.iter_mut().find_map(|one| one.contents.first_mut());
        if let (Some((_, time)), Some(beacon)) = (first, beacon.filter(|new| carried != Some(*new)))
        {
            time.beacon.get_or_insert(*beacon.as_bytes());
            carried = Some(beacon);
        }
        let (mut records, mut promises) = (Vec::new(), Vec::new());
        for Submission { contents, promise } in submissions {
            let mark = chain.clone();
            let prepare = |(content, time)| chain.prepare(kid, content, &time);
            match contents.into_iter().map(prepare).collect::<Result<Vec<UnsignedRecord>, _>>() {
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
        match sign_all(records, signer, threads()) {
            Ok(records) => shared.hand_over(records, promises),
            Err(error) => {
                // Nothing was written, and later records may find the signer back.
                (chain, carried) = before;
                fail(&promises, AppendError::Sign(error).into());
                shared.hand_over(Vec::new(), Vec::new());
            }
        }
    }
    Made { chain, carried }
}

/// Brings batches to the disk until there are no more, or one fails.
fn bring<D: Disk>(mut committer: Committer<D>, shared: &Shared) -> Committer<D> {
    while let Some(Batch { records, promises }) = shared.batch() {
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

fn wait<'q>(told: &Condvar, queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
    told.wait(queue).unwrap_or_else(PoisonError::into_inner)
}
