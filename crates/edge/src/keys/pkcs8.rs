//! Private keys in PKCS#8 PEM (RFC 5958, RFC 8410), plain or encrypted with PBES2 (RFC 8018).
//!
//! New files are sealed with scrypt (N = 2¹⁴, r = 8, p = 5) and AES-256-CBC: the strongest of
//! OWASP's equivalent settings whose memory stays below the 32 MiB that `openssl` allows itself,
//! so that `openssl pkey -in FILE` opens them. CBC says nothing about changes: whoever reads a
//! key compares it with the public half that lies beside it.

use std::path::Path;

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode as _, Encode as _, SecretDocument};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{
    EncryptionScheme as Cipher, Kdf, Parameters, Pbkdf2Prf, Salt, ScryptParams,
};
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{KeysError, Limits, Passphrase};

/// 32 secret bytes.
pub(super) type Seed = Zeroizing<[u8; 32]>;

/// What the 32 bytes of a private key are for, by its algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Signs.
    Ed25519,
    /// Agrees on keys. The evidence key has this form.
    X25519,
}

impl Kind {
    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Ed25519 => ObjectIdentifier::new_unwrap("1.3.101.112"),
            Self::X25519 => ObjectIdentifier::new_unwrap("1.3.101.110"),
        }
    }

    /// What a key of this kind should have been, for an error.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 private key in PKCS#8 PEM",
            Self::X25519 => "an X25519 private key in PKCS#8 PEM",
        }
    }

    /// PKCS#8 of version 1, without the public half: every OpenSSL reads it.
    fn to_der(self, seed: &Seed) -> Zeroizing<[u8; 48]> {
        const PREFIX: [u8; 16] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        let mut der = Zeroizing::new([0; 48]);
        let (head, tail) = der.split_at_mut(PREFIX.len());
        head.copy_from_slice(&PREFIX);
        if self == Self::X25519 {
            head[11] = 0x6e;
        }
        tail.copy_from_slice(seed.as_slice());
        der
    }
}

const PLAIN: &str = "PRIVATE KEY";
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Why text is not the key that was expected.
pub(super) enum Fault {
    /// It is damaged, cut, or something else.
    NotAKey,
    /// It is encrypted and there is no passphrase.
    NeedsPassphrase,
    /// It does not open.
    WrongPassphrase,
    /// It is encrypted in a way that is not read.
    Scheme(String),
    /// It asks for more than is paid.
    Work(String),
}

impl Fault {
    pub(super) fn at(self, path: &Path, kind: Kind) -> KeysError {
        let path = path.to_owned();
        match self {
            Self::NotAKey => KeysError::NotAKey { path, expected: kind.expected() },
            Self::NeedsPassphrase => KeysError::NeedsPassphrase(path),
            Self::WrongPassphrase => KeysError::WrongPassphrase(path),
            Self::Scheme(scheme) => KeysError::Scheme { path, scheme },
            Self::Work(asked) => KeysError::TooMuchWork { path, asked },
        }
    }
}

/// Plain PEM.
pub(super) fn to_pem(kind: Kind, seed: &Seed) -> Zeroizing<String> {
    armor(PLAIN, kind.to_der(seed).as_slice())
}

/// PEM that `passphrase` opens.
pub(super) fn to_encrypted_pem(
    kind: Kind,
    seed: &Seed,
    passphrase: &Passphrase,
    limits: &Limits,
) -> Result<Zeroizing<String>, KeysError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    getrandom::fill(&mut salt).map_err(KeysError::Random)?;
    getrandom::fill(&mut iv).map_err(KeysError::Random)?;
    let unsealed = |_| KeysError::Seal;
    let kdf = Kdf::Scrypt(ScryptParams {
        salt: Salt::new(salt).map_err(unsealed)?,
        cost_parameter: 1 << limits.scrypt_log_n.clamp(1, 30),
        block_size: 8,
        parallelization: limits.scrypt_lanes.max(1),
        key_length: None,
    });
    let derived = derive(&kdf, passphrase, 32).map_err(|()| KeysError::Seal)?;
    let der = kind.to_der(seed);
    // Room for the padding: one block more.
    let mut sealed = Zeroizing::new([0; 64]);
    sealed[..der.len()].copy_from_slice(der.as_slice());
    let sealed = cbc::Encryptor::<aes::Aes256>::new_from_slices(derived.as_slice(), &iv)
        .map_err(|_| KeysError::Seal)?
        .encrypt_padded::<Pkcs7>(sealed.as_mut_slice(), der.len())
        .map_err(|_| KeysError::Seal)?
        .to_vec();
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::Pbes2(Parameters {
            kdf,
            encryption: Cipher::Aes256Cbc { iv },
        }),
        encrypted_data: OctetStringRef::new(&sealed).map_err(unsealed)?,
    };
    Ok(armor(ENCRYPTED, &info.to_der().map_err(unsealed)?))
}

fn armor(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 32 + 80));
    let mut rest = body.as_str();
    text.extend(["-----BEGIN ", label, "-----\n"]);
    while !rest.is_empty() {
        // Base64 is ASCII, so every place is a boundary.
        let (line, behind) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

/// Reads either form.
pub(super) fn from_pem(
    kind: Kind,
    text: &[u8],
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Seed, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::NotAKey)?;
    let (label, document) = SecretDocument::from_pem(text).map_err(|_| Fault::NotAKey)?;
    match label {
        PLAIN => from_der(kind, document.as_bytes()).ok_or(Fault::NotAKey),
        ENCRYPTED => {
            let der = unseal(document.as_bytes(), passphrase, limits)?;
            // A wrong passphrase passes the padding once in some 250 times and ends here.
            from_der(kind, &der).ok_or(Fault::WrongPassphrase)
        }
        _ => Err(Fault::NotAKey),
    }
}

fn from_der(kind: Kind, der: &[u8]) -> Option<Seed> {
    let info = PrivateKeyInfoRef::from_der(der).ok()?;
    if info.algorithm.oid != kind.oid() || info.algorithm.parameters.is_some() {
        return None;
    }
    let seed = info.private_key.as_bytes().strip_prefix(&[0x04, 0x20])?;
    Some(Zeroizing::new(seed.try_into().ok()?))
}

fn unseal(
    der: &[u8],
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| Fault::NotAKey)?;
    let EncryptionScheme::Pbes2(Parameters { kdf, encryption }) = info.encryption_algorithm else {
        return Err(Fault::Scheme("PBES1".to_owned()));
    };
    affordable(&kdf, limits)?;
    let passphrase = passphrase.ok_or(Fault::NeedsPassphrase)?;
    let derive = |length: usize| {
        if kdf.key_length().is_some_and(|said| usize::from(said) != length) {
            return Err(Fault::NotAKey);
        }
        derive(&kdf, passphrase, length).map_err(|()| Fault::NotAKey)
    };
    let mut sealed = Zeroizing::new(info.encrypted_data.as_bytes().to_vec());
    let wrong = |_| Fault::WrongPassphrase;
    let length = match encryption {
        Cipher::Aes256Cbc { iv } => {
            let key = derive(32)?;
            cbc::Decryptor::<aes::Aes256>::new_from_slices(key.as_slice(), &iv)
                .map_err(|_| Fault::NotAKey)?
                .decrypt_padded::<Pkcs7>(&mut sealed)
                .map_err(wrong)?
                .len()
        }
        Cipher::Aes128Cbc { iv } => {
            let key = derive(16)?;
            cbc::Decryptor::<aes::Aes128>::new_from_slices(key.as_slice(), &iv)
                .map_err(|_| Fault::NotAKey)?
                .decrypt_padded::<Pkcs7>(&mut sealed)
                .map_err(wrong)?
                .len()
        }
        other => return Err(Fault::Scheme(format!("the cipher {}", other.oid()))),
    };
    sealed.truncate(length);
    Ok(sealed)
}

/// Bounds what a file asks for before anything of it is paid.
fn affordable(kdf: &Kdf, limits: &Limits) -> Result<(), Fault> {
    match kdf {
        Kdf::Scrypt(params) => {
            let (n, r, p) = (
                params.cost_parameter,
                u64::from(params.block_size),
                u64::from(params.parallelization),
            );
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(Fault::NotAKey);
            }
            let bytes = n.checked_mul(128).and_then(|bytes| bytes.checked_mul(r));
            let bytes = bytes.filter(|bytes| *bytes <= limits.max_kdf_bytes);
            let work = bytes.and_then(|bytes| bytes.checked_mul(p));
            if work.is_none_or(|work| work > limits.max_kdf_work) {
                return Err(Fault::Work(format!("scrypt with N={n}, r={r}, p={p}")));
            }
            Ok(())
        }
        Kdf::Pbkdf2(params) => {
            if params.prf == Pbkdf2Prf::HmacWithSha1 {
                return Err(Fault::Scheme("PBKDF2 with SHA-1".to_owned()));
            }
            let rounds = params.iteration_count;
            if rounds == 0 {
                return Err(Fault::NotAKey);
            }
            if rounds > limits.max_pbkdf2_rounds {
                return Err(Fault::Work(format!("PBKDF2 with {rounds} rounds")));
            }
            Ok(())
        }
        other => Err(Fault::Scheme(format!("the key derivation {}", other.oid()))),
    }
}

/// Runs a key derivation whose cost has been bounded.
fn derive(kdf: &Kdf, passphrase: &Passphrase, length: usize) -> Result<Zeroizing<Vec<u8>>, ()> {
    let mut key = Zeroizing::new(vec![0; length]);
    let password = passphrase.expose().as_bytes();
    match kdf {
        Kdf::Scrypt(params) => {
            let log_n = params.cost_parameter.checked_ilog2().ok_or(())?;
            let log_n = u8::try_from(log_n).map_err(|_| ())?;
            let (r, p) = (params.block_size.into(), params.parallelization.into());
            let costs = scrypt::Params::new(log_n, r, p).map_err(|_| ())?;
            scrypt::scrypt(password, params.salt.as_bytes(), &costs, &mut key).map_err(|_| ())?;
        }
        Kdf::Pbkdf2(params) => {
            let (salt, rounds) = (params.salt.as_bytes(), params.iteration_count);
            let run = match params.prf {
                Pbkdf2Prf::HmacWithSha224 => pbkdf2::pbkdf2_hmac::<sha2::Sha224>,
                Pbkdf2Prf::HmacWithSha256 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>,
                Pbkdf2Prf::HmacWithSha384 => pbkdf2::pbkdf2_hmac::<sha2::Sha384>,
                Pbkdf2Prf::HmacWithSha512 => pbkdf2::pbkdf2_hmac::<sha2::Sha512>,
                _ => return Err(()),
            };
            run(password, salt, rounds, &mut key);
        }
        _ => return Err(()),
    }
    Ok(key)
}
