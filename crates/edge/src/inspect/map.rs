//! Addresses that are answered from folders.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use adproof_vast::chain::{Fetch, FetchFault};
use tokio::io::AsyncReadExt;
use url::Url;

use super::{InspectError, Source};
use crate::fetch::Fetched;

/// `URLPREFIX=DIR`: addresses that begin with the prefix are files of the folder.
///
/// The query is not part of the file's name. Nothing outside of the folder is read: not by `..`,
/// encoded or plain, and not by a symbolic link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    prefix: Box<str>,
    dir: PathBuf,
}

/// The text is no mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected URLPREFIX=DIR, such as https://ads.example/=tags/")]
pub struct MapError;

impl FromStr for Map {
    type Err = MapError;

    fn from_str(text: &str) -> Result<Self, MapError> {
        let (prefix, dir) = text.rsplit_once('=').ok_or(MapError)?;
        let prefix = Url::parse(prefix).map_err(|_| MapError)?;
        let web = matches!(prefix.scheme(), "http" | "https");
        if !web || prefix.query().is_some() || prefix.fragment().is_some() || dir.is_empty() {
            return Err(MapError);
        }
        Ok(Self::new(&prefix, dir))
    }
}

impl Map {
    /// Maps all that lies under `prefix` to `dir`.
    #[must_use]
    pub fn new(prefix: &Url, dir: impl Into<PathBuf>) -> Self {
        // Without the slash, `https://ads.example/a` would also be `https://ads.example/ab`.
        let mut prefix = prefix.as_str().to_owned();
        if !prefix.ends_with('/') {
            prefix.push('/');
        }
        Self { prefix: prefix.into(), dir: dir.into() }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The part of an address that names the file, if the address is mapped.
    fn rest<'u>(&self, url: &'u str) -> Option<&'u str> {
        let rest = url.strip_prefix(&*self.prefix)?;
        rest.split(['?', '#']).next()
    }

    async fn read(&self, rest: &str, max_bytes: u64) -> Result<Vec<u8>, FetchFault> {
        let outside = || FetchFault::Refused("it leads out of the mapped folder".into());
        let missing = |error: io::Error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "is missing".to_owned(),
                kind => format!("cannot be read: {kind}"),
            };
            FetchFault::Unreachable(format!("{rest} {why} in the mapped folder").into())
        };
        let name = decoded(rest).ok_or_else(outside)?;
        let name = Path::new(&name);
        let plain = name.components().all(|component| matches!(component, Component::Normal(_)));
        if !plain || name.as_os_str().is_empty() {
            return Err(outside());
        }
        let dir = tokio::fs::canonicalize(&self.dir).await.map_err(missing)?;
        let file = tokio::fs::canonicalize(dir.join(name)).await.map_err(missing)?;
        if !file.starts_with(&dir) {
            return Err(outside());
        }
        // To open a pipe is to wait for its writer, and a device has no end.
        if !tokio::fs::metadata(&file).await.map_err(missing)?.is_file() {
            return Err(FetchFault::Refused(format!("{rest} is no file").into()));
        }
        let open = tokio::fs::File::open(&file).await.map_err(missing)?;
        let mut body = Vec::new();
        let mut bounded = open.take(max_bytes.saturating_add(1));
        let read = bounded.read_to_end(&mut body).await.map_err(missing)?;
        if u64::try_from(read).unwrap_or(u64::MAX) > max_bytes {
            return Err(FetchFault::TooBig(max_bytes));
        }
        Ok(body)
    }
}

/// Percent-decodes a path once. None when it is no UTF-8 or holds what no file name should.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    let forbidden = |byte: &u8| matches!(byte, 0 | b'\\');
    if out.iter().any(forbidden) {
        return None;
    }
    String::from_utf8(out).ok()
}

/// Answers mapped addresses from their folders, and asks another source for the rest.
pub struct Mapped<S> {
    maps: Vec<Map>,
    otherwise: S,
}

impl<S> Mapped<S> {
    /// The first mapping that fits an address wins.
    pub fn new(maps: Vec<Map>, otherwise: S) -> Self {
        Self { maps, otherwise }
    }
}

impl<S: Source + Send> Source for Mapped<S> {
    async fn fetch(&mut self, need: &Fetch) -> Result<Fetched, InspectError> {
        for map in &self.maps {
            if let Some(rest) = map.rest(&need.url) {
                return Ok(Fetched {
                    asked: need.url.clone(),
                    exchanges: Vec::new(),
                    body: map.read(rest, need.max_bytes).await,
                });
            }
        }
        self.otherwise.fetch(need).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read_strictly() {
        for (text, expect) in [
            ("https://ads.example/=tags/", Some("https://ads.example/")),
            ("https://ads.example=tags", Some("https://ads.example/")),
            ("https://ads.example/a=tags", Some("https://ads.example/a/")),
            ("https://ads.example/?a=tags", None),
            ("https://ads.example/=", None),
            ("https://ads.example/", None),
            ("file:///etc/=tags", None),
            ("tags", None),
        ] {
            let map = text.parse::<Map>();
            assert_eq!(map.as_ref().ok().map(|map| &*map.prefix), expect, "{text}");
        }
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let map: Map = "https://ads.example/a=tags".parse().unwrap();
        assert_eq!(map.rest("https://ads.example/a/b.xml?c#d"), Some("b.xml"));
        assert_eq!(map.rest("https://ads.example/ab.xml"), None);
        assert_eq!(map.rest("https://ads.example.evil/a/b.xml"), None);
    }

    #[test]
    fn names_are_decoded_once() {
        assert_eq!(decoded("a%20b%2e"), Some("a b.".to_owned()));
        assert_eq!(decoded("%252e"), Some("%2e".to_owned()));
        for bad in ["%", "%2", "%zz", "%00", "a%5cb", "a\\b", "%ff"] {
            assert_eq!(decoded(bad), None, "{bad}");
        }
    }
}
