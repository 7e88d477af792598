use std::fmt;
use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By what a file is known while nobody looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    modified: SystemTime,
}

impl Stamp {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { bytes: metadata.len(), modified: metadata.modified()? })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One before 1970 says as little as one at its start.
        let since: Duration = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        write!(f, "{} bytes of {}.{:09}", self.bytes, since.as_secs(), since.subsec_nanos())
    }
}
