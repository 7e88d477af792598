use std::fs;
use std::path::{Path, PathBuf};

use adproof_ledger::{
    EvidenceKey, MemoryKey, NamedKey, PublicKey, Role, Signer, TrustError, TrustedKeys,
    is_plain_log_name,
};
use zeroize::Zeroizing;

use super::external::{ExternalSigner, SignerCommand, SignerLimits};
use super::file::{self, Passphrase};
use super::pkcs8::{self, Fault, Kind, Seed};
use super::{HEADS, KeysError, Limits, PEOPLE, PUBLIC_FILE};
use crate::store::Signers;

/// How private keys lie on the disk.
#[derive(Clone, Debug)]
pub enum Protection {
    /// Encrypted under a passphrase.
    Passphrase(Passphrase),
    /// Readable for everyone who reads the disk. Chosen in words, never by default.
    Plain,
}

/// What opens the keys of a folder.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The passphrase of encrypted files.
    pub passphrase: Option<Passphrase>,
    /// Programs that hold keys, in place of what the folder says.
    pub signers: Vec<(Role, SignerCommand)>,
    /// Bounds of the conversation with them.
    pub signer_limits: SignerLimits,
}

impl Access {
    /// A passphrase and nothing else.
    #[must_use]
    pub fn passphrase(passphrase: Option<&Passphrase>) -> Self {
        Self { passphrase: passphrase.cloned(), ..Self::default() }
    }
}

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicHalf {
    /// Verifies signatures, under the name that it has in a log.
    Signing(NamedKey),
    /// The evidence key's: X25519, which has neither an OpenSSH nor a vkey form.
    Evidence([u8; 32]),
}

impl PublicHalf {
    /// SubjectPublicKeyInfo in PEM (RFC 8410).
    #[must_use]
    pub fn to_spki_pem(&self) -> String {
        match self {
            Self::Signing(named) => named.key().to_spki_pem(),
            Self::Evidence(bytes) => x25519_spki_pem(bytes),
        }
    }
}

/// What is in a key folder, for those who verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    /// The lines of `log.pub`.
    pub signing: Vec<NamedKey>,
    /// The public half of the evidence key, where there is one.
    pub evidence: Option<[u8; 32]>,
}

/// A key that signs, opened for one role.
pub struct RoleKey {
    /// Its name and public half.
    pub public: NamedKey,
    /// What signs.
    pub signer: Box<dyn Signer>,
}

/// The roles of [`LogKeys::create`].
pub const LOG_ROLES: [Role; 4] = [Role::Record, Role::Checkpoint, Role::Root, Role::Evidence];

/// Makes keys in a folder, one a role, and adds their public halves to its `log.pub`. Nothing is
/// overwritten, and where one cannot be made, none is.
pub fn create(
    folder: &Path,
    log: &str,
    roles: &[Role],
    protection: &Protection,
    limits: &Limits,
) -> Result<Vec<PublicHalf>, KeysError> {
    if !is_plain_log_name(log) {
        return Err(KeysError::LogName(log.to_owned()));
    }
    file::make_folder(folder)?;
    let mut made = Made(Vec::new());
    let mut halves = Vec::new();
    for role in roles {
        let (seed, path) = (random()?, key_path(folder, *role));
        for taken in [&path, &signer_path(folder, *role)] {
            if taken.exists() {
                return Err(KeysError::Exists(taken.clone()));
            }
        }
        file::write_new(&path, seal(kind(*role), &seed, protection, limits)?.as_bytes())?;
        made.0.push(path);
        let half = half(log, *role, &seed);
        if let PublicHalf::Evidence(bytes) = &half {
            let path = evidence_public_path(folder);
            let _ = fs::remove_file(&path);
            file::replace(&path, x25519_spki_pem(bytes).as_bytes())?;
            made.0.push(path);
        }
        halves.push(half);
    }
    let named = halves.iter().filter_map(|half| match half {
        PublicHalf::Signing(named) => Some(named.clone()),
        PublicHalf::Evidence(_) => None,
    });
    add_public(folder, log, named, limits)?;
    made.0.clear();
    Ok(halves)
}

/// Files that are taken away again unless all went well.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// Names the program that holds a key: asks it for its public half, adds that to `log.pub`, and
/// writes the command beside it.
pub fn adopt_signer(
    folder: &Path,
    log: &str,
    role: Role,
    command: &SignerCommand,
    limits: &Limits,
) -> Result<PublicHalf, KeysError> {
    if !is_plain_log_name(log) {
        return Err(KeysError::LogName(log.to_owned()));
    }
    let path = signer_path(folder, role);
    for taken in [&path, &key_path(folder, role)] {
        if taken.exists() {
            return Err(KeysError::Exists(taken.clone()));
        }
    }
    let signer = start(role, command, SignerLimits::default())?;
    // It must not only name a key but hold it.
    signer.sign(b"adproof signer test").map_err(|error| signer_error(role, error))?;
    let named = named(log, role, signer.public_key());
    file::make_folder(folder)?;
    let mut made = Made(Vec::new());
    file::write_new(&path, format!("{command}\n").as_bytes())?;
    made.0.push(path);
    add_public(folder, log, named.iter().cloned(), limits)?;
    made.0.clear();
    named.map(PublicHalf::Signing).ok_or_else(|| KeysError::LogName(log.to_owned()))
}

/// Reads the public halves in a key folder. Unlike [`read_public`] it takes a folder that holds
/// the keys of some roles only.
pub fn public_keys(folder: &Path, limits: &Limits) -> Result<PublicKeys, KeysError> {
    let signing = match public_lines(folder, limits) {
        Err(KeysError::NoFile(_)) if evidence_public_path(folder).exists() => Vec::new(),
        lines => lines?,
    };
    Ok(PublicKeys { signing, evidence: evidence_public(folder, limits)? })
}

/// Opens the key of one role.
pub fn open_role(
    folder: &Path,
    role: Role,
    access: &Access,
    limits: &Limits,
) -> Result<RoleKey, KeysError> {
    let lines = public_lines(folder, limits)?;
    let signer = signer(folder, role, access, limits)?;
    let key = signer.public_key();
    let of_role = |line: &&NamedKey| *line.key() == key && line.role() == role;
    let public = lines.iter().find(of_role).cloned().ok_or_else(|| KeysError::Public {
        path: folder.join(PUBLIC_FILE),
        why: format!("the {} key is not among them", role.as_str()),
    })?;
    Ok(RoleKey { public, signer })
}

/// Adds keys that others gave, such as the other party's, to a folder's `log.pub`.
pub fn add_public(
    folder: &Path,
    log: &str,
    keys: impl IntoIterator<Item = NamedKey>,
    limits: &Limits,
) -> Result<(), KeysError> {
    let path = folder.join(PUBLIC_FILE);
    let mut lines = match public_lines(folder, limits) {
        Err(KeysError::NoFile(_)) => Vec::new(),
        lines => lines?,
    };
    let before = lines.len();
    for key in keys {
        if !lines.contains(&key) {
            lines.push(key);
        }
    }
    let public = |why: String| KeysError::Public { path: path.clone(), why };
    if let Some(other) = lines.iter().map(NamedKey::log).find(|other| *other != log) {
        return Err(public(format!("they are of the log `{other}`, the new one is of `{log}`")));
    }
    if lines.len() == before {
        return Ok(());
    }
    let mut seen = Vec::new();
    for line in &lines {
        if seen.contains(&line.key().id()) {
            return Err(public(format!("the key {} has two roles", line.key().id())));
        }
        seen.push(line.key().id());
    }
    let text: String = lines.iter().map(|line| line.to_vkey() + "\n").collect();
    file::replace(&path, text.as_bytes())
}

fn public_lines(folder: &Path, limits: &Limits) -> Result<Vec<NamedKey>, KeysError> {
    let path = folder.join(PUBLIC_FILE);
    let bytes = file::read_bounded(&path, limits)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().enumerate().map(|(at, line)| (at, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let parsed = lines.map(|(at, line)| {
        NamedKey::parse_vkey(line)
            .map_err(|error| public_error(&path, &TrustError::Line { line: at + 1, error }))
    });
    parsed.collect()
}

fn evidence_public_path(folder: &Path) -> PathBuf {
    folder.join("evidence.pub")
}

fn evidence_public(folder: &Path, limits: &Limits) -> Result<Option<[u8; 32]>, KeysError> {
    let path = evidence_public_path(folder);
    let text = match file::read_bounded(&path, limits) {
        Err(KeysError::NoFile(_)) => return Ok(None),
        text => text?,
    };
    let der = std::str::from_utf8(&text).ok().and_then(pem_der);
    let key = der.as_deref().and_then(|der| der.last_chunk::<32>().copied());
    let key = key.filter(|key| x25519_spki_pem(key).as_bytes() == text.as_slice());
    let expected = "the public half of an evidence key";
    key.map(Some).ok_or(KeysError::NotAKey { path, expected })
}

fn pem_der(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let body = text.strip_prefix("-----BEGIN PUBLIC KEY-----\n")?;
    let body = body.strip_suffix("\n-----END PUBLIC KEY-----\n")?;
    base64::engine::general_purpose::STANDARD.decode(body).ok()
}

fn x25519_spki_pem(key: &[u8; 32]) -> String {
    use base64::Engine as _;
    let der: Vec<u8> = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00]
        .into_iter()
        .chain(*key)
        .collect();
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
}

/// The private keys of one log, opened.
pub struct LogKeys {
    trusted: TrustedKeys,
    record: Box<dyn Signer>,
    checkpoint: Box<dyn Signer>,
    evidence: EvidenceKey,
    folder: PathBuf,
}

impl LogKeys {
    /// Makes the keys of the log `log` in `folder`: records, checkpoints, root and evidence.
    pub fn create(
        folder: &Path,
        log: &str,
        protection: &Protection,
        limits: &Limits,
    ) -> Result<Self, KeysError> {
        create(folder, log, &LOG_ROLES, protection, limits)?;
        let passphrase = match protection {
            Protection::Passphrase(passphrase) => Some(passphrase),
            Protection::Plain => None,
        };
        Self::open(folder, passphrase, limits)
    }

    /// Reads the keys in `folder`. The root key stays closed: it has no part in daily work.
    pub fn open(
        folder: &Path,
        passphrase: Option<&Passphrase>,
        limits: &Limits,
    ) -> Result<Self, KeysError> {
        Self::open_with(folder, &Access::passphrase(passphrase), limits)
    }

    /// Reads the keys in `folder`, some of which other programs may hold.
    pub fn open_with(folder: &Path, access: &Access, limits: &Limits) -> Result<Self, KeysError> {
        let path = folder.join(PUBLIC_FILE);
        let trusted = read_public(&path, limits)?;
        let evidence = open_evidence(folder, access.passphrase.as_ref(), limits)?;
        let record = open_role(folder, Role::Record, access, limits)?.signer;
        let checkpoint = open_role(folder, Role::Checkpoint, access, limits)?.signer;
        Ok(Self { trusted, record, checkpoint, evidence, folder: folder.to_owned() })
    }

    /// The log's name.
    #[must_use]
    pub fn log(&self) -> &str {
        self.trusted.log()
    }

    /// The public halves: those of the keys, and those that were added to `log.pub`.
    #[must_use]
    pub const fn trusted(&self) -> &TrustedKeys {
        &self.trusted
    }

    /// The key that salts derive from.
    #[must_use]
    pub const fn evidence(&self) -> &EvidenceKey {
        &self.evidence
    }

    /// The folder of the ledger's second checkpoint.
    #[must_use]
    pub fn heads(&self) -> PathBuf {
        heads(&self.folder)
    }

    /// The folder of the keys of persons and days.
    #[must_use]
    pub fn people(&self) -> PathBuf {
        self.folder.join(PEOPLE)
    }

    /// Gives the signing keys to a writer and keeps the evidence key.
    #[must_use]
    pub fn into_signers(self) -> (Signers, EvidenceKey) {
        (Signers { record: self.record, checkpoint: self.checkpoint }, self.evidence)
    }
}

impl std::fmt::Debug for LogKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LogKeys({})", self.log())
    }
}

/// The folder of the last checkpoint that was signed with the keys in `folder`.
#[must_use]
pub fn heads(folder: &Path) -> PathBuf {
    folder.join(HEADS)
}

pub(super) fn key_path(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.key", role.as_str()))
}

pub(super) fn signer_path(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.signer", role.as_str()))
}

pub(super) const fn kind(role: Role) -> Kind {
    match role {
        Role::Evidence => Kind::X25519,
        _ => Kind::Ed25519,
    }
}

pub(super) fn random() -> Result<Seed, KeysError> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(KeysError::Random)?;
    Ok(bytes)
}

pub(super) fn seal(
    kind: Kind,
    seed: &Seed,
    protection: &Protection,
    limits: &Limits,
) -> Result<Zeroizing<String>, KeysError> {
    match protection {
        Protection::Plain => Ok(pkcs8::to_pem(kind, seed)),
        Protection::Passphrase(passphrase) => {
            pkcs8::to_encrypted_pem(kind, seed, passphrase, limits)
        }
    }
}

fn half(log: &str, role: Role, seed: &Seed) -> PublicHalf {
    let signing = (role != Role::Evidence)
        .then(|| named(log, role, MemoryKey::from_seed(seed).public_key()))
        .flatten();
    match signing {
        Some(named) => PublicHalf::Signing(named),
        None => PublicHalf::Evidence(x25519(seed)),
    }
}

fn x25519(seed: &Seed) -> [u8; 32] {
    let secret = x25519_dalek::StaticSecret::from(**seed);
    x25519_dalek::PublicKey::from(&secret).to_bytes()
}

pub(super) fn named(log: &str, role: Role, key: PublicKey) -> Option<NamedKey> {
    NamedKey::of_role(log, role, key)
}

/// Reads the seed in a key file: PKCS#8 PEM, plain or encrypted, or the same inside of age.
pub(super) fn read_seed(
    path: &Path,
    kind: Kind,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<Seed, KeysError> {
    let bytes = file::read_private(path, limits)?;
    let bytes = if file::is_age(&bytes) {
        file::open_age(path, &bytes, passphrase, limits)?
    } else {
        bytes
    };
    // Evidence keys were 32 bytes without any form once.
    if kind == Kind::X25519
        && let Ok(seed) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(Zeroizing::new(seed));
    }
    pkcs8::from_pem(kind, &bytes, passphrase, limits).map_err(|fault: Fault| fault.at(path, kind))
}

fn open_evidence(
    folder: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<EvidenceKey, KeysError> {
    let path = key_path(folder, Role::Evidence);
    let seed = read_seed(&path, Kind::X25519, passphrase, limits)?;
    let public = evidence_public(folder, limits)?;
    if public.is_some_and(|public| public != x25519(&seed)) {
        let path = evidence_public_path(folder);
        let why = "it is not that of the evidence key beside it".to_owned();
        return Err(KeysError::Public { path, why });
    }
    Ok(EvidenceKey::new(*seed))
}

fn signer(
    folder: &Path,
    role: Role,
    access: &Access,
    limits: &Limits,
) -> Result<Box<dyn Signer>, KeysError> {
    if super::rotation::is_pending(folder, role) {
        return Err(KeysError::Unfinished { role: role.as_str(), folder: folder.to_owned() });
    }
    if let Some((_, command)) = access.signers.iter().find(|(other, _)| *other == role) {
        return Ok(Box::new(start(role, command, access.signer_limits)?));
    }
    open_signer(&key_path(folder, role), &signer_path(folder, role), role, access, limits)
}

/// Opens what one of two files holds: a command, or a key.
pub(super) fn open_signer(
    key: &Path,
    command: &Path,
    role: Role,
    access: &Access,
    limits: &Limits,
) -> Result<Box<dyn Signer>, KeysError> {
    match file::read_private(command, limits) {
        Ok(text) => {
            let command = String::from_utf8_lossy(&text).parse().map_err(|_| {
                let expected = "the command of a signer";
                KeysError::NotAKey { path: command.to_owned(), expected }
            })?;
            Ok(Box::new(start(role, &command, access.signer_limits)?))
        }
        Err(KeysError::NoFile(_)) => {
            let seed = read_seed(key, kind(role), access.passphrase.as_ref(), limits)?;
            Ok(Box::new(MemoryKey::from_seed(&seed)))
        }
        Err(error) => Err(error),
    }
}

fn start(
    role: Role,
    command: &SignerCommand,
    limits: SignerLimits,
) -> Result<ExternalSigner, KeysError> {
    ExternalSigner::start(command.clone(), limits).map_err(|error| signer_error(role, error))
}

fn signer_error(role: Role, error: adproof_ledger::SignError) -> KeysError {
    KeysError::Signer { role: role.as_str(), error }
}

fn public_error(path: &Path, error: &TrustError) -> KeysError {
    KeysError::Public { path: path.to_owned(), why: error.to_string() }
}

/// Reads one private key that signs: Ed25519, PKCS#8 PEM, encrypted or not.
pub fn read_key(
    path: &Path,
    passphrase: Option<&Passphrase>,
    limits: &Limits,
) -> Result<MemoryKey, KeysError> {
    read_seed(path, Kind::Ed25519, passphrase, limits).map(|seed| MemoryKey::from_seed(&seed))
}

/// Reads a file of C2SP vkeys.
pub fn read_public(path: &Path, limits: &Limits) -> Result<TrustedKeys, KeysError> {
    let bytes = file::read_bounded(path, limits)?;
    let text = String::from_utf8_lossy(&bytes);
    TrustedKeys::parse(&text).map_err(|error| public_error(path, &error))
}
