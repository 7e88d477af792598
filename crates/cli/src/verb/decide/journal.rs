//! From decided days to records that are durable.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use adproof_edge::clock::{Clock, FixedClock, SystemClock};
use adproof_edge::people::{Limits as PeopleLimits, People, Sealed};
use adproof_edge::store::{
    GroupLimits, LedgerGroup, LedgerReader, LedgerWriter, StoreError, Ticket,
};
use adproof_ledger::{DayKey, Hash, Opening, Record, RecordKey, RecordTime, WrittenDraft};
use adproof_model::Timestamp;
use adproof_pipeline::{Day, Decided, Recorder};
use adproof_wire::decide::LedgerV1;
use anyhow::Context as _;
use clap::Args;

use super::load::Given;
use crate::keyring::{
    AccessArgs, open_signing_keys, open_writer, people_failure, store_failure, store_failure_of,
};
use crate::out::{Failure, Out};

/// Records that are made together, and submitted as one.
const BATCH: usize = 512;
/// So many of these may be on their way to the disk while the next is made.
const ON_THEIR_WAY: usize = 4;
/// Fewer records than this are made before a second thread has started.
const LEAST_SHARE: usize = 16;

/// Where decisions are recorded.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct JournalArgs {
    /// The ledger that decisions are recorded in [default: nothing is recorded].
    #[arg(long, value_name = "DIR", requires = "keys")]
    pub(crate) ledger: Option<PathBuf>,

    /// The folder with the private keys of the log, as `adproof keys new` makes it.
    #[arg(long, value_name = "DIR", requires = "ledger")]
    pub(crate) keys: Option<PathBuf>,

    /// Makes the ledger where there is none.
    #[arg(long, requires = "ledger")]
    pub(crate) init: bool,

    /// Appends the private side of each record to this file, one line each: what `bundle make`
    /// reveals from. Each line is encrypted under the key of its person and day, so what
    /// `ledger erase` erases it no longer opens.
    #[arg(long, value_name = "FILE", requires = "ledger")]
    pub(crate) disclosures: Option<PathBuf>,

    /// Whose time the records carry: `system`, or `fixed:2026-06-01T00:00:00Z` so that runs can
    /// be compared byte for byte; the records then say `fixed`.
    #[arg(long, value_name = "CLOCK", value_parser = clock, default_value = "system")]
    pub(crate) clock: ClockChoice,

    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// A decision to record, its person, and the key of that person's day where it was not destroyed.
type Wanted<'a> = (&'a Decided, Hash, Option<DayKey>);
/// Records that can be submitted, and the private sides that are kept of them.
type Ready = (Vec<(WrittenDraft, RecordTime)>, Vec<Sealed>);
/// Records that were submitted, and the private sides that are kept once they are durable.
type Submitted = (Ticket, Vec<Sealed>);

/// A record without a place.
struct Made {
    subject: Hash,
    /// Its hash.
    hash: Hash,
    draft: WrittenDraft,
    key: RecordKey,
    person: Hash,
    /// What opens it, where that is kept.
    opening: Option<Opening>,
}

/// Whose time records carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClockChoice {
    /// The system's.
    #[default]
    System,
    /// One instant.
    Fixed(Timestamp),
}

impl ClockChoice {
    pub(crate) fn clock(self) -> Box<dyn Clock> {
        match self {
            Self::System => Box::new(SystemClock::default()),
            Self::Fixed(time) => Box::new(FixedClock(time)),
        }
    }
}

/// Reads the name of a clock.
pub(crate) fn clock(text: &str) -> Result<ClockChoice, String> {
    match text.strip_prefix("fixed:") {
        Some(time) => time
            .parse()
            .map(ClockChoice::Fixed)
            .map_err(|error: adproof_model::TimestampParseError| error.to_string()),
        None if text == "system" => Ok(ClockChoice::System),
        None => Err("a clock is `system` or `fixed:TIME`".to_owned()),
    }
}

/// The open ledger and everything that records are made with.
pub(crate) struct Journal {
    /// None once a write has failed: then nobody knows what the ledger holds.
    writer: Option<LedgerWriter>,
    recorder: Recorder,
    clock: Box<dyn Clock>,
    /// The decisions that are in the ledger already, by subject, with the hash of their draft.
    known: BTreeMap<Hash, Hash>,
    people: People,
    disclosures: Option<BufWriter<File>>,
    appended: u64,
    already: u64,
    differing: u64,
}

impl Journal {
    /// Opens, or makes when told so, the ledger that the arguments name; none when they name none.
    pub(crate) fn open(
        args: &JournalArgs,
        given: &Given,
        out: &Out,
    ) -> anyhow::Result<Option<Self>> {
        let (Some(path), Some(folder)) = (&args.ledger, &args.keys) else {
            return Ok(None);
        };
        let keys = open_signing_keys(folder, &args.access, out)?;
        let (trusted, heads) = (keys.trusted().clone(), keys.heads());
        let people = keys.people();
        let clock = args.clock.clock();
        let (signers, evidence) = keys.into_signers();
        let now = clock.now();
        let known = known(path)?;
        let writer = open_writer(path, args.init, (signers, &trusted, &heads), &now)?;
        let people = People::open(&people, PeopleLimits::default()).map_err(people_failure)?;
        let opened = writer.opened();
        if opened.kept > 0 || opened.cut_bytes > 0 {
            out.note(format_args!(
                "note: an earlier run was cut off; {} whole records behind the checkpoint were \
                 kept and {} bytes of a torn one were set aside",
                opened.kept, opened.cut_bytes
            ));
        }
        let disclosures = args.disclosures.as_deref().map(open_private).transpose()?;
        Ok(Some(Self {
            writer: Some(writer),
            recorder: given.recorder(evidence),
            clock,
            known,
            people,
            disclosures,
            appended: 0,
            already: 0,
            differing: 0,
        }))
    }

    /// What makes records, and keyed names.
    pub(crate) const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Records what the policy wants recorded of a day. When this returns, it is durable.
    ///
    /// Records are made on all cores while those before them are signed and brought to the disk.
    pub(crate) fn write(&mut self, day: &Day) -> anyhow::Result<()> {
        let wanted: Vec<&Decided> = day.decided.iter().filter(|decided| decided.recorded).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let writer = self.writer.take().ok_or_else(|| store_failure(StoreError::Poisoned))?;
        let group = LedgerGroup::start(writer, GroupLimits::default()).map_err(store_failure)?;
        let written = self.write_all(day, &wanted, &group);
        self.writer = Some(group.close().map_err(store_failure)?);
        written
    }

    fn write_all(
        &mut self,
        day: &Day,
        wanted: &[&Decided],
        group: &LedgerGroup,
    ) -> anyhow::Result<()> {
        let mut submitted = VecDeque::new();
        for some in wanted.chunks(BATCH) {
            let (bodies, sealed) = self.make(day, some)?;
            submitted.push_back((group.submit_all(bodies), sealed));
            if submitted.len() > ON_THEIR_WAY
                && let Some(first) = submitted.pop_front()
            {
                self.settle(first)?;
            }
        }
        submitted.into_iter().try_for_each(|one| self.settle(one))
    }

    /// Makes the records that the ledger does not have. Their keys are durable when this returns.
    fn make(&mut self, day: &Day, some: &[&Decided]) -> anyhow::Result<Ready> {
        let date = date(day.day);
        let mut wanted = Vec::with_capacity(some.len());
        for decided in some {
            let dossier = &decided.dossier;
            let person = self.recorder.person(dossier);
            let subject = self.recorder.subject(&dossier.transaction, &dossier.impression);
            let key = self.people.key(&date, &person, &subject).map_err(people_failure)?;
            wanted.push((*decided, person, key));
        }
        let (mut bodies, mut sealed) = (Vec::with_capacity(some.len()), Vec::new());
        let (people, recorder) = (&mut self.people, &self.recorder);
        let opened = self.disclosures.is_some();
        let (all, synced) = thread::scope(|scope| {
            // A record whose key was lost could never be opened: the keys come to the disk first,
            // while the records are made.
            let synced = scope.spawn(|| people.sync());
            let all = record(recorder, opened, day, &wanted);
            (all, synced.join())
        });
        let panicked = |_| anyhow::anyhow!("keeping the keys of persons failed");
        synced.map_err(panicked)?.map_err(people_failure)?;
        for Made { subject, hash, draft, key, person, opening } in all? {
            match self.known.insert(subject, hash) {
                None => {
                    if let Some(opening) = opening {
                        sealed.push(Sealed::new(&key, &date, &person, &opening)?);
                    }
                    bodies.push((draft, self.clock.now()));
                }
                Some(held) => {
                    self.already += u64::from(held == hash);
                    self.differing += u64::from(held != hash);
                    // The record that is there stands.
                    self.known.insert(subject, held);
                }
            }
        }
        Ok((bodies, sealed))
    }

    /// Waits until records are durable, and keeps their private sides.
    fn settle(&mut self, (ticket, sealed): Submitted) -> anyhow::Result<()> {
        let appended = ticket.wait().map_err(|error| store_failure_of(&error))?;
        self.appended += u64::try_from(appended.len()).unwrap_or(u64::MAX);
        if let Some(file) = &mut self.disclosures {
            for one in sealed {
                writeln!(file, "{}", one.to_line())?;
            }
            file.flush()?;
        }
        Ok(())
    }

    /// Records in the ledger.
    pub(crate) const fn size(&self) -> u64 {
        match &self.writer {
            Some(writer) => writer.size(),
            None => 0,
        }
    }

    /// Where the ledger stands.
    pub(crate) fn head(&self) -> LedgerV1 {
        LedgerV1 {
            log: self.writer.as_ref().map_or_else(String::new, |writer| writer.log().to_owned()),
            records: self.size(),
            appended: self.appended,
            already: self.already,
            differing: self.differing,
            checkpoint: self
                .writer
                .as_ref()
                .map_or_else(String::new, |writer| writer.checkpoint().to_owned()),
        }
    }

    /// Leaves the ledger in order.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        if let Some(file) = &mut self.disclosures {
            file.flush()?;
            file.get_ref().sync_all()?;
        }
        self.writer.map_or(Ok(()), LedgerWriter::close).map_err(store_failure)
    }
}

/// Makes records on all cores: committing to the evidence is most of the work.
fn record(
    maker: &Recorder,
    opened: bool,
    day: &Day,
    wanted: &[Wanted<'_>],
) -> anyhow::Result<Vec<Made>> {
    let one = |(decided, person, key): &Wanted<'_>| -> anyhow::Result<Made> {
        let recorded = maker
            .record(day, decided, key.as_ref())
            .with_context(|| format!("impression {}", decided.dossier.impression))?;
        let draft = recorded.draft.written()?;
        let opening = if opened { recorded.opening(&decided.dossier)? } else { None };
        Ok(Made {
            subject: recorded.draft.dec.subject,
            hash: Hash::of(draft.bytes()),
            draft,
            key: recorded.key,
            person: *person,
            opening,
        })
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = wanted.len().div_ceil(threads).max(LEAST_SHARE);
    thread::scope(|scope| {
        let work = |some: &[Wanted<'_>]| some.iter().map(one).collect::<Result<Vec<_>, _>>();
        let (first, rest) = wanted.split_at(share.min(wanted.len()));
        let others: Vec<_> =
            rest.chunks(share).map(|some| scope.spawn(move || work(some))).collect();
        let mut all = work(first)?;
        for other in others {
            let panicked = |_| anyhow::anyhow!("making records failed");
            all.extend(other.join().map_err(panicked)??);
        }
        Ok(all)
    })
}

/// The decisions that a ledger holds. An impression is decided once: running again after a stop
/// appends only what is missing.
fn known(path: &Path) -> anyhow::Result<BTreeMap<Hash, Hash>> {
    let mut known = BTreeMap::new();
    let reader = match LedgerReader::open(path) {
        Ok(reader) => reader,
        Err(StoreError::NoLedger(_)) => return Ok(known),
        Err(error) => return Err(store_failure(error)),
    };
    reader
        .each(|_, frame| {
            let record = Record::parse(&frame.entry).ok();
            if let Some(draft) = record.as_ref().and_then(Record::decision)
                && let Ok(bytes) = draft.to_bytes()
            {
                known.entry(draft.dec.subject).or_insert_with(|| Hash::of(&bytes));
            }
        })
        .map_err(store_failure)?;
    Ok(known)
}

/// A day as `YYYY-MM-DD`.
pub(crate) fn date(day: i64) -> String {
    Timestamp::from_day(day).to_string().chars().take(10).collect()
}

/// Opens a file that only its owner may read, at its end.
fn open_private(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| {
        Failure::new(format!("the disclosures cannot be written: {error}"))
            .at(path.display())
            .todo("check that the folder exists and may be written to")
    })?;
    Ok(BufWriter::new(file))
}
