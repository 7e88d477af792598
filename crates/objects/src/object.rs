use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use tokio::sync::mpsc;

use crate::store::{self, Version, fetch, steps};
use crate::{ObjectError, ObjectUrl};

/// Bytes of the first request of a reader: enough to see what a log is.
const FIRST: u64 = 512 << 10;

/// Bytes of every other request.
const STEP: u64 = 8 << 20;

/// Requests of a reader that run at once. Together they are the memory that a reader takes.
const AHEAD: usize = 4;

/// One version of an object: what it was when it was opened.
#[derive(Clone, Debug)]
pub struct Object {
    url: ObjectUrl,
    store: Arc<dyn ObjectStore>,
    version: Version,
}

impl Object {
    /// Asks for the size and the version. No bytes are read.
    pub fn open(url: ObjectUrl) -> Result<Self, ObjectError> {
        let store = store::store(url.bucket())?;
        let told = |error| ObjectError::of(&error, url.bucket());
        let head = store::wait(async {
            let denied = match store.head(url.key()).await.map_err(told) {
                Err(ObjectError::Denied { code }) => ObjectError::Denied { code },
                head => return head,
            };
            // Only an answer with a body says why.
            Err(store.get_range(url.key(), 0..1).await.map_err(told).err().unwrap_or(denied))
        });
        Ok(Self { version: Version::of(head?), url, store })
    }

    /// The name.
    #[must_use]
    pub const fn url(&self) -> &ObjectUrl {
        &self.url
    }

    /// Bytes of the object.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.version.bytes()
    }

    /// By what the store tells this version from others: its tag (ETag), or its time where the
    /// store gives none.
    #[must_use]
    pub fn tag(&self) -> String {
        self.version.tag()
    }

    /// Whether the store still has this version.
    pub fn check(&self) -> Result<(), ObjectError> {
        let now = Self::open(self.url.clone())?;
        if now.version == self.version { Ok(()) } else { Err(ObjectError::Changed) }
    }

    /// Some of its bytes.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes, ObjectError> {
        store::wait(self.part(range))
    }

    /// All of its bytes from the start, a few requests ahead of who reads.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader_from(0)
    }

    /// The same from a place on.
    #[must_use]
    pub fn reader_from(&self, place: u64) -> Reader {
        Reader { object: self.clone(), at: place, first: true, here: Bytes::new(), ahead: None }
    }

    /// Several ranges at once, in their order.
    pub fn read_all(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>, ObjectError> {
        store::wait(async {
            let parts: Vec<_> = self.parts(ranges.into_iter()).collect().await;
            parts.into_iter().collect()
        })
    }

    fn parts(
        &self,
        ranges: impl Iterator<Item = Range<u64>> + Send,
    ) -> impl stream::Stream<Item = Result<Bytes, ObjectError>> + Send {
        stream::iter(ranges.map(|range| self.part(range))).buffered(AHEAD)
    }

    async fn part(&self, range: Range<u64>) -> Result<Bytes, ObjectError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let wanted = range.end.saturating_sub(range.start);
        let mut parts = Vec::new();
        for part in steps(range, STEP) {
            parts.push(self.step(part).await?);
        }
        let bytes = match <[Bytes; 1]>::try_from(parts) {
            Ok([bytes]) => bytes,
            Err(parts) => parts.concat().into(),
        };
        if u64::try_from(bytes.len()) == Ok(wanted) {
            return Ok(bytes);
        }
        let reason = format!("{} bytes came instead of {wanted}", bytes.len());
        Err(ObjectError::Broken { reason })
    }

    /// One request: it ends before the time that a client gives a request, also on a slow network.
    async fn step(&self, range: Range<u64>) -> Result<Bytes, ObjectError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let told = |error| ObjectError::of(&error, self.url.bucket());
        let got = fetch(&*self.store, self.url.key(), Some(&self.version), options).await;
        got.map_err(told)?.bytes().await.map_err(told)
    }
}

/// The bytes of an object one after the other. Errors hold an [`ObjectError`].
#[derive(Debug)]
pub struct Reader {
    object: Object,
    /// Where `here` ends.
    at: u64,
    /// Whether nothing was asked for yet.
    first: bool,
    here: Bytes,
    ahead: Option<mpsc::Receiver<Result<Bytes, ObjectError>>>,
}

impl Reader {
    /// The next piece; empty at the end.
    fn next(&mut self) -> Result<Bytes, ObjectError> {
        let end = self.object.bytes();
        if self.at >= end {
            return Ok(Bytes::new());
        }
        let bytes = if std::mem::take(&mut self.first) {
            self.object.read(self.at..self.at.saturating_add(FIRST).min(end))?
        } else {
            // Who looks at the head alone pays for no more than that.
            let ahead = match &mut self.ahead {
                Some(ahead) => ahead,
                none => none.insert(ahead(self.object.clone(), self.at..end)?),
            };
            let stopped = || ObjectError::Broken { reason: "reading ahead stopped".to_owned() };
            ahead.blocking_recv().ok_or_else(stopped)??
        };
        self.at = self.at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes)
    }
}

/// Reads on while nobody waits, a few requests at once.
fn ahead(
    object: Object,
    range: Range<u64>,
) -> Result<mpsc::Receiver<Result<Bytes, ObjectError>>, ObjectError> {
    let (sender, receiver) = mpsc::channel(1);
    store::spawn(async move {
        let parts = object.parts(steps(range, STEP));
        let mut parts = std::pin::pin!(parts);
        while let Some(part) = parts.next().await {
            let last = part.is_err();
            // Nobody reads any more, or nothing more can be read.
            if sender.send(part).await.is_err() || last {
                return;
            }
        }
    })?;
    Ok(receiver)
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.here.is_empty() {
            self.here = self.next()?;
        }
        let count = (&*self.here).read(buffer)?;
        drop(self.here.split_to(count));
        Ok(count)
    }
}
