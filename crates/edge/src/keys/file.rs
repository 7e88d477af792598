use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use zeroize::Zeroizing;

use super::{KeysError, Limits, Protection};

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
        refuse_open(path)?;
        let bytes = Zeroizing::new(read_bounded(path, limits)?);
        let text = std::str::from_utf8(&bytes).map_err(|_| KeysError::NotAKey {
            path: path.to_owned(),
            expected: "a passphrase in UTF-8",
        })?;
        let line = text.lines().next().unwrap_or_default();
        Self::new(line)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// The fixed part of an Ed25519 private key in PKCS#8 (RFC 8410), in front of the 32 bytes.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// PKCS#8 of version 1, without the public half: every OpenSSL reads it.
pub(super) fn to_pkcs8_pem(seed: &[u8; 32]) -> Zeroizing<String> {
    use base64::Engine as _;
    let mut der = Zeroizing::new([0; 48]);
    let (head, tail) = der.split_at_mut(PKCS8_PREFIX.len());
    head.copy_from_slice(&PKCS8_PREFIX);
    tail.copy_from_slice(seed);
    let body = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(*der));
    Zeroizing::new(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", *body))
}

pub(super) fn from_pkcs8_pem(path: &Path, pem: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeysError> {
    let not_a_key = || KeysError::NotAKey {
        path: path.to_owned(),
        expected: "an Ed25519 private key in PKCS#8 PEM",
    };
    let text = std::str::from_utf8(pem).map_err(|_| not_a_key())?;
    let key = SigningKey::from_pkcs8_pem(text).map_err(|_| not_a_key())?;
    Ok(Zeroizing::new(key.to_bytes()))
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
pub(super) fn write(
    path: &Path,
    content: &[u8],
    protection: &Protection,
    limits: &Limits,
) -> Result<(), KeysError> {
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
    let written = match protection {
        Protection::Plain => file.write_all(content),
        Protection::Passphrase(passphrase) => {
            encrypt(content, passphrase, limits).and_then(|sealed| file.write_all(&sealed))
        }
    };
    written.and_then(|()| file.sync_all()).map_err(KeysError::io(path))
}

fn encrypt(content: &[u8], passphrase: &Passphrase, limits: &Limits) -> io::Result<Vec<u8>> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.0.clone());
    recipient.set_work_factor(limits.work_factor.clamp(1, 63));
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(io::Error::other)?;
    let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armored)?;
    writer.write_all(content)?;
    writer.finish()?.finish()
}

/// Reads a private file, whose owner alone may read it, and opens it where it is encrypted.
pub(super) fn read(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    refuse_open(path)?;
    let bytes = Zeroizing::new(read_bounded(path, limits)?);
    let encrypted = bytes.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
        || bytes.starts_with(b"age-encryption.org/");
    if !encrypted {
        return Ok(bytes);
    }
    let passphrase = passphrase.ok_or_else(|| KeysError::NeedsPassphrase(path.to_owned()))?;
    decrypt(path, &bytes, passphrase, limits)
}

fn decrypt(
    path: &Path,
    bytes: &[u8],
    passphrase: &Passphrase,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let wrong = |error| match error {
        DecryptError::ExcessiveWork { required, .. } => KeysError::TooMuchWork {
            path: path.to_owned(),
            asked: required,
            most: limits.max_work_factor,
        },
        _ => KeysError::WrongPassphrase(path.to_owned()),
    };
    let mut identity = age::scrypt::Identity::new(passphrase.0.clone());
    identity.set_max_work_factor(limits.max_work_factor);
    let decryptor = Decryptor::new(ArmoredReader::new(bytes)).map_err(wrong)?;
    let identities = std::iter::once(&identity as &dyn age::Identity);
    let reader = decryptor.decrypt(identities).map_err(wrong)?;
    let mut content = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let read = reader.take(limits.file_bytes).read_to_end(&mut content);
    read.map_err(|_| KeysError::WrongPassphrase(path.to_owned()))?;
    Ok(content)
}

pub(super) fn read_bounded(path: &Path, limits: &Limits) -> Result<Vec<u8>, KeysError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => KeysError::NoFile(path.to_owned()),
        _ => KeysError::io(path)(error),
    })?;
    let mut bytes = Vec::new();
    let bound = limits.file_bytes.saturating_add(1);
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

/// Refuses a file that anybody but its owner may read or write.
fn refuse_open(path: &Path) -> Result<(), KeysError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let meta = fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => KeysError::NoFile(path.to_owned()),
            _ => KeysError::io(path)(error),
        })?;
        if meta.mode() & 0o077 != 0 {
            return Err(KeysError::TooOpen { path: path.to_owned(), mode: meta.mode() & 0o7777 });
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
