//! What was gathered: in memory, and on disk where it did not fit.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write as _};
use std::path::Path;
use std::thread;

use adproof_model::{Block, Level};
use adproof_signal::{Gathered, RunReader, Systems, Tally, Totals};

use crate::{BatchError, Log};

/// What logs came to.
#[derive(Debug, Default)]
pub struct Traffic {
    /// The logs, in the order in which they were given.
    pub logs: Vec<Log>,
    pub(crate) gathered: Vec<Gathered>,
    pub(crate) spilled: Vec<File>,
    pub(crate) resumed: usize,
}

impl Traffic {
    /// Runs on disk: those that did not fit into memory, and those of logs that are kept.
    #[must_use]
    pub fn spilled(&self) -> usize {
        self.spilled.len()
    }

    /// Logs that an earlier run had read.
    #[must_use]
    pub const fn resumed(&self) -> usize {
        self.resumed
    }

    /// Adds all rows to a tally.
    pub fn expose(&mut self, tally: &mut Tally) -> Result<(), BatchError> {
        let mut readers = readers(&mut self.spilled)?;
        tally.expose_gathered(&self.gathered, &mut readers);
        check(readers)
    }

    /// Counts every block of the levels, on as many threads as there are ranges of networks. A
    /// level's blocks come in order within a range; each range has a state of its own, and `take`
    /// gets it. What is on disk is read by one thread.
    pub fn census<T: Send>(
        &mut self,
        levels: &[Level],
        threads: usize,
        start: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, Level, Block, &Totals) + Sync,
    ) -> Result<Vec<T>, BatchError> {
        let threads = if self.spilled.is_empty() { threads.max(1) } else { 1 };
        let ranges = Gathered::ranges(&self.gathered, threads);
        let mut readers = readers(&mut self.spilled)?;
        let gathered = &self.gathered;
        let count = |range, readers: &mut [_]| {
            let mut state = start();
            let mut take = |level, block, totals: &_| take(&mut state, level, block, totals);
            let systems = adproof_signal::census(gathered, range, readers, levels, &mut take);
            (state, systems)
        };
        let parts = if let [range] = ranges.as_slice() {
            vec![count(range, &mut readers)]
        } else {
            side_by_side(&ranges, |range| count(range, &mut []))?
        };
        check(readers)?;
        let (mut states, systems): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        let merged = |share: Vec<Systems>| {
            share.into_iter().fold(Systems::default(), Systems::merge).totals()
        };
        let all = side_by_side(Systems::shares(systems, threads), merged)?;
        if let Some(last) = states.last_mut() {
            for (asn, totals) in all.iter().flatten() {
                take(last, Level::Asn, Block::Asn(*asn), totals);
            }
        }
        Ok(states)
    }
}

/// What becomes of each item, made by a thread of its own.
fn side_by_side<I: Send, T: Send>(
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> T + Sync,
) -> Result<Vec<T>, BatchError> {
    thread::scope(|scope| {
        let work = &work;
        let workers = items.into_iter().map(|item| scope.spawn(move || work(item)));
        let workers: Vec<_> = workers.collect();
        let join =
            |worker: thread::ScopedJoinHandle<'_, T>| worker.join().map_err(|_| BatchError::Thread);
        workers.into_iter().map(join).collect()
    })
}

type Reader<'a> = RunReader<BufReader<&'a mut File>>;

fn readers(spilled: &mut [File]) -> Result<Vec<Reader<'_>>, BatchError> {
    rewound(spilled).map_err(reading)
}

fn rewound(spilled: &mut [File]) -> io::Result<Vec<Reader<'_>>> {
    let rewound = spilled.iter_mut().map(|file| {
        file.rewind()?;
        Ok(RunReader::new(BufReader::with_capacity(1 << 18, file)))
    });
    rewound.collect()
}

fn check(readers: Vec<Reader<'_>>) -> Result<(), BatchError> {
    let error = readers.into_iter().find_map(|mut reader| reader.error());
    error.map_or(Ok(()), |error| Err(reading(error)))
}

fn reading(source: io::Error) -> BatchError {
    BatchError::Spill { path: "what did not fit into memory".into(), source }
}

/// Moves all that was gathered out as one run.
pub(crate) fn merged(traffic: &mut Traffic, out: &mut impl io::Write) -> io::Result<()> {
    let (gathered, mut spilled) =
        (std::mem::take(&mut traffic.gathered), std::mem::take(&mut traffic.spilled));
    let mut readers = rewound(&mut spilled)?;
    adproof_signal::write_run(&gathered, &mut readers, out)?;
    readers.into_iter().find_map(|mut reader| reader.error()).map_or(Ok(()), Err)
}

/// Writes all that was gathered to a file without a name.
pub(crate) fn spill_merged(traffic: &mut Traffic, folder: &Path) -> io::Result<File> {
    let mut writer = BufWriter::with_capacity(1 << 20, tempfile::tempfile_in(folder)?);
    merged(traffic, &mut writer)?;
    writer.flush()?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}

/// Writes a run to a file without a name, which is gone when it is closed.
pub(crate) fn spill(gathered: &Gathered, folder: &Path) -> io::Result<File> {
    let file = tempfile::tempfile_in(folder)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    gathered.write(&mut writer)?;
    writer.flush()?;
    writer.into_inner().map_err(io::IntoInnerError::into_error)
}
