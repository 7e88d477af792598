//! Inputs in buckets: `s3://bucket/key` wherever a file is named, `s3://bucket/prefix/` for a
//! folder, and patterns.

use std::path::Path;

/// Whether a path names what is in a bucket.
pub(crate) fn is_in_bucket(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with("s3://"))
}

#[cfg(feature = "s3")]
pub(crate) use with::{explain, find, read};
#[cfg(not(feature = "s3"))]
pub(crate) use without::{find, read};

#[cfg(not(feature = "s3"))]
mod without {
    use std::path::{Path, PathBuf};

    use crate::out::Failure;

    pub(crate) fn find(
        path: &Path,
        _: fn(&Path) -> bool,
        _: usize,
    ) -> Result<Vec<PathBuf>, Failure> {
        Err(missing(path))
    }

    pub(crate) fn read(path: &Path, _: u64) -> Result<Vec<u8>, Failure> {
        Err(missing(path))
    }

    fn missing(path: &Path) -> Failure {
        Failure::new(format!(
            "reading from a bucket needs S3, and this adproof was built without it ({})",
            path.display()
        ))
        .at("feature `s3`, left out of the default build")
        .todo("build it in: cargo build --release -p adproof --features s3")
    }
}

#[cfg(feature = "s3")]
mod with {
    use std::io::Read as _;
    use std::path::{Path, PathBuf};

    use adproof_objects::{Object, ObjectError, ObjectUrl};

    use crate::input;
    use crate::out::Failure;

    /// The objects that a name stands for: itself, what is below it, or what a pattern matches, no
    /// more than `most`. `accepts` chooses among several.
    pub(crate) fn find(
        path: &Path,
        accepts: fn(&Path) -> bool,
        most: usize,
    ) -> Result<Vec<PathBuf>, Failure> {
        let failed = |error| explain(path, &error);
        let text = path.to_string_lossy();
        let below = |prefix: &ObjectUrl, wanted: &dyn Fn(&Path) -> bool| {
            let listed = adproof_objects::list(prefix, most, |url| wanted(&url.to_path()));
            let listed = listed.map_err(failed)?;
            Ok(listed.into_iter().map(|one| one.url.to_path()).collect())
        };
        let is_pattern = text.contains(['*', '?', '[', '{']);
        if is_pattern {
            let glob = input::pattern(&text)?;
            let prefix = base(&text).parse().map_err(|error| failed(ObjectError::Name(error)))?;
            let found: Vec<_> = below(&prefix, &|path| glob.is_match(path) && accepts(path))?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let url = ObjectUrl::of(path).map_err(|error| failed(ObjectError::Name(error)))?;
        if !text.ends_with('/') && !url.key().as_ref().is_empty() {
            match Object::open(url.clone()) {
                Ok(_) => return Ok(vec![path.to_path_buf()]),
                // It may be a folder, which has no object of its own.
                Err(ObjectError::Missing) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let found: Vec<PathBuf> = below(&url, &|path| accepts(path))?;
        if found.is_empty() && !is_pattern && !text.ends_with('/') {
            return Err(failed(ObjectError::Missing));
        }
        Ok(found)
    }

    /// What stands before the first part of a key that is a pattern.
    fn base(pattern: &str) -> &str {
        let special = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
        let plain = pattern.get(..special).unwrap_or(pattern);
        plain.rsplit_once('/').map_or(plain, |(base, _)| base)
    }

    /// The bytes of an object, no more than one beyond `most`.
    pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
        let failed = |error: ObjectError| explain(path, &error);
        let url = ObjectUrl::of(path).map_err(|error| failed(ObjectError::Name(error)))?;
        let mut bytes = Vec::new();
        let object = Object::open(url).map_err(failed)?;
        match object.reader().take(most.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(error) => explain(path, error),
                None => Failure::new(format!("it cannot be read: {error}")).at(path.display()),
            }),
        }
    }

    /// An object's error for people.
    pub(crate) fn explain(path: &Path, error: &ObjectError) -> Failure {
        Failure::new(error.to_string()).at(path.display()).todo(error.remedy())
    }
}
