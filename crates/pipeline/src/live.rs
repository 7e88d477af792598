//! A stream's whole state: what waits for its place, what is open, what was decided.

use adproof_model::{BinaryError, BinaryReader, BinaryWriter, Event, Timestamp};

use crate::reorder::Reorder;
use crate::run::{Day, Inputs, Pipeline};

pub(crate) const MAGIC: &[u8] = b"adproof live v1\n";

/// How far a stream's events may be out of order, and how many may wait for their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disorder {
    /// An event is released once something was received so many microseconds after it.
    pub horizon_us: i64,
    /// Events that wait for their place, at most.
    pub events: usize,
}

/// A [`Pipeline`] behind its [`Reorder`] buffer, as one value that can be written down at any
/// moment: the state read back and fed the rest of the events gives the days that an undisturbed
/// run gives, byte for byte.
#[derive(Clone, Debug)]
pub struct Live {
    reorder: Reorder,
    pipeline: Pipeline,
    accepted: u64,
}

impl Live {
    /// Nothing seen.
    #[must_use]
    pub fn new(inputs: Inputs, disorder: Disorder) -> Self {
        Self {
            reorder: Reorder::new(disorder.horizon_us, disorder.events),
            pipeline: Pipeline::new(inputs),
            accepted: 0,
        }
    }

    /// Takes an event in the order of its arrival, and gives the days that became due. An event
    /// whose place in the order has passed is handed back.
    ///
    /// # Errors
    /// The event comes before one that was released.
    #[allow(clippy::result_large_err, reason = "the event is handed back, not dropped")]
    pub fn push(&mut self, event: Event) -> Result<Vec<Day>, Event> {
        self.reorder.push(event)?;
        self.accepted += 1;
        let mut days = Vec::new();
        while let Some(event) = self.reorder.pop() {
            days.append(&mut self.pipeline.push(event));
        }
        Ok(days)
    }

    /// Decides everything that is open, at the end of a log. Call it until it gives nothing.
    pub fn finish(&mut self) -> Vec<Day> {
        let mut days = Vec::new();
        while let Some(event) = self.reorder.drain() {
            days.append(&mut self.pipeline.push(event));
        }
        days.append(&mut self.pipeline.finish());
        days
    }

    /// The pipeline behind the buffer.
    #[must_use]
    pub const fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Events that wait for their place.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.reorder.len()
    }

    /// Events that were taken.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The newest receipt that was seen.
    #[must_use]
    pub const fn newest(&self) -> Option<Timestamp> {
        self.reorder.newest()
    }

    /// The state: equal bytes for equal states, whatever led to them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = BinaryWriter::new();
        writer.bytes(MAGIC);
        writer.u64(self.accepted);
        self.reorder.write(&mut writer);
        self.pipeline.write(&mut writer);
        writer.into_bytes()
    }

    /// Goes on from [`Live::to_bytes`].
    ///
    /// # Errors
    /// The bytes are something else. Likely cause: another version wrote them.
    pub fn from_bytes(
        inputs: Inputs,
        disorder: Disorder,
        bytes: &[u8],
    ) -> Result<Self, BinaryError> {
        let mut reader = BinaryReader::new(bytes);
        if reader.bytes()? != MAGIC {
            return Err(BinaryError::Invalid("stream state of this version"));
        }
        let accepted = reader.u64()?;
        let reorder = Reorder::read(disorder.horizon_us, disorder.events, &mut reader)?;
        let pipeline = Pipeline::read(inputs, &mut reader)?;
        reader.end()?;
        Ok(Self { reorder, pipeline, accepted })
    }
}
