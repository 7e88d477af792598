use std::fmt;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::place::Opened;

/// By what a log is known while nobody looks into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    /// When a file was written to.
    Modified(SystemTime),
    /// The name of an object, and the tag that its store gives this version of it.
    #[cfg(feature = "s3")]
    Tagged(String, String),
}

impl Stamp {
    pub(crate) fn of(log: &Opened) -> io::Result<Self> {
        match log {
            Opened::File(file) => {
                let metadata = file.metadata()?;
                let version = Version::Modified(metadata.modified()?);
                Ok(Self { bytes: metadata.len(), version })
            }
            #[cfg(feature = "s3")]
            Opened::Object(object) => {
                let version = Version::Tagged(object.url().to_string(), object.tag());
                Ok(Self { bytes: object.bytes(), version })
            }
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of ", self.bytes)?;
        match &self.version {
            Version::Modified(time) => {
                // One before 1970 says as little as one at its start.
                let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
                write!(f, "{}.{:09}", since.as_secs(), since.subsec_nanos())
            }
            #[cfg(feature = "s3")]
            Version::Tagged(name, tag) => write!(f, "{name} {tag}"),
        }
    }
}
