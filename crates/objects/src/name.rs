use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use object_store::path::Path as Key;
use url::Url;

/// What the name of an object begins with.
const SCHEME: &str = "s3://";

/// Whether a path is the name of an object, right or wrong.
#[must_use]
pub fn is_object(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.starts_with(SCHEME))
}

/// The name of an object, or of a prefix: `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectUrl {
    bucket: String,
    key: Key,
}

/// The text is no `s3://bucket/key`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It does not begin with `s3://`.
    #[error("it does not begin with s3://")]
    Scheme,
    /// What follows is no bucket. A user, a password and a port have no place there.
    #[error("a bucket has letters, digits, dots, hyphens and underscores, and nothing else")]
    Bucket,
    /// A part of the key is empty, `.` or `..`, or holds control characters.
    #[error("a part of the key is empty, a dot or two, or holds what is no text")]
    Key,
}

impl FromStr for ObjectUrl {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let rest = text.strip_prefix(SCHEME).ok_or(NameError::Scheme)?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if bucket.is_empty() || bucket.len() > 255 || !bucket.bytes().all(plain) {
            return Err(NameError::Bucket);
        }
        let key = Key::parse(key).map_err(|_| NameError::Key)?;
        Ok(Self { bucket: bucket.to_owned(), key })
    }
}

impl fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

impl ObjectUrl {
    /// The name that a path is.
    pub fn of(path: &Path) -> Result<Self, NameError> {
        path.to_str().ok_or(NameError::Key)?.parse()
    }

    pub(crate) const fn new(bucket: String, key: Key) -> Self {
        Self { bucket, key }
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key, or the prefix; empty for the whole bucket.
    #[must_use]
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The same as a path, which is how logs are named everywhere.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        PathBuf::from(self.to_string())
    }

    /// The same as a URL, in which what has a meaning there is escaped; none where the bucket is no
    /// host.
    #[must_use]
    pub fn to_url(&self) -> Option<Url> {
        let mut url = Url::parse(&format!("{SCHEME}{}/", self.bucket)).ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(self.key.as_ref().split('/'));
        Some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_bucket_and_a_key() {
        for text in ["s3://logs/2026/05/a b=c%20ü.csv", "s3://a.b-c_d/x", "s3://logs/"] {
            assert_eq!(text.parse::<ObjectUrl>().unwrap().to_string(), text);
        }
        assert_eq!("s3://logs".parse::<ObjectUrl>().unwrap().to_string(), "s3://logs/");
        for (text, error) in [
            ("S3://logs/x", NameError::Scheme),
            ("https://logs/x", NameError::Scheme),
            ("s3:///x", NameError::Bucket),
            ("s3://key:secret@logs/x", NameError::Bucket),
            ("s3://logs:9000/x", NameError::Bucket),
            ("s3://logs/a//b", NameError::Key),
            ("s3://logs/../b", NameError::Key),
        ] {
            assert_eq!(text.parse::<ObjectUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_url_comes_back_as_the_key_that_it_was_made_of() {
        for text in ["s3://logs/a b=c%20ü?#.csv", "s3://logs/x/y.csv"] {
            let name: ObjectUrl = text.parse().unwrap();
            let url = name.to_url().unwrap();
            assert_eq!(Key::from_url_path(url.path()).unwrap(), name.key, "{url}");
            assert_eq!((url.host_str(), url.query(), url.fragment()), (Some("logs"), None, None));
        }
    }
}
