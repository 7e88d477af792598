//! Where a log lies: in a file, or in a bucket (feature `s3`).

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;

#[cfg(feature = "s3")]
use adproof_objects::{Object, ObjectError, ObjectUrl};

use crate::BatchError;

/// A log that was opened.
#[derive(Debug)]
pub(crate) enum Opened {
    File(File),
    #[cfg(feature = "s3")]
    Object(Object),
}

impl Opened {
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        #[cfg(feature = "s3")]
        if adproof_objects::is_object(path) {
            let url = ObjectUrl::of(path).map_err(ObjectError::from)?;
            return Ok(Self::Object(Object::open(url)?));
        }
        Ok(Self::File(File::open(path)?))
    }

    /// Its bytes from a place on.
    pub(crate) fn reader_from(self, place: u64) -> io::Result<Box<dyn Read + Send>> {
        match self {
            Self::File(mut file) => {
                file.seek(SeekFrom::Start(place))?;
                Ok(Box::new(file))
            }
            #[cfg(feature = "s3")]
            Self::Object(object) => Ok(Box::new(object.reader_from(place))),
        }
    }

    /// Its bytes from the start.
    pub(crate) fn reader(self) -> Box<dyn Read + Send> {
        match self {
            Self::File(file) => Box::new(file),
            #[cfg(feature = "s3")]
            Self::Object(object) => Box::new(object.reader()),
        }
    }
}

/// The first four bytes of a log; none where what is read once is gone, and where there is no file.
pub(crate) fn magic(path: &Path) -> io::Result<Option<Vec<u8>>> {
    #[cfg(feature = "s3")]
    if adproof_objects::is_object(path) {
        return Ok(match Opened::at(path)? {
            Opened::Object(object) => Some(object.read(0..object.bytes().min(4))?.into()),
            Opened::File(_) => None,
        });
    }
    if !path.is_file() {
        return Ok(None);
    }
    let mut magic = Vec::with_capacity(4);
    File::open(path)?.take(4).read_to_end(&mut magic)?;
    Ok(Some(magic))
}

/// Why a log cannot be read.
pub(crate) fn unreadable(path: &Path, source: io::Error) -> BatchError {
    #[cfg(feature = "s3")]
    if let Some(ObjectError::Changed) = source.get_ref().and_then(|error| error.downcast_ref()) {
        return BatchError::Changed { path: path.into() };
    }
    BatchError::Unreadable { path: path.into(), source }
}

/// Bytes of a log, as it lies on disk or in a bucket; none where nobody can tell.
#[must_use]
pub fn bytes(path: &Path) -> Option<u64> {
    match Opened::at(path).ok()? {
        Opened::File(file) => file.metadata().ok().map(|metadata| metadata.len()),
        #[cfg(feature = "s3")]
        Opened::Object(object) => Some(object.bytes()),
    }
}
