//! A folder of inputs by their digests: what a recorded decision is run again from.
//!
//! ```text
//! STORE/                  mode 0700
//!   <sha256>              any input, byte for byte; a set of files is a list of `digest  name`
//!                         lines, as sha256sum writes them, under its own digest; mode 0600
//!   models/<sha256>       for the digest of a model: the digest of the list of event logs that it
//!                         came from. A hint alone: whether it is the right one, the run tells.
//! ```
//!
//! Nothing in it is believed: what is read is hashed and must have the digest that was asked for.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use adproof_ledger::Hash;

const MODELS: &str = "models";

/// Why an input could not be had or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputsError {
    /// There is none of this digest. Likely cause: the decision was made without `--store`, with
    /// another folder, or the file was removed.
    #[error("the store has no input with sha256 {0}")]
    Missing(Hash),
    /// The content has another digest than its name says.
    #[error("the input with sha256 {expected} was changed: it has sha256 {found} now")]
    Changed {
        /// The name.
        expected: Hash,
        /// The digest of the content.
        found: Hash,
    },
    /// A list of files is not one.
    #[error("the input with sha256 {0} is not a list of digests and names")]
    NotAList(Hash),
    /// Longer than is read.
    #[error("the input with sha256 {digest} has more than {most} bytes")]
    TooLong {
        /// The name.
        digest: Hash,
        /// The bound.
        most: u64,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> InputsError {
    let path = path.to_owned();
    move |error| InputsError::Io { path, error }
}

/// Bounds of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest input in bytes.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes: 1 << 30 }
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub struct InputStore {
    folder: PathBuf,
    limits: Limits,
}

impl InputStore {
    /// The store in a folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: &Path, limits: Limits) -> Self {
        Self { folder: folder.to_owned(), limits }
    }

    /// Keeps an input and gives its digest. What is there already stays as it is.
    pub fn put(&self, bytes: &[u8]) -> Result<Hash, InputsError> {
        let digest = Hash::of(bytes);
        self.write(&self.folder.join(digest.to_string()), bytes)?;
        Ok(digest)
    }

    /// Keeps files as a set: each of them, and the list of them. Gives the list's digest.
    pub fn put_files<'a>(
        &self,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Hash, InputsError> {
        let mut lines = Vec::new();
        for (name, bytes) in files {
            lines.push(format!("{}  {name}\n", self.put(bytes)?));
        }
        lines.sort_unstable();
        self.put(lines.concat().as_bytes())
    }

    /// Notes which list of event logs a model came from.
    pub fn put_model(&self, model: &Hash, logs: &Hash) -> Result<(), InputsError> {
        let path = self.folder.join(MODELS).join(model.to_string());
        self.write(&path, format!("{logs}\n").as_bytes())
    }

    /// An input.
    pub fn input(&self, digest: &Hash) -> Result<Vec<u8>, InputsError> {
        let bytes = self.read(&self.folder.join(digest.to_string()), digest)?;
        let found = Hash::of(&bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(InputsError::Changed { expected: *digest, found })
        }
    }

    /// A set of files: their names, without folders, and their bytes.
    pub fn files(&self, digest: &Hash) -> Result<Vec<(String, Vec<u8>)>, InputsError> {
        let list = self.input(digest)?;
        let not_a_list = || InputsError::NotAList(*digest);
        let list = std::str::from_utf8(&list).map_err(|_| not_a_list())?;
        let mut files = Vec::new();
        for line in list.lines() {
            let (file, name) = line.split_once("  ").ok_or_else(not_a_list)?;
            let file = Hash::from_hex(file).ok_or_else(not_a_list)?;
            files.push((name.to_owned(), self.input(&file)?));
        }
        Ok(files)
    }

    /// The list of event logs that a model came from.
    pub fn logs_of(&self, model: &Hash) -> Result<Hash, InputsError> {
        let bytes = self.read(&self.folder.join(MODELS).join(model.to_string()), model)?;
        let text = String::from_utf8_lossy(&bytes);
        Hash::from_hex(text.trim_end()).ok_or(InputsError::NotAList(*model))
    }

    fn read(&self, path: &Path, digest: &Hash) -> Result<Vec<u8>, InputsError> {
        use std::io::Read as _;
        let file = fs::File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => InputsError::Missing(*digest),
            _ => io_error(path)(error),
        })?;
        let most = self.limits.file_bytes;
        let mut bytes = Vec::new();
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io_error(path))?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
            Ok(bytes)
        } else {
            Err(InputsError::TooLong { digest: *digest, most })
        }
    }

    /// Writes a whole file, or none.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), InputsError> {
        if path.exists() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.folder);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(io_error(folder))?;
        let new = path.with_extension(format!("new{}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new).map_err(io_error(&new))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io_error(&new))?;
        fs::rename(&new, path).map_err(io_error(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_come_back_by_their_digests_and_sets_by_that_of_their_list() {
        let dir = tempfile::tempdir().unwrap();
        let store = InputStore::new(&dir.path().join("s"), Limits::default());
        let one = store.put(b"policy").unwrap();
        assert_eq!((one, store.input(&one).unwrap()), (Hash::of(b"policy"), b"policy".to_vec()));
        let files = [("b.csv", b"2".as_slice()), ("a.csv", b"1")];
        let list = store.put_files(files).unwrap();
        assert_eq!(store.put_files([files[1], files[0]]).unwrap(), list);
        let mut back = store.files(&list).unwrap();
        back.sort();
        assert_eq!(
            back,
            [("a.csv".to_owned(), b"1".to_vec()), ("b.csv".to_owned(), b"2".to_vec())]
        );
        store.put_model(&one, &list).unwrap();
        assert_eq!(store.logs_of(&one).unwrap(), list);
        assert_eq!(store.files(&store.put_files([]).unwrap()).unwrap(), []);
    }

    #[test]
    fn what_is_missing_changed_or_too_long_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = InputStore::new(dir.path(), Limits { file_bytes: 6 });
        let missing = Hash::of(b"missing");
        assert!(matches!(store.input(&missing), Err(InputsError::Missing(one)) if one == missing));
        assert!(matches!(store.logs_of(&missing), Err(InputsError::Missing(_))));
        let one = store.put(b"policy").unwrap();
        assert!(matches!(store.files(&one), Err(InputsError::NotAList(_))));
        let long = store.put(b"policy!").unwrap();
        assert!(matches!(store.input(&long), Err(InputsError::TooLong { most: 6, .. })));
        fs::write(dir.path().join(one.to_string()), b"poliCy").unwrap();
        assert!(matches!(store.input(&one), Err(InputsError::Changed { .. })));
    }
}
