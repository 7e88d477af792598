//! Sorted runs, in memory and written down, as one.

use std::ops::RangeInclusive;

use adproof_model::{Block, Level};

use super::Gathered;
use super::gathered::Devices;
use crate::census::{Census, Systems, Totals};
use crate::codec;
use crate::exposure::Record;
use crate::tally::Tally;

/// Records of sorted runs as one sorted run without repeats.
pub(crate) fn merge<'a>(
    runs: Vec<Box<dyn Iterator<Item = Record> + 'a>>,
) -> impl Iterator<Item = Record> + 'a {
    let mut runs = runs;
    let mut heads: Vec<Option<Record>> = runs.iter_mut().map(Iterator::next).collect();
    std::iter::from_fn(move || {
        let mut least: Option<(usize, &Record)> = None;
        for (at, head) in heads.iter().enumerate() {
            if let Some(head) = head
                && least.is_none_or(|(_, kept)| head.order(kept).is_lt())
            {
                least = Some((at, head));
            }
        }
        let (at, _) = least?;
        let mut record = pull(&mut runs, &mut heads, at)?;
        for at in at..heads.len() {
            while heads.get(at)?.as_ref().is_some_and(|head| head.key() == record.key()) {
                record.absorb(&pull(&mut runs, &mut heads, at)?);
            }
        }
        Some(record)
    })
}

fn pull(
    runs: &mut [Box<dyn Iterator<Item = Record> + '_>],
    heads: &mut [Option<Record>],
    at: usize,
) -> Option<Record> {
    let next = runs.get_mut(at)?.next();
    std::mem::replace(heads.get_mut(at)?, next)
}

/// Reads the records that [`Gathered::write`] wrote. A read that fails ends it: ask
/// [`RunReader::error`] in the end.
#[derive(Debug)]
pub struct RunReader<R> {
    bytes: R,
    error: Option<std::io::Error>,
}

impl<R: std::io::Read> RunReader<R> {
    /// The records that these bytes hold.
    pub const fn new(bytes: R) -> Self {
        Self { bytes, error: None }
    }

    /// What kept it from reading on.
    pub const fn error(&mut self) -> Option<std::io::Error> {
        self.error.take()
    }

    fn next_record(&mut self) -> Option<Record> {
        let mut bytes = [0; codec::EXPOSURE_BYTES];
        match self.bytes.read(&mut bytes) {
            Ok(0) => return None,
            Ok(read) => {
                let rest = bytes.get_mut(read..).unwrap_or(&mut []);
                if let Err(error) = self.bytes.read_exact(rest) {
                    self.error = Some(error);
                    return None;
                }
            }
            Err(error) => {
                self.error = Some(error);
                return None;
            }
        }
        codec::decode_exposure(&bytes)
    }
}

/// Counts every block of the levels that has rows in a range of networks, in one pass: a level's
/// blocks come in order, narrower ones before the one that holds them. Systems come last and lie in
/// all ranges: merge what is returned, then [`Systems::finish`] it.
pub fn census<R: std::io::Read>(
    gathered: &[Gathered],
    networks: &RangeInclusive<u64>,
    written: &mut [RunReader<R>],
    levels: &[Level],
    take: &mut dyn FnMut(Level, Block, &Totals),
) -> Systems {
    let mut census = Census::new(levels);
    // Counting needs to tell devices apart, and no more: where all are ids, no key is computed.
    let ids = written.is_empty() && !gathered.iter().any(|one| one.keyed);
    let devices = if ids { Devices::Ids } else { Devices::Keys };
    for record in merge(runs(gathered, networks, devices, written)) {
        census.add(&record, take);
    }
    census.finish(take)
}

/// Writes rows that were gathered and written runs as one run without repeats. Whether all of a run was read,
/// the run knows.
pub fn write_run<R: std::io::Read>(
    gathered: &[Gathered],
    written: &mut [RunReader<R>],
    out: &mut impl std::io::Write,
) -> std::io::Result<()> {
    for record in merge(runs(gathered, &(0..=u64::MAX), Devices::Keys, written)) {
        out.write_all(&codec::encode_exposure(&record))?;
    }
    Ok(())
}

fn runs<'a, R: std::io::Read>(
    gathered: &'a [Gathered],
    networks: &RangeInclusive<u64>,
    devices: Devices,
    written: &'a mut [RunReader<R>],
) -> Vec<Box<dyn Iterator<Item = Record> + 'a>> {
    let gathered = gathered.iter().flat_map(|one| one.runs(networks, devices));
    let written = written.iter_mut().map(|run| -> Box<dyn Iterator<Item = Record>> {
        Box::new(std::iter::from_fn(|| run.next_record()))
    });
    gathered.chain(written).collect()
}

impl Tally {
    /// Adds rows that were gathered, and those of written runs. Whether all of a run was read, the run knows.
    pub fn expose_gathered<R: std::io::Read>(
        &mut self,
        gathered: &[Gathered],
        written: &mut [RunReader<R>],
    ) {
        self.expose_records(
            merge(runs(gathered, &(0..=u64::MAX), Devices::Keys, written)).collect(),
        );
    }
}
