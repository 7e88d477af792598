//! From decided days to durable records.

use std::path::Path;
use std::thread;
use std::time::Duration;

use adproof_benches_stream::{Clock, Took};
use adproof_edge::clock::{Clock as _, SystemClock};
use adproof_edge::people::{Limits as PeopleLimits, People};
use adproof_edge::store::{GroupLimits, LedgerGroup, LedgerWriter, Limits as StoreLimits, Signers};
use adproof_ledger::{DayKey, EvidenceKey, MemoryKey, RecordTime, WrittenDraft};
use adproof_model::Digest;
use adproof_pipeline::{Day, Decided, Recorder};

use crate::{Done, inputs, tell};

const LOG: &str = "log.example/adproof";
/// Records that are made together, as `adproof stream` makes them.
const BATCH: usize = 512;

pub(crate) fn run(folder: &Path, days: &[Day]) -> Done<()> {
    let recorder = recorder()?;
    step_by_step(&folder.join("steps"), &recorder, days)?;
    all_cores(&folder.join("cores"), &recorder, days)
}

pub(crate) fn recorder() -> Done<Recorder> {
    let inputs = inputs()?;
    let evidence = EvidenceKey::new([7; 32]);
    let ruleset = Digest::new([0; 32]);
    Ok(Recorder::new(evidence, &[], &inputs.params, &inputs.policy, ruleset))
}

/// What records are written with.
pub(crate) struct Desk {
    people: People,
    clock: SystemClock,
}

impl Desk {
    pub(crate) fn open(folder: &Path) -> Done<(Self, LedgerWriter)> {
        let signers = Signers {
            record: Box::new(MemoryKey::from_seed(&[1; 32])),
            checkpoint: Box::new(MemoryKey::from_seed(&[2; 32])),
        };
        let (root, heads) = (folder.join("ledger"), folder.join("heads"));
        let limits = StoreLimits::default();
        let writer = LedgerWriter::create(&root, LOG, signers, Some(&heads), limits)?;
        let people = People::open(&folder.join("people"), PeopleLimits::default())?;
        Ok((Self { people, clock: SystemClock::default() }, writer))
    }

    /// The keys of decisions.
    fn keys(&mut self, recorder: &Recorder, some: &[Decided]) -> Done<Vec<Option<DayKey>>> {
        let mut keys = Vec::with_capacity(some.len());
        for decided in some {
            let dossier = &decided.dossier;
            let person = recorder.person(dossier);
            let subject = recorder.subject(&dossier.transaction, &dossier.impression);
            keys.push(self.people.key("2026-05-01", &person, &subject)?);
        }
        Ok(keys)
    }

    fn timed(&self, drafts: Vec<WrittenDraft>) -> Vec<(WrittenDraft, RecordTime)> {
        drafts.into_iter().map(|draft| (draft, self.clock.now())).collect()
    }
}

/// Each step for itself: making records on one thread.
fn step_by_step(folder: &Path, recorder: &Recorder, days: &[Day]) -> Done<()> {
    let (mut desk, mut writer) = Desk::open(folder)?;
    let zero = Took { wall: Duration::ZERO, cpu: Duration::ZERO };
    let (mut making, mut keys, mut appending, mut count) = (zero, zero, zero, 0);
    let add = |sum: &mut Took, took: Took| {
        sum.wall += took.wall;
        sum.cpu += took.cpu;
    };
    for day in days {
        for some in day.decided.chunks(BATCH) {
            let clock = Clock::start();
            let known = desk.keys(recorder, some)?;
            desk.people.sync()?;
            add(&mut keys, clock.took());
            let clock = Clock::start();
            let drafts = make(recorder, day, some, &known)?;
            add(&mut making, clock.took());
            count += drafts.len();
            let clock = Clock::start();
            let bodies = desk.timed(drafts);
            writer.append_bodies(bodies)?;
            add(&mut appending, clock.took());
        }
    }
    tell("record: names and keys of persons", count, keys);
    tell("  commit to the evidence, write", count, making);
    tell("  sign and append, durable", count, appending);
    writer.close()?;
    Ok(())
}

fn make(
    recorder: &Recorder,
    day: &Day,
    some: &[Decided],
    keys: &[Option<DayKey>],
) -> Done<Vec<WrittenDraft>> {
    let mut drafts = Vec::with_capacity(some.len());
    for (decided, key) in some.iter().zip(keys) {
        drafts.push(recorder.record(day, decided, key.as_ref())?.draft.written()?);
    }
    Ok(drafts)
}

/// Everything together, on all cores.
fn all_cores(folder: &Path, recorder: &Recorder, days: &[Day]) -> Done<()> {
    let (mut desk, mut writer) = Desk::open(folder)?;
    let clock = Clock::of_process();
    let mut all = 0;
    for day in days {
        let count;
        (writer, count) = desk.write(writer, recorder, day)?;
        all += count;
    }
    tell("record: all of it, on all cores", all, clock.took());
    writer.close()?;
    Ok(())
}

impl Desk {
    /// Records a day as `adproof stream` does it: records are made on all cores while those before
    /// them are signed and brought to the disk. Gives the writer back, and how many they are.
    pub(crate) fn write(
        &mut self,
        writer: LedgerWriter,
        recorder: &Recorder,
        day: &Day,
    ) -> Done<(LedgerWriter, usize)> {
        let group = LedgerGroup::start(writer, GroupLimits::default())?;
        let mut tickets = Vec::new();
        let mut count = 0;
        for some in day.decided.chunks(BATCH) {
            let keys = self.keys(recorder, some)?;
            let people = &mut self.people;
            let (drafts, synced) = thread::scope(|scope| {
                let synced = scope.spawn(|| people.sync());
                (make_on_all_cores(recorder, day, some, &keys), synced.join())
            });
            synced.map_err(|_| "keeping the keys of persons failed")??;
            let drafts = drafts?;
            count += drafts.len();
            tickets.push(group.submit_all(self.timed(drafts)));
        }
        for ticket in tickets {
            ticket.wait()?;
        }
        Ok((group.close()?, count))
    }
}

fn make_on_all_cores(
    recorder: &Recorder,
    day: &Day,
    some: &[Decided],
    keys: &[Option<DayKey>],
) -> Done<Vec<WrittenDraft>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = some.len().div_ceil(threads).max(1);
    let work = |(some, keys)| make(recorder, day, some, keys).map_err(|error| error.to_string());
    thread::scope(|scope| {
        let shares = some.chunks(share).zip(keys.chunks(share));
        let shares: Vec<_> = shares.map(|share| scope.spawn(move || work(share))).collect();
        let mut drafts = Vec::with_capacity(some.len());
        for share in shares {
            drafts.extend(share.join().map_err(|_| "making records failed")??);
        }
        Ok(drafts)
    })
}
