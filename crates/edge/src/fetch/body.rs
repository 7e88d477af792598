//! Bodies, bounded on the wire and after decompression.

use std::io::{self, Write};

use adproof_vast::chain::FetchFault;
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};

/// Below this a body may expand as it likes: short runs of spaces compress very well.
const RATIO_FLOOR: u64 = 64 << 10;

pub(super) struct Reader {
    into: Into,
    max_bytes: u64,
    max_ratio: u64,
}

enum Into {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

/// Collects no more than it may.
struct Bounded {
    bytes: Vec<u8>,
    max: u64,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if len(&self.bytes).saturating_add(len(buf)) > self.max {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

impl Reader {
    /// A reader for the body under these headers.
    pub(super) fn new(
        headers: &HeaderMap,
        max_bytes: u64,
        max_ratio: u64,
    ) -> Result<Self, FetchFault> {
        let out = Bounded { bytes: Vec::new(), max: max_bytes, full: false };
        let encoding = headers.get(header::CONTENT_ENCODING);
        let encoding = encoding.and_then(|value| value.to_str().ok()).unwrap_or("identity");
        let into = match encoding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Into::Plain(out),
            "gzip" | "x-gzip" => Into::Gzip(Box::new(MultiGzDecoder::new(out))),
            _ => {
                let text = "it answers in a content encoding that was not asked for";
                return Err(FetchFault::Unreachable(text.into()));
            }
        };
        Ok(Self { into, max_bytes, max_ratio })
    }

    /// Reads to the end, or to the first bound.
    pub(super) async fn all(
        mut self,
        mut body: Incoming,
        wire: &mut u64,
    ) -> Result<Vec<u8>, FetchFault> {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| FetchFault::Unreachable(error.to_string().into()))?;
            if let Some(data) = frame.data_ref() {
                *wire = wire.saturating_add(len(data));
                self.push(data, *wire)?;
            }
        }
        match self.into {
            Into::Plain(out) => Ok(out.bytes),
            Into::Gzip(decoder) => match decoder.finish() {
                Ok(out) => Ok(out.bytes),
                Err(_) => Err(broken()),
            },
        }
    }

    fn push(&mut self, data: &[u8], wire: u64) -> Result<(), FetchFault> {
        if wire > self.max_bytes {
            return Err(FetchFault::TooBig(self.max_bytes));
        }
        let (written, out) = match &mut self.into {
            Into::Plain(out) => (out.write_all(data), &*out),
            Into::Gzip(decoder) => {
                let written = decoder.write_all(data).and_then(|()| decoder.flush());
                (written, decoder.get_ref())
            }
        };
        if out.full {
            return Err(FetchFault::TooBig(self.max_bytes));
        }
        let room = wire.saturating_mul(self.max_ratio).max(RATIO_FLOOR);
        if len(&out.bytes) > room {
            let text = format!("it expands more than {} times", self.max_ratio);
            return Err(FetchFault::Refused(text.into()));
        }
        written.map_err(|_| broken())
    }
}

fn broken() -> FetchFault {
    FetchFault::Unreachable("its gzip is broken".into())
}
