//! The page: a fixed set of files, read once before the server listens. A request only ever looks
//! up a name in that set, so no path can escape the folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The largest file of a page, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Files of a page.
const MAX_FILES: usize = 4096;
/// Folders below the folder that is named.
const MAX_DEPTH: usize = 2;

/// A file extension and its content type. Files of other kinds are not served.
const TYPES: [(&str, &str); 13] = [
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("xml", "application/xml"),
];

const NO_PAGE: &str = "adproof serves its endpoints here: /v1/lint /v1/score /v1/rules /healthz /metrics /openapi.json

The page is not in this program. Build it with `cargo xtask web` and either name the folder,
`adproof serve --page web/dist`, or build the program with it, `cargo build --features page`.
";

/// The files of the page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    files: BTreeMap<String, Asset>,
}

#[derive(Clone, Debug)]
struct Asset {
    content_type: &'static str,
    etag: HeaderValue,
    bytes: Bytes,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The folder or a file in it cannot be read: it is missing or its mode forbids it.
    #[error("cannot read {path}")]
    Unreadable {
        /// What was read.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The folder has no `index.html`: it is likely another folder than the built page.
    #[error("{0} holds no index.html")]
    NoIndex(PathBuf),
    /// The folder holds more, or larger files, than a page has.
    #[error("{0} is too large for a page")]
    TooLarge(PathBuf),
}

impl Page {
    /// No page: `/` answers with a text that says how to get one.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The page that was built into this program, where it was.
    #[must_use]
    pub fn built_in() -> Self {
        #[cfg(feature = "page")]
        {
            Self::of(crate::built_in::FILES)
        }
        #[cfg(not(feature = "page"))]
        {
            Self::none()
        }
    }

    /// Reads the page from a folder. Hidden files, links and files of unknown kinds are left out.
    pub fn from_dir(dir: &Path) -> Result<Self, PageError> {
        let mut page = Self::none();
        page.read_dir(dir, "", MAX_DEPTH)?;
        if page.files.contains_key("index.html") {
            Ok(page)
        } else {
            Err(PageError::NoIndex(dir.to_owned()))
        }
    }

    /// Whether there is no page.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The names of its files, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    #[cfg(feature = "page")]
    fn of(files: &[(&str, &'static [u8])]) -> Self {
        let mut page = Self::none();
        for (name, bytes) in files {
            page.insert((*name).to_owned(), Bytes::from_static(bytes));
        }
        page
    }

    fn read_dir(&mut self, dir: &Path, prefix: &str, depth: usize) -> Result<(), PageError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |source| PageError::Unreadable { path, source }
        };
        for entry in std::fs::read_dir(dir).map_err(unreadable(dir))? {
            let entry = entry.map_err(unreadable(dir))?;
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let kind = entry.file_type().map_err(unreadable(&path))?;
            if name.starts_with('.') {
                continue;
            }
            let name = format!("{prefix}{name}");
            if kind.is_dir() && depth > 0 {
                self.read_dir(&path, &format!("{name}/"), depth - 1)?;
            } else if kind.is_file() && content_type(&name).is_some() {
                let size = entry.metadata().map_err(unreadable(&path))?.len();
                if size > MAX_FILE_BYTES || self.files.len() >= MAX_FILES {
                    return Err(PageError::TooLarge(path));
                }
                let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
                self.insert(name, bytes.into());
            }
        }
        Ok(())
    }

    fn insert(&mut self, name: String, bytes: Bytes) {
        let Some(content_type) = content_type(&name) else {
            return;
        };
        let mut etag = String::from("\"");
        for byte in Sha256::digest(&bytes).iter().take(16) {
            // Writing to a string cannot fail.
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        if let Ok(etag) = HeaderValue::try_from(etag) {
            self.files.insert(name, Asset { content_type, etag, bytes });
        }
    }

    /// Answers a GET or HEAD of `path`.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap) -> Response {
        let name = match path.strip_prefix('/').unwrap_or(path) {
            "" => "index.html",
            name => name,
        };
        let Some(asset) = self.files.get(name) else {
            if path == "/" {
                return NO_PAGE.into_response();
            }
            return Problem::not_found("There is nothing at this address.").into_response();
        };
        let known = headers.get_all(header::IF_NONE_MATCH).iter().any(|value| value == asset.etag);
        let (status, body) = if known {
            (StatusCode::NOT_MODIFIED, Body::empty())
        } else {
            (StatusCode::OK, Body::from(asset.bytes.clone()))
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
            (header::ETAG, asset.etag.clone()),
            // Ask each time, and be told in one round trip that nothing has changed.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (status, headers, body).into_response()
    }
}

fn content_type(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    TYPES.iter().find(|(known, _)| *known == extension).map(|(_, content_type)| *content_type)
}
