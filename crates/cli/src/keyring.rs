//! Opens keys and ledgers for the verbs, with errors that say what to do.

use std::path::{Path, PathBuf};

use adproof_edge::keys::external::PASSPHRASE_VARIABLE as PASSPHRASE;
use adproof_edge::keys::{
    Access, KeysError, Limits, LogKeys, MemoryLock, Passphrase, SignerCommand, guard_memory,
    keys_are_read, read_public,
};
use adproof_edge::people::PeopleError;
use adproof_edge::store::{LedgerReader, LedgerWriter, Limits as StoreLimits, Signers, StoreError};
use adproof_ledger::{AppendError, RecordTime, Role, TrustedKeys};
use clap::Args;
use zeroize::Zeroizing;

use crate::out::{Failure, Out};

/// Where the passphrase of private keys comes from. It is never asked for: a run that waits for a
/// person is a run that hangs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PassphraseArgs {
    /// Reads the passphrase of the private keys from the first line of this file, which only its
    /// owner may read [default: the environment variable ADPROOF_PASSPHRASE].
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The passphrase, if there is one.
    pub(crate) fn read(&self) -> anyhow::Result<Option<Passphrase>> {
        let limits = Limits::default();
        let read = match &self.passphrase_file {
            Some(path) => Some(Passphrase::from_file(path, &limits)),
            None => std::env::var(PASSPHRASE)
                .ok()
                .map(Zeroizing::new)
                .map(|text| Passphrase::new(&text)),
        };
        read.transpose().map_err(keys_failure)
    }
}

/// What opens private keys: a passphrase, or programs that hold them.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AccessArgs {
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,

    /// A program that holds the key of a role and signs with it, in place of what the folder
    /// says: 'record=COMMAND ARGS'. `adproof keys new --help` tells how it is asked.
    #[arg(long = "signer", value_name = "ROLE=COMMAND", value_parser = signer)]
    pub(crate) signers: Vec<(Role, SignerCommand)>,
}

impl AccessArgs {
    pub(crate) fn read(&self) -> anyhow::Result<Access> {
        let (passphrase, signers) = (self.passphrase.read()?, self.signers.clone());
        Ok(Access { passphrase, signers, ..Access::default() })
    }
}

/// Reads `ROLE=COMMAND`.
pub(crate) fn signer(text: &str) -> Result<(Role, SignerCommand), String> {
    let (role, command) = text.split_once('=').ok_or("write ROLE=COMMAND")?;
    let role = Role::from_name(role)
        .filter(|role| *role != Role::Evidence)
        .ok_or("the role is record, checkpoint, root, witness or counterparty")?;
    let command: SignerCommand = command.parse().map_err(|error| format!("{error}"))?;
    Ok((role, command))
}

/// Keeps keys that are read from now on out of swap and core dumps, or says that it cannot.
pub(crate) fn guard(out: &Out) {
    if let MemoryLock::Unavailable(why) = guard_memory() {
        out.note(format_args!(
            "note: the system does not keep keys out of swap ({why}); encrypt the swap"
        ));
    }
}

/// Opens the private keys in a folder, for what does not sign.
pub(crate) fn open_keys(folder: &Path, passphrase: &PassphraseArgs) -> anyhow::Result<LogKeys> {
    let passphrase = passphrase.read()?;
    LogKeys::open(folder, passphrase.as_ref(), &Limits::default()).map_err(keys_failure)
}

/// Opens the private keys in a folder, some of which other programs may hold, to sign with them.
pub(crate) fn open_signing_keys(
    folder: &Path,
    access: &AccessArgs,
    out: &Out,
) -> anyhow::Result<LogKeys> {
    guard(out);
    let access = access.read()?;
    let keys = LogKeys::open_with(folder, &access, &Limits::default()).map_err(keys_failure);
    keys_are_read();
    keys
}

/// Opens a ledger to write to it, and brings the public keys that lie in it up to date.
pub(crate) fn open_writer(
    path: &Path,
    init: bool,
    (signers, trusted, heads): (Signers, &TrustedKeys, &Path),
    now: &RecordTime,
) -> anyhow::Result<LedgerWriter> {
    let limits = StoreLimits::default();
    let writer = if init {
        LedgerWriter::open_or_create(path, trusted.log(), signers, Some(heads), now, limits)
    } else {
        LedgerWriter::open(path, signers, Some(heads), now, limits)
    };
    let mut writer = writer.map_err(|error| match error {
        StoreError::NoLedger(path) => Failure::new("there is no ledger")
            .at(path.display())
            .todo("check the path, or let `adproof decide --init` make it")
            .into(),
        error => store_failure(error),
    })?;
    let own = std::fs::read_to_string(path.join(adproof_edge::store::KEYS_FILE));
    let both = own.unwrap_or_default() + &trusted.to_text();
    let both = TrustedKeys::parse(&both).map_err(|error| {
        Failure::new(format!("the public keys of the ledger and of the folder: {error}"))
            .at(path.join(adproof_edge::store::KEYS_FILE).display())
            .todo("give the keys that this ledger was made with")
    })?;
    writer.publish_keys(&both).map_err(store_failure)?;
    Ok(writer)
}

/// Reads the public keys that the caller trusts.
pub(crate) fn read_trusted(files: &[PathBuf]) -> anyhow::Result<Option<TrustedKeys>> {
    if files.is_empty() {
        return Ok(None);
    }
    let limits = Limits::default();
    let mut text = String::new();
    for path in files {
        // Each file is read on its own first, so that an error names the right one.
        match read_public(path, &limits) {
            Ok(keys) => text.push_str(&keys.to_text()),
            Err(KeysError::Public { .. }) => {
                text.push_str(&std::fs::read_to_string(path)?);
                text.push('\n');
            }
            Err(error) => return Err(keys_failure(error)),
        }
    }
    let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let trusted = TrustedKeys::parse(&text).map_err(|error| {
        Failure::new(format!("the trusted keys cannot be used: {error}"))
            .at(names.join(", "))
            .todo("give the file that `adproof keys export` writes, of one log")
    })?;
    Ok(Some(trusted))
}

/// The keys to verify with: those that were given, or the ledger's own with a note.
pub(crate) fn trusted_or_own(
    files: &[PathBuf],
    reader: &LedgerReader,
    out: &Out,
) -> anyhow::Result<(TrustedKeys, bool)> {
    if let Some(trusted) = read_trusted(files)? {
        return Ok((trusted, true));
    }
    out.note(
        "note: verifying with the public keys that lie in the ledger itself. Whoever can replace \
         its records can replace these too; give the keys that you hold with --key.",
    );
    Ok((reader.own_keys().map_err(store_failure)?, false))
}

/// Says what to do about keys.
#[allow(clippy::needless_pass_by_value, reason = "it goes into `map_err`")]
pub(crate) fn keys_failure(error: KeysError) -> anyhow::Error {
    let what = error.to_string();
    let (place, todo) = match &error {
        KeysError::NoFile(path) => {
            (Some(path), "give the folder that `adproof keys new` made".to_owned())
        }
        KeysError::Exists(path) => {
            (Some(path), "choose another folder; keys are never overwritten".to_owned())
        }
        KeysError::TooOpen { path, .. } => (Some(path), format!("chmod 600 {}", path.display())),
        KeysError::NeedsPassphrase(path) => {
            (Some(path), format!("set {PASSPHRASE} or give --passphrase-file FILE"))
        }
        KeysError::WrongPassphrase(path) => {
            (Some(path), "check the passphrase; a changed file fails in the same way".to_owned())
        }
        KeysError::TooMuchWork { path, .. } | KeysError::Scheme { path, .. } => (
            Some(path),
            "do not trust this file, or encrypt the key again: openssl pkcs8 -topk8 -scrypt"
                .to_owned(),
        ),
        KeysError::Signer { .. } => {
            (None, "see that its program runs, and what it says on standard error".to_owned())
        }
        KeysError::Unfinished { folder, role } => (
            Some(folder),
            format!("run `adproof keys rotate --role {role}` again; it goes on where it stopped"),
        ),
        KeysError::NotAKey { path, .. } | KeysError::Public { path, .. } => {
            (Some(path), "restore the file from a backup".to_owned())
        }
        KeysError::LogName(_) => {
            (None, "use a name such as example.com/adproof, without spaces and plus".to_owned())
        }
        KeysError::EmptyPassphrase => {
            (None, "give a passphrase, or say --no-passphrase".to_owned())
        }
        KeysError::Io { path, .. } => (Some(path), "check the path and its rights".to_owned()),
        _ => (None, "try again".to_owned()),
    };
    let mut failure = Failure::new(what).todo(todo);
    if let Some(place) = place {
        failure = failure.at(place.display());
    }
    failure.into()
}

/// Says what to do about a ledger.
#[allow(clippy::needless_pass_by_value, reason = "it goes into `map_err`")]
pub(crate) fn store_failure(error: StoreError) -> anyhow::Error {
    store_failure_of(&error)
}

/// The same for an error that several share.
pub(crate) fn store_failure_of(error: &StoreError) -> anyhow::Error {
    let what = error.to_string();
    let todo = match error {
        StoreError::NoLedger(_) => "give the folder that `adproof decide --ledger` wrote to",
        StoreError::Exists(_) => "choose another folder",
        StoreError::Held(_) => {
            "wait until the other adproof process has ended, or stop it; a copy can be read at \
             any time"
        }
        StoreError::Poisoned => "run the command again",
        StoreError::Io { error, .. } if error.kind() == std::io::ErrorKind::StorageFull => {
            "make room on the disk and run the command again; acknowledged records are safe"
        }
        StoreError::Io { error, .. }
            if matches!(
                error.kind(),
                std::io::ErrorKind::FileTooLarge | std::io::ErrorKind::QuotaExceeded
            ) =>
        {
            "raise the limit (`ulimit -f`, or the quota) and run the command again; acknowledged \
             records are safe"
        }
        StoreError::Io { .. } => "check the path and its rights",
        StoreError::Index(_) => "run `adproof ledger reindex` when no other process uses it",
        StoreError::Damaged { .. } | StoreError::OtherRoot | StoreError::Checkpoint(_) => {
            "run `adproof ledger verify` to see what is wrong, and restore the ledger from a \
             backup; nothing in front of the checkpoint is ever repaired"
        }
        StoreError::OlderThanHead { .. } => {
            "find the newer ledger: to write on here would sign a second history"
        }
        StoreError::SecondPlaceChanged => {
            "find out who else writes with these keys; only one ledger may"
        }
        StoreError::Keys { .. } => "restore log.pub, or give the keys with --key",
        StoreError::OtherKey(_) => "give the keys that this ledger was made with",
        StoreError::Append(AppendError::Sign(_)) | StoreError::Sign(_) => {
            "see that the signer's program runs, and what it says on standard error"
        }
        StoreError::NoRecord { .. } => "`adproof ledger show` lists the records",
        _ => "check the input of this run",
    };
    Failure::new(what).todo(todo).into()
}

/// Says what to do about the keys of persons and days.
#[allow(clippy::needless_pass_by_value, reason = "it goes into `map_err`")]
pub(crate) fn people_failure(error: PeopleError) -> anyhow::Error {
    let todo = match &error {
        PeopleError::NoFolder(_) => {
            "give the folder with the keys that the ledger was written with".to_owned()
        }
        PeopleError::Held(_) => "wait until the other adproof process has ended".to_owned(),
        PeopleError::TooOpen { path, .. } => format!("chmod 600 {}", path.display()),
        PeopleError::NotADay(_) => "write the day as year-month-day".to_owned(),
        _ => "check the path and its rights".to_owned(),
    };
    Failure::new(error.to_string()).todo(todo).into()
}

/// Writes a whole file, or nothing.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let written = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        })
        .and_then(|file| file.persist(path).map_err(|error| error.error));
    written.map(drop).map_err(|error| {
        Failure::new(format!("the file cannot be written: {error}"))
            .at(path.display())
            .todo("check that the folder exists, may be written to and has room")
            .into()
    })
}
