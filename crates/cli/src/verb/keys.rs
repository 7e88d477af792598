//! `adproof keys`: makes and exports the keys of a log.

use std::io::Write as _;
use std::path::PathBuf;

use adproof_edge::keys::{
    KeysError, Limits, LogKeys, MemoryLock, PUBLIC_FILE, Protection, guard_memory, read_public,
};
use adproof_ledger::{PublicKey, TrustedKeys};
use clap::{Args, Subcommand, ValueEnum};

use crate::keyring::{PassphraseArgs, keys_failure, write_file};
use crate::out::{Exit, Failure, Format, Out};

/// Arguments of `adproof keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    verb: KeysVerb,
}

#[derive(Debug, Subcommand)]
enum KeysVerb {
    /// Makes the keys of a new log in a folder: records, checkpoints, evidence.
    New(NewArgs),
    /// Writes the public keys, for those who verify.
    Export(ExportArgs),
}

/// Arguments of `adproof keys new`.
#[derive(Debug, Args)]
#[command(after_help = "\
Private keys are PKCS#8 PEM inside of age, mode 0600. `age -d` and openssl open them.
Keep the folder apart from the ledger: it also holds the last checkpoint that was signed, which
keeps a ledger restored from a backup from signing a second history.

Examples:
  ADPROOF_PASSPHRASE=… adproof keys new keys --log example.com/adproof
  adproof keys new keys --log example.com/adproof --passphrase-file passphrase
  adproof keys new /tmp/try --log localhost/try --no-passphrase")]
struct NewArgs {
    /// The folder, which is made.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The log's name: a URL without scheme that you own, such as example.com/adproof. It need
    /// not be reachable.
    #[arg(long, value_name = "NAME")]
    log: String,

    /// Leaves the private keys readable for everyone who can read the disk.
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Arguments of `adproof keys export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adproof keys export keys > log.pub            # what `ledger verify --key` takes
  adproof keys export keys --form pem           # for openssl
  adproof keys export keys --form openssh")]
struct ExportArgs {
    /// The folder with the keys, or a ledger.
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// The form.
    #[arg(long, value_enum, default_value_t = Form::Vkey)]
    form: Form,

    /// Writes to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How public keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// C2SP vkeys, one a line: what adproof verifies with.
    Vkey,
    /// SubjectPublicKeyInfo in PEM: what openssl reads.
    Pem,
    /// One line of OpenSSH a key.
    Openssh,
}

pub(crate) fn run(args: &KeysArgs, out: &mut Out) -> anyhow::Result<Exit> {
    out.format(&[Format::Table])?;
    match &args.verb {
        KeysVerb::New(args) => new(args, out),
        KeysVerb::Export(args) => export(args, out),
    }
}

fn new(args: &NewArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let protection = if args.no_passphrase {
        Protection::Plain
    } else {
        let passphrase = args.passphrase.read()?.ok_or_else(|| {
            Failure::new("there is no passphrase to protect the private keys with")
                .at(args.folder.display())
                .todo(
                    "set ADPROOF_PASSPHRASE, give --passphrase-file FILE, or say --no-passphrase \
                     to leave them readable",
                )
        })?;
        Protection::Passphrase(passphrase)
    };
    if let MemoryLock::Unavailable(why) = guard_memory() {
        out.note(format_args!(
            "note: the system does not keep keys out of swap ({why}); encrypt the swap"
        ));
    }
    let made = LogKeys::create(&args.folder, &args.log, &protection, &Limits::default());
    let keys = made.map_err(keys_failure)?;
    writeln!(out, "log   {}", keys.log())?;
    writeln!(out, "keys  {}", args.folder.display())?;
    for (role, key) in roles(keys.trusted()) {
        writeln!(out, "      {role:<10}  {}", key.id())?;
    }
    writeln!(out)?;
    writeln!(out, "Give {} to those who verify.", args.folder.join(PUBLIC_FILE).display())?;
    if args.no_passphrase {
        out.note("note: the private keys are not encrypted");
    }
    Ok(Exit::Clean)
}

fn export(args: &ExportArgs, out: &mut Out) -> anyhow::Result<Exit> {
    let path = args.folder.join(PUBLIC_FILE);
    let trusted = read_public(&path, &Limits::default()).map_err(|error| match error {
        KeysError::NoFile(path) => Failure::new("there are no public keys")
            .at(path.display())
            .todo("give a folder that `adproof keys new` made, or a ledger")
            .into(),
        error => keys_failure(error),
    })?;
    let text = match args.form {
        Form::Vkey => trusted.to_text(),
        Form::Pem => roles(&trusted)
            .flat_map(|(role, key)| [format!("# {role} {}\n", key.id()), key.to_spki_pem()])
            .collect(),
        Form::Openssh => roles(&trusted)
            .map(|(role, key)| key.to_openssh(&format!("{}/{role}", trusted.log())) + "\n")
            .collect(),
    };
    match &args.output {
        Some(path) => write_file(path, text.as_bytes())?,
        None => out.write_all(text.as_bytes())?,
    }
    Ok(Exit::Clean)
}

fn roles(trusted: &TrustedKeys) -> impl Iterator<Item = (&'static str, &PublicKey)> {
    let checkpoint = trusted.checkpoint_keys().iter().map(|key| ("checkpoint", key.key()));
    let record = trusted.record_keys().iter().map(|key| ("record", key));
    let root = trusted.root_keys().iter().map(|key| ("root", key));
    checkpoint.chain(record).chain(root)
}
