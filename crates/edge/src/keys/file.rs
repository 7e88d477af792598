use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use age::armor::ArmoredReader;
use age::secrecy::{ExposeSecret as _, SecretString};
use age::{DecryptError, Decryptor};
use zeroize::Zeroizing;

use super::{KeysError, Limits};

/// A passphrase, overwritten when it is dropped.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// Wraps a passphrase that is not empty.
    pub fn new(text: &str) -> Result<Self, KeysError> {
        if text.is_empty() {
            return Err(KeysError::EmptyPassphrase);
        }
        Ok(Self(SecretString::from(text)))
    }

    /// Reads the first line of a file that only its owner may read.
    pub fn from_file(path: &Path, limits: &Limits) -> Result<Self, KeysError> {
        let bytes = read_private(path, limits)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| KeysError::NotAKey {
            path: path.to_owned(),
            expected: "a passphrase in UTF-8",
        })?;
        let line = text.lines().next().unwrap_or_default();
        Self::new(line)
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

pub(super) fn make_folder(path: &Path) -> Result<(), KeysError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(KeysError::io(path))
}

/// Writes a new private file: never over another, and never readable by others, not for a moment.
/// A file that could not be written whole is taken away again.
pub(super) fn write_new(path: &Path, content: &[u8]) -> Result<(), KeysError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => KeysError::Exists(path.to_owned()),
        _ => KeysError::io(path)(error),
    })?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.and_then(|()| sync_parent(path)).map_err(|error| {
        let _ = fs::remove_file(path);
        KeysError::io(path)(error)
    })
}

/// Replaces a file whole: what a crash leaves is the old content or the new.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), KeysError> {
    let new = path.with_extension("pub.new");
    let written = File::create(&new)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path))
        .and_then(|()| sync_parent(path));
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        KeysError::io(path)(error)
    })
}

/// Gives a file another name for good.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), KeysError> {
    fs::rename(from, to).and_then(|()| sync_parent(to)).map_err(KeysError::io(to))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Reads a file that nobody but its owner may read or write.
pub(super) fn read_private(path: &Path, limits: &Limits) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let file = open(path)?;
    // Of the open file: another may be put in its place between two looks at the name.
    refuse_wide(path, &file)?;
    read_to_limit(path, file, limits)
}

/// Reads a file of any mode.
pub(super) fn read_bounded(path: &Path, limits: &Limits) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    read_to_limit(path, open(path)?, limits)
}

fn open(path: &Path) -> Result<File, KeysError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeysError::NoFile(path.to_owned()),
        _ => KeysError::io(path)(error),
    })
}

fn read_to_limit(
    path: &Path,
    file: File,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let bound = limits.file_bytes.saturating_add(1);
    // The room is made at once: a vector that grows leaves copies behind.
    let length = file.metadata().map_or(0, |meta| meta.len()).min(bound);
    let room = usize::try_from(length).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    let read = file.take(bound).read_to_end(&mut bytes);
    read.map_err(KeysError::io(path))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limits.file_bytes) {
        return Err(KeysError::NotAKey {
            path: path.to_owned(),
            expected: "a key file: it is too long",
        });
    }
    Ok(bytes)
}

fn refuse_wide(path: &Path, file: &File) -> Result<(), KeysError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let meta = file.metadata().map_err(KeysError::io(path))?;
        if meta.mode() & 0o077 != 0 {
            return Err(KeysError::TooOpen { path: path.to_owned(), mode: meta.mode() & 0o7777 });
        }
    }
    #[cfg(not(unix))]
    let _ = (path, file);
    Ok(())
}

/// Whether bytes are a file of age.
pub(super) fn is_age(bytes: &[u8]) -> bool {
    bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
        || bytes.starts_with(b"age-encryption.org/")
}

/// Opens what `age -p` has encrypted.
pub(super) fn open_age(
    path: &Path,
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let passphrase = passphrase.ok_or_else(|| KeysError::NeedsPassphrase(path.to_owned()))?;
    let wrong = |error| match error {
        DecryptError::ExcessiveWork { required, .. } => KeysError::TooMuchWork {
            path: path.to_owned(),
            asked: format!("scrypt with N=2^{required}"),
        },
        _ => KeysError::WrongPassphrase(path.to_owned()),
    };
    let mut identity = age::scrypt::Identity::new(passphrase.0.clone());
    identity.set_max_work_factor(limits.max_age_log_n);
    let decryptor = Decryptor::new(ArmoredReader::new(bytes)).map_err(wrong)?;
    let identities = std::iter::once(&identity as &dyn age::Identity);
    let reader = decryptor.decrypt(identities).map_err(wrong)?;
    let mut content = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let read = reader.take(limits.file_bytes).read_to_end(&mut content);
    read.map_err(|_| KeysError::WrongPassphrase(path.to_owned()))?;
    Ok(content)
}
